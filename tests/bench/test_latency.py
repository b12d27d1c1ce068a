"""The latency histogram against numpy's percentiles, and what open loop means."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.bench.latency import PERCENTILES, Histogram, open_loop


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=300))
def test_percentiles_are_within_a_bucket_of_the_exact_ones(values: list[int]) -> None:
    histogram = Histogram()
    histogram.add(np.array(values, np.int64))
    for percent in PERCENTILES:
        exact = int(np.percentile(values, percent, method="inverted_cdf"))
        assert exact <= histogram.percentile(percent) <= exact * (1 + 1 / 128) + 1


def test_small_values_are_exact() -> None:
    histogram = Histogram()
    histogram.add(np.arange(1, 201))
    assert [histogram.percentile(percent) for percent in (0.5, 50, 99.5, 100)] == [1, 100, 199, 200]
    assert len(histogram) == 200


def test_empty_histogram_has_no_percentiles_to_tell() -> None:
    assert Histogram().percentile(99) == 0


def test_the_maximum_is_exact() -> None:
    histogram = Histogram()
    histogram.add(np.array([5, 123_456_789]))
    assert histogram.percentiles()["max"] == 123_456_789


def test_waiting_behind_a_slow_call_counts_from_when_the_work_was_due() -> None:
    """One call of 40 ms holds up those due in the meantime: a closed loop would see a single slow call."""
    loop = open_loop(lambda i: time.sleep(0.04 if i == 10 else 0.0), 200, 200_000)
    assert loop.from_due.percentile(60) > 5_000_000
    assert loop.from_start.percentile(60) < 5_000_000
    assert loop.from_start.percentile(100) >= 40_000_000
    assert loop.busy_seconds == pytest.approx(0.04, rel=1.0)


def test_work_is_called_with_every_number_once_in_order() -> None:
    seen: list[int] = []
    open_loop(seen.append, 50, 1_000)
    assert seen == list(range(50))
