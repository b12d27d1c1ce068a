"""What happened, as the owner of the gate tells it: orders opened, replaced and closed, marks, days."""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.core.records import UNDEF_PRICE
from tickdeck.risk.kernels.checks import BUY, order_tag, spent_now
from tickdeck.risk.kernels.layout import CREDIT, NO_LIMIT, WAYS, unpack
from tickdeck.risk.kernels.values import changed, exposure_of, larger, pnl_of, total_at


@kernel(rare=True)
def begin_days(at, ts):
    """Begin the day and the week that `ts` lies in."""
    p = unpack(np.uint64(at))
    header = p.header[0]
    new_week = ts >= header.next_week
    for i in range(1, header.account_count + 1):
        account = p.accounts[i]
        account.orders_today = 0
        account.day_pnl = pnl_of(account)
        if new_week:
            account.week_pnl = account.day_pnl
    header.next_day = _next(p.days, ts)
    header.next_week = _next(p.weeks, ts)


@kernel
def _next(starts, ts):
    """The first of the sorted `starts` after `ts`; never, after the last."""
    low, high = np.int64(-1), np.int64(len(starts))
    while high - low > 1:
        middle = (low + high) >> 1
        if starts[middle] <= ts:
            low = middle
        else:
            high = middle
    return starts[high] if high < len(starts) else np.int64(NO_LIMIT)


@kernel
def pass_time(p, ts):
    """The clock moves on to `ts`."""
    header = p.header[0]
    if ts > header.clock:
        header.clock = np.int64(ts)
        if ts >= header.next_day:
            begin_days(p.at, ts)


@kernel
def known(p, account, instrument):
    """The gate has this account and this instrument; what happens to others it does not follow."""
    header = p.header[0]
    return account >= 1 and account <= header.account_count and instrument >= 1 and instrument <= header.instrument_count


@kernel
def put_values(account, position, long, short):
    """New values of a position with its open orders, and of its account's sums."""
    before = larger(np.int64(position.long), np.int64(position.short))
    account.gross_high, account.gross_low = changed(
        np.uint64(account.gross_high), np.uint64(account.gross_low), before, larger(long, short)
    )
    if long != position.long:
        account.long_high, account.long_low = changed(
            np.uint64(account.long_high), np.uint64(account.long_low), np.int64(position.long), long
        )
        position.long = long
    if short != position.short:
        account.short_high, account.short_low = changed(
            np.uint64(account.short_high), np.uint64(account.short_low), np.int64(position.short), short
        )
        position.short = short


@kernel
def change_open(p, account, instrument, side, change):
    """The open size of a side changes."""
    position = p.positions[instrument * np.int64(p.header[0].stride) + account]
    if side == BUY:
        position.open_buy = max(np.int64(position.open_buy) + np.int64(change), np.int64(0))
        value = exposure_of(p.instruments, instrument, np.int64(position.size) + np.int64(position.open_buy))
        put_values(p.accounts[account], position, value, np.int64(position.short))
    else:
        position.open_sell = max(np.int64(position.open_sell) + np.int64(change), np.int64(0))
        value = exposure_of(p.instruments, instrument, np.int64(position.size) - np.int64(position.open_sell))
        put_values(p.accounts[account], position, np.int64(position.long), value)


@kernel
def take_token(p, account, ts):
    """Count an order or a replace."""
    of_account = p.accounts[account]
    of_account.orders_today += 1
    limit = p.account_limits[np.int64(p.control[0].generation) * len(p.accounts) + account]
    if limit.rate != NO_LIMIT:
        of_account.spent = spent_now(of_account, limit, ts) + CREDIT
        of_account.spent_ts = max(np.int64(of_account.spent_ts), ts)
    return limit


