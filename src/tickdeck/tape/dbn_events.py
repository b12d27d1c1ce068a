"""Records of Databento's schemas as events, whether they came from DBN or from CSV."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import EVENT, UNDEF_PRICE, UNDEF_TIMESTAMP, Action, Flag, Records, Side, UsageError
from tickdeck.tape.dbn_records import BOOK_LEVEL
from tickdeck.tape.reader import ReadReport

_HELD_LEVEL = np.dtype([("price", "<i8"), ("size", "<u4"), ("orders", "<u4")])
_LEVELS = 10
_MOST_LEVEL_EVENTS = 42
_MOST_TOP_EVENTS = 4

_SHARED = ("price", "size", "sequence", "instrument_id", "ts_in_delta", "publisher_id", "side", "flags", "rtype", "action")

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
        self._slots: dict[int, int] = {}
        self._bids = np.zeros((0, _LEVELS), _HELD_LEVEL)
        self._asks = np.zeros((0, _LEVELS), _HELD_LEVEL)
        self._open = np.zeros(0, np.uint8)
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
        return self._convert(records)

    def _orders(self, records: Records) -> Records:
        from tickdeck.tape.kernels.dbn import order_events

        out = np.empty(len(records), EVENT)
        state = np.zeros(2, np.int64)
        order_events(records, out, state)
        self._count_bad_times(int(state[1]))
        return out

    def _base(self, records: Records) -> Records:
        """The records' fields that events have, one event a record."""
        out = np.zeros(len(records), EVENT)
        for name in _SHARED:
            if name in (records.dtype.names or ()):
                out[name] = records[name]
        for name in ("ts_event", "ts_recv"):
            values = records[name]
            wrong = values >= np.uint64(2**63)
            out[name] = np.where(wrong, np.uint64(0), values)
            self._count_bad_times(int((wrong & (values != np.uint64(UNDEF_TIMESTAMP))).sum()))
        return out

    def _count_bad_times(self, count: int) -> None:
        if count:
            self._report.add("bad_timestamp", count=count)

    def _trades(self, records: Records) -> Records:
        out = self._base(records)
        out["action"] = Action.TRADE
        out["flags"] = out["flags"] & np.uint8(255 & ~(Flag.TOB | Flag.MBP)) | np.uint8(Flag.LAST)
        return out

    def _status(self, records: Records) -> Records:
        out = self._base(records)
        out["order_id"] = records["action"]
        out["action"] = Action.NONE
        out["side"] = Side.NONE
        out["price"] = UNDEF_PRICE
        out["flags"] = Flag.LAST
        return out

    def _top(self, records: Records) -> Records:
        from tickdeck.tape.kernels.dbn import top_events

        before_trade = self._schema in ("tbbo", "tcbbo")
        whole = before_trade or "bbo-" in self._schema
        out = np.empty(len(records) * _MOST_TOP_EVENTS, EVENT)
        count = top_events(self._base(records), _levels_with_orders(records), not before_trade, before_trade, whole, out)
        return out[:count].copy()

    def _levels(self, records: Records) -> Records:
        from tickdeck.tape.kernels.dbn import level_events

        slots = self._slots_of(records)
        out = np.empty(len(records) * _MOST_LEVEL_EVENTS, EVENT)
        levels = np.ascontiguousarray(records["levels"])
        count = level_events(self._base(records), levels, slots, self._bids, self._asks, self._open, out)
        return out[:count].copy()

    def _slots_of(self, records: Records) -> NDArray[np.int64]:
        """Index of each record's book in the held books; new books get empty ones."""
        keys = (records["publisher_id"].astype(np.uint64) << np.uint64(32)) | records["instrument_id"]
        unique, inverse = np.unique(keys, return_inverse=True)
        slots = np.array([self._slots.setdefault(int(key), len(self._slots)) for key in unique], np.int64)
        missing = len(self._slots) - len(self._open)
        if missing > 0:
            added = max(missing, len(self._open))
            empty = np.zeros((added, _LEVELS), _HELD_LEVEL)
            empty["price"] = UNDEF_PRICE
            self._bids = np.concatenate([self._bids, empty])
            self._asks = np.concatenate([self._asks, empty])
            self._open = np.concatenate([self._open, np.zeros(added, np.uint8)])
        return slots[inverse]


def _levels_with_orders(records: Records) -> Records:
    """Best levels as ``BOOK_LEVEL``, one a record; the number of orders is 0 where the schema does not tell it."""
    levels: Records = records["levels"]
    if levels.dtype == BOOK_LEVEL:
        return np.ascontiguousarray(levels)
    out = np.zeros(levels.shape, BOOK_LEVEL)
    for name in ("bid_px", "ask_px", "bid_sz", "ask_sz"):
        out[name] = levels[name]
    return out
