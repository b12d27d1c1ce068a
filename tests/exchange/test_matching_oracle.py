"""The rules of matching by worked examples, kept by the exchange and by the plain-Python one that checks it."""

from __future__ import annotations

import pytest
from check_examples import CHECKS
from force_examples import FORCES
from order_scripts import Example, Script, event_text, execution_text, steps
from order_type_examples import TYPES
from phase_examples import PHASES
from priority_examples import PRIORITY, SELF_TRADE

from tickdeck.core import PRICE_SCALE
from tickdeck.soak.matching import EngineExchange
from tickdeck.soak.matching_oracle import OracleExchange
from tickdeck.soak.oracle_orders import OracleListing

EXAMPLES = [*PRIORITY, *SELF_TRADE, *TYPES, *FORCES, *PHASES, *CHECKS]


@pytest.mark.parametrize("kind", [OracleExchange, EngineExchange], ids=["oracle", "engine"])
@pytest.mark.parametrize("example", EXAMPLES, ids=[example.rule for example in EXAMPLES])
def test_the_rule_holds(example: Example, kind: type[OracleExchange] | type[EngineExchange]) -> None:
    exchange = kind([OracleListing(1, **{"tick": PRICE_SCALE, **example.listing})], participants=3)
    script = Script()
    for line, events, executions in steps(example.script):
        published, told = exchange.run(script.command(line))
        if events is not None:
            assert event_text(published) == events, line
        if executions is not None:
            assert execution_text(told) == executions, line
