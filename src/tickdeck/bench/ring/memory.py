"""The shared memory of a ring: a file without a name, of which nothing is left however the processes end."""

from __future__ import annotations

import mmap
import os
from typing import Self

import numpy as np

from tickdeck.bench.case import NotAvailableError
from tickdeck.core import COMMAND, Records
from tickdeck.core.intrinsics import address_of

HEADER = 6 * 64
SLOTS = 1 << 16


class RingMemory:
    """Header, ring and all the commands that will be offered.

    Parameters
    ----------
    count : int
        Commands.
    file : int, optional
        Descriptor of a ring that another process has made.

    Raises
    ------
    NotAvailableError
        The system has no files without a name.
    """

    def __init__(self, count: int, file: int | None = None) -> None:
        size = HEADER + (SLOTS + count) * COMMAND.itemsize
        if file is None:
            if not hasattr(os, "memfd_create"):
                raise NotAvailableError("this system has no memfd_create (Linux has) for memory that two processes share")
            file = os.memfd_create("tickdeck-bench")
            os.ftruncate(file, size)
        self.file = file
        self._bytes = np.frombuffer(mmap.mmap(file, size), np.uint8)
        self.words = self._bytes[:HEADER].view(np.uint64)[::8]
        """Written, taken, stop, ready, start."""
        self.commands: Records = self._bytes[HEADER + SLOTS * COMMAND.itemsize :].view(COMMAND)
        self.address = address_of(self._bytes)

    def close(self) -> None:
        """Close the file; the memory goes with the last array that uses it."""
        os.close(self.file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
