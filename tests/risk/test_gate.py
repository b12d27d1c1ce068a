"""The gate while it runs: other limits, kill switch, more accounts, dumps; and what never changes its state."""

from __future__ import annotations

import logging
import random
import sys
import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest

import tickdeck as td
from tickdeck.core import ManualClock, Reason, UnknownInstrumentError, UsageError
from tickdeck.risk import Limits, RiskGate, RiskState
from tickdeck.risk.kernels import entries

LIMITS: dict[str, Any] = {
    "max_order_size": 50,
    "max_notional": 5_200,
    "price_collar_percent": 10,
    "max_position": 100,
    "max_open_orders": 6,
    "orders_per_second": 5,
    "order_burst": 8,
    "orders_per_day": 40,
    "duplicate_window": "2s",
    "max_trade_loss": 200,
    "max_daily_loss": 400,
    "max_weekly_loss": 500,
    "max_drawdown": 450,
    "max_consecutive_losses": 2,
    "cool_down": "10s",
    "max_gross_exposure": 15_000,
    "max_net_exposure": 12_000,
    "max_concentration_percent": 95,
    "concentration_from": 8_000,
    "max_leverage": "1.1",
}
LISTED = [td.Instrument("A", tick_size="0.01"), td.Instrument("B", tick_size="0.01", currency="EUR")]


def gate(limits: dict[str, Any] = LIMITS, **options: Any) -> RiskGate:
    made = RiskGate(Limits.from_dict(limits), LISTED, ["alice", "bob"], rates={"EUR": "1.1"}, clock=ManualClock(1), **options)
    for name in ("alice", "bob"):
        made.account(name).deposit(10_000)
    for symbol in ("A", "B"):
        made.mark(symbol, "100")
    return made


def wander(seed: int, steps: int = 250) -> Counter[Reason]:
    """Random orders, replaces, cancels, fills and marks; the reasons met."""
    rng, met = random.Random(seed), Counter[Reason]()
    of = gate({name: value for name, value in LIMITS.items() if rng.random() < 0.6}, remembered_orders=64)
    resting: list[list[Any]] = []
    ts = 10**18
    for _ in range(steps):
        ts += rng.choice((0, 10**6, 10**8, 10**9, 10**12 if rng.random() < 0.05 else 0))
        account, symbol, side = rng.choice(("alice", "bob")), rng.choice("AB"), rng.choice(("buy", "sell"))
        size, price = rng.choice((1, 5, 5, 20, 20, 40, 55)), rng.randint(88, 112)
        kind = rng.choice(("order", "order", "order", "replace", "cancel", "fill", "fill", "fill", "mark"))
        order = rng.choice(resting) if resting else None
        before = of.state_hash()
        if kind == "order":
            decision = of.check(account, symbol, side, size, str(price), ts=ts)
            assert of.state_hash() == before
            met[decision.reason] += 1
            if decision.passed:
                of.opened(account, symbol, side, size, str(price), ts=ts)
                resting.append([account, symbol, side, size, price])
                assert of.state_hash() != before
            else:
                assert decision.reason >= 100 and decision.limit != decision.value
        elif kind == "mark":
            of.mark(symbol, str(price))
        elif order is not None:
            account, symbol, side, left, at = order
            if kind == "replace":
                decision = of.check(account, symbol, side, size, str(price), ts=ts, replaces=left)
                assert of.state_hash() == before
                met[decision.reason] += 1
                if decision.passed:
                    of.replaced(account, symbol, side, left, size, ts=ts)
                    order[3] = size
            elif kind == "cancel":
                of.closed(account, symbol, side, left)
                resting.remove(order)
            else:
                filled = min(left, size)
                of.filled(account, symbol, side, filled, str(at), leaves=left - filled, ts=ts)
                order[3] -= filled
                if not order[3]:
                    resting.remove(order)
        check_sums(of, resting)
    return met


def test_sums_equal_what_they_sum_and_refusals_change_nothing() -> None:
    met = Counter[Reason]()
    for seed in range(16):
        met += wander(seed)
    missed = {Reason(code) for code in range(100, 119)} - met.keys()
    assert missed <= {Reason.RESTRICTED_INSTRUMENT, Reason.OUTSIDE_HOURS, Reason.BLACKOUT}, met
    assert met[Reason.NONE] > 300


def check_sums(of: RiskGate, resting: list[list[Any]]) -> None:
    """Running sums against what the positions, orders and marks give anew."""
    rates = {"A": 1, "B": 11}
    for name in ("alice", "bob"):
        account = of.account(name)
        own = [order for order in resting if order[0] == name]
        assert account.open_orders == len(own)
        gross = 0
        for symbol in "AB":
            position = account.position(symbol)
            buys = sum(order[3] for order in own if order[1] == symbol and order[2] == "buy")
            sells = sum(order[3] for order in own if order[1] == symbol and order[2] == "sell")
            assert (position.open_buy, position.open_sell) == (buys, sells)
            assert abs(position.size) <= (of.limits.max_position or 10**9)
            worst = max(abs(position.size + buys), abs(position.size - sells))
            gross += worst * (position.mark or 0) * rates[symbol] // (10 if symbol == "B" else 1)
        assert int(account.gross_exposure * 10**9) == gross


