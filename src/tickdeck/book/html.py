"""A book as a small table for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tickdeck.core import decimal_text, price_text

if TYPE_CHECKING:
    from tickdeck.book.order_book import OrderBook

_LEVELS = 8


def ladder_html(book: OrderBook) -> str:
    """The best levels of both sides, asks above bids, with bars for the sizes."""
    bids, asks = book.depth(_LEVELS)
    widest = max([1, *map(int, bids["size"]), *map(int, asks["size"])])
    rows = []
    for levels, colour in ((asks[::-1], "#d62728"), (bids, "#2ca02c")):
        for level in levels:
            size = decimal_text(int(level["size"]), book.instrument.size_decimals)
            share = 100 * int(level["size"]) // widest
            rows.append(
                f'<tr><td style="text-align:right;color:{colour}">{price_text(int(level["price"]))}</td>'
                f'<td style="text-align:right">{size}</td><td style="text-align:right">{int(level["count"]) or ""}</td>'
                f'<td style="width:120px"><div style="background:{colour};opacity:.4;height:.8em;width:{share}%"></div></td></tr>'
            )
    return (
        f"<table><caption>{escape(book.instrument.symbol)}: {book.order_count:,} orders</caption>"
        f"<tr><th>price</th><th>size</th><th>orders</th><th></th></tr>{''.join(rows)}</table>"
    )
