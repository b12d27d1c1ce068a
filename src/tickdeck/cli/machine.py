"""Checks of the machine: what is set badly for low latency, and what to do about it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

GIB = 2**30
PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "polars",
    "pyarrow",
    "msgspec",
    "databento-dbn",
    "zstandard",
    "typer",
    "rich",
    "plotly",
    "matplotlib",
)
PRECISE_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter")
FILES_WANTED = 4_096
SLOW_CLOCK_NS = 500
SHARED_MEMORY_WANTED = 256 * 2**20


ADVICE = {
    "virtual": "the host may take the CPU away; measure latency on bare metal",
    "cores": "a strategy and its feed want a core each; give this process at least 2",
    "isolated": "boot with isolcpus=N nohz_full=N and start the process with taskset -c N to keep others off its core",
    "governor hidden": "look at it on the host",
    "governor": "clock speed follows load with a lag: cpupower frequency-set -g performance",
    "load": "others are using the CPU; measurements will be off",
    "clock": "reading the time is a slow call into the kernel: boot with clocksource=tsc tsc=reliable",
    "huge pages": "big books miss the TLB: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    "defrag": "allocations stall while memory is compacted: echo defer+madvise > /sys/kernel/mm/transparent_hugepage/defrag",
    "memory": "free some: a machine short of memory swaps or kills",
    "swap": "a page fetched from disk costs milliseconds: sysctl vm.swappiness=1, or swapoff -a",
    "open files": "a server of 1,000 clients runs out: ulimit -n 65536",
    "no shared memory": "processes cannot share books here",
    "shared memory": "give it 256 MiB or more: docker run --shm-size=1g, or mount -o remount,size=1g /dev/shm",
    "profiling": "perf sees little: sysctl kernel.perf_event_paranoid=1 while profiling",
    "interpreted": "NUMBA_DISABLE_JIT is set: unset it for compiled speed",
    "cold": "the first run compiles for some seconds; tickdeck demo warms it",
    "kernel cache": "the user's cache folder cannot be written: set TICKDECK_CACHE_DIR to one that can",
    "bounds checks": "NUMBA_BOUNDSCHECK=1 slows every kernel: unset it",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Parameters
    ----------
    name : str
    state : str
        "ok", "bad" (costs latency or fails at load) or "note" (worth knowing).
    value : str
        What is set.
    advice : str
        What to do; "" when there is nothing to do.
    """

    name: str
    state: str
    value: str
    advice: str = ""


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _chosen(text: str) -> str:
    """The word in brackets of a kernel setting such as ``always [madvise] never``."""
    found = re.search(r"\[(\S+)\]", text)
    return found[1] if found else text


def _meminfo(root: Path) -> dict[str, int]:
    """Bytes by name."""
    lines = (_read(root / "proc/meminfo") or "").splitlines()
    pairs = (line.split(":") for line in lines if ":" in line)
    return {name: int(rest.split()[0]) * (1024 if rest.endswith("kB") else 1) for name, rest in pairs}


def _cpu(root: Path) -> Iterator[Check]:
    text = _read(root / "proc/cpuinfo") or ""
    model = re.search(r"^(?:model name|Model|CPU part)\s*:\s*(.+)$", text, re.MULTILINE)
    name = model[1] if model else platform.processor() or platform.machine()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Check("cpu", "ok", f"{name}, {usable} of {os.cpu_count()} cores usable")
    if usable < 2:
        yield Check("cores", "bad", "1", ADVICE["cores"])
    if re.search(r"^flags\s*:.*\bhypervisor\b", text, re.MULTILINE):
        yield Check("virtual", "note", "virtual machine", ADVICE["virtual"])
    isolated = _read(root / "sys/devices/system/cpu/isolated")
    if isolated:
        yield Check("isolated", "ok", f"cores {isolated}")
    else:
        yield Check("isolated", "note", "no core", ADVICE["isolated"])


def _governor(root: Path) -> Iterator[Check]:
    files = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    governors = {text for file in files if (text := _read(file))}
    if not governors:
        yield Check("governor", "note", "not visible here", ADVICE["governor hidden"])
    elif governors == {"performance"}:
        yield Check("governor", "ok", "performance")
    else:
        yield Check("governor", "bad", ", ".join(sorted(governors)), ADVICE["governor"])


def _load(root: Path) -> Iterator[Check]:
    text = _read(root / "proc/loadavg")
    if text is None:
        return
    load, cores = float(text.split()[0]), os.cpu_count() or 1
    if load > cores / 2:
        yield Check("load", "bad", f"{load:.1f} on {cores} cores", ADVICE["load"])
    else:
        yield Check("load", "ok", f"{load:.1f} on {cores} cores")


