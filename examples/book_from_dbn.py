"""Rebuild the books of a recorded file, and look at one of them.

    python book_from_dbn.py day.mbo.dbn.zst

Without an argument a simulated day is written to a temporary DBN file first.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import tickdeck as td


def rebuild(path: str | Path) -> td.Market:
    """All books of a file."""
    with td.read(path) as reader:
        market = td.Market(reader.instruments.values())
        for events in reader:
            market.apply(events)
        for kind, count in reader.report.counts.items():
            print(f"the reader met {count:,} {kind}")
    return market


def show(book: td.OrderBook, levels: int = 5) -> None:
    """The best levels, asks above bids, and the queue at the best bid."""
    bids, asks = book.depth(levels)
    for level in asks[::-1]:
        print(f"{'':>24}  {td.price_text(level['price']):>12}  {level['size']:>8,} in {level['count']} orders")
    for level in bids:
        print(f"{level['size']:>8,} in {level['count']:>3} orders {td.price_text(level['price']):>13}")
    if book.best_bid is None:
        return
    print("queue at the best bid:")
    for order in book.orders_at("bid", book.best_bid.price)[:8]:
        place = book.queue_position(int(order["order_id"]))
        print(f"  order {order['order_id']}: {order['size']:,}, behind {place.orders} orders of {place.size:,}")


def main() -> None:
    """Rebuild and show."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "day.mbo.dbn.zst"
        if len(sys.argv) == 1:
            td.write(path, td.simulate(events=200_000, seed=7))
        rebuild(path)  # the first time compiles or loads the kernels
        begun = time.perf_counter()
        market = rebuild(path)
        print(f"{market} in {time.perf_counter() - begun:.2f} s")
        busiest = max(market.books, key=lambda book: book.order_count)
        print(busiest.instrument.symbol, {kind: count for kind, count in busiest.stats.items() if count} or "no anomalies")
        show(busiest)


if __name__ == "__main__":
    main()
