"""Parquet: events as columns, each encoded and compressed as suits it, with statistics for seeks and instruments in the footer.

Encodings were chosen by measurement on order-level futures data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from tickdeck.core import FormatError, Instrument, Records, empty_events
from tickdeck.tape.columns import (
    FIELDS,
    check_schema,
    event_schema,
    from_metadata,
    refuse_reserved,
    to_batch,
    to_events,
    to_metadata,
)
from tickdeck.tape.reader import Format, Reader, ReadOptions, Writer
from tickdeck.tape.source import Source
from tickdeck.tape.tape_time import between

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_MAGIC = b"PAR1"
ROW_GROUP = 262_144
"""Events in a row group: a seek decodes at most that many that it does not want, and a writer holds as many."""

_ENCODINGS = {
    "ts_event": "DELTA_BINARY_PACKED",
    "ts_recv": "DELTA_BINARY_PACKED",
    "order_id": "BYTE_STREAM_SPLIT",
    "size": "BYTE_STREAM_SPLIT",
    "sequence": "DELTA_BINARY_PACKED",
}
"""Of the columns with many different values; the others are dictionaries."""
_ZSTD_LEVEL = 1
"""Level 3 saves 2% and costs a third of the speed."""
_UNIT_NS = {"milliseconds": 1_000_000, "microseconds": 1_000, "nanoseconds": 1}


@contextmanager
def parquet_errors(path: str) -> Iterator[None]:
    """Turn what pyarrow raises on a damaged file into a one-line error."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise FormatError(f"the Parquet file is damaged or cut off ({reason}); fetch or write it again", path=path) from None


class ParquetTape:
    """One open Parquet file: its columns, its instruments and its row groups' times.

    Parameters
    ----------
    where : str or binary file
    path : str
        For messages.

    Raises
    ------
    FormatError
        Damaged, or not a tape.
    """

    def __init__(self, where: str | IO[bytes], path: str) -> None:
        import pyarrow.parquet as pq

        self.path = path
        with parquet_errors(path):
            self._file: pq.ParquetFile = pq.ParquetFile(where, page_checksum_verification=True)
            schema = self._file.schema_arrow
            self.metadata: pq.FileMetaData = self._file.metadata
            self.rows: int = self.metadata.num_rows
            self.columns, self.ignored = check_schema(schema, path)
            self.instruments = from_metadata(self.metadata.metadata, path)
            self._leaves = {self.metadata.schema.column(i).path: i for i in range(self.metadata.num_columns)}

    def chunks(self, size: int, start: int | None = None, end: int | None = None) -> Iterator[Records]:
        """Chunks of at most `size` events between two times (ns), reading only the row groups that can hold them."""
        groups = self._groups(start, end)
        yield from between(self._decode(groups, size), start, end)

    def time_range(self) -> tuple[int, int] | None:
        """Bounds of the tape times by statistics; None where a row group has none or there are no rows."""
        bounds = [self._group_times(group) for group in range(self.metadata.num_row_groups)]
        known = [bound for bound in bounds if bound is not None]
        if not known or len(known) < len(bounds):
            return None
        return min(low for low, _ in known), max(high for _, high in known)

    def close(self) -> None:
        """Close the file."""
        self._file.close(force=True)

    def _groups(self, start: int | None, end: int | None) -> list[int]:
        """Row groups from the first that may have reached `start` to the first that has surely reached `end`."""
        groups = list(range(self.metadata.num_row_groups))
        if start is None and end is None:
            return groups
        with parquet_errors(self.path):
            bounds = [self._group_times(group) for group in groups]
        if start is not None:
            low = next((g for g, bound in enumerate(bounds) if bound is None or bound[1] >= start), len(groups))
            groups = groups[low:]
        if end is not None:
            high = next((g for g in groups if (bound := bounds[g]) is not None and bound[0] >= end), len(bounds))
            groups = [g for g in groups if g <= high]
        return groups

    def _group_times(self, group: int) -> tuple[int, int] | None:
        """Bounds of the tape times of a row group; wider than exact where only some of its records have a receive time."""
        event = self._statistics(group, "ts_event")
        received = self._statistics(group, "ts_recv") if "ts_recv" in self.columns else (0, 0)
        if event is None or received is None:
            return None
        if received == (0, 0):
            return event
        if received[0] > 0 or received[1] < 0:
            return received
        return min(event[0], received[0]), max(event[1], received[1])

    def _statistics(self, group: int, column: str) -> tuple[int, int] | None:
        leaf = self._leaves[column]
        found = self.metadata.row_group(group).column(leaf).statistics
        if found is None or not found.has_min_max:
            return None
        stored = msgspec.json.decode(self.metadata.schema.column(leaf).logical_type.to_json())
        if stored["Type"] != "Timestamp":
            return int(found.min), int(found.max)
        unit = _UNIT_NS[stored["timeUnit"]]
        return found.min_raw * unit, found.max_raw * unit

    def _decode(self, groups: list[int], size: int) -> Iterator[Records]:
        row = 0
        with parquet_errors(self.path):
            batches = self._file.iter_batches(size, row_groups=groups, columns=self.columns)
        while True:
            with parquet_errors(self.path):
                batch = next(batches, None)
                if batch is None:
                    return
                batch.validate()
                events = to_events(batch, self.path, row)
            row += len(events)
            yield events


