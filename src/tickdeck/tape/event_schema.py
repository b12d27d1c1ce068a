"""The event schema of text files and frames: its columns, its types and how its words become ``EVENT`` codes.

One row is one event. The rules, for CSV, JSON lines and frames alike:

- ``type`` says what the row is (:data:`TYPES`): ``order`` adds an order (A), ``cancel`` takes `qty` off one (C; without `qty` it
  removes the order, which is M with size 0), ``modify`` replaces price and size (M), ``trade`` is an aggressor's trade (T),
  ``fill`` a resting order's (F), ``quote`` sets a whole price level (A, MBP flag; `qty` 0 removes it; `order_id` may hold the
  number of orders), ``bbo`` replaces one side by one level (A, TOB flag; an empty price or `qty` 0 empties the side; its
  publisher id is one above the depth's), ``clear`` empties the book (R), ``status`` is a trading status (N; its code or name
  stands in `order_id`).
- ``order_id`` of a trade is its `trade_id`. Other types take `order_id` and fall back to `trade_id`. Ids that are no plain number
  (UUIDs, hex, leading zeros, beyond 64 bits) become their 64-bit FNV-1a hash.
- An empty ``sequence`` is the row's line, so rows with equal times stay groups of their own. Without ``flags`` every row is a
  group (LAST). Without an ``action`` it follows from the type; with one, the type may be missing and no cell is compulsory but
  the time. A true ``is_snapshot`` sets the SNAPSHOT flag.
- Prices and quantities are decimals, never floats; an empty price is none. Times are told by their magnitude (below 10^8: ns as
  they stand) or ISO 8601.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import EVENT, Action, Flag, FormatError, RType, Side, TickdeckError, UsageError
from tickdeck.core.publishers import PUBLISHERS

PUBLISHER = PUBLISHERS["EVENTS"]

FIELDS = (
    "type",
    "timestamp",
    "price",
    "qty",
    "side",
    "trade_id",
    "order_id",
    "symbol",
    "sequence",
    "flags",
    "ts_recv",
    "instrument_id",
    "size_decimals",
    "publisher_id",
    "channel_id",
    "ts_in_delta",
    "rtype",
    "action",
    "is_snapshot",
)
"""The columns of the schema; every one but `timestamp`, `price`, `qty` and `type` (or `action`) is optional."""
WRITTEN = FIELDS[:-1]
"""The columns of a written file: `flags` says what `is_snapshot` says."""
BASIC = FIELDS[:8]
"""The columns of the short form of a written file, which leaves out what other programs do not ask for."""
EXTRA = tuple(FIELDS.index(name) for name in FIELDS[8:] if name not in ("instrument_id", "size_decimals"))
"""Columns, by index, that most files do not have."""
REQUIRED = ("timestamp", "price", "qty")
INTEGERS = {
    "sequence": "sequence",
    "flags": "flags",
    "publisher_id": "publisher_id",
    "channel_id": "channel_id",
    "ts_in_delta": "ts_in_delta",
    "rtype": "rtype",
}
"""Columns that are a field of ``EVENT`` as it stands -> that field."""
RANGES = {name: (int(np.iinfo(EVENT[field]).min), int(np.iinfo(EVENT[field]).max)) for name, field in INTEGERS.items()}

NEEDS_PRICE, NEEDS_QTY, NEEDS_SIDE, NEEDS_ID, IS_STATUS, IS_CANCEL, IS_TOP, IS_TRADE = (1 << bit for bit in range(8))


class EventType(NamedTuple):
    """One word of the `type` column."""

    name: str
    action: Action
    flags: int
    """Of the row where there is no `flags` column."""
    rules: int
    """``NEEDS_*`` and ``IS_*`` bits."""
    rtype: RType = RType.MBO


TYPES = (
    EventType("trade", Action.TRADE, Flag.LAST, NEEDS_PRICE | NEEDS_QTY | IS_TRADE),
    EventType("quote", Action.ADD, Flag.LAST | Flag.MBP, NEEDS_PRICE | NEEDS_QTY | NEEDS_SIDE),
    EventType("order", Action.ADD, Flag.LAST, NEEDS_PRICE | NEEDS_QTY | NEEDS_SIDE | NEEDS_ID),
    EventType("cancel", Action.CANCEL, Flag.LAST, NEEDS_ID | IS_CANCEL),
    EventType("modify", Action.MODIFY, Flag.LAST, NEEDS_PRICE | NEEDS_QTY | NEEDS_ID),
    EventType("status", Action.NONE, Flag.LAST, IS_STATUS, RType.STATUS),
    EventType("bbo", Action.ADD, Flag.LAST | Flag.TOB, NEEDS_SIDE | IS_TOP, RType.MBP_1),
    EventType("fill", Action.FILL, Flag.LAST, NEEDS_PRICE | NEEDS_QTY),
    EventType("clear", Action.CLEAR, Flag.LAST, 0),
)
TYPE_INDEX = {item.name: index for index, item in enumerate(TYPES)}
TYPE_OF_ACTION = {
    Action.TRADE: TYPE_INDEX["trade"],
    Action.ADD: TYPE_INDEX["order"],
    Action.CANCEL: TYPE_INDEX["cancel"],
    Action.MODIFY: TYPE_INDEX["modify"],
    Action.NONE: TYPE_INDEX["status"],
    Action.FILL: TYPE_INDEX["fill"],
    Action.CLEAR: TYPE_INDEX["clear"],
}
"""The type of a row that has an `action` and no `type`."""

SIDES = {
    **dict.fromkeys(("b", "buy", "bid", "1"), Side.BID),
    **dict.fromkeys(("a", "ask", "s", "sell", "-1", "offer"), Side.ASK),
    **dict.fromkeys(("n", "none", "0", "unknown"), Side.NONE),
}
"""Spellings of a side, in any case."""

TIME_DIGITS = {"ns": 0, "us": 3, "ms": 6, "s": 9, "iso": -1}
"""Time unit -> decimals that turn it into ns; -1: ISO 8601 text."""

SHOWN = 80
"""Most characters of a row or cell in a message."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
"""A decimal number as text."""
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


