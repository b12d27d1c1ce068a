"""Recorded orders as orders of one participant of an exchange."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tickdeck.core import ExecutionFlag, ExecutionKind, Instrument, Side, TimeInForce
from tickdeck.core.instrument import replace_fields
from tickdeck.exchange import Exchange, Listing
from tickdeck.verify.matching_result import Fills

_RESERVE = 1_000
"""Open size of an iceberg in displayed sizes: the most that an exchange takes."""
_MOST = 2**48
"""Largest size of an order that an exchange takes."""
_FILL_FIELDS = ("order_id", "price", "size", "remaining")

Queue = list[tuple[int, int]]
"""Recorded ids and sizes in the order of priority."""


class Order(NamedTuple):
    """A resting order as recorded."""

    side: int
    price: int
    size: int


class EnteredOrders:
    """A matching engine that holds recorded orders under ids of its own: an id may have to be entered anew.

    Orders are post-only: one that the recording let cross the book is refused rather than traded.

    Parameters
    ----------
    instrument : Instrument
    tick : int
        Units of 1e-9.
    """

    def __init__(self, instrument: Instrument, tick: int) -> None:
        listed = replace_fields(instrument, tick_size=tick, lot_size=1, instrument_id=1)
        self._tick = tick
        self._symbol = listed.symbol
        self._exchange = Exchange([Listing(listed, maximum_size=_MOST)])
        self._participant = self._exchange.participant("recorded")
        self._book = self._exchange.book(self._symbol)
        self._entered: dict[int, int] = {}
        self._recorded: dict[int, int] = {}

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._entered

    def take(self, side: int, price: int, size: int, time: int) -> Fills:
        """What an IOC order trades with: size by (recorded id, price)."""
        self._participant.take()
        limit = price - price % self._tick if side == Side.BID else price + -price % self._tick
        self._exchange.submit(self._participant, self._symbol, side, size, limit, time_in_force=TimeInForce.IOC, ts=time)
        made = self._participant.take()
        resting = (made["kind"] == int(ExecutionKind.FILLED)) & (made["flags"] & np.uint8(ExecutionFlag.AGGRESSOR) == 0)
        fills: Fills = {}
        for number, at, filled, remaining in zip(*(made[resting][name].tolist() for name in _FILL_FIELDS)):
            order_id = self._recorded[number]
            fills[order_id, at] = fills.get((order_id, at), 0) + filled
            if not remaining:
                self._forget(order_id)
        return fills

    def enter(self, order_id: int, order: Order, iceberg: bool, time: int) -> bool:
        """Enter an order at the end of its queue, an iceberg with the largest reserve; False if it was refused.

        What is there under its id is withdrawn.
        """
        self.withdraw(order_id, time)
        outcome = self._exchange.submit(
            self._participant,
            self._symbol,
            order.side,
            min(order.size * _RESERVE, _MOST) if iceberg else order.size,
            order.price,
            display_size=order.size if iceberg else 0,
            post_only=True,
            ts=time,
        )
        if outcome.accepted:
            self._entered[order_id] = outcome.order_id
            self._recorded[outcome.order_id] = order_id
        return outcome.accepted

    def withdraw(self, order_id: int, time: int) -> None:
        """Cancel an order, if it is there."""
        if (entered := self._entered.get(order_id)) is not None:
            self._exchange.cancel(self._participant, order_id=entered, ts=time)
            self._forget(order_id)

    def replace(self, order_id: int, order: Order, time: int) -> bool:
        """Give an order its present price and size; one that is refused is withdrawn: False."""
        entered = self._entered[order_id]
        outcome = self._exchange.replace(self._participant, order_id=entered, price=order.price, size=order.size, ts=time)
        if not outcome.accepted:
            self.withdraw(order_id, time)
        return outcome.accepted

    def queue(self, side: int, price: int) -> Queue:
        """What the engine displays at a price."""
        rows = self._book.orders_at(side, price)
        return [(self._recorded[number], size) for number, size in zip(rows["order_id"].tolist(), rows["size"].tolist())]

    def crosses(self, side: int, price: int) -> bool:
        """Whether an order would trade."""
        buys = side == Side.BID
        best = self._book.best_ask if buys else self._book.best_bid
        return best is not None and (price >= best.price if buys else price <= best.price)

    def _forget(self, order_id: int) -> None:
        del self._recorded[self._entered.pop(order_id)]
