"""Statistics of repeated measurements against known data."""

from __future__ import annotations

import numpy as np
import pytest

from tickdeck.bench.statistics import change_interval, median_interval, spread


def test_spread_is_half_the_interquartile_range_over_the_median() -> None:
    assert spread([90.0, 95.0, 100.0, 105.0, 110.0]) == pytest.approx(0.05)
    assert spread([7.0, 7.0, 7.0]) == 0.0


def test_interval_of_equal_values_is_that_value() -> None:
    assert median_interval([0.9] * 5) == (0.9, 0.9, 0.9)


def test_interval_is_the_same_on_every_call() -> None:
    values = [1.0, 1.3, 0.8, 1.1, 0.9]
    assert median_interval(values) == median_interval(values)


def test_interval_covers_the_true_median_about_as_often_as_promised() -> None:
    random = np.random.default_rng(7)
    hits = 0
    for _ in range(200):
        _, low, high = median_interval(random.normal(1.0, 0.05, 15).tolist())
        hits += low <= 1.0 <= high
    assert 176 <= hits <= 200


def test_more_passes_narrow_the_interval() -> None:
    random = np.random.default_rng(3)
    _, few_low, few_high = median_interval(random.normal(1.0, 0.05, 7).tolist())
    _, many_low, many_high = median_interval(random.normal(1.0, 0.05, 200).tolist())
    assert many_high - many_low < (few_high - few_low) / 2


def test_change_of_two_samples_is_the_ratio_of_their_medians() -> None:
    median, low, high = change_interval([0.78, 0.80, 0.82, 0.80, 0.79], [1.0, 1.01, 0.99, 1.0, 1.02])
    assert median == pytest.approx(0.8)
    assert low < 0.8 < high < 0.9
