"""Words that two processes share: loads and stores that the other side sees in order.

``load_acquire(address)``: the uint64 at an address; what the other side wrote before it stored this word is seen after it.
``store_release(address, value)``: store a uint64; what was written before is seen before.
"""

from tickdeck.core.kernel import INTERPRETED

if INTERPRETED:
    import ctypes

    import numpy as np

    def load_acquire(address):
        return np.uint64(ctypes.c_uint64.from_address(int(address)).value)

    def store_release(address, value):
        ctypes.c_uint64.from_address(int(address)).value = int(value)

else:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    _WORD = ir.IntType(64)
    _BYTES = 8

    @intrinsic
    def load_acquire(typingctx, address):
        def codegen(context, builder, signature, args):
            return builder.load_atomic(builder.inttoptr(args[0], _WORD.as_pointer()), "acquire", _BYTES)

        return types.uint64(types.uint64), codegen

    @intrinsic
    def store_release(typingctx, address, value):
        def codegen(context, builder, signature, args):
            builder.store_atomic(args[1], builder.inttoptr(args[0], _WORD.as_pointer()), "release", _BYTES)
            return context.get_dummy_value()

        return types.none(types.uint64, types.uint64), codegen
