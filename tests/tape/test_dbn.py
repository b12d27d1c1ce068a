"""Reading DBN: in place, through versions, fragments, interleaved records and ``ts_out``."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import databento_dbn as dbn
import numpy as np
import pytest
import zstandard
from dbn_bytes import mbo, metadata, open_dbn, read_native, save, symbol_mapping, system, with_ts_out

from tickdeck.core import DBN_MBO, EVENT, FormatError, Instrument, UsageError, as_events
from tickdeck.tape import Source
from tickdeck.tape import dbn as dbn_format
from tickdeck.tape.dbn_records import DEFINITION, SCHEMAS, schema_layout

Data = Callable[[str], Path]

FIXTURES = "databento/fixtures/"
DECODED = [
    f"test_data.{schema}.{version}.dbn.zst"
    for schema in ("definition", "imbalance", "mbo", "mbp-1", "mbp-10", "ohlcv-1m", "statistics", "tbbo", "trades")
    for version in ("v1", "v2", "v3")
] + [f"test_data.{schema}.v3.dbn.zst" for schema in ("bbo-1m", "bbo-1s", "cbbo-1s", "cmbp-1", "status", "ohlcv-1d")]


def ticks(count: int, first: int = 0) -> bytes:
    return b"".join(mbo(first + index) for index in range(count))


def expected(count: int) -> np.ndarray:
    return np.frombuffer(ticks(count), DBN_MBO)


def flat(records: np.ndarray, name: str) -> np.ndarray:
    """A field under Databento's name, which numbers the levels."""
    if name in records.dtype.names:
        return records[name]
    return records["levels"][name[:-3]][:, int(name[-2:])]


@pytest.mark.parametrize("name", DECODED)
def test_every_field_of_every_schema_and_version_equals_databentos_decoder(data: Data, name: str) -> None:
    path = data(FIXTURES + name)
    decoder = dbn.DBNDecoder(upgrade_policy=dbn.VersionUpgradePolicy.UPGRADE_TO_V3)
    decoder.write(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read())
    theirs = decoder.decode()[1:]
    ours = list(open_dbn(path).records())
    if not theirs:
        assert not ours
        return
    records = np.concatenate(ours)
    assert len(records) == len(theirs)
    layout = np.dtype(type(theirs[0])._dtypes)
    raw = np.frombuffer(b"".join(bytes(message)[: layout.itemsize] for message in theirs), layout)
    for field in layout.names:
        if not field.startswith("_"):
            values = np.ascontiguousarray(raw[field])
            np.testing.assert_array_equal(flat(records, field), values.view("u1") if values.dtype == "S1" else values, field)


def test_native_chunks_are_the_records_of_the_file(tmp_path: Path) -> None:
    for compress in (False, True):
        path = save(tmp_path / "a.dbn", metadata(), ticks(100), compress=compress)
        assert read_native(path).tobytes() == ticks(100)


def test_native_chunks_lie_in_the_read_buffer_without_a_copy(tmp_path: Path) -> None:
    path = save(tmp_path / "a.dbn", metadata(), ticks(10))
    chunk = next(iter(open_dbn(path, native=True)))
    assert chunk.dtype == DBN_MBO
    assert chunk.base is not None and not chunk.flags.owndata and not chunk.flags.writeable


