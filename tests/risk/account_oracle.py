"""An account in plain Python fractions, written from the documentation alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


def nearest(value: Fraction) -> int:
    """To the nearest integer, halves away from zero."""
    size = int(abs(value) * 2 + 1) // 2
    return size if value >= 0 else -size


@dataclass
class Contract:
    """What matters of an instrument; amounts as fractions."""

    multiplier: Fraction = Fraction(1)
    inverse: bool = False
    coin: Fraction = Fraction(1, 100)
    """The currency's smallest coin."""
    rate: Fraction = Fraction(1)
    maker: Fraction = Fraction(0)
    taker: Fraction = Fraction(0)
    maker_per_unit: Fraction = Fraction(0)
    taker_per_unit: Fraction = Fraction(0)

    @property
    def unit(self) -> Fraction:
        """Of money: a ten-thousandth of the coin."""
        return self.coin / 10_000

    def value(self, size: Fraction, price: Fraction) -> Fraction:
        """Value of an amount of contracts: what a buyer gives in the end."""
        if self.inverse:
            return -nearest(size * self.multiplier / price / self.unit) * self.unit
        return size * self.multiplier * price

    def fee(self, size: Fraction, price: Fraction, aggressor: bool) -> Fraction:
        """To whole coins."""
        share, per_unit = (self.taker, self.taker_per_unit) if aggressor else (self.maker, self.maker_per_unit)
        value = abs(self.value(size, price))
        return (nearest(value * share / self.coin) + nearest(size * per_unit / self.coin)) * self.coin


@dataclass
class Held:
    """A position."""

    contract: Contract
    size: Fraction = Fraction(0)
    flow: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)
    entries: list[list[Fraction]] = field(default_factory=list)
    """Lots: size and value, both above 0 in size."""

    def fill(self, size: Fraction, price: Fraction, aggressor: bool) -> None:
        """`size` below 0 for a sale."""
        sign = 1 if size > 0 else -1
        self.flow -= sign * self.contract.value(abs(size), price)
        self.fees += self.contract.fee(abs(size), price, aggressor)
        closing = min(abs(size), abs(self.size)) if self.size * size < 0 else Fraction(0)
        left = closing
        while left:
            lot = self.entries[0]
            taken = min(left, lot[0])
            lot[1] -= lot[1] * taken / lot[0]
            lot[0] -= taken
            left -= taken
            if not lot[0]:
                self.entries.pop(0)
        if abs(size) > closing:
            rest = abs(size) - closing
            self.entries.append([rest, self.contract.value(rest, price)])
        self.size += size

    def fifo_cost(self) -> Fraction:
        """What the lots that are left cost; below 0 for a short position."""
        sign = 1 if self.size > 0 else -1
        return sign * sum((lot[1] for lot in self.entries), Fraction(0))

    def held(self, mark: Fraction) -> Fraction:
        """Value at a price."""
        sign = 1 if self.size > 0 else -1
        return sign * self.contract.value(abs(self.size), mark) if self.size else Fraction(0)

    def total(self, mark: Fraction) -> Fraction:
        """Profit and loss after fees."""
        return self.flow + self.held(mark) - self.fees
