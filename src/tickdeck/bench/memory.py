"""Memory of a case: peak, allocations while it runs hot, growth over repeated passes.

With memray every allocation is seen, also those of compiled code and libraries; without it tracemalloc sees those of Python.
"""

from __future__ import annotations

import gc
import html
import tempfile
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tickdeck.bench.case import Case, NotAvailableError
from tickdeck.bench.harness import Pass, peak_growth, prepared, resident_bytes

DAYS = 10
SHOWN = 10


@dataclass(frozen=True)
class Site:
    """Where memory was allocated."""

    place: str
    count: int
    bytes: int


@dataclass(frozen=True)
class MemoryReport:
    """What was seen of one case."""

    case: str
    tool: str
    peak_bytes: int
    """Resident memory above what the input takes, preparation and first pass."""
    hot_count: int
    """Allocations during one pass when everything is warm."""
    hot_bytes: int
    sites: list[Site]
    """The largest of them."""
    resident: list[int]
    """Resident bytes after each of the repeated passes."""

    @property
    def growth(self) -> float:
        """Bytes a pass, from the second half of the passes."""
        later = self.resident[len(self.resident) // 2 :]
        return (later[-1] - later[0]) / max(len(later) - 1, 1)


def memory_cases(cases: list[Case], output: Path, console: Console) -> int:
    """Measure our side of each case, print a summary and write one HTML report; 0."""
    reports = []
    for case in cases:
        try:
            report = measure(case)
        except NotAvailableError as reason:
            console.print(f"{case.name}: {reason}", highlight=False, markup=False)
            continue
        reports.append(report)
        console.print(
            f"{case.name}: peak {report.peak_bytes / 1e6:,.1f} MB, {report.hot_count:,} allocations ({report.hot_bytes / 1e6:,.2f} MB) "
            f"in a warm pass, growth {report.growth / 1e6:+,.3f} MB a pass over {len(report.resident)} passes ({report.tool})",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        for site in report.sites[:3]:
            console.print(f"  {site.count:,} x, {site.bytes / 1e6:,.2f} MB: {site.place}", highlight=False, markup=False)
    _write(reports, output)
    console.print(f"memory report: {output}", highlight=False, markup=False)
    return 0


def measure(case: Case) -> MemoryReport:
    """Run our side of a case and watch its memory."""
    given = case.make_input()
    kept: list[Any] = []

    def first() -> None:
        context = prepared(case.contenders[0], given)
        kept.append(context)
        kept.append(context.__enter__())
        kept[1]()

    peak = peak_growth(first)
    run: Pass = kept[1]
    try:
        resident = []
        for _ in range(DAYS):
            run()
            gc.collect()
            resident.append(resident_bytes())
        tool, sites = _allocations(run)
    finally:
        kept[0].__exit__(None, None, None)
    sites.sort(key=lambda site: site.bytes, reverse=True)
    return MemoryReport(
        case.name,
        tool,
        peak,
        sum(site.count for site in sites),
        sum(site.bytes for site in sites),
        sites[:SHOWN],
        resident,
    )


def _allocations(run: Pass) -> tuple[str, list[Site]]:
    """Allocations of one pass by place."""
    try:
        import memray
    except ImportError:
        return "tracemalloc; pip install 'tickdeck[bench]' for memray", _traced(run)
    with tempfile.TemporaryDirectory(prefix="tickdeck-memray-") as folder:
        path = Path(folder) / "pass.bin"
        with memray.Tracker(path):
            run()
        found: dict[str, list[int]] = {}
        with memray.FileReader(path) as reader:
            for record in reader.get_allocation_records():
                if record.size == 0 or record.allocator in (memray.AllocatorType.FREE, memray.AllocatorType.MUNMAP):
                    continue
                trace = record.stack_trace(max_stacks=1)
                place = f"{trace[0][1]}:{trace[0][2]} in {trace[0][0]}" if trace else "outside Python"
                count, size = found.setdefault(place, [0, 0])
                found[place] = [count + record.n_allocations, size + record.size]
    return "memray", [Site(place, count, size) for place, (count, size) in found.items()]


def _traced(run: Pass) -> list[Site]:
    """What is still allocated when a pass ends, and its peak; all that tracemalloc can tell."""
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        run()
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    own = (tracemalloc.Filter(False, tracemalloc.__file__),)
    changes = after.filter_traces(own).compare_to(before.filter_traces(own), "lineno")
    return [Site(str(change.traceback), change.count_diff, change.size_diff) for change in changes if change.size_diff > 0]


def _write(reports: list[MemoryReport], output: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure()
    for report in reports:
        figure.add_scatter(y=[value / 1e6 for value in report.resident], name=report.case, mode="lines+markers")
    figure.update_layout(
        title="Resident memory after each repeated pass",
        xaxis_title="pass",
        yaxis_title="MB",
        height=480,
        template="simple_white",
    )
    rows = "".join(
        f"<h2>{html.escape(report.case)}</h2><p>peak {report.peak_bytes / 1e6:,.1f} MB; {report.hot_count:,} allocations of "
        f"{report.hot_bytes / 1e6:,.2f} MB in a warm pass ({html.escape(report.tool)}); "
        f"growth {report.growth / 1e6:+,.3f} MB a pass</p><ul>"
        + "".join(f"<li>{site.count:,} x, {site.bytes / 1e6:,.2f} MB: {html.escape(site.place)}</li>" for site in report.sites)
        + "</ul>"
        for report in reports
    )
    partial = output.with_name(f".{output.name}.partial")
    partial.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>tickdeck bench --memory</title></head><body>'
        f"<h1>Memory</h1>{figure.to_html(full_html=False, include_plotlyjs='inline')}{rows}</body></html>",
        encoding="utf-8",
    )
    partial.replace(output)
