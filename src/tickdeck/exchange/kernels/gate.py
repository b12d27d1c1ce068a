"""What the exchange asks and tells its risk gate; nothing where it has none.

Accounts are participants and the gate's instruments are the listings, in the same order. The gate's kernels are called by address, so that
they are compiled once and only where a gate is in use.
"""

import numpy as np

from tickdeck.book.kernels.ladder import next_level
from tickdeck.book.kernels.layout import unpack
from tickdeck.core.calls import call_entry
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.codes import SELL, STOP, U0, U2, UNDEF
from tickdeck.exchange.kernels.layout import unpack_exchange
from tickdeck.exchange.kernels.output import ASK, code_of
from tickdeck.exchange.kernels.prices import level_key, opposite, price_at
from tickdeck.risk.kernels.layout import BY_RATES
from tickdeck.risk.kernels.layout import unpack as unpack_risk

RATES = np.int64(BY_RATES)


@kernel
def worst_price(x, p, listing, side, size):
    """The worst price that an order without a limit would take now; UNDEF where the book cannot fill it."""
    shown = opposite(x, listing, side)
    level, other = np.uint64(p.sides[shown].best_level), np.uint64(p.sides[shown + U2].best_level)
    price = UNDEF
    while size > 0 and (level != U0 or other != U0):
        mine, theirs = level_key(p, level), level_key(p, other)
        price = price_at(p, shown, max(mine, theirs))
        if mine >= theirs:
            size -= np.int64(p.levels[level].size)
            level = next_level(p, level)
        if theirs >= mine:
            size -= np.int64(p.levels[other].size)
            other = next_level(p, other)
    return price if size <= 0 else UNDEF


@kernel(rare=True)
def ask_gate(at, listing, c, size, price, held):
    """The gate's reason to refuse a new order, or a replace of an order with `held` open; 0 to go on."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    state = x.state[0]
    side = SELL if c.side == ASK else np.uint8(0)
    worst = UNDEF
    if price == UNDEF and c.order_type < STOP:
        worst = worst_price(x, p, listing, side, size)
    return call_entry(
        state.risk_check,
        (
            np.int64(state.risk_at),
            np.int64(c.participant_id),
            np.int64(listing),
            np.int64(c.side),
            price,
            size,
            worst,
            np.int64(x.listings[listing].reference),
            np.int64(c.ts),
            np.int64(c.flags),
            held,
        ),
    )


@kernel(rare=True)
def ask_about_replace(at, order, c, size, price):
    """``ask_gate`` about a replace: side and type are the order's."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    state, extra = x.state[0], x.extras[order]
    held = np.int64(p.orders[order].size) + np.int64(extra.reserve)
    return call_entry(
        state.risk_check,
        (
            np.int64(state.risk_at),
            np.int64(extra.participant),
            np.int64(extra.listing),
            np.int64(code_of(extra.side)),
            price,
            size,
            UNDEF,
            np.int64(x.listings[np.uint64(extra.listing)].reference),
            np.int64(c.ts),
            np.int64(extra.flags),
            held,
        ),
    )


@kernel
def gate_limit(x):
    """Limit and value of the gate's last refusal."""
    control = unpack_risk(np.uint64(x.state[0].risk_at)).control[0]
    return np.int64(control.limit_value), np.int64(control.value)


@kernel(rare=True)
def tell_open(at, order, size):
    """An order was accepted with `size` open."""
    x = unpack_exchange(at)
    state, extra = x.state[0], x.extras[order]
    call_entry(
        state.risk_open,
        (
            np.int64(state.risk_at),
            np.int64(extra.participant),
            np.int64(extra.listing),
            np.int64(code_of(extra.side)),
            np.int64(extra.price),
            size,
            np.int64(state.clock),
        ),
    )


@kernel(rare=True)
def tell_replaced(at, order, before, size):
    """An order's open size was replaced."""
    x = unpack_exchange(at)
    state, extra = x.state[0], x.extras[order]
    call_entry(
        state.risk_replaced,
        (
            np.int64(state.risk_at),
            np.int64(extra.participant),
            np.int64(extra.listing),
            np.int64(code_of(extra.side)),
            before,
            size,
            np.int64(state.clock),
        ),
    )


@kernel(rare=True)
def tell_less(at, order, size, closed):
    """An order lost open size without a trade; `closed`: the last of it."""
    x = unpack_exchange(at)
    state, extra = x.state[0], x.extras[order]
    call_entry(
        state.risk_closed if closed else state.risk_reduced,
        (
            np.int64(state.risk_at),
            np.int64(extra.participant),
            np.int64(extra.listing),
            np.int64(code_of(extra.side)),
            size,
        ),
    )


@kernel(rare=True)
def tell_fill(at, order, price, size, left, aggressor):
    """An order was filled."""
    x = unpack_exchange(at)
    state, extra = x.state[0], x.extras[order]
    call_entry(
        state.risk_fill,
        (
            np.int64(state.risk_at),
            np.int64(extra.participant),
            np.int64(extra.listing),
            np.int64(code_of(extra.side)),
            price,
            size,
            np.int64(state.clock),
            left,
            aggressor,
            RATES,
        ),
    )


@kernel(rare=True)
def tell_price(at, listing, price):
    """The instrument traded."""
    x = unpack_exchange(at)
    state = x.state[0]
    call_entry(state.risk_mark, (np.int64(state.risk_at), np.int64(listing), price))


@kernel(rare=True)
def tell_time(at, ts):
    """Time has passed."""
    x = unpack_exchange(at)
    state = x.state[0]
    call_entry(state.risk_time, (np.int64(state.risk_at), ts))
