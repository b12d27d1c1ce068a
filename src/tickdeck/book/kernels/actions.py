"""What each action does to a book (DESIGN: book semantics).

A function that must stop has changed nothing; it returns one of the reasons in ``layout``, GOING where all is well.
"""

import numpy as np

from tickdeck.book.kernels.index import U32, erase_slot, find_slot, hash_of, home_slot, probe_length, put_slot
from tickdeck.book.kernels.ladder import U0, U1, U6, append, detach, key_of, key_of_level, set_level, to_tail, vacate
from tickdeck.book.kernels.layout import (
    BAD_SIDE,
    DUPLICATE_ORDER,
    GOING,
    LONG_PROBE,
    MIXED_DEPTH,
    NEGATIVE_SIZE,
    OFF_GRID,
    OFF_TICK,
    OVERFILLED,
    PROBE_LIMIT,
    SEQUENCE_GAP,
    STATS,
    TICK_LIMIT,
    UNKNOWN_ACTION,
    UNKNOWN_ORDER,
    UNUSUAL,
    unpack,
)
from tickdeck.core.intrinsics import prefetch
from tickdeck.core.kernel import kernel
from tickdeck.core.records import UNDEF_PRICE

ADD, CANCEL, MODIFY, CLEAR = np.uint8(ord("A")), np.uint8(ord("C")), np.uint8(ord("M")), np.uint8(ord("R"))
TRADE, FILL, NOTHING = np.uint8(ord("T")), np.uint8(ord("F")), np.uint8(ord("N"))
BID, ASK = np.uint8(ord("B")), np.uint8(ord("A"))
LAST, TOB, SNAPSHOT, MBP, MAYBE_BAD_BOOK = np.uint8(128), np.uint8(64), np.uint8(32), np.uint8(16), np.uint8(4)
WHOLE_LEVEL = np.uint8(64 | 16)
NO_TICK = np.int64(-(2**62))
LIMIT = np.float64(TICK_LIMIT)
ROUND = np.float64(TICK_LIMIT) + np.float64(0.5)
LIMIT_I = np.int64(TICK_LIMIT)
KINDS = np.uint64(len(STATS))
PROBES = np.uint64(PROBE_LIMIT)
LOW_BITS = np.uint8(0x0E)
L2, L3 = np.uint8(2), np.uint8(3)
UNDEF = np.int64(UNDEF_PRICE)
SIDE_NONE = np.uint64(0)  # a side of book 0, the sink: nobody else's


@kernel
def count(p, book, kind):
    """Count one anomaly of a book."""
    p.stats[book * KINDS + np.uint64(kind)] += 1


@kernel
def tick_of(p, book, price):
    """`price` in ticks, NO_TICK if it is between them. Adding 2^50 before the cast rounds negative prices right without a branch."""
    b = p.books[book]
    scaled = np.float64(price) * b.inverse
    if not (scaled < LIMIT and scaled > -LIMIT):
        return NO_TICK
    tick = np.int64(scaled + ROUND) - LIMIT_I
    if tick * np.int64(b.tick_size) != price:
        return NO_TICK
    return tick


@kernel(rare=True)
def off_grid(at, book, price):
    """A price between ticks: a reason to stop where the tick is inferred, otherwise an anomaly."""
    p = unpack(at)
    header = p.header[0]
    if p.books[book].inferred != np.uint8(0) and price != np.int64(header.refused_price) and price != UNDEF:
        header.stop_price = price
        header.stop_book = np.uint32(book)
        return OFF_GRID
    header.refused_price = UNDEF
    count(p, book, OFF_TICK)
    return GOING


@kernel
def take_order(p):
    """A free order record."""
    header = p.header[0]
    order = np.uint64(header.order_free)
    if order != U0:
        header.order_free = p.orders[order].next
    else:
        order = np.uint64(header.order_top)
        header.order_top = np.uint32(order + U1)
    header.live += U1
    return order


@kernel
def give_order(p, order):
    """Give an order record back."""
    header = p.header[0]
    p.orders[order].next = header.order_free
    header.order_free = np.uint32(order)
    header.live -= U1


