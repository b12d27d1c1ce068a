"""From acceptance to rest: where an order goes in each phase, stops that trigger, pegs that follow."""

import numpy as np

from tickdeck.book.kernels.actions import NO_TICK, tick_of
from tickdeck.book.kernels.ladder import tick_of_key
from tickdeck.book.kernels.layout import unpack
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.clients import enter_client
from tickdeck.exchange.kernels.codes import (
    AT_CLOSE,
    BELOW_MINIMUM,
    BUY,
    CONTINUOUS,
    FOK,
    HIGHEST,
    IMMEDIATE_REMAINDER,
    IOC,
    KILLED,
    LIMIT,
    LOWEST,
    MARKET,
    NO_LIQUIDITY,
    OTHER_GOES,
    OUTSIDE_BAND,
    PEG_ASK,
    PEG_BID,
    PEG_MID,
    PRE_CLOSE,
    SELL,
    STATUS_OF,
    STOP,
    STOP_LIMIT,
    TRAILING_STOP,
    U0,
    U1,
    U2,
    UNDEF,
    VOLATILITY,
)
from tickdeck.exchange.kernels.disciplines import GONE
from tickdeck.exchange.kernels.layout import (
    ARRIVING,
    HIDDEN,
    LISTED,
    LISTS,
    MARKET_BUYS,
    NEVER,
    PARKED,
    PEGS,
    STOPPED,
    TRAILING,
    unpack_exchange,
)
from tickdeck.exchange.kernels.match import BANDED, can_trade, match_rarely
from tickdeck.exchange.kernels.output import (
    CANCELLED,
    LAST,
    NO_SIDE,
    STATUS,
    TRIGGERED,
    begin_group,
    publish,
    report,
)
from tickdeck.exchange.kernels.places import (
    GROUPED,
    cancel_others,
    end_order,
    enter_book,
    hide,
    leave_book,
    leave_place,
    rest,
    wait_in,
    withdraw,
)
from tickdeck.exchange.kernels.prices import limit_key_of, would_trade

MILLION = np.int64(1_000_000)
CHANGED = np.uint64(2**64 - 1)
"""A best key that no side has."""

# Phases


@kernel(rare=True)
def publish_status(at, listing, status):
    """A change of trading status."""
    x = unpack_exchange(at)
    begin_group(x)
    publish(x, listing, STATUS, NO_SIDE, np.uint64(status), UNDEF, np.int64(0), LAST)


