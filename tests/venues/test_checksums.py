"""Documented examples of the venues' checksums."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest

from tickdeck.core import LEVEL, Instrument, Records, fixed
from tickdeck.venues.checksums import kraken_checksum, okx_checksum

KRAKEN_V1_ASKS = [(f"0.0{5005 + 5 * i}", "0.00000500") for i in range(10)]
KRAKEN_V1_BIDS = [(f"0.0{price}", "0.00000500") for price in (5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950)]
KRAKEN_V2_BIDS = [
    ("45283.5", "0.10000000"),
    ("45283.4", "1.54582015"),
    ("45282.1", "0.10000000"),
    ("45281.0", "0.10000000"),
    ("45280.3", "1.54592586"),
    ("45279.0", "0.07990000"),
    ("45277.6", "0.03310103"),
    ("45277.5", "0.30000000"),
    ("45277.3", "1.54602737"),
    ("45276.6", "0.15445238"),
]
KRAKEN_V2_ASKS = [
    ("45285.2", "0.00100000"),
    ("45286.4", "1.54571953"),
    ("45286.6", "1.54571109"),
    ("45289.6", "1.54560911"),
    ("45290.2", "0.15890660"),
    ("45291.8", "1.54553491"),
    ("45294.7", "0.04454749"),
    ("45296.1", "0.35380000"),
    ("45297.5", "0.09945542"),
    ("45299.5", "0.18772827"),
]


def levels(pairs: list[tuple[str, str]], size_decimals: int = 8) -> Records:
    return np.array([(fixed(price, 9), fixed(size, size_decimals), 0, 0) for price, size in pairs], LEVEL)


def test_kraken_v1_documented_book() -> None:
    assert kraken_checksum(levels(KRAKEN_V1_BIDS), levels(KRAKEN_V1_ASKS), 5, 8) == 974947235


def test_kraken_v2_documented_book() -> None:
    assert kraken_checksum(levels(KRAKEN_V2_BIDS), levels(KRAKEN_V2_ASKS), 1, 8) == 3310070434


def test_kraken_takes_only_ten_levels() -> None:
    bids, asks = levels([*KRAKEN_V2_BIDS, ("1", "1")]), levels([*KRAKEN_V2_ASKS, ("99999", "1")])
    assert kraken_checksum(bids, asks, 1, 8) == 3310070434


def test_kraken_sizes_in_finer_units_than_printed() -> None:
    bids, asks = levels(KRAKEN_V2_BIDS, 12), levels(KRAKEN_V2_ASKS, 12)
    assert kraken_checksum(bids, asks, 1, 8, unit_decimals=12) == 3310070434


def test_kraken_prints_more_decimals_than_prices_have() -> None:
    bids = levels([("0.5", "1")])
    assert kraken_checksum(bids, bids[:0], 12, 8) == kraken_checksum(levels([("500", "1")]), bids[:0], 9, 8)


@pytest.mark.parametrize("which", ["bid size", "ask price"])
def test_kraken_changes_with_any_level(which: str) -> None:
    bids, asks = levels(KRAKEN_V2_BIDS), levels(KRAKEN_V2_ASKS)
    if which == "bid size":
        bids["size"][9] += 1
    else:
        asks["price"][4] += 100_000_000
    assert kraken_checksum(bids, asks, 1, 8) != 3310070434


def test_okx_documented_books_of_even_and_uneven_sides() -> None:
    contract = Instrument("BTC-USD-170310", "0.1", 0)
    bids, asks = levels([("3366.1", "7"), ("3366", "6")], 0), levels([("3366.8", "9"), ("3368", "8"), ("3372", "8")], 0)
    assert okx_checksum(bids, asks[:2], contract) == -1881014294
    assert okx_checksum(bids[:1], asks, contract) == 831078360


def test_okx_pads_where_the_instrument_says_so() -> None:
    plain, padded = Instrument("X", "0.1", 2), Instrument("X", "0.1", 2, extra={"price_places": 1, "size_places": 2})
    bids = levels([("3366", "7")], 2)
    assert okx_checksum(bids, bids[:0], plain) == signed(crc32(b"3366:7"))
    assert okx_checksum(bids, bids[:0], padded) == signed(crc32(b"3366.0:7.00"))


def signed(value: int) -> int:
    return int(np.array([value], np.uint32).view(np.int32)[0])
