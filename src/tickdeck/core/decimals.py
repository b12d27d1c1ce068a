"""Fixed-point amounts: prices in units of 1e-9, sizes in units of 10^-size_decimals. What is not exact is refused."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tickdeck.core.errors import PrecisionError

PRICE_DECIMALS = 9

Amount = str | int | Decimal
"""A decimal amount as a string, a Decimal or an exact integer. Floats are refused: 0.1 is not a tenth."""


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
        raise PrecisionError(f"{what} {amount!r} is not a decimal number") from None
    if not value.is_finite():
        raise PrecisionError(f"{what} {amount!r} is not a finite number")
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    shift = exponent + decimals
    mantissa = int("".join(map(str, digits)) or "0")
    if mantissa == 0:
        return 0
    if shift > 19:
        raise PrecisionError(f"{what} {amount!r} does not fit in 63 bits at {decimals} decimals")
    if shift < 0:
        unit: int = 10 ** min(-shift, len(digits) + 1)
        mantissa, rest = divmod(mantissa, unit)
        if rest:
            raise PrecisionError(f"{what} {amount!r} has more than {decimals} decimals")
    else:
        mantissa *= int(10**shift)
    if mantissa >= 2**63 - 1:
        raise PrecisionError(f"{what} {amount!r} does not fit in 63 bits at {decimals} decimals")
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
