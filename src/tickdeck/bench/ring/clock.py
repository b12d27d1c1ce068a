"""The monotonic clock, read by compiled loops that measure. Kernels of the product read no clock.

``read_clock(function, buffer)``: ns of the clock that ``time.perf_counter_ns`` reads. ``clock_function()``: in Python, the address of the
system's function, to be handed to the kernel; `buffer` is the address of 16 bytes for it to write to.
"""

import ctypes
import time

from tickdeck.core.kernel import INTERPRETED


def clock_function() -> int:
    """Address of ``clock_gettime``."""
    return ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p).value or 0


if INTERPRETED:

    def read_clock(function, buffer):
        return time.perf_counter_ns()

else:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    _INT, _WORD = ir.IntType(32), ir.IntType(64)

    @intrinsic
    def read_clock(typingctx, function, buffer):
        def codegen(context, builder, signature, args):
            place = builder.inttoptr(args[1], _WORD.as_pointer())
            called = builder.inttoptr(args[0], ir.FunctionType(_INT, [_INT, _WORD.as_pointer()]).as_pointer())
            builder.call(called, [ir.Constant(_INT, time.CLOCK_MONOTONIC), place])
            seconds = builder.load(place)
            part = builder.load(builder.gep(place, [ir.Constant(_WORD, 1)]))
            return builder.add(builder.mul(seconds, ir.Constant(_WORD, 1_000_000_000)), part)

        return types.int64(types.uint64, types.uint64), codegen
