"""Fixed-point amounts: prices in units of 1e-9, sizes in units of 10^-size_decimals. What is not exact is refused."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tickdeck.core.errors import PrecisionError

PRICE_DECIMALS = 9

Amount = str | int | Decimal
"""A decimal amount as a string, a Decimal or an exact integer. Floats are refused: 0.1 is not a tenth."""


def _shown(amount: Amount) -> str:
    """`amount` for a message, which is one line of a width to read."""
    # Python refuses to write very long integers, decimals it does not.
    text = str(Decimal(amount)) if isinstance(amount, int) else repr(amount)
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text)} characters)"


def fixed(amount: Amount, decimals: int, what: str = "amount") -> int:
    """`amount` as an integer of units of 10^-`decimals`.

    Raises
    ------
    PrecisionError
        Not a finite decimal, more decimals than fit, or beyond 63 bits.
    TypeError
        A float or another type.

    Examples
    --------
    >>> fixed("0.25", 9)
    250000000
    """
    if isinstance(amount, bool) or not isinstance(amount, (str, int, Decimal)):
        raise TypeError(
            f"{what} must be a string, a Decimal or an integer, not {type(amount).__name__}; write it as a string: '{amount}'"
        )
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise PrecisionError(f"{what} {_shown(amount)} is not a decimal number") from None
    if not value.is_finite():
        raise PrecisionError(f"{what} {_shown(amount)} is not a finite number")
    sign, figures, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, figures))
    significant = digits.rstrip("0")
    if not significant:
        return 0
    shift = exponent + len(digits) - len(significant) + decimals
    if shift < 0:
        raise PrecisionError(f"{what} {_shown(amount)} has more than {decimals} decimals")
    # 2^63 has 19 digits: what is longer does not fit, and is not worth the conversion.
    if len(significant) + shift > 19 or (mantissa := int(significant) * int(10**shift)) >= 2**63 - 1:
        raise PrecisionError(f"{what} {_shown(amount)} does not fit in 63 bits at {decimals} decimals")
    return -mantissa if sign else mantissa


def unfixed(units: int, decimals: int) -> Decimal:
    """The exact decimal of `units` of 10^-`decimals`."""
    return Decimal(int(units)).scaleb(-decimals)


def price(amount: Amount) -> int:
    """A price as an integer in units of 1e-9.

    Examples
    --------
    >>> price("4780.25")
    4780250000000
    """
    return fixed(amount, PRICE_DECIMALS, "price")


def decimal_text(units: int, decimals: int, places: int | None = None) -> str:
    """`units` of 10^-`decimals` as plain text: no exponent; trailing zeros only up to `places`."""
    text = f"{abs(int(units)):0{decimals + 1}d}"
    whole, part = (text[:-decimals], text[-decimals:]) if decimals else (text, "")
    part = part.rstrip("0")
    if places is not None:
        part = part.ljust(places, "0")
    return ("-" if units < 0 else "") + whole + ("." + part if part else "")


def price_text(units: int, places: int | None = None) -> str:
    """A price in units of 1e-9 as plain text.

    Examples
    --------
    >>> price_text(4780250000000)
    '4780.25'
    """
    return decimal_text(units, PRICE_DECIMALS, places)
