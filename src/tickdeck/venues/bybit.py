"""Bybit v5 public feed; what came before is in ``bybit_v2``.

``orderbook.N`` sends a snapshot and then changes whose update id ``u`` grows by one; a message with ``u`` 1 is a snapshot
whatever its type says (the venue restarted). The venue removes levels that leave its depth by explicit messages.
``orderbook.1`` and ``tickers`` become top-of-book events. https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook
"""

from __future__ import annotations

import re
from typing import Any

from tickdeck.core import Instrument
from tickdeck.venues.bybit_v2 import BybitV2
from tickdeck.venues.event_rows import ASK, BID
from tickdeck.venues.fields import exact_tick, integer, millis, step_places, symbol

_SIDES = {"Buy": BID, "Sell": ASK}
_CATEGORY = re.compile(r"(?:/public/|category=)(spot|linear|inverse|option)")
_OTHERS = {
    "kline": "candle",
    "kline_lt": "candle",
    "tickers_lt": "leveraged_token",
    "lt": "leveraged_token",
    "liquidation": "liquidation",
    "allLiquidation": "liquidation",
    "insurance": "insurance",
    "adlAlert": "liquidation",
    "priceLimit": "price_limit",
}
_REST = {
    "orderbook": "rest_depth",
    "recent-trade": "rest_trades",
    "tickers": "rest_ticker",
    "kline": "candle",
    "history": "funding",
    "open-interest": "open_interest",
    "time": "status",
}


class BybitParser(BybitV2):
    """Parser of Bybit's public feeds.

    Spot and derivatives share names and are told apart by the connection's address: a spot symbol gets the suffix ``.SPOT``.
    """

    venue = "BYBIT"

    def __init__(self, instruments: tuple[Instrument, ...] = ()) -> None:
        super().__init__(instruments)
        self._tops: dict[str, dict[str, str]] = {}

    def _message(self, message: Any) -> str:
        if "topic" not in message:
            return self._reply(message)
        topic = symbol(message["topic"])
        parts = topic.split(".")
        data, snapshot = message["data"], message.get("type") == "snapshot"
        if parts[0] == "orderbook":
            return self._orderbook(message, data, parts, snapshot)
        if parts[0] == "publicTrade":
            sent = millis(message["ts"])
            for item in data:
                number = str(item.get("i", ""))
                sequence = integer(number, 64) if number.isdigit() else 0
                name, side = self._named(item["s"]), _SIDES[item["S"]]
                self._trade(name, item["p"], item["v"], side, millis(item["T"]), sequence, sent=sent)
            return "trade"
        if parts[0] == "tickers":
            fields = {"b": ("bid1Price", "bid1Size"), "a": ("ask1Price", "ask1Size")}
            if any(field in data for pair in fields.values() for field in pair):
                top = self._state(data["symbol"], snapshot)
                top.update(data)
                known = {side: [top.get(field) for field in pair] for side, pair in fields.items()}
                changed = {side: known[side] for side, pair in fields.items() if any(field in data for field in pair)}
                ts, sequence = millis(message["ts"]), integer(message.get("cs", 0))
                self._top(self._named(data["symbol"]), changed.get("b"), changed.get("a"), ts, sequence)
            return "ticker"
        return _OTHERS.get(parts[0]) or self._v2(message, topic)

    def _reply(self, message: dict[str, Any]) -> str:
        if message.get("success") is False:
            return "error"
        operation = message.get("op") or (message.get("request") or {}).get("op")
        if operation in ("ping", "pong") or message.get("ret_msg") == "pong":
            return "heartbeat"
        return "subscription" if operation in ("subscribe", "unsubscribe", "auth") else "unhandled"

    def _orderbook(self, message: dict[str, Any], data: dict[str, Any], parts: list[str], snapshot: bool) -> str:
        update, sent = integer(data["u"]), millis(message["ts"])
        ts = millis(message["cts"]) if "cts" in message else sent
        snapshot = snapshot or update == 1
        name = self._named(data["s"])
        if parts[1] == "1":
            best = self._best(name, data, snapshot)
            self._top(name, best[0], best[1], ts, update, sent)
            return "ticker"
        book = self._book(name, ".".join(parts[:2]), snapshot)
        if book is None:
            return "depth"
        changes = self._changes(book, True, data["b"]) + self._changes(book, False, data["a"])
        if snapshot:
            self._replace(book, changes, ts, update, sent)
            return "snapshot"
        if book.synced and update <= book.sequence:
            self.report.add("stale_update", f"{name}: u {update} after {book.sequence}")
            return "depth"
        if book.synced and update != book.sequence + 1:
            self._gap(book, "sequence_gap", f"u {update} after {book.sequence}")
        self._update(book, changes, ts, update, sent)
        return "depth"

    def _best(self, name: str, data: dict[str, Any], snapshot: bool) -> list[list[str] | None]:
        """The one level of each side that a message changes; a delta may remove the old and set the new in one."""
        state = self._state(name, snapshot)
        out: list[list[str] | None] = []
        for side in ("b", "a"):
            entries = data[side]
            if not entries and not snapshot:
                out.append(None)
                continue
            for price, size in entries:
                if size.strip("0."):
                    state[side], state[side + "size"] = price, size
                elif state.get(side) == price:
                    state[side] = state[side + "size"] = ""
            out.append([state.get(side, ""), state.get(side + "size", "")])
        return out

    def _state(self, name: str, snapshot: bool) -> dict[str, str]:
        """Last best prices of a symbol; a snapshot forgets them."""
        key = f"{self._frame.url} {symbol(name)}"
        if snapshot:
            self._tops[key] = {}
        return self._tops.setdefault(key, {})

    def _named(self, name: Any) -> str:
        """A symbol, with the suffix of the spot market where the address says so."""
        found = _CATEGORY.search(self._frame.url)
        return symbol(name) + ".SPOT" if found is not None and found[1] == "spot" else symbol(name)

    def _declared(self, name: str) -> Instrument | None:
        return self.declared.get(name) or self.declared.get(name.removesuffix(".SPOT"))

    def _http(self, message: Any) -> str:
        if message.get("retCode", message.get("ret_code")) != 0:
            return "error"
        result = message["result"]
        name = self._frame.url.partition("?")[0].rstrip("/").rpartition("/")[2]
        if isinstance(result, list) and result and "lot_size_filter" in result[0]:
            return self._list_each(result, self._v2_instrument)
        if not isinstance(result, dict):
            return "unhandled"
        listed: Any = result.get("list")
        if name == "instruments-info" or (listed and isinstance(listed[0], dict) and "lotSizeFilter" in listed[0]):
            suffix = ".SPOT" if result.get("category") == "spot" else ""
            return self._list_each(listed, lambda item: self._instrument(item, suffix))
        return _REST.get(name, "unhandled")

    def _instrument(self, item: dict[str, Any], suffix: str) -> Instrument:
        tick, sizes = item["priceFilter"]["tickSize"], item["lotSizeFilter"]
        lot = sizes.get("qtyStep") or sizes["basePrecision"]
        return Instrument(
            symbol(item["symbol"]) + suffix,
            exact_tick(tick),
            step_places(lot),
            venue=self.venue,
            currency=item.get("quoteCoin") or "USD",
            price_decimals=integer(item["priceScale"], 4) if "priceScale" in item else step_places(tick),
            lot_size=lot,
            extra={"contract": item["contractType"]} if "contractType" in item else {},
        )
