"""Damaged DBN: one line that says what and where, what came before is delivered, and never a hang."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from dbn_bytes import mbo, metadata, open_dbn, save, system
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tickdeck.core import DBN_MBO, FormatError, TickdeckError, TruncatedError
from tickdeck.tape import Source
from tickdeck.tape import dbn as dbn_format
from tickdeck.tape.dbn import DbnReader

Data = Callable[[str], Path]


def ticks(count: int) -> bytes:
    return b"".join(mbo(index) for index in range(count))


def collect(reader: DbnReader) -> tuple[np.ndarray, TickdeckError | None]:
    """What a reader delivers before it fails, and how it fails."""
    chunks = [np.zeros(0, DBN_MBO)]
    try:
        chunks.extend(chunk.copy() for chunk in reader)
    except TickdeckError as error:
        assert "\n" not in str(error) and reader.path in str(error)
        return np.concatenate(chunks), error
    return np.concatenate(chunks), None


def test_an_empty_file_is_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="empty"):
        open_dbn(save(tmp_path / "a.dbn", b""))


def test_another_format_is_one_line_error(tmp_path: Path) -> None:
    path = save(tmp_path / "a.dbn", b"type,timestamp,price\n" * 10)
    assert dbn_format.FORMAT.detect(Source(path)) == 0
    with pytest.raises(FormatError, match="no DBN file"):
        open_dbn(path)


@pytest.mark.parametrize("version", [0, 4, 31])
def test_an_unknown_version_is_named(tmp_path: Path, version: int) -> None:
    raw = metadata()
    path = save(tmp_path / "a.dbn", raw[:3], bytes([version]), raw[4:], ticks(1))
    assert dbn_format.FORMAT.detect(Source(path)) == 1
    with pytest.raises(FormatError, match=f"version {version} is not known"):
        open_dbn(path)


@pytest.mark.parametrize("size", [0, 99, 2**28 + 1, 2**32 - 1])
def test_an_impossible_metadata_length_is_refused(tmp_path: Path, size: int) -> None:
    raw = metadata()
    with pytest.raises(FormatError, match="the file is damaged"):
        open_dbn(save(tmp_path / "a.dbn", raw[:4], size.to_bytes(4, "little"), raw[8:], ticks(1)))


def test_a_large_false_metadata_length_allocates_no_more_than_the_file_holds(tmp_path: Path) -> None:
    raw = metadata()
    path = save(tmp_path / "a.dbn", raw[:4], (2**28).to_bytes(4, "little"), raw[8:], ticks(1))
    tracemalloc.start()
    try:
        with pytest.raises(TruncatedError, match="metadata breaks off"):
            open_dbn(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kept", [1, 3, 7, 8, 50, 107])
def test_a_file_that_ends_in_its_metadata_is_truncated(tmp_path: Path, kept: int) -> None:
    with pytest.raises((TruncatedError, FormatError)):
        open_dbn(save(tmp_path / "a.dbn", metadata()[:kept]))


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("missing", [1, 2, 40, 55])
def test_a_truncated_last_record_comes_after_all_good_ones(tmp_path: Path, native: bool, missing: int) -> None:
    path = save(tmp_path / "a.dbn", metadata(), ticks(20)[:-missing])
    reader = open_dbn(path, native=native, chunk=6)
    records, error = collect_any(reader)
    assert records == 19
    assert isinstance(error, TruncatedError) and "row 20" in str(error)
    assert reader.report.counts == {"truncated": 1}


def collect_any(reader: DbnReader) -> tuple[int, TickdeckError | None]:
    count = 0
    try:
        for chunk in reader:
            count += len(chunk)
    except TickdeckError as error:
        return count, error
    return count, None


def test_a_truncated_zstd_frame_comes_after_the_records_that_it_holds(tmp_path: Path) -> None:
    raw = metadata() + np.random.default_rng(1).permutation(np.frombuffer(ticks(200) * 100, DBN_MBO)).tobytes()
    whole = zstandard.compress(raw)
    path = tmp_path / "a.dbn.zst"
    path.write_bytes(whole[: len(whole) // 2])
    reader = open_dbn(path, native=True)
    records, error = collect(reader)
    assert isinstance(error, TruncatedError)
    assert 0 < len(records) < 20_000
    assert records.tobytes() == raw[len(metadata()) :][: len(records) * 56]
    assert reader.report.counts == {"truncated": 1}


def test_a_zstd_frame_that_ends_on_a_record_but_is_not_closed_is_truncated(tmp_path: Path) -> None:
    compressor = zstandard.ZstdCompressor().compressobj()
    raw = compressor.compress(metadata() + ticks(50)) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    path = tmp_path / "a.dbn.zst"
    path.write_bytes(raw)
    records, error = collect(open_dbn(path, native=True))
    assert records.tobytes() == ticks(50)
    assert isinstance(error, TruncatedError)


def test_damaged_compressed_data_is_one_line_error(tmp_path: Path) -> None:
    raw = bytearray(zstandard.compress(metadata() + np.random.default_rng(1).bytes(400_000)))
    raw[len(raw) // 2 :] = b"\xff" * (len(raw) - len(raw) // 2)
    path = tmp_path / "a.dbn.zst"
    path.write_bytes(raw)
    assert isinstance(collect(open_dbn(path, native=True))[1], FormatError)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_record_shorter_than_its_header_stops_the_reader(tmp_path: Path, length: int) -> None:
    bad = bytes([length]) + mbo(10)[1:]
    reader = open_dbn(save(tmp_path / "a.dbn", metadata(), ticks(10), bad, ticks(5)), native=True)
    records, error = collect(reader)
    assert records.tobytes() == ticks(10)
    assert isinstance(error, FormatError) and f"{4 * length} bytes cannot be" in str(error) and "row 11" in str(error)
    assert f"byte {len(metadata()) + 560:,}" in str(error)


def test_a_record_of_the_right_type_and_another_length_is_counted_and_passed_over(tmp_path: Path) -> None:
    odd = bytes([20]) + mbo(10)[1:] + bytes(24)
    path = save(tmp_path / "a.dbn", metadata(), ticks(10), odd, ticks(5))
    reader = open_dbn(path, native=True)
    records, error = collect(reader)
    assert error is None
    assert records.tobytes() == ticks(10) + ticks(5)
    assert reader.report.counts == {"bad_row": 1}
    records, error = collect(open_dbn(path, native=True, strict=True))
    assert isinstance(error, FormatError) and "row 11" in str(error)
    assert records.tobytes() == ticks(10)


def test_an_unknown_record_type_is_counted_by_its_number(tmp_path: Path) -> None:
    strange = bytes([14, 0x99]) + mbo(10)[2:]
    reader = open_dbn(save(tmp_path / "a.dbn", metadata(), ticks(3), strange, ticks(3)), native=True)
    assert sum(map(len, reader)) == 6
    assert reader.report.counts == {"skipped_rtype_0x99": 1}


def fixture_bytes(data: Data, name: str) -> bytes:
    return data(f"databento/fixtures/{name}").read_bytes()


SAMPLES = {
    "mbo": metadata() + ticks(12),
    "live": metadata(None) + system() + ticks(4) + system() + ticks(4),
    "fragment": ticks(9),
    "compressed": zstandard.compress(metadata() + ticks(30)),
}

NAMES = (
    "test_data.definition.v1.dbn.zst",
    "test_data.definition.v3.dbn.frag",
    "test_data.mbp-10.dbn",
    "test_data.statistics.v3.dbn.zst",
    "test_data.cmbp-1.dbn",
    "test_data.status.v3.dbn.zst",
    "test_data.mbo.dbz",
    "multi-frame.definition.v1.dbn.frag.zst",
)


@st.composite
def damage(draw: st.DrawFn) -> tuple[list[tuple[float, int]], float, bytes]:
    """Bytes to change (place as a share of the file, value), where to cut, what to append."""
    changes = draw(
        st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from([0, 1, 4, 14, 22, 127, 128, 255])), max_size=6)
    )
    return changes, draw(st.sampled_from([1.0, 1.0, draw(st.floats(0, 1))])), draw(st.sampled_from([b"", b"\0", b"\xff" * 60]))


def assert_only_our_errors(path: Path, raw: bytes, how: tuple[list[tuple[float, int]], float, bytes], strict: bool) -> None:
    changes, cut, tail = how
    broken = bytearray(raw)
    for place, value in changes:
        broken[int(place * len(broken))] = value
    path.write_bytes(bytes(broken[: int(cut * len(broken))]) + tail)
    for attempt in ("native", "events", "records"):
        try:
            source = Source(path)
            assert 0 <= dbn_format.FORMAT.detect(source) <= 1
            with open_dbn(path, native=attempt == "native", strict=strict, chunk=5) as reader:
                for chunk in reader.records() if attempt == "records" else reader:
                    assert 0 < len(chunk) <= 5
        except TickdeckError as error:
            assert "\n" not in str(error)


fuzzed = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzzed
@given(kind=st.sampled_from(sorted(SAMPLES)), how=damage(), strict=st.booleans())
@example(kind="mbo", how=([(0.99, 0)], 1.0, b""), strict=False)
def test_no_damage_to_a_made_file_gives_anything_but_our_errors(
    tmp_path: Path, kind: str, how: tuple[list[tuple[float, int]], float, bytes], strict: bool
) -> None:
    assert_only_our_errors(tmp_path / "a.dbn", SAMPLES[kind], how, strict)


@fuzzed
@given(name=st.sampled_from(NAMES), how=damage(), strict=st.booleans())
def test_no_damage_to_a_real_file_gives_anything_but_our_errors(
    tmp_path: Path, data: Data, name: str, how: tuple[list[tuple[float, int]], float, bytes], strict: bool
) -> None:
    assert_only_our_errors(tmp_path / "a.dbn", fixture_bytes(data, name), how, strict)
