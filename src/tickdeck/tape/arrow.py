"""Arrow IPC: events as record batches, in the stream format (``.arrows``) or the file format (``.arrow``).

A file that has its footer is read by it; any other input is read front to back (a file wraps a stream), so that a torn one gives
up its whole batches first. Instruments stand in the schema's metadata; those that were named later
stand in the metadata of the batch they came with.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tickdeck.core import EVENT, FormatError, Instrument, Records, TruncatedError, UsageError, empty_events
from tickdeck.tape.columns import (
    check_schema,
    event_schema,
    from_metadata,
    is_own,
    refuse_reserved,
    to_batch,
    to_events,
    to_metadata,
)
from tickdeck.tape.reader import CHUNK, Format, Reader, ReadOptions, Writer
from tickdeck.tape.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

_FILE_MAGIC = b"ARROW1\x00\x00"
_FILE_END = b"ARROW1"
_CONTINUATION = b"\xff\xff\xff\xff"
_PIECE = 1 << 24
COMPRESSIONS = (None, "lz4", "zstd")


class _Tail:
    """The input as pyarrow reads it. Knows whether the end of the data came in the middle of what was asked for."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.closed = False
        self.position = 0
        self.last = b""
        """The last bytes read: those of the end mark where the writer finished."""
        self.fell_short = False

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, in pieces: a damaged length must not be allocated before it is seen to be too long."""
        parts = []
        left = size
        while left and (part := self._stream.read(min(left, _PIECE) if left > 0 else _PIECE)):
            parts.append(part)
            left -= len(part) if left > 0 else 0
        data = b"".join(parts)
        self.position += len(data)
        self.last = (self.last + data[-8:])[-8:]
        self.fell_short = size > 0 and 0 < len(data) < size
        return data

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


class ArrowReader(Reader):
    """Reads Arrow IPC streams and files of events.

    Raises
    ------
    FormatError
        Damaged, not a tape, a null, or a column of a type that is not exact.
    TruncatedError
        The end is missing; the whole batches before it were delivered.
    """

    format = "arrow"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        super().__init__(source, options)
        self.schema = "events"
        self._stream = source.open()
        self._tail = _Tail(self._stream)
        try:
            with self._errors(0):
                self._batches = self._open()
                metadata = self._batches.schema.metadata
                _, ignored = check_schema(self._batches.schema, self.path)
                self.instruments = from_metadata(metadata, self.path)
        except FormatError:
            self._stream.close()
            raise
        self._is_own = is_own(metadata)
        if ignored:
            self.report.notes["ignored_columns"] = ignored

    def __iter__(self) -> Iterator[Records]:
        rows = 0
        batches = self._walk()
        while True:
            with self._errors(rows):
                batch, metadata = next(batches, (None, None))
                if batch is None:
                    break
                batch.validate()
                events = to_events(batch, self.path, rows)
                if metadata:
                    self.instruments.update(from_metadata(metadata, self.path))
            self.position = self._tail.position or rows * EVENT.itemsize
            rows += len(events)
            for start in range(0, len(events), self.options.chunk):
                yield events[start : start + self.options.chunk]
        if self._is_own and not self._by_footer and self._tail.last != _CONTINUATION + bytes(4):
            raise self._torn(rows)

    def close(self) -> None:
        self._stream.close()

    def _open(self) -> Any:
        """pyarrow's reader of the file, or of the stream."""
        import pyarrow as pa

        self._by_footer = False
        if self.source.head.startswith(_FILE_MAGIC):
            if self.source.compression is None and self.source.size is not None:
                with Path(self.path).open("rb") as file:
                    file.seek(-len(_FILE_END), os.SEEK_END)
                    self._by_footer = file.read() == _FILE_END
            if self._by_footer:
                return pa.ipc.open_file(pa.OSFile(self.path))
            self._stream.read(len(_FILE_MAGIC))
        return pa.ipc.open_stream(pa.PythonFile(self._tail, mode="r"))

    def _walk(self) -> Iterator[tuple[pa.RecordBatch, Mapping[bytes, bytes] | None]]:
        """The batches with their metadata."""
        if self._by_footer:
            for number in range(self._batches.num_record_batches):
                yield self._batches.get_batch_with_custom_metadata(number)
            return
        while True:
            try:
                found = self._batches.read_next_batch_with_custom_metadata()
            except StopIteration:
                return
            yield found

    def _torn(self, rows: int) -> TruncatedError:
        return TruncatedError(
            f"the Arrow stream breaks off after {rows:,} events; they were read, the rest is lost",
            path=self.path,
            offset=self._tail.position,
        )

    @contextmanager
    def _errors(self, rows: int) -> Iterator[None]:
        """Turn what pyarrow raises on damaged or missing bytes into a one-line error."""
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
            if self._tail.fell_short:
                raise self._torn(rows) from None
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise FormatError(
                f"the Arrow stream is damaged ({reason}); fetch or write it again", path=self.path, offset=self._tail.position
            ) from None


class ArrowWriter(Writer):
    """Writes Arrow IPC.

    Parameters
    ----------
    path : str or Path
        ``.arrows``: the stream format; otherwise the file format.
    instruments : mapping of int to Instrument
    compression : {None, "lz4", "zstd"}
        Of each batch.
    """

    format = "arrow"

    def __init__(self, path: str | Path, instruments: Mapping[int, Instrument], compression: str | None = None) -> None:
        if compression not in COMPRESSIONS:
            raise UsageError(f"{path}: Arrow has no compression {compression!r}; choose lz4, zstd or none")
        super().__init__(path, instruments)
        self._compression = compression
        self._file = self.partial.open("wb")
        self._sink: pa.ipc.RecordBatchStreamWriter | None = None
        self._written: dict[int, Instrument] = {}
        self._pending = empty_events(CHUNK)
        self._count = 0

    def write(self, events: Records) -> None:
        refuse_reserved(events, str(self.path))
        taken = 0
        while taken < len(events):
            part = events[taken : taken + CHUNK - self._count]
            self._pending[self._count : self._count + len(part)] = part
            self._count += len(part)
            taken += len(part)
            if self._count == CHUNK:
                self._flush()

    def finish(self) -> None:
        if self._count or self._sink is None or self._written != self.instruments:
            self._flush()
        assert self._sink is not None
        self._sink.close()
        self._file.close()

    def abort(self) -> None:
        self._file.close()
        super().abort()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._sink is None:
            make = pa.ipc.new_stream if self.path.name.lower().endswith(".arrows") else pa.ipc.new_file
            self._schema = event_schema(self.instruments)
            options = pa.ipc.IpcWriteOptions(compression=self._compression)
            self._sink = make(self._file, self._schema, options=options)
            self._written = dict(self.instruments)
        metadata = None
        if self._written != self.instruments:
            metadata = to_metadata({key: item for key, item in self.instruments.items() if self._written.get(key) != item})
            self._written = dict(self.instruments)
        batch = to_batch(self._pending[: self._count], self._schema)
        self._sink.write_batch(batch, custom_metadata=metadata)
        self._count = 0


def _detect(source: Source) -> float:
    if source.head.startswith(_FILE_MAGIC):
        return 1.0
    # After the mark stands the length of the schema's message.
    is_stream = source.head.startswith(_CONTINUATION) and 0 < int.from_bytes(source.head[4:8], "little") < 1 << 26
    return 0.9 if is_stream else 0.0


FORMAT = Format(
    name="arrow",
    title="Arrow IPC of events (file and stream)",
    detect=_detect,
    open=ArrowReader,
    suffixes=(".arrow", ".arrows", ".feather", ".ipc"),
    create=ArrowWriter,
)
