"""Bitstamp v2 feed.

``diff_order_book`` (L2) and ``live_orders`` (L3) carry no sequence: they are joined with a REST order book by ``microtimestamp``,
which is also the events' sequence. ``order_book`` and ``detail_order_book`` send the best 100 levels or orders whole each time. A
change lost between two messages cannot be noticed in this feed. https://www.bitstamp.net/websocket/v2/
"""

from __future__ import annotations

import re
from typing import Any

from tickdeck.core import Instrument
from tickdeck.venues.event_rows import ASK, BID
from tickdeck.venues.fields import exact_tick, integer, key64, micros, symbol
from tickdeck.venues.order_feed import Feed, Order, OrderFeedParser

_SIDES = {0: BID, 1: ASK, "0": BID, "1": ASK}
_CHANNEL = re.compile(r"(?:private-my_)?([a-z_]+?)_([a-z0-9\-.]+?)(?:-\d+)?", re.ASCII)
_BOOK_URL = re.compile(r"/order_book/([^/?]+)")
_EVENTS = {
    "bts:heartbeat": "heartbeat",
    "bts:request_reconnect": "status",
    "bts:subscription_succeeded": "subscription",
    "bts:unsubscription_succeeded": "subscription",
    "bts:error": "error",
}
_REST = {"ticker": "rest_ticker", "ticker_hour": "rest_ticker", "transactions": "rest_trades", "ohlc": "candle"}
_DIFFS, _ORDERS = "diff_order_book", "live_orders"


