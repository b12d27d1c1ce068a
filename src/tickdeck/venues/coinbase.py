"""Coinbase: the Advanced Trade feed and the Exchange feed.

Advanced Trade numbers the messages of a connection: a gap spoils every book on it until its next snapshot. The Exchange's
``full`` and ``level3`` channels are order-level and numbered per product; they are joined with the REST ``level=3`` book by
sequence. Its ``level2`` channel has no numbers: the events' sequence is the count of depth messages. In both feeds a trade names
the maker's side; the events' is the aggressor's. Order ids are the high 64 bits of the UUIDs.
https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

from __future__ import annotations

import re
from typing import Any

from tickdeck.core import Instrument
from tickdeck.venues.coinbase_orders import ORDER_MESSAGES, CoinbaseOrders
from tickdeck.venues.event_rows import ASK, BID, SNAPSHOT
from tickdeck.venues.fields import exact_tick, integer, rfc3339, step_places, symbol
from tickdeck.venues.json_parser import Change

_AGGRESSOR = {"BUY": ASK, "SELL": BID, "buy": ASK, "sell": BID}
_ADVANCED = {
    "subscriptions": "subscription",
    "heartbeats": "heartbeat",
    "candles": "candle",
    "user": "private",
    "futures_balance_summary": "private",
}
_EXCHANGE = {
    "subscriptions": "subscription",
    "heartbeat": "heartbeat",
    "error": "error",
    "auction": "auction",
    "rfq_match": "rfq_trade",
    "balance": "private",
}
_BOOK_URL = re.compile(r"/products/([^/]+)/book")
_REST = {
    "trades": "rest_trades",
    "ticker": "rest_ticker",
    "candles": "candle",
    "stats": "rest_ticker",
    "time": "status",
    "product_book": "rest_depth",
    "best_bid_ask": "rest_ticker",
    "currencies": "status",
}


class CoinbaseParser(CoinbaseOrders):
    """Parser of Coinbase's two feeds, told apart by the shape of the messages."""

    venue = "COINBASE"

    def __init__(self, instruments: tuple[Instrument, ...] = ()) -> None:
        super().__init__(instruments)
        self._sequences: dict[str, int] = {}
        self._books_on: dict[str, set[int]] = {}

    def _message(self, message: Any) -> str:
        if isinstance(message, list):
            return self._compact(message)
        if "channel" in message and "events" in message:
            return self._advanced(message)
        return self._exchange(message, symbol(message["type"]))

    # Advanced Trade

    def _advanced(self, message: dict[str, Any]) -> str:
        if "sequence_num" in message:
            self._numbered(integer(message["sequence_num"]))
        channel, events = symbol(message["channel"]), message["events"]
        if channel in _ADVANCED:
            return _ADVANCED[channel]
        sent, sequence = rfc3339(message["timestamp"]), integer(message.get("sequence_num", 0))
        if channel == "l2_data":
            snapshots = [self._depth(event, sequence, sent) for event in events]
            return "snapshot" if any(snapshots) else "depth"
        if channel == "market_trades":
            for event in events:
                flags = SNAPSHOT if event.get("type") == "snapshot" else 0
                for item in reversed(event["trades"]):
                    self._one_trade(item, rfc3339(item["time"]), flags, sent)
            return "trade"
        if channel in ("ticker", "ticker_batch"):
            for event in events:
                for item in event["tickers"]:
                    if "best_bid_quantity" in item:
                        bid = (item["best_bid"], item["best_bid_quantity"])
                        ask = (item["best_ask"], item["best_ask_quantity"])
                        self._top(item["product_id"], bid, ask, sent, sequence, sent)
            return "ticker"
        if channel == "status":
            for event in events:
                self._list_each(event["products"], self._instrument)
            return "instruments"
        return "unhandled"

    def _numbered(self, sequence: int) -> None:
        """Check the number of a message on its connection."""
        connection = self._frame.connection or self._frame.url
        last = self._sequences.get(connection, -1)
        self._sequences[connection] = sequence
        if sequence and last >= 0 and sequence != last + 1:
            broken = [book for book in self._books.values() if book.instrument_id in self._books_on.get(connection, ())]
            for book in broken:
                self._gap(book, "sequence_gap", f"sequence_num {sequence} after {last}")
            if not broken:
                self.report.add("sequence_gap", f"sequence_num {sequence} after {last}, before any book")

    def _depth(self, event: dict[str, Any], sequence: int, sent: int) -> bool:
        """One product's part of a depth message; whether it is a snapshot."""
        snapshot: bool = event["type"] == "snapshot"
        book = self._book(event["product_id"], "l2_data", snapshot)
        if book is None:
            return snapshot
        sides: dict[str, list[tuple[Any, Any]]] = {"bid": [], "offer": []}
        changes: list[Change] = []
        times: set[str] = set()
        for item in event["updates"]:
            sides[item["side"]].append((item["price_level"], item["new_quantity"]))
            times.add(item["event_time"])
        for side, entries in sides.items():
            changes += self._changes(book, side == "bid", entries)
        ts = max(map(rfc3339, times), default=0) or sent
        self._books_on.setdefault(self._frame.connection or self._frame.url, set()).add(book.instrument_id)
        if snapshot:
            self._replace(book, changes, ts, sequence, sent)
        else:
            self._update(book, changes, ts, sequence, sent)
        return snapshot

    def _one_trade(self, item: dict[str, Any], ts: int, flags: int = 0, sent: int = 0) -> None:
        number = str(item["trade_id"])
        sequence = integer(number, 64) if number.isdigit() else 0
        side = _AGGRESSOR[item["side"]]
        self._trade(item["product_id"], item["price"], item["size"], side, ts, sequence, flags, sent)

    # Exchange

    def _exchange(self, message: dict[str, Any], kind: str) -> str:
        if kind == "subscriptions":
            self._subscribed(message)
        if kind in _EXCHANGE:
            return _EXCHANGE[kind]
        if kind == "snapshot":
            book = self._book(message["product_id"], "level2", snapshot=True)
            if book is not None:
                changes = self._changes(book, True, message["bids"]) + self._changes(book, False, message["asks"])
                ts = rfc3339(message["time"]) if "time" in message else self._frame.ts_recv
                self._replace(book, changes, ts, book.messages + 1)
            return kind
        if kind == "l2update":
            book = self._book(message["product_id"], "level2")
            if book is not None:
                changes = []
                for side, price, size in message["changes"]:
                    changes += self._changes(book, {"buy": True, "sell": False}[side], ((price, size),))
                ts = rfc3339(message["time"]) if "time" in message else self._frame.ts_recv
                self._update(book, changes, ts, book.messages + 1)
            return "depth"
        if kind == "ticker":
            if "best_bid_size" in message:
                bid, ask = (message["best_bid"], message["best_bid_size"]), (message["best_ask"], message["best_ask_size"])
                ts = rfc3339(message["time"]) if "time" in message else self._frame.ts_recv
                self._top(message["product_id"], bid, ask, ts, integer(message.get("sequence", 0), 64))
            return kind
        if kind == "status":
            self._list_each(message["products"], self._instrument)
            return "instruments"
        if kind == "last_match" or (kind == "match" and not self._order_level(message["product_id"])):
            self._one_trade(message, rfc3339(message["time"]), SNAPSHOT if kind == "last_match" else 0)
            return "trade"
        if kind == "level3":
            self._schema(message["schema"])
            return "subscription"
        return self._order(message) if kind in ORDER_MESSAGES else "unhandled"

    # REST

    def _http(self, message: Any) -> str:
        items = message.get("products") if isinstance(message, dict) else message
        if isinstance(items, list) and items and isinstance(items[0], dict) and "base_increment" in items[0]:
            return self._list_each(items, self._instrument)
        if isinstance(message, dict) and "bids" in message and "sequence" in message:
            found = _BOOK_URL.search(self._frame.url)
            entries = [*message["bids"], *message["asks"]]
            if found is None or not all(isinstance(entry[2], str) for entry in entries):
                return "rest_depth"
            return "snapshot" if self._order_snapshot(found[1], message) else "rest_depth"
        if isinstance(message, dict) and ("message" in message or "error" in message):
            return "error"
        parts = self._frame.url.partition("?")[0].split("/")
        return next((_REST[part] for part in reversed(parts) if part in _REST), "unhandled")

    def _instrument(self, item: dict[str, Any]) -> Instrument | None:
        tick = item.get("price_increment") or item.get("quote_increment") or ""
        lot = item.get("base_increment") or item.get("base_min_size") or ""
        if not lot:
            return None
        return Instrument(
            symbol(item.get("product_id") or item["id"]),
            exact_tick(tick),
            step_places(lot),
            venue=self.venue,
            currency=item.get("quote_currency_id") or item.get("quote_currency") or "USD",
            price_decimals=step_places(tick) if tick else None,
            lot_size=lot,
        )
