"""What an account holds, what it cost and what it brought, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Self

import numpy as np

from tickdeck.core import UNDEF_PRICE, Instrument, UsageError
from tickdeck.core.decimals import Amount
from tickdeck.risk.kernels.layout import CURRENCIES
from tickdeck.risk.ledger import FeeTable, Ledger, SideLike
from tickdeck.risk.money import Currencies


def _decimal(units: int, decimals: int) -> Decimal:
    """Exact, of any length."""
    return Decimal(f"{units}E-{decimals}")


@dataclass(frozen=True, slots=True)
class Position:
    """A position and what it brought, in the currency of its instrument.

    Profits of linear contracts are exact; those of inverse contracts are sums of values that were rounded to a ten-thousandth of
    the smallest coin, half away from zero. What average cost and FIFO call realised differs, realised plus unrealised does not.
    """

    symbol: str
    size: int
    """Units of the instrument; below 0 short."""
    currency: str
    average_price: Decimal | None
    """Average cost; None without a position. To 28 digits."""
    fifo_price: Decimal | None
    """Average price of the lots that are left, first in first out."""
    realised: Decimal
    """By average cost, before fees."""
    unrealised: Decimal
    realised_fifo: Decimal
    unrealised_fifo: Decimal
    fees: Decimal
    flow: Decimal
    """Value of all sells minus that of all buys."""
    open_buy: int
    """Units in open orders."""
    open_sell: int
    mark: int | None
    """Units of 1e-9."""

    @property
    def total(self) -> Decimal:
        """Profit and loss after fees."""
        return self.realised + self.unrealised - self.fees


class Difference(NamedTuple):
    """A position on which two parties do not agree."""

    symbol: str
    ours: int
    """Units of the instrument."""
    theirs: int


class Account:
    """Positions, cash, fees and profit and loss, in exact integers.

    Parameters
    ----------
    instruments : iterable of Instrument
    currency : str
        Of the totals.
    name : str
    fees : Fees or mapping of symbol to Fees, optional
    rates : mapping of currency to amount, optional
        Price of each other currency in `currency`.
    decimals : mapping of currency to int, optional
        Decimals of the smallest coin where they are not the usual.

    Examples
    --------
    >>> account = Account([Instrument("ESH4", tick_size="0.25", multiplier=50)])
    >>> account.fill("ESH4", "buy", 2, "5000.00")
    >>> account.fill("ESH4", "sell", 1, "5001.50")
    >>> account.position("ESH4").realised
    Decimal('75')
    """

    __slots__ = ("_ledger", "_number")

    def __init__(
        self,
        instruments: Iterable[Instrument],
        *,
        currency: str = "USD",
        name: str = "account",
        fees: FeeTable = None,
        rates: Mapping[str, Amount] | None = None,
        decimals: Mapping[str, int] | None = None,
    ) -> None:
        self._ledger = Ledger(instruments, [name], Currencies(currency, decimals, rates), fees, remembered_orders=4)
        self._number = 1

    @classmethod
    def of_ledger(cls, ledger: Ledger, number: int) -> Self:
        """The account of that number in a ledger."""
        made = object.__new__(cls)
        made._ledger, made._number = ledger, number
        return made

    @property
    def name(self) -> str:
        """Its name."""
        return self._ledger.accounts[self._number - 1]

    @property
    def currency(self) -> str:
        """Of the totals."""
        return self._ledger.currencies.base

    def fill(
        self,
        symbol: str,
        side: SideLike,
        size: Amount,
        price: Amount,
        *,
        aggressor: bool = True,
        fee: Amount | None = None,
        ts: int = 0,
    ) -> None:
        """Book a fill.

        Parameters
        ----------
        symbol : str
        side : Side or str
        size : int, str or Decimal
            An int counts units of the instrument, text and Decimals are amounts.
        price : int, str or Decimal
            An int counts units of 1e-9.
        aggressor : bool
            It took liquidity.
        fee : str, Decimal or int, optional
            Amount in the instrument's currency; None: by the account's fees.
        ts : int
            ns since the epoch.
        """
        self._ledger.fill(self._number, symbol, side, size, price, ts, -1, aggressor, fee)

    def mark(self, symbol: str, price: Amount) -> None:
        """Set the price at which a position is valued; until then it is that of the first fill."""
        self._ledger.mark(symbol, price)

    def deposit(self, amount: Amount, currency: str | None = None) -> None:
        """Pay in; below 0: pay out."""
        self._ledger.deposit(self._number, amount, currency)

    def _row(self, number: int) -> np.void:
        memory = self._ledger.memory
        row: np.void = memory.arrays["positions"][memory.pair(self._number, number)]
        return row

    def position(self, symbol: str) -> Position:
        """A position; all zeros where there never was one."""
        return self._position(self._ledger.instrument(symbol))

    def positions(self) -> dict[str, Position]:
        """Every position that is not flat or ever brought or cost anything."""
        found = (
            self._position(number)
            for number in range(1, len(self._ledger.instruments) + 1)
            if self._row(number)["size"] or self._touched(number)
        )
        return {position.symbol: position for position in found}

    def _touched(self, number: int) -> bool:
        row = self._row(number)
        return any(row[name] for name in ("flow_high", "flow_low", "fees", "open_buy", "open_sell"))

    def _position(self, number: int) -> Position:
        ledger, row = self._ledger, self._row(number)
        instrument = ledger.instruments[number - 1]
        currency = instrument.currency or self.currency
        size, mark = int(row["size"]), int(ledger.memory.arrays["instruments"][number]["mark"])
        flow, cost, fifo = (ledger.wide(row, name) for name in ("flow", "cost", "fifo"))
        held = _amount(instrument, ledger, size, mark) if size else 0

        def value(amount: int) -> Decimal:
            if instrument.inverse:
                return _plain(_decimal(amount, ledger.currencies.money_decimals(currency)))
            return _plain(_decimal(amount * instrument.multiplier, 18 + instrument.size_decimals))

        return Position(
            instrument.symbol,
            size,
            currency,
            _price(instrument, ledger, size, cost),
            _price(instrument, ledger, size, fifo),
            value(flow + cost),
            value(held - cost),
            value(flow + fifo),
            value(held - fifo),
            _plain(ledger.currencies.amount(int(row["fees"]), currency)),
            value(flow),
            int(row["open_buy"]),
            int(row["open_sell"]),
            None if mark == UNDEF_PRICE else mark,
        )

    def deposits(self, currency: str | None = None) -> Decimal:
        """Money paid in."""
        column = self._ledger.column(currency or self.currency)
        money = int(self._ledger.memory.arrays["deposits"][self._number * CURRENCIES + column])
        return _plain(self._ledger.currencies.amount(money, currency or self.currency))

    def _in(self, currency: str) -> list[Position]:
        return [position for position in self.positions().values() if position.currency == currency]

    def balance(self, currency: str | None = None) -> Decimal:
        """Deposits plus realised profits minus fees: what a margin account shows."""
        currency = currency or self.currency
        return self.deposits(currency) + sum((p.realised - p.fees for p in self._in(currency)), Decimal(0))

    def cash(self, currency: str | None = None) -> Decimal:
        """Deposits minus what was paid for buys plus what sells brought, minus fees: what a cash account shows.

        Inverse contracts are settled by their profits, so these count.
        """
        currency = currency or self.currency
        return self.deposits(currency) + sum(
            ((p.realised if self._inverse(p.symbol) else p.flow) - p.fees for p in self._in(currency)), Decimal(0)
        )

    def _inverse(self, symbol: str) -> bool:
        return self._ledger.instruments[self._ledger.instrument(symbol) - 1].inverse

    def _base(self, money: int) -> Decimal:
        return _plain(self._ledger.currencies.amount(money, self.currency))

    def _total(self, name: str) -> Decimal:
        return self._base(self._ledger.wide(self._record, name))

    @property
    def _record(self) -> np.void:
        record: np.void = self._ledger.memory.arrays["accounts"][self._number]
        return record

    @property
    def pnl(self) -> Decimal:
        """Profit and loss after fees of all positions at their marks, each rounded to a ten-thousandth of the smallest coin."""
        return self._total("pnl")

    @property
    def equity(self) -> Decimal:
        """Deposits plus profit and loss."""
        return self._base(int(self._record["deposits"])) + self.pnl

    @property
    def gross_exposure(self) -> Decimal:
        """Sum of the values of all positions at their marks, each as large as its open orders could make it."""
        return self._total("gross")

    @property
    def drawdown(self) -> Decimal:
        """How far profit and loss is below its best."""
        return self._base(int(self._record["peak_pnl"])) - self.pnl

    @property
    def open_orders(self) -> int:
        """Number of open orders."""
        return int(self._record["open_orders"])

    def reconcile(self, external: Mapping[str, Amount]) -> list[Difference]:
        """Positions that differ from an external list.

        Parameters
        ----------
        external : mapping of symbol to size
            Below 0 short; an int counts units of the instrument, text and Decimals are amounts. What it lacks counts as flat.
        """
        theirs: dict[str, int] = {}
        for symbol, size in external.items():
            number = self._ledger.instrument_index.get(symbol, 0)
            if not number and not isinstance(size, int):
                raise UsageError(f"{symbol!r} is no instrument of this account: give its size as an integer of units")
            theirs[symbol] = self._ledger.size(number, size)
        ours = {instrument.symbol: int(self._row(i)["size"]) for i, instrument in enumerate(self._ledger.instruments, 1)}
        return [
            Difference(symbol, ours.get(symbol, 0), theirs.get(symbol, 0))
            for symbol in sorted(ours.keys() | theirs.keys())
            if ours.get(symbol, 0) != theirs.get(symbol, 0)
        ]

    def __repr__(self) -> str:
        held = ", ".join(f"{p.symbol} {p.size:+}" for p in self.positions().values() if p.size)
        return f"Account({self.name!r}, {self.currency} {self.equity}{', ' + held if held else ''})"


def _plain(amount: Decimal) -> Decimal:
    """Without trailing zeros behind the point."""
    sign, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    while exponent < 0 and len(digits) > 1 and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    return Decimal((0 if digits == (0,) else sign, digits, 0 if digits == (0,) else exponent))


def _amount(instrument: Instrument, ledger: Ledger, size: int, price: int) -> int:
    """Signed amount of a position at a price, as kernels count it."""
    if not instrument.inverse:
        return size * price
    decimals = ledger.currencies.money_decimals(instrument.currency or ledger.currencies.base)
    if price <= 0:
        return 0
    numerator = abs(size) * instrument.multiplier * 10 ** (decimals - instrument.size_decimals)
    coins: int = (2 * numerator + price) // (2 * price)
    return -coins if size > 0 else coins


def _price(instrument: Instrument, ledger: Ledger, size: int, cost: int) -> Decimal | None:
    """Average price of a cost."""
    if size == 0:
        return None
    if not instrument.inverse:
        return Decimal(cost) / Decimal(size) / 10**9
    decimals = ledger.currencies.money_decimals(instrument.currency or ledger.currencies.base)
    if cost == 0:
        return None
    numerator: int = -size * instrument.multiplier * 10**decimals
    return Decimal(numerator) / Decimal(cost) / Decimal(10 ** (9 + instrument.size_decimals))
