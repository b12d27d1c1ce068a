"""Compiled parsers of the event schema's cells: numbers, times, ids, words; and the event that a row's cells make.

A cell is ``buffer[start:stop]`` without quotes. Cells of a row stand in ``starts`` and ``stops`` by the field's index in
``event_schema.FIELDS``; a field without a column is empty. What is not plain is refused, never guessed: the tolerant parser in
``event_text.py`` decides about such a row.

``config``: see the ``C_`` indices. ``state``: see the ``S_`` indices.

``slots`` is an open-addressing table of instruments. Its key is the text of the row's symbol, instrument id and size decimals, which
stand one after another in ``blob`` from ``begin``.
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.tape.event_schema import (
    FIELDS,
    IS_CANCEL,
    IS_STATUS,
    IS_TOP,
    IS_TRADE,
    NEEDS_ID,
    NEEDS_PRICE,
    NEEDS_QTY,
    NEEDS_SIDE,
    SIDES,
    TYPE_INDEX,
    TYPE_OF_ACTION,
    TYPES,
    WORD_MULTIPLIER,
    WORD_SHIFT,
    word_table,
)

SLOT = np.dtype(
    [
        ("hash", "<u8"),
        ("begin", "<i8"),  # of the key in the blob
        ("symbol", "<i8"),  # bytes of the symbol
        ("id", "<i8"),  # bytes of the instrument id
        ("decimals", "<i8"),  # bytes of the size decimals
        ("instrument_id", "<u4"),
        ("publisher_id", "<u2"),
        ("size_decimals", "u1"),
        ("use", "u1"),  # the U_ codes
    ],
    align=True,
)
U_FREE, U_KEEP, U_SKIP, U_ODD = 0, 1, 2, 3

C_DELIMITER = 0
C_FINAL = 1  # nothing follows the buffer
C_TIME_DIGITS = 2  # decimals of the time unit in ns; -1: ISO 8601
C_PRICE_FACTOR = 3  # prices are multiplied by this ...
C_PRICE_DIGITS = 4  # ... and divided by 10 to this
C_EXPLICIT = 5  # the row says its action: no cell but the time is compulsory
C_DEFAULT_TYPE = 6  # type of rows without one; -1: none
C_HAS_SEQUENCE = 7
C_COUNT = 8

S_POSITION = 0  # first byte not consumed
S_LINE = 1  # its line number
S_FILLED = 2  # events written
S_STOP = 3  # bytes of the odd row end here
S_LINES = 4  # lines of the odd row
S_SLOT = 5  # slot of the last row
S_HASHED = 6  # ids that were hashed
S_DROPPED = 7  # second ids that the record has no place for
S_QTY_DECIMALS = 8  # most decimals of a quantity (survey)
S_TIME_START = 9  # a time that is not 0 (survey)
S_TIME_STOP = 10
S_SKIPPED = 11  # rows of symbols that were not asked for
S_COUNT = 12

DATA, FULL, ODD, KEY = 0, 1, 2, 3  # why a kernel stopped: no complete row left, output full, row not plain, new instrument

(
    F_TYPE,
    F_TIME,
    F_PRICE,
    F_QTY,
    F_SIDE,
    F_TRADE_ID,
    F_ORDER_ID,
    F_SYMBOL,
    F_SEQUENCE,
    F_FLAGS,
    F_RECEIVED,
    F_INSTRUMENT,
    F_DECIMALS,
    F_PUBLISHER,
    F_CHANNEL,
    F_DELTA,
    F_RTYPE,
    F_ACTION,
) = range(len(FIELDS))

U0, U1, U8, U9, U10, U48 = (np.uint64(value) for value in (0, 1, 8, 9, 10, 48))
FNV_START = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
MULTIPLIER = np.uint64(WORD_MULTIPLIER)
SHIFT = np.uint64(WORD_SHIFT)
MOST = np.uint64(2**63 - 2)
MAX_U64_TENTH = np.uint64((2**64 - 1) // 10)
UNDEF = np.int64(2**63 - 1)
POWERS = np.array([10**exponent for exponent in range(20)], np.uint64)
LIMITS = np.array([(2**63 - 2) // 10**exponent for exponent in range(20)], np.uint64)
DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
TYPE_KEYS, TYPE_VALUES = word_table(TYPE_INDEX)
SIDE_KEYS, SIDE_VALUES = word_table({word: int(side) for word, side in SIDES.items()})
TYPE_ACTIONS = np.array([item.action for item in TYPES], np.uint8)
TYPE_FLAGS = np.array([int(item.flags) for item in TYPES], np.uint8)
TYPE_RULES = np.array([item.rules for item in TYPES], np.int64)
TYPE_RTYPES = np.array([item.rtype for item in TYPES], np.uint8)
ACTION_TYPES = np.array([TYPE_OF_ACTION.get(code, -1) for code in range(256)], np.int64)
CANCEL, MODIFY = np.uint8(67), np.uint8(77)
NO_SIDE = np.uint8(78)
MINUS, POINT, COLON, DASH, SPACE, LETTER_T, LETTER_Z = 45, 46, 58, 45, 32, 84, 90
WORD_BYTES = 8


@kernel
def number(buffer, start, stop):
    """``[-]digits[.digits]`` of at most 19 digits -> (decimals, negative, mantissa); decimals -1: not plain."""
    at = start
    negative = False
    if at < stop and buffer[at] == MINUS:
        negative = True
        at += 1
    digits = stop - at
    value = U0
    point = np.int64(-1)
    while at < stop:
        digit = np.uint64(buffer[at]) - U48
        if digit > U9:
            if buffer[at] != POINT or point >= 0:
                return np.int64(-1), False, U0
            point = at
            digits -= 1
        else:
            value = value * U10 + digit
        at += 1
    if digits < 1 or digits > 19:
        return np.int64(-1), False, U0
    return (stop - point - 1 if point >= 0 else np.int64(0)), negative, value


@kernel
def scaled(decimals, negative, mantissa, target):
    """``mantissa`` of `decimals` in units of 10^-target -> (exact, value)."""
    if decimals < target:
        if mantissa > LIMITS[target - decimals]:
            return False, np.int64(0)
        mantissa = mantissa * POWERS[target - decimals]
    elif decimals > target:
        unit = POWERS[decimals - target]
        whole = mantissa // unit
        if whole * unit != mantissa:
            return False, np.int64(0)
        mantissa = whole
    if mantissa > MOST:
        return False, np.int64(0)
    value = np.int64(mantissa)
    return True, (-value if negative else value)


@kernel
def integer(buffer, start, stop, low, high):
    """A whole number in [low, high], both int64 -> (plain, value)."""
    decimals, negative, mantissa = number(buffer, start, stop)
    if decimals != 0 or mantissa > MOST or buffer[stop - 1] == POINT:
        return False, np.int64(0)
    value = -np.int64(mantissa) if negative else np.int64(mantissa)
    return low <= value <= high, value


@kernel
def unsigned(buffer, start, stop):
    """A whole number below 2^64 of at most 20 digits -> (plain, value)."""
    count = stop - start
    value = U0
    if count < 1 or count > 20:
        return False, U0
    last = stop - 1 if count == 20 else stop
    for at in range(start, last):
        digit = np.uint64(buffer[at]) - U48
        if digit > U9:
            return False, U0
        value = value * U10 + digit
    if count == 20:
        digit = np.uint64(buffer[last]) - U48
        if digit > U9 or value > MAX_U64_TENTH or (value == MAX_U64_TENTH and digit > np.uint64(5)):
            return False, U0
        value = value * U10 + digit
    return True, value


@kernel
def identifier(buffer, start, stop):
    """An id -> (plain, hashed, value): the number as it stands, or the FNV-1a hash of any other word of visible ASCII."""
    if buffer[start] != 48 or stop - start == 1:
        plain, value = unsigned(buffer, start, stop)
        if plain:
            return True, False, value
    value = FNV_START
    for at in range(start, stop):
        if buffer[at] <= SPACE or buffer[at] >= 127:
            return False, False, U0
        value = (value ^ np.uint64(buffer[at])) * FNV_PRIME
    return True, True, value


@kernel
def word(buffer, start, stop):
    """Up to 8 bytes as a little-endian integer, letters in lower case; 0: empty or longer."""
    if stop - start > WORD_BYTES:
        return U0
    value = U0
    shift = U0
    for at in range(start, stop):
        byte = np.uint64(buffer[at])
        if byte & np.uint64(64):
            byte = byte | np.uint64(32)
        value = value | (byte << shift)
        shift = shift + U8
    return value


@kernel
def look_up(keys, values, key):
    """Value of a word; -1: not in the table."""
    slot = np.int64((key * MULTIPLIER) >> SHIFT)
    while keys[slot] != U0:
        if keys[slot] == key:
            return values[slot]
        slot = (slot + 1) & (len(keys) - 1)
    return np.int64(-1)


@kernel
def digits_at(buffer, at, count):
    """`count` digits as a number; -1: not all are digits."""
    value = np.int64(0)
    for index in range(at, at + count):
        digit = np.int64(buffer[index]) - 48
        if digit < 0 or digit > 9:
            return np.int64(-1)
        value = value * 10 + digit
    return value


@kernel
def iso_time(buffer, start, stop):
    """``YYYY-MM-DD[T ]HH:MM:SS[.fraction][Z]`` -> (plain, ns since the epoch)."""
    count = stop - start
    if count > 19 and buffer[stop - 1] == LETTER_Z:
        count -= 1
    if count < 19 or count == 20 or count > 29:
        return False, np.int64(0)
    year, month, day = digits_at(buffer, start, 4), digits_at(buffer, start + 5, 2), digits_at(buffer, start + 8, 2)
    hour, minute, second = digits_at(buffer, start + 11, 2), digits_at(buffer, start + 14, 2), digits_at(buffer, start + 17, 2)
    if buffer[start + 4] != DASH or buffer[start + 7] != DASH or buffer[start + 13] != COLON or buffer[start + 16] != COLON:
        return False, np.int64(0)
    if buffer[start + 10] != LETTER_T and buffer[start + 10] != SPACE:
        return False, np.int64(0)
    if year < 1678 or year > 2261 or month < 1 or month > 12 or day < 1 or hour < 0 or hour > 23:
        return False, np.int64(0)
    leap = 1 if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 0
    if day > DAYS[month] + leap or minute < 0 or minute > 59 or second < 0 or second > 59:
        return False, np.int64(0)
    nanoseconds = np.int64(0)
    if count > 20:
        nanoseconds = digits_at(buffer, start + 20, count - 20)
        if buffer[start + 19] != POINT or nanoseconds < 0:
            return False, np.int64(0)
        for _ in range(count - 20, 9):
            nanoseconds *= 10
    # Days from the civil date: Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil.
    shifted = year - (1 if month <= 2 else 0)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return True, ((days * 24 + hour) * 60 + minute) * 60_000_000_000 + second * 1_000_000_000 + nanoseconds


@kernel
def time(buffer, start, stop, digits):
    """A time in the file's unit -> (plain, ns since the epoch)."""
    if digits < 0:
        return iso_time(buffer, start, stop)
    decimals, negative, mantissa = number(buffer, start, stop)
    if decimals < 0:
        return False, np.int64(0)
    return scaled(decimals, negative, mantissa, digits)


