"""Fetching ahead: asking for the memory that coming events will need, in stages, each a block ahead of the next."""

import numpy as np

from tickdeck.book.kernels.actions import CANCEL, NO_TICK, side_of, tick_of
from tickdeck.book.kernels.index import U32, find_book, hash_of, home_slot
from tickdeck.book.kernels.ladder import U0, U1, U6, U63, find_page, key_of
from tickdeck.book.kernels.layout import AHEAD, BLOCK, LAG, unpack
from tickdeck.core.intrinsics import prefetch
from tickdeck.core.kernel import kernel

STEP = np.uint64(BLOCK)
DISTANCE = np.uint64(LAG)
AHEAD_MASK = np.uint64(AHEAD - 1)


@kernel
def event_key(e):
    """(publisher, instrument) of an event as one word."""
    return (np.uint64(e.publisher_id) << np.uint64(32)) | np.uint64(e.instrument_id)


@kernel
def locate(p, events, first, last):
    """First stage: book and hash of each event, which stay true; ask for slot, book and sides. The first event of an unknown book."""
    header = p.header[0]
    last_key = np.uint64(header.last_key)
    book = np.uint64(header.last_book)
    i = first
    while i < last:
        e = events[i]
        key = event_key(e)
        if key != last_key:
            entry = p.keys[find_book(p, key)]
            if entry.used == np.uint32(0):
                break
            last_key = key
            book = np.uint64(entry.book)
        s = p.scratch[i & AHEAD_MASK]
        s.book = np.uint32(book)
        hashed = hash_of(p, np.uint64(e.order_id), book)
        s.hash = hashed
        prefetch(p.slots, home_slot(p, hashed))
        prefetch(p.books, book)
        prefetch(p.sides, book << U1)
        i += U1
    header.last_key = last_key
    header.last_book = np.uint32(book)
    return i


@kernel
def find_tag(p, hashed):
    """``find_slot`` without a look at the order: the slot in nearly all cases."""
    mask = np.uint64(p.header[0].index_mask)
    tag = np.uint32(hashed >> U32)
    slot = home_slot(p, hashed)
    while p.slots[slot].order != np.uint32(0) and p.slots[slot].tag != tag:
        slot = (slot + U1) & mask
    return slot


@kernel
def fetch_orders(p, events, first, last):
    """Second stage: ask for the order, the best levels and the tree node on the way to the price of an add or modify.

    From here on what is read may change before the event's turn. Selections instead of branches: half of the events are adds.
    """
    for i in range(first, last):
        e = events[i]
        s = p.scratch[i & AHEAD_MASK]
        order = np.uint64(p.slots[find_tag(p, np.uint64(s.hash))].order)
        s.order = np.uint32(order)
        prefetch(p.orders, order)
        book = np.uint64(s.book)
        bid = book << U1
        prefetch(p.levels, np.uint64(p.sides[bid].best_level))
        prefetch(p.levels, np.uint64(p.sides[bid | U1].best_level))
        side = side_of(book, np.uint8(e.side))
        tick = tick_of(p, book, np.int64(e.price))
        key = key_of(side, tick)
        key = U0 if e.action == CANCEL or tick == NO_TICK else key
        s.key = key
        row = p.sides[side]
        child = (np.uint64(row.root) << U6) | ((key >> (U6 * np.uint64(row.height))) & U63)
        prefetch(p.children, child if key != U0 else U0)


@kernel
def fetch_level(p, level):
    """Ask for a level; a quarter of them lie on two cache lines."""
    prefetch(p.levels, level)
    prefetch(p.levels, level + U1)


@kernel
def fetch_levels(p, events, first, last):
    """Third stage: ask for the level of the order and for that of the price."""
    for i in range(first, last):
        s = p.scratch[i & AHEAD_MASK]
        fetch_level(p, np.uint64(p.orders[np.uint64(s.order)].level))
        key = np.uint64(s.key)
        level = U0
        if key != U0:
            level = (find_page(p, side_of(np.uint64(s.book), np.uint8(events[i].side)), key >> U6) << U6) | (key & U63)
            fetch_level(p, level)
        s.level = np.uint32(level)


@kernel
def fetch_neighbours(p, first, last):
    """Last stage: ask for the orders whose links will change. Order 0 and level 0 stand for none: no branches."""
    for i in range(first, last):
        s = p.scratch[i & AHEAD_MASK]
        prefetch(p.orders, np.uint64(p.levels[np.uint64(s.level)].tail))
        o = p.orders[np.uint64(s.order)]
        prefetch(p.orders, np.uint64(o.prev))
        prefetch(p.orders, np.uint64(o.next))


@kernel(rare=True)
def fetch_ahead(at, events, end):
    """All stages, each a block ahead of the next, before the block up to `end` is applied; where the known books end."""
    p = unpack(at)
    header = p.header[0]
    total = np.uint64(len(events))
    located = locate(p, events, np.uint64(header.located), min(total, end + np.uint64(4) * DISTANCE))
    header.located = located
    goal = min(located, end + np.uint64(3) * DISTANCE)
    fetch_orders(p, events, np.uint64(header.ordered), goal)
    header.ordered = goal
    goal = min(located, end + np.uint64(2) * DISTANCE)
    fetch_levels(p, events, np.uint64(header.levelled), goal)
    header.levelled = goal
    goal = min(located, end + DISTANCE)
    fetch_neighbours(p, np.uint64(header.linked), goal)
    header.linked = goal
    return min(end, located)
