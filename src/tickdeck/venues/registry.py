"""Venue name -> parser."""

from __future__ import annotations

import importlib

from tickdeck.core import Instrument, UsageError
from tickdeck.venues.parser import VenueParser

_PARSERS: dict[str, tuple[str, str]] = {
    "BINANCE": ("tickdeck.venues.binance", "BinanceParser"),
    "BINANCE_FUTURES": ("tickdeck.venues.binance", "BinanceFuturesParser"),
    "COINBASE": ("tickdeck.venues.coinbase", "CoinbaseParser"),
    "KRAKEN": ("tickdeck.venues.kraken", "KrakenParser"),
    "OKX": ("tickdeck.venues.okx", "OkxParser"),
    "BYBIT": ("tickdeck.venues.bybit", "BybitParser"),
    "BITSTAMP": ("tickdeck.venues.bitstamp", "BitstampParser"),
}
"""Venue -> module and class; imported when asked for."""


def venue_names() -> tuple[str, ...]:
    """Names of all venues that have a parser."""
    return tuple(_PARSERS)


def venue_parser(venue: str, instruments: tuple[Instrument, ...] = ()) -> VenueParser:
    """A new parser of `venue`.

    Parameters
    ----------
    venue : str
        One of :func:`venue_names`, in any case.
    instruments : tuple of Instrument
        What is known about the symbols.

    Raises
    ------
    UsageError
        No parser of that name.

    Examples
    --------
    >>> venue_parser("BINANCE").venue
    'BINANCE'
    """
    found = _PARSERS.get(venue.upper())
    if found is None:
        raise UsageError(f"no parser for the venue {venue!r}; there are {', '.join(_PARSERS)}")
    module, name = found
    parser: VenueParser = getattr(importlib.import_module(module), name)(instruments)
    return parser
