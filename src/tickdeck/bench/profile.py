"""Flame graphs that see inside compiled kernels: perf samples, resolved through everything that was inlined."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from tickdeck.bench.case import Case
from tickdeck.bench.profiled import LoadedKernel
from tickdeck.core import TickdeckError
from tickdeck.core.kernel import cache_root

Stack = tuple[str, ...]
"""Frames from the outermost in."""

TOOLS = {"perf": "linux-perf", "addr2line": "binutils", "objdump": "binutils"}
SHOWN = 12


def profile_cases(cases: list[Case], output: Path, console: Console, quick: bool) -> int:
    """Profile our side of each case and write one HTML file of flame graphs; 0.

    Raises
    ------
    TickdeckError
        perf or binutils is missing, or perf may not record.
    """
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise TickdeckError(f"--profile needs {tool}, which is not installed (Debian: apt install {package})")
    figures = []
    for case in cases:
        console.print(f"{case.name}: compiling with line tables, then sampling", highlight=False)
        stacks = sample(case.name, quick)
        figures.append((case.name, stacks))
        total = sum(stacks.values())
        own = Counter[str]()
        for stack, count in stacks.items():
            own[stack[-1]] += count
        for name, count in own.most_common(SHOWN):
            console.print(f"  {count / total:6.1%}  {name}", highlight=False, markup=False)
    _write(figures, output)
    console.print(f"flame graphs: {output}", highlight=False, markup=False)
    return 0


def sample(name: str, quick: bool) -> Counter[Stack]:
    """Run a case in a process of its own under perf; how often each stack was seen."""
    folder = Path(tempfile.mkdtemp(prefix="tickdeck-profile-"))
    try:
        environment = {**os.environ, "TICKDECK_CACHE_DIR": str(cache_root() / "profiled")}
        command = [sys.executable, "-m", "tickdeck.bench.profiled", name, str(folder), *(["--quick"] if quick else [])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TickdeckError(f"the profiled run of {name} failed: {(done.stderr.splitlines() or ['no message'])[-1]}")
        return _read_samples(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read_samples(folder: Path) -> Counter[Stack]:
    data = folder / "perf.data"
    done = subprocess.run(
        ["perf", "script", "-i", str(data), "-F", "ip,sym,dso"], capture_output=True, text=True, errors="replace", check=False
    )
    rows = [line.split(None, 1) for line in done.stdout.splitlines() if line.strip()]
    if not rows:
        reason = (folder / "perf.err").read_text(errors="replace").strip().splitlines() or ["no samples"]
        raise TickdeckError(f"perf could not record ({reason[0]}); try sysctl kernel.perf_event_paranoid=1")
    kernels = [Code(kernel) for kernel in msgspec.json.decode((folder / "kernels.json").read_bytes(), type=list[LoadedKernel])]
    inside: dict[Code, Counter[int]] = {kernel: Counter() for kernel in kernels}
    stacks: Counter[Stack] = Counter()
    for row in rows:
        address = int(row[0], 16)
        kernel = next((kernel for kernel in kernels if kernel.start <= address < kernel.end), None)
        if kernel is not None:
            inside[kernel][address - kernel.start] += 1
        else:
            stacks[_outside(row[1] if len(row) > 1 else "")] += 1
    for kernel, offsets in inside.items():
        for offset, stack in zip(offsets, kernel.stacks(offsets)):
            stacks[stack] += offsets[offset]
    return stacks


def _outside(text: str) -> Stack:
    """Frames of a sample that is in no kernel: the library, then the symbol."""
    symbol, _, library = text.rpartition("(")
    library = Path(library.rstrip(")")).name or "unknown"
    return ("outside kernels", library, symbol.strip() or "unknown")


class Code:
    """The machine code of one kernel: where it lies and what its addresses mean.

    Parameters
    ----------
    kernel : LoadedKernel
    """

    def __init__(self, kernel: LoadedKernel) -> None:
        self.kernel = kernel
        symbols = _run("objdump", "-t", kernel.object_file)
        row = next(line.split() for line in symbols if line.endswith(kernel.symbol))
        self.section = next(word for word in row if word.startswith("."))
        header = next(line.split() for line in _run("objdump", "-h", kernel.object_file) if f" {self.section} " in line)
        self.start = kernel.address - int(row[0], 16)
        self.end = self.start + int(header[2], 16)

    def stacks(self, offsets: Iterable[int]) -> list[Stack]:
        """The functions inlined at each offset, outermost first, the line last."""
        wanted = [f"{offset:#x}" for offset in offsets]
        if not wanted:
            return []
        lines = _run("addr2line", "-a", "-i", "-j", self.section, "-e", self.kernel.object_file, *wanted)
        found: list[list[str]] = []
        for line in lines:
            if line.startswith("0x"):
                found.append([])
            elif found:
                found[-1].append(line)
        return [self._frames(places) for places in found]

    def _frames(self, places: list[str]) -> Stack:
        """Innermost first `places` (``file:line``) as frames."""
        frames = []
        line = ""
        for place in reversed(places):
            path, _, number = place.partition(":")
            number = number.split()[0] if number else "?"
            if not number.isdigit():
                continue
            frames.append(function_at(path, int(number)))
            line = f"{frames[-1]} line {number}"
        return (*(frames or [self.kernel.name]), line) if line else (self.kernel.name,)


def _run(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


@cache
def _functions(path: str) -> list[tuple[int, int, str]]:
    """First line, last line and name of every function of a Python file."""
    try:
        tree = ast.parse(Path(path).read_text())
    except (OSError, SyntaxError):
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(node.lineno, node.end_lineno or node.lineno, node.name) for node in ast.walk(tree) if isinstance(node, kinds)]


def function_at(path: str, line: int) -> str:
    """Name of the innermost function around a line, with its file's."""
    around = [(last - first, name) for first, last, name in _functions(path) if first <= line <= last]
    name = min(around)[1] if around else "module"
    return f"{Path(path).stem}.{name}"


def _write(figures: list[tuple[str, Counter[Stack]]], output: Path) -> None:
    parts = []
    for number, (name, stacks) in enumerate(figures):
        figure = flame_graph(stacks, name)
        parts.append(figure.to_html(full_html=False, include_plotlyjs="inline" if number == 0 else False))
    partial = output.with_name(f".{output.name}.partial")
    partial.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>tickdeck bench --profile</title></head><body>'
        + "".join(parts)
        + "</body></html>",
        encoding="utf-8",
    )
    partial.replace(output)


def flame_graph(stacks: Counter[Stack], title: str) -> Any:
    """A plotly icicle: a click on a frame zooms into it."""
    import plotly.graph_objects as go

    sizes: Counter[Stack] = Counter()
    for stack, count in stacks.items():
        for depth in range(len(stack) + 1):
            sizes[stack[:depth]] += count
    total = sizes[()]
    nodes = list(sizes)
    figure = go.Figure(
        go.Icicle(
            ids=["/".join(node) or title for node in nodes],
            labels=[node[-1] if node else f"{title}: {total:,} samples" for node in nodes],
            parents=["" if not node else ("/".join(node[:-1]) or title) for node in nodes],
            values=[sizes[node] for node in nodes],
            branchvalues="total",
            tiling={"orientation": "v"},
            hovertemplate="%{label}<br>%{percentRoot:.1%} of all samples<extra></extra>",
        )
    )
    figure.update_layout(title=title, height=720, margin={"l": 10, "r": 10, "b": 10})
    return figure
