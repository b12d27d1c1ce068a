"""What an exchange has published and nobody has read yet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import LossError, Records


class Feed:
    """Records published since the last look.

    Parameters
    ----------
    log : Log
    only : int, optional
        Executions of this participant.
    """

    __slots__ = ("_log", "_next", "_only")

    def __init__(self, log: Log, only: int | None = None) -> None:
        self._log = log
        self._next = log.end
        self._only = only

    def take(self) -> Records:
        """What was published since the last call, in order.

        Raises
        ------
        LossError
            Nobody looked for so long that records were dropped (``Exchange(unread=...)``); the next call goes on with what is left.
        """
        self._log.fill()
        dropped = self._log.begin - self._next
        if dropped > 0:
            self._next = self._log.begin
            raise LossError(f"{dropped:,} records were published and dropped unread; take them more often, or raise `unread`")
        records = self._log.since(self._next)
        self._next = self._log.end
        self._log.forget()
        if self._only is None:
            return records
        mine: NDArray[np.void] = records[records["participant_id"] == self._only]
        return mine


class Log:
    """Chunks of records with the feeds that read them.

    Parameters
    ----------
    dtype : numpy.dtype
    fill : callable
        Makes the exchange hand over what it still holds.
    most : int
        Records kept for feeds that do not look.
    """

    __slots__ = ("_chunks", "_dtype", "_most", "begin", "end", "feeds", "fill")

    def __init__(self, dtype: np.dtype[np.void], fill: Callable[[], None], most: int) -> None:
        self._dtype = dtype
        self._chunks: list[Records] = []
        self._most = most
        self.begin = self.end = 0
        self.feeds: list[Feed] = []
        self.fill = fill

    def feed(self, only: int | None = None) -> Feed:
        """A new feed of what comes from now on; `only`: of one participant."""
        self.fill()
        made = Feed(self, only)
        self.feeds.append(made)
        return made

    def put(self, records: Records) -> None:
        """Append records; the oldest go where more than the limit wait."""
        if len(records):
            self._chunks.append(records)
            self.end += len(records)
        while self.end - self.begin > self._most and len(self._chunks) > 1:
            self.begin += len(self._chunks.pop(0))

    def since(self, number: int) -> Records:
        """The records from a running number on."""
        wanted: list[Records] = []
        start = self.end
        for chunk in reversed(self._chunks):
            if start <= number:
                break
            start -= len(chunk)
            wanted.append(chunk[max(number - start, 0) :])
        if len(wanted) == 1:
            return wanted[0]
        return np.concatenate(wanted[::-1]) if wanted else np.zeros(0, self._dtype)

    def forget(self) -> None:
        """Drop what all feeds have read."""
        if all(feed._next == self.end for feed in self.feeds):
            self._chunks = []
            self.begin = self.end
