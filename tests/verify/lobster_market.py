"""A made-up market written as LOBSTER writes one: only what touches the N best levels, and the book after each message.

The whole book is a plain dictionary, so what a window of N levels hides, and what it shows when it opens, is known exactly.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

EMPTY_ASK, EMPTY_BID = "9999999999,0", "-9999999999,0"
TICK = 100

Levels = list[tuple[int, int]]


@dataclass
class Market:
    """Messages and book rows of a window.

    Parameters
    ----------
    messages, rows : list of str
    supplied : int
        Rows in which a level entered the window from below.
    fresh : list of (int, int)
        Index and side of the rows' supplied levels.
    """

    depth: int
    messages: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    supplied: int = 0
    fresh: list[tuple[int, int]] = field(default_factory=list)


def window(orders: dict[int, tuple[int, int, int]], side: int, depth: int) -> Levels:
    """The best levels of a side (1 bid, -1 ask)."""
    sizes: dict[int, int] = {}
    for of, price, size in orders.values():
        if of == side:
            sizes[price] = sizes.get(price, 0) + size
    return [(price, sizes[price]) for price in sorted(sizes, reverse=side == 1)[:depth]]


def row_text(asks: Levels, bids: Levels, depth: int) -> str:
    """A row of the orderbook file."""
    cells = []
    for level in range(depth):
        cells.append(f"{asks[level][0]},{asks[level][1]}" if level < len(asks) else EMPTY_ASK)
        cells.append(f"{bids[level][0]},{bids[level][1]}" if level < len(bids) else EMPTY_BID)
    return ",".join(cells)


def make_market(seed: int, steps: int, depth: int, warm_up: int = 0) -> Market:
    """A random market; the file starts after `warm_up` steps, with whatever rests by then."""
    rng = random.Random(seed)
    orders: dict[int, tuple[int, int, int]] = {}
    made = Market(depth)
    next_id = 1
    for step in range(steps):
        before = {side: window(orders, side, depth) for side in (1, -1)}
        all_before = {side: len(window(orders, side, 10**6)) for side in (1, -1)}
        if rng.random() < 0.05 and step >= warm_up:
            kind, order_id, size, price, side = 5, 0, 1, 1_000_050, rng.choice((1, -1))
            touches = True
        elif not orders or rng.random() < 0.5:
            kind, order_id, side = 1, next_id, rng.choice((1, -1))
            price, size = 1_000_000 - side * TICK * rng.randint(1, 12), rng.randint(1, 9)
            orders[order_id] = (side, price, size)
            next_id += 1
            touches = price in [level[0] for level in window(orders, side, depth)]
        else:
            order_id = rng.choice(list(orders))
            side, price, held = orders[order_id]
            size = rng.randint(1, held)
            best = window(orders, side, 1)[0][0]
            kind = 4 if price == best and rng.random() < 0.5 else (3 if size == held else 2)
            touches = price in [level[0] for level in before[side]]
            if size == held:
                del orders[order_id]
            else:
                orders[order_id] = (side, price, held - size)
        if step < warm_up or not touches:
            continue
        after = {side: window(orders, side, depth) for side in (1, -1)}
        if made.rows and len(before[side]) == depth and all_before[side] > depth and kind in (2, 3, 4):
            known = {level[0] for level in before[side]}
            if any(level[0] not in known for level in after[side]):
                made.supplied += 1
                made.fresh.append((len(made.rows), side))
        made.messages.append(f"{34_200 + step / 1000:.9f},{kind},{order_id},{size},{price},{side}")
        made.rows.append(row_text(after[-1], after[1], depth))
    return made


def save(folder: Path, market: Market, messages: list[str] | None = None, rows: list[str] | None = None) -> Path:
    """Write both files; the message file's path."""
    name = f"TEST_2012-06-21_34200000_57600000_{{}}_{market.depth}.csv"
    path = folder / name.format("message")
    path.write_text("".join(f"{line}\n" for line in (market.messages if messages is None else messages)))
    truth = market.rows if rows is None else rows
    (folder / name.format("orderbook")).write_text("".join(f"{line}\n" for line in truth))
    return path
