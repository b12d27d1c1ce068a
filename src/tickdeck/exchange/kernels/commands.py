"""Carrying out commands: new orders, cancels and replaces on the hot path, the rest beside it."""

import numpy as np

from tickdeck.book.kernels.actions import tick_of
from tickdeck.book.kernels.index import find_slot, hash_of
from tickdeck.book.kernels.ladder import append, detach, key_of, to_tail
from tickdeck.book.kernels.layout import BIAS, unpack
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.auction import publish_indicative
from tickdeck.exchange.kernels.checks import (
    KEEP,
    check_conditions,
    check_limit_price,
    check_phase,
    check_price,
    check_replace,
    check_size,
    find_listing,
    is_odd,
)
from tickdeck.exchange.kernels.clients import U6, find_client, find_word, was_seen
from tickdeck.exchange.kernels.codes import (
    ALL_CANCELLED,
    BAD_ORDER_TYPE,
    BAD_PHASE,
    BAD_PRICE,
    BAD_SIDE,
    BAD_TIME_IN_FORCE,
    BUY,
    BY_ORDER_ID,
    CLOSED,
    CONTINUOUS,
    DUPLICATE_CLIENT_ORDER_ID,
    FINE,
    GTD,
    HALT,
    LIMIT,
    NOT_REDUCING,
    ORDER_DONE,
    PEG_BID,
    PEG_MID,
    POST_ONLY,
    REDUCE_ONLY,
    SELL,
    U0,
    U1,
    U2,
    UNDEF,
    UNKNOWN_INSTRUMENT,
    UNKNOWN_ORDER,
    UNKNOWN_PARTICIPANT,
    UNSEEN,
    WOULD_TRADE,
    WRONG_PHASE,
)
from tickdeck.exchange.kernels.entry import make_order, tell_outcome
from tickdeck.exchange.kernels.gate import ask_about_replace, ask_gate, gate_limit, tell_open, tell_replaced
from tickdeck.exchange.kernels.incoming import admit, come_in, price_peg, set_bands, settle_from
from tickdeck.exchange.kernels.layout import (
    ARRIVING,
    DISPLAYED,
    FREE,
    HIDDEN,
    LISTED,
    STOPPED,
    TRAILING,
    unpack_exchange,
)
from tickdeck.exchange.kernels.output import (
    ASK,
    BID,
    CANCEL,
    CANCELLED,
    LAST,
    MODIFY,
    NO_SIDE,
    REPLACED,
    begin_group,
    code_of,
    publish,
    refuse,
    report,
)
from tickdeck.exchange.kernels.phases import change_phase, insert_scheduled, may_follow, push_expiry
from tickdeck.exchange.kernels.places import (
    GROUPED,
    ICEBERG,
    PEGGED,
    REDUCING,
    enlist,
    join_group,
    leave_book,
    leave_list,
    leave_place,
    open_size,
    rest,
    set_reserve,
    withdraw,
)
from tickdeck.exchange.kernels.prices import limit_key_of, would_trade
from tickdeck.exchange.kernels.walks import ALL_ORDERS, ALL_SIDES, gather, sort_by_id

TWICE_BIAS = np.uint64(2 * BIAS)


@kernel
def note_spread(x, p, listing):
    """Put the spread into the listing's ring if the best prices have changed."""
    market = x.listings[listing]
    side = np.uint64(market.book) << U1
    bid, ask = np.uint64(p.sides[side].best_key), np.uint64(p.sides[side | U1].best_key)
    # Keys of bids rise and keys of asks fall with the price: the spread changes exactly with their sum.
    if bid + ask != np.uint64(market.last_best):
        market.last_best = bid + ask
        if bid != U0 and ask != U0:
            capacity = np.uint64(x.state[0].spread_capacity)
            place = listing * capacity + np.uint64(market.spread_count) % capacity
            x.spreads[place] = np.int64(TWICE_BIAS - bid - ask) * np.int64(market.tick_size)
            market.spread_count += U1


@kernel
def finish(x, p, listing):
    """The end of a command: stops, pegs, the spread, the indicative price."""
    market = x.listings[listing]
    if (np.uint64(market.waiting) | np.uint64(x.state[0].wide)) != U0:
        settle_from(x.at, listing)
    if market.phase == CONTINUOUS:
        note_spread(x, p, listing)
    elif market.phase != CLOSED and market.phase != HALT:
        publish_indicative(x.at, listing)


