"""One row of texts as one event: the tolerant parser of what the compiled loop leaves to Python."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from tickdeck.core import EVENT, UNDEF_PRICE, PrecisionError, TradingStatus, UsageError, to_ns
from tickdeck.core.decimals import fixed
from tickdeck.core.enums import Action, Flag, Side
from tickdeck.tape import event_layout as k
from tickdeck.tape.event_instruments import InstrumentTable, hash64
from tickdeck.tape.event_schema import (
    FIELDS,
    INTEGERS,
    IS_CANCEL,
    IS_STATUS,
    IS_TOP,
    IS_TRADE,
    NEEDS_ID,
    NEEDS_PRICE,
    NEEDS_QTY,
    NEEDS_SIDE,
    NUMBER,
    RANGES,
    SHOWN,
    SIDES,
    TIME_DIGITS,
    TRUTHS,
    TYPE_INDEX,
    TYPE_OF_ACTION,
    TYPES,
    RowError,
    bounded,
)
from tickdeck.tape.reader import ReadOptions

_ID = re.compile(r"0|[1-9]\d*", re.ASCII)


class RowParser:
    """One row of texts as one event; what the compiled loop leaves to Python.

    Parameters
    ----------
    table : InstrumentTable
    options : ReadOptions
    default_type : int
        Type of rows without one; -1: none.
    """

    def __init__(self, table: InstrumentTable, options: ReadOptions, default_type: int) -> None:
        self.table = table
        self.default_type = default_type
        self.time_digits = TIME_DIGITS.get(options.time_unit or "", 0)
        self.price_factor, self.price_digits = _price_scale(options.price_scale)
        self.hashed = 0
        self.dropped = 0

    def parse(self, cells: list[str], line: int) -> tuple[Any, ...] | None:
        """The fields of an ``EVENT``; None: the row's symbol was not asked for.

        Raises
        ------
        RowError
            The row is wrong.
        """
        row = dict(zip(FIELDS, (cell.strip(" \t") for cell in cells), strict=True))
        instrument_id, publisher_id, places, use = self.table.find(row["symbol"], row["instrument_id"], row["size_decimals"])
        if use == k.U_SKIP:
            return None
        kind = TYPES[self._type(row)]
        rules = 0 if row["action"] else kind.rules
        values: dict[str, int] = {
            "action": kind.action,
            "flags": kind.flags,
            "rtype": kind.rtype,
            "instrument_id": instrument_id,
            "publisher_id": publisher_id + (1 if kind.rules & IS_TOP else 0),
            "sequence": line,
            "ts_event": self._time(row["timestamp"], "timestamp"),
            "ts_recv": self._time(row["ts_recv"], "ts_recv") if row["ts_recv"] else 0,
            "side": self._side(row["side"], rules, kind.name),
            "order_id": self._id(row, kind.rules, rules, kind.name),
            "price": self._price(row["price"], rules, kind.name),
            "size": self._size(row["qty"], rules, kind.name, places),
            "channel_id": 0,
            "ts_in_delta": 0,
            "reserved": 0,
        }
        if row["action"]:
            values["action"] = self._action(row["action"])
        elif rules & IS_CANCEL and not row["qty"]:
            values["action"] = Action.MODIFY
        for name, field in INTEGERS.items():
            if row[name]:
                values[field] = bounded(row[name], name, *RANGES[name])
        if row["is_snapshot"]:
            truth = TRUTHS.get(row["is_snapshot"].lower())
            if truth is None:
                raise RowError(f"is_snapshot {row['is_snapshot'][:SHOWN]!r} is neither true nor false")
            values["flags"] |= Flag.SNAPSHOT if truth else 0
        if rules & IS_TOP:
            if values["price"] == UNDEF_PRICE and values["size"]:
                raise RowError("a bbo row with a qty needs a price")
            if not values["size"]:
                values["price"] = UNDEF_PRICE
        return tuple(values[name] for name in EVENT.names or ())

    def _type(self, row: dict[str, str]) -> int:
        text = row["type"]
        if text:
            if text.lower() not in TYPE_INDEX:
                raise RowError(f"type {text[:SHOWN]!r} is none of {', '.join(TYPE_INDEX)}")
            return TYPE_INDEX[text.lower()]
        if self.default_type >= 0:
            return self.default_type
        if not row["action"]:
            raise RowError("the row has no type")
        return TYPE_OF_ACTION[self._action(row["action"])]

    @staticmethod
    def _action(text: str) -> Action:
        if len(text) != 1 or ord(text) not in TYPE_OF_ACTION:
            raise RowError(f"action {text[:SHOWN]!r} is none of A, C, M, R, T, F, N")
        return Action(ord(text))

    def _time(self, text: str, name: str) -> int:
        if not text:
            raise RowError(f"the row has no {name}")
        if NUMBER.fullmatch(text):
            return _fixed(text, max(self.time_digits, 0), name)
        try:
            value = to_ns(text)
        except (UsageError, OverflowError) as error:
            raise RowError(f"{name}: {error}") from None
        if not -(2**63) < value < 2**63 - 1:
            raise RowError(f"{name} {text!r} does not fit in 64 bits of ns")
        return value

    @staticmethod
    def _side(text: str, rules: int, kind: str) -> int:
        side = SIDES.get(text.lower(), None) if text else Side.NONE
        if side is None:
            raise RowError(f"side {text[:SHOWN]!r} is none of B, A, N, buy, sell, bid, ask, 1, -1")
        if side == Side.NONE and rules & NEEDS_SIDE:
            raise RowError(f"a {kind} row needs a side")
        return side

    def _price(self, text: str, rules: int, kind: str) -> int:
        if not text:
            if rules & NEEDS_PRICE:
                raise RowError(f"a {kind} row needs a price")
            return UNDEF_PRICE
        if self.price_factor == 1 and not self.price_digits:
            return _fixed(text, 9, "price")
        if not NUMBER.fullmatch(text):
            raise RowError(f"price {text[:SHOWN]!r} is not a number")
        units = Fraction(text) * self.price_factor * 10**9 / 10**self.price_digits
        if units.denominator != 1 or abs(units) > 2**63 - 2:
            raise RowError(f"price {text[:SHOWN]} times the price scale is no multiple of 1e-9 that fits in 63 bits")
        return int(units)

    @staticmethod
    def _size(text: str, rules: int, kind: str, places: int) -> int:
        if not text:
            if rules & NEEDS_QTY:
                raise RowError(f"a {kind} row needs a qty")
            return 0
        try:
            return _fixed(text, places, "qty")
        except RowError as error:
            hint = "; declare the instrument with its size_decimals" if "decimals" in str(error) else ""
            raise RowError(f"{error}{hint}") from None

    def _id(self, row: dict[str, str], kind_rules: int, rules: int, kind: str) -> int:
        first, second = ("trade_id", "order_id") if kind_rules & IS_TRADE else ("order_id", "trade_id")
        text = row[first] or row[second]
        if not text:
            if rules & NEEDS_ID:
                raise RowError(f"a {kind} row needs an order_id")
            return 0
        if row[first] and row[second]:
            self.dropped += 1
        if _ID.fullmatch(text) and int(text) < 2**64:
            return int(text)
        if kind_rules & IS_STATUS:
            name = text.upper().replace(" ", "_")
            if name not in TradingStatus.__members__:
                raise RowError(f"status {text[:SHOWN]!r} is neither a code nor a name such as TRADING or HALT")
            return TradingStatus[name]
        self.hashed += 1
        return hash64(text.encode(errors="surrogateescape"))


def _fixed(text: str, decimals: int, name: str) -> int:
    if not NUMBER.fullmatch(text):
        raise RowError(f"{name} {text[:SHOWN]!r} is not a number")
    try:
        return fixed(text, decimals, name)
    except PrecisionError as error:
        raise RowError(str(error)) from None


def _price_scale(text: str | None) -> tuple[int, int]:
    """A factor and a number of decimals that together are the price scale."""
    if text is None:
        return 1, 0
    try:
        units = fixed(str(text), 9, "price_scale")
    except PrecisionError as error:
        raise UsageError(str(error)) from None
    if units <= 0:
        raise UsageError(f"price_scale must be above 0, not {text}")
    digits = 9
    while digits and units % 10 == 0:
        units, digits = units // 10, digits - 1
    return units, digits
