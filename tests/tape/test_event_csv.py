"""Event CSV: what each row becomes, what is refused, and that both parsers and the writer agree."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from event_rows import CELLS, KNOWN, T0, event_arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tickdeck as td
from tickdeck.core import UNDEF_PRICE, FormatError, LossError, TickdeckError, UsageError, empty_events
from tickdeck.tape.event_csv import EventCsvReader, EventCsvWriter, split_row
from tickdeck.tape.event_layout import C_TIME_DIGITS
from tickdeck.tape.event_row import RowParser
from tickdeck.tape.event_schema import FIELDS, WRITTEN, RowError
from tickdeck.tape.reader import ReadOptions
from tickdeck.tape.source import Source

HEADER = "type,timestamp,price,qty,side,trade_id,order_id,symbol\n"
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)


def read(tmp_path: Path, text: str | bytes, name: str = "x.csv", **options: object) -> tuple[np.ndarray, EventCsvReader]:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    reader = EventCsvReader(Source(path), ReadOptions(**options))
    chunks = list(reader)
    return np.concatenate([empty_events(), *chunks]), reader


def row(event: np.void, *names: str) -> tuple[object, ...]:
    return tuple(chr(event[name]) if name in ("action", "side") else int(event[name]) for name in names)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("trade,{t},100.5,3,buy,77,,X", ("T", "B", 100_500_000_000, 3, 77, 128)),
        ("fill,{t},100.5,3,A,,12,X", ("F", "A", 100_500_000_000, 3, 12, 128)),
        ("quote,{t},99.75,40,bid,,,X", ("A", "B", 99_750_000_000, 40, 0, 144)),
        ("quote,{t},99.75,0,bid,,6,X", ("A", "B", 99_750_000_000, 0, 6, 144)),
        ("order,{t},0.000000001,5,1,,9,X", ("A", "B", 1, 5, 9, 128)),
        ("order,{t},-37.63,5,-1,8,,X", ("A", "A", -37_630_000_000, 5, 8, 128)),
        ("cancel,{t},,2,S,,9,X", ("C", "A", UNDEF_PRICE, 2, 9, 128)),
        ("cancel,{t},,,,,9,X", ("M", "N", UNDEF_PRICE, 0, 9, 128)),
        ("modify,{t},1,7,ask,,9,X", ("M", "A", 1_000_000_000, 7, 9, 128)),
        ("bbo,{t},2,7,Offer,,,X", ("A", "A", 2_000_000_000, 7, 0, 192)),
        ("bbo,{t},,,sell,,,X", ("A", "A", UNDEF_PRICE, 0, 0, 192)),
        ("bbo,{t},5,0,sell,,,X", ("A", "A", UNDEF_PRICE, 0, 0, 192)),
        ("status,{t},,,,,8,X", ("N", "N", UNDEF_PRICE, 0, 8, 128)),
        ("STATUS,{t},,,,,halt,X", ("N", "N", UNDEF_PRICE, 0, 8, 128)),
        ("clear,{t},,,,,,X", ("R", "N", UNDEF_PRICE, 0, 0, 128)),
    ],
)
def test_each_type_becomes_its_event(tmp_path: Path, line: str, expected: tuple[object, ...]) -> None:
    events, reader = read(tmp_path, HEADER + line.format(t=T0) + "\n")
    assert not reader.report.counts
    assert row(events[0], "action", "side", "price", "size", "order_id", "flags") == expected
    top = line.startswith("bbo")
    assert row(events[0], "ts_event", "ts_recv", "sequence", "instrument_id", "publisher_id") == (T0, 0, 2, 1, 60_000 + top)


def test_an_unadorned_file_of_trades_is_read(tmp_path: Path) -> None:
    text = f"type,timestamp,price,qty,side,trade_id\ntrade,{T0},1.5,2,B,1\ntrade,{T0 + 1},1.25,2.5,A,2\n"
    events, reader = read(tmp_path, text, "btcusdt.csv")
    assert events["price"].tolist() == [1_500_000_000, 1_250_000_000]
    assert events["size"].tolist() == [200_000_000, 250_000_000]
    assert reader.instruments[1].symbol == "BTCUSDT" and reader.instruments[1].size_decimals == 8


@pytest.mark.parametrize(
    ("unit", "text", "ns"),
    [
        (None, "1703545200", T0),
        (None, "1703545200.5", T0 + 500_000_000),
        (None, "1703545200123", T0 + 123_000_000),
        (None, "1703545200123456", T0 + 123_456_000),
        (None, "1703545200123456.789", T0 + 123_456_789),
        (None, "1703545200123456789", T0 + 123_456_789),
        (None, "1.7035452e9", T0),
        (None, "17", 17),
        (None, "2023-12-25T23:00:00Z", T0),
        (None, "2023-12-25 23:00:00.000000001", T0 + 1),
        (None, "2023-12-26T00:00:00.5+01:00", T0 + 500_000_000),
        (None, "2024-02-29T00:00:00", 1_709_164_800_000_000_000),
        (None, "1969-12-31T23:59:59.999999999Z", -1),
        ("s", "17", 17_000_000_000),
        ("us", "1703545200123456789", None),
        ("ns", "1.5", None),
        (None, "2023-02-29T00:00:00Z", None),
        (None, "2023-12-25T24:01:00Z", None),
    ],
)
def test_times_are_exact_in_every_unit(tmp_path: Path, unit: str | None, text: str, ns: int | None) -> None:
    events, reader = read(tmp_path, f"{HEADER}trade,{text},1,1,B,,,X\n", time_unit=unit)
    assert events["ts_event"].tolist() == ([] if ns is None else [ns])
    assert reader.report.counts["bad_row"] == (ns is None)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("4780.25", 4_780_250_000_000),
        ("+4780.25", 4_780_250_000_000),
        ("1e-9", 1),
        ("1.5E3", 1_500_000_000_000),
        (".5", 500_000_000),
        ("5.", 5_000_000_000),
        ("0.10000000000000000000", 100_000_000),
        ("1.0000000000", 1_000_000_000),
        ("9223372036.854775806", 2**63 - 2),
        ("-9223372036.854775806", -(2**63 - 2)),
        (" 7 ", 7_000_000_000),
        ("9223372036.854775807", None),
        ("1e10", None),
        ("0.0000000001", None),
        ("nan", None),
        ("1_000", None),
        ("1.2.3", None),
        ("--1", None),
        ("-", None),
        (".", None),
        ("٣", None),
    ],
)
def test_prices_are_exact_or_refused(tmp_path: Path, text: str, units: int | None) -> None:
    events, reader = read(tmp_path, f"{HEADER}trade,{T0},{text},1,B,,,X\n")
    assert events["price"].tolist() == ([] if units is None else [units])
    assert reader.report.counts["bad_row"] == (units is None)


@given(st.decimals(-9_000_000_000, 9_000_000_000, places=9), st.decimals(0, 90_000_000, places=8))
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_decimals_equal_those_of_the_decimal_module(tmp_path: Path, price: Decimal, qty: Decimal) -> None:
    events, _ = read(tmp_path, f"{HEADER}trade,{T0},{price:f},{qty:f},B,,,X\n")
    assert (int(events["price"][0]), int(events["size"][0])) == (int(price * 10**9), int(qty * 10**8))


@pytest.mark.parametrize(
    ("scale", "text", "units"),
    [
        ("0.0001", "47802500", 4_780_250_000_000),
        ("0.0001", "-1", -100_000),
        ("0.25", "3", 750_000_000),
        ("0.25", "0.5", 125_000_000),
        ("100", "3", 300_000_000_000),
        ("0.000000001", "1e3", 1_000),
        ("0.000000001", "0.5", None),
        ("0.25", "9223372036854775807", None),
    ],
)
def test_price_scale_multiplies_exactly(tmp_path: Path, scale: str, text: str, units: int | None) -> None:
    events, reader = read(tmp_path, f"{HEADER}trade,{T0},{text},1,B,,,X\n", price_scale=scale)
    assert events["price"].tolist() == ([] if units is None else [units])
    assert reader.report.counts["bad_row"] == (units is None)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("18446744073709551615", 2**64 - 1),
        ("10000000000000000000", 10**19),
        ("18446744073709551616", "hash"),
        ("007", "hash"),
        ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "hash"),
        ("0xdeadbeef", "hash"),
        ("ü", "hash"),
        ("a b", "hash"),
    ],
)
def test_an_id_is_its_number_or_a_stable_hash(tmp_path: Path, text: str, number: int | str) -> None:
    events, reader = read(tmp_path, f"{HEADER}order,{T0},1,1,B,,{text},X\n")
    if number == "hash":
        number = 0xCBF29CE484222325
        for byte in text.encode():
            number = (number ^ byte) * 0x100000001B3 % 2**64
        assert reader.report.notes["hashed_ids"] == 1
    assert int(events["order_id"][0]) == number


def test_a_second_id_that_the_record_cannot_hold_is_told(tmp_path: Path) -> None:
    events, reader = read(tmp_path, f"{HEADER}order,{T0},1,1,B,5,6,X\ntrade,{T0},1,1,B,5,6,X\n")
    assert events["order_id"].tolist() == [6, 5]
    assert reader.report.notes["second_ids_dropped"] == 2


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_bom_blank_and_comment_lines_change_nothing(tmp_path: Path, ending: str, final: bool, bom: bytes) -> None:
    lines = ["# recorded", "", HEADER.strip(), f"order,{T0},1,1,B,,1,X", "", "# pause", f"order,{T0},1,1,B,,2,X"]
    text = bom + ending.join(lines).encode() + (ending.encode() if final else b"")
    events, reader = read(tmp_path, text)
    assert events["order_id"].tolist() == [1, 2] and events["sequence"].tolist() == [4, 7]
    assert not reader.report.counts and reader.instruments[1].symbol == "X"


@pytest.mark.parametrize("delimiter", ",;\t|")
def test_the_header_tells_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    text = f"{HEADER}order,{T0},1,1,B,,1,X\n".replace(",", delimiter)
    events, _ = read(tmp_path, text)
    assert events["order_id"].tolist() == [1]


def test_columns_come_in_any_order_and_others_are_told(tmp_path: Path) -> None:
    text = f"venue,Qty,SIDE,timestamp, price ,type,ts_recv,flags,note\nV,7,B,{T0},2.5,trade,{T0 + 5},0,whatever\n"
    events, reader = read(tmp_path, text)
    assert row(events[0], "size", "price", "ts_recv", "flags", "order_id") == (7, 2_500_000_000, T0 + 5, 0, 0)
    assert reader.report.notes["ignored_columns"] == ["venue", "note"]


def test_columns_are_mapped_by_name(tmp_path: Path) -> None:
    text = f"kind,time,price,px,size,timestamp\ntrade,{T0},junk,2.5,7,junk\n"
    names = {"type": "kind", "timestamp": "Time", "price": "px", "qty": "size"}
    events, _ = read(tmp_path, text, columns=names)
    assert row(events[0], "action", "ts_event", "price", "size") == ("T", T0, 2_500_000_000, 7)


def test_a_missing_column_is_a_one_line_error_that_says_how_to_map(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        read(tmp_path, "type,time,px,qty\ntrade,1,2,3\n")
    message = str(caught.value)
    assert "timestamp, price" in message and "type, time, px, qty" in message and "columns=" in message
    assert "\n" not in message


@pytest.mark.parametrize("columns", [{"price": "nope"}, {"nope": "qty"}])
def test_a_mapping_that_does_not_fit_is_refused(tmp_path: Path, columns: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="nope"):
        read(tmp_path, f"{HEADER}order,{T0},1,1,B,,1,X\n", columns=columns)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="two columns are called qty"):
        read(tmp_path, "type,timestamp,price,qty,qty\ntrade,1,2,3,4\n")


@pytest.mark.parametrize("options", [{"time_unit": "min"}, {"schema": "deal"}, {"price_scale": "0"}, {"price_scale": "x"}])
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        read(tmp_path, f"{HEADER}order,{T0},1,1,B,,1,X\n", **options)


def test_a_caller_can_say_the_type_of_all_rows(tmp_path: Path) -> None:
    events, _ = read(tmp_path, f"timestamp,price,qty\n{T0},1,2\n", schema="trade")
    assert row(events[0], "action", "size") == ("T", 2)


BAD = [
    ("deal,{t},1,1,B,,1,X", "type 'deal'"),
    (",{t},1,1,B,,1,X", "no type"),
    ("order,,1,1,B,,1,X", "no timestamp"),
    ("order,yesterday,1,1,B,,1,X", "timestamp"),
    ("order,{t},,1,B,,1,X", "needs a price"),
    ("order,{t},1,,B,,1,X", "needs a qty"),
    ("order,{t},1,1,,,1,X", "needs a side"),
    ("order,{t},1,1,N,,1,X", "needs a side"),
    ("order,{t},1,1,B,,,X", "needs an order_id"),
    ("order,{t},1,1,up,,1,X", "side 'up'"),
    ("order,{t},1,one,B,,1,X", "qty 'one' is not a number"),
    ("order,{t},1,1,B,,1", "7 cells, but the header has 8"),
    ("order,{t},1,000,1,B,,1,X", "9 cells, but the header has 8"),
    ('order,{t},1,1,B,,"1,X', "a quote never closes"),
    ('order,{t},1,1,B,,"1"x,X', "text after a closing quote"),
    ("bbo,{t},,1,B,,,X", "needs a price"),
    ("status,{t},,,,,lunch,X", "status 'lunch'"),
    ("order,{t},1,1,B,,1,\x07", "printable"),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_row_is_counted_with_its_line_and_reason(tmp_path: Path, line: str, reason: str) -> None:
    good = f"order,{T0},1,1.5,B,,1,X\n"
    text = HEADER + good + line.format(t=T0) + "\n" + good.replace(",1,X", ",2,X")
    events, reader = read(tmp_path, text)
    assert events["order_id"].tolist() == [1, 2]
    assert reader.report.counts == {"bad_row": 1}
    assert reader.report.examples[0][:2] == ("bad_row", 3) and reason in reader.report.examples[0][2]
    with pytest.raises(FormatError, match="row 3") as caught:
        read(tmp_path, text, strict=True)
    assert "\n" not in str(caught.value)


def test_a_later_qty_with_more_decimals_is_a_bad_row_that_says_what_to_declare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventCsvReader, "block_bytes", 300)
    text = HEADER + f"order,{T0},1,15,B,,1,X\n" * 20 + f"order,{T0},1,1.5,B,,2,X\n"
    events, reader = read(tmp_path, text)
    assert len(events) == 20 and "declare the instrument with its size_decimals" in reader.report.examples[0][2]
    events, reader = read(tmp_path, text, instruments=[td.Instrument("X", size_decimals=1)])
    assert events["size"].tolist() == [150] * 20 + [15] and not reader.report.counts


def test_only_the_first_bad_rows_keep_their_text(tmp_path: Path) -> None:
    _, reader = read(tmp_path, HEADER + "x\n" * 1000)
    assert reader.report.counts["bad_row"] == 1000 and len(reader.report.examples) == 20


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    text = (
        f'{HEADER}"order","{T0}","1",1,B,,"5","a,""b"""\n"order",{T0},1,1,B,"two\nlines",6,"a,""b"""\r\norder,{T0},1,1,B,,7,X\n'
    )
    events, reader = read(tmp_path, text)
    assert events["order_id"].tolist() == [5, 6, 7] and events["sequence"].tolist() == [2, 3, 5]
    assert [item.symbol for item in reader.instruments.values()] == ['a,"b"', "X"]


