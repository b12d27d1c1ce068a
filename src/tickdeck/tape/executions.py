"""Executions as a table: what participants heard of their orders, for reading and for other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tickdeck.core import UNDEF_PRICE, ExecutionFlag, ExecutionKind, Instrument, Reason, Records, Side, UsageError
from tickdeck.core.outputs import atomic_output
from tickdeck.tape.record_columns import amounts, numbers, owners, size_decimals, symbols, texts, times

if TYPE_CHECKING:
    import polars as pl

_SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")
_SIDES = {int(Side.BID): "buy", int(Side.ASK): "sell"}


def execution_frame(
    executions: Records, instruments: Sequence[Instrument] = (), participants: Mapping[int, str] | None = None
) -> pl.DataFrame:
    """Executions as a frame with readable columns; prices and sizes are decimal texts, so that nothing is rounded.

    Parameters
    ----------
    executions : array of EXECUTION
    instruments : sequence of Instrument
        For symbols and the decimals of sizes.
    participants : mapping of int to str, optional
        Names by id.

    Returns
    -------
    DataFrame
        Columns ``ts`` (ISO 8601, UTC), ``kind``, ``participant``, ``instrument``, ``order_id``, ``client_order_id``, ``side``,
        ``price``, ``size``, ``remaining``, ``reason``, ``limit``, ``value``, ``liquidity`` (of fills: maker, taker
        or auction), ``sequence``.
    """
    import polars as pl

    places = size_decimals(executions, instruments)
    flags = executions["flags"]
    is_fill = executions["kind"] == ExecutionKind.FILLED
    liquidity = np.where(flags & ExecutionFlag.AUCTION, 3, np.where(flags & ExecutionFlag.AGGRESSOR, 2, 1))
    limited = (executions["limit_value"] == 0) & (executions["value"] == 0)
    never = np.iinfo(np.int64).min
    return pl.DataFrame(
        {
            "ts": times(executions["ts_event"], True, None),
            "kind": texts(executions["kind"], lambda code: code_name(code, ExecutionKind)),
            "participant": owners(executions, participants),
            "instrument": symbols(executions, instruments),
            "order_id": numbers(executions["order_id"], executions["order_id"] == 0),
            "client_order_id": numbers(executions["client_order_id"], executions["client_order_id"] == 0),
            "side": texts(executions["side"], lambda code: _SIDES.get(code, "")),
            "price": amounts(executions["price"], np.full(len(executions), 9, np.int64), UNDEF_PRICE),
            "size": amounts(executions["size"], places, never),
            "remaining": amounts(executions["remaining"], places, never),
            "reason": texts(executions["reason"], lambda code: code_name(code, Reason).upper() if code else ""),
            "limit": numbers(executions["limit_value"], limited),
            "value": numbers(executions["value"], limited),
            "liquidity": texts(np.where(is_fill, liquidity, 0), lambda code: ("", "maker", "taker", "auction")[code]),
            "sequence": numbers(executions["sequence"], executions["sequence"] == 0),
        }
    )


def code_name(code: int, codes: type[ExecutionKind] | type[Reason]) -> str:
    """The word for a code, its number where there is none.

    Examples
    --------
    >>> code_name(70, ExecutionKind)
    'filled'
    """
    return codes(code).name.lower() if code in codes._value2member_map_ else str(code)


def write_executions(
    path: str | Path,
    executions: Records,
    instruments: Sequence[Instrument] = (),
    participants: Mapping[int, str] | None = None,
) -> int:
    """Write executions as CSV, JSON lines or Parquet, which the name says.

    Parameters
    ----------
    path : str or Path
        Ends in ``.csv``, ``.jsonl``, ``.ndjson`` or ``.parquet``.
    executions, instruments, participants
        As in :func:`execution_frame`.

    Returns
    -------
    int
        Executions written.

    Raises
    ------
    UsageError
        The name says none of these formats, or cannot be written.
    """
    name = check_name(path)
    frame = execution_frame(executions, instruments, participants)
    with atomic_output(path) as partial:
        if name.endswith(".csv"):
            frame.write_csv(partial)
        elif name.endswith(".parquet"):
            frame.write_parquet(partial)
        else:
            frame.write_ndjson(partial)
    return len(executions)


def check_name(path: str | Path) -> str:
    """The name in lower case.

    Raises
    ------
    UsageError
        Its end says none of the formats.
    """
    name = Path(path).name.lower()
    if not name.endswith(_SUFFIXES):
        raise UsageError(f"{path}: executions are written to a name that ends in {', '.join(_SUFFIXES)}")
    return name
