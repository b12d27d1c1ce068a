"""LOBSTER or ITCH messages as a Polars table: what was traded against displayed and against hidden orders.

python messages_to_polars.py AMZN_2012-06-21_34200000_57600000_message_5.csv
python messages_to_polars.py 12302019.NASDAQ_ITCH50.gz AAPL MSFT
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import polars as pl

import tickdeck as td
from tickdeck.tape import to_polars

ROWS = """\
34200.017459617,1,11885113,21,2238100,1
34200.189607670,1,3911376,20,2239600,-1
34200.204104212,1,11534792,100,2237500,1
34201.500000000,4,11885113,10,2238100,1
34201.750000000,5,0,35,2238800,1
34202.000000000,2,11534792,40,2237500,1
34203.000000000,3,3911376,20,2239600,-1
"""
NAME = "ACME_2012-06-21_34200000_57600000_message_5.csv"


def trades(path: Path, symbols: list[str] | None) -> pl.DataFrame:
    """One row a trade, chunk by chunk so that a whole day of all symbols fits; with the order that rested, if it was displayed."""
    parts = []
    with td.read(path, symbols=symbols) as reader:
        for events in reader:
            frame = to_polars(events, reader.instruments)
            # T, F and C of one execution stand in one chunk: the next record tells whether a displayed order was hit, and which.
            hit = pl.col("action").shift(-1).eq("F").fill_null(False)
            frame = frame.with_columns(displayed=hit, resting_order=pl.when(hit).then(pl.col("order_id").shift(-1)))
            parts.append(frame.filter(pl.col("action") == "T"))
    return pl.concat(parts)


def main() -> None:
    """Print the trades, and what share was hidden."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / NAME
        if len(sys.argv) == 1:
            path.write_text(ROWS)
        found = trades(path, sys.argv[2:] or None)
    print(found.select("ts_event", "symbol", "side", "price", "size", "displayed", "resting_order"))
    print(found.group_by("symbol", "displayed").agg(pl.len().alias("trades"), pl.col("size").sum()).sort("symbol", "displayed"))


if __name__ == "__main__":
    main()
