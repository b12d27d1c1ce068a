"""What a picture is drawn from: the events of one instrument, out of whatever `tickdeck.read` reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tickdeck.book import OrderBook
from tickdeck.core import LEVEL, UNDEF_PRICE, Action, Instrument, Records, UsageError
from tickdeck.core.instrument import replace_fields
from tickdeck.core.publishers import publisher_name
from tickdeck.tape import Reader, read

Key = tuple[int, int]
"""Publisher and instrument id."""

_LOOK_AHEAD = 1 << 18
"""Events among which the busiest instrument is chosen."""
_BOOK_ACTIONS = np.array([Action.ADD, Action.CANCEL, Action.MODIFY, Action.CLEAR], np.uint8)


class InstrumentTape:
    """The events of one instrument at one publisher.

    Parameters
    ----------
    tape : str, Path, Reader, array or frame
        What :func:`tickdeck.read` reads, or its reader.
    symbol : str, optional
        The busiest instrument by default, judged by the first 262,144 events.
    **options
        Of :func:`tickdeck.read`.

    Attributes
    ----------
    reader : Reader
    instrument : Instrument
        Under the ids of its events.
    publisher : str
    others : int
        Further instruments seen while choosing.

    Raises
    ------
    UsageError
        No events, or none of `symbol`.
    """

    def __init__(self, tape: str | Path | Reader | Any, symbol: str | None = None, **options: Any) -> None:
        if isinstance(tape, Reader):
            self.reader = tape
        else:
            self.reader = read(tape, symbols=None if symbol is None else [symbol], **options)
        self._symbol = symbol
        self._chunks: Iterable[Records] = iter(())
        try:
            self._choose()
        except BaseException:
            self.reader.close()
            raise

    def _choose(self) -> None:
        rest = iter(self.reader)
        ahead: list[Records] = []
        counts: Counter[Key] = Counter()
        trades: Counter[Key] = Counter()
        for chunk in rest:
            kept = self._of_symbol(chunk)
            if not len(kept):
                continue
            ahead.append(kept)
            _count(kept[np.isin(kept["action"], _BOOK_ACTIONS)], counts)
            _count(kept, trades)
            if sum(map(len, ahead)) >= _LOOK_AHEAD:
                break
        if not trades:
            known = ", ".join(item.symbol for item in list(self.reader.instruments.values())[:10])
            if self._symbol is not None and known:
                raise UsageError(f"{self.reader.path}: has no events of {self._symbol}; it knows {known}")
            raise UsageError(f"{self.reader.path}: has no events{f' of {self._symbol}' if self._symbol else ''} to picture")
        # A stream of best prices is the book only where there is nothing fuller.
        self._key = max(trades, key=lambda key: (counts[key] > 0, not _is_top(key), counts[key], trades[key]))
        publisher, number = self._key
        known_as = self.reader.instruments.get(number) or Instrument(self._symbol or f"#{number}")
        self.instrument = replace_fields(known_as, instrument_id=number, publisher_id=publisher)
        self.publisher = publisher_name(publisher)
        self.others = len({number for _, number in trades}) - 1
        self._chunks = chain(ahead, rest)

    def _of_symbol(self, chunk: Records) -> Records:
        if self._symbol is None:
            return chunk
        ids = [number for number, item in self.reader.instruments.items() if item.symbol == self._symbol]
        kept: Records = chunk[np.isin(chunk["instrument_id"], np.array(ids, np.uint32))]
        return kept

    def __iter__(self) -> Iterator[Records]:
        publisher, number = self._key
        with self.reader:
            for chunk in self._chunks:
                mine = (chunk["instrument_id"] == number) & (chunk["publisher_id"] == publisher)
                if mine.all():
                    yield chunk
                elif mine.any():
                    yield chunk[mine]

    def book(self) -> OrderBook | RecordedBook:
        """An empty book for the events; for a LOBSTER file with its orderbook file beside it, the book of that file."""
        if self.reader.format == "lobster":
            from tickdeck.tape.lobster_truth import open_truth

            with suppress(UsageError):
                return RecordedBook(iter(open_truth(self.reader.path)))
        return OrderBook(self.instrument)


class RecordedBook:
    """The levels that a LOBSTER orderbook file states after each message.

    A message file of N levels leaves out what happens beyond them, so a book rebuilt from it alone keeps orders that are gone.

    Parameters
    ----------
    chunks : iterator of arrays of BOOK_LEVEL, shape (rows, levels)
    """

    tick_size: int | None = None

    def __init__(self, chunks: Iterator[Any]) -> None:
        self._chunks = chunks
        self._rows: Any = None
        self._first = 1
        self._row = 0

    def apply(self, events: Records) -> None:
        """Go on to the row of the last event, whose number is its sequence."""
        if len(events):
            self._row = int(events["sequence"][-1])

    def depth(self, n: int) -> tuple[Records, Records]:
        """The best `n` levels of both sides as ``LEVEL`` records."""
        while self._rows is None or self._row >= self._first + len(self._rows):
            self._first += 0 if self._rows is None else len(self._rows)
            self._rows = next(self._chunks, None)
            if self._rows is None:
                self._rows = np.zeros((0, 0))
                return np.zeros(0, LEVEL), np.zeros(0, LEVEL)
        if self._row < self._first:
            return np.zeros(0, LEVEL), np.zeros(0, LEVEL)
        row = self._rows[self._row - self._first][:n]
        bids, asks = (_levels(row[f"{side}_price"], row[f"{side}_size"]) for side in ("bid", "ask"))
        return bids, asks


def _levels(prices: Any, sizes: Any) -> Records:
    there = prices != UNDEF_PRICE
    out = np.zeros(int(np.count_nonzero(there)), LEVEL)
    out["price"], out["size"] = prices[there], sizes[there]
    return out


def _count(events: Records, counts: Counter[Key]) -> None:
    keys = events["publisher_id"].astype(np.uint64) << np.uint64(32) | events["instrument_id"]
    for key, count in zip(*np.unique(keys, return_counts=True)):
        counts[int(key) >> 32, int(key) & 0xFFFFFFFF] += int(count)


def _is_top(key: Key) -> bool:
    return publisher_name(key[0]).endswith(".TOP")
