"""CPU instructions and raw views for kernels, each with a Python body for interpreted runs.

``count_leading_zeros(x)``, ``count_trailing_zeros(x)``: of a non-zero uint64.
``multiply_high(a, b)``: the upper word of the 128-bit product of two uint64.
``prefetch(array, index)``: ask for the cache line of ``array[index]``; changes nothing.
``load_word(array, index)``: the 8 bytes of a uint8 array from `index` on as a little-endian uint64; they need no alignment, and
the caller makes sure that they lie in the array.
``array_at(address, length, dtype)``: a one-dimensional array over memory that somebody else owns and keeps alive.
``views(kind, dtypes)``: makes a function from the address of a handle (a uint64 array: address and length of each array) to the named
tuple ``kind``: that address, then the arrays. One word is cheap to pass, to a kernel from Python and between kernels.
``pointers(kind, dtypes)``: the same without lengths (arrays all the same where bounds are checked, and in Python): compiles in half the
time, for an array is seven values to the compiler and a pointer one.
``address_of(array)``: in Python only, the address of an array's first byte.
``record_address(array)``: the same of a contiguous array that is not empty, in a third of the time: code of its own for each dtype.
"""

import ctypes
import operator
from typing import Any

import numpy as np

from tickdeck.core.kernel import INTERPRETED, kernel, with_attributes

if INTERPRETED:

    def address_of(array: Any) -> int:
        """Address of the first byte of `array`, for handles."""
        return array.__array_interface__["data"][0]

    record_address = address_of

    def count_leading_zeros(x):
        return np.uint64(64 - int(x).bit_length())

    def count_trailing_zeros(x):
        x = int(x)
        return np.uint64((x & -x).bit_length() - 1)

    def population_count(x):
        return np.uint64(int(x).bit_count())

    def multiply_high(a, b):
        return np.uint64((int(a) * int(b)) >> 64)

    def prefetch(array, index):
        return None

    def load_word(array, index):
        return np.uint64(int.from_bytes(array[index : index + 8].tobytes(), "little"))

    def array_at(address, length, dtype):
        length = int(length)
        if length == 0:
            return with_attributes(np.zeros(0, dtype)) if np.dtype(dtype).names else np.zeros(0, dtype)
        dtype = np.dtype(dtype)
        memory = (ctypes.c_uint8 * (length * dtype.itemsize)).from_address(int(address))
        array = np.frombuffer(memory, dtype)
        return with_attributes(array) if dtype.names else array

    def views(kind, dtypes):
        def unpack(at):
            words = array_at(at, 2 * len(dtypes), np.uint64)
            return kind(at, *(array_at(words[2 * i], words[2 * i + 1], dtype) for i, dtype in enumerate(dtypes)))

        return unpack

    pointers = views

