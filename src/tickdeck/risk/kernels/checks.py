"""The pre-trade check. It reads the state and changes none of it.

Every part returns a reason, 0 to go on, and writes limit and value into ``control``; what exceeds its limit is refused, what equals
it passes. Orders that only reduce a position pass the limits on losses.
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.core.orders import Reason
from tickdeck.core.records import UNDEF_PRICE
from tickdeck.core.wide import (
    MOST,
    add_saturating,
    multiply_compare,
    multiply_divide,
    multiply_divide_nearest,
    narrow,
)
from tickdeck.risk.kernels.layout import (
    CREDIT,
    HALTED,
    NO_LIMIT,
    REDUCE_ONLY,
    REDUCING,
    SHARE_SCALE,
    WAYS,
    unpack,
)
from tickdeck.risk.kernels.values import changed, exposure_of, larger, notional_of, pnl_of

BUY, SELL = ord("B"), ord("A")
PASS = 0
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


@kernel
def refuse(control, reason, limit, value):
    """Note limit and value; the reason."""
    control[0].limit_value = limit
    control[0].value = value
    return np.int64(reason)


@kernel
def order_tag(account, instrument, side, price, size):
    """64-bit hash of what makes two orders the same; never 0."""
    tag = np.uint64(account) * GOLDEN ^ np.uint64(instrument)
    tag = (tag ^ (tag >> _SHIFT)) * GOLDEN ^ np.uint64(price)
    tag = (tag ^ (tag >> _SHIFT)) * GOLDEN ^ (np.uint64(size) + (np.uint64(side) << np.uint64(56)))
    tag = (tag ^ (tag >> _SHIFT)) * GOLDEN
    return (tag ^ (tag >> _SHIFT)) | np.uint64(1)


@kernel
def span_of(spans, first, last, now):
    """Row of the last span in [first, last) that starts at `now` or before; -1 if there is none."""
    low, high = np.int64(first) - 1, np.int64(last)
    while high - low > 1:
        middle = (low + high) >> 1
        if spans[middle].start <= now:
            low = middle
        else:
            high = middle
    return low if low >= np.int64(first) else np.int64(-1)


@kernel(rare=True)
def times_allow(control, limits, row, spans, now):
    """Trading hours and blackouts; notes until when the answer holds. The limit of a refusal is when the span ends or starts."""
    limit = limits[row]
    calm_from, calm_until = -np.int64(NO_LIMIT), np.int64(NO_LIMIT)
    if limit.has_hours:
        at = span_of(spans, limit.hours_from, limit.hours_to, now)
        if at < 0 or now >= spans[at].end:
            return refuse(control, Reason.OUTSIDE_HOURS, spans[at].end if at >= 0 else np.int64(0), now)
        calm_from, calm_until = np.int64(spans[at].start), np.int64(spans[at].end)
    if limit.blackouts_to > limit.blackouts_from:
        at = span_of(spans, limit.blackouts_from, limit.blackouts_to, now)
        if at >= 0:
            if now < spans[at].end:
                return refuse(control, Reason.BLACKOUT, spans[at].start, now)
            calm_from = max(calm_from, np.int64(spans[at].end))
        following = at + 1 if at >= 0 else np.int64(limit.blackouts_from)
        if following < np.int64(limit.blackouts_to):
            calm_until = min(calm_until, np.int64(spans[following].start))
    limit.calm_from = calm_from
    limit.calm_until = calm_until
    return np.int64(PASS)


@kernel
def bound_of(reference, collar, side):
    """The worst price that the collar allows."""
    distance = multiply_divide(-reference if reference < 0 else reference, collar, np.int64(SHARE_SCALE))
    return add_saturating(reference, distance if side == BUY else -distance)


@kernel
def price_allows(p, instrument, limit, side, price, size, worst, reference):
    """Collar and notional.

    An order is valued where it is worth the most of all prices that it could trade at: a buyer at its limit or worst price, a
    seller, who may be paid better, also at the reference; of inverse contracts, worth more at lower prices, the other way round.
    """
    taken = price if price != UNDEF_PRICE else worst
    if limit.collar != NO_LIMIT:
        if reference == UNDEF_PRICE:
            return refuse(p.control, Reason.NO_REFERENCE_PRICE, limit.collar, np.int64(0))
        if taken == UNDEF_PRICE:
            taken = bound_of(reference, np.int64(limit.collar), side)
        beyond = add_saturating(taken, -reference) if side == BUY else add_saturating(reference, -taken)
        absolute = -reference if reference < 0 else reference
        if beyond > 0 and multiply_compare(beyond, np.int64(SHARE_SCALE), absolute, np.int64(limit.collar)) > 0:
            return refuse(p.control, Reason.PRICE_COLLAR, bound_of(reference, np.int64(limit.collar), side), taken)
    if limit.notional != NO_LIMIT:
        dearest = taken
        at_own_price = (side == BUY) != (instrument.inverse != 0) and taken > 0
        if taken == UNDEF_PRICE or (reference == UNDEF_PRICE and not at_own_price):
            return refuse(p.control, Reason.NO_REFERENCE_PRICE, limit.notional, size)
        if not at_own_price:
            if instrument.inverse:
                dearest = min(taken, reference)
            else:
                dearest = max(-taken if taken < 0 else taken, -reference if reference < 0 else reference)
        value = notional_of(instrument, dearest, size)
        if value > limit.notional:
            return refuse(p.control, Reason.MAX_NOTIONAL, limit.notional, value)
    return np.int64(PASS)


@kernel
def spent_now(account, limit, now):
    """Credits of the rate bucket in use at `now`."""
    elapsed = now - np.int64(account.spent_ts)
    if elapsed >= limit.empty_ns:
        return np.int64(0)
    left = np.int64(account.spent) - max(elapsed, np.int64(0)) * np.int64(limit.rate)
    return left if left > 0 else np.int64(0)


@kernel
def rates_allow(p, account, limit, index, instrument, side, price, size, now, is_new):
    """Open orders, the order rate and repeated orders."""
    if is_new and account.open_orders >= limit.open_orders:
        return refuse(p.control, Reason.MAX_OPEN_ORDERS, limit.open_orders, account.open_orders + 1)
    if is_new and limit.duplicate_ns > 0:
        tag = order_tag(index, instrument, side, price, size)
        bucket = np.int64(tag >> np.uint64(20) & p.header[0].bucket_mask) * WAYS
        for way in range(WAYS):
            recent = p.duplicates[bucket + way]
            if recent.tag == tag and now - recent.ts < limit.duplicate_ns:
                return refuse(p.control, Reason.DUPLICATE_ORDER, limit.duplicate_ns, now - recent.ts)
    if limit.rate != NO_LIMIT:
        spent = spent_now(account, limit, now) + CREDIT
        if spent > limit.capacity:
            return refuse(p.control, Reason.RATE_PER_SECOND, limit.capacity // CREDIT, (spent + CREDIT - 1) // CREDIT)
    today = np.int64(account.orders_today) + 1 if now < p.header[0].next_day else np.int64(1)
    if today > limit.orders_per_day:
        return refuse(p.control, Reason.RATE_PER_DAY, limit.orders_per_day, today)
    return np.int64(PASS)


@kernel
def losses_allow(p, account, position, limit, account_limit, now):
    """Losing trades in a row, and losses of the trade, the day, the week and from the best."""
    if now < account.breaker_until:
        return refuse(p.control, Reason.CONSECUTIVE_LOSSES, account.breaker_until, now)
    if position.size != 0:
        loss = np.int64(position.trade_start) - np.int64(position.total)
        if loss > limit.trade_loss:
            return refuse(p.control, Reason.TRADE_LOSS, limit.trade_loss, loss)
    pnl = pnl_of(account)
    loss = add_saturating(np.int64(account.day_pnl), -pnl)
    if loss > account_limit.daily_loss and now < p.header[0].next_day:
        return refuse(p.control, Reason.DAILY_LOSS, account_limit.daily_loss, loss)
    loss = add_saturating(np.int64(account.week_pnl), -pnl)
    if loss > account_limit.weekly_loss and now < p.header[0].next_week:
        return refuse(p.control, Reason.WEEKLY_LOSS, account_limit.weekly_loss, loss)
    loss = add_saturating(np.int64(account.peak_pnl), -pnl)
    if loss > account_limit.drawdown:
        return refuse(p.control, Reason.DRAWDOWN, account_limit.drawdown, loss)
    return np.int64(PASS)


@kernel
def exposure_allows(p, account, instrument, position, limit, side, added):
    """Gross and net exposure, concentration and leverage, if all open orders were filled, this one with them.

    An order that does not raise the measured value passes.
    """
    if limit.gross == NO_LIMIT and limit.net == NO_LIMIT and limit.concentration == NO_LIMIT and limit.leverage == NO_LIMIT:
        return np.int64(PASS)
    if p.instruments[instrument].mark == UNDEF_PRICE:
        return refuse(p.control, Reason.NO_REFERENCE_PRICE, np.int64(0), added)
    long, short = np.int64(position.long), np.int64(position.short)
    before = larger(long, short)
    size = np.int64(position.size)
    if side == BUY:
        filled = exposure_of(p.instruments, instrument, size + np.int64(position.open_buy) + added)
        after = larger(filled, short)
        net = narrow(*changed(np.uint64(account.long_high), np.uint64(account.long_low), long, filled))
        raised = filled > long or filled == MOST
    else:
        filled = exposure_of(p.instruments, instrument, size - np.int64(position.open_sell) - added)
        after = larger(long, filled)
        net = -narrow(*changed(np.uint64(account.short_high), np.uint64(account.short_low), short, filled))
        raised = filled < short or filled == -MOST
    if raised and net > limit.net:
        return refuse(p.control, Reason.EXPOSURE, limit.net, net)
    # A value beyond 64 bits does not show that it is raised.
    if after <= before and after != MOST:
        return np.int64(PASS)
    gross = narrow(*changed(np.uint64(account.gross_high), np.uint64(account.gross_low), before, after))
    if gross > limit.gross:
        return refuse(p.control, Reason.EXPOSURE, limit.gross, gross)
    if limit.concentration != NO_LIMIT and gross > limit.concentration_from:
        if multiply_compare(after, np.int64(SHARE_SCALE), gross, np.int64(limit.concentration)) > 0:
            share = multiply_divide(after, np.int64(SHARE_SCALE), gross)
            return refuse(p.control, Reason.CONCENTRATION, limit.concentration, share)
    if limit.leverage != NO_LIMIT:
        equity = add_saturating(np.int64(account.deposits), pnl_of(account))
        if equity <= 0:
            return refuse(p.control, Reason.LEVERAGE, limit.leverage, np.int64(MOST))
        if multiply_compare(gross, np.int64(SHARE_SCALE), equity, np.int64(limit.leverage)) > 0:
            ratio = multiply_divide_nearest(gross, np.int64(SHARE_SCALE), equity)
            return refuse(p.control, Reason.LEVERAGE, limit.leverage, ratio)
    return np.int64(PASS)


@kernel(rare=True)
def check(at, account, instrument, side, price, size, worst, reference, ts, flags, replaced):
    """Whether an order, or a replace, may go on: 0, or the ``Reason`` against it.

    Changes nothing but limit and value in ``control``. The parameters are in the room's list of kernels.
    """
    p = unpack(np.uint64(at))
    header = p.header[0]
    account, instrument, side, price, size = (
        np.int64(account),
        np.int64(instrument),
        np.int64(side),
        np.int64(price),
        np.int64(size),
    )
    worst, reference, now, replaced = np.int64(worst), np.int64(reference), np.int64(ts), np.int64(replaced)
    flags = np.int64(flags)
    if account < 1 or account > header.account_count:
        return refuse(p.control, Reason.UNKNOWN_PARTICIPANT, header.account_count, account)
    if instrument < 1 or instrument > header.instrument_count:
        return refuse(p.control, Reason.UNKNOWN_INSTRUMENT, header.instrument_count, instrument)
    if side != BUY and side != SELL:
        return refuse(p.control, Reason.BAD_SIDE, np.int64(0), side)
    if size <= 0 or replaced < 0:
        return refuse(p.control, Reason.BAD_SIZE, np.int64(0), size)
    if now < header.clock:
        return refuse(p.control, Reason.CLOCK_BACKWARDS, header.clock, now)
    row = instrument * np.int64(header.stride) + account
    generation = np.int64(p.control[0].generation)
    limit = p.order_limits[generation * len(p.positions) + row]
    account_limit = p.account_limits[generation * len(p.accounts) + account]
    of_account = p.accounts[account]
    position = p.positions[row]
    listed = p.instruments[instrument]
    if header.killed or of_account.killed:
        return refuse(p.control, Reason.KILL_SWITCH, np.int64(0), size)
    state = max(header.state, of_account.state)
    if state == HALTED:
        return refuse(p.control, Reason.HALTED, np.int64(0), size)
    if limit.restricted:
        return refuse(p.control, Reason.RESTRICTED_INSTRUMENT, np.int64(0), size)
    if now < limit.calm_from or now >= limit.calm_until:
        reason = times_allow(p.control, p.order_limits, generation * len(p.positions) + row, p.spans, now)
        if reason:
            return reason
    if size > limit.order_size:
        return refuse(p.control, Reason.MAX_ORDER_SIZE, limit.order_size, size)
    # A replace counts for what it adds to the open size.
    added = size - replaced
    if side == BUY:
        held, opened = np.int64(position.size), np.int64(position.open_buy)
    else:
        held, opened = -np.int64(position.size), np.int64(position.open_sell)
    worst_position = held + opened + added
    reduces = flags & REDUCE_ONLY != 0 or (held < 0 and worst_position <= 0)
    if state == REDUCING and not reduces:
        return refuse(p.control, Reason.REDUCING, -held if held < 0 else np.int64(0), opened + added)
    if listed.inverse and price <= 0:
        return refuse(p.control, Reason.BAD_PRICE, np.int64(1), price)
    reason = price_allows(
        p, listed, limit, side, price, size, worst,
        reference if reference != UNDEF_PRICE else np.int64(listed.mark),
    )  # fmt: skip
    if reason:
        return reason
    if not reduces and added > 0 and worst_position > limit.position:
        return refuse(p.control, Reason.MAX_POSITION, limit.position, worst_position)
    reason = rates_allow(p, of_account, account_limit, account, instrument, side, price, size, now, replaced == 0)
    if reason:
        return reason
    if not reduces:
        reason = losses_allow(p, of_account, position, limit, account_limit, now)
        if reason:
            return reason
    if flags & REDUCE_ONLY == 0 and added > 0:
        return exposure_allows(p, of_account, instrument, position, account_limit, side, added)
    return np.int64(PASS)
