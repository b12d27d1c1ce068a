"""Compiled loop over the bytes of Databento CSV: each row becomes one record of the schema's binary layout.

``plan`` has a row for each of the file's columns: kind (a ``K_`` code), byte offset in the record, bytes there. ``out`` holds the
records as bytes, filled with defaults before. A row that is wrong stops the loop with ``S_COLUMN`` at the cell (or at the number
of columns, where the row has too many or too few) and ``S_NEXT`` at the next row, so that Python reports it and resumes.
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.tape.kernels.event_cells import integer, iso_time, number, scaled, unsigned

(K_SKIP, K_UNSIGNED, K_SIGNED, K_PRICE, K_FIXED_PRICE, K_TIME, K_CODE, K_TEXT, K_RTYPE, K_INSTRUMENT, K_SYMBOL) = range(11)

S_POSITION = 0  # first byte not consumed
S_ROWS = 1  # records written
S_LINES = 2  # lines consumed
S_STOP = 3  # why it stopped
S_COLUMN = 4  # of the wrong cell
S_NEXT = 5  # where the row after the wrong one starts
S_NAMED = 6  # instruments met for the first time
S_COUNT = 7

DATA, FULL, BAD, NAMES = 0, 1, 2, 3  # no complete row left, output full, row wrong, no room for a new instrument

_COMMA, _QUOTE, _NEWLINE, _RETURN, _DASH, _PLUS = 44, 34, 10, 13, 45, 43
_HASH = np.uint64(0x9E3779B97F4A7C15)
_UNDEF_PRICE = 2**63 - 1
_OFFSET_BYTES = 6


@kernel
def put(out, at, width, value):
    """The low bytes of `value`, little-endian."""
    for index in range(width):
        out[at + index] = np.uint8(value & np.uint64(255))
        value = value >> np.uint64(8)


@kernel
def fits(value, width):
    """Whether an unsigned value fits in `width` bytes."""
    return width == 8 or value >> np.uint64(8 * width) == np.uint64(0)


@kernel(rare=True)
def time_cell(data, start, stop):
    """ISO 8601 in UTC or ns since the epoch -> (plain, value)."""
    if stop - start > 10 and data[start + 4] == _DASH:
        if stop - start > 25 and data[stop - _OFFSET_BYTES] == _PLUS:
            for index in range(stop - _OFFSET_BYTES + 1, stop):
                if data[index] != 48 and data[index] != 58:
                    return False, np.uint64(0)
            stop -= _OFFSET_BYTES
        plain, value = iso_time(data, start, stop)
        return plain and value >= 0, np.uint64(value)
    return unsigned(data, start, stop)


@kernel(rare=True)
def price_cell(data, start, stop, decimals):
    """A price in units of 10^-decimals -> (exact, value in units of 1e-9)."""
    found, negative, mantissa = number(data, start, stop)
    if found < 0 or (decimals == 9 and found != 0):
        return False, np.int64(0)
    if decimals == 9 and mantissa == np.uint64(_UNDEF_PRICE) and not negative:
        return True, np.int64(_UNDEF_PRICE)
    return scaled(found + decimals, negative, mantissa, 9)


@kernel(rare=True)
def cell(data, start, stop, kind, width, expected, out, at):
    """Parse one cell into the record; False: it is wrong."""
    empty = stop == start
    if kind == K_SKIP or kind == K_SYMBOL:
        return True
    if kind == K_PRICE or kind == K_FIXED_PRICE:
        if empty:
            put(out, at, width, np.uint64(_UNDEF_PRICE))
            return True
        plain, price = price_cell(data, start, stop, 9 if kind == K_FIXED_PRICE else 0)
        put(out, at, width, np.uint64(price))
        return plain
    if kind == K_TIME:
        if empty:
            put(out, at, width, np.uint64(0xFFFFFFFFFFFFFFFF))
            return True
        plain, time = time_cell(data, start, stop)
        put(out, at, width, time)
        return plain
    if kind == K_CODE:
        if empty:
            return True
        out[at] = data[start]
        return stop == start + 1 and data[start] > 32 and data[start] < 127
    if kind == K_TEXT:
        if stop - start > width:
            return False
        for index in range(stop - start):
            out[at + index] = data[start + index]
        return True
    if empty:
        return False
    if kind == K_SIGNED:
        limit = np.int64(_UNDEF_PRICE) if width == 8 else (np.int64(1) << np.int64(8 * width - 1)) - 1
        if width == 8:
            found, negative, mantissa = number(data, start, stop)
            if found != 0 or mantissa > np.uint64(_UNDEF_PRICE):
                return False
            signed = np.int64(mantissa)
            put(out, at, width, np.uint64(-signed if negative else signed))
            return True
        plain, signed = integer(data, start, stop, -limit - 1, limit)
        put(out, at, width, np.uint64(signed))
        return plain
    plain, value = unsigned(data, start, stop)
    if not plain or not fits(value, width) or (kind == K_RTYPE and value != np.uint64(expected)):
        return False
    put(out, at, width, value)
    return True


@kernel(rare=True)
def unsigned_cell(data, start, stop):
    """A whole number below 2^64 -> (plain, value)."""
    return unsigned(data, start, stop)


@kernel
def first_time(ids, instrument):
    """Slot of an instrument id in the open-addressing table of ids plus one; negative (-1 - slot) when it is there already."""
    mask = len(ids) - 1
    slot = np.int64((instrument * _HASH) >> np.uint64(40)) & mask
    while ids[slot] != np.uint64(0):
        if ids[slot] == instrument + np.uint64(1):
            return -1 - slot
        slot = (slot + 1) & mask
    return slot


@kernel(entry=True)
def move_ids(ids, larger):
    """Enter a table of instrument ids into a larger one."""
    for entry in ids:
        if entry != np.uint64(0):
            larger[first_time(larger, entry - np.uint64(1))] = entry


@kernel(entry=True)
def parse_rows(data, end, final, plan, expected, itemsize, out, ids, named, state):
    """Parse rows of ``data[:end]`` from ``state[S_POSITION]``.

    `ids` is a table of instrument ids met so far, `named` receives for each new one its id and where its symbol starts and stops.
    """
    at = state[S_POSITION]
    columns = len(plan)
    rows = state[S_ROWS]
    capacity = len(out) // itemsize
    reason = DATA
    while at < end:
        if rows == capacity:
            reason = FULL
            break
        if state[S_NAMED] == len(named):
            reason = NAMES
            break
        begin = at
        column = 0
        wrong = -1
        instrument = np.uint64(0)
        symbol_start = np.int64(0)
        symbol_stop = np.int64(0)
        complete = False
        base = rows * itemsize
        while True:
            start = at
            stop = at
            if at < end and data[at] == _QUOTE:
                start = at + 1
                at = start
                while at < end and data[at] != _QUOTE and data[at] != _NEWLINE:
                    at += 1
                stop = at
                while at < end and data[at] != _COMMA and data[at] != _NEWLINE:
                    at += 1
            else:
                while at < end and data[at] != _COMMA and data[at] != _NEWLINE:
                    at += 1
                stop = at
                if stop > start and (at == end or data[at] == _NEWLINE) and data[stop - 1] == _RETURN:
                    stop -= 1
            if at == end and not final:
                break
            if column < columns:
                kind = plan[column, 0]
                offset = base + plan[column, 1]
                width = plan[column, 2]
                if wrong < 0 and not cell(data, start, stop, kind, width, expected, out, offset):
                    wrong = column
                if kind == K_INSTRUMENT and wrong < 0:
                    _, instrument = unsigned_cell(data, start, stop)
                if kind == K_SYMBOL:
                    symbol_start = start
                    symbol_stop = stop
            column += 1
            if at == end or data[at] == _NEWLINE:
                complete = True
                break
            at += 1
        if not complete:
            at = begin
            break
        after = at + 1 if at < end else at
        if column != columns:
            if column == 1 and (after - begin <= 1 or (after - begin == 2 and data[begin] == _RETURN)):
                state[S_LINES] += 1
                at = after
                continue
            wrong = columns
        if wrong >= 0:
            state[S_COLUMN] = wrong
            state[S_NEXT] = after
            reason = BAD
            at = begin
            break
        if symbol_stop > symbol_start:
            slot = first_time(ids, instrument)
            if slot >= 0:
                ids[slot] = instrument + np.uint64(1)
                named[state[S_NAMED], 0] = np.int64(instrument)
                named[state[S_NAMED], 1] = symbol_start
                named[state[S_NAMED], 2] = symbol_stop
                state[S_NAMED] += 1
        rows += 1
        state[S_LINES] += 1
        at = after
    state[S_POSITION] = at
    state[S_ROWS] = rows
    state[S_STOP] = reason
