"""Databento CSV: the same records as DBN, whatever way prices and times are printed, and bad rows by number."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import databento_dbn as dbn
import numpy as np
import pytest
import zstandard
from dbn_bytes import mbo, metadata, open_dbn, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickdeck.core import UNDEF_PRICE, FormatError, Instrument, TickdeckError, UsageError, to_ns
from tickdeck.tape import ReadOptions, Source
from tickdeck.tape import databento_csv as csv_format
from tickdeck.tape.databento_csv import DatabentoCsvReader
from tickdeck.tape.dbn_records import schema_layout

Data = Callable[[str], Path]

HEADER = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,"
    "channel_id,order_id,flags,ts_in_delta,sequence,symbol"
)
ROW = (
    "2025-07-17T08:05:03.360842448Z,2025-07-17T08:05:03.360677248Z,160,2,1108,A,B,5.510000000,100,0,817593,130,165200,851012,ARL"
)


def open_csv(path: Path, **options: object) -> DatabentoCsvReader:
    return DatabentoCsvReader(Source(path), ReadOptions(**options))  # type: ignore[arg-type]


def records_of(path: Path, **options: object) -> np.ndarray:
    reader = open_csv(path, **options)
    return np.concatenate([np.zeros(0, schema_layout(reader.schema)), *reader.records()])


def rows(*lines: str, header: str = HEADER, end: str = "\n") -> bytes:
    return (end.join([header, *lines]) + end).encode()


def field(record: np.void, name: str) -> int:
    if name in record.dtype.names:
        return int(record[name])
    return int(record["levels"][int(name[-2:])][name[:-3]])


def value_of(name: str, text: str) -> int | None:
    """What a cell means, by Python's own parsers; None: a column without a field."""
    if name in ("", "symbol"):
        return None
    if name.startswith("ts_") and name != "ts_in_delta":
        return to_ns(text)
    if name == "price" or "_px_" in name:
        return UNDEF_PRICE if text == "" else int(Decimal(text) * 10**9)
    if name in ("action", "side"):
        return ord(text)
    return int(text)


@pytest.mark.parametrize("schema", ["mbo", "mbp-10"])
def test_every_cell_of_the_recorded_files_is_the_field_it_prints(data: Data, schema: str) -> None:
    path = data(f"databento/arl-xnas-20250717-first800.{schema}.csv")
    records = records_of(path, chunk=100)
    with path.open() as file:
        lines = list(csv.DictReader(file))
    assert len(records) == len(lines) == {"mbo": 800, "mbp-10": 525}[schema]
    for record, line in zip(records, lines):
        for name, text in line.items():
            if schema == "mbp-10" and name == "order_id":
                continue
            value = value_of(name, text)
            assert value is None or field(record, name) == value, (name, text)


def test_the_symbol_column_names_the_instruments(data: Data) -> None:
    reader = open_csv(data("databento/arl-xnas-20250717-first800.mbo.csv"), instruments=[Instrument("ARL", "0.01")])
    events = np.concatenate(list(reader))
    assert len(events) == 800 and events["instrument_id"].max() == 1108
    assert reader.instruments[1108].symbol == "ARL" and reader.instruments[1108].tick_size == 10_000_000


FIXTURES = (
    "mbo",
    "mbp-1",
    "mbp-10",
    "trades",
    "tbbo",
    "bbo-1s",
    "cmbp-1",
    "ohlcv-1m",
    "definition",
    "statistics",
    "imbalance",
    "status",
)


@pytest.mark.parametrize("pretty", [True, False])
@pytest.mark.parametrize("schema", FIXTURES)
def test_csv_printed_by_databento_gives_the_records_of_its_dbn(data: Data, tmp_path: Path, schema: str, pretty: bool) -> None:
    path = data(f"databento/fixtures/test_data.{schema}.v3.dbn.zst")
    out = tmp_path / "a.csv"
    with out.open("wb") as file:
        transcoder = dbn.Transcoder(file, dbn.Encoding.CSV, dbn.Compression.NONE, pretty_px=pretty, pretty_ts=pretty)
        transcoder.write(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read())
        transcoder.finish()
    expected = np.concatenate(list(open_dbn(path).records()))
    found = records_of(out, schema=schema)
    assert found.dtype == expected.dtype
    for name in expected.dtype.names:
        # A time of 0 is printed as an empty cell, which is how an undefined one is printed too.
        if not name.startswith("reserved") and not (pretty and name == "auction_time"):
            np.testing.assert_array_equal(found[name], expected[name], name)


