"""The result as one HTML file that needs nothing else: tables and plots."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from tickdeck.bench import history
from tickdeck.bench.harness import amount, duration
from tickdeck.bench.result import CaseResult, Run
from tickdeck.bench.table import notes

COLORS = {"ours": "#1f6feb", "native": "#6e7781", "peer": "#bf8700"}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1f2328 }
table { border-collapse: collapse; margin: 1rem 0; width: 100% } td, th { padding: .3rem .6rem; border-bottom: 1px solid #d1d9e0;
text-align: left; vertical-align: top } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.missed { color: #cf222e } .met { color: #1a7f37 } .open { color: #9a6700 } small { color: #59636e }
"""


def write_html(run: Run, path: str | Path, past: list[history.Line] | None = None) -> None:
    """Write the report, by way of a temporary name.

    Parameters
    ----------
    run : Run
    path : path
    past : list of Line, optional
        Earlier runs, for the trend.
    """
    figures = [figure for figure in (_rates(run), _ratios(run), _latencies(run), trend(past or [])) if figure is not None]
    parts = [
        figure.to_html(full_html=False, include_plotlyjs="inline" if number == 0 else False)
        for number, figure in enumerate(figures)
    ]
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_text(_page(run, parts), encoding="utf-8")
    partial.replace(target)


def _page(run: Run, figures: list[str]) -> str:
    machine = run.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    cpu = f"{machine.cpu}, {machine.cores} cores, governor {machine.governor}"
    facts = f"{cpu}, {machine.system}, Python {machine.python}, {packages}, {machine.compiler}"
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in notes(run))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>tickdeck bench</title>'
        f"<style>{STYLE}</style></head><body>"
        f"<h1>tickdeck bench</h1><p>{html.escape(run.started)}, revision {html.escape(machine.revision or 'unknown')}, "
        f"<code>{html.escape(run.command)}</code><br><small>{html.escape(facts)}</small></p>"
        f"{_table(run)}<ul>{lines}</ul>{''.join(figures)}</body></html>"
    )


def _table(run: Run) -> str:
    rows = []
    for case in run.cases:
        for number, measured in enumerate(case.measured):
            ratio = next((ratio for ratio in case.ratios if ratio.of == measured.name), None)
            figure = measured.missing or (
                ", ".join(f"{name} {duration(measured.latencies_ns[name])}" for name in ("p50", "p99", "p99.9", "max"))
                if measured.latencies_ns
                else f"{amount(measured.rate)} {case.unit}/s (worst {amount(measured.worst)})"
            )
            compared = f"{ratio.median:.2f}x ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else ""
            checked = "differs" if measured.name in case.differing else ""
            name = f"<b>{html.escape(case.name)}</b><br><small>{html.escape(case.work)}</small>" if number == 0 else ""
            who = f"{html.escape(measured.name)}<br><small>{html.escape(measured.work)}</small>"
            compared += f' <span class="missed">{checked}</span>' if checked else ""
            numbers = (html.escape(figure), compared, f"{measured.peak_bytes / 1e6:,.0f} MB")
            cells = "".join(f'<td class="number">{text}</td>' for text in numbers)
            rows.append(f"<tr><td>{name}</td><td>{who}</td>{cells}<td>{_verdicts(case) if number == 0 else ''}</td></tr>")
    titles = ("figure", "ours/theirs (95%)", "peak memory")
    head = "<th>case</th><th>who</th>" + "".join(f'<th class="number">{title}</th>' for title in titles) + "<th></th>"
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _verdicts(case: CaseResult) -> str:
    parts = []
    for verdict in case.verdicts:
        kind = "met" if verdict.met else "missed" if verdict.level == "must" else "open"
        word = ("holds" if verdict.met else "missed") if verdict.checked else "could not be checked"
        parts.append(f'<span class="{kind}">{verdict.level} {html.escape(verdict.text)}: {word}</span>')
    return "<br>".join(parts)


