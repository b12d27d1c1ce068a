"""A catalog: add tapes, see what is there, replay one hour of one symbol, query all of it lazily."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

import tickdeck as td


def main() -> None:
    """Two days of three instruments."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = td.Catalog(f"{folder}/market")  # or "s3://bucket/market": any path that fsspec opens
        for day in ("2024-03-05", "2024-03-06"):
            tape = Path(folder) / f"{day}.npy"
            td.write(tape, td.simulate(events=60_000, instruments=3, seed=int(day[-1]), date=day))
            print(f"{day}: {catalog.add(tape):,} events added")
        print(catalog.list())

        # Events of one symbol up to a time, in order: a book of that moment. Files of other symbols and days are not read.
        book = td.OrderBook("SIM0002")
        for events in catalog.read("SIM0002", start="2024-03-06", end="2024-03-06T16:00:00Z"):
            book.apply(events)
        print(book)

        # The same files as a lazy Polars frame: traded size an hour.
        print(
            catalog.scan(start="2024-03-06")
            .filter(pl.col("action") == td.Action.TRADE)
            .group_by("symbol", pl.col("ts_event").dt.truncate("1h").alias("hour"))
            .agg(pl.col("size").sum())
            .sort("symbol", "hour")
            .collect()
        )


if __name__ == "__main__":
    main()
