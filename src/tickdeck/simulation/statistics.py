"""Statistics of price and event series, each by its usual definition."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]


def autocorrelation(values: Series, most: int) -> Series:
    """Sample autocorrelation at lags 1 to `most` (Box and Jenkins 1976, eq. 2.1.11); nan where the series is too short or constant.

    Parameters
    ----------
    values : (n,) array
    most : int

    Returns
    -------
    (most,) array
    """
    result = np.full(most, math.nan)
    centred = values - values.mean() if len(values) else values
    power = float(centred @ centred)
    if power > 0:
        for lag in range(1, min(most, len(values) - 2) + 1):
            result[lag - 1] = float(centred[:-lag] @ centred[lag:]) / power
    return result


def excess_kurtosis(values: Series) -> float:
    """Fourth moment over the squared second, minus 3: 0 for a Gaussian (Cont 2001, section 3); nan for a constant series."""
    centred = values - values.mean() if len(values) else values
    second = float(np.mean(centred**2)) if len(values) else 0.0
    return float(np.mean(centred**4)) / second**2 - 3.0 if second > 0 else math.nan


def tail_index(values: Series, share: float = 0.05) -> float:
    """Exponent of the tail of absolute values: k over the sum of ln(x_i / x_(k+1)) of the k largest (Hill 1975).

    Parameters
    ----------
    values : (n,) array
    share : float
        Of the values other than zero, how many count as the tail.

    Returns
    -------
    float
        nan with fewer than 10 values in the tail.
    """
    size = np.sort(np.abs(values[values != 0]))[::-1]
    count = int(share * len(size))
    if count < 10:
        return math.nan
    total = float(np.sum(np.log(size[:count] / size[count])))
    return count / total if total > 0 else math.nan


def fano_factor(times: NDArray[np.int64], window_ns: int, start: int, end: int) -> float:
    """Variance of the number of events in a window over its mean (Fano 1947): 1 for a Poisson process, more where events cluster.

    Parameters
    ----------
    times : (n,) array of int64
        ns, ascending.
    window_ns, start, end : int
        ns; the windows that fit between `start` and `end` count.

    Returns
    -------
    float
        nan with fewer than 10 windows or without events.
    """
    windows = (end - start) // window_ns
    if windows < 10:
        return math.nan
    edges = start + window_ns * np.arange(windows + 1)
    counts = np.diff(np.searchsorted(times, edges))
    return float(counts.var() / counts.mean()) if counts.any() else math.nan


def weighted_quantiles(values: NDArray[np.int64], weights: Series, shares: Sequence[float]) -> list[float]:
    """The least value such that at least that share of the weight lies at or below it."""
    if not len(values) or weights.sum() <= 0:
        return [math.nan] * len(shares)
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    places = np.searchsorted(cumulative, np.asarray(shares) * cumulative[-1])
    return [float(values[order[min(int(place), len(order) - 1)]]) for place in places]