@kernel
def same_key(blob, slot, buffer, starts, stops):
    """Whether the row's instrument is that of `slot`."""
    symbol, identity, decimals = (
        stops[F_SYMBOL] - starts[F_SYMBOL],
        stops[F_INSTRUMENT] - starts[F_INSTRUMENT],
        stops[F_DECIMALS] - starts[F_DECIMALS],
    )
    if slot.symbol != symbol or slot.id != identity or slot.decimals != decimals:
        return False
    at = slot.begin
    for index in range(symbol):
        if blob[at + index] != buffer[starts[F_SYMBOL] + index]:
            return False
    at += symbol
    for index in range(identity):
        if blob[at + index] != buffer[starts[F_INSTRUMENT] + index]:
            return False
    at += identity
    for index in range(decimals):
        if blob[at + index] != buffer[starts[F_DECIMALS] + index]:
            return False
    return True


@kernel
def key_hash(buffer, starts, stops):
    """Hash of the row's instrument, each part ended by a zero byte; `event_text.InstrumentTable` makes the same."""
    value = FNV_START
    for field in (F_SYMBOL, F_INSTRUMENT, F_DECIMALS):
        for at in range(starts[field], stops[field]):
            value = (value ^ np.uint64(buffer[at])) * FNV_PRIME
        value = value * FNV_PRIME
    return value


