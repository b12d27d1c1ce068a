"""Binance spot and USD-M futures.

Feeds: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and
https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams.

=====================  =========================================================================================
message                events
=====================  =========================================================================================
REST depth             R, then A for each level, flag SNAPSHOT; sequence ``lastUpdateId``
depthUpdate            A (C where the size is 0) for each level, flag MBP; sequence ``u``
bookTicker             both sides, flag TOB, publisher ".TOP"; sequence ``u``
trade                  T; sequence ``t``
aggTrade               T with the flag PUBLISHER_SPECIFIC, so that a feed of both streams can be told apart; sequence ``a``
=====================  =========================================================================================

``ts_event`` is the time of the transaction ``T`` where there is one, else of the message ``E``, else the time of receipt.

Frames in step go through compiled code; any other frame, and every diff that its book does not simply continue, through the
tolerant decoding of :class:`~tickdeck.venues.json_parser.JsonParser`. Which way a frame took cannot be told from the result.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import EVENT, Flag, Instrument, Records, empty_events
from tickdeck.venues.binance_join import Diff, JoiningParser
from tickdeck.venues.event_rows import ASK, BID
from tickdeck.venues.fields import integer, millis, symbol, units
from tickdeck.venues.json_parser import SIZE_DECIMALS
from tickdeck.venues.kernels import binance as kernels
from tickdeck.venues.kernels import binance_scan
from tickdeck.venues.parser import Frame

_KINDS = {
    binance_scan.DEPTH: "depth",
    binance_scan.TRADE: "trade",
    binance_scan.AGGREGATE_TRADE: "aggregate_trade",
    binance_scan.BOOK_TICKER: "ticker",
}
_OTHER_EVENTS = {
    "kline": "candle",
    "continuous_kline": "candle",
    "indexPrice_kline": "candle",
    "markPrice_kline": "candle",
    "markPriceUpdate": "mark_price",
    "indexPriceUpdate": "index_price",
    "compositeIndex": "index_price",
    "assetIndexUpdate": "index_price",
    "forceOrder": "liquidation",
    "24hrTicker": "statistics",
    "24hrMiniTicker": "statistics",
    "1hTicker": "statistics",
    "4hTicker": "statistics",
    "1dTicker": "statistics",
    "avgPrice": "average_price",
    "contractInfo": "instruments",
    "tradingSession": "session",
    "serverShutdown": "session",
}
_REST = {
    "ping": "heartbeat",
    "time": "heartbeat",
    "trades": "history",
    "historicalTrades": "history",
    "aggTrades": "history",
    "klines": "candle",
    "continuousKlines": "candle",
    "uiKlines": "candle",
    "premiumIndex": "mark_price",
    "fundingRate": "funding",
    "fundingInfo": "funding",
    "openInterest": "open_interest",
    "openInterestHist": "open_interest",
    "24hr": "statistics",
    "price": "statistics",
    "bookTicker": "statistics",
    "avgPrice": "average_price",
    "allForceOrders": "liquidation",
}
"""Last part of a REST path -> kind."""

_AGGREGATED = int(Flag.PUBLISHER_SPECIFIC)
_ROWS = 8_192
_SHORTEST_LEVEL = len('["0","0"]')


class BinanceParser(JoiningParser):
    """Binance spot."""

    venue = "BINANCE"

    def __init__(self, instruments: tuple[Instrument, ...] = ()) -> None:
        super().__init__(instruments)
        self._unnamed: dict[str, Any] | None = None
        self._scan: Records = np.zeros(1, binance_scan.SCAN)
        self._kind = self._scan["kind"]
        self._out = empty_events()
        self._filled = 0

    def parse(self, frame: Frame) -> Records:
        """Events of `frame`; see :meth:`VenueParser.parse`."""
        length = len(frame.payload)
        if length and not frame.http:
            start = self._reserve(length)
            data = np.frombuffer(frame.payload, np.uint8)
            end = kernels.parse_frame(
                data, length, frame.ts_recv, self._table, self._scan, self._out, start, self.futures, self._rows.publisher
            )
            if end >= 0:
                self._filled = end
                self.report.messages[_KINDS[int(self._kind[0])]] += 1
                return self._out[start:end]
        return self.parse_tolerant(frame)

    def parse_tolerant(self, frame: Frame) -> Records:
        """Like :meth:`parse`, without compiled code."""
        return super().parse(frame)

    def parse_lines(
        self, data: NDArray[np.uint8], at: int, end: int, out: Records, count: int, kinds: NDArray[np.int64]
    ) -> tuple[int, int, int]:
        """Events of recorded lines ``ts_recv frame`` in ``data[at:end]``, appended to `out` from row `count` on.

        Returns
        -------
        tuple of int
            Position of the first line that was not used up, rows filled in `out`, and why it stopped: ``kernels.DONE``,
            ``binance_scan.OTHER`` (a line for :meth:`parse`, or an incomplete one) or ``binance_scan.NO_ROOM`` in `out`.
            ``kinds[0]`` counts the lines.
        """
        kinds[:] = 0
        data = data.view()
        data.setflags(write=False)  # like the bytes of a frame: compiled once
        at, count, code = kernels.parse_lines(
            data, at, end, self._table, self._scan, out, count, kinds, self.futures, self._rows.publisher
        )
        for kind, name in _KINDS.items():
            if kinds[kind]:
                self.report.messages[name] += int(kinds[kind])
                kinds[0] += kinds[kind]
        return at, count, code

    def _reserve(self, length: int) -> int:
        """Row of `out` from which there is room for the events of a frame of `length` bytes.

        Rows that were handed out are not used again: copying them would take longer than parsing them.
        """
        rows = length // _SHORTEST_LEVEL + 2
        if self._filled + rows > len(self._out):
            self._out = np.empty(max(rows, _ROWS), EVENT)
            self._filled = 0
        return self._filled

    # messages

    def _message(self, message: Any) -> str:
        if type(message) is list:
            return _OTHER_EVENTS.get(message[0]["e"], "unhandled") if message else "unhandled"
        if "stream" in message and "data" in message:
            name, _, stream = message["stream"].partition("@")
            message = message["data"]
            if stream[:5] == "depth" and stream[5:6].isdigit():
                return "partial_depth"
            if type(message) is list:
                return self._message(message)
            if "lastUpdateId" in message:
                return self._snapshot(message, name.upper())
        event = message.get("e")
        if event == "depthUpdate":
            return self._depth(message)
        if event == "bookTicker" or (event is None and {"u", "b", "B", "a", "A"} <= message.keys()):
            return self._ticker(message)
        if event == "trade":
            return self._one_trade(message, message["t"], "trade")
        if event == "aggTrade":
            return self._one_trade(message, message["a"], "aggregate_trade", _AGGREGATED)
        if event is not None:
            return _OTHER_EVENTS.get(event, "unhandled")
        return self._answer(message)

    def _http(self, message: Any) -> str:
        path = urlsplit(self._frame.url).path.rpartition("/")[2]
        return _REST[path] if path in _REST else self._answer(message)

    def _answer(self, message: dict[str, Any]) -> str:
        """An answer to a request."""
        if "lastUpdateId" in message:
            return self._snapshot(message, parse_qs(urlsplit(self._frame.url).query).get("symbol", [""])[0].upper())
        if "symbols" in message:
            return self._list_each(message["symbols"], self._definition)
        if "openInterest" in message:
            return "open_interest"
        if "error" in message or "code" in message:
            return "error"
        return "subscription" if "result" in message else "unhandled"

    def _definition(self, item: dict[str, Any]) -> Instrument:
        rules = {rule["filterType"]: rule for rule in item.get("filters", ())}
        tick = rules.get("PRICE_FILTER", {}).get("tickSize", "0")
        step = rules.get("LOT_SIZE", {}).get("stepSize", "0")
        return Instrument(
            symbol(item["symbol"]),
            tick if units(tick, 9) > 0 else None,
            SIZE_DECIMALS,
            venue=self.venue,
            currency=item.get("quoteAsset", "USD"),
            price_decimals=item.get("pricePrecision") if self.futures else item.get("quotePrecision"),
            lot_size=step if units(step, SIZE_DECIMALS) > 0 else None,
        )

    def _one_trade(self, message: dict[str, Any], number: Any, kind: str, flags: int = 0) -> str:
        if type(message["m"]) is not bool:
            raise ValueError("m is neither true nor false")
        ts, sent, sequence, name = millis(message["T"]), millis(message["E"]), integer(number), message["s"]
        # Futures report liquidations settled without a trade as trades of nothing.
        if str(message["q"]).strip("0."):
            self._trade(name, message["p"], message["q"], ASK if message["m"] else BID, ts, sequence, flags, sent)
        return kind

    def _ticker(self, message: dict[str, Any]) -> str:
        sent = millis(message["E"]) if "E" in message else 0
        ts = millis(message["T"]) if "T" in message else self._frame.ts_recv
        bid, ask = (message["b"], message["B"]), (message["a"], message["A"])
        self._top(message["s"], bid, ask, ts, integer(message["u"]), sent)
        return "ticker"

    # depth

    def _depth(self, message: dict[str, Any]) -> str:
        first, final = integer(message["U"]), integer(message["u"])
        if final < first:
            raise ValueError(f"the final update {final} is below the first {first}")
        previous = integer(message["pu"]) if self.futures else first - 1
        sent = millis(message["E"])
        ts = millis(message["T"]) if "T" in message else sent
        if self._unnamed is not None:
            unnamed, self._unnamed = self._unnamed, None
            self._snapshot(unnamed, message["s"])
        book = self._depth_book(message["s"])
        changes = self._changes(book, True, message["b"]) + self._changes(book, False, message["a"])
        needed = self._diff(book, Diff(first, final, previous, ts, sent, changes, book.inexact))
        return "depth" if needed else "depth_before_snapshot"

    def _snapshot(self, message: dict[str, Any], name: str) -> str:
        last = integer(message["lastUpdateId"])
        sent = millis(message["E"]) if "E" in message else 0
        ts = millis(message["T"]) if "T" in message else sent or self._frame.ts_recv
        if not name:
            if len(self._ids) != 1:
                if self._ids:
                    self.report.add("unhandled", "a snapshot that does not say its symbol")
                else:
                    self._unnamed = message
                return "snapshot"
            name = next(iter(self._ids))
        book = self._depth_book(name)
        changes = self._changes(book, True, message["bids"]) + self._changes(book, False, message["asks"])
        return "snapshot" if self._rebase(book, changes, ts, last, sent) else "snapshot_not_needed"


class BinanceFuturesParser(BinanceParser):
    """Binance USD-M futures."""

    venue = "BINANCE_FUTURES"
    futures = True
