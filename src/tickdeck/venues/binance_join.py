"""How diffs follow a snapshot and each other on Binance.

Spot: drop ``u <= L``, join at ``U <= L + 1 <= u``, then each ``U`` is the previous ``u + 1``. Futures: drop ``u < L``, join at
``U <= L <= u``, then each ``pu`` is the previous ``u``. ``L`` is the snapshot's ``lastUpdateId``, and ``U - 1`` is spot's ``pu``.

A book without a snapshot holds its diffs back. If none comes within `HELD_DIFFS` diffs, the book is built from the diffs alone
and is stale. A stale book goes on with every diff, and keeps the last ones for the snapshot that mends it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tickdeck.core import Instrument, Records
from tickdeck.venues.json_parser import SIZE_DECIMALS, Book, Change, JsonParser
from tickdeck.venues.kernels import binance as kernels
from tickdeck.venues.parser import Frame

HELD_DIFFS = 1_024
"""Diffs of a book that are kept for a snapshot."""


@dataclass(frozen=True, slots=True)
class Diff:
    """One depthUpdate, decoded."""

    first: int
    final: int
    previous: int
    """Final update id of the diff before it."""
    ts: int
    sent: int
    changes: list[Change]
    inexact: int
    """Levels that were left out."""


@dataclass(slots=True)
class Join:
    """Where a book stands between its snapshot and its diffs."""

    joined: bool = False
    """A diff was applied after the snapshot."""
    held: deque[Diff] = field(default_factory=lambda: deque(maxlen=HELD_DIFFS))
    slot: int = -1
    """Row in the kernel's table; -1: not in it."""


