"""Statistics of repeated measurements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
CONFIDENCE = 0.95


def spread(values: Sequence[float]) -> float:
    """Half the interquartile range as a share of the median: 0.02 means about plus or minus 2%."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float((high - low) / 2 / middle) if middle else 0.0


def bootstrap_medians(values: Sequence[float], seed: int = 1) -> NDArray[np.float64]:
    """Medians of resamples of `values`: (RESAMPLES,) (Efron and Tibshirani 1993, chapter 13)."""
    given = np.asarray(values, np.float64)
    picks = np.random.default_rng(seed).integers(0, len(given), (RESAMPLES, len(given)))
    medians: NDArray[np.float64] = np.median(given[picks], axis=1)
    return medians


def interval(medians: NDArray[np.float64]) -> tuple[float, float]:
    """The percentile confidence interval of a bootstrap distribution."""
    tail = (1.0 - CONFIDENCE) / 2 * 100
    low, high = np.percentile(medians, (tail, 100 - tail))
    return float(low), float(high)


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Median with its bootstrap confidence interval: (median, low, high)."""
    return (float(np.median(values)), *interval(bootstrap_medians(values)))


def change_interval(new: Sequence[float], old: Sequence[float]) -> tuple[float, float, float]:
    """Ratio of the medians new/old with the bootstrap confidence interval of the two independent samples."""
    changes = bootstrap_medians(new, 1) / bootstrap_medians(old, 2)
    return (float(np.median(new) / np.median(old)), *interval(changes))
