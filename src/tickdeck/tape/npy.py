"""Prepared tapes: a plain ``.npy`` array of ``EVENT`` records, mapped into memory and replayed without a copy.

``X.npy`` holds the records and nothing else, so ``numpy.load("X.npy", mmap_mode="r")`` reads it. What an array cannot carry
stands beside it in ``X.instruments.json``: the instruments, the number of records, and for each block of records the latest tape
time up to its end, by which a seek finds its place without reading the tape. The array is read without that file too.
"""

from __future__ import annotations

import tokenize
import warnings
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from tickdeck.core import EVENT, FormatError, Instrument, Records, TruncatedError, empty_events
from tickdeck.tape.columns import instruments_from_json, instruments_json
from tickdeck.tape.reader import Format, Reader, ReadOptions, Writer
from tickdeck.tape.source import Source
from tickdeck.tape.tape_time import between, first_at, tape_times

_MAGIC = b"\x93NUMPY"
_HEADER_ERRORS = (ValueError, TypeError, SyntaxError, EOFError, RecursionError, MemoryError, OverflowError, tokenize.TokenError)
_BLOCK = 16_384
"""Records that share one entry of the index: one page of times to look through after a seek."""


class _Sidecar(msgspec.Struct, forbid_unknown_fields=True):
    """What stands in ``X.instruments.json``."""

    records: int
    block: int
    latest: list[int]
    instruments: msgspec.Raw


def sidecar_path(path: Path) -> Path:
    """Where the instruments and the index of the prepared tape `path` stand."""
    return path.with_name(path.name.removesuffix(".npy") + ".instruments.json")


def read_header(source: Source) -> tuple[int, int]:
    """Number of records and the byte at which they begin.

    Raises
    ------
    FormatError
        Damaged, or an array of another dtype or shape.
    """
    npy = np.lib.format
    stream = BytesIO(source.head)
    try:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        with warnings.catch_warnings(action="ignore"):
            shape, _, dtype = read(stream)
    except KeyError:
        raise FormatError("this version of .npy is not read; save it again with numpy.save", path=source.path) from None
    except (
        ValueError,
        TypeError,
        SyntaxError,
        EOFError,
        RecursionError,
        MemoryError,
        OverflowError,
        tokenize.TokenError,
    ) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise FormatError(f"the header of the .npy file is damaged ({reason})", path=source.path) from None
    if dtype.hasobject:
        raise FormatError("holds pickled objects, which are never loaded; save an array of td.EVENT records", path=source.path)
    if dtype != EVENT:
        kind = f"records of {dtype.itemsize} bytes ({', '.join(dtype.names[:4])}, ...)" if dtype.names else str(dtype)
        raise FormatError(f"an array of {kind}, not of td.EVENT records; convert it first", path=source.path)
    if len(shape) != 1 or not 0 <= shape[0] < 2**57:
        raise FormatError(f"the array's shape is {shape}; a tape has one dimension", path=source.path)
    return int(shape[0]), stream.tell()


