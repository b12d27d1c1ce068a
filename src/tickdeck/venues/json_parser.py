"""What parsers of venues that speak JSON share: decoding, instruments, books' state, and the rows of events.

JSON numbers are decoded as their text, so that no digit is lost and none becomes a float. A frame is read completely before
the book that it changes is touched: a malformed one changes nothing but marks that book, which has missed a change.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tickdeck.core import UNDEF_PRICE, Instrument, PrecisionError, Records
from tickdeck.core.instrument import replace_fields
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.venues.event_rows import ADD, ASK, BAD, BID, CLEAR, LAST, MBP, NO_SIDE, SNAPSHOT, TOB, TRADE, EventRows, Group
from tickdeck.venues.fields import places, symbol, unbounded_price, units
from tickdeck.venues.levels import Levels
from tickdeck.venues.parser import Frame, VenueParser

SIZE_DECIMALS = 8
"""Of a symbol of which nothing is known."""

Change = tuple[bool, int, int, int]
"""A level's new state: bid side?, price, size (0 removes it), number of orders (0 unknown)."""

_JSON = msgspec.json.Decoder(float_hook=str)
_BAD_SHAPE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)


@dataclass(slots=True)
class Book:
    """What a parser knows of one instrument's depth book."""

    instrument_id: int
    symbol: str
    size_decimals: int
    channel: str = ""
    """The channel that feeds the book; others of the same instrument would contradict it."""
    sequence: int = -1
    """Last sequence or update id; -1 none."""
    messages: int = 0
    """Depth messages so far: the sequence where the venue has none."""
    synced: bool = False
    """A snapshot was seen."""
    stale: bool = False
    """A gap was seen; a snapshot is needed."""
    flag_next: bool = False
    """The next record says that the book may be bad."""
    inexact: int = 0
    """Levels of the message at hand that do not fit exactly."""
    depth: int = 0
    """Levels that the venue keeps on each side; 0: all."""
    levels: Levels | None = None
    price_places: int = 0
    """Most decimals seen in a printed price."""
    size_places: int = 0


