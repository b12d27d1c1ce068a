"""Floats as the decimals they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST = 2.0**53
_NEAR = 4
"""Units in the last place that arithmetic such as 0.1 + 0.2 or 3 * 0.1 may leave."""


def near_decimals(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values`, each replaced by the nearest multiple of 1e-9 where that is within four units in the last place.

    Above 2^53 x 1e-9 (about nine million), where floats are coarser than 1e-9, they stay as they are.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.rint(values * 1e9) / 1e9
        near = np.abs(rounded - values) <= _NEAR * np.spacing(np.abs(values))
        near &= np.abs(values) < _MOST / 1e9
    return np.where(near, rounded, values)


def decimal_units(values: NDArray[np.float64], decimals: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """`values` in units of 10^-decimals, and which of them are exact.

    A float is taken for the shortest decimal that reads back as the same float, after :func:`near_decimals`.

    Examples
    --------
    >>> decimal_units(np.array([0.25, 0.1 + 0.2]), 9)[0].tolist()
    [250000000, 300000000]
    """
    values = near_decimals(values)
    units = np.zeros(len(values), np.int64)
    exact = np.zeros(len(values), bool)
    left: NDArray[Any] = np.flatnonzero(np.isfinite(values))
    for places in range(decimals + 1):
        chosen = values[left]
        with np.errstate(over="ignore"):
            mantissa = np.rint(chosen * 10.0**places)
        limit = min(_MOST, float(2**63 // 10 ** (decimals - places)))
        fits = (np.abs(mantissa) < limit) & (mantissa / 10.0**places == chosen)
        units[left[fits]] = mantissa[fits].astype(np.int64) * 10 ** (decimals - places)
        exact[left[fits]] = True
        left = left[~fits]
        if not len(left):
            break
    return units, exact


def tick_units(values: NDArray[np.float64], tick_size: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Prices as multiples of `tick_size` (units of 1e-9), in units of 1e-9, and which of them are within rounding of one."""
    with np.errstate(invalid="ignore", over="ignore"):
        ticks = np.rint(values / (tick_size / 1e9))
        fits = np.isfinite(ticks) & (np.abs(ticks) < min(_MOST, float((2**63 - 1) // tick_size)))
        units = np.where(fits, ticks, 0).astype(np.int64) * tick_size
        fits &= np.abs(units / 1e9 - values) <= _NEAR * np.spacing(np.abs(values))
    return units, fits