class BitstampParser(OrderFeedParser):
    """Parser of Bitstamp's v2 feed. Symbols are as in its addresses: ``btcusd``."""

    venue = "BITSTAMP"

    def _message(self, message: Any) -> str:
        event, data = message["event"], message.get("data")
        if event in _EVENTS:
            return self._control(event, message.get("channel"))
        found = _CHANNEL.fullmatch(symbol(message["channel"]))
        if found is None:
            return "unhandled"
        channel, name = found[1], found[2]
        if event == "trade" and channel in ("live_trades", "trades"):
            self._live_trade(name, data)
            return "trade"
        if event in ("order_created", "order_changed", "order_deleted") and channel in (_ORDERS, "orders"):
            return "private" if channel == "orders" else self._live_order(name, event, data)
        if event != "data":
            return "unhandled"
        if channel == _DIFFS:
            return self._diff(name, data)
        if channel in ("order_book", "detail_order_book"):
            self._snapshot(name, channel, data)
            return "snapshot"
        return "unhandled"

    def _control(self, event: str, channel: Any) -> str:
        found = _CHANNEL.fullmatch(channel) if isinstance(channel, str) else None
        number = self._ids.get(found[2]) if found is not None else None
        book = self._books.get(number) if number is not None else None
        if book is not None and found is not None and book.channel == found[1] and book.messages > 1 and book.synced:
            self._gap(book, "sequence_gap", f"{event} of {channel} after its data began")
        return _EVENTS[event]

    def _live_trade(self, name: str, data: dict[str, Any]) -> None:
        price, size = data.get("price_str", data["price"]), data.get("amount_str", data["amount"])
        ts = micros(data["microtimestamp"])
        self._trade(name, price, size, _SIDES[data["type"]], ts, integer(data["id"], 64))

    # L2

    def _diff(self, name: str, data: dict[str, Any]) -> str:
        feed = self._feed(name, _DIFFS)
        if feed is None:
            return "depth"
        book, at = feed.book, integer(data["microtimestamp"])
        micros(at)
        changes = self._changes(book, True, data["bids"]) + self._changes(book, False, data["asks"])
        self._reading = None
        if book.synced and at <= book.sequence:
            if book.messages > 1:
                self.report.add("stale_update", f"{name}: microtimestamp {at} after {book.sequence}")
            return "depth_before_snapshot"
        if not book.synced or book.stale:
            self._hold(feed, at, changes)
        if not book.synced:
            return "depth_held"
        self._apply(feed, at, changes, replayed=False)
        return "depth"

    def _snapshot(self, name: str, channel: str, data: dict[str, Any]) -> bool:
        """Replace a book by levels, or by orders where the entries have ids; whether it was newer than the book."""
        entries = [*data["bids"], *data["asks"]]
        orders = channel == "detail_order_book" or (channel == _ORDERS and all(len(entry) > 2 for entry in entries))
        feed = self._feed(name, channel, snapshot=True)
        if feed is None:
            return False
        book, at = feed.book, integer(data["microtimestamp"])
        oldest = feed.held[0][0] if book.stale and feed.held else book.sequence + 1
        if book.synced and at < oldest:
            return False
        ts = micros(at)
        if orders:
            resting: list[tuple[int, Order]] = []
            for side, key in ((BID, "bids"), (ASK, "asks")):
                for price, size, number in data[key]:
                    amounts = self._amounts(book, price, size)
                    if amounts is not None:
                        resting.append((key64(number), Order(side, *amounts)))
            self._replace_orders(feed, resting, ts, at)
        else:
            changes = self._changes(book, True, data["bids"]) + self._changes(book, False, data["asks"])
            self._replace(book, changes, ts, at)
        self._replay(feed, at)
        return True

    # L3

    def _live_order(self, name: str, event: str, data: dict[str, Any]) -> str:
        feed = self._feed(name, _ORDERS)
        if feed is None:
            return "order"
        book, at = feed.book, integer(data["microtimestamp"])
        micros(at)
        number = key64(data.get("id_str", data["id"]))
        price, size = data.get("price_str", data["price"]), data.get("amount_str", data["amount"])
        amounts = self._amounts(book, price, size)
        change = (event, number, _SIDES[data["order_type"]], amounts)
        self._reading = None
        if amounts is None:
            return "order"
        if book.synced and at < book.sequence:
            if book.messages > 1:
                self.report.add("stale_update", f"{name}: microtimestamp {at} after {book.sequence}")
            return "order_before_snapshot"
        if not book.synced:
            book.synced = True
            self._gap(book, "update_before_snapshot", "orders that were there before are missing")
        if book.stale:
            self._hold(feed, at, change)
        self._apply(feed, at, change, replayed=False)
        return "order"

    def _apply(self, feed: Feed, sequence: int, change: Any, replayed: bool) -> None:
        book = feed.book
        if book.channel == _DIFFS:
            self._update(book, change, micros(sequence), sequence)
            return
        event, number, side, (price, size) = change
        book.sequence = sequence
        book.messages += 1
        group = (micros(sequence), sequence, book.instrument_id, 0)
        known = feed.orders.get(number)
        if event == "order_deleted" or (known is not None and not size):
            if known is None:
                self.report.add("unknown_order", f"{book.symbol}: {event} of {number}")
            self._cancel_order(feed, group, number)
        elif known is not None:
            self._modify_order(feed, group, number, price, size)
        elif size and price:
            if event == "order_changed":
                self.report.add("unknown_order", f"{book.symbol}: {event} of {number}")
            self._add_order(feed, group, number, Order(side, price, size))

    # REST

    def _http(self, message: Any) -> str:
        if isinstance(message, list):
            if message and isinstance(message[0], dict) and "url_symbol" in message[0]:
                return self._list_each(message, self._instrument)
            return self._rest_kind()
        if message.get("status") == "error" or "error" in message:
            return "error"
        found = _BOOK_URL.search(self._frame.url)
        if "bids" in message and "microtimestamp" in message and found is not None:
            name = found[1].lower()
            number = self._ids.get(name)
            book = self._books.get(number) if number is not None else None
            entries = [*message["bids"], *message["asks"]]
            channel = _ORDERS if entries and all(len(entry) > 2 for entry in entries) else _DIFFS
            if book is not None and book.channel not in (channel, _DIFFS):
                return "rest_depth"
            return "snapshot" if self._snapshot(name, channel, message) else "rest_depth"
        return self._rest_kind()

    def _rest_kind(self) -> str:
        parts = self._frame.url.partition("?")[0].split("/")
        return next((_REST[part] for part in parts if part in _REST), "unhandled")

    def _instrument(self, item: dict[str, Any]) -> Instrument:
        price_places, size_places = integer(item["counter_decimals"], 4), integer(item["base_decimals"], 4)
        return Instrument(
            symbol(item["url_symbol"]),
            exact_tick(f"{10**-price_places:.{price_places}f}"),
            size_places,
            venue=self.venue,
            currency=item["name"].rpartition("/")[2],
            price_decimals=price_places,
        )
