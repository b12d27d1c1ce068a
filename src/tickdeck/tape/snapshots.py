"""Snapshots beside a journal: named arrays and a little metadata, in one ``.npz`` file that is complete or not there at all."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, JournalError

KEPT = 2
_VERSION = 1
_NAME = re.compile(r"snapshot-(\d{20})\.npz")
_META = "meta.json"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state as of a journal's record.

    Parameters
    ----------
    sequence : int
        The last record that the state contains.
    arrays : dict of str to ndarray
    meta : dict
        As it was given; only what JSON can hold.
    path : Path
    """

    sequence: int
    arrays: dict[str, NDArray[Any]]
    meta: dict[str, Any]
    path: Path


def write_snapshot(
    folder: str | Path,
    sequence: int,
    arrays: Mapping[str, NDArray[Any]],
    meta: Mapping[str, Any] | None = None,
    *,
    kept: int = KEPT,
) -> Path:
    """Write a snapshot under a temporary name, sync it, give it its name, and remove all but the newest `kept`.

    The file is an ``.npz`` (a zip of ``.npy`` files, each with its CRC32) that `numpy.load` opens too; ``meta.json`` in it lists
    the arrays.

    Parameters
    ----------
    folder : str or Path
    sequence : int
        The last record of the journal that the state contains.
    arrays : mapping of str to ndarray
        Any dtype but object.
    meta : mapping, optional
        What JSON can hold.
    kept : int

    Raises
    ------
    JournalError
        The file cannot be written; the snapshots before are as they were.
    """
    target = Path(folder) / f"snapshot-{sequence:020d}.npz"
    partial = target.with_name(f".{target.name}.partial")
    entries = {"version": _VERSION, "sequence": sequence, "arrays": sorted(arrays), "meta": dict(meta or {})}
    try:
        try:
            with partial.open("wb") as file:
                with zipfile.ZipFile(file, "w") as archive:
                    archive.writestr(_META, msgspec.json.encode(entries))
                    for name, array in arrays.items():
                        with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
            sync_folder(target.parent)
        finally:
            partial.unlink(missing_ok=True)
        for _, path in snapshot_paths(target.parent)[kept:]:
            path.unlink()
    except OSError as error:
        raise JournalError(f"{target}: the snapshot cannot be written ({error.strerror}); free space or mend the disk") from None
    return target


def latest_snapshot(folder: str | Path) -> tuple[Snapshot | None, list[str]]:
    """The newest snapshot that is whole (None where there is none), and why newer ones were passed over."""
    damaged: list[str] = []
    for sequence, path in snapshot_paths(Path(folder)):
        try:
            arrays, meta = read_snapshot(path, sequence)
        except FormatError as error:
            damaged.append(str(error))
        else:
            return Snapshot(sequence, arrays, meta, path), damaged
    return None, damaged


def snapshot_paths(folder: Path) -> list[tuple[int, Path]]:
    """The snapshots in a folder with their sequence numbers, newest first."""
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted(((int(match[1]), path) for match, path in matches if match), reverse=True)


def read_snapshot(path: Path, sequence: int) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and metadata of one file.

    Raises
    ------
    FormatError
        Damaged, incomplete, or of another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = msgspec.json.decode(archive.read(_META))
            if entries["version"] != _VERSION:
                raise FormatError(f"a snapshot of version {entries['version']}, this is version {_VERSION}", path=str(path))
            if entries["sequence"] != sequence:
                raise FormatError(f"the snapshot of record {entries['sequence']:,} under another's name", path=str(path))
            arrays = {}
            for name in entries["arrays"]:
                with archive.open(f"{name}.npy") as member:
                    arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
                    # The checksum is compared when the end is read.
                    if member.read(1):
                        raise FormatError(f"the snapshot is damaged (bytes after array {name!r})", path=str(path))
            return arrays, entries["meta"]
    except FormatError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, SyntaxError) as error:
        raise _damaged(path, error) from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, msgspec.MsgspecError) as error:
        raise _damaged(path, error) from None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _damaged(path: Path, error: Exception) -> FormatError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return FormatError(f"the snapshot is damaged ({reason})", path=str(path))
