"""An exchange that follows a recorded book and answers for it: what would this aggressor have traded with?

Two books stand beside each other: `book`, what the recording says, and that of a matching engine in which one participant entered every
recorded order. An aggressor is answered by the engine alone, with an IOC order. Afterwards the recorded fills
and updates change `book`, and before the next answer the engine's queues are brought to it where they may differ: one wrong
answer does not spread.

What the feed does not say of an order is concluded from its past. An order whose displayed size was filled and which is then modified
to a new size was refreshed: it stands at the end of the queue, and from then on it is an iceberg with that displayed size and
a reserve that nobody knows; the largest that an order may have stands for it.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

import numpy as np

from tickdeck.book import OrderBook
from tickdeck.core import UNDEF_PRICE, ExecutionFlag, ExecutionKind, Instrument, Records, Side, TimeInForce
from tickdeck.core.instrument import replace_fields
from tickdeck.exchange import Exchange, Listing
from tickdeck.verify.matching_result import Fills

_RESERVE = 1_000
"""Open size of an iceberg in displayed sizes: the most that an exchange takes."""
_FILL_FIELDS = ("order_id", "price", "size", "remaining")
_MOST = 2**48
"""Largest size of an order that an exchange takes."""


class _Order(NamedTuple):
    """A resting order as recorded."""

    side: int
    price: int
    size: int


class Shadow:
    """A recorded book and an exchange that holds the same orders.

    Parameters
    ----------
    instrument : Instrument

    Attributes
    ----------
    book : OrderBook
        As recorded.
    icebergs : set of int
        Ids of the orders that were refreshed.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.book = OrderBook(replace_fields(instrument, tick_size=None))
        self.icebergs: set[int] = set()
        self._instrument = instrument
        self._tick = instrument.tick_size or 0
        self._clock = 0
        self._filled: dict[int, int] = {}
        self._doubtful: set[tuple[int, int]] = set()
        self._crossing: set[tuple[int, int]] = set()
        self._open()

    def _open(self) -> None:
        """A fresh exchange; every level is doubtful."""
        listed = replace_fields(self._instrument, tick_size=max(self._tick, 1), lot_size=1, instrument_id=1)
        self._symbol = listed.symbol
        self._exchange = Exchange([Listing(listed, maximum_size=_MOST)])
        self._participant = self._exchange.participant("recorded")
        self._queues = self._exchange.book(self._symbol)
        self._entered: dict[int, int] = {}
        self._recorded_ids: dict[int, int] = {}
        for side in (Side.BID, Side.ASK):
            self._doubtful.update((int(side), price) for price in self.book.levels(side)["price"].tolist())

    def expect(self, prices: Records) -> None:
        """Make room on the grid for these prices of orders (units of 1e-9); the tick of an instrument may not be known."""
        known = prices[prices != UNDEF_PRICE]
        tick = gcd(self._tick, int(np.gcd.reduce(known))) if len(known) else self._tick
        if tick != self._tick:
            self._tick = tick
            self._open()

    # The question

    def answer(self, side: int, price: int, size: int, time: int) -> Fills:
        """What the engine fills for an aggressor: an IOC order of this side, price limit and size.

        Parameters
        ----------
        side : int
            Code of the aggressor's side.
        price, size : int
            A price between ticks trades like the next one that is not beyond it.
        time : int
            ns since the epoch.

        Returns
        -------
        dict
            Size by (recorded order id, price).
        """
        self._clock = max(self._clock, time)
        self._align()
        self._participant.take()
        tick = max(self._tick, 1)
        limit = price - price % tick if side == Side.BID else price + -price % tick
        self._exchange.submit(self._participant, self._symbol, side, size, limit, time_in_force=TimeInForce.IOC, ts=self._clock)
        made = self._participant.take()
        resting = (made["kind"] == int(ExecutionKind.FILLED)) & (made["flags"] & np.uint8(ExecutionFlag.AGGRESSOR) == 0)
        fills: Fills = {}
        other = int(Side.ASK if side == Side.BID else Side.BID)
        for number, at, filled, remaining in zip(*(made[resting][name].tolist() for name in _FILL_FIELDS)):
            order_id = self._recorded_ids[number]
            fills[order_id, at] = fills.get((order_id, at), 0) + filled
            self._doubtful.add((other, at))
            if not remaining:
                self._forget(order_id)
        return fills

    # The recording

    def fill(self, order_id: int, size: int) -> int | None:
        """A recorded fill. It counts until the match event is over; the book changes with the cancel or modify that follows.

        Returns
        -------
        int or None
            How much of it came from a reserve of which nothing was known; None if there is no such order.
        """
        order = self._order(order_id)
        if order is None:
            return None
        left = max(order.size - self._filled.get(order_id, 0), 0)
        self._filled[order_id] = self._filled.get(order_id, 0) + size
        self._doubtful.add((order.side, order.price))
        return 0 if order_id in self.icebergs else max(size - left, 0)

    def is_unconfirmed(self, order_id: int) -> bool:
        """Whether no cancel or modify has told yet what a fill left of the order."""
        return order_id in self._filled

    def end(self) -> None:
        """The match event is over: a fill that no cancel or modify followed has changed nothing."""
        for order_id in self._filled:
            if (order := self._order(order_id)) is not None:
                self._doubtful.add((order.side, order.price))
        self._filled.clear()

    def add(self, order_id: int, side: int, price: int, size: int, time: int) -> None:
        """A recorded add; a live id is replaced."""
        self._clock = max(self._clock, time)
        self._filled.pop(order_id, None)
        self._withdraw(order_id)
        self.book.add(order_id, side, price, size)
        self._enter(order_id)

    def cancel(self, order_id: int, size: int, time: int) -> bool:
        """A recorded cancel; one that follows a fill tells what the fill took. Whether it followed one."""
        self._clock = max(self._clock, time)
        self.book.cancel(order_id, size)
        filled = self._filled.pop(order_id, 0)
        if filled > size and self._order(order_id) is not None:
            self._filled[order_id] = filled - size
        if not filled or size > filled:
            self._reduce(order_id)
        elif self._order(order_id) is None:
            self.icebergs.discard(order_id)
        return filled > 0

    def modify(self, order_id: int, side: int, price: int, size: int, time: int) -> None:
        """A recorded modify; one that follows a fill of all that was displayed refreshes it."""
        self._clock = max(self._clock, time)
        filled, before = self._filled.pop(order_id, 0), self._order(order_id)
        if before is not None and filled:
            if filled >= before.size and size > 0:
                self.icebergs.add(order_id)
                self.book.cancel(order_id)
                self.book.add(order_id, side, price, size)
            else:
                self.book.modify(order_id, price, size, side)
            self._doubtful.update(((before.side, before.price), (side, price)))
            return
        self.book.modify(order_id, price, size, side)
        after = self._order(order_id)
        if before is None:
            self._enter(order_id)
        elif after is None or (after.price == before.price and after.size <= before.size):
            self._reduce(order_id)
        else:
            self._move(order_id, after)

    def clear(self) -> None:
        """The recorded book is empty."""
        self.book.clear()
        self._filled.clear()
        self.icebergs.clear()
        self._doubtful.clear()
        self._crossing.clear()
        self._open()

    # The engine's orders

    def _order(self, order_id: int) -> _Order | None:
        row = self.book.order(order_id)
        return None if row is None else _Order(int(row["side"]), int(row["price"]), int(row["size"]))

    def _left(self, order_id: int) -> _Order | None:
        """The order less the fills that were told in this match event."""
        order = self._order(order_id)
        if order is None or not (filled := self._filled.get(order_id, 0)):
            return order
        return order._replace(size=order.size - filled) if order.size > filled else None

    def _enter(self, order_id: int) -> None:
        """Enter a recorded order at the end of its queue. Post-only: one that the recording let cross waits until it does not."""
        order = self._left(order_id)
        if order is None:
            return
        iceberg = order_id in self.icebergs
        outcome = self._exchange.submit(
            self._participant,
            self._symbol,
            order.side,
            min(order.size * _RESERVE, _MOST) if iceberg else order.size,
            order.price,
            display_size=order.size if iceberg else 0,
            post_only=True,
            ts=self._clock,
        )
        if not outcome.accepted:
            self._crossing.add((order.side, order.price))
            return
        self._entered[order_id] = outcome.order_id
        self._recorded_ids[outcome.order_id] = order_id

    def _forget(self, order_id: int) -> None:
        del self._recorded_ids[self._entered.pop(order_id)]

    def _withdraw(self, order_id: int) -> None:
        """Cancel an order in the engine if it is there."""
        if (entered := self._entered.get(order_id)) is not None:
            self._exchange.cancel(self._participant, order_id=entered, ts=self._clock)
            self._forget(order_id)

    def _reduce(self, order_id: int) -> None:
        """The recorded order has become smaller, or is gone, without losing its place."""
        order = self._left(order_id)
        if order is None:
            self._withdraw(order_id)
            if self._order(order_id) is None:
                self.icebergs.discard(order_id)
        elif order_id in self.icebergs:
            self._withdraw(order_id)
            self._doubtful.add((order.side, order.price))
        elif (entered := self._entered.get(order_id)) is not None:
            self._exchange.replace(self._participant, order_id=entered, size=order.size, ts=self._clock)

    def _move(self, order_id: int, order: _Order) -> None:
        """The recorded order has a new price or a larger size."""
        entered = self._entered.get(order_id)
        if entered is None or order_id in self.icebergs:
            self._withdraw(order_id)
            self._enter(order_id)
            return
        outcome = self._exchange.replace(self._participant, order_id=entered, price=order.price, size=order.size, ts=self._clock)
        if not outcome.accepted:
            self._withdraw(order_id)
            self._crossing.add((order.side, order.price))

    def _align(self) -> None:
        """Bring the engine's doubtful queues to the recorded ones; first what must go, so that nothing crosses."""
        levels, self._doubtful = self._doubtful, set()
        for side, price in levels:
            wanted = {order_id for order_id, _ in self._recorded_queue(side, price)}
            for order_id, _ in self._queue(side, price):
                if order_id not in wanted:
                    self._withdraw(order_id)
        if self._crossing:
            free = {level for level in self._crossing if not self._crosses(*level)}
            self._crossing -= free
            levels |= free
        for side, price in sorted(levels):
            self._align_queue(side, price)

    def _crosses(self, side: int, price: int) -> bool:
        """Whether an order would trade in the engine."""
        buys = side == Side.BID
        best = self._queues.best_ask if buys else self._queues.best_bid
        return best is not None and (price >= best.price if buys else price <= best.price)

    def _queue(self, side: int, price: int) -> list[tuple[int, int]]:
        """Recorded ids and displayed sizes of the engine's orders at a price."""
        rows = self._queues.orders_at(side, price)
        return [(self._recorded_ids[number], size) for number, size in zip(rows["order_id"].tolist(), rows["size"].tolist())]

    def _recorded_queue(self, side: int, price: int) -> list[tuple[int, int]]:
        """Ids and sizes of the recorded orders at a price, less the fills that were told."""
        rows = self.book.orders_at(side, price)
        queue = zip(rows["order_id"].tolist(), rows["size"].tolist())
        if not self._filled:
            return list(queue)
        left = ((order_id, size - self._filled.get(order_id, 0)) for order_id, size in queue)
        return [(order_id, size) for order_id, size in left if size > 0]

    def _align_queue(self, side: int, price: int) -> None:
        wanted, queue = self._recorded_queue(side, price), self._queue(side, price)
        right = 0
        while right < min(len(queue), len(wanted)) and self._fits(queue[right], wanted[right]):
            right += 1
        for order_id, _ in queue[right:]:
            self._withdraw(order_id)
        for order_id, _ in wanted[right:]:
            self._enter(order_id)

    def _fits(self, shown: tuple[int, int], wanted: tuple[int, int]) -> bool:
        """Whether an order in the engine is the wanted one, if need be after taking size off it."""
        if shown[0] != wanted[0] or shown[1] < wanted[1]:
            return False
        if shown[1] > wanted[1]:
            if wanted[0] in self.icebergs:
                return False
            self._reduce(wanted[0])
        return True
