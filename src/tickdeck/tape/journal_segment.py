"""One segment of a journal, read front to back: whole batches, and what stands after the last of them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from tickdeck.core import FormatError, Records
from tickdeck.tape.journal_layout import CONTINUATION, END, Layout, batch_metadata, checksum, segment_metadata

_NAME = re.compile(r"segment-(\d{20})-(\d{4,})\.arrows")
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a segment that was not taken: of a batch that never was whole, so that nobody was told that it is kept.

    Parameters
    ----------
    path : Path
        The segment.
    offset : int
        Where it begins, in bytes.
    bytes : int
        How long it is.
    reason : str
    """

    path: Path
    offset: int
    bytes: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}, byte {self.offset:,}: {self.bytes:,} bytes at the end were dropped ({self.reason})"


@dataclass(frozen=True, slots=True)
class SegmentName:
    """Number of the segment among all, and the sequence number of its first record."""

    first: int
    number: int

    @classmethod
    def of(cls, path: Path) -> SegmentName | None:
        """From a file's name; None for any other file."""
        match = _NAME.fullmatch(path.name)
        return cls(int(match[1]), int(match[2])) if match else None

    def __str__(self) -> str:
        return f"segment-{self.first:020d}-{self.number:04d}.arrows"


def segment_paths(folder: Path) -> list[tuple[SegmentName, Path]]:
    """The segments of a journal, in the order in which they were written.

    Raises
    ------
    FormatError
        Their numbers and first sequence numbers are not in the same order.
    """
    named = ((SegmentName.of(path), path) for path in folder.iterdir())
    found = sorted(((name, path) for name, path in named if name), key=lambda item: item[0].number)
    for (one, _), (other, path) in pairwise(found):
        if other.number == one.number or other.first < one.first:
            raise FormatError("two segments contradict each other in their names; put back the names they had", path=str(path))
    return found


