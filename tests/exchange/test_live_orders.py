"""The table of live orders holds what the plain-Python exchange holds."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tickdeck.core import Instrument, OrderType, Side
from tickdeck.exchange import Exchange
from tickdeck.exchange.live_orders import live_orders
from tickdeck.soak.commands import STYLES, Flow, Scenario, as_commands, random_listing
from tickdeck.soak.matching import engine_of, oracle_of

NAMES = ["order_id", "client_order_id", "participant_id", "instrument_id", "side", "price", "size"]


def scenario_of(style: int, seed: int, count: int) -> Scenario:
    rng = random.Random(seed)
    listings = [random_listing(rng, number) for number in (1, 2)]
    flow = Flow(rng, STYLES[style], listings, 3)
    return Scenario(listings, 3, as_commands([flow.command() for _ in range(count)]))


@pytest.mark.parametrize("style", range(len(STYLES)))
def test_live_orders_are_those_of_the_oracle(style: int) -> None:
    scenario = scenario_of(style, 11 + style, 150)
    oracle, exchange = oracle_of(scenario), engine_of(scenario).exchange
    most = 0
    for at, record in enumerate(scenario.commands):
        oracle.run(record)
        exchange.submit_batch(scenario.commands[at : at + 1])
        orders = sorted(
            (order for market in oracle.markets.values() for order in market.orders.values()), key=lambda order: order.order_id
        )
        expected = [
            (
                each.order_id,
                each.client_order_id,
                each.participant,
                each.market.listing.instrument_id,
                each.side,
                each.told_price,
                each.remaining,
            )
            for each in orders
        ]
        assert live_orders(exchange)[NAMES].tolist() == expected
        most = max(most, len(expected))
    assert most > 5


def test_filters_reserve_and_types(tmp_path: Path) -> None:
    exchange = Exchange([Instrument("A", "0.01"), Instrument("B", "0.01")], journal=tmp_path / "journal")
    ann, bob = exchange.participant("ann"), exchange.participant("bob")
    exchange.submit(ann, "A", "buy", 100, "10", display_size=10)
    exchange.submit(bob, "A", "sell", 5, None, order_type=OrderType.STOP, trigger_price="9")
    exchange.submit(bob, "B", "sell", 7, "11", hidden=True)
    exchange.cancel(bob, order_id=exchange.submit(bob, "B", "sell", 7, "11").order_id)
    found = live_orders(exchange)
    assert found[["order_id", "size", "displayed"]].tolist() == [(1, 100, 10), (2, 5, 5), (3, 7, 7)]
    assert found["trigger_price"][1] == 9_000_000_000 and found["order_type"][1] == OrderType.STOP
    assert found["side"].tolist()[:3] == [Side.BID, Side.ASK, Side.ASK]
    assert live_orders(exchange, participant=bob.id, instrument=1)["order_id"].tolist() == [2]
    assert not len(live_orders(exchange, participant=99))
    exchange.close()
    recovered, _ = Exchange.recover(tmp_path / "journal", resume=False)
    np.testing.assert_array_equal(live_orders(recovered), found)