@kernel(rare=True)
def finish_all(at):
    """The end of a command that may have touched every instrument."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    for listing in range(U1, np.uint64(x.state[0].listing_count) + U1):
        finish(x, p, listing)


# New orders


@kernel
def check_new(x, p, listing, c):
    """The reason to refuse a new order of a known instrument, up to its conditions."""
    state = x.state[0]
    participant = np.uint64(c.participant_id)
    if participant == U0 or participant > np.uint64(state.participant_count):
        return UNKNOWN_PARTICIPANT
    if was_seen(x, participant, np.uint64(c.client_order_id)):
        return DUPLICATE_CLIENT_ORDER_ID
    if c.side != BID and c.side != ASK:
        return BAD_SIDE
    if c.order_type < LIMIT or c.order_type > PEG_MID:
        return BAD_ORDER_TYPE
    if c.time_in_force < np.uint8(1) or c.time_in_force > np.uint8(7):
        return BAD_TIME_IN_FORCE
    reason = check_size(x, listing, np.int64(c.size))
    if reason == FINE:
        reason = check_limit_price(p, np.uint64(x.listings[listing].book), c.order_type, np.int64(c.price))
    return reason


@kernel
def size_to_accept(x, listing, c):
    """The size of an order after a reduce-only cut; 0: it would not reduce."""
    size = np.int64(c.size)
    if (c.flags & REDUCE_ONLY) == np.uint8(0):
        return size
    place = np.uint64(c.participant_id) * np.uint64(x.state[0].listing_capacity) + listing
    position = np.int64(x.positions[place])
    return max(min(size, position if c.side == ASK else -position), np.int64(0))


@kernel(rare=True)
def check_odd(at, listing, c):
    """The reason to refuse an order with conditions, in any phase."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    reason = check_conditions(at, listing, c)
    if reason != FINE:
        return reason
    phase = x.listings[listing].phase
    if not check_phase(phase, c):
        return WRONG_PHASE
    if size_to_accept(x, listing, c) == 0:
        return NOT_REDUCING
    if (c.flags & POST_ONLY) != np.uint8(0) and phase == CONTINUOUS:
        side = SELL if c.side == ASK else BUY
        if would_trade(x, p, listing, side, limit_key_of(x, p, listing, side, np.int64(c.price))):
            return WOULD_TRADE
    return FINE


@kernel(rare=True)
def make_special(at, order, c):
    """What an order with conditions has beyond a plain one."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    special = np.uint8(0)
    if np.int64(c.display_size) != 0:
        extra.display = min(np.int64(c.display_size), np.int64(p.orders[order].size))
        special |= ICEBERG
    if (c.flags & REDUCE_ONLY) != np.uint8(0):
        special |= REDUCING
    if c.group != np.uint32(0):
        special |= GROUPED
    if c.order_type >= PEG_BID:
        special |= PEGGED
        extra.flags |= UNSEEN
        extra.trigger = UNDEF
    extra.special = special
    if c.group != np.uint32(0):
        join_group(at, order)
    if c.time_in_force == GTD:
        push_expiry(at, order)


@kernel(rare=True)
def new_order(at, c):
    """A new order: checked, accepted, traded, rested; its listing, 0 if it is refused."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    listing = find_listing(x, p, np.uint64(c.instrument_id))
    if listing == U0:
        refuse(at, c, U0, UNKNOWN_INSTRUMENT, 0, 0)
        return U0
    market = x.listings[listing]
    reason = check_new(x, p, listing, c)
    size = np.int64(c.size)
    odd = is_odd(c) or market.phase != CONTINUOUS
    if reason == FINE and odd:
        reason = check_odd(at, listing, c)
        size = size_to_accept(x, listing, c)
    limit = value = np.int64(0)
    if reason == FINE and x.state[0].risk_at != U0:
        reason = ask_gate(at, listing, c, size, np.int64(c.price), np.int64(0))
        if reason != FINE:
            limit, value = gate_limit(x)
    if reason != FINE:
        market.reject_count += U1
        refuse(at, c, U0, reason, limit, value)
        return U0
    participant, number = np.uint64(c.participant_id), np.uint64(c.client_order_id)
    order = make_order(x, p, listing, c, size, find_word(x, participant, number >> U6))
    if x.state[0].risk_at != U0:
        tell_open(at, order, size)
    if odd or c.group != np.uint32(0) or c.time_in_force > np.uint8(3):
        make_special(at, order, c)
        admit(at, order)
    else:
        come_in(at, order)
    tell_outcome(x, p, order)
    return listing


