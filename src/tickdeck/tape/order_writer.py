"""Commands as an order file, so that a session can be looked at, changed and run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import KEEP, UNDEF_PRICE, Instrument, LossError, OrderFlag, Records, Side, UsageError, decimal_text
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

    decimals = {item.instrument_id: item.size_decimals for item in instruments}
    ids, at = np.unique(commands["instrument_id"], return_inverse=True)
    places = np.array([decimals.get(number, 0) for number in ids.tolist()], np.int64)[at]
    by_order_id = (commands["flags"] & OrderFlag.BY_ORDER_ID) != 0
    is_iso = bool(len(commands)) and time_digits(str(int(commands["ts"][0]))) != 0
    nine = np.full(len(commands), 9, np.int64)
    symbols = {item.instrument_id: item.symbol for item in instruments}
    names = {number: text for number, text in (participants or {}).items() if not text.isdigit()}
    columns: dict[str, pl.Series] = {
        "ts": _times(commands["ts"], is_iso, None),
        "command": _words(commands, "kind", first_words(COMMANDS)),
        "participant": _texts(commands["participant_id"], lambda number: names.get(number, str(number))),
        "client_order_id": _numbers(commands["client_order_id"], by_order_id),
        "order_id": _numbers(commands["order_id"], ~by_order_id & (commands["order_id"] == 0)),
        "instrument": _texts(commands["instrument_id"], lambda number: symbols.get(number, str(number) if number else "")),
        "side": _words(commands, "side", _SIDES),
        "type": _words(commands, "order_type", {0: "", **first_words(ORDER_TYPES)}),
        "price": _amounts(commands["price"], nine, UNDEF_PRICE),
        "size": _amounts(commands["size"], places, KEEP),
        "tif": _words(commands, "time_in_force", {0: "", **first_words(TIMES_IN_FORCE)}),
        "trigger": _amounts(commands["trigger_price"], nine, UNDEF_PRICE),
        "offset": _amounts(commands["offset"], nine, 0),
        "display": _amounts(commands["display_size"], places, 0),
        "minimum": _amounts(commands["minimum_size"], places, 0),
        "expire": _times(commands["expire_ts"], is_iso, 0),
        "group": _numbers(commands["group"], commands["group"] == 0),
        "stp": _words(commands, "self_trade", {**first_words(SELF_TRADES), 0: ""}),
        "flags": _texts(commands["flags"] & ~np.uint8(OrderFlag.BY_ORDER_ID), _flags),
        "phase": _words(commands, "phase", {0: "", **first_words(PHASES)}),
    }
    needed = ("ts", "command", "participant")
    return pl.DataFrame({name: columns[name] for name in COLUMNS if name in needed or columns[name].null_count() < len(commands)})


def _texts(values: NDArray[Any], text: Callable[[int], str]) -> pl.Series:
    """A column of texts, made once for each different value; null where there is none."""
    import polars as pl

    known, places = np.unique(values, return_inverse=True)
    return pl.Series([text(value) or None for value in known.tolist()], dtype=pl.String).gather(places.astype(np.uint32))


def _words(commands: Records, name: str, words: Mapping[int, str]) -> pl.Series:
    def text(code: int) -> str:
        if code not in words:
            row = int(np.argmax(commands[name] == code))
            raise LossError(f"an order file has no word for the {name} {code} of command {row:,}; nothing was written")
        return words[code]

    return _texts(commands[name], text)


def _flags(bits: int) -> str:
    unknown = bits & ~sum(FLAGS.values())
    if unknown:
        raise LossError(f"an order file has no word for the flags {unknown}; nothing was written")
    return "|".join(word for word, bit in FLAGS.items() if bits & bit)


def _numbers(values: NDArray[Any], missing: NDArray[np.bool_]) -> pl.Series:
    import polars as pl

    return pl.select(pl.when(pl.Series(~missing)).then(pl.Series(values.copy()))).to_series()


def _amounts(units: NDArray[np.int64], places: NDArray[np.int64], none: int) -> pl.Series:
    import polars as pl

    out = pl.Series([None] * len(units), dtype=pl.String)
    for decimals in np.unique(places).tolist():

        def text(value: int, decimals: int = decimals) -> str:
            return "" if value == none else decimal_text(value, decimals)

        mine = np.flatnonzero(places == decimals)
        out = out.scatter(mine, _texts(units[mine], text))
    return out


def _times(times: NDArray[np.int64], is_iso: bool, none: int | None) -> pl.Series:
    """Times as ns, or as ISO 8601 where a reader would take the number for another unit."""
    import polars as pl

    if not is_iso:
        return _numbers(times, times == none if none is not None else np.zeros(len(times), np.bool_))
    texts = pl.Series(times.copy()).cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")
    return texts if none is None else pl.select(pl.when(pl.Series(times != none)).then(texts)).to_series()
