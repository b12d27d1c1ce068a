"""What is checked of a command before anything changes (docs: matching, "What is checked, in this order")."""

import numpy as np

from tickdeck.book.kernels.actions import NO_TICK, tick_of
from tickdeck.book.kernels.index import find_book
from tickdeck.book.kernels.layout import unpack
from tickdeck.core.kernel import kernel
from tickdeck.core.orders import KEEP as KEEP_CODE
from tickdeck.exchange.kernels.codes import (
    ALREADY_EXPIRED,
    ANY_FLAGS,
    AT_CLOSE,
    AT_OPEN,
    BAD_COMBINATION,
    BAD_DISPLAY_SIZE,
    BAD_MINIMUM_SIZE,
    BAD_OFFSET,
    BAD_PRICE,
    BAD_SIZE,
    BAD_TRIGGER_PRICE,
    CLOSED,
    CONTINUOUS,
    DAY,
    DECREMENT,
    FINE,
    FOK,
    GTC,
    GTD,
    HALT,
    IOC,
    LIMIT,
    MARKET,
    OFF_TICK,
    POST_ONLY,
    PRE_OPEN,
    SIZE_ABOVE_MAXIMUM,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
    U0,
    U2,
    UNDEF,
    UNSEEN,
    WRONG_PHASE,
)
from tickdeck.exchange.kernels.layout import REFILLS, unpack_exchange

KEEP = np.int64(KEEP_CODE)
PRICE_RANGE = np.int64(2**61)
TICK_RANGE = np.int64(2**50 - 1)
PARTS = np.int64(REFILLS)


@kernel
def find_listing(x, p, instrument):
    """Listing of an instrument id, 0 if there is none."""
    state = x.state[0]
    if instrument == np.uint64(state.last_instrument):
        return np.uint64(state.last_listing)
    if instrument == U0:
        return U0
    entry = p.keys[find_book(p, (np.uint64(state.publisher_id) << np.uint64(32)) | instrument)]
    if entry.used == np.uint32(0):
        return U0
    # Three books a listing, the first of them book 1.
    listing = (np.uint64(entry.book) + U2) // np.uint64(3)
    state.last_instrument = instrument
    state.last_listing = listing
    return listing


@kernel(rare=True)
def out_of_range_or_off_tick(tick_size, price):
    """Which of the two a price that is no tick is."""
    if price > PRICE_RANGE or price < -PRICE_RANGE or abs(price) // tick_size > TICK_RANGE:
        return BAD_PRICE
    return OFF_TICK if price % tick_size != 0 else BAD_PRICE


@kernel
def check_price(p, book, price):
    """FINE, BAD_PRICE or OFF_TICK."""
    if price <= PRICE_RANGE and price >= -PRICE_RANGE and tick_of(p, book, price) != NO_TICK:
        return FINE
    return out_of_range_or_off_tick(np.int64(p.books[book].tick_size), price)


@kernel
def check_size(x, listing, size):
    """FINE, BAD_SIZE or SIZE_ABOVE_MAXIMUM."""
    market = x.listings[listing]
    lot = np.int64(market.lot_size)
    if size <= 0 or (lot != 1 and size % lot != 0):
        return BAD_SIZE
    return SIZE_ABOVE_MAXIMUM if size > np.int64(market.maximum_size) else FINE


@kernel
def check_limit_price(p, book, kind, price):
    """Whether an order type gets the price that it needs, or none."""
    if price == UNDEF:
        return BAD_PRICE if kind == LIMIT or kind == STOP_LIMIT else FINE
    if kind == MARKET or kind == STOP or kind == TRAILING_STOP:
        return BAD_PRICE
    return check_price(p, book, price)


@kernel
def is_odd(c):
    """Whether a new order asks for anything beyond a plain limit or market order."""
    return (
        c.order_type > MARKET
        or c.time_in_force >= GTD
        or c.flags != np.uint8(0)
        or c.self_trade > DECREMENT
        or (np.int64(c.offset) | np.int64(c.display_size) | np.int64(c.minimum_size)) != 0
        or np.int64(c.trigger_price) != UNDEF
    )


@kernel(rare=True)
def check_conditions(at, listing, c):
    """Trigger price, offset, display and minimum size, combinations, expiry."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    market = x.listings[listing]
    kind, force, size = c.order_type, c.time_in_force, np.int64(c.size)
    stops = kind == STOP or kind == STOP_LIMIT
    trigger, offset = np.int64(c.trigger_price), np.int64(c.offset)
    if stops != (trigger != UNDEF) or (stops and check_price(p, np.uint64(market.book), trigger) != FINE):
        return BAD_TRIGGER_PRICE
    if kind < TRAILING_STOP and offset != 0:
        return BAD_OFFSET
    if check_price(p, np.uint64(market.book), offset) != FINE or (kind == TRAILING_STOP and offset <= 0):
        return BAD_OFFSET
    display, minimum = np.int64(c.display_size), np.int64(c.minimum_size)
    if display != 0 and (
        display < 0 or display > size or display % np.int64(market.lot_size) != 0 or display < (size + PARTS - 1) // PARTS
    ):
        return BAD_DISPLAY_SIZE
    if minimum < 0 or minimum > size:
        return BAD_MINIMUM_SIZE
    rests = force == GTC or force == DAY or force == GTD
    auction_only = force == AT_OPEN or force == AT_CLOSE
    post_only, hidden = (c.flags & POST_ONLY) != np.uint8(0), (c.flags & UNSEEN) != np.uint8(0)
    if (
        c.flags & ~ANY_FLAGS != np.uint8(0)
        or c.self_trade > DECREMENT
        or (post_only and (kind != LIMIT or not rests))
        or (display != 0 and (kind != LIMIT or not rests or hidden))
        or (hidden and kind != LIMIT)
        or (kind >= STOP and not rests)
        or (auction_only and kind != LIMIT and kind != MARKET)
        or (minimum != 0 and (kind >= STOP or auction_only or post_only))
    ):
        return BAD_COMBINATION
    return ALREADY_EXPIRED if force == GTD and np.int64(c.expire_ts) <= np.int64(c.ts) else FINE


@kernel
def check_phase(phase, c):
    """Whether a phase takes a new order."""
    if phase == CONTINUOUS:
        return c.time_in_force != AT_OPEN
    if phase == CLOSED or phase == HALT or c.time_in_force == IOC or c.time_in_force == FOK or np.int64(c.minimum_size) != 0:
        return False
    return phase == PRE_OPEN or c.time_in_force != AT_OPEN


@kernel(rare=True)
def check_replace(at, order, c):
    """Everything that is checked of a replace after its order is found, up to the phase."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    listing = np.uint64(extra.listing)
    size, price, trigger = np.int64(c.size), np.int64(c.price), np.int64(c.trigger_price)
    if size != KEEP:
        reason = check_size(x, listing, size)
        if reason != FINE:
            return reason
        display = np.int64(extra.display)
        if display != 0 and display < (size + PARTS - 1) // PARTS:
            return BAD_DISPLAY_SIZE
    if price != UNDEF:
        reason = check_limit_price(p, np.uint64(x.listings[listing].book), extra.order_type, price)
        if reason != FINE:
            return reason
    if trigger != UNDEF:
        stops = extra.order_type == STOP or extra.order_type == STOP_LIMIT
        if not stops or check_price(p, np.uint64(x.listings[listing].book), trigger) != FINE:
            return BAD_TRIGGER_PRICE
    phase = x.listings[listing].phase
    return WRONG_PHASE if phase == CLOSED or phase == HALT else FINE
