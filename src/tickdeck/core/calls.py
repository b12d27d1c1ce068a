"""Calls from a kernel to another room's entry through its address, so that the entry is compiled once and not into every caller.

``entry_address(entry, *arguments)``: in Python, where the compiled code for such arguments (integers and truth values) begins.
``call_entry(address, arguments)``: in a kernel, the result as uint64; `arguments` is a tuple of int64 and booleans. Interpreted, the
address is a number that stands for the entry.
"""

from typing import Any

from tickdeck.core.kernel import INTERPRETED

if INTERPRETED:
    _ENTRIES: list[Any] = []

    def entry_address(entry: Any, *arguments: Any) -> int:
        if entry not in _ENTRIES:
            _ENTRIES.append(entry)
        return _ENTRIES.index(entry) + 1

    def call_entry(address, arguments):
        return _ENTRIES[int(address) - 1](*arguments)

else:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def entry_address(entry: Any, *arguments: Any) -> int:
        kinds = tuple(types.boolean if isinstance(argument, bool) else types.int64 for argument in arguments)
        entry.compile(kinds)
        compiled = entry.overloads[kinds]
        if compiled.signature.return_type != types.uint64:
            raise TypeError(f"{entry.__name__} returns {compiled.signature.return_type}, not uint64")
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)

    @intrinsic
    def call_entry(typingctx, address, arguments):
        kinds = tuple(arguments)

        def codegen(context, builder, signature, args):
            function = context.call_conv.get_function_type(types.uint64, kinds)
            callee = builder.inttoptr(args[0], ir.PointerType(function))
            values = cgutils.unpack_tuple(builder, args[1], len(kinds))
            _, result = context.call_conv.call_function(builder, callee, types.uint64, kinds, values)
            return result

        return types.uint64(types.uint64, arguments), codegen
