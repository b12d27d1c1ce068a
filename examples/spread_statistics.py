"""Statistics of the top of the book, after every event and weighted by time, with nothing but numpy.

python spread_statistics.py day.mbo.dbn.zst ESH4
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

import tickdeck as td
from tickdeck.core import BBO


def states(chunks: Iterable[np.ndarray], book: td.OrderBook) -> tuple[NDArray[np.int64], NDArray[np.void]]:
    """Times and best bid and ask of the states between groups, where both sides have a price and it is no snapshot."""
    times, tops = [], []
    for events in chunks:
        best = np.zeros(len(events), BBO)
        book.apply(events, bbo=best)
        keep = (events["flags"] & td.Flag.LAST != 0) & (events["flags"] & td.Flag.SNAPSHOT == 0)
        keep &= (best["bid_size"] > 0) & (best["ask_size"] > 0)
        times.append(events["ts_event"][keep])
        tops.append(best[keep])
    return np.concatenate(times), np.concatenate(tops)


def main() -> None:
    """Print what there is to know about the spread."""
    if len(sys.argv) > 1:
        reader = td.read(sys.argv[1], symbols=sys.argv[2:3] or None)
        chunks: Iterable[np.ndarray] = reader
        instrument = next(iter(reader.instruments.values()), td.Instrument("UNKNOWN"))
    else:
        session = td.simulate(events=200_000, seed=7)
        chunks, instrument = session, session.instruments[1]
    book = td.OrderBook(instrument)
    times, best = states(chunks, book)

    ticks = (best["ask_price"] - best["bid_price"]) // (book.tick_size or 1)
    lasted = np.diff(times, append=times[-1])
    print(f"{instrument.symbol}: {len(times):,} states over {(times[-1] - times[0]) / 1e9:,.0f} s")
    for spread in np.unique(ticks)[:6]:
        share = lasted[ticks == spread].sum() / max(lasted.sum(), 1)
        print(f"  spread of {spread} ticks: {np.mean(ticks == spread):6.1%} of states, {share:6.1%} of the time")

    total = best["bid_size"] + best["ask_size"]
    imbalance = (best["bid_size"] - best["ask_size"]) / total
    middle = (best["bid_price"] + best["ask_price"]) / 2
    later = np.minimum(np.searchsorted(times, times + 1_000_000_000), len(times) - 1)
    move = middle[later] - middle
    print("  mean move of the middle within a second, by imbalance of the best sizes:")
    for low, high in ((-1.0, -0.5), (-0.5, 0.0), (0.0, 0.5), (0.5, 1.0)):
        chosen = (imbalance >= low) & (imbalance < high)
        if chosen.any():
            print(f"    {low:+.1f} to {high:+.1f}: {move[chosen].mean() / 1e9:+.6f} ({chosen.sum():,} states)")


if __name__ == "__main__":
    main()
