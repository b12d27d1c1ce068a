"""Events into books: the meaning of each action (DESIGN: book semantics) and the loop over an array of events.

The loop works through as many events as the pools surely have room for, then looks again: capacity is checked before anything changes
and costs nothing per event. When it must stop it leaves the reason in the header and returns the index of the event, which has not
been applied; the Python face mends the cause and calls again.
"""

import numpy as np

from tickdeck.book.kernels.index import erase_slot, find_book, find_slot, hash_of, home_slot, probe_length, put_slot
from tickdeck.book.kernels.ladder import (
    U0,
    U1,
    U6,
    U63,
    append,
    detach,
    find_page,
    key_of,
    key_of_level,
    set_level,
    tick_of_key,
    to_tail,
    vacate,
)
from tickdeck.book.kernels.layout import (
    AHEAD,
    BAD_SIDE,
    BIAS,
    BLOCK,
    CROSSED,
    DUPLICATE_ORDER,
    FULL,
    GOING,
    LOCKED,
    LONG_PROBE,
    MIXED_DEPTH,
    NEGATIVE_SIZE,
    NEW_BOOK,
    NODES_PER_EVENT,
    OFF_GRID,
    OFF_TICK,
    OTHER_INSTRUMENT,
    OVERFILLED,
    PREFETCH_FROM,
    PROBE_LIMIT,
    SEQUENCE_GAP,
    STATS,
    TICK_LIMIT,
    UNKNOWN_ACTION,
    UNKNOWN_ORDER,
    unpack,
)
from tickdeck.core.intrinsics import array_at, prefetch
from tickdeck.core.kernel import kernel
from tickdeck.core.records import BBO, DBN_MBO, EVENT, UNDEF_PRICE

ADD, CANCEL, MODIFY, CLEAR = np.uint8(ord("A")), np.uint8(ord("C")), np.uint8(ord("M")), np.uint8(ord("R"))
TRADE, FILL, NOTHING = np.uint8(ord("T")), np.uint8(ord("F")), np.uint8(ord("N"))
BID, ASK = np.uint8(ord("B")), np.uint8(ord("A"))
STEP = np.uint64(BLOCK)
AHEAD_MASK = np.uint64(AHEAD - 1)
LAST, TOB, SNAPSHOT, MBP, MAYBE_BAD_BOOK = np.uint8(128), np.uint8(64), np.uint8(32), np.uint8(16), np.uint8(4)
WHOLE_LEVEL = np.uint8(64 | 16)
NO_TICK = np.int64(-(2**62))
LIMIT = np.float64(TICK_LIMIT)
ROUND = np.float64(TICK_LIMIT) + np.float64(0.5)
LIMIT_I = np.int64(TICK_LIMIT)
KINDS = np.uint64(len(STATS))
TWICE_BIAS = np.uint64(2 * BIAS)
PROBES = np.uint64(PROBE_LIMIT)
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
def remove(p, slot, order):
    """Take an order out of ladder, index and pool."""
    header = p.header[0]
    p.books[np.uint64(p.orders[order].book)].order_count -= U1
    detach(p, order)
    erase_slot(p, slot)
    p.orders[order].next = header.order_free
    header.order_free = np.uint32(order)
    header.live -= U1


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


@kernel
def side_of(book, side):
    """Index of a book's side: even bid, odd ask, SIDE_NONE for neither."""
    if side != BID and side != ASK:
        return SIDE_NONE
    return (book << U1) | np.uint64(side == ASK)


@kernel
def write_bbo(p, book, out):
    """Best bid and ask of a book into a ``BBO`` record."""
    tick_size = np.int64(p.books[book].tick_size)
    bid = book << U1
    ask = bid | U1
    level = np.uint64(p.sides[bid].best_level)
    if level != U0:
        out.bid_price = tick_of_key(U0, np.uint64(p.sides[bid].best_key)) * tick_size
        out.bid_size = p.levels[level].size
    else:
        out.bid_price = UNDEF
        out.bid_size = 0
    level = np.uint64(p.sides[ask].best_level)
    if level != U0:
        out.ask_price = tick_of_key(U1, np.uint64(p.sides[ask].best_key)) * tick_size
        out.ask_size = p.levels[level].size
    else:
        out.ask_price = UNDEF
        out.ask_size = 0


