"""Values that an exchange returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tickdeck.core import Phase, Reason, Records, price_text

ACCEPTED_FROM, ACCEPTED_TO = 40, 100
"""Reasons between these concern accepted orders."""


class Outcome(NamedTuple):
    """What became of a command at once."""

    order_id: int
    """The exchange's id; 0 where no order was named or made."""
    filled: int
    """Size filled so far."""
    remaining: int
    """Open size."""
    reason: Reason
    """NONE, or why the command was rejected or its order (or the rest of it) cancelled."""
    limit: int
    """Of a rejection by a limit: the limit."""
    value: int
    """Of a rejection by a limit: what exceeded it."""

    @property
    def accepted(self) -> bool:
        """Whether the command took effect."""
        return self.reason == 0 or ACCEPTED_FROM <= self.reason < ACCEPTED_TO


class Depth(NamedTuple):
    """The best levels of an instrument's displayed book."""

    bids: Records
    """``LEVEL`` records, best first."""
    asks: Records
    ts: int
    """ns since the epoch."""
    sequence: int
    """Of the last published group."""

    @property
    def spread(self) -> int | None:
        """Best ask minus best bid, units of 1e-9; None with an empty side."""
        return int(self.asks["price"][0] - self.bids["price"][0]) if len(self.bids) and len(self.asks) else None

    @property
    def mid(self) -> float | None:
        """Middle between best bid and ask, units of 1e-9; None with an empty side."""
        return (int(self.asks["price"][0]) + int(self.bids["price"][0])) / 2 if len(self.bids) and len(self.asks) else None


@dataclass(frozen=True, slots=True)
class Statistics:
    """What has happened in an instrument so far."""

    phase: Phase
    best_bid: int | None
    """Units of 1e-9."""
    best_ask: int | None
    spread: int | None
    mid: float | None
    last_price: int | None
    reference_price: int | None
    recent_spreads: tuple[int, ...]
    """Each spread that followed a change of the spread, oldest first, as many as the ring holds."""
    volume: int
    trades: int
    orders: int
    """Accepted."""
    cancels: int
    """Cancelled or expired, also by the exchange."""
    replaces: int
    rejections: int

    @property
    def order_to_trade_ratio(self) -> float | None:
        """Orders, cancels and replaces for each trade; None without a trade."""
        return (self.orders + self.cancels + self.replaces) / self.trades if self.trades else None

    def __str__(self) -> str:
        def text(price: int | None) -> str:
            return "none" if price is None else price_text(price)

        ratio = self.order_to_trade_ratio
        return (
            f"{self.phase.name} bid {text(self.best_bid)} ask {text(self.best_ask)} last {text(self.last_price)} volume {self.volume:,} "
            f"trades {self.trades:,} order-to-trade {'none' if ratio is None else f'{ratio:.1f}'}"
        )


class Indicative(NamedTuple):
    """What an auction would do now."""

    price: int | None
    """Units of 1e-9; None if nothing would trade."""
    size: int
    imbalance: int
    """Buyers' surplus at that price; negative: sellers'."""
