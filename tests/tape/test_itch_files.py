"""ITCH 5.0 files: framing, dates, anomalies and recorded days."""

from __future__ import annotations

import gzip
import struct
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import itch_bytes as itch
from tickdeck.core import FormatError, TickdeckError, TruncatedError, UsageError
from tickdeck.tape.itch import FORMAT, ItchReader, date_of_name, publisher_of_name
from tickdeck.tape.reader import ReadOptions
from tickdeck.tape.source import Source

Data = Callable[[str], Path]
NAME = "12302019.NASDAQ_ITCH50"
MIDNIGHT = int(datetime(2019, 12, 30, 5, tzinfo=UTC).timestamp()) * 10**9
OPEN = 9 * 3600 * 10**9
DAY = [
    itch.system(OPEN, "O"),
    itch.directory(1, OPEN, "ABC"),
    itch.trading_action(1, OPEN, "ABC", "T"),
    itch.add(1, OPEN + 1, 5, "B", 100, "ABC", 1_000_000),
    itch.add(1, OPEN + 2, 6, "S", 100, "ABC", 1_000_100, "MMKR"),
    itch.execute(1, OPEN + 3, 5, 40),
    itch.execute_at(1, OPEN + 4, 6, 10, 1_000_050, "N"),
    itch.cancel(1, OPEN + 5, 5, 20),
    itch.replace(1, OPEN + 6, 5, 7, 300, 1_000_010),
    itch.trade(1, OPEN + 7, "B", 50, "ABC", 1_000_055),
    itch.cross(1, OPEN + 8, 1_000, "ABC", 1_000_060),
    itch.delete(1, OPEN + 9, 7),
    itch.delete(1, OPEN + 10, 7),
]