class ParquetReader(Reader):
    """Reads a Parquet file of events, a row group at a time.

    Raises
    ------
    FormatError
        Damaged, not a tape, a null, or a column of a type that is not exact.
    """

    format = "parquet"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        super().__init__(source, options)
        if source.size is None or source.compression is not None:
            raise FormatError("Parquet is read from its end; unpack it into a file first", path=source.path)
        self.schema = "events"
        self._tape = ParquetTape(source.path, source.path)
        self.instruments = dict(self._tape.instruments)
        self.report.notes.update(rows=self._tape.rows, row_groups=self._tape.metadata.num_row_groups)
        if self._tape.ignored:
            self.report.notes["ignored_columns"] = self._tape.ignored

    def __iter__(self) -> Iterator[Records]:
        return self.between(None, None)

    def between(self, start: int | None, end: int | None) -> Iterator[Records]:
        """Chunks from the first record at or after `start` to the last before any at or after `end` (ns; None: no bound).

        Row groups outside are not read.
        """
        bytes_a_row = (self.source.size or 0) / max(1, self._tape.rows)
        done = 0
        for chunk in self._tape.chunks(self.options.chunk, start, end):
            done += len(chunk)
            self.position = int(done * bytes_a_row)
            yield chunk

    def close(self) -> None:
        self._tape.close()


class ParquetSink:
    """Writes events to an open binary file or a path as Parquet, a row group at a time."""

    def __init__(self, where: str | IO[bytes]) -> None:
        import pyarrow.parquet as pq

        self._schema: pa.Schema = event_schema()
        self._file = pq.ParquetWriter(
            where,
            self._schema.remove_metadata(),
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            use_dictionary=[name for name in FIELDS if name not in _ENCODINGS],
            column_encoding=_ENCODINGS,
            write_statistics=True,
            write_page_checksum=True,
        )
        self._pending = empty_events(ROW_GROUP)
        self._count = 0

    def write(self, events: Records) -> None:
        """Append events; whole row groups go out at once."""
        taken = 0
        while taken < len(events):
            part = events[taken : taken + ROW_GROUP - self._count]
            self._pending[self._count : self._count + len(part)] = part
            self._count += len(part)
            taken += len(part)
            if self._count == ROW_GROUP:
                self._flush()

    def close(self, instruments: Mapping[int, Instrument]) -> None:
        """Write what is pending and the footer with the instruments."""
        if self._count:
            self._flush()
        self._file.add_key_value_metadata(to_metadata(instruments))
        self._file.close()

    def discard(self) -> None:
        """Close without caring for what was written."""
        self._file.is_open = False

    def _flush(self) -> None:
        batch = to_batch(self._pending[: self._count], self._schema)
        self._file.write_batch(batch, row_group_size=ROW_GROUP)
        self._count = 0


class ParquetWriter(Writer):
    """Writes a Parquet file of events; instruments go into its footer."""

    format = "parquet"

    def __init__(self, path: str | Path, instruments: Mapping[int, Instrument]) -> None:
        super().__init__(path, instruments)
        self._file = self.partial.open("wb")
        self._sink = ParquetSink(self._file)

    def write(self, events: Records) -> None:
        refuse_reserved(events, str(self.path))
        self._sink.write(events)

    def finish(self) -> None:
        self._sink.close(self.instruments)
        self._file.close()

    def abort(self) -> None:
        self._sink.discard()
        self._file.close()
        super().abort()


def _detect(source: Source) -> float:
    return 1.0 if source.head.startswith(_MAGIC) else 0.0


def _create(path: str | Path, instruments: Mapping[int, Instrument]) -> ParquetWriter:
    return ParquetWriter(path, instruments)


FORMAT = Format(
    name="parquet",
    title="Parquet of events",
    detect=_detect,
    open=ParquetReader,
    suffixes=(".parquet", ".pq"),
    create=_create,
)
