"""Compiled order flow: draws what happens next, changes the books, writes the records.

Layout, for `n` instruments, each with room for `capacity` orders and a window of `width` ticks (a power of two):

  books   n             one BOOK each: window, best prices, counts
  levels  n * width     one QUEUE for each tick of the window, in a ring: the slot of a tick is ``tick % width``
  orders  n * capacity  one RESTING each, linked into the queue of its level
  live    n * capacity  a permutation of each instrument's order slots: the first ``book.live`` are in use, the rest free,
                        so that a live order can be drawn at random and a free slot found without a search

A level holds one side only: bids at or below ``best_bid``, asks at or above ``best_ask``. No side ever runs empty.
When the price drifts from the middle of the window, the window follows: the orders at its trailing edge are cancelled first.
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.simulation.kernels.random import below, draw, exponential, uniform

NIL = -1
MAX_FILLS = 32
ROOM = 3 * MAX_FILLS
"""Records that one group may take: a trade that fills `MAX_FILLS` orders at as many prices."""

BID, ASK = ord("B"), ord("A")
ADD, CANCEL, MODIFY, CLEAR, TRADE, FILL = ord("A"), ord("C"), ord("M"), ord("R"), ord("T"), ord("F")
LAST, SNAPSHOT = 128, 32
NO_PRICE = 2**63 - 1


@kernel
def emit(events, at, clock, book, action, side, order_id, price, size, flags):
    """Write one record; the index of the next."""
    event = events[at]
    event.ts_event = clock.now
    event.ts_recv = clock.received
    event.order_id = order_id
    event.price = price
    event.size = size
    event.sequence = clock.sequence
    event.instrument_id = book.instrument_id
    event.ts_in_delta = clock.delta
    event.publisher_id = clock.publisher_id
    event.action = action
    event.side = side
    event.flags = flags
    event.rtype = 0xA0
    return at + 1


@kernel
def advance_time(clock, gaps):
    """Move to the next group: exponential time at the rate of the time of day, and the receiver's clock after it."""
    while clock.now >= clock.bin_end and clock.bin + 1 < len(gaps):
        clock.bin += 1
        clock.bin_end += clock.bin_ns
    clock.now += 1 + np.int64(exponential(clock) * gaps[clock.bin])
    clock.delta = 4_000 + below(clock, 4_096)
    clock.received = max(clock.received, clock.now + 20_000 + clock.delta)
    clock.sequence += np.uint64(1)


@kernel
def place(clock, book, side, width, distances):
    """A price for a new order, in ticks: a random distance from the best price of the other side, inside the window."""
    distance = np.int64(distances[np.int64(draw(clock) >> np.uint64(52))])
    if side == BID:
        return max(book.best_ask - distance, book.low)
    return min(book.best_bid + distance, book.low + width - 1)


@kernel
def insert(levels, orders, book, slot, width):
    """Put an order whose tick, side and size are set at the tail of its level."""
    order = orders[slot]
    level = levels[book.first_level + (order.tick & (width - 1))]
    order.next = NIL
    order.prev = level.tail
    if level.tail == NIL:
        level.head = slot
    else:
        orders[level.tail].next = slot
    level.tail = slot
    if order.side == BID:
        if book.bids == 0 or order.tick > book.best_bid:
            book.best_bid = order.tick
        book.bids += 1
    else:
        if book.asks == 0 or order.tick < book.best_ask:
            book.best_ask = order.tick
        book.asks += 1


@kernel
def unlink(levels, orders, book, slot, width):
    """Take an order out of its level; the best price moves on if the level is empty now."""
    order = orders[slot]
    level = levels[book.first_level + (order.tick & (width - 1))]
    if order.prev == NIL:
        level.head = order.next
    else:
        orders[order.prev].next = order.next
    if order.next == NIL:
        level.tail = order.prev
    else:
        orders[order.next].prev = order.prev
    if order.side == BID:
        book.bids -= 1
        if level.head == NIL and order.tick == book.best_bid and book.bids > 0:
            tick = order.tick - 1
            while levels[book.first_level + (tick & (width - 1))].head == NIL:
                tick -= 1
            book.best_bid = tick
    else:
        book.asks -= 1
        if level.head == NIL and order.tick == book.best_ask and book.asks > 0:
            tick = order.tick + 1
            while levels[book.first_level + (tick & (width - 1))].head == NIL:
                tick += 1
            book.best_ask = tick


