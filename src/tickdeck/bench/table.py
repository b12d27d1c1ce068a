"""The result as a table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tickdeck.bench.compare import Comparison
from tickdeck.bench.harness import amount, duration
from tickdeck.bench.result import CaseResult, Measured, Run, Verdict

LEFT = ("case", "checksum", "must and aim")
COLUMNS = ("case", "rate", "spread", "worst", "ours/theirs", "peak", "checksum", "must and aim")
PIPED_WIDTH = 150
"""Columns of a table that goes to a file or a pipe."""


def wide_console() -> Console:
    """Standard output; a pipe is not cut to 80 columns."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)


def print_run(run: Run, console: Console) -> None:
    """The table, what could not run, and the slowest replay."""
    table = Table(title=f"tickdeck bench on {run.machine.cpu}, {run.machine.cores} cores", title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in LEFT else "right")
    for case in run.cases:
        table.add_row(Text(case.name, "bold"), *[""] * 6, Text("\n").join(_verdict(verdict) for verdict in case.verdicts))
        for measured in case.measured:
            table.add_row(*_row(case, measured))
        table.add_section()
    console.print(table)
    for line in notes(run):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def notes(run: Run) -> list[str]:
    """What the table cannot show, a line each."""
    lines = [
        f"{case.name}: {measured.name} did not run: {measured.missing}"
        for case in run.cases
        for measured in case.measured
        if measured.missing
    ]
    for case in run.cases:
        if case.differing:
            lines.append(f"{case.name}: DIFFERENT RESULTS: the checksum of {', '.join(case.differing)} is not ours")
        lines += [f"{case.name}: could not check {verdict.text}" for verdict in case.verdicts if not verdict.checked]
        disturbed = sum(item.disturbed for item in case.measured)
        if disturbed:
            lines.append(f"{case.name}: {disturbed} passes lost their core to others; they count with their processor time")
    for case in run.cases:
        lines += [
            f"{case.name}: {measured.name}: " + ", ".join(f"{name} {value:,.4g}" for name, value in measured.details.items())
            for measured in case.measured
            if measured.details
        ]
    replays = [case for case in run.cases if case.unit == "events" and case.ours.rate]
    if len(replays) > 1:
        slowest = min(replays, key=lambda case: case.ours.rate)
        lines.append(f"slowest: {slowest.name} with {amount(slowest.ours.rate)} events/s")
    missed = [case.name for case in run.cases if case.failed]
    if missed:
        lines.append(f"missed: {', '.join(missed)}")
    return lines


def _row(case: CaseResult, measured: Measured) -> list[str | Text]:
    name = f"  {measured.name}"
    if measured.missing:
        return [name, "not available", *[""] * 6]
    ratio = next((ratio for ratio in case.ratios if ratio.of == measured.name), None)
    compared = "" if ratio is None or not measured.checksum else ("differs" if measured.name in case.differing else "equal")
    return [
        name,
        _rate(case, measured),
        f"{measured.spread:.1%}",
        _worst(case, measured),
        f"{ratio.median:.2f}x ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else "",
        f"{measured.peak_bytes / 1e6:,.0f} MB" if measured.peak_bytes else "",
        compared,
        "",
    ]


def _rate(case: CaseResult, measured: Measured) -> str:
    if measured.latencies_ns:
        return "\n".join(f"{name} {duration(measured.latencies_ns[name])}" for name in ("p50", "p99", "p99.9"))
    if case.unit == "starts":
        return f"{1 / measured.rate:.3f} s" if measured.rate else ""
    return f"{amount(measured.rate)} {case.unit}/s"


def _worst(case: CaseResult, measured: Measured) -> str:
    if measured.latencies_ns:
        served = measured.service_ns or measured.latencies_ns
        return f"max {duration(measured.latencies_ns['max'])}\nin call p99 {duration(served['p99'])}"
    if case.unit == "starts":
        return f"{1 / measured.worst:.3f} s" if measured.worst else ""
    return amount(measured.worst)


def _verdict(verdict: Verdict) -> Text:
    mark = ("ok" if verdict.met else "MISSED" if verdict.level == "must" else "not yet") if verdict.checked else "not checked"
    style = "green" if verdict.met else "red" if verdict.level == "must" else "yellow"
    return Text(f"{verdict.level} {verdict.text}: {mark}", style)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """The changes against an earlier run."""
    table = Table(title="change of ours/theirs against the earlier run", title_justify="left")
    for name in ("case", "against", "change", "95% interval", ""):
        table.add_column(name)
    for change in comparison.changes:
        mark = Text("REGRESSED", "red") if change.regressed else Text("")
        table.add_row(
            change.case, change.of, f"{change.median - 1:+.1%}", f"{change.low - 1:+.1%} to {change.high - 1:+.1%}", mark
        )
    if comparison.changes:
        console.print(table)
    for line in comparison.skipped:
        console.print(f"not compared: {line}", highlight=False, markup=False, soft_wrap=True)
    if not comparison.changes:
        console.print("nothing to compare", highlight=False)
