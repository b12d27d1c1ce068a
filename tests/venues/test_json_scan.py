"""The byte scanners against Python's own decimal arithmetic."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.core import LEVEL
from tickdeck.core.kernel import kernel
from tickdeck.venues.kernels import json_scan as scan

GUARD = 64
GRAMMAR = re.compile(rb"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@kernel(entry=True)
def decimal_at(data, at, end, decimals):
    return scan.scan_decimal(data, at, end, decimals)


@kernel(entry=True)
def quoted_at(data, at, end, decimals):
    return scan.scan_quoted_decimal(data, at, end, decimals)


@kernel(entry=True)
def unsigned_at(data, at, end):
    return scan.scan_unsigned(data, at, end)


@kernel(entry=True)
def text_at(data, at, end):
    return scan.scan_text(data, at, end)


@kernel(entry=True)
def levels_at(data, at, end, out, count):
    return scan.scan_levels(data, at, end, 9, 8, out, count)


def buffer(text: bytes) -> np.ndarray:
    """The text, followed by digits that a scanner would swallow if it read past the end."""
    return np.frombuffer(text + b"7" * GUARD, np.uint8)


def oracle(text: bytes, decimals: int) -> tuple[int, int, int]:
    """What a scanner of a decimal must say of the whole of `text`, with a delimiter after it."""
    match = GRAMMAR.match(text)
    assert match
    value = Decimal(match[0].decode()).scaleb(decimals) if Decimal(match[0].decode()) else Decimal(0)
    if value != int(value):
        return 0, match.end(), scan.TOO_PRECISE
    if abs(value) > scan.LARGEST:
        return 0, match.end(), scan.OVERFLOW
    return int(value), match.end(), scan.OK


DIGITS = st.text("0123456789", min_size=1, max_size=24)
DECIMALS = st.builds(
    lambda sign, whole, part, exponent: f"{sign}{whole}{part}{exponent}".encode(),
    st.sampled_from(["", "-"]),
    DIGITS,
    st.one_of(st.just(""), DIGITS.map(lambda part: "." + part), st.integers(0, 24).map(lambda n: "." + "0" * (n + 1))),
    st.one_of(
        st.just(""),
        st.builds(lambda e, sign, n: f"{e}{sign}{n}", st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 25)),
    ),
)


@settings(max_examples=600, deadline=None)
@given(DECIMALS, st.integers(0, 18))
def test_decimal_equals_decimal_arithmetic(text: bytes, decimals: int) -> None:
    value, at, code = decimal_at(buffer(text + b","), 0, len(text) + 1, decimals)
    expected = oracle(text, decimals)
    if code in (scan.OVERFLOW, scan.TOO_PRECISE):
        assert expected[2] in (scan.OVERFLOW, scan.TOO_PRECISE)
        assert value == 0
    else:
        assert (value, at, code) == expected


@settings(max_examples=300, deadline=None)
@given(st.integers(-(2**64), 2**64), st.integers(0, 18))
def test_every_integer_of_units_survives_the_way_through_text(units: int, decimals: int) -> None:
    text = f"{Decimal(units).scaleb(-decimals):f}".encode()
    value, _, code = decimal_at(buffer(text + b"]"), 0, len(text) + 1, decimals)
    assert (value, code) == ((units, scan.OK) if abs(units) <= scan.LARGEST else (0, scan.OVERFLOW))


@pytest.mark.parametrize(
    ("text", "units"),
    [
        (b"63943.90", 63943_900000000),
        (b"0", 0),
        (b"-0.000000001", -1),
        (b"1e-9", 1),
        (b"1E3", 1000_000000000),
        (b"1e0003", 1000_000000000),
        (b"0" * 99 + b"1", 1_000000000),
        (b"1.50000000000000000000", 1_500000000),
        (b"9223372036.854775806", 2**63 - 2),
        (b"0.00000000000000000000e99", 0),
        (b"120000000000000000000000e-23", 1_200000000),
    ],
)
def test_decimal_examples(text: bytes, units: int) -> None:
    assert decimal_at(buffer(text + b'"'), 0, len(text) + 1, 9) == (units, len(text), scan.OK)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"9223372036.854775807,", scan.OVERFLOW),
        (b"1e10,", scan.OVERFLOW),
        (b"1e9999,", scan.OVERFLOW),
        (b"1e-9999,", scan.TOO_PRECISE),
        (b"1e00000,", scan.MALFORMED),
        (b"1e99999999999999999999,", scan.MALFORMED),
        (b"0" * 100 + b"1,", scan.MALFORMED),
        (b"1." + b"0" * 99 + b",", scan.MALFORMED),
        (b"0.0000000001,", scan.TOO_PRECISE),
        (b"1e-10,", scan.TOO_PRECISE),
        (b".5,", scan.MALFORMED),
        (b"5.,", scan.MALFORMED),
        (b"+5,", scan.MALFORMED),
        (b"-,", scan.MALFORMED),
        (b"1e,", scan.MALFORMED),
        (b"1e+,", scan.MALFORMED),
        (b"NaN,", scan.MALFORMED),
        (b"", scan.OUT_OF_BOUNDS),
        (b"-", scan.OUT_OF_BOUNDS),
        (b"5.", scan.OUT_OF_BOUNDS),
        (b"5e", scan.OUT_OF_BOUNDS),
    ],
)
def test_bad_decimals_are_told_apart(text: bytes, code: int) -> None:
    value, at, found = decimal_at(buffer(text), 0, len(text), 9)
    assert (value, found) == (0, code)
    assert at <= len(text)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 18))
def test_no_scanner_reads_past_the_end(text: bytes, decimals: int) -> None:
    out = np.zeros(8, LEVEL)
    for kind in (lambda data: decimal_at(data, 0, len(text), decimals), lambda data: quoted_at(data, 0, len(text), decimals)):
        one = kind(np.frombuffer(text + b"7" * GUARD, np.uint8))
        other = kind(np.frombuffer(text + b'"' * GUARD, np.uint8))
        assert one == other
        assert one[1] <= len(text)
    for kind in (lambda data: unsigned_at(data, 0, len(text)), lambda data: levels_at(data, 0, len(text), out, 0)):
        one = kind(np.frombuffer(text + b"7" * GUARD, np.uint8))
        assert one == kind(np.frombuffer(text + b"]" * GUARD, np.uint8))
        assert one[1] <= len(text)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (b"0,", (0, 1, scan.OK)),
        (b"4984028367545}", (4984028367545, 13, scan.OK)),
        (b"9223372036854775806,", (2**63 - 2, 19, scan.OK)),
        (b"9223372036854775808,", (0, 18, scan.OVERFLOW)),
        (b"007,", (0, 0, scan.MALFORMED)),
        (b"-7,", (0, 0, scan.MALFORMED)),
        (b"", (0, 0, scan.OUT_OF_BOUNDS)),
    ],
)
def test_unsigned_examples(text: bytes, result: tuple[int, int, int]) -> None:
    assert unsigned_at(buffer(text), 0, len(text)) == result


def test_quoted_decimal_needs_both_quotes() -> None:
    assert quoted_at(buffer(b'"0.25"'), 0, 6, 9) == (250_000_000, 6, scan.OK)
    assert quoted_at(buffer(b'"0.25'), 0, 5, 9)[2] == scan.OUT_OF_BOUNDS
    assert quoted_at(buffer(b"0.25,"), 0, 5, 9)[2] == scan.MALFORMED
    assert quoted_at(buffer(b'"0.25x"'), 0, 7, 9)[2] == scan.MALFORMED


def test_text_ends_at_its_quote_and_refuses_escapes() -> None:
    assert text_at(buffer(b'"BTCUSDT",'), 0, 10) == (1, 9, scan.OK)
    assert text_at(buffer(rb'"BT\u0043"'), 0, 10)[2] == scan.MALFORMED
    assert text_at(buffer(b'"BTC'), 0, 4)[2] == scan.OUT_OF_BOUNDS


def test_levels_fill_records_after_those_already_there() -> None:
    text = b'[["1000.00","569.567"],["5000.5","0.000"]]'
    out = np.zeros(4, LEVEL)
    assert levels_at(buffer(text), 0, len(text), out, 1) == (3, len(text), scan.OK)
    assert out["price"].tolist() == [0, 1000_000000000, 5000_500000000, 0]
    assert out["size"].tolist() == [0, 569_56700000, 0, 0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"[]", scan.OK),
        (b'[["1","2"]', scan.OUT_OF_BOUNDS),
        (b'[["1","2"],]', scan.MALFORMED),
        (b'[["1","2","3"]]', scan.MALFORMED),
        (b'[["1"]]', scan.MALFORMED),
        (b'[["1","2"] ]', scan.MALFORMED),
        (b'[["1","0.123456789"]]', scan.TOO_PRECISE),
        (b'[["1","1"],["1","1"],["1","1"]]', scan.FULL),
    ],
)
def test_levels_codes(text: bytes, code: int) -> None:
    assert levels_at(buffer(text), 0, len(text), np.zeros(2, LEVEL), 0)[2] == code
