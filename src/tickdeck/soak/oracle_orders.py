"""What the plain-Python exchange is made of: commands, orders, the state of a market, and what is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from fractions import Fraction
from typing import Any, NamedTuple

from tickdeck.core import UNDEF_PRICE
from tickdeck.core.orders import OrderType, Phase, SelfTrade, TimeInForce

BUY, SELL, NEITHER = ord("B"), ord("A"), ord("N")
PEGS = (OrderType.PEG_BID, OrderType.PEG_ASK, OrderType.PEG_MID)
STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
PRICE_TIME, PRO_RATA, SIZE_TIME = "price-time", "pro-rata", "size-time"

Best = tuple[int | None, int | None]
"""Best displayed bid and ask."""
Bands = list[tuple[Fraction, Fraction]]
"""Lowest and highest price of each band."""


class Command(NamedTuple):
    """The fields of a ``COMMAND``."""

    ts: int
    client_order_id: int
    order_id: int
    price: int
    size: int
    trigger_price: int
    offset: int
    display_size: int
    minimum_size: int
    expire_ts: int
    instrument_id: int
    participant_id: int
    group: int
    kind: int
    side: int
    order_type: int
    time_in_force: int
    self_trade: int
    flags: int
    phase: int


class Event(NamedTuple):
    """The fields of an ``EVENT`` that an exchange fills."""

    action: str
    side: str
    price: int
    size: int
    order_id: int
    sequence: int
    flags: int
    ts: int
    instrument_id: int


class Execution(NamedTuple):
    """The fields of an ``EXECUTION`` that an exchange fills."""

    kind: str
    reason: int
    price: int
    size: int
    remaining: int
    order_id: int
    client_order_id: int
    participant: int
    side: int
    flags: int
    sequence: int
    ts: int
    instrument_id: int


@dataclass(frozen=True)
class OracleListing:
    """An instrument and how it trades; prices in units of 1e-9, bands in percent, times in ns."""

    instrument_id: int
    tick: int = 1
    lot: int = 1
    discipline: str = PRICE_TIME
    top: int = 40
    minimum: int = 1
    static_band: Fraction | None = None
    dynamic_band: Fraction | None = None
    volatility_pause: int = 120 * 10**9
    phase: Phase = Phase.CONTINUOUS
    maximum_size: int = 10**12


class Place(Enum):
    """Where an order is."""

    INCOMING = auto()
    BOOK = auto()
    """Resting at a price, displayed or hidden."""
    STOP = auto()
    SUSPENDED = auto()
    """A peg without a price."""
    CLOSE = auto()
    """Waiting for PRE_CLOSE."""
    AUCTION = auto()
    """A market order waiting for an auction."""
    GONE = auto()


@dataclass(eq=False, slots=True)
class Order:
    """An order that was accepted."""

    order_id: int
    client_order_id: int
    participant: int
    market: Market
    side: int
    order_type: int
    time_in_force: int
    limit: int | None
    """Limit price; a peg's cap."""
    remaining: int
    trigger: int | None
    offset: int
    display_size: int
    expire: int | None
    group: int
    self_trade: int
    post_only: bool
    reduce_only: bool
    hidden: bool
    place: Place = Place.INCOMING
    price: int | None = None
    """At which it rests."""
    displayed: int = 0
    entry: int = 0
    """Rank in its queue: lower came earlier."""
    extreme: int | None = None
    """Of a trailing stop: the best last price since its acceptance."""

    @property
    def is_buy(self) -> bool:
        return self.side == BUY

    @property
    def open_in_turn(self) -> int:
        """What may trade before the order's next turn."""
        return self.displayed or self.remaining

    @property
    def told_price(self) -> int:
        return UNDEF_PRICE if self.limit is None else self.limit

    def trigger_price(self) -> int | None:
        """At which last price a stop triggers."""
        if self.order_type != OrderType.TRAILING_STOP:
            return self.trigger
        if self.extreme is None:
            return None
        return self.extreme + self.offset if self.is_buy else self.extreme - self.offset

    def position_left(self) -> int:
        """What a reduce-only order may still trade."""
        position = self.market.positions.get(self.participant, 0)
        return max(0, -position if self.is_buy else position)

    def meets_itself(self, other: Order) -> bool:
        """Whether self-trade prevention keeps this incoming order from trading with `other`."""
        return self.participant == other.participant and self.self_trade != SelfTrade.NONE


def accepts(is_buy: bool, limit: int | None, price: int) -> bool:
    """Whether a buyer or seller with this limit (None: any price) trades at `price`."""
    return limit is None or (price <= limit if is_buy else price >= limit)


@dataclass(eq=False, slots=True)
class Market:
    """One instrument's orders and prices."""

    listing: OracleListing
    phase: Phase
    orders: dict[int, Order] = field(default_factory=dict)
    """All that are not gone, by id."""
    positions: dict[int, int] = field(default_factory=dict)
    last: int | None = None
    reference: int | None = None
    """Last trade price, or what was set later."""
    static_reference: int | None = None
    pause_end: int | None = None
    pegged_to: Best | None = (None, None)
    """The best prices that pegs were priced with; None: price them in any case."""

    def resting(self, side: int) -> list[Order]:
        """Orders of a side in the order in which price-time trades them."""
        sign = -1 if side == BUY else 1
        found = [order for order in self.orders.values() if order.place is Place.BOOK and order.side == side]
        return sorted(found, key=lambda order: (sign * (order.price or 0), order.displayed == 0, order.entry))

    def opposite(self, order: Order) -> list[Order]:
        return self.resting(SELL if order.is_buy else BUY)

    def at(self, places: tuple[Place, ...]) -> list[Order]:
        """Orders there, by id."""
        return sorted((order for order in self.orders.values() if order.place in places), key=lambda order: order.order_id)

    def best(self) -> Best:
        """Best displayed prices."""
        shown = [order for order in self.orders.values() if order.place is Place.BOOK and order.displayed]
        bids = [order.price for order in shown if order.is_buy and order.price is not None]
        asks = [order.price for order in shown if not order.is_buy and order.price is not None]
        return max(bids, default=None), min(asks, default=None)

    def bands(self) -> Bands:
        """The bands of the moment."""
        out = []
        for reference, percent in ((self.static_reference, self.listing.static_band), (self.last, self.listing.dynamic_band)):
            if reference is not None and percent is not None:
                width = abs(reference) * percent / 100
                out.append((reference - width, reference + width))
        return out

    def peg_price(self, order: Order, best: Best) -> int | None:
        """Where a peg stands when these are the best prices."""
        bid, ask = best
        tick = self.listing.tick
        if order.order_type == OrderType.PEG_MID:
            if bid is None or ask is None:
                return None
            middle = Fraction(bid + ask, 2)
            base = (middle // tick if order.is_buy else -(-middle // tick)) * tick
        else:
            told = bid if order.order_type == OrderType.PEG_BID else ask
            if told is None:
                return None
            base = told
        price = int(base) + order.offset
        if order.limit is None:
            return price
        return min(price, order.limit) if order.is_buy else max(price, order.limit)

    def may_rest(self, order: Order) -> bool:
        return order.order_type != OrderType.MARKET and order.time_in_force not in (TimeInForce.IOC, TimeInForce.FOK)


def within(bands: Bands, price: int) -> bool:
    """Whether a trade at `price` stays within all bands."""
    return all(low <= price <= high for low, high in bands)


def command_of(record: Any) -> Command:
    """The command in a ``COMMAND`` record."""
    return record if isinstance(record, Command) else Command(*record.item()[: len(Command._fields)])
