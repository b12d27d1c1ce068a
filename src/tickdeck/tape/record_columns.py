"""Columns of records as text, made once for each different value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Instrument, Records, decimal_text

if TYPE_CHECKING:
    import polars as pl


def texts(values: NDArray[Any], text: Callable[[int], str]) -> pl.Series:
    """A column of texts, made once for each different value; null where there is none."""
    import polars as pl

    known, places = np.unique(values, return_inverse=True)
    return pl.Series([text(value) or None for value in known.tolist()], dtype=pl.String).gather(places.astype(np.uint32))


def numbers(values: NDArray[Any], missing: NDArray[np.bool_]) -> pl.Series:
    """A column of numbers; null where they are missing."""
    import polars as pl

    return pl.select(pl.when(pl.Series(~missing)).then(pl.Series(values.copy()))).to_series()


def amounts(units: NDArray[np.int64], places: NDArray[np.int64], none: int) -> pl.Series:
    """A column of fixed-point amounts as decimal text; null where they are `none`."""
    import polars as pl

    out = pl.Series([None] * len(units), dtype=pl.String)
    for decimals in np.unique(places).tolist():

        def text(value: int, decimals: int = decimals) -> str:
            return "" if value == none else decimal_text(value, decimals)

        mine = np.flatnonzero(places == decimals)
        out = out.scatter(mine, texts(units[mine], text))
    return out


def times(moments: NDArray[np.int64], is_iso: bool, none: int | None) -> pl.Series:
    """Times as ns, or as ISO 8601 where a reader would take the number for another unit."""
    import polars as pl

    if not is_iso:
        return numbers(moments, moments == none if none is not None else np.zeros(len(moments), np.bool_))
    iso = pl.Series(moments.copy()).cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")
    return iso if none is None else pl.select(pl.when(pl.Series(moments != none)).then(iso)).to_series()


def size_decimals(records: Records, instruments: Sequence[Instrument]) -> NDArray[np.int64]:
    """Decimals of each record's sizes; 0 where its instrument is none of `instruments`."""
    known = {item.instrument_id: item.size_decimals for item in instruments}
    ids, at = np.unique(records["instrument_id"], return_inverse=True)
    places: NDArray[np.int64] = np.array([known.get(number, 0) for number in ids.tolist()], np.int64)[at]
    return places


def symbols(records: Records, instruments: Sequence[Instrument]) -> pl.Series:
    """Symbol of each record's instrument, its id where it is none of `instruments`; null for 0."""
    known = {item.instrument_id: item.symbol for item in instruments}
    return texts(records["instrument_id"], lambda number: known.get(number, str(number) if number else ""))


def owners(records: Records, participants: Mapping[int, str] | None) -> pl.Series:
    """Name of each record's participant; the id where there is none, or where a reader would take the name for an id."""
    known = {number: text for number, text in (participants or {}).items() if not text.isdigit()}
    return texts(records["participant_id"], lambda number: known.get(number, str(number)))
