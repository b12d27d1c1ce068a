"""Run as a program: 8,000 books of 200 orders; prints what they took."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from book_streams import TICK, columns

from tickdeck.book import Market

BOOKS, ORDERS, AT_ONCE = 8_000, 200, 500


def tape(first: int, count: int) -> np.ndarray:
    """`count` books' orders, interleaved, around a price of the book's own."""
    rng = np.random.default_rng(first)
    book = np.tile(np.arange(first, first + count), ORDERS)
    order = np.repeat(np.arange(ORDERS), count)
    away = 1 + np.abs(np.rint(rng.normal(0, 25, len(book)))).astype(np.int64)
    prices = TICK * (1_000 + 37 * book + np.where(order % 2, away, -away))
    events = columns("A", np.where(order % 2, "A", "B"), book * ORDERS + order, prices, 100)
    events["instrument_id"] = book
    return events


def main() -> None:
    market = Market()
    for first in range(0, BOOKS, AT_ONCE):
        market.apply(tape(first, AT_ONCE))
    # Not ru_maxrss: that of a child begins with what its parent held when it forked.
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])  # type: ignore[index]
    exact = all(
        [int(book.order_count), *book.best_bid] == [ORDERS, *best(book.instrument.instrument_id)] for book in market.books[::997]
    )
    print(
        json.dumps(
            {
                "books": len(market),
                "orders": market.order_count,
                "peak_mb": peak / 1024,
                "exact": exact,
                "mb": market.nbytes / 2**20,
            }
        )
    )


def best(number: int) -> tuple[int, int, int]:
    """Price, size and count of a book's best bid, from its tape."""
    events = tape(number // AT_ONCE * AT_ONCE, AT_ONCE)
    bids = events[(events["instrument_id"] == number) & (events["side"] == ord("B"))]
    at_best = bids[bids["price"] == bids["price"].max()]
    return int(at_best["price"][0]), int(at_best["size"].sum()), len(at_best)


if __name__ == "__main__":
    main()