def test_a_stray_quote_costs_its_line_and_not_the_file(tmp_path: Path) -> None:
    good = "".join(f"order,{T0},1,1,B,,{number},X\n" for number in range(1, 20_001))
    events, reader = read(tmp_path, f'{HEADER}order,{T0},1,1,B,"oops,1,X\n{good}')
    assert events["order_id"].tolist() == list(range(1, 20_001)) and reader.report.counts == {"bad_row": 1}


def test_symbols_get_ids_in_order_of_appearance_and_declared_ones_keep_theirs(tmp_path: Path) -> None:
    symbols = [f"S{number}" for number in range(300)]
    text = HEADER + "".join(f"order,{T0},1,1,B,,1,{symbol}\n" for symbol in symbols * 2)
    declared = td.Instrument("S7", tick_size="0.5", size_decimals=3, instrument_id=2, publisher_id=9)
    events, reader = read(tmp_path, text, instruments=[declared])
    ids = {item.symbol: number for number, item in reader.instruments.items()}
    assert ids["S0"] == 1 and ids["S7"] == 2 and ids["S1"] == 3 and len(set(ids.values())) == 300
    assert events["instrument_id"].tolist() == [ids[symbol] for symbol in symbols] * 2
    assert row(events[7], "size", "publisher_id") == (1000, 9) and reader.instruments[2].tick_size == 500_000_000


