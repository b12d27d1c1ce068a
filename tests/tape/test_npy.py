"""Prepared tapes: exact, mapped, found by time, and refused in one line when they are something else."""

from __future__ import annotations

import errno
import gzip
import io
import os
from pathlib import Path

import numpy as np
import pytest
from event_arrays import BOTH, any_events, assert_mutations_are_refused, assert_round_trip, session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickdeck.core import EVENT, FormatError, Records, TruncatedError, UsageError, empty_events
from tickdeck.tape import npy, read, write

once = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@once
@given(events=any_events())
def test_any_events_come_back_byte_for_byte(tmp_path: Path, events: Records) -> None:
    assert_round_trip(tmp_path / "any.npy", events)


def test_numpy_reads_the_file_as_an_array_of_events(tmp_path: Path) -> None:
    events = session(1_000)
    write(tmp_path / "tape.npy", events, BOTH)
    assert np.load(tmp_path / "tape.npy", mmap_mode="r").tobytes() == events.tobytes()


def test_an_array_saved_by_numpy_is_read(tmp_path: Path) -> None:
    events = session(1_000)
    np.save(tmp_path / "tape.npy", events)
    assert b"".join(chunk.tobytes() for chunk in read(tmp_path / "tape.npy")) == events.tobytes()


def test_chunks_are_views_of_the_mapped_file(tmp_path: Path) -> None:
    write(tmp_path / "tape.npy", session(1_000), BOTH)
    with read(tmp_path / "tape.npy", chunk=100) as reader:
        chunks = list(reader)
        assert isinstance(reader, npy.NpyReader)
        assert reader.array is not None
        assert all(np.shares_memory(chunk, reader.array) for chunk in chunks)
        assert not chunks[0].flags.writeable


def test_compressed_tape_is_read_as_a_stream(tmp_path: Path) -> None:
    events = session(1_000)
    write(tmp_path / "tape.npy", events, BOTH)
    (tmp_path / "tape.npy.gz").write_bytes(gzip.compress((tmp_path / "tape.npy").read_bytes()))
    with read(tmp_path / "tape.npy.gz", chunk=77) as reader:
        assert b"".join(chunk.tobytes() for chunk in reader) == events.tobytes()


def test_empty_tape_is_read(tmp_path: Path) -> None:
    write(tmp_path / "tape.npy", empty_events(), BOTH)
    assert list(read(tmp_path / "tape.npy")) == []


times = st.lists(st.integers(0, 60), min_size=1, max_size=60)


@once
@given(
    venue=times, received=times, start=st.integers(-1, 61), end=st.integers(-1, 61), block=st.integers(1, 9), index=st.booleans()
)
def test_range_is_what_a_walk_over_all_records_gives(
    tmp_path: Path, venue: list[int], received: list[int], start: int, end: int, block: int, index: bool
) -> None:
    events = np.zeros(min(len(venue), len(received)), EVENT)
    events["ts_event"] = venue[: len(events)]
    events["ts_recv"] = received[: len(events)]
    events["order_id"] = np.arange(len(events))
    wanted, begun = [], False
    for event in events:
        time = int(event["ts_recv"]) or int(event["ts_event"])
        begun = begun or time >= start
        if begun and time >= end:
            break
        if begun:
            wanted.append(int(event["order_id"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(npy, "_BLOCK", block)
        write(tmp_path / "tape.npy", [events[:20], events[20:]], BOTH)
    if not index:
        (tmp_path / "tape.instruments.json").unlink()
    with read(tmp_path / "tape.npy", chunk=8) as reader:
        assert isinstance(reader, npy.NpyReader)
        assert [int(order) for chunk in reader.between(start, end) for order in chunk["order_id"]] == wanted


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.arange(10), "int64"),
        (np.zeros(4, EVENT.newbyteorder(">")), "64 bytes"),
        (np.zeros((2, 2), EVENT), "one dimension"),
        (np.zeros(3, [("ts_event", "<i8"), ("price", "<f8")]), "16 bytes"),
        (np.array([{}, None], object), "pickled"),
    ],
    ids=["integers", "big-endian", "two dimensions", "other fields", "pickle"],
)
def test_other_array_is_one_line_error(tmp_path: Path, array: np.ndarray, says: str) -> None:
    np.save(tmp_path / "other.npy", array, allow_pickle=True)
    with pytest.raises(FormatError, match=says) as caught:
        read(tmp_path / "other.npy", format="npy")
    assert "\n" not in str(caught.value)


def test_truncated_tape_is_one_line_error(tmp_path: Path) -> None:
    write(tmp_path / "tape.npy", session(10), BOTH)
    os.truncate(tmp_path / "tape.npy", (tmp_path / "tape.npy").stat().st_size - 70)
    with pytest.raises(TruncatedError, match="holds 8 of its 10 records"):
        read(tmp_path / "tape.npy")


def test_truncated_stream_gives_whole_records_then_one_line_error(tmp_path: Path) -> None:
    write(tmp_path / "tape.npy", session(10), BOTH)
    data = (tmp_path / "tape.npy").read_bytes()[:-70]
    (tmp_path / "tape.npy.gz").write_bytes(gzip.compress(data))
    seen = 0
    with pytest.raises(TruncatedError, match="ends 2 records early"):
        for chunk in read(tmp_path / "tape.npy.gz", chunk=3):
            seen += len(chunk)
    assert seen == 8


def test_index_of_another_tape_is_one_line_error(tmp_path: Path) -> None:
    write(tmp_path / "tape.npy", session(10), BOTH)
    np.save(tmp_path / "tape.npy", session(11))
    with pytest.raises(FormatError, match=r"tape.instruments.json: does not belong to .*tape.npy"):
        read(tmp_path / "tape.npy")


def test_damaged_index_is_one_line_error(tmp_path: Path) -> None:
    write(tmp_path / "tape.npy", session(10), BOTH)
    (tmp_path / "tape.instruments.json").write_bytes(b'{"records": 10, "block": \xff')
    with pytest.raises(FormatError, match=r"tape.instruments.json: is damaged"):
        read(tmp_path / "tape.npy")


def test_mutated_tape_is_read_or_refused(tmp_path: Path) -> None:
    write(tmp_path / "tape.npy", session(5), BOTH)

    def damage_header(data: bytearray, rng: np.random.Generator) -> None:
        for at in rng.integers(0, 448, rng.integers(1, 6)):
            data[at] = rng.integers(0, 256)

    assert_mutations_are_refused(tmp_path / "tape.npy", 200)
    assert_mutations_are_refused(tmp_path / "tape.npy", 400, damage_header)


def test_full_disk_leaves_nothing_and_is_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.FileIO):
        def write(self, data: object) -> int:
            if self.tell() + len(data) > 100_000:  # type: ignore[arg-type]
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)  # type: ignore[arg-type]

    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r": io.BufferedWriter(FullDisk(self, mode)) if mode == "wb" else opened(self, mode)
    )
    with pytest.raises(UsageError, match=r"tape.npy: cannot be written \(No space left on device\); nothing was left behind"):
        write(tmp_path / "tape.npy", session(10_000), BOTH)
    assert list(tmp_path.iterdir()) == []
