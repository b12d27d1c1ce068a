"""A recording as a grid of resting sizes: which prices to show, and how much rests at each of them in each column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickdeck.plotting.recording import Recording

ROWS = 360
_TAIL = 0.002
"""Share of the time at either end of the range of best prices that may lie outside of the window."""
_WIDE = 20
"""A spread of so many times the median one says that a stub quote is best: its prices do not stretch the window."""
_MARGIN = 0.35
_FEW_TICKS = 12
_TYPICAL_LEVEL = 20
_ALL = 2**31


@dataclass(frozen=True, slots=True)
class Raster:
    """Resting size by price and time.

    Parameters
    ----------
    low, row : int
        Lower border of the first row and height of each, units of 1e-9.
    size : (rows, columns) array of float
        In units of the instrument's size; 0: nothing rests there.
    """

    low: int
    row: int
    size: NDArray[np.float64]

    @property
    def high(self) -> int:
        """Upper border of the last row, units of 1e-9."""
        return self.low + self.row * len(self.size)


def rasterise(recording: Recording, rows: int = ROWS, levels: int | None = None) -> Raster:
    """The window around the best prices, as a grid.

    Parameters
    ----------
    recording : Recording
    rows : int
        Most rows; a row is one tick or several.
    levels : int, optional
        Show about so many levels of each side instead of a part of the price range.
    """
    low, high = price_window(recording, levels)
    tick = recording.tick_size or _step_of(recording)
    row = tick * max(1, -(-(high - low) // (tick * rows)))
    low = low // row * row - row // 2
    count = max(1, -(-(high - low) // row))
    grid = np.zeros((count, recording.columns))
    borders = np.append(recording.sampled, recording.columns)
    for at, sides in enumerate(zip(recording.bids, recording.asks)):
        column = np.zeros(count)
        for prices, sizes in sides:
            place = (prices - low) // row
            inside = (place >= 0) & (place < count)
            column += np.bincount(place[inside], sizes[inside], count)
        grid[:, borders[at] : borders[at + 1]] = column[:, None]
    return Raster(low, row, grid / 10**recording.instrument.size_decimals)


def price_window(recording: Recording, levels: int | None = None) -> tuple[int, int]:
    """Lowest and highest price to show, units of 1e-9: where the touch was, and a margin.

    Columns in which a side is empty, the book crossed or the spread out of all proportion do not count unless there are no others.
    """
    bid, ask = (side * 1e9 for side in recording.best())
    spread = ask - bid
    normal = spread > 0
    if normal.any():
        median = float(np.median(spread[normal]))
        normal &= spread <= _WIDE * median
        touch = np.concatenate([bid[normal], ask[normal]])
    else:
        median = 0.0
        touch = np.concatenate([bid[~np.isnan(bid)], ask[~np.isnan(ask)]])
    if not len(touch):
        traded = recording.volume > 0
        touch = recording.notional[traded] / recording.volume[traded]
    if not len(touch):
        return 0, _FEW_TICKS * (recording.tick_size or 10**9)
    low, high = np.quantile(touch, [_TAIL, 1 - _TAIL])
    tick = recording.tick_size or _step_of(recording)
    if levels is not None:
        margin = max(_reach(recording, levels), 2 * tick)
    else:
        margin = max(_MARGIN * (high - low), 3 * median, _FEW_TICKS * tick)
        if not normal.any():
            margin = max(margin, _reach(recording, _TYPICAL_LEVEL))
        elif (deep := _reach(recording, _ALL)) > 0:
            # Nothing is known beyond the deepest recorded level.
            margin = min(margin, max(deep, 3 * median, 2 * tick))
    return int(low - margin), int(high + margin)


def _reach(recording: Recording, levels: int) -> float:
    """Median distance from the best price to the level of that number, or to the last one; robust to stub quotes."""
    distances = [
        abs(int(prices[min(levels, len(prices)) - 1]) - int(prices[0]))
        for side in (recording.bids, recording.asks)
        for prices, _ in side
        if len(prices)
    ]
    return float(np.median(distances)) if distances else 0.0


def _step_of(recording: Recording) -> int:
    """The greatest common divisor of the recorded prices; 1 without any."""
    step = 0
    for side in (recording.bids, recording.asks):
        for prices, _ in side:
            step = int(np.gcd.reduce(prices, initial=step))
    return max(step, 1)