def test_only_the_symbols_asked_for_are_read(tmp_path: Path) -> None:
    text = HEADER + "".join(f"order,{T0},1,1,B,,{number},{symbol}\n" for number, symbol in enumerate("XYZXYZ"))
    events, reader = read(tmp_path, text, symbols=["Y"])
    assert events["order_id"].tolist() == [1, 4] and list(reader.instruments) == [1]
    assert reader.report.notes["rows_of_other_symbols"] == 4


def test_one_id_for_two_symbols_is_a_bad_row(tmp_path: Path) -> None:
    text = f"type,timestamp,price,qty,side,order_id,symbol,instrument_id\norder,{T0},1,1,B,1,X,5\norder,{T0},1,1,B,1,Y,5\n"
    events, reader = read(tmp_path, text)
    assert len(events) == 1 and "instrument_id 5 is X" in reader.report.examples[0][2]


@pytest.mark.parametrize("block", [300, 1000, 1 << 20])
@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_blocks_and_chunks_do_not_change_the_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, chunk: int
) -> None:
    monkeypatch.setattr(EventCsvReader, "block_bytes", block)
    lines = [f'order,{T0 + number},1.25,{number},B,,{number},"S{number % 5}"' for number in range(1, 101)]
    path = tmp_path / "x.csv"
    path.write_text(HEADER + "\n".join(lines))
    chunks = list(EventCsvReader(Source(path), ReadOptions(chunk=chunk)))
    assert [len(part) for part in chunks[:-1]] == [chunk] * (len(chunks) - 1)
    assert np.concatenate(chunks)["order_id"].tolist() == list(range(1, 101))


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="a line over"):
        read(tmp_path, HEADER + "x" * 1_200_000)


