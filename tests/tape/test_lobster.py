"""LOBSTER message files: exact in, exact out."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.core import UNDEF_PRICE, FormatError, Instrument, LossError, TickdeckError, UsageError
from tickdeck.tape.lobster import FORMAT, looks_like_messages
from tickdeck.tape.reader import Reader, ReadOptions
from tickdeck.tape.source import Source

Data = Callable[[str], Path]
NAME = "AMZN_2012-06-21_34200000_57600000_message_5.csv"
RECORDED = (
    "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",
    "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip",
    "lobster/AAPL_10_first_999/AAPL_2012-06-21_34200000_57600000_message_10.csv",
)
SAMPLE = (
    b"34200.017459617,5,0,1,2238200,-1\n"
    b"34200.18960767,1,11885113,21,2238100,1\n"
    b"34201,2,11885113,1,2238100,1\n"
    b"34201.5,4,11885113,15,2238100,1\n"
    b"34201.500000001,3,11885113,5,2238100,1\n"
    b"34202,6,-1,300,2238150,-1\n"
    b"34203,7,0,0,-1,-1\n"
    b"34204,7,0,0,0,-1\n"
    b"34205,7,0,0,1,-1\n"
)


def opened(path: Path, **options: object) -> Reader:
    return FORMAT.open(Source(path), ReadOptions(**options))  # type: ignore[arg-type]


def collect(reader: Reader) -> np.ndarray:
    chunks = list(reader)
    return np.concatenate(chunks) if chunks else np.zeros(0)


def made(folder: Path, content: bytes, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def expected(line: str, row: int, day: str) -> list[tuple[object, ...]]:
    """The events of one message by the definition of the format, in plain Python: decimals, datetimes, no kernels."""
    time, kind, order_id, size, price, direction = line.split(",")
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    ns = int(midnight.timestamp()) * 10**9 + int((Decimal(time) * 10**9).to_integral_value())
    resting, aggressor = ("B", "A") if direction == "1" else ("A", "B")
    units, shares, order = int(Decimal(price) * 10**5), int(size), int(order_id)

    def event(action: str, side: str, order: int, flags: int, units: int = units) -> tuple[object, ...]:
        return (ns, action, side, order % 2**64, units, shares, flags, row)

    match kind:
        case "1":
            return [event("A", resting, order, 128)]
        case "2":
            return [event("C", resting, order, 130)]
        case "3":
            return [event("C", resting, order, 128)]
        case "4":
            return [event("T", aggressor, 0, 0), event("F", resting, order, 0), event("C", resting, order, 128)]
        case "5":
            return [event("T", aggressor, order, 128)]
        case "6":
            return [event("T", "N", order, 130)]
        case _:
            return [event("N", "N", {"-1": 8, "0": 3, "1": 7}[price], 128, UNDEF_PRICE)]


def seen(events: np.ndarray) -> list[tuple[object, ...]]:
    return [
        (e["ts_event"], chr(e["action"]), chr(e["side"]), e["order_id"], e["price"], e["size"], e["flags"], e["sequence"])
        for e in events
    ]


def text_of(path: Path) -> bytes:
    if path.suffix != ".zip":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(name for name in archive.namelist() if "_message_" in name))


def test_every_message_type_becomes_its_events(tmp_path: Path) -> None:
    reader = opened(made(tmp_path, SAMPLE))
    events = collect(reader)
    lines = SAMPLE.decode().splitlines()
    assert seen(events) == [event for row, line in enumerate(lines, 1) for event in expected(line, row, "2012-06-21")]
    assert {*events["instrument_id"]} == {1}
    assert reader.instruments[1].symbol == "AMZN"
    assert not reader.report.counts


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_files_equal_a_plain_reading_of_every_row(data: Data, name: str) -> None:
    path = data(name)
    events = collect(opened(path))
    lines = text_of(path).decode().split("\n")
    lines = lines[:-1] if not lines[-1] else lines
    assert seen(events) == [event for row, line in enumerate(lines, 1) for event in expected(line, row, "2012-06-21")]


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("chunk", [65_536, 777])
def test_a_recorded_file_read_and_written_is_the_same_bytes(data: Data, tmp_path: Path, name: str, chunk: int) -> None:
    path = data(name)
    reader = opened(path, chunk=chunk)
    symbol, levels = reader.instruments[1].symbol, reader.report.notes["levels"]
    target = tmp_path / f"{symbol}_2012-06-21_34200000_57600000_message_{levels}.csv"
    assert FORMAT.create is not None
    with FORMAT.create(target, reader.instruments) as writer:
        for events in reader:
            writer.write(events)
    assert target.read_bytes() == text_of(path)


def test_a_time_finer_than_a_nanosecond_is_rounded_counted_and_kept_for_writing(tmp_path: Path) -> None:
    content = b"43002.632812672004,3,134172772,100,2238700,-1\n43002.6328126725,3,134172773,100,2238700,-1\n"
    path = made(tmp_path, content)
    reader = opened(path)
    events = collect(reader)
    assert [int(ns) % 10**9 for ns in events["ts_event"]] == [632_812_672, 632_812_673]
    assert reader.report.counts["time_below_ns"] == 2
    assert rewritten(reader, events, tmp_path) == content


@pytest.mark.parametrize(
    "content",
    [
        SAMPLE[:-1],
        b"34200.100000000,1,5,10,1000000,1\n34200.123456789,3,5,10,1000000,1\n",
        b"34200.100,1,5,10,1000000,1\n34200.120,3,5,10,1000000,1\n",
        b"34200.017459617000,1,5,10,1000000,1\n",
    ],
    ids=["no final newline", "nine padded decimals", "milliseconds", "twelve padded decimals"],
)
def test_conventions_of_a_file_survive_a_round_trip(tmp_path: Path, content: bytes) -> None:
    reader = opened(made(tmp_path, content))
    assert rewritten(reader, collect(reader), tmp_path) == content


def rewritten(reader: Reader, events: np.ndarray, folder: Path, **options: object) -> bytes:
    target = folder / "AMZN_2012-06-21_34200000_57600000_message_50.csv"
    assert FORMAT.create is not None
    with FORMAT.create(target, reader.instruments, **options) as writer:
        writer.write(events)
    return target.read_bytes()


def test_a_winter_day_counts_from_another_utc_midnight(tmp_path: Path) -> None:
    winter = collect(opened(made(tmp_path, b"34200,1,5,10,1000000,1\n", "X_2012-01-05_0_1_message_1.csv")))
    summer = collect(opened(made(tmp_path, b"34200,1,5,10,1000000,1\n", "X_2012-07-05_0_1_message_1.csv")))
    assert datetime.fromtimestamp(int(winter["ts_event"][0]) // 10**9, UTC).hour == 14
    assert datetime.fromtimestamp(int(summer["ts_event"][0]) // 10**9, UTC).hour == 13


def test_the_option_date_wins_over_the_name_and_is_demanded_without_one(tmp_path: Path) -> None:
    path = made(tmp_path, SAMPLE, "messages.csv")
    with pytest.raises(UsageError, match="give the date"):
        opened(path)
    events = collect(opened(path, date="2020-03-02", instruments=[Instrument("MSFT", instrument_id=7)]))
    assert datetime.fromtimestamp(int(events["ts_event"][0]) // 10**9, UTC).date().isoformat() == "2020-03-02"
    assert {*events["instrument_id"]} == {7}


def test_bad_rows_are_counted_with_their_numbers_and_keep_the_row_count(tmp_path: Path) -> None:
    path = made(tmp_path, b"34200,1,5,10,1000000,1\nnonsense\n34201,9,5,10,1000000,1\n\n34202,3,5,10,1000000,1\n34203,1,5,1")
    reader = opened(path)
    events = collect(reader)
    assert [int(row) for row in events["sequence"]] == [1, 5]
    assert reader.report.counts["bad_row"] == 4
    assert [row for kind, row, _ in reader.report.examples if kind == "bad_row"] == [2, 3, 4, 6]
    with pytest.raises(FormatError, match="row 2"):
        collect(opened(path, strict=True))


@pytest.mark.parametrize(
    "row",
    [
        b"34200,1,5,0,1000000,1",
        b"34200,1,5,-1,1000000,1",
        b"34200,1,5,10,-1000000,1",
        b"34200,1,5,10,1000000,2",
        b"34200,1,99999999999999999999,10,1000000,1",
        b"34200.,1,5,10,1000000,1",
        b"-34200,1,5,10,1000000,1",
        b"200000,1,5,10,1000000,1",
        b"34200,7,0,0,2,-1",
        b"34200,1,5,10,99999999999999,1",
        b"34200,1,5,10,1000000,1x",
    ],
)
def test_a_row_out_of_range_is_bad(tmp_path: Path, row: bytes) -> None:
    reader = opened(made(tmp_path, b"34200,1,5,10,1000000,1\n" + row + b"\n"))
    assert len(collect(reader)) == 1
    assert reader.report.counts["bad_row"] == 1


def test_a_file_without_any_message_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no row is a LOBSTER message"):
        collect(opened(made(tmp_path, b"a,b,c\n1,2,3\n")))


def test_a_line_that_never_ends_is_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="a line over") as caught:
        collect(opened(made(tmp_path, b"7" * (1 << 20) + b"7" * 100)))
    assert "\n" not in str(caught.value)


def test_times_going_backwards_and_seventh_columns_are_counted(tmp_path: Path) -> None:
    reader = opened(made(tmp_path, b"34201,1,5,10,1000000,1,null\n34200,3,5,10,1000000,1,null\n"))
    assert len(collect(reader)) == 2
    assert reader.report.counts["time_backwards"] == 1
    assert reader.report.counts["extra_column"] == 2


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    reader = opened(made(tmp_path, SAMPLE.replace(b"\n", b"\r\n")))
    assert seen(collect(reader)) == seen(collect(opened(made(tmp_path, SAMPLE))))
    assert not reader.report.counts


def test_a_zip_member_can_be_named_and_several_must_be(tmp_path: Path) -> None:
    archive = tmp_path / "days.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for day in (20, 21):
            out.writestr(f"AMZN_2012-06-{day}_34200000_57600000_message_5.csv", SAMPLE)
    with pytest.raises(UsageError, match="name one"):
        opened(archive)
    member = Path(f"{archive}/AMZN_2012-06-20_34200000_57600000_message_5.csv")
    assert opened(member).report.notes["date"] == "2012-06-20"


def test_an_orderbook_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = made(tmp_path, b"1,2,3,4\n", "AMZN_2012-06-21_34200000_57600000_orderbook_1.csv")
    assert FORMAT.detect(Source(path)) > 0
    with pytest.raises(UsageError, match="orderbook"):
        opened(path)


def test_messages_are_told_from_other_csv() -> None:
    assert looks_like_messages(SAMPLE)
    assert looks_like_messages(SAMPLE[:50])
    assert not looks_like_messages(b"1,2,3,4,5,6\n")
    assert not looks_like_messages(b"time,type,id,size,price,direction\n")


def test_what_a_row_cannot_hold_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    reader = opened(made(tmp_path, SAMPLE))
    events = collect(reader)

    def refuse(pattern: str, **changes: object) -> None:
        changed = events.copy()
        at = changes.pop("at", 0)
        for name, value in changes.items():
            changed[name][at] = value
        with pytest.raises(LossError, match=pattern):
            rewritten(reader, changed, tmp_path)

    refuse("several instruments", instrument_id=9)
    refuse("receive times", ts_recv=1)
    refuse("lone M", action=ord("M"))
    refuse("lone R", action=ord("R"))
    refuse("finer than 0.0001", price=223_820_050_000)
    refuse("sequence 77", sequence=77)
    refuse("flags", flags=128 | 16)
    refuse("publisher", publisher_id=2)
    refuse("another day", ts_event=0)
    refuse("order id", at=1, order_id=2**63)
    refuse("lone F", at=3, size=1)
    refuse("trading status 1", at=-1, order_id=1)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_name_without_symbol_and_day_is_refused_for_writing(tmp_path: Path) -> None:
    assert FORMAT.create is not None
    for name in ("out.csv", "message_5.csv"):
        with pytest.raises(UsageError, match=re.escape("AMZN_2012-06-21_34200000_57600000_message_5.csv")):
            FORMAT.create(tmp_path / name, {})


def test_cancels_of_another_source_become_partial_or_total_by_what_is_left(tmp_path: Path) -> None:
    reader = opened(made(tmp_path, SAMPLE))
    events = collect(reader)[1:6]
    events["publisher_id"] = 2
    events["flags"] &= 128
    with pytest.raises(LossError, match="publisher"):
        rewritten(reader, events, tmp_path)
    assert rewritten(reader, events, tmp_path, lossy=True) == b"".join(SAMPLE.splitlines(keepends=True)[1:4])
    with pytest.raises(LossError, match="never added"):
        rewritten(reader, events[1:], tmp_path, lossy=True)


messages = st.tuples(
    st.integers(0, 86_399),
    st.integers(0, 10**9 - 1),
    st.sampled_from([1, 2, 3, 4, 5]),
    st.integers(0, 2**63 - 1),
    st.integers(1, 10**12),
    st.integers(1, 10**13),
    st.sampled_from([1, -1]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(messages, min_size=1, max_size=30), st.integers(3, 20))
def test_any_messages_are_read_exactly_and_written_back(rows: list[tuple[int, ...]], chunk: int) -> None:
    import tempfile

    lines = []
    for seconds, ns, kind, order, size, price, direction in rows:
        time = f"{seconds}.{ns:09d}".rstrip("0").rstrip(".")
        lines.append(f"{time},{kind},{order},{size},{price},{direction}")
    content = ("\n".join(lines) + "\n").encode()
    with tempfile.TemporaryDirectory() as folder:
        reader = opened(made(Path(folder), content), chunk=chunk)
        events = collect(reader)
        assert seen(events) == [event for row, line in enumerate(lines, 1) for event in expected(line, row, "2012-06-21")]
        assert rewritten(reader, events, Path(folder)) == content


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_files_raise_nothing_but_tickdeck_errors(draw: st.DataObject) -> None:
    import tempfile

    content = bytearray(SAMPLE)
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(content) - 1))
        content[at : at + draw.draw(st.integers(0, 4))] = draw.draw(st.binary(max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        path = made(Path(folder), bytes(content))
        try:
            reader = opened(path)
            rows = collect(reader)
            assert len(rows) <= 11 + 3 * bytes(content).count(b"\n")
        except TickdeckError as error:
            assert "\n" not in str(error)
