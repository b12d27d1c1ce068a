"""Fixed-point amounts are exact or refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickdeck.core import PrecisionError, decimal_text, fixed, price, price_text, unfixed

WITHIN = st.integers(-(2**63) + 2, 2**63 - 2)


@given(WITHIN, st.integers(0, 18))
def test_an_amount_comes_back_exactly(units: int, decimals: int) -> None:
    amount = Decimal(units).scaleb(-decimals)
    assert fixed(amount, decimals) == units
    assert fixed(f"{amount:f}", decimals) == units
    assert unfixed(units, decimals) == amount
    assert fixed(decimal_text(units, decimals), decimals) == units


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 12))
def test_what_cannot_be_held_is_refused_and_everything_else_held(amount: Decimal, decimals: int) -> None:
    sign, digits, exponent = amount.as_tuple()
    whole = int("".join(map(str, digits)))
    shift = int(exponent) + decimals
    exact = whole == 0 or (shift < 60 and (shift >= 0 or (-shift < 60 and whole % 10**-shift == 0)))
    if exact:
        units = 0 if whole == 0 else whole * 10**shift if shift >= 0 else whole // 10**-shift
        exact = units < 2**63 - 1
    if exact:
        assert fixed(amount, decimals) == (-units if sign else units)
    else:
        with pytest.raises(PrecisionError):
            fixed(amount, decimals)


@pytest.mark.parametrize("amount", ["", "abc", "nan", "inf", "1e400", "0.1234567891", "9223372036.9"])
def test_text_that_is_no_price_is_refused_in_one_line(amount: str) -> None:
    with pytest.raises(PrecisionError) as caught:
        price(amount)
    assert "\n" not in str(caught.value)
    assert repr(amount) in str(caught.value)


LONG = {
    "whole": "7" * 5_000,
    "fraction": "0." + "3" * 5_000,
    "integer": 10**5_000,
    "decimal": Decimal("1e-99999"),
    "text": "9" * 5_000 + "x",
}


@pytest.mark.parametrize("amount", LONG.values(), ids=LONG)
def test_very_long_amounts_are_refused_in_a_short_line(amount: str | int | Decimal) -> None:
    with pytest.raises(PrecisionError) as caught:
        price(amount)
    assert len(str(caught.value)) < 200


def test_zeros_do_not_count_as_decimals() -> None:
    assert price("1." + "0" * 5_000) == 10**9
    assert price("0" * 5_000 + "1.50") == 1_500_000_000
    assert price("0e99999") == price("-0") == 0
    assert price(Decimal("9e9")) == 9 * 10**18


@pytest.mark.parametrize("amount", [0.1, True, None, b"1"])
def test_floats_and_other_types_are_refused(amount: object) -> None:
    with pytest.raises(TypeError, match="string, a Decimal or an integer"):
        price(amount)  # type: ignore[arg-type]


def test_price_text_is_plain() -> None:
    assert [price_text(units) for units in (0, 1, -1, 10**9, -250_000_000, 4_780_250_000_000)] == [
        "0",
        "0.000000001",
        "-0.000000001",
        "1",
        "-0.25",
        "4780.25",
    ]
    assert price_text(10**9, 2) == "1.00"
    assert decimal_text(5, 0, 2) == "5.00"


@given(WITHIN, st.integers(0, 18), st.integers(0, 20))
def test_text_has_at_least_the_places_asked_for_and_no_exponent(units: int, decimals: int, places: int) -> None:
    text = decimal_text(units, decimals, places)
    assert Decimal(text) == Decimal(units).scaleb(-decimals)
    assert "E" not in text
    whole, _, part = text.partition(".")
    assert len(part) >= places
    assert len(part) == places or not part.endswith("0")
    assert whole.lstrip("-") == "0" or not whole.lstrip("-").startswith("0")
