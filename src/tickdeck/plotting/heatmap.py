"""Depth over time: resting size as colour, best bid and ask as lines, trades as marks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Time
from tickdeck.plotting.raster import Raster, rasterise
from tickdeck.plotting.recording import COLUMNS, LEVELS, Recording, record
from tickdeck.plotting.style import (
    ASK,
    BID,
    DPI,
    SHADES,
    SIZE_INCHES,
    TRADE_COLOURS,
    TRADE_NAMES,
    check_name,
    day_text,
    price_label,
    save,
    size_label,
    title_text,
)
from tickdeck.tape import Reader

_MOST_MARKS = 120
"""Marks of one kind that can still be told apart; more are drawn together."""
_MARK_AREA, _LEAST_MARK_AREA = 12_000.0, 30.0
"""Area of all marks together if all trades were as large as the largest, and least area of that one's mark, in square points."""
_LARGEST_MARK = 120.0
_SMALLEST_MARK = 4.0
_COLOUR_SPAN = 200.0
"""Largest size over the smallest that is still told from the ones below."""
_MANY_DECADES = 10_000
_SPANS = ((2 * 86_400, "%m-%d %H:%M"), (1_200, "%H:%M"), (20, "%H:%M:%S"))
"""Seconds from which on times are written like that; below with milliseconds."""
_NOTHING = "nothing rests in this book and nothing trades"
_NS_A_DAY = 86_400 * 10**9


def heatmap(
    tape: str | Path | Reader | Any,
    output: str | Path,
    *,
    symbol: str | None = None,
    start: Time | None = None,
    stop: Time | None = None,
    levels: int | None = None,
    columns: int = COLUMNS,
    progress: Any = None,
    **options: Any,
) -> Recording:
    """Picture an instrument's depth over time.

    Parameters
    ----------
    tape : str, Path, Reader, array or frame
        What :func:`tickdeck.read` reads, or its reader.
    output : str or Path
        A .png, or an .html that needs nothing else.
    symbol : str, optional
        The busiest instrument by default.
    start, stop : time, optional
        Span to picture; what comes before `start` builds the book.
    levels : int, optional
        Levels of each side to show; by default the range of the best prices and a margin.
    columns : int
        Most columns.
    progress : callable, optional
        Called as ``progress(events, position)`` after each chunk.
    **options
        Of :func:`tickdeck.read`.

    Returns
    -------
    Recording
        What was drawn.

    Raises
    ------
    UsageError
        Nothing to picture, or a name or place that cannot be written.
    """
    check_name(output)
    recording = record(
        tape,
        symbol=symbol,
        start=start,
        stop=stop,
        columns=columns,
        levels=LEVELS if levels is None else levels,
        progress=progress,
        **options,
    )
    raster = rasterise(recording, levels=levels)
    save(output, lambda path: _draw_png(recording, raster, path), lambda path: _draw_html(recording, raster, path))
    return recording


def _title(recording: Recording) -> str:
    return title_text(recording.instrument, recording.publisher, day_text(recording.start, recording.latest))


def _colour_range(size: NDArray[np.float64]) -> tuple[float, float]:
    """Sizes at the two ends of the colours."""
    present = size[size > 0]
    if not len(present):
        return 1.0, 10.0
    low, high = (float(value) for value in np.quantile(present, [0.05, 0.999]))
    return min(max(low, high / _COLOUR_SPAN), high / 4), high


