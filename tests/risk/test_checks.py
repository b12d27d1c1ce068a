"""Every check at its limit and one beyond: what equals a limit passes, what exceeds it is refused with limit and value."""

from __future__ import annotations

from typing import Any

import pytest

import tickdeck as td
from tickdeck.core import Reason
from tickdeck.risk import Limits, RiskDecision, RiskGate, RiskState
from tickdeck.risk.kernels.layout import SIZE_CEILING

SECOND = 10**9
NOON = td.to_ns("2026-11-18T12:00:00Z")
"""A Wednesday."""
USD = 10**6
ACME = td.Instrument("ACME", tick_size="0.01")
OTHER = td.Instrument("OTHER", tick_size="0.01")
COIN = td.Instrument("COIN", tick_size="0.5", currency="BTC", inverse=True)


def gate(mark: str | None = "100", **limits: Any) -> RiskGate:
    made = RiskGate(Limits.from_dict(limits), [ACME, OTHER, COIN], ["alice", "bob"], rates={"BTC": 50_000})
    if mark is not None:
        made.mark("ACME", mark)
        made.mark("OTHER", mark)
    return made


def ask(
    of: RiskGate, side: str, size: int, price: str | None = "100", ts: int = NOON, symbol: str = "ACME", **options: Any
) -> RiskDecision:
    """The decision, and that asking changed nothing."""
    before = of.state_hash()
    found = of.check("alice", symbol, side, size, price, ts=ts, **options)
    assert of.state_hash() == before
    return found


def send(of: RiskGate, side: str, size: int, price: str = "100", ts: int = NOON, symbol: str = "ACME") -> None:
    """An order that must pass, opened."""
    assert ask(of, side, size, price, ts, symbol).passed
    of.opened("alice", symbol, side, size, price, ts=ts)


def trade(of: RiskGate, side: str, size: int, price: str, ts: int = NOON, symbol: str = "ACME") -> None:
    of.filled("alice", symbol, side, size, price, ts=ts)


def test_max_order_size() -> None:
    of = gate(max_order_size=100)
    assert ask(of, "buy", 100).passed
    assert ask(of, "buy", 101) == (Reason.MAX_ORDER_SIZE, 100, 101)


def test_max_notional_of_a_buyer_is_at_its_own_price() -> None:
    of = gate(max_notional=10_000)
    assert ask(of, "buy", 100, "100").passed
    assert ask(of, "buy", 100, "100.01") == (Reason.MAX_NOTIONAL, 10_000 * USD, 10_001 * USD)
    assert ask(of, "buy", 101, "99").passed


def test_a_cheap_offer_is_valued_at_the_reference() -> None:
    of = gate(max_notional=10_000)
    assert ask(of, "sell", 100, "0.01").passed
    assert ask(of, "sell", 101, "0.01") == (Reason.MAX_NOTIONAL, 10_000 * USD, 10_100 * USD)
    assert ask(of, "sell", 100, "100.01").reason == Reason.MAX_NOTIONAL


def test_a_market_order_is_valued_at_the_worst_price_it_could_take() -> None:
    of = gate(max_notional=10_000)
    assert ask(of, "buy", 80, None, worst_price=td.price("125")).passed
    assert ask(of, "buy", 80, None, worst_price=td.price("125.01")).reason == Reason.MAX_NOTIONAL
    assert ask(of, "buy", 1, None) == (Reason.NO_REFERENCE_PRICE, 10_000 * USD, 1)


def test_a_market_order_into_an_empty_book_is_valued_at_the_collar() -> None:
    of = gate(max_notional=10_000, price_collar_percent=25)
    assert ask(of, "buy", 80, None).passed
    assert ask(of, "buy", 81, None) == (Reason.MAX_NOTIONAL, 10_000 * USD, 10_125 * USD)
    assert ask(of, "sell", 100, None).passed
    assert ask(of, "sell", 101, None).reason == Reason.MAX_NOTIONAL


def test_without_any_price_a_limit_on_value_refuses() -> None:
    of = gate(None, max_notional=10_000)
    assert ask(of, "buy", 1, None).reason == Reason.NO_REFERENCE_PRICE
    assert ask(of, "sell", 1, "1").reason == Reason.NO_REFERENCE_PRICE
    assert ask(of, "buy", 1, "1").passed
    assert ask(gate(None, price_collar_percent=5), "buy", 1).reason == Reason.NO_REFERENCE_PRICE
    assert ask(gate(None, max_gross_exposure=5), "buy", 1).reason == Reason.NO_REFERENCE_PRICE


