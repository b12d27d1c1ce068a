"""Continuous trading of the plain-Python exchange: one incoming order at a time, one trade at a time."""

from __future__ import annotations

from itertools import count

from tickdeck.core import Flag
from tickdeck.core.orders import ExecutionFlag, ExecutionKind, OrderType, Phase, Reason, SelfTrade
from tickdeck.soak.oracle_checks import in_range
from tickdeck.soak.oracle_orders import (
    PEGS,
    PRICE_TIME,
    PRO_RATA,
    Event,
    Execution,
    Market,
    Order,
    Place,
    accepts,
    within,
)
from tickdeck.soak.oracle_rules import falls_short, follow, next_stop, pro_rata

_LAST = int(Flag.LAST)
Row = tuple[str, int, int, int, int]
"""Action, side, price, size and order id of an event to be."""


class OracleMatching:
    """Orders in continuous trading, and what is told of them.

    Parameters
    ----------
    markets : dict of int to Market
        By instrument id, in order of listing.
    """

    def __init__(self, markets: dict[int, Market]) -> None:
        self.markets = markets
        self.now = 0
        self.sequence = 0
        self.events: list[Event] = []
        self.executions: list[Execution] = []
        self.entries = count(1)

    # Telling

    def publish(self, market: Market, *rows: Row) -> None:
        """One group of events."""
        self.sequence += 1
        for number, (action, side, price, size, order_id) in enumerate(rows, 1):
            flags = _LAST if number == len(rows) else 0
            instrument = market.listing.instrument_id
            self.events.append(Event(action, chr(side), price, size, order_id, self.sequence, flags, self.now, instrument))

    def report(
        self, kind: ExecutionKind, order: Order, size: int, *, reason: int = 0, price: int | None = None, flags: int = 0
    ) -> None:
        """One record for the owner of an order."""
        self.executions.append(
            Execution(
                chr(kind),
                int(reason),
                order.told_price if price is None else price,
                size,
                order.remaining,
                order.order_id,
                order.client_order_id,
                order.participant,
                order.side,
                int(flags),
                self.sequence,
                self.now,
                order.market.listing.instrument_id,
            )
        )

    # The life of an order

    def end(self, order: Order, reason: Reason, kind: ExecutionKind = ExecutionKind.CANCELLED) -> None:
        """Take what is left of an order out of wherever it is."""
        size = order.remaining
        if order.displayed and order.price is not None:
            self.publish(order.market, ("C", order.side, order.price, order.displayed, order.order_id))
        order.remaining = order.displayed = 0
        self.forget(order)
        self.report(kind, order, size, reason=reason)

    def forget(self, order: Order) -> None:
        """It is no more."""
        order.place = Place.GONE
        order.market.orders.pop(order.order_id, None)

    def rest(self, order: Order, price: int) -> None:
        """Enter the book at the end of the queue."""
        order.place, order.price, order.entry = Place.BOOK, price, next(self.entries)
        if not order.hidden:
            self.show(order)

    def show(self, order: Order) -> None:
        """Display the next part."""
        order.displayed = min(order.display_size or order.remaining, order.remaining)
        order.entry = next(self.entries)
        self.publish(order.market, ("A", order.side, order.price or 0, order.displayed, order.order_id))

    def take_off(self, order: Order, size: int) -> None:
        """Of what is open, and of what is displayed."""
        order.remaining -= size
        order.displayed -= min(size, order.displayed)
        if not order.remaining:
            self.forget(order)

    def refill(self, order: Order) -> None:
        """Bring in the reserve when the displayed part is gone."""
        if order.place is Place.BOOK and not order.hidden and not order.displayed:
            self.show(order)

    def cancel_others(self, order: Order) -> None:
        """One cancels other."""
        if not order.group:
            return
        mine = (order.participant, order.group)
        others = [other for market in self.markets.values() for other in market.orders.values()]
        for other in sorted(others, key=lambda other: other.order_id):
            if other is not order and (other.participant, other.group) == mine:
                self.end(other, Reason.ONE_CANCELS_OTHER)

    # Trading

    def arrive(self, order: Order, limit: int | None, *, minimum: int = 0) -> None:
        """An incoming order: it trades what it can; the rest finds its place or its end."""
        order.place, order.price, market = Place.INCOMING, None, order.market
        if reason := falls_short(order, limit, minimum):
            self.end(order, reason)
            return
        self._trade_in(order, limit)
        if order.place is Place.GONE:
            return
        if market.may_rest(order) and limit is not None:
            if order.order_type in PEGS and market.phase != Phase.CONTINUOUS:
                order.place = Place.SUSPENDED
            else:
                self.rest(order, limit)
        elif market.phase != Phase.CONTINUOUS:
            self.end(order, Reason.PRICE_BAND)
        elif order.order_type == OrderType.MARKET:
            self.end(order, Reason.NO_LIQUIDITY)
        else:
            self.end(order, Reason.IMMEDIATE_REMAINDER)

    def interrupt(self, market: Market) -> None:
        """A trade would leave the price band."""
        raise NotImplementedError

    def _trade_in(self, order: Order, limit: int | None) -> None:
        market = order.market
        bands = market.bands()
        while order.place is Place.INCOMING:
            counterparts = market.opposite(order)
            if not counterparts or not accepts(order.is_buy, limit, price := counterparts[0].price or 0):
                return
            if order.reduce_only and not order.position_left():
                self.end(order, Reason.REDUCE_ONLY)
                return
            if not within(bands, price):
                self.interrupt(market)
                return
            level = [other for other in counterparts if other.price == price]
            own = [other for other in level if order.meets_itself(other)]
            if market.listing.discipline == PRICE_TIME:
                self._meet(order, level[0])
            elif own:
                self._prevent(order, own[0])
            elif not level[0].displayed:
                self._meet(order, level[0])
            elif market.listing.discipline == PRO_RATA:
                self._share_out(order, [other for other in level if other.displayed])
            else:
                self._meet(order, max(level, key=lambda other: (other.displayed, -other.entry)))

    def _share_out(self, order: Order, queue: list[Order]) -> None:
        """A round of pro-rata at one price."""
        listing = order.market.listing
        shares = pro_rata(order.remaining, [other.displayed for other in queue], listing.lot, listing.top, listing.minimum)
        for other, share in zip(queue, shares):
            if share and other.place is Place.BOOK and order.place is Place.INCOMING:
                self._meet(order, other, share)

    def _meet(self, order: Order, other: Order, most: int | None = None) -> None:
        """An incoming order and the resting one whose turn it is."""
        if order.meets_itself(other):
            self._prevent(order, other)
            return
        if other.reduce_only and not other.position_left():
            self.end(other, Reason.REDUCE_ONLY)
            return
        size = min(order.remaining, other.open_in_turn, most or other.open_in_turn)
        for side in (order, other):
            if side.reduce_only:
                size = min(size, side.position_left())
        rows: list[Row] = [("T", order.side, other.price or 0, size, 0), *fill_rows(other, other.price or 0, size)]
        self.trade(order.market, rows, other.price or 0, size, (other, order), (0, ExecutionFlag.AGGRESSOR))

    def trade(
        self, market: Market, rows: list[Row], price: int, size: int, parties: tuple[Order, Order], flags: tuple[int, int]
    ) -> None:
        """One trade and all that it causes at once."""
        self.publish(market, *rows)
        for order in parties:
            self.take_off(order, size)
            market.positions[order.participant] = market.positions.get(order.participant, 0) + (size if order.is_buy else -size)
        market.last = market.reference = price
        for stop in market.at((Place.STOP,)):
            if stop.order_type == OrderType.TRAILING_STOP:
                follow(stop, price)
        for order, flag in zip(parties, flags):
            self.report(ExecutionKind.FILLED, order, size, price=price, flags=flag)
        for order in parties:
            self.refill(order)
        for order in parties:
            self.cancel_others(order)
        for order in parties:
            if order.reduce_only and order.remaining and not order.position_left():
                self.end(order, Reason.REDUCE_ONLY)

    def _prevent(self, order: Order, other: Order) -> None:
        """An incoming order meets another of its participant."""
        mode = order.self_trade
        if mode == SelfTrade.DECREMENT:
            size = min(order.remaining, other.open_in_turn)
            if other.displayed:
                self.publish(order.market, ("C", other.side, other.price or 0, size, other.order_id))
            for side in (other, order):
                self.take_off(side, size)
                if side.remaining:
                    self.report(ExecutionKind.REPLACED, side, side.remaining, reason=Reason.SELF_TRADE)
                else:
                    self.report(ExecutionKind.CANCELLED, side, size, reason=Reason.SELF_TRADE)
            self.refill(other)
            return
        if mode in (SelfTrade.CANCEL_OLDEST, SelfTrade.CANCEL_BOTH):
            self.end(other, Reason.SELF_TRADE)
        if mode in (SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_BOTH):
            self.end(order, Reason.SELF_TRADE)

    # Stops and pegs

    def settle(self) -> None:
        """Trigger stops and price pegs until nothing moves."""
        moved = True
        while moved:
            moved = False
            for market in self.markets.values():
                moved = self._settle(market) or moved

    def _settle(self, market: Market) -> bool:
        moved = self.run_stops(market)
        while market.phase == Phase.CONTINUOUS and (best := market.best()) != market.pegged_to:
            market.pegged_to = best
            moved = True
            for peg in market.at((Place.BOOK, Place.SUSPENDED)):
                if peg.order_type in PEGS and peg.place is not Place.GONE:
                    self.price_peg(peg, market.peg_price(peg, best))
            self.run_stops(market)
        return moved

    def price_peg(self, peg: Order, price: int | None) -> None:
        """Move a peg, in continuous trading."""
        if price is not None and not in_range(price, peg.market):
            price = None
        if peg.market.phase != Phase.CONTINUOUS or price == peg.price:
            return
        if price is None:
            peg.place, peg.price = Place.SUSPENDED, None
            return
        self.arrive(peg, price)
        self.run_stops(peg.market)

    def run_stops(self, market: Market) -> bool:
        """Trigger stops one after the other."""
        moved = False
        while market.phase == Phase.CONTINUOUS and (stop := next_stop(market)):
            moved = True
            stop.place = Place.INCOMING
            stop.order_type = OrderType.LIMIT if stop.order_type == OrderType.STOP_LIMIT else OrderType.MARKET
            self.report(ExecutionKind.TRIGGERED, stop, stop.remaining)
            self.cancel_others(stop)
            self.arrive(stop, stop.limit)
        return moved


def fill_rows(order: Order, price: int, size: int) -> list[Row]:
    """What is published of a fill of a resting order."""
    if not order.displayed:
        return []
    return [("F", order.side, price, size, order.order_id), ("C", order.side, order.price or 0, size, order.order_id)]
