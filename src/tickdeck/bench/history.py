"""The history of runs: a file to which each run adds one line, and its trend."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tickdeck.bench.result import Run
from tickdeck.core import UsageError


class Point(msgspec.Struct):
    """One case of one run."""

    rate: float
    unit: str
    ratios: dict[str, tuple[float, float, float]] = {}
    """Reference -> median, low, high."""
    p99_ns: int = 0


class Line(msgspec.Struct):
    """One run."""

    started: str
    revision: str
    cpu: str
    quick: bool
    cases: dict[str, Point]


def append(run: Run, path: str | Path) -> None:
    """Add a run to the history; lines that are there are never touched, a torn last line is ended first."""
    target = Path(path)
    line = msgspec.json.encode(_line(run)) + b"\n"
    with target.open("ab+") as file:
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)


def _line(run: Run) -> Line:
    cases = {}
    for case in run.cases:
        if case.ours.missing:
            continue
        ratios = {ratio.of: (ratio.median, ratio.low, ratio.high) for ratio in case.ratios}
        cases[case.name] = Point(case.ours.rate, case.unit, ratios, case.ours.latencies_ns.get("p99", 0))
    return Line(run.started, run.machine.revision, run.machine.cpu, run.quick, cases)


def read(path: str | Path) -> list[Line]:
    """The runs of a history, oldest first; lines that are torn are left out.

    Raises
    ------
    UsageError
        No line is a run.
    """
    lines: list[Line] = []
    rows = [row for row in Path(path).read_bytes().splitlines() if row.strip()]
    for row in rows:
        try:
            lines.append(msgspec.json.decode(row, type=Line))
        except (msgspec.DecodeError, msgspec.ValidationError):
            continue
    if rows and not lines:
        raise UsageError(f"{path}: is not a history of tickdeck bench --history")
    return lines
