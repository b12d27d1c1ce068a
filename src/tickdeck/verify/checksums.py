"""Checksums that a venue states of its books, computed anew from the rebuilt ones."""

from __future__ import annotations

from tickdeck.book import Market
from tickdeck.core import Instrument, UnknownInstrumentError
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.tape.venue_reader import Mark
from tickdeck.venues.checksums import OKX_LEVELS
from tickdeck.venues.parser import VenueParser
from tickdeck.verify.result import Comparison, Mismatch, Window

_SHOWN_LEVELS = 10


class ChecksumCheck:
    """Compares checksums of books in a market with those that the venue stated.

    Parameters
    ----------
    market : Market
        Of the events up to the checksum at hand.
    source : str
        Name for the result.
    show : int
        Wrong checksums to keep in full.
    """

    def __init__(self, market: Market, source: str, show: int = 1) -> None:
        self._market = market
        self._show = show
        self._result = Comparison("checksums of the venue", source, source, "checksums")

    def add(self, mark: Mark, parser: VenueParser, time: int) -> None:
        """Compare the checksum that was stated of a book as it is now."""
        _, number, stated = mark
        result = self._result
        result.compared += 1
        try:
            bids, asks = self._market.book(number, PUBLISHERS[parser.venue]).depth(OKX_LEVELS)
        except UnknownInstrumentError:
            self._wrong(mark, parser.instruments.get(number), time, "none: there is no book yet", None)
            return
        found = parser.checksum(bids, asks, number)
        if found == stated:
            result.exact += 1
        else:
            book = Window(bids[:_SHOWN_LEVELS], asks[:_SHOWN_LEVELS])
            self._wrong(mark, parser.instruments.get(number), time, str(found), book)

    def _wrong(self, mark: Mark, instrument: Instrument | None, time: int, found: str, book: Window | None) -> None:
        result = self._result
        result.wrong += 1
        if self._show <= 0:
            return
        self._show -= 1
        symbol, decimals = (instrument.symbol, instrument.size_decimals) if instrument else ("", 0)
        place, reason = f"checksum {result.compared:,}", "the book's checksum differs"
        result.mismatches.append(Mismatch(place, reason, time, symbol, str(mark[2]), found, book, decimals))

    def result(self) -> Comparison:
        """What was found."""
        return self._result
