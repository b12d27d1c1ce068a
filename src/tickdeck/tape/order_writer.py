"""Commands as an order file, so that a session can be looked at, changed and run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tickdeck.core import KEEP, UNDEF_PRICE, CommandKind, Instrument, LossError, OrderFlag, Records, Side, UsageError
from tickdeck.core.outputs import atomic_output
from tickdeck.tape.event_schema import time_digits
from tickdeck.tape.order_schema import (
    COLUMNS,
    COMMANDS,
    FLAGS,
    ORDER_TYPES,
    PHASES,
    SELF_TRADES,
    TIMES_IN_FORCE,
    first_words,
)
from tickdeck.tape.record_columns import amounts, numbers, owners, size_decimals, symbols, texts, times

if TYPE_CHECKING:
    import polars as pl

_SUFFIXES = (".csv", ".jsonl", ".ndjson")
_SIDES = {int(Side.BID): "buy", int(Side.ASK): "sell", int(Side.NONE): "", 0: ""}


def write_commands(
    path: str | Path,
    commands: Records,
    instruments: Sequence[Instrument] = (),
    participants: Mapping[int, str] | None = None,
) -> int:
    """Write commands as CSV or JSON lines, which the name says; ``read_orders`` reads them again.

    Parameters
    ----------
    path : str or Path
        Ends in ``.csv``, ``.jsonl`` or ``.ndjson``.
    commands : array of COMMAND
    instruments : sequence of Instrument
        For symbols and the decimals of sizes; an id that is none of theirs is written as a number, its sizes without decimals.
    participants : mapping of int to str, optional
        Names by id; numbers are written where there is none.

    Returns
    -------
    int
        Commands written.

    Raises
    ------
    LossError
        A code that an order file has no word for; nothing was written.
    UsageError
        The name says neither format, or cannot be written.
    """
    name = Path(path).name.lower()
    if not name.endswith(_SUFFIXES):
        raise UsageError(f"{path}: an order file ends in {', '.join(_SUFFIXES)}")
    frame = command_frame(commands, instruments, participants)
    with atomic_output(path) as partial:
        if name.endswith(".csv"):
            frame.write_csv(partial)
        else:
            frame.write_ndjson(partial)
    return len(commands)


def command_frame(
    commands: Records, instruments: Sequence[Instrument] = (), participants: Mapping[int, str] | None = None
) -> pl.DataFrame:
    """Commands as a frame with the columns of an order file; those that say nothing are left out.

    Parameters
    ----------
    commands, instruments, participants
        As in :func:`write_commands`.

    Raises
    ------
    LossError
        A code that an order file has no word for.
    """
    import polars as pl

    places = size_decimals(commands, instruments)
    by_order_id = (commands["flags"] & OrderFlag.BY_ORDER_ID) != 0
    is_new, is_replace = commands["kind"] == CommandKind.NEW, commands["kind"] == CommandKind.REPLACE
    unnamed = (commands["client_order_id"] == 0) & (commands["order_id"] == 0)
    is_iso = bool(len(commands)) and time_digits(str(int(commands["ts"][0]))) != 0
    nine = np.full(len(commands), 9, np.int64)
    columns: dict[str, pl.Series] = {
        "ts": times(commands["ts"], is_iso, None),
        "command": _words(commands, "kind", first_words(COMMANDS)),
        "participant": owners(commands, participants),
        "client_order_id": numbers(commands["client_order_id"], by_order_id | (~is_new & unnamed)),
        "order_id": numbers(commands["order_id"], ~by_order_id & (commands["order_id"] == 0)),
        "instrument": symbols(commands, instruments),
        "side": _words(commands, "side", _SIDES),
        "type": _words(commands, "order_type", {0: "", **first_words(ORDER_TYPES)}),
        "price": amounts(commands["price"], nine, UNDEF_PRICE),
        "size": amounts(np.where(~is_new & ~is_replace & (commands["size"] == 0), KEEP, commands["size"]), places, KEEP),
        "tif": _words(commands, "time_in_force", {0: "", **first_words(TIMES_IN_FORCE)}),
        "trigger": amounts(commands["trigger_price"], nine, UNDEF_PRICE),
        "offset": amounts(commands["offset"], nine, 0),
        "display": amounts(commands["display_size"], places, 0),
        "minimum": amounts(commands["minimum_size"], places, 0),
        "expire": times(commands["expire_ts"], is_iso, 0),
        "group": numbers(commands["group"], commands["group"] == 0),
        "stp": _words(commands, "self_trade", {**first_words(SELF_TRADES), 0: ""}),
        "flags": texts(commands["flags"] & ~np.uint8(OrderFlag.BY_ORDER_ID), _flags),
        "phase": _words(commands, "phase", {0: "", **first_words(PHASES)}),
    }
    needed = ("ts", "command", "participant")
    return pl.DataFrame({name: columns[name] for name in COLUMNS if name in needed or columns[name].null_count() < len(commands)})


def _words(commands: Records, name: str, words: Mapping[int, str]) -> pl.Series:
    """A column of codes as words."""

    def text(code: int) -> str:
        if code not in words:
            row = int(np.argmax(commands[name] == code))
            raise LossError(f"an order file has no word for the {name} {code} of command {row:,}; nothing was written")
        return words[code]

    return texts(commands[name], text)


def _flags(bits: int) -> str:
    unknown = bits & ~sum(FLAGS.values())
    if unknown:
        raise LossError(f"an order file has no word for the flags {unknown}; nothing was written")
    return "|".join(word for word, bit in FLAGS.items() if bits & bit)
