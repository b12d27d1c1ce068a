"""Integer arithmetic beyond 64 bits for kernels: products that are divided again, and 128-bit sums of products.

A price in 1e-9 times a size in 1e-8 passes 2^63 for a few hundred coins; a product here has 128 bits and nothing is lost.
A 128-bit number is a pair (high, low) of uint64 in two's complement. Division is done by hand, two 32-bit digits at a time
(Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D): compilers call a library for it, which kernels do not have.
"""

import numpy as np

from tickdeck.core.intrinsics import count_leading_zeros, multiply_high
from tickdeck.core.kernel import kernel

MOST = 2**63 - 1
_ZERO, _ONE, _HALF_WORD = np.uint64(0), np.uint64(1), np.uint64(32)
_LOW_HALF = np.uint64(2**32 - 1)
_TOP = np.uint64(2**63)


@kernel
def _digit(high, low, divisor):
    """One 32-bit digit of the quotient (high, low) / divisor, which is normalised; and the rest."""
    top, bottom = divisor >> _HALF_WORD, divisor & _LOW_HALF
    digit = high // top
    rest = high - digit * top
    while digit > _LOW_HALF or digit * bottom > ((rest << _HALF_WORD) | low):
        digit -= _ONE
        rest += top
        if rest > _LOW_HALF:
            break
    return digit, ((high << _HALF_WORD) | low) - digit * divisor


@kernel(rare=True)
def _divide_long(high, low, divisor):
    shift = count_leading_zeros(divisor)
    divisor <<= shift
    if shift > _ZERO:
        high = (high << shift) | (low >> (np.uint64(64) - shift))
        low <<= shift
    first, rest = _digit(high, low >> _HALF_WORD, divisor)
    second, rest = _digit(rest, low & _LOW_HALF, divisor)
    return (first << _HALF_WORD) | second, rest >> shift


@kernel
def divide(high, low, divisor):
    """Quotient and rest of an unsigned 128-bit number and a uint64 above `high`, so that the quotient has 64 bits."""
    if high == _ZERO:
        quotient = low // divisor
        return quotient, low - quotient * divisor
    return _divide_long(high, low, divisor)


def reciprocal(divisor: int) -> tuple[int, int, int]:
    """Python only: what :func:`divide_by` needs of a fixed divisor below 2^63: (divisor shifted up, reciprocal, shift)."""
    shift = 64 - divisor.bit_length()
    shifted = divisor << shift
    return shifted, (2**128 - 1) // shifted - 2**64, shift


@kernel
def divide_by(high, low, shifted, inverse, shift):
    """Quotient of a 128-bit number by a fixed divisor above `high`, by multiplication: 3 ns where a division takes 15.

    Möller & Granlund, Improved division by invariant integers (2011), algorithm 4.
    """
    # A shift by 64 is undefined, hence two.
    high = (high << shift) | ((low >> _ONE) >> (np.uint64(63) - shift))
    low <<= shift
    below = inverse * high + low
    quotient = multiply_high(inverse, high) + high + (np.uint64(2) if below < low else _ONE)
    rest = low - quotient * shifted
    if rest > below:
        quotient -= _ONE
        rest += shifted
    if rest >= shifted:
        quotient += _ONE
    return quotient


@kernel
def multiply_divide(a, b, c):
    """floor(a b / c) of int64 that are not negative, with 128 bits in between; 2^63-1 if it is beyond, also for c = 0."""
    x, y, z = np.uint64(a), np.uint64(b), np.uint64(c)
    high = multiply_high(x, y)
    if high >= z:
        return np.int64(MOST)
    quotient, _ = divide(high, x * y, z)
    return np.int64(MOST) if quotient >= _TOP else np.int64(quotient)


@kernel
def multiply_divide_nearest(a, b, c):
    """a b / c of int64 of any sign, `c` above 0, to the nearest integer, halves away from zero; at most 2^63-1 either way."""
    negative = (a < 0) != (b < 0)
    x, y, z = np.uint64(-a if a < 0 else a), np.uint64(-b if b < 0 else b), np.uint64(c)
    product = x * y
    low = product + (z >> _ONE)
    high = multiply_high(x, y) + (_ONE if low < product else _ZERO)
    found = np.int64(MOST)
    if high < z:
        quotient, _ = divide(high, low, z)
        if quotient < _TOP:
            found = np.int64(quotient)
    return -found if negative else found


@kernel
def multiply_compare(a, b, c, d):
    """-1, 0 or 1 as a b is less than, equal to or greater than c d; int64 that are not negative."""
    w, x, y, z = np.uint64(a), np.uint64(b), np.uint64(c), np.uint64(d)
    left, right = multiply_high(w, x), multiply_high(y, z)
    if left == right:
        left, right = w * x, y * z
    return np.int64(left > right) - np.int64(left < right)


@kernel
def add_saturating(a, b):
    """a + b of int64, 2^63-1 or -2^63+1 where it is beyond."""
    if a > 0 and b > np.int64(MOST) - a:
        return np.int64(MOST)
    if a < 0 and b < -np.int64(MOST) - a:
        return -np.int64(MOST)
    return np.int64(a) + np.int64(b)


@kernel
def product(a, b):
    """a b of two int64 as a 128-bit number."""
    x, y = np.uint64(np.int64(a)), np.uint64(np.int64(b))
    high = multiply_high(x, y)
    if a < 0:
        high -= y
    if b < 0:
        high -= x
    return high, x * y


@kernel
def widen(a):
    """An int64 as a 128-bit number."""
    return np.uint64(np.int64(a) >> np.int64(63)), np.uint64(np.int64(a))


@kernel
def add(high, low, other_high, other_low):
    """Sum of two 128-bit numbers."""
    total = low + other_low
    return high + other_high + (_ONE if total < low else _ZERO), total


@kernel
def negate(high, low):
    """Minus a 128-bit number."""
    return ~high + (_ONE if low == _ZERO else _ZERO), ~low + _ONE


@kernel
def scale(high, low, b, c):
    """The 128-bit number (high, low) times `b` over `c` (int64, b >= 0, 0 < c) to the nearest integer, halves away from zero.

    A 128-bit number again; the result must not be larger than that (as where b <= c).
    """
    negative = high >= _TOP
    if negative:
        high, low = negate(high, low)
    y, z = np.uint64(b), np.uint64(c)
    lowest = low * y
    middle = high * y
    carry = multiply_high(low, y)
    top = multiply_high(high, y)
    middle += carry
    if middle < carry:
        top += _ONE
    half = lowest + (z >> _ONE)
    if half < lowest:
        middle += _ONE
        if middle == _ZERO:
            top += _ONE
    if top >= z:
        high, low = _TOP - _ONE, ~_ZERO
    else:
        high, rest = divide(top, middle, z)
        low, _ = divide(rest, half, z)
        if high >= _TOP:
            high, low = _TOP - _ONE, ~_ZERO
    if negative:
        return negate(high, low)
    return high, low


@kernel
def narrow(high, low):
    """A 128-bit number as an int64; 2^63-1 or -2^63+1 where it is beyond."""
    if high == _ZERO and low < _TOP:
        return np.int64(low)
    if high == ~_ZERO and low > _TOP:
        return np.int64(low)
    return -np.int64(MOST) if high >= _TOP else np.int64(MOST)
