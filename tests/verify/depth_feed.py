"""Order events of several instruments and a vendor's rows of the best levels, kept by plain dictionaries."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zstandard

from tickdeck.core import DBN_MBO, UNDEF_PRICE, Records
from tickdeck.tape.dbn_records import MBP_1, MBP_10

START = 1_700_000_000_000_000_000
PUBLISHER = 2
LAST, SNAPSHOT = 128, 32


class Order(NamedTuple):
    """A resting order."""

    side: str
    price: int
    size: int


Level = tuple[int, int, int]


@dataclass
class Book:
    """One instrument."""

    number: int
    orders: dict[int, Order] = field(default_factory=dict)
    shown: list[list[Level]] = field(default_factory=lambda: [[], []])

    def levels(self, width: int) -> list[list[Level]]:
        """Price, size and count of the best levels: bids, asks."""
        sides = []
        for side in "BA":
            found: dict[int, tuple[int, int]] = {}
            for order in self.orders.values():
                if order.side == side:
                    size, count = found.get(order.price, (0, 0))
                    found[order.price] = size + order.size, count + 1
            prices = sorted(found, reverse=side == "B")[:width]
            sides.append([(price, *found[price]) for price in prices])
        return sides


@dataclass
class Feed:
    """What a vendor would deliver of a random market.

    Parameters
    ----------
    width : int
        Levels of a row.
    events : list of tuple
        Fields of ``DBN_MBO``.
    rows : list of Records
        One ``MBP_10`` or ``MBP_1`` record each.
    changes : int
        Of the best levels after the snapshot.
    """

    width: int
    events: list[tuple[int, ...]] = field(default_factory=list)
    rows: list[Records] = field(default_factory=list)
    changes: int = 0
    sequence: int = 0

    def event(self, book: Book, action: str, side: str, order_id: int, price: int, size: int, flags: int) -> None:
        """One order event at the time of the sequence."""
        time = START + 1_000 * self.sequence
        codes = (flags, 0, ord(action), ord(side))
        self.events.append(
            (14, 0xA0, PUBLISHER, book.number, time, order_id, price, size, *codes, time + 100, 100, self.sequence)
        )

    def note(self, book: Book, action: str, side: str, always: bool = False) -> None:
        """A row, if the best levels changed."""
        now = book.levels(self.width)
        if now == book.shown and not always:
            return
        self.changes += now != book.shown
        book.shown = now
        row = np.zeros(1, MBP_10 if self.width == 10 else MBP_1)
        row["length"], row["rtype"] = row.itemsize // 4, 10 if self.width == 10 else 1
        row["publisher_id"], row["instrument_id"], row["sequence"] = PUBLISHER, book.number, self.sequence
        row["ts_event"] = row["ts_recv"] = START + 1_000 * self.sequence
        row["action"], row["side"], row["price"], row["flags"] = ord(action), ord(side), UNDEF_PRICE, LAST
        row["levels"]["bid_px"] = row["levels"]["ask_px"] = UNDEF_PRICE
        for name, levels in zip(("bid", "ask"), now):
            for place, (price, size, count) in enumerate(levels):
                level = row["levels"][0, place]
                level[f"{name}_px"], level[f"{name}_sz"], level[f"{name}_ct"] = price, size, count
        self.rows.append(row)

    def save(self, folder: Path, events: list[tuple[int, ...]] | None = None, rows: list[Records] | None = None) -> list[str]:
        """Both as DBN files; the arguments of `tickdeck verify`."""
        source, truth = folder / "orders.mbo.dbn", folder / "levels.mbp.dbn.zst"
        source.write_bytes(np.array(self.events if events is None else events, DBN_MBO).tobytes())
        truth.write_bytes(zstandard.compress(np.concatenate(self.rows if rows is None else rows).tobytes()))
        return [str(source), str(truth)]


def make_feed(seed: int, steps: int, instruments: int = 2, width: int = 10, snapshot: bool = False) -> Feed:
    """Adds, cancels, modifies, replaces, executions, hidden trades and clears."""
    rng = random.Random(seed)
    feed = Feed(width)
    books = [Book(7 + place) for place in range(instruments)]
    next_id = 1
    if snapshot:
        for book in books:
            feed.event(book, "R", "N", 0, UNDEF_PRICE, 0, SNAPSHOT)
            for _ in range(30):
                side, price = rng.choice("BA"), rng.randint(1, 15)
                book.orders[next_id] = Order(side, price_of(side, price), 3)
                feed.event(book, "A", *(side, next_id, price_of(side, price), 3), SNAPSHOT)
                next_id += 1
            book.shown = book.levels(width)
    for _ in range(steps):
        feed.sequence += rng.randint(1, 3)
        book = rng.choice(books)
        kind = rng.choices(("add", "cancel", "modify", "replace", "fill", "hidden", "clear"), (50, 20, 10, 10, 12, 3, 0.3))[0]
        if kind == "hidden":
            feed.event(book, "T", "B", 0, price_of("A", 1), 1, LAST)
            feed.note(book, "T", "B", always=True)
            continue
        if kind == "clear":
            book.orders.clear()
            feed.event(book, "R", "N", 0, UNDEF_PRICE, 0, LAST)
            feed.note(book, "R", "N")
            continue
        if kind == "add" or not book.orders:
            side, price, size = rng.choice("BA"), rng.randint(1, 15), rng.randint(1, 9)
            book.orders[next_id] = Order(side, price_of(side, price), size)
            feed.event(book, "A", side, next_id, price_of(side, price), size, LAST)
            feed.note(book, "A", side)
            next_id += 1
            continue
        order_id = rng.choice(list(book.orders))
        order = book.orders[order_id]
        other = Order(order.side, price_of(order.side, rng.randint(1, 15)), rng.randint(1, 9))
        if kind == "modify":
            book.orders[order_id] = other
            feed.event(book, "M", order.side, order_id, other.price, other.size, LAST)
            feed.note(book, "M", order.side)
            continue
        taken = order.size if kind == "replace" else rng.randint(1, order.size)
        if kind == "fill":
            feed.event(book, "T", "A" if order.side == "B" else "B", 0, order.price, taken, LAST)
            feed.event(book, "F", order.side, order_id, order.price, taken, LAST)
        feed.event(book, "C", order.side, order_id, order.price, taken, 0 if kind == "replace" else LAST)
        del book.orders[order_id]
        if taken < order.size:
            book.orders[order_id] = order._replace(size=order.size - taken)
        feed.note(book, "T" if kind == "fill" else "C", order.side)
        if kind == "replace":
            book.orders[next_id] = other
            feed.event(book, "A", other.side, next_id, other.price, other.size, LAST)
            feed.note(book, "A", other.side)
            next_id += 1
    return feed


def price_of(side: str, distance: int) -> int:
    """A price so many ticks from the middle."""
    return 100_000_000_000 + (-distance if side == "B" else distance) * 250_000_000
