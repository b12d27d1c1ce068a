"""Kraken's spot feed: array messages of WebSocket v1 and object messages of v2.

Books carry no sequence; a CRC32 over their first 10 levels stands in for it. A book is subscribed to at a depth, and levels that
are pushed out of it are dropped without a message. The events' sequence is the number of depth messages seen of the book, for
trades the trade id (0 in v1, which has none). https://docs.kraken.com/api/docs/websocket-v2/book
"""

from __future__ import annotations

from typing import Any

from tickdeck.core import Instrument, Records
from tickdeck.core.instrument import replace_fields
from tickdeck.venues.checksums import KRAKEN_LEVELS, kraken_checksum
from tickdeck.venues.event_rows import ASK, BID, SNAPSHOT
from tickdeck.venues.fields import exact_tick, integer, rfc3339, seconds, step_places, symbol
from tickdeck.venues.json_parser import Book, JsonParser

DEPTHS = (10, 25, 100, 500, 1000)
"""Depths that a book can be subscribed to."""

_SIDES = {"b": BID, "buy": BID, "s": ASK, "sell": ASK}
_V1_EVENTS = {
    "heartbeat": "heartbeat",
    "pong": "heartbeat",
    "systemStatus": "status",
    "subscriptionStatus": "subscription",
    "error": "error",
}
_V2_CHANNELS = {"heartbeat": "heartbeat", "status": "status", "ohlc": "candle"}
_PRIVATE = ("ownTrades", "openOrders", "executions", "balances")
_REST = ("Assets", "Depth", "Trades", "Ticker", "Time", "SystemStatus", "OHLC", "Spread")


