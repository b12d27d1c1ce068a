"""A stream as blocks for parsing kernels: what a kernel did not consume stands at the head of the next block."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, TickdeckError

BLOCK_BYTES = 1 << 20


class Blocks:
    """Refills one buffer from a stream.

    Parameters
    ----------
    stream : binary file
    path : str
        For messages.
    unit : str
        What must fit in a block, for the message when it does not: "line", "packet".
    size : int
        Bytes of the buffer.

    Attributes
    ----------
    data : ndarray of uint8
        The buffer; ``data[:end]`` is valid.
    end : int
    final : bool
        Nothing follows the buffer.
    offset : int
        Where ``data[0]`` stands in the stream.
    failure : TickdeckError or None
        Why the stream broke off, to be raised once what came before it has been delivered; `final` is then True.
    """

    __slots__ = ("_path", "_stream", "_unit", "data", "end", "failure", "final", "offset")

    def __init__(self, stream: BinaryIO, path: str, unit: str, size: int = BLOCK_BYTES) -> None:
        self._stream = stream
        self._path = path
        self._unit = unit
        self.data: NDArray[np.uint8] = np.zeros(size, np.uint8)
        self.end = 0
        self.final = False
        self.offset = 0
        self.failure: TickdeckError | None = None

    def refill(self, consumed: int) -> None:
        """Drop the first `consumed` bytes and read on.

        Raises
        ------
        FormatError
            The buffer is full and nothing of it was consumed.
        """
        left = self.end - consumed
        if left == len(self.data):
            raise FormatError(
                f"a {self._unit} over {left:,} bytes; the file is damaged or of another format",
                path=self._path,
                offset=self.offset,
            )
        if consumed and left:
            self.data[:left] = self.data[consumed : self.end].copy()
        self.end = left
        self.offset += consumed
        view = self.data.data
        while self.end < len(self.data):
            try:
                count = self._stream.readinto1(view[self.end :])  # type: ignore[attr-defined]
            except TickdeckError as failure:
                self.failure = failure
                count = 0
            if not count:
                self.final = True
                return
            self.end += count
