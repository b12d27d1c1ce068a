"""The simulated order flow is a market: every rule checked record by record against a plain-Python book."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest
from checked_book import CheckedBook

from tickdeck.core import Flag, UsageError, to_ns
from tickdeck.simulation import OrderFlow, order_flow
from tickdeck.simulation.tables import alias_table, distance_quantiles, intraday_gaps, size_quantiles


def walk(simulation: OrderFlow) -> tuple[dict[int, CheckedBook], dict[str, int]]:
    """Carry out every event and check it."""
    books: dict[int, CheckedBook] = defaultdict(CheckedBook)
    seen: dict[str, int] = defaultdict(int)
    tick = simulation.tick_size
    previous_ts = previous_sequence = previous_recv = 0
    group: list[tuple[str, str, int, int, int, int]] = []
    for chunk in simulation:
        for event in chunk:
            action, side = chr(event["action"]), chr(event["side"])
            order_id, price, size, flags = (int(event[name]) for name in ("order_id", "price", "size", "flags"))
            instrument, ts, sequence = int(event["instrument_id"]), int(event["ts_event"]), int(event["sequence"])
            book = books[instrument]
            seen[action] += 1
            assert ts >= previous_ts and sequence >= previous_sequence and event["ts_recv"] >= previous_recv
            if flags & Flag.SNAPSHOT:
                assert sequence == 0 and action in "RA"
            else:
                assert event["ts_recv"] > ts
                if group:
                    assert group[-1][5] == instrument and sequence == previous_sequence and ts == previous_ts
                else:
                    assert sequence == previous_sequence + 1
            if action != "R":
                assert price % tick == 0
            match action:
                case "R":
                    assert not book.where
                case "A":
                    book.add(order_id, side, price, size)
                case "M":
                    seen[book.modify(order_id, side, price, size)] += 1
                case "C":
                    if group:
                        assert group[-1][:5] == ("F", side, order_id, price, size)
                    seen["partial"] += size < book.sides[side][price][order_id] and not group
                    book.cancel(order_id, side, price, size)
                case "T":
                    assert order_id == 0
                    if group:
                        seen["walked"] += 1
                case "F":
                    trade = next(item for item in reversed(group) if item[0] == "T")
                    assert trade[1] != side and trade[3] == price
                    book.fill(order_id, side, price, size)
                case _:
                    raise AssertionError(action)
            group.append((action, side, order_id, price, size, instrument))
            previous_ts, previous_sequence, previous_recv = ts, sequence, int(event["ts_recv"])
            if flags & Flag.LAST:
                traded: dict[int, int] = defaultdict(int)
                for kind, _, _, at, amount, _ in group:
                    if kind in "TF":
                        traded[at] += amount if kind == "T" else -amount
                assert not any(traded.values()), "fills do not add up to the trade"
                bid, ask = book.best("B"), book.best("A")
                assert bid is not None and ask is not None and bid < ask, "crossed or one-sided"
                group.clear()
            elif flags & Flag.SNAPSHOT:
                group.clear()
    assert not group, "the last group is not closed"
    return books, seen


def digest(simulation: OrderFlow) -> str:
    total = hashlib.sha256()
    for chunk in simulation:
        total.update(chunk.tobytes())
    return total.hexdigest()


@pytest.mark.parametrize(
    ("instruments", "live_orders", "parameters"),
    [
        (1, 2_000, {}),
        (1, 20, {}),
        (1, 60, {"tick_size": "1", "start_price": "4"}),
        (7, 1_400, {"activity_skew": 1.5}),
        (50, 1_000, {"tick_size": "0.00000001", "start_price": "0.5"}),
    ],
)
def test_every_record_obeys_the_rules_of_a_market(instruments: int, live_orders: int, parameters: dict[str, str]) -> None:
    simulation = OrderFlow(events=60_000, seed=11, instruments=instruments, live_orders=live_orders, **parameters)  # type: ignore[arg-type]
    books, seen = walk(simulation)
    assert len(books) == instruments
    assert sum(seen[name] for name in "RACMTF") == simulation.total
    assert all(seen[name] > 0 for name in ("A", "C", "M", "T", "F", "kept", "moved", "grown", "partial", "walked"))
    live = sum(len(book.where) for book in books.values())
    assert 0.6 * live_orders < live < 1.5 * live_orders


def test_prices_near_zero_stay_positive_while_the_window_moves() -> None:
    books, _ = walk(OrderFlow(events=80_000, seed=5, live_orders=24, tick_size="1", start_price="5"))
    assert min(books[1].sides["B"]) >= 1_000_000_000


def test_the_price_moves_and_the_window_follows() -> None:
    simulation = OrderFlow(events=400_000, seed=3, live_orders=30)
    _, width, _ = simulation._new_books()
    trades = np.concatenate([chunk["price"][chunk["action"] == ord("T")] for chunk in simulation]) // simulation.tick_size
    assert trades.max() - trades.min() > width


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    first = OrderFlow(events=20_000, seed=9, instruments=3)
    assert digest(first) == digest(first) == digest(OrderFlow(events=20_000, seed=9, instruments=3))
    assert digest(first) != digest(OrderFlow(events=20_000, seed=10, instruments=3))


def test_the_chunk_size_does_not_change_the_events() -> None:
    assert digest(order_flow(events=30_000, seed=4, chunk=1_024)) == digest(order_flow(events=30_000, seed=4, chunk=50_000))


def test_compiled_and_interpreted_runs_agree_bit_for_bit() -> None:
    code = (
        "import hashlib; from tickdeck.simulation import order_flow; h = hashlib.sha256();"
        "[h.update(c.tobytes()) for c in order_flow(events=3_000, seed=2, instruments=3, live_orders=90)]; print(h.hexdigest())"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == digest(order_flow(events=3_000, seed=2, instruments=3, live_orders=90))
    assert "Warning" not in result.stderr


def test_the_number_of_events_is_exact() -> None:
    for events in (0, 1, 95, 96, 97, 5_000):
        simulation = OrderFlow(events=events, seed=1, live_orders=200)
        assert sum(len(chunk) for chunk in simulation) == simulation.total == events + 201


def test_the_session_fills_the_trading_day() -> None:
    simulation = OrderFlow(events=200_000, seed=1, date="2024-07-01")
    *_, last = simulation
    assert to_ns("2024-07-01T19:40:00Z") < last["ts_event"][-1] < to_ns("2024-07-01T20:20:00Z")


def test_the_first_instrument_is_the_busiest_unless_told_otherwise() -> None:
    def share(skew: float) -> float:
        simulation = OrderFlow(events=50_000, seed=1, instruments=10, live_orders=1_000, activity_skew=skew)
        counts = np.bincount(np.concatenate([chunk["instrument_id"] for chunk in simulation]), minlength=11)
        return float(counts[1] / counts[1:].sum())

    assert share(0.0) == pytest.approx(0.1, abs=0.02)
    assert share(1.0) > 0.25


@pytest.mark.parametrize(
    "parameters",
    [
        {"events": -1},
        {"instruments": 0},
        {"instruments": 10, "live_orders": 100},
        {"date": "yesterday"},
        {"tick_size": "0"},
        {"start_price": "0.01"},
        {"activity_skew": 9.0},
        {"chunk": 10},
    ],
)
def test_a_value_out_of_range_is_a_one_line_error(parameters: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        OrderFlow(**parameters)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_the_alias_table_has_the_given_shares() -> None:
    weights = np.array([5.0, 1.0, 0.01, 3.0, 0.99])
    accept, other = alias_table(weights)
    share = np.zeros(5)
    for k in range(5):
        keep = float(accept[k]) / 2.0**64
        share[k] += keep / 5
        share[other[k]] += (1 - keep) / 5
    np.testing.assert_allclose(share, weights / weights.sum(), rtol=1e-12)


def test_distances_fall_off_as_a_power_law() -> None:
    counts = np.bincount(distance_quantiles(256))
    assert counts[0] == 0 and len(counts) == 257
    expected = np.arange(1, 257) ** -0.52
    np.testing.assert_allclose(counts[1:], expected / expected.sum() * 4_096, atol=1.0)


def test_sizes_are_positive_and_mostly_round_lots() -> None:
    sizes = size_quantiles()
    assert len(sizes) == 256 and sizes.min() == 1
    assert np.mean(sizes % 100 == 0) > 0.7


def test_the_day_is_busier_at_its_ends() -> None:
    gaps = intraday_gaps(1_000_000, 1_000.0)
    assert gaps[0] < gaps[len(gaps) // 2] / 2 and gaps[-1] == pytest.approx(gaps[0])
    assert np.mean(1.0 / gaps) == pytest.approx(1_000 / 1_000_000)
