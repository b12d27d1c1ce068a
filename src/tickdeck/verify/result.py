"""What a comparison of a rebuilt book with a truth found, as values, text and JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np

from tickdeck.core import LEVEL, UNDEF_PRICE, Records, decimal_text, ns_text, price_text


@dataclass(frozen=True, slots=True)
class Window:
    """The best levels of a book.

    Parameters
    ----------
    bids, asks : array of LEVEL
        Best first.
    """

    bids: Records
    asks: Records


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place where book and truth differ.

    Parameters
    ----------
    place : str
        Which row, diff or checksum.
    reason : str
        What is wrong, in a sentence.
    time : int
        ns since the epoch, UTC; 0 unknown.
    symbol : str
    expected, got : Window or str, optional
        What the truth says and what the book has.
    book : Window, optional
        The book, where `got` is a number made from it.
    size_decimals : int
    counts : bool
        The truth tells the number of orders of a level.
    """

    place: str
    reason: str
    time: int = 0
    symbol: str = ""
    expected: Window | str | None = None
    got: Window | str | None = None
    book: Window | None = None
    size_decimals: int = 0
    counts: bool = False

    def lines(self) -> list[str]:
        """For people: what differs, level by level from the deepest ask down to the deepest bid."""
        at = f" at {ns_text(self.time)}" if self.time else ""
        out = [f"{self.symbol + ', ' if self.symbol else ''}{self.place}{at}: {self.reason}"]
        values = (("expected", self.expected), ("got", self.got))
        out += [f"  {name:<10}{value}" for name, value in values if isinstance(value, str)]
        columns = [(name, value) for name, value in (*values, ("book", self.book)) if isinstance(value, Window)]
        return out + self._table(columns) if columns else out

    def _table(self, columns: list[tuple[str, Window]]) -> list[str]:
        """Books beside each other, levels that differ marked."""
        windows = [window for _, window in columns]
        prices = [price_text(int(price)) for window in windows for side in (window.bids, window.asks) for price in side["price"]]
        places = max((len(text.partition(".")[2]) for text in prices), default=0)
        rows = [("", [name for name, _ in columns])]
        for side in ("ask", "bid"):
            levels = zip_longest(*(getattr(window, f"{side}s") for window in windows))
            named = [(f"{side} {place}", [self._text(level, places) for level in row]) for place, row in enumerate(levels, 1)]
            rows += reversed(named) if side == "ask" else named
        widths = [max(len(cells[place]) for _, cells in rows) for place in range(len(columns))]
        return [
            f"  {name:<8}"
            + "   ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths))
            + ("   <- differs" if name and len(set(cells)) > 1 else "")
            for name, cells in rows
        ]

    def _text(self, level: np.void | None, places: int) -> str:
        if level is None:
            return "-"
        orders = f" ({int(level['count'])})" if self.counts else ""
        return f"{decimal_text(int(level['size']), self.size_decimals)} @ {price_text(int(level['price']), places)}{orders}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        out: dict[str, Any] = {"place": self.place, "reason": self.reason}
        if self.symbol:
            out["symbol"] = self.symbol
        if self.time:
            out["time"] = ns_text(self.time)
        for name, value in (("expected", self.expected), ("got", self.got), ("book", self.book)):
            if isinstance(value, Window):
                sides = (("bids", value.bids), ("asks", value.asks))
                out[name] = {side: [_level(row, self.size_decimals, self.counts) for row in rows] for side, rows in sides}
            elif value is not None:
                out[name] = value
        return out


def _level(row: np.void, size_decimals: int, counts: bool) -> dict[str, str | int]:
    level: dict[str, str | int] = {
        "price": price_text(int(row["price"])),
        "size": decimal_text(int(row["size"]), size_decimals),
    }
    if counts:
        level["count"] = int(row["count"])
    return level


@dataclass(slots=True)
class Comparison:
    """A book rebuilt from a source against one truth.

    Parameters
    ----------
    kind : str
        What the truth is, in a word or two.
    source, truth : str
    unit : str
        What is compared: "rows of 5 levels", "checksums".
    compared : int
        How many were compared.
    exact : int
        How many of them the book equals in everything.
    wrong : int
        How many it does not, and what else does not hold.
    apart : list of (str, str)
        What is neither, as (name, text): above all what the truth itself supplied.
    facts : dict
        Further counts, for JSON.
    notes : list of str
        What else the reader of the result should know.
    mismatches : list of Mismatch
        The first ones.
    """

    kind: str
    source: str
    truth: str
    unit: str
    compared: int = 0
    exact: int = 0
    wrong: int = 0
    apart: list[tuple[str, str]] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether something was compared and nothing was wrong."""
        return self.compared > 0 and self.wrong == 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "kind": self.kind,
            "source": self.source,
            "truth": self.truth,
            "unit": self.unit,
            "compared": self.compared,
            "exact": self.exact,
            "wrong": self.wrong,
            "holds": self.holds,
            **self.facts,
            "notes": self.notes,
            "mismatches": [item.to_dict() for item in self.mismatches],
        }


def percent(part: int, whole: int) -> str:
    """A share that is 100.00% only where nothing is missing."""
    if not whole:
        return "none"
    share = 100 * part / whole
    return f"{min(share, 99.99) if part < whole else share:.2f}%"


def counted(count: int, noun: str) -> str:
    """ "1 row", "1,000 rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def levels_of(prices: Any, sizes: Any, counts: Any = None) -> Records:
    """``LEVEL`` records of the levels that are not empty."""
    prices, sizes = np.asarray(prices, np.int64), np.asarray(sizes, np.int64)
    held = (prices != UNDEF_PRICE) & (sizes > 0)
    out = np.zeros(int(held.sum()), LEVEL)
    out["price"], out["size"] = prices[held], sizes[held]
    if counts is not None:
        out["count"] = np.asarray(counts)[held]
    return out