def test_a_torn_gzip_delivers_the_whole_rows_before_the_error(tmp_path: Path) -> None:
    import gzip

    rng = np.random.default_rng(1)
    lines = "".join(f"order,{T0 + int(x)},1,1,B,,{int(x)},X\n" for x in rng.integers(1, 2**60, 50_000))
    data = gzip.compress((HEADER + lines).encode())
    path = tmp_path / "x.csv.gz"
    path.write_bytes(data[: len(data) // 2])
    reader = EventCsvReader(Source(path), ReadOptions(chunk=1000))
    rows = 0
    with pytest.raises(TickdeckError, match="breaks off"):
        for part in reader:
            rows += len(part)
    assert 15_000 < rows < 35_000 and not reader.report.counts


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(f"{HEADER}order,{T0},1,1,B,,1,X\n".encode())

    monkeypatch.setattr(sys, "stdin", Stdin)
    with EventCsvReader(Source("-"), ReadOptions()) as reader:
        (events,) = reader
    assert events["order_id"].tolist() == [1]


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n", '"open,timestamp\n'])
def test_a_file_without_a_header_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FormatError, match=r"header|empty"):
        read(tmp_path, text)


def tolerant(path: Path) -> tuple[list[tuple[object, ...]], list[int]]:
    """Every row through the Python parser alone; the rows are cut here by a plain state machine."""
    reader = EventCsvReader(Source(path), ReadOptions())
    scan = EventCsvReader(Source(path), ReadOptions())
    list(scan)
    data = path.read_bytes()
    header_end = data.index(b"\n") + 1
    names = data[:header_end].decode().strip().split(",")
    reader._columns = np.array([FIELDS.index(name) for name in names])
    reader._delimiter = ","
    reader.table.inferred_decimals = scan.table.inferred_decimals
    parser = RowParser(reader.table, ReadOptions(), -1)
    parser.time_digits = int(scan._config[C_TIME_DIGITS])
    events, bad = [], []
    at, line = header_end, 2
    while at < len(data):
        stop, quoted, start = at, False, True
        while stop < len(data):
            byte = data[stop : stop + 1]
            if quoted:
                if data[stop : stop + 2] == b'""':
                    stop += 1
                elif byte == b'"':
                    quoted = False
            elif byte == b'"' and start:
                quoted = True
            elif byte == b"\n":
                break
            start = not quoted and byte == b","
            stop += 1
        if quoted:
            stop = data.find(b"\n", at)
            stop = len(data) if stop < 0 else stop
        text = data[at : stop + 1]
        if text.strip(b"\r\n") and not text.startswith(b"#"):
            try:
                event = parser.parse(reader._cells(text if text.endswith(b"\n") else text + b"\n"), line)
                assert event is not None
                events.append(event)
            except RowError:
                bad.append(line)
        line += text.count(b"\n")
        at = stop + 1
    return events, bad


@st.composite
def files(draw: st.DrawFn) -> bytes:
    names = draw(st.permutations(list(CELLS)))
    names = [name for name in names if name in ("type", "timestamp", "price", "qty") or draw(st.booleans())]
    lines = [",".join(names)]
    for _ in range(draw(st.integers(1, 12))):
        plain = draw(st.booleans())
        cells = [CELLS[name][0] if plain and draw(st.integers(0, 3)) else draw(st.sampled_from(CELLS[name])) for name in names]
        quote = draw(st.integers(0, 3)) == 0
        lines.append(",".join('"' + c.replace('"', '""') + '"' if quote or any(x in c for x in ',"\n') else c for c in cells))
    data = bytearray((draw(st.sampled_from(["\n", "\r\n"]))).join(lines).encode() + b"\n")
    start = data.index(b"\n") + 1
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(start, len(data) - 1))
        data[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b'"', b",", b"\n", b"\r", b"0", b"-", b"\x00", b"\xff", b" ", b"."])
        )
    return bytes(data)


