"""The short way of usual commands: checked at one stroke, carried out without a call.

Each returns the listing that it has touched, or 0, having changed nothing, where only the long way (``commands``) can tell.
"""

import numpy as np

from tickdeck.book.kernels.actions import NO_TICK, tick_of
from tickdeck.book.kernels.ladder import append, detach, key_of, to_tail
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.checks import KEEP, PRICE_RANGE, check_size, find_listing, is_odd
from tickdeck.exchange.kernels.clients import U6, U63, find_word
from tickdeck.exchange.kernels.codes import BY_PARTICIPANT, CONTINUOUS, FINE, LIMIT, MARKET, U0, U1, UNDEF
from tickdeck.exchange.kernels.entry import NOTHING_SPECIAL, make_order, tell_outcome
from tickdeck.exchange.kernels.gate import tell_less
from tickdeck.exchange.kernels.incoming import conclude
from tickdeck.exchange.kernels.layout import DISPLAYED
from tickdeck.exchange.kernels.match import match
from tickdeck.exchange.kernels.output import (
    ASK,
    BID,
    CANCEL,
    CANCELLED,
    LAST,
    MODIFY,
    REPLACED,
    begin_group,
    code_of,
    publish,
    report,
)
from tickdeck.exchange.kernels.places import end_order, leave_book, withdraw
from tickdeck.exchange.kernels.prices import ANY_KEY, opposite, would_trade


@kernel
def exact_tick(p, book, price):
    """A price in ticks, NO_TICK if it is none or out of range."""
    tick = tick_of(p, book, price)
    return tick if price <= PRICE_RANGE and price >= -PRICE_RANGE else NO_TICK


@kernel
def plain_new(x, p, c):
    """A limit or market order without conditions in continuous trading."""
    listing = find_listing(x, p, np.uint64(c.instrument_id))
    state, market = x.state[0], x.listings[listing]
    participant, number = np.uint64(c.participant_id), np.uint64(c.client_order_id)
    size, price = np.int64(c.size), np.int64(c.price)
    if listing == U0 or participant == U0 or participant > np.uint64(state.participant_count):
        return U0
    if is_odd(c) or c.time_in_force - np.uint8(1) > np.uint8(2) or c.group != np.uint32(0) or (c.side != BID and c.side != ASK):
        return U0
    if market.phase != CONTINUOUS or state.risk_at != U0 or check_size(x, listing, size) != FINE:
        return U0
    tick = exact_tick(p, np.uint64(market.book), price)
    side = np.uint64(c.side == ASK)
    if c.order_type == LIMIT:
        if tick == NO_TICK:
            return U0
        limit_key = key_of(opposite(x, listing, side), tick)
    else:
        if c.order_type != MARKET or price != UNDEF:
            return U0
        limit_key = ANY_KEY
    place = find_word(x, participant, number >> U6)
    if (np.uint64(x.seen[place].bits) >> (number & U63)) & U1 != U0:
        return U0
    order = make_order(x, p, listing, c, size, place)
    conclude(x, p, listing, order, match(x, p, listing, order, limit_key), tick)
    tell_outcome(x, p, order)
    return listing


@kernel
def cancel_order(x, p, c, order):
    """Cancel an order, wherever it stands."""
    state, o, extra = x.state[0], p.orders[order], x.extras[order]
    listing = np.uint64(extra.listing)
    state.clock = c.ts
    state.order_id = o.id
    state.filled = extra.filled
    if extra.place == np.uint8(DISPLAYED) and extra.special == NOTHING_SPECIAL:
        size, price = np.int64(o.size), np.int64(extra.price)
        begin_group(x)
        publish(x, listing, CANCEL, code_of(extra.side), np.uint64(o.id), price, size, LAST)
        leave_book(p, order)
        report(x, p, order, CANCELLED, price, size, np.int64(0), BY_PARTICIPANT, np.uint8(0))
        if state.risk_at != U0:
            tell_less(x.at, order, size, True)
        x.listings[listing].cancel_count += U1
        end_order(x, p, order)
    else:
        withdraw(x.at, order, CANCELLED, BY_PARTICIPANT)
    return listing


@kernel
def plain_replace(x, p, c, order):
    """Change price or size of a displayed order in continuous trading where it does not trade."""
    state, o, extra = x.state[0], p.orders[order], x.extras[order]
    listing = np.uint64(extra.listing)
    market = x.listings[listing]
    held = np.int64(o.size)
    size = np.int64(c.size) if np.int64(c.size) != KEEP else held
    price = np.int64(c.price) if np.int64(c.price) != UNDEF else np.int64(extra.price)
    if extra.place != np.uint8(DISPLAYED) or extra.special != NOTHING_SPECIAL or np.int64(c.trigger_price) != UNDEF:
        return U0
    if market.phase != CONTINUOUS or state.risk_at != U0 or check_size(x, listing, size) != FINE:
        return U0
    tick = exact_tick(p, np.uint64(market.book), price)
    other = opposite(x, listing, extra.side)
    if tick == NO_TICK or would_trade(x, p, listing, extra.side, key_of(other, tick)):
        return U0
    state.clock = c.ts
    state.incoming = order
    market.replace_count += U1
    begin_group(x)
    if price == np.int64(extra.price):
        if size > held:
            to_tail(p, order)
        p.levels[np.uint64(o.level)].size += size - held
        o.size = size
    else:
        detach(p, order)
        extra.price = price
        append(p, other ^ U1, key_of(other ^ U1, tick), order, size)
    publish(x, listing, MODIFY, code_of(extra.side), np.uint64(o.id), price, size, LAST)
    report(x, p, order, REPLACED, price, size, size, U0, np.uint8(0))
    state.order_id = o.id
    state.filled = extra.filled
    state.remaining = size
    return listing
