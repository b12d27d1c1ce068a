"""The simulated market keeps the rules of an exchange, is the same for the same seed, and does what its options say."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from checked_book import CheckedBook

from tickdeck.book import Market
from tickdeck.core import BBO, Action, Flag, Records, Side, TradingStatus, UsageError, to_ns
from tickdeck.simulation import MarketSimulation, network, participants, simulate


def events_of(**parameters: Any) -> Records:
    return np.concatenate(list(simulate(**parameters)))


def digest(simulation: MarketSimulation) -> str:
    total = hashlib.sha256()
    for chunk in simulation:
        total.update(chunk.tobytes())
    return total.hexdigest()


def carry_out(events: Records) -> tuple[dict[int, CheckedBook], dict[str, int]]:
    """Every event on plain-Python books: known orders, fills in price-time order, no crossed book while it trades."""
    books: dict[int, CheckedBook] = defaultdict(CheckedBook)
    status: dict[int, int] = defaultdict(lambda: int(TradingStatus.TRADING))
    seen: dict[str, int] = defaultdict(int)
    sequence = clock = received = entered = 0
    fill: tuple[int, str, int, int] | None = None
    for event in events.tolist():
        row = dict(zip(events.dtype.names or (), event))
        action, side = chr(row["action"]), chr(row["side"])
        order_id, price, size = row["order_id"], row["price"], row["size"]
        book = books[row["instrument_id"]]
        trading = status[row["instrument_id"]] == TradingStatus.TRADING
        assert row["ts_event"] >= clock and row["ts_recv"] >= max(received, row["ts_event"])
        assert row["sequence"] in (sequence, sequence + 1) or action == "R"
        clock, received, sequence = row["ts_event"], row["ts_recv"], row["sequence"]
        seen[action] += 1
        if action == "A":
            book.add(order_id, side, price, size)
            entered += size
        elif action == "M":
            old_side, old_price = book.where[order_id]
            old_size = book.sides[old_side][old_price][order_id]
            entered += size - old_size
            if (price, size) != (old_price, old_size):
                book.modify(order_id, side, price, size)
        elif action == "F":
            if trading:
                book.fill(order_id, side, price, size)
            fill = (order_id, side, price, size)
            continue
        elif action == "C":
            if fill is not None:
                assert fill[0] == order_id and fill[3] == size
                seen["filled"] += size
                # In an auction the trade price is not the order's own.
                price = book.where[order_id][1]
            book.cancel(order_id, side, price, size)
            entered -= size
        elif action == "N":
            status[row["instrument_id"]] = order_id
        fill = None
        if row["flags"] & Flag.LAST and status[row["instrument_id"]] == TradingStatus.TRADING and action != "N":
            bid, ask = book.best("B"), book.best("A")
            assert bid is None or ask is None or bid < ask, "crossed while it trades"
    resting = sum(
        size for book in books.values() for side in book.sides.values() for queue in side.values() for size in queue.values()
    )
    assert entered == resting, "sizes do not add up"
    return books, seen


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"auctions": True},
        {"instruments": 5, "live_orders": 600, "activity_skew": 1.5, "auctions": True},
        {"tick_size": "1", "start_price": "4", "live_orders": 60},
        {"hours": 0.2, "participants": participants("trending", network=network("lossy"))},
        {"participants": participants("quiet", "background=2,maker=8")},
        {"participants": participants("zero-intelligence")},
    ],
    ids=str,
)
def test_every_event_obeys_the_rules_of_a_market(parameters: dict[str, Any]) -> None:
    events = events_of(**({"events": 25_000, "seed": 11, "live_orders": 500} | parameters))
    books, seen = carry_out(events)
    assert len(books) == parameters.get("instruments", 1)
    assert all(seen[name] > 0 for name in "ACMTF") and seen["filled"] > 0


def test_the_compiled_book_finds_no_anomaly_and_no_crossed_book_while_it_trades() -> None:
    simulation = simulate(events=150_000, seed=6, instruments=3, auctions=True)
    events = np.concatenate(list(simulation))
    for number, instrument in simulation.instruments.items():
        mine = events[events["instrument_id"] == number]
        market = Market([instrument])
        best = np.zeros(len(mine), BBO)
        market.apply(mine, best)
        changes = np.flatnonzero(mine["action"] == Action.NONE)
        status = mine["order_id"][changes].tolist()
        assert [TradingStatus(code).name for code in status] == ["PRE_OPEN", "CROSS", "TRADING", "PRE_CLOSE", "CROSS", "CLOSE"]
        trading = best[changes[2] + 1 : changes[3]]
        two_sided = trading[(trading["bid_size"] > 0) & (trading["ask_size"] > 0)]
        assert (two_sided["bid_price"] < two_sided["ask_price"]).all() and len(two_sided) > 0.9 * len(trading)
        counts = {kind: count for kind, count in market.books[0].stats.items() if count}
        assert set(counts) <= {"crossed", "locked"}, counts


def test_the_same_seed_gives_the_same_bits_in_any_chunks_and_another_seed_others() -> None:
    first = simulate(events=20_000, seed=9, instruments=3, auctions=True)
    assert digest(first) == digest(first) == digest(simulate(events=20_000, seed=9, instruments=3, auctions=True, chunk=1_024))
    assert digest(first) != digest(simulate(events=20_000, seed=10, instruments=3, auctions=True))


def test_compiled_and_interpreted_runs_agree_bit_for_bit() -> None:
    code = (
        "import hashlib; from tickdeck.simulation import simulate; h = hashlib.sha256();"
        "[h.update(c.tobytes()) for c in simulate(events=400, seed=2, instruments=2, live_orders=80, auctions=True)]; print(h.hexdigest())"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == digest(simulate(events=400, seed=2, instruments=2, live_orders=80, auctions=True))
    assert "Warning" not in result.stderr


@pytest.mark.parametrize(
    "parameters", [{}, {"participants": participants("zero-intelligence")}, {"instruments": 20}, {"hours": 0.5}]
)
def test_about_the_wanted_number_of_events_comes(parameters: dict[str, Any]) -> None:
    simulation = simulate(events=60_000, seed=3, **parameters)
    events = np.concatenate(list(simulation))
    session = int(((events["flags"] & Flag.SNAPSHOT) == 0).sum())
    assert 0.93 * 60_000 < session < 1.07 * 60_000
    assert len(events) == pytest.approx(simulation.total, rel=0.08)


def test_live_orders_stay_near_their_usual_number() -> None:
    events = events_of(events=80_000, seed=3, live_orders=300)
    ends = np.where(events["action"] == Action.ADD, 1, 0)
    resting: set[int] = set()
    most = 0
    sizes: dict[int, int] = {}
    for action, order_id, size in zip(events["action"].tolist(), events["order_id"].tolist(), events["size"].tolist()):
        if action in (Action.ADD, Action.MODIFY):
            sizes[order_id] = size
            resting.add(order_id)
        elif action == Action.CANCEL:
            sizes[order_id] -= size
            if sizes[order_id] == 0:
                resting.discard(order_id)
        most = max(most, len(resting))
    assert ends.sum() > 10_000 and len(resting) > 100 and most < 2 * 300 + 400


def test_the_opening_book_is_a_snapshot_without_auctions() -> None:
    events = events_of(events=5_000, seed=1, live_orders=200, instruments=2, date="2024-07-01")
    early = (events["flags"] & Flag.SNAPSHOT) != 0
    count = int(early.sum())
    assert early[:count].all() and not early[count:].any()
    assert events["action"][:2].tolist() == [Action.CLEAR] * 2 and set(events["action"][2:count].tolist()) == {Action.ADD}
    assert count > 2 + 100
    assert events["ts_event"][count] >= to_ns("2024-07-01T13:30:00Z")


def test_auctions_open_and_close_the_day_each_at_one_price() -> None:
    events = events_of(events=150_000, seed=5, auctions=True, date="2024-07-01")
    crossing = events[(events["action"] == Action.TRADE) & (events["side"] == Side.NONE)]
    for time in ("2024-07-01T13:30:00Z", "2024-07-01T20:05:00Z"):
        at = crossing[crossing["ts_event"] == to_ns(time)]
        assert len(at) > 0 and len(np.unique(at["price"])) == 1
    assert len(crossing) == sum(int((crossing["ts_event"] == ts).sum()) for ts in np.unique(crossing["ts_event"])[:2])
    assert events["ts_event"][0] >= to_ns("2024-07-01T13:15:00Z")


def test_a_slow_network_makes_messages_late_lost_and_overtaken() -> None:
    near = simulate(events=15_000, seed=2, participants=participants(network=network("none")))
    far = simulate(events=15_000, seed=2, participants=participants(network=network("lossy")))
    first = {}
    for name, simulation in (("near", near), ("far", far)):
        events = np.concatenate(list(simulation))
        first[name] = events[(events["flags"] & Flag.SNAPSHOT) == 0]["ts_event"][0]
    assert near.counts["lost"] == near.counts["overtaken"] == 0
    sent = far.counts["sent"]
    assert far.counts["lost"] / sent == pytest.approx(0.02, rel=0.25)
    assert far.counts["overtaken"] > 0
    assert far.counts["rejected"] > near.counts["rejected"]


def test_market_makers_keep_the_spread_tight() -> None:
    from tickdeck.simulation import stylised_facts

    mean = {
        count: stylised_facts(simulate(events=40_000, seed=4, participants=participants("zero-intelligence", f"maker={count}")))
        for count in (0, 4)
    }
    assert mean[4].figures["spread_mean"] < mean[0].figures["spread_mean"]


def test_the_default_market_looks_like_a_market() -> None:
    from tickdeck.simulation import stylised_facts

    facts = stylised_facts(simulate(events=1_500_000, seed=7))
    figures = facts.figures
    assert figures["spread_two_ticks"] > 0.9
    assert figures["kurtosis_1s"] > 5 and figures["kurtosis_10s"] > 2
    assert abs(figures["acf_2_to_20"]) < 0.03
    assert figures["abs_acf_2_to_10"] > 0.05 and figures["abs_acf_11_to_60"] > 0.02
    assert figures["fano_1s"] > 3 and 5 < figures["messages_per_trade"] < 60
    assert len(facts.unusual()) <= 3, facts


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
        {"hours": 0.0},
        {"hours": 25.0},
        {"participants": []},
    ],
)
def test_a_value_out_of_range_is_a_one_line_error(parameters: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        MarketSimulation(**parameters)
    assert "\n" not in str(caught.value)
