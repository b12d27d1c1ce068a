"""Where an order stands: entering and leaving books and lists, and the end of an order."""

import numpy as np

from tickdeck.book.kernels.index import erase_slot, find_slot, hash_of, put_slot
from tickdeck.book.kernels.ladder import append, detach, key_of
from tickdeck.book.kernels.layout import unpack
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.clients import Table, enter_client, find_group, hash_key, leave_client
from tickdeck.exchange.kernels.codes import TRAILING_STOP, U0, U1, UNSEEN
from tickdeck.exchange.kernels.gate import tell_less
from tickdeck.exchange.kernels.layout import (
    DISPLAYED,
    FREE,
    HIDDEN,
    LISTED,
    LISTS,
    STOPPED,
    unpack_exchange,
)
from tickdeck.exchange.kernels.output import (
    ADD,
    CANCEL,
    CANCELLED,
    LAST,
    begin_group,
    code_of,
    publish,
    report,
)

NONE = np.uint32(0)
FOLLOWS = TRAILING_STOP
"""From this type on an order follows the market."""
ICEBERG, REDUCING, GROUPED, PEGGED = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8)
"""Bits of ``special``."""


@kernel
def open_size(x, p, order):
    """What is left of an order, displayed or not."""
    return np.int64(p.orders[order].size) + np.int64(x.extras[order].reserve)


@kernel
def enter_book(p, book, side, order, tick, size):
    """Put an order at the end of a level's queue and into the id index."""
    o = p.orders[order]
    order_id = np.uint64(o.id)
    hashed = hash_of(p, order_id, book)
    put_slot(p, find_slot(p, order_id, book, hashed), hashed, order)
    o.book = np.uint32(book)
    p.books[book].order_count += U1
    side = (book << U1) | side
    append(p, side, key_of(side, tick), order, size)


@kernel
def leave_book(p, order):
    """Take an order out of its book; its size stays in the record."""
    book, order_id = np.uint64(p.orders[order].book), np.uint64(p.orders[order].id)
    erase_slot(p, find_slot(p, order_id, book, hash_of(p, order_id, book)))
    p.books[book].order_count -= U1
    detach(p, order)


@kernel(rare=True)
def enlist(at, order, kind):
    """Put an order at the end of one of its listing's lists."""
    x = unpack_exchange(at)
    extra = x.extras[order]
    entry = x.lists[np.uint64(extra.listing) * np.uint64(LISTS) + np.uint64(kind)]
    tail = np.uint64(entry.tail)
    extra.list_prev = np.uint32(tail)
    extra.list_next = NONE
    extra.list = np.uint8(np.uint64(kind) + U1)
    if tail != U0:
        x.extras[tail].list_next = np.uint32(order)
    else:
        entry.head = np.uint32(order)
    entry.tail = np.uint32(order)
    entry.count = np.uint32(np.uint64(entry.count) + U1)
    x.state[0].movable += U1


@kernel(rare=True)
def leave_list(at, order):
    """Take an order out of its list, if it stands in one."""
    x = unpack_exchange(at)
    extra = x.extras[order]
    if extra.list == np.uint8(0):
        return
    if extra.order_type >= FOLLOWS:
        x.listings[np.uint64(extra.listing)].waiting -= U1
    entry = x.lists[np.uint64(extra.listing) * np.uint64(LISTS) + np.uint64(extra.list) - U1]
    before, after = np.uint64(extra.list_prev), np.uint64(extra.list_next)
    if before != U0:
        x.extras[before].list_next = np.uint32(after)
    else:
        entry.head = np.uint32(after)
    if after != U0:
        x.extras[after].list_prev = np.uint32(before)
    else:
        entry.tail = np.uint32(before)
    entry.count = np.uint32(np.uint64(entry.count) - U1)
    extra.list = np.uint8(0)
    x.state[0].movable -= U1


