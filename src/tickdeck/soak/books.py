"""Books fed with streams in which everything collides, against books in plain Python."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from tickdeck.book import Market, OrderBook
from tickdeck.core import BBO, DBN_MBO, EVENT, Flag, Instrument, Records, Side, price_text
from tickdeck.soak.campaign import FindingError
from tickdeck.soak.oracle import OracleBook, OracleMarket

_LAST = int(Flag.LAST)
_ODD_PRICES = (1, -1, 2**63 - 1, 2**62, -(2**63), 2**63 - 2, 3 * 10**14)
_ODD_SIZES = (0, -1, -(2**63), 2**31, 2**62)
_ODD_IDS = (0, 2**63 + 1, 2**64 - 1)
_ODD_FLAGS = (int(Flag.MBP), int(Flag.TOB) | _LAST, int(Flag.SNAPSHOT), int(Flag.MAYBE_BAD_BOOK) | _LAST, 0)


class BookCampaign:
    """A market of one to four instruments: orders or levels, few prices or many, now and then something odd."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder

    def try_one(self, rng: random.Random) -> None:
        """One stream, cut into random chunks, as ``EVENT`` or as DBN records."""
        tick = rng.choice((10**7, 250_000_000, 1, 10**9, 3 * 10**6))
        events = random_stream(rng, tick)
        np.save(self._folder / "events.npy", events, allow_pickle=False)
        declared = rng.random() < 0.5
        known = [Instrument("D", tick_size=price_text(tick), instrument_id=1)] if declared else []
        oracle = OracleMarket({1: tick} if declared else {})
        market = Market(known, orders=rng.choice((1, 1, 100)))
        packed = _as_dbn(events) if _fits_dbn(events) and rng.random() < 0.5 else events
        expected = [oracle.apply(event).bbo() for event in events]
        found: list[Any] = []
        at = 0
        while at < len(events):
            end = min(len(events), at + rng.choice((1, 3, 50, 1_000)))
            bbo = np.zeros(end - at, BBO)
            market.apply(packed[at:end], bbo)
            found += bbo.tolist()
            at = end
        if found != expected:
            first = next(i for i, (a, b) in enumerate(zip(found, expected)) if a != b)
            raise FindingError(f"best prices after event {first} are {found[first]}, should be {expected[first]}")
        for (publisher, number), book in oracle.books.items():
            compare(market.book(number, publisher), book)


def compare(book: OrderBook, oracle: OracleBook) -> None:
    """Hold every level, queue and count of a book against the oracle's.

    Raises
    ------
    FindingError
        They differ.
    """
    for side, code in (("B", Side.BID), ("A", Side.ASK)):
        levels = book.levels(code)[["price", "size", "count"]].tolist()
        if levels != oracle.levels(side):
            raise FindingError(f"levels of side {side} are {levels[:3]}..., should be {oracle.levels(side)[:3]}...")
        orders = [(*row, side) for row in book.orders(code)[["order_id", "price", "size"]].tolist()]
        if orders != oracle.orders(side):
            raise FindingError(f"queues of side {side} differ")
    stats = {kind: count for kind, count in book.stats.items() if count}
    if stats != {kind: count for kind, count in oracle.stats.items() if count}:
        raise FindingError(f"anomalies are {stats}, should be {dict(oracle.stats)}")
    if (book.depth_kind, book.is_stale, book.order_count) != (oracle.kind, oracle.is_stale, len(oracle.home)):
        raise FindingError("kind, staleness or number of orders differ")


def random_stream(rng: random.Random, tick: int) -> Records:
    """A seeded stream of up to 3,000 ``EVENT`` records."""
    count = rng.choice((20, 200, 800, 3_000))
    ids, width, instruments = rng.choice((8, 60, 500)), rng.choice((3, 70, 5_000)), rng.choice((1, 1, 2, 4))
    by_level = rng.random() < 0.25
    oddness = rng.choice((0.0, 0.02, 0.3))
    centre = rng.choice((0, 0, 64, 10_000, -70_000))
    rows = []
    for _ in range(count):
        odd = rng.random() < oddness
        flags = rng.choice(_ODD_FLAGS) if odd else rng.choice((_LAST, _LAST, 0))
        price = (
            rng.choice((*_ODD_PRICES, tick + 1)) if odd and rng.random() < 0.4 else tick * (centre + rng.randrange(-width, width))
        )
        rows.append(
            (
                rng.choice("RXACM") if odd else rng.choice("AAAACCCMMMTFN"),
                rng.choice("BAN") if odd else rng.choice("BA"),
                rng.choice(_ODD_IDS) if odd and rng.random() < 0.3 else rng.randrange(ids),
                price,
                rng.choice(_ODD_SIZES) if odd and rng.random() < 0.3 else rng.choice((1, 2, 3, 5, 10, 100)),
                flags | (int(Flag.MBP) if by_level and not odd else 0),
                rng.randrange(1, instruments + 1),
            )
        )
        if by_level and rng.random() < 0.3:
            rows[-1] = (*rows[-1][:4], 0, *rows[-1][5:])
    events = np.zeros(count, EVENT)
    for name, column in zip(("action", "side", "order_id", "price", "size", "flags", "instrument_id"), zip(*rows)):
        events[name] = [ord(value) for value in column] if name in ("action", "side") else column
    events["sequence"] = np.arange(count)
    return events


def _fits_dbn(events: Records) -> bool:
    return bool(((events["size"] >= 0) & (events["size"] < 2**32)).all())


def _as_dbn(events: Records) -> Records:
    records = np.zeros(len(events), DBN_MBO)
    for name in DBN_MBO.names or ():
        if name != "length":
            records[name] = events[name]
    records["length"] = DBN_MBO.itemsize // 4
    return records
