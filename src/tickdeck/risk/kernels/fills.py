"""Fills: position, cash flow, cost (average and FIFO), fees, and what a trade from flat to flat brought."""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.core.records import UNDEF_PRICE
from tickdeck.core.wide import add, add_saturating, negate, scale
from tickdeck.risk.kernels.checks import BUY
from tickdeck.risk.kernels.layout import BY_RATES, unpack
from tickdeck.risk.kernels.updates import known, pass_time, revalue, revalue_all
from tickdeck.risk.kernels.values import amount_of, fee_of, total_at


@kernel
def signed(high, low, sign):
    """A 128-bit number, negated for a negative `sign`."""
    if sign < 0:
        return negate(high, low)
    return high, low


@kernel
def push_lot(p, position, size, high, low):
    """A new lot at the end of a position's queue; it joins the last one where the pool is full."""
    header = p.header[0]
    index = np.int64(header.lot_free)
    if index != 0:
        header.lot_free = p.lots[index].next
    elif header.lot_top < len(p.lots):
        index = np.int64(header.lot_top)
        header.lot_top += np.uint32(1)
    elif position.lot_tail == 0:
        # No lot of its own to join: the FIFO cost of this position is its average cost.
        header.merged_lots += 1
        return
    else:
        last = p.lots[np.int64(position.lot_tail)]
        last.size += np.int64(size)
        last.cost_high, last.cost_low = add(np.uint64(last.cost_high), np.uint64(last.cost_low), high, low)
        header.merged_lots += 1
        return
    header.lot_room -= 1
    lot = p.lots[index]
    lot.size = np.int64(size)
    lot.cost_high = high
    lot.cost_low = low
    lot.next = np.uint32(0)
    if position.lot_tail == 0:
        position.lot_head = np.uint32(index)
    else:
        p.lots[np.int64(position.lot_tail)].next = np.uint32(index)
    position.lot_tail = np.uint32(index)
    position.lot_count += np.uint32(1)


@kernel
def take_lots(p, position, size):
    """Take `size` out of the oldest lots; its cost, and how much no lot was found for."""
    header = p.header[0]
    high, low = np.uint64(0), np.uint64(0)
    left = np.int64(size)
    while left > 0 and position.lot_head != 0:
        index = np.int64(position.lot_head)
        lot = p.lots[index]
        if lot.size > left:
            part_high, part_low = scale(np.uint64(lot.cost_high), np.uint64(lot.cost_low), left, np.int64(lot.size))
            lot.size -= left
            kept_high, kept_low = negate(part_high, part_low)
            lot.cost_high, lot.cost_low = add(np.uint64(lot.cost_high), np.uint64(lot.cost_low), kept_high, kept_low)
            left = np.int64(0)
        else:
            part_high, part_low = np.uint64(lot.cost_high), np.uint64(lot.cost_low)
            left -= np.int64(lot.size)
            position.lot_head = np.uint32(lot.next)
            if position.lot_head == 0:
                position.lot_tail = np.uint32(0)
            position.lot_count -= np.uint32(1)
            lot.size = np.int64(0)
            lot.cost_high = np.uint64(0)
            lot.cost_low = np.uint64(0)
            lot.next = header.lot_free
            header.lot_free = np.uint32(index)
            header.lot_room += 1
        high, low = add(high, low, part_high, part_low)
    return high, low, left


@kernel
def reduce_cost(p, position, closed, held):
    """Take the cost of `closed` of the `held` units out of the position's costs."""
    sign = np.int64(1) if position.size > 0 else np.int64(-1)
    high, low = scale(np.uint64(position.cost_high), np.uint64(position.cost_low), closed, held)
    high, low = negate(high, low)
    position.cost_high, position.cost_low = add(np.uint64(position.cost_high), np.uint64(position.cost_low), high, low)
    high, low, missing = take_lots(p, position, closed)
    high, low = signed(high, low, -sign)
    if closed == held:
        position.fifo_high = np.uint64(0)
        position.fifo_low = np.uint64(0)
    elif missing == 0:
        position.fifo_high, position.fifo_low = add(np.uint64(position.fifo_high), np.uint64(position.fifo_low), high, low)
    else:
        high, low = scale(np.uint64(position.fifo_high), np.uint64(position.fifo_low), closed, held)
        high, low = negate(high, low)
        position.fifo_high, position.fifo_low = add(np.uint64(position.fifo_high), np.uint64(position.fifo_low), high, low)


