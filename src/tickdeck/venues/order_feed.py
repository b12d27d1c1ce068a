"""What parsers of order-level (L3) feeds share: live orders, and the join of a feed with a REST snapshot.

Changes are kept while a book waits for a snapshot. When it comes, it replaces the book and those after it are applied again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tickdeck.core import PrecisionError
from tickdeck.venues.event_rows import ADD, ASK, BID, CANCEL, CLEAR, FILL, LAST, MODIFY, NO_SIDE, SNAPSHOT, TRADE, Group
from tickdeck.venues.fields import units
from tickdeck.venues.json_parser import Book, JsonParser

HELD_LIMIT = 200_000
"""Most changes of a book that are kept for a snapshot."""


@dataclass(slots=True)
class Order:
    """A resting order."""

    side: int
    price: int
    size: int


@dataclass(slots=True)
class Feed:
    """Orders of one book, and the changes that wait for its snapshot."""

    book: Book
    orders: dict[int, Order] = field(default_factory=dict)
    held: deque[tuple[int, Any]] = field(default_factory=lambda: deque(maxlen=HELD_LIMIT))
    """(sequence, change) since the book was last known to be right."""


class OrderFeedParser(JsonParser):
    """A venue whose books are joined from a REST snapshot and a feed of changes."""

    def __init__(self, instruments: tuple[Any, ...] = ()) -> None:
        super().__init__(instruments)
        self._feeds: dict[int, Feed] = {}

    @abstractmethod
    def _apply(self, feed: Feed, sequence: int, change: Any, replayed: bool) -> None:
        """Turn one checked change into events; cannot fail. A `replayed` one was received before the snapshot."""

    def _feed(self, name: Any, channel: str, snapshot: bool = False) -> Feed | None:
        """The feed of a symbol's book, or None when another channel feeds it."""
        book = self._book(name, channel, snapshot)
        if book is None:
            return None
        return self._feeds.setdefault(book.instrument_id, Feed(book))

    def _hold(self, feed: Feed, sequence: int, change: Any) -> None:
        """Keep a change for the snapshot."""
        if len(feed.held) == HELD_LIMIT:
            self.report.add("held_overflow", f"{feed.book.symbol}: more than {HELD_LIMIT} changes wait for a snapshot")
        feed.held.append((sequence, change))

    def _replay(self, feed: Feed, after: int) -> None:
        """Apply the kept changes that the snapshot does not contain."""
        held = [entry for entry in feed.held if entry[0] > after]
        feed.held.clear()
        for sequence, change in held:
            self._apply(feed, sequence, change, replayed=True)

    def _amounts(self, book: Book, price: Any, size: Any) -> tuple[int, int] | None:
        """Price and size in units; None, counted, when they do not fit exactly."""
        try:
            amounts = units(price, 9), units(size, book.size_decimals)
        except PrecisionError as error:
            self.report.add("inexact", f"{book.symbol}: {error}")
            book.flag_next = True
            return None
        if amounts[1] < 0:
            raise ValueError(f"size {size} is below 0")
        return amounts

    # orders

    def _replace_orders(self, feed: Feed, orders: Iterable[tuple[int, Order]], ts: int, sequence: int) -> None:
        """A snapshot: clear the book and add its orders."""
        book, rows = feed.book, self._rows
        self._reading = None
        book.messages += 1
        book.synced, book.stale, book.sequence = True, False, sequence
        first = len(rows)
        group = (ts, sequence, book.instrument_id, 0)
        rows.add(group, CLEAR, NO_SIDE, SNAPSHOT)
        feed.orders = dict(orders)
        for number, order in feed.orders.items():
            rows.add(group, ADD, order.side, SNAPSHOT, order.price, order.size, number)
        rows.finish_group(first, self._bad_flag(book))

    def _add_order(self, feed: Feed, group: Group, number: int, order: Order) -> None:
        feed.orders[number] = order
        self._rows.add(group, ADD, order.side, LAST | self._bad_flag(feed.book), order.price, order.size, number)

    def _cancel_order(self, feed: Feed, group: Group, number: int) -> None:
        """Remove an order with all that remains of it."""
        order = feed.orders.pop(number, None)
        if order is not None:
            flags = LAST | self._bad_flag(feed.book)
            self._rows.add(group, CANCEL, order.side, flags, order.price, order.size, number)

    def _modify_order(self, feed: Feed, group: Group, number: int, price: int, size: int) -> None:
        order = feed.orders[number]
        order.price, order.size = price, size
        self._rows.add(group, MODIFY, order.side, LAST | self._bad_flag(feed.book), price, size, number)

    def _fill_order(self, feed: Feed, group: Group, number: int, price: int, size: int, traded: bool) -> None:
        """An execution of a resting order: T, F and C; only C when the trade itself was told before (`traded`)."""
        order = feed.orders[number]
        rows, first = self._rows, len(self._rows)
        if not traded:
            rows.add(group, TRADE, ASK if order.side == BID else BID, 0, price, size)
            rows.add(group, FILL, order.side, 0, price, size, number)
        rows.add(group, CANCEL, order.side, 0, order.price, min(size, order.size), number)
        rows.finish_group(first, self._bad_flag(feed.book))
        order.size -= size
        if order.size <= 0:
            del feed.orders[number]

    def _lone_trade(self, feed: Feed, group: Group, side: int, price: int, size: int) -> None:
        """A trade of which the resting order is not known."""
        self._rows.add(group, TRADE, side, LAST | self._bad_flag(feed.book), price, size)
