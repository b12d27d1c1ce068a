"""Compiled decoder of NASDAQ TotalView-ITCH 5.0.

Executions, cancels and replaces name an order by its reference number only, so the decoder keeps every live order in a table
(:mod:`tickdeck.venues.kernels.itch_orders`). Framing kernels have written where each message stands (``MESSAGE``).

``state``: 0 live orders, 1 number of sequence gaps, 2 time of the last message (ns after midnight), 3 messages consumed of the
index, 4 events written, 5 why it stopped. ``locates`` (by stock locate code): what is known of a stock.
"""

import numpy as np

from tickdeck.core.intrinsics import prefetch
from tickdeck.core.kernel import kernel
from tickdeck.venues.kernels.bigendian import be16, be32, be48, be64
from tickdeck.venues.kernels.itch_orders import NIL, find, home, insert, remove

MESSAGE = np.dtype(
    [
        ("sequence", "<u8"),
        ("ts_recv", "<i8"),  # ns since the epoch; 0 unknown
        ("offset", "<u4"),  # of the message's type in the block
        ("length", "<u2"),
        ("gap", "u1"),  # 1: messages before this one are missing
        ("reserved", "u1"),
    ],
    align=True,
)

LOCATE = np.dtype([("instrument_id", "<u4"), ("gaps", "<u4"), ("known", "u1"), ("reserved", "u1", (3,))], align=True)
"""``known``: UNSEEN, WANTED or UNWANTED; ``gaps``: sequence gaps at its last event."""

UNSEEN, WANTED, UNWANTED = 0, 1, 2

STOP_DONE = 0  # the index is used up
STOP_FULL = 1  # the output is full
STOP_GROW = 2  # the order table is full
STOP_LOCATE = 3  # the next message is of a stock not seen before
STOP_FACE = 4  # the last consumed message (R, B) is for the Python face

COUNTERS = (
    "unknown_order_E",
    "unknown_order_C",
    "unknown_order_X",
    "unknown_order_D",
    "unknown_order_U",
    "overfilled",
    "duplicate_order",
    "length_mismatch",
    "unknown_message",
    "time_backwards",
    "bad_field",
)
(
    UNKNOWN_E,
    UNKNOWN_C,
    UNKNOWN_X,
    UNKNOWN_D,
    UNKNOWN_U,
    OVERFILLED,
    DUPLICATE_ORDER,
    LENGTH_MISMATCH,
    UNKNOWN_MESSAGE,
    TIME_BACKWARDS,
    BAD_FIELD,
) = range(len(COUNTERS))

_A, _B, _C, _D, _E, _F, _H, _J, _M, _N = 65, 66, 67, 68, 69, 70, 72, 74, 77, 78
_O, _P, _Q, _R, _S, _T, _U, _W, _X, _Y, _SMALL_H = 79, 80, 81, 82, 83, 84, 85, 87, 88, 89, 104
_LAST = 128
_MAYBE_BAD_BOOK = 4
_NON_PRINTABLE = 2
_MBO = 0xA0
_UNDEF_PRICE = 2**63 - 1
_UNIT = 100_000  # of 1e-9 in 1e-4
_AHEAD = 8


@kernel
def put(out, at, ts, message, order_id, price, size, instrument_id, publisher, action, side, flags):
    """Write one event."""
    event = out[at]
    event.ts_event = ts
    event.ts_recv = message.ts_recv
    event.order_id = np.uint64(order_id)
    event.price = np.int64(price)
    event.size = np.int64(size)
    event.sequence = message.sequence
    event.instrument_id = np.uint32(instrument_id)
    event.ts_in_delta = 0
    event.publisher_id = np.uint16(publisher)
    event.action = np.uint8(action)
    event.side = np.uint8(side)
    event.flags = np.uint8(flags)
    event.channel_id = 0
    event.rtype = np.uint8(_MBO)
    event.reserved = 0


@kernel
def trading_state(code):
    """TradingStatus of a stock trading action (H) or operational halt (h); -1 for no such code."""
    if code == _T:
        return 7
    if code == _H:
        return 8
    if code == _P:
        return 9
    if code == _Q:
        return 3
    return -1


