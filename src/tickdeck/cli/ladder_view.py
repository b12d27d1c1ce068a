"""A book, its trades and a market as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tickdeck.core import Instrument, Records, Side, decimal_text, ns_text, price_text

if TYPE_CHECKING:
    from tickdeck.book import OrderBook

BID_STYLE, ASK_STYLE = "green", "red"
_BLOCKS = " ▏▎▍▌▋▊▉█"
_BAR = 18
_WIDEST = 200


class Trade(NamedTuple):
    """One execution."""

    ts: int
    """ns since the epoch."""
    price: int
    size: int
    side: int
    """Side of the aggressor, as an ASCII code."""


class MarketRow(NamedTuple):
    """One instrument in an overview."""

    name: str
    book: OrderBook
    instrument: Instrument
    events: int
    last: Trade | None


def price_places(instrument: Instrument, tick_size: int | None) -> int:
    """Decimals with which prices of a tick line up."""
    if tick_size is None:
        return instrument.price_decimals or 0
    return len(price_text(tick_size).partition(".")[2])


def clock_text(ns: int) -> str:
    """Time of day in ms, UTC."""
    return ns_text(ns)[11:23]


def _size(size: int, instrument: Instrument) -> str:
    return f"{size:,}" if instrument.size_decimals == 0 else decimal_text(size, instrument.size_decimals)


def _brief(size: int, instrument: Instrument) -> str:
    """A size in six digits or so."""
    return f"{size:,}" if instrument.size_decimals == 0 else f"{size / 10**instrument.size_decimals:,.6g}"


def _bar(size: int, largest: int, width: int, leftward: bool) -> str:
    """`size` as a bar of eighths of a character; a bar to the left has no partial block, which would stick to the wrong edge."""
    eighths = max(1, round(8 * width * size / largest)) if largest else 0
    if leftward:
        return ("█" * max(1, round(eighths / 8)) if eighths else "").rjust(width)
    return "█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()


def ladder_table(
    bids: Records,
    asks: Records,
    instrument: Instrument,
    *,
    tick_size: int | None = None,
    rows: int | None = None,
    bar: int = _BAR,
) -> Table:
    """Both sides around the touch: asks above, bids below, bars for the sizes.

    Parameters
    ----------
    bids, asks : arrays of LEVEL
        Best first.
    instrument : Instrument
    tick_size : int, optional
        Units of 1e-9; decides the decimals of the prices.
    rows : int, optional
        Rows for each side, filled with blank ones so that the table keeps its height.
    bar : int
        Width of the longest bar, in characters.
    """
    places = price_places(instrument, tick_size)
    largest = max([0, *map(int, bids["size"]), *map(int, asks["size"])])
    with_orders = bool(bids["count"].any() or asks["count"].any())
    table = Table(box=None, pad_edge=False)
    if with_orders:
        table.add_column("orders", justify="right", style="dim", no_wrap=True)
    table.add_column("bid", justify="right", style=BID_STYLE, no_wrap=True, min_width=bar)
    table.add_column("size", justify="right", style=BID_STYLE, no_wrap=True)
    table.add_column("price", justify="right", style="bold", no_wrap=True)
    table.add_column("size", justify="right", style=ASK_STYLE, no_wrap=True)
    table.add_column("ask", style=ASK_STYLE, no_wrap=True, min_width=bar)
    if with_orders:
        table.add_column("orders", justify="right", style="dim", no_wrap=True)

    def row(bid: Sequence[str], price: str, ask: Sequence[str]) -> None:
        cells = [*bid, price, *ask[::-1]]
        table.add_row(*(cells if with_orders else cells[1:-1]))

    blank = ("", "", "")
    for _ in range(max(0, (rows or 0) - len(asks))):
        row(blank, "", blank)
    for level in asks[::-1]:
        size = int(level["size"])
        cells = (str(level["count"]), _bar(size, largest, bar, False), _size(size, instrument))
        row(blank, price_text(int(level["price"]), places), cells)
    for level in bids:
        size = int(level["size"])
        cells = (str(level["count"]), _bar(size, largest, bar, True), _size(size, instrument))
        row(cells, price_text(int(level["price"]), places), blank)
    for _ in range(max(0, (rows or 0) - len(bids))):
        row(blank, "", blank)
    if not (len(bids) or len(asks) or rows):
        row(blank, "empty", blank)
    return table


def book_table(book: OrderBook, depth: int, *, instrument: Instrument | None = None, rows: int | None = None) -> Table:
    """The ladder of a book; `instrument` where more is known about it than the book does."""
    bids, asks = book.depth(depth)
    return ladder_table(bids, asks, instrument or book.instrument, tick_size=book.tick_size, rows=rows)


def trades_table(trades: Iterable[Trade], instrument: Instrument, tick_size: int | None = None) -> Table:
    """Executions, latest first, in the colour of the aggressor."""
    places = price_places(instrument, tick_size)
    table = Table(box=None, pad_edge=False)
    table.add_column("time", style="dim", no_wrap=True)
    table.add_column("trade", justify="right", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    for trade in trades:
        style = {int(Side.BID): BID_STYLE, int(Side.ASK): ASK_STYLE}.get(trade.side, "")
        sign = {int(Side.BID): "▲", int(Side.ASK): "▼"}.get(trade.side, " ")
        table.add_row(
            clock_text(trade.ts), Text(f"{sign} {price_text(trade.price, places)}", style), _size(trade.size, instrument)
        )
    return table


def market_table(rows: Iterable[MarketRow]) -> Table:
    """One line an instrument: best bid and ask, last trade, orders, events."""
    table = Table(box=None, pad_edge=False)
    table.add_column("instrument", no_wrap=True)
    for name, style in (
        ("bid size", BID_STYLE), ("bid", BID_STYLE), ("ask", ASK_STYLE), ("ask size", ASK_STYLE),
        ("last", "bold"), ("orders", "dim"), ("levels", "dim"), ("events", "dim"),
    ):  # fmt: skip
        table.add_column(name, justify="right", style=style, no_wrap=True)
    for name, book, instrument, events, last in rows:
        places = price_places(instrument, book.tick_size)
        bid, ask = book.best_bid, book.best_ask
        table.add_row(
            f"{name}{' (stale)' if book.is_stale else ''}",
            _brief(bid.size, instrument) if bid else "",
            price_text(bid.price, places) if bid else "",
            price_text(ask.price, places) if ask else "",
            _brief(ask.size, instrument) if ask else "",
            price_text(last.price, places) if last else "",
            f"{book.order_count:,}" if book.depth_kind == "L3" else "",
            f"{sum(book.level_counts):,}",
            f"{events:,}",
        )
    return table


def print_table(table: Table) -> None:
    """Print as wide as the terminal is; where standard output is none, as wide as it needs to be."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    # By way of print: rich would end the process with an error when a reader such as head has seen enough.
    text = StringIO()
    Console(file=text, width=_WIDEST, highlight=False).print(table)
    print(text.getvalue(), end="")
