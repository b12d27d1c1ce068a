"""The native reference of the exchange, compiled like that of the books."""

from __future__ import annotations

import ctypes
from typing import Self

import numpy as np

from tickdeck.bench.native import build
from tickdeck.bench.order_flows import TICK, TICKS, Flow
from tickdeck.core import TickdeckError


class NativeExchange:
    """``benchmarks/native/matching.cpp`` over a flow in memory, which lives as long as this does.

    Raises
    ------
    NotAvailableError
        It cannot be compiled.
    """

    def __init__(self, flow: Flow) -> None:
        self._made: int | None = None
        self._library = ctypes.CDLL(str(build("matching.cpp")))
        self._library.matching_create.restype = ctypes.c_void_p
        self._library.matching_rejected.restype = ctypes.c_uint64
        self._commands = np.concatenate([flow.opening, flow.commands])
        self._made = self._library.matching_create(
            ctypes.c_void_p(self._commands.ctypes.data),
            ctypes.c_uint64(len(flow.opening)),
            ctypes.c_uint64(len(self._commands)),
            ctypes.c_int64(TICK),
            ctypes.c_int32(TICKS),
            ctypes.c_uint32(flow.participants),
        )

    def reset(self) -> None:
        """The exchange after the flow's opening: needed before each pass."""
        self._library.matching_reset(ctypes.c_void_p(self._made))

    def run(self, group: int) -> None:
        """One pass in batches of `group`; what should be timed."""
        self._library.matching_run(ctypes.c_void_p(self._made), ctypes.c_uint64(group), None)

    def checksum(self, group: int = 4_096) -> int:
        """``fold_fills`` of the flow's fills, from a pass of its own.

        Raises
        ------
        TickdeckError
            It refused commands: it does not do the flow's work.
        """
        fold = ctypes.c_uint64()
        self.reset()
        self._library.matching_run(ctypes.c_void_p(self._made), ctypes.c_uint64(group), ctypes.byref(fold))
        refused = int(self._library.matching_rejected(ctypes.c_void_p(self._made)))
        if refused:
            raise TickdeckError(f"the native exchange refused {refused} commands of the flow")
        return fold.value

    def close(self) -> None:
        """Free its memory."""
        if self._made:
            self._library.matching_destroy(ctypes.c_void_p(self._made))
        self._made = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