@kernel
def find_slot(slots, blob, last, buffer, starts, stops):
    """Slot of the row's instrument, tried at `last` first; -1: a new one."""
    if slots[last].use != U_FREE and same_key(blob, slots[last], buffer, starts, stops):
        return last
    value = key_hash(buffer, starts, stops)
    mask = len(slots) - 1
    slot = np.int64(value & np.uint64(mask))
    while slots[slot].use != U_FREE:
        if slots[slot].hash == value and same_key(blob, slots[slot], buffer, starts, stops):
            return slot
        slot = (slot + 1) & mask
    return np.int64(-1)


@kernel
def type_of(buffer, starts, stops, config):
    """Index in TYPES of the row; -1: not plain."""
    if stops[F_TYPE] > starts[F_TYPE]:
        return look_up(TYPE_KEYS, TYPE_VALUES, word(buffer, starts[F_TYPE], stops[F_TYPE]))
    if config[C_DEFAULT_TYPE] >= 0:
        return config[C_DEFAULT_TYPE]
    if stops[F_ACTION] - starts[F_ACTION] == 1:
        return ACTION_TYPES[buffer[starts[F_ACTION]]]
    return np.int64(-1)


@kernel
def small_fields(buffer, starts, stops, event):
    """Fields that stand in the row as the record has them; False: one is not plain."""
    ok = True
    if stops[F_FLAGS] > starts[F_FLAGS]:
        plain, value = integer(buffer, starts[F_FLAGS], stops[F_FLAGS], 0, 255)
        event.flags = np.uint8(value & 255)
        ok = ok and plain
    if stops[F_PUBLISHER] > starts[F_PUBLISHER]:
        plain, value = integer(buffer, starts[F_PUBLISHER], stops[F_PUBLISHER], 0, 65_535)
        event.publisher_id = np.uint16(value & 65_535)
        ok = ok and plain
    if stops[F_CHANNEL] > starts[F_CHANNEL]:
        plain, value = integer(buffer, starts[F_CHANNEL], stops[F_CHANNEL], 0, 255)
        event.channel_id = np.uint8(value & 255)
        ok = ok and plain
    if stops[F_DELTA] > starts[F_DELTA]:
        plain, value = integer(buffer, starts[F_DELTA], stops[F_DELTA], -(2**31), 2**31 - 1)
        event.ts_in_delta = np.int32(value if plain else 0)
        ok = ok and plain
    if stops[F_RTYPE] > starts[F_RTYPE]:
        plain, value = integer(buffer, starts[F_RTYPE], stops[F_RTYPE], 0, 255)
        event.rtype = np.uint8(value & 255)
        ok = ok and plain
    if stops[F_ACTION] > starts[F_ACTION]:
        letter = buffer[starts[F_ACTION]]
        event.action = letter
        ok = ok and stops[F_ACTION] - starts[F_ACTION] == 1 and ACTION_TYPES[letter] >= 0
    if stops[F_SEQUENCE] > starts[F_SEQUENCE]:
        plain, sequence = unsigned(buffer, starts[F_SEQUENCE], stops[F_SEQUENCE])
        event.sequence = sequence
        ok = ok and plain
    if stops[F_RECEIVED] <= starts[F_RECEIVED]:
        event.ts_recv = 0
    return ok