def marks(recording: Recording, kind: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Trades of one kind of aggressor, drawn together where they are too many to be told apart.

    Returns
    -------
    times, prices, volumes : arrays
        ns since the epoch; mean price weighted by size, in price units; in units of the instrument's size.
    """
    volume, notional = recording.volume[:, kind], recording.notional[:, kind]
    together = -(-recording.columns // _MOST_MARKS) if np.count_nonzero(volume) > _MOST_MARKS else 1
    if together > 1:
        padding = (0, -len(volume) % together)
        volume, notional = (np.pad(part, padding).reshape(-1, together).sum(axis=1) for part in (volume, notional))
    there = np.flatnonzero(volume)
    times = recording.start + ((there + 0.5) * together * recording.step).astype(np.int64)
    return times, notional[there] / volume[there] / 1e9, volume[there] / 10**recording.instrument.size_decimals


def _lines(recording: Recording) -> list[tuple[str, NDArray[np.float64], str]]:
    """Name, prices and colour of the lines of best prices that there are."""
    named = zip(("best bid", "best ask"), recording.best(), (BID, ASK))
    return [(name, values, colour) for name, values, colour in named if not np.isnan(values).all()]


def _sized_marks(recording: Recording) -> list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], Any]]:
    """Times, prices, volumes and areas (square points) of the trades of each kind; the more marks, the smaller."""
    found = [marks(recording, kind) for kind in range(len(TRADE_NAMES))]
    count = sum(len(times) for times, _, _ in found)
    largest = max([0.0, *(float(volumes.max()) for _, _, volumes in found if len(volumes))]) or 1.0
    area = min(_LARGEST_MARK, max(_LEAST_MARK_AREA, _MARK_AREA / max(count, 1)))
    return [(*each, np.maximum(area * each[2] / largest, _SMALLEST_MARK)) for each in found]


def _colour_ticks(low: float, high: float) -> list[float]:
    """Round sizes between two: some for each decade, the more the fewer decades there are."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8) if high < 10 * low else (1, 2, 5) if high < _MANY_DECADES * low else (1,)
    return [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]


def _time_text(span_ns: int) -> Callable[[float, float], str]:
    """How to write times (days since the epoch) along an axis of that length."""
    pattern = next((pattern for seconds, pattern in _SPANS if span_ns >= seconds * 10**9), None)

    def text(days: float, position: float) -> str:
        time = datetime.fromtimestamp(round(days * 86_400, 4), UTC)
        return time.strftime(pattern) if pattern else time.strftime("%H:%M:%S.%f")[:-3]

    return text


def _draw_png(recording: Recording, raster: Raster, path: Path) -> None:
    from matplotlib import colors, dates
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    edges = recording.edges / _NS_A_DAY
    low, high = raster.low / 1e9, raster.high / 1e9
    if raster.size.any():
        span = _colour_range(raster.size)
        image = axes.imshow(
            np.ma.masked_equal(raster.size, 0.0),
            extent=(edges[0], edges[-1], low, high),
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            cmap=colors.LinearSegmentedColormap.from_list("resting", SHADES),
            norm=colors.LogNorm(*span, clip=True),
        )
        bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=40, ticks=_colour_ticks(*span), format="{x:,.10g}")
        bar.minorticks_off()
        bar.set_label(size_label(raster.row))
    for name, values, colour in _lines(recording):
        axes.step(edges, np.append(values, values[-1]), where="post", color=colour, linewidth=0.9, label=name)
    for (times, prices, _, areas), name, colour, sign in zip(_sized_marks(recording), TRADE_NAMES, TRADE_COLOURS, "^vo"):
        if len(times):
            axes.scatter(
                times / _NS_A_DAY,
                prices,
                s=areas,
                c=colour,
                marker=sign,
                edgecolors="black",
                linewidths=0.3,
                alpha=0.8,
                label=name,
                zorder=3,
            )
    if recording.is_empty:
        axes.text(0.5, 0.5, _NOTHING, transform=axes.transAxes, ha="center", va="center", color="grey")
        axes.set_yticks([])
    else:
        legend = figure.legend(loc="outside lower center", ncols=5, frameon=False)
        for handle in legend.legend_handles:
            if isinstance(handle, PathCollection):
                handle.set_sizes([45])
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(low, high)
    axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=4, maxticks=9))
    axes.xaxis.set_major_formatter(_time_text(recording.end - recording.start))
    axes.set_xlabel("Time (UTC)")
    axes.set_ylabel(price_label(recording.instrument))
    axes.set_title(_title(recording), loc="left", fontweight="bold")
    figure.savefig(path, format="png")


def _draw_html(recording: Recording, raster: Raster, path: Path) -> None:
    import plotly.graph_objects as go

    edges = recording.edges.astype("datetime64[ns]")
    middles = (recording.edges[:-1] + recording.step // 2).astype("datetime64[ns]")
    rows = (raster.low + raster.row * (np.arange(len(raster.size)) + 0.5)) / 1e9
    low, high = _colour_range(raster.size)
    shown = np.where(raster.size > 0, raster.size, np.nan).astype(np.float32)
    ticks = _colour_ticks(low, high)
    figure = go.Figure(
        go.Heatmap(
            x=middles,
            y=rows,
            z=np.log10(shown),
            customdata=shown,
            zmin=np.log10(low),
            zmax=np.log10(high),
            colorscale=[[place, colour] for place, colour in zip(np.linspace(0, 1, len(SHADES)), SHADES)],
            colorbar={
                "title": {"text": size_label(raster.row), "side": "right"},
                "tickvals": np.log10(ticks),
                "ticktext": [f"{tick:,.10g}" for tick in ticks],
            },
            hovertemplate="%{x|%H:%M:%S.%L}<br>price %{y:,.10~g}<br>resting %{customdata:,.10~g}<extra></extra>",
        )
    )
    for name, values, colour in _lines(recording):
        line = {"color": colour, "width": 1.5, "shape": "hv"}
        figure.add_scatter(x=edges, y=np.append(values, values[-1]), mode="lines", name=name, line=line)
    signs = ("triangle-up", "triangle-down", "circle")
    for (times, prices, volumes, areas), name, colour, sign in zip(_sized_marks(recording), TRADE_NAMES, TRADE_COLOURS, signs):
        if len(times):
            figure.add_scatter(
                x=times.astype("datetime64[ns]"),
                y=prices,
                mode="markers",
                name=name,
                customdata=volumes,
                marker={
                    "color": colour,
                    "symbol": sign,
                    "size": np.sqrt(areas) * 1.4,
                    "line": {"color": "black", "width": 0.5},
                },
                hovertemplate="%{x|%H:%M:%S.%L}<br>mean price %{y:,.10~g}<br>volume %{customdata:,.10~g}<extra></extra>",
            )
    if recording.is_empty:
        figure.add_annotation(text=_NOTHING, xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False)
    figure.update_layout(
        title={"text": _title(recording), "x": 0.02},
        template="plotly_white",
        xaxis={"title": "Time (UTC)", "range": [edges[0], edges[-1]], "showgrid": False},
        yaxis={"title": price_label(recording.instrument), "range": [raster.low / 1e9, raster.high / 1e9], "showgrid": False},
        legend={"orientation": "h", "yanchor": "top", "y": -0.12, "x": 0},
        margin={"l": 70, "r": 20, "t": 60, "b": 60},
    )
    figure.write_html(path, include_plotlyjs=True, full_html=True, config={"responsive": True, "displaylogo": False})
