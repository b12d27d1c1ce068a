"""The loop over an array of events.

The loop works through as many events as the pools surely have room for, then looks again: capacity is checked before anything changes
and costs nothing per event. When it must stop it leaves the reason in the header and returns the index of the event, which has not
been applied; the Python face mends the cause and calls again.

What limits the loop is the number of instructions and of branches that nobody can predict. So the usual case of each action has
a short way (``act_shortly``), everything else goes the long one, which is called; best prices are kept in local variables until the
ladder says that they changed; and the slot of a coming event is asked for while this one is applied.
"""

import numpy as np

from tickdeck.book.kernels.actions import (
    ASK,
    L3,
    LAST,
    MAYBE_BAD_BOOK,
    SNAPSHOT,
    UNDEF,
    WHOLE_LEVEL,
    act_fully,
    act_shortly,
    count,
    side_of,
)
from tickdeck.book.kernels.fetch import AHEAD_MASK, STEP, event_key, fetch_ahead
from tickdeck.book.kernels.index import BOOK_SALT, find_book, hash_of, hash_salted, home_slot
from tickdeck.book.kernels.ladder import U0, U1, tick_of_key
from tickdeck.book.kernels.layout import (
    BIAS,
    CROSSED,
    FULL,
    GOING,
    LOCKED,
    LOOK,
    NEW_BOOK,
    NODES_PER_EVENT,
    OTHER_INSTRUMENT,
    PREFETCH_FROM,
    UNUSUAL,
    unpack,
)
from tickdeck.core.intrinsics import array_at, prefetch
from tickdeck.core.kernel import kernel
from tickdeck.core.records import BBO, DBN_MBO, EVENT

UNUSUAL_FLAGS = np.uint8(WHOLE_LEVEL | MAYBE_BAD_BOOK)
NEAR = np.uint64(LOOK)
TWICE_BIAS = np.uint64(2 * BIAS)


@kernel
def price_of_key(p, book, side, key):
    """Price of a side's best key, UNDEF of none."""
    return tick_of_key(side, key) * np.int64(p.books[book].tick_size) if key != U0 else UNDEF


@kernel
def ladder_room(p):
    """For how many events the pools surely have pages and tree nodes."""
    header = p.header[0]
    return min(np.uint64(header.page_room), np.uint64(header.node_room) // np.uint64(NODES_PER_EVENT))


@kernel
def order_room(p):
    """For how many events the pools surely have orders and slots."""
    header = p.header[0]
    live = np.uint64(header.live)
    most = min(np.uint64(header.order_capacity), np.uint64(header.index_limit))
    return most - live if live < most else U0


@kernel
def room(p):
    """How many events the pools surely have room for."""
    return min(order_room(p), ladder_room(p))


@kernel
def replay(p, events, bbo, start):
    """Apply ``events[start:]``; the index of the first event not applied."""
    header = p.header[0]
    total = np.uint64(len(events))
    i = np.uint64(start)
    write = len(bbo) > 0
    far = np.uint64(header.index_mask) >= np.uint64(PREFETCH_FROM)
    header.stop = np.uint32(GOING)
    header.located = header.ordered = header.levelled = header.linked = i
    header.changed = U1
    last_key = np.uint64(header.last_key)
    book = np.uint64(header.last_book)
    salt = book * BOOK_SALT
    # What is known of the book's best prices, until one of them changes.
    bid_level = ask_level = U0
    bid_price = ask_price = UNDEF
    crossed = False
    while i < total:
        # Only an event that makes a page takes from the ladder's room: after it the loop comes back here when that is used up.
        most = order_room(p)
        if most == U0 or ladder_room(p) == U0:
            header.stop = np.uint32(FULL)
            return np.int64(i)
        end = min(total, i + most)
        ahead = U0
        if far:
            end = fetch_ahead(p.at, events, min(end, i + STEP))
            if i == end:
                header.stop = np.uint32(NEW_BOOK)
                header.stop_key = event_key(events[i])
                return np.int64(i)
        elif i + NEAR < total:
            end = min(end, total - NEAR)
            ahead = NEAR
        while i < end:
            e = events[i]
            order_id = np.uint64(e.order_id)
            if far:
                s = p.scratch[i & AHEAD_MASK]
                book = np.uint64(s.book)
                hashed = np.uint64(s.hash)
                header.changed = U1
            else:
                key = event_key(e)
                if key != last_key:
                    entry = p.keys[find_book(p, key)]
                    if entry.used == np.uint32(0):
                        header.stop = np.uint32(NEW_BOOK)
                        header.stop_key = key
                        return np.int64(i)
                    last_key = key
                    book = np.uint64(entry.book)
                    salt = book * BOOK_SALT
                    header.last_key = last_key
                    header.last_book = np.uint32(book)
                    header.changed = U1
                hashed = hash_salted(p, order_id, salt)
                prefetch(p.slots, home_slot(p, hash_salted(p, np.uint64(events[i + ahead].order_id), salt)))
            flags = np.uint8(e.flags)
            reason = UNUSUAL
            if (p.books[book].mode ^ L3) | (flags & UNUSUAL_FLAGS) == np.uint8(0):
                reason = act_shortly(
                    p, book, np.uint8(e.action), np.uint8(e.side) - ASK, order_id, np.int64(e.price), np.int64(e.size), hashed
                )
            if reason != GOING:
                header.changed = U1
                if book == U0:
                    count(p, U0, OTHER_INSTRUMENT)
                else:
                    reason = act_fully(
                        p.at,
                        book,
                        np.uint8(e.action),
                        side_of(book, np.uint8(e.side)),
                        flags,
                        order_id,
                        np.int64(e.price),
                        np.int64(e.size),
                        hashed,
                    )
                    if reason != GOING:
                        header.stop = np.uint32(reason)
                        return np.int64(i)
            if header.changed != U0:
                header.changed = U0
                bid = p.sides[book << U1]
                ask = p.sides[(book << U1) | U1]
                bid_level = np.uint64(bid.best_level)
                ask_level = np.uint64(ask.best_level)
                bid_price = price_of_key(p, book, U0, np.uint64(bid.best_key))
                ask_price = price_of_key(p, book, U1, np.uint64(ask.best_key))
                crossed = np.uint64(bid.best_key) + np.uint64(ask.best_key) >= TWICE_BIAS
                if ladder_room(p) == U0:
                    end = i + U1
            if crossed and (flags & (LAST | SNAPSHOT)) == LAST:
                count(p, book, CROSSED if bid_price > ask_price else LOCKED)
            if write:
                # Level 0, which is never used, gives the size of an empty side.
                out = bbo[i]
                bid_size = np.int64(p.levels[bid_level].size)
                ask_size = np.int64(p.levels[ask_level].size)
                out.bid_price = bid_price
                out.ask_price = ask_price
                out.bid_size = bid_size
                out.ask_size = ask_size
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
    reason = act_fully(
        p.at,
        book,
        np.uint8(action),
        side_of(book, np.uint8(side)),
        np.uint8(flags),
        order_id,
        np.int64(price),
        np.int64(size),
        hash_of(p, order_id, book),
    )
    if reason == GOING and (flags & (LAST | SNAPSHOT)) == LAST:
        bid = p.sides[book << U1]
        ask = p.sides[(book << U1) | U1]
        total = np.uint64(bid.best_key) + np.uint64(ask.best_key)
        if total >= TWICE_BIAS:
            count(p, book, CROSSED if total > TWICE_BIAS else LOCKED)
    return reason
