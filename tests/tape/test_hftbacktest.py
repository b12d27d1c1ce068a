"""hftbacktest's npz files: each kind of event, both orders of rows, exact prices, clears of one side."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tickdeck as td
from tickdeck.core import UNDEF_PRICE, FormatError, TickdeckError, UsageError, empty_events
from tickdeck.tape.floats import decimal_units, tick_units
from tickdeck.tape.hftbacktest import BUY, EXCHANGE, HFT_EVENT, LOCAL, SELL, HftBacktestReader
from tickdeck.tape.source import Source

BOTH = EXCHANGE | LOCAL
T0 = 1_703_545_200_000_000_000
LAST, TOB, SNAPSHOT, MBP = 128, 64, 32, 16


def rows(*events: tuple[int, int, float, float], order_id: int = 7, flags: int = BOTH) -> np.ndarray:
    """(kind and side, ns after T0 at the venue, price, quantity); received 100 ns later."""
    made = [(kind | flags, T0 + at, T0 + at + 100, price, qty, order_id, 0, 0.0) for kind, at, price, qty in events]
    return np.array(made, HFT_EVENT)


def read(tmp_path: Path, data: np.ndarray, **options: Any) -> tuple[np.ndarray, HftBacktestReader]:
    path = tmp_path / "btcusdt_20240808.npz"
    np.savez_compressed(path, data=data)
    reader = td.read(path, **options)
    assert isinstance(reader, HftBacktestReader)
    return np.concatenate([empty_events(), *reader]), reader


def brief(events: np.ndarray) -> list[tuple[Any, ...]]:
    return [
        (chr(e["action"]), chr(e["side"]), int(e["price"]), int(e["size"]), int(e["flags"]), int(e["order_id"])) for e in events
    ]


def test_each_kind_becomes_its_event(tmp_path: Path) -> None:
    data = rows(
        (1 | BUY, 0, 100.5, 3),
        (1 | SELL, 1, 100.75, 0),
        (2 | SELL, 2, 100.5, 2),
        (2, 3, 100.5, 2),
        (4 | BUY, 4, 99.5, 2),
        (5 | SELL, 5, 100.75, 9),
        (10 | BUY, 6, 100.25, 5),
        (11 | BUY, 7, 100.25, 2),
        (11 | BUY, 8, float("nan"), 0),
        (12 | BUY, 9, 100.0, 5),
        (13 | BUY, 10, 100.0, 1),
        (3, 11, 0, 0),
    )
    events, reader = read(tmp_path, data)
    unit = 10**9
    assert brief(events) == [
        ("A", "B", 100 * unit + unit // 2, 3, MBP | LAST, 0),
        ("A", "A", 100 * unit + 3 * unit // 4, 0, MBP | LAST, 0),
        ("T", "A", 100 * unit + unit // 2, 2, LAST, 0),
        ("T", "N", 100 * unit + unit // 2, 2, LAST, 0),
        ("A", "B", 99 * unit + unit // 2, 2, MBP | SNAPSHOT | LAST, 0),
        ("A", "A", 100 * unit + 3 * unit // 4, 9, TOB | LAST, 0),
        ("A", "B", 100 * unit + unit // 4, 5, LAST, 7),
        ("C", "B", 100 * unit + unit // 4, 2, LAST, 7),
        ("M", "B", UNDEF_PRICE, 0, LAST, 7),
        ("M", "B", 100 * unit, 5, LAST, 7),
        ("F", "B", 100 * unit, 1, LAST, 7),
        ("R", "N", UNDEF_PRICE, 0, SNAPSHOT | LAST, 0),
    ]
    assert events["ts_event"].tolist() == [T0 + at for at in range(12)]
    assert (events["ts_recv"] - events["ts_event"] == 100).all()
    assert events["publisher_id"].tolist() == [60_033 if at == 5 else 60_032 for at in range(12)]
    assert events["sequence"].tolist() == list(range(1, 13))
    assert reader.instruments[1].symbol == "BTCUSDT_20240808" and reader.instruments[1].size_decimals == 0


def test_rows_of_one_message_are_one_group_across_chunks(tmp_path: Path) -> None:
    times = [0, 0, 1, 1, 1, 2, 3, 3]
    data = rows(*((1 | BUY, at, 100.0 + place, 1) for place, at in enumerate(times)))
    for chunk in (1, 2, 3, 100):
        events, _ = read(tmp_path, data, chunk=chunk)
        assert [bool(flag & LAST) for flag in events["flags"]] == [False, True, False, False, True, True, False, True]


def test_an_event_that_stands_twice_is_read_once(tmp_path: Path) -> None:
    venue = rows((1 | BUY, 0, 1.0, 1), (1 | BUY, 5, 2.0, 1), flags=EXCHANGE)
    received = rows((1 | BUY, 5, 2.0, 1), (1 | BUY, 0, 1.0, 1), flags=LOCAL)
    data = np.concatenate([venue, received, rows((1 | BUY, 9, 3.0, 1))])
    events, reader = read(tmp_path, data)
    assert events["price"].tolist() == [2 * 10**9, 10**9, 3 * 10**9]
    assert reader.report.notes["rows_of_the_other_order"] == 2
    events, _ = read(tmp_path, data, schema="exchange")
    assert events["price"].tolist() == [10**9, 2 * 10**9, 3 * 10**9]
    events, reader = read(tmp_path, venue)
    assert len(events) == 2 and reader.schema == "exchange"
    with pytest.raises(UsageError, match="neither local nor exchange"):
        read(tmp_path, data, schema="both")


def test_a_clear_of_one_side_empties_the_levels_it_reaches(tmp_path: Path) -> None:
    nan = float("nan")
    data = rows(
        (4 | BUY, 0, 10.0, 1),
        (4 | BUY, 0, 9.0, 1),
        (4 | BUY, 0, 8.0, 1),
        (4 | SELL, 0, 11.0, 1),
        (4 | SELL, 0, 12.0, 1),
        (1 | BUY, 1, 9.0, 0),
        (3 | BUY, 2, 9.5, 0),
        (3 | SELL, 3, 11.5, 0),
        (4 | SELL, 3, 11.25, 2),
        (3 | SELL, 4, nan, 0),
        (3 | SELL, 5, nan, 0),
    )
    for chunk in (1, 4, 100):
        events, reader = read(tmp_path, data, chunk=chunk)
        unit = 10**9
        assert brief(events[6:]) == [
            ("A", "B", 10 * unit, 0, MBP | SNAPSHOT | LAST, 0),
            ("A", "A", 11 * unit, 0, MBP | SNAPSHOT, 0),
            ("A", "A", 11 * unit + unit // 4, 2, MBP | SNAPSHOT | LAST, 0),
            ("A", "A", 11 * unit + unit // 4, 0, MBP | SNAPSHOT, 0),
            ("A", "A", 12 * unit, 0, MBP | SNAPSHOT | LAST, 0),
        ]
        assert not reader.report.counts


def test_bad_rows_are_counted_with_their_number(tmp_path: Path) -> None:
    nan = float("nan")
    data = rows(
        (1 | BUY, 0, 1.0, 1),
        (9 | BUY, 1, 1.0, 1),
        (1 | BUY, 2, nan, 1),
        (1, 3, 1.0, 1),
        (1 | BUY | SELL, 4, 1.0, 1),
        (1 | BUY, 5, 1.23456789012345, 1),
        (1 | BUY, 6, 1.0, nan),
        (1 | BUY, 7, 1e300, 1),
        (1 | BUY, 8, 2.0, 1),
    )
    events, reader = read(tmp_path, data)
    assert events["sequence"].tolist() == [1, 9]
    assert [row for _, row, _ in reader.report.examples] == [2, 3, 4, 5, 6, 7, 8]
    with pytest.raises(FormatError, match="row 2"):
        read(tmp_path, data, strict=True)


def test_the_declared_tick_and_decimals_decide(tmp_path: Path) -> None:
    declared = td.Instrument("BTCUSDT", tick_size="0.1", size_decimals=3, instrument_id=5)
    data = rows((1 | BUY, 0, 3 * 0.1, 0.1 + 0.2), (2 | BUY, 1, 0.35, 0.001), (1 | BUY, 2, 61_659.7, 1))
    events, reader = read(tmp_path, data, instruments=[declared])
    assert events["price"].tolist() == [300_000_000, 350_000_000, 61_659_700_000_000]
    assert events["size"].tolist() == [300, 1, 1000] and reader.instruments[5].symbol == "BTCUSDT"


@given(st.integers(-(10**15), 10**15), st.integers(0, 9))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_floats_of_short_decimals_are_exact(mantissa: int, places: int) -> None:
    units, exact = decimal_units(np.array([mantissa / 10**places]), 9)
    expected = mantissa * 10 ** (9 - places)
    assert not exact[0] if abs(expected) >= 2**63 else (exact[0], int(units[0])) == (True, expected)


@given(st.integers(-(10**6), 10**6), st.sampled_from([10**9, 250_000_000, 10_000_000, 7, 333_333_333]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_products_of_ticks_are_exact(ticks: int, tick_size: int) -> None:
    units, fits = tick_units(np.array([ticks * (tick_size / 1e9), 1e300, float("nan")]), tick_size)
    assert fits.tolist() == [True, False, False] and int(units[0]) == ticks * tick_size


def test_other_arrays_and_damage_are_one_line_errors(tmp_path: Path) -> None:
    from tickdeck.tape.hftbacktest import FORMAT
    from tickdeck.tape.reader import ReadOptions

    path = tmp_path / "x.npz"
    for data in (np.zeros(3), np.zeros((2, 2), HFT_EVENT), np.zeros(3, [("ev", "<i8"), ("px", "<f4")])):
        np.savez(path, data=data)
        with pytest.raises(FormatError):
            list(HftBacktestReader(Source(path), ReadOptions()))
    np.savez(path, other=np.zeros(3))
    assert FORMAT.detect(Source(path)) == 0.0
    with pytest.raises(FormatError, match=r"holds other.npy"):
        HftBacktestReader(Source(path), ReadOptions())


def test_an_array_that_breaks_off_delivers_its_rows_first(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, rows(*((1 | BUY, at, 1.0, 1) for at in range(100))))
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.npy", buffer.getvalue()[:-1000])
    reader = td.read(path, chunk=10)
    count = 0
    with pytest.raises(FormatError, match="breaks off: 84 rows of 100"):
        for chunk in reader:
            count += len(chunk)
    assert count == 83


@given(st.binary(max_size=400), st.integers(0, 200))
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_events_or_a_one_line_error(tmp_path: Path, data: bytes, keep: int) -> None:
    buffer = io.BytesIO()
    np.save(buffer, rows((1 | BUY, 0, 1.0, 1)))
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.npy", buffer.getvalue()[:keep] + data)
    try:
        list(td.read(path, format="hftbacktest"))
    except TickdeckError as error:
        assert "\n" not in str(error)
