"""An L2 book from a CSV file with columns of its own names: quotes set levels, trades pass by, a bad row is counted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tickdeck as td

ROWS = """\
when;what;px;amount;taker
1709649000000;quote;62000.5;0.75000000;buy
1709649000000;quote;62000.0;1.20000000;buy
1709649000000;quote;62001.0;0.40000000;sell
1709649000000;quote;62002.5;2.00000000;sell
1709649000250;trade;62001.0;0.15000000;buy
1709649000250;quote;62001.0;0.25000000;sell
1709649000900;quote;sixty-two;0.1;sell
1709649001000;quote;62000.5;0;buy
"""

COLUMNS = {"timestamp": "when", "type": "what", "price": "px", "qty": "amount", "side": "taker"}


def main() -> None:
    """Read the rows, print the book after each time, and what was wrong with the file."""
    instrument = td.Instrument("BTC-USD", tick_size="0.5", size_decimals=8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quotes.csv"
        path.write_text(ROWS)
        book = td.OrderBook(instrument)
        # chunk=1 only to look at the book after every row; leave it out for speed.
        with td.read(path, columns=COLUMNS, instruments=[instrument], chunk=1) as reader:
            for (event,) in reader:
                book.apply(event.reshape(1))
                if event["action"] == td.Action.TRADE:
                    print("trade", td.price_text(event["price"]), "x", event["size"] / 10**8)
                print(book)
        for kind, row, text in reader.report.examples:
            print(f"{kind} in row {row}: {text}")


if __name__ == "__main__":
    main()
