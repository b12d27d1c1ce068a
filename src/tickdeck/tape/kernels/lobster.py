"""Compiled loops over the text of LOBSTER files.

Message row: ``time,type,id,size,price,direction``; book row: ``ask price,ask size,bid price,bid size`` for each level. Both
parsers take a block of bytes that starts at a row and stop before the first row that is not complete, is wrong, or whose
output does not fit; ``result`` says which.

``result`` of both: 0 bytes consumed, 1 rows consumed, 2 why it stopped (the ``STOP_`` codes), 3 events or rows written.
Of the message parser also: 4 time of the last row (ns after midnight), 5 rows whose time went backwards, 6 rows with a
seventh column, 7 halts with an order id or a size.
"""

import numpy as np

from tickdeck.core.kernel import kernel

STOP_DATA = 0  # the rest of the block is no complete row
STOP_FULL = 1  # the output is full
STOP_BAD = 2  # the row at the stop is wrong and was not consumed
STOP_FINE_TIME = 3  # the last consumed row has a time finer than a nanosecond, which was rounded

_COMMA = 44
_MINUS = 45
_DOT = 46
_ZERO = 48
_NEWLINE = 10
_RETURN = 13
_A, _B, _C, _F, _N, _T = 65, 66, 67, 70, 78, 84
_LAST = 128
_PUBLISHER_SPECIFIC = 2
_MBO = 0xA0
_UNDEF_PRICE = 2**63 - 1
_MAX_PRICE = 92_233_720_368_547  # in 1e-4; times 100,000 stays below 2^63
_MAX_SECONDS = 172_800
_BEFORE_OVERFLOW = 922_337_203_685_477_580  # (2^63 - 1) // 10; the last digit may then be 7
_EMPTY_LEVEL = 9_999_999_999


@kernel
def line_end(data, start, end):
    """Index of the next newline at or after `start`, or `end`."""
    at = start
    while at < end and data[at] != _NEWLINE:
        at += 1
    return at


@kernel
def read_integer(data, at, end):
    """A decimal integer at `at`: (value, index after it), the index -1 where there is none or it passes 63 bits."""
    negative = at < end and data[at] == _MINUS
    if negative:
        at += 1
    first = at
    value = np.int64(0)
    while at < end:
        digit = np.int64(data[at]) - _ZERO
        if digit < 0 or digit > 9:
            break
        if value > _BEFORE_OVERFLOW or (value == _BEFORE_OVERFLOW and digit > 7):
            return np.int64(0), np.int64(-1)
        value = value * 10 + digit
        at += 1
    if at == first:
        return np.int64(0), np.int64(-1)
    return (-value if negative else value), np.int64(at)


@kernel
def read_time(data, at, end):
    """Decimal seconds at `at`: (ns, index after it or -1, whether digits below a nanosecond were rounded)."""
    seconds, at = read_integer(data, at, end)
    if at < 0 or seconds < 0 or seconds >= _MAX_SECONDS:
        return np.int64(0), np.int64(-1), False
    fraction = np.int64(0)
    digits = 0
    fine = False
    up = np.int64(0)
    if at < end and data[at] == _DOT:
        at += 1
        while at < end:
            digit = np.int64(data[at]) - _ZERO
            if digit < 0 or digit > 9:
                break
            if digits < 9:
                fraction = fraction * 10 + digit
            else:
                fine = True
                if digits == 9 and digit >= 5:
                    up = np.int64(1)
            digits += 1
            at += 1
        if digits == 0:
            return np.int64(0), np.int64(-1), False
    while digits < 9:
        fraction *= 10
        digits += 1
    return seconds * 1_000_000_000 + fraction + up, np.int64(at), fine


@kernel
def read_next(data, at, end):
    """The integer after a comma at `at`; the index is -1 where there is none."""
    if at < 0 or at >= end or data[at] != _COMMA:
        return np.int64(0), np.int64(-1)
    return read_integer(data, at + 1, end)


@kernel
def put(out, at, ts, order_id, price, size, row, action, side, flags, ids):
    """Write one event."""
    event = out[at]
    event.ts_event = ts
    event.ts_recv = 0
    event.order_id = np.uint64(order_id)
    event.price = price
    event.size = size
    event.sequence = np.uint64(row)
    event.instrument_id = np.uint32(ids[0])
    event.ts_in_delta = 0
    event.publisher_id = np.uint16(ids[1])
    event.action = action
    event.side = side
    event.flags = flags
    event.channel_id = 0
    event.rtype = _MBO
    event.reserved = 0


