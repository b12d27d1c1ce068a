"""Writing DBN: exact or refused, and readable by Databento's own decoder."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import databento_dbn as dbn
import numpy as np
import pytest
import zstandard
from dbn_bytes import START, metadata, open_dbn, read_native, save
from event_arrays import any_events
from hypothesis import HealthCheck, given, settings

from tickdeck.core import DBN_MBO, EVENT, Instrument, LossError, Records, empty_events
from tickdeck.tape.dbn import FORMAT
from tickdeck.tape.dbn_writer import DbnWriter

Data = Callable[[str], Path]

INSTRUMENTS = {7: Instrument("ABC", venue="TEST.SET", instrument_id=7), 8: Instrument("XYZ", venue="TEST.SET", instrument_id=8)}


def sample(count: int = 100) -> Records:
    events = empty_events(count)
    random = np.random.default_rng(5)
    for name, (kind, *_) in EVENT.fields.items():
        limits = np.iinfo(kind)
        events[name] = random.integers(limits.min, limits.max, count, dtype=kind, endpoint=True)
    for name, most in (("ts_event", 2**63), ("ts_recv", 2**63), ("size", 2**32), ("sequence", 2**32)):
        events[name] = random.integers(1, most, count, dtype=np.uint64)
    events["rtype"] = 160
    events["reserved"] = 0
    return events


def written(path: Path, events: Records, instruments: dict[int, Instrument] = INSTRUMENTS) -> Path:
    with DbnWriter(path, instruments) as writer:
        for first in range(0, len(events), 30):
            writer.write(events[first : first + 30])
    return path


@pytest.mark.parametrize("name", ["a.dbn", "a.dbn.zst"])
def test_events_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    events = sample()
    reader = open_dbn(written(tmp_path / name, events))
    np.testing.assert_array_equal(np.concatenate(list(reader)), events)
    assert {number: item.symbol for number, item in reader.instruments.items()} == {7: "ABC", 8: "XYZ"}
    assert reader.instruments[7].venue == "TEST.SET"
    assert [item.name for item in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.dbn", "a.dbn.zst"])
def test_a_recorded_day_comes_back_bit_for_bit(data: Data, tmp_path: Path, name: str) -> None:
    source = data("databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst")
    with DbnWriter(tmp_path / name, open_dbn(source).instruments) as writer:
        for chunk in open_dbn(source):
            writer.write(chunk)
    assert read_native(tmp_path / name).tobytes() == read_native(source).tobytes()


def test_databentos_decoder_reads_what_was_written(tmp_path: Path) -> None:
    events = sample(20)
    raw = written(tmp_path / "a.dbn.zst", events).read_bytes()
    decoder = dbn.DBNDecoder()
    decoder.write(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw), read_across_frames=True).read())
    head, *messages = decoder.decode()
    assert (head.version, str(head.schema), head.dataset) == (3, "mbo", "TEST.SET")
    assert set(head.mappings) == {"ABC", "XYZ"}
    raw_records = np.frombuffer(b"".join(bytes(message)[:56] for message in messages), DBN_MBO)
    for name in DBN_MBO.names:
        if name != "length":
            np.testing.assert_array_equal(raw_records[name], events[name], name)


def test_the_metadata_tells_the_range_of_times_and_days(tmp_path: Path) -> None:
    events = sample(3)
    events["ts_recv"] = [START + 5, START, 0]
    events["ts_event"] = START + 86_400 * 10**9
    head = open_dbn(written(tmp_path / "a.dbn", events))
    assert (head.report.notes["start"], head.report.notes["end"]) == (START, START + 86_400 * 10**9 + 1)
    mapping = dbn.Metadata.decode((tmp_path / "a.dbn").read_bytes()).mappings["ABC"]
    assert [str(interval[key]) for interval in mapping for key in ("start_date", "end_date")] == ["2023-11-14", "2023-11-16"]


def test_an_unknown_time_is_written_as_undefined(tmp_path: Path) -> None:
    events = sample(1)
    events["ts_recv"] = 0
    path = written(tmp_path / "a.dbn", events)
    assert read_native(path)["ts_recv"].tolist() == [2**64 - 1]
    assert np.concatenate(list(open_dbn(path)))["ts_recv"].tolist() == [0]


def test_instruments_that_are_named_while_writing_are_in_the_metadata(tmp_path: Path) -> None:
    with DbnWriter(tmp_path / "a.dbn", {}) as writer:
        writer.write(sample(1))
        writer.instruments[9] = Instrument("LATE")
        writer.write(sample(1))
    assert open_dbn(tmp_path / "a.dbn").instruments[9].symbol == "LATE"


def test_a_file_of_no_events_is_a_file(tmp_path: Path) -> None:
    reader = open_dbn(written(tmp_path / "a.dbn", sample(0)))
    assert list(reader) == [] and len(reader.instruments) == 2


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("size", 2**32, "a size of 4,294,967,296"),
        ("size", -1, "a size of -1"),
        ("sequence", 2**32, "a sequence of 4,294,967,296"),
        ("ts_event", -5, "a ts_event of -5"),
        ("ts_recv", -5, "a ts_recv of -5"),
        ("rtype", 10, "an rtype of 10"),
    ],
)
def test_what_a_record_cannot_hold_is_refused_and_named(tmp_path: Path, field: str, value: int, text: str) -> None:
    events = sample()
    events[field][77] = value
    with pytest.raises(LossError, match=rf"{text} \(event 78\)") as caught:
        written(tmp_path / "a.dbn", events)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Instrument("BTC", size_decimals=8), "size_decimals 8"),
        (Instrument("S" * 71), "symbol"),
        (Instrument("Ω"), "symbol"),
    ],
)
def test_instruments_that_the_metadata_cannot_hold_are_refused(tmp_path: Path, item: Instrument, text: str) -> None:
    with pytest.raises(LossError, match=text):
        written(tmp_path / "a.dbn", sample(1), {1: item})
    with pytest.raises(LossError, match=text), DbnWriter(tmp_path / "a.dbn", {}) as writer:
        writer.write(sample(1))
        writer.instruments[1] = item
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_caller_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), DbnWriter(tmp_path / "a.dbn.zst", INSTRUMENTS) as writer:
        writer.write(sample(5))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=any_events())
def test_any_events_come_back_or_are_refused(tmp_path: Path, events: Records) -> None:
    for path in tmp_path.iterdir():
        path.unlink()
    try:
        path = written(tmp_path / "a.dbn", events)
    except LossError:
        assert list(tmp_path.iterdir()) == []
        return
    found = np.concatenate([empty_events(), *open_dbn(path)])
    for name in EVENT.names:
        if name not in ("rtype", "reserved"):
            np.testing.assert_array_equal(found[name], events[name], name)


def test_the_name_chooses_the_writer() -> None:
    assert FORMAT.suffixes == (".dbn", ".dbn.zst") and FORMAT.create is not None


def test_a_rewritten_file_of_an_older_version_has_the_same_records(tmp_path: Path) -> None:
    events = sample(10)
    old = save(tmp_path / "old.dbn", metadata(version=1), read_native(written(tmp_path / "new.dbn", events)).tobytes())
    reader = open_dbn(old)
    assert reader.header.version == 1
    np.testing.assert_array_equal(np.concatenate(list(reader)), events)