@kernel
def remove(p, slot, order):
    """Take an order out of ladder, index and pool."""
    p.books[np.uint64(p.orders[order].book)].order_count -= U1
    detach(p, order)
    erase_slot(p, slot)
    give_order(p, order)


@kernel(rare=True)
def remove_rarely(at, slot, order):
    """``remove`` for the less common paths."""
    p = unpack(at)
    remove(p, slot, order)


@kernel(rare=True)
def clear_side(at, side):
    """Remove all orders or levels of a side."""
    p = unpack(at)
    book = side >> U1
    while p.sides[side].best_level != np.uint32(0):
        level = np.uint64(p.sides[side].best_level)
        order = np.uint64(p.levels[level].head)
        if order == U0:
            p.levels[level].size = 0
            p.levels[level].count = np.uint32(0)
            vacate(p, side, level)
        while order != U0:
            after = np.uint64(p.orders[order].next)
            order_id = np.uint64(p.orders[order].id)
            remove(p, find_slot(p, order_id, book, hash_of(p, order_id, book)), order)
            order = after


@kernel(rare=True)
def clear(at, book):
    """Empty a book; what kind of data it takes is open again."""
    p = unpack(at)
    clear_side(p.at, book << U1)
    clear_side(p.at, (book << U1) | U1)
    p.books[book].mode = np.uint8(0)
    p.books[book].stale = np.uint8(0)


@kernel
def insert(p, book, side, slot, hashed, order_id, key, size):
    """A new order at the tail of its level."""
    order = take_order(p)
    put_slot(p, slot, hashed, order)
    o = p.orders[order]
    o.id = order_id
    o.book = np.uint32(book)
    p.books[book].order_count += U1
    append(p, side, key, order, size)


@kernel(rare=True)
def whole_level(at, book, action, side, flags, order_id, price, size):
    """L2: an event that sets a price level, or replaces a side by one level. Order events have no place in an L2 book."""
    p = unpack(at)
    b = p.books[book]
    if (flags & WHOLE_LEVEL) == np.uint8(0):
        count(p, book, MIXED_DEPTH)
        return GOING
    if side == SIDE_NONE:
        count(p, book, BAD_SIDE)
        return GOING
    if size < 0:
        count(p, book, NEGATIVE_SIZE)
        return GOING
    if b.mode == L3:
        count(p, book, MIXED_DEPTH)
        return GOING
    tick = tick_of(p, book, price)
    replaces = (flags & TOB) != np.uint8(0)
    if tick == NO_TICK and not (replaces and price == UNDEF):
        return off_grid(p.at, book, price)
    b.mode = L2
    if replaces:
        clear_side(p.at, side)
    if tick != NO_TICK:
        set_level(p.at, side, key_of(side, tick), np.int64(0) if action == CANCEL else size, order_id)
    return GOING


@kernel(rare=True)
def modify_unknown(at, book, side, order_id, price, size, slot, hashed):
    """M of an id that is not in the book adds it."""
    p = unpack(at)
    if side == SIDE_NONE:
        count(p, book, UNKNOWN_ORDER)
        count(p, book, BAD_SIDE)
        return GOING
    tick = tick_of(p, book, price)
    if tick == NO_TICK:
        return off_grid(at, book, price)
    if probe_length(p, slot, hashed) > PROBES:
        return LONG_PROBE
    count(p, book, UNKNOWN_ORDER)
    p.books[book].mode = L3
    if size > 0:
        insert(p, book, side, slot, hashed, order_id, key_of(side, tick), size)
    return GOING


@kernel(rare=True)
def replace_order(at, book, side, order_id, key, size, slot, kind):
    """A of a live id, or M that names another side: a new order in the old one's stead, at the end of the queue."""
    p = unpack(at)
    count(p, book, kind)
    remove(p, slot, np.uint64(p.slots[slot].order))
    hashed = hash_of(p, order_id, book)
    insert(p, book, side, find_slot(p, order_id, book, hashed), hashed, order_id, key, size)


