"""Snapshots: whole or not there, and the one before where the newest is damaged."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tickdeck.core import EVENT, JournalError
from tickdeck.tape.snapshots import latest_snapshot, write_snapshot

ARRAYS = {"pool": np.arange(100, dtype=np.int64), "events": np.zeros(7, EVENT), "empty": np.zeros((0, 3), np.uint8)}


def test_arrays_and_meta_come_back(tmp_path: Path) -> None:
    path = write_snapshot(tmp_path, 12, ARRAYS, {"names": ["alice"], "clock": 2**62})
    found, damaged_ones = latest_snapshot(tmp_path)
    assert found is not None and (found.sequence, found.path, damaged_ones) == (12, path, [])
    assert found.meta == {"names": ["alice"], "clock": 2**62}
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype and found.arrays[name].tobytes() == array.tobytes()
    assert np.load(path)["pool"].tolist() == list(range(100))


def test_only_the_newest_two_stay(tmp_path: Path) -> None:
    for sequence in (5, 900, 1_000, 20):
        write_snapshot(tmp_path, sequence, ARRAYS)
    assert [path.name[9:29].lstrip("0") for path in sorted(tmp_path.iterdir())] == ["900", "1000"]


def test_none_where_there_is_none(tmp_path: Path) -> None:
    assert latest_snapshot(tmp_path) == (None, [])


def test_every_damaged_byte_falls_back_to_the_older_one_or_does_no_harm(tmp_path: Path) -> None:
    write_snapshot(tmp_path, 1, ARRAYS)
    path = write_snapshot(tmp_path, 2, ARRAYS, {"a": 1})
    content = path.read_bytes()
    fallbacks = 0
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        found, damaged_ones = latest_snapshot(tmp_path)
        assert found is not None
        if found.sequence == 2:
            assert found.meta == {"a": 1}
            assert all(found.arrays[name].tobytes() == array.tobytes() for name, array in ARRAYS.items()), at
        else:
            fallbacks += 1
            assert len(damaged_ones) == 1 and str(path) in damaged_ones[0] and "\n" not in damaged_ones[0]
    assert fallbacks > len(content) // 2


def test_a_truncated_snapshot_falls_back(tmp_path: Path) -> None:
    write_snapshot(tmp_path, 1, ARRAYS)
    path = write_snapshot(tmp_path, 2, ARRAYS)
    for size in (0, 10, path.stat().st_size - 1):
        os.truncate(path, size)
        found, damaged_ones = latest_snapshot(tmp_path)
        assert found is not None and found.sequence == 1 and "damaged" in damaged_ones[0]


def test_a_snapshot_under_another_name_is_passed_over(tmp_path: Path) -> None:
    path = write_snapshot(tmp_path, 10, ARRAYS)
    path.rename(path.with_name(f"snapshot-{11:020d}.npz"))
    found, passed_over = latest_snapshot(tmp_path)
    assert found is None and "another's name" in passed_over[0]


def test_a_snapshot_that_cannot_be_written_leaves_the_ones_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_snapshot(tmp_path, 1, ARRAYS)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(JournalError, match="No space left"):
        write_snapshot(tmp_path, 2, ARRAYS)
    assert [path.name for path in tmp_path.iterdir()] == [f"snapshot-{1:020d}.npz"]
