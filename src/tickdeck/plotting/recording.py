"""A market's depth sampled over time, in bounded memory whatever the tape's length.

The span of a tape is not known before its end. So the columns start narrow, and whenever the tape runs past the last one, pairs of
columns become one of twice the width.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Action, Instrument, Records, Side, Time, UsageError, to_ns
from tickdeck.plotting.tape import InstrumentTape
from tickdeck.tape import Reader
from tickdeck.tape.tape_time import EARLIEST, first_at, rising_times, tape_times

COLUMNS = 1_200
LEVELS = 1_000
_SECOND = 1_000_000_000

AGGRESSORS = (int(Side.BID), int(Side.ASK), int(Side.NONE))
"""Kinds of trades in a recording: by buyer, by seller, unknown."""

Levels = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Prices and sizes of a side, best first."""


class Book(Protocol):
    """What is sampled."""

    @property
    def tick_size(self) -> int | None: ...

    def apply(self, events: Records) -> Any: ...

    def depth(self, n: int) -> tuple[Records, Records]: ...


@dataclass(slots=True)
class Recording:
    """The depth of one instrument at the end of each of a row of equal intervals, and the trades in them.

    Parameters
    ----------
    instrument : Instrument
    publisher : str
    tick_size : int or None
        Units of 1e-9.
    start, step : int
        ns since the epoch at which column 0 begins; ns a column.
    latest : int
        Time of the last event, ns since the epoch.
    columns : int
    sampled : (m,) array of int
        Columns in which the book changed; it stands until the next of them.
    bids, asks : lists of m (prices, sizes)
        Best first.
    volume, notional : (columns, 3) arrays of float
        Traded size, and its sum of products with the price, by aggressor: buyer, seller, unknown.
    trades, events : int
    others : int
        Further instruments in the tape, as far as was looked.
    """

    instrument: Instrument
    publisher: str
    tick_size: int | None
    start: int
    step: int
    latest: int
    columns: int
    sampled: NDArray[np.int64]
    bids: list[Levels]
    asks: list[Levels]
    volume: NDArray[np.float64]
    notional: NDArray[np.float64]
    trades: int
    events: int
    others: int

    @property
    def end(self) -> int:
        """ns since the epoch at which the last column ends."""
        return self.start + self.columns * self.step

    @property
    def is_empty(self) -> bool:
        """Whether nothing ever rests in the book and nothing trades."""
        return not self.trades and not any(len(prices) for side in (self.bids, self.asks) for prices, _ in side)

    @property
    def edges(self) -> NDArray[np.int64]:
        """Borders of the columns, ns since the epoch; one more than there are columns."""
        return self.start + self.step * np.arange(self.columns + 1, dtype=np.int64)

    def best(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Best bid and best ask of each column, in price units; NaN where there is none."""
        sides = []
        for side in (self.bids, self.asks):
            best = np.array([prices[0] if len(prices) else np.nan for prices, _ in side] or [np.nan])
            sides.append(self.filled(best / 1e9))
        return sides[0], sides[1]

    def filled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """One value a sample -> one a column; NaN before the first sample."""
        place = np.searchsorted(self.sampled, np.arange(self.columns), side="right") - 1
        return np.where(place < 0, np.nan, values[np.maximum(place, 0)])


class Recorder:
    """Samples a book while events go by.

    Parameters
    ----------
    book : Book
    start, stop : int, optional
        ns since the epoch: columns begin there; the tape is known to end there. What comes before `start` builds the book.
    columns : int
        Most columns; there are at least half as many unless the tape has fewer distinct times.
    levels : int
        Levels of each side in a sample.
    """

    def __init__(self, book: Book, start: int | None, stop: int | None, columns: int, levels: int) -> None:
        self._book = book
        self._most = columns
        self._levels = levels
        self.start = start
        self.step = 1 if start is None or stop is None else max(1, -(-(stop - start) // columns))
        self.samples: dict[int, tuple[Levels, Levels]] = {}
        self.volume = np.zeros((columns, len(AGGRESSORS)))
        self.notional = np.zeros((columns, len(AGGRESSORS)))
        self.events = self.trades = 0
        self.latest = EARLIEST
        self._stop = stop
        self._snapshot_time = 0
        self._waiting = start is not None

    def add(self, events: Records) -> bool:
        """Take in ``EVENT`` records; whether more are wanted."""
        times = rising_times(events, self.latest)
        last = len(events) if self._stop is None else first_at(times, self._stop)
        more = last == len(events)
        if self._waiting and self.start is not None:
            first = first_at(times[:last], self.start)
            self._waiting = first == last
        else:
            first = int(np.searchsorted(times[:last], EARLIEST, side="right"))
        self._book.apply(events[:first])
        if first:
            self._snapshot_time = int(tape_times(events[first - 1 : first])[0])
        events, times = events[first:last], times[first:last]
        if len(events):
            self._record(events, times)
        return more

    def _record(self, events: Records, times: NDArray[np.int64]) -> None:
        if self.start is None:
            self.start = int(times[0])
        if not self.samples:
            self._sample(0)
        self.latest = int(times[-1])
        self.events += len(events)
        while (self.latest - self.start) // self.step >= self._most:
            self._widen()
        columns = (times - self.start) // self.step
        begin = 0
        for end in [*(np.flatnonzero(np.diff(columns)) + 1).tolist(), len(events)]:
            self._book.apply(events[begin:end])
            self._sample(int(columns[begin]))
            begin = end
        self._note_trades(events, columns)

    def finish(self) -> int:
        """Number of columns in use: one where nothing happened, or all at the same time."""
        if self.start is None:
            self.start = self.latest = self._snapshot_time
        if not self.samples:
            self._sample(0)
        if self.latest <= self.start:
            self.step = max(self.step, _SECOND)
            return 1
        return int((self.latest - self.start) // self.step) + 1

    def _sample(self, column: int) -> None:
        bids, asks = self._book.depth(self._levels)
        self.samples[column] = (_copy(bids), _copy(asks))

    def _note_trades(self, events: Records, columns: NDArray[np.int64]) -> None:
        traded = events["action"] == Action.TRADE
        if not traded.any():
            return
        rows, columns = events[traded], columns[traded]
        self.trades += len(rows)
        for kind, side in enumerate(AGGRESSORS):
            mine = rows["side"] == side
            size = rows["size"][mine].astype(np.float64)
            place = columns[mine]
            self.volume[:, kind] += np.bincount(place, size, self._most)
            self.notional[:, kind] += np.bincount(place, size * rows["price"][mine], self._most)

    def _widen(self) -> None:
        """Make one column of every two."""
        self.step *= 2
        # In order of time, so that the later of two samples stays.
        self.samples = {column // 2: self.samples[column] for column in sorted(self.samples)}
        half = (self._most + 1) // 2
        for name in ("volume", "notional"):
            before = getattr(self, name)
            after = np.zeros_like(before)
            after[:half] = before[0::2]
            after[: self._most // 2] += before[1::2]
            setattr(self, name, after)


def _copy(levels: Records) -> Levels:
    return levels["price"].copy(), levels["size"].copy()


def record(
    tape: str | Path | Reader | Any,
    *,
    symbol: str | None = None,
    start: Time | None = None,
    stop: Time | None = None,
    columns: int = COLUMNS,
    levels: int = LEVELS,
    progress: Any = None,
    **options: Any,
) -> Recording:
    """Sample an instrument's depth over a tape.

    Parameters
    ----------
    tape : str, Path, Reader, array or frame
        What :func:`tickdeck.read` reads, or its reader.
    symbol : str, optional
        The busiest instrument by default.
    start, stop : time, optional
        Span to record; what comes before `start` builds the book.
    columns : int
        Most samples.
    levels : int
        Most levels of each side in a sample.
    progress : callable, optional
        Called as ``progress(events, position)`` after each chunk.
    **options
        Of :func:`tickdeck.read`.

    Raises
    ------
    UsageError
        No events of `symbol`, or none in the span.
    """
    begin, end = (None if time is None else to_ns(time) for time in (start, stop))
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"the start {start} is not before the end {stop}")
    if columns < 2 or levels < 1:
        raise UsageError(f"a recording needs at least 2 columns and 1 level, not {columns} and {levels}")
    source = InstrumentTape(tape, symbol, **options)
    book = source.book()
    recorder = Recorder(book, begin, end, columns, levels)
    for chunk in source:
        more = recorder.add(chunk)
        if progress is not None:
            progress(len(chunk), source.reader.position)
        if not more:
            break
    if begin is not None and not recorder.events:
        raise UsageError(f"{source.reader.path}: has no events of {source.instrument.symbol} between the given times")
    used = recorder.finish()
    sampled = np.array(sorted(recorder.samples), np.int64)
    return Recording(
        instrument=source.reader.instruments.get(source.instrument.instrument_id or 0, source.instrument),
        publisher=source.publisher,
        tick_size=book.tick_size,
        start=recorder.start or 0,
        step=recorder.step,
        latest=recorder.latest,
        columns=used,
        sampled=sampled,
        bids=[recorder.samples[column][0] for column in sampled.tolist()],
        asks=[recorder.samples[column][1] for column in sampled.tolist()],
        volume=recorder.volume[:used],
        notional=recorder.notional[:used],
        trades=recorder.trades,
        events=recorder.events,
        others=source.others,
    )
