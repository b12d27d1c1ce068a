"""Recordings of orders, written record by record or by a small exchange made of plain lists."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from tickdeck.core import EVENT, Flag, Records

START = 1_700_000_000_000_000_000
TICK = 10_000_000
INSTRUMENT, PUBLISHER = 7, 2


@dataclass
class Feed:
    """Records of one instrument; prices in ticks. Records of one match event share a time."""

    instrument: int = INSTRUMENT
    time: int = START
    rows: list[tuple[int, str, str, int, int, int]] = field(default_factory=list)

    def event(self, *records: str) -> Feed:
        """One match event: records such as ``"A 12 B 5@100"`` (action, id, side, size, price)."""
        self.time += 1_000
        for record in records:
            action, order_id, side, at = record.split()
            size, price = at.split("@")
            self.rows.append((self.time, action, side, int(order_id), int(price), int(size)))
        return self

    def events(self, *singles: str) -> Feed:
        """Each record a match event of its own."""
        for record in singles:
            self.event(record)
        return self

    def records(self) -> Records:
        """As ``EVENT`` records."""
        out = np.zeros(len(self.rows), EVENT)
        for row, (time, action, side, order_id, price, size) in zip(out, self.rows):
            row["ts_event"], row["action"], row["side"], row["order_id"] = time, ord(action), ord(side), order_id
            row["price"], row["size"] = price * TICK, size
        out["ts_recv"] = out["ts_event"]
        out["sequence"] = np.arange(1, len(out) + 1)
        out["flags"], out["instrument_id"], out["publisher_id"] = Flag.LAST, self.instrument, PUBLISHER
        return out


@dataclass
class Order:
    """A resting order; `reserve` is what it does not show, in parts of `peak`."""

    order_id: int
    side: str
    price: int
    size: int
    reserve: int = 0
    peak: int = 0


class PlainExchange:
    """Price-time matching by searching lists; writes what happens into a feed, icebergs refreshed by ``M`` as CME does."""

    def __init__(self, seed: int, icebergs: bool = False, instrument: int = INSTRUMENT) -> None:
        self.feed = Feed(instrument)
        self._random = random.Random(seed)
        self._icebergs = icebergs
        self._orders: list[Order] = []
        self._next_id = 1

    def run(self, steps: int) -> Feed:
        """Random adds, cancels, modifies and aggressors."""
        for _ in range(steps):
            self._random.choice((self._add, self._add, self._cancel, self._modify, self._modify, self._take))()
        return self.feed

    def _opposite(self, side: str) -> list[Order]:
        """Orders that an aggressor of `side` meets, in the order of priority."""
        found = [order for order in self._orders if order.side != side]
        return sorted(found, key=lambda order: order.price if side == "B" else -order.price)

    def _passive_price(self, side: str) -> int:
        best = self._opposite(side)
        away = self._random.randrange(1, 5)
        return (best[0].price if best else 1_000) + (-away if side == "B" else away)

    def _add(self) -> None:
        side = self._random.choice("BA")
        price, size = self._passive_price(side), self._random.randrange(1, 9)
        order = Order(self._next_id, side, price, size)
        if self._icebergs and self._random.random() < 0.3:
            order.reserve, order.peak = size * self._random.randrange(2, 6), size
        self._next_id += 1
        self._orders.append(order)
        self.feed.event(f"A {order.order_id} {side} {size}@{price}")

    def _plain(self) -> Order | None:
        found = [order for order in self._orders if not order.peak]
        return self._random.choice(found) if found else None

    def _cancel(self) -> None:
        if (order := self._plain()) is not None:
            self._orders.remove(order)
            self.feed.event(f"C {order.order_id} {order.side} {order.size}@{order.price}")

    def _modify(self) -> None:
        order = self._plain()
        if order is None:
            return
        price = self._random.choice((order.price, self._passive_price(order.side)))
        size = max(1, order.size + self._random.randrange(-3, 4))
        if price != order.price or size > order.size:
            self._orders.remove(order)
            self._orders.append(order)
        order.price, order.size = price, size
        self.feed.event(f"M {order.order_id} {order.side} {size}@{price}")

    def _take(self) -> None:
        side = self._random.choice("BA")
        if not (resting := self._opposite(side)):
            return
        price = resting[0].price
        size = left = min(
            self._random.randrange(1, 25), sum(order.size + order.reserve for order in resting if order.price == price)
        )
        fills: dict[int, int] = {}
        touched: dict[int, Order] = {}
        while left:
            order = next(order for order in self._opposite(side) if order.price == price)
            took = min(left, order.size)
            left -= took
            order.size -= took
            fills[order.order_id] = fills.get(order.order_id, 0) + took
            touched[order.order_id] = order
            if not order.size:
                self._orders.remove(order)
                if order.reserve:
                    order.size = min(order.peak, order.reserve)
                    order.reserve -= order.size
                    self._orders.append(order)
        other = "A" if side == "B" else "B"
        records = [f"T 0 {side} {size}@{price}", *(f"F {key} {other} {took}@{price}" for key, took in fills.items())]
        for key, order in touched.items():
            records.append(f"M {key} {other} {order.size}@{price}" if order.size else f"C {key} {other} {fills[key]}@{price}")
        self.feed.event(*records)
