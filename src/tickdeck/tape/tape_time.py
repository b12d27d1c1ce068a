"""Tape time: the receiver's time where a record has one, else the venue's. Merging, seeking and the catalog go by it.

It may step back inside a tape (a snapshot's records are hours old where no receive time was kept), so a point in time stands for
the first record that has reached it: from there on every record belongs to the later part, whatever its own time says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Flag, Records

EARLIEST = -(2**63)
"""Time of what comes before any record that has a time."""


def tape_times(events: Records) -> NDArray[np.int64]:
    """ns since the epoch of each of the ``EVENT`` records: ``ts_recv``, or ``ts_event`` where that is 0."""
    received = events["ts_recv"]
    return np.where(received != 0, received, events["ts_event"])


def first_at(times: NDArray[np.int64], time: int) -> int:
    """Index of the first of `times` at or after `time`; their number where there is none."""
    reached = times >= time
    index = int(reached.argmax()) if len(reached) else 0
    return index if index < len(reached) and reached[index] else len(times)


def between(chunks: Iterable[Records], start: int | None, end: int | None) -> Iterator[Records]:
    """The part of a tape from the first record at or after `start` to the last before any at or after `end`.

    Parameters
    ----------
    chunks : iterable of EVENT arrays
    start, end : int, optional
        ns since the epoch; None: from the beginning, to the end.
    """
    waiting = start is not None
    for chunk in chunks:
        if waiting or end is not None:
            times = tape_times(chunk)
            low = first_at(times, start) if waiting and start is not None else 0
            waiting = waiting and low == len(chunk)
            high = low + first_at(times[low:], end) if end is not None else len(chunk)
            if high > low:
                yield chunk[low:high]
            if high < len(chunk):
                return
        else:
            yield chunk


def rising_times(events: Records, floor: int = EARLIEST) -> NDArray[np.int64]:
    """Tape times of the market's activity, which never step back, from `floor` on: when each of the ``EVENT`` records is due.

    Snapshot records are no activity (they may be stamped with the start of the day, and carry the times of orders hours old):
    they count as the record before them, as do records without any time.
    """
    times = tape_times(events)
    times[(times == 0) | (events["flags"] & Flag.SNAPSHOT != 0)] = EARLIEST
    times[:1] = np.maximum(times[:1], floor)
    return np.maximum.accumulate(times)