def test_negative_prices_count_by_their_size() -> None:
    of = gate("-100", max_notional=10_000)
    assert ask(of, "buy", 100, "-1").passed
    assert ask(of, "buy", 101, "-1").reason == Reason.MAX_NOTIONAL
    assert ask(of, "sell", 100, "-100.01").reason == Reason.MAX_NOTIONAL


def test_an_inverse_contract_is_worth_more_at_lower_prices() -> None:
    of = gate(max_notional=50_000)
    of.mark("COIN", "50000")
    assert ask(of, "buy", 50_000, "60000", symbol="COIN").passed
    assert ask(of, "sell", 50_000, "50000", symbol="COIN").passed
    refused = ask(of, "sell", 50_000, "40000", symbol="COIN")
    assert refused == (Reason.MAX_NOTIONAL, 50_000 * USD, 62_500 * USD)
    assert ask(of, "buy", 1, "0", symbol="COIN").reason == Reason.BAD_PRICE
    assert ask(of, "sell", 1, "-5", symbol="COIN").reason == Reason.BAD_PRICE


def test_price_collar() -> None:
    of = gate(price_collar_percent="2.5")
    assert ask(of, "buy", 1, "102.5").passed
    assert ask(of, "buy", 1, "102.51") == (Reason.PRICE_COLLAR, td.price("102.5"), td.price("102.51"))
    assert ask(of, "sell", 1, "97.5").passed
    assert ask(of, "sell", 1, "97.49") == (Reason.PRICE_COLLAR, td.price("97.5"), td.price("97.49"))
    assert ask(of, "buy", 1, "1").passed and ask(of, "sell", 1, "1000").passed
    assert ask(of, "buy", 1, "102.51", reference=td.price("101")).passed
    assert ask(of, "buy", 1, None, worst_price=td.price("102.51")).reason == Reason.PRICE_COLLAR
    assert ask(gate("-10", price_collar_percent=10), "buy", 1, "-8.99").reason == Reason.PRICE_COLLAR


def test_max_position_counts_open_orders_on_each_side() -> None:
    of = gate(max_position=100)
    trade(of, "buy", 40, "100")
    send(of, "buy", 30)
    assert ask(of, "buy", 30).passed
    assert ask(of, "buy", 31) == (Reason.MAX_POSITION, 100, 101)
    assert ask(of, "sell", 140).passed
    assert ask(of, "sell", 141) == (Reason.MAX_POSITION, 100, 101)


def test_a_partly_filled_order_counts_once() -> None:
    of = gate(max_position=100)
    send(of, "buy", 100)
    of.filled("alice", "ACME", "buy", 60, "100", leaves=40, ts=NOON)
    assert ask(of, "buy", 1).reason == Reason.MAX_POSITION
    of.closed("alice", "ACME", "buy", 40)
    assert ask(of, "buy", 40).passed
    assert ask(of, "buy", 41).reason == Reason.MAX_POSITION
    assert of.account("alice").open_orders == 0


def test_a_replace_counts_for_the_difference() -> None:
    of = gate(max_position=100, max_order_size=90, max_open_orders=1)
    send(of, "buy", 80)
    assert ask(of, "buy", 20).reason == Reason.MAX_OPEN_ORDERS
    assert ask(of, "buy", 90, replaces=80).passed
    assert ask(of, "buy", 91, replaces=80).reason == Reason.MAX_ORDER_SIZE
    trade(of, "buy", 15, "100")
    assert ask(of, "buy", 85, replaces=80).passed
    assert ask(of, "buy", 86, replaces=80) == (Reason.MAX_POSITION, 100, 101)
    of.replaced("alice", "ACME", "buy", 80, 85, ts=NOON)
    assert of.account("alice").position("ACME").open_buy == 85


def test_a_replace_upwards_in_steps_does_not_get_around_the_position() -> None:
    of = gate(max_position=10)
    send(of, "buy", 1)
    size = 1
    while ask(of, "buy", size + 3, replaces=size).passed:
        of.replaced("alice", "ACME", "buy", size, size + 3, ts=NOON)
        size += 3
    assert size == 10