class NpyReader(Reader):
    """Reads a prepared tape; chunks are read-only views of the mapped file.

    A compressed one, or one from standard input, is read as a stream.

    Raises
    ------
    FormatError
        An array of another dtype or shape, or pickled objects.
    TruncatedError
        The file ends before its last record.
    """

    format = "npy"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        super().__init__(source, options)
        self.schema = "events"
        self._count, self._offset = read_header(source)
        self._array: Records | None = None
        self._stream: BinaryIO | None = None
        self._index: _Sidecar | None = None
        self.report.notes["records"] = self._count
        if source.compression is None and source.size is not None:
            self._index = self._read_sidecar()
            self._array = self._map(source.size)

    @property
    def array(self) -> Records | None:
        """The whole tape, mapped and read-only; None where it comes as a stream."""
        return self._array

    def __iter__(self) -> Iterator[Records]:
        return self.between(None, None)

    def between(self, start: int | None, end: int | None) -> Iterator[Records]:
        """Chunks from the first record at or after `start` to the last before any at or after `end` (ns; None: no bound).

        Found by the index; a tape that has none is looked through from its start.
        """
        if self._array is None:
            yield from between(self._from_stream(), start, end)
            return
        low = 0 if start is None else self._find(self._array, start)
        high = len(self._array) if end is None else max(low, self._find(self._array, end))
        for first in range(low, high, self.options.chunk):
            chunk = self._array[first : min(first + self.options.chunk, high)]
            self.position = self._offset + (first + len(chunk)) * EVENT.itemsize
            yield chunk

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def _find(self, array: Records, time: int) -> int:
        if self._index is None:
            latest = block_times(array)
            size = _BLOCK
        else:
            latest = np.array(self._index.latest, np.int64)
            size = self._index.block
        start = int(np.searchsorted(latest, time)) * size
        return min(len(array), start + first_at(tape_times(array[start : start + size]), time))

    def _read_sidecar(self) -> _Sidecar | None:
        path = sidecar_path(Path(self.path))
        if not path.is_file():
            return None
        try:
            index = msgspec.json.decode(path.read_bytes(), type=_Sidecar)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise FormatError(f"is damaged ({error}); delete it or write the tape again", path=str(path)) from None
        blocks = -(-index.records // index.block) if index.block > 0 else -1
        if index.records != self._count or blocks != len(index.latest) or index.latest != sorted(index.latest):
            raise FormatError(f"does not belong to {self.path}; delete it or write the tape again", path=str(path))
        self.instruments = instruments_from_json(index.instruments, str(path))
        return index

    def _map(self, size: int) -> Records:
        if size < self._offset + self._count * EVENT.itemsize:
            raise TruncatedError(
                f"holds {(size - self._offset) // EVENT.itemsize:,} of its {self._count:,} records; copy it again",
                path=self.path,
                offset=size,
            )
        if self._count == 0:
            return empty_events()
        return np.memmap(self.path, EVENT, "r", self._offset, (self._count,)).view(np.ndarray)

    def _from_stream(self) -> Iterator[Records]:
        self._stream = self.source.open()
        self._stream.read(self._offset)
        left = self._count
        while left:
            wanted = min(left, self.options.chunk) * EVENT.itemsize
            data = self._stream.read(wanted)
            whole = len(data) // EVENT.itemsize
            if whole:
                self.position += len(data)
                yield np.frombuffer(data, EVENT, whole)
            if len(data) < wanted:
                raise TruncatedError(
                    f"ends {left - whole:,} records early; copy it again", path=self.path, row=self._count - left + whole + 1
                )
            left -= whole


def block_times(events: Records, so_far: int | None = None) -> NDArray[np.int64]:
    """Latest tape time up to the end of each block of `events`, `so_far` counted in."""
    starts = np.arange(0, len(events), _BLOCK)
    latest = [int(tape_times(events[start : start + _BLOCK]).max()) for start in starts]
    if so_far is not None and latest:
        latest[0] = max(latest[0], so_far)
    return np.maximum.accumulate(np.array(latest, np.int64))


class NpyWriter(Writer):
    """Writes a prepared tape and its ``.instruments.json``."""

    format = "npy"

    def __init__(self, path: str | Path, instruments: Mapping[int, Instrument]) -> None:
        super().__init__(path, instruments)
        self._file = self.partial.open("wb")
        self._count = 0
        self._latest: list[int] = []
        self._open_block = empty_events()
        self._header_size = self._write_header()

    def write(self, events: Records) -> None:
        self._file.write(np.ascontiguousarray(events).view(np.uint8).data)
        self._count += len(events)
        pending = np.concatenate([self._open_block, events]) if len(self._open_block) else events
        whole = len(pending) // _BLOCK * _BLOCK
        self._extend(pending[:whole])
        self._open_block = pending[whole:].copy()

    def finish(self) -> None:
        self._extend(self._open_block)
        self._file.seek(0)
        if self._write_header() != self._header_size:
            raise FormatError(f"{self._count:,} records do not fit in the header; split the tape", path=str(self.path))
        self._file.close()
        sidecar = _Sidecar(self._count, _BLOCK, self._latest, msgspec.Raw(instruments_json(self.instruments)))
        temporary = self.partial.with_name(self.partial.name + ".json")
        try:
            temporary.write_bytes(msgspec.json.encode(sidecar))
            temporary.replace(sidecar_path(self.path))
        finally:
            temporary.unlink(missing_ok=True)

    def abort(self) -> None:
        self._file.close()
        super().abort()

    def _write_header(self) -> int:
        fields = {"descr": np.lib.format.dtype_to_descr(EVENT), "fortran_order": False, "shape": (self._count,)}
        np.lib.format.write_array_header_1_0(self._file, fields)
        return self._file.tell()

    def _extend(self, events: Records) -> None:
        latest = block_times(events, self._latest[-1] if self._latest else None)
        self._latest.extend(latest.tolist())


def _detect(source: Source) -> float:
    if not source.head.startswith(_MAGIC):
        return 0.0
    try:
        read_header(source)
    except FormatError:
        # Somebody else's array, inside an .npz perhaps: only if no other format knows it.
        return 0.1
    return 1.0


def _create(path: str | Path, instruments: Mapping[int, Instrument]) -> NpyWriter:
    return NpyWriter(path, instruments)


FORMAT = Format(
    name="npy",
    title="prepared tape (.npy, mapped into memory)",
    detect=_detect,
    open=NpyReader,
    suffixes=(".npy",),
    create=_create,
)