@kernel(rare=True)
def on_open(at, account, instrument, side, price, size, ts):
    """An order was accepted with `size` open."""
    p = unpack(np.uint64(at))
    account, instrument, side, price, size, ts = (
        np.int64(account),
        np.int64(instrument),
        np.int64(side),
        np.int64(price),
        np.int64(size),
        np.int64(ts),
    )
    if not known(p, account, instrument):
        return
    pass_time(p, ts)
    limit = take_token(p, account, ts)
    p.accounts[account].open_orders += 1
    if limit.duplicate_ns > 0:
        tag = order_tag(account, instrument, side, price, size)
        bucket = np.int64(tag >> np.uint64(20) & p.header[0].bucket_mask) * WAYS
        chosen = bucket
        for way in range(WAYS):
            recent = p.duplicates[bucket + way]
            if recent.tag == tag:
                chosen = bucket + way
                break
            if recent.ts < p.duplicates[chosen].ts:
                chosen = bucket + way
        p.duplicates[chosen].tag = tag
        p.duplicates[chosen].ts = ts
    change_open(p, account, instrument, side, size)


@kernel(rare=True)
def on_replaced(at, account, instrument, side, old_size, size, ts):
    """An order of `old_size` open has `size` open now."""
    p = unpack(np.uint64(at))
    account, instrument, side, ts = np.int64(account), np.int64(instrument), np.int64(side), np.int64(ts)
    if not known(p, account, instrument):
        return
    pass_time(p, ts)
    take_token(p, account, ts)
    change_open(p, account, instrument, side, np.int64(size) - np.int64(old_size))


@kernel(rare=True)
def on_reduced(at, account, instrument, side, size):
    """An order that stays open lost `size` without a fill."""
    p = unpack(np.uint64(at))
    account, instrument, side = np.int64(account), np.int64(instrument), np.int64(side)
    if not known(p, account, instrument):
        return
    change_open(p, account, instrument, side, -np.int64(size))


@kernel(rare=True)
def on_closed(at, account, instrument, side, size):
    """An order is over with `size` still open: cancelled or expired."""
    p = unpack(np.uint64(at))
    account, instrument, side = np.int64(account), np.int64(instrument), np.int64(side)
    if not known(p, account, instrument):
        return
    of_account = p.accounts[account]
    of_account.open_orders = max(np.int64(of_account.open_orders) - 1, np.int64(0))
    change_open(p, account, instrument, side, -np.int64(size))


@kernel(rare=True)
def revalue(at, account, instrument):
    """Value a position at its instrument's mark."""
    p = unpack(np.uint64(at))
    account, instrument = np.int64(account), np.int64(instrument)
    row = instrument * np.int64(p.header[0].stride) + account
    position = p.positions[row]
    of_account = p.accounts[account]
    total = total_at(p.instruments, instrument, p.positions, row, np.int64(p.instruments[instrument].mark))
    of_account.pnl_high, of_account.pnl_low = changed(
        np.uint64(of_account.pnl_high), np.uint64(of_account.pnl_low), np.int64(position.total), total
    )
    position.total = total
    of_account.peak_pnl = max(np.int64(of_account.peak_pnl), pnl_of(of_account))
    size = np.int64(position.size)
    long = exposure_of(p.instruments, instrument, size + np.int64(position.open_buy))
    short = exposure_of(p.instruments, instrument, size - np.int64(position.open_sell))
    put_values(of_account, position, long, short)


@kernel(rare=True)
def revalue_all(at, instrument):
    """Value everybody's position in an instrument at its mark."""
    p = unpack(np.uint64(at))
    first = np.int64(instrument) * np.int64(p.header[0].stride)
    for account in range(1, np.int64(p.header[0].account_count) + 1):
        position = p.positions[first + account]
        if (position.size | position.open_buy | position.open_sell) != 0:
            revalue(p.at, account, instrument)


@kernel
def mark(at, instrument, price):
    """The instrument's price is `price` now: it is the reference of collars, and positions are valued at it."""
    p = unpack(np.uint64(at))
    instrument, price = np.int64(instrument), np.int64(price)
    if instrument < 1 or instrument > p.header[0].instrument_count:
        return
    if p.instruments[instrument].mark != price and price != UNDEF_PRICE:
        p.instruments[instrument].mark = price
        revalue_all(p.at, instrument)


@kernel
def on_time(at, ts):
    """Time passes without an order: a new day or week begins if it is due."""
    p = unpack(np.uint64(at))
    pass_time(p, ts)
