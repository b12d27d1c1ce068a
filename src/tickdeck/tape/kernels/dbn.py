"""Compiled loops over DBN records.

``select`` walks bytes that hold records of several types or with a trailing ``ts_out``:

    | length rtype ... | length rtype ... | ...      length in units of 4 bytes, 16 bytes of header at least

and moves the wanted ones together at the front of the same buffer. The other kernels turn records into ``EVENT``.
"""

import numpy as np

from tickdeck.core.kernel import kernel

STOP_DATA = 0  # the rest is no complete record
STOP_ASIDE = 1  # the buffer for records put aside is full
STOP_LENGTH = 2  # a record shorter than its header: the bytes are damaged
STOP_SIZE = 3  # a wanted record of another size, which was passed over

_A, _N, _R, _T = 65, 78, 82, 84
_BID, _ASK = 66, 65
_LEVELS = 10
_LAST = 128
_TOB = 64
_MBP = 16
_UNDEF_PRICE = 2**63 - 1
_DEFINITION = 0x13
_SYMBOL_MAPPING = 0x16


@kernel(entry=True)
def select(data, end, wanted, size, trailing, aside, counts, state):
    """Move the wanted records of ``data[:end]`` together.

    ``state``: 0 where to read on, 1 where to write on, 2 bytes put aside, 3 why it stopped (a ``STOP_`` code). A wanted record
    has `size` bytes, or `trailing` more that are dropped. Records that define or name instruments are copied to `aside`, all
    that are not wanted are counted by type in `counts`.
    """
    at = state[0]
    out = state[1]
    put = state[2]
    reason = STOP_DATA
    while at + 2 <= end:
        length = np.int64(data[at]) * 4
        rtype = np.int64(data[at + 1])
        if length < 16:
            reason = STOP_LENGTH
            break
        if at + length > end:
            break
        if rtype == wanted:
            if length != size and length != size + trailing:
                at += length
                reason = STOP_SIZE
                break
            if out != at:
                for i in range(size):
                    data[out + i] = data[at + i]
            data[out] = np.uint8(size >> 2)
            out += size
        else:
            if rtype in (_DEFINITION, _SYMBOL_MAPPING):
                if put + length > len(aside):
                    reason = STOP_ASIDE
                    break
                for i in range(length):
                    aside[put + i] = data[at + i]
                put += length
            counts[rtype] += 1
        at += length
    state[0] = at
    state[1] = out
    state[2] = put
    state[3] = reason


@kernel
def time_of(value, state):
    """A DBN timestamp as signed ns; undefined is 0, one past 2262 is 0 and counted in ``state[1]``."""
    if value >> np.uint64(63) == np.uint64(0):
        return np.int64(value)
    if value != np.uint64(0xFFFFFFFFFFFFFFFF):
        state[1] += 1
    return np.int64(0)


@kernel(entry=True)
def order_events(records, out, state):
    """``DBN_MBO`` records as events, one for one. ``state[1]`` counts impossible timestamps."""
    for i in range(len(records)):
        r = records[i]
        e = out[i]
        e.ts_event = time_of(np.uint64(r.ts_event), state)
        e.ts_recv = time_of(np.uint64(r.ts_recv), state)
        e.order_id = r.order_id
        e.price = r.price
        e.size = np.int64(r.size)
        e.sequence = np.uint64(r.sequence)
        e.instrument_id = r.instrument_id
        e.ts_in_delta = r.ts_in_delta
        e.publisher_id = r.publisher_id
        e.action = r.action
        e.side = r.side
        e.flags = r.flags
        e.channel_id = r.channel_id
        e.rtype = r.rtype
        e.reserved = np.uint8(0)


@kernel
def blank(base, event, action, side, flags):
    """The base event with another action and side, without trade."""
    event.ts_event = base.ts_event
    event.ts_recv = base.ts_recv
    event.order_id = np.uint64(0)
    event.price = _UNDEF_PRICE
    event.size = np.int64(0)
    event.sequence = base.sequence
    event.instrument_id = base.instrument_id
    event.ts_in_delta = base.ts_in_delta
    event.publisher_id = base.publisher_id
    event.action = np.uint8(action)
    event.side = np.uint8(side)
    event.flags = np.uint8(flags)
    event.channel_id = base.channel_id
    event.rtype = base.rtype
    event.reserved = np.uint8(0)


@kernel
def trade(base, event, flags):
    """The base event as the trade that its record tells."""
    blank(base, event, _T, base.side, flags)
    event.price = base.price
    event.size = base.size


