"""Walks over all orders of an instrument, for what concerns many of them at once."""

import numpy as np

from tickdeck.book.kernels.ladder import next_level
from tickdeck.book.kernels.layout import unpack
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.codes import AT_CLOSE, AT_OPEN, DAY, MARKET, U0, U1
from tickdeck.exchange.kernels.layout import LISTED, LISTS, PARKED, TRAILING, unpack_exchange

ALL_SIDES = U0
"""Otherwise 1 bid, 2 ask."""
ALL_ORDERS, DAY_ORDERS, AUCTION_ORDERS, WAITING_FOR_CLOSE = (np.int64(kind) for kind in range(4))
BOOKS = np.uint64(3)


@kernel
def wanted(x, order, side, participant, kind):
    """Whether a walk is for this order."""
    extra = x.extras[order]
    if side != U0 and np.uint64(extra.side) + U1 != side:
        return False
    if participant != U0 and np.uint64(extra.participant) != participant:
        return False
    if kind == DAY_ORDERS:
        return extra.time_in_force == DAY
    waits = extra.place == np.uint8(LISTED) and extra.list == np.uint8(PARKED + 1)
    if kind == WAITING_FOR_CLOSE:
        return waits
    if kind == AUCTION_ORDERS:
        return not waits and (extra.order_type == MARKET or extra.time_in_force == AT_OPEN or extra.time_in_force == AT_CLOSE)
    return True


@kernel(rare=True)
def gather(at, listing, side, participant, kind, count):
    """Append an instrument's orders to the first `count` of ``ids``; how many there are then."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    first = np.uint64(x.listings[listing].book) << U1
    for half in range(first, first + (BOOKS << U1)):
        level = np.uint64(p.sides[half].best_level)
        while level != U0:
            order = np.uint64(p.levels[level].head)
            while order != U0:
                if wanted(x, order, side, participant, kind):
                    x.ids[count] = order
                    count += U1
                order = np.uint64(p.orders[order].next)
            level = next_level(p, level)
    for number in range(TRAILING + 1):
        order = np.uint64(x.lists[listing * np.uint64(LISTS) + np.uint64(number)].head)
        while order != U0:
            # A priced peg stands in a list and in a book: count it there.
            if x.extras[order].place == np.uint8(LISTED) and wanted(x, order, side, participant, kind):
                x.ids[count] = order
                count += U1
            order = np.uint64(x.extras[order].list_next)
    return count


@kernel
def sink(x, p, root, count):
    """Restore the heap below `root`."""
    while True:
        child = (root << U1) + U1
        if child >= count:
            return
        if child + U1 < count and np.uint64(p.orders[np.uint64(x.ids[child])].id) < np.uint64(
            p.orders[np.uint64(x.ids[child + U1])].id
        ):
            child += U1
        if np.uint64(p.orders[np.uint64(x.ids[root])].id) >= np.uint64(p.orders[np.uint64(x.ids[child])].id):
            return
        swap = x.ids[root]
        x.ids[root] = x.ids[child]
        x.ids[child] = swap
        root = child


@kernel(rare=True)
def sort_by_id(at, count):
    """Sort the first `count` of ``ids`` by order id (heap sort: nothing is allocated, no input is slow)."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    root = count >> U1
    while root > U0:
        root -= U1
        sink(x, p, root, count)
    end = count
    while end > U1:
        end -= U1
        swap = x.ids[U0]
        x.ids[U0] = x.ids[end]
        x.ids[end] = swap
        sink(x, p, U0, end)
