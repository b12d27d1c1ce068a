"""A session as such: any lines are answered, and what was saved of them leads to the same state."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.cli.exchange_record import Record, instruments_of
from tickdeck.cli.exchange_session import Session
from tickdeck.cli.exchange_shell import Shell
from tickdeck.cli.order_words import USAGE
from tickdeck.core import Instrument, ManualClock, UsageError
from tickdeck.exchange import Exchange
from tickdeck.tape.orders import read_orders

TWO = [Instrument("ACME", "0.01"), Instrument("BTC-USD", "0.5", 3)]

SIZES = st.sampled_from(["1", "5", "10", "100", "0", "-1", "0.5", "7.125", "99999999999999999999", "1e3"])
PRICES = st.sampled_from(["9.99", "10", "10.01", "10.02", "10.5", "10.015", "0", "-1", "99999999999", "10.0x"])
PRICED = st.one_of(
    PRICES.map("@ {}".format),
    st.just("market"),
    PRICES.map("stop {}".format),
    st.tuples(PRICES, PRICES).map(lambda both: f"stop {both[0]} @ {both[1]}"),
    st.just("trail 0.02"),
    st.sampled_from(["peg bid", "peg ask -0.01", "peg mid @ 10.01"]),
)
OPTIONS = st.sampled_from(
    [
        *("", "", "ioc", "fok", "day", "post-only", "hidden", "reduce-only", "display 1", "min 2", "group 3"),
        *("until +2s", "at-open", "stp cancel-oldest", "on BTC-USD", "id 3"),
    ]
)
ORDER = st.tuples(st.sampled_from(["buy", "sell"]), SIZES, PRICED, OPTIONS, OPTIONS).map(" ".join)
NUMBERS = st.integers(1, 12).map(str)
OTHER = st.one_of(
    NUMBERS.map("cancel {}".format),
    st.tuples(NUMBERS, PRICES, SIZES).map(lambda all_: "replace {} @ {} x {}".format(*all_)),
    st.sampled_from(
        [
            "cancel all",
            "cancel all sell",
            "as bob",
            "as trader",
            "as 7",
            "use BTC-USD",
            "use acme",
            "orders",
            "trades",
            "stats",
            "book 2",
        ]
    ),
    st.sampled_from(
        [
            "phase pre-open",
            "phase continuous",
            "phase halt",
            "phase closed",
            "phase pre-close",
            "reference 10",
            "time +1s",
            "time 1000000000",
        ]
    ),
    st.sampled_from(list(USAGE)),
    st.text(max_size=20),
)
LINES = st.lists(st.one_of(ORDER, ORDER, ORDER, OTHER), min_size=1, max_size=40)


def answered(lines: list[str]) -> tuple[Exchange, Record]:
    exchange = Exchange(TWO)
    record = Record(exchange, keep_all=True)
    waiting = iter([line for line in lines if line.split()[:1] not in (["quit"], ["q"], ["exit"], ["bye"], ["save"])])

    def ask(prompt: str) -> str:
        line = next(waiting, None)
        if line is None:
            raise EOFError
        return line

    Shell(Session(exchange, keep=record.add), record, 3).run(ask)
    return exchange, record


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_any_lines_are_answered_and_saved_orders_lead_to_the_same_state(lines: list[str]) -> None:
    exchange, record = answered(lines)
    if not record.commands:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.csv"
        assert record.save(str(path), "orders") == record.commands
        orders = read_orders(path, instruments=instruments_of(exchange))
    again = Exchange(TWO)
    for number, name in sorted((number, name) for name, number in orders.participants.items()):
        assert again.participant(name).id == number
    again.submit_batch(orders.commands)
    assert again.state_hash() == exchange.state_hash()


def test_a_participant_is_admitted_by_its_first_command_that_can_be_carried_out() -> None:
    exchange, _ = answered(["as bob", "buy 0.5 @ 10", "as ann", "buy 1 @ 10", "as bob", "buy 2 @ 10"])
    assert [each.name for each in exchange.participants] == ["ann", "bob"]


def test_commands_at_a_prompt_arrive_by_the_clock_which_never_goes_back() -> None:
    clock = ManualClock(10**18)
    exchange = Exchange(TWO)
    record = Record(exchange, keep_all=True)
    session = Session(exchange, clock=clock, keep=record.add)
    shell = Shell(session, record, 3)
    lines = iter(["buy 1 @ 10", "time +5s", "buy 1 @ 10"])
    with pytest.raises(StopIteration):
        shell.run(lambda prompt: next(lines))
    assert exchange.clock == 10**18 + 5 * 10**9
    clock.advance(10**10)
    assert session.now == 10**18 + 10**10


def test_an_unknown_symbol_names_the_known_ones() -> None:
    session = Session(Exchange(TWO))
    with pytest.raises(UsageError, match="there is ACME, BTC-USD"):
        session.find("GOOG")
    assert session.find("btc-usd").symbol == "BTC-USD" and session.find(None).symbol == "ACME"