@kernel
def enter(p, instrument, position, sign, price, size):
    """Add `size` at a price to a position on the same side, or flat."""
    high, low = amount_of(instrument, price, size)
    push_lot(p, position, size, high, low)
    high, low = signed(high, low, sign)
    position.cost_high, position.cost_low = add(np.uint64(position.cost_high), np.uint64(position.cost_low), high, low)
    position.fifo_high, position.fifo_low = add(np.uint64(position.fifo_high), np.uint64(position.fifo_low), high, low)
    position.size = add_saturating(np.int64(position.size), sign * np.int64(size))


@kernel
def end_trade(p, account, ts, result):
    """A position went flat: a loss counts towards the breaker."""
    of_account = p.accounts[account]
    if result > 0:
        of_account.losses = 0
    elif result < 0:
        of_account.losses += 1
        limit = p.account_limits[np.int64(p.control[0].generation) * len(p.accounts) + account]
        if of_account.losses >= limit.losses:
            of_account.losses = 0
            of_account.breaker_until = add_saturating(ts, np.int64(limit.cool_down_ns))


@kernel
def book_fill(p, account, instrument, side, price, size, fee, aggressor):
    """Position, flow, cost and fees of a fill; what its trade had brought by then (base money), and whether the trade is over."""
    row = instrument * np.int64(p.header[0].stride) + account
    position = p.positions[row]
    listed = p.instruments[instrument]
    sign = np.int64(1) if side == BUY else np.int64(-1)
    high, low = amount_of(listed, price, size)
    if fee == BY_RATES:
        fee = fee_of(listed, high, low, size, aggressor)
    position.fees = add_saturating(np.int64(position.fees), fee)
    high, low = signed(high, low, -sign)
    position.flow_high, position.flow_low = add(np.uint64(position.flow_high), np.uint64(position.flow_low), high, low)
    before = np.int64(position.size)
    if before == 0:
        position.trade_start = position.total
    held = -before if before < 0 else before
    if before == 0 or (before > 0) == (sign > 0):
        enter(p, listed, position, sign, price, size)
        return np.int64(0), False
    closed = min(size, held)
    reduce_cost(p, position, closed, held)
    position.size = before + sign * closed
    if size > held:
        enter(p, listed, position, sign, price, size - held)
    if size < held:
        return np.int64(0), False
    total = total_at(p.instruments, instrument, p.positions, row, price)
    result = total - np.int64(position.trade_start)
    position.trade_start = total
    return result, True


@kernel(rare=True)
def on_fill(at, account, instrument, side, price, size, ts, leaves, aggressor, fee):
    """A fill. Its order has `leaves` open after it; -1: an order that was never opened here. `fee` is money or ``BY_RATES``."""
    p = unpack(np.uint64(at))
    account, instrument, side, price, size, ts, leaves, fee = (
        np.int64(account),
        np.int64(instrument),
        np.int64(side),
        np.int64(price),
        np.int64(size),
        np.int64(ts),
        np.int64(leaves),
        np.int64(fee),
    )
    if not known(p, account, instrument):
        return
    pass_time(p, ts)
    result, over = book_fill(p, account, instrument, side, price, size, fee, aggressor)
    if leaves >= 0:
        position = p.positions[instrument * np.int64(p.header[0].stride) + account]
        if side == BUY:
            position.open_buy = max(np.int64(position.open_buy) - size, np.int64(0))
        else:
            position.open_sell = max(np.int64(position.open_sell) - size, np.int64(0))
        if leaves == 0:
            of_account = p.accounts[account]
            of_account.open_orders = max(np.int64(of_account.open_orders) - 1, np.int64(0))
    if p.instruments[instrument].mark == UNDEF_PRICE:
        p.instruments[instrument].mark = price
        revalue_all(p.at, instrument)
    else:
        revalue(p.at, account, instrument)
    if over:
        end_trade(p, account, ts, result)