@kernel(rare=True)
def begin_phase(at, listing, phase):
    """Publish and set a phase; outside continuous trading pegs are suspended."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    market = x.listings[listing]
    market.phase = phase
    publish_status(at, listing, STATUS_OF[phase])
    market.resume_at = NEVER
    if phase == VOLATILITY and np.int64(market.volatility_pause) > 0:
        market.resume_at = np.int64(x.state[0].clock) + np.int64(market.volatility_pause)
        x.state[0].next_due = min(np.int64(x.state[0].next_due), np.int64(market.resume_at))
    market.published_at = LOWEST
    market.peg_bid = CHANGED
    if phase != CONTINUOUS:
        order = np.uint64(x.lists[listing * np.uint64(LISTS) + np.uint64(PEGS)].head)
        while order != U0:
            if x.extras[order].place == np.uint8(HIDDEN):
                leave_book(p, order)
                x.extras[order].place = np.uint8(LISTED)
            order = np.uint64(x.extras[order].list_next)


@kernel
def band(price, millionths):
    """Half the width of a price band."""
    price = abs(price)
    return (price // MILLION) * millionths + (price % MILLION) * millionths // MILLION


@kernel(rare=True)
def set_bands(at, listing):
    """The prices at which the next incoming order may trade."""
    x = unpack_exchange(at)
    market = x.listings[listing]
    low, high = LOWEST, HIGHEST
    if np.int64(market.static_band) > 0 and np.int64(market.static_base) != UNDEF:
        width = band(np.int64(market.static_base), np.int64(market.static_band))
        low, high = np.int64(market.static_base) - width, np.int64(market.static_base) + width
    if np.int64(market.dynamic_band) > 0 and np.int64(market.last_price) != UNDEF:
        width = band(np.int64(market.last_price), np.int64(market.dynamic_band))
        low, high = max(low, np.int64(market.last_price) - width), min(high, np.int64(market.last_price) + width)
    market.low = low
    market.high = high


# Arrival


@kernel
def conclude(x, p, listing, order, ended, tick):
    """After matching: the rest of an order rests at `tick` or is cancelled."""
    if ended == GONE:
        return
    extra = x.extras[order]
    if np.int64(p.orders[order].size) == 0:
        end_order(x, p, order)
        return
    if ended == BANDED:
        begin_phase(x.at, listing, VOLATILITY)
    if extra.order_type == MARKET:
        withdraw(x.at, order, CANCELLED, OUTSIDE_BAND if ended == BANDED else NO_LIQUIDITY)
    elif extra.time_in_force == IOC or extra.time_in_force == FOK:
        withdraw(x.at, order, CANCELLED, OUTSIDE_BAND if ended == BANDED else IMMEDIATE_REMAINDER)
    else:
        rest(x, p, listing, order, tick)


@kernel(rare=True)
def come_in(at, order):
    """Let a limit or market order trade and rest, outside the hot path."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    listing = np.uint64(extra.listing)
    limit_key = limit_key_of(x, p, listing, extra.side, np.int64(extra.price))
    tick = tick_of(p, np.uint64(x.listings[listing].book), np.int64(extra.price))
    conclude(x, p, listing, order, match_rarely(at, order, limit_key), tick)


@kernel(rare=True)
def enter_stop(at, order):
    """Let a stop wait for its trigger."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    state = x.state[0]
    market = x.listings[np.uint64(extra.listing)]
    state.entries += U1
    extra.entered = state.entries
    if extra.order_type == TRAILING_STOP:
        wait_in(at, order, np.uint64(TRAILING))
        last = np.int64(market.last_price)
        if last != UNDEF:
            extra.trigger = last - np.int64(extra.offset) if extra.side == SELL else last + np.int64(extra.offset)
        return
    book = np.uint64(market.book)
    tick = tick_of(p, book, np.int64(extra.trigger))
    enter_book(p, book + U2, np.uint64(extra.side) ^ U1, order, tick, np.int64(p.orders[order].size))
    extra.place = np.uint8(STOPPED)
    market.waiting += U1
    state.movable += U1
    enter_client(x, order)


@kernel
def reached(side, trigger, last):
    """Whether a last price triggers a stop."""
    if last == UNDEF or trigger == UNDEF:
        return False
    return last >= trigger if side == BUY else last <= trigger


@kernel(rare=True)
def fire(at, order):
    """A stop triggers and comes in."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    leave_place(at, order)
    extra.place = np.uint8(ARRIVING)
    extra.order_type = LIMIT if extra.order_type == STOP_LIMIT else MARKET
    size = np.int64(p.orders[order].size)
    report(x, p, order, TRIGGERED, np.int64(extra.price), size, size, U0, np.uint8(0))
    if (extra.special & GROUPED) != np.uint8(0):
        cancel_others(at, order, OTHER_GOES)
    come_in(at, order)


