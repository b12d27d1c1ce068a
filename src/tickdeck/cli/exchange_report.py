"""What `tickdeck exchange` prints at its end: fills, rejections, final books, statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from tickdeck.cli.exchange_record import Record, instruments_of, names_of
from tickdeck.cli.exchange_session import phase_word
from tickdeck.cli.execution_words import REASONS, size_text
from tickdeck.cli.ladder_view import ASK_STYLE, BID_STYLE, book_table, print_table
from tickdeck.core import Instrument, Reason, Records, price_text
from tickdeck.tape.executions import execution_frame

if TYPE_CHECKING:
    from tickdeck.exchange import Exchange

FILLS = 20
"""Fills that are printed."""
BOOKS = 5
"""Books that are printed."""
_PER_LINE = 6


def print_report(exchange: Exchange, record: Record, depth: int, executions: str | None) -> None:
    """Print what a run did and where it ended."""
    fills = record.fills
    if len(fills):
        print_table(fills_table(fills, instruments_of(exchange), names_of(exchange)))
        more = record.summary()["fills"] - len(fills)
        if more > 0:
            print(f"and {more:,} more fills" + (f" in {executions}" if executions else "; --executions FILE writes them all"))
        print()
    found = record.summary()
    words = [
        f"{found[name]:,} {name}" for name in ("accepted", "fills", "trades", "replaced", "cancelled", "expired", "triggered")
    ]
    done = ", ".join(word for word in words if not word.startswith("0 ")) or "none had an effect"
    print(f"{found['commands']:,} command{'s' if found['commands'] != 1 else ''}: {done}")
    for title, counts in (("rejected", found["rejected_by_reason"]), ("cancelled or expired", found["ended_by_reason"])):
        for name, count in counts.items():
            meaning = REASONS[Reason[name]] if name in Reason.__members__ else ""
            print(f"  {count:,} {title}, {name}: {meaning}")
    books = instruments_of(exchange)
    for instrument in books[:BOOKS]:
        print()
        print_book(exchange, instrument, depth)
        for line in statistics_lines(exchange, instrument):
            print(line)
    if len(books) > BOOKS:
        print(f"\nand {len(books) - BOOKS:,} more books; --json has them all")


def print_book(exchange: Exchange, instrument: Instrument, depth: int) -> None:
    """One book as a ladder under its name and phase."""
    print(f"{instrument.symbol} {phase_word(exchange.phase(instrument))}")
    print_table(book_table(exchange.book(instrument), depth, instrument=instrument))


def fills_table(fills: Records, instruments: list[Instrument], participants: Mapping[int, str]) -> Table:
    """Fills, one row an order that was filled."""
    frame = execution_frame(fills, instruments, participants)
    table = Table(box=None, pad_edge=False)
    for name in ("time", "instrument", "participant", "order", "side", "fill", "price", "left", ""):
        table.add_column(name, justify="right" if name in ("order", "fill", "price", "left") else "left", no_wrap=True)
    for row in frame.iter_rows(named=True):
        style = BID_STYLE if row["side"] == "buy" else ASK_STYLE
        table.add_row(
            str(row["ts"])[11:23], row["instrument"], row["participant"], str(row["order_id"]), f"[{style}]{row['side']}[/]",
            row["size"], row["price"], row["remaining"], row["liquidity"],
        )  # fmt: skip
    return table


def statistics_lines(exchange: Exchange, instrument: Instrument) -> list[str]:
    """The statistics of an instrument in words."""
    found = {name: value for name, value in statistics(exchange, instrument).items() if value is not None and value != []}
    del found["phase"]
    spreads = found.pop("recent_spreads", [])
    words = [
        f"{name.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{name.replace('_', ' ')} {value}"
        for name, value in found.items()
    ]
    lines = ["  ".join(part) for part in (words[:_PER_LINE], words[_PER_LINE:])]
    return [*lines, f"recent spreads {' '.join(spreads[-_PER_LINE:])}"] if spreads else lines


def statistics(exchange: Exchange, instrument: Instrument) -> dict[str, Any]:
    """The statistics of an instrument as plain values; prices as decimal text."""
    found = exchange.statistics(instrument)
    prices = {name: getattr(found, name) for name in ("best_bid", "best_ask", "spread", "last_price", "reference_price")}
    counts = {name: getattr(found, name) for name in ("trades", "orders", "cancels", "replaces", "rejections")}
    ratio = found.order_to_trade_ratio
    return {
        "phase": found.phase.name,
        **{name: None if value is None else price_text(value) for name, value in prices.items()},
        "mid": None if found.mid is None else found.mid / 1e9,
        "volume": size_text(found.volume, instrument),
        **counts,
        "order_to_trade_ratio": None if ratio is None else round(ratio, 2),
        "recent_spreads": [price_text(units) for units in found.recent_spreads],
    }


def report(exchange: Exchange, record: Record, depth: int) -> dict[str, Any]:
    """The same as plain values."""
    books = {}
    for instrument in instruments_of(exchange):
        bids, asks = exchange.book(instrument).depth(depth)
        books[instrument.symbol] = {
            **instrument.to_dict(),
            "bids": _levels(bids),
            "asks": _levels(asks),
            **statistics(exchange, instrument),
        }
    fills = execution_frame(record.fills, instruments_of(exchange), names_of(exchange))
    return {
        **record.summary(),
        "first_fills": fills.to_dicts(),
        "participants": names_of(exchange),
        "books": books,
        "state_hash": f"{exchange.state_hash():016x}",
    }


def _levels(levels: Records) -> list[dict[str, Any]]:
    return [{"price": price_text(int(row["price"])), "size": int(row["size"]), "orders": int(row["count"])} for row in levels]
