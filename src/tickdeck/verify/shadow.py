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

import numpy as np

from tickdeck.book import OrderBook
from tickdeck.core import UNDEF_PRICE, Instrument, Records, Side
from tickdeck.core.instrument import replace_fields
from tickdeck.verify.entered_orders import EnteredOrders, Order, Queue
from tickdeck.verify.matching_result import Fills

_SIDES = (int(Side.BID), int(Side.ASK))


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
        """A fresh engine; every level is doubtful."""
        self._engine = EnteredOrders(self._instrument, max(self._tick, 1))
        for side in _SIDES:
            self._doubtful.update((side, price) for price in self.book.levels(side)["price"].tolist())

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
        fills = self._engine.take(side, price, size, self._clock)
        other = int(Side.ASK if side == Side.BID else Side.BID)
        self._doubtful.update((other, at) for _, at in fills)
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
        """A recorded add; a live id is replaced. Without a side it is none."""
        self._clock = max(self._clock, time)
        if side not in _SIDES:
            return
        self._filled.pop(order_id, None)
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
        if before is not None and filled >= before.size and filled and size > 0:
            self.icebergs.add(order_id)
            self.book.cancel(order_id)
            self.book.add(order_id, before.side, price, size)
        else:
            self.book.modify(order_id, price, size, side if side in _SIDES else None)
        after = self._order(order_id)
        if filled:
            self._doubtful.update((order.side, order.price) for order in (before, after) if order is not None)
        elif before is None:
            self._enter(order_id)
        elif after is None or (after[:2] == before[:2] and after.size <= before.size):
            self._reduce(order_id)
        else:
            self._move(order_id, before, after)

    def clear(self) -> None:
        """The recorded book is empty."""
        self.book.clear()
        self._filled.clear()
        self.icebergs.clear()
        self._doubtful.clear()
        self._crossing.clear()
        self._open()

    # What the recording says now

    def _order(self, order_id: int) -> Order | None:
        row = self.book.order(order_id)
        return None if row is None else Order(int(row["side"]), int(row["price"]), int(row["size"]))

    def _left(self, order_id: int) -> Order | None:
        """The order less the fills that were told in this match event."""
        order = self._order(order_id)
        if order is None or not (filled := self._filled.get(order_id, 0)):
            return order
        return order._replace(size=order.size - filled) if order.size > filled else None

    def _queue(self, side: int, price: int) -> Queue:
        """The orders at a price less those fills."""
        rows = self.book.orders_at(side, price)
        queue = zip(rows["order_id"].tolist(), rows["size"].tolist())
        if not self._filled:
            return list(queue)
        left = ((order_id, size - self._filled.get(order_id, 0)) for order_id, size in queue)
        return [(order_id, size) for order_id, size in left if size > 0]

    # The engine follows

    def _enter(self, order_id: int) -> None:
        """Enter an order at the end of its queue. One that crosses waits until it no longer does."""
        order = self._left(order_id)
        if order is not None and not self._engine.enter(order_id, order, order_id in self.icebergs, self._clock):
            self._crossing.add((order.side, order.price))

    def _withdraw(self, order_id: int) -> None:
        self._engine.withdraw(order_id, self._clock)

    def _reduce(self, order_id: int) -> None:
        """The order has become smaller, or is gone, without losing its place."""
        order = self._left(order_id)
        if order is None:
            self._withdraw(order_id)
            if self._order(order_id) is None:
                self.icebergs.discard(order_id)
        elif order_id in self.icebergs:
            self._withdraw(order_id)
            self._doubtful.add((order.side, order.price))
        elif order_id in self._engine:
            self._engine.replace(order_id, order, self._clock)

    def _move(self, order_id: int, before: Order, after: Order) -> None:
        """The order has a new price, a larger size, or another side."""
        if order_id in self._engine and order_id not in self.icebergs and after.side == before.side:
            if not self._engine.replace(order_id, after, self._clock):
                self._crossing.add((after.side, after.price))
        else:
            self._enter(order_id)

    def _align(self) -> None:
        """Bring the engine's doubtful queues to the recorded ones; first what must go, so that nothing crosses."""
        levels, self._doubtful = self._doubtful, set()
        for side, price in levels:
            wanted = {order_id for order_id, _ in self._queue(side, price)}
            for order_id, _ in self._engine.queue(side, price):
                if order_id not in wanted:
                    self._withdraw(order_id)
        free = {level for level in self._crossing if not self._engine.crosses(*level)}
        self._crossing -= free
        for side, price in sorted(levels | free):
            self._align_queue(side, price)

    def _align_queue(self, side: int, price: int) -> None:
        wanted, queue = self._queue(side, price), self._engine.queue(side, price)
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
