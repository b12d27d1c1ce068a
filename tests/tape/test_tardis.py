"""Tardis CSV: levels, snapshots, messages and trades."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tickdeck as td
from tickdeck.core import UNDEF_PRICE, FormatError, TickdeckError, empty_events
from tickdeck.tape.reader import ReadOptions
from tickdeck.tape.source import Source
from tickdeck.tape.tardis import FORMAT, TardisReader

BOOK = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
LAST, SNAPSHOT, MBP = 128, 32, 16
US = 1_585_699_200_000_000


def read(tmp_path: Path, text: str | bytes, **options: Any) -> tuple[np.ndarray, TardisReader]:
    path = tmp_path / "deribit_incremental_book_L2_2020-04-01_BTC-PERPETUAL.csv.gz"
    path.write_bytes(gzip.compress(text.encode() if isinstance(text, str) else text))
    source = Source(path)
    assert FORMAT.detect(source) == 1.0
    reader = TardisReader(source, ReadOptions(**options))
    return np.concatenate([empty_events(), *reader]), reader


def levels(*rows: tuple[int, bool, str, str, str], symbol: str = "BTC-PERPETUAL") -> str:
    return "".join(
        f"deribit,{symbol},{US + local - 100},{US + local},{str(snapshot).lower()},{side},{price},{amount}\n"
        for local, snapshot, side, price, amount in rows
    )


def brief(events: np.ndarray) -> list[tuple[Any, ...]]:
    names = ("action", "side", "price", "size", "flags", "ts_recv")
    return [
        tuple(chr(value) if name in ("action", "side") else int(value) for name, value in zip(names, event, strict=True))
        for event in events[list(names)].tolist()
    ]


def test_a_snapshot_clears_the_book_and_each_message_ends_once(tmp_path: Path) -> None:
    rows = levels(
        (1000, True, "ask", "6423.5", "7100"),
        (1000, True, "bid", "6423", "50.5"),
        (1200, False, "bid", "6423", "0"),
        (1200, False, "bid", "6422.5", "10"),
        (1300, False, "ask", "6423.5", "1"),
        (1400, True, "ask", "1e-7", "1"),
    )
    events, reader = read(tmp_path, BOOK + rows)
    at = [(US + local) * 1000 for local in (1000, 1200, 1300, 1400)]
    unit = 10**8
    assert brief(events) == [
        ("R", "N", UNDEF_PRICE, 0, SNAPSHOT, at[0]),
        ("A", "A", 6_423_500_000_000, 7100 * unit, SNAPSHOT | MBP, at[0]),
        ("A", "B", 6_423_000_000_000, 50 * unit + unit // 2, SNAPSHOT | MBP | LAST, at[0]),
        ("A", "B", 6_423_000_000_000, 0, MBP, at[1]),
        ("A", "B", 6_422_500_000_000, 10 * unit, MBP | LAST, at[1]),
        ("A", "A", 6_423_500_000_000, unit, MBP | LAST, at[2]),
        ("R", "N", UNDEF_PRICE, 0, SNAPSHOT, at[3]),
        ("A", "A", 100, unit, SNAPSHOT | MBP | LAST, at[3]),
    ]
    assert (events["ts_event"] == events["ts_recv"] - 100_000).all() and (events["publisher_id"] == 60_030).all()
    (instrument,) = reader.instruments.values()
    assert (instrument.symbol, instrument.venue, instrument.size_decimals) == ("BTC-PERPETUAL", "deribit", 8)


def test_symbols_of_one_file_have_snapshots_of_their_own(tmp_path: Path) -> None:
    first = levels((1, True, "bid", "1", "1"), symbol="X") + levels((1, True, "bid", "2", "1"), symbol="Y")
    later = levels((2, False, "bid", "1", "2"), symbol="X") + levels((2, True, "bid", "2", "2"), symbol="Y")
    events, reader = read(tmp_path, BOOK + first + later)
    found = [(reader.instruments[int(event["instrument_id"])].symbol, chr(event["action"])) for event in events]
    assert found == [("X", "R"), ("X", "A"), ("Y", "R"), ("Y", "A"), ("X", "A"), ("Y", "A")]


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_chunks_do_not_change_the_events(tmp_path: Path, chunk: int) -> None:
    rng = np.random.default_rng(5)
    snapshot, local, rows = False, 0, []
    for _ in range(200):
        if rng.random() < 0.5:
            local += 1
            snapshot = rng.random() < 0.2
        rows.append((local, snapshot, "bid", "1.5", "2"))
    events, _ = read(tmp_path, BOOK + levels(*rows), chunk=chunk)
    expected, before = [], False
    for number, row in enumerate(rows):
        if row[1] and not before:
            expected.append(("R", SNAPSHOT))
        before = row[1]
        ends = number + 1 == len(rows) or rows[number + 1][:2] != row[:2]
        expected.append(("A", MBP | (SNAPSHOT if row[1] else 0) | (LAST if ends else 0)))
    assert [(chr(event["action"]), int(event["flags"])) for event in events] == expected


def test_trades_keep_the_takers_side_and_the_id(tmp_path: Path) -> None:
    rows = [("1", "buy", "6423.5", "0.25"), ("", "unknown", "6423", "1"), ("abc-1", "sell", "6422", "2")]
    text = "".join(f"ftx,BTC-PERP,{US},{US + n},{i},{s},{p},{a}\n" for n, (i, s, p, a) in enumerate(rows))
    events, reader = read(tmp_path, TRADES + text)
    assert [(chr(event["action"]), chr(event["side"]), int(event["flags"])) for event in events] == [
        ("T", "B", LAST),
        ("T", "N", LAST),
        ("T", "A", LAST),
    ]
    assert events["order_id"][:2].tolist() == [1, 0] and reader.report.notes["hashed_ids"] == 1
    assert events["size"].tolist() == [25_000_000, 100_000_000, 200_000_000] and reader.schema == "trades"


def test_declared_instruments_and_bad_rows_work_as_in_event_csv(tmp_path: Path) -> None:
    rows = levels((1, True, "bid", "1", "1.5"), (1, True, "up", "1", "1"), (1, False, "bid", "1", "0.125"))
    declared = td.Instrument("BTC-PERPETUAL", size_decimals=1, instrument_id=9)
    events, reader = read(tmp_path, BOOK + rows, instruments=[declared])
    assert events["size"].tolist() == [0, 15] and (events["instrument_id"] == 9).all()
    assert [row for _, row, _ in reader.report.examples] == [3, 4]
    with pytest.raises(FormatError, match="row 3"):
        read(tmp_path, BOOK + rows, instruments=[declared], strict=True)


def test_other_data_types_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text("exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n")
    assert FORMAT.detect(Source(path)) == 0.0
    with pytest.raises(FormatError, match=r"ask_amount.*neither"):
        TardisReader(Source(path), ReadOptions())


def test_the_format_is_told_from_the_header(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(BOOK + levels((1, True, "bid", "1", "1")))
    reader = td.read(path)
    assert isinstance(reader, TardisReader) and len(np.concatenate(list(reader))) == 2


@given(st.binary(max_size=200), st.sampled_from([BOOK, TRADES]))
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_events_or_a_one_line_error(tmp_path: Path, data: bytes, header: str) -> None:
    good = levels((1, True, "bid", "1", "1")).encode()
    try:
        read(tmp_path, header.encode() + data.replace(b"\n", good))
    except TickdeckError as error:
        assert "\n" not in str(error)