else:
    import llvmlite
    import numba
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.core.datamodel.models import PointerModel
    from numba.core.typing.npydecl import parse_dtype
    from numba.extending import intrinsic, lower_builtin, register_model
    from numba.np.arrayobj import make_array, populate_array
    from numba.np.numpy_support import from_dtype

    _OPAQUE_POINTERS = tuple(map(int, llvmlite.__version__.split(".")[:2])) >= (0, 44)

    def _bit_count(name):
        def typing(typingctx, x):
            def codegen(context, builder, signature, args):
                if name == "ctpop":
                    return builder.ctpop(args[0])
                return getattr(builder, name)(args[0], ir.Constant(ir.IntType(1), 1))

            return types.uint64(types.uint64), codegen

        return intrinsic(typing)

    count_leading_zeros = _bit_count("ctlz")
    count_trailing_zeros = _bit_count("cttz")
    population_count = _bit_count("ctpop")

    @intrinsic
    def multiply_high(typingctx, a, b):
        def codegen(context, builder, signature, args):
            wide = ir.IntType(128)
            product = builder.mul(*(builder.zext(arg, wide) for arg in args))
            return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

        return types.uint64(types.uint64, types.uint64), codegen

    def _data(context, builder, kind, value):
        """Pointer to the first entry of an array or of a pool."""
        return value if isinstance(kind, types.CPointer) else make_array(kind)(context, builder, value).data

    @intrinsic
    def prefetch(typingctx, array, index):
        def codegen(context, builder, signature, args):
            pointer = builder.gep(_data(context, builder, signature.args[0], args[0]), [args[1]])
            byte = ir.IntType(8).as_pointer()
            word = ir.IntType(32)
            declared = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.VoidType(), [byte, word, word, word]),
                "llvm.prefetch.p0" if _OPAQUE_POINTERS else "llvm.prefetch.p0i8",
            )
            read, keep, data_cache = ir.Constant(word, 0), ir.Constant(word, 3), ir.Constant(word, 1)
            builder.call(declared, [builder.bitcast(pointer, byte), read, keep, data_cache])
            return context.get_dummy_value()

        return types.none(array, types.uint64), codegen

    @intrinsic
    def load_word(typingctx, array, index):
        def codegen(context, builder, signature, args):
            data = make_array(signature.args[0])(context, builder, args[0]).data
            pointer = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(64).as_pointer())
            return builder.load(pointer, align=1)

        return types.uint64(array, types.intp), codegen

    def _view(context, builder, array_type, address, length):
        made = make_array(array_type)(context, builder)
        word = context.get_value_type(types.intp)
        size = ir.Constant(word, context.get_abi_sizeof(context.get_data_type(array_type.dtype)))
        populate_array(
            made,
            data=builder.inttoptr(address, made.data.type),
            shape=[length],
            strides=[size],
            itemsize=size,
            meminfo=None,
        )
        return made._getvalue()

    @intrinsic
    def array_at(typingctx, address, length, dtype):
        array_type = types.Array(parse_dtype(dtype), 1, "C")

        def codegen(context, builder, signature, args):
            return _view(context, builder, array_type, args[0], args[1])

        return array_type(types.uint64, types.uint64, dtype), codegen

    class PoolPointer(types.CPointer):
        """Pointer to the first entry of a pool; Numba's own cannot point to records."""

        def __init__(self, dtype):
            super().__init__(dtype)
            self.name = f"PoolPointer({dtype})"

    register_model(PoolPointer)(PointerModel)

    def _entry(context, builder, kind, pool, index):
        return builder.gep(pool, [index]), kind.dtype

    @lower_builtin(operator.getitem, PoolPointer, types.Integer)
    def _get_entry(context, builder, signature, args):
        pointer, dtype = _entry(context, builder, signature.args[0], *args)
        return context.unpack_value(builder, dtype, pointer)

    @lower_builtin(operator.setitem, PoolPointer, types.Integer, types.Any)
    def _set_entry(context, builder, signature, args):
        pointer, dtype = _entry(context, builder, signature.args[0], *args[:2])
        context.pack_value(builder, dtype, args[2], pointer)
        return context.get_dummy_value()

    def _unpacker(kind, dtypes, bare):
        entries = [from_dtype(np.dtype(dtype)) for dtype in dtypes]
        view_types = [PoolPointer(entry) if bare else types.Array(entry, 1, "C") for entry in entries]

        def typing(typingctx, at):
            result = types.NamedTuple([types.uint64, *view_types], kind)

            def codegen(context, builder, signature, args):
                words = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
                made = [args[0]]
                for i, view_type in enumerate(view_types):
                    address, length = (
                        builder.load(builder.gep(words, [ir.Constant(ir.IntType(64), 2 * i + part)])) for part in (0, 1)
                    )
                    if bare:
                        made.append(builder.inttoptr(address, context.get_value_type(view_type)))
                    else:
                        made.append(_view(context, builder, view_type, address, length))
                return context.make_tuple(builder, result, made)

            return result(types.uint64), codegen

        return intrinsic(typing)

    def views(kind, dtypes):
        return _unpacker(kind, dtypes, False)

    def pointers(kind, dtypes):
        return _unpacker(kind, dtypes, not numba.config.BOUNDSCHECK)

    @intrinsic
    def _data_pointer(typingctx, array):
        def codegen(context, builder, signature, args):
            data = make_array(signature.args[0])(context, builder, args[0]).data
            return builder.ptrtoint(data, ir.IntType(64))

        return types.int64(array), codegen

    @kernel(entry=True)
    def record_address(array):
        return _data_pointer(array)

    def address_of(array: Any) -> int:
        """Address of the first byte of a C-contiguous `array`, for handles: 0.5 us, where numpy's own ways take 2 to 4."""
        return record_address(array.reshape(-1).view(np.uint8)) if array.size else 0
