"""Compiled loop that writes events as rows of text, for CSV and JSON lines.

A row is its cells in the order of ``fields``, each as its head (``,`` or ``,"price":"``), the value and its tail (nothing or
``"``), then the row's end. Heads, tails, symbols and type names stand in ``blob``; ``pieces`` holds where each begins and ends.
"""

import numpy as np

from tickdeck.core.intrinsics import count_leading_zeros
from tickdeck.core.kernel import kernel
from tickdeck.tape.event_layout import (
    BAD_ACTION,
    BAD_AMOUNT,
    BAD_RESERVED,
    BAD_SIDE,
    F_ACTION,
    F_CHANNEL,
    F_DECIMALS,
    F_DELTA,
    F_INSTRUMENT,
    F_ORDER_ID,
    F_PRICE,
    F_PUBLISHER,
    F_QTY,
    F_RECEIVED,
    F_RTYPE,
    F_SEQUENCE,
    F_SIDE,
    F_SYMBOL,
    F_TIME,
    F_TRADE_ID,
    F_TYPE,
    NO_ROOM,
    W_ISO,
    W_OMIT,
    W_ROOM,
    WROTE,
)
from tickdeck.tape.kernels.event_cells import (
    MOST,
    POWERS,
    U0,
    U10,
    U48,
)
from tickdeck.tape.kernels.event_row import (
    ACTION_TYPES,
    UNDEF,
)

TRADE, ADD, CANCEL, MODIFY = 84, 65, 67, 77
BID, ASK, NONE = 66, 65, 78
TOB, MBP = np.uint8(64), np.uint8(16)
QUOTE_TYPE, BBO_TYPE = 1, 6
SECOND = np.int64(1_000_000_000)
DAY = np.int64(86_400)
U100 = np.uint64(100)
PAIRS = np.frombuffer("".join(f"{pair:02d}" for pair in range(100)).encode(), np.uint8).copy()


@kernel
def put_bytes(out, at, blob, begin, stop):
    """Copy ``blob[begin:stop]`` -> the new end."""
    for index in range(begin, stop):
        out[at] = blob[index]
        at += 1
    return at


@kernel(rare=True)
def put_padded(out, at, value, digits):
    """Write a number with exactly `digits` digits -> the new end."""
    index = at + digits
    while index > at + 1:
        rest = value // U100
        pair = np.int64(value - rest * U100)
        out[index - 2] = PAIRS[2 * pair]
        out[index - 1] = PAIRS[2 * pair + 1]
        value = rest
        index -= 2
    if index > at:
        out[at] = np.uint8(value + U48)
    return at + digits


@kernel(rare=True)
def put_unsigned(out, at, value):
    """Write a uint64 in decimal -> the new end."""
    if value < U10:
        out[at] = np.uint8(value + U48)
        return at + 1
    # Decimal digits from binary ones: 1233 / 4096 is just above log10(2).
    digits = np.int64((np.uint64(64) - count_leading_zeros(value)) * np.uint64(1233) >> np.uint64(12))
    if value >= POWERS[digits]:
        digits += 1
    put_padded(out, at, value, digits)
    return at + digits


@kernel
def put_signed(out, at, value):
    """Write an int64 above -2^63 in decimal -> the new end."""
    if value < 0:
        out[at] = 45
        return put_unsigned(out, at + 1, np.uint64(-value))
    return put_unsigned(out, at, np.uint64(value))


@kernel(rare=True)
def put_decimal(out, at, value, decimals):
    """Write units of 10^-decimals as a decimal without trailing zeros -> the new end."""
    if value < 0:
        out[at] = 45
        at += 1
        value = -value
    units = np.uint64(value)
    whole = units // POWERS[decimals]
    fraction = units - whole * POWERS[decimals]
    at = put_unsigned(out, at, whole)
    if fraction != U0:
        out[at] = 46
        at = put_padded(out, at + 1, fraction, decimals)
        while out[at - 1] == 48:
            at -= 1
    return at