def _clock(root: Path) -> Iterator[Check]:
    source = _read(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")
    begun = time.perf_counter_ns()
    for _ in range(10_000):
        time.monotonic_ns()
    cost = (time.perf_counter_ns() - begun) / 10_000
    value = f"{source or 'source not visible'}, {cost:.0f} ns a reading"
    if source is None:
        yield Check("clock", "note", value)
    elif source in PRECISE_CLOCKS and cost < SLOW_CLOCK_NS:
        yield Check("clock", "ok", value)
    else:
        yield Check("clock", "bad", value, ADVICE["clock"])


def _huge_pages(root: Path) -> Iterator[Check]:
    folder = root / "sys/kernel/mm/transparent_hugepage"
    enabled, defrag = _read(folder / "enabled"), _read(folder / "defrag")
    if enabled is None:
        yield Check("huge pages", "note", "not visible here")
    elif _chosen(enabled) == "never":
        yield Check("huge pages", "bad", "never", ADVICE["huge pages"])
    else:
        yield Check("huge pages", "ok", _chosen(enabled))
    if defrag is not None and _chosen(defrag) == "always":
        yield Check("defrag", "bad", "always", ADVICE["defrag"])


def _memory(root: Path) -> Iterator[Check]:
    memory = _meminfo(root)
    if "MemTotal" in memory:
        free = memory.get("MemAvailable", 0)
        value = f"{free / GIB:.1f} of {memory['MemTotal'] / GIB:.1f} GiB available"
        if free < GIB:
            yield Check("memory", "bad", value, ADVICE["memory"])
        else:
            yield Check("memory", "ok", value)


def _swap(root: Path) -> Iterator[Check]:
    memory = _meminfo(root)
    total = memory.get("SwapTotal", 0)
    used = total - memory.get("SwapFree", 0)
    swappiness = int(_read(root / "proc/sys/vm/swappiness") or 0)
    value = f"{used / GIB:.1f} of {total / GIB:.1f} GiB used, swappiness {swappiness}"
    if not total:
        yield Check("swap", "ok", "none")
    elif used > total // 10 or swappiness > 10:
        yield Check("swap", "bad", value, ADVICE["swap"])
    else:
        yield Check("swap", "ok", value)


def _files(root: Path) -> Iterator[Check]:
    try:
        import resource
    except ImportError:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        yield Check("open files", "ok", "unlimited")
    elif limit < FILES_WANTED:
        yield Check("open files", "bad", f"{limit:,}", ADVICE["open files"])
    else:
        yield Check("open files", "ok", f"{limit:,}")


def _shared_memory(root: Path) -> Iterator[Check]:
    folder = root / "dev/shm"
    if not folder.is_dir():
        yield Check("shared memory", "note", "no /dev/shm", ADVICE["no shared memory"])
        return
    free = shutil.disk_usage(folder).free
    value = f"{free / 2**20:,.0f} MiB free in /dev/shm"
    if free < SHARED_MEMORY_WANTED:
        yield Check("shared memory", "bad", value, ADVICE["shared memory"])
    else:
        yield Check("shared memory", "ok", value)


def _perf(root: Path) -> Iterator[Check]:
    level = _read(root / "proc/sys/kernel/perf_event_paranoid")
    if level is not None and int(level) > 1:
        yield Check("profiling", "note", f"perf_event_paranoid {level}", ADVICE["profiling"])


def _compile_cache(root: Path) -> Iterator[Check]:
    from tickdeck.core.kernel import CACHE_FOLDER, INTERPRETED, cache_root

    if INTERPRETED or CACHE_FOLDER is None:
        yield Check("kernels", "bad", "interpreted", ADVICE["interpreted"])
        return
    folder = Path(CACHE_FOLDER)
    sizes = [file.stat().st_size for file in folder.rglob("*.nbc")]
    if sizes:
        yield Check("kernels", "ok", f"{len(sizes)} compiled, {sum(sizes) / 2**20:.1f} MiB in {folder}")
    else:
        yield Check("kernels", "note", f"none compiled yet in {folder}", ADVICE["cold"])
    if not folder.is_relative_to(cache_root()):
        yield Check("kernel cache", "bad", str(folder), ADVICE["kernel cache"])
    if os.environ.get("NUMBA_BOUNDSCHECK") == "1":
        yield Check("bounds checks", "bad", "on", ADVICE["bounds checks"])


def _versions(root: Path) -> Iterator[Check]:
    yield Check("python", "ok", f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})")
    for name in PACKAGES:
        try:
            yield Check(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Check(name, "bad", "missing", f"pip install {name}")


CHECKS = (
    _cpu,
    _governor,
    _load,
    _clock,
    _huge_pages,
    _memory,
    _swap,
    _files,
    _shared_memory,
    _perf,
    _compile_cache,
    _versions,
)


def examine(root: Path = Path("/")) -> list[Check]:
    """All checks.

    Parameters
    ----------
    root : Path
        Where /proc, /sys and /dev stand.
    """
    return [found for check in CHECKS for found in check(root)]
