"""Queue disciplines other than price-time: how an incoming order is shared out among the displayed orders of a price."""

import numpy as np

from tickdeck.book.kernels.layout import unpack
from tickdeck.core.calls import call_entry
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel
from tickdeck.core.wide import multiply_divide
from tickdeck.exchange.kernels.codes import U0, U1, U2
from tickdeck.exchange.kernels.layout import DISPLAYED, OWN_RULE, POOL_DTYPES, PRO_RATA, Pools, unpack_exchange
from tickdeck.exchange.kernels.trades import prevent_self_trade, trade_with

NOTHING, DEALT, GONE = U0, U1, U2
CURVE = Pools._fields.index("curve") - 1
WORD, INTEGER = np.uint64, np.int64


@kernel
def first_own(x, p, level, participant):
    """The first order of a participant in a level's queue, 0 if there is none."""
    order = np.uint64(p.levels[level].head)
    while order != U0 and np.uint64(x.extras[order].participant) != participant:
        order = np.uint64(p.orders[order].next)
    return order


@kernel(rare=True)
def deal_with_own(at, order, shown, key):
    """Prevent self-trades with all orders of a price before any trade there: what was done."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    participant = np.uint64(x.extras[order].participant)
    done = NOTHING
    for side in (shown, shown + U2):
        while np.uint64(p.sides[side].best_key) == key:
            own = first_own(x, p, np.uint64(p.sides[side].best_level), participant)
            if own == U0:
                break
            if prevent_self_trade(at, order, own):
                return GONE
            done = DEALT
    return done


@kernel
def largest(p, level):
    """The order with the largest displayed size of a level, the first in line among equals."""
    best = order = np.uint64(p.levels[level].head)
    while order != U0:
        if np.int64(p.orders[order].size) > np.int64(p.orders[best].size):
            best = order
        order = np.uint64(p.orders[order].next)
    return best


@kernel
def share_out(x, p, listing, level, size):
    """Each order's share of an incoming size into its record, and the orders in line into ``ids``; how many."""
    market = x.listings[listing]
    lot = np.int64(market.lot_size)
    total = np.int64(p.levels[level].size)
    order = np.uint64(p.levels[level].head)
    covered = size >= total
    top = np.int64(0)
    if not covered:
        top = multiply_divide(size, np.int64(market.top_percent), np.int64(100))
        top = min(top - top % lot, np.int64(p.orders[order].size))
    rest, others = size - top, total - top
    left = size
    count = U0
    while order != U0:
        whole = np.int64(p.orders[order].size)
        share = whole
        if not covered:
            first = top if count == U0 else np.int64(0)
            share = multiply_divide(rest, whole - first, others)
            share -= share % lot
            share = first + (share if share >= np.int64(market.minimum_share) else np.int64(0))
        x.extras[order].share = share
        left -= share
        x.ids[count] = order
        count += U1
        order = np.uint64(p.orders[order].next)
    if not covered:
        for i in range(U0, count):
            order = np.uint64(x.ids[i])
            more = min(left, np.int64(p.orders[order].size) - np.int64(x.extras[order].share))
            x.extras[order].share += more
            left -= more
    return count


@kernel
def ask_rule(x, p, listing, level, size):
    """The shares that a user's own discipline gives, made safe: whole lots, no more than is there; what is left in order of entry."""
    market = x.listings[listing]
    lot = np.int64(market.lot_size)
    count = np.int64(p.levels[level].count)
    words = array_at(x.at, np.uint64(2 * len(POOL_DTYPES)), WORD)
    start = words[2 * CURVE]
    sizes = array_at(start, np.uint64(count), INTEGER)
    shares = array_at(start + np.uint64(8 * count), np.uint64(count), INTEGER)
    order = np.uint64(p.levels[level].head)
    for i in range(count):
        x.ids[np.uint64(i)] = order
        sizes[i] = p.orders[order].size
        shares[i] = 0
        order = np.uint64(p.orders[order].next)
    call_entry(market.rule_at, (np.int64(start), np.int64(start + np.uint64(8 * count)), count, size, lot))
    left = size
    for i in range(count):
        share = max(np.int64(0), min(np.int64(shares[i]), np.int64(p.orders[np.uint64(x.ids[np.uint64(i)])].size)))
        share = min(share - share % lot, left)
        x.extras[np.uint64(x.ids[np.uint64(i)])].share = share
        left -= share
    for i in range(count):
        order = np.uint64(x.ids[np.uint64(i)])
        more = min(left, np.int64(p.orders[order].size) - np.int64(x.extras[order].share))
        x.extras[order].share += more
        left -= more
    return np.uint64(count)


@kernel(rare=True)
def trade_level(at, order, side, price):
    """Trade an incoming order with the best displayed price once around; whether the incoming order is gone."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    listing = np.uint64(x.extras[order].listing)
    o = p.orders[order]
    level = np.uint64(p.sides[side].best_level)
    if x.listings[listing].discipline == np.uint8(PRO_RATA):
        count = share_out(x, p, listing, level, np.int64(o.size))
    elif x.listings[listing].discipline == np.uint8(OWN_RULE):
        count = ask_rule(x, p, listing, level, np.int64(o.size))
    else:
        count = U1
        best = largest(p, level)
        x.ids[U0] = best
        x.extras[best].share = min(np.int64(o.size), np.int64(p.orders[best].size))
    for i in range(U0, count):
        resting = np.uint64(x.ids[i])
        share = np.int64(x.extras[resting].share)
        # Another order's fill may have cancelled this one.
        if share > 0 and x.extras[resting].place == np.uint8(DISPLAYED):
            if trade_with(x, p, listing, order, resting, price, min(share, np.int64(o.size))):
                return True
    return False
