"""The compiled exchange does what the plain-Python one does, command by command, whatever the commands."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.soak.commands import STYLES, Flow, Scenario, as_commands, random_listing, random_scenario
from tickdeck.soak.matching import compare, engine_of

SCENARIOS = st.builds(random_scenario, st.randoms(use_true_random=False), st.integers(1, 60))


def examples(count: int) -> settings:
    """Settings for `count` examples, always the same; for ``TICKDECK_EXAMPLES`` random ones where that is set."""
    chosen = os.environ.get("TICKDECK_EXAMPLES")
    return settings(max_examples=int(chosen or count), deadline=None, derandomize=not chosen)


def of_style(number: int, seed: int, count: int) -> Scenario:
    rng = random.Random(seed)
    listings = [random_listing(rng, instrument) for instrument in (1, 2)]
    flow = Flow(rng, STYLES[number], listings, 3)
    return Scenario(listings, 3, as_commands([flow.command() for _ in range(count)]))


def digest(scenario: Scenario) -> str:
    """Of everything that the exchange says of a scenario, and of its state at the end."""
    exchange = engine_of(scenario).exchange
    said = hashlib.sha256(exchange.submit_batch(scenario.commands).tobytes())
    said.update(exchange.take_executions().tobytes())
    return f"{said.hexdigest()} {exchange.state_hash()}"


@examples(60)
@given(SCENARIOS)
def test_engine_and_oracle_agree_after_every_command(scenario: Scenario) -> None:
    compare(scenario)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("style", range(len(STYLES)), ids=["calm", "stops", "pegs", "days", "wild", "exits"])
def test_engine_and_oracle_agree_on_long_streams(style: int, seed: int) -> None:
    compare(of_style(style, seed, 300))


@examples(10)
@given(SCENARIOS)
def test_the_same_commands_give_the_same_bytes_and_the_same_hash(scenario: Scenario) -> None:
    assert digest(scenario) == digest(scenario)


def test_interpreted_kernels_say_what_compiled_ones_say() -> None:
    code = "from test_matching_property import digest, of_style\nprint(*(digest(of_style(style, 5, 60)) for style in range(6)), sep='\\n')"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.path.dirname(__file__)}  # noqa: PTH120
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.stdout.split("\n")[:-1] == [digest(of_style(style, 5, 60)) for style in range(6)], run.stderr[-2000:]
