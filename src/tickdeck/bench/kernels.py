"""Compiled loops of the benchmarks: order flows to replay and the checksum of what replaying them gave.

``books`` has a row a book (``BOOK``): its instrument id, where its live orders start in ``resting`` (``RESTING``), how many there
are and where its price is.
"""

import math

import numpy as np

from tickdeck.core.kernel import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
ADD, CANCEL, MODIFY = np.uint8(ord("A")), np.uint8(ord("C")), np.uint8(ord("M"))
BID, ASK = np.uint8(ord("B")), np.uint8(ord("A"))
LAST = np.uint8(128)
RECENT = 200.0
SWEEP = 8
START_NS = np.int64(1_700_000_000_000_000_000)


@kernel
def uniform(state):
    """The next number in [0, 1) of the generator in ``state[0]`` (splitmix64)."""
    state[0] += GOLDEN
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.float64(np.int64(z >> np.uint64(11))) * (1.0 / 9007199254740992.0)


@kernel
def exponential(state, mean):
    """An exponentially distributed number."""
    return -mean * math.log(1.0 - uniform(state))


@kernel
def tick_near(state, mid, side, tail):
    """A tick on `side`, some way from `mid`: mostly near, sometimes far."""
    distance = np.int64(1 + exponential(state, 6.0 if uniform(state) >= tail else 80.0))
    return np.int64(math.floor(mid)) + (-distance if side == BID else distance)


@kernel
def find_crossed(resting, start, live, sweep, mid):
    """Position of a live order on the wrong side of `mid` among the few that come next in the sweep, -1: none."""
    for step in range(SWEEP):
        position = (sweep + step) % live
        order = resting[start + position]
        if (order.tick >= mid) if order.side == BID else (order.tick <= mid):
            return position
    return -1


@kernel
def put(event, action, order, tick_size):
    """An event about a resting order."""
    event.order_id = order.id
    event.price = order.tick * tick_size
    event.size = order.size
    event.action = action
    event.side = order.side


@kernel(entry=True)
def order_flow(events, books, resting, state, tick_size, growth, first_ns, orders_a_book, fewest, recycle):
    """Fill `events` with adds, cancels, partial cancels and modifies that hold each book near `orders_a_book` live orders.

    Below `fewest` live orders a book only adds. ``growth`` is the factor by which each book's price moves an event; orders that
    the price has passed are cancelled first. With `recycle` a new order takes the id of the order cancelled last, from 0 on.
    """
    room = np.int64(len(resting)) // np.int64(len(books))
    now = np.int64(first_ns)
    for i in range(len(events)):
        event = events[i]
        index = np.int64(uniform(state) * len(books))
        book = books[index]
        now += 1 + np.int64(exponential(state, 1000.0))
        book.mid = book.mid * growth + (uniform(state) - 0.5) * 0.015
        live = np.int64(book.live)
        event.ts_event = now
        event.ts_recv = now
        event.sequence = np.uint64(i)
        event.instrument_id = book.instrument_id
        event.publisher_id = np.uint16(60002)
        event.flags = LAST
        event.rtype = np.uint8(160)
        start = np.int64(book.start)
        crossed = np.int64(-1)
        if live > fewest:
            crossed = find_crossed(resting, start, live, i * SWEEP, book.mid)
        if live < fewest or (crossed < 0 and uniform(state) < 0.475 * (2.0 - live / orders_a_book) and live < room - 1):
            order = resting[start + live]
            if not recycle:
                state[1] += np.uint64(1 + np.int64(exponential(state, 3.0)))
                order.id = state[1]
            order.side = BID if uniform(state) < 0.5 else ASK
            order.tick = tick_near(state, book.mid, order.side, 0.15)
            order.size = np.int64(1 + exponential(state, 100.0))
            put(event, ADD, order, tick_size)
            book.live = np.uint32(live + 1)
            continue
        if crossed >= 0:
            chosen = crossed
        elif uniform(state) < 0.8:
            chosen = max(live - 1 - np.int64(exponential(state, RECENT)), 0)
        else:
            chosen = np.int64(uniform(state) * live)
        order = resting[start + chosen]
        kind = uniform(state) if crossed < 0 else 1.0
        if kind < 0.08 and order.size > 1:
            half = np.int64(order.size) // 2
            rest = np.int64(order.size) - half
            order.size = half
            put(event, CANCEL, order, tick_size)
            order.size = rest
        elif kind < 0.18:
            order.tick = tick_near(state, book.mid, order.side, 0.0)
            order.size = np.int64(1 + exponential(state, 100.0))
            put(event, MODIFY, order, tick_size)
        else:
            put(event, CANCEL, order, tick_size)
            last = resting[start + live - 1]
            gone = np.uint64(order.id)
            order.id = last.id
            order.tick = last.tick
            order.size = last.size
            order.side = last.side
            last.id = gone
            book.live = np.uint32(live - 1)


@kernel(entry=True)
def fold_bbo(bbo, fold):
    """64-bit checksum over every word of `bbo`, continued from `fold`; the native reference computes the same."""
    fold = np.uint64(fold)
    for i in range(len(bbo)):
        row = bbo[i]
        fold = (fold ^ np.uint64(row.bid_price)) * GOLDEN
        fold = (fold ^ np.uint64(row.ask_price)) * GOLDEN
        fold = (fold ^ np.uint64(row.bid_size)) * GOLDEN
        fold = (fold ^ np.uint64(row.ask_size)) * GOLDEN
    return fold
