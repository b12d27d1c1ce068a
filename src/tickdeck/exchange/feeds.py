"""What an exchange has published and nobody has read yet."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from tickdeck.core import LossError, Records

_FIRST_BLOCK, _LARGEST_BLOCK, _GROWTH = 1 << 8, 1 << 16, 16
"""Records in a block of memory; the largest take 4 MiB and more, which numpy asks large pages for."""
_UNUSED = 2
"""References to a block that no array lies in: the log's, and the one that counts them."""


def joined(parts: list[Records], dtype: np.dtype[np.void]) -> Records:
    """A copy of arrays one after the other. By bytes: numpy copies records field by field, at a twentieth of the speed."""
    whole: Records = np.empty(sum(map(len, parts)), dtype)
    np.concatenate([np.zeros(0, np.uint8), *(part.view(np.uint8) for part in parts)], out=whole.view(np.uint8))
    return whole


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
        mine = np.flatnonzero(records["participant_id"] == self._only)
        return records.view(f"V{records.dtype.itemsize}")[mine].view(records.dtype)


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

    __slots__ = ("_block", "_chunks", "_dtype", "_most", "_used", "begin", "end", "feeds", "fill")

    def __init__(self, dtype: np.dtype[np.void], fill: Callable[[], None], most: int) -> None:
        self._dtype = dtype
        self._block: Records = np.empty(0, dtype)
        self._used = 0
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

    def put(self, records: Records) -> Records:
        """Append a copy of `records`, which is returned; the oldest go where more than the limit wait."""
        kept = self.copied(records)
        self._chunks.append(kept)
        self.end += len(kept)
        while self.end - self.begin > self._most and len(self._chunks) > 1:
            self.begin += len(self._chunks.pop(0))
        return kept

    def copied(self, records: Records) -> Records:
        """A copy in a block of many records: a first touch of fresh memory costs ten times the copy, and least on large pages.

        A block in which nobody has an array any more is used again.
        """
        if not self._chunks and sys.getrefcount(self._block) == _UNUSED:
            self._used = 0
        count = len(records)
        if self._used + count > len(self._block):
            self._block = np.empty(max(count, min(_GROWTH * len(self._block), _LARGEST_BLOCK), _FIRST_BLOCK), self._dtype)
            self._used = 0
        self._used += count
        kept = self._block[self._used - count : self._used]
        kept.view(np.uint8)[:] = records.view(np.uint8)
        return kept

    def since(self, number: int) -> Records:
        """The records from a running number on."""
        wanted: list[Records] = []
        start = self.end
        for chunk in reversed(self._chunks):
            if start <= number:
                break
            start -= len(chunk)
            wanted.append(chunk[max(number - start, 0) :])
        return wanted[0] if len(wanted) == 1 else joined(wanted[::-1], self._dtype)

    def forget(self) -> None:
        """Drop what all feeds have read."""
        if all(feed._next == self.end for feed in self.feeds):
            self._chunks = []
            self.begin = self.end