@kernel
def add(p, book, side, flags, order_id, price, size, hashed):
    """A: a new order at the tail of its level."""
    b = p.books[book]
    if (flags & WHOLE_LEVEL) != np.uint8(0) or b.mode == L2:
        return whole_level(p.at, book, ADD, side, flags, order_id, price, size)
    if size <= 0:
        count(p, book, NEGATIVE_SIZE)
        return GOING
    if side == SIDE_NONE:
        count(p, book, BAD_SIDE)
        return GOING
    tick = tick_of(p, book, price)
    if tick == NO_TICK:
        return off_grid(p.at, book, price)
    slot = find_slot(p, order_id, book, hashed)
    if probe_length(p, slot, hashed) > PROBES:
        return LONG_PROBE
    b.mode = L3
    if p.slots[slot].order == np.uint32(0):
        insert(p, book, side, slot, hashed, order_id, key_of(side, tick), size)
    else:
        replace_order(p.at, book, side, order_id, key_of(side, tick), size, slot, DUPLICATE_ORDER)
    return GOING


@kernel
def cancel(p, book, side, flags, order_id, price, size, hashed):
    """C: take size off an order; at zero it goes."""
    if (flags & WHOLE_LEVEL) != np.uint8(0) or p.books[book].mode == L2:
        return whole_level(p.at, book, CANCEL, side, flags, order_id, price, size)
    slot = find_slot(p, order_id, book, hashed)
    order = np.uint64(p.slots[slot].order)
    if order == U0:
        count(p, book, UNKNOWN_ORDER)
        return GOING
    if size <= 0:
        count(p, book, NEGATIVE_SIZE)
        return GOING
    o = p.orders[order]
    held = np.int64(o.size)
    if size < held:
        o.size = held - size
        p.levels[np.uint64(o.level)].size -= size
        return GOING
    if size > held:
        count(p, book, OVERFILLED)
    remove(p, slot, order)
    return GOING


@kernel
def modify(p, book, side, flags, order_id, price, size, hashed):
    """M: replace price and size; priority is kept only at the same price with no larger size."""
    if (flags & WHOLE_LEVEL) != np.uint8(0) or p.books[book].mode == L2:
        return whole_level(p.at, book, MODIFY, side, flags, order_id, price, size)
    slot = find_slot(p, order_id, book, hashed)
    order = np.uint64(p.slots[slot].order)
    if size < 0:
        count(p, book, NEGATIVE_SIZE)
        return GOING
    if order == U0:
        return modify_unknown(p.at, book, side, order_id, price, size, slot, hashed)
    if size == 0:
        remove_rarely(p.at, slot, order)
        return GOING
    o = p.orders[order]
    level = np.uint64(o.level)
    held = np.uint64(p.pages[level >> U6].side)
    if side == SIDE_NONE:
        side = held
    tick = tick_of(p, book, price)
    if tick == NO_TICK:
        return off_grid(p.at, book, price)
    key = key_of(side, tick)
    if side != held:
        replace_order(p.at, book, side, order_id, key, size, slot, BAD_SIDE)
        return GOING
    if key == key_of_level(p, level):
        if size > np.int64(o.size):
            to_tail(p, order)
        p.levels[level].size += size - np.int64(o.size)
        o.size = size
        return GOING
    detach(p, order)
    append(p, side, key, order, size)
    return GOING


@kernel
def act(p, book, action, side, flags, order_id, price, size, hashed):
    """Apply one event to a book; returns why it must stop, having changed nothing, or GOING."""
    if action == ADD:
        reason = add(p, book, side, flags, order_id, price, size, hashed)
    elif action == CANCEL:
        reason = cancel(p, book, side, flags, order_id, price, size, hashed)
    elif action == MODIFY:
        reason = modify(p, book, side, flags, order_id, price, size, hashed)
    else:
        reason = GOING
        if action == CLEAR:
            clear(p.at, book)
        elif action != TRADE and action != FILL and action != NOTHING:
            count(p, book, UNKNOWN_ACTION)
    if (flags & MAYBE_BAD_BOOK) != np.uint8(0) and reason == GOING:
        count(p, book, SEQUENCE_GAP)
        p.books[book].stale = np.uint8(action != CLEAR)
    return reason