@kernel
def check_crossed(p, book, flags):
    """Count a group that leaves best bid at or above best ask. The flags come second: they change more often than the answer."""
    bid = book << U1
    total = np.uint64(p.sides[bid].best_key) + np.uint64(p.sides[bid | U1].best_key)
    if total >= TWICE_BIAS and (flags & (LAST | SNAPSHOT)) == LAST:
        count(p, book, CROSSED if total > TWICE_BIAS else LOCKED)


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


@kernel
def room(p):
    """How many events the pools surely have room for."""
    header = p.header[0]
    live = np.uint64(header.live)
    if live >= np.uint64(header.order_capacity) or live >= np.uint64(header.index_limit):
        return U0
    least = np.uint64(header.order_capacity) - live
    for other in (
        np.uint64(header.index_limit) - live,
        np.uint64(header.page_room),
        np.uint64(header.node_room) // np.uint64(NODES_PER_EVENT),
    ):
        if other < least:
            least = other
    return least


@kernel
def replay(p, events, bbo, start):
    """Apply ``events[start:]``; the index of the first event not applied."""
    header = p.header[0]
    total = np.uint64(len(events))
    i = np.uint64(start)
    write = len(bbo) > 0
    far = np.uint64(header.index_mask) >= np.uint64(PREFETCH_FROM)
    header.stop = np.uint32(GOING)
    located = ordered = levelled = linked = i
    while i < total:
        most = room(p)
        if most == U0:
            header.stop = np.uint32(FULL)
            return np.int64(i)
        end = min(min(total, i + most), i + STEP)
        # Each stage runs ahead of the next by a block, so that memory is on its way while events are applied.
        goal = min(total, end + np.uint64(4) * STEP if far else end + STEP)
        locate(p, events, located, goal, far)
        located = goal
        goal = min(total, end + np.uint64(3) * STEP if far else end)
        fetch_orders(p, ordered, goal)
        if far:
            fetch_nodes(p, events, ordered, goal)
        ordered = goal
        if far:
            goal = min(total, end + np.uint64(2) * STEP)
            fetch_levels(p, events, levelled, goal)
            levelled = goal
            goal = min(total, end + STEP)
            fetch_neighbours(p, linked, goal)
            linked = goal
        while i < end:
            e = events[i]
            s = p.scratch[i & AHEAD_MASK]
            book = np.uint64(s.book)
            if book == np.uint64(header.book_count):
                header.stop = np.uint32(NEW_BOOK)
                header.stop_key = event_key(e)
                return np.int64(i)
            if book == U0:
                count(p, U0, OTHER_INSTRUMENT)
            else:
                reason = act(
                    p,
                    book,
                    np.uint8(e.action),
                    side_of(book, np.uint8(e.side)),
                    np.uint8(e.flags),
                    np.uint64(e.order_id),
                    np.int64(e.price),
                    np.int64(e.size),
                    np.uint64(s.hash),
                )
                if reason != GOING:
                    header.stop = np.uint32(reason)
                    return np.int64(i)
                check_crossed(p, book, np.uint8(e.flags))
            if write:
                write_bbo(p, book, bbo[i])
            i += U1
    return np.int64(i)


@kernel(entry=True)
def replay_events(at, address, length, bbo_address, bbo_length, start):
    """``replay`` over ``EVENT`` records."""
    p = unpack(np.uint64(at))
    events = array_at(np.uint64(address), np.uint64(length), EVENT)
    bbo = array_at(np.uint64(bbo_address), np.uint64(bbo_length), BBO)
    return replay(p, events, bbo, start)


@kernel(entry=True)
def replay_dbn(at, address, length, bbo_address, bbo_length, start):
    """``replay`` over packed ``DBN_MBO`` records."""
    p = unpack(np.uint64(at))
    events = array_at(np.uint64(address), np.uint64(length), DBN_MBO)
    bbo = array_at(np.uint64(bbo_address), np.uint64(bbo_length), BBO)
    return replay(p, events, bbo, start)


@kernel(entry=True)
def single(at, book, action, side, flags, order_id, price, size):
    """One event from Python; why it must stop, or GOING."""
    p = unpack(np.uint64(at))
    if room(p) == U0:
        return FULL
    book = np.uint64(book)
    order_id = np.uint64(order_id)
    reason = act(
        p,
        book,
        np.uint8(action),
        side_of(book, np.uint8(side)),
        np.uint8(flags),
        order_id,
        np.int64(price),
        np.int64(size),
        hash_of(p, order_id, book),
    )
    if reason == GOING:
        check_crossed(p, book, np.uint8(flags))
    return reason