@given(files())
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_compiled_and_the_tolerant_parser_agree(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "agree.csv"
    path.write_bytes(data)
    expected, bad = tolerant(path)
    reader = EventCsvReader(Source(path), ReadOptions())
    events = np.concatenate([empty_events(), *reader])
    assert [tuple(event.tolist()) for event in events] == [tuple(map(int, event)) for event in expected]
    assert reader.report.counts["bad_row"] == len(bad)
    assert [number for _, number, _ in reader.report.examples] == bad[:20]


@given(st.binary(max_size=300), st.booleans())
@FUZZ
def test_any_bytes_give_events_or_a_one_line_error(tmp_path: Path, data: bytes, headed: bool) -> None:
    try:
        read(tmp_path, HEADER.encode() + data if headed else data)
    except TickdeckError as error:
        assert "\n" not in str(error)


def test_split_row_follows_rfc_4180() -> None:
    assert split_row('a,"b,""c""",,"",d"e', ",") == ["a", 'b,"c"', "", "", 'd"e']
    assert split_row("", ",") == [""]


@given(event_arrays())
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_what_is_written_reads_back_the_same(tmp_path: Path, events: np.ndarray) -> None:
    path = tmp_path / "x.csv"
    with EventCsvWriter(path, KNOWN) as writer:
        writer.write(events[:3])
        writer.write(events[3:])
    reader = EventCsvReader(Source(path), ReadOptions())
    back = np.concatenate([empty_events(), *reader])
    assert not reader.report.counts
    assert back.tobytes() == events.tobytes()
    for number in set(events["instrument_id"].tolist()) & set(KNOWN):
        assert reader.instruments[number].symbol == KNOWN[number].symbol
        assert reader.instruments[number].size_decimals == KNOWN[number].size_decimals
    again = tmp_path / "y.csv"
    with EventCsvWriter(again, reader.instruments) as writer:
        writer.write(back)
    (back,) = EventCsvReader(Source(again), ReadOptions())
    assert back.tobytes() == events.tobytes()


def test_the_short_form_is_what_other_programs_read(tmp_path: Path) -> None:
    import csv

    text = f"{HEADER}order,{T0},100.5,1.25,B,,11,X\ntrade,{T0},100.5,1,A,12,,X\nbbo,{T0},,,B,,,X\n"
    events, reader = read(tmp_path, text)
    with EventCsvWriter(tmp_path / "y.csv", reader.instruments, full=False) as writer:
        writer.write(events)
    rows = list(csv.DictReader((tmp_path / "y.csv").open()))
    assert list(rows[0].values()) == ["order", str(T0), "100.5", "1.25", "B", "", "11", "X"]
    assert list(rows[1].values()) == ["trade", str(T0), "100.5", "1", "A", "12", "", "X"]
    assert list(rows[2].values()) == ["bbo", str(T0), "", "0", "B", "", "0", "X"]


@pytest.mark.parametrize("name", ["x.csv.gz", "x.csv.zst"])
def test_the_suffix_compresses(tmp_path: Path, name: str) -> None:
    events, reader = read(tmp_path, f"{HEADER}order,{T0},100.5,1.25,B,,11,X\n")
    with EventCsvWriter(tmp_path / name, reader.instruments) as writer:
        writer.write(events)
    source = Source(tmp_path / name)
    assert source.compression in ("gzip", "zstd")
    (back,) = EventCsvReader(source, ReadOptions())
    assert back.tobytes() == events.tobytes()


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [("action", 0, "action"), ("side", 65 + 25, "side"), ("reserved", 1, "reserved"), ("size", -(2**63), "64")],
)
def test_what_csv_cannot_hold_is_refused_and_nothing_is_left(tmp_path: Path, field: str, value: int, word: str) -> None:
    events = empty_events(3)
    events["action"], events["side"] = ord("A"), ord("B")
    events[field][2] = value
    with pytest.raises(LossError, match=rf"{word}.*event 2"), EventCsvWriter(tmp_path / "x.csv", {}) as writer:
        writer.write(events)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_tape_is_a_header(tmp_path: Path) -> None:
    with EventCsvWriter(tmp_path / "x.csv", {}):
        pass
    assert (tmp_path / "x.csv").read_text() == ",".join(WRITTEN) + "\n"


