"""The process that is profiled: ``python -m tickdeck.bench.profiled CASE FOLDER [--quick]``.

Kernels are compiled with line tables (and cached apart from the others), which costs them no speed and lets an address be traced
through all the functions that were inlined into a kernel. The process runs the case once to load them, starts ``perf record``
on itself, runs the case for a few seconds, and writes down where its kernels lie in memory.

Numba has no public way to get line tables without debugging variables, bounds checks and disabled optimisations; so three
of its internals are replaced here, in this process only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

SECONDS = 4.0
HERTZ = 4999


class LoadedKernel(msgspec.Struct):
    """A compiled kernel in the memory of the profiled process."""

    name: str
    symbol: str
    address: int
    object_file: str


def emit_line_tables() -> None:
    """Make Numba emit line tables and keep the machine code of every kernel."""
    from numba.core import codegen, cpu, debuginfo

    options: Any = cpu.CPUTargetOptions
    builder: Any = debuginfo.DIBuilder
    library: Any = codegen.CPUCodeLibrary
    finalize, initialize, set_object = options.finalize, builder.initialize, library._set_compiled_object

    def with_lines(self: Any, flags: Any, given: Any) -> None:
        finalize(self, flags, given)
        flags.debuginfo = flags.dbg_directives_only = True
        flags.dbg_extend_lifetimes = flags.boundscheck = False

    def line_tables_only(self: Any) -> None:
        self.emission_kind = "LineTablesOnly"
        initialize(self)

    def keep_object(self: Any, value: bytes) -> None:
        self.kept_object = value
        set_object(self, value)

    options.finalize = with_lines
    builder.initialize = line_tables_only
    builder.mark_variable = lambda self, *args, **named: None
    library._set_compiled_object = keep_object


def loaded_kernels(folder: Path) -> list[LoadedKernel]:
    """Every kernel of tickdeck that has been compiled or loaded, its machine code written to `folder`."""
    from numba.core.dispatcher import Dispatcher

    found: dict[int, LoadedKernel] = {}
    for module in [module for name, module in sys.modules.items() if name.startswith("tickdeck.")]:
        for value in vars(module).values():
            for overload in value.overloads.values() if isinstance(value, Dispatcher) else ():
                library, symbol = overload.library, overload.fndesc.llvm_func_name
                try:
                    code = getattr(library, "kept_object", None) or library._get_compiled_object()
                except (RuntimeError, ValueError):
                    continue
                address = library.get_pointer_to_function(symbol)
                path = folder / f"{len(found)}.o"
                if address and address not in found:
                    path.write_bytes(code)
                    found[address] = LoadedKernel(value.__name__, symbol, address, str(path))
    return list(found.values())


def main() -> None:
    """Run the case under perf."""
    emit_line_tables()
    from tickdeck.bench.case import Settings
    from tickdeck.bench.harness import prepared
    from tickdeck.bench.run import select

    name, folder = sys.argv[1], Path(sys.argv[2])
    case = select([name.split(".")[0]], [name], Settings(quick="--quick" in sys.argv))[0]
    with prepared(case.contenders[0], case.make_input()) as run:
        run()
        run()
        recorder = subprocess.Popen(
            [
                "perf",
                "record",
                "-q",
                "-e",
                "cpu-clock",
                "-F",
                str(HERTZ),
                "-o",
                str(folder / "perf.data"),
                "-p",
                str(os.getpid()),
            ],
            stdout=subprocess.DEVNULL,
            stderr=(folder / "perf.err").open("wb"),
        )
        time.sleep(0.5)
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            run()
        recorder.send_signal(signal.SIGINT)
        recorder.wait()
        (folder / "kernels.json").write_bytes(msgspec.json.encode(loaded_kernels(folder)))


if __name__ == "__main__":
    main()
