"""Accounts count exactly: against an account in fractions over random fills, and by examples worked by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from account_oracle import Contract, Held, nearest
from hypothesis import given, settings
from hypothesis import strategies as st

import tickdeck as td
from tickdeck.core import UnknownInstrumentError, UsageError
from tickdeck.risk import Account, Difference, Fees

SIZES = st.integers(1, 40) | st.integers(1, 10**6)
FILLS = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), SIZES, st.integers(1, 400) | st.integers(1, 10**6), st.booleans()),
    min_size=1,
    max_size=30,
)
FEES = {
    "SHARE": Fees(maker="-0.000035", taker="0.00035", taker_per_unit="0.0035"),
    "EURO": Fees(maker="0.0002", taker="0.0005", maker_per_unit="-0.01"),
    "COIN": Fees(maker="-0.00025", taker="0.00075"),
}
INSTRUMENTS = [
    td.Instrument("SHARE", tick_size="0.01", size_decimals=3),
    td.Instrument("EURO", tick_size="0.01", currency="EUR", multiplier="12.5"),
    td.Instrument("COIN", tick_size="0.01", currency="BTC", multiplier=100, inverse=True),
]
RATES = {"EUR": "1.0845", "BTC": "43210.5"}


def contracts() -> list[Contract]:
    rates = {"USD": Fraction(1), **{name: Fraction(rate) for name, rate in RATES.items()}}
    return [
        Contract(
            Fraction(instrument.multiplier, 10**9),
            instrument.inverse,
            Fraction(1, 10**8) if instrument.currency == "BTC" else Fraction(1, 100),
            rates[instrument.currency],
            *(
                Fraction(getattr(FEES[instrument.symbol], n), 10**9)
                for n in ("maker", "taker", "maker_per_unit", "taker_per_unit")
            ),
        )
        for instrument in INSTRUMENTS
    ]


def account() -> Account:
    return td.Account(INSTRUMENTS, fees=FEES, rates=RATES)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(FILLS, st.integers(1, 10**6))
def test_random_fills_equal_the_account_in_fractions(fills: list[tuple[int, bool, int, int, bool]], last: int) -> None:
    made, oracle = account(), [Held(contract) for contract in contracts()]
    for which, buys, size, cents, aggressor in fills:
        instrument = INSTRUMENTS[which]
        # A coin costs at least 1,000: of cheaper ones money has no room for a million contracts.
        cents += 10**5 if instrument.inverse else 0
        made.fill(instrument.symbol, "buy" if buys else "sell", size, cents * 10**7, aggressor=aggressor)
        units = Fraction(size if buys else -size, 10**instrument.size_decimals)
        oracle[which].fill(units, Fraction(cents, 100), aggressor)
    pnl = Fraction(0)
    for instrument, held in zip(INSTRUMENTS, oracle):
        last += 10**5 if instrument.inverse else 0
        made.mark(instrument.symbol, last * 10**7)
        position = made.position(instrument.symbol)
        mark = Fraction(last, 100)
        unit = held.contract.unit
        assert Fraction(position.size, 10**instrument.size_decimals) == held.size
        assert Fraction(position.fees) == held.fees
        assert Fraction(position.flow) == held.flow
        # The parts of an inverse lot that is closed piece by piece are rounded to a unit each.
        slack = unit * len(fills) if instrument.inverse else 0
        assert abs(Fraction(position.realised_fifo) - (held.flow + held.fifo_cost())) <= slack
        assert Fraction(position.total) == held.total(mark)
        assert position.realised + position.unrealised == position.realised_fifo + position.unrealised_fifo
        money = nearest(held.flow / unit + held.held(mark) / unit) * unit - held.fees
        pnl += nearest(money * held.contract.rate * 10**6) * Fraction(1, 10**6)
    assert Fraction(made.pnl) == pnl


def test_average_cost_and_fifo_split_the_same_profit_differently() -> None:
    made = account()
    made.fill("EURO", "buy", 1, "100")
    made.fill("EURO", "buy", 1, "102")
    made.fill("EURO", "sell", 1, "103", fee=0)
    position = made.position("EURO")
    assert (position.average_price, position.fifo_price) == (Decimal(101), Decimal(102))
    assert (position.realised, position.realised_fifo) == (Decimal(25), Decimal("37.5"))


def test_a_flip_through_zero_starts_a_new_position_at_its_own_price() -> None:
    made = td.Account([td.Instrument("ACME", tick_size="0.01")])
    made.fill("ACME", "buy", 10, "10")
    made.fill("ACME", "sell", 15, "12")
    position = made.position("ACME")
    assert (position.size, position.average_price, position.fifo_price) == (-5, Decimal(12), Decimal(12))
    assert (position.realised, position.unrealised) == (Decimal(20), Decimal(10))
    made.mark("ACME", "12")
    assert made.position("ACME").unrealised == 0


def test_an_inverse_contract_pays_in_coins() -> None:
    made = td.Account([td.Instrument("XBTUSD", tick_size="0.5", currency="BTC", inverse=True)], currency="BTC")
    made.fill("XBTUSD", "buy", 10_000, "50000")
    made.fill("XBTUSD", "sell", 10_000, "40000")
    assert made.position("XBTUSD").realised == Decimal("-0.05")
    made.fill("XBTUSD", "sell", 10_000, "40000")
    made.mark("XBTUSD", "50000")
    position = made.position("XBTUSD")
    assert (position.average_price, position.unrealised) == (Decimal(40000), Decimal("-0.05"))
    assert made.equity == Decimal("-0.1")


@pytest.mark.parametrize(
    ("fees", "size", "price", "expected"),
    [
        (Fees(taker="0.001"), 1, "5.00", "0.01"),  # 0.005: half away from zero
        (Fees(taker="0.001"), 1, "4.99", "0"),
        (Fees(taker="-0.001"), 1, "5.00", "-0.01"),
        (Fees(taker_per_unit="0.005"), 1, "1", "0.01"),
        (Fees(taker_per_unit="0.85"), 3, "1", "2.55"),
        (Fees(taker="0.001", taker_per_unit="0.005"), 1, "5.00", "0.02"),
    ],
)
def test_fees_are_rounded_half_away_from_zero_per_fill(fees: Fees, size: int, price: str, expected: str) -> None:
    made = td.Account([td.Instrument("ACME")], fees=fees)
    made.fill("ACME", "buy", size, price)
    assert made.position("ACME").fees == Decimal(expected)
    made.fill("ACME", "buy", size, price, aggressor=False)
    assert made.position("ACME").fees == Decimal(expected)


def test_many_small_fills_pay_each_their_own_rounded_fee() -> None:
    made = td.Account([td.Instrument("ACME")], fees=Fees(taker="0.001"))
    for _ in range(10):
        made.fill("ACME", "buy", 1, "5.00")
    assert made.position("ACME").fees == Decimal("0.10")


def test_cash_and_balance_differ_by_the_cost_of_what_is_held() -> None:
    made = td.Account([td.Instrument("ACME")], fees=Fees(taker_per_unit="0.5"))
    made.deposit(1000)
    made.fill("ACME", "buy", 10, "20")
    assert (made.cash(), made.balance(), made.equity) == (Decimal(795), Decimal(995), Decimal(995))
    made.mark("ACME", "21")
    assert (made.cash(), made.balance(), made.equity) == (Decimal(795), Decimal(995), Decimal(1005))
    made.fill("ACME", "sell", 10, "21", fee="0.01")
    assert made.cash() == made.balance() == made.equity == Decimal("1004.99")


def test_a_rate_values_everything_anew_also_what_was_realised() -> None:
    made = td.Account([td.Instrument("DAX", currency="EUR")], rates={"EUR": "1.10"})
    made.deposit(100, "EUR")
    made.fill("DAX", "buy", 1, "100")
    made.fill("DAX", "sell", 1, "110")
    assert (made.pnl, made.equity) == (Decimal(11), Decimal(121))
    made._ledger.set_rate("EUR", "1.20")
    assert (made.pnl, made.equity) == (Decimal(12), Decimal(132))
    assert made.deposits("EUR") == 100


def test_reconciling_names_every_difference() -> None:
    made = account()
    made.fill("SHARE", "buy", "1.5", "10")
    made.fill("EURO", "sell", 2, "10")
    assert made.reconcile({"SHARE": "1.5", "EURO": -2}) == []
    assert made.reconcile({"EURO": -3, "OTHER": 7}) == [
        Difference("EURO", -2, -3),
        Difference("OTHER", 0, 7),
        Difference("SHARE", 1500, 0),
    ]


def test_values_beyond_64_bits_are_counted_exactly() -> None:
    instrument = td.Instrument("BTC", size_decimals=8)
    made = td.Account([instrument])
    made.fill("BTC", "buy", "20000", "95000.123456789")
    made.fill("BTC", "sell", "20000", "95000.123456790")
    assert made.position("BTC").realised == Decimal("0.00002")
    assert made.pnl == Decimal("0.00002")


def test_lots_beyond_the_first_pool_stay_first_in_first_out() -> None:
    made = td.Account([td.Instrument("ACME")])
    for i in range(10_000):
        made.fill("ACME", "buy", 1, i + 1)
    for _ in range(9_999):
        made.fill("ACME", "sell", 1, 10**9)
    position = made.position("ACME")
    assert position.fifo_price == Decimal(10_000).scaleb(-9)
    assert made._ledger.memory.header[0]["merged_lots"] == 0


def test_impossible_fills_are_refused_and_change_nothing() -> None:
    made = account()
    for symbol, side, size, price in (
        ("SHARE", "buy", 0, "1"),
        ("SHARE", "buy", -5, "1"),
        ("SHARE", "buy", 2**61, "1"),
        ("SHARE", "long", 1, "1"),
        ("COIN", "buy", 1, "0"),
        ("COIN", "buy", 1, "-1"),
        ("SHARE", "buy", 1, 2**63),
    ):
        with pytest.raises(UsageError):
            made.fill(symbol, side, size, price)
    with pytest.raises(UnknownInstrumentError, match="no instrument 'NONE'"):
        made.fill("NONE", "buy", 1, "1")
    assert made.positions() == {} and made.equity == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: td.Account([td.Instrument("A", currency="EUR")]), "no rate of EUR in USD; give rates={'EUR': ...}"),
        (lambda: td.Account([td.Instrument("A")], rates={"EUR": 0}), "rate of EUR must be above 0, not 0"),
        (lambda: td.Account([td.Instrument("A"), td.Instrument("A")]), "there is an instrument 'A' already"),
        (lambda: td.Account([td.Instrument("A")], fees={"B": Fees()}), "fees name 'B', which is none of the instruments"),
        (lambda: td.Account([td.Instrument("A", size_decimals=18)]), "A: the multiplier has too many digits"),
        (lambda: td.Account([td.Instrument("A", multiplier=0)]), "A: the multiplier must be above 0"),
    ],
)
def test_what_cannot_be_counted_is_said_at_once(make: object, message: str) -> None:
    with pytest.raises(td.TickdeckError) as error:
        make()  # type: ignore[operator]
    assert message in str(error.value)