TRUTHS = {"true": 1, "1": 1, "false": 0, "0": 0}
"""Spellings of yes and no, in any case."""


class RowError(TickdeckError, ValueError):
    """What is wrong with one row; the reader adds where."""


def bounded(text: str, name: str, low: int, high: int) -> int:
    """A whole number in [low, high].

    Raises
    ------
    RowError
        It is none.
    """
    if not _INTEGER.fullmatch(text) or len(text) > SHOWN:
        raise RowError(f"{name} {text[:SHOWN]!r} is not a whole number")
    if not low <= int(text) <= high:
        raise RowError(f"{name} {text} is not between {low} and {high}")
    return int(text)


def packed(word: str) -> int:
    """The up to 8 ASCII characters of a lower-case word as a little-endian integer: how kernels compare words."""
    return int.from_bytes(word.encode(), "little")


WORD_MULTIPLIER = 0x69DD649317788B95
"""Gives the words of each table a slot of their own among 64."""
WORD_SHIFT = 58


def word_table(words: Mapping[str, int]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """An open-addressing table over packed words: keys (0: free slot) and values."""
    keys = np.zeros(1 << (64 - WORD_SHIFT), np.uint64)
    values = np.full(len(keys), -1, np.int64)
    for word, value in words.items():
        slot = (packed(word) * WORD_MULTIPLIER % 2**64) >> WORD_SHIFT
        while keys[slot]:
            slot = (slot + 1) % len(keys)
        keys[slot], values[slot] = packed(word), value
    return keys, values


def columns_of(names: Sequence[str], mapping: Mapping[str, str] | None, typed: bool, path: str) -> list[int]:
    """For each of a file's columns the index of its field in :data:`FIELDS`, ``len(FIELDS)`` where it is none of ours.

    Parameters
    ----------
    names : sequence of str
        The file's columns.
    mapping : mapping of str to str, optional
        Field of the schema -> the file's name for it.
    typed : bool
        The caller says the type of all rows.
    path : str
        For messages.

    Raises
    ------
    FormatError
        A required column is missing or there twice.
    UsageError
        The mapping names a field that the schema lacks or a column that the file lacks.
    """
    found = {name.strip().lower(): name for name in names}
    wanted = {field: field for field in FIELDS}
    for field, column in (mapping or {}).items():
        if field not in wanted:
            raise UsageError(f"columns: the event schema has no field {field!r}; it has {', '.join(FIELDS)}")
        if column.strip().lower() not in found:
            raise UsageError(
                f"{path}: columns maps {field} to {column!r}, which is not there; the columns are {', '.join(names)}"
            )
        wanted[field] = column.strip().lower()
    taken = set((mapping or {}).keys())
    owner = {column: field for field, column in wanted.items() if field not in taken}
    owner |= {wanted[field]: field for field in taken}
    fields = [owner.get(name.strip().lower()) for name in names]
    missing = [field for field in REQUIRED if field not in fields]
    if not typed and "type" not in fields and "action" not in fields:
        missing.insert(0, "type")
    if missing:
        one = missing[0]
        raise FormatError(
            f"no column {', '.join(missing)}; the columns are {', '.join(names)[:300]}: say which one it is, "
            f"such as columns={{{one!r}: 'name'}} or --column {one}=name",
            path=path,
        )
    for known in fields:
        if known is not None and fields.count(known) > 1:
            raise FormatError(f"two columns are called {wanted[known]}; map the one to read with columns", path=path)
    return [FIELDS.index(field) if field is not None else len(FIELDS) for field in fields]


def time_digits(text: str) -> int:
    """Decimals that turn a file's times into ns, told from one of them; -1: it is ISO 8601 text.

    Examples
    --------
    >>> time_digits("1703545200000"), time_digits("2023-12-25T23:00:00Z")
    (6, -1)
    """
    text = text.strip()
    if not NUMBER.fullmatch(text):
        return -1
    value = abs(Decimal(text))
    if value < 10**8:
        return 0 if text.lstrip("+-").isdigit() else 9
    return next((digits for limit, digits in ((10**11, 9), (10**14, 6), (10**17, 3)) if value < limit), 0)