class JoiningParser(JsonParser):
    """Keeps depth books in step with their diffs, and the kernel's table in step with the books."""

    futures = False

    def __init__(self, instruments: tuple[Instrument, ...] = ()) -> None:
        super().__init__(instruments)
        self._joins: dict[int, Join] = {}
        self._table: Records = np.zeros(64, kernels.BOOK)

    def flush(self, ts_recv: int) -> Records:
        """Events of the diffs that waited for a snapshot in vain, as a book that is marked bad."""
        self._begin(Frame(b"", ts_recv))
        for number, join in self._joins.items():
            book = self._books.get(number)
            if book is not None and not book.synced:
                self._give_up(book, join)
        return self._rows.array()

    # the kernel's table

    def _appear(self, name: str) -> int:
        number = super()._appear(name)
        self._joins[number] = Join()
        if 2 * len(self._joins) > len(self._table):
            self._rebuild()
        else:
            self._enter(name, number)
        return number

    def _rebuild(self) -> None:
        old = self._table
        self._table = np.zeros(2 * len(old), kernels.BOOK)
        for name, number in self._ids.items():
            before = self._joins[number].slot
            self._enter(name, number)
            if before >= 0:
                self._table[self._joins[number].slot] = old[before]

    def _enter(self, name: str, number: int) -> None:
        key = name.encode(errors="surrogatepass")
        decimals = self.instruments[number].size_decimals
        if len(key) > kernels.LONGEST_SYMBOL or decimals > SIZE_DECIMALS:
            return
        slot = int(kernels.slot_of(self._table, np.frombuffer(key, np.uint8)))
        low, high = (int.from_bytes(key[at : at + 8], "little") for at in (0, 8))
        self._table[slot] = (low, high, 0, 10 ** (SIZE_DECIMALS - decimals), number, 1, 0)
        self._joins[number].slot = slot

    def _load(self, book: Book) -> Join:
        """Take over what the kernel did to the book."""
        join = self._joins[book.instrument_id]
        if join.slot >= 0 and self._table[join.slot]["in_step"]:
            book.sequence = int(self._table[join.slot]["last"])
        return join

    def _store(self, book: Book, join: Join) -> None:
        """Tell the kernel where the book stands."""
        if join.slot >= 0:
            row = self._table[join.slot]
            row["last"] = book.sequence
            row["in_step"] = join.joined and not book.stale and not book.flag_next

    def _depth_book(self, name: Any) -> Book:
        """The book of a symbol. A malformed diff needs no mark on it: the next one shows the gap."""
        number = self._id(name)
        book = self._books.get(number)
        if book is None:
            book = self._books[number] = Book(number, name, self.instruments[number].size_decimals)
        book.inexact = 0
        return book

    # diffs

    def _diff(self, book: Book, diff: Diff) -> bool:
        """Apply a diff or hold it back; False: the snapshot contains it already."""
        join = self._load(book)
        if not book.synced or book.stale:
            self._wait(book, join, diff)
        elif join.joined:
            self._follow(book, join, diff)
        elif diff.final < book.sequence or (diff.final == book.sequence and not self.futures):
            return False
        elif self._joins_at(diff, book.sequence):
            join.joined = True
            self._apply(book, diff)
        else:
            self._miss(book, join, diff)
        self._store(book, join)
        return True

    def _joins_at(self, diff: Diff, last: int) -> bool:
        """Whether nothing is missing between a snapshot up to `last` and `diff`."""
        return diff.previous <= last or (self.futures and diff.first <= last)

    def _follow(self, book: Book, join: Join, diff: Diff) -> None:
        if diff.previous == book.sequence and diff.final >= diff.previous:
            self._apply(book, diff)
        elif diff.final <= book.sequence:
            self.report.add("stale_update", f"{book.symbol}: update {diff.final} comes after {book.sequence}")
        elif diff.previous < book.sequence:
            # Levels are absolute: what is repeated does no harm.
            self.report.add("overlapping_update", f"{book.symbol}: update {diff.first} comes after {book.sequence}")
            self._apply(book, diff)
        else:
            self._miss(book, join, diff)

    def _miss(self, book: Book, join: Join, diff: Diff) -> None:
        self._gap(book, "sequence_gap", f"update {diff.first} comes after {book.sequence}")
        join.joined = False
        join.held.clear()
        join.held.append(diff)
        self._apply(book, diff)

    def _wait(self, book: Book, join: Join, diff: Diff) -> None:
        held = join.held
        if held:
            last = held[-1].final
            if diff.final <= last:
                self.report.add("stale_update", f"{book.symbol}: update {diff.final} comes after {last}")
                return
            if diff.previous > last:
                # No snapshot can join what stands before the gap.
                self.report.add("sequence_gap", f"{book.symbol}: update {diff.first} comes after {last}")
                book.flag_next = book.synced
                if not book.synced:
                    self._left_out(len(held))
                held.clear()
        held.append(diff)
        if book.synced:
            self._apply(book, diff)
        elif len(held) == HELD_DIFFS:
            self._give_up(book, join)

    def _give_up(self, book: Book, join: Join) -> None:
        for diff in join.held:
            self._apply(book, diff)

    def _apply(self, book: Book, diff: Diff) -> None:
        book.inexact = diff.inexact
        self._update(book, diff.changes, diff.ts, diff.final, diff.sent)

    def _left_out(self, count: int) -> None:
        """Count diffs that were counted as depth as not needed."""
        self.report.messages["depth"] -= count
        self.report.messages["depth_before_snapshot"] += count

    # snapshots

    def _rebase(self, book: Book, changes: list[Change], ts: int, last: int, sent: int) -> bool:
        """Rebuild a book from a snapshot and the diffs held back; False: the book is past it, or can never join it."""
        join = self._load(book)
        held = list(join.held)
        if book.synced and not book.stale and last < book.sequence:
            return False
        if book.stale and held and not self._joins_at(held[0], last):
            self.report.add("stale_snapshot", f"{book.symbol}: snapshot {last} is older than update {held[0].first}")
            return False
        waited = not book.synced
        join.held.clear()
        join.joined = False
        self._replace(book, changes, ts, last, sent)
        self._store(book, join)
        for diff in held:
            if not self._diff(book, diff) and waited:
                self._left_out(1)
        return True
