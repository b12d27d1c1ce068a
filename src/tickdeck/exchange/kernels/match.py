"""Matching: an incoming order against the best opposite prices."""

import numpy as np

from tickdeck.book.kernels.ladder import next_level
from tickdeck.book.kernels.layout import unpack
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.codes import CANCEL_OLDEST, NOTHING_TO_REDUCE, TRADES, U0, U1, U2
from tickdeck.exchange.kernels.disciplines import DEALT, GONE, deal_with_own, first_own, trade_level
from tickdeck.exchange.kernels.layout import PRICE_TIME, unpack_exchange
from tickdeck.exchange.kernels.output import CANCELLED
from tickdeck.exchange.kernels.places import GROUPED, REDUCING, withdraw
from tickdeck.exchange.kernels.prices import level_key, opposite, price_at
from tickdeck.exchange.kernels.trades import prevent_self_trade, reducible, trade_with

SETTLED, BANDED = U0, U1
"""How matching ended, beside GONE: nothing more to trade with, or a trade outside the price band."""
NOT_COUNTED = GROUPED | REDUCING


@kernel
def match(x, p, listing, order, limit_key):
    """Trade an incoming order with everything it can reach; how it ended."""
    market = x.listings[listing]
    o = p.orders[order]
    extra = x.extras[order]
    shown = opposite(x, listing, extra.side)
    unseen = shown + U2
    while np.int64(o.size) > 0:
        hidden = np.uint64(p.sides[unseen].best_key) > np.uint64(p.sides[shown].best_key)
        side = unseen if hidden else shown
        key = np.uint64(p.sides[side].best_key)
        if key < limit_key:
            return SETTLED
        if (extra.special & REDUCING) != np.uint8(0) and reducible(x, order) == 0:
            withdraw(x.at, order, CANCELLED, NOTHING_TO_REDUCE)
            return GONE
        price = price_at(p, side, key)
        if price < np.int64(market.low) or price > np.int64(market.high):
            return BANDED
        if market.discipline != np.uint8(PRICE_TIME):
            if extra.self_trade != TRADES:
                done = deal_with_own(x.at, order, shown, key)
                if done == GONE:
                    return GONE
                if done == DEALT:
                    continue
            if not hidden:
                if trade_level(x.at, order, shown, price):
                    return GONE
                continue
        resting = np.uint64(p.levels[np.uint64(p.sides[side].best_level)].head)
        if x.extras[resting].participant == extra.participant and extra.self_trade != TRADES:
            if prevent_self_trade(x.at, order, resting):
                return GONE
            continue
        if trade_with(x, p, listing, order, resting, price, min(np.int64(o.size), np.int64(p.orders[resting].size))):
            return GONE
    return SETTLED


@kernel(rare=True)
def match_rarely(at, order, limit_key):
    """``match`` for the less common paths."""
    x = unpack_exchange(at)
    return match(x, unpack(np.uint64(x.state[0].book_at)), np.uint64(x.extras[order].listing), order, limit_key)


@kernel
def countable(x, p, order, level, needed, reserves):
    """Size of a level that an order may count on, to `needed` at the most; reserves only if asked for."""
    extra = x.extras[order]
    own = np.uint64(extra.participant)
    total = np.int64(0)
    resting = np.uint64(p.levels[level].head)
    while resting != U0 and total < needed:
        r = x.extras[resting]
        if np.uint64(r.participant) == own and extra.self_trade != TRADES:
            if extra.self_trade != CANCEL_OLDEST:
                break
        elif (r.special & NOT_COUNTED) == np.uint8(0):
            total += np.int64(p.orders[resting].size)
            if reserves:
                total += np.int64(r.reserve)
        resting = np.uint64(p.orders[resting].next)
    return total


@kernel(rare=True)
def can_trade(at, order, limit_key, needed):
    """Whether an incoming order can count on trading `needed` at once (docs: matching, time in force)."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    listing = np.uint64(extra.listing)
    market = x.listings[listing]
    shown = opposite(x, listing, extra.side)
    stops_at_own = extra.self_trade != TRADES and extra.self_trade != CANCEL_OLDEST
    level_shown = np.uint64(p.sides[shown].best_level)
    level_hidden = np.uint64(p.sides[shown + U2].best_level)
    while needed > 0 and (level_shown != U0 or level_hidden != U0):
        key_shown = level_key(p, level_shown)
        key_hidden = level_key(p, level_hidden)
        key = max(key_shown, key_hidden)
        price = price_at(p, shown, key)
        if key < limit_key or price < np.int64(market.low) or price > np.int64(market.high):
            return False
        own_shown = stops_at_own and key_shown == key and first_own(x, p, level_shown, np.uint64(extra.participant)) != U0
        own_hidden = stops_at_own and key_hidden == key and first_own(x, p, level_hidden, np.uint64(extra.participant)) != U0
        if market.discipline != np.uint8(PRICE_TIME) and (own_shown or own_hidden):
            return False
        if key_shown == key:
            needed -= countable(x, p, order, level_shown, needed, not own_shown)
            if own_shown:
                return needed <= 0
            level_shown = next_level(p, level_shown)
        if key_hidden == key:
            needed -= countable(x, p, order, level_hidden, needed, not own_hidden)
            if own_hidden:
                return needed <= 0
            level_hidden = next_level(p, level_hidden)
    return needed <= 0
