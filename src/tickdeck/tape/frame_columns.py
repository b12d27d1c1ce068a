"""The columns of a frame as columns that are exact when written as text.

A float stands for the shortest decimal that reads back as the same float; if that has more than nine decimals, for the nearest
multiple of 1e-9, provided it is within four units in the last place (what a sum like 0.1 + 0.2 leaves). Any other float keeps
its decimals, with which its row is a bad one. Ids as floats have lost digits beyond 2^53 and are refused there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tickdeck.core import FormatError
from tickdeck.tape.floats import near_decimals

if TYPE_CHECKING:
    import polars as pl

_IDS = ("trade_id", "order_id", "sequence", "instrument_id", "flags", "publisher_id", "channel_id", "ts_in_delta", "rtype")
_EXACT = 2**53


def text_columns(frame: pl.DataFrame, path: str) -> tuple[pl.DataFrame, bool]:
    """Columns that are exact as text, and whether their times are ns.

    Parameters
    ----------
    frame : DataFrame
        Columns named as in the event schema.
    path : str
        For messages.

    Raises
    ------
    FormatError
        A column of a type that no text stands for, or ids that are floats and have lost digits.
    """
    import polars as pl

    in_ns = frame.schema["timestamp"].is_temporal()
    changed = []
    for name, kind in frame.schema.items():
        column = frame[name]
        if kind.is_temporal():
            try:
                column = column.cast(pl.Datetime("ns"))
            except pl.exceptions.PolarsError:
                raise FormatError(f"column {name} is {kind}, no time", path=path) from None
            column = column.to_physical() if in_ns else column.dt.strftime("%Y-%m-%dT%H:%M:%S%.9f")
        elif kind.is_float():
            column = _exact_floats(column, name in _IDS, path)
        elif kind == pl.Binary or isinstance(kind, (pl.Categorical, pl.Enum)):
            column = column.cast(pl.String, strict=False)
        elif name in ("action", "side") and kind.is_unsigned_integer():
            column = column.map_elements(chr, pl.String)
        elif kind.is_nested() or kind == pl.Object:
            raise FormatError(f"column {name} is {kind}; it must be text, a number or a time", path=path)
        changed.append(column.alias(name))
    return pl.DataFrame(changed), in_ns


def _exact_floats(column: pl.Series, is_id: bool, path: str) -> pl.Series:
    """Floats as the decimals they stand for; see the module's text."""
    import polars as pl

    column = column.cast(pl.Float64).fill_nan(None)
    values = column.drop_nulls().to_numpy()
    if bool(np.all(np.abs(values) < _EXACT)) and bool(np.all(values == np.rint(values))):
        return column.cast(pl.Int64)
    if is_id:
        raise FormatError(
            f"column {column.name} is float and has lost digits; make it an integer or text where the frame is read", path=path
        )
    return pl.Series(column.name, near_decimals(column.to_numpy()), nan_to_null=True)
