"""Run as a program: replay one tape and save every array of the books' memory. ``state_arrays.py out.npz``"""

from __future__ import annotations

import sys

import numpy as np
from book_streams import TICK, as_dbn, churn, colliding_ids, rows

from tickdeck.book import Market
from tickdeck.core import BBO, Instrument
from tickdeck.core.kernel import INTERPRETED

COUNT = 4_000


def main(out: str) -> None:
    """Three books, one with a declared tick, fed by both loops, through growth, refined grids, clears and colliding ids."""
    market = Market([Instrument("D", tick_size="0.01", instrument_id=1)], orders=1)
    tape = churn(COUNT, seed=7)
    bbo = np.zeros(len(tape), BBO)
    half = len(tape) // 2
    market.apply(tape[:half], bbo[:half])
    market.apply(rows(*(("A", "B", order_id, TICK, 1, 128) for order_id in colliding_ids(market.book(1), 400))))
    market.apply(as_dbn(tape[half:]), bbo[half:])
    assert market._memory._attempt > 0
    books = {f"book{i}": book.to_events() for i, book in enumerate(market.books)}
    checksums = np.array([book.checksum() for book in market.books], np.uint64)
    np.savez(out, interpreted=INTERPRETED, bbo=bbo, checksums=checksums, **books, **market._memory.arrays)


if __name__ == "__main__":
    main(sys.argv[1])
