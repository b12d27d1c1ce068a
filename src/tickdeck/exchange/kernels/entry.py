"""The record of an accepted order, and what became of it."""

import numpy as np

from tickdeck.book.kernels.actions import take_order
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.clients import remember_at
from tickdeck.exchange.kernels.codes import BUY, SELL, U0, U1
from tickdeck.exchange.kernels.fetch import fetch_next_id
from tickdeck.exchange.kernels.layout import ARRIVING, FREE
from tickdeck.exchange.kernels.output import ACCEPTED, ASK, report
from tickdeck.exchange.kernels.places import open_size

NOTHING_SPECIAL = np.uint8(0)


@kernel
def make_order(x, p, listing, c, size, place):
    """The record of an accepted order, whose client order id is noted at `place`; its participant hears of it."""
    state = x.state[0]
    state.clock = c.ts
    remember_at(x, place, np.uint64(c.participant_id), np.uint64(c.client_order_id))
    order = take_order(p)
    state.incoming = order
    o, extra = p.orders[order], x.extras[order]
    o.id = state.next_order_id
    fetch_next_id(p, np.uint64(o.id), np.uint64(x.listings[listing].book))
    state.next_order_id += U1
    o.size = size
    extra.client_order_id = c.client_order_id
    extra.reserve = 0
    extra.filled = 0
    extra.participant = c.participant_id
    extra.listing = np.uint32(listing)
    extra.group = c.group
    extra.list = np.uint8(0)
    extra.side = SELL if c.side == ASK else BUY
    extra.place = np.uint8(ARRIVING)
    extra.flags = c.flags
    extra.order_type = c.order_type
    extra.time_in_force = c.time_in_force
    extra.self_trade = c.self_trade
    extra.special = NOTHING_SPECIAL
    extra.display = 0
    extra.price = c.price
    extra.trigger = c.trigger_price
    extra.offset = c.offset
    extra.expire = c.expire_ts
    extra.minimum = c.minimum_size
    extra.arrived = c.ts
    x.listings[listing].order_count += U1
    report(x, p, order, ACCEPTED, np.int64(c.price), size, size, U0, np.uint8(0))
    return order


@kernel
def tell_outcome(x, p, order):
    """What became of the order of the present command."""
    state, extra = x.state[0], x.extras[order]
    state.order_id = p.orders[order].id
    state.filled = extra.filled
    state.remaining = open_size(x, p, order) if extra.place != np.uint8(FREE) else np.int64(0)
