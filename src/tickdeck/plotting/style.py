"""What all pictures share: colours, texts, and where they are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tickdeck.core import Instrument, UsageError, ns_text, price_text
from tickdeck.core.outputs import atomic_output

BID, ASK = "#1a7f37", "#cf222e"
BUY, SELL, UNKNOWN = "#2da44e", "#fa4549", "#8c959f"
TRADE_NAMES = ("bought by aggressor", "sold by aggressor", "trade, aggressor unknown")
TRADE_COLOURS = (BUY, SELL, UNKNOWN)
SHADES = ("#dbe9f6", "#bad6eb", "#89bedc", "#539ecd", "#2b7bba", "#0b559f", "#08306b")
"""From little to much resting; the lightest still stands out from nothing."""
SIZE_INCHES = (11.0, 6.2)
DPI = 130

Draw = Callable[[Path], None]


def save(output: str | Path, png: Draw, html: Draw) -> Path:
    """Write a picture in the form that the name asks for; it appears when it is complete.

    Raises
    ------
    UsageError
        Another suffix than .png and .html, or a place that cannot be written.
    """
    path = Path(output)
    check_name(path)
    with atomic_output(path) as partial:
        (png if path.suffix.lower() == ".png" else html)(partial)
    return path


def check_name(output: str | Path) -> None:
    """Refuse a name that says no form.

    Raises
    ------
    UsageError
        Another suffix than .png and .html.
    """
    if Path(output).suffix.lower() not in (".png", ".html"):
        raise UsageError(f"{output}: a picture is written as .png or .html; end the name in one of them")


def day_text(start: int, end: int) -> str:
    """The day, or the first and the last of several."""
    first, last = ns_text(start)[:10], ns_text(end)[:10]
    return first if first == last else f"{first} to {last}"


def title_text(instrument: Instrument, publisher: str, when: str) -> str:
    """Symbol, venue and day."""
    return f"{instrument.symbol}   {when}   {publisher}"


def price_label(instrument: Instrument) -> str:
    """Label of a price axis."""
    return f"Price ({instrument.currency})" if instrument.currency else "Price"


def size_label(row: int) -> str:
    """Label of the colours: what the size of a cell is."""
    return f"Resting size per {price_text(row)} of price"