# Cancels


@kernel(rare=True)
def find_by_order_id(at, instrument, participant, order_id):
    """A participant's live order by the exchange's id, 0 if there is none; quick where the instrument is named."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    found = U0
    listing = find_listing(x, p, instrument)
    if listing != U0:
        first = np.uint64(x.listings[listing].book)
        for book in range(first, first + np.uint64(3)):
            order = np.uint64(p.slots[find_slot(p, order_id, book, hash_of(p, order_id, book))].order)
            if order != U0:
                found = order
    if found == U0:
        for order in range(U1, np.uint64(p.header[0].order_top)):
            if np.uint64(p.orders[order].id) == order_id and x.extras[order].place != np.uint8(FREE):
                found = order
    if found != U0 and np.uint64(x.extras[found].participant) != participant:
        return U0
    return found


@kernel
def find_named(x, p, c):
    """The live order that a cancel or replace names, 0 if there is none."""
    participant = np.uint64(c.participant_id)
    if (c.flags & BY_ORDER_ID) != np.uint8(0):
        return find_by_order_id(x.at, np.uint64(c.instrument_id), participant, np.uint64(c.order_id))
    return np.uint64(x.client_slots[find_client(x, participant, np.uint64(c.client_order_id))].order)


@kernel(rare=True)
def refuse_unnamed(at, c):
    """Refuse a cancel or replace that names no live order."""
    x = unpack_exchange(at)
    participant = np.uint64(c.participant_id)
    if participant == U0 or participant > np.uint64(x.state[0].participant_count):
        refuse(at, c, U0, UNKNOWN_PARTICIPANT, 0, 0)
    elif (c.flags & BY_ORDER_ID) == np.uint8(0) and was_seen(x, participant, np.uint64(c.client_order_id)):
        refuse(at, c, U0, ORDER_DONE, 0, 0)
    else:
        refuse(at, c, U0, UNKNOWN_ORDER, 0, 0)


@kernel(rare=True)
def cancel_all(at, c):
    """Cancel all orders of a participant, of an instrument and a side where they are named, in order of id."""
    x = unpack_exchange(at)
    state = x.state[0]
    participant, instrument = np.uint64(c.participant_id), np.uint64(c.instrument_id)
    p = unpack(np.uint64(state.book_at))
    if participant == U0 or participant > np.uint64(state.participant_count):
        refuse(at, c, U0, UNKNOWN_PARTICIPANT, 0, 0)
        return
    first, last = U1, np.uint64(state.listing_count)
    if instrument != U0:
        first = last = find_listing(x, p, instrument)
        if first == U0:
            refuse(at, c, U0, UNKNOWN_INSTRUMENT, 0, 0)
            return
    side = U1 if c.side == BID else U2
    if c.side == NO_SIDE or c.side == np.uint8(0):
        side = ALL_SIDES
    elif c.side != BID and c.side != ASK:
        refuse(at, c, U0, BAD_SIDE, 0, 0)
        return
    state.clock = c.ts
    count = U0
    for listing in range(first, last + U1):
        count = gather(at, listing, side, participant, ALL_ORDERS, count)
    sort_by_id(at, count)
    for i in range(U0, count):
        withdraw(at, np.uint64(x.ids[i]), CANCELLED, ALL_CANCELLED)
    state.affected = count
    finish_all(at)


# Replaces


@kernel(rare=True)
def replace_waiting(at, order, size, price, trigger):
    """Replace an order that no book displays."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra, o = x.extras[order], p.orders[order]
    listing = np.uint64(extra.listing)
    held = np.int64(o.size)
    moves = price != np.int64(extra.price) or size > held
    extra.price = price
    report(x, p, order, REPLACED, price, size, size, U0, np.uint8(0))
    if extra.place == np.uint8(STOPPED):
        if trigger != np.int64(extra.trigger):
            leave_place(at, order)
            extra.trigger = trigger
            o.size = size
            extra.place = np.uint8(ARRIVING)
            admit(at, order)
        else:
            o.size = size
            p.levels[np.uint64(o.level)].size += size - held
    elif (extra.special & PEGGED) != np.uint8(0):
        if extra.place == np.uint8(HIDDEN):
            if moves:
                leave_book(p, order)
                extra.place = np.uint8(LISTED)
            else:
                p.levels[np.uint64(o.level)].size += size - held
        o.size = size
        market = x.listings[listing]
        if extra.place == np.uint8(LISTED) and market.phase == CONTINUOUS:
            side = np.uint64(market.book) << U1
            price_peg(at, order, np.uint64(p.sides[side].best_key), np.uint64(p.sides[side | U1].best_key))
    elif extra.place == np.uint8(HIDDEN):
        if moves:
            leave_book(p, order)
            o.size = size
            reenter(at, order)
        else:
            o.size = size
            p.levels[np.uint64(o.level)].size += size - held
    else:
        o.size = size
        if moves and extra.list != np.uint8(TRAILING + 1):
            kind = np.uint64(extra.list) - U1
            leave_list(at, order)
            enlist(at, order, kind)


