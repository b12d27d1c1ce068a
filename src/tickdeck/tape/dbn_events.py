"""Records of Databento's schemas as events, whether they came from DBN or from CSV."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import EVENT, UNDEF_PRICE, Action, Records, Side, UsageError
from tickdeck.tape.dbn_records import MBP_1, TRADES
from tickdeck.tape.reader import ReadReport

_HELD_LEVEL = np.dtype([("price", "<i8"), ("size", "<u4"), ("orders", "<u4")])
_HELD = np.dtype([("bids", _HELD_LEVEL, (10,)), ("asks", _HELD_LEVEL, (10,)), ("open", "<u8")])
_MOST_LEVEL_EVENTS = 42
_MOST_TOP_EVENTS = 4

BOOKLESS = ("ohlcv-1s", "ohlcv-1m", "ohlcv-1h", "ohlcv-1d", "ohlcv-eod", "statistics", "imbalance")
"""Schemas without order events."""


class Normaliser:
    """Turns records of one schema into events.

    MBO records become events one for one, trades a ``T`` each, status changes an ``N`` each. A ten-level book record becomes
    MBP-flagged sets of the levels that changed against the record before (size 0 for one that left the window), a record of the
    best bid and offer two TOB-flagged events; both with a ``T`` where the record is a trade. Definitions have no events.

    Parameters
    ----------
    schema : str
    report : ReadReport
        Impossible timestamps are counted here as ``bad_timestamp``.

    Raises
    ------
    UsageError
        A schema without order events.
    """

    def __init__(self, schema: str, report: ReadReport) -> None:
        self._report = report
        self._schema = schema
        self._state = np.zeros(2, np.int64)
        self._slots: dict[int, int] = {}
        self._held = np.zeros(0, _HELD)
        self._convert = self._choose()

    def _choose(self) -> Callable[[Records], Records]:
        if self._schema in BOOKLESS:
            raise UsageError(f"{self._schema} records are no order events; read them with reader.records()")
        match self._schema:
            case "mbo":
                return self._orders
            case "mbp-10":
                return self._levels
            case "trades":
                return self._trades
            case "status":
                return self._status
            case "definition":
                return lambda records: np.zeros(0, EVENT)
            case _:
                return self._top

    def __call__(self, records: Records) -> Records:
        """``EVENT`` records in an array of their own."""
        self._state[:] = 0
        events = self._convert(records)
        if self._state[1]:
            self._report.add("bad_timestamp", count=int(self._state[1]))
        return events

    def _orders(self, records: Records) -> Records:
        from tickdeck.tape.kernels.dbn import order_events

        out = np.empty(len(records), EVENT)
        order_events(records, out, self._state)
        return out

    def _trades(self, records: Records) -> Records:
        from tickdeck.tape.kernels.dbn import trade_events

        out = np.empty(len(records), EVENT)
        trade_events(records, out, self._state)
        return out

    def _status(self, records: Records) -> Records:
        from tickdeck.tape.kernels.dbn import trade_events

        trades = np.zeros(len(records), TRADES)
        for name in ("publisher_id", "instrument_id", "ts_event", "ts_recv", "rtype"):
            trades[name] = records[name]
        out = np.empty(len(records), EVENT)
        trade_events(trades, out, self._state)
        out["action"] = Action.NONE
        out["side"] = Side.NONE
        out["price"] = UNDEF_PRICE
        out["order_id"] = records["action"]
        return out

    def _top(self, records: Records) -> Records:
        from tickdeck.tape.kernels.dbn import top_events

        before_trade = self._schema in ("tbbo", "tcbbo")
        out = np.empty(len(records) * _MOST_TOP_EVENTS, EVENT)
        whole = before_trade or "bbo-" in self._schema
        top_events(_with_orders(records), not before_trade, before_trade, whole, out, self._state)
        return out[: self._state[0]].copy()

    def _levels(self, records: Records) -> Records:
        from tickdeck.tape.kernels.dbn import level_events

        slots = self._slots_of(records)
        out = np.empty(len(records) * _MOST_LEVEL_EVENTS, EVENT)
        level_events(records, slots, self._held, out, self._state)
        return out[: self._state[0]].copy()

    def _slots_of(self, records: Records) -> NDArray[np.int64]:
        """Index of each record's book in the held books; new books get empty ones."""
        keys = (records["publisher_id"].astype(np.uint64) << np.uint64(32)) | records["instrument_id"]
        unique, inverse = np.unique(keys, return_inverse=True)
        slots = np.array([self._slots.setdefault(int(key), len(self._slots)) for key in unique], np.int64)
        missing = len(self._slots) - len(self._held)
        if missing:
            fresh = np.zeros(max(missing, len(self._held)), _HELD)
            fresh["bids"]["price"] = UNDEF_PRICE
            fresh["asks"]["price"] = UNDEF_PRICE
            self._held = np.concatenate([self._held, fresh])
        return slots[inverse]


def _with_orders(records: Records) -> Records:
    """Any best bid and offer records as ``MBP_1``; orders are 0 where the schema does not tell their number."""
    if records.dtype == MBP_1:
        return records
    out = np.zeros(len(records), MBP_1)
    for name in ("rtype", "publisher_id", "instrument_id", "ts_event", "price", "size", "side", "flags", "ts_recv"):
        out[name] = records[name]
    for name in ("action", "ts_in_delta", "sequence"):
        if name in (records.dtype.names or ()):
            out[name] = records[name]
    for name in records["levels"].dtype.names or ():
        if name in ("bid_px", "ask_px", "bid_sz", "ask_sz", "bid_ct", "ask_ct"):
            out["levels"][name] = records["levels"][name]
    return out