class Segment:
    """An open segment.

    Iteration yields ``(first sequence number, records or note)``; afterwards `tail` tells what was dropped.

    Parameters
    ----------
    path : Path
    layout : Layout
    start : int
        Records before this sequence number are passed over, in whole batches.
    limit : int, optional
        Sequence number with which the next segment begins: it takes the place of what this one may have from there on.

    Raises
    ------
    FormatError
        Damaged, of another version or record type.
    """

    def __init__(self, path: Path, layout: Layout, start: int = 0, limit: int | None = None) -> None:
        name = SegmentName.of(path)
        if name is None:
            raise FormatError("not the name of a journal's segment", path=str(path))
        self.path = path
        self.tail: Tail | None = None
        self.metadata: dict[str, str] | None = None
        """None where the segment was torn off before its first batch."""
        self.next = name.first
        """The sequence number that follows."""
        self.end = 0
        """Bytes up to the end of the last whole batch."""
        self._layout = layout
        self._start = start
        self._limit = limit
        self._file = path.open("rb", buffering=0)
        self._size = path.stat().st_size
        self._block, self._block_at = b"", 0
        try:
            self._read_schema()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[int, Records | str]]:
        if self.metadata is None:
            return
        while self.end < self._size:
            if self._bytes(self.end, 8) == END:
                if self._size > self.end + 8:
                    raise self._damaged("there are bytes after its end")
                return
            try:
                size, first, content = self._batch(self.end)
            except ValueError as error:
                self._break_off(str(error))
                return
            if self._limit is not None and first >= self._limit:
                self.tail = Tail(self.path, self.end, self._size - self.end, "the next segment takes its place")
                return
            if first != self.next:
                raise self._damaged(f"sequence number {first:,} stands where {self.next:,} follows")
            self.next = first + (1 if isinstance(content, str) else len(content))
            self.end += size
            if self.next > self._start:
                yield first, content

    def _batch(self, at: int) -> tuple[int, int, Records | str]:
        """Size in bytes, first sequence number and content of the batch at a byte; ValueError says why there is none."""
        prefix = self._bytes(at, 8)
        length = int.from_bytes(prefix[4:], "little")
        if len(prefix) == 8 and prefix[:4] != CONTINUATION:
            raise ValueError("no batch begins here")
        if len(prefix) < 8 or length > self._size - at - 8:
            raise ValueError("a torn batch")
        found = self._bytes(at, 8 + length)
        return self._own_batch(at, found) or self._any_batch(at, found)

    def _own_batch(self, at: int, found: bytes) -> tuple[int, int, Records] | None:
        """The batch if it is bit for bit as this version writes it."""
        rows = self._layout.rows(found)
        if not rows:
            return None
        header = self._layout.header(rows)
        body = self._bytes(at + len(found), len(header.body))
        try:
            first, crc = header.texts(found)
        except ValueError:
            return None
        if found != header.filled(first, crc) or len(body) < len(header.body) or checksum(first, body) != crc:
            return None
        records = np.zeros(rows, self._layout.dtype)
        if first + rows > self._start:
            header.body[:] = body
            self._layout.take(header, records)
        return len(found) + len(body), first, records

    def _any_batch(self, at: int, found: bytes) -> tuple[int, int, Records | str]:
        """The batch as pyarrow reads it; ValueError says what is wrong with it."""
        import pyarrow as pa

        prefix = self._layout.columns.serialize()
        try:
            body_length = _body_length(found)
            if body_length > self._size - at - len(found):
                raise ValueError("a torn batch")
            raw = b"".join((prefix, found, self._bytes(at + len(found), body_length)))
            batch, metadata = pa.ipc.open_stream(raw).read_next_batch_with_custom_metadata()
            batch.validate(full=True)
            first, count, crc, note = batch_metadata(metadata)
        except (pa.ArrowException, OSError, StopIteration, OverflowError) as error:
            raise ValueError(f"a damaged batch ({str(error).partition(chr(10))[0]})") from None
        size = len(raw) - len(prefix)
        if count != len(batch) or (count == 0) != (note is not None) or body_length != self._layout.body_bytes(count):
            raise ValueError("a batch of another length than it says")
        expected = checksum(first, note.encode()) if note is not None else self._layout.columns_checksum(first, batch)
        if expected != crc:
            raise ValueError("a batch that does not match its checksum")
        return size, first, note if note is not None else self._layout.records(batch)

    def _read_schema(self) -> None:
        import pyarrow as pa

        prefix = self._bytes(0, 8)
        length = int.from_bytes(prefix[4:], "little")
        if len(prefix) < 8 or length > self._size - 8:
            return self._break_off("a torn schema")
        try:
            schema = pa.ipc.read_schema(pa.BufferReader(self._bytes(0, 8 + length)))
        except (pa.ArrowException, OSError, StopIteration, UnicodeDecodeError):
            return self._break_off("a damaged schema")
        self.metadata = segment_metadata(schema, self._layout.dtype, str(self.path))
        if not schema.equals(self._layout.columns):
            raise FormatError("the segment's schema is damaged; restore the file from a copy", path=str(self.path), offset=0)
        self.end = 8 + length
        return None

    def _break_off(self, reason: str) -> None:
        """No whole batch stands at `end`: the tail of a writer that was stopped, or damage if something whole follows."""
        if self._is_closed() or self._whole_batch_follows():
            raise self._damaged(f"{reason} before its end")
        self.tail = Tail(self.path, self.end, self._size - self.end, reason)

    def _is_closed(self) -> bool:
        return self._size >= 8 and self._size % 8 == 0 and self._bytes(self._size - 8, 8) == END

    def _whole_batch_follows(self) -> bool:
        at = self.end + 8
        while at < self._size:
            block = self._bytes(at, _BUFFER)
            found = block.find(CONTINUATION)
            while found >= 0:
                place = at + found
                if place % 8 == 0 and self._is_batch(place):
                    return True
                found = block.find(CONTINUATION, found + 1)
            at += max(len(block) - 3, 1)
        return False

    def _is_batch(self, at: int) -> bool:
        try:
            return self._batch(at)[1] >= self.next
        except ValueError:
            return False

    def _bytes(self, at: int, size: int) -> bytes:
        """A piece of the file; shorter at its end."""
        if at < self._block_at or at + size > self._block_at + len(self._block):
            if at < self._block_at + len(self._block) == self._size and at >= self._block_at:
                return self._block[at - self._block_at :]
            self._file.seek(at)
            self._block, self._block_at = self._file.read(max(size, _BUFFER)), at
        return self._block[at - self._block_at : at - self._block_at + size]

    def _damaged(self, reason: str) -> FormatError:
        return FormatError(
            f"the journal is damaged: {reason}; restore the file from a copy", path=str(self.path), offset=self.end
        )


def _body_length(header: bytes) -> int:
    """Length of the body that follows an Arrow message's header: field 3 (``bodyLength``) of the flatbuffer table ``Message``."""
    try:
        table = 8 + struct.unpack_from("<I", header, 8)[0]
        vtable = table - struct.unpack_from("<i", header, table)[0]
        field = struct.unpack_from("<H", header, vtable + 4 + 2 * 3)[0]
        length: int = struct.unpack_from("<q", header, table + field)[0] if field else 0
    except struct.error:
        raise ValueError("a damaged batch") from None
    if length < 0:
        raise ValueError("a damaged batch")
    return length