def test_native_gives_the_binary_records(tmp_path: Path) -> None:
    raw = metadata() + b"".join(mbo(index) for index in range(50))
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        transcoder = dbn.Transcoder(file, dbn.Encoding.CSV, dbn.Compression.NONE)
        transcoder.write(raw)
        transcoder.finish()
    native = np.concatenate(list(open_csv(path, native=True, chunk=7)))
    assert native.tobytes() == raw[len(metadata()) :]
    events = np.concatenate(list(open_csv(path, chunk=7)))
    np.testing.assert_array_equal(events, np.concatenate(list(open_dbn(save(tmp_path / "a.dbn", raw)))))


@pytest.mark.parametrize("text", ["2025-07-17T08:05:03.360677248Z", "2025-07-17 08:05:03.360677248+00:00", "1752739503360677248"])
def test_times_are_read_in_each_way_they_are_printed(tmp_path: Path, text: str) -> None:
    path = save(tmp_path / "a.csv", rows(ROW.replace("2025-07-17T08:05:03.360677248Z", text)))
    assert records_of(path)["ts_event"].tolist() == [1_752_739_503_360_677_248]


@pytest.mark.parametrize(
    ("price", "scale", "units"),
    [
        ("5.51", None, 5_510_000_000),
        ("-0.015", None, -15_000_000),
        ("0.000000001", None, 1),
        ("", None, UNDEF_PRICE),
        ("5510000000", None, 5_510_000_000),
        ("-15000000", None, -15_000_000),
        (str(UNDEF_PRICE), None, UNDEF_PRICE),
        ("5510000000", "0.000000001", 5_510_000_000),
        ("21", "1", 21 * 10**9),
    ],
)
def test_prices_are_exact(tmp_path: Path, price: str, scale: str | None, units: int) -> None:
    path = save(tmp_path / "a.csv", rows(ROW.replace("5.510000000", price)))
    assert records_of(path, price_scale=scale)["price"].tolist() == [units]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_either_kind_and_a_last_line_without_one(tmp_path: Path, end: str, last: bool) -> None:
    raw = rows(ROW, ROW, ROW, end=end)
    path = save(tmp_path / "a.csv", raw if last else raw[: -len(end)])
    reader = open_csv(path)
    assert sum(map(len, reader)) == 3 and not reader.report.counts


def test_blank_lines_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    reader = open_csv(save(tmp_path / "a.csv", b"\xef\xbb\xbf" + rows(ROW, "", ROW, "")))
    assert sum(map(len, reader)) == 2 and not reader.report.counts


BAD = [
    ("817593", "8175x3", "column order_id"),
    ("817593", str(2**64), "column order_id"),
    (",100,", f",{2**32},", "column size"),
    (",100,", ",-1,", "column size"),
    (",100,", ",,", "column size"),
    (",A,B,", ",AB,B,", "column action"),
    ("5.510000000", "5.5100000001", "column price"),
    ("5.510000000", "9999999999999999999", "column price"),
    (",160,", ",1,", "column rtype"),
    ("2025-07-17T08:05:03.360677248Z", "2025-13-17T08:05:03.360677248Z", "column ts_event"),
    (",ARL", ",ARL,more", "16 cells where the header has 15"),
    (",851012,ARL", "", "13 cells where the header has 15"),
]


@pytest.mark.parametrize(("good", "bad", "text"), BAD, ids=[item[1][:20] for item in BAD])
def test_a_bad_row_is_counted_with_its_number_and_passed_over(tmp_path: Path, good: str, bad: str, text: str) -> None:
    path = save(tmp_path / "a.csv", rows(ROW, ROW.replace(good, bad, 1), ROW))
    reader = open_csv(path)
    events = np.concatenate(list(reader))
    assert len(events) == 2 and (events == events[0]).all()
    assert reader.report.counts == {"bad_row": 1}
    kind, row, message = reader.report.examples[0]
    assert (kind, row) == ("bad_row", 3) and text in message
    with pytest.raises(FormatError, match="row 3") as caught:
        list(open_csv(path, strict=True))
    assert text in str(caught.value)


def test_a_bad_row_leaves_nothing_in_the_row_that_takes_its_place(tmp_path: Path) -> None:
    bad = ROW.replace(",A,B,", ",T,A,").replace(",100,", ",x,")
    path = save(tmp_path / "a.csv", rows(bad, ROW.replace(",A,B,", ",,,")))
    record = records_of(path)[0]
    assert (chr(record["action"]), chr(record["side"])) == ("N", "N")


