"""What must hold of any exchange's output is missed as soon as it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from order_scripts import Script

from tickdeck.core import PRICE_SCALE
from tickdeck.soak.campaign import FindingError
from tickdeck.soak.matching_checks import StreamChecker
from tickdeck.soak.matching_oracle import OracleExchange
from tickdeck.soak.oracle_orders import PRICE_TIME, SIZE_TIME, Event, Execution, OracleListing

SCRIPT = """
a sell 5 101
b sell 7 101
a sell 5 102
b buy 2 100
c buy 6 101
b replace 4 size=1
b cancel 4
"""
Change = Callable[[list[Event], list[Execution]], None]


def check(change: Change, at: int, discipline: str = PRICE_TIME) -> None:
    """Follow the script's output, altered at one command."""
    listings = [OracleListing(1, tick=PRICE_SCALE, discipline=discipline)]
    exchange, checker, script = OracleExchange(listings, 3), StreamChecker(listings), Script()
    for number, line in enumerate(SCRIPT.strip().splitlines()):
        events, executions = exchange.run(script.command(line))
        if number == at:
            change(events, executions)
        checker.take(events, executions)


def event(number: int, **fields: object) -> Change:
    def change(events: list[Event], _: list[Execution]) -> None:
        events[number] = events[number]._replace(**fields)

    return change


def told(number: int, **fields: object) -> Change:
    def change(_: list[Event], executions: list[Execution]) -> None:
        executions[number] = executions[number]._replace(**fields)

    return change


def swap_orders(events: list[Event], _: list[Execution]) -> None:
    events[:] = [one._replace(order_id=3 - one.order_id) if one.action in "FC" else one for one in events]


def nothing(_: list[Event], __: list[Execution]) -> None:
    pass


@pytest.mark.parametrize("discipline", [PRICE_TIME, SIZE_TIME])
def test_the_unaltered_output_passes(discipline: str) -> None:
    check(nothing, 0, discipline)


@pytest.mark.parametrize(
    ("change", "at", "error"),
    [
        (swap_orders, 4, "was filled before"),
        (event(0, sequence=9), 1, "sequence 9 follows 1"),
        (event(0, flags=0), 1, "ends no group"),
        (event(0, ts=-1), 1, "back in time"),
        (event(0, price=102 * PRICE_SCALE), 3, "crossed"),
        (event(0, size=3), 3, "shows 3 of 2"),
        (event(0, order_id=9), 6, "anomalies"),
        (event(1, size=9), 4, "beyond what it displays"),
        (event(0, size=6), 4, "trades and fills differ"),
        (told(1, remaining=1), 4, "leaves"),
        (told(2, price=103 * PRICE_SCALE), 4, "beyond its limit"),
        (told(0, size=2), 6, "had 1 open"),
        (told(0, order_id=1), 1, "twice accepted"),
        (told(0, order_id=8), 6, "not open"),
    ],
)
def test_an_altered_output_is_found(change: Change, at: int, error: str) -> None:
    with pytest.raises(FindingError, match=error):
        check(change, at)


def test_a_size_time_fill_out_of_turn_is_found() -> None:
    with pytest.raises(FindingError, match="larger or older"):
        check(swap_orders, 4, SIZE_TIME)
