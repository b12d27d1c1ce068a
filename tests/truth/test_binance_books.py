"""Books rebuilt from recorded Binance diffs show, after each of them, what the venue's own bookTicker says."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tickdeck.core import Flag, Side, fixed
from tickdeck.tape import ReadOptions
from tickdeck.tape.chain import read_chain
from tickdeck.tape.ticker_truth import TickerTruth

CHAINS = {
    "spot": (("crypto/spot_btcusdt_20240808.gz",), 3_449),
    "usdm": (("crypto/usdm_btcusdt_20240718.gz", "crypto/usdm_btcusdt_20240719.gz"), 9_017),
}

Top = tuple[int, int, int, int]


class DictBook:
    """An L2 book of two dictionaries; the best prices are looked up anew only when they went away."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {Side.BID: {}, Side.ASK: {}}
        self.best: dict[int, int | None] = {Side.BID: None, Side.ASK: None}

    def clear(self) -> None:
        for side in self.sides:
            self.sides[side].clear()
            self.best[side] = None

    def set(self, side: int, price: int, size: int) -> None:
        levels, pick = self.sides[side], max if side == Side.BID else min
        best = self.best[side]
        if size:
            levels[price] = size
            self.best[side] = price if best is None else pick(best, price)
        else:
            levels.pop(price, None)
            if price == best:
                self.best[side] = pick(levels, default=None)

    def top(self) -> Top:
        bid, ask = self.best[Side.BID], self.best[Side.ASK]
        assert bid is not None and ask is not None
        return bid, self.sides[Side.BID][bid], ask, self.sides[Side.ASK][ask]


def tops_after_diffs(chunks: list[np.ndarray]) -> list[tuple[int, Top]]:
    """Update id and best prices and sizes of a plain book after each depth group that is no snapshot."""
    book, out = DictBook(), []
    for chunk in chunks:
        depth = chunk[(chunk["flags"] & Flag.MBP != 0) | (chunk["action"] == ord("R"))]
        columns = (depth[name].tolist() for name in ("action", "side", "price", "size", "flags", "sequence"))
        for action, side, price, size, flags, sequence in zip(*columns):
            if action == ord("R"):
                book.clear()
                continue
            assert (action == ord("C")) == (size == 0)
            book.set(side, price, size)
            if flags & Flag.LAST and not flags & Flag.SNAPSHOT:
                out.append((sequence, book.top()))
    return out


def tickers_of_text(paths: list[Path]) -> list[tuple[int, Top]]:
    """Update id and best prices and sizes of every bookTicker line, read by other means than the code under test."""
    out = []
    for path in paths:
        for line in gzip.decompress(path.read_bytes()).splitlines():
            if b"@bookTicker" in line[:60]:
                data = msgspec.json.decode(line.partition(b" ")[2])["data"]
                bid, ask = (fixed(data["b"], 9), fixed(data["B"], 8)), (fixed(data["a"], 9), fixed(data["A"], 8))
                out.append((data["u"], (*bid, *ask)))
    return sorted(out)


@pytest.mark.parametrize("chain", CHAINS)
def test_best_bid_and_ask_equal_the_last_ticker_after_every_diff(chain: str, data: Callable[[str], Path]) -> None:
    names, expected = CHAINS[chain]
    paths = [data(name) for name in names]
    reader = read_chain(paths, ReadOptions())
    chunks = list(reader)
    assert not reader.report.counts
    tops = tops_after_diffs(chunks)
    assert len(tops) == expected
    tickers = tickers_of_text(paths)
    ids = np.array([update for update, _ in tickers])
    place = np.searchsorted(ids, [update for update, _ in tops], side="right") - 1
    assert place.min() >= 0
    wrong = [(update, top, tickers[at][1]) for (update, top), at in zip(tops, place) if top != tickers[at][1]]
    assert not wrong, f"{len(wrong)} of {expected}, first {wrong[0]}"

    truth = TickerTruth()
    for chunk in chunks:
        truth.collect(chunk)
    known, best = truth.at(1, np.array([update for update, _ in tops], np.uint64))
    assert known.all()
    assert best.tolist() == [(bid, ask, bid_size, ask_size) for _, (bid, bid_size, ask, ask_size) in tops]


def test_a_missing_diff_is_one_counted_gap_and_the_next_record_says_so(data: Callable[[str], Path], tmp_path: Path) -> None:
    lines = gzip.decompress(data("crypto/usdm_btcusdt_20240718.gz").read_bytes()).splitlines(keepends=True)
    diffs = [row for row, line in enumerate(lines) if b"depthUpdate" in line[:80]]
    gone = diffs[len(diffs) // 2]
    path = tmp_path / "gap.gz"
    with gzip.open(path, "wb") as stream:
        stream.writelines(lines[:gone] + lines[gone + 1 :])
    reader = read_chain([path])
    events = np.concatenate(list(reader))
    assert reader.report.counts == {"sequence_gap": 1}
    bad = events[events["flags"] & Flag.MAYBE_BAD_BOOK != 0]
    assert len(bad) == 1
    following = msgspec.json.decode(lines[diffs[diffs.index(gone) + 1]].partition(b" ")[2])["data"]
    assert bad["sequence"][0] == following["u"]
    whole = tops_after_diffs(list(read_chain([data("crypto/usdm_btcusdt_20240718.gz")])))
    cut = tops_after_diffs([events])
    before = next(row for row, (update, _) in enumerate(whole) if update == following["pu"])
    assert len(cut) == len(whole) - 1
    assert cut[:before] == whole[:before]


def test_the_second_file_of_a_chain_alone_is_read_as_a_book_that_may_be_bad(data: Callable[[str], Path]) -> None:
    reader = read_chain([data("crypto/usdm_btcusdt_20240719.gz")])
    events = np.concatenate(list(reader))
    assert reader.report.counts == {"update_before_snapshot": 1}
    assert (events["flags"] & Flag.MAYBE_BAD_BOOK != 0).sum() == 1
    last = events[(events["flags"] & Flag.LAST != 0) & (events["flags"] & Flag.MBP != 0)]
    assert len(last) == 5_696
