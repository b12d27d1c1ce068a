"""Changes of phase, and what is due by time: scheduled changes, ends of interruptions, expiries."""

import numpy as np

from tickdeck.book.kernels.layout import unpack
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.auction import hold_auction
from tickdeck.exchange.kernels.codes import (
    CLOSED,
    CONTINUOUS,
    DATE_REACHED,
    END_OF_DAY,
    PRE_CLOSE,
    U0,
    U1,
)
from tickdeck.exchange.kernels.incoming import admit, begin_phase, set_bands, settle_from
from tickdeck.exchange.kernels.layout import FREE, NEVER, unpack_exchange
from tickdeck.exchange.kernels.output import EXPIRED
from tickdeck.exchange.kernels.places import leave_place, withdraw
from tickdeck.exchange.kernels.walks import ALL_SIDES, DAY_ORDERS, WAITING_FOR_CLOSE, gather, sort_by_id

FOLLOWERS = (
    0,
    1 << 2 | 1 << 3,
    1 << 3 | 1 << 4 | 1 << 1,
    1 << 4 | 1 << 5 | 1 << 6 | 1 << 1,
    1 << 2 | 1 << 3 | 1 << 6 | 1 << 1,
    1 << 3 | 1 << 4 | 1 << 6 | 1 << 1,
    1 << 1 | 1 << 4,
)
"""Bit set of the phases that may follow each phase."""


@kernel
def may_follow(before, phase):
    """Whether a phase may follow another."""
    return phase >= np.uint8(1) and phase <= np.uint8(6) and (FOLLOWERS[before] >> np.int64(phase)) & 1 != 0


@kernel(rare=True)
def change_phase(at, listing, phase):
    """Change the phase of an instrument, with the auction and the expiries that this means."""
    x = unpack_exchange(at)
    market = x.listings[listing]
    if phase == CONTINUOUS or (phase == CLOSED and market.phase == PRE_CLOSE):
        hold_auction(at, listing)
    if phase == CLOSED:
        count = gather(at, listing, ALL_SIDES, U0, DAY_ORDERS, U0)
        sort_by_id(at, count)
        for i in range(U0, count):
            withdraw(at, np.uint64(x.ids[i]), EXPIRED, END_OF_DAY)
    begin_phase(at, listing, phase)
    set_bands(at, listing)
    if phase == PRE_CLOSE:
        count = gather(at, listing, ALL_SIDES, U0, WAITING_FOR_CLOSE, U0)
        sort_by_id(at, count)
        for i in range(U0, count):
            order = np.uint64(x.ids[i])
            leave_place(at, order)
            admit(at, order)
    settle_from(at, listing)


@kernel
def before(x, a, b):
    """Whether expiry `a` comes before `b`."""
    first, second = x.expiries[a], x.expiries[b]
    return first.ts < second.ts or (first.ts == second.ts and np.uint64(first.order_id) < np.uint64(second.order_id))


@kernel
def swap_expiries(x, a, b):
    """Exchange two places of the heap."""
    first, second = x.expiries[a], x.expiries[b]
    ts, order_id, order = first.ts, first.order_id, first.order
    first.ts, first.order_id, first.order = second.ts, second.order_id, second.order
    second.ts, second.order_id, second.order = ts, order_id, order


@kernel(rare=True)
def push_expiry(at, order):
    """Remember when an order expires."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    state = x.state[0]
    i = np.uint64(state.expiry_count)
    state.expiry_count += U1
    row = x.expiries[i]
    row.ts = x.extras[order].expire
    row.order_id = p.orders[order].id
    row.order = order
    while i > U0 and before(x, i, (i - U1) >> U1):
        swap_expiries(x, i, (i - U1) >> U1)
        i = (i - U1) >> U1
    state.next_due = min(np.int64(state.next_due), np.int64(x.extras[order].expire))


@kernel(rare=True)
def pop_expiry(at):
    """Forget the next expiry."""
    x = unpack_exchange(at)
    state = x.state[0]
    state.expiry_count -= U1
    count = np.uint64(state.expiry_count)
    swap_expiries(x, U0, count)
    i = U0
    while True:
        child = (i << U1) + U1
        if child >= count:
            return
        if child + U1 < count and before(x, child + U1, child):
            child += U1
        if before(x, i, child):
            return
        swap_expiries(x, i, child)
        i = child


@kernel
def still_lives(x, p, i):
    """Whether an expiry's order is still there."""
    order = np.uint64(x.expiries[i].order)
    return x.extras[order].place != np.uint8(FREE) and p.orders[order].id == x.expiries[i].order_id


