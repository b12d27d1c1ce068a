"""The book at one time: cumulative size on each side of the touch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Instrument, Records, Time, UsageError, ns_text, to_ns
from tickdeck.plotting.style import ASK, BID, DPI, SIZE_INCHES, check_name, price_label, save, title_text
from tickdeck.plotting.tape import InstrumentTape
from tickdeck.tape import Reader
from tickdeck.tape.tape_time import between, tape_times

LEVELS = 100
_FAR = 8
"""Levels so many times farther away than the median one are stub quotes, and not shown."""
_ALL = 1 << 20


@dataclass(frozen=True, slots=True)
class DepthSnapshot:
    """Both sides of a book.

    Parameters
    ----------
    instrument : Instrument
    publisher : str
    time : int
        Tape time of the last event, ns since the epoch.
    bids, asks : arrays of LEVEL
        Best first.
    """

    instrument: Instrument
    publisher: str
    time: int
    bids: Records
    asks: Records


def depth_at(
    tape: str | Path | Reader | Any,
    at: Time | None = None,
    *,
    symbol: str | None = None,
    levels: int | None = None,
    progress: Any = None,
    **options: Any,
) -> DepthSnapshot:
    """The book of an instrument after all events up to a time, that time's included.

    Parameters
    ----------
    tape : str, Path, Reader, array or frame
        What :func:`tickdeck.read` reads, or its reader.
    at : time, optional
        The end of the tape by default.
    symbol : str, optional
        The busiest instrument by default.
    levels : int, optional
        Most levels of each side; all by default.
    progress : callable, optional
        Called as ``progress(events, position)`` after each chunk.
    **options
        Of :func:`tickdeck.read`.

    Raises
    ------
    UsageError
        No events of `symbol`, or none up to `at`.
    """
    end = None if at is None else to_ns(at) + 1
    source = InstrumentTape(tape, symbol, **options)
    book = source.book()
    time: int | None = None
    for chunk in between(source, None, end):
        book.apply(chunk)
        time = int(tape_times(chunk[-1:])[0])
        if progress is not None:
            progress(len(chunk), source.reader.position)
    if time is None:
        raise UsageError(f"{source.reader.path}: nothing happened up to {at}; the tape begins later")
    bids, asks = book.depth(levels or _ALL)
    known = source.reader.instruments.get(source.instrument.instrument_id or 0, source.instrument)
    return DepthSnapshot(known, source.publisher, time, bids, asks)


def depth_chart(
    tape: str | Path | Reader | DepthSnapshot | Any,
    output: str | Path,
    at: Time | None = None,
    *,
    symbol: str | None = None,
    levels: int | None = None,
    **options: Any,
) -> DepthSnapshot:
    """Picture the book of an instrument at a time: the size that rests up to each price.

    Parameters
    ----------
    tape : str, Path, Reader, array, frame or DepthSnapshot
    output : str or Path
        A .png, or an .html that needs nothing else.
    at : time, optional
        The end of the tape by default.
    symbol : str, optional
        The busiest instrument by default.
    levels : int, optional
        Levels of each side to show; by default 100, without those of stub quotes far away.
    **options
        Of :func:`depth_at`.

    Returns
    -------
    DepthSnapshot
        What was drawn from.

    Raises
    ------
    UsageError
        Nothing to picture, or a name or place that cannot be written.
    """
    check_name(output)
    found = tape if isinstance(tape, DepthSnapshot) else depth_at(tape, at, symbol=symbol, **options)
    curves = [_curve(side, levels, found.instrument) for side in (found.bids, found.asks)]
    save(output, lambda path: _draw_png(found, curves, path), lambda path: _draw_html(found, curves, path))
    return found


Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Prices, best first, and cumulative sizes."""


def _curve(side: Records, levels: int | None, instrument: Instrument) -> Curve:
    prices = side["price"][: levels or LEVELS]
    if levels is None and len(prices) > 2:
        distance = np.abs(prices - prices[0])
        prices = prices[distance <= _FAR * max(float(np.median(distance)), 1.0)]
    sizes = np.cumsum(side["size"][: len(prices)].astype(np.float64))
    return prices / 1e9, sizes / 10**instrument.size_decimals


def _outline(curve: Curve) -> Curve:
    """Corners of the steps, from nothing at the best price on."""
    prices, sizes = curve
    return np.repeat(prices, 2), np.repeat(np.append(0.0, sizes), 2)[1:-1]


def _title(found: DepthSnapshot) -> str:
    return title_text(found.instrument, found.publisher, f"{ns_text(found.time)[:23].replace('T', ' ')} UTC")


def _touch(curves: list[Curve]) -> str:
    bid, ask = (f"{prices[0]:,.10g}" if len(prices) else "none" for prices, _ in curves)
    return f"best bid {bid}, best ask {ask}"


def _draw_png(found: DepthSnapshot, curves: list[Curve], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    for curve, name, colour in zip(curves, ("bids", "asks"), (BID, ASK)):
        if len(curve[0]):
            prices, sizes = _outline(curve)
            axes.plot(prices, sizes, color=colour, linewidth=1.6, label=name)
            axes.fill_between(prices, sizes, color=colour, alpha=0.18, linewidth=0)
    if not any(len(prices) for prices, _ in curves):
        axes.text(0.5, 0.5, "the book is empty", transform=axes.transAxes, ha="center", va="center", color="grey")
    else:
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.grid(alpha=0.25)
    axes.ticklabel_format(axis="both", style="plain", useOffset=False)
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.set_xlabel(price_label(found.instrument))
    axes.set_ylabel("Cumulative resting size")
    axes.set_title(_title(found), loc="left", fontweight="bold")
    axes.set_title(_touch(curves), loc="right", fontsize=10)
    figure.savefig(path, format="png")


def _draw_html(found: DepthSnapshot, curves: list[Curve], path: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure()
    for curve, name, colour in zip(curves, ("bids", "asks"), (BID, ASK)):
        prices, sizes = _outline(curve)
        hover = "up to %{x:,.10~g}<br>%{y:,.10~g}<extra></extra>"
        line = {"color": colour, "width": 2}
        figure.add_scatter(x=prices, y=sizes, mode="lines", fill="tozeroy", name=name, line=line, hovertemplate=hover)
    figure.update_layout(
        title={"text": f"{_title(found)}<br><sup>{_touch(curves)}</sup>", "x": 0.02},
        template="plotly_white",
        xaxis={"title": price_label(found.instrument)},
        yaxis={"title": "Cumulative resting size", "rangemode": "tozero"},
        legend={"orientation": "h", "yanchor": "top", "y": -0.12, "x": 0},
        margin={"l": 70, "r": 20, "t": 70, "b": 60},
    )
    figure.write_html(path, include_plotlyjs=True, full_html=True, config={"responsive": True, "displaylogo": False})
