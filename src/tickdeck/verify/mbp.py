"""A book rebuilt from order events against a vendor's book of the best levels (Databento MBP-10 or MBP-1).

Rows are matched by instrument, time and sequence, not by position: see ``kernels.depth_rows`` for what counts as exact. Changes of the
levels before the truth's first row of an instrument or after its last are outside of what it covers and counted apart; a change
between two rows that no row shows is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tickdeck.book import OrderBook
from tickdeck.core import LEVEL, Flag, Instrument, Records, UsageError, empty_events
from tickdeck.tape import Reader
from tickdeck.verify.result import Comparison, Mismatch, Window, counted, levels_of

SCHEMAS = ("mbp-10", "mbp-1")
_FIELDS = ("bid_px", "ask_px", "bid_sz", "ask_sz", "bid_ct", "ask_ct")
_SKEW_NS = 1_000_000_000
"""How far the rows of different instruments may stand out of the order of ``ts_event``."""


def by_book(records: Records) -> Iterator[tuple[int, Records]]:
    """Publisher and instrument as one word, and their records in order."""
    keys = (records["publisher_id"].astype(np.uint64) << np.uint64(32)) | records["instrument_id"]
    if not len(keys):
        return
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    for mine in np.split(order, starts):
        yield int(keys[mine[0]]), records[mine]


class _Rows:
    """Rows of the truth, split by instrument as they are read."""

    def __init__(self, reader: Reader) -> None:
        self.width = 10 if reader.schema == "mbp-10" else 1
        self.reader = reader
        self.ended = False
        self.horizon = -(2**63)
        self.snapshot = 0
        self.count = 0
        self.waiting: dict[int, list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = {}
        self._chunks: Iterator[Records] = reader.records()  # type: ignore[attr-defined]

    def read(self) -> bool:
        """Read a chunk; False at the end."""
        chunk = None if self.ended else next(self._chunks, None)
        if chunk is None:
            self.ended, self.horizon = True, 2**63 - 1
            return False
        in_snapshot = chunk["flags"] & np.uint8(Flag.SNAPSHOT) != 0
        self.snapshot += int(in_snapshot.sum())
        chunk = chunk[~in_snapshot]
        if not len(chunk):
            return True
        self.count += len(chunk)
        self.horizon = max(self.horizon, int(chunk["ts_event"].max()) - _SKEW_NS)
        for key, mine in by_book(chunk):
            self.waiting.setdefault(key, []).append(_columns(mine, self.width))
        return True

    def take(self, key: int) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """The next rows of an instrument that were read: times and sequences, levels."""
        parts = self.waiting.pop(key, None)
        return (
            None if parts is None else (np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
        )


def _columns(records: Records, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    keys = np.stack([records["ts_event"].astype(np.int64), records["sequence"].astype(np.int64)], axis=1)
    keys[keys[:, 0] < 0, 0] = 0
    levels = np.stack([records["levels"][name].astype(np.int64) for name in _FIELDS], axis=2)
    return keys, levels.reshape(len(records), width * len(_FIELDS))


class _Book:
    """One instrument's book and where it stands among its rows."""

    def __init__(self, key: int, instrument: Instrument, width: int) -> None:
        from tickdeck.verify.kernels import depth_rows as kernels

        self._k = kernels
        self.key = key
        self.instrument = instrument
        self.width = width
        self.book = OrderBook(instrument)
        self.state = np.zeros(kernels.STATE, np.int64)
        self.keys = np.zeros((0, 2), np.int64)
        self.rows = np.zeros((0, width * len(_FIELDS)), np.int64)
        self._levels = np.zeros(4 * width, LEVEL)

    def run(self, events: Records, horizon: int, closing: bool) -> int:
        """Let the kernel work until it needs something; what."""
        k = self._k
        while True:
            k.match_rows(
                *self.book.handle,
                events,
                self.keys,
                self.rows,
                self.width,
                horizon,
                closing,
                self._levels.ctypes.data,
                self.state,
            )
            if self.state[k.STOP] != k.MEND:
                return int(self.state[k.STOP])
            self.book.mend(int(self.state[k.REASON]), int(self.state[k.PRICE]))

    def append(self, rows: tuple[NDArray[np.int64], NDArray[np.int64]] | None) -> None:
        """More rows of the truth; those that were passed are dropped."""
        if rows is None:
            return
        passed = int(self.state[self._k.ROW])
        self.keys = np.concatenate([self.keys[passed:], rows[0]])
        self.rows = np.concatenate([self.rows[passed:], rows[1]])
        self.state[self._k.ROW] = 0

    def left(self) -> int:
        """Rows that no event reached."""
        return len(self.keys) - int(self.state[self._k.ROW])

    def window(self, row: int) -> Window:
        """A row of the truth."""
        levels = self.rows[row].reshape(self.width, len(_FIELDS))
        sides = (levels_of(levels[:, side], levels[:, 2 + side], levels[:, 4 + side]) for side in (0, 1))
        return Window(*sides)


