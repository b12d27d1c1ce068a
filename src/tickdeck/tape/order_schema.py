"""The columns of an order file and the words in them.

One row is one command. The rules, for CSV and JSON lines alike:

- Only what a row needs has to be there: ``command`` is ``new`` by default, ``ts`` the one before, ``participant`` the first,
  ``client_order_id`` of a new order the next free one of its participant. Without a ``type`` an order with a trigger is a stop (with a
  price: a stop-limit), any other a limit order; nothing becomes a market order by leaving its price out. Without a ``tif`` it is
  good till cancelled, with an ``expire`` till then.
- Prices and sizes are decimals, never floats. In a replace an empty price, trigger or size stays as it is.
- ``participant`` and ``instrument`` are names; a plain number is the id itself. Other client order ids than plain numbers become
  their 64-bit FNV-1a hash.
- Words are taken in any case, with ``-``, ``_`` or a blank between their parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tickdeck.core import (
    CommandKind,
    FormatError,
    OrderFlag,
    OrderType,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)
from tickdeck.tape.event_schema import SHOWN, SIDES, RowError

COLUMNS = (
    "ts",
    "command",
    "participant",
    "client_order_id",
    "order_id",
    "instrument",
    "side",
    "type",
    "price",
    "size",
    "tif",
    "trigger",
    "offset",
    "display",
    "minimum",
    "expire",
    "group",
    "stp",
    "flags",
    "phase",
)
"""The columns of an order file; all are optional, their order is free."""

ALIASES = {
    "timestamp": "ts",
    "time": "ts",
    "ts_event": "ts",
    "action": "command",
    "kind": "command",
    "trader": "participant",
    "account": "participant",
    "participant_id": "participant",
    "id": "client_order_id",
    "cl_ord_id": "client_order_id",
    "clordid": "client_order_id",
    "symbol": "instrument",
    "instrument_id": "instrument",
    "order_type": "type",
    "px": "price",
    "limit_price": "price",
    "qty": "size",
    "quantity": "size",
    "amount": "size",
    "time_in_force": "tif",
    "trigger_price": "trigger",
    "stop_price": "trigger",
    "display_size": "display",
    "minimum_size": "minimum",
    "expire_ts": "expire",
    "self_trade": "stp",
}
"""Other names that a column may have -> ours."""

COMMANDS = {
    **dict.fromkeys(("new", "n", "add", "order", "submit"), CommandKind.NEW),
    **dict.fromkeys(("cancel", "c"), CommandKind.CANCEL),
    **dict.fromkeys(("replace", "r", "modify", "amend"), CommandKind.REPLACE),
    **dict.fromkeys(("cancel-all", "x"), CommandKind.CANCEL_ALL),
    **dict.fromkeys(("phase", "p"), CommandKind.PHASE),
    **dict.fromkeys(("clock", "k", "time"), CommandKind.CLOCK),
    **dict.fromkeys(("reference", "b"), CommandKind.REFERENCE),
}
ORDER_TYPES = {
    **dict.fromkeys(("limit", "lmt"), OrderType.LIMIT),
    **dict.fromkeys(("market", "mkt"), OrderType.MARKET),
    **dict.fromkeys(("stop", "stop-market"), OrderType.STOP),
    "stop-limit": OrderType.STOP_LIMIT,
    **dict.fromkeys(("trailing-stop", "trail", "trailing"), OrderType.TRAILING_STOP),
    "peg-bid": OrderType.PEG_BID,
    "peg-ask": OrderType.PEG_ASK,
    "peg-mid": OrderType.PEG_MID,
}
TIMES_IN_FORCE = {
    "gtc": TimeInForce.GTC,
    "day": TimeInForce.DAY,
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    "gtd": TimeInForce.GTD,
    **dict.fromkeys(("at-open", "at-the-open", "opg"), TimeInForce.AT_OPEN),
    **dict.fromkeys(("at-close", "at-the-close"), TimeInForce.AT_CLOSE),
}
SELF_TRADES = {item.name.lower().replace("_", "-"): item for item in SelfTrade}
PHASES = {
    **{item.name.lower().replace("_", "-"): item for item in Phase},
    **dict.fromkeys(("open", "trading"), Phase.CONTINUOUS),
    **dict.fromkeys(("close",), Phase.CLOSED),
    **dict.fromkeys(("halted",), Phase.HALT),
}
FLAGS = {
    "post-only": OrderFlag.POST_ONLY,
    "reduce-only": OrderFlag.REDUCE_ONLY,
    "hidden": OrderFlag.HIDDEN,
}
ORDER_SIDES = {"buy": Side.BID, "sell": Side.ASK, **SIDES}

_SEPARATORS = re.compile(r"[\s_-]+")


def normal(word: str) -> str:
    """A word as the tables here spell it.

    Examples
    --------
    >>> normal(" Post_Only ")
    'post-only'
    """
    return _SEPARATORS.sub("-", word.strip().lower())


def word_code(text: str, words: Mapping[str, int], what: str) -> int:
    """The code of a word.

    Raises
    ------
    RowError
        It is none of `words`.
    """
    code = words.get(normal(text))
    if code is None:
        raise RowError(f"{what} {text[:SHOWN]!r} is none of {', '.join(first_words(words).values())}")
    return int(code)


def first_words(words: Mapping[str, int]) -> dict[int, str]:
    """The first word for each code."""
    found: dict[int, str] = {}
    for word, code in words.items():
        found.setdefault(int(code), word)
    return found


def flag_bits(text: str) -> int:
    """The bits of words joined by ``|``, ``+`` or ``;``.

    Raises
    ------
    RowError
        One is no flag.
    """
    return sum({word_code(word, FLAGS, "flag") for word in re.split(r"[|+;]", text) if word.strip()})


def columns_of(names: Sequence[str], path: str) -> list[str | None]:
    """For each of a file's columns its name here; None where it is none of ours.

    Raises
    ------
    FormatError
        None of them is ours, or two are the same.
    """
    plain = [name.strip().lower() for name in names]
    found = [name if name in COLUMNS else ALIASES.get(name) for name in plain]
    if not any(found):
        raise FormatError(
            f"no column of an order file in the header {', '.join(names)[:200]!r}; it names columns such as side,size,price,type,tif",
            path=path,
            row=1,
        )
    for name in found:
        if name is not None and found.count(name) > 1:
            both = [given for given, known in zip(names, found) if known == name]
            raise FormatError(f"columns {' and '.join(both)} both mean {name}; leave one out", path=path, row=1)
    return found