@kernel(rare=True)
def next_triggered(at, listing, side):
    """The stop of a side that triggers next at the last price, 0 if none does."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    market = x.listings[listing]
    last = np.int64(market.last_price)
    best = np.uint64(p.levels[np.uint64(p.sides[((np.uint64(market.book) + U2) << U1) | (np.uint64(side) ^ U1)].best_level)].head)
    if best != U0 and not reached(side, np.int64(x.extras[best].trigger), last):
        best = U0
    order = np.uint64(x.lists[listing * np.uint64(LISTS) + np.uint64(TRAILING)].head)
    while order != U0:
        extra = x.extras[order]
        if extra.side == side and reached(side, np.int64(extra.trigger), last):
            if best == U0:
                best = order
            else:
                mine, other = np.int64(extra.trigger), np.int64(x.extras[best].trigger)
                earlier = np.uint64(extra.entered) < np.uint64(x.extras[best].entered)
                if (mine < other if side == BUY else mine > other) or (mine == other and earlier):
                    best = order
        order = np.uint64(extra.list_next)
    return best


@kernel(rare=True)
def follow(at, listing):
    """Trailing stops follow the trades since they last did."""
    x = unpack_exchange(at)
    market = x.listings[listing]
    if np.int64(market.lowest_trade) <= np.int64(market.highest_trade):
        order = np.uint64(x.lists[listing * np.uint64(LISTS) + np.uint64(TRAILING)].head)
        while order != U0:
            extra = x.extras[order]
            trigger = np.int64(extra.trigger)
            if extra.side == SELL:
                best = np.int64(market.highest_trade) - np.int64(extra.offset)
                extra.trigger = best if trigger == UNDEF else max(trigger, best)
            else:
                extra.trigger = min(trigger, np.int64(market.lowest_trade) + np.int64(extra.offset))
            order = np.uint64(extra.list_next)
    market.lowest_trade = HIGHEST
    market.highest_trade = LOWEST


@kernel(rare=True)
def run_stops(at, listing):
    """Trigger stops, one after the other, until none is left to trigger; whether any did."""
    x = unpack_exchange(at)
    market = x.listings[listing]
    moved = False
    while market.phase == CONTINUOUS:
        follow(at, listing)
        if np.int64(market.dynamic_band) > 0:
            set_bands(at, listing)
        order = next_triggered(at, listing, BUY)
        if order == U0:
            order = next_triggered(at, listing, SELL)
        if order == U0:
            break
        fire(at, order)
        moved = True
    return moved


# Pegs


@kernel
def peg_price(x, p, listing, order, bid_key, ask_key):
    """Where a peg belongs with these best displayed keys; UNDEF without a reference."""
    extra = x.extras[order]
    side = np.uint64(x.listings[listing].book) << U1
    kind = extra.order_type
    if (kind != PEG_ASK and bid_key == U0) or (kind != PEG_BID and ask_key == U0):
        return UNDEF
    bid, ask = tick_of_key(U0, bid_key), tick_of_key(U1, ask_key)
    tick = bid if kind == PEG_BID else ask
    if kind == PEG_MID:
        tick = (bid + ask) // 2 if extra.side == BUY else -(-(bid + ask) // 2)
    price = tick * np.int64(p.books[side >> U1].tick_size) + np.int64(extra.offset)
    cap = np.int64(extra.price)
    if cap != UNDEF:
        price = min(price, cap) if extra.side == BUY else max(price, cap)
    return UNDEF if tick_of(p, side >> U1, price) == NO_TICK else price


@kernel(rare=True)
def price_peg(at, order, bid_key, ask_key):
    """Move a peg to where it belongs; it may trade there. Whether it came in."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    listing = np.uint64(extra.listing)
    price = peg_price(x, p, listing, order, bid_key, ask_key)
    if extra.place == np.uint8(HIDDEN):
        if price == np.int64(extra.trigger):
            return False
        leave_book(p, order)
    extra.place = np.uint8(LISTED)
    if price == UNDEF:
        return False
    extra.trigger = price
    limit_key = limit_key_of(x, p, listing, extra.side, price)
    comes_in = would_trade(x, p, listing, extra.side, limit_key)
    if comes_in:
        extra.place = np.uint8(ARRIVING)
        ended = match_rarely(at, order, limit_key)
        if ended == GONE:
            return True
        if np.int64(p.orders[order].size) == 0:
            end_order(x, p, order)
            return True
        extra.place = np.uint8(LISTED)
        if ended == BANDED:
            begin_phase(at, listing, VOLATILITY)
            return True
    hide(at, order, tick_of(p, np.uint64(x.listings[listing].book), price))
    return comes_in


