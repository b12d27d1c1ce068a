"""Native references: C++ compiled on this machine when a benchmark runs, driven through ctypes in the same process."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tickdeck.bench.case import NotAvailableError
from tickdeck.core.kernel import cache_root
from tickdeck.core.records import EVENT, Records

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-std=c++17")
COUNTS = (
    "unknown_cancel",
    "unknown_modify",
    "duplicate_add",
    "overfilled",
    "off_tick",
    "crossed",
    "live_orders",
    "most_orders",
)


def source(name: str) -> Path:
    """The C++ source of a native reference, in ``benchmarks/native`` of the checkout.

    Raises
    ------
    NotAvailableError
        This is no checkout.
    """
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "native" / name
    if not path.exists():
        raise NotAvailableError(f"the source {name} of the native reference is not installed; run from a checkout")
    return path


@cache
def compiler() -> str:
    """The C++ compiler: ``CXX``, g++ or clang++."""
    for name in (os.environ.get("CXX"), "g++", "clang++"):
        if name and (found := shutil.which(name)):
            return found
    raise NotAvailableError("no C++ compiler found; install g++ (Debian: apt install g++) for the native reference")


@cache
def compiler_version() -> str:
    """First line of the compiler's version text."""
    text = subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=False).stdout
    return text.splitlines()[0] if text else compiler()


@cache
def build(name: str) -> Path:
    """The shared library of ``name``, compiled unless it is in the cache.

    Raises
    ------
    NotAvailableError
        No compiler, no source, or it does not compile.
    """
    path = source(name)
    command = [compiler(), *FLAGS, "-shared", "-fPIC"]
    digest = hashlib.sha256(path.read_bytes())
    for part in (*command, compiler_version(), _cpu_flags()):
        digest.update(part.encode())
    library = cache_root() / "native" / f"{path.stem}-{digest.hexdigest()[:16]}.so"
    if library.exists():
        return library
    library.parent.mkdir(parents=True, exist_ok=True)
    partial = library.with_suffix(f".{os.getpid()}.so")
    done = subprocess.run([*command, "-o", str(partial), str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
        raise NotAvailableError(f"{compiler()} could not compile {path.name}: {reason}")
    partial.replace(library)
    return library


def _cpu_flags() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


class NativeLadder:
    """``benchmarks/native/ladder.cpp`` over events in memory.

    Parameters
    ----------
    events : (n,) array of EVENT
        Kept alive for as long as the ladder.
    tick_size : int
        Units of 1e-9.

    Raises
    ------
    NotAvailableError
        It cannot be compiled, or a dense ladder cannot hold these prices.
    """

    def __init__(self, events: Records, tick_size: int) -> None:
        self._market: int | None = None
        if events.dtype != EVENT or not events.flags.c_contiguous:
            raise TypeError("the native reference reads a contiguous array of EVENT records")
        self._library = ctypes.CDLL(str(build("ladder.cpp")))
        self._library.ladder_create.restype = ctypes.c_void_p
        self._events = events
        error = ctypes.create_string_buffer(200)
        self._market = self._library.ladder_create(
            _pointer(events),
            ctypes.c_uint64(len(events)),
            ctypes.c_int64(tick_size),
            error,
            ctypes.c_uint64(len(error)),
        )
        if not self._market:
            raise NotAvailableError(f"the native reference cannot run this input: {error.value.decode()}")

    def reset(self) -> None:
        """Fresh books: needed before each pass."""
        self._library.ladder_reset(ctypes.c_void_p(self._market))

    def replay(self, prefetch: int = 0) -> None:
        """One pass; what should be timed. `prefetch` is a distance in events, 0: none."""
        self._library.ladder_replay(ctypes.c_void_p(self._market), ctypes.c_uint32(prefetch), None)

    def checksum(self) -> int:
        """Fold over the best bid and ask after every event, from a pass of its own."""
        fold = ctypes.c_uint64()
        self.reset()
        self._library.ladder_replay(ctypes.c_void_p(self._market), ctypes.c_uint32(0), ctypes.byref(fold))
        return fold.value

    def counts(self) -> dict[str, int]:
        """Anomalies and order counts of the last pass."""
        values = np.zeros(len(COUNTS), np.uint64)
        self._library.ladder_counts(ctypes.c_void_p(self._market), _pointer(values))
        return dict(zip(COUNTS, map(int, values)))

    def close(self) -> None:
        """Free its memory."""
        if self._market:
            self._library.ladder_destroy(ctypes.c_void_p(self._market))
        self._market = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
