"""Reading a book: depth, queues, checksum; and refining its grid."""

import numpy as np

from tickdeck.book.kernels.actions import L2, NO_TICK, tick_of
from tickdeck.book.kernels.index import find_slot, hash_of, probe_length, put_slot
from tickdeck.book.kernels.ladder import (
    U0,
    U1,
    U6,
    append,
    detach,
    find_page,
    key_of,
    key_of_level,
    next_level,
    set_level,
    tick_of_key,
    vacate,
)
from tickdeck.book.kernels.layout import LIFTED, NODES_PER_EVENT, SLOT, unpack
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel
from tickdeck.core.records import LEVEL, ORDER

MIX = np.uint64(0x9E3779B97F4A7C15)
BID_CODE, ASK_CODE = np.uint8(ord("B")), np.uint8(ord("A"))


@kernel
def level_price(p, level):
    """Price of a level in units of 1e-9."""
    side = np.uint64(p.pages[level >> U6].side)
    return tick_of_key(side, key_of_level(p, level)) * np.int64(p.books[side >> U1].tick_size)


@kernel(entry=True)
def best(at, side):
    """Price, size, count of a side's best level; size 0 where it is empty."""
    p = unpack(np.uint64(at))
    level = np.uint64(p.sides[np.uint64(side)].best_level)
    if level == U0:
        return np.int64(0), np.int64(0), np.int64(0)
    return level_price(p, level), np.int64(p.levels[level].size), np.int64(p.levels[level].count)


@kernel(entry=True)
def depth(at, side, address, most):
    """Fill ``LEVEL`` records, best first; how many."""
    p = unpack(np.uint64(at))
    out = array_at(np.uint64(address), np.uint64(most), LEVEL)
    level = np.uint64(p.sides[np.uint64(side)].best_level)
    n = np.int64(0)
    while level != U0 and n < most:
        row = out[n]
        row.price = level_price(p, level)
        row.size = p.levels[level].size
        row.count = p.levels[level].count
        level = next_level(p, level)
        n += 1
    return n


@kernel
def write_order(p, order, price, code, row):
    """One resting order into an ``ORDER`` record."""
    row.order_id = p.orders[order].id
    row.price = price
    row.size = p.orders[order].size
    row.side = code


@kernel(entry=True)
def queue_at(at, side, price, address, most):
    """Fill ``ORDER`` records with a level's queue, first in line first; how many, -1 where there is no such level."""
    p = unpack(np.uint64(at))
    side = np.uint64(side)
    tick = tick_of(p, side >> U1, np.int64(price))
    if tick == NO_TICK:
        return np.int64(-1)
    key = key_of(side, tick)
    page = find_page(p, side, key >> U6)
    if page == U0 or (np.uint64(p.pages[page].bits) >> (key & np.uint64(63))) & U1 == U0:
        return np.int64(-1)
    level = (page << U6) | (key & np.uint64(63))
    if most == 0:
        return np.int64(p.levels[level].count)
    out = array_at(np.uint64(address), np.uint64(most), ORDER)
    code = BID_CODE if side & U1 == U0 else ASK_CODE
    order = np.uint64(p.levels[level].head)
    n = np.int64(0)
    while order != U0 and n < most:
        write_order(p, order, price, code, out[n])
        order = np.uint64(p.orders[order].next)
        n += 1
    return n


@kernel(entry=True)
def all_orders(at, side, address, most):
    """Fill ``ORDER`` records with a side, best level first, in queue order; how many."""
    p = unpack(np.uint64(at))
    side = np.uint64(side)
    out = array_at(np.uint64(address), np.uint64(most), ORDER)
    code = BID_CODE if side & U1 == U0 else ASK_CODE
    level = np.uint64(p.sides[side].best_level)
    n = np.int64(0)
    while level != U0:
        price = level_price(p, level)
        order = np.uint64(p.levels[level].head)
        while order != U0 and n < most:
            write_order(p, order, price, code, out[n])
            order = np.uint64(p.orders[order].next)
            n += 1
        level = next_level(p, level)
    return n


