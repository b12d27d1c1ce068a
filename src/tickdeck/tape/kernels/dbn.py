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
def begin(r, e, action, side, flags, state):
    """Fill the fields that every event of a record shares; price, size and order_id are none."""
    e.ts_event = time_of(np.uint64(r.ts_event), state)
    e.ts_recv = time_of(np.uint64(r.ts_recv), state)
    e.order_id = np.uint64(0)
    e.price = _UNDEF_PRICE
    e.size = np.int64(0)
    e.sequence = np.uint64(r.sequence)
    e.instrument_id = r.instrument_id
    e.ts_in_delta = r.ts_in_delta
    e.publisher_id = r.publisher_id
    e.action = np.uint8(action)
    e.side = np.uint8(side)
    e.flags = np.uint8(flags)
    e.channel_id = np.uint8(0)
    e.rtype = r.rtype
    e.reserved = np.uint8(0)


@kernel
def trade(r, e, flags, state):
    """The record's trade as an event."""
    begin(r, e, _T, r.side, flags, state)
    e.price = r.price
    e.size = np.int64(r.size)


@kernel(entry=True)
def trade_events(records, out, state):
    """Trades, each a group of its own."""
    for i in range(len(records)):
        r = records[i]
        trade(r, out[i], (np.int64(r.flags) & ~(_TOB | _MBP)) | _LAST, state)


@kernel(entry=True)
def top_events(records, trade_first, trade_last, whole, out, state):
    """Best bid and offer records: each replaces both sides, with its trade before or behind.

    `whole`: every record is a group of its own. ``state[0]`` receives the number of events, at most 4 a record.
    """
    count = 0
    for i in range(len(records)):
        r = records[i]
        flags = np.int64(r.flags) & ~(_LAST | _TOB | _MBP)
        if r.action == _R:
            begin(r, out[count], _R, _N, flags, state)
            count += 1
        if trade_first and r.action == _T:
            trade(r, out[count], flags, state)
            count += 1
        level = r.levels[0]
        e = out[count]
        begin(r, e, _A, 66, flags | _TOB, state)
        if level.bid_px != _UNDEF_PRICE and level.bid_sz > 0:
            e.price = level.bid_px
            e.size = np.int64(level.bid_sz)
            e.order_id = np.uint64(level.bid_ct)
        e = out[count + 1]
        begin(r, e, _A, 65, flags | _TOB, state)
        if level.ask_px != _UNDEF_PRICE and level.ask_sz > 0:
            e.price = level.ask_px
            e.size = np.int64(level.ask_sz)
            e.order_id = np.uint64(level.ask_ct)
        count += 2
        if trade_last and r.action == _T:
            trade(r, out[count], flags, state)
            count += 1
        if whole or (np.int64(r.flags) & _LAST) != 0:
            out[count - 1].flags |= np.uint8(_LAST)
    state[0] = count


@kernel
def set_level(r, e, side, flags, price, size, orders, state):
    """One level as an event; size 0 removes it."""
    begin(r, e, _A, side, flags | _MBP, state)
    e.price = price
    e.size = size
    e.order_id = orders


@kernel(entry=True)
def level_events(records, slots, held, out, state):
    """Ten-level book records: what changed against the record before of the same book.

    ``held[slots[i]]`` is the book as the last record left it: price, size and orders of ten levels of each side, best first, and
    whether a group is open. Levels that left the window are removed. ``state[0]`` receives the number of events, at most 42 a
    record.
    """
    count = 0
    for i in range(len(records)):
        r = records[i]
        h = held[slots[i]]
        flags = np.int64(r.flags) & ~(_LAST | _TOB | _MBP)
        first = count
        if r.action == _R:
            begin(r, out[count], _R, _N, flags, state)
            count += 1
            for k in range(10):
                h.bids[k].price = _UNDEF_PRICE
                h.asks[k].price = _UNDEF_PRICE
        elif r.action == _T:
            trade(r, out[count], flags, state)
            count += 1
        old = 0
        new = 0
        while True:
            before = h.bids[old].price if old < 10 else _UNDEF_PRICE
            now = r.levels[new].bid_px if new < 10 else _UNDEF_PRICE
            if before == _UNDEF_PRICE and now == _UNDEF_PRICE:
                break
            if now == _UNDEF_PRICE or (before != _UNDEF_PRICE and before > now):
                set_level(r, out[count], 66, flags, before, np.int64(0), np.uint64(0), state)
                count += 1
                old += 1
                continue
            level = r.levels[new]
            if before != now or h.bids[old].size != level.bid_sz or h.bids[old].orders != level.bid_ct:
                set_level(r, out[count], 66, flags, now, np.int64(level.bid_sz), np.uint64(level.bid_ct), state)
                count += 1
            if before == now:
                old += 1
            new += 1
        old = 0
        new = 0
        while True:
            before = h.asks[old].price if old < 10 else _UNDEF_PRICE
            now = r.levels[new].ask_px if new < 10 else _UNDEF_PRICE
            if before == _UNDEF_PRICE and now == _UNDEF_PRICE:
                break
            if now == _UNDEF_PRICE or (before != _UNDEF_PRICE and before < now):
                set_level(r, out[count], 65, flags, before, np.int64(0), np.uint64(0), state)
                count += 1
                old += 1
                continue
            level = r.levels[new]
            if before != now or h.asks[old].size != level.ask_sz or h.asks[old].orders != level.ask_ct:
                set_level(r, out[count], 65, flags, now, np.int64(level.ask_sz), np.uint64(level.ask_ct), state)
                count += 1
            if before == now:
                old += 1
            new += 1
        for k in range(10):
            level = r.levels[k]
            h.bids[k].price = level.bid_px
            h.bids[k].size = level.bid_sz
            h.bids[k].orders = level.bid_ct
            h.asks[k].price = level.ask_px
            h.asks[k].size = level.ask_sz
            h.asks[k].orders = level.ask_ct
        last = (np.int64(r.flags) & _LAST) != 0
        if last and count == first and h.open != 0:
            begin(r, out[count], _N, _N, flags, state)
            count += 1
        if count > first:
            h.open = np.uint64(0 if last else 1)
            if last:
                out[count - 1].flags |= np.uint8(_LAST)
    state[0] = count