class JsonParser(VenueParser):
    """A venue that speaks JSON.

    A venue's class reads a decoded message, returns its kind, and raises ValueError, KeyError, IndexError, TypeError or
    AttributeError for one that does not have the documented shape.
    """

    keeps_levels = False
    """Whether each book needs a light copy, for its depth or its checksums."""

    def __init__(self, instruments: tuple[Instrument, ...] = ()) -> None:
        super().__init__(instruments)
        self.listed: dict[str, Instrument] = {}
        """Instruments that the venue listed, by symbol."""
        self._ids: dict[str, int] = {}
        self._books: dict[int, Book] = {}
        self._rows = EventRows(PUBLISHERS[self.venue])
        self._frame = Frame(b"", 0)
        self._reading: Book | None = None
        self._top_publisher = PUBLISHERS[f"{self.venue}.TOP"]

    def parse(self, frame: Frame) -> Records:
        """Events of `frame`; see :meth:`VenueParser.parse`."""
        self._begin(frame)
        try:
            message = self._decode(frame.payload)
            kind = self._http(message) if frame.http else self._message(message)
        except _BAD_SHAPE as error:
            kind = "malformed"
            self.report.add(kind, f"{type(error).__name__} {str(error)[:80]} in {_excerpt(frame.payload)}")
            if self._reading is not None:
                self._reading.stale = self._reading.flag_next = True
        if kind == "unhandled":
            self.report.add(kind, _excerpt(frame.payload))
        elif kind == "error":
            self.report.add("venue_error", _excerpt(frame.payload))
        self.report.messages[kind] += 1
        return self._rows.array()

    def _begin(self, frame: Frame) -> None:
        self.expected.clear()
        self._rows.begin(frame.ts_recv)
        self._frame = frame
        self._reading = None

    def stale(self, instrument_id: int) -> bool:
        """Whether the book of an instrument waits for a new snapshot after a gap."""
        book = self._books.get(instrument_id)
        return book is not None and book.stale

    @abstractmethod
    def _message(self, message: Any) -> str:
        """Read a WebSocket message; its kind."""

    @abstractmethod
    def _http(self, message: Any) -> str:
        """Read a REST response; its kind."""

    def _decode(self, payload: bytes) -> Any:
        return _JSON.decode(payload)

    # instruments

    def _list(self, instrument: Instrument) -> None:
        """Note what the venue says of an instrument; one that was met before learns its tick but keeps its units."""
        self.listed[instrument.symbol] = instrument
        known = self._ids.get(instrument.symbol)
        if known is not None:
            self.instruments[known] = _completed(self.instruments[known], instrument)

    def _list_each(self, items: Iterable[Any], read: Callable[[Any], Instrument | None]) -> str:
        """Note all instruments of a list; one that cannot be read is counted and does not spoil the others."""
        for item in items:
            try:
                instrument = read(item)
            except _BAD_SHAPE as error:
                self.report.add("malformed_instrument", f"{type(error).__name__} {str(error)[:80]} in {str(item)[:120]}")
                continue
            if instrument is not None:
                self._list(instrument)
        return "instruments"

    def _id(self, name: Any) -> int:
        """Id of a symbol, new ones in order of appearance."""
        found = self._ids.get(name) if type(name) is str else None
        return self._appear(symbol(name)) if found is None else found

    def _appear(self, name: str) -> int:
        instrument = self._declared(name)
        listed = self.listed.get(name)
        if instrument is None:
            instrument = listed or Instrument(name, size_decimals=SIZE_DECIMALS, venue=self.venue)
        elif listed is not None:
            instrument = _completed(instrument, listed)
        number = instrument.instrument_id
        if number is None or number in self.instruments:
            taken = {item.instrument_id for item in self.declared.values()} | self.instruments.keys()
            number = next(i for i in range(len(self.instruments) + 1, 2**32) if i not in taken)
        self.instruments[number] = instrument.with_ids(number, instrument.publisher_id)
        self._ids[name] = number
        return number

    def _declared(self, name: str) -> Instrument | None:
        return self.declared.get(name)

    def _book(self, name: Any, channel: str, snapshot: bool = False) -> Book | None:
        """The depth book of a symbol, or None when another channel feeds it; a snapshot takes a stale book over."""
        number = self._id(name)
        book = self._books.get(number)
        if book is None:
            book = Book(number, name, self.instruments[number].size_decimals, channel)
            book.levels = Levels() if self.keeps_levels else None
            self._books[number] = book
        if book.channel != channel:
            if not (book.stale and snapshot):
                self.report.add("second_depth_channel", f"{name}: {channel} left out, the book is fed by {book.channel}")
                return None
            book.channel = channel
        self._reading = book
        book.inexact = 0
        return book

    # books

    def _changes(self, book: Book, bid: bool, entries: Iterable[Sequence[Any]], count_at: int = 0) -> list[Change]:
        """Levels as (price, size, ...) text; one that does not fit exactly is counted and left out."""
        out: list[Change] = []
        for entry in entries:
            price_text, size_text = entry[0], entry[1]
            count = units(entry[count_at], 0) if count_at else 0
            try:
                size = units(size_text, book.size_decimals)
                price = self._price(book, price_text)
            except PrecisionError as error:
                book.inexact += 1
                self.report.add("inexact", f"{book.symbol}: {error}")
                continue
            if size < 0 or count < 0:
                raise ValueError(f"size {size_text} or count {count} is below 0")
            if book.levels is not None:
                book.price_places = max(book.price_places, places(price_text))
                book.size_places = max(book.size_places, places(size_text))
            out.append((bid, price, size, count))
        return out

    def _price(self, book: Book, text: Any) -> int:
        """A price in units of 1e-9; one beyond 63 bits counts towards the depth but cannot become an event."""
        try:
            return units(text, 9)
        except PrecisionError:
            price = unbounded_price(text)
            if price is None:
                raise
            self.report.add("out_of_range", f"{book.symbol}: no event for a level at price {text}, it passes 63 bits")
            return price

    def _replace(self, book: Book, changes: list[Change], ts: int, sequence: int, sent: int = 0) -> None:
        """A snapshot: clear the book and set its levels."""
        self._reading = None
        book.messages += 1
        book.synced, book.stale, book.sequence = True, False, sequence
        book.flag_next = book.inexact > 0
        if book.levels is not None:
            book.levels.clear()
        changes = [change for change in changes if change[2]]
        first = len(self._rows)
        group = (ts, sequence, book.instrument_id, self._rows.delta(sent))
        self._rows.add(group, CLEAR, NO_SIDE, SNAPSHOT)
        self._set(book, changes, group, SNAPSHOT | MBP, first)

    def _update(self, book: Book, changes: list[Change], ts: int, sequence: int, sent: int = 0) -> None:
        """Set levels, and remove those that this pushes out of the venue's depth."""
        self._reading = None
        book.messages += 1
        if not book.synced:
            book.synced = True
            self._gap(book, "update_before_snapshot", "levels that were there before are missing")
        elif book.inexact:
            book.flag_next = True
        book.sequence = sequence
        group = (ts, sequence, book.instrument_id, self._rows.delta(sent))
        self._set(book, changes, group, MBP, len(self._rows))

    def _set(self, book: Book, changes: list[Change], group: Group, flags: int, first: int) -> None:
        """Apply changes to the light book and add them as events of the group that begins with row `first`."""
        if book.levels is not None:
            for bid, price, size, count in changes:
                book.levels.side(bid).set(price, size, count)
            if book.depth:
                sides = ((True, book.levels.bids), (False, book.levels.asks))
                changes = changes + [(bid, price, 0, 0) for bid, side in sides for price in side.cut(book.depth)]
        self._rows.set_levels(group, changes, flags)
        if len(self._rows) > first:
            self._rows.finish_group(first, self._bad_flag(book))

    def _gap(self, book: Book, kind: str, text: str) -> None:
        """The book has missed something: count it, and mark the next record and the book."""
        self.report.add(kind, f"{book.symbol}: {text}")
        book.stale = book.flag_next = True

    def _verify(self, book: Book, stated: int, first: int, top: int) -> None:
        """Compare the checksum that the venue states with the one of the light book; `first` is the message's first row."""
        self.expected.append((len(self._rows) - 1, book.instrument_id, stated))
        self.report.checksums += 1
        if book.levels is None:
            return
        found = self.checksum(book.levels.bids.best(top), book.levels.asks.best(top), book.instrument_id)
        if found != stated:
            self.report.checksums_wrong += 1
            self._gap(book, "checksum_mismatch", f"{found} computed, {stated} stated")
            if first < len(self._rows):
                self._rows.flag(first, self._bad_flag(book))

    def _bad_flag(self, book: Book) -> int:
        """The flag that the next record of a book carries after a gap, once."""
        flag = BAD if book.flag_next else 0
        book.flag_next = False
        return flag

    # trades and the top of the book

    def _trade(
        self, name: Any, price: Any, size: Any, side: int, ts: int, sequence: int = 0, flags: int = 0, sent: int = 0
    ) -> None:
        """A trade with its aggressor's side, a group of its own."""
        number = self._id(name)
        try:
            amounts = units(price, 9), units(size, self.instruments[number].size_decimals)
        except PrecisionError as error:
            self.report.add("inexact", f"{name}: {error}")
            return
        if amounts[1] < 0:
            raise ValueError(f"size {size} is below 0")
        self._rows.add((ts, sequence, number, self._rows.delta(sent)), TRADE, side, flags | LAST, *amounts)

    def _top(
        self, name: Any, bid: Sequence[Any] | None, ask: Sequence[Any] | None, ts: int, sequence: int = 0, sent: int = 0
    ) -> None:
        """Replace the top of the book: (price, size) text of each side; an empty price or size 0 empties it, None leaves it."""
        number, first = self._id(name), len(self._rows)
        decimals = self.instruments[number].size_decimals
        found: list[tuple[int, int, int]] = []
        for side, level in ((BID, bid), (ASK, ask)):
            if level is None:
                continue
            empty = level[0] in ("", None) or level[1] in ("", None)
            try:
                size = 0 if empty else units(level[1], decimals)
                price = units(level[0], 9) if size else UNDEF_PRICE
            except PrecisionError as error:
                self.report.add("inexact", f"{name}: {error}")
                continue
            if size < 0:
                raise ValueError(f"size {level[1]} is below 0")
            found.append((side, price, size))
        group = (ts, sequence, number, self._rows.delta(sent))
        for side, price, size in found:
            self._rows.add(group, ADD, side, TOB, price, size, publisher=self._top_publisher)
        self._rows.finish_group(first, 0)


def _completed(instrument: Instrument, other: Instrument) -> Instrument:
    """`instrument` with what it lacks taken from `other`; units of size stay."""
    fields: dict[str, Any] = {}
    for name in ("tick_size", "price_decimals"):
        if getattr(instrument, name) is None and getattr(other, name) is not None:
            fields[name] = getattr(other, name)
    if not instrument.venue:
        fields["venue"] = other.venue
    fields["extra"] = {**other.extra, **instrument.extra}
    return replace_fields(instrument, **fields)


def _excerpt(payload: bytes) -> str:
    return payload[:120].decode("utf-8", "backslashreplace").replace("\n", " ")
