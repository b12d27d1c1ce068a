"""Bybit's feeds before v5, as they stand in recordings of 2019 to 2023.

``orderBookL2_25``, ``orderBook_200.100ms`` and their like send a snapshot (a list of levels) and then changes in the lists
``delete``, ``update`` and ``insert``. ``cross_seq`` grows but has holes: a message that was lost cannot be noticed.
"""

from __future__ import annotations

from typing import Any

from tickdeck.core import Instrument
from tickdeck.venues.event_rows import ASK, BID
from tickdeck.venues.fields import exact_tick, integer, micros, millis, step_places, symbol
from tickdeck.venues.json_parser import Change, JsonParser

_SIDES = {"Buy": BID, "Sell": ASK}
_OTHERS = {
    "instrument_info": "ticker",
    "klineV2": "candle",
    "candle": "candle",
    "insurance": "insurance",
}


class BybitV2(JsonParser):
    """The older part of Bybit's parser."""

    venue = "BYBIT"

    def _v2(self, message: dict[str, Any], topic: str) -> str:
        """Read a message of a topic that v5 does not have."""
        name = topic.split(".")[0]
        if name.startswith(("orderBookL2_", "orderBook_")):
            return self._v2_book(message, topic)
        if name == "trade":
            for item in message["data"]:
                side, ts = _SIDES[item["side"]], millis(item["trade_time_ms"])
                self._trade(item["symbol"], item["price"], item["size"], side, ts)
            return "trade"
        return _OTHERS.get(name, "unhandled")

    def _v2_book(self, message: dict[str, Any], topic: str) -> str:
        snapshot, data = message["type"] == "snapshot", message["data"]
        channel, _, name = topic.rpartition(".")
        book = self._book(name, channel, snapshot)
        if book is None:
            return "depth"
        sequence, ts = integer(message["cross_seq"]), micros(message["timestamp_e6"])
        if snapshot:
            levels = data["order_book"] if isinstance(data, dict) else data
            self._replace(book, self._v2_changes(book, levels), ts, sequence)
            return "snapshot"
        changes = self._v2_changes(book, ({**item, "size": 0} for item in data["delete"]))
        changes += self._v2_changes(book, [*data["update"], *data["insert"]])
        if book.synced and sequence < book.sequence:
            self.report.add("stale_update", f"{name}: cross_seq {sequence} after {book.sequence}")
            return "depth"
        self._update(book, changes, ts, sequence)
        return "depth"

    def _v2_changes(self, book: Any, items: Any) -> list[Change]:
        out: list[Change] = []
        for item in items:
            out += self._changes(book, _SIDES[item["side"]] == BID, ((item["price"], item["size"]),))
        return out

    def _v2_instrument(self, item: dict[str, Any]) -> Instrument:
        tick, lot = str(item["price_filter"]["tick_size"]), str(item["lot_size_filter"]["qty_step"])
        return Instrument(
            symbol(item["name"]),
            exact_tick(tick),
            step_places(lot),
            venue=self.venue,
            currency=item.get("quote_currency") or "USD",
            price_decimals=integer(item["price_scale"], 4),
            lot_size=lot,
        )
