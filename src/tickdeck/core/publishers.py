"""Publisher ids: dataset and venue of an event.

Ids below 60,000 are Databento's. Top-of-book streams of a venue (bookTicker and the like) have a publisher of their own, the
depth publisher's id plus one: books are keyed by publisher and instrument, so a ticker never touches the depth book.
"""

from __future__ import annotations

PUBLISHERS: dict[str, int] = {
    "GLBX.MDP3": 1,
    "XNAS.ITCH": 2,
    "XBOS.ITCH": 3,
    "XPSX.ITCH": 4,
    "EVENTS": 60_000,
    "EVENTS.TOP": 60_001,
    "SIMULATION": 60_002,
    "EXCHANGE": 60_004,
    "BINANCE": 60_010,
    "BINANCE.TOP": 60_011,
    "BINANCE_FUTURES": 60_012,
    "BINANCE_FUTURES.TOP": 60_013,
    "COINBASE": 60_014,
    "COINBASE.TOP": 60_015,
    "KRAKEN": 60_016,
    "KRAKEN.TOP": 60_017,
    "OKX": 60_018,
    "OKX.TOP": 60_019,
    "BYBIT": 60_020,
    "BYBIT.TOP": 60_021,
    "BITSTAMP": 60_022,
    "BITSTAMP.TOP": 60_023,
    "TARDIS": 60_030,
    "HFTBACKTEST": 60_032,
    "HFTBACKTEST.TOP": 60_033,
    "LOBSTER": 60_034,
}

PUBLISHER_NAMES: dict[int, str] = {number: name for name, number in PUBLISHERS.items()}


def publisher_name(publisher_id: int) -> str:
    """Name of a publisher, or its number as text."""
    return PUBLISHER_NAMES.get(publisher_id, str(publisher_id))
