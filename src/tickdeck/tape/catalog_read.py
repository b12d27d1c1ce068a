"""Reading from a catalog: the files of an instrument as one tape, several instruments merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tickdeck.core import Records
from tickdeck.tape.catalog_files import CatalogFile
from tickdeck.tape.merge import InstrumentIds, MergedReader
from tickdeck.tape.parquet import ParquetTape
from tickdeck.tape.reader import Reader, ReadOptions
from tickdeck.tape.source import Source


class CatalogReader(MergedReader):
    """The events of some instruments of a catalog, merged in time order."""

    format = "catalog"

    def __init__(self, path: str, readers: Sequence[Reader], start: int | None, end: int | None, chunk: int) -> None:
        super().__init__(readers, chunk)
        self.path = path
        self._start = start
        self._end = end

    def between(self, start: int | None, end: int | None) -> Iterator[Records]:
        """Merged chunks between two times (ns), within the range that the reader was made for."""
        starts = [time for time in (start, self._start) if time is not None]
        ends = [time for time in (end, self._end) if time is not None]
        return super().between(max(starts, default=None), min(ends, default=None))


class InstrumentReader(Reader):
    """The files of one instrument, one after another."""

    format = "parquet"

    def __init__(self, fs: Any, files: Sequence[CatalogFile], chunk: int) -> None:
        super().__init__(_Files(files), ReadOptions(chunk=chunk))
        self.schema = "events"
        self._fs = fs
        self._files = files
        self._ids = InstrumentIds(len(files))
        self.instruments = self._ids.instruments
        with fs.open(files[0].path, "rb") as stream:
            self._ids.learn(0, ParquetTape(stream, files[0].path).instruments)

    def __iter__(self) -> Iterator[Records]:
        return self.between(None, None)

    def between(self, start: int | None, end: int | None) -> Iterator[Records]:
        """Chunks from the first record at or after `start` to the last before any at or after `end` (ns; None: no bound)."""
        for number, file in enumerate(self._files):
            if start is not None and file.last < start:
                continue
            if end is not None and file.first >= end:
                return
            yield from self._one(number, file, start, end)
            start = None
            if end is not None and file.last >= end:
                return

    def _one(self, number: int, file: CatalogFile, start: int | None, end: int | None) -> Iterator[Records]:
        chunks = self._decode(number, file, start, end)
        # A small file is read and closed at once: in a merge of thousands of instruments all stand open together.
        for events in list(chunks) if file.rows <= self.options.chunk else chunks:
            self.position += int(len(events) * file.size / max(1, file.rows))
            yield self._ids.apply(number, events)

    def _decode(self, number: int, file: CatalogFile, start: int | None, end: int | None) -> Iterator[Records]:
        with self._fs.open(file.path, "rb") as stream:
            tape = ParquetTape(stream, file.path)
            self._ids.learn(number, tape.instruments)
            yield from tape.chunks(self.options.chunk, start, end)


class _Files(Source):
    """Stands for the files of a catalog where one source is expected."""

    def __init__(self, files: Sequence[CatalogFile]) -> None:
        self.path = f"{files[0].venue}/{files[0].symbol}"
        self.name = ""
        self.compression = None
        self.members = ()
        self.head = b""
        self._total = sum(file.size for file in files)

    @property
    def size(self) -> int:
        return self._total
