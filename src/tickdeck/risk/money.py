"""Currencies, fees, and the integer factors by which kernels turn prices times sizes into money."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tickdeck.core import Instrument, UsageError, fixed, unfixed
from tickdeck.core.decimals import Amount
from tickdeck.core.wide import reciprocal
from tickdeck.risk.kernels.layout import COIN

_COIN_DECIMALS = 4
_LIMIT = 2**63
_DECIMALS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "BTC": 8, "XBT": 8, "ETH": 8}
"""Decimals of currencies that have not two; crypto currencies as venues book them."""


@dataclass(frozen=True, slots=True, init=False)
class Fees:
    """What a fill costs.

    The share of its value and the fee for its size are each rounded half away from zero to the currency's smallest coin.

    Parameters
    ----------
    maker, taker : str, Decimal or int
        Share of the value of a fill that made or took liquidity; below 0 a rebate.
    maker_per_unit, taker_per_unit : str, Decimal or int
        Amount in the instrument's currency for each unit of size (share, contract, coin).

    Examples
    --------
    >>> Fees(maker="-0.0001", taker="0.0005").taker
    500000
    """

    maker: int
    """In units of 1e-9."""
    taker: int
    maker_per_unit: int
    taker_per_unit: int

    def __init__(self, maker: Amount = 0, taker: Amount = 0, *, maker_per_unit: Amount = 0, taker_per_unit: Amount = 0) -> None:
        given = {"maker": maker, "taker": taker, "maker_per_unit": maker_per_unit, "taker_per_unit": taker_per_unit}
        for name, amount in given.items():
            object.__setattr__(self, name, fixed(amount, 9, f"fee {name}"))


class Currencies:
    """Decimals of currencies and what they are worth in the base currency.

    Parameters
    ----------
    base : str
        The currency of limits and totals.
    decimals : mapping, optional
        Currency -> decimals of its smallest coin, where it is not the usual.
    rates : mapping, optional
        Currency -> price of one unit in the base currency.
    """

    __slots__ = ("_decimals", "base", "rates")

    def __init__(self, base: str, decimals: Mapping[str, int] | None = None, rates: Mapping[str, Amount] | None = None) -> None:
        self.base = base
        self._decimals = {**_DECIMALS, **(decimals or {})}
        for name, places in self._decimals.items():
            if not 0 <= places <= 9:
                raise UsageError(f"currency {name}: decimals must be between 0 and 9, not {places}")
        self.rates: dict[str, int] = {}
        for name, rate in (rates or {}).items():
            self.set_rate(name, rate)

    def set_rate(self, currency: str, rate: Amount) -> None:
        """Set what one unit of a currency is worth in the base currency."""
        value = fixed(rate, 9, f"rate of {currency}")
        if value <= 0:
            raise UsageError(f"rate of {currency} must be above 0, not {rate}")
        if currency == self.base and value != 10**9:
            raise UsageError(f"rate of {currency}: it is the base currency, its rate is 1")
        self.rates[currency] = value

    def decimals(self, currency: str) -> int:
        """Decimals of the smallest coin."""
        return self._decimals.get(currency, 2)

    def money_decimals(self, currency: str) -> int:
        """Decimals of the unit of money: a ten-thousandth of the smallest coin."""
        return self.decimals(currency) + _COIN_DECIMALS

    def money(self, amount: Amount, currency: str, what: str) -> int:
        """`amount` in units of money."""
        return fixed(amount, self.money_decimals(currency), what)

    def amount(self, money: int, currency: str) -> Decimal:
        """Units of money as a decimal amount."""
        return unfixed(money, self.money_decimals(currency))

    def rate_of(self, currency: str) -> int:
        """Units of 1e-9.

        Raises
        ------
        UsageError
            The rate is not known.
        """
        if currency == self.base:
            return 10**9
        if currency not in self.rates:
            raise UsageError(f"no rate of {currency} in {self.base}; give rates={{'{currency}': ...}}")
        return self.rates[currency]

    def to_base(self, money: int, currency: str) -> int:
        """Money of a currency in base money, halves away from zero."""
        numerator, divisor = _rate(self, currency)
        size = (2 * abs(money) * numerator + divisor) // (2 * divisor)
        return size if money >= 0 else -size


def _rate(currencies: Currencies, currency: str) -> tuple[int, int]:
    """Money to base money."""
    numerator = currencies.rate_of(currency) * 10 ** currencies.money_decimals(currencies.base)
    return _reduced(numerator, 10 ** (9 + currencies.money_decimals(currency)), f"the rate of {currency}")


def _reduced(numerator: int, divisor: int, what: str) -> tuple[int, int]:
    common = math.gcd(numerator, divisor) or 1
    numerator, divisor = numerator // common, divisor // common
    if max(numerator, divisor) >= _LIMIT:
        raise UsageError(f"{what} has too many digits to count money in 64 bits: {numerator}/{divisor}; use fewer decimals")
    return numerator, divisor


def _two_divisors(numerator: int, exponent: int, what: str) -> tuple[int, int, int]:
    """``numerator / 10^exponent`` as (numerator, first divisor, second divisor), the second even or 1."""
    if numerator == 0:
        return 0, 1, 1
    while exponent > 0 and numerator % 10 == 0:
        numerator, exponent = numerator // 10, exponent - 1
    if exponent < 0:
        numerator, exponent = numerator * 10**-exponent, 0
    second = min(exponent, 9)
    if abs(numerator) >= _LIMIT or exponent - second > 18:
        raise UsageError(f"{what} has too many digits; use fewer decimals")
    return numerator, int(10 ** (exponent - second)), int(10**second)


def instrument_factors(instrument: Instrument, currencies: Currencies, fees: Fees) -> dict[str, Any]:
    """Fields of ``layout.INSTRUMENT``, all but the mark.

    Raises
    ------
    UsageError
        No rate for its currency, or a multiplier with too many digits.
    """
    symbol, currency, size_decimals = instrument.symbol, instrument.currency or currencies.base, instrument.size_decimals
    if instrument.multiplier <= 0:
        raise UsageError(f"{symbol}: the multiplier must be above 0 to count money")
    places, coins = currencies.money_decimals(currency), currencies.decimals(currency)
    fields: dict[str, Any] = {"multiplier": instrument.multiplier, "inverse": instrument.inverse}
    if instrument.inverse:
        if places < size_decimals:
            raise UsageError(f"{symbol}: an inverse contract has at most {places} size decimals in {currency}")
        fields["coin"] = 10 ** (places - size_decimals)
        money = (1, 1)
    else:
        money = _reduced(instrument.multiplier * 10**places, 10 ** (18 + size_decimals), f"{symbol}: the multiplier")
    rate = _rate(currencies, currency)
    for name, (numerator, divisor) in (("money", money), ("rate", rate)):
        fields[f"{name}_numerator"], fields[f"{name}_divisor"] = numerator, divisor
        fields[f"{name}_shifted"], fields[f"{name}_inverse"], fields[f"{name}_shift"] = reciprocal(divisor)
    fields["foreign"] = currency != currencies.base
    for side in ("maker", "taker"):
        share, unit = getattr(fees, side), getattr(fees, f"{side}_per_unit")
        if instrument.inverse:
            parts = _two_divisors(share, 9 + _COIN_DECIMALS, f"{symbol}: the {side} fee")
        else:
            parts = _two_divisors(instrument.multiplier * share, 27 + size_decimals - coins, f"{symbol}: the {side} fee")
        for name, value in zip(("numerator", "first", "second"), parts):
            fields[f"{side}_{name}"] = value
        per_unit = _reduced(unit * 10**coins, 10 ** (9 + size_decimals), f"{symbol}: the {side} fee per unit")
        fields[f"{side}_unit_numerator"], fields[f"{side}_unit_divisor"] = per_unit
    return fields


def fee_money(fee: Amount, currency: str, currencies: Currencies) -> int:
    """A known fee in units of money; it must be whole coins."""
    return fixed(fee, currencies.decimals(currency), "fee") * COIN
