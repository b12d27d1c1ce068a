"""What a measurement ran on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import msgspec

from tickdeck.bench.case import NotAvailableError
from tickdeck.bench.native import compiler_version

PACKAGES = (
    "tickdeck",
    "numpy",
    "numba",
    "llvmlite",
    "polars",
    "pyarrow",
    "zstandard",
    "hftbacktest",
    "nautilus-trader",
    "sortedcontainers",
)


class Machine(msgspec.Struct, frozen=True):
    """Hardware and software of a run."""

    cpu: str
    cores: int
    governor: str
    memory_bytes: int
    system: str
    python: str
    packages: dict[str, str]
    compiler: str
    revision: str
    """Git revision of the checkout, with ``+`` when files differ from it; empty outside one."""


def describe() -> Machine:
    """This machine."""
    try:
        compiler = compiler_version()
    except NotAvailableError:
        compiler = "none"
    return Machine(
        cpu=cpu_model(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        governor=_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "unknown",
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=sys.version.split()[0],
        packages={name: version for name in PACKAGES if (version := _version(name))},
        compiler=compiler,
        revision=revision(),
    )


def cpu_model() -> str:
    """Model name of the processor."""
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def revision() -> str:
    """Short git revision of the checkout that the package is in."""
    here = Path(__file__).resolve().parent
    done = (
        subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"], cwd=here, capture_output=True, text=True, check=False
        )
        if _has_git()
        else None
    )
    return done.stdout.strip() if done and done.returncode == 0 else ""


def _has_git() -> bool:
    import shutil

    return shutil.which("git") is not None


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
