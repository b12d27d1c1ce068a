"""Fetching ahead: asking for the memory that coming events will need, in stages, each a block ahead of the next."""

import numpy as np

from tickdeck.book.kernels.actions import ADD, ASK, BID, NO_TICK, side_of, tick_of
from tickdeck.book.kernels.index import find_book, hash_of, home_slot
from tickdeck.book.kernels.ladder import U0, U1, U6, U63, find_page, key_of
from tickdeck.book.kernels.layout import AHEAD
from tickdeck.core.intrinsics import prefetch
from tickdeck.core.kernel import kernel

AHEAD_MASK = np.uint64(AHEAD - 1)


@kernel
def event_key(e):
    """(publisher, instrument) of an event as one word."""
    return (np.uint64(e.publisher_id) << np.uint64(32)) | np.uint64(e.instrument_id)


@kernel
def locate(p, events, first, last, far):
    """First stage of fetching ahead: book and hash of each event, which stay true; ask for the slot, and for book and sides."""
    header = p.header[0]
    last_key = np.uint64(header.last_key)
    book = np.uint64(header.last_book)
    for i in range(first, last):
        e = events[i]
        s = p.scratch[i & AHEAD_MASK]
        key = event_key(e)
        if key != last_key:
            entry = p.keys[find_book(p, key)]
            last_key = key
            book = np.uint64(entry.book) if entry.used != np.uint32(0) else np.uint64(header.book_count)
        s.book = np.uint32(book)
        hashed = hash_of(p, np.uint64(e.order_id), book)
        s.hash = hashed
        prefetch(p.slots, home_slot(p, hashed))
        if far:
            prefetch(p.books, book)
            prefetch(p.sides, book << U1)
            prefetch(p.sides, (book << U1) | U1)
    if book != np.uint64(header.book_count):
        header.last_key = last_key
        header.last_book = np.uint32(book)


@kernel
def fetch_orders(p, first, last):
    """Second stage: ask for the order that the slot names. From here on what is read may change before the event's turn."""
    for i in range(first, last):
        s = p.scratch[i & AHEAD_MASK]
        order = np.uint64(p.slots[home_slot(p, np.uint64(s.hash))].order)
        s.order = np.uint32(order)
        prefetch(p.orders, order)


@kernel
def fetch_nodes(p, events, first, last):
    """Second stage of a large market: ask for the best levels, and for the tree node on the way to an add's level."""
    for i in range(first, last):
        e = events[i]
        s = p.scratch[i & AHEAD_MASK]
        book = np.uint64(s.book)
        s.key = U0
        if book == np.uint64(p.header[0].book_count):
            continue
        bid = book << U1
        prefetch(p.levels, np.uint64(p.sides[bid].best_level))
        prefetch(p.levels, np.uint64(p.sides[bid | U1].best_level))
        if e.action == ADD and (e.side == BID or e.side == ASK):
            tick = tick_of(p, book, np.int64(e.price))
            if tick != NO_TICK:
                side = side_of(book, e.side)
                s.key = key_of(side, tick)
                prefetch(p.children, (np.uint64(p.sides[side].root) << U6) | ((np.uint64(s.key) >> U6) & U63))


@kernel
def fetch_levels(p, events, first, last):
    """Third stage: ask for the level."""
    for i in range(first, last):
        s = p.scratch[i & AHEAD_MASK]
        key = np.uint64(s.key)
        if key != U0:
            page = find_page(p, side_of(np.uint64(s.book), events[i].side), key >> U6)
            level = (page << U6) | (key & U63)
        else:
            level = np.uint64(p.orders[np.uint64(s.order)].level)
        s.level = np.uint32(level)
        prefetch(p.levels, level)


@kernel
def fetch_neighbours(p, first, last):
    """Last stage: ask for the orders whose links will change."""
    for i in range(first, last):
        s = p.scratch[i & AHEAD_MASK]
        if np.uint64(s.key) != U0:
            prefetch(p.orders, np.uint64(p.levels[np.uint64(s.level)].tail))
        else:
            o = p.orders[np.uint64(s.order)]
            prefetch(p.orders, np.uint64(o.prev))
            prefetch(p.orders, np.uint64(o.next))