class KrakenParser(JsonParser):
    """Parser of Kraken's spot feed.

    A symbol is named as the feed names it: ``XBT/USD`` in v1, ``BTC/USD`` in v2.
    """

    venue = "KRAKEN"
    keeps_levels = True

    def __init__(self, instruments: tuple[Instrument, ...] = ()) -> None:
        super().__init__(instruments)
        self._depths: dict[str, int] = {}

    def checksum(self, bids: Records, asks: Records, instrument_id: int) -> int | None:
        """Kraken's checksum of a book (``LEVEL`` arrays, best first)."""
        instrument = self.instruments[instrument_id]
        price_places = instrument.price_decimals or 0
        size_places = instrument.extra.get("size_places", instrument.size_decimals)
        return kraken_checksum(bids, asks, price_places, size_places, instrument.size_decimals)

    def _message(self, message: Any) -> str:
        if isinstance(message, list):
            return self._v1(message)
        if "event" in message:
            return self._event(message)
        if "channel" in message:
            return self._v2(message)
        if "method" in message or "error" in message:
            return self._reply(message)
        return "unhandled"

    # v1

    def _v1(self, message: list[Any]) -> str:
        name, pair = message[-2], message[-1]
        if not isinstance(pair, str):
            return "private" if name in _PRIVATE else "unhandled"
        kind = symbol(name).partition("-")[0]
        if kind == "book":
            return self._v1_book(message[1:-2], name, pair)
        if kind == "trade":
            for price, size, time, side, *_ in message[1]:
                self._trade(pair, price, size, _SIDES[side], seconds(time))
            return "trade"
        if kind == "ticker":
            top = message[1]
            self._top(pair, (top["b"][0], top["b"][2]), (top["a"][0], top["a"][2]), self._frame.ts_recv)
            return "ticker"
        if kind == "spread":
            bid, ask, time, bid_size, ask_size = message[1][:5]
            self._top(pair, (bid, bid_size), (ask, ask_size), seconds(time))
            return "ticker"
        return "candle" if kind == "ohlc" else "unhandled"

    def _v1_book(self, parts: list[Any], name: str, pair: str) -> str:
        book = self._book(pair, name, snapshot=any(key in part for part in parts for key in ("as", "bs")))
        if book is None:
            return "depth"
        book.depth = integer(name.partition("-")[2] or "10")
        snapshot, changes, stated, ts = False, [], None, 0
        for part in parts:
            for key in part:
                if key == "c":
                    stated = integer(part[key], 32)
                elif key in ("a", "b", "as", "bs"):
                    snapshot = snapshot or len(key) == 2
                    changes += self._changes(book, key[0] == "b", part[key])
                    ts = max([ts, *(seconds(level[2]) for level in part[key])])
                else:
                    raise ValueError(f"a book has no field {key!r}")
        return self._apply(book, snapshot, changes, stated, ts)

    def _event(self, message: dict[str, Any]) -> str:
        kind = _V1_EVENTS.get(message["event"])
        if kind is None:
            return "private" if str(message["event"]).endswith("Status") else "unhandled"
        status = message.get("status")
        if status == "error":
            return "error"
        if status == "unsubscribed" and str(message.get("channelName", "")).startswith("book"):
            self._unsubscribed(message.get("pair"))
        return kind

    # v2

    def _v2(self, message: dict[str, Any]) -> str:
        channel = symbol(message["channel"])
        if channel in _V2_CHANNELS:
            return _V2_CHANNELS[channel]
        if channel in _PRIVATE:
            return "private"
        data, snapshot = message.get("data"), message.get("type") == "snapshot"
        if channel == "instrument":
            return self._list_each(data["pairs"], self._v2_pair)  # type: ignore[index]
        if channel not in ("book", "trade", "ticker") or not isinstance(data, list):
            return "unhandled"
        for item in data:
            if channel == "book":
                self._v2_book(item, snapshot)
            elif channel == "trade":
                flags = SNAPSHOT if snapshot else 0
                side = _SIDES[item["side"]]
                ts, sequence = rfc3339(item["timestamp"]), integer(item.get("trade_id", 0))
                self._trade(item["symbol"], item["price"], item["qty"], side, ts, sequence, flags)
            else:
                ts = rfc3339(item["timestamp"]) if "timestamp" in item else self._frame.ts_recv
                self._top(item["symbol"], (item["bid"], item["bid_qty"]), (item["ask"], item["ask_qty"]), ts)
        return {"book": "snapshot" if snapshot else "depth"}.get(channel, channel)

    def _v2_book(self, item: dict[str, Any], snapshot: bool) -> None:
        name = item["symbol"]
        book = self._book(name, "book", snapshot)
        if book is None:
            return
        sides = {key: [(level["price"], level["qty"]) for level in item.get(key, ())] for key in ("bids", "asks")}
        changes = self._changes(book, True, sides["bids"]) + self._changes(book, False, sides["asks"])
        stated = integer(item["checksum"], 32) if "checksum" in item else None
        ts = rfc3339(item["timestamp"]) if item.get("timestamp") else 0
        if snapshot:
            longest = max(len(side) for side in sides.values())
            book.depth = self._depths.get(name) or next((depth for depth in DEPTHS if depth >= longest), longest)
        self._apply(book, snapshot, changes, stated, ts)

    def _reply(self, message: dict[str, Any]) -> str:
        if message.get("method") in ("pong", "ping"):
            return "heartbeat"
        if message.get("success") is False or "method" not in message:
            return "error"
        result = message.get("result") or {}
        if isinstance(result, dict) and result.get("channel") == "book":
            if message["method"] == "unsubscribe":
                self._unsubscribed(result.get("symbol"))
            elif "depth" in result:
                self._depths[symbol(result["symbol"])] = integer(result["depth"])
        return "subscription"

    # both

    def _apply(self, book: Book, snapshot: bool, changes: list[Any], stated: int | None, ts: int) -> str:
        first, sequence = len(self._rows), book.messages + 1
        ts = ts or self._frame.ts_recv
        self._printed(book)
        if snapshot:
            self._replace(book, changes, ts, sequence)
        else:
            self._update(book, changes, ts, sequence)
        if stated is not None:
            self._verify(book, stated, first, KRAKEN_LEVELS)
        return "snapshot" if snapshot else "depth"

    def _printed(self, book: Book) -> None:
        """Note with how many decimals the venue prints: checksums need it, and lists of pairs can say less."""
        instrument = self.instruments[book.instrument_id]
        size_places = instrument.extra.get("size_places", 0)
        if book.price_places > (instrument.price_decimals or 0) or book.size_places > size_places:
            self.instruments[book.instrument_id] = replace_fields(
                instrument,
                price_decimals=max(book.price_places, instrument.price_decimals or 0),
                extra={**instrument.extra, "size_places": max(book.size_places, size_places)},
            )

    def _unsubscribed(self, name: Any) -> None:
        number = self._ids.get(name) if isinstance(name, str) else None
        if number in self._books:
            self._books[number].stale = True

    def _http(self, message: Any) -> str:
        if message.get("error"):
            return "error"
        result = message["result"]
        if isinstance(result, dict) and any(isinstance(item, dict) and "wsname" in item for item in result.values()):
            return self._list_each((item for item in result.values() if "wsname" in item), self._v1_pair)
        name = self._frame.url.partition("?")[0].rstrip("/").rpartition("/")[2]
        return f"rest_{name.lower()}" if name in _REST else "unhandled"

    def _v1_pair(self, item: dict[str, Any]) -> Instrument:
        return self._pair(item["wsname"], item["pair_decimals"], item["lot_decimals"], item.get("tick_size"))

    def _v2_pair(self, item: dict[str, Any]) -> Instrument:
        tick, lot = item["price_increment"], item["qty_increment"]
        price_places, size_places = item.get("price_precision", step_places(tick)), item.get("qty_precision", step_places(lot))
        return self._pair(item["symbol"], price_places, size_places, tick)

    def _pair(self, name: Any, price_places: Any, size_places: Any, tick: Any) -> Instrument:
        price_places, size_places = integer(price_places, 4), integer(size_places, 4)
        tick = str(tick) if tick else f"{10**-price_places:.{price_places}f}"
        return Instrument(
            symbol(name),
            exact_tick(tick),
            size_places,
            venue=self.venue,
            currency=name.rpartition("/")[2] or "USD",
            price_decimals=price_places,
            extra={"size_places": size_places},
        )
