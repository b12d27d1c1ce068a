"""Adding a tape to a catalog: events are parted by venue, symbol and date into staged files, which then get their names.

Memory is bounded whatever the number of partitions: a few write Parquet as they go, the others gather raw records in local
temporary files and are turned into Parquet one after another when their day is over or the tape ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tickdeck.core import EVENT, Instrument, Records, UsageError, ns_text
from tickdeck.core.publishers import publisher_name
from tickdeck.tape.catalog_files import DAY_NS, CatalogFile, folder_of
from tickdeck.tape.columns import refuse_reserved
from tickdeck.tape.parquet import ROW_GROUP, ParquetSink
from tickdeck.tape.tape_time import tape_times

_DIRECT = 16
"""Partitions that write Parquet as they go; each holds a row group in memory."""
_GATHERED = 1 << 20
"""Events of all other partitions that are held in memory."""

Key = tuple[str, str, int]
"""Venue, symbol, day since the epoch."""


class _Partition:
    """The events of one venue, symbol and date on their way into a staged file."""

    def __init__(self, staged: str) -> None:
        self.staged = staged
        self.ids: set[int] = set()
        self.rows = 0
        self.first = 0
        self.last = 0
        self.sink: ParquetSink | None = None
        self.stream: Any = None
        self.gathered: list[Records] = []
        self.spilled: Path | None = None


class Addition:
    """One tape being added. Nothing of it is visible before :meth:`commit`.

    Parameters
    ----------
    fs : fsspec file system
    root : str
        The catalog's folder.
    files : list of CatalogFile
        What the catalog has.
    replace : bool
        Whether files of the same partition that overlap in time give way.
    """

    def __init__(self, fs: Any, root: str, files: list[CatalogFile], replace: bool) -> None:
        self._fs = fs
        self._root = root
        self._replace = replace
        self._files: dict[Key, list[CatalogFile]] = {}
        for file in files:
            self._files.setdefault((file.venue, file.symbol, int(file.date.astype(int))), []).append(file)
        self._staging = f"{root}/.adding-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._spill = Path(tempfile.mkdtemp(prefix="tickdeck-catalog-"))
        self._partitions: dict[Key, _Partition] = {}
        self._unfinished: dict[Key, _Partition] = {}
        self._open: set[Key] = set()
        self._day: int | None = None
        self._held = 0
        self._latest = -(2**63)
        fs.makedirs(self._staging, exist_ok=True)

    def write(self, events: Records, instruments: Mapping[int, Instrument]) -> None:
        """Part `events` and put them where they belong.

        Raises
        ------
        UsageError
            The catalog has events of that time already.
        LossError
            A reserved byte is not 0.
        """
        if not len(events):
            return
        refuse_reserved(events, self._root)
        times = tape_times(events)
        reached = np.maximum(np.maximum.accumulate(times), self._latest)
        self._latest = int(reached[-1])
        days = reached // DAY_NS
        for low, high in _runs(days):
            day = int(days[low])
            self._finish_before(day, instruments)
            part, part_times = events[low:high], times[low:high]
            books = part["instrument_id"].astype(np.uint64) << np.uint64(16) | part["publisher_id"]
            if books.min() == books.max():
                self._put(self._key(int(books[0]), day, instruments), part, part_times)
                continue
            unique, which = np.unique(books, return_inverse=True)
            keys = [self._key(int(book), day, instruments) for book in unique]
            numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
            which = np.array([numbers[key] for key in keys])[which]
            order = np.argsort(which, kind="stable")
            borders = np.searchsorted(which[order], np.arange(len(numbers) + 1))
            for key, number in numbers.items():
                rows = order[borders[number] : borders[number + 1]]
                self._put(key, part[rows], part_times[rows])

    def commit(self, instruments: Mapping[int, Instrument]) -> int:
        """Make it all visible, file by file; the number of events.

        Raises
        ------
        UsageError
            The catalog has events of that time already; nothing was added.
        """
        self._finish_before(None, instruments)
        for key, partition in self._partitions.items():
            self._refuse_overlap(key, partition.first, partition.last)
        for key, partition in self._partitions.items():
            folder = f"{self._root}/{folder_of(*key)}"
            target = f"{folder}/{partition.first}_{partition.last}_{partition.rows}.parquet"
            self._fs.makedirs(folder, exist_ok=True)
            self._fs.mv(partition.staged, target)
            for file in self._files.get(key, ()):
                if file.path != target and file.overlaps(partition.first, partition.last):
                    self._fs.rm(file.path)
        self.discard()
        return sum(partition.rows for partition in self._partitions.values())

    def discard(self) -> None:
        """Leave nothing behind that was not committed."""
        for key in list(self._open):
            self._close(self._partitions[key])
        self._open.clear()
        shutil.rmtree(self._spill, ignore_errors=True)
        if self._fs.exists(self._staging):
            self._fs.rm(self._staging, recursive=True)

    def _key(self, book: int, day: int, instruments: Mapping[int, Instrument]) -> Key:
        number, publisher = book >> 16, book & 0xFFFF
        known = instruments.get(number)
        venue = known.venue if known is not None and known.venue else publisher_name(publisher)
        return venue, known.symbol if known is not None else str(number), day

    def _put(self, key: Key, events: Records, times: np.ndarray[Any, Any]) -> None:
        partition = self._partitions.get(key)
        if partition is None:
            first = int(times[0])
            self._refuse_overlap(key, first, first)
            partition = self._partitions[key] = _Partition(f"{self._staging}/{len(self._partitions)}.parquet")
            partition.first = partition.last = first
            self._unfinished[key] = partition
            if len(self._open) < _DIRECT:
                self._open_sink(partition)
                self._open.add(key)
        partition.rows += len(events)
        partition.last = max(partition.last, int(times.max()))
        partition.ids.update(np.unique(events["instrument_id"]).tolist())
        if partition.sink is not None:
            partition.sink.write(events)
            return
        partition.gathered.append(events.copy())
        self._held += len(events)
        if self._held > _GATHERED:
            self._spill_all()

    def _spill_all(self) -> None:
        for partition in self._unfinished.values():
            if partition.gathered:
                partition.spilled = partition.spilled or self._spill / Path(partition.staged).name
                with partition.spilled.open("ab") as stream:
                    for events in partition.gathered:
                        stream.write(events.view(np.uint8).data)
                partition.gathered = []
        self._held = 0

    def _finish_before(self, day: int | None, instruments: Mapping[int, Instrument]) -> None:
        """Complete the staged files of days before `day`; tape time does not come back to them. None: of all days."""
        if day is not None and day == self._day:
            return
        self._day = day
        for key in [key for key in self._unfinished if day is None or key[2] < day]:
            partition = self._unfinished.pop(key)
            if partition.sink is None:
                self._gather_into_sink(partition)
            assert partition.sink is not None
            partition.sink.close({number: instruments[number] for number in sorted(partition.ids) if number in instruments})
            partition.sink = None
            partition.stream.close()
            self._open.discard(key)

    def _gather_into_sink(self, partition: _Partition) -> None:
        self._open_sink(partition)
        assert partition.sink is not None
        if partition.spilled is not None:
            with partition.spilled.open("rb") as stream:
                while data := stream.read(ROW_GROUP * EVENT.itemsize):
                    partition.sink.write(np.frombuffer(data, EVENT))
            partition.spilled.unlink()
            partition.spilled = None
        for events in partition.gathered:
            partition.sink.write(events)
            self._held -= len(events)
        partition.gathered = []

    def _open_sink(self, partition: _Partition) -> None:
        partition.stream = self._fs.open(partition.staged, "wb")
        partition.sink = ParquetSink(partition.stream)

    def _close(self, partition: _Partition) -> None:
        if partition.sink is not None:
            partition.sink.discard()
            partition.sink = None
            partition.stream.close()

    def _refuse_overlap(self, key: Key, first: int, last: int) -> None:
        if self._replace:
            return
        for file in self._files.get(key, ()):
            if file.overlaps(first, last):
                raise UsageError(
                    f"{self._root}: has {key[1]} of {key[0]} from {ns_text(file.first)} to {ns_text(file.last)} already; "
                    "replace=True puts the new tape in its place"
                )


def _runs(values: np.ndarray[Any, Any]) -> list[tuple[int, int]]:
    """Stretches of equal values."""
    borders = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return list(pairwise(borders))
