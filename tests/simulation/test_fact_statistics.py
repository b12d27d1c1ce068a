"""The statistics behind the stylised facts, against values known without them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tickdeck.simulation.statistics import autocorrelation, excess_kurtosis, fano_factor, tail_index, weighted_quantiles


def test_autocorrelation_of_an_autoregression_decays_as_its_coefficient() -> None:
    random = np.random.default_rng(1)
    noise = random.standard_normal(200_000)
    values = np.empty_like(noise)
    values[0] = noise[0]
    for i in range(1, len(noise)):
        values[i] = 0.6 * values[i - 1] + noise[i]
    np.testing.assert_allclose(autocorrelation(values, 4), [0.6, 0.36, 0.216, 0.1296], atol=0.015)


def test_autocorrelation_agrees_with_its_definition_and_says_nan_beyond_the_series() -> None:
    values = np.array([1.0, 4.0, 2.0, 8.0, 5.0])
    mean = values.mean()
    by_hand = sum((values[i] - mean) * (values[i + 1] - mean) for i in range(4)) / sum((v - mean) ** 2 for v in values)
    found = autocorrelation(values, 6)
    assert found[0] == pytest.approx(by_hand)
    assert np.isnan(found[3:]).all() and not np.isnan(found[:3]).any()
    assert np.isnan(autocorrelation(np.ones(50), 3)).all()


def test_excess_kurtosis_of_known_distributions() -> None:
    random = np.random.default_rng(2)
    assert excess_kurtosis(random.standard_normal(400_000)) == pytest.approx(0.0, abs=0.05)
    assert excess_kurtosis(random.laplace(size=400_000)) == pytest.approx(3.0, abs=0.3)
    assert excess_kurtosis(np.array([-1.0, 1.0, -1.0, 1.0])) == pytest.approx(-2.0)
    assert math.isnan(excess_kurtosis(np.ones(5))) and math.isnan(excess_kurtosis(np.zeros(0)))


def test_hill_finds_the_exponent_of_a_power_law_and_ignores_zeros() -> None:
    tail = np.random.default_rng(3).pareto(3.0, 200_000) + 1.0
    assert tail_index(tail) == pytest.approx(3.0, rel=0.05)
    assert tail_index(np.concatenate([tail, np.zeros(500_000)])) == pytest.approx(3.0, rel=0.05)
    assert math.isnan(tail_index(np.arange(100.0)))


def test_fano_factor_is_one_for_poisson_and_grows_with_clusters() -> None:
    random = np.random.default_rng(4)
    times = np.sort(random.integers(0, 10**12, 50_000))
    assert fano_factor(times, 10**9, 0, 10**12) == pytest.approx(1.0, abs=0.15)
    assert fano_factor(np.repeat(times, 10), 10**9, 0, 10**12) == pytest.approx(10.0, rel=0.15)
    assert math.isnan(fano_factor(times, 10**12, 0, 10**12))


def test_weighted_quantiles_count_the_weight_not_the_values() -> None:
    values, weights = np.array([3, 1, 2]), np.array([1.0, 98.0, 1.0])
    assert weighted_quantiles(values, weights, [0.5, 0.985, 1.0]) == [1.0, 2.0, 3.0]
    assert math.isnan(weighted_quantiles(np.zeros(0, np.int64), np.zeros(0), [0.5])[0])