def test_row_numbers_hold_across_blocks(tmp_path: Path) -> None:
    lines = [ROW] * 30_000
    lines[25_000] = "x"
    reader = open_csv(save(tmp_path / "a.csv", rows(*lines)))
    assert sum(map(len, reader)) == 29_999
    assert reader.report.examples[0][1] == 25_002


def test_many_instruments_are_each_named_once(tmp_path: Path) -> None:
    lines = [ROW.replace(",1108,", f",{7 * index},").replace("ARL", f"S{index}") for index in range(3_000)]
    reader = open_csv(save(tmp_path / "a.csv", rows(*lines, *lines)))
    assert sum(map(len, reader)) == 6_000
    assert {number: item.symbol for number, item in reader.instruments.items()} == {7 * k: f"S{k}" for k in range(3_000)}


def test_only_the_symbols_asked_for_are_read(tmp_path: Path) -> None:
    other = ROW.replace(",1108,", ",9,").replace("ARL", "XYZ")
    path = save(tmp_path / "a.csv", rows(ROW, other, ROW, other, other))
    assert sum(map(len, open_csv(path, symbols=["XYZ"]))) == 3


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    header = HEADER.replace("order_id", "id")
    with pytest.raises(FormatError, match="lacks the columns order_id"):
        open_csv(save(tmp_path / "a.csv", rows(ROW, header=header)))


def test_columns_that_the_schema_does_not_have_are_passed_over(tmp_path: Path) -> None:
    header = f",{HEADER},note"
    records = records_of(save(tmp_path / "a.csv", rows(f"0,{ROW},hello", header=header)))
    assert records["order_id"].tolist() == [817_593]


def test_ohlcv_points_to_records(data: Data, tmp_path: Path) -> None:
    header = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol"
    path = save(tmp_path / "a.csv", rows("1609160400000000000,33,1,5482,1.0,2.0,0.5,1.5,57,ESH1", header=header))
    with pytest.raises(UsageError, match=r"records\(\)"):
        list(open_csv(path))
    assert records_of(path)["high"].tolist() == [2 * 10**9]


def test_a_header_alone_is_a_file_without_events(tmp_path: Path) -> None:
    assert list(open_csv(save(tmp_path / "a.csv", rows()))) == []


def test_databento_csv_is_detected_and_others_are_not(data: Data, tmp_path: Path) -> None:
    detect = csv_format.FORMAT.detect
    assert detect(Source(data("databento/arl-xnas-20250717-first800.mbp-10.csv"))) == 1
    assert detect(Source(save(tmp_path / "a.csv", b"type,timestamp,price,qty,side,trade_id\n"))) == 0
    assert detect(Source(save(tmp_path / "b.csv", b"\xff\xfe\x00binary"))) == 0


def test_a_truncated_compressed_file_comes_after_its_rows(tmp_path: Path) -> None:
    raw = zstandard.compress(rows(*(ROW.replace("817593", str(index * 7919 % 99_991)) for index in range(40_000))))
    path = tmp_path / "a.csv.zst"
    path.write_bytes(raw[: len(raw) * 2 // 3])
    reader = open_csv(path)
    count = 0
    with pytest.raises(TickdeckError, match="breaks off"):
        for chunk in reader:
            count += len(chunk)
    assert 0 < count < 40_000
    assert reader.report.counts["truncated"] == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(b'0,"\n\r-.TZx\0\xff9')), max_size=8),
    cut=st.sampled_from([1.0, 0.97, 0.5, 0.1]),
    kind=st.sampled_from(["mbo", "mbp-10"]),
    strict=st.booleans(),
)
def test_no_damage_gives_anything_but_our_errors(
    tmp_path: Path, changes: list[tuple[float, int]], cut: float, kind: str, strict: bool
) -> None:
    if kind == "mbo":
        raw = bytearray(rows(*[ROW] * 5))
    else:
        header = ",".join(name for name in HEADER.replace("channel_id,order_id", "depth").split(","))
        levels = [f"{side}_{what}_{index:02d}" for index in range(10) for what in ("px", "sz", "ct") for side in ("bid", "ask")]
        line = ROW.replace("0,817593", "0").replace(",160,", ",10,") + ",5.5,5.6,1,2,3,4" * 10
        raw = bytearray(rows(*[line] * 3, header=header + "," + ",".join(levels)))
    for place, value in changes:
        raw[int(place * len(raw))] = value
    path = tmp_path / "a.csv"
    path.write_bytes(raw[: int(cut * len(raw))])
    for records in (False, True):
        try:
            reader = open_csv(path, strict=strict, chunk=2)
            for chunk in reader.records() if records else reader:
                assert 0 < len(chunk) <= 2
        except TickdeckError as error:
            assert "\n" not in str(error)
