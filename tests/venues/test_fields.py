"""Values of messages: exact or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickdeck.core import PrecisionError
from tickdeck.venues.fields import exact_tick, integer, key64, micros, millis, places, rfc3339, seconds, step_places, units


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9))
def test_units_are_exact(value: Decimal) -> None:
    assert units(format(value, "f"), 8) == int(value.scaleb(8))
    assert units(str(value), 9) == int(value.scaleb(9))


@pytest.mark.parametrize(
    "text", ["", ".", ".5", "-", "1_000", " 1", "1 ", "٣", "nan", "inf", "0x10", "1e", "1.2.3", None, 1.5, True, "1" * 101]
)
def test_what_is_no_number_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="is not a decimal number"):
        units(text, 8)


@pytest.mark.parametrize(("text", "decimals"), [("0.000000001", 8), ("92233720368.54775807", 8), ("1e-9", 8), ("1e30", 0)])
def test_what_does_not_fit_is_a_precision_error(text: str, decimals: int) -> None:
    with pytest.raises(PrecisionError):
        units(text, decimals)


def test_numbers_in_other_notations() -> None:
    assert (units("1e-7", 8), units("1.5E3", 2), units("-0.5", 1), units(7, 2), units("1.", 1)) == (10, 150_000, -5, 700, 10)
    assert (places("0.00100000"), places("7"), places(7), places("1e-7")) == (8, 0, 0, 0)
    assert [step_places(step) for step in ("0.0010", "1", "100", "1e-8", "0.5")] == [3, 0, 0, 8, 1]
    assert [exact_tick(step) for step in ("0.1", "", "0", "0.0000000001")] == ["0.1", None, None, None]


def test_times() -> None:
    assert millis("1597026383085") == micros(1597026383085000) == 1597026383085_000_000
    assert seconds("1534614057.321597") == 1534614057_321597000
    assert rfc3339("2023-10-06T17:35:55.440295Z") == 1696613755_440295000
    assert rfc3339("2026-08-09 21:05:48.2285688041") == 1786309548_228568804
    assert rfc3339("2024-02-29T00:00:00+00:00") == 1709164800_000000000


@pytest.mark.parametrize(
    "text", ["", "2023-13-06T17:35:55Z", "2023-10-06T25:35:55Z", "2023-10-06T17:35:55+02:00", "9999-01-01T00:00:00Z", None, 5]
)
def test_what_is_no_utc_time_is_refused(text: Any) -> None:
    with pytest.raises(ValueError):
        rfc3339(text)


@pytest.mark.parametrize("value", [-1, 2**63, "-1", "1.0", "", True, None, 1.0, "9" * 30])
def test_what_is_no_integer_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        integer(value)


def test_ids_become_stable_numbers() -> None:
    assert key64("d50ec984-77a8-460a-b958-66f114b0de9b") == 0xD50EC98477A8460A
    assert key64("1443875737346049") == key64(1443875737346049) == 1443875737346049
    assert key64("OUF4EM-FRGI2-MQMWZD") == key64("OUF4EM-FRGI2-MQMWZD") != key64("OUF4EM-FRGI2-MQMWZE")
    assert 0 <= key64("zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz") < 2**64
