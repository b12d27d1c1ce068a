"""Random commands reach every corner of the rules."""

from __future__ import annotations

import random

import numpy as np

from tickdeck.core.orders import ExecutionKind, Phase, Reason
from tickdeck.soak.commands import random_scenario, shrunk
from tickdeck.soak.matching_oracle import OracleExchange


def test_every_reason_kind_and_phase_comes_up() -> None:
    reasons, kinds, phases = set(), set(), set()
    for seed in range(150):
        scenario = random_scenario(random.Random(seed), 200)
        exchange = OracleExchange(scenario.listings, scenario.participants)
        for command in scenario.commands:
            for told in exchange.run(command)[1]:
                reasons.add(Reason(told.reason))
                kinds.add(ExecutionKind(ord(told.kind)))
            phases.update(market.phase for market in exchange.markets.values())
    assert {reason for reason in Reason if reason < Reason.MAX_ORDER_SIZE} - reasons == set()
    assert kinds == set(ExecutionKind)
    assert phases == set(Phase)


def test_the_same_seed_gives_the_same_scenario() -> None:
    one, other = (random_scenario(random.Random(4), 100) for _ in range(2))
    assert one.listings == other.listings
    assert one.plan == other.plan
    assert one.commands.tobytes() == other.commands.tobytes()


def test_a_failing_scenario_is_shrunk_to_the_commands_that_matter() -> None:
    scenario = random_scenario(random.Random(4), 100)
    culprits = scenario.commands[[17, 80]]
    smaller = shrunk(scenario, lambda tried: np.isin(culprits, tried.commands).all())
    assert smaller.commands.tobytes() == culprits.tobytes()