@kernel(rare=True)
def drop_dead_expiries(at):
    """Forget expiries of orders that are gone; how many are left."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    state = x.state[0]
    count = np.uint64(state.expiry_count)
    state.expiry_count = U0
    for i in range(U0, count):
        if still_lives(x, p, i):
            push_expiry(at, np.uint64(x.expiries[i].order))
    return np.uint64(state.expiry_count)


@kernel
def insert_scheduled(x, ts, instrument, phase):
    """Add a phase change to come, behind those of the same time."""
    state = x.state[0]
    i = np.uint64(state.schedule_count)
    state.schedule_count += U1
    while i > U0 and np.int64(x.schedule[i - U1].ts) > ts:
        move_scheduled(x, i, i - U1)
        i -= U1
    row = x.schedule[i]
    row.ts = ts
    row.instrument = np.uint32(instrument)
    row.phase = np.uint32(phase)
    state.next_due = min(np.int64(state.next_due), ts)


@kernel
def move_scheduled(x, to, origin):
    """Copy one place of the schedule to another."""
    row, other = x.schedule[to], x.schedule[origin]
    row.ts = other.ts
    row.instrument = other.instrument
    row.phase = other.phase


@kernel(rare=True)
def run_scheduled(at):
    """The next scheduled change takes place."""
    x = unpack_exchange(at)
    state = x.state[0]
    instrument, phase = np.uint64(x.schedule[0].instrument), np.uint8(x.schedule[0].phase)
    count = np.uint64(state.schedule_count)
    for i in range(U1, count):
        move_scheduled(x, i - U1, i)
    state.schedule_count = count - U1
    for listing in range(U1, np.uint64(state.listing_count) + U1):
        market = x.listings[listing]
        if instrument == U0 or np.uint64(market.instrument_id) == instrument:
            if may_follow(market.phase, phase):
                change_phase(at, listing, phase)
            else:
                state.skipped_phases += U1


@kernel
def next_resume(x):
    """Listing of the interruption that ends next, and when; 0 and NEVER if none does."""
    found, when = U0, np.int64(NEVER)
    for listing in range(U1, np.uint64(x.state[0].listing_count) + U1):
        if np.int64(x.listings[listing].resume_at) < when:
            found, when = listing, np.int64(x.listings[listing].resume_at)
    return found, when


@kernel(rare=True)
def pass_time(at, ts):
    """Everything that is due by `ts` happens, each at its own time."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    state = x.state[0]
    while True:
        while np.uint64(state.expiry_count) > U0 and not still_lives(x, p, U0):
            pop_expiry(at)
        scheduled = np.int64(x.schedule[0].ts) if np.uint64(state.schedule_count) > U0 else np.int64(NEVER)
        interrupted, resume = next_resume(x)
        expires = np.int64(x.expiries[0].ts) if np.uint64(state.expiry_count) > U0 else np.int64(NEVER)
        due = min(scheduled, min(resume, expires))
        if due > ts:
            state.next_due = due
            return
        state.clock = max(np.int64(state.clock), due)
        if scheduled == due:
            run_scheduled(at)
        elif resume == due:
            change_phase(at, interrupted, CONTINUOUS)
        else:
            order = np.uint64(x.expiries[0].order)
            listing = np.uint64(x.extras[order].listing)
            pop_expiry(at)
            withdraw(at, order, EXPIRED, DATE_REACHED)
            settle_from(at, listing)
