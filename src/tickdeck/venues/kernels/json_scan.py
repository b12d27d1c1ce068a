"""Scanners over the bytes of a JSON text: decimals become fixed-point integers without a detour over text or floats.

Every scanner takes ``(data, at, end, ...)``: the bytes (uint8), the position to start from and the position that must not be
read. It returns what it found, the position after it and one of the codes below; after an error the first value is 0 and the
position is where it was seen. Values stay below 2^63 - 1 in magnitude, because that value means "no price".

A decimal is ``-?digits[.digits][e[+-]digits]`` of at most 100 characters, four of them in the exponent. Surplus decimals must be
zeros: nothing is rounded.
"""

import numpy as np

from tickdeck.core.kernel import kernel

OK = 0
MALFORMED = 1
"""Not what the scanner looks for."""
OVERFLOW = 2
"""Beyond 63 bits at the given decimals."""
TOO_PRECISE = 3
"""Non-zero digits beyond the given decimals."""
OUT_OF_BOUNDS = 4
"""The text ends before the value does."""
FULL = 5
"""No room in the output."""

LARGEST = 2**63 - 2
_BEFORE_DIGIT = (LARGEST - 9) // 10
_POWERS = np.array([10**k for k in range(19)], np.int64)
_LARGEST_AT = np.array([LARGEST // 10**k for k in range(19)], np.int64)
_LONGEST = 100
_LONGEST_EXPONENT = 4

# Typed constants: a plain integer would make Numba compile a copy of each callee for each value.
_QUOTE = np.uint8(ord('"'))
_MINUS = np.uint8(ord("-"))
_PLUS = np.uint8(ord("+"))
_POINT = np.uint8(ord("."))
_ZERO = ord("0")
_COMMA = np.uint8(ord(","))
_OPEN = np.uint8(ord("["))
_CLOSE = np.uint8(ord("]"))
_BACKSLASH = np.uint8(ord("\\"))


@kernel
def is_at(data, at, end, byte):
    """Whether `byte` stands at `at`, inside the text."""
    return at < end and data[at] == byte


@kernel
def matches(data, at, end, text):
    """Whether the bytes `text` (uint8 array) stand at `at`, inside the text."""
    if end - at < len(text):
        return False
    for i in range(len(text)):
        if data[at + i] != text[i]:
            return False
    return True


@kernel
def scan_unsigned(data, at, end):
    """A non-negative JSON integer: value, next position, code."""
    first = at
    value = np.int64(0)
    while at < end:
        digit = np.int64(data[at]) - _ZERO
        if digit < 0 or digit > 9:
            break
        if value > _BEFORE_DIGIT and value > (LARGEST - digit) // 10:
            return np.int64(0), at, OVERFLOW
        value = value * 10 + digit
        at += 1
    if at == first:
        return np.int64(0), at, OUT_OF_BOUNDS if at >= end else MALFORMED
    if data[first] == _ZERO and at - first > 1:
        return np.int64(0), first, MALFORMED
    return value, at, OK


@kernel(entry=True)
def scan_any_decimal(data, at, end, decimals):
    """A decimal of any length, with or without exponent, as an integer of units of 10^-decimals: value, next position, code.

    The significant digits up to the last non-zero one are read as an integer; what remains is a power of ten.
    """
    start = at
    negative = at < end and data[at] == _MINUS
    if negative:
        at += 1
    mantissa = np.int64(0)
    shift = np.int64(decimals)
    zeros = np.int64(0)
    code = OK
    digits = 0
    point = False
    while at < end:
        digit = np.int64(data[at]) - _ZERO
        if digit < 0 or digit > 9:
            if data[at] != _POINT or point or digits == 0:
                break
            point = True
            digits = 0
            at += 1
            continue
        digits += 1
        if point:
            shift -= 1
        if digit == 0:
            if mantissa != 0:
                zeros += 1
        else:
            if zeros > 18 or mantissa > _LARGEST_AT[min(zeros, 18)]:
                code = OVERFLOW
            else:
                mantissa *= _POWERS[zeros]
                if mantissa > (LARGEST - digit) // 10:
                    code = OVERFLOW
                else:
                    mantissa = mantissa * 10 + digit
            zeros = np.int64(0)
        at += 1
    if digits == 0:
        return np.int64(0), at, OUT_OF_BOUNDS if at >= end else MALFORMED
    if at < end and (data[at] | 32) == ord("e"):
        at += 1
        fall = at < end and data[at] == _MINUS
        if at < end and (data[at] == _MINUS or data[at] == _PLUS):
            at += 1
        exponent = np.int64(0)
        first = at
        while at < end:
            digit = np.int64(data[at]) - _ZERO
            if digit < 0 or digit > 9:
                break
            exponent = exponent * 10 + digit
            at += 1
            if at - first > _LONGEST_EXPONENT:
                return np.int64(0), at, MALFORMED
        if at == first:
            return np.int64(0), at, OUT_OF_BOUNDS if at >= end else MALFORMED
        shift += -exponent if fall else exponent
    if at - start > _LONGEST:
        return np.int64(0), at, MALFORMED
    if code != OK:
        return np.int64(0), at, code
    if mantissa == 0:
        return np.int64(0), at, OK
    shift += zeros
    if shift < 0:
        return np.int64(0), at, TOO_PRECISE
    if shift > 18 or mantissa > _LARGEST_AT[min(shift, 18)]:
        return np.int64(0), at, OVERFLOW
    mantissa *= _POWERS[shift]
    return -mantissa if negative else mantissa, at, OK


@kernel
def scan_decimal(data, at, end, decimals):
    """A decimal as an integer of units of 10^-decimals (0 to 18): value, next position, code.

    The plain case is read here; whatever is unusual (exponent, surplus decimals, near overflow) by :func:`scan_any_decimal`.
    """
    start = at
    negative = at < end and data[at] == _MINUS
    if negative:
        at += 1
    first = at
    value = np.int64(0)
    while at < end:
        digit = np.int64(data[at]) - _ZERO
        if digit < 0 or digit > 9 or value > _BEFORE_DIGIT:
            break
        value = value * 10 + digit
        at += 1
    plain = at > first and at < end
    room = np.int64(decimals)
    if plain and data[at] == _POINT:
        at += 1
        first = at
        while at < end:
            digit = np.int64(data[at]) - _ZERO
            if digit < 0 or digit > 9 or room == 0 or value > _BEFORE_DIGIT:
                break
            value = value * 10 + digit
            room -= 1
            at += 1
        plain = at > first and at < end
    if plain and at - start <= _LONGEST:
        following = np.int64(data[at])
        digit = following - _ZERO
        if (digit < 0 or digit > 9) and (following | 32) != ord("e") and value <= _LARGEST_AT[room]:
            value *= _POWERS[room]
            return -value if negative else value, at, OK
    return scan_any_decimal(data, start, end, decimals)


@kernel
def scan_quoted_decimal(data, at, end, decimals):
    """A decimal between quotes, ``at`` on the opening one: value, position after the closing one, code."""
    if at >= end:
        return np.int64(0), at, OUT_OF_BOUNDS
    if data[at] != _QUOTE:
        return np.int64(0), at, MALFORMED
    value, at, code = scan_decimal(data, at + 1, end, decimals)
    if code != OK:
        return np.int64(0), at, code
    if at >= end:
        return np.int64(0), at, OUT_OF_BOUNDS
    if data[at] != _QUOTE:
        return np.int64(0), at, MALFORMED
    return value, at + 1, OK


@kernel
def scan_text(data, at, end):
    """A string of plain characters, ``at`` on its opening quote: first position, position after the closing quote, code.

    The text is ``data[first:next - 1]``. Escapes, control characters and bytes beyond ASCII are MALFORMED here.
    """
    if at >= end:
        return at, at, OUT_OF_BOUNDS
    if data[at] != _QUOTE:
        return at, at, MALFORMED
    at += 1
    first = at
    while at < end:
        byte = data[at]
        if byte == _QUOTE:
            return first, at + 1, OK
        if byte == _BACKSLASH or byte < 32 or byte > 126:
            return first, at, MALFORMED
        at += 1
    return first, at, OUT_OF_BOUNDS


@kernel
def scan_levels(data, at, end, price_decimals, size_decimals, out, count):
    """A level array ``[["price","size"],...]``, ``at`` on its first bracket: number of rows filled, next position, code.

    Writes fields ``price`` and ``size`` of ``out[count:]`` (any records that have them) and returns the new count.
    """
    if at >= end:
        return count, at, OUT_OF_BOUNDS
    if data[at] != _OPEN:
        return count, at, MALFORMED
    at += 1
    if is_at(data, at, end, _CLOSE):
        return count, at + 1, OK
    while True:
        if not is_at(data, at, end, _OPEN):
            return count, at, OUT_OF_BOUNDS if at >= end else MALFORMED
        price, at, code = scan_quoted_decimal(data, at + 1, end, price_decimals)
        if code != OK:
            return count, at, code
        if not is_at(data, at, end, _COMMA):
            return count, at, OUT_OF_BOUNDS if at >= end else MALFORMED
        size, at, code = scan_quoted_decimal(data, at + 1, end, size_decimals)
        if code != OK:
            return count, at, code
        if not is_at(data, at, end, _CLOSE):
            return count, at, OUT_OF_BOUNDS if at >= end else MALFORMED
        if count >= len(out):
            return count, at, FULL
        out[count].price = price
        out[count].size = size
        count += 1
        at += 1
        if is_at(data, at, end, _CLOSE):
            return count, at + 1, OK
        if not is_at(data, at, end, _COMMA):
            return count, at, OUT_OF_BOUNDS if at >= end else MALFORMED
        at += 1