class MbpCheck:
    """Feeds order events into books and compares them with rows of the best levels.

    Parameters
    ----------
    truth : Reader
        Of MBP-10 or MBP-1 records, in DBN or Databento CSV.
    source : str
        Name of the order events, for the result.
    show : int
        Wrong rows to keep in full.

    Raises
    ------
    UsageError
        The truth has another schema.
    """

    def __init__(self, truth: Reader, source: str, show: int = 1) -> None:
        from tickdeck.verify.kernels import depth_rows as kernels

        if truth.schema not in SCHEMAS:
            raise UsageError(f"{truth.path}: holds {truth.schema} records; the truth must be mbp-10 or mbp-1")
        self._k = kernels
        self._rows = _Rows(truth)
        self._books: dict[int, _Book] = {}
        self._show = show
        unit = f"rows of {counted(self._rows.width, 'level')} a side, with counts"
        self._result = Comparison(f"Databento {truth.schema}", source, truth.path, unit)

    def add(self, events: Records, instruments: dict[int, Instrument]) -> None:
        """Take the next order events."""
        for key, mine in by_book(events):
            self._add_one(self._book(key, instruments), np.ascontiguousarray(mine))

    def _book(self, key: int, instruments: dict[int, Instrument]) -> _Book:
        found = self._books.get(key)
        if found is None:
            number = key & 0xFFFFFFFF
            known = instruments.get(number)
            instrument = Instrument(f"#{number}", instrument_id=number) if known is None else known
            found = self._books[key] = _Book(key, instrument, self._rows.width)
        return found

    def _add_one(self, item: _Book, events: Records, closing: bool = False) -> None:
        k, state = self._k, item.state
        state[k.EVENT] = 0
        item.append(self._rows.take(item.key))
        while True:
            state[k.SHOW] = self._show
            stop = item.run(events, self._rows.horizon, closing)
            self._show = int(state[k.SHOW])
            if stop == k.NEED_EVENTS:
                return
            if stop == k.NEED_ROWS:
                self._rows.read()
                item.append(self._rows.take(item.key))
            else:
                self._keep_row(item, int(state[k.ROW]) - 1)

    def _keep_row(self, item: _Book, row: int) -> None:
        reason = "the book differs"
        if item.state[self._k.WHY] == self._k.NO_EVENT:
            reason = "the source has no event of this time and sequence"
        self._keep(item, row, reason)

    def _keep(self, item: _Book, row: int, reason: str) -> None:
        time, sequence = item.keys[row].tolist()
        got = Window(*item.book.depth(item.width))
        place = f"row of sequence {sequence}"
        self._result.mismatches.append(
            Mismatch(
                place, reason, time, item.instrument.symbol, item.window(row), got, None, item.instrument.size_decimals, True
            )
        )

    def result(self) -> Comparison:
        """What was found; the events are over."""
        while self._rows.read():
            pass
        for item in self._books.values():
            self._add_one(item, empty_events(), closing=True)
        k, result = self._k, self._result
        beyond = sum(self._count_beyond(item) for item in self._books.values()) + self._count_unknown()
        total = sum((item.state for item in self._books.values()), np.zeros(k.STATE, np.int64))
        unshown, outside = int(total[k.UNSHOWN]), int(total[k.OUTSIDE] + total[k.PENDING])
        for item in self._books.values():
            self._keep_unshown(item)
        result.compared = self._rows.count
        result.exact = int(total[k.EXACT])
        result.wrong = int(total[k.WRONG]) + beyond + unshown
        result.facts = {
            "levels": self._rows.width,
            "books": len(self._books),
            "changes": int(total[k.CHANGES]),
            "changes_without_row": unshown,
            "changes_outside": outside,
            "rows_beyond_source": beyond,
            "snapshot_rows": self._rows.snapshot,
        }
        result.apart = [("changes", f"{int(total[k.CHANGES]):,} of these levels in the rebuilt books")]
        result.apart += [
            ("", f"{count:,} {text}")
            for count, text in (
                (unshown, "of them wrong: the truth goes on and has no row for them"),
                (outside, "of them not compared: before the truth's first row, or after its last"),
                (beyond, "rows wrong: the source ended before them, or does not have their instrument"),
                (self._rows.snapshot, "of the truth's rows are of a snapshot, not compared"),
            )
            if count
        ]
        return result

    def _count_beyond(self, item: _Book) -> int:
        """Rows that no event reached."""
        left = item.left()
        if left and self._show > 0:
            self._show -= 1
            self._keep(item, len(item.keys) - left, "the source ended before this row")
        return left

    def _count_unknown(self) -> int:
        """Rows of instruments that the source does not have."""
        left = 0
        for key, parts in self._rows.waiting.items():
            left += sum(len(part[0]) for part in parts)
            if self._show > 0:
                self._show -= 1
                time, sequence = parts[0][0][0].tolist()
                number = key & 0xFFFFFFFF
                known = self._rows.reader.instruments.get(number)
                reason = f"the source has no events of publisher {key >> 32}, instrument {number}"
                self._result.mismatches.append(
                    Mismatch(f"row of sequence {sequence}", reason, time, known.symbol if known else "")
                )
        return left

    def _keep_unshown(self, item: _Book) -> None:
        if item.state[self._k.UNSHOWN] and self._show > 0:
            self._show -= 1
            time, sequence = int(item.state[self._k.FIRST_TIME]), int(item.state[self._k.FIRST_SEQUENCE])
            reason = "the levels changed, and the truth has no row for it"
            self._result.mismatches.append(Mismatch(f"event of sequence {sequence}", reason, time, item.instrument.symbol))