@kernel(entry=True)
def lookup(at, book, order_id, address):
    """Write one order into an ``ORDER`` record; its place in line (orders ahead, size ahead), (-1, 0) for an unknown id."""
    p = unpack(np.uint64(at))
    book = np.uint64(book)
    order_id = np.uint64(order_id)
    slot = find_slot(p, order_id, book, hash_of(p, order_id, book))
    order = np.uint64(p.slots[slot].order)
    if order == U0:
        return np.int64(-1), np.int64(0)
    level = np.uint64(p.orders[order].level)
    side = np.uint64(p.pages[level >> U6].side)
    out = array_at(np.uint64(address), U1, ORDER)
    write_order(p, order, level_price(p, level), BID_CODE if side & U1 == U0 else ASK_CODE, out[0])
    ahead = np.int64(0)
    size = np.int64(0)
    before = np.uint64(p.orders[order].prev)
    while before != U0:
        ahead += 1
        size += np.int64(p.orders[before].size)
        before = np.uint64(p.orders[before].prev)
    return ahead, size


@kernel
def fold(h, word):
    """Fold a word into a running 64-bit hash."""
    h = (h ^ word) * MIX
    return h ^ (h >> np.uint64(29))


@kernel(entry=True)
def checksum(at, book):
    """Hash of a book's prices, sizes, counts and queues: independent of tick, memory layout and history."""
    p = unpack(np.uint64(at))
    book = np.uint64(book)
    h = MIX
    for code in range(2):
        side = (book << U1) | np.uint64(code)
        level = np.uint64(p.sides[side].best_level)
        while level != U0:
            h = fold(h, np.uint64(code + 1))
            h = fold(h, np.uint64(level_price(p, level)))
            h = fold(h, np.uint64(p.levels[level].size))
            h = fold(h, np.uint64(p.levels[level].count))
            order = np.uint64(p.levels[level].head)
            while order != U0:
                h = fold(h, np.uint64(p.orders[order].id))
                h = fold(h, np.uint64(p.orders[order].size))
                order = np.uint64(p.orders[order].next)
            level = next_level(p, level)
    return h


@kernel(entry=True)
def lift(at, book, address, most):
    """Take everything off a book's ladder into ``LIFTED`` records; how many. The id index stays."""
    p = unpack(np.uint64(at))
    out = array_at(np.uint64(address), np.uint64(most), LIFTED)
    book = np.uint64(book)
    whole_levels = p.books[book].mode == L2
    n = np.int64(0)
    for code in range(2):
        side = (book << U1) | np.uint64(code)
        while p.sides[side].best_level != np.uint32(0):
            level = np.uint64(p.sides[side].best_level)
            row = out[n]
            row.price = level_price(p, level)
            row.side = np.uint32(side)
            if whole_levels:
                row.size = p.levels[level].size
                row.count = p.levels[level].count
                row.order = np.uint32(0)
                p.levels[level].size = 0
                p.levels[level].count = np.uint32(0)
                vacate(p, side, level)
            else:
                order = np.uint64(p.levels[level].head)
                row.order = np.uint32(order)
                row.size = p.orders[order].size
                detach(p, order)
            n += 1
    return n


@kernel(entry=True)
def lower(at, address, length, start):
    """Put ``LIFTED`` records back on the ladder; the index of the first that found no room."""
    p = unpack(np.uint64(at))
    lifted = array_at(np.uint64(address), np.uint64(length), LIFTED)
    header = p.header[0]
    i = np.int64(start)
    while i < length:
        if np.uint64(header.page_room) < U1 or np.uint64(header.node_room) < np.uint64(NODES_PER_EVENT):
            return i
        row = lifted[i]
        side = np.uint64(row.side)
        key = key_of(side, tick_of(p, side >> U1, np.int64(row.price)))
        if row.order == np.uint32(0):
            set_level(p.at, side, key, np.int64(row.size), np.uint64(row.count))
        else:
            append(p, side, key, np.uint64(row.order), np.int64(row.size))
        i += 1
    return i


@kernel(entry=True)
def reindex(at, old_address, old_length):
    """Fill the (empty) id index with the orders of an old one; the longest probe."""
    p = unpack(np.uint64(at))
    old = array_at(np.uint64(old_address), np.uint64(old_length), SLOT)
    longest = U0
    for i in range(old_length):
        order = np.uint64(old[i].order)
        if order == U0:
            continue
        o = p.orders[order]
        order_id = np.uint64(o.id)
        book = np.uint64(o.book)
        hashed = hash_of(p, order_id, book)
        slot = find_slot(p, order_id, book, hashed)
        longest = max(longest, probe_length(p, slot, hashed))
        put_slot(p, slot, hashed, order)
    return longest