def test_dumped_state_goes_on_the_same() -> None:
    first = gate()
    first.opened("alice", "A", "buy", 10, "100", ts=5)
    first.filled("alice", "A", "buy", 4, "100", leaves=6, ts=6)
    second = gate()
    assert second.state_hash() != first.state_hash()
    second.restore(first.dump())
    assert second.state_hash() == first.state_hash()
    for of in (first, second):
        of.filled("alice", "A", "buy", 6, "101", leaves=0, ts=7)
        of.mark("A", "105")
    assert second.state_hash() == first.state_hash()
    assert second.account("alice").position("A") == first.account("alice").position("A")
    with pytest.raises(UsageError, match="account_count"):
        RiskGate(Limits(), LISTED, ["alice"], rates={"EUR": 1}).restore(first.dump())


def test_the_same_happenings_give_the_same_hash() -> None:
    def hashed(order: int) -> int:
        of = gate()
        for i in range(20):
            of.opened("alice", "A", "buy", 1 + i, "100", ts=i)
            of.filled("alice", "A", "buy", 1 + i, "100", leaves=0, ts=i + order)
        return of.state_hash()

    assert hashed(0) == hashed(0) != hashed(1)


def test_accounts_and_instruments_may_join_later() -> None:
    of = gate()
    of.filled("alice", "A", "buy", 10, "100", ts=1)
    of.opened("bob", "B", "sell", 5, "100", ts=1)
    handle = of.handle
    for i in range(40):
        account = of.add_account(f"more{i}")
        assert account.equity == 0
    of.add_instrument(td.Instrument("C", tick_size="0.01"))
    of.mark("C", "100")
    assert of.handle == handle
    assert of.account("alice").position("A").size == 10 and of.account("alice").equity == 10_000
    assert of.account("bob").position("B").open_sell == 5
    assert of.check("more39", "C", "buy", 51, "100", ts=2).reason == Reason.MAX_ORDER_SIZE
    of.account("more39").deposit(10_000)
    assert of.check("more39", "C", "buy", 10, "100", ts=2).passed
    with pytest.raises(UsageError, match="there is an account 'alice' already"):
        of.add_account("alice")


def test_an_update_is_logged_line_by_line(caplog: pytest.LogCaptureFixture) -> None:
    of = gate()
    other = of.limits.replaced(max_order_size=60, max_drawdown=None, instruments={"A": {"max_position": 5}})
    with caplog.at_level(logging.WARNING, "tickdeck.risk"):
        changes = of.update(other, who="carol")
    assert [(change.what, change.old, change.new) for change in changes] == [
        ("instruments.A.max_position", None, 5),
        ("max_drawdown", 450, None),
        ("max_order_size", 50, 60),
    ]
    assert of.changes == changes and all(change.who == "carol" and change.ts == 1 for change in changes)
    assert "1970-01-01T00:00:00.000000001Z carol: max_order_size 50 -> 60" in caplog.text
    assert of.check("alice", "B", "buy", 60, "90", ts=2).reason != Reason.MAX_ORDER_SIZE
    assert of.check("alice", "A", "buy", 6, "100", ts=2).reason == Reason.MAX_POSITION


def test_an_update_that_fails_changes_nothing() -> None:
    of = gate()
    for wrong, message in (
        ({**LIMITS, "instruments": {"NONE": {"max_position": 1}}}, "the gate has no instrument 'NONE'"),
        ({**LIMITS, "currency": "EUR"}, "`currency` cannot change while the gate runs"),
        ({**LIMITS, "day_start": "01:00"}, "`day_start` cannot change while the gate runs"),
    ):
        with pytest.raises(td.TickdeckError, match=message):
            of.update(Limits.from_dict({**wrong, "max_order_size": 1}), who="carol")
    assert of.changes == [] and of.limits.max_order_size == 50
    assert of.check("alice", "A", "buy", 50, "100", ts=2).passed


def test_an_update_keeps_what_the_rate_limit_has_seen() -> None:
    of = gate()
    for i in range(5):
        of.opened("alice", "A", "buy", 1 + i, "100", ts=2)
    of.update(of.limits.replaced(order_burst=5), who="carol")
    assert of.check("alice", "A", "sell", 1, "100", ts=2).reason == Reason.RATE_PER_SECOND


def test_no_check_sees_half_of_an_update() -> None:
    """Two sets of limits that both refuse an order, each for its own reason; half of each would let it pass."""
    sets = [Limits.from_dict(values) for values in ({"max_order_size": 5}, {"max_position": 5})]
    of = RiskGate(sets[0], [td.Instrument(f"I{i}") for i in range(8)], ["alice"])
    passed, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            passed.append(of.check("alice", "I7", "buy", 6, "1", ts=1).passed)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for i in range(100):
            of.update(sets[i % 2], who="carol")
    finally:
        stop.set()
        asking.join()
        sys.setswitchinterval(before)
    assert len(passed) > 100 and not any(passed)


