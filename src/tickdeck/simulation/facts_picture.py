"""Pictures of a market's stylised facts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tickdeck.plotting.style import DPI, day_text
from tickdeck.plotting.style import save as save_as
from tickdeck.simulation.reference import table

if TYPE_CHECKING:
    from tickdeck.simulation.facts import Facts

_POINTS = 4_000


def save(facts: Facts, output: str | Path) -> None:
    """Six panels as a .png; as an .html the same above the table."""
    save_as(output, lambda path: _png(facts, path), lambda path: _html(facts, path))


def _png(facts: Facts, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(_figure(facts)).print_figure(path, format="png", dpi=DPI)


def _html(facts: Facts, path: Path) -> None:
    import base64
    import html
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture = io.BytesIO()
    FigureCanvasAgg(_figure(facts)).print_figure(picture, format="png", dpi=DPI)
    encoded = base64.b64encode(picture.getvalue()).decode()
    title = html.escape(facts.symbol)
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><body style="font-family:sans-serif">'
        f'<img alt="stylised facts of {title}" style="max-width:100%" src="data:image/png;base64,{encoded}">'
        f"<pre>{html.escape(table(facts))}</pre></body></html>\n",
        encoding="utf-8",
    )


def _figure(facts: Facts) -> Any:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    series = facts.series
    figure = Figure(figsize=(13.0, 7.6), layout="constrained")
    figure.suptitle(f"{facts.symbol}   {day_text(facts.start, facts.end)}")
    ((path, spread, tail), (correlation, signs, lifetime)) = figure.subplots(2, 3)
    some = np.linspace(0, len(series["ts"]) - 1, min(_POINTS, len(series["ts"]))).astype(int)
    path.plot(series["ts"][some].astype("datetime64[ns]"), series["mid"][some] / 1e9, linewidth=0.7)
    locator = AutoDateLocator()
    path.xaxis.set_major_locator(locator)
    path.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    path.set_title("mid price")
    most = int(min(np.quantile(series["spread"], 0.999) + 2, 60))
    shares = np.bincount(np.minimum(series["spread"], most), weights=series["weights"], minlength=most + 1)
    spread.bar(np.arange(1, most + 1), shares[1:] / shares.sum())
    spread.set(title="spread, ticks: share of time")
    size = np.sort(np.abs(series["returns"] - series["returns"].mean()))[::-1] / (series["returns"].std() or 1.0)
    rank = np.arange(1, len(size) + 1) / len(size)
    tail.loglog(size, rank, ".", markersize=3, label="10 s returns")
    normal = np.abs(np.random.default_rng(0).standard_normal(20_000))
    tail.loglog(np.sort(normal)[::-1], np.arange(1, 20_001) / 20_000, linewidth=0.8, label="Gaussian")
    tail.set(title="returns beyond, in standard deviations", xlim=(0.1, None), ylim=(0.5 / max(len(size), 1), 1.2))
    tail.legend(frameon=False)
    lags = np.arange(1, len(series["acf"]) + 1) * 10
    correlation.plot(lags, series["acf"], linewidth=0.9, label="10 s returns")
    correlation.plot(lags, series["abs_acf"], linewidth=0.9, label="absolute")
    correlation.axhline(0, color="#8c959f", linewidth=0.6)
    correlation.set(title="autocorrelation, lag in seconds")
    correlation.legend(frameon=False)
    positive = series["signs"] > 0
    signs.loglog(np.flatnonzero(positive) + 1, series["signs"][positive], ".", markersize=4)
    signs.set(title="autocorrelation of trade signs, lag in trades")
    if len(series["lifetimes"]):
        lived = np.sort(np.maximum(series["lifetimes"], 1e-6))[:: max(1, len(series["lifetimes"]) // _POINTS)]
        lifetime.loglog(lived, 1 - np.arange(len(lived)) / len(lived), linewidth=0.9)
    lifetime.set(title="orders that live longer than, s")
    return figure
