"""Prices, keys and opposite sides."""

import numpy as np

from tickdeck.book.kernels.actions import tick_of
from tickdeck.book.kernels.ladder import key_of, tick_of_key
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.codes import U0, U1, U2, UNDEF

ANY_KEY = U1
"""Limit of an order that takes any price."""


@kernel
def price_at(p, side, key):
    """Price of a key of a side."""
    return tick_of_key(side, key) * np.int64(p.books[side >> U1].tick_size)


@kernel
def opposite(x, listing, side):
    """The displayed side that an order of a side trades with; the hidden one is two further."""
    return (np.uint64(x.listings[listing].book) << U1) | (np.uint64(side) ^ U1)


@kernel
def limit_key_of(x, p, listing, side, price):
    """The worst opposite key that an order of a side and limit price trades with."""
    if price == UNDEF:
        return ANY_KEY
    return key_of(opposite(x, listing, side), tick_of(p, np.uint64(x.listings[listing].book), price))


@kernel
def would_trade(x, p, listing, side, limit_key):
    """Whether an order of a side would find a counterpart."""
    shown = opposite(x, listing, side)
    return np.uint64(p.sides[shown].best_key) >= limit_key or np.uint64(p.sides[shown + U2].best_key) >= limit_key


@kernel
def level_key(p, level):
    """Key of a level, 0 of none."""
    if level == U0:
        return U0
    return (np.uint64(p.pages[level >> np.uint64(6)].key) << np.uint64(6)) | (level & np.uint64(63))
