"""Several tapes as one, in time order.

A record's place is its tape time (``ts_recv``, or ``ts_event`` where that is 0); a time that steps back inside a tape counts as
the latest one before it. Equal times go by the order in which the tapes were given. A group of records, up to the one with LAST,
or a whole snapshot, stays together.

Tapes number their instruments without knowing of one another: two LOBSTER files both call theirs 1. In the merged tape one id
means one instrument (symbol, venue, publisher): a later tape's keeps its id where that is free, takes the id under which an
earlier tape has the same instrument, or gets the next free one. Ids that no tape explains stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from tickdeck.core import EVENT, Instrument, Records, UsageError, as_events
from tickdeck.core.instrument import replace_fields
from tickdeck.tape.kernels.merge import DONE, FULL, MERGE_SOURCE, merge
from tickdeck.tape.reader import CHUNK, Reader, ReadOptions
from tickdeck.tape.source import Source
from tickdeck.tape.tape_time import between, tape_times

_EARLIEST = -(2**63)


@runtime_checkable
class Ranged(Protocol):
    """A reader that finds a time range without reading what lies before it, as often as it is asked."""

    def between(self, start: int | None, end: int | None) -> Iterator[Records]:
        """Chunks from the first record at or after `start` to the last before any at or after `end` (ns; None: no bound)."""


def is_ranged(reader: Reader) -> bool:
    """Whether `reader` finds a time range by an index; a merged one does if all of its readers do."""
    if isinstance(reader, MergedReader):
        return all(map(is_ranged, reader.readers))
    return isinstance(reader, Ranged)


def ranged(reader: Reader, start: int | None, end: int | None) -> Iterator[Records]:
    """The chunks of `reader` between two times: by its index where it has one, else by reading on."""
    chunks = reader.between(start, end) if isinstance(reader, Ranged) else between(map(as_events, reader), start, end)
    return (np.ascontiguousarray(chunk) for chunk in chunks if len(chunk))


class InstrumentIds:
    """One id an instrument, over several tapes.

    Parameters
    ----------
    count : int
        Number of tapes.
    """

    def __init__(self, count: int) -> None:
        self.instruments: dict[int, Instrument] = {}
        self._new_ids: list[dict[int, int]] = [{} for _ in range(count)]
        self._by_name: dict[tuple[str, str, int | None], int] = {}

    def learn(self, tape: int, instruments: Mapping[int, Instrument]) -> None:
        """Take in what tape number `tape` says about its instruments."""
        new_ids = self._new_ids[tape]
        if len(new_ids) == len(instruments):
            return
        for old, instrument in instruments.items():
            if old in new_ids:
                continue
            name = (instrument.symbol, instrument.venue, instrument.publisher_id)
            new = self._by_name.get(name)
            if new is None or new in new_ids.values():
                new = old if old not in self.instruments else self._free_id()
                self._by_name.setdefault(name, new)
                declared = None if instrument.instrument_id is None else new
                self.instruments[new] = replace_fields(instrument, instrument_id=declared)
            new_ids[old] = new

    def _free_id(self) -> int:
        after_last = max(self.instruments) + 1
        if after_last < 2**32:
            return after_last
        return next(number for number in range(2**32) if number not in self.instruments)

    def apply(self, tape: int, events: Records) -> Records:
        """`events` of tape number `tape` under the merged ids; the same array where none differs."""
        changed = {old: new for old, new in self._new_ids[tape].items() if old != new}
        if not changed:
            return events
        old_ids = np.array(sorted(changed), np.uint32)
        new_ids = np.array([changed[int(old)] for old in old_ids], np.uint32)
        ids = events["instrument_id"]
        place = np.minimum(np.searchsorted(old_ids, ids), len(old_ids) - 1)
        events = events.copy()
        events["instrument_id"] = np.where(old_ids[place] == ids, new_ids[place], ids)
        return events


class _Combined(Source):
    """Stands for several inputs where one is expected."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.path = ", ".join(source.path for source in sources[:3]) + (", ..." if len(sources) > 3 else "")
        self.name = ""
        self.compression = None
        self.members = ()
        self.head = b""
        self._sizes = [source.size for source in sources]

    @property
    def size(self) -> int | None:
        return None if None in self._sizes else sum(size for size in self._sizes if size is not None)


class MergedReader(Reader):
    """The events of several readers in time order, as one reader.

    Parameters
    ----------
    readers : sequence of Reader
        The order decides between equal times.
    chunk : int
        Most events in one chunk.
    ids : InstrumentIds, optional
        Of an earlier merge of the same tapes: keeps the ids as they were.

    Raises
    ------
    UsageError
        No readers.
    """

    format = "merged"

    def __init__(self, readers: Sequence[Reader], chunk: int = CHUNK, ids: InstrumentIds | None = None) -> None:
        if not readers:
            raise UsageError("there is nothing to merge; give at least one tape")
        super().__init__(_Combined([reader.source for reader in readers]), ReadOptions(chunk=chunk))
        self.schema = "events"
        self.readers = tuple(readers)
        self.ids = ids or InstrumentIds(len(readers))
        self.instruments = self.ids.instruments
        for tape, reader in enumerate(self.readers):
            self.ids.learn(tape, reader.instruments)

    def __iter__(self) -> Iterator[Records]:
        return self.between(None, None)

    def between(self, start: int | None, end: int | None) -> Iterator[Records]:
        """Merged chunks of the readers' records between two times (ns; None: no bound).

        A reader without an index is read from where it stands, and once.
        """
        inputs = [self._known(tape, ranged(reader, start, end)) for tape, reader in enumerate(self.readers)]
        yield from inputs[0] if len(inputs) == 1 else merge_chunks(inputs, self.options.chunk)

    def close(self) -> None:
        for reader in self.readers:
            reader.close()

    def _known(self, tape: int, chunks: Iterator[Records]) -> Iterator[Records]:
        reader = self.readers[tape]
        for chunk in chunks:
            self.ids.learn(tape, reader.instruments)
            self.position = sum(each.position for each in self.readers)
            yield self.ids.apply(tape, chunk)
        self.ids.learn(tape, reader.instruments)


def merge_chunks(inputs: Sequence[Iterator[Records]], chunk: int = CHUNK) -> Iterator[Records]:
    """Chunks of `EVENT` of all inputs in time order; see the module's text.

    Parameters
    ----------
    inputs : sequence of iterators of contiguous EVENT arrays
    chunk : int
        Events in each chunk but the last.
    """
    sources = np.zeros(len(inputs), MERGE_SOURCE)
    sources["latest"] = _EARLIEST
    sources["flags"] = -1
    held: list[Records | None] = [None] * len(inputs)

    def refill(number: int) -> bool:
        events = held[number] = next(inputs[number], None)
        if events is None:
            sources["finished"][number] = 1
            return False
        sources["address"][number] = events.ctypes.data
        sources["length"][number] = len(events)
        sources["cursor"][number] = 0
        return True

    heads = []
    for number in range(len(inputs)):
        if refill(number):
            first = held[number]
            assert first is not None
            sources["head"][number] = tape_times(first[:1])[0]
            heads.append((int(sources["head"][number]), number))
    heap = np.array([number for _, number in sorted(heads)] or [0], np.int64)
    state = np.array([len(heads), 0], np.int64)
    while True:
        out = np.empty(chunk, EVENT)
        state[1] = 0
        while (outcome := merge(sources, heap, state, out.view(np.uint64))) >= 0:
            refill(outcome)
        if state[1]:
            yield out[: state[1]]
        if outcome == DONE:
            return
        assert outcome == FULL
