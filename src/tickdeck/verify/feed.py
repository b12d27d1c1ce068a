"""Books rebuilt from a feed that carries its own truth: checksums and tickers among the depth messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tickdeck.book import Market
from tickdeck.core import BBO, Records, UsageError, ns_text
from tickdeck.tape import Reader
from tickdeck.tape.chain import ChainReader
from tickdeck.tape.venue_reader import Mark, VenueReader
from tickdeck.verify.checksums import ChecksumCheck
from tickdeck.verify.result import Comparison
from tickdeck.verify.ticker import TickerCheck


class FeedCheck:
    """Rebuilds the books of a feed and compares them with what it states about them.

    Parameters
    ----------
    reader : Reader
        Of one file or of a chain.
    source : str
        Name of it all, for the result.
    truth : Reader, optional
        A recording of the tickers, where they are not in the feed itself.
    show : int
        Mismatches of each kind to keep in full.

    Attributes
    ----------
    market : Market
        The rebuilt books.
    notes : list of str
        What makes the feed doubtful as a whole.
    """

    def __init__(self, reader: Reader, source: str, truth: Reader | None = None, show: int = 1) -> None:
        self._reader = reader
        self._truth = truth
        self.market = Market(reader.instruments.values())
        self.notes: list[str] = []
        self._tickers = TickerCheck(source, source if truth is None else truth.path, show)
        self._checksums = ChecksumCheck(self.market, source, show)
        self._begun: dict[str, int] = {}

    def run(self, chunks: Iterable[Records]) -> list[Comparison]:
        """Take all chunks of the reader; one comparison for each kind of truth that was there."""
        part: Reader = self._reader
        time = 0
        for chunk in chunks:
            before, part = part, _part(self._reader)
            if before is not part:
                self._take_marks(before, _left(before), time)
            self._check_order(part, chunk)
            self._take(part, chunk)
            time = int(chunk["ts_recv"][-1])
        self._take_marks(part, _left(part), time)
        if self._truth is not None:
            self._take_truth(self._truth)
        self._note_stale()
        found = (self._checksums.result(), self._tickers.result(self._reader.instruments))
        return [item for item in found if item.compared]

    def _take(self, part: Reader, chunk: Records) -> None:
        best = np.zeros(len(chunk), BBO)
        done = 0
        for mark in part.expected if isinstance(part, VenueReader) else ():
            end = mark[0] + 1
            if end > done:
                self.market.apply(chunk[done:end], best[done:end])
                done = end
            self._take_marks(part, [mark], int(chunk["ts_recv"][max(mark[0], 0)]))
        self.market.apply(chunk[done:], best[done:])
        if self._truth is None:
            self._tickers.collect(chunk)
        self._tickers.add(chunk, best, self._reader.instruments)

    def _take_marks(self, part: Reader, marks: Sequence[Mark], time: int) -> None:
        if isinstance(part, VenueReader):
            for mark in marks:
                self._checksums.add(mark, part.parser, time)

    def _take_truth(self, truth: Reader) -> None:
        """Take the tickers of another recording; its symbols lead to the feed's instruments."""
        ids = {item.symbol: number for number, item in self._reader.instruments.items()}
        for chunk in truth:
            numbers = {number: ids[item.symbol] for number, item in truth.instruments.items() if item.symbol in ids}
            self._tickers.collect(chunk, numbers)

    def _check_order(self, part: Reader, chunk: Records) -> None:
        """A later file of a chain must not begin before an earlier one: its updates would all count as old."""
        if part.path in self._begun or not chunk["ts_recv"].any():
            return
        begins = int(chunk["ts_recv"][chunk["ts_recv"] != 0][0])
        for path, time in self._begun.items():
            if begins < time:
                raise UsageError(
                    f"{part.path}: begins at {ns_text(begins)}, before {path} at {ns_text(time)}; name the files in the order of time"
                )
        self._begun[part.path] = begins

    def _note_stale(self) -> None:
        for book in self.market.books:
            if book.is_stale:
                self.notes.append(
                    f"{book.instrument.symbol}: a snapshot or update is missing, so the book is incomplete; only what was compared holds"
                )


def _part(reader: Reader) -> Reader:
    """The reader of the file at hand."""
    return reader.parts[-1] if isinstance(reader, ChainReader) else reader


def _left(part: Reader) -> list[Mark]:
    """Checksums that were stated after the last chunk of a file."""
    return part.expected if isinstance(part, VenueReader) else []
