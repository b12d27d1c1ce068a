"""What readers of recorded venue traffic share: a venue's parser, its anomalies in the report, and the wanted symbols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from tickdeck.core import EVENT, Records
from tickdeck.tape.reader import Reader, ReadOptions
from tickdeck.tape.source import Source
from tickdeck.venues.parser import Frame, VenueParser

_WHOLE = np.dtype((np.void, EVENT.itemsize))
"""An event as one piece: numpy copies records field by field, at a fifth of the speed."""

Mark = tuple[int, int, int]
"""A stated checksum: index of an event, instrument id, checksum."""


class VenueReader(Reader):
    """Events of recorded frames.

    Parameters
    ----------
    source : Source
    options : ReadOptions
    parser : VenueParser
        Its state (books in step, diffs held back) may stem from the file before.
    last : bool
        No file follows: what the parser still holds back is delivered at the end.

    Attributes
    ----------
    parser : VenueParser
    expected : list of (int, int, int)
        Checksums that the venue stated in the chunk yielded last: index of the event after which the book must have it (-1:
        before the first), instrument id, checksum.
    """

    def __init__(self, source: Source, options: ReadOptions, parser: VenueParser, last: bool = True) -> None:
        super().__init__(source, options)
        self.parser = parser
        self.instruments = parser.instruments
        self.schema = parser.venue
        self.expected: list[Mark] = []
        self._last = last
        self._row = 0
        self._recv = 0
        self._out: Records = np.empty(max(options.chunk, 1), EVENT)
        self._count = 0
        self._marks: list[Mark] = []
        self._known: Counter[str] = Counter(parser.report.anomalies)
        self._known_total = sum(self._known.values())

    def _parse(self, row: int, frame: Frame) -> Records:
        """Events of a frame; what the parser found wrong with it goes to the report."""
        events = self.parser.parse(frame)
        self._take_anomalies(row)
        return events

    def _finish(self) -> Iterator[Records]:
        """What the parser still holds back, and the last chunk."""
        if self._last:
            yield from self._add(self.parser.flush(self._recv))
            self._take_anomalies(self._row)
        yield from self._take()
        self.expected, self._marks = self._marks, []
        self.report.notes.update(venue=self.parser.venue, rows=self._row, messages=dict(self.parser.report.messages))

    def _take_anomalies(self, row: int) -> None:
        """Count in the report what the parser counted since the last time."""
        counted = self.parser.report.anomalies
        total = sum(counted.values())
        if total == self._known_total:
            return
        examples = self.parser.report.examples
        for kind, count in (counted - self._known).items():
            text = next((example for example in reversed(examples) if example.startswith(f"{kind}: ")), kind)
            text = text.removeprefix(f"{kind}: ")
            if kind == "malformed":
                self.bad(row, f"not a message of {self.parser.venue}: {text}")
            else:
                self.report.add(kind, row, text, count)
        self._known = Counter(counted)
        self._known_total = total

    def _add(self, events: Records, expected: Sequence[Mark] = ()) -> Iterator[Records]:
        """Append a frame's events to the chunk; yields it whenever it is full. A frame is divided only if it is over a chunk."""
        room = len(self._out)
        if self._count + len(events) > room >= len(events):
            yield from self._take()
        self._marks += [(self._count - 1, number, checksum) for at, number, checksum in expected if at < 0]
        start = 0
        while start < len(events):
            taken = min(room - self._count, len(events) - start)
            shift, end = self._count - start, start + taken
            self._out.view(_WHOLE)[self._count : self._count + taken] = events.view(_WHOLE)[start:end]
            self._count += taken
            self._marks += [(at + shift, number, checksum) for at, number, checksum in expected if start <= at < end]
            start = end
            if self._count == room:
                yield from self._take()

    def _take(self) -> Iterator[Records]:
        """The chunk, unless it is empty; the next one begins."""
        if not self._count:
            return
        chunk, self._out = self._out[: self._count], np.empty(len(self._out), EVENT)
        self.expected, self._marks, self._count = self._marks, [], 0
        self._recv = max(self._recv, int(chunk["ts_recv"][-1]))
        if self.options.symbols is not None:
            chunk = self._wanted(chunk)
        if len(chunk):
            yield chunk

    def _wanted(self, chunk: Records) -> Records:
        """Events of the symbols that the caller asked for; `expected` is brought in line."""
        symbols = self.options.symbols or ()
        ids = {number for number, item in self.instruments.items() if item.symbol in symbols}
        keep = np.isin(chunk["instrument_id"], list(ids))
        rows = np.cumsum(keep) - 1
        self.expected = [
            (int(rows[at]) if at >= 0 else -1, number, checksum) for at, number, checksum in self.expected if number in ids
        ]
        return chunk[keep]
