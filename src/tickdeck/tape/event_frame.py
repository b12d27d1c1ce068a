"""Events as a Polars frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import UNDEF_PRICE, Action, Instrument, Records, Side, as_events

if TYPE_CHECKING:
    import polars as pl


def to_polars(events: Records, instruments: Mapping[int, Instrument] | None = None, *, exact: bool = False) -> pl.DataFrame:
    """Events as a Polars frame with readable columns; ``.to_pandas()`` is one call away.

    Parameters
    ----------
    events : array of EVENT or DBN_MBO
    instruments : mapping of int to Instrument, optional
        For the `symbol` column and the decimals of sizes.
    exact : bool
        Prices and sizes are Decimal, so that ``td.read`` of the frame gives the same events; else prices, and sizes with
        decimals, are Float64 for analysis.

    Returns
    -------
    DataFrame
        Columns ``ts_event``, ``ts_recv`` (Datetime, ns, UTC; null: unknown), ``symbol``, ``action`` and ``side`` (letters),
        ``price`` (null: none), ``size``, ``order_id``, ``flags``, ``sequence``, ``ts_in_delta``, ``instrument_id``,
        ``publisher_id``, ``channel_id``, ``rtype``.
    """
    import polars as pl

    events = as_events(events)
    known = instruments or {}
    ids, places = np.unique(events["instrument_id"], return_inverse=True)
    found = [known.get(int(number)) for number in ids]
    symbols = pl.Series([item.symbol if item else str(number) for number, item in zip(ids, found, strict=True)], dtype=pl.String)
    decimals = np.array([item.size_decimals if item else 0 for item in found] or [0], np.int64)
    columns: dict[str, pl.Series] = {
        "ts_event": pl.Series(events["ts_event"].copy()).cast(pl.Datetime("ns", "UTC")),
        "ts_recv": pl.Series(events["ts_recv"].copy()).replace(0, None).cast(pl.Datetime("ns", "UTC")),
        "symbol": symbols.gather(places.astype(np.uint32)),
        "action": _letters(events["action"], [chr(code) for code in Action]),
        "side": _letters(events["side"], [chr(code) for code in Side]),
        "price": _amounts(events["price"], np.full(len(events), 9, np.int64), exact, UNDEF_PRICE),
        "size": _amounts(events["size"], decimals[places], exact, None),
    }
    for name in (
        *("order_id", "flags", "sequence", "ts_in_delta", "instrument_id"),
        *("publisher_id", "channel_id", "rtype"),
    ):
        columns[name] = pl.Series(events[name].copy())
    return pl.DataFrame(columns)


def _letters(codes: NDArray[np.uint8], known: list[str]) -> pl.Series:
    """One-letter codes; what is none of `known` becomes its number."""
    import polars as pl

    names = pl.Series([chr(code) if chr(code) in known else str(code) for code in range(256)], dtype=pl.String)
    return names.gather(codes.astype(np.uint32))


def _amounts(units: NDArray[np.int64], decimals: NDArray[np.int64], exact: bool, none: int | None) -> pl.Series:
    """Fixed-point amounts as floats, as integers where they have no decimals, or as Decimals."""
    import polars as pl

    units = units.copy()
    most = int(decimals.max()) if len(decimals) else 0
    missing = units == none if none is not None else np.zeros(len(units), bool)
    if most == 0:
        return pl.Series(units)
    if not exact:
        powers = 10.0 ** np.arange(19)
        return pl.Series(np.where(missing, np.nan, units / powers[decimals]), nan_to_null=True)
    import pyarrow as pa

    words = _product(np.where(missing, 0, units), np.array([10**digits for digits in range(19)], np.uint64)[most - decimals])
    valid = pa.array(~missing).buffers()[1]
    array = pa.Array.from_buffers(pa.decimal128(38, most), len(units), [valid, pa.py_buffer(words)])
    return cast("pl.Series", pl.from_arrow(array))


def _product(units: NDArray[np.int64], factors: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Products as 128-bit two's complement: low and high word of each."""
    low_half, half = np.uint64(2**32 - 1), np.uint64(32)
    negative = units < 0
    size = np.where(negative, -units, units).astype(np.uint64)
    a, b = (size & low_half, size >> half), (factors & low_half, factors >> half)
    lowest, cross, other = a[0] * b[0], a[0] * b[1], a[1] * b[0]
    middle = (lowest >> half) + (cross & low_half) + (other & low_half)
    low = (lowest & low_half) | (middle << half)
    high = a[1] * b[1] + (cross >> half) + (other >> half) + (middle >> half)
    words = np.empty((len(units), 2), np.uint64)
    words[:, 0] = np.where(negative, ~low + np.uint64(1), low)
    words[:, 1] = np.where(negative, ~high + (low == 0), high)
    return words
