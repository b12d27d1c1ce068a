"""Compiled and tolerant parsing cannot be told apart: on every recorded frame, and on damaged, reordered and reformatted ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from binance_frames import RECV, depth_url, diff, frames_of_capture, frames_of_lines, rest, snapshot, wrapped, ws
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.core import Instrument, Records
from tickdeck.soak.mutation import damaged_text
from tickdeck.venues.binance import BinanceFuturesParser, BinanceParser
from tickdeck.venues.parser import Frame

LEVELS = [("100.50", "1.25000000"), ("100.40", "0.000")]


class Counting(BinanceParser):
    """Counts the frames that compiled code handed over."""

    tolerant = 0

    def parse_tolerant(self, frame: Frame) -> Records:
        self.tolerant += 1
        return super().parse_tolerant(frame)


class CountingFutures(Counting, BinanceFuturesParser):
    pass


def both(futures: bool, instruments: tuple[Instrument, ...] = ()) -> tuple[Counting, BinanceParser]:
    if futures:
        return CountingFutures(instruments), BinanceFuturesParser(instruments)
    return Counting(instruments), BinanceParser(instruments)


def check(one: BinanceParser, other: BinanceParser, frame: Frame) -> int:
    """Parse both ways and compare everything that can be seen; number of events."""
    events, expected = one.parse(frame), other.parse_tolerant(frame)
    assert events.dtype == expected.dtype
    assert events.tobytes() == expected.tobytes(), (frame, events, expected)
    assert (one.report.messages, one.report.anomalies) == (other.report.messages, other.report.anomalies), frame
    assert one.instruments == other.instruments
    assert [one.stale(number) for number in one.instruments] == [other.stale(number) for number in other.instruments]
    return len(events)


@pytest.mark.parametrize(
    ("names", "futures"),
    [
        (("crypto/spot_btcusdt_20240808.gz",), False),
        (("crypto/usdm_btcusdt_20240718.gz",), True),
        (("crypto/usdm_btcusdt_20240719.gz",), True),
        (("crypto/BINANCE.jsonl.zst",), False),
        (("crypto/BINANCE_FUTURES.jsonl.zst",), True),
    ],
)
def test_recorded_frames_give_the_same_either_way(names: tuple[str, ...], futures: bool, data: Callable[[str], Path]) -> None:
    one, other = both(futures)
    count = total = 0
    for name in names:
        path = data(name)
        for frame in (frames_of_capture if ".jsonl" in name else frames_of_lines)(path):
            total += 1
            count += check(one, other, frame)
    assert count
    if "20240719" not in names[0]:
        # Nearly all frames must take the compiled path, or the comparison says nothing.
        assert one.tolerant < 0.25 * total
        assert not one.report.anomalies


def messages(futures: bool) -> list[bytes]:
    """One frame of each kind that follows a snapshot at 10."""
    pu = 10 if futures else None
    names = {"T": 1_721_347_022_500} if futures else {}
    ticker: dict[str, Any] = {"u": 12, "s": "BTCUSDT", "b": "10.5", "B": "1.00", "a": "10.6", "A": "0"}
    if futures:
        ticker = {"e": "bookTicker", **ticker, "T": 1_721_347_022_500, "E": 1_721_347_022_504}
    trade = {"e": "trade", "E": 1_721_347_022_504, **names, "s": "BTCUSDT", "t": 7, "p": "10.50", "q": "0.125"}
    trade |= {"X": "MARKET", "m": True} if futures else {"T": 1_721_347_022_500, "m": True, "M": True}
    total = {"e": "aggTrade", "E": 1_721_347_022_504, "a": 8, "s": "BTCUSDT", "p": "10.50", "q": "3", "f": 1, "l": 2}
    total |= {"T": 1_721_347_022_500, "m": False} | ({} if futures else {"M": True})
    return [
        diff(11, 11, LEVELS, LEVELS[:1], previous=pu),
        diff(11, 11, [], LEVELS, previous=pu),
        diff(11, 11, previous=pu),
        wrapped("btcusdt@bookTicker", ticker),
        wrapped("btcusdt@trade", trade),
        msgspec.json.encode(total),
    ]


def in_step(futures: bool, instruments: tuple[Instrument, ...] = ()) -> tuple[Counting, BinanceParser]:
    """Two parsers whose book stands at update 10."""
    one, other = both(futures, instruments)
    check(one, other, rest(snapshot(9, LEVELS), depth_url(futures=futures)))
    check(one, other, ws(diff(9, 10, LEVELS, previous=8 if futures else None)))
    return one, other


@pytest.mark.parametrize("futures", [False, True])
@pytest.mark.parametrize("kind", range(6))
def test_plain_frames_take_the_compiled_path(futures: bool, kind: int) -> None:
    one, other = in_step(futures)
    before = one.tolerant
    check(one, other, ws(messages(futures)[kind]))
    assert one.tolerant == before


@pytest.mark.parametrize("futures", [False, True])
@settings(max_examples=250, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_damaged_frames_give_the_same_either_way(futures: bool, seed: int) -> None:
    draw = random.Random(seed)
    one, other = in_step(futures, (Instrument("BTCUSDT", size_decimals=draw.choice((8, 8, 3, 0, 12)), tick_size="0.1"),))
    frames = messages(futures)
    for _ in range(6):
        payload = draw.choice(frames)
        check(one, other, ws(damaged_text(payload, draw) if draw.random() < 0.8 else payload, draw.choice((RECV, 0, 1))))


ODD = [
    "0",
    "-0",
    "00.10",
    "1e3",
    "1.5E-3",
    "1e0003",
    "1.25e000000",
    "1e-9",
    "1e-10",
    "1e10",
    "0e9999",
    "0." + "0" * 97,
    "0." + "0" * 98,
]
ODD += [
    "9223372036.854775806",
    "9223372036.854775807",
    "92233720368.54775806",
    "0.1234567891",
    "1.",
    ".5",
    "+1",
    " 1",
    "1 ",
    "1_0",
    "",
    "-",
]
ODD += ["NaN", "Infinity", "0x10", "1,5", "1e", "1e+", "1e+05", "--1", "1.2.3", "१", "1" * 100, "-1.5", "1\\u0030", "5e-324"]


@pytest.mark.parametrize("futures", [False, True])
@pytest.mark.parametrize("text", ODD)
def test_odd_amounts_give_the_same_either_way(text: str, futures: bool) -> None:
    for payload in messages(futures):
        for amount in (b'"100.50"', b'"1.25000000"', b'"0.000"', b'"10.50"', b'"0.125"', b'"10.5"', b'"1.00"', b'"10.6"', b'"3"'):
            if amount in payload:
                for decimals in (8, 3, 12):
                    parsers = in_step(futures, (Instrument("BTCUSDT", size_decimals=decimals),))
                    check(*parsers, ws(payload.replace(amount, b'"' + text.encode() + b'"', 1)))


def shuffled(value: Any, draw: random.Random) -> Any:
    """The same JSON value with the keys of its objects in another order."""
    if isinstance(value, dict):
        keys = list(value)
        draw.shuffle(keys)
        return {key: shuffled(value[key], draw) for key in keys}
    return value


@pytest.mark.parametrize("futures", [False, True])
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_keys_in_any_order_white_space_and_unknown_keys_give_the_same(futures: bool, seed: int) -> None:
    draw = random.Random(seed)
    for payload in messages(futures):
        value = shuffled(msgspec.json.decode(payload), draw)
        if draw.random() < 0.3:
            (value.get("data") or value)["zz"] = draw.choice((1, "x", None, [1], {"b": []}))
        changed = msgspec.json.encode(value)
        if draw.random() < 0.3:
            changed = msgspec.json.format(changed, indent=draw.choice((0, 2)))
        expected = in_step(futures)[1].parse_tolerant(ws(payload))
        one, other = in_step(futures)
        assert check(one, other, ws(changed)) == len(expected)
        assert in_step(futures)[0].parse(ws(changed)).tobytes() == expected.tobytes()


@pytest.mark.parametrize("futures", [False, True])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_streams_with_lost_repeated_and_late_frames_give_the_same_either_way(futures: bool, seed: int) -> None:
    draw = random.Random(seed)
    one, other = both(futures)
    update = 0
    stream: list[Frame] = []
    for _ in range(60):
        first, previous = update + 1, update
        update += draw.randrange(1, 4)
        levels = [(f"{draw.randrange(1, 9)}.5", draw.choice(("0.000", "1.5", "2")))][: draw.randrange(2)]
        stream.append(ws(diff(first, update, levels, levels, previous=previous if futures else None)))
        if draw.random() < 0.08:
            last = max(0, update + draw.randrange(-12, 3))
            stream.append(rest(snapshot(last, LEVELS), depth_url(futures=futures)))
        if draw.random() < 0.1:
            stream.pop()
        if draw.random() < 0.1 and stream:
            stream.append(draw.choice(stream[-4:]))
    for number, frame in enumerate(stream):
        check(one, other, Frame(frame.payload, RECV + number, frame.http, frame.url))
    assert one.flush(RECV).tobytes() == other.flush(RECV).tobytes()


def test_lines_in_bulk_equal_frames_one_by_one(data: Callable[[str], Path]) -> None:
    from tickdeck.tape import read

    path = data("crypto/usdm_btcusdt_20240718.gz")
    parser = BinanceFuturesParser()
    expected = np.concatenate([parser.parse_tolerant(frame) for frame in frames_of_lines(path)])
    reader = read(path)
    assert np.concatenate(list(reader)).tobytes() == expected.tobytes()
    assert reader.report.notes["messages"] == parser.report.messages
