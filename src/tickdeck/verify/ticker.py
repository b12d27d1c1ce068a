"""Best bid and ask of a rebuilt book against a venue's bookTicker.

On Binance a bookTicker with update id ``u`` shows the book after that update: the book after a diff whose last update is ``u`` must
show what the ticker with the largest id at or below it says. Diffs before the first ticker are counted apart.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import BBO, Flag, Instrument, Records, Side, empty_events
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.tape.ticker_truth import TickerTruth
from tickdeck.verify.result import Comparison, Mismatch, Window, levels_of

VENUES = ("BINANCE", "BINANCE_FUTURES")
"""Venues whose tickers carry the update ids of their depth diffs."""

_DEPTH = np.array([PUBLISHERS[name] for name in VENUES], np.uint16)
_TOP = np.array([PUBLISHERS[f"{name}.TOP"] for name in VENUES], np.uint16)
_DIFF = np.dtype([("sequence", "<u8"), ("time", "<i8"), ("best", BBO)])


class TickerCheck:
    """Compares the best bid and ask after each diff with the tickers.

    Parameters
    ----------
    source, truth : str
        Names for the result.
    show : int
        Wrong diffs to keep in full.
    """

    def __init__(self, source: str, truth: str, show: int = 1) -> None:
        self._result = Comparison("bookTicker", source, truth, "diffs, best bid and ask after each")
        self._show = show
        self._truth = TickerTruth()
        self._half: Records = empty_events()
        self._newest: dict[int, int] = defaultdict(int)
        self._settled: dict[int, int] = {}
        self._pending: dict[int, list[Records]] = defaultdict(list)
        self._early = 0
        self.tickers = 0

    def collect(self, events: Records, numbers: dict[int, int] | None = None) -> None:
        """Take the tickers of a chunk; `numbers` maps their instrument ids to those of the source."""
        top = events[(events["flags"] & np.uint8(Flag.TOB) != 0) & np.isin(events["publisher_id"], _TOP)]
        if numbers is not None:
            top = top[np.isin(top["instrument_id"], list(numbers))].copy()
            top["instrument_id"] = [numbers[number] for number in top["instrument_id"].tolist()]
        top = np.concatenate([self._half, top])
        halved = len(top) > 0 and top["side"][-1] == int(Side.BID)
        whole = len(top) - int(halved)
        self._half, top = top[whole:], top[:whole]
        self._truth.collect(top)
        self.tickers += len(top) // 2
        for number in np.unique(top["instrument_id"]).tolist():
            newest = int(top["sequence"][top["instrument_id"] == number].max())
            self._newest[number] = max(self._newest[number], newest)

    def add(self, events: Records, best: Records, instruments: dict[int, Instrument]) -> None:
        """Take a chunk with the best bid and ask after each of its events."""
        flags = events["flags"]
        ends = flags & np.uint8(Flag.MBP | Flag.LAST | Flag.SNAPSHOT) == np.uint8(Flag.MBP | Flag.LAST)
        ends &= np.isin(events["publisher_id"], _DEPTH)
        diffs = np.zeros(int(ends.sum()), _DIFF)
        diffs["sequence"] = events["sequence"][ends]
        diffs["time"] = np.where(events["ts_event"] != 0, events["ts_event"], events["ts_recv"])[ends]
        diffs["best"] = best[ends]
        numbers = events["instrument_id"][ends]
        for number in np.unique(numbers).tolist():
            self._pending[number].append(diffs[numbers == number])
        for number, newest in self._settled.items():
            self._settle(number, newest, instruments)
        # Tickers may come late by less than a chunk.
        self._settled = dict(self._newest)

    def _settle(self, number: int, newest: int | None, instruments: dict[int, Instrument]) -> None:
        """Compare the diffs before the update `newest` (None: all); what the tickers said before that is forgotten."""
        parts = self._pending.pop(number, [])
        if not parts:
            return
        diffs = np.concatenate(parts)
        if newest is not None:
            ready = diffs["sequence"] < np.uint64(newest)
            self._pending[number] = [diffs[~ready]]
            diffs = diffs[ready]
        if not len(diffs):
            return
        known, best = self._truth.at(number, diffs["sequence"])
        self._early += int((~known).sum())
        wrong = known & (best != diffs["best"])
        self._result.compared += int(known.sum())
        self._result.exact += int((known & ~wrong).sum())
        self._result.wrong += int(wrong.sum())
        for at in np.flatnonzero(wrong)[: self._show].tolist():
            self._keep(diffs[at], best[at], instruments.get(number))
        if newest is not None:
            self._truth.forget(number, int(diffs["sequence"].max()))

    def _keep(self, diff: np.void, expected: np.void, instrument: Instrument | None) -> None:
        self._show -= 1
        symbol, decimals = (instrument.symbol, instrument.size_decimals) if instrument else ("", 0)
        place, reason = f"diff up to update {int(diff['sequence'])}", "best bid and ask differ from the ticker's"
        got = diff["best"]
        mismatch = Mismatch(place, reason, int(diff["time"]), symbol, _window(expected), _window(got), None, decimals)
        self._result.mismatches.append(mismatch)

    def result(self, instruments: dict[int, Instrument]) -> Comparison:
        """What was found; the events are over."""
        for number in list(self._pending):
            self._settle(number, None, instruments)
        self._result.facts = {"tickers": self.tickers, "diffs_before_first_ticker": self._early}
        self._result.apart = [("tickers", f"{self.tickers:,}")]
        if self._early:
            self._result.apart.append(("", f"{self._early:,} diffs before the first ticker, not compared"))
        return self._result


def _window(best: np.void) -> Window:
    def side(name: str) -> NDArray[np.void]:
        return levels_of([best[f"{name}_price"]], [best[f"{name}_size"]])

    return Window(side("bid"), side("ask"))
