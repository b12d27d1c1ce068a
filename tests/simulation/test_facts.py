"""Stylised facts of order flows whose figures are known by construction."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tickdeck.core import EVENT, Flag, Instrument, Records, UsageError
from tickdeck.simulation import order_flow, stylised_facts
from tickdeck.simulation.reference import FIGURES, table

SECOND = 10**9
ACME = Instrument("ACME", tick_size="0.01", instrument_id=1)
Row = tuple[float, str, int, str, int, int]


def tape(rows: list[Row]) -> Records:
    """Rows of seconds, action, order id, side, price in ticks, size; rows of one time are a group."""
    events = np.zeros(len(rows), EVENT)
    sequence = 0
    for i, (seconds, action, order_id, side, tick, size) in enumerate(rows):
        sequence += i == 0 or seconds != rows[i - 1][0]
        event = events[i]
        event["ts_event"], event["sequence"], event["instrument_id"] = int(seconds * SECOND), sequence, 1
        event["action"], event["side"], event["order_id"] = ord(action), ord(side), order_id
        event["price"], event["size"], event["flags"] = tick * 10_000_000, size, Flag.LAST
    return events


def quiet_market() -> list[Row]:
    """A bid of 10 and an ask of 30, one tick apart for 40 s, then three ticks apart for 60 s."""
    return [
        (1.0, "A", 1, "B", 100, 10),
        (2.0, "A", 2, "A", 103, 30),
        (3.0, "A", 3, "A", 101, 30),
        (43.0, "C", 3, "A", 101, 30),
        (103.0, "A", 4, "B", 90, 1),
    ]


def test_spread_and_depth_are_weighted_with_time() -> None:
    figures = stylised_facts(tape(quiet_market()), ACME).figures
    assert figures["spread_one_tick"] == pytest.approx(40 / 101)
    assert figures["spread_mean"] == pytest.approx((40 * 1 + 61 * 3) / 101)
    assert figures["spread_p99"] == 3
    assert figures["best_size_cv"] == pytest.approx(0.5)
    assert math.isnan(figures["best_size_trades"]) and math.isnan(figures["messages_per_trade"])


def test_lifetimes_run_from_the_add_to_the_last_cancel_and_fills_are_told_from_cancels() -> None:
    rows = quiet_market()
    rows += [
        (104.0, "A", 5, "B", 95, 10),
        (104.5, "C", 5, "B", 95, 4),
        (105.0, "C", 5, "B", 95, 6),
        (106.0, "T", 0, "A", 100, 10),
        (106.0, "F", 1, "B", 100, 10),
        (106.0, "C", 1, "B", 100, 10),
        (107.0, "A", 6, "B", 99, 5),
        (108.0, "T", 0, "A", 99, 5),
        (108.0, "F", 6, "B", 99, 5),
        (108.0, "C", 6, "B", 99, 5),
    ]
    facts = stylised_facts(tape(rows), ACME)
    # Order 1 came before the book was two-sided, 2 and 4 stay.
    assert sorted(facts.series["lifetimes"]) == pytest.approx([1.0, 1.0, 40.0])
    assert facts.figures["cancelled"] == pytest.approx(2 / 3)
    assert facts.figures["lifetime_under_100ms"] == 0
    # From the first quote on: adds 2, 3, 4, 5, 6, cancels of 3 and twice of 5, in two trades.
    assert facts.figures["messages_per_trade"] == pytest.approx(8 / 2)


def test_trade_signs_that_alternate_are_anticorrelated() -> None:
    rows = quiet_market()
    rows += [(104.0 + i, "T", 0, "AB"[i % 2], 100, 1) for i in range(200)]
    figures = stylised_facts(tape(rows), ACME).figures
    assert figures["sign_acf_1"] == pytest.approx(-1.0, abs=0.02)
    assert figures["sign_acf_10"] == pytest.approx(1.0, abs=0.06)


def test_returns_are_those_of_the_mid_in_ticks() -> None:
    rows: list[Row] = [(0.0, "A", 1, "B", 100, 1), (0.5, "A", 2, "A", 102, 1)]
    mids = np.cumsum(np.random.default_rng(5).integers(-2, 3, 400)) + 100
    for i, mid in enumerate(mids.tolist()):
        at = 1.0 + 10 * i
        rows += [(at, "M", 1, "B", mid - 1, 1), (at, "M", 2, "A", mid + 1, 1)]
    figures = stylised_facts(tape(rows), ACME).figures
    # The grid starts with the first quote; each step of the mid falls into one interval of 10 s.
    assert figures["volatility"] == pytest.approx(np.diff(mids).std(), rel=0.02)


def test_only_the_longest_uncrossed_stretch_counts() -> None:
    early: list[Row] = [(0.0, "A", 11, "B", 110, 1), (0.1, "A", 12, "A", 105, 1)]
    crossed = [*early, (0.5, "C", 11, "B", 110, 1), (0.6, "C", 12, "A", 105, 1), *quiet_market()]
    assert stylised_facts(tape(crossed), ACME).start == 2 * SECOND
    closing = [*quiet_market(), (104.0, "A", 9, "B", 200, 1)]
    facts = stylised_facts(tape(closing), ACME)
    assert (facts.start, facts.end) == (2 * SECOND, 103 * SECOND)


@pytest.mark.parametrize(
    ("rows", "words"), [([], "no events"), (quiet_market()[:1], "two-sided"), (quiet_market()[:3], "minute")]
)
def test_too_little_to_measure_is_a_one_line_error(rows: list[Row], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        stylised_facts(tape(rows), ACME if rows else None)
    assert "\n" not in str(caught.value)


def test_a_given_best_price_wins_over_the_rebuilt_one() -> None:
    from tickdeck.core import BBO

    events = tape(quiet_market())
    best = np.zeros(len(events), BBO)
    best["bid_price"], best["ask_price"], best["bid_size"], best["ask_size"] = 10**9, 10**9 + 50_000_000, 1, 1
    assert stylised_facts(events, ACME, bbo=best).figures["spread_mean"] == 5


def test_zero_intelligence_flow_is_told_from_a_market() -> None:
    facts = stylised_facts(order_flow(events=150_000, seed=2))
    assert facts.figures["fano_1s"] < 2
    assert abs(facts.figures["abs_acf_11_to_60"]) < 0.03
    assert {"fano_1s", "abs_acf_11_to_60"} <= set(facts.unusual())
    page = table(facts)
    assert "<- unusual" in page and "ESH4" in page and all(len(line) < 130 for line in page.splitlines())


def test_every_figure_is_described_and_its_recorded_values_are_usual() -> None:
    facts = stylised_facts(order_flow(events=20_000, seed=2))
    assert set(facts.figures) == set(FIGURES)
    for name, figure in FIGURES.items():
        assert not figure.is_unusual(figure.es), name
        assert not figure.is_unusual(figure.amzn), name


@pytest.mark.parametrize("name", ["facts.png", "facts.html"])
def test_facts_are_pictured(name: str, tmp_path: Path) -> None:
    facts = stylised_facts(order_flow(events=20_000, seed=2))
    facts.save(str(tmp_path / name))
    head = (tmp_path / name).read_bytes()[:20]
    assert head.startswith(b"\x89PNG") if name.endswith("png") else head.startswith(b"<!doctype html>")
