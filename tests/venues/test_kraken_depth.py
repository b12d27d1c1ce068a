"""A simulated venue with a deep book sends what Kraken sends of its best levels; the events must give exactly those levels."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st
from venue_frames import PlainBook, ws

from tickdeck.venues.kraken import KrakenParser

DEPTH, TIME = 10, "1582905487.439814"


class Venue:
    """Whole sides as price to size; what a subscriber of the best ten levels has seen of them."""

    def __init__(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        self.sides = {"b": bids, "a": asks}
        self.seen = {key: self.best(key) for key in "ba"}

    def best(self, key: str) -> dict[int, int]:
        side = self.sides[key]
        return {price: side[price] for price in sorted(side, reverse=key == "b")[:DEPTH]}

    def snapshot(self) -> list[Any]:
        return [0, {f"{key}s": [line(*level) for level in self.seen[key].items()] for key in "ab"}, "book-10", "XBT/USD"]

    def change(self, key: str, price: int, size: int) -> list[Any] | None:
        """Set a level; the message to the subscriber, None when it sees nothing of it."""
        self.sides[key].pop(price, None)
        if size:
            self.sides[key][price] = size
        now, before = self.best(key), self.seen[key]
        gone = [line(level, 0) for level in before if level not in self.sides[key]]
        new = [line(*level) + (["r"] if level[0] != price else []) for level in now.items() if before.get(level[0]) != level[1]]
        self.seen[key] = now
        return [0, {key: gone + new, "c": str(self.checksum())}, "book-10", "XBT/USD"] if gone or new else None

    def checksum(self) -> int:
        """From the printed text."""
        digits = [
            text.replace(".", "").lstrip("0")
            for key in "ab"
            for price, size in self.seen[key].items()
            for text in line(price, size)[:2]
        ]
        return crc32("".join(digits).encode())


def line(price: int, size: int) -> list[str]:
    return [f"{price / 100:.2f}", f"{size / 1000:.8f}", TIME]


SIDE = st.dictionaries(st.integers(1, 40), st.integers(1, 99), max_size=20)
CHANGES = st.lists(st.tuples(st.sampled_from("ba"), st.integers(1, 40), st.integers(0, 3)), max_size=60)


@given(SIDE, SIDE, CHANGES)
@settings(max_examples=150, deadline=None)
def test_the_book_from_the_events_is_the_venues_best_levels(bids: Any, asks: Any, changes: list[Any]) -> None:
    venue = Venue(bids, {price + 40: size for price, size in asks.items()})
    parser, plain = KrakenParser(), PlainBook()
    plain.apply(parser.parse(ws(venue.snapshot())))
    for key, price, size in changes:
        message = venue.change(key, price + 40 * (key == "a"), size)
        if message is not None:
            plain.apply(parser.parse(ws(message)))
        for side, name in (("B", "b"), ("A", "a")):
            expected = {level * 10**7: units * 10**5 for level, units in venue.seen[name].items()}
            assert plain.levels[side] == expected
    assert parser.report.checksums_wrong == 0
    assert not parser.report.anomalies
