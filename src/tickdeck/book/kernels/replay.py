"""The loop over an array of events.

The loop works through as many events as the pools surely have room for, then looks again: capacity is checked before anything changes
and costs nothing per event. When it must stop it leaves the reason in the header and returns the index of the event, which has not
been applied; the Python face mends the cause and calls again.
"""

import numpy as np

from tickdeck.book.kernels.actions import LAST, SNAPSHOT, UNDEF, act, count, side_of
from tickdeck.book.kernels.fetch import AHEAD_MASK, event_key, fetch_levels, fetch_neighbours, fetch_nodes, fetch_orders, locate
from tickdeck.book.kernels.index import hash_of
from tickdeck.book.kernels.ladder import U0, U1, tick_of_key
from tickdeck.book.kernels.layout import (
    BIAS,
    BLOCK,
    CROSSED,
    FULL,
    GOING,
    LOCKED,
    NEW_BOOK,
    NODES_PER_EVENT,
    OTHER_INSTRUMENT,
    PREFETCH_FROM,
    unpack,
)
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel
from tickdeck.core.records import BBO, DBN_MBO, EVENT

STEP = np.uint64(BLOCK)
TWICE_BIAS = np.uint64(2 * BIAS)


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