def _rates(run: Run) -> Any:
    import plotly.graph_objects as go

    cases = [case for case in run.cases if case.unit != "starts" and not case.ours.latencies_ns]
    if not cases:
        return None
    figure = go.Figure()
    for role, color in COLORS.items():
        shown = [(case, item) for case in cases for item in case.measured if item.role == role and not item.missing]
        if shown:
            figure.add_bar(
                name=role,
                y=[f"{case.name} {item.name}" for case, item in shown],
                x=[item.rate for _, item in shown],
                orientation="h",
                marker_color=color,
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [item.units / min(item.seconds) - item.rate for _, item in shown],
                    "arrayminus": [item.rate - item.worst for _, item in shown],
                },
            )
    names = [f"{case.name} {item.name}" for case in cases for item in case.measured if not item.missing]
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1])
    figure.update_layout(
        title="Rates, with the fastest and slowest pass",
        xaxis_title="units a second",
        height=160 + 26 * len(names),
        template="simple_white",
    )
    return figure


def _ratios(run: Run) -> Any:
    import plotly.graph_objects as go

    rows = [(f"{case.name} against {ratio.of}", ratio) for case in run.cases for ratio in case.ratios]
    if not rows:
        return None
    figure = go.Figure()
    figure.add_scatter(
        x=[ratio.median for _, ratio in rows],
        y=[name for name, _ in rows],
        mode="markers",
        marker={"size": 10, "color": COLORS["ours"]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [ratio.high - ratio.median for _, ratio in rows],
            "arrayminus": [ratio.median - ratio.low for _, ratio in rows],
        },
    )
    figure.add_vline(x=1.0, line_dash="dot")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(
        title="Our rate over theirs, passes of one run interleaved, 95% interval",
        xaxis={"title": "ratio", "type": "log"},
        height=160 + 26 * len(rows),
        template="simple_white",
    )
    return figure


def _latencies(run: Run) -> Any:
    import plotly.graph_objects as go

    rows = [(case, item) for case in run.cases for item in case.measured if item.latencies_ns]
    if not rows:
        return None
    figure = go.Figure()
    for case, item in rows:
        for label, values, dash in (("from due", item.latencies_ns, "solid"), ("in the call", item.service_ns, "dot")):
            if values:
                figure.add_scatter(
                    x=list(values),
                    y=[value / 1000 for value in values.values()],
                    name=f"{case.name} {label}",
                    line={"dash": dash},
                )
    figure.update_layout(
        title="Latency percentiles",
        xaxis_title="percentile",
        yaxis={"title": "us", "type": "log"},
        height=460,
        template="simple_white",
    )
    return figure


def trend(past: list[history.Line]) -> Any:
    """Every case's ratio (its rate where there is no reference) over the runs of a history, as a figure; None without runs."""
    import plotly.graph_objects as go

    if not past:
        return None
    figure = go.Figure()
    for name in dict.fromkeys(name for line in past for name in line.cases):
        runs = [(line, line.cases[name]) for line in past if name in line.cases]
        references = dict.fromkeys(of for _, point in runs for of in point.ratios)
        for of in references:
            points = [(line, point.ratios[of]) for line, point in runs if of in point.ratios]
            figure.add_scatter(
                x=[line.started for line, _ in points],
                y=[ratio[0] for _, ratio in points],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [ratio[2] - ratio[0] for _, ratio in points],
                    "arrayminus": [ratio[0] - ratio[1] for _, ratio in points],
                },
                text=[f"{line.revision} {line.cpu}{' quick' if line.quick else ''}" for line, _ in points],
                name=f"{name} against {of}",
                mode="lines+markers",
            )
        if not references:
            best = max(point.rate for _, point in runs) or 1.0
            figure.add_scatter(
                x=[line.started for line, _ in runs],
                y=[point.rate / best for _, point in runs],
                text=[f"{line.revision}: {amount(point.rate)} {point.unit}/s" for line, point in runs],
                name=f"{name} (share of its best rate)",
                mode="lines+markers",
                line={"dash": "dot"},
            )
    figure.update_layout(title="Trend over the runs of the history", yaxis_title="ratio", height=560, template="simple_white")
    return figure