@kernel(rare=True)
def act_fully(at, book, action, side, flags, order_id, price, size, hashed):
    """``act``, called instead of inlined."""
    return act(unpack(at), book, action, side, flags, order_id, price, size, hashed)


@kernel(rare=True)
def find_on(at, order_id, book, hashed):
    """``find_slot`` where the home slot does not hold it."""
    return find_slot(unpack(at), order_id, book, hashed)


@kernel
def act_shortly(p, book, action, code, order_id, price, size, hashed):
    """``act`` for nearly all events: in an L3 book, without flags that matter.

    UNUSUAL where there is more to do than this does; nothing has changed then. The home slot is read before the branch on the action,
    which cannot be predicted; adds and modifies share one ``append``, cancels and modifies one ``detach``.

    Parameters
    ----------
    code : uint8
        0 of an ask, 1 of a bid.
    """
    b = p.books[book]
    slot = home_slot(p, hashed)
    order = np.uint64(p.slots[slot].order)
    tag = p.slots[slot].tag
    prefetch(p.orders, order)
    side = (book << U1) | np.uint64(code ^ np.uint8(1))
    tick = np.int64(0)
    if action == ADD:
        scaled = np.float64(price) * b.inverse
        if size <= 0 or code > np.uint8(1) or not (abs(scaled) < LIMIT):
            return UNUSUAL
        tick = np.int64(scaled + ROUND) - LIMIT_I
        if tick * np.int64(b.tick_size) != price:
            return UNUSUAL
        if order != U0:
            slot = find_on(p.at, order_id, book, hashed)
            if p.slots[slot].order != np.uint32(0) or probe_length(p, slot, hashed) > PROBES:
                return UNUSUAL
        order = take_order(p)
        put_slot(p, slot, hashed, order)
        o = p.orders[order]
        o.id = order_id
        o.book = np.uint32(book)
        b.order_count += U1
    elif action | LOW_BITS == CANCEL | LOW_BITS:
        if size <= 0:
            return UNUSUAL
        o = p.orders[order]
        if (np.uint64(tag ^ np.uint32(hashed >> U32)) | (np.uint64(o.id) ^ order_id) | (np.uint64(o.book) ^ book)) != U0:
            slot = find_on(p.at, order_id, book, hashed)
            order = np.uint64(p.slots[slot].order)
            if order == U0:
                return UNUSUAL
        o = p.orders[order]
        held = np.int64(o.size)
        row = p.levels[np.uint64(o.level)]
        if action == CANCEL:
            if size < held:
                o.size = held - size
                row.size -= size
                return GOING
            if size > held:
                count(p, book, OVERFILLED)
        else:
            scaled = np.float64(price) * b.inverse
            if action != MODIFY or side != np.uint64(row.side) or not (abs(scaled) < LIMIT):
                return UNUSUAL
            tick = np.int64(scaled + ROUND) - LIMIT_I
            if tick * np.int64(b.tick_size) != price:
                return UNUSUAL
            if key_of(side, tick) == key_of_level(p, np.uint64(o.level)):
                if size > held:
                    to_tail(p, order)
                row.size += size - held
                o.size = size
                return GOING
        detach(p, order)
        if action == CANCEL:
            b.order_count -= U1
            erase_slot(p, slot)
            give_order(p, order)
            return GOING
    elif action == TRADE or action == FILL or action == NOTHING:
        return GOING
    else:
        return UNUSUAL
    append(p, side, key_of(side, tick), order, size)
    return GOING


@kernel
def side_of(book, side):
    """Index of a book's side: even bid, odd ask, SIDE_NONE for neither."""
    if side != BID and side != ASK:
        return SIDE_NONE
    return (book << U1) | np.uint64(side == ASK)
