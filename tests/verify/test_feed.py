"""Books rebuilt from recorded feeds against the tickers and checksums among their messages."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest

from tickdeck.core import UsageError
from tickdeck.tape import ReadOptions
from tickdeck.verify import Comparison, Run, plan

START = 1_721_347_020_000_000_000
SYMBOL = "BTCUSDT"


@dataclass
class Recording:
    """Lines of a made-up Binance market; a ticker follows each update that changes the best bid or ask.

    Parameters
    ----------
    diffs, tickers : list of (int, bytes)
        Last update and message.
    """

    snapshot: bytes
    diffs: list[tuple[int, bytes]] = field(default_factory=list)
    tickers: list[tuple[int, bytes]] = field(default_factory=list)

    def lines(self) -> list[bytes]:
        """All messages in the order of their updates, a ticker before the diff that holds its update."""
        ordered = sorted([(update, 0, message) for update, message in self.tickers] + [(u, 1, m) for u, m in self.diffs])
        return [self.snapshot, *(message for _, _, message in ordered)]


def pair(price: int, size: int) -> list[str]:
    return [f"{price / 100:.2f}", f"{size}.5" if size else "0"]


def ticker_message(update: int, sides: list[dict[int, int]]) -> bytes:
    bid, ask = max(sides[0]), min(sides[1])
    (b, bids), (a, asks) = pair(bid, sides[0][bid]), pair(ask, sides[1][ask])
    return msgspec.json.encode({"u": update, "s": SYMBOL, "b": b, "B": bids, "a": a, "A": asks})


def make_recording(seed: int, updates: int) -> Recording:
    rng = random.Random(seed)
    sides: list[dict[int, int]] = [{10_000 - i: 5 for i in range(8)}, {10_001 + i: 5 for i in range(8)}]
    first = {"bids": [pair(*level) for level in sides[0].items()], "asks": [pair(*level) for level in sides[1].items()]}
    made = Recording(msgspec.json.encode({"lastUpdateId": 100, **first}))
    made.tickers.append((100, ticker_message(100, sides)))
    changed: list[dict[int, int]] = [{}, {}]
    begun = 101
    for update in range(101, 101 + updates):
        before = made.tickers[-1][1]
        side = rng.randint(0, 1)
        price = rng.choice(sorted(sides[side], reverse=side == 0)[:4]) + rng.randint(-1, 1)
        limit = min(sides[1]) - 1 if side == 0 else max(sides[0]) + 1
        price = min(price, limit) if side == 0 else max(price, limit)
        size = 0 if len(sides[side]) > 6 and rng.random() < 0.5 else rng.randint(1, 9)
        changed[side][price] = size
        if size:
            sides[side][price] = size
        else:
            sides[side].pop(price, None)
        now = ticker_message(update, sides)
        if msgspec.json.decode(now) | {"u": 0} != msgspec.json.decode(before) | {"u": 0}:
            made.tickers.append((update, now))
        if rng.random() < 0.4:
            levels = {name: [pair(*level) for level in changed[place].items()] for place, name in enumerate("ba")}
            data = {"e": "depthUpdate", "E": START // 10**6 + update, "s": SYMBOL, "U": begun, "u": update, **levels}
            made.diffs.append((update, msgspec.json.encode({"stream": "btcusdt@depth", "data": data})))
            begun, changed = update + 1, [{}, {}]
    return made


def save(path: Path, messages: list[bytes], first: int = 0) -> str:
    path.write_bytes(b"".join(b"%d %s\n" % (START + first + row, message) for row, message in enumerate(messages)))
    return str(path)


def verify(*paths: str, against: str | None = None, **options: Any) -> tuple[Run, list[Comparison]]:
    (run,) = plan(paths, against, options=ReadOptions(**options), show=3)
    with run.reader:
        return run, run.work(run.reader)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("chunk", [1, 10, 65_536])
def test_best_bid_and_ask_equal_the_last_ticker_after_every_diff(seed: int, chunk: int, tmp_path: Path) -> None:
    made = make_recording(seed, 1_000)
    run, (found,) = verify(save(tmp_path / "lines", made.lines()), chunk=chunk)
    assert (found.compared, found.exact, found.wrong) == (len(made.diffs), len(made.diffs), 0)
    assert found.facts == {"tickers": len(made.tickers), "diffs_before_first_ticker": 0}
    assert not run.notes


def test_tickers_that_arrive_after_their_diff_count_as_well(tmp_path: Path) -> None:
    made = make_recording(3, 500)
    ordered = sorted([(u + 20, 0, m) for u, m in made.tickers] + [(u, 1, m) for u, m in made.diffs])
    _, (found,) = verify(save(tmp_path / "lines", [made.snapshot, *(message for _, _, message in ordered)]))
    assert (found.exact, found.wrong) == (len(made.diffs), 0)


def test_a_wrong_ticker_is_found_at_each_diff_that_it_speaks_for(tmp_path: Path) -> None:
    made = make_recording(4, 600)
    spans = [
        (place, [last for last, _ in made.diffs if update <= last < after])
        for place, (update, after) in enumerate(pairwise([update for update, _ in made.tickers]))
    ]
    place, speaks = next((place, span) for place, span in spans[10:] if span)
    update, message = made.tickers[place]
    changed = msgspec.json.decode(message)
    size = changed["A"]
    changed["A"] = "77"
    made.tickers[place] = (update, msgspec.json.encode(changed))
    _, (found,) = verify(save(tmp_path / "lines", made.lines()))
    assert found.wrong == len(speaks) > 0
    lines = found.mismatches[0].lines()
    assert lines[0].startswith(f"BTCUSDT, diff up to update {speaks[0]} at 2024-07-18T")
    (marked,) = [line for line in lines if line.endswith("<- differs")]
    assert marked.split()[:3] == ["ask", "1", "77"]
    assert size in marked


def test_a_lost_diff_is_found_and_the_book_is_called_incomplete(tmp_path: Path) -> None:
    made = make_recording(5, 600)
    wrong = 0
    for gone in range(50, 60):
        lost = Recording(made.snapshot, [*made.diffs[:gone], *made.diffs[gone + 1 :]], made.tickers)
        run, (found,) = verify(save(tmp_path / "lines", lost.lines()))
        assert run.reader.report.counts["sequence_gap"] == 1
        assert "BTCUSDT: a snapshot or update is missing" in run.notes[0]
        wrong += found.wrong > 0
    assert wrong > 0


def test_diffs_before_the_first_ticker_are_not_compared(tmp_path: Path) -> None:
    made = make_recording(6, 300)
    made.tickers = made.tickers[20:]
    early = sum(update < made.tickers[0][0] for update, _ in made.diffs)
    _, (found,) = verify(save(tmp_path / "lines", made.lines()))
    assert found.facts["diffs_before_first_ticker"] == early > 0
    assert (found.compared, found.wrong) == (len(made.diffs) - early, 0)


def test_the_tickers_may_stand_in_another_file(tmp_path: Path) -> None:
    made = make_recording(7, 400)
    diffs = save(tmp_path / "diffs", [made.snapshot, *(message for _, message in made.diffs)])
    tickers = save(tmp_path / "tickers", [message for _, message in made.tickers])
    assert verify(diffs)[1] == []
    _, (found,) = verify(diffs, against=tickers)
    assert (found.exact, found.truth) == (len(made.diffs), tickers)
    other = make_recording(8, 400)
    tickers = save(tmp_path / "others", [message for _, message in other.tickers])
    _, (found,) = verify(diffs, against=tickers)
    assert found.wrong > 100


def test_a_chain_is_one_recording_in_the_order_of_time(tmp_path: Path) -> None:
    lines = make_recording(9, 400).lines()
    whole = verify(save(tmp_path / "whole", lines))[1]
    parts = [save(tmp_path / "a", lines[:200]), save(tmp_path / "b", lines[200:], 200)]
    (found,) = verify(*parts)[1]
    assert (found.compared, found.exact) == (whole[0].compared, whole[0].exact)
    assert found.source == ", ".join(parts)
    with pytest.raises(UsageError, match="order of time"):
        verify(*reversed(parts))


# Checksums


def okx_text(bids: list[list[str]], asks: list[list[str]]) -> int:
    text = ":".join(f"{level[0]}:{level[1]}" for two in zip_longest(bids[:25], asks[:25]) for level in two if level)
    found = crc32(text.encode())
    return found - 2**32 if found >= 2**31 else found


def okx_capture(path: Path, wrong: int = -1, count: int = 40) -> str:
    """A book of 30 levels a side, changed once a message; checksum number `wrong` is not what it should be."""
    rng = random.Random(1)
    sides: list[dict[int, int]] = [{3_000 - i: 5 for i in range(30)}, {3_001 + i: 5 for i in range(30)}]

    def levels(place: int) -> list[list[str]]:
        return [[str(price), str(sides[place][price]), "0", "1"] for price in sorted(sides[place], reverse=place == 0)]

    header = {"t": "header", "format": 2, "exchange": "OKX", "config": {}, "recorded": 1_633_998_511.5}
    records: list[Any] = [header, {"t": "connect", "conn": "w", "ts": 1_633_998_512, "addr": "wss://ws.okx.com"}]
    for number in range(count):
        changes: list[list[list[str]]] = [levels(0), levels(1)] if number == 0 else [[], []]
        if number:
            place, size = rng.randint(0, 1), rng.randint(1, 99)
            price = rng.choice(list(sides[place]))
            sides[place][price] = size
            changes[place] = [[str(price), str(size), "0", "1"]]
        checksum = okx_text(levels(0), levels(1)) + (number == wrong)
        book = {"asks": changes[1], "bids": changes[0], "ts": "1633998513000", "checksum": checksum}
        action = "update" if number else "snapshot"
        message = {"arg": {"channel": "books", "instId": "ETH-USDT"}, "action": action, "data": [book]}
        records.append({"t": "recv", "conn": "w", "ts": 1_633_998_513 + number, "data": msgspec.json.encode(message).decode()})
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    return str(path)


@pytest.mark.parametrize("chunk", [1, 7, 65_536])
def test_every_checksum_is_compared(chunk: int, tmp_path: Path) -> None:
    _, (found,) = verify(okx_capture(tmp_path / "okx.jsonl"), chunk=chunk)
    assert (found.compared, found.exact, found.wrong, found.unit) == (40, 40, 0, "checksums")


@pytest.mark.parametrize("wrong", [0, 17, 39])
def test_a_wrong_checksum_is_told_with_the_book(wrong: int, tmp_path: Path) -> None:
    _, (found,) = verify(okx_capture(tmp_path / "okx.jsonl", wrong))
    assert (found.compared, found.wrong) == (40, 1)
    (mismatch,) = found.mismatches
    assert mismatch.place == f"checksum {wrong + 1}"
    assert int(str(mismatch.expected)) - int(str(mismatch.got)) == 1
    assert mismatch.symbol == "ETH-USDT"
    assert any(line.startswith("  bid 1") and "@ 3000" in line for line in mismatch.lines())