def test_max_open_orders() -> None:
    of = gate(max_open_orders=2)
    send(of, "buy", 1)
    send(of, "sell", 1, symbol="OTHER")
    assert ask(of, "buy", 1) == (Reason.MAX_OPEN_ORDERS, 2, 3)
    of.filled("alice", "ACME", "buy", 1, "100", leaves=0, ts=NOON)
    assert ask(of, "buy", 1).passed


def test_order_rate_refills_continuously() -> None:
    of = gate(orders_per_second=10, order_burst=3)
    for _ in range(3):
        send(of, "buy", 1)
    assert ask(of, "buy", 1) == (Reason.RATE_PER_SECOND, 3, 4)
    assert ask(of, "buy", 1, ts=NOON + SECOND // 10 - 1).reason == Reason.RATE_PER_SECOND
    send(of, "buy", 1, ts=NOON + SECOND // 10)
    assert ask(of, "buy", 1, ts=NOON + SECOND // 10).reason == Reason.RATE_PER_SECOND
    later = NOON + 100 * SECOND
    for _ in range(3):
        send(of, "buy", 1, ts=later)
    assert ask(of, "buy", 1, ts=later).reason == Reason.RATE_PER_SECOND


def test_replaces_take_tokens_and_refused_orders_do_not() -> None:
    of = gate(orders_per_second=2, max_order_size=5)
    for _ in range(10):
        assert ask(of, "buy", 6).reason == Reason.MAX_ORDER_SIZE
    send(of, "buy", 1)
    of.replaced("alice", "ACME", "buy", 1, 2, ts=NOON)
    assert ask(of, "buy", 3, replaces=2).reason == Reason.RATE_PER_SECOND


def test_orders_per_day_begin_anew_with_the_day() -> None:
    of = gate(orders_per_day=2, time_zone="America/Chicago", day_start="17:00")
    evening = td.to_ns("2026-11-18T23:00:00Z")
    send(of, "buy", 1, ts=evening - 2)
    send(of, "buy", 1, ts=evening - 1)
    assert ask(of, "buy", 1, ts=evening - 1) == (Reason.RATE_PER_DAY, 2, 3)
    send(of, "buy", 1, ts=evening)
    send(of, "buy", 1, ts=evening)
    assert ask(of, "buy", 1, ts=evening).reason == Reason.RATE_PER_DAY


def test_duplicate_orders() -> None:
    of = gate(duplicate_window="100ms")
    window = 100_000_000
    send(of, "buy", 5)
    assert ask(of, "buy", 5, ts=NOON + window - 1) == (Reason.DUPLICATE_ORDER, window, window - 1)
    assert ask(of, "buy", 5, ts=NOON + window).passed
    for side, size, price, symbol in (
        ("sell", 5, "100", "ACME"), ("buy", 6, "100", "ACME"), ("buy", 5, "100.01", "ACME"), ("buy", 5, "100", "OTHER")
    ):  # fmt: skip
        assert ask(of, side, size, price, symbol=symbol).passed
    assert of.check("bob", "ACME", "buy", 5, "100", ts=NOON).passed
    assert ask(of, "buy", 5, replaces=5).passed


def test_the_duplicate_window_remembers_thousands_of_orders() -> None:
    of = gate(duplicate_window="1s")
    for i in range(4_000):
        send(of, "buy", 1 + i, ts=NOON + i)
    forgotten = sum(ask(of, "buy", 1 + i, ts=NOON + 4_000).passed for i in range(0, 4_000, 10))
    assert forgotten <= 8


def test_restricted_instrument() -> None:
    of = gate(accounts={"alice": {"instruments": {"ACME": {"restricted": True}}}})
    assert ask(of, "buy", 1).reason == Reason.RESTRICTED_INSTRUMENT
    assert ask(of, "buy", 1, symbol="OTHER").passed
    assert of.check("bob", "ACME", "buy", 1, "100", ts=NOON).passed


def test_hours_holidays_early_closes_and_blackouts() -> None:
    new_york = {
        "time_zone": "America/New_York",
        "hours": ["09:30-16:00"],
        "holidays": ["2026-11-26"],
        "early_closes": {"2026-11-27": "13:00"},
        "blackout_hours": ["15:59-16:00"],
        "blackouts": ["2026-11-18T19:00:00Z/2026-11-18T19:05:00Z"],
    }
    of = gate(calendar="nyse", calendars={"nyse": new_york})

    def at(text: str) -> Reason:
        return ask(of, "buy", 1, ts=td.to_ns(text)).reason

    assert at("2026-11-18T14:29:59.999999999Z") == Reason.OUTSIDE_HOURS
    assert at("2026-11-18T14:30:00Z") == Reason.NONE
    assert at("2026-11-18T18:59:59.999999999Z") == Reason.NONE
    assert at("2026-11-18T19:00:00Z") == Reason.BLACKOUT
    assert at("2026-11-18T19:05:00Z") == Reason.NONE
    assert at("2026-11-18T20:58:59Z") == Reason.NONE
    assert at("2026-11-18T20:59:00Z") == Reason.BLACKOUT
    assert at("2026-11-18T21:00:00Z") == Reason.OUTSIDE_HOURS
    assert at("2026-11-26T16:00:00Z") == Reason.OUTSIDE_HOURS
    assert at("2026-11-27T17:59:59Z") == Reason.NONE
    assert at("2026-11-27T18:00:00Z") == Reason.OUTSIDE_HOURS
    assert at("2026-11-28T16:00:00Z") == Reason.OUTSIDE_HOURS
    # Summer time: an hour earlier in UTC.
    assert at("2027-06-16T13:30:00Z") == Reason.NONE
    assert at("2090-06-16T13:30:00Z") == Reason.OUTSIDE_HOURS
    assert at("1970-01-01T00:00:01Z") == Reason.OUTSIDE_HOURS


def test_a_session_across_midnight_belongs_to_the_day_it_starts_on() -> None:
    globex = {"time_zone": "America/Chicago", "hours": ["17:00-16:00"], "weekdays": ["sunday", "monday"]}
    of = gate(calendar="globex", calendars={"globex": globex})
    for text, expected in (
        ("2026-11-15T22:59:59Z", Reason.OUTSIDE_HOURS),
        ("2026-11-15T23:00:00Z", Reason.NONE),
        ("2026-11-16T21:59:59Z", Reason.NONE),
        ("2026-11-16T22:30:00Z", Reason.OUTSIDE_HOURS),
        ("2026-11-17T12:00:00Z", Reason.NONE),
        ("2026-11-18T12:00:00Z", Reason.OUTSIDE_HOURS),
    ):
        assert ask(of, "buy", 1, ts=td.to_ns(text)).reason == expected, text


def test_trade_loss_stops_all_but_reducing_orders_in_that_instrument() -> None:
    of = gate(max_trade_loss=50)
    trade(of, "buy", 10, "100")
    of.mark("ACME", "95")
    assert ask(of, "buy", 1).passed
    of.mark("ACME", "94.99")
    assert ask(of, "buy", 1) == (Reason.TRADE_LOSS, 50 * USD, 50_100_000)
    assert ask(of, "sell", 10).passed
    assert ask(of, "sell", 11).reason == Reason.TRADE_LOSS
    assert ask(of, "buy", 1, symbol="OTHER").passed
    trade(of, "sell", 10, "94.99")
    assert ask(of, "buy", 1).passed


@pytest.mark.parametrize(
    ("limit", "reason"),
    [("max_daily_loss", Reason.DAILY_LOSS), ("max_weekly_loss", Reason.WEEKLY_LOSS), ("max_drawdown", Reason.DRAWDOWN)],
)
def test_losses_of_the_account(limit: str, reason: Reason) -> None:
    of = gate(**{limit: 100})
    trade(of, "buy", 100, "100")
    of.mark("ACME", "99")
    assert ask(of, "buy", 1, symbol="OTHER").passed
    of.mark("ACME", "98.99")
    assert ask(of, "buy", 1, symbol="OTHER") == (reason, 100 * USD, 101 * USD)
    assert ask(of, "sell", 100).passed
    of.mark("ACME", "101")
    assert ask(of, "buy", 1, symbol="OTHER").passed
    of.mark("ACME", "99.5")
    # From its best, 100, the account has lost 150.
    assert ask(of, "buy", 1, symbol="OTHER").passed == (reason != Reason.DRAWDOWN)
    of.reset_losses("alice", who="test")
    assert ask(of, "buy", 1, symbol="OTHER").passed


def test_the_day_and_the_week_forget_their_losses() -> None:
    day = gate(max_daily_loss=100, week_start="sunday")
    week = gate(max_weekly_loss=100, week_start="sunday")
    for of in (day, week):
        trade(of, "buy", 100, "100", ts=NOON)
        of.mark("ACME", "98")
    thursday, sunday = td.to_ns("2026-11-19"), td.to_ns("2026-11-22")
    assert ask(day, "buy", 1, ts=thursday - 1).reason == Reason.DAILY_LOSS
    assert ask(day, "buy", 1, ts=thursday).passed
    assert ask(week, "buy", 1, ts=sunday - 1).reason == Reason.WEEKLY_LOSS
    assert ask(week, "buy", 1, ts=sunday).passed
    day.advance(thursday)
    day.mark("ACME", "96.99")
    assert ask(day, "buy", 1, ts=thursday + 1).reason == Reason.DAILY_LOSS


def test_losing_trades_in_a_row_open_the_breaker_for_a_while() -> None:
    of = gate(max_consecutive_losses=2, cool_down="10s")

    def lose(ts: int, result: str = "99") -> None:
        trade(of, "buy", 1, "100", ts)
        trade(of, "sell", 1, result, ts)

    lose(NOON)
    lose(NOON, "101")
    lose(NOON)
    assert ask(of, "buy", 1).passed
    lose(NOON)
    until = NOON + 10 * SECOND
    assert ask(of, "buy", 1, ts=until - 1) == (Reason.CONSECUTIVE_LOSSES, until, until - 1)
    assert ask(of, "buy", 1, ts=until).passed


def test_a_flip_ends_the_losing_trade() -> None:
    of = gate(max_consecutive_losses=1, cool_down="10s", max_trade_loss=1000)
    trade(of, "buy", 10, "100")
    trade(of, "sell", 20, "99")
    assert ask(of, "sell", 1).reason == Reason.CONSECUTIVE_LOSSES
    assert ask(of, "buy", 10).passed


def test_gross_exposure_counts_open_orders() -> None:
    of = gate(max_gross_exposure=10_000)
    trade(of, "buy", 50, "100")
    send(of, "sell", 20, symbol="OTHER")
    assert ask(of, "buy", 30).passed
    assert ask(of, "buy", 31) == (Reason.EXPOSURE, 10_000 * USD, 10_100 * USD)
    assert ask(of, "sell", 31, symbol="OTHER").reason == Reason.EXPOSURE
    assert ask(of, "sell", 100).passed and ask(of, "sell", 131).reason == Reason.EXPOSURE
    of.mark("ACME", "300")
    assert ask(of, "sell", 50).passed
    assert ask(of, "buy", 1).reason == Reason.EXPOSURE


def test_net_exposure() -> None:
    of = gate(max_net_exposure=1_000)
    trade(of, "buy", 100, "100")
    trade(of, "sell", 100, "100", symbol="OTHER")
    assert ask(of, "buy", 10).passed
    assert ask(of, "buy", 11) == (Reason.EXPOSURE, 1_000 * USD, 1_100 * USD)
    assert ask(of, "sell", 10).passed
    assert ask(of, "sell", 11).reason == Reason.EXPOSURE


def test_concentration() -> None:
    of = gate(max_concentration_percent=60, concentration_from=1_000)
    assert ask(of, "buy", 10).passed
    assert ask(of, "buy", 11) == (Reason.CONCENTRATION, 600_000_000, 10**9)
    trade(of, "buy", 40, "100", symbol="OTHER")
    assert ask(of, "buy", 60).passed
    refused = ask(of, "buy", 61)
    assert refused.reason == Reason.CONCENTRATION and refused.value == 61 * 10**9 // 101


def test_leverage() -> None:
    of = gate(max_leverage="2.5")
    assert ask(of, "buy", 1).reason == Reason.LEVERAGE
    of.account("alice").deposit(1_000)
    assert ask(of, "buy", 25).passed
    assert ask(of, "buy", 26) == (Reason.LEVERAGE, 2_500_000_000, 2_600_000_000)
    trade(of, "buy", 10, "100")
    of.mark("ACME", "150")
    assert ask(of, "buy", 15).passed
    assert ask(of, "buy", 16).reason == Reason.LEVERAGE
    of.mark("ACME", "0.01")
    assert ask(of, "sell", 10).passed


def test_kill_switch_and_states() -> None:
    of = gate()
    trade(of, "buy", 10, "100")
    send(of, "sell", 4)
    of.set_state(RiskState.REDUCING, "alice", who="test")
    assert ask(of, "sell", 6).passed
    assert ask(of, "sell", 7) == (Reason.REDUCING, 10, 11)
    assert ask(of, "buy", 1).reason == Reason.REDUCING
    assert ask(of, "sell", 7, reduce_only=True).passed
    assert of.check("bob", "ACME", "buy", 1, "100", ts=NOON).passed
    of.set_state(RiskState.HALTED, who="test")
    assert ask(of, "sell", 1).reason == Reason.HALTED
    assert of.check("bob", "ACME", "buy", 1, "100", ts=NOON).reason == Reason.HALTED
    of.kill("alice", who="test")
    assert ask(of, "sell", 1).reason == Reason.KILL_SWITCH
    assert ask(of, "sell", 1, replaces=4).reason == Reason.KILL_SWITCH
    of.closed("alice", "ACME", "sell", 4)
    assert of.account("alice").open_orders == 0


@pytest.mark.parametrize(
    ("side", "size", "price", "reason"),
    [
        ("buy", 0, "1", Reason.BAD_SIZE),
        ("buy", -1, "1", Reason.BAD_SIZE),
        ("buy", -(2**70), "1", Reason.BAD_SIZE),
        ("buy", SIZE_CEILING, "1", Reason.NONE),
        ("buy", SIZE_CEILING + 1, "1", Reason.MAX_ORDER_SIZE),
        ("buy", 2**63 - 1, "1", Reason.MAX_ORDER_SIZE),
        ("buy", 2**70, "1", Reason.MAX_ORDER_SIZE),
        ("hold", 1, "1", Reason.BAD_SIDE),
        ("buy", 1, 2**63 - 1, Reason.BAD_PRICE),
        ("buy", 1, -(2**70), Reason.BAD_PRICE),
    ],
)
def test_nonsense_is_refused_also_without_limits(side: str, size: int, price: Any, reason: Reason) -> None:
    assert ask(gate(), side, size, price).reason == reason


def test_unknown_accounts_and_instruments_and_a_clock_that_goes_back() -> None:
    of = gate()
    assert of.check("carol", "ACME", "buy", 1, "1", ts=NOON).reason == Reason.UNKNOWN_PARTICIPANT
    assert of.check(3, "ACME", "buy", 1, "1", ts=NOON).reason == Reason.UNKNOWN_PARTICIPANT
    assert of.check("alice", "NONE", "buy", "1.5", "1", ts=NOON).reason == Reason.UNKNOWN_INSTRUMENT
    send(of, "buy", 1, ts=NOON)
    assert ask(of, "buy", 1, ts=NOON - 1) == (Reason.CLOCK_BACKWARDS, NOON, NOON - 1)


def test_huge_sizes_do_not_overflow_value_or_position() -> None:
    of = gate(max_notional=10**12, max_gross_exposure=10**12)
    assert ask(of, "buy", 2**60, "9000000000") == (Reason.MAX_NOTIONAL, 10**18, 2**63 - 1)
    of = gate()
    send(of, "buy", SIZE_CEILING)
    assert ask(of, "buy", 1) == (Reason.MAX_POSITION, SIZE_CEILING, SIZE_CEILING + 1)
    of = gate(max_gross_exposure=10**12)
    assert ask(of, "buy", 2**60).reason == Reason.EXPOSURE


def test_the_sum_of_huge_exposures_does_not_wrap_around() -> None:
    of = RiskGate(Limits.from_dict({"max_gross_exposure": 10**12}), [td.Instrument(f"I{i}") for i in range(8)], ["alice"])
    for i in range(8):
        of.mark(f"I{i}", "9000000000")
        of.filled("alice", f"I{i}", "buy", 2**59, "9000000000", ts=NOON)
    assert of.check("alice", "I0", "buy", 1, "1", ts=NOON) == (Reason.EXPOSURE, 10**18, 2**63 - 1)