def test_a_native_chunk_stays_valid_until_the_next_but_one(tmp_path: Path) -> None:
    count = 40_000
    path = save(tmp_path / "a.dbn.zst", metadata(), np.tile(expected(200), count // 200).tobytes(), compress=True)
    numbers = np.arange(count) % 200
    before = None
    place = 0
    for chunk in open_dbn(path, native=True, chunk=1_000):
        if before is not None:
            np.testing.assert_array_equal(before["sequence"], numbers[place - len(before) : place])
        np.testing.assert_array_equal(chunk["sequence"], numbers[place : place + len(chunk)])
        place += len(chunk)
        before = chunk
    assert place == count


def test_events_equal_the_native_records(tmp_path: Path) -> None:
    path = save(tmp_path / "a.dbn", metadata(), ticks(50))
    events = np.concatenate(list(open_dbn(path, chunk=7)))
    assert events.dtype == EVENT
    np.testing.assert_array_equal(events, as_events(expected(50)))


@pytest.mark.parametrize("chunk", [1, 3, 1_000])
def test_no_chunk_is_longer_than_asked_for(tmp_path: Path, chunk: int) -> None:
    path = save(tmp_path / "a.dbn", metadata(), ticks(10))
    for native in (True, False):
        sizes = [len(item) for item in open_dbn(path, native=native, chunk=chunk)]
        assert sum(sizes) == 10 and max(sizes) <= chunk


def test_undefined_timestamps_become_zero_and_impossible_ones_are_counted(tmp_path: Path) -> None:
    records = expected(3).copy()
    records["ts_recv"][0] = 2**64 - 1
    records["ts_event"][1] = 2**63
    path = save(tmp_path / "a.dbn", metadata(), records.tobytes())
    reader = open_dbn(path)
    events = np.concatenate(list(reader))
    assert events["ts_recv"][0] == 0 and events["ts_event"][1] == 0
    assert reader.report.counts == {"bad_timestamp": 1}


def test_instruments_come_from_the_metadata(tmp_path: Path) -> None:
    reader = open_dbn(save(tmp_path / "a.dbn", metadata()))
    assert {number: item.symbol for number, item in reader.instruments.items()} == {7: "ABC", 8: "XYZ"}
    assert reader.instruments[7].venue == "TEST.SET"
    assert reader.report.notes["version"] == 3


def test_what_the_caller_declares_wins(tmp_path: Path) -> None:
    reader = open_dbn(save(tmp_path / "a.dbn", metadata()), instruments=[Instrument("ABC", tick_size="0.25")])
    assert reader.instruments[7].tick_size == 250_000_000
    assert reader.instruments[7].instrument_id == 7


def test_only_the_symbols_asked_for_are_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.dbn", metadata(), *(mbo(index, 7 + index % 2) for index in range(10)))
    for native in (True, False):
        chunks = [chunk.copy() for chunk in open_dbn(path, native=native, symbols=["XYZ"])]
        assert np.concatenate(chunks)["sequence"].tolist() == [1, 3, 5, 7, 9]


def test_records_of_other_types_are_passed_over_and_counted(tmp_path: Path) -> None:
    parts = [metadata(None), system(), ticks(3), symbol_mapping(9, "NEW"), ticks(2, 3), system(), system(), ticks(40, 5)]
    for compress in (False, True):
        reader = open_dbn(save(tmp_path / "a.dbn", *parts, compress=compress), native=True)
        assert np.concatenate([chunk.copy() for chunk in reader]).tobytes() == ticks(45)
        assert reader.report.counts == {"skipped_system": 3, "skipped_symbol_mapping": 1}
        assert reader.instruments[9].symbol == "NEW"


def test_other_records_across_block_borders_are_passed_over(tmp_path: Path) -> None:
    parts = [part for index in range(400) for part in (mbo(index), system())]
    reader = open_dbn(save(tmp_path / "a.dbn", metadata(), *parts), native=True, chunk=19)
    assert np.concatenate([chunk.copy() for chunk in reader]).tobytes() == ticks(400)
    assert reader.report.counts == {"skipped_system": 400}


def test_ts_out_behind_each_record_is_dropped(tmp_path: Path) -> None:
    for count in (1, 500):
        parts = [with_ts_out(mbo(index)) for index in range(count)]
        path = save(tmp_path / "a.dbn", metadata(ts_out=True), *parts)
        assert read_native(path, chunk=100).tobytes() == ticks(count)


def test_more_symbol_mappings_than_one_buffer_holds_are_all_entered(tmp_path: Path) -> None:
    mappings = [symbol_mapping(1_000 + index, f"S{index}") for index in range(1_000)]
    reader = open_dbn(save(tmp_path / "a.dbn", metadata(None), *mappings, ticks(2)), native=True)
    assert sum(map(len, reader)) == 2
    assert {reader.instruments[1_000 + index].symbol for index in range(1_000)} == {f"S{index}" for index in range(1_000)}


def test_a_fragment_without_metadata_is_told_by_its_records(tmp_path: Path) -> None:
    for compress in (False, True):
        path = save(tmp_path / "piece", ticks(4), compress=compress)
        assert dbn_format.FORMAT.detect(Source(path)) > 0
        assert read_native(path).tobytes() == ticks(4)
        assert open_dbn(path).schema == "mbo"


def test_frames_of_zstd_one_after_another_are_one_file(tmp_path: Path) -> None:
    raw = metadata() + ticks(30)
    path = tmp_path / "a.dbn.zst"
    path.write_bytes(b"".join(zstandard.compress(raw[start : start + 101]) for start in range(0, len(raw), 101)))
    assert read_native(path).tobytes() == ticks(30)


def test_definitions_of_all_versions_define_the_same_instruments(data: Data) -> None:
    found = []
    for version in ("v1", "v2", "v3"):
        reader = open_dbn(data(f"{FIXTURES}test_data.definition.{version}.dbn.frag"))
        assert list(reader) == []
        found.append(reader.instruments)
    assert found[0] == found[1] == found[2]
    first = next(item for item in found[0].values() if item.symbol.startswith("GEM3"))
    assert (first.tick_size, first.currency, first.venue) == (500_000_000, "USD", "XCME")


def test_a_future_has_its_tick_and_multiplier(data: Data) -> None:
    reader = open_dbn(data("databento/definition-glbx-es-fut.dbn.zst"))
    records = np.concatenate(list(reader.records()))
    assert records.dtype == DEFINITION
    item = reader.instruments[95_414]
    assert (item.symbol, item.tick_size, item.multiplier, item.currency) == ("ESM3", 250_000_000, 50 * 10**9, "USD")


@pytest.mark.parametrize("schema", ["ohlcv-1m", "statistics", "imbalance"])
def test_schemas_without_order_events_point_to_records(data: Data, schema: str) -> None:
    path = data(f"{FIXTURES}test_data.{schema}.dbn")
    with pytest.raises(UsageError, match=r"records\(\)"):
        list(open_dbn(path))
    records = np.concatenate(list(open_dbn(path).records()))
    assert records.dtype == schema_layout(schema) and len(records) == 2


def test_an_unknown_schema_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no schema 'mbo2'"):
        open_dbn(save(tmp_path / "a.dbn", metadata()), schema="mbo2")


def test_every_fixture_is_detected_and_read(data: Data) -> None:
    fixtures = sorted(data(FIXTURES).iterdir())
    assert len(fixtures) > 80
    for path in fixtures:
        source = Source(path)
        assert dbn_format.FORMAT.detect(source) > 0, path.name
        if path.suffix == ".dbz":
            with pytest.raises(FormatError, match="DBZ"):
                open_dbn(path)
        else:
            reader = open_dbn(path)
            assert reader.schema in SCHEMAS and reader.schema in path.name
            counts = {"ohlcv-1d": 0, "bbo-1m": 4, "bbo-1s": 4, "status": 4}
            known = 8 if path.name.startswith("multi-frame") else counts.get(reader.schema, 2)
            assert sum(map(len, reader.records())) == known, path.name


def test_the_reading_thread_ends_when_the_reader_is_left_early(tmp_path: Path) -> None:
    path = save(tmp_path / "a.dbn", metadata(), expected(2_000).tobytes() * 100)
    reader = open_dbn(path, native=True)
    next(iter(reader))
    reader.close()
    with open_dbn(path, native=True) as second:
        for _ in second:
            break
    with pytest.raises(RuntimeError, match="mine"), open_dbn(path, native=True) as third:
        for _ in third:
            raise RuntimeError("mine")
    assert not [thread for thread in threading.enumerate() if thread.name == "tickdeck-readahead"]


def test_es_has_the_records_that_are_known_of_it(data: Data) -> None:
    records = read_native(data("databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst"))
    kinds, counts = np.unique(records["action"], return_counts=True)
    assert dict(zip(map(chr, kinds), counts.tolist())) == {"A": 29_216, "C": 17_999, "M": 12_233, "T": 2_973, "F": 6_371}
    assert int((records["flags"] & 32 != 0).sum()) == 8_725


@pytest.mark.parametrize("compress", [True, False])
def test_progress_is_in_bytes_of_the_file_as_it_lies(tmp_path: Path, compress: bool) -> None:
    path = save(tmp_path / "a.dbn", metadata(), expected(2_000).tobytes() * 100, compress=compress)
    reader = open_dbn(path, native=True)
    seen = []
    for _ in reader:
        seen.append(reader.position)
    assert seen == sorted(seen) and 0 <= seen[0] <= path.stat().st_size
    assert reader.position == path.stat().st_size == reader.source.size
