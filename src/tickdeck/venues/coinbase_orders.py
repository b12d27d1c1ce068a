"""The order-level channels of the Coinbase Exchange feed: ``full`` and ``level3``.

Per product every message has the next sequence. Only ``open``, ``match``, ``done`` and ``change`` touch the book: an order that
is received and filled at once never rests. https://docs.cdp.coinbase.com/exchange/websocket-feed/channels
"""

from __future__ import annotations

from typing import Any

from tickdeck.core import Instrument
from tickdeck.venues.event_rows import ASK, BID, NO_SIDE
from tickdeck.venues.fields import integer, key64, rfc3339, symbol
from tickdeck.venues.order_feed import Feed, Order, OrderFeedParser

ORDER_MESSAGES = ("received", "open", "match", "done", "change", "activate", "noop")

_SIDES = {"buy": BID, "sell": ASK}
_OPPOSITE = {BID: ASK, ASK: BID}
_CHANNEL = "full"


class CoinbaseOrders(OrderFeedParser):
    """The order-level part of Coinbase's parser."""

    def __init__(self, instruments: tuple[Instrument, ...] = ()) -> None:
        super().__init__(instruments)
        self._order_products: set[str] = set()
        self._schemas: dict[str, list[str]] = {}

    def _order_level(self, name: Any) -> bool:
        """Whether a product's order-level channel is received, so that matches belong to it."""
        return name in self._order_products

    def _subscribed(self, message: dict[str, Any]) -> None:
        for channel in message["channels"]:
            if isinstance(channel, dict) and channel["name"] in ("full", "level3"):
                self._order_products.update(symbol(name) for name in channel["product_ids"])

    # the compact level3 channel

    def _schema(self, schema: dict[str, list[str]]) -> None:
        self._schemas = {kind: [symbol(name) for name in names] for kind, names in schema.items()}

    def _compact(self, values: list[Any]) -> str:
        """A message of the ``level3`` channel: the values of the fields that its schema names."""
        message = dict(zip(self._schemas[values[0]], values))
        for compact, plain in (("size", "remaining_size"), ("price", "new_price")):
            if (message["type"], plain) in (("open", "remaining_size"), ("change", "new_price")):
                message[plain] = message[compact]
        if message["type"] == "change":
            message["new_size"] = message["size"]
        return self._order(message)

    # messages

    def _order(self, message: dict[str, Any]) -> str:
        name, kind = symbol(message["product_id"]), message["type"]
        if kind == "activate":
            return "order"
        self._order_products.add(name)
        feed = self._feed(name, _CHANNEL)
        if feed is None:
            return "order"
        book, sequence = feed.book, integer(message["sequence"], 64)
        change = self._read(feed, message)
        self._reading = None
        if book.synced and sequence <= book.sequence:
            if book.messages > 1:
                self.report.add("stale_update", f"{name}: sequence {sequence} after {book.sequence}")
            return "order_before_snapshot"
        if not book.synced:
            self._hold(feed, sequence, change)
            if kind == "match":
                self._tell(feed, change)
            return "order_held"
        if sequence != book.sequence + 1:
            self._gap(book, "sequence_gap", f"sequence {sequence} after {book.sequence}")
        if book.stale:
            self._hold(feed, sequence, change)
        self._apply(feed, sequence, change, replayed=False)
        return "trade" if kind == "match" else "order"

    def _read(self, feed: Feed, message: dict[str, Any]) -> tuple[Any, ...]:
        """(type, ts, order id, side, price, size, trade id) of a message."""
        kind, book = message["type"], feed.book
        ts = rfc3339(message["time"]) if "time" in message else self._frame.ts_recv
        if kind in ("received", "noop"):
            return kind, ts, 0, BID, 0, 0, 0
        number = key64(message["maker_order_id"] if kind == "match" else message["order_id"])
        known = feed.orders.get(number)
        if "side" in message:
            side = _SIDES[message["side"]]
        else:
            side = known.side if known is not None else NO_SIDE
        amounts: tuple[int, int] | None = (0, 0)
        if kind == "open":
            amounts = self._amounts(book, message["price"], message["remaining_size"])
        elif kind == "match":
            amounts = self._amounts(book, message["price"], message["size"])
        elif kind == "change":
            size = message.get("new_size")
            price = message.get("new_price") or message.get("price")
            amounts = None if size is None or price is None else self._amounts(book, price, size)
        if amounts is None:
            return "noop", ts, 0, BID, 0, 0, 0
        trade_id = str(message.get("trade_id", ""))
        return kind, ts, number, side, *amounts, integer(trade_id, 64) if trade_id.isdigit() else 0

    def _tell(self, feed: Feed, change: tuple[Any, ...]) -> None:
        """A trade alone, while the book waits for its snapshot."""
        kind, ts, _, side, price, size, trade_id = change
        if kind == "match":
            self._lone_trade(feed, (ts, trade_id, feed.book.instrument_id, 0), _OPPOSITE.get(side, NO_SIDE), price, size)

    def _apply(self, feed: Feed, sequence: int, change: Any, replayed: bool) -> None:
        kind, ts, number, side, price, size, _ = change
        book = feed.book
        if replayed and sequence > book.sequence + 1:
            self._gap(book, "sequence_gap", f"sequence {sequence} after {book.sequence} in what waited for the snapshot")
        book.sequence = sequence
        book.messages += 1
        group = (ts, sequence, book.instrument_id, 0)
        if kind == "open":
            self._add_order(feed, group, number, Order(side, price, size))
        elif kind == "done":
            self._cancel_order(feed, group, number)
        elif kind == "change":
            if number in feed.orders:
                self._modify_order(feed, group, number, price, size)
        elif kind == "match":
            if number in feed.orders:
                self._fill_order(feed, group, number, price, size, traded=replayed)
            else:
                self.report.add("unknown_order", f"{book.symbol}: match of maker order {number}")
                if not replayed:
                    self._lone_trade(feed, group, _OPPOSITE.get(side, NO_SIDE), price, size)

    def _order_snapshot(self, name: str, message: dict[str, Any]) -> bool:
        """Join a REST ``level=3`` book; whether it was newer than the book."""
        feed = self._feed(name, _CHANNEL, snapshot=True)
        if feed is None:
            return False
        book, sequence = feed.book, integer(message["sequence"], 64)
        if book.synced and not (book.stale and feed.held and sequence + 1 >= feed.held[0][0]):
            return False
        ts = rfc3339(message["time"]) if "time" in message else self._frame.ts_recv
        orders: list[tuple[int, Order]] = []
        for side, key in ((BID, "bids"), (ASK, "asks")):
            for price, size, number in message[key]:
                amounts = self._amounts(book, price, size)
                if amounts is not None:
                    orders.append((key64(number), Order(side, *amounts)))
        self._order_products.add(name)
        self._replace_orders(feed, orders, ts, sequence)
        self._replay(feed, sequence)
        return True