@kernel(entry=True)
def parse_messages(data, end, final, first_row, midnight, ids, out, result):
    """Turn message rows into events until the block ends, the output is full or a row is wrong.

    `data[:end]` starts at row `first_row`; `final`: nothing follows the block, so its last row may lack a newline. `ids` are
    instrument and publisher id. See the module's text for `result`.
    """
    at = np.int64(0)
    rows = np.int64(0)
    written = np.int64(0)
    stop = STOP_DATA
    capacity = len(out)
    last_time = result[4]
    while at < end:
        newline = line_end(data, at, end)
        if newline == end and not final:
            break
        if written + 3 > capacity:
            stop = STOP_FULL
            break
        stop_at = newline
        if stop_at > at and data[stop_at - 1] == _RETURN:
            stop_at -= 1
        time, next_at, fine = read_time(data, at, stop_at)
        kind, next_at = read_next(data, next_at, stop_at)
        order_id, next_at = read_next(data, next_at, stop_at)
        size, next_at = read_next(data, next_at, stop_at)
        price, next_at = read_next(data, next_at, stop_at)
        direction, next_at = read_next(data, next_at, stop_at)
        good = next_at >= 0 and kind >= 1 and kind <= 7 and (direction == 1 or direction == -1) and size >= 0
        if good:
            if kind == 7:
                good = price >= -1 and price <= 1
            else:
                good = price >= 0 and price <= _MAX_PRICE and (kind == 6 or (size > 0 and order_id >= 0 and price > 0))
        if good and next_at < stop_at:
            good = data[next_at] == _COMMA
            result[6] += 1 if good else 0
        if not good:
            stop = STOP_BAD
            break
        if time < last_time:
            result[5] += 1
        last_time = time
        row = first_row + rows
        ts = midnight + time
        units = price * 100_000
        resting = _B if direction == 1 else _A
        aggressor = _A if direction == 1 else _B
        if kind == 1:
            put(out, written, ts, order_id, units, size, row, _A, resting, _LAST, ids)
            written += 1
        elif kind == 2:
            put(out, written, ts, order_id, units, size, row, _C, resting, _LAST | _PUBLISHER_SPECIFIC, ids)
            written += 1
        elif kind == 3:
            put(out, written, ts, order_id, units, size, row, _C, resting, _LAST, ids)
            written += 1
        elif kind == 4:
            put(out, written, ts, 0, units, size, row, _T, aggressor, 0, ids)
            put(out, written + 1, ts, order_id, units, size, row, _F, resting, 0, ids)
            put(out, written + 2, ts, order_id, units, size, row, _C, resting, _LAST, ids)
            written += 3
        elif kind == 5:
            put(out, written, ts, order_id, units, size, row, _T, aggressor, _LAST, ids)
            written += 1
        elif kind == 6:
            side = _N if direction == -1 else aggressor
            put(out, written, ts, order_id, units, size, row, _T, side, _LAST | _PUBLISHER_SPECIFIC, ids)
            written += 1
        else:
            status = 8 if price == -1 else (3 if price == 0 else 7)
            put(out, written, ts, status, np.int64(_UNDEF_PRICE), 0, row, _N, _N, _LAST, ids)
            written += 1
            if order_id != 0 or size != 0:
                result[7] += 1
        rows += 1
        at = newline + 1 if newline < end else end
        if fine:
            stop = STOP_FINE_TIME
            break
    result[0] = at
    result[1] = rows
    result[2] = stop
    result[3] = written
    result[4] = last_time


@kernel(entry=True)
def parse_book_rows(data, end, final, out, result):
    """Turn book rows into `out`, an int64 array (rows, 4 x levels): ask price, ask size, bid price, bid size of each level.

    Prices become units of 1e-9, those of empty levels ``UNDEF_PRICE`` with size 0.
    """
    at = np.int64(0)
    rows = np.int64(0)
    stop = STOP_DATA
    capacity, columns = out.shape
    while at < end:
        newline = line_end(data, at, end)
        if newline == end and not final:
            break
        if rows == capacity:
            stop = STOP_FULL
            break
        stop_at = newline
        if stop_at > at and data[stop_at - 1] == _RETURN:
            stop_at -= 1
        value, next_at = read_integer(data, at, stop_at)
        for column in range(columns):
            if column > 0:
                value, next_at = read_next(data, next_at, stop_at)
            if next_at < 0:
                break
            if column % 2 == 1:
                out[rows, column] = value
                if value < 0:
                    next_at = np.int64(-1)
                    break
            elif value == _EMPTY_LEVEL or value == -_EMPTY_LEVEL:
                out[rows, column] = _UNDEF_PRICE
            elif value > _MAX_PRICE or value < 0:
                next_at = np.int64(-1)
                break
            else:
                out[rows, column] = value * 100_000
        if next_at != stop_at:
            stop = STOP_BAD
            break
        for level in range(columns // 2):
            if out[rows, 2 * level] == _UNDEF_PRICE:
                out[rows, 2 * level + 1] = 0
        rows += 1
        at = newline + 1 if newline < end else end
    result[0] = at
    result[1] = rows
    result[2] = stop
    result[3] = rows
