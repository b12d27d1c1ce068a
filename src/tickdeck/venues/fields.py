"""Values of venues' messages: decimal text to exact units, times to ns, textual ids to numbers.

Everything here raises ValueError for what is no such value, so that a parser counts the frame as malformed.
"""

from __future__ import annotations

import re
from calendar import timegm
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from tickdeck.core import fixed

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(?:Z|[+-]00:?00)?", re.ASCII)
_LARGEST = 2**63 - 1
_POWERS = tuple(10**i for i in range(19))


def units(value: Any, decimals: int) -> int:
    """Decimal text (or an integer) as an integer of units of 10^-`decimals`, exactly.

    Raises
    ------
    PrecisionError
        The number is sound but does not fit exactly.
    ValueError
        It is no number.

    Examples
    --------
    >>> units("0.00100000", 8)
    100000
    """
    if type(value) is int:
        value = str(value)
    elif type(value) is not str:
        raise ValueError(f"{value!r} is not a decimal number")
    whole, dot, part = value.partition(".")
    count = len(part)
    if value.isascii() and whole.isdigit() and (part.isdigit() or not dot) and count <= decimals and len(value) < 20:
        found: int = int(whole + part) * _POWERS[decimals - count]
        if found < _LARGEST:
            return found
    if not _NUMBER.fullmatch(value) or len(value) > 100:
        raise ValueError(f"{value[:40]!r} is not a decimal number")
    return fixed(value, decimals, "amount")


def unbounded_price(value: Any) -> int | None:
    """A price in units of 1e-9 that may pass 63 bits; None when it has more than 9 decimals."""
    scaled = Decimal(value).scaleb(9)
    return int(scaled) if scaled == scaled.to_integral_value() else None


def places(value: Any) -> int:
    """Decimals with which a number is printed; trailing zeros count.

    Examples
    --------
    >>> places("0.00100000"), places("45285.2"), places(7)
    (8, 1, 0)
    """
    return len(value.partition(".")[2]) if type(value) is str and value.isascii() and "e" not in value.lower() else 0


def step_places(step: str | int) -> int:
    """Decimals that a step such as "0.0010" needs: 3.

    Examples
    --------
    >>> step_places("0.0010"), step_places("1")
    (3, 0)
    """
    if not _NUMBER.fullmatch(str(step)) or len(str(step)) > 100:
        raise ValueError(f"step {str(step)[:40]!r} is not a decimal number")
    exponent = Decimal(step).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def exact_tick(step: str) -> str | None:
    """A tick as it is, or None when it is 0, unknown or finer than prices are kept."""
    return step if step and step_places(step) <= 9 and units(step, 9) > 0 else None


def integer(value: Any, bits: int = 63) -> int:
    """A non-negative integer, printed as a number or as text, below 2^`bits`."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < 25:
        value = int(value)
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise ValueError(f"{str(value)[:40]!r} is not an integer of at most {bits} bits")
    return value


def symbol(value: Any) -> str:
    """The name of an instrument."""
    if type(value) is not str or not 0 < len(value) <= 64:
        raise ValueError(f"{str(value)[:40]!r} is not a symbol")
    return value


def millis(value: Any) -> int:
    """ms since the epoch as ns."""
    return _ns(integer(value) * 1_000_000)


def micros(value: Any) -> int:
    """us since the epoch as ns."""
    return _ns(integer(value) * 1_000)


def seconds(value: Any) -> int:
    """Decimal seconds since the epoch as ns; digits beyond the ninth decimal are cut off."""
    if type(value) is str:
        whole, dot, part = value.partition(".")
        value = whole + dot + part[:9]
    return _ns(units(value, 9))


def rfc3339(value: Any) -> int:
    """A UTC time such as 2023-10-06T17:35:55.440295Z as ns since the epoch; digits beyond the ninth decimal are cut off.

    Examples
    --------
    >>> rfc3339("2023-10-06T17:35:55.440295Z")
    1696613755440295000
    """
    found = _TIME.fullmatch(value) if type(value) is str else None
    if found is None:
        raise ValueError(f"{str(value)[:40]!r} is not a UTC time")
    return _ns(_whole_seconds(found[1]) * 1_000_000_000 + int((found[2] or "").ljust(9, "0")))


@lru_cache(maxsize=256)
def _whole_seconds(text: str) -> int:
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        raise ValueError(f"{text!r} is not a UTC time")
    return timegm((year, month, day, hour, minute, second))


def _ns(value: int) -> int:
    if not 0 <= value < _LARGEST:
        raise ValueError(f"time {value} ns is outside 63 bits")
    return value


def key64(text: Any) -> int:
    """A stable 64-bit number for a textual id.

    A UUID gives its high 64 bits, a decimal number below 2^64 itself, anything else the first 8 bytes of its BLAKE2b digest.

    Examples
    --------
    >>> hex(key64("d50ec984-77a8-460a-b958-66f114b0de9b"))
    '0xd50ec98477a8460a'
    """
    if type(text) is int:
        return integer(text, 64)
    name = symbol(text)
    if name.isascii() and name.isdigit() and len(name) < 20:
        return integer(name, 64)
    if len(name) == 36 and name[8] == name[13] == name[18] == name[23] == "-":
        digits = name.replace("-", "")
        if len(digits) == 32 and digits.isalnum() and digits.isascii():
            try:
                return int(digits[:16], 16)
            except ValueError:
                pass
    return int.from_bytes(blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "big")
