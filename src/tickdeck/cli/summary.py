"""Counts over a stream of event chunks, in constant memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import UNDEF_PRICE, Flag, Records, ns_text, price_text
from tickdeck.core.publishers import publisher_name
from tickdeck.tape import Reader
from tickdeck.tape.tape_time import tape_times

SECOND = 1_000_000_000


def _widen(known: tuple[int, int] | None, times: NDArray[np.int64]) -> tuple[int, int] | None:
    """The range of `times`, zeros (unknown) left out, and of what is `known`."""
    times = times[times != 0]
    if not len(times):
        return known
    low, high = int(times.min()), int(times.max())
    return (low, high) if known is None else (min(low, known[0]), max(high, known[1]))


class Summary:
    """What a stream holds; feed it every chunk in order."""

    def __init__(self) -> None:
        self.events = 0
        self.snapshot = 0
        self.gaps = 0
        self.actions: NDArray[np.int64] = np.zeros(256, np.int64)
        self.publishers: Counter[int] = Counter()
        self.instruments: Counter[int] = Counter()
        self.prices: dict[int, tuple[int, int]] = {}
        self.range: tuple[int, int] | None = None
        self._snapshot_range: tuple[int, int] | None = None
        self.backwards = {"ts_event": 0, "ts_recv": 0}
        self._latest = {"ts_event": -(2**63), "ts_recv": -(2**63)}
        self._second = (0, 0)
        self.peak_second = 0

    def add(self, events: Records) -> None:
        """Count the ``EVENT`` records of one chunk."""
        if not len(events):
            return
        self.events += len(events)
        self.actions += np.bincount(events["action"], minlength=256)
        in_snapshot = (events["flags"] & Flag.SNAPSHOT) != 0
        self.snapshot += int(np.count_nonzero(in_snapshot))
        self.gaps += int(np.count_nonzero(events["flags"] & Flag.MAYBE_BAD_BOOK))
        for number, count in zip(*np.unique(events["publisher_id"], return_counts=True)):
            self.publishers[int(number)] += int(count)
        self._add_instruments(events)
        if in_snapshot.any():
            self._snapshot_range = _widen(self._snapshot_range, tape_times(events[in_snapshot]))
            events = events[~in_snapshot]
        self._add_times(events)

    def _add_instruments(self, events: Records) -> None:
        numbers, place, counts = np.unique(events["instrument_id"], return_inverse=True, return_counts=True)
        priced = (events["price"] != UNDEF_PRICE) & (events["action"] != ord("R")) & (events["action"] != ord("N"))
        lowest = np.full(len(numbers), UNDEF_PRICE, np.int64)
        highest = np.full(len(numbers), -(2**63), np.int64)
        np.minimum.at(lowest, place[priced], events["price"][priced])
        np.maximum.at(highest, place[priced], events["price"][priced])
        for number, count, low, high in zip(numbers.tolist(), counts.tolist(), lowest.tolist(), highest.tolist()):
            self.instruments[number] += count
            if high >= low:
                known = self.prices.get(number, (low, high))
                self.prices[number] = min(low, known[0]), max(high, known[1])

    def _add_times(self, events: Records) -> None:
        """Range, rate and steps back of the records that are market activity."""
        times = tape_times(events)
        times = times[times != 0]
        if not len(times):
            return
        self.range = _widen(self.range, times)
        for name in self.backwards:
            column = events[name]
            values = column[column != 0]
            if len(values):
                self.backwards[name] += int(np.count_nonzero(np.diff(values) < 0)) + (int(values[0]) < self._latest[name])
                self._latest[name] = int(values[-1])
        seconds = times // SECOND
        starts = np.flatnonzero(np.diff(seconds, prepend=seconds[0] - 1))
        runs = np.diff(starts, append=len(seconds))
        second, carried = self._second
        if second == int(seconds[0]):
            runs[0] += carried
        self.peak_second = max(self.peak_second, int(runs.max()))
        self._second = int(seconds[-1]), int(runs[-1])

    def result(self, reader: Reader) -> dict[str, Any]:
        """Plain values, with what `reader` knows and met."""
        first, last = self.range or self._snapshot_range or (None, None)
        span = self.range[1] - self.range[0] if self.range else 0
        named: dict[int, dict[str, Any]] = {}
        for number in sorted({*self.instruments, *reader.instruments}):
            known = reader.instruments.get(number)
            entry: dict[str, Any] = known.to_dict() if known else {"symbol": f"#{number}"}
            entry["events"] = self.instruments[number]
            if number in self.prices:
                entry["lowest"], entry["highest"] = map(price_text, self.prices[number])
            named[number] = entry
        anomalies = dict(reader.report.counts)
        reported_gaps = sum(count for kind, count in anomalies.items() if "gap" in kind)
        return {
            "file": reader.path,
            "format": reader.format,
            "schema": reader.schema,
            "notes": reader.report.notes,
            "events": self.events,
            "snapshot": self.snapshot,
            "actions": {chr(code): int(self.actions[code]) for code in np.flatnonzero(self.actions)},
            "first": None if first is None else ns_text(first),
            "last": None if last is None else ns_text(last),
            "seconds": span / SECOND,
            "events_per_second": (self.events - self.snapshot) / span * SECOND if span else 0.0,
            "peak_second": self.peak_second,
            "instruments": named,
            "publishers": {publisher_name(number): count for number, count in self.publishers.items()},
            "sequence_gaps": max(reported_gaps, self.gaps),
            "backwards": self.backwards,
            "anomalies": anomalies,
            "examples": reader.report.examples,
        }
