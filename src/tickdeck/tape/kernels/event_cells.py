"""Compiled parsers of single cells: numbers, times, ids, words.

A cell is ``buffer[start:stop]`` without quotes. What is not plain is refused, never guessed: the tolerant parser in
``event_row.py`` of the room decides about such a row.
"""

import numpy as np

from tickdeck.core.intrinsics import count_trailing_zeros, load_word
from tickdeck.core.kernel import kernel
from tickdeck.tape import event_layout as layout
from tickdeck.tape.event_schema import WORD_MULTIPLIER, WORD_SHIFT

U0, U1, U3, U7, U8, U9, U10, U16, U32, U48, U64, U255 = (
    np.uint64(value) for value in (0, 1, 3, 7, 8, 9, 10, 16, 32, 48, 64, 255)
)
ONES, LOWS, HIGHS, POINTS, ZEROS, SIXES, NIBBLES, LETTERS = (
    np.uint64(byte * 0x0101010101010101) for byte in (0x01, 0x7F, 0x80, 0x2E, 0x30, 0x06, 0xF0, 0x40)
)
PAIRS = np.uint64(0x000000FF000000FF)
TEN_MILLION, HUNDRED_MILLION = np.uint64(10**7), np.uint64(10**8)
FNV_START = np.uint64(layout.FNV_START)
FNV_PRIME = np.uint64(layout.FNV_PRIME)
MULTIPLIER = np.uint64(WORD_MULTIPLIER)
SHIFT = np.uint64(WORD_SHIFT)
MOST = np.uint64(2**63 - 2)
MAX_U64_TENTH = np.uint64((2**64 - 1) // 10)
POWERS = np.array([10**exponent for exponent in range(20)], np.uint64)
LIMITS = np.array([(2**63 - 2) // 10**exponent for exponent in range(20)], np.uint64)
DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
MINUS, POINT, COLON, DASH, SPACE, LETTER_T, LETTER_Z = 45, 46, 58, 45, 32, 84, 90
WORD_BYTES = 8


@kernel
def eight_digits(text):
    """The 8 bytes of `text` as a number and where its decimal point stands, 8 without one -> (plain, point, value).

    Two digits, then four, then eight are joined in one multiplication each: Johnny Lee's method as told by Daniel Lemire,
    "Faster parsing of eight digits" (2022). It replaced a loop over the digits, which took 20 ns for a time in ns.
    """
    marks = text ^ POINTS
    marks = (marks - ONES) & ~marks & HIGHS
    point = np.int64(8)
    if marks != U0:
        shift = count_trailing_zeros(marks) - U7
        point = np.int64(shift >> U3)
        # The digits before the point move up by one byte and a zero takes the first place.
        text = (text & ~(~U0 << shift)) << U8 | (text & ~U255 << shift) | U48
    plain = (text & NIBBLES) == ZEROS and ((text + SIXES) & NIBBLES) == ZEROS
    text = text - ZEROS
    text = text * U10 + (text >> U8)
    value = ((text & PAIRS) * np.uint64(0x000F424000000064) + ((text >> U16) & PAIRS) * np.uint64(0x0000271000000001)) >> U32
    return plain, point, value


@kernel
def number(buffer, start, stop):
    """``[-]digits[.digits]`` of at most 19 digits -> (decimals, negative, mantissa); decimals -1: not plain."""
    at = start
    negative = at < stop and buffer[at] == MINUS
    if negative:
        at += 1
    count = stop - at
    if count < 1 or count > 20 or stop < WORD_BYTES:
        return slow_number(buffer, start, stop)
    value = U0
    point = np.int64(-1)
    while count > WORD_BYTES:
        plain, place, part = eight_digits(load_word(buffer, at))
        if not plain:
            return np.int64(-1), False, U0
        if place < WORD_BYTES:
            if point >= 0:
                return np.int64(-1), False, U0
            point = at + place
            value = value * TEN_MILLION + part
        else:
            value = value * HUNDRED_MILLION + part
        at += WORD_BYTES
        count -= WORD_BYTES
    shift = np.uint64(8 * (WORD_BYTES - count))
    text = load_word(buffer, stop - WORD_BYTES)
    if shift != U0:
        text = (text & ~U0 << shift) | (ZEROS >> (U64 - shift))
    plain, place, part = eight_digits(text)
    if not plain:
        return np.int64(-1), False, U0
    digits = count
    if place < WORD_BYTES:
        if point >= 0:
            return np.int64(-1), False, U0
        point = stop - WORD_BYTES + place
        digits -= 1
    value = value * POWERS[digits] + part
    total = stop - start - (1 if negative else 0) - (1 if point >= 0 else 0)
    if total < 1 or total > 19:
        return np.int64(-1), False, U0
    return (stop - point - 1 if point >= 0 else np.int64(0)), negative, value


@kernel(rare=True)
def slow_number(buffer, start, stop):
    """:func:`number` byte by byte, for the first bytes of a buffer."""
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


@kernel(rare=True)
def integer(buffer, start, stop, low, high):
    """A whole number in [low, high], both int64 -> (plain, value)."""
    decimals, negative, mantissa = number(buffer, start, stop)
    if decimals != 0 or mantissa > MOST or buffer[stop - 1] == POINT:
        return False, np.int64(0)
    value = -np.int64(mantissa) if negative else np.int64(mantissa)
    return low <= value <= high, value


@kernel(rare=True)
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
        if stop - start < 20:
            decimals, _, value = number(buffer, start, stop)
            if decimals == 0 and buffer[start] != MINUS and buffer[stop - 1] != POINT:
                return True, False, value
        else:
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
def text_word(buffer, start, stop):
    """Up to 8 bytes as a little-endian integer, and whether it says everything: not if there are more, or the last is 0."""
    count = stop - start
    if count < 1:
        return U0, True
    if count > WORD_BYTES:
        return U0, False
    value = U0
    if stop >= WORD_BYTES:
        value = load_word(buffer, stop - WORD_BYTES) >> np.uint64(8 * (WORD_BYTES - count))
    else:
        for at in range(stop - 1, start - 1, -1):
            value = value << U8 | np.uint64(buffer[at])
    return value, buffer[stop - 1] != 0


@kernel
def word(buffer, start, stop):
    """Up to 8 bytes as a little-endian integer, letters in lower case; 0: empty or longer."""
    value, _ = text_word(buffer, start, stop)
    return value | ((value & LETTERS) >> U1)


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


@kernel(rare=True)
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