@kernel
def release(orders, live, book, slot):
    """Give the slot of an unlinked order back."""
    position = np.int64(orders[slot].position)
    book.live -= 1
    last = book.first_order + book.live
    moved = live[last]
    live[position] = moved
    orders[moved].position = position
    live[last] = slot


@kernel
def add_order(events, at, clock, book, levels, orders, live, width, side, tick, size, flags):
    """A new order joins the tail of its level."""
    position = book.first_order + book.live
    slot = np.int64(live[position])
    book.live += 1
    clock.next_id += np.uint64(1) + (draw(clock) & np.uint64(3))
    order = orders[slot]
    order.order_id = clock.next_id
    order.tick = tick
    order.size = size
    order.side = side
    order.position = position
    insert(levels, orders, book, slot, width)
    return emit(events, at, clock, book, ADD, side, order.order_id, tick * clock.tick_size, size, flags)


@kernel
def cancel_order(events, at, clock, book, levels, orders, live, width, slot, size):
    """Take `size` off an order; all of it removes the order."""
    order = orders[slot]
    at = emit(events, at, clock, book, CANCEL, order.side, order.order_id, order.tick * clock.tick_size, size, LAST)
    if size == order.size:
        unlink(levels, orders, book, slot, width)
        release(orders, live, book, slot)
    else:
        order.size -= size
    return at


@kernel
def modify_order(events, at, clock, book, levels, orders, width, distances, sizes, slot):
    """Half the time a smaller size (keeps its place), else a new price, or now and then a larger size (both lose it)."""
    order = orders[slot]
    kind = below(clock, 100)
    if kind < 50 and order.size > 1:
        order.size -= 1 + below(clock, order.size - 1)
    else:
        tick = order.tick if kind >= 85 else place(clock, book, order.side, width, distances)
        unlink(levels, orders, book, slot, width)
        if tick == order.tick:
            order.size += np.int64(sizes[below(clock, len(sizes))])
        order.tick = tick
        insert(levels, orders, book, slot, width)
    return emit(events, at, clock, book, MODIFY, order.side, order.order_id, order.tick * clock.tick_size, order.size, LAST)


@kernel
def trade(events, at, clock, book, levels, orders, live, width, sizes):
    """An aggressor walks the other side in price-time order: at each price T, then F and C for every order it fills.

    Its side repeats the last one more often than not (order signs have long memory: Lillo and Farmer 2004), and now and then
    it takes just what stands at the best price, as traders do (Farmer et al. 2004).
    """
    if below(clock, 100) < 40:
        book.aggressor = BID + ASK - book.aggressor
    resting = BID + ASK - book.aggressor
    spare = min((book.asks if resting == ASK else book.bids) - 1, np.int64(MAX_FILLS))
    kind = below(clock, 100)
    wanted = np.int64(sizes[below(clock, len(sizes))])
    whole_level = kind < 15
    first = at
    while spare > 0 and (whole_level or wanted > 0):
        tick = book.best_ask if resting == ASK else book.best_bid
        slot = np.int64(levels[book.first_level + (tick & (width - 1))].head)
        executed, fills, walk = np.int64(0), np.int64(0), slot
        while walk != NIL and fills < spare and (whole_level or executed < wanted):
            executed += orders[walk].size if whole_level else min(orders[walk].size, wanted - executed)
            fills += 1
            walk = np.int64(orders[walk].next)
        price = tick * clock.tick_size
        at = emit(events, at, clock, book, TRADE, book.aggressor, np.uint64(0), price, executed, 0)
        spare -= fills
        # After the whole of the first level, one sweep in five goes on into the next.
        wanted = wanted if whole_level and kind < 3 else np.int64(0) if whole_level else wanted - executed
        whole_level = False
        left = executed
        while left > 0:
            order = orders[slot]
            following = np.int64(order.next)
            filled = min(order.size, left)
            left -= filled
            at = emit(events, at, clock, book, FILL, resting, order.order_id, price, filled, 0)
            at = emit(events, at, clock, book, CANCEL, resting, order.order_id, price, filled, 0)
            order.size -= filled
            if order.size == 0:
                unlink(levels, orders, book, slot, width)
                release(orders, live, book, slot)
            slot = following
    if at > first:
        events[at - 1].flags = LAST
    return at


