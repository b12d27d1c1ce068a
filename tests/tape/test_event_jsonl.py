"""JSON lines of the event schema: the same rules as for CSV, exact decimals, both parsers agree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from event_rows import CELLS, KNOWN, T0, event_arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tickdeck as td
from tickdeck.core import FormatError, TickdeckError, UsageError, empty_events
from tickdeck.tape.event_csv import EventCsvReader
from tickdeck.tape.event_jsonl import FORMAT, EventJsonReader, EventJsonWriter
from tickdeck.tape.event_layout import C_TIME_DIGITS
from tickdeck.tape.event_row import RowParser
from tickdeck.tape.event_schema import RowError
from tickdeck.tape.reader import ReadOptions
from tickdeck.tape.source import Source

SLOW = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def read(tmp_path: Path, text: str | bytes, **options: object) -> tuple[np.ndarray, EventJsonReader]:
    path = tmp_path / "x.jsonl"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    reader = EventJsonReader(Source(path), ReadOptions(**options))
    return np.concatenate([empty_events(), *reader]), reader


def test_a_line_becomes_the_event_that_the_csv_row_becomes(tmp_path: Path) -> None:
    rows = [
        {"type": "order", "timestamp": T0, "price": "100.5", "qty": 2, "side": "B", "order_id": 9, "symbol": "X"},
        {"type": "trade", "timestamp": str(T0), "price": 100.25, "qty": "1.5", "side": "sell", "trade_id": "ab-c", "symbol": "Y"},
        {"type": "cancel", "timestamp": T0, "price": None, "qty": None, "side": None, "order_id": 9, "symbol": "X"},
        {"type": "status", "timestamp": T0, "price": "", "qty": "", "order_id": "TRADING", "symbol": "Y", "more": 1},
    ]
    events, reader = read(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    names = ("type", "timestamp", "price", "qty", "side", "trade_id", "order_id", "symbol")
    cells = [["" if row.get(name) is None else str(row[name]) for name in names] for row in rows]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(map(",".join, [list(names), *cells])))
    (expected,) = EventCsvReader(Source(path), ReadOptions())
    expected["sequence"] -= 1
    assert events.tobytes() == expected.tobytes() and not reader.report.counts
    assert [item.symbol for item in reader.instruments.values()] == ["X", "Y"]


@pytest.mark.parametrize(
    ("number", "units"),
    [
        ("0.1", 100_000_000),
        ("64000.123456789", 64_000_123_456_789),
        ("9223372036.854775806", 2**63 - 2),
        ("1E-9", 1),
        ("1.5e+3", 1_500_000_000_000),
        ("0.30000000000000004", None),
    ],
)
def test_numbers_keep_their_text_and_never_pass_through_a_float(tmp_path: Path, number: str, units: int | None) -> None:
    line = f'{{"type":"trade","timestamp":{T0},"price":{number},"qty":1}}\n'
    events, reader = read(tmp_path, line)
    assert events["price"].tolist() == ([] if units is None else [units])
    assert reader.report.counts["bad_row"] == (units is None)


def test_blank_lines_returns_bom_and_a_missing_final_newline_change_nothing(tmp_path: Path) -> None:
    line = json.dumps({"type": "trade", "timestamp": T0, "price": "1", "qty": 1})
    events, reader = read(tmp_path, b"\xef\xbb\xbf" + f"{line}\r\n\r\n \n{line}".encode())
    assert events["sequence"].tolist() == [1, 4] and not reader.report.counts


def test_keys_are_mapped_by_name(tmp_path: Path) -> None:
    line = f'{{"e":"trade","T":{T0},"p":"1.5","q":"2","price":"junk","timestamp":"junk"}}\n'
    names = {"type": "e", "timestamp": "T", "price": "p", "qty": "q"}
    events, _ = read(tmp_path, line, columns=names)
    assert (int(events["price"][0]), int(events["size"][0])) == (1_500_000_000, 2)
    with pytest.raises(UsageError, match="nope"):
        read(tmp_path, line, columns={"nope": "e"})


@pytest.mark.parametrize("line", ["[1]", "hello", '{"a":1', '"text"'])
def test_a_first_line_that_is_no_object_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(FormatError, match="JSON object"):
        read(tmp_path, line)


def test_missing_keys_are_told_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no key type, timestamp; the keys are event, time: .*columns="):
        read(tmp_path, '{"event":"trade","time":1}\n')


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"type":"trade","timestamp":1,"price":[1],"qty":1}', "price is"),
        ('{"type":"trade","timestamp":1,"price":true,"qty":1}', "price is true"),
        ('{"type":"trade","timestamp":1,"price":1,"qty":1', "no JSON object"),
        ('{"type":"trade","timestamp":1,"price":1}', "needs a qty"),
        ("null", "no JSON object"),
    ],
)
def test_a_bad_line_is_counted_with_its_number(tmp_path: Path, line: str, reason: str) -> None:
    good = json.dumps({"type": "trade", "timestamp": T0, "price": "1", "qty": 1}) + "\n"
    events, reader = read(tmp_path, good + line + "\n" + good)
    assert len(events) == 2 and reader.report.counts == {"bad_row": 1}
    assert reader.report.examples[0][1] == 2 and reason in reader.report.examples[0][2]
    with pytest.raises(FormatError, match="row 2"):
        read(tmp_path, good + line + "\n" + good, strict=True)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    lines = []
    for _ in range(draw(st.integers(1, 10))):
        plain = draw(st.booleans())
        row: dict[str, object] = {}
        for name in draw(st.permutations(list(CELLS))):
            text = CELLS[name][0] if plain and draw(st.integers(0, 3)) else draw(st.sampled_from(CELLS[name]))
            kind = draw(st.integers(0, 3))
            if kind == 0 and text.lstrip("-").isdigit() and not text.lstrip("-").startswith("0"):
                row[name] = int(text)
            elif kind == 1 and name not in ("type", "timestamp", "price", "qty"):
                row[name] = draw(st.sampled_from([None, True, 1.5, [1]])) if not plain else None
            elif kind:
                row[name] = text
        row["other"] = draw(st.sampled_from([1, "x", None, {"a": 1}, 'q"'])) if not plain else 1
        lines.append(json.dumps(row, ensure_ascii=draw(st.booleans())))
    data = bytearray("\n".join([json.dumps({"type": "clear", "timestamp": T0}), *lines, ""]).encode())
    start = data.index(b"\n") + 1
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(start, len(data) - 1))
        data[at : at + draw(st.integers(0, 2))] = draw(st.sampled_from([bytes([byte]) for byte in b'",\n\r0-\x00\xff .:{}\\e']))
    return bytes(data)


@given(files())
@SLOW
def test_the_compiled_and_the_tolerant_parser_agree(tmp_path: Path, data: bytes) -> None:
    events, reader = read(tmp_path, data)
    other = EventJsonReader(Source(tmp_path / "x.jsonl"), ReadOptions())
    other.table.inferred_decimals = reader.table.inferred_decimals
    parser = RowParser(other.table, ReadOptions(), -1)
    parser.time_digits = int(reader._config[C_TIME_DIGITS])
    expected, bad = [], []
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip(b" \t\r"):
            try:
                expected.append(parser.parse(other._cells(line), number))
            except RowError:
                bad.append(number)
    assert [tuple(event.tolist()) for event in events] == [tuple(map(int, event)) for event in expected if event]
    assert reader.report.counts["bad_row"] == len(bad)
    assert [number for _, number, _ in reader.report.examples] == bad[:20]


@given(st.binary(max_size=300), st.booleans())
@SLOW
def test_any_bytes_give_events_or_a_one_line_error(tmp_path: Path, data: bytes, headed: bool) -> None:
    head = b'{"type":"clear","timestamp":1}\n' if headed else b""
    try:
        read(tmp_path, head + data)
    except TickdeckError as error:
        assert "\n" not in str(error)


@given(event_arrays())
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_what_is_written_reads_back_the_same(tmp_path: Path, events: np.ndarray) -> None:
    path = tmp_path / "x.jsonl"
    with EventJsonWriter(path, KNOWN) as writer:
        writer.write(events[:3])
        writer.write(events[3:])
    for line in path.read_text().splitlines():
        json.loads(line)
    reader = EventJsonReader(Source(path), ReadOptions())
    back = np.concatenate([empty_events(), *reader])
    assert not reader.report.counts and back.tobytes() == events.tobytes()


def test_the_short_form_leaves_out_what_is_empty(tmp_path: Path) -> None:
    events, _ = read(tmp_path, f'{{"type":"cancel","timestamp":{T0},"order_id":9,"symbol":"X","qty":"1.5"}}\n')
    with EventJsonWriter(tmp_path / "y.jsonl", {1: td.Instrument('X"', size_decimals=8)}, full=False) as writer:
        writer.write(events)
    line = (tmp_path / "y.jsonl").read_text()
    assert json.loads(line) == {"type": "cancel", "timestamp": T0, "qty": "1.5", "order_id": 9, "symbol": 'X"'}


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ('{"type":"trade","timestamp":1,"price":1,"qty":1}\n', 0.8, 1),
        ('{"type":"ws","t":1,"data":"x"}\n', 0, 0.1),
        ('{"a":1}\n', 0.01, 0.1),
        ("type,timestamp\n", 0, 0),
        ("{", 0, 0),
    ],
)
def test_detection_claims_its_own_and_leaves_others(tmp_path: Path, text: str, least: float, most: float) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    assert least <= FORMAT.detect(Source(path)) <= most