@kernel(rare=True)
def run_pegs(at, listing):
    """Price all pegs anew, in order of acceptance, with the best prices of now."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    market = x.listings[listing]
    side = np.uint64(market.book) << U1
    bid_key, ask_key = np.uint64(p.sides[side].best_key), np.uint64(p.sides[side | U1].best_key)
    market.peg_bid = bid_key
    market.peg_ask = ask_key
    head = listing * np.uint64(LISTS) + np.uint64(PEGS)
    order = np.uint64(x.lists[head].head)
    while order != U0 and market.phase == CONTINUOUS:
        order_id = np.uint64(p.orders[order].id)
        after = np.uint64(x.extras[order].list_next)
        if price_peg(at, order, bid_key, ask_key):
            run_stops(at, listing)
            # What came in may have ended any other peg: find the place again.
            after = np.uint64(x.lists[head].head)
            while after != U0 and np.uint64(p.orders[after].id) <= order_id:
                after = np.uint64(x.extras[after].list_next)
        order = after


@kernel(rare=True)
def settle(at, listing):
    """After an incoming order or a change of phase: bands, stops and pegs of an instrument, until nothing moves; whether anything did."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    market = x.listings[listing]
    side = np.uint64(market.book) << U1
    moved = run_stops(at, listing)
    while market.phase == CONTINUOUS and x.lists[listing * np.uint64(LISTS) + np.uint64(PEGS)].count != np.uint32(0):
        if market.peg_bid == p.sides[side].best_key and market.peg_ask == p.sides[side | U1].best_key:
            break
        run_pegs(at, listing)
        moved = True
    return moved


@kernel(rare=True)
def settle_from(at, listing):
    """``settle`` an instrument, and where its orders touched other instruments, all in turn until nothing moves in any."""
    x = unpack_exchange(at)
    state = x.state[0]
    count = np.uint64(state.listing_count)
    still = U0
    while still < count:
        moved = settle(at, listing) if np.uint64(x.listings[listing].waiting) != U0 else False
        if state.wide == U0:
            return
        still = U1 if moved else still + U1
        listing = listing + U1 if listing < count else U1
    state.wide = U0


@kernel(rare=True)
def admit(at, order):
    """Send an accepted order where its type, time in force and the phase want it."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    listing = np.uint64(extra.listing)
    market = x.listings[listing]
    kind = extra.order_type
    if kind >= STOP and kind <= TRAILING_STOP:
        if kind == TRAILING_STOP:
            follow(at, listing)
        elif market.phase == CONTINUOUS and reached(extra.side, np.int64(extra.trigger), np.int64(market.last_price)):
            fire(at, order)
            return
        enter_stop(at, order)
    elif kind >= PEG_BID:
        wait_in(at, order, np.uint64(PEGS))
        if market.phase == CONTINUOUS:
            side = np.uint64(market.book) << U1
            # Without pegs nobody kept note of the best prices.
            market.peg_bid = p.sides[side].best_key
            market.peg_ask = p.sides[side | U1].best_key
            price_peg(at, order, np.uint64(p.sides[side].best_key), np.uint64(p.sides[side | U1].best_key))
    elif extra.time_in_force == AT_CLOSE and market.phase != PRE_CLOSE:
        wait_in(at, order, np.uint64(PARKED))
    elif market.phase == CONTINUOUS:
        needed = np.int64(p.orders[order].size) if extra.time_in_force == FOK else np.int64(extra.minimum)
        if needed > 0:
            limit_key = limit_key_of(x, p, listing, extra.side, np.int64(extra.price))
            if not can_trade(at, order, limit_key, needed):
                withdraw(at, order, CANCELLED, KILLED if extra.time_in_force == FOK else BELOW_MINIMUM)
                return
        come_in(at, order)
    elif kind == MARKET:
        wait_in(at, order, np.uint64(MARKET_BUYS) + np.uint64(extra.side))
    else:
        rest(x, p, listing, order, tick_of(p, np.uint64(market.book), np.int64(extra.price)))
