"""The common ground of gate and accounts: who and what is numbered how, and what happened, told to the kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tickdeck.core import Instrument, Side, UnknownInstrumentError, UsageError, fixed, price_text
from tickdeck.core.decimals import Amount
from tickdeck.risk.kernels import entries
from tickdeck.risk.kernels.layout import BY_RATES, CURRENCIES, SIZE_CEILING
from tickdeck.risk.memory import RiskMemory
from tickdeck.risk.money import Currencies, Fees, fee_money, instrument_factors

SideLike = Side | str | int
SIDES: dict[SideLike, int] = {
    **dict.fromkeys(("B", "bid", "buy", Side.BID), int(Side.BID)),
    **dict.fromkeys(("A", "ask", "sell", Side.ASK), int(Side.ASK)),
}
FeeTable = Fees | Mapping[str, Fees] | None


class Ledger:
    """Accounts and instruments over one :class:`RiskMemory`.

    Parameters
    ----------
    instruments : iterable of Instrument
    accounts : iterable of str
    currencies : Currencies
    fees : Fees or mapping of symbol to Fees, optional
    remembered_orders : int
        Orders that the duplicate window can look back on.
    """

    __slots__ = (
        "account_index",
        "accounts",
        "columns",
        "currencies",
        "fees",
        "instrument_index",
        "instruments",
        "memory",
        "on_change",
    )

    def __init__(
        self,
        instruments: Iterable[Instrument],
        accounts: Iterable[str],
        currencies: Currencies,
        fees: FeeTable = None,
        remembered_orders: int = 16_384,
    ) -> None:
        listed, named = list(instruments), list(accounts)
        buckets = 1 << max(remembered_orders // 4 - 1, 0).bit_length()
        self.memory = RiskMemory(max(len(named), 1), max(len(listed), 1), buckets=buckets)
        self.currencies = currencies
        self.fees = fees
        self.on_change: Callable[[str, dict[str, Any]], object] | None = None
        """Told, before it takes effect, what somebody changes at run time: a method of the gate and its arguments, as JSON can hold
        them."""
        self.columns: list[str] = []
        """Currencies of deposits, in the order of their columns."""
        self.accounts: list[str] = []
        self.instruments: list[Instrument] = []
        self.account_index: dict[str | int, int] = {}
        self.instrument_index: dict[str | int, int] = {}
        self.column(currencies.base)
        for instrument in listed:
            self.add_instrument(instrument)
        if isinstance(fees, Mapping) and (unknown := sorted(set(fees) - set(self.instrument_index))):
            raise UnknownInstrumentError(f"fees name {unknown[0]!r}, which is none of the instruments")
        for name in named:
            self.add_account(name)

    def add_account(self, name: str) -> int:
        """A new account; its number."""
        if not name or name in self.account_index:
            raise UsageError(f"there is an account {name!r} already" if name else "an account needs a name")
        number = len(self.accounts) + 1
        self.memory.reserve(number, len(self.instruments))
        self.accounts.append(name)
        self.account_index[name] = self.account_index[number] = number
        self.memory.header[0]["account_count"] = number
        return number

    def add_instrument(self, instrument: Instrument) -> int:
        """A new instrument; its number."""
        if instrument.symbol in self.instrument_index:
            raise UsageError(f"there is an instrument {instrument.symbol!r} already")
        number = len(self.instruments) + 1
        factors = instrument_factors(instrument, self.currencies, self._fees(instrument.symbol))
        self.column(instrument.currency or self.currencies.base)
        self.memory.reserve(len(self.accounts), number)
        self._put_factors(number, factors)
        self.instruments.append(instrument)
        self.instrument_index[instrument.symbol] = self.instrument_index[number] = number
        self.memory.header[0]["instrument_count"] = number
        return number

    def _fees(self, symbol: str) -> Fees:
        found = self.fees.get(symbol) if isinstance(self.fees, Mapping) else self.fees
        return found or Fees()

    def _put_factors(self, number: int, factors: Mapping[str, Any]) -> None:
        row = self.memory.arrays["instruments"][number]
        for name, value in factors.items():
            row[name] = value

    def tell(self, what: str, **arguments: Any) -> None:
        """Tell of a change that is about to take effect."""
        if self.on_change is not None:
            self.on_change(what, arguments)

    def column(self, currency: str) -> int:
        """Column of a currency among the deposits."""
        if currency not in self.columns:
            self.currencies.rate_of(currency)
            if len(self.columns) == CURRENCIES:
                raise UsageError(f"no room for {currency}: a gate holds at most {CURRENCIES} currencies")
            self.columns.append(currency)
        return self.columns.index(currency)

    def account(self, account: str | int) -> int:
        """Number of an account."""
        number = self.account_index.get(account, 0)
        if not number:
            raise UsageError(f"no account {account!r}; there are {', '.join(self.accounts[:5]) or 'none'}")
        return number

    def instrument(self, symbol: str | int) -> int:
        """Number of an instrument."""
        number = self.instrument_index.get(symbol, 0)
        if not number:
            raise UnknownInstrumentError(f"no instrument {symbol!r}")
        return number

    def size(self, number: int, size: Amount) -> int:
        """A size in units of the instrument: an int is one, text and Decimals are amounts."""
        return size if type(size) is int else fixed(size, self.instruments[number - 1].size_decimals, "size")

    def fill(
        self,
        account: int,
        symbol: str | int,
        side: SideLike,
        size: Amount,
        price: Amount,
        ts: int,
        leaves: int = -1,
        aggressor: bool = True,
        fee: Amount | None = None,
    ) -> None:
        """Book a fill.

        Raises
        ------
        UsageError
            A size not above 0 or too large, an unknown side, or a price that an inverse contract cannot have.
        """
        number = self.instrument(symbol)
        units, at = self.size(number, size), price_units(price)
        code = SIDES.get(side, 0)
        listed = self.instruments[number - 1]
        if not code:
            raise UsageError(f"side must be td.Side.BID or td.Side.ASK (or 'bid', 'ask', 'buy', 'sell'), not {side!r}")
        held = int(self.memory.arrays["positions"][self.memory.pair(account, number)]["size"])
        if not 0 < units < SIZE_CEILING or abs(held) + units >= SIZE_CEILING:
            raise UsageError(f"a fill of {units} units of {listed.symbol} on a position of {held} is not possible")
        if listed.inverse and at <= 0:
            raise UsageError(f"{listed.symbol}: an inverse contract has a price above 0, not {price}")
        if leaves < -1:
            raise UsageError(f"leaves must be 0 or more, or -1 for an order that was not opened here, not {leaves}")
        money = BY_RATES if fee is None else fee_money(fee, listed.currency or self.currencies.base, self.currencies)
        self.memory.grow_lots()
        entries.call_fill(self.memory.handle, account, number, code, at, units, ts, leaves, aggressor, money)

    def mark(self, symbol: str | int, price: Amount) -> None:
        """Set an instrument's price: the reference of collars and the value of positions."""
        entries.call_mark(self.memory.handle, self.instrument(symbol), price_units(price))

    def deposit(self, account: int, amount: Amount, currency: str | None = None) -> None:
        """Pay in (below 0: pay out)."""
        currency = currency or self.currencies.base
        money = self.currencies.money(amount, currency, "deposit")
        self.tell("deposit", account=account, amount=str(amount), currency=currency)
        column = self.column(currency)
        self.memory.arrays["deposits"][account * CURRENCIES + column] += money
        self._total_deposits()

    def _total_deposits(self) -> None:
        for account in range(1, len(self.accounts) + 1):
            own = self.memory.arrays["deposits"][account * CURRENCIES :].tolist()
            self.memory.arrays["accounts"][account]["deposits"] = sum(
                self.currencies.to_base(money, currency) for money, currency in zip(own, self.columns)
            )

    def set_rate(self, currency: str, rate: Amount) -> None:
        """Set what a currency is worth in the base currency; everything in it is valued anew."""
        self.tell("set_rate", currency=currency, rate=price_text(fixed(rate, 9, f"rate of {currency}")))
        self.currencies.set_rate(currency, rate)
        for number, instrument in enumerate(self.instruments, 1):
            if instrument.currency == currency:
                self._put_factors(number, instrument_factors(instrument, self.currencies, self._fees(instrument.symbol)))
                for account in range(1, len(self.accounts) + 1):
                    entries.call_revalue(self.memory.handle, account, number)
        self._total_deposits()

    def wide(self, row: np.void, name: str) -> int:
        """A 128-bit field of a record."""
        value = (int(row[f"{name}_high"]) << 64) | int(row[f"{name}_low"])
        return value - (1 << 128) if value >> 127 else value


def price_units(price: Amount) -> int:
    """A price in units of 1e-9: an int is one, text and Decimals are amounts."""
    units = price if type(price) is int else fixed(price, 9, "price")
    if not -(2**63) < units < 2**63 - 1:
        raise UsageError(f"the price {price} does not fit in 63 bits")
    return units