@kernel
def level_set(base, event, side, flags, price, size, orders):
    """One level as an event; size 0 removes it."""
    blank(base, event, _A, side, flags)
    event.price = price
    event.size = np.int64(size)
    event.order_id = np.uint64(orders)


@kernel(entry=True)
def top_events(base, levels, trade_first, trade_last, whole, out):
    """Best bid and offer records: each replaces both sides, with its trade before or behind.

    ``base`` holds the records' other fields as events. `whole`: every record is a group of its own. Returns the number of
    events, at most 4 a record.
    """
    count = 0
    for i in range(len(base)):
        b = base[i]
        flags = np.int64(b.flags) & ~(_LAST | _TOB | _MBP)
        if b.action == _R:
            blank(b, out[count], _R, _N, flags)
            count += 1
        if trade_first and b.action == _T:
            trade(b, out[count], flags)
            count += 1
        level = levels[i, 0]
        if level.bid_px != _UNDEF_PRICE and level.bid_sz > 0:
            level_set(b, out[count], _BID, flags | _TOB, level.bid_px, level.bid_sz, level.bid_ct)
        else:
            blank(b, out[count], _A, _BID, flags | _TOB)
        if level.ask_px != _UNDEF_PRICE and level.ask_sz > 0:
            level_set(b, out[count + 1], _ASK, flags | _TOB, level.ask_px, level.ask_sz, level.ask_ct)
        else:
            blank(b, out[count + 1], _A, _ASK, flags | _TOB)
        count += 2
        if trade_last and b.action == _T:
            trade(b, out[count], flags)
            count += 1
        if whole or (np.int64(b.flags) & _LAST) != 0:
            out[count - 1].flags |= np.uint8(_LAST)
    return count


@kernel
def changed_levels(base, new, held, side, flags, out, count):
    """Append the changes that turn one side of a book from `held` into `new`, and keep `new`; returns the number of events.

    Both are sorted, best first, and end at the first level without a price.
    """
    i = 0
    j = 0
    while True:
        before = held[i].price if i < _LEVELS else _UNDEF_PRICE
        now = (new[j].bid_px if side == _BID else new[j].ask_px) if j < _LEVELS else _UNDEF_PRICE
        if before == _UNDEF_PRICE and now == _UNDEF_PRICE:
            break
        behind = before < now if side == _ASK else before > now
        if now == _UNDEF_PRICE or (before != _UNDEF_PRICE and behind):
            level_set(base, out[count], side, flags | _MBP, before, 0, 0)
            count += 1
            i += 1
            continue
        size = new[j].bid_sz if side == _BID else new[j].ask_sz
        orders = new[j].bid_ct if side == _BID else new[j].ask_ct
        if before != now or held[i].size != size or held[i].orders != orders:
            level_set(base, out[count], side, flags | _MBP, now, size, orders)
            count += 1
        if before == now:
            i += 1
        j += 1
    for k in range(_LEVELS):
        held[k].price = new[k].bid_px if side == _BID else new[k].ask_px
        held[k].size = new[k].bid_sz if side == _BID else new[k].ask_sz
        held[k].orders = new[k].bid_ct if side == _BID else new[k].ask_ct
    return count


@kernel(entry=True)
def level_events(base, levels, slots, bids, asks, is_open, out):
    """Ten-level book records: what changed against the record before of the same book.

    ``base`` holds the records' other fields as events. ``bids[slots[i]]`` and ``asks[slots[i]]`` are the book as its last record
    left it, ``is_open`` tells whether that left a group open. Levels that left the window are removed. Returns the number of
    events, at most 42 a record.
    """
    count = 0
    for i in range(len(base)):
        b = base[i]
        slot = slots[i]
        flags = np.int64(b.flags) & ~(_LAST | _TOB | _MBP)
        first = count
        if b.action == _R:
            blank(b, out[count], _R, _N, flags)
            count += 1
            for k in range(_LEVELS):
                bids[slot, k].price = _UNDEF_PRICE
                asks[slot, k].price = _UNDEF_PRICE
        elif b.action == _T:
            trade(b, out[count], flags)
            count += 1
        count = changed_levels(b, levels[i], bids[slot], _BID, flags, out, count)
        count = changed_levels(b, levels[i], asks[slot], _ASK, flags, out, count)
        last = (np.int64(b.flags) & _LAST) != 0
        if last and count == first and is_open[slot] != 0:
            blank(b, out[count], _N, _N, flags)
            count += 1
        if count > first:
            is_open[slot] = np.uint8(0 if last else 1)
            if last:
                out[count - 1].flags |= np.uint8(_LAST)
    return count
