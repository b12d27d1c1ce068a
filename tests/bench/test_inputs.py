"""The inputs are what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tickdeck.bench import inputs
from tickdeck.bench.case import NotAvailableError
from tickdeck.core import DBN_MBO, EVENT


def live_orders(events: np.ndarray) -> dict[tuple[int, int], int]:
    """Size of every order that is live at the end; fails on an event that makes no sense."""
    live: dict[tuple[int, int], int] = {}
    columns = ("instrument_id", "action", "order_id", "size")
    for instrument, action, order, size in zip(*(events[name].tolist() for name in columns)):
        key = (instrument, order)
        if action == ord("A"):
            assert key not in live
            live[key] = size
        elif action == ord("C"):
            assert size <= live[key]
            live[key] -= size
            if not live[key]:
                del live[key]
        else:
            assert action == ord("M")
            assert key in live
            live[key] = size
    return live


@pytest.mark.parametrize("name", sorted(inputs.PATHOLOGICAL))
def test_every_event_of_a_pathological_input_is_about_a_live_order(name: str) -> None:
    makers = {
        "one-level": lambda: inputs.one_level(4_000, live=1_000),
        "many-levels": lambda: inputs.many_levels(4_000, live=1_000),
        "many-books": lambda: inputs.market(4_000, books=100, orders_a_book=20),
    }
    tape = makers[name]() if name in makers else inputs.PATHOLOGICAL[name](20_000)
    assert tape.events.dtype == EVENT
    assert live_orders(tape.events)
    assert np.all(tape.events["price"] % tape.tick_size == 0)


def test_flow_is_the_same_for_the_same_seed_only() -> None:
    assert np.array_equal(inputs.flow(5_000).events, inputs.flow(5_000).events)
    assert not np.array_equal(inputs.flow(5_000).events, inputs.flow(5_000, seed=2).events)


def test_flow_holds_the_number_of_live_orders() -> None:
    assert 400 < len(live_orders(inputs.flow(50_000, orders_a_book=500).events)) < 600


def test_market_spreads_its_orders_over_all_books() -> None:
    live = live_orders(inputs.market(5_000, books=20, orders_a_book=50).events)
    counts = np.bincount([instrument for instrument, _ in live])
    assert len(counts) == 21
    assert counts[1:].min() > 35


def test_drifting_prices_cross_seven_orders_of_magnitude() -> None:
    prices = inputs.PATHOLOGICAL["drifting-prices"](50_000).events["price"]
    assert prices[prices > 0].max() / prices[:100].min() > 1e6


def test_colliding_ids_share_one_home_slot() -> None:
    ids = np.unique(inputs.colliding_ids(5_000, live=200).events["order_id"])
    products = ids * np.uint64(0x9E3779B97F4A7C15)
    assert len(ids) > 200
    assert np.all(products >> np.uint64(40) == 0)


def test_recycled_ids_start_at_zero_and_stay_small() -> None:
    ids = inputs.PATHOLOGICAL["id-zero"](20_000).events["order_id"]
    assert ids.min() == 0
    assert ids.max() < 12_000


def test_stub_quotes_stand_at_both_ends_of_the_range() -> None:
    prices = inputs.stub_quotes(400).events["price"]
    assert (prices.min(), prices.max()) == (100_000, 199_999_990_000_000)


@pytest.mark.parametrize("dtype", [EVENT, DBN_MBO], ids=["event", "dbn"])
def test_repetitions_of_the_recorded_day_have_their_own_ids_and_times(
    data: Callable[[str], Path], dtype: np.dtype[np.void]
) -> None:
    data(inputs.ESH4)
    events = inputs.esh4(3, dtype).events
    day = len(events) // 3
    assert day == 68_793
    assert events.dtype == dtype
    parts = [events[i * day : (i + 1) * day] for i in range(3)]
    assert [chr(part["action"][0]) for part in parts] == ["R", "R", "R"]
    ids = [set(part["order_id"][part["order_id"] > 0].tolist()) for part in parts]
    assert not ids[0] & ids[1]
    assert not ids[1] & ids[2]
    assert parts[0]["ts_recv"].max() < parts[1]["ts_recv"].min()
    for name in ("action", "side", "price", "size", "flags"):
        assert np.array_equal(parts[0][name], parts[2][name])


def test_a_recording_that_is_not_there_names_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TICKDECK_DATA", str(tmp_path))
    with pytest.raises(NotAvailableError, match="set TICKDECK_DATA"):
        inputs.esh4(1)