@pytest.mark.parametrize(
    ("head", "name", "least", "most"),
    [
        (HEADER, "anything.txt", 0.8, 1.0),
        ("timestamp;type;qty;price\n", "", 0.8, 1.0),
        ("34200.01,1,11885113,21,2238100,1\n", "AMZN_2012-06-21_34200000_57600000_message_5.csv", 0.0, 0.0),
        ("ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size\n", "x.mbo.csv", 0.0, 0.1),
        ("exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n", "trades.csv", 0.0, 0.1),
        ("a,b\n", "x.csv", 0.01, 0.1),
        ("DBN\x01", "x.dbn", 0.0, 0.0),
    ],
)
def test_detection_claims_its_own_and_leaves_others(tmp_path: Path, head: str, name: str, least: float, most: float) -> None:
    from tickdeck.tape.event_csv import FORMAT

    path = tmp_path / (name or "stdin")
    path.write_text(head)
    assert least <= FORMAT.detect(Source(path)) <= most


def test_interpreted_kernels_read_and_write_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    lines = [",".join(CELLS)]
    for _ in range(300):
        cells = [str(rng.choice(values)) if rng.random() < 0.1 else values[0] for values in CELLS.values()]
        lines.append(",".join('"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n') else cell for cell in cells))
    (tmp_path / "x.csv").write_text("\n".join(lines))
    script = (
        "import sys, tickdeck as td\n"
        "reader = td.read(sys.argv[1], format='csv')\n"
        "td.write(sys.argv[2], reader, format='csv')\n"
        "print(dict(reader.report.counts))\n"
    )
    results = []
    for interpreted in ("0", "1"):
        out = tmp_path / f"{interpreted}.csv"
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "x.csv"), str(out)],
            env={**os.environ, "NUMBA_DISABLE_JIT": interpreted},
            capture_output=True,
            text=True,
            check=True,
        )
        results.append((done.stdout, out.read_bytes()))
    assert results[0] == results[1] and results[0][1].count(b"\n") > 100
