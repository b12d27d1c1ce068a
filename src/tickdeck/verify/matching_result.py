"""How much of a recording the matching engine reproduced, and what explains the rest: values, text and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from tickdeck.core import Instrument, Side, decimal_text, ns_text, price_text
from tickdeck.verify.result import counted, percent

Fills = dict[tuple[int, int], int]
"""Size filled by (order id, price)."""


class Cause(StrEnum):
    """Why a group of fills was not reproduced."""

    ICEBERG = "iceberg"
    """An order was filled beyond its displayed size and had not been refreshed before."""
    SELF_TRADE = "self-trade prevention"
    """An order ahead in the queue was taken out by the same match event, without a fill."""
    IMPLIED = "implied or hidden"
    """The fills in the feed are fewer than the trade: the rest had no resting order in this book."""
    PRIORITY = "priority rule"
    """An order ahead in the queue was passed over and still rests."""
    UNKNOWN_ORDER = "unknown order"
    """The feed never showed the order that was filled."""
    UNKNOWN = "unknown"


LACKING = {
    Cause.ICEBERG: "the reserve of an order is not in the feed before it is shown",
    Cause.SELF_TRADE: "the owners of orders are not in the feed",
    Cause.IMPLIED: "orders of other books, and hidden ones, are not in the feed",
    Cause.UNKNOWN_ORDER: "the order is not in the feed",
}
"""What the feed would have to say."""


class Trade(NamedTuple):
    """An aggressor as recorded."""

    time: int
    """ns since the epoch."""
    side: int
    price: int
    """Units of 1e-9."""
    size: int


@dataclass(frozen=True, slots=True)
class Miss:
    """A group of fills that the engine made otherwise.

    Parameters
    ----------
    instrument : Instrument
    trade : Trade
    answer, recorded : dict
        What the engine and what the exchange filled.
    causes : dict of Cause to int
        Recorded quantity that was not reproduced, by cause; the first is the main one.
    """

    instrument: Instrument
    trade: Trade
    answer: Fills
    recorded: Fills
    causes: dict[Cause, int]

    @property
    def main(self) -> Cause:
        """The cause of most of it."""
        return max(self.causes, key=lambda cause: self.causes[cause])

    def _fills(self, fills: Fills) -> list[dict[str, str | int]]:
        return [
            {"order_id": order_id, "price": price_text(price), "size": self._size(size)}
            for (order_id, price), size in fills.items()
        ]

    def _size(self, size: int) -> str:
        return decimal_text(size, self.instrument.size_decimals)

    def lines(self) -> list[str]:
        """For people: the trade, and the fills that differ."""
        trade = self.trade
        verb = "buy" if trade.side == Side.BID else "sell"
        out = [
            f"{self.instrument.symbol} at {ns_text(trade.time)}: {verb} {self._size(trade.size)} @ {price_text(trade.price)}: "
            + ", ".join(f"{cause} ({self._size(size)})" for cause, size in self.causes.items())
        ]
        for key in dict.fromkeys((*self.recorded, *self.answer)):
            expected, got = self.recorded.get(key, 0), self.answer.get(key, 0)
            if expected != got:
                order_id, price = key
                out.append(f"  order {order_id} @ {price_text(price)}: recorded {self._size(expected)}, engine {self._size(got)}")
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "symbol": self.instrument.symbol,
            "time": ns_text(self.trade.time),
            "side": chr(self.trade.side),
            "price": price_text(self.trade.price),
            "size": self._size(self.trade.size),
            "causes": {str(cause): self._size(size) for cause, size in self.causes.items()},
            "recorded": self._fills(self.recorded),
            "engine": self._fills(self.answer),
        }


@dataclass(slots=True)
class MatchingResult:
    """The engine's fills against the recorded ones.

    Parameters
    ----------
    source : str
    show : int
        Groups that differ to keep in full.

    Attributes
    ----------
    groups, exact_groups : int
        Aggressor trades with their fills; those with the same orders, prices and sizes.
    quantity, exact_quantity : int
        Recorded fills; what the engine filled of the same orders at the same prices.
    trades_alone : int
        Groups whose trade has no fill in the feed.
    without_side : int
        Trades that name no aggressor (auctions, crosses); they are not compared.
    fills_apart : int
        Fills of those, or without a trade.
    causes : dict of Cause to [int, int]
        Groups by their main cause, and quantity lost by each cause.
    misses : list of Miss
        The first ones.
    """

    source: str
    show: int = 1
    groups: int = 0
    exact_groups: int = 0
    quantity: int = 0
    exact_quantity: int = 0
    trades_alone: int = 0
    without_side: int = 0
    fills_apart: int = 0
    causes: dict[Cause, list[int]] = field(default_factory=lambda: {cause: [0, 0] for cause in Cause})
    misses: list[Miss] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of the recorded quantity that was reproduced; of the groups where none has a fill. 0 where there is nothing."""
        if self.quantity:
            return self.exact_quantity / self.quantity
        return self.exact_groups / self.groups if self.groups else 0.0

    def miss(self, found: Miss) -> None:
        """Count a group that differs."""
        self.causes[found.main][0] += 1
        for cause, size in found.causes.items():
            self.causes[cause][1] += size
        if len(self.misses) < self.show:
            self.misses.append(found)

    def lines(self) -> list[tuple[str, str]]:
        """For people, as (name, text)."""
        out = [("source", self.source)]
        if not self.groups:
            return out
        out += [
            ("compared", f"{counted(self.groups, 'group')} of fills, one for each aggressor trade"),
            ("groups", f"{self.exact_groups:,} of {self.groups:,} as recorded ({percent(self.exact_groups, self.groups)})"),
            ("quantity", f"{self.exact_quantity:,} of {self.quantity:,} ({percent(self.exact_quantity, self.quantity)})"),
        ]
        for cause, (groups, size) in self.causes.items():
            if groups or size:
                share = percent(size, self.quantity)
                lacking = f"; {LACKING[cause]}" if cause in LACKING else ""
                out.append(("rest", f"{cause}: {counted(groups, 'group')}, quantity {size:,} ({share}){lacking}"))
        if self.trades_alone:
            out.append(("alone", f"{counted(self.trades_alone, 'trade')} without a fill in the feed: implied or hidden"))
        if self.without_side or self.fills_apart:
            text = f"{counted(self.without_side, 'trade')} without an aggressor, {counted(self.fills_apart, 'fill')}: auctions, crosses"
            out.append(("apart", text))
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "source": self.source,
            "groups": self.groups,
            "exact_groups": self.exact_groups,
            "quantity": self.quantity,
            "exact_quantity": self.exact_quantity,
            "share": self.share,
            "causes": {str(cause): {"groups": groups, "quantity": size} for cause, (groups, size) in self.causes.items()},
            "trades_alone": self.trades_alone,
            "trades_without_side": self.without_side,
            "fills_apart": self.fills_apart,
            "misses": [item.to_dict() for item in self.misses],
        }