def made(folder: Path, content: bytes, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def opened(path: Path, **options: object) -> ItchReader:
    return FORMAT.open(Source(path), ReadOptions(**options))  # type: ignore[arg-type,return-value]


def collect(reader: ItchReader) -> np.ndarray:
    chunks = list(reader)
    return np.concatenate(chunks) if chunks else np.zeros(0)


def plain_events(messages: list[bytes]) -> list[tuple[object, ...]]:
    plain = itch.Plain(MIDNIGHT, trade_sides=False)
    return [event for number, message in enumerate(messages, 1) for event in plain.events(message, number)]


def zero_framed(messages: list[bytes]) -> bytes:
    return b"".join(b"\0\0" + message for message in messages)


def test_a_day_becomes_its_events(tmp_path: Path) -> None:
    path = made(tmp_path, itch.framed(DAY))
    assert FORMAT.detect(Source(path)) == 1.0
    reader = opened(path)
    assert itch.seen(collect(reader)) == plain_events(DAY)
    assert reader.report.counts == Counter(unknown_order=1)
    assert reader.report.notes["unknown_order"] == {"D": 1}
    assert reader.instruments[1].symbol == "ABC"


def test_gzip_and_zero_lengths_and_an_end_mark_change_nothing(tmp_path: Path) -> None:
    wanted = plain_events(DAY)
    zipped = opened(made(tmp_path, gzip.compress(itch.framed(DAY)), NAME + ".gz"))
    assert itch.seen(collect(zipped)) == wanted
    zero = opened(made(tmp_path, zero_framed(DAY)))
    assert itch.seen(collect(zero)) == wanted
    assert zero.report.counts["zero_length_prefix"] == len(DAY)
    ended = opened(made(tmp_path, itch.framed(DAY) + b"\0\0"))
    assert itch.seen(collect(ended)) == wanted
    assert ended.report.counts == Counter(unknown_order=1)


def test_messages_across_blocks_and_chunks_are_whole(tmp_path: Path) -> None:
    messages = DAY[:3]
    for number in range(40_000):
        messages.append(itch.add(1, OPEN + number, number, "B", 100, "ABC", 1_000_000))
        messages.append(itch.execute(1, OPEN + number, number, 60))
    reader = opened(made(tmp_path, itch.framed(messages)), chunk=1_000)
    events = collect(reader)
    assert len(events) == 2 + 40_000 * 4
    assert reader.decoder.live_orders == 40_000
    assert itch.seen(events[:2000]) == plain_events(messages)[:2000]
    assert not reader.report.counts


def test_a_truncated_last_message_is_counted_and_an_error_when_strict(tmp_path: Path) -> None:
    path = made(tmp_path, itch.framed(DAY)[:-5])
    reader = opened(path)
    assert itch.seen(collect(reader)) == plain_events(DAY[:-1])
    assert reader.report.counts["truncated"] == 1
    with pytest.raises(TruncatedError, match="byte"):
        collect(opened(path, strict=True))


def test_a_truncated_gzip_delivers_what_came_before_and_then_fails(tmp_path: Path) -> None:
    messages = DAY + [itch.add(1, OPEN, number, "B", number % 977 + 1, "ABC", number * 7919 % 10**6) for number in range(50_000)]
    content = gzip.compress(itch.framed(messages))
    got = 0
    with pytest.raises(TruncatedError, match="breaks off"):
        for chunk in opened(made(tmp_path, content[: len(content) // 2], NAME + ".gz"), chunk=1_000):
            got += len(chunk)
    assert got > 5_000


def test_an_unknown_type_is_skipped_by_its_length(tmp_path: Path) -> None:
    reader = opened(made(tmp_path, itch.framed([*DAY[:5], b"z" + bytes(30), *DAY[5:]])))
    events = collect(reader)
    assert len(events) == len(plain_events(DAY))
    assert reader.report.counts["unknown_message"] == 1


def test_an_unknown_type_of_length_zero_is_an_error_with_its_byte(tmp_path: Path) -> None:
    start = zero_framed(DAY)
    with pytest.raises(FormatError, match=f"byte {len(start):,}: a message of length 0 and unknown type 0x7a"):
        collect(opened(made(tmp_path, start + b"\0\0z" + bytes(50))))


def test_strict_stops_at_what_is_not_clean(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="unknown message"):
        collect(opened(made(tmp_path, itch.framed([*DAY, b"z" + bytes(30)])), strict=True))


def test_garbage_under_an_itch_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        collect(opened(made(tmp_path, b"\x01" * 5_000)))


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("12302019.NASDAQ_ITCH50.gz", "2019-12-30"),
        ("20191230.BX_ITCH_50.gz", "2019-12-30"),
        ("S093019-v50.txt.gz", "2019-09-30"),
        ("2019-12-30.itch", "2019-12-30"),
        ("ex20101224.TEST_ITCH_50.gz", "2010-12-24"),
        ("bbekele_12302019_first1000.itch", "2019-12-30"),
        ("13302019.itch", None),
        ("itch50.gz", None),
        ("123020190.itch", None),
    ],
)
def test_the_date_is_read_from_the_name(name: str, day: str | None) -> None:
    assert date_of_name(f"/some/20010101/{name}") == day


def test_the_exchange_is_read_from_the_name() -> None:
    names = ("12302019.NASDAQ_ITCH50", "20191230.BX_ITCH_50.gz", "20191230.PSX_ITCH_50", "Nasdaq_Bx.Equities.pcap", "boxes")
    assert [publisher_of_name(name) for name in names] == [2, 3, 4, 3, 2]


def test_without_a_date_the_reader_asks_for_one(tmp_path: Path) -> None:
    path = made(tmp_path, itch.framed(DAY), "day.itch")
    with pytest.raises(UsageError, match="give the date"):
        opened(path)
    assert collect(opened(path, date="2019-12-30"))["ts_event"][0] == MIDNIGHT + OPEN


def test_symbols_are_filtered(tmp_path: Path) -> None:
    messages = [*DAY, itch.directory(2, OPEN, "XYZ"), itch.add(2, OPEN, 99, "B", 100, "XYZ", 1_000_000)]
    reader = opened(made(tmp_path, itch.framed(messages)), symbols=["XYZ"])
    events = collect(reader)
    assert [(int(e["instrument_id"]), chr(e["action"])) for e in events] == [(0, "N"), (2, "A")]
    assert list(reader.instruments) == [2]


def test_the_first_thousand_messages_of_a_real_day_name_its_stocks(data: Data) -> None:
    path = data("itch/bbekele_12302019_first1000.itch")
    reader = opened(path)
    events = collect(reader)
    content, at, kinds, symbols = path.read_bytes(), 0, Counter[str](), {}
    while at < len(content):
        length = int.from_bytes(content[at : at + 2], "big")
        message = content[at + 2 : at + 2 + length]
        kinds[chr(message[0])] += 1
        if message[:1] == b"R":
            symbols[int.from_bytes(message[1:3], "big")] = message[11:19].decode().rstrip()
        at += 2 + length
    assert sum(kinds.values()) == 1_000
    assert {text[0]: count for text, count in reader.report.notes["messages"].items()} == kinds
    assert {number: item.symbol for number, item in reader.instruments.items()} == symbols
    assert len(events) == kinds["S"] + kinds["H"] + kinds["Y"]
    assert not reader.report.counts


def test_anomalies_of_the_artificial_day_equal_an_independent_count(data: Data) -> None:
    """A slow walk that keeps orders in a dict and knows nothing but the specification's offsets."""
    path = data("itch/ex20101224.TEST_ITCH_50.gz")
    content = gzip.decompress(path.read_bytes())
    lengths = dict(zip("SRHAFEXDUP", (12, 39, 25, 36, 40, 31, 23, 19, 35, 44)))
    live: dict[int, int] = {}
    unknown: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    volume = overfilled = zero = at = 0
    while at < len(content):
        zero += content[at : at + 2] == b"\0\0"
        kind = chr(content[at + 2])
        message = content[at + 2 : at + 2 + lengths[kind]]
        at += 2 + lengths[kind]
        kinds[kind] += 1
        (ref,) = struct.unpack_from(">Q", message, 11) if kind in "AFEXDU" else (0,)
        if kind in "AF":
            assert ref not in live
            live[ref] = struct.unpack_from(">I", message, 20)[0]
        elif kind in "EXDU" and ref not in live:
            unknown[kind] += 1
        elif kind in "EX":
            (size,) = struct.unpack_from(">I", message, 19)
            volume += size if kind == "E" else 0
            overfilled += size > live[ref]
            live[ref] -= size
            if live[ref] <= 0:
                del live[ref]
        elif kind == "D":
            del live[ref]
        elif kind == "U":
            del live[ref]
            new, size = struct.unpack_from(">QI", message, 19)
            live[new] = size
    reader = opened(path)
    events = collect(reader)
    assert (sum(kinds.values()), zero) == (12_012, 12_012)
    assert (sum(unknown.values()), unknown["E"], kinds["E"]) == (117, 18, 198)
    wanted = Counter(unknown_order=sum(unknown.values()), zero_length_prefix=zero, overfilled=overfilled)
    assert reader.report.counts == +wanted
    assert reader.report.notes["unknown_order"] == unknown
    assert {text[0]: count for text, count in reader.report.notes["messages"].items()} == kinds
    assert reader.decoder.live_orders == len(live)
    assert int(events["size"][events["action"] == ord("F")].sum()) == volume
    assert np.count_nonzero(events["action"] == ord("F")) == kinds["E"] - unknown["E"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_files_raise_nothing_but_tickdeck_errors(draw: st.DataObject) -> None:
    import tempfile

    content = bytearray(draw.draw(st.sampled_from([itch.framed(DAY), zero_framed(DAY)])))
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(content) - 1))
        content[at : at + draw.draw(st.integers(0, 4))] = draw.draw(st.binary(max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        try:
            reader = opened(made(Path(folder), bytes(content)))
            assert len(collect(reader)) <= 3 * len(content)
        except TickdeckError as error:
            assert "\n" not in str(error)
