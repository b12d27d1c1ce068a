"""Latencies: a histogram with bounded relative error and open-loop measurement.

Open loop: work is due at fixed times whether or not the one before is done, and its latency counts from when it was due. A
closed loop waits for each answer before it asks again, so that one stall hides all the requests that would have met it
(Tene's "coordinated omission").
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SUB_BITS = 7
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0)


class Histogram:
    """Counts of ns values in log-linear buckets (HDR): each power of two in 128 parts, so a value is known within 0.8%.

    Examples
    --------
    >>> histogram = Histogram()
    >>> histogram.add(np.arange(1, 101))
    >>> histogram.percentile(50)
    50
    """

    __slots__ = ("counts", "highest")

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros((64 - SUB_BITS + 1) << SUB_BITS, np.int64)
        self.highest = 0

    @staticmethod
    def _bucket(values: NDArray[np.int64]) -> NDArray[np.int64]:
        exponent = np.maximum(np.frexp(values.astype(np.float64))[1] - 1 - SUB_BITS, 0)
        buckets: NDArray[np.int64] = (exponent << SUB_BITS) + (values >> exponent)
        return buckets

    @staticmethod
    def _upper(bucket: int) -> int:
        exponent = max((bucket >> SUB_BITS) - 1, 0)
        return ((bucket - (exponent << SUB_BITS) + 1) << exponent) - 1

    def add(self, values: NDArray[np.int64]) -> None:
        """Count `values`, in ns; negative ones count as 0."""
        if len(values) == 0:
            return
        given = np.maximum(np.asarray(values, np.int64), 0)
        self.counts += np.bincount(self._bucket(given), minlength=len(self.counts))
        self.highest = max(self.highest, int(given.max()))

    def __len__(self) -> int:
        return int(self.counts.sum())

    def percentile(self, percent: float) -> int:
        """The value in ns that `percent` of the values do not exceed (within a bucket)."""
        total = len(self)
        if total == 0:
            return 0
        rank = max(int(np.ceil(total * percent / 100.0 - 1e-9)), 1)
        bucket = int(np.searchsorted(np.cumsum(self.counts), rank))
        return min(self._upper(bucket), self.highest)

    def percentiles(self) -> dict[str, int]:
        """The usual percentiles in ns, as ``{"p50": ..., "p99.9": ..., "max": ...}``."""
        return {"max" if percent == 100 else f"p{percent:g}": self.percentile(percent) for percent in PERCENTILES}


@dataclass(frozen=True)
class OpenLoop:
    """What an open-loop run measured."""

    from_due: Histogram
    """From the scheduled time to the end of the work: what a user would have waited."""
    from_start: Histogram
    """From the start of the work to its end: without the wait for the processor."""
    busy_seconds: float
    """Sum of the times in `from_start`."""


_SPIN = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nos.nice(19)\nwhile os.getppid() == int(sys.argv[2]): pass"
_MOST_AWAKE = 3


@contextmanager
def others_awake() -> Iterator[None]:
    """Keep a few other cores from sleeping, by processes of the lowest priority.

    On a virtual machine whose other core slept, calls 100 us apart took 9 us instead of 1.4. Machines that trade do not let cores sleep.
    """
    others = sorted(set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    running = [
        subprocess.Popen([sys.executable, "-c", _SPIN, str(core), str(os.getpid())], stderr=subprocess.DEVNULL)
        for core in others[:_MOST_AWAKE]
    ]
    try:
        time.sleep(0.1 if running else 0)
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def open_loop(work: Callable[[int], object], count: int, interval_ns: int, only: NDArray[np.bool_] | None = None) -> OpenLoop:
    """Call ``work(i)`` for each i of `count`, due `interval_ns` apart, and time each call.

    Late calls are made at once, one after the other, and their waiting counts. Of the latencies those of `only` are kept, all by default.
    """
    clock = time.perf_counter_ns
    starts = np.zeros(count, np.int64)
    ends = np.zeros(count, np.int64)
    due = clock() + 1_000_000
    first = due
    for i in range(count):
        now = clock()
        while now < due:
            now = clock()
        work(i)
        ends[i] = clock()
        starts[i] = now
        due += interval_ns
    scheduled = first + np.arange(count, dtype=np.int64) * interval_ns
    from_due, from_start = Histogram(), Histogram()
    kept = slice(None) if only is None else only
    from_due.add((ends - scheduled)[kept])
    from_start.add((ends - starts)[kept])
    return OpenLoop(from_due, from_start, float((ends - starts).sum()) / 1e9)
