"""Seeded flows of commands to an exchange, made against a plain-Python exchange so that every cancel and replace names a live order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickdeck.bench.plain_exchange import MASK, OF_ID, OF_PRICE, OF_SIZE, PlainExchange
from tickdeck.core import COMMAND, UNDEF_PRICE, Records
from tickdeck.core.orders import CommandKind, OrderType, TimeInForce

TICK = 10_000_000
LIVE = 1_000
"""Orders that a flow keeps in the book."""
FEWEST = 950
"""Below this many an add takes the place of a cancel."""
REACH = 375
"""Ticks on either side of the middle at which orders rest: 750 prices."""
MIDDLE = 10_000
TICKS = MIDDLE + REACH + 2
START_NS = 1_700_000_000_000_000_000
INTERVAL_NS = 1_000
LARGEST = 100

ADD, IMMEDIATE, CANCEL, REPLACE = range(4)
MOVES = (0.09, 0.03, 0.06, 0.82)
"""Shares of GTC, IOC, cancel and replace: those that exchange-core publishes figures of."""
TURNOVER = (0.45, 0.10, 0.45, 0.0)
"""45% add, 45% cancel, 10% marketable."""
MARKETABLE = {MOVES: 1 / 3, TURNOVER: 0.0}
"""Share of the GTC orders that trade at once."""


@dataclass(frozen=True)
class Flow:
    """Commands of one instrument (id 1) by one or more participants (ids from 1)."""

    opening: Records
    """``COMMAND`` records that fill the book; not to be timed."""
    commands: Records
    participants: int
    fills: int
    """Executions of kind FILLED that the commands cause, two a trade."""
    checksum: int
    """``fold_fills`` of them."""
    live: int
    """Orders that are left at the end."""


def flow(count: int, shares: tuple[float, float, float, float] = MOVES, participants: int = 4, seed: int = 1) -> Flow:
    """`count` commands after an opening of ``LIVE`` orders.

    Parameters
    ----------
    count : int
    shares : tuple of float
        Of new orders that rest (GTC), new orders that do not (IOC), cancels and replaces.
    participants : int
        They take turns with new orders; nobody prevents trades with oneself.
    seed : int
    """
    made = _Maker(count, shares, participants, seed)
    opening = made.opening()
    before = made.exchange.fills
    commands = made.commands()
    return Flow(opening, commands, participants, made.exchange.fills - before, made.exchange.fold, len(made.exchange.live))


class _Maker:
    """Draws commands and runs them through the plain-Python exchange."""

    def __init__(self, count: int, shares: tuple[float, float, float, float], participants: int, seed: int) -> None:
        self.exchange = PlainExchange(TICKS)
        self.draw = np.random.default_rng(seed)
        self.count, self.shares, self.participants = count, shares, participants
        self.ids: list[int] = []
        """Orders to choose a victim from; some may have been filled since."""
        self.next_id = 1

    def opening(self) -> Records:
        """Orders at random prices on both sides."""
        rows = []
        for buy, distance, size in zip(*self._numbers(LIVE)[:3]):
            rows.append(self._add(buy, distance, size))
        return self._records(rows, 0)

    def commands(self) -> Records:
        """The flow itself."""
        kinds = self.draw.choice(4, self.count, p=self.shares).tolist()
        rows = list(self._rows(kinds))
        return self._records(rows, LIVE)

    def _numbers(self, count: int) -> tuple[list[bool], list[int], list[int], list[float]]:
        draw = self.draw
        buys: list[bool] = (draw.random(count) < 0.5).tolist()
        distances: list[int] = draw.integers(1, REACH + 1, count).tolist()
        sizes: list[int] = draw.integers(1, LARGEST + 1, count).tolist()
        picks: list[float] = draw.random(count).tolist()
        return buys, distances, sizes, picks

    def _rows(self, kinds: list[int]) -> Iterator[tuple[int, int, bool, int, int]]:
        aggressive = (self.draw.random(len(kinds)) < MARKETABLE[self.shares]).tolist()
        live = self.exchange.live
        for kind, buy, distance, size, pick, takes in zip(kinds, *self._numbers(len(kinds)), aggressive):
            if kind == CANCEL and len(live) < FEWEST:
                kind, takes = ADD, False
            if kind == IMMEDIATE or (kind == ADD and takes):
                yield self._take(buy, kind == ADD)
            elif kind == ADD:
                yield self._add(buy, distance, size)
            else:
                order = self._victim(pick)
                if kind == CANCEL:
                    self.exchange.cancel(order)
                    yield int(CommandKind.CANCEL), order, buy, 0, 0
                else:
                    side = live[order][0]
                    tick = MIDDLE - distance if side else MIDDLE + distance
                    self.exchange.replace(order, tick, size)
                    yield int(CommandKind.REPLACE), order, buy, tick, size

    def _add(self, buy: bool, distance: int, size: int) -> tuple[int, int, bool, int, int]:
        order = self._identify()
        self.ids.append(order)
        tick = MIDDLE - distance if buy else MIDDLE + distance
        self.exchange.new(order, buy, tick, size, True)
        return int(CommandKind.NEW), order, buy, tick, size

    def _take(self, buy: bool, rests: bool) -> tuple[int, int, bool, int, int]:
        """An order that trades: with all of the best order and some of the next where there are many, else with some of the best."""
        first = self.exchange.first(buy)
        size = first + 1 if len(self.exchange.live) > LIVE else max(first // 2, 1)
        order = self._identify()
        tick = MIDDLE + REACH if buy else MIDDLE - REACH
        self.exchange.new(order, buy, tick, size, rests)
        if order in self.exchange.live:
            self.ids.append(order)
        return int(CommandKind.NEW) if rests else IMMEDIATE, order, buy, tick, size

    def _victim(self, pick: float) -> int:
        """A live order at random; those that are gone are dropped on the way."""
        ids, live = self.ids, self.exchange.live
        while True:
            place = int(pick * len(ids))
            if ids[place] in live:
                return ids[place]
            ids[place] = ids[-1]
            ids.pop()

    def _identify(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def _records(self, rows: list[tuple[int, int, bool, int, int]], before: int) -> Records:
        kind, order, buy, tick, size = (np.array(column) for column in zip(*rows))
        commands = np.zeros(len(rows), COMMAND)
        cancels = kind == int(CommandKind.CANCEL)
        new = (kind == int(CommandKind.NEW)) | (kind == IMMEDIATE)
        commands["ts"] = START_NS + (before + np.arange(len(rows))) * INTERVAL_NS
        commands["client_order_id"] = order
        commands["instrument_id"] = 1
        commands["participant_id"] = 1 + order % self.participants
        commands["kind"] = np.where(kind == IMMEDIATE, int(CommandKind.NEW), kind)
        commands["side"] = np.where(new, np.where(buy, ord("B"), ord("A")), 0)
        commands["price"] = np.where(cancels, UNDEF_PRICE, tick * TICK)
        commands["size"] = size
        commands["trigger_price"] = UNDEF_PRICE
        commands["order_type"] = np.where(new, int(OrderType.LIMIT), 0)
        commands["time_in_force"] = np.where(kind == IMMEDIATE, int(TimeInForce.IOC), np.where(new, int(TimeInForce.GTC), 0))
        return commands


def fold_fills(client_order_id: NDArray[np.uint64], tick: NDArray[np.int64], size: NDArray[np.int64]) -> int:
    """Checksum of fills in their order: the resting order's, then the incoming one's, of each trade."""
    with np.errstate(over="ignore"):
        words = client_order_id.astype(np.uint64) * np.uint64(OF_ID)
        words ^= tick.astype(np.uint64) * np.uint64(OF_PRICE)
        words ^= size.astype(np.uint64) * np.uint64(OF_SIZE)
        places = 2 * np.arange(len(words), dtype=np.uint64) + np.uint64(1)
        return int((words * places).sum()) & MASK