@kernel
def refills_of(reserve, display):
    """How many parts a reserve comes in."""
    return np.uint64((reserve + display - 1) // display) if display > 0 else U0


@kernel(rare=True)
def set_reserve(at, order, reserve):
    """Change the open size that an iceberg does not display."""
    x = unpack_exchange(at)
    extra = x.extras[order]
    state = x.state[0]
    display = np.int64(extra.display)
    state.refills = np.uint64(state.refills) + refills_of(reserve, display) - refills_of(np.int64(extra.reserve), display)
    extra.reserve = reserve


@kernel(rare=True)
def join_group(at, order):
    """Link an order into the circle of its one-cancels-other group."""
    x = unpack_exchange(at)
    extra = x.extras[order]
    slot = find_group(x, np.uint64(extra.participant), np.uint64(extra.group))
    member = np.uint64(x.group_slots[slot].order)
    if member == U0:
        extra.group_next = np.uint32(order)
        table = Table(x.group_table, x.group_slots)
        put_slot(table, slot, hash_key(table, np.uint64(extra.participant), np.uint64(extra.group)), order)
        x.state[0].group_live += U1
        return
    extra.group_next = x.extras[member].group_next
    x.extras[member].group_next = np.uint32(order)


@kernel(rare=True)
def leave_group(at, order):
    """Take an order out of the circle of its group; the last one takes the group with it."""
    x = unpack_exchange(at)
    extra = x.extras[order]
    slot = find_group(x, np.uint64(extra.participant), np.uint64(extra.group))
    after = np.uint64(extra.group_next)
    if after == order:
        erase_slot(Table(x.group_table, x.group_slots), slot)
        x.state[0].group_live -= U1
    else:
        before = after
        while np.uint64(x.extras[before].group_next) != order:
            before = np.uint64(x.extras[before].group_next)
        x.extras[before].group_next = np.uint32(after)
        x.group_slots[slot].order = np.uint32(after)
    extra.group = NONE


@kernel
def end_order(x, p, order):
    """An order that stands nowhere any more is gone; its record stays readable until the next order is accepted."""
    extra = x.extras[order]
    leave_client(x, order)
    if extra.special != np.uint8(0):
        if (extra.special & GROUPED) != np.uint8(0):
            leave_group(x.at, order)
        if extra.reserve != 0:
            set_reserve(x.at, order, np.int64(0))
        if extra.list != np.uint8(0):
            leave_list(x.at, order)
    extra.place = np.uint8(FREE)
    header = p.header[0]
    p.orders[order].next = header.order_free
    header.order_free = np.uint32(order)
    header.live -= U1


@kernel(rare=True)
def leave_place(at, order):
    """Take an order out of wherever it stands; its sizes stay."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    listing = x.listings[np.uint64(extra.listing)]
    if extra.place == np.uint8(STOPPED):
        x.state[0].movable -= U1
        listing.waiting -= U1
    leave_list(at, order)
    if extra.place == np.uint8(DISPLAYED) or extra.place == np.uint8(HIDDEN) or extra.place == np.uint8(STOPPED):
        leave_book(p, order)


@kernel(rare=True)
def withdraw(at, order, kind, reason):
    """Cancel or expire an order wherever it stands, telling everybody."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    size = open_size(x, p, order)
    if extra.place == np.uint8(DISPLAYED):
        begin_group(x)
        publish(
            x,
            np.uint64(extra.listing),
            CANCEL,
            code_of(extra.side),
            np.uint64(p.orders[order].id),
            np.int64(extra.price),
            np.int64(p.orders[order].size),
            LAST,
        )
    leave_place(at, order)
    report(x, p, order, np.uint8(kind), np.int64(extra.price), size, np.int64(0), np.uint64(reason), np.uint8(0))
    if x.state[0].risk_at != U0:
        tell_less(at, order, size, True)
    if order == np.uint64(x.state[0].incoming):
        x.state[0].reason = np.uint64(reason)
    x.listings[np.uint64(extra.listing)].cancel_count += U1
    end_order(x, p, order)


@kernel(rare=True)
def cancel_others(at, order, reason):
    """Cancel the other orders of a one-cancels-other group, in order of id."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    while np.uint64(x.extras[order].group_next) != order:
        first = np.uint64(x.extras[order].group_next)
        other = np.uint64(x.extras[first].group_next)
        while other != order:
            if np.uint64(p.orders[other].id) < np.uint64(p.orders[first].id):
                first = other
            other = np.uint64(x.extras[other].group_next)
        if x.extras[first].listing != x.extras[order].listing:
            x.state[0].wide = U1
        withdraw(at, first, CANCELLED, reason)


@kernel
def show(x, p, listing, order, tick):
    """Display an order that rests: an iceberg's first part, the whole of any other."""
    extra = x.extras[order]
    o = p.orders[order]
    size = np.int64(o.size)
    if (extra.special & ICEBERG) != np.uint8(0):
        size += np.int64(extra.reserve)
        shown = min(size, np.int64(extra.display))
        set_reserve(x.at, order, size - shown)
        size = shown
    enter_book(p, np.uint64(x.listings[listing].book), np.uint64(extra.side), order, tick, size)
    extra.place = np.uint8(DISPLAYED)
    begin_group(x)
    publish(x, listing, ADD, code_of(extra.side), np.uint64(o.id), np.int64(extra.price), size, LAST)


@kernel(rare=True)
def hide(at, order, tick):
    """Let an order rest unseen."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    book = np.uint64(x.listings[np.uint64(extra.listing)].book) + U1
    enter_book(p, book, np.uint64(extra.side), order, tick, np.int64(p.orders[order].size))
    extra.place = np.uint8(HIDDEN)


@kernel
def rest(x, p, listing, order, tick):
    """Let an order rest at a price, known to its participant."""
    extra = x.extras[order]
    if (extra.flags & UNSEEN) != np.uint8(0):
        hide(x.at, order, tick)
    else:
        show(x, p, listing, order, tick)
    enter_client(x, order)


@kernel(rare=True)
def wait_in(at, order, kind):
    """Let an order wait in a list, known to its participant."""
    x = unpack_exchange(at)
    extra = x.extras[order]
    enlist(at, order, kind)
    if extra.order_type >= FOLLOWS:
        x.listings[np.uint64(extra.listing)].waiting += U1
    extra.place = np.uint8(LISTED)
    enter_client(x, order)
