"""Arrays of events, and damage, for the tests of formats at rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from tickdeck.core import EVENT, Instrument, Records, TickdeckError
from tickdeck.tape import read, write

AAPL = Instrument(
    "AAPL",
    tick_size="0.01",
    venue="XNAS",
    instrument_id=1,
    publisher_id=2,
    price_decimals=2,
    extra={"locate": 13, "note": "a\nb ü"},
)
BTC = Instrument(
    "BTC/USDT", tick_size="0.1", size_decimals=8, venue="BINANCE", instrument_id=7, lot_size="0.001", currency="USDT"
)
BOTH = {1: AAPL, 7: BTC}


@st.composite
def any_events(draw: st.DrawFn, most: int = 30) -> Records:
    """Any bit patterns at all, save that the reserved byte is 0."""
    count = draw(st.integers(0, most))
    events = np.frombuffer(draw(st.binary(min_size=64 * count, max_size=64 * count)), EVENT).copy()
    events["reserved"] = 0
    return events


def session(count: int, seed: int = 1, start: int = 1_700_000_000_000_000_000) -> Records:
    """A tape of realistic shape: rising receive times, single-record groups."""
    rng = np.random.default_rng(seed)
    events = np.zeros(count, EVENT)
    events["ts_recv"] = start + np.cumsum(rng.integers(0, 1_000_000, count))
    events["ts_event"] = events["ts_recv"] - rng.integers(1_000, 90_000, count)
    events["order_id"] = rng.integers(1, 2**63, count, dtype=np.uint64)
    events["price"] = (100_000 + rng.integers(-50, 50, count)) * 10_000_000
    events["size"] = rng.integers(1, 500, count)
    events["sequence"] = np.arange(count)
    events["instrument_id"] = 1
    events["publisher_id"] = 2
    events["action"] = rng.choice(np.frombuffer(b"ACMTF", "u1"), count)
    events["side"] = rng.choice(np.frombuffer(b"BAN", "u1"), count)
    events["flags"] = 128
    return events


def assert_round_trip(path: Path, events: Records, chunk: int = 7) -> None:
    """Written and read back, `events` are the same bytes and the instruments the same instruments."""
    assert write(path, [events[: len(events) // 3], events[len(events) // 3 :]], BOTH) == len(events)
    with read(path, chunk=chunk) as reader:
        chunks = list(reader)
        assert b"".join(part.tobytes() for part in chunks) == events.tobytes()
        assert all(part.dtype == EVENT and 0 < len(part) <= chunk for part in chunks)
        assert reader.instruments == BOTH
        assert reader.instruments[1].extra == AAPL.extra
    assert [item.name for item in path.parent.iterdir() if item.name.endswith(".partial")] == []


def assert_mutations_are_refused(
    path: Path, rounds: int, change: Callable[[bytearray, np.random.Generator], None] | None = None
) -> None:
    """Damaged copies of a file are read, or refused by an error of ours in one line: nothing else is raised."""
    original = path.read_bytes()
    rng = np.random.default_rng(20)
    refused = 0
    for _ in range(rounds):
        data = bytearray(original)
        kind = rng.integers(0, 4)
        if change is not None:
            change(data, rng)
        elif kind == 0:
            del data[rng.integers(0, len(data)) :]
        elif kind == 1:
            at = rng.integers(0, len(data))
            data[at : at + rng.integers(1, 40)] = b""
        else:
            for at in rng.integers(0, len(data), rng.integers(1, 6)):
                data[at] = rng.integers(0, 256)
        damaged = path.with_name("damaged" + path.suffix)
        damaged.write_bytes(data)
        try:
            with read(damaged, format=_NAMES[path.suffix]) as reader:
                for chunk in reader:
                    assert chunk.dtype == EVENT
        except TickdeckError as error:
            refused += 1
            assert "\n" not in str(error)
            assert "damaged" + path.suffix in str(error)
    assert refused > rounds // 10


_NAMES = {".npy": "npy", ".parquet": "parquet", ".arrow": "arrow", ".arrows": "arrow"}
