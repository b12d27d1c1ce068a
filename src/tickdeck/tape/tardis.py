"""Tardis.dev CSV: ``incremental_book_L2`` and ``trades`` (https://docs.tardis.dev/downloadable-csv-files/data-types).

A book row sets a whole level (A, MBP flag; amount 0 removes it). A row with ``is_snapshot`` after one without it, in the same
symbol, begins a new book: an R stands before it. Rows of one symbol with one ``local_timestamp`` came in one message: LAST on its
last. A trade is a T whose side is the taker's and whose ``order_id`` is the trade's id (hashed where it is no number). Times are
microseconds; ``local_timestamp`` is ``ts_recv``. The sequence is the row's line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import UNDEF_PRICE, Action, Flag, FormatError, Records, Side, empty_events
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.tape.event_csv import EventCsvReader, header_of, split_row
from tickdeck.tape.event_schema import RowError
from tickdeck.tape.reader import Format, Reader, ReadOptions
from tickdeck.tape.source import Source

_BOOK = ["exchange", "symbol", "timestamp", "local_timestamp", "is_snapshot", "side", "price", "amount"]
_TRADES = ["exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount"]
_NAMES = {"ts_recv": "local_timestamp", "qty": "amount"}


def _kind(head: bytes) -> str:
    """Which of the two a file is; empty: neither."""
    names = header_of(head)[0]
    return "incremental_book_L2" if names == _BOOK else "trades" if names == _TRADES else ""


class TardisReader(Reader):
    """Reads Tardis CSV.

    Raises
    ------
    FormatError
        The header is of another data type.
    """

    format = "tardis"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        super().__init__(source, options)
        self.schema = _kind(source.head)
        if not self.schema:
            names = ", ".join(header_of(source.head)[0])[:200]
            raise FormatError(
                f"the columns {names} are neither Tardis' incremental_book_L2 nor trades, which are read", path=self.path
            )
        book = self.schema != "trades"
        mapping = _NAMES if book else {**_NAMES, "trade_id": "id"}
        chosen = replace(options, columns=mapping, time_unit="us", schema="quote" if book else "trade")
        self._rows = EventCsvReader(source, chosen)
        self._rows.table.publisher_id = PUBLISHERS["TARDIS"]
        self._rows.table.venue = _exchange(source.head)
        self.instruments, self.report = self._rows.instruments, self._rows.report
        self._in_snapshot: dict[int, bool] = {}

    def __iter__(self) -> Iterator[Records]:
        held = empty_events()
        for chunk in self._rows:
            rows = np.concatenate([held, chunk])
            held = rows[-1:]
            yield from self._finished(rows, len(rows) - 1)
        yield from self._finished(held, len(held))

    def _finished(self, rows: Records, count: int) -> Iterator[Records]:
        """The first `count` of `rows`; the one after them tells whether their last ends a message."""
        self.position = self._rows.position
        snapshot = (rows["flags"] & Flag.SNAPSHOT) != 0
        same = np.zeros(len(rows), bool)
        same[:-1] = (
            (rows["ts_recv"][1:] == rows["ts_recv"][:-1])
            & (rows["instrument_id"][1:] == rows["instrument_id"][:-1])
            & (snapshot[1:] == snapshot[:-1])
        )
        rows["flags"][same] &= np.uint8(255 - Flag.LAST)
        out = rows[:count]
        if self.schema != "trades" and count:
            starts = self._snapshot_starts(out, snapshot[:count])
            clears = out[starts]
            clears["action"], clears["side"], clears["flags"] = Action.CLEAR, Side.NONE, Flag.SNAPSHOT
            clears["price"], clears["size"] = UNDEF_PRICE, 0
            out = np.insert(out, starts, clears)
        size = self.options.chunk
        for start in range(0, len(out), size):
            yield out[start : start + size]

    def _snapshot_starts(self, rows: Records, snapshot: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Rows that begin a snapshot: those whose predecessor in the same instrument is none."""
        order = np.argsort(rows["instrument_id"], kind="stable")
        ids, flags = rows["instrument_id"][order], snapshot[order]
        first = np.ones(len(rows), bool)
        first[1:] = ids[1:] != ids[:-1]
        before = np.zeros(len(rows), bool)
        before[1:] = flags[:-1]
        before[first] = [self._in_snapshot.get(number, False) for number in ids[first].tolist()]
        last = np.roll(first, -1)
        self._in_snapshot.update(zip(ids[last].tolist(), flags[last].tolist(), strict=True))
        starts: NDArray[np.int64] = np.sort(order[flags & ~before])
        return starts


def _exchange(head: bytes) -> str:
    """The exchange, which is the same in all rows."""
    _, _, consumed, _ = header_of(head)
    try:
        return split_row(head[consumed:].split(b"\n", 1)[0].decode(errors="replace").strip(), ",")[0]
    except RowError:
        return ""


FORMAT = Format(
    name="tardis",
    title="Tardis.dev CSV (incremental_book_L2, trades)",
    detect=lambda source: 1.0 if _kind(source.head[:4096]) else 0.0,
    open=TardisReader,
)