@kernel
def system_state(code):
    """TradingStatus of a system event: O start of messages, S system hours, Q market hours, M and E their ends, C end."""
    if code == _O:
        return 0
    if code == _S:
        return 1
    if code == _Q:
        return 7
    if code == _M:
        return 13
    if code == _E:
        return 12
    if code == _C:
        return 15
    return -1


@kernel
def names_stock(kind):
    """Whether an event-making message of this type carries its stock's symbol."""
    return kind in (_A, _F, _P, _Q, _H, _SMALL_H, _J, _Y)


@kernel(entry=True)
def decode(data, index, count, lengths, midnight, publisher, trade_sides, orders, shift, locates, messages, counters, out, state):
    """Turn the messages ``index[state[3]:count]`` into events ``out[state[4]:]``; see the module's text.

    Parameters
    ----------
    lengths : uint8 (256,)
        Length of each message type; 0: no such type.
    trade_sides : int
        1: the side in trade messages (P) means something.
    shift : uint64
        64 - log2 of the table's size.
    messages : int64 (256,)
        Counts by type.
    """
    i = state[3]
    written = state[4]
    live = state[0]
    gaps = state[1]
    last_time = state[2]
    capacity = len(out)
    limit = np.int64(len(orders)) * 6 // 10
    stop = STOP_DONE
    while i < count:
        if i + _AHEAD < count:
            ahead = index[i + _AHEAD]
            if ahead.length >= 19:
                prefetch(orders, home(be64(data, np.uint64(ahead.offset) + np.uint64(11)), shift))
        message = index[i]
        at = np.uint64(message.offset)
        length = np.int64(message.length)
        if length == 0 or lengths[data[at]] == 0:
            counters[UNKNOWN_MESSAGE] += 1
            i += 1
            gaps += message.gap
            continue
        kind = np.int64(data[at])
        if length != np.int64(lengths[kind]):
            counters[LENGTH_MISMATCH] += 1
            i += 1
            gaps += message.gap
            continue
        if written + 3 > capacity:
            stop = STOP_FULL
            break
        if live >= limit:
            stop = STOP_GROW
            break
        locate = be16(data, at + np.uint64(1))
        if locates[locate].known == UNSEEN and names_stock(kind):
            stop = STOP_LOCATE
            break
        i += 1
        gaps += message.gap
        messages[kind] += 1
        time = np.int64(be48(data, at + np.uint64(5)))
        if time < last_time:
            counters[TIME_BACKWARDS] += 1
        last_time = time
        if kind in (_R, _B):
            stop = STOP_FACE
            break
        if locates[locate].known == UNWANTED:
            continue
        ts = midnight + time
        flags = _LAST
        first = 0
        instrument_id = locates[locate].instrument_id
        if np.int64(locates[locate].gaps) != gaps:
            first = _MAYBE_BAD_BOOK
        before = written
        if kind in (_A, _F):
            order_id = be64(data, at + np.uint64(11))
            shares = be32(data, at + np.uint64(20))
            price = be32(data, at + np.uint64(32))
            side = np.int64(data[at + np.uint64(19)])
            if (side != _B and side != _S) or shares == 0:
                counters[BAD_FIELD] += 1
                continue
            side = _B if side == _B else _A
            new = insert(orders, order_id, shift, shares, price, locate, side)
            live += new
            counters[DUPLICATE_ORDER] += 1 - new
            units = np.int64(price) * _UNIT
            put(out, written, ts, message, order_id, units, shares, instrument_id, publisher, _A, side, flags | first)
            written += 1
        elif kind in (_D, _X, _E, _C):
            order_id = be64(data, at + np.uint64(11))
            slot = find(orders, order_id, shift)
            if slot == np.uint64(NIL):
                if kind == _E:
                    counters[UNKNOWN_E] += 1
                elif kind == _C:
                    counters[UNKNOWN_C] += 1
                elif kind == _X:
                    counters[UNKNOWN_X] += 1
                else:
                    counters[UNKNOWN_D] += 1
                continue
            remaining = np.int64(orders[slot].shares)
            size = remaining if kind == _D else np.int64(be32(data, at + np.uint64(19)))
            if size == 0:
                counters[BAD_FIELD] += 1
                continue
            side = np.int64(orders[slot].side)
            resting_price = np.int64(orders[slot].price) * _UNIT
            if size > remaining:
                counters[OVERFILLED] += 1
            if size >= remaining:
                remove(orders, slot, shift)
                live -= 1
            else:
                orders[slot].shares = np.uint32(remaining - size)
            if kind in (_E, _C):
                price = resting_price
                if kind == _C:
                    price = np.int64(be32(data, at + np.uint64(32))) * _UNIT
                    if data[at + np.uint64(31)] == _N:
                        first |= _NON_PRINTABLE
                        flags |= _NON_PRINTABLE
                aggressor = _A if side == _B else _B
                mark = flags & _NON_PRINTABLE
                put(out, written, ts, message, 0, price, size, instrument_id, publisher, _T, aggressor, first)
                put(out, written + 1, ts, message, order_id, price, size, instrument_id, publisher, _F, side, mark)
                written += 2
                first = 0
            put(out, written, ts, message, order_id, resting_price, size, instrument_id, publisher, _C, side, flags | first)
            written += 1
        elif kind == _U:
            order_id = be64(data, at + np.uint64(11))
            new_id = be64(data, at + np.uint64(19))
            shares = be32(data, at + np.uint64(27))
            price = be32(data, at + np.uint64(31))
            slot = find(orders, order_id, shift)
            if slot == np.uint64(NIL):
                counters[UNKNOWN_U] += 1
                continue
            side = np.int64(orders[slot].side)
            remaining = np.int64(orders[slot].shares)
            old_units = np.int64(orders[slot].price) * _UNIT
            if shares == 0:
                counters[BAD_FIELD] += 1
                continue
            remove(orders, slot, shift)
            new = insert(orders, new_id, shift, shares, price, locate, side)
            live += new - 1
            counters[DUPLICATE_ORDER] += 1 - new
            units = np.int64(price) * _UNIT
            put(out, written, ts, message, order_id, old_units, remaining, instrument_id, publisher, _C, side, first)
            put(out, written + 1, ts, message, new_id, units, shares, instrument_id, publisher, _A, side, flags)
            written += 2
        elif kind == _P:
            shares = be32(data, at + np.uint64(20))
            units = np.int64(be32(data, at + np.uint64(32))) * _UNIT
            side = np.int64(_N)
            if trade_sides == 1:
                side = np.int64(_A) if data[at + np.uint64(19)] == _B else np.int64(_B)
            put(out, written, ts, message, 0, units, shares, instrument_id, publisher, _T, side, flags | first)
            written += 1
        elif kind == _Q:
            shares = be64(data, at + np.uint64(11))
            units = np.int64(be32(data, at + np.uint64(27))) * _UNIT
            if shares == np.uint64(0):
                continue  # no cross took place
            if shares >> np.uint64(63):
                counters[BAD_FIELD] += 1
                continue
            put(out, written, ts, message, 0, units, shares, instrument_id, publisher, _T, _N, flags | first)
            written += 1
        elif kind in (_H, _SMALL_H, _S, _W, _Y, _J):
            size = 0
            price = np.int64(_UNDEF_PRICE)
            if kind == _H:
                status = trading_state(np.int64(data[at + np.uint64(19)]))
            elif kind == _SMALL_H:
                status = trading_state(np.int64(data[at + np.uint64(20)]))
            elif kind == _S:
                status = system_state(np.int64(data[at + np.uint64(11)]))
            elif kind == _W:
                status = 8
                size = np.int64(data[at + np.uint64(11)]) - 48
            elif kind == _J:
                status = 6
                price = np.int64(be32(data, at + np.uint64(19))) * _UNIT
            else:
                status = 14
                size = np.int64(data[at + np.uint64(19)]) - 48
            if status < 0:
                counters[BAD_FIELD] += 1
                continue
            put(out, written, ts, message, status, price, size, instrument_id, publisher, _N, _N, flags | first)
            written += 1
        if written > before:
            locates[locate].gaps = np.uint32(gaps)
    state[0] = live
    state[1] = gaps
    state[2] = last_time
    state[3] = i
    state[4] = written
    state[5] = stop