@kernel(rare=True)
def reenter(at, order):
    """An order that has left its book comes in anew: it trades if it can, and rests."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    listing = np.uint64(extra.listing)
    extra.place = np.uint8(ARRIVING)
    if x.listings[listing].phase == CONTINUOUS:
        come_in(at, order)
    else:
        rest(x, p, listing, order, tick_of(p, np.uint64(x.listings[listing].book), np.int64(extra.price)))


@kernel(rare=True)
def replace_special(at, order, size, price):
    """Replace a displayed order that is an iceberg, or that would trade, or that moves without showing more."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra, o = x.extras[order], p.orders[order]
    listing = np.uint64(extra.listing)
    market = x.listings[listing]
    held, displayed = open_size(x, p, order), np.int64(o.size)
    same = price == np.int64(extra.price)
    begin_group(x)
    code, order_id = code_of(extra.side), np.uint64(o.id)
    if same and size <= held:
        # What is taken off comes from the reserve first.
        reserve = max(np.int64(extra.reserve) - (held - size), np.int64(0))
        shown = size - reserve
        set_reserve(at, order, reserve)
        p.levels[np.uint64(o.level)].size += shown - displayed
        o.size = shown
        publish(x, listing, MODIFY, code, order_id, price, shown, LAST)
        report(x, p, order, REPLACED, price, size, size, U0, np.uint8(0))
        return
    tick = tick_of(p, np.uint64(market.book), price)
    limit_key = limit_key_of(x, p, listing, np.uint64(extra.side), price)
    trades = market.phase == CONTINUOUS and would_trade(x, p, listing, np.uint64(extra.side), limit_key)
    shown = min(size, np.int64(extra.display)) if (extra.special & ICEBERG) != np.uint8(0) else size
    if trades or (same and shown <= displayed):
        publish(x, listing, CANCEL, code, order_id, np.int64(extra.price), displayed, LAST)
        leave_book(p, order)
        set_reserve(at, order, np.int64(0))
        o.size = size
        extra.price = price
        report(x, p, order, REPLACED, price, size, size, U0, np.uint8(0))
        reenter(at, order)
        return
    detach(p, order)
    set_reserve(at, order, size - shown)
    extra.price = price
    side = (np.uint64(market.book) << U1) | np.uint64(extra.side)
    append(p, side, key_of(side, tick), order, shown)
    publish(x, listing, MODIFY, code, order_id, price, shown, LAST)
    report(x, p, order, REPLACED, price, size, size, U0, np.uint8(0))