def test_limits_for_unknown_instruments_are_an_error_and_for_accounts_to_come_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UnknownInstrumentError, match=r"`instruments.ACMEE`: the gate has no instrument 'ACMEE'"):
        RiskGate(Limits.from_dict({"instruments": {"ACMEE": {"max_position": 5}}}), LISTED, rates={"EUR": 1})
    limits = Limits.from_dict({"accounts": {"carol": {"max_order_size": 5}}})
    of = RiskGate(limits, LISTED, ["alice"], rates={"EUR": 1})
    assert "carol" in caplog.text
    of.add_account("carol")
    assert of.check("carol", "A", "buy", 6, "1", ts=1).reason == Reason.MAX_ORDER_SIZE
    assert of.check("alice", "A", "buy", 6, "1", ts=1).passed


def test_kill_and_resume_are_noted_and_may_cancel() -> None:
    asked: list[str | None] = []
    of = gate(on_cancel_all=asked.append)
    of.kill("bob", who="carol", cancel_all=True)
    of.kill(who="carol", cancel_all=True)
    assert asked == ["bob", None]
    assert of.killed() and of.killed("bob") and not of.killed("alice")
    assert "killed" in repr(of)
    of.resume(who="carol")
    assert of.check("alice", "A", "buy", 1, "100", ts=1).passed
    assert of.check("bob", "A", "buy", 1, "100", ts=1).reason == Reason.KILL_SWITCH
    of.set_state(RiskState.HALTED, "bob", who="carol")
    assert of.state == RiskState.ACTIVE and of.state_of("bob") == RiskState.HALTED
    of.resume("bob", who="carol")
    assert of.check("bob", "A", "buy", 1, "100", ts=1).passed
    assert [change.what for change in of.changes] == ["bob.kill", "kill", "kill", "bob.state", "bob.kill", "bob.state"]
    with pytest.raises(UsageError, match="on_cancel_all"):
        gate().kill(who="carol", cancel_all=True)


def test_the_clock_of_the_gate_serves_orders_without_a_time() -> None:
    clock = ManualClock(10**18)
    of = RiskGate(Limits(orders_per_second=1), LISTED, ["alice"], rates={"EUR": 1}, clock=clock)
    of.opened("alice", "A", "buy", 1, "1")
    assert of.check("alice", "A", "buy", 1, "1").reason == Reason.RATE_PER_SECOND
    clock.advance(10**9)
    assert of.check("alice", "A", "buy", 1, "1").passed


def test_amounts_as_text_and_integers_of_units_are_the_same() -> None:
    of = RiskGate(Limits(max_order_size="1.5"), [td.Instrument("COIN", size_decimals=8)], ["alice"])
    assert of.check("alice", "COIN", "buy", "1.5", "100", ts=1).passed
    assert of.check("alice", "COIN", "buy", 150_000_000, 100 * 10**9, ts=1).passed
    assert not of.check("alice", "COIN", "buy", "1.50000001", "100", ts=1).passed
    with pytest.raises(TypeError, match="size must be a string"):
        of.check("alice", "COIN", "buy", 1.5, "100", ts=1)  # type: ignore[arg-type]


def test_limits_are_the_same_array_rows_for_all_who_have_none_of_their_own() -> None:
    of = gate()
    rows = of._ledger.memory.arrays["order_limits"].reshape(2, 3, 3)[int(of._ledger.memory.control[0]["generation"])]
    assert np.array_equal(rows[1, 1], rows[1, 2]) and rows[1, 1]["order_size"] == 50


def test_what_happens_to_accounts_and_instruments_that_the_gate_lacks_is_not_followed() -> None:
    of = gate()
    before, at = of.state_hash(), of.handle
    for account, instrument in ((0, 1), (3, 1), (2**40, 1), (1, 0), (1, 3), (1, 2**40), (-1, 1)):
        entries.call_open(at, account, instrument, 66, 1, 1, 5)
        entries.call_replaced(at, account, instrument, 66, 1, 2, 5)
        entries.call_reduced(at, account, instrument, 66, 1)
        entries.call_closed(at, account, instrument, 66, 1)
        entries.call_fill(at, account, instrument, 66, 1, 1, 5, -1, True, 0)
    for instrument in (0, 3, -1, 2**40):
        entries.call_mark(at, instrument, 7)
    assert of.state_hash() == before


def test_a_late_order_does_not_refill_the_bucket() -> None:
    of = RiskGate(Limits(orders_per_second=1), LISTED, ["alice"], rates={"EUR": 1})
    of.opened("alice", "A", "buy", 1, "1", ts=10**10)
    of.opened("alice", "A", "buy", 1, "1", ts=0)
    assert of.check("alice", "A", "buy", 1, "1", ts=10**10 + 10**9).reason == Reason.RATE_PER_SECOND
