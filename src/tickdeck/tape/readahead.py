"""A stream read ahead, in a thread of its own, into a few rotating buffers.

The decompressor works outside Python's global lock, so it fills the next buffer on one core while the consumer works on this
one. Buffers are reused: memory stays constant and the pages stay warm.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

import numpy as np
from numpy.typing import NDArray

BUFFERS = 4
_STEP = 131_072


@dataclass(slots=True)
class Block:
    """Bytes read ahead.

    Parameters
    ----------
    data : ndarray of uint8
        The whole buffer; the first `margin` bytes are free for what is left of the block before.
    end : int
        ``data[margin:end]`` is filled.
    failure : BaseException or None
        Why nothing follows, to be raised once these bytes are dealt with.
    final : bool
        Nothing follows.
    """

    data: NDArray[np.uint8]
    end: int
    failure: BaseException | None
    final: bool


class ReadAhead:
    """Blocks of a stream; a block stays valid until the next but one is asked for.

    Parameters
    ----------
    stream : raw stream
        Closed by :meth:`close`.
    size : int
        Bytes of a block.
    margin : int
        Free bytes before each block.
    threaded : bool
        False reads when asked: for streams that may wait for ever, such as a terminal.
    """

    def __init__(self, stream: io.RawIOBase, size: int, margin: int, *, threaded: bool = True) -> None:
        self._stream = stream
        self._size = size
        self._margin = margin
        self._free: SimpleQueue[NDArray[np.uint8] | None] = SimpleQueue()
        self._full: SimpleQueue[Block] = SimpleQueue()
        self._stopping = False
        self._thread = Thread(target=self._run, name="tickdeck-readahead", daemon=True) if threaded else None

    def _fill(self, data: NDArray[np.uint8]) -> Block:
        view = data.data
        end, total = self._margin, len(data)
        failure: BaseException | None = None
        count: int | None = 1
        while end < total and not self._stopping:
            try:
                count = self._stream.readinto(view[end : min(end + _STEP, total)])
            except BaseException as error:
                failure = error
                count = 0
            if not count:
                break
            end += count
        return Block(data, end, failure, not count)

    def _run(self) -> None:
        while (data := self._free.get()) is not None:
            block = self._fill(data)
            self._full.put(block)
            if block.final:
                return

    def __iter__(self) -> Iterator[Block]:
        held: deque[NDArray[np.uint8]] = deque()
        for _ in range(BUFFERS):
            self._free.put(np.empty(self._margin + self._size, np.uint8))
        if self._thread is not None:
            self._thread.start()
        while True:
            if self._thread is not None:
                block = self._full.get()
            else:
                data = self._free.get()
                assert data is not None
                block = self._fill(data)
            yield block
            if block.final:
                return
            held.append(block.data)
            if len(held) == 2:
                self._free.put(held.popleft())

    def close(self) -> None:
        """Stop the thread and close the stream."""
        self._stopping = True
        if self._thread is not None and self._thread.is_alive():
            self._free.put(None)
            self._thread.join()
        self._stream.close()