@kernel
def price_and_size(buffer, starts, stops, config, rules, size_decimals, event):
    """Price and size of the row; False: not plain, or missing where the type needs them."""
    explicit = config[C_EXPLICIT] != 0
    event.price = UNDEF
    event.size = 0
    if stops[F_PRICE] > starts[F_PRICE]:
        decimals, negative, mantissa = number(buffer, starts[F_PRICE], stops[F_PRICE])
        factor = np.uint64(config[C_PRICE_FACTOR])
        if decimals < 0 or (factor != U1 and mantissa > MOST // factor):
            return False
        exact, price = scaled(decimals + config[C_PRICE_DIGITS], negative, mantissa * factor, 9)
        if not exact:
            return False
        event.price = price
    elif rules & NEEDS_PRICE and not explicit:
        return False
    if stops[F_QTY] > starts[F_QTY]:
        decimals, negative, mantissa = number(buffer, starts[F_QTY], stops[F_QTY])
        if decimals < 0:
            return False
        exact, size = scaled(decimals, negative, mantissa, size_decimals)
        if not exact:
            return False
        event.size = size
    elif rules & NEEDS_QTY and not explicit:
        return False
    elif rules & IS_CANCEL and not explicit:
        event.action = MODIFY
    if rules & IS_TOP and not explicit:
        if event.price == UNDEF and event.size != 0:
            return False
        if event.size == 0:
            event.price = UNDEF
    return True


@kernel
def row_id(buffer, starts, stops, rules, explicit, state, event):
    """Id of the row; False: not plain, or missing where the type needs it."""
    first, second = (F_TRADE_ID, F_ORDER_ID) if rules & IS_TRADE else (F_ORDER_ID, F_TRADE_ID)
    chosen = first if stops[first] > starts[first] else second
    event.order_id = U0
    if stops[chosen] <= starts[chosen]:
        return explicit or rules & NEEDS_ID == 0
    plain, hashed, value = identifier(buffer, starts[chosen], stops[chosen])
    if not plain or (hashed and rules & IS_STATUS):
        return False
    event.order_id = value
    if hashed:
        state[S_HASHED] += 1
    if chosen == first and stops[second] > starts[second]:
        state[S_DROPPED] += 1
    return True


@kernel
def make_event(buffer, starts, stops, config, slots, state, event):
    """Fill `event` from a row's cells; False: the row is not plain and `event` is spoilt."""
    kind = type_of(buffer, starts, stops, config)
    if kind < 0:
        return False
    rules = TYPE_RULES[kind]
    explicit = config[C_EXPLICIT] != 0
    event.action = TYPE_ACTIONS[kind]
    event.flags = TYPE_FLAGS[kind]
    event.rtype = TYPE_RTYPES[kind]
    event.channel_id = 0
    event.ts_in_delta = 0
    event.reserved = 0
    event.sequence = U0 if config[C_HAS_SEQUENCE] else np.uint64(state[S_LINE])
    slot = state[S_SLOT]
    event.instrument_id = slots[slot].instrument_id
    event.publisher_id = slots[slot].publisher_id + (1 if rules & IS_TOP else 0)
    plain, ts_event = time(buffer, starts[F_TIME], stops[F_TIME], config[C_TIME_DIGITS])
    if not plain:
        return False
    event.ts_event = ts_event
    if stops[F_RECEIVED] > starts[F_RECEIVED]:
        plain, ts_recv = time(buffer, starts[F_RECEIVED], stops[F_RECEIVED], config[C_TIME_DIGITS])
        if not plain:
            return False
        event.ts_recv = ts_recv
    side = NO_SIDE
    if stops[F_SIDE] > starts[F_SIDE]:
        found = look_up(SIDE_KEYS, SIDE_VALUES, word(buffer, starts[F_SIDE], stops[F_SIDE]))
        if found < 0:
            return False
        side = np.uint8(found)
    if side == NO_SIDE and rules & NEEDS_SIDE and not explicit:
        return False
    event.side = side
    if not small_fields(buffer, starts, stops, event):
        return False
    if not price_and_size(buffer, starts, stops, config, rules, np.int64(slots[slot].size_decimals), event):
        return False
    return row_id(buffer, starts, stops, rules, explicit, state, event)
