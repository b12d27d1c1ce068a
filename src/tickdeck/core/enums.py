"""Codes and flags of the event record. They are those of Databento's MBO record (DBN)."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Action(IntEnum):
    """What an event does to the book, as an ASCII code."""

    ADD = ord("A")
    CANCEL = ord("C")
    MODIFY = ord("M")
    CLEAR = ord("R")
    TRADE = ord("T")
    """An aggressor traded; the book is changed by the cancel or modify that follows."""
    FILL = ord("F")
    """A resting order was filled; the book is changed by the cancel or modify that follows."""
    NONE = ord("N")
    """No order event: a change of trading status, whose code stands in ``order_id``."""


class Side(IntEnum):
    """Side of the order; for a trade, the side of the aggressor."""

    BID = ord("B")
    ASK = ord("A")
    NONE = ord("N")


class Flag(IntFlag):
    """Bits of the ``flags`` field."""

    LAST = 128
    """Last record of a group: the book may be read after it."""
    TOB = 64
    """Replaces one whole side by a single level (top of book)."""
    SNAPSHOT = 32
    """Builds state; no market activity."""
    MBP = 16
    """Sets a whole price level (market by price, L2); ``order_id`` holds the number of orders, 0 unknown."""
    BAD_TS_RECV = 8
    """``ts_recv`` is unreliable."""
    MAYBE_BAD_BOOK = 4
    """A gap was seen before this record: the book is stale until it is rebuilt."""
    PUBLISHER_SPECIFIC = 2


class RType(IntEnum):
    """Record types, as in DBN, that events may come from."""

    TRADES = 0x00
    MBP_1 = 0x01
    MBP_10 = 0x0A
    STATUS = 0x12
    INSTRUMENT_DEF = 0x13
    IMBALANCE = 0x14
    ERROR = 0x15
    SYMBOL_MAPPING = 0x16
    SYSTEM = 0x17
    STATISTICS = 0x18
    MBO = 0xA0


class TradingStatus(IntEnum):
    """Trading status carried by a ``N`` event in ``order_id``; the values are DBN's ``StatusAction``."""

    NONE = 0
    PRE_OPEN = 1
    PRE_CROSS = 2
    QUOTING = 3
    CROSS = 4
    ROTATION = 5
    NEW_PRICE_INDICATION = 6
    TRADING = 7
    HALT = 8
    PAUSE = 9
    SUSPEND = 10
    PRE_CLOSE = 11
    CLOSE = 12
    POST_CLOSE = 13
    SSR_CHANGE = 14
    NOT_AVAILABLE_FOR_TRADING = 15
