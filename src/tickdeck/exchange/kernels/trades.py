"""A trade between an incoming and a resting order, and what it brings with it."""

import numpy as np

from tickdeck.book.kernels.actions import tick_of
from tickdeck.book.kernels.layout import unpack
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.codes import (
    AGGRESSOR,
    BUY,
    CANCEL_NEWEST,
    CANCEL_OLDEST,
    DECREMENT,
    NOTHING_TO_REDUCE,
    OTHER_GOES,
    PASSIVE,
    SELF_TRADE,
    SELL,
    U0,
    U1,
)
from tickdeck.exchange.kernels.gate import tell_fill, tell_less, tell_price
from tickdeck.exchange.kernels.layout import DISPLAYED, FREE, TRADES, unpack_exchange
from tickdeck.exchange.kernels.output import (
    CANCEL,
    CANCELLED,
    FILL,
    FILLED,
    LAST,
    MORE,
    REPLACED,
    TRADE,
    begin_group,
    code_of,
    publish,
    report,
)
from tickdeck.exchange.kernels.places import (
    GROUPED,
    REDUCING,
    cancel_others,
    end_order,
    leave_book,
    leave_group,
    leave_list,
    open_size,
    show,
    withdraw,
)


@kernel
def note_trade(x, listing, code, price, size):
    """The records of a trade; `code` is the incoming order's side."""
    state = x.state[0]
    row = x.trades[np.uint64(state.trade_count) & np.uint64(TRADES - 1)]
    state.trade_count += U1
    row.ts = state.clock
    row.price = price
    row.size = size
    row.sequence = state.sequence
    row.instrument_id = x.listings[listing].instrument_id
    row.side = np.uint32(code)
    market = x.listings[listing]
    market.last_price = price
    market.reference = price
    market.lowest_trade = min(np.int64(market.lowest_trade), price)
    market.highest_trade = max(np.int64(market.highest_trade), price)
    market.volume += size
    market.trade_count += U1
    if state.risk_at != U0:
        tell_price(x.at, listing, price)


@kernel
def position_of(x, order):
    """Place of the position of an order's participant."""
    extra = x.extras[order]
    return np.uint64(extra.participant) * np.uint64(x.state[0].listing_capacity) + np.uint64(extra.listing)


@kernel
def move_position(x, order, size):
    """A fill moves the participant's position."""
    x.positions[position_of(x, order)] += size if x.extras[order].side == BUY else -size


@kernel
def reducible(x, order):
    """Size by which an order may bring its participant's position towards zero."""
    position = np.int64(x.positions[position_of(x, order)])
    return max(position if x.extras[order].side == SELL else -position, np.int64(0))


@kernel
def take_off(p, order, size):
    """Take size off an order in a book, which leaves the book at zero."""
    o = p.orders[order]
    left = np.int64(o.size) - size
    if left == 0:
        leave_book(p, order)
        o.size = 0
    else:
        o.size = left
        p.levels[np.uint64(o.level)].size -= size


@kernel(rare=True)
def refill(at, order):
    """Show the next part of an iceberg at the end of its queue."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    listing = np.uint64(x.extras[order].listing)
    show(x, p, listing, order, tick_of(p, np.uint64(x.listings[listing].book), np.int64(x.extras[order].price)))


@kernel
def fill_resting(x, p, listing, order, price, size, flags, last):
    """A fill of an order in a book, published where it is displayed; the open size that is left."""
    extra = x.extras[order]
    if extra.place == np.uint8(DISPLAYED):
        order_id, code = np.uint64(p.orders[order].id), code_of(extra.side)
        publish(x, listing, FILL, code, order_id, price, size, MORE)
        publish(x, listing, CANCEL, code, order_id, np.int64(extra.price), size, last)
    extra.filled += size
    move_position(x, order, size)
    take_off(p, order, size)
    left = open_size(x, p, order)
    report(x, p, order, FILLED, price, size, left, U0, flags)
    if x.state[0].risk_at != U0:
        tell_fill(x.at, order, price, size, left, False)
    return left


@kernel(rare=True)
def after_trade(at, first, second, ends):
    """What a trade means to icebergs, groups and reduce-only orders; filled orders end, the second one only if `ends`."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    a, b = x.extras[first], x.extras[second]
    for order in (first, second):
        if x.extras[order].place == np.uint8(DISPLAYED) and np.int64(p.orders[order].size) == 0:
            if np.int64(x.extras[order].reserve) > 0:
                refill(at, order)
    if a.group != np.uint32(0) and a.group == b.group and a.participant == b.participant:
        # Each fill cancels what is left of the other order and the rest of the group; a filled order is nothing to cancel.
        if open_size(x, p, second) == 0:
            leave_group(at, second)
            b.special &= ~GROUPED
        cancel_others(at, first, OTHER_GOES)
        if open_size(x, p, first) > 0:
            withdraw(at, first, CANCELLED, OTHER_GOES)
    else:
        for order in (first, second):
            if x.extras[order].place != np.uint8(FREE) and (x.extras[order].special & GROUPED) != np.uint8(0):
                cancel_others(at, order, OTHER_GOES)
    for order in (first, second):
        if x.extras[order].place == np.uint8(FREE):
            continue
        if open_size(x, p, order) == 0:
            if order == first or ends != U0:
                leave_list(at, order)
                end_order(x, p, order)
        elif (x.extras[order].special & REDUCING) != np.uint8(0) and reducible(x, order) == 0:
            withdraw(at, order, CANCELLED, NOTHING_TO_REDUCE)


