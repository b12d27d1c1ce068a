"""Writing a journal: an append-only folder of Arrow IPC stream segments, one for each start of its writer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from tickdeck.core import JournalError, Records, UsageError
from tickdeck.tape.journal_layout import END, MOST_ROWS, Layout
from tickdeck.tape.journal_segment import Segment, SegmentName, Tail, segment_paths
from tickdeck.tape.snapshots import sync_folder

SEGMENT_BYTES = 256 << 20


class JournalWriter:
    """Appends records to a journal.

    Every record gets a sequence number, the first is 1. There is one writer of a folder at a time. One that finds a torn end (the
    last writer was killed) goes on after the last whole batch, in a segment of its own; what was written is never rewritten.

    Parameters
    ----------
    folder : str or Path
        Made where there is none.
    dtype : dtype
        Of the records.
    durable : bool
        `append` returns when the records are on the disk (fsync), so that they survive a power cut; otherwise when the system has them,
        so that they survive the process.
    metadata : mapping of str to str, optional
        Stands in the schema of each segment that this writer begins.
    segment_bytes : int
        A new segment begins when one has reached this size.

    Raises
    ------
    JournalError
        Another writer is at work, or the folder cannot be written.
    FormatError
        The last segment is damaged or holds other records.

    Examples
    --------
    >>> import tempfile
    >>> from tickdeck.core import COMMAND
    >>> from tickdeck.tape.journal_reader import JournalReader
    >>> folder = tempfile.mkdtemp()
    >>> with JournalWriter(folder, COMMAND) as journal:
    ...     journal.append(np.zeros(3, COMMAND))
    3
    >>> [(first, len(records)) for first, records in JournalReader(folder, COMMAND)]
    [(1, 3)]
    """

    def __init__(
        self,
        folder: str | Path,
        dtype: np.dtype[np.void],
        *,
        durable: bool = True,
        metadata: Mapping[str, str] | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.folder = Path(folder)
        self.durable = durable
        self.metadata = dict(metadata or {})
        self.tail: Tail | None = None
        """What was dropped at the end of the segment before, if it was torn."""
        self._layout = Layout(dtype)
        self._segment_bytes = segment_bytes
        self._file = -1
        self._size = 0
        self._stopped: str | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"{self.folder}: the journal cannot be written ({error.strerror}); check the folder") from None
        try:
            self._take_lock()
            self._begin()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def sequence(self) -> int:
        """Sequence number of the last record or note; 0 before the first."""
        return self._next - 1

    def append(self, records: Records) -> int:
        """Append records, all or none.

        Returns
        -------
        int
            The sequence number of the last one.

        Raises
        ------
        JournalError
            The disk is full or fails. The journal is as before the call and takes nothing more until `reopen`.
        """
        if records.dtype != self._layout.dtype:
            raise UsageError(f"{self.folder}: the journal takes records of dtype {self._layout.dtype}, not {records.dtype}")
        if self._size >= self._segment_bytes and self._stopped is None:
            self._rotate()
        before, first = self._size, self._next
        for start in range(0, len(records), MOST_ROWS):
            part = records[start : start + MOST_ROWS]
            self._write(self._layout.encode(self._next, part), len(part), before, first)
        return self.sequence

    def append_note(self, note: str) -> int:
        """Append a text, which takes a sequence number like a record. Returns and raises what `append` does."""
        self._write([self._layout.encode_note(self._next, note)], 1, self._size, self._next)
        return self.sequence

    def flush(self) -> None:
        """Wait until everything appended is on the disk."""
        self._check()
        try:
            os.fsync(self._file)
        except OSError as error:
            self._stop(error)

    def reopen(self) -> None:
        """Go on after a full disk or an I/O error, in a new segment.

        Raises
        ------
        JournalError
            It still cannot be written.
        """
        if self._lock < 0:
            raise JournalError(f"{self.folder}: the journal is closed; open it with another JournalWriter")
        self._close_file()
        self._begin(limit=self._next)

    def close(self, reason: str = "it is closed") -> None:
        """End the segment and free the folder for another writer; `reason` is told to who appends later."""
        if self._lock < 0:
            return
        try:
            if self._stopped is None:
                self._end_segment()
        finally:
            self._close_file()
            os.close(self._lock)
            self._lock = -1
            self._stopped = reason

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"JournalWriter({str(self.folder)!r}, sequence={self.sequence}, durable={self.durable})"

    def _take_lock(self) -> None:
        import fcntl

        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._lock, 20, 0).decode(errors="replace")
            raise JournalError(
                f"{self.folder}: process {owner or '?'} is writing this journal; end it first or choose another folder"
            ) from None
        os.pwrite(self._lock, f"{os.getpid():<20}".encode(), 0)

    def _begin(self, limit: int | None = None) -> None:
        """Find where the journal ends, at `limit` at the latest, and begin a segment there."""
        found = segment_paths(self.folder)
        self._next, number = 1, 1
        if found:
            name, path = found[-1]
            segment = Segment(path, self._layout, start=2**63, limit=limit)
            try:
                for _ in segment:
                    pass
            finally:
                segment.close()
            self.tail = segment.tail
            self._next, number = segment.next, name.number + 1
        self._new_segment(number)

    def _new_segment(self, number: int) -> None:
        path = self.folder / str(SegmentName(self._next, number))
        schema = self._layout.schema(self.metadata).serialize()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            try:
                _write_all(self._file, [schema], 0)
                os.fsync(self._file)
                sync_folder(self.folder)
            except BaseException:
                self._close_file()
                path.unlink()
                raise
        except OSError as error:
            self._stopped = error.strerror
            raise self._error() from None
        self._size, self._number, self._stopped = len(schema), number, None

    def _rotate(self) -> None:
        self._end_segment()
        self._close_file()
        self._new_segment(self._number + 1)

    def _end_segment(self) -> None:
        try:
            _write_all(self._file, [END], self._size)
            os.fsync(self._file)
        except OSError as error:
            self._stop(error)

    def _write(self, parts: Sequence[bytearray | memoryview | bytes], count: int, before: int, first: int) -> None:
        """Write one batch at the end; on failure the segment ends at `before` again."""
        self._check()
        try:
            size = _write_all(self._file, parts, self._size)
            if self.durable:
                os.fdatasync(self._file)
        except OSError as error:
            self._size, self._next = before, first
            self._stop(error)
        except BaseException:
            self._size, self._next = before, first
            self._cut()
            raise
        self._size += size
        self._next += count

    def _stop(self, error: OSError) -> None:
        self._stopped = error.strerror or str(error)
        self._cut()
        raise self._error() from None

    def _cut(self) -> None:
        """Take off what does not belong to a whole, acknowledged batch."""
        try:
            os.ftruncate(self._file, self._size)
            os.fsync(self._file)
        except OSError as error:
            # What stays behind is passed over by readers: it is torn, or the next segment begins before it.
            self._stopped = self._stopped or error.strerror

    def _check(self) -> None:
        if self._stopped is not None:
            raise self._error()

    def _error(self) -> JournalError:
        advice = "open it again" if self._lock < 0 else "free space or mend the disk, then call reopen()"
        return JournalError(f"{self.folder}: the journal stopped after record {self.sequence:,} ({self._stopped}); {advice}")

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _write_all(file: int, parts: Sequence[bytearray | memoryview | bytes], offset: int) -> int:
    """Write buffers one after another at `offset`; the bytes written."""
    size = sum(len(part) for part in parts)
    written = os.pwritev(file, parts, offset)
    if written < size:
        # The system took a part: the rest tells why, as an error, or is taken too.
        rest = memoryview(b"".join(parts))
        while written < size:
            written += os.pwrite(file, rest[written:], offset + written)
    return size
