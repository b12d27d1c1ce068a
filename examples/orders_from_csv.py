"""An order file through the matching engine: fills, rejections, the final book; a bad row is counted."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tickdeck.exchange import Exchange
from tickdeck.tape.executions import execution_frame
from tickdeck.tape.orders import read_orders

ROWS = """\
ts,participant,side,size,price,type,tif,flags
2024-03-05T09:30:00Z,alice,sell,300,10.02,,,
2024-03-05T09:30:01Z,alice,sell,200,10.03,,,hidden
2024-03-05T09:30:02Z,bob,buy,400,10.03,,ioc,
2024-03-05T09:30:03Z,bob,buy,100,9.98,,,post-only
2024-03-05T09:30:04Z,carol,buy,ten,10.00,,,
2024-03-05T09:30:05Z,carol,sell,50,,market,,
2024-03-05T09:30:06Z,carol,sell,50,9.97,,,post-only
"""


def main() -> None:
    """Run the rows, print what their owners heard and what rests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "acme.csv"
        path.write_text(ROWS)
        orders = read_orders(path)
    for kind, row, text in orders.report.examples:
        print(f"{kind} in row {row}: {text}")
    exchange = Exchange(orders.instruments)
    for name in orders.participants:
        exchange.participant(name)
    exchange.take_executions()  # executions are kept from here on
    events = exchange.submit_batch(orders.commands)
    executions = execution_frame(
        exchange.take_executions(), orders.instruments, {each.id: each.name for each in exchange.participants}
    )
    for row in executions.iter_rows(named=True):
        print(
            row["participant"], row["kind"], row["side"], row["size"], row["price"] or "", row["reason"] or row["liquidity"] or ""
        )
    print(len(events), "events published;", exchange.book("ACME"))


if __name__ == "__main__":
    main()