@kernel
def order_at_edge(book, levels, width):
    """Move the window towards the price; the order that stands in the way at its trailing edge, or NIL."""
    middle = (book.best_bid + book.best_ask) >> 1
    if abs(middle - book.low - (width >> 1)) > (width >> 3):
        book.wanted_low = max(np.int64(1), middle - (width >> 1))
    while book.low < book.wanted_low:
        slot = np.int64(levels[book.first_level + (book.low & (width - 1))].head)
        if slot != NIL:
            return slot
        book.low += 1
    while book.low > book.wanted_low:
        slot = np.int64(levels[book.first_level + ((book.low - 1) & (width - 1))].head)
        if slot != NIL:
            return slot
        book.low -= 1
    return np.int64(NIL)


@kernel(entry=True)
def open_books(events, clocks, books, levels, orders, live, distances, sizes, width, target):
    """Write each instrument's opening book: R, then `target` adds, all flagged SNAPSHOT. Resumes where it stopped.

    Returns the number of records written; 0 when all books stand.
    """
    clock = clocks[0]
    at = 0
    while clock.opening < len(books) and at + 2 <= len(events):
        book = books[clock.opening]
        if book.live == 0:
            at = emit(events, at, clock, book, CLEAR, ord("N"), np.uint64(0), NO_PRICE, 0, SNAPSHOT)
        side = BID if book.live % 2 == 0 else ASK
        size = np.int64(sizes[below(clock, len(sizes))])
        if book.live < 2:
            tick = book.best_bid if side == BID else book.best_ask
        else:
            tick = place(clock, book, side, width, distances)
        flags = SNAPSHOT | LAST if book.live + 1 == target else SNAPSHOT
        at = add_order(events, at, clock, book, levels, orders, live, width, side, tick, size, flags)
        if book.live == target:
            clock.opening += 1
    return at


@kernel(entry=True)
def run_flow(
    events, clocks, books, levels, orders, live, distances, sizes, gaps, accept, other, weights, width, target, capacity
):
    """Write the session's next records; stops before a group that might not fit or when `clock.remaining` is used up.

    `accept` and `other` are the alias table from which the instrument is drawn; `weights` the rates of add, trade, and of cancel
    and modify at the target number of live orders. Returns the number of records written.
    """
    clock = clocks[0]
    at = 0
    while clock.remaining > 0 and at + ROOM <= len(events):
        number = below(clock, len(books))
        if draw(clock) > accept[number]:
            number = np.int64(other[number])
        book = books[number]
        advance_time(clock, gaps)
        begun = at
        filling = np.float64(book.live) / np.float64(target)
        cancel = weights[2] * filling
        choice = uniform(clock) * (weights[0] + weights[1] + cancel + weights[3] * filling)
        edge = order_at_edge(book, levels, width)
        slot = edge if edge != NIL else np.int64(live[book.first_order + below(clock, book.live)])
        alone = (book.bids if orders[slot].side == BID else book.asks) == 1
        # The last order of a side may go only after another has come: one place is kept free for that.
        if alone and (edge != NIL or choice >= weights[0] + weights[1]):
            side = orders[slot].side
            tick = place(clock, book, side, width, distances)
            size = np.int64(sizes[below(clock, len(sizes))])
            at = add_order(events, at, clock, book, levels, orders, live, width, side, tick, size, LAST)
        elif edge != NIL:
            at = cancel_order(events, at, clock, book, levels, orders, live, width, slot, orders[slot].size)
        elif choice < weights[1] and clock.remaining >= ROOM and book.bids > 1 and book.asks > 1:
            at = trade(events, at, clock, book, levels, orders, live, width, sizes)
        elif choice < weights[0] + weights[1] and book.live + 1 < capacity:
            side = BID if below(clock, 2) == 0 else ASK
            tick = place(clock, book, side, width, distances)
            size = np.int64(sizes[below(clock, len(sizes))])
            at = add_order(events, at, clock, book, levels, orders, live, width, side, tick, size, LAST)
        elif choice < weights[0] + weights[1] + cancel:
            size = orders[slot].size
            if size > 1 and below(clock, 10) == 0:
                size = 1 + below(clock, size - 1)
            at = cancel_order(events, at, clock, book, levels, orders, live, width, slot, size)
        else:
            at = modify_order(events, at, clock, book, levels, orders, width, distances, sizes, slot)
        clock.remaining -= at - begun
    return at
