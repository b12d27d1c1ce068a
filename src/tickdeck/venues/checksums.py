"""CRC32 checksums that venues state of their books, computed from depth arrays.

Kraken: https://docs.kraken.com/api/docs/guides/spot-ws-book-v2 (top 10 levels, asks then bids, digits only).
OKX: https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel (25 levels, bid and ask in turn).
"""

from __future__ import annotations

from itertools import zip_longest
from zlib import crc32

from tickdeck.core import Instrument, Records, decimal_text

KRAKEN_LEVELS = 10
OKX_LEVELS = 25


def kraken_checksum(
    bids: Records, asks: Records, price_decimals: int, size_decimals: int, unit_decimals: int | None = None
) -> int:
    """Kraken's checksum of a book.

    Parameters
    ----------
    bids, asks : array of LEVEL
        Best first; at most the first 10 levels count.
    price_decimals, size_decimals : int
        Decimals with which Kraken prints prices and sizes.
    unit_decimals : int, optional
        Sizes are in units of 10^-unit_decimals; None: of 10^-size_decimals.

    Returns
    -------
    int
        Unsigned 32 bits.
    """
    unit_decimals = size_decimals if unit_decimals is None else unit_decimals
    digits = "".join(
        _rescaled(price, 9, price_decimals) + _rescaled(size, unit_decimals, size_decimals)
        for side in (asks, bids)
        for price, size in _pairs(side, KRAKEN_LEVELS)
    )
    return crc32(digits.encode())


def okx_checksum(bids: Records, asks: Records, instrument: Instrument) -> int:
    """OKX's checksum of a book.

    Parameters
    ----------
    bids, asks : array of LEVEL
        Best first; at most the first 25 levels count.
    instrument : Instrument
        For its size decimals. OKX prints no trailing zeros; were it to pad, ``extra["price_places"]`` and
        ``extra["size_places"]`` say to how many decimals.

    Returns
    -------
    int
        Signed 32 bits.
    """
    price_places = instrument.extra.get("price_places")
    size_places = instrument.extra.get("size_places")
    sides = [
        [
            f"{decimal_text(price, 9, price_places)}:{decimal_text(size, instrument.size_decimals, size_places)}"
            for price, size in _pairs(side, OKX_LEVELS)
        ]
        for side in (bids, asks)
    ]
    text = ":".join(level for pair in zip_longest(*sides) for level in pair if level is not None)
    found = crc32(text.encode())
    return found - 2**32 if found >= 2**31 else found


def _pairs(levels: Records, count: int) -> list[tuple[int, int]]:
    return list(zip(levels["price"][:count].tolist(), levels["size"][:count].tolist()))


def _rescaled(value: int, decimals: int, printed: int) -> str:
    """Digits of a number printed with `printed` decimals, without its dot and leading zeros."""
    return str(value * 10 ** (printed - decimals) if printed >= decimals else value // 10 ** (decimals - printed))