@kernel(rare=True)
def put_iso(out, at, ns):
    """Write ns since the epoch as ``YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ`` -> the new end."""
    seconds = ns // SECOND
    days = seconds // DAY
    of_day = np.uint64(seconds - days * DAY)
    # The civil date from days: Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    shifted = days + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * of_year + 2) // 153
    day = of_year - (153 * month_index + 2) // 5 + 1
    month = month_index + (3 if month_index < 10 else -9)
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    at = put_padded(out, at, np.uint64(year), 4)
    out[at] = 45
    at = put_padded(out, at + 1, np.uint64(month), 2)
    out[at] = 45
    at = put_padded(out, at + 1, np.uint64(day), 2)
    out[at] = 84
    at = put_padded(out, at + 1, of_day // np.uint64(3600), 2)
    out[at] = 58
    at = put_padded(out, at + 1, of_day // np.uint64(60) % np.uint64(60), 2)
    out[at] = 58
    at = put_padded(out, at + 1, of_day % np.uint64(60), 2)
    out[at] = 46
    at = put_padded(out, at + 1, np.uint64(ns - seconds * SECOND), 9)
    out[at] = 90
    return at + 1


@kernel
def put_time(out, at, ns, iso):
    """Write a time -> the new end."""
    return put_iso(out, at, ns) if iso else put_signed(out, at, ns)


@kernel
def row_type(event):
    """Index in TYPES of an event."""
    if event.action == ADD or event.action == CANCEL or event.action == MODIFY:
        if event.flags & TOB:
            return np.int64(BBO_TYPE)
        if event.flags & MBP:
            return np.int64(QUOTE_TYPE)
    return ACTION_TYPES[event.action]


@kernel(rare=True)
def check(event):
    """WROTE, or what of the event text cannot hold."""
    if ACTION_TYPES[event.action] < 0:
        return BAD_ACTION
    if event.side != BID and event.side != ASK and event.side != NONE:
        return BAD_SIDE
    if event.reserved != 0:
        return BAD_RESERVED
    most = np.int64(MOST)
    if (event.price > most and event.price != UNDEF) or event.price < -most or event.size > most or event.size < -most:
        return BAD_AMOUNT
    if event.ts_event < -most or event.ts_recv < -most or event.ts_event > most or event.ts_recv > most:
        return BAD_AMOUNT
    return WROTE


@kernel
def put_cell(out, at, field, event, instrument, decimals, blob, pieces, symbols, types, iso):
    """Write the value of one field -> the new end."""
    if field == F_TYPE:
        piece = types + row_type(event)
        return put_bytes(out, at, blob, pieces[piece], pieces[piece + 1])
    if field == F_TIME:
        return put_time(out, at, event.ts_event, iso)
    if field == F_PRICE:
        return at if event.price == UNDEF else put_decimal(out, at, event.price, 9)
    if field == F_QTY:
        return put_decimal(out, at, event.size, decimals)
    if field == F_SIDE:
        if event.side == NONE:
            return at
        out[at] = event.side
        return at + 1
    if field == F_TRADE_ID:
        return put_unsigned(out, at, event.order_id) if event.action == TRADE and event.order_id != U0 else at
    if field == F_ORDER_ID:
        return at if event.action == TRADE else put_unsigned(out, at, event.order_id)
    if field == F_SYMBOL:
        piece = symbols + instrument
        return put_bytes(out, at, blob, pieces[piece], pieces[piece + 1])
    if field == F_SEQUENCE:
        return put_unsigned(out, at, event.sequence)
    if field == F_RECEIVED:
        return at if event.ts_recv == 0 else put_time(out, at, event.ts_recv, iso)
    if field == F_ACTION:
        out[at] = event.action
        return at + 1
    value = np.int64(event.flags)
    if field == F_INSTRUMENT:
        value = np.int64(event.instrument_id)
    elif field == F_DECIMALS:
        value = np.int64(decimals)
    elif field == F_PUBLISHER:
        value = np.int64(event.publisher_id)
    elif field == F_CHANNEL:
        value = np.int64(event.channel_id)
    elif field == F_DELTA:
        value = np.int64(event.ts_in_delta)
    elif field == F_RTYPE:
        value = np.int64(event.rtype)
    return put_signed(out, at, value)


@kernel(entry=True)
def write_rows(events, start, instruments, decimals, fields, blob, pieces, config, out, result):
    """Write rows from ``events[start]`` on.

    ``instruments``: each event's place among the symbols; ``decimals``: size decimals by that place. ``pieces``: the heads, the
    tails, the row's end, the names of the types, then the symbols. ``result``: 0 bytes written, 1 events written. Returns
    WROTE, NO_ROOM or what text cannot hold of the event at ``start + result[1]``.
    """
    count = len(fields)
    ending, types = 2 * count, 2 * count + 1
    symbols = types + 9
    iso = config[W_ISO] != 0
    at = np.int64(0)
    row = start
    code = WROTE
    while row < len(events):
        if len(out) - at < config[W_ROOM]:
            code = NO_ROOM
            break
        event = events[row]
        code = check(event)
        if code != WROTE:
            break
        instrument = instruments[row]
        for column in range(count):
            begin = at
            head = put_bytes(out, at, blob, pieces[column], pieces[column + 1])
            places = decimals[instrument]
            at = put_cell(out, head, fields[column], event, instrument, places, blob, pieces, symbols, types, iso)
            if at == head and config[W_OMIT]:
                at = begin
            else:
                at = put_bytes(out, at, blob, pieces[count + column], pieces[count + column + 1])
        at = put_bytes(out, at, blob, pieces[ending], pieces[ending + 1])
        row += 1
    result[0] = at
    result[1] = row - start
    return code
