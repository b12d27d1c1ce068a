"""OKX v5 public feed.

Channels ``books``, ``books-l2-tbt`` and ``books50-l2-tbt`` send a snapshot and then changes, each with ``seqId`` and
``prevSeqId`` (recordings of before 2023 have none) and a CRC32 over 25 levels (0 since 2026: no longer computed). The venue
removes levels that leave its depth by explicit messages. ``books5`` sends whole small books, ``bbo-tbt`` the best bid and ask.
https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel
"""

from __future__ import annotations

from typing import Any

from tickdeck.core import Instrument, Records
from tickdeck.core.instrument import replace_fields
from tickdeck.venues.checksums import OKX_LEVELS, okx_checksum
from tickdeck.venues.event_rows import ASK, BID
from tickdeck.venues.fields import exact_tick, integer, millis, step_places, symbol, units
from tickdeck.venues.json_parser import Book, JsonParser

_SIDES = {"buy": BID, "sell": ASK}
_BOOKS = ("books", "books-l2-tbt", "books50-l2-tbt", "books-rpi", "books-elp")
_OTHERS = {
    "funding-rate": "funding",
    "mark-price": "mark_price",
    "index-tickers": "index",
    "open-interest": "open_interest",
    "price-limit": "price_limit",
    "estimated-price": "estimated_price",
    "liquidation-orders": "liquidation",
    "adl-warning": "liquidation",
    "opt-summary": "option_summary",
    "option-trades": "option_trade",
    "status": "status",
    "economic-calendar": "status",
}
_REST = {
    "books": "rest_depth",
    "books-full": "rest_depth",
    "trades": "rest_trades",
    "history-trades": "rest_trades",
    "ticker": "rest_ticker",
    "tickers": "rest_ticker",
    "candles": "candle",
    "history-candles": "candle",
    "funding-rate": "funding",
    "open-interest": "open_interest",
    "time": "status",
    "status": "status",
}


class OkxParser(JsonParser):
    """Parser of OKX's v5 public feed."""

    venue = "OKX"
    keeps_levels = True

    def checksum(self, bids: Records, asks: Records, instrument_id: int) -> int | None:
        """OKX's checksum of a book (``LEVEL`` arrays, best first)."""
        return okx_checksum(bids, asks, self.instruments[instrument_id])

    def _decode(self, payload: bytes) -> Any:
        return {"event": "pong"} if payload == b"pong" else super()._decode(payload)

    def _message(self, message: Any) -> str:
        if "event" in message:
            return self._event(message)
        if "arg" not in message or "data" not in message:
            return "unhandled"
        channel, data = symbol(message["arg"]["channel"]), message["data"]
        name = message["arg"].get("instId")
        if channel in _BOOKS:
            snapshot = message.get("action") == "snapshot"
            for item in data:
                self._depth(name, channel, item, snapshot)
            return "snapshot" if snapshot else "depth"
        if channel == "books5":
            for item in data:
                self._depth(name, channel, item, snapshot=True)
            return "snapshot"
        if channel == "bbo-tbt":
            for item in data:
                sides = [levels[0] if levels else ("", "") for levels in (item["bids"], item["asks"])]
                self._top(name, sides[0], sides[1], millis(item["ts"]), integer(item.get("seqId", 0)))
            return "ticker"
        if channel in ("trades", "trades-all"):
            for item in data:
                self._one_trade(item)
            return "trade"
        if channel == "tickers":
            for item in data:
                bid, ask = (item["bidPx"], item["bidSz"]), (item["askPx"], item["askSz"])
                self._top(item["instId"], bid, ask, millis(item["ts"]))
            return "ticker"
        if channel == "instruments":
            return self._list_each(data, self._instrument)
        if "candle" in channel:
            return "candle"
        return _OTHERS.get(channel, "unhandled")

    def _event(self, message: dict[str, Any]) -> str:
        event = message["event"]
        if event == "unsubscribe":
            arg = message.get("arg") or {}
            book = self._books.get(self._id(arg["instId"])) if "instId" in arg else None
            if book is not None and book.channel == arg.get("channel"):
                book.stale = True
        if event in ("subscribe", "unsubscribe", "login", "channel-conn-count", "channel-conn-count-error"):
            return "subscription"
        return {"error": "error", "pong": "heartbeat", "notice": "status"}.get(event, "unhandled")

    def _one_trade(self, item: dict[str, Any]) -> None:
        number = item.get("tradeId", "")
        sequence = integer(number, 64) if str(number).isdigit() else 0
        self._trade(item["instId"], item["px"], item["sz"], _SIDES[item["side"]], millis(item["ts"]), sequence)

    def _depth(self, name: Any, channel: str, item: dict[str, Any], snapshot: bool) -> None:
        book = self._book(name, channel, snapshot)
        if book is None:
            return
        changes = [
            change for bid, key in ((True, "bids"), (False, "asks")) for change in self._changes(book, bid, item[key], count_at=3)
        ]
        ts = millis(item["ts"])
        sequence = integer(item["seqId"]) if "seqId" in item else None
        previous = units(item["prevSeqId"], 0) if "prevSeqId" in item else None
        stated = units(item.get("checksum", 0), 0)
        self._padding(book, item)
        number = book.messages + 1 if sequence is None else sequence
        first = len(self._rows)
        if snapshot:
            self._replace(book, changes, ts, number)
        else:
            if previous is not None and book.synced and previous != book.sequence:
                self._gap(book, "sequence_gap", f"prevSeqId {previous} after seqId {book.sequence}")
            self._update(book, changes, ts, number)
        if stated:
            self._verify(book, stated, first, OKX_LEVELS)

    def _padding(self, book: Book, item: dict[str, Any]) -> None:
        """OKX prints no trailing zeros; where it does for an instrument, remember with how many decimals."""
        instrument = self.instruments[book.instrument_id]
        extra = dict(instrument.extra)
        for at, key, found in ((0, "price_places", book.price_places), (1, "size_places", book.size_places)):
            padded = key in extra or any(
                "." in level[at] and level[at].endswith("0") for side in ("bids", "asks") for level in item[side]
            )
            if padded:
                extra[key] = found
        if extra != instrument.extra:
            self.instruments[book.instrument_id] = replace_fields(instrument, extra=extra)

    def _http(self, message: Any) -> str:
        if message.get("code") != "0":
            return "error"
        name = self._frame.url.partition("?")[0].rstrip("/").rpartition("/")[2]
        data = message["data"]
        if name == "instruments" or (data and isinstance(data[0], dict) and "tickSz" in data[0]):
            return self._list_each(data, self._instrument)
        return _REST.get(name, "unhandled")

    def _instrument(self, item: dict[str, Any]) -> Instrument | None:
        tick, lot = item["tickSz"], item["lotSz"]
        if not lot:
            return None
        return Instrument(
            symbol(item["instId"]),
            exact_tick(tick),
            step_places(lot),
            venue=self.venue,
            currency=item.get("quoteCcy") or item.get("settleCcy") or "USD",
            price_decimals=step_places(tick) if tick else None,
            lot_size=lot,
            extra={"type": item.get("instType", "")},
        )
