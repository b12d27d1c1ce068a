"""Order books in plain Python, slow and obviously right: what the compiled ones are held against.

Written from the semantics of the book (DESIGN: book semantics) and the table of anomalies, not from the kernels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from tickdeck.core import Records

LAST, TOB, SNAPSHOT, MBP, MAYBE_BAD_BOOK = 128, 64, 32, 16, 4
UNDEF_PRICE = 2**63 - 1
TICK_LIMIT = 2**50
"""A book spans fewer ticks than this on either side of zero."""

Levels = list[tuple[int, int, int]]
"""Price, size and count of each level, best first."""
Queues = list[tuple[int, list[tuple[int, int]]]]
"""Price of each level, best first, and (id, size) of its orders in queue order."""


class OracleBook:
    """One instrument's book.

    Parameters
    ----------
    tick_size : int, optional
        Units of 1e-9. Without it any price is taken that a common grid with the resting prices can hold.
    """

    def __init__(self, tick_size: int | None = None) -> None:
        self.tick_size = tick_size
        self.kind: str | None = None
        self.is_stale = False
        self.stats: Counter[str] = Counter()
        self.queues: dict[str, dict[int, dict[int, int]]] = {"B": {}, "A": {}}
        """L3: side, price, id -> size; dicts keep the order of insertion, which is the queue's."""
        self.whole: dict[str, dict[int, tuple[int, int]]] = {"B": {}, "A": {}}
        """L2: side, price -> size and count."""
        self.home: dict[int, tuple[str, int]] = {}
        """id -> side and price."""

    # Events

    def apply(self, event: np.void | Mapping[str, int]) -> None:
        """One ``EVENT`` record, or its fields."""
        action, flags = chr(event["action"]), int(event["flags"])
        side = chr(event["side"]) if chr(event["side"]) in "BA" else None
        order_id, price, size = int(event["order_id"]), int(event["price"]), int(event["size"])
        if action in "ACM":
            if flags & (MBP | TOB) or self.kind == "L2":
                self._set_level(action, side, flags, order_id, price, size)
            elif action == "A":
                self._add(side, order_id, price, size)
            elif action == "C":
                self._cancel(order_id, size)
            else:
                self._modify(side, order_id, price, size)
        elif action == "R":
            self._clear()
        elif action not in "TFN":
            self.stats["unknown_action"] += 1
        if flags & MAYBE_BAD_BOOK:
            self.stats["sequence_gap"] += 1
            self.is_stale = action != "R"
        if flags & LAST and not flags & SNAPSHOT:
            bid, ask = self.best("B"), self.best("A")
            if bid and ask and bid[0] >= ask[0]:
                self.stats["crossed" if bid[0] > ask[0] else "locked"] += 1

    def _add(self, side: str | None, order_id: int, price: int, size: int) -> None:
        if size <= 0:
            self.stats["negative_size"] += 1
        elif side is None:
            self.stats["bad_side"] += 1
        elif not self._on_grid(price):
            self.stats["off_tick"] += 1
        else:
            if order_id in self.home:
                self.stats["duplicate_order"] += 1
                self._remove(order_id)
            self._insert(side, order_id, price, size)

    def _cancel(self, order_id: int, size: int) -> None:
        if order_id not in self.home:
            self.stats["unknown_order"] += 1
        elif size <= 0:
            self.stats["negative_size"] += 1
        else:
            side, price = self.home[order_id]
            queue = self.queues[side][price]
            if size > queue[order_id]:
                self.stats["overfilled"] += 1
            if size >= queue[order_id]:
                self._remove(order_id)
            else:
                queue[order_id] -= size

    def _modify(self, side: str | None, order_id: int, price: int, size: int) -> None:
        if size < 0:
            self.stats["negative_size"] += 1
            return
        if order_id not in self.home:
            if side is None:
                self.stats["unknown_order"] += 1
                self.stats["bad_side"] += 1
            elif not self._on_grid(price):
                self.stats["off_tick"] += 1
            else:
                self.stats["unknown_order"] += 1
                self.kind = "L3"
                if size > 0:
                    self._insert(side, order_id, price, size)
            return
        if size == 0:
            self._remove(order_id)
            return
        held_side, held_price = self.home[order_id]
        if not self._on_grid(price):
            self.stats["off_tick"] += 1
            return
        if side is not None and side != held_side:
            self.stats["bad_side"] += 1
        else:
            side = held_side
            if price == held_price and size <= self.queues[side][price][order_id]:
                self.queues[side][price][order_id] = size
                return
        self._remove(order_id)
        self._insert(side, order_id, price, size)

    def _set_level(self, action: str, side: str | None, flags: int, count: int, price: int, size: int) -> None:
        if not flags & (MBP | TOB):
            self.stats["mixed_depth"] += 1
        elif side is None:
            self.stats["bad_side"] += 1
        elif size < 0:
            self.stats["negative_size"] += 1
        elif self.kind == "L3":
            self.stats["mixed_depth"] += 1
        else:
            empties = bool(flags & TOB) and price == UNDEF_PRICE
            if not empties and not self._on_grid(price):
                self.stats["off_tick"] += 1
                return
            self.kind = "L2"
            if flags & TOB:
                self.whole[side].clear()
            if empties:
                return
            if size == 0 or action == "C":
                self.whole[side].pop(price, None)
            else:
                self.whole[side][price] = size, count % 2**32

    def _clear(self) -> None:
        for part in (self.queues, self.whole):
            part["B"].clear()
            part["A"].clear()
        self.home.clear()
        self.kind = None
        self.is_stale = False

    def _insert(self, side: str, order_id: int, price: int, size: int) -> None:
        self.kind = "L3"
        self.queues[side].setdefault(price, {})[order_id] = size
        self.home[order_id] = side, price

    def _remove(self, order_id: int) -> None:
        side, price = self.home.pop(order_id)
        queue = self.queues[side][price]
        del queue[order_id]
        if not queue:
            del self.queues[side][price]

    def _on_grid(self, price: int) -> bool:
        if price == UNDEF_PRICE:
            return False
        if self.tick_size is not None:
            return price % self.tick_size == 0 and abs(price) // self.tick_size < TICK_LIMIT
        resting = [other for part in (self.queues, self.whole) for side in "BA" for other in part[side]]
        step = math.gcd(price, *resting)
        return step == 0 or max(map(abs, [price, *resting])) // step < TICK_LIMIT

    # Reading

    def _prices(self, side: str) -> list[int]:
        return sorted({*self.queues[side], *self.whole[side]}, reverse=side == "B")

    def levels(self, side: str) -> Levels:
        """Price, size and count of each level, best first."""
        if self.kind == "L2":
            return [(price, *self.whole[side][price]) for price in self._prices(side)]
        return [(price, sum(queue.values()), len(queue)) for price, queue in self.by_queue(side)]

    def by_queue(self, side: str) -> list[tuple[int, dict[int, int]]]:
        """Price and queue of each level, best first."""
        return [(price, self.queues[side][price]) for price in self._prices(side) if price in self.queues[side]]

    def orders(self, side: str) -> list[tuple[int, int, int, str]]:
        """id, price, size and side of each order, best level first, in queue order."""
        return [(order_id, price, size, side) for price, queue in self.by_queue(side) for order_id, size in queue.items()]

    def order(self, order_id: int) -> tuple[int, int, int, str] | None:
        """id, price, size and side of a resting order."""
        if order_id not in self.home:
            return None
        side, price = self.home[order_id]
        return order_id, price, self.queues[side][price][order_id], side

    def queue_position(self, order_id: int) -> tuple[int, int] | None:
        """Orders and size ahead of an order."""
        if order_id not in self.home:
            return None
        side, price = self.home[order_id]
        queue = list(self.queues[side][price].items())
        ahead = queue[: [other for other, _ in queue].index(order_id)]
        return len(ahead), sum(size for _, size in ahead)

    def best(self, side: str) -> tuple[int, int, int] | None:
        """Price, size and count of the best level."""
        levels = self.levels(side)
        return levels[0] if levels else None

    def bbo(self) -> tuple[int, int, int, int]:
        """Bid price, ask price, bid size, ask size."""
        bid, ask = self.best("B") or (UNDEF_PRICE, 0, 0), self.best("A") or (UNDEF_PRICE, 0, 0)
        return bid[0], ask[0], bid[1], ask[1]


class OracleMarket:
    """The books of a stream, by (publisher, instrument).

    Parameters
    ----------
    ticks : dict of int to int
        Declared ticks of instruments, units of 1e-9.
    """

    def __init__(self, ticks: dict[int, int] | None = None) -> None:
        self.ticks = ticks or {}
        self.books: dict[tuple[int, int], OracleBook] = {}

    def apply(self, event: np.void) -> OracleBook:
        """One event; its book."""
        key = int(event["publisher_id"]), int(event["instrument_id"])
        book = self.books.setdefault(key, OracleBook(self.ticks.get(key[1])))
        book.apply(event)
        return book


def replayed(events: Records | Iterable[np.void], tick_size: int | None = None) -> OracleBook:
    """The book after `events` of one instrument."""
    book = OracleBook(tick_size)
    for event in events:
        book.apply(event)
    return book
