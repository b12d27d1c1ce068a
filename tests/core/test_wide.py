"""Products and sums beyond 64 bits equal Python's integers, compiled and interpreted."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tickdeck.core import wide
from tickdeck.core.intrinsics import address_of, array_at, multiply_high
from tickdeck.core.kernel import INTERPRETED, kernel

MOST = 2**63 - 1
WORD = 2**64


def edges(low: int, high: int) -> st.SearchStrategy[int]:
    """Integers of every length, and those beside powers of two."""
    near = [sign * (1 << bit) + step for bit in range(65) for step in (-1, 0, 1) for sign in (1, -1)]
    short = st.integers(0, 64).flatmap(lambda bits: st.integers(-(1 << bits), 1 << bits))
    return st.one_of(st.sampled_from([value for value in near if low <= value <= high]), short.filter(lambda x: low <= x <= high))


POSITIVE, SIGNED, WORDS = edges(0, MOST), edges(-MOST, MOST), edges(0, WORD - 1)
DIVISORS = edges(1, MOST)
quick = settings(max_examples=400, deadline=None, derandomize=True)


@kernel(entry=True)
def words_of(at, a, b, c, d):
    out = array_at(np.uint64(at), np.uint64(12), np.uint64)
    out[1], out[2] = wide.product(a, b)
    out[3], out[4] = wide.add(out[1], out[2], np.uint64(np.int64(c)), np.uint64(np.int64(d)))
    out[5], out[6] = wide.negate(out[1], out[2])
    out[7], out[8] = wide.widen(a)
    out[9] = np.uint64(wide.narrow(out[1], out[2]))


@kernel(entry=True)
def high_word(at):
    words = array_at(np.uint64(at), np.uint64(3), np.uint64)
    words[2] = multiply_high(words[0], words[1])


@kernel(entry=True)
def quotients(a, b, c, d):
    return wide.multiply_divide(a, b, c), wide.multiply_compare(a, b, c, d)


@kernel(entry=True)
def nearest(a, b, c):
    return wide.multiply_divide_nearest(a, b, c), wide.add_saturating(a, b)


@kernel(entry=True)
def scaled(at, b, c):
    words = array_at(np.uint64(at), np.uint64(2), np.uint64)
    words[0], words[1] = wide.scale(words[0], words[1], b, c)


@kernel(entry=True)
def divided_by(at):
    words = array_at(np.uint64(at), np.uint64(6), np.uint64)
    words[5] = wide.divide_by(words[0], words[1], words[2], words[3], words[4])


def signed(high: int, low: int) -> int:
    value = (int(high) << 64) | int(low)
    return value - (1 << 128) if value >> 127 else value


def rounded(numerator: int, denominator: int) -> int:
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -size if numerator < 0 else size


@quick
@given(WORDS, WORDS)
def test_high_word_of_a_product(a: int, b: int) -> None:
    words = np.array([a, b, 0], np.uint64)
    high_word(address_of(words))
    assert int(words[2]) == (a * b) >> 64


@quick
@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE)
@example(MOST, MOST, MOST, MOST)
@example(1, 1, 0, 0)
@example(2**62, 2**62, 2**61 + 1, 1)
def test_a_product_is_divided_with_128_bits_between(a: int, b: int, c: int, d: int) -> None:
    quotient, order = quotients(a, b, c, d)
    assert quotient == (min(a * b // c, MOST) if c else MOST)
    assert order == (a * b > c * d) - (a * b < c * d)


@quick
@given(SIGNED, SIGNED, DIVISORS)
@example(MOST, MOST, 1)
@example(-5, 1, 2)
@example(5, 1, 2)
def test_a_signed_quotient_is_rounded_half_away_from_zero(a: int, b: int, c: int) -> None:
    quotient, total = nearest(a, b, c)
    assert quotient == max(min(rounded(a * b, c), MOST), -MOST)
    assert total == max(min(a + b, MOST), -MOST)


@quick
@given(SIGNED, SIGNED, SIGNED, SIGNED)
@example(-MOST, MOST, -1, -1)
def test_wide_sums(a: int, b: int, c: int, d: int) -> None:
    out = np.zeros(12, np.uint64)
    words_of(address_of(out), a, b, c, d)
    assert signed(out[1], out[2]) == a * b
    assert signed(out[5], out[6]) == -a * b
    assert signed(out[7], out[8]) == a
    assert (int(out[3]) << 64 | int(out[4])) == (a * b + ((c % WORD) << 64) + d % WORD) % (1 << 128)
    assert out[9].view(np.int64) == max(min(a * b, MOST), -MOST)


@quick
@given(SIGNED, SIGNED, DIVISORS, DIVISORS)
@example(MOST, MOST, MOST, MOST)
@example(-3, 1, 1, 2)
def test_a_wide_number_is_scaled(a: int, b: int, numerator: int, denominator: int) -> None:
    value = a * b
    numerator, denominator = min(numerator, denominator), max(numerator, denominator)
    words = np.array([(value >> 64) % WORD, value % WORD], np.uint64)
    scaled(address_of(words), numerator, denominator)
    assert signed(*words) == rounded(value * numerator, denominator)


@quick
@given(WORDS, WORDS, DIVISORS)
@example(0, WORD - 1, 1)
@example(2**62 - 1, WORD - 1, 2**62)
def test_a_fixed_divisor_divides_by_multiplication(high: int, low: int, divisor: int) -> None:
    high %= divisor
    words = np.array([high, low, *wide.reciprocal(divisor), 0], np.uint64)
    divided_by(address_of(words))
    assert int(words[5]) == ((high << 64) | low) // divisor


def test_all_of_this_holds_in_the_other_mode() -> None:
    if os.environ.get("TICKDECK_OTHER_MODE"):
        assert (os.environ["NUMBA_DISABLE_JIT"] == "1") == INTERPRETED
        return
    environment = {**os.environ, "TICKDECK_OTHER_MODE": "1", "NUMBA_DISABLE_JIT": "0" if INTERPRETED else "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout[-3000:]