@kernel(rare=True)
def replace_order(at, c, order):
    """Change price, size or trigger price of an order; its listing, 0 if that is refused."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    state, o, extra = x.state[0], p.orders[order], x.extras[order]
    listing = np.uint64(extra.listing)
    market = x.listings[listing]
    reason = check_replace(at, order, c)
    size = np.int64(c.size) if np.int64(c.size) != KEEP else open_size(x, p, order)
    price = np.int64(c.price) if np.int64(c.price) != UNDEF else np.int64(extra.price)
    limit_key = U0
    rests = extra.place == np.uint8(DISPLAYED) or (extra.place == np.uint8(HIDDEN) and (extra.special & PEGGED) == np.uint8(0))
    if reason == FINE and rests and market.phase == CONTINUOUS:
        limit_key = limit_key_of(x, p, listing, np.uint64(extra.side), price)
        if not would_trade(x, p, listing, np.uint64(extra.side), limit_key):
            limit_key = U0
        elif (extra.flags & POST_ONLY) != np.uint8(0):
            reason = WOULD_TRADE
    limit = value = np.int64(0)
    if reason == FINE and state.risk_at != U0:
        reason = ask_about_replace(at, order, c, size, price)
        if reason != FINE:
            limit, value = gate_limit(x)
    if reason != FINE:
        market.reject_count += U1
        refuse(at, c, np.uint64(o.id), reason, limit, value)
        return U0
    state.clock = c.ts
    state.incoming = order
    market.replace_count += U1
    if state.risk_at != U0:
        tell_replaced(at, order, open_size(x, p, order), size)
    if extra.place != np.uint8(DISPLAYED):
        trigger = np.int64(c.trigger_price) if np.int64(c.trigger_price) != UNDEF else np.int64(extra.trigger)
        replace_waiting(at, order, size, price, trigger)
    elif limit_key != U0 or (extra.special & ICEBERG) != np.uint8(0):
        replace_special(at, order, size, price)
    else:
        begin_group(x)
        if price == np.int64(extra.price):
            if size > np.int64(o.size):
                to_tail(p, order)
            p.levels[np.uint64(o.level)].size += size - np.int64(o.size)
            o.size = size
        else:
            side = (np.uint64(market.book) << U1) | np.uint64(extra.side)
            detach(p, order)
            extra.price = price
            append(p, side, key_of(side, tick_of(p, np.uint64(market.book), price)), order, size)
        publish(x, listing, MODIFY, code_of(extra.side), np.uint64(o.id), price, size, LAST)
        report(x, p, order, REPLACED, price, size, size, U0, np.uint8(0))
    tell_outcome(x, p, order)
    return listing


# The market's own commands


@kernel(rare=True)
def phase_command(at, c):
    """Change the phase of an instrument, or of all; at once, or at ``expire_ts``."""
    x = unpack_exchange(at)
    state = x.state[0]
    p = unpack(np.uint64(state.book_at))
    instrument = np.uint64(c.instrument_id)
    first, last = U1, np.uint64(state.listing_count)
    if instrument != U0:
        first = last = find_listing(x, p, instrument)
        if first == U0:
            refuse(at, c, U0, UNKNOWN_INSTRUMENT, 0, 0)
            return
    if np.int64(c.expire_ts) > np.int64(c.ts):
        if c.phase < np.uint8(1) or c.phase > np.uint8(6):
            refuse(at, c, U0, BAD_PHASE, 0, 0)
            return
        state.clock = c.ts
        insert_scheduled(x, np.int64(c.expire_ts), instrument, c.phase)
        return
    for listing in range(first, last + U1):
        if not may_follow(x.listings[listing].phase, c.phase):
            refuse(at, c, U0, BAD_PHASE, 0, 0)
            return
    state.clock = c.ts
    for listing in range(first, last + U1):
        change_phase(at, listing, c.phase)
    finish_all(at)


@kernel(rare=True)
def reference_command(at, c):
    """Set an instrument's reference price."""
    x = unpack_exchange(at)
    state = x.state[0]
    p = unpack(np.uint64(state.book_at))
    listing = find_listing(x, p, np.uint64(c.instrument_id))
    if listing == U0:
        refuse(at, c, U0, UNKNOWN_INSTRUMENT, 0, 0)
        return
    market = x.listings[listing]
    if np.int64(c.price) == UNDEF or check_price(p, np.uint64(market.book), np.int64(c.price)) == BAD_PRICE:
        refuse(at, c, U0, BAD_PRICE, 0, 0)
        return
    state.clock = c.ts
    market.reference = c.price
    market.static_base = c.price
    set_bands(at, listing)
    finish(x, p, listing)
