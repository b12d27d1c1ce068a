"""Distributions of the order flow, as tables that a kernel indexes with random bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DISTANCE_EXPONENT = 0.52
"""Arrival rate at a distance of i ticks from the opposite best price: i to the power of minus this (Cont, Stoikov and Talreja
2010, section 4)."""
DISTANCE_ENTRIES = 4_096
INTRADAY_BINS = 78
"""Five-minute parts of the trading day."""


def distance_quantiles(farthest: int) -> NDArray[np.int32]:
    """Distances in ticks, 1 to `farthest`, such that a uniform draw of an entry follows the power law."""
    rates = np.arange(1, farthest + 1, dtype=np.float64) ** -DISTANCE_EXPONENT
    cumulative = np.cumsum(rates) / rates.sum()
    middles = (np.arange(DISTANCE_ENTRIES) + 0.5) / DISTANCE_ENTRIES
    return (1 + np.searchsorted(cumulative, middles)).astype(np.int32)


def size_quantiles() -> NDArray[np.int32]:
    """256 order sizes: mostly one round lot, some multiples, some odd lots."""
    entries = [100] * 140 + [200] * 28 + [300] * 12 + [400] * 6 + [500] * 12 + [1_000] * 6 + [2_000] * 2
    odd = np.geomspace(1, 99, 256 - len(entries)).round().astype(int).tolist()
    return np.array(odd + entries, np.int32)


def intraday_gaps(session_ns: int, actions: float) -> NDArray[np.float64]:
    """Mean ns between actions in each part of the day, such that `actions` fill the session: a U shape, 2.5 times as busy at the
    ends as at its middle."""
    place = (np.arange(INTRADAY_BINS) + 0.5) / INTRADAY_BINS
    rate = 1.0 + 1.5 * (2.0 * place - 1.0) ** 2
    gaps: NDArray[np.float64] = session_ns / (actions * rate / rate.mean())
    return gaps


def activity_curve() -> NDArray[np.float64]:
    """Share of the session's activity in each part of the day: the same U shape."""
    gaps = intraday_gaps(INTRADAY_BINS, 1.0)
    share: NDArray[np.float64] = (1.0 / gaps) / (1.0 / gaps).sum()
    return share


OFFSET_EXPONENT, OFFSET_SHIFT = 1.6, 3
"""Density of limit orders at a distance of d ticks from their own best price: (shift + d) to the power of minus the exponent
(Bouchaud, Mézard and Potters 2002, eq. 1)."""
FARTHEST_OFFSET = 400


def offset_quantiles() -> NDArray[np.int32]:
    """Distances behind the own best price, 0 to FARTHEST_OFFSET ticks, such that a uniform draw of an entry follows the power law."""
    rates = (np.arange(FARTHEST_OFFSET + 1, dtype=np.float64) + OFFSET_SHIFT) ** -OFFSET_EXPONENT
    cumulative = np.cumsum(rates) / rates.sum()
    middles = (np.arange(DISTANCE_ENTRIES) + 0.5) / DISTANCE_ENTRIES
    return np.searchsorted(cumulative, middles).astype(np.int32)


def starting_ticks(start: int, count: int) -> NDArray[np.int64]:
    """Starting prices of `count` instruments between a quarter and four times of `start`, that of the first; at least 2 ticks.

    A low-discrepancy sequence spreads them.
    """
    spread = 4.0 ** (2 * ((0.5 + np.arange(count) * 0.6180339887498949) % 1.0) - 1)
    return np.maximum((start * spread).astype(np.int64), 2)


def alias_table(weights: NDArray[np.float64]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Walker's alias table (Vose 1991): draw k uniformly, then keep it unless 64 random bits are above ``accept[k]``, else take
    ``other[k]``."""
    count = len(weights)
    share = weights / weights.sum() * count
    other = np.arange(count, dtype=np.int32)
    small = [k for k in range(count) if share[k] < 1.0]
    large = [k for k in range(count) if share[k] >= 1.0]
    while small and large:
        low, high = small.pop(), large[-1]
        other[low] = high
        share[high] -= 1.0 - share[low]
        if share[high] < 1.0:
            small.append(large.pop())
    share[small + large] = 1.0
    accept = (np.minimum(share, 1.0 - 2.0**-53) * 2.0**64).astype(np.uint64)
    return accept, other
