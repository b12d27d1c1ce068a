"""A market under replay: its books, how much each of them took, the last trades."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import numpy as np

from tickdeck.book import Market, OrderBook
from tickdeck.cli.ladder_view import MarketRow, Trade
from tickdeck.core import EVENT, Action, Instrument, Records, Side, ns_text, price_text
from tickdeck.core.publishers import publisher_name

if TYPE_CHECKING:
    from tickdeck.tape import Reader

TRADES = 40
"""Trades kept for each book."""
_DENSE_IDS = 1 << 20

Key = tuple[int, int]
"""Publisher and instrument id."""


class PlayedMarket:
    """The books of all that `reader` reads.

    Parameters
    ----------
    reader : Reader
    symbols : list of str, optional
        Those asked for; the first one's book is the main one.
    """

    def __init__(self, reader: Reader, symbols: list[str] | None = None) -> None:
        self._reader = reader
        self._symbols = symbols or []
        self.market = Market(reader.instruments.values())
        self.events = 0
        self.counts: Counter[Key] = Counter()
        self.trades: dict[Key, deque[Trade]] = {}

    def apply(self, events: Records, trades: bool = True) -> None:
        """Carry out ``EVENT`` or ``DBN_MBO`` records; `trades`: note the last ones."""
        if not len(events):
            return
        self.market.apply(events)
        self.events += len(events)
        if trades:
            self._note_trades(events[events["action"] == Action.TRADE])
        if len(self.market) == 1:
            self.counts[self._key(self.market.books[0])] = self.events
            return
        publishers = events["publisher_id"]
        low, high = int(publishers.min()), int(publishers.max())
        present = [low] if low == high else np.unique(publishers).tolist()
        for publisher in present:
            ids = events["instrument_id"]
            for number, count in _counts(ids if low == high else ids[publishers == publisher]):
                self.counts[publisher, number] += count

    def _note_trades(self, found: Records) -> None:
        names = ("publisher_id", "instrument_id", "ts_recv", "ts_event", "price", "size", "side")
        if len(self.market) == 1:
            found = found[-TRADES:]
        for publisher, number, received, happened, *rest in zip(*(found[name].tolist() for name in names)):
            kept = self.trades.setdefault((publisher, number), deque(maxlen=TRADES))
            kept.appendleft(Trade(happened or received, *rest))

    def instrument(self, book: OrderBook) -> Instrument:
        """What is known about a book's instrument by now."""
        return self._reader.instruments.get(self._key(book)[1], book.instrument)

    def name(self, book: OrderBook) -> str:
        """Symbol, with the publisher where several have it."""
        publisher, number = self._key(book)
        several = sum(self._key(other)[1] == number for other in self.books()) > 1
        return self.instrument(book).symbol + (f" {publisher_name(publisher)}" if several else "")

    def books(self) -> list[OrderBook]:
        """The books, busiest first; without top-of-book streams of instruments that have a book of orders or levels."""
        full = {self._key(book)[1] for book in self.market.books if not self._is_top(book)}
        found = [book for book in self.market.books if not (self._is_top(book) and self._key(book)[1] in full)]
        return sorted(found, key=lambda book: -self.counts[self._key(book)])

    def main(self) -> OrderBook | None:
        """The book to show in full: that of the symbol asked for, or of the only instrument there is."""
        books = self.books()
        if self._symbols:
            books = [book for book in books if self.instrument(book).symbol == self._symbols[0]]
            return books[0] if books else None
        return books[0] if len(books) == 1 else None

    def trades_of(self, book: OrderBook) -> list[Trade]:
        """The last trades in a book's instrument, latest first."""
        return list(self.trades.get(self._key(book), ()))

    def rows(self, most: int) -> list[MarketRow]:
        """The busiest books as lines of an overview."""
        return [
            MarketRow(
                self.name(book),
                book,
                self.instrument(book),
                self.counts[self._key(book)],
                next(iter(self.trades_of(book)), None),
            )
            for book in self.books()[:most]
        ]

    def result(self, book: OrderBook, depth: int) -> dict[str, Any]:
        """A book as plain values: amounts as decimal strings, sizes in units of 10^-size_decimals."""
        publisher, number = self._key(book)
        instrument = self.instrument(book)
        return {
            "symbol": instrument.symbol,
            "instrument_id": number,
            "publisher": publisher_name(publisher),
            "events": self.counts[publisher, number],
            "kind": book.depth_kind,
            "stale": book.is_stale,
            "orders": book.order_count,
            "levels": dict(zip(("bids", "asks"), book.level_counts)),
            "size_decimals": instrument.size_decimals,
            "tick_size": None if book.tick_size is None else price_text(book.tick_size),
            "bids": _levels(book.levels(Side.BID, depth)),
            "asks": _levels(book.levels(Side.ASK, depth)),
            "trades": [
                {"time": ns_text(trade.ts), "price": price_text(trade.price), "size": trade.size, "aggressor": chr(trade.side)}
                for trade in self.trades_of(book)
            ],
            "checksum": f"{book.checksum():016x}",
            "anomalies": {kind: count for kind, count in book.stats.items() if count},
        }

    def _key(self, book: OrderBook) -> Key:
        ids = book.ids
        assert ids is not None
        return ids

    def _is_top(self, book: OrderBook) -> bool:
        return publisher_name(self._key(book)[0]).endswith(".TOP")


def _counts(ids: Any) -> list[tuple[int, int]]:
    """How often each id occurs."""
    low, high = int(ids.min()), int(ids.max())
    if low == high:
        return [(low, len(ids))]
    if high - low < _DENSE_IDS:
        found = np.bincount(ids.astype(np.int64) - low)
        return [(low + int(at), int(found[at])) for at in np.flatnonzero(found)]
    numbers, counts = np.unique(ids, return_counts=True)
    return list(zip(numbers.tolist(), counts.tolist()))


def _levels(levels: Records) -> list[dict[str, Any]]:
    return [
        {"price": price_text(price), "size": size, "orders": count}
        for price, size, count in zip(levels["price"].tolist(), levels["size"].tolist(), levels["count"].tolist())
    ]


def warm_up(dtype: np.dtype[np.void] = EVENT) -> None:
    """Load, or once compile, the kernels of the book, so that a rate measured afterwards is that of the work."""
    Market().apply(np.zeros(1, dtype))