@kernel(rare=True)
def within_positions(at, order, resting, size):
    """As much of a trade as reduce-only orders may do; 0 if the resting one is cancelled instead, -1 if the incoming one."""
    x = unpack_exchange(at)
    if (x.extras[order].special & REDUCING) != np.uint8(0):
        size = min(size, reducible(x, order))
        if size == 0:
            withdraw(at, order, CANCELLED, NOTHING_TO_REDUCE)
            return np.int64(-1)
    if (x.extras[resting].special & REDUCING) != np.uint8(0):
        size = min(size, reducible(x, resting))
        if size == 0:
            withdraw(at, resting, CANCELLED, NOTHING_TO_REDUCE)
    return size


@kernel
def trade_with(x, p, listing, order, resting, price, size):
    """A trade of an incoming order with a resting one, of `size` at the most; whether the incoming order is gone."""
    extra = x.extras[order]
    special = extra.special | x.extras[resting].special
    if (special & REDUCING) != np.uint8(0):
        size = within_positions(x.at, order, resting, size)
        if size <= 0:
            return size < 0
    begin_group(x)
    displayed = x.extras[resting].place == np.uint8(DISPLAYED)
    publish(x, listing, TRADE, code_of(extra.side), U0, price, size, MORE if displayed else LAST)
    left = fill_resting(x, p, listing, resting, price, size, PASSIVE, LAST)
    o = p.orders[order]
    o.size = np.int64(o.size) - size
    extra.filled += size
    move_position(x, order, size)
    report(x, p, order, FILLED, price, size, np.int64(o.size), U0, AGGRESSOR)
    if x.state[0].risk_at != U0:
        tell_fill(x.at, order, price, size, np.int64(o.size), True)
    note_trade(x, listing, code_of(extra.side), price, size)
    if special != np.uint8(0):
        after_trade(x.at, resting, order, U0)
        return extra.place == np.uint8(FREE)
    if left == 0:
        end_order(x, p, resting)
    return False


@kernel(rare=True)
def decrement_resting(at, order, size):
    """Take size off the displayed or hidden part of a resting order without a trade; whether it is gone."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    if extra.place == np.uint8(DISPLAYED):
        begin_group(x)
        order_id, code = np.uint64(p.orders[order].id), code_of(extra.side)
        publish(x, np.uint64(extra.listing), CANCEL, code, order_id, np.int64(extra.price), size, LAST)
    take_off(p, order, size)
    left = open_size(x, p, order)
    if x.state[0].risk_at != U0:
        tell_less(at, order, size, left == 0)
    if left > 0:
        report(x, p, order, REPLACED, np.int64(extra.price), left, left, SELF_TRADE, np.uint8(0))
        return False
    report(x, p, order, CANCELLED, np.int64(extra.price), size, np.int64(0), SELF_TRADE, np.uint8(0))
    x.listings[np.uint64(extra.listing)].cancel_count += U1
    end_order(x, p, order)
    return True


@kernel(rare=True)
def prevent_self_trade(at, order, resting):
    """An incoming order has met one of the same participant; whether the incoming one is gone."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    mode = extra.self_trade
    if mode == DECREMENT:
        o = p.orders[order]
        taken = min(np.int64(o.size), np.int64(p.orders[resting].size))
        gone = decrement_resting(at, resting, taken)
        left = np.int64(o.size) - taken
        if left > 0:
            o.size = left
            if x.state[0].risk_at != U0:
                tell_less(at, order, taken, False)
            report(x, p, order, REPLACED, np.int64(extra.price), left, left, SELF_TRADE, np.uint8(0))
        else:
            withdraw(at, order, CANCELLED, SELF_TRADE)
        if not gone and np.int64(p.orders[resting].size) == 0:
            refill(at, resting)
        return left == 0
    if mode != CANCEL_NEWEST:
        withdraw(at, resting, CANCELLED, SELF_TRADE)
    if mode != CANCEL_OLDEST:
        withdraw(at, order, CANCELLED, SELF_TRADE)
        return True
    return False
