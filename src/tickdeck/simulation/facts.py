"""Stylised facts of a market: what order flow and prices look like in numbers, from the events alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import BBO, EVENT, Action, Flag, Instrument, Records, Side, TradingStatus, UsageError, as_events
from tickdeck.simulation.statistics import (
    Series,
    autocorrelation,
    excess_kurtosis,
    fano_factor,
    tail_index,
    weighted_quantiles,
)

SECOND = 1_000_000_000
HORIZON = 10 * SECOND
"""Of the returns, unless the figure's name says another."""
LAGS = 60
_NOT_TRADING = (TradingStatus.PRE_OPEN, TradingStatus.PAUSE, TradingStatus.HALT, TradingStatus.PRE_CLOSE, TradingStatus.CLOSE)
_PAUSE = SECOND
"""A crossed or one-sided book for longer than this ends a stretch of trading."""


@dataclass(frozen=True)
class Facts:
    """What :func:`stylised_facts` found.

    ``print(facts)`` gives the table beside recorded markets, ``facts.save("facts.png")`` pictures.
    """

    symbol: str
    start: int
    """Of the trading that was looked at, ns since the epoch."""
    end: int
    events: int
    figures: dict[str, float]
    """By name as in :data:`tickdeck.simulation.reference.FIGURES`; nan where there was too little to measure."""
    series: dict[str, NDArray[Any]] = field(repr=False)
    """What the pictures show: times, mids and spreads of each quote, returns, autocorrelations, lifetimes."""

    def __str__(self) -> str:
        from tickdeck.simulation.reference import table

        return table(self)

    def unusual(self) -> list[str]:
        """Names of the figures outside the range that markets show."""
        from tickdeck.simulation.reference import FIGURES

        return [name for name, figure in FIGURES.items() if figure.is_unusual(self.figures[name])]

    def save(self, output: str) -> None:
        """Picture them.

        Parameters
        ----------
        output : str
            A .png or .html.
        """
        from tickdeck.simulation.facts_picture import save

        save(self, output)


@dataclass(frozen=True)
class _Quotes:
    """Best prices at the ends of groups within the longest stretch of trading."""

    ts: NDArray[np.int64]
    bbo: Records
    end: int

    @property
    def mid(self) -> Series:
        middle: Series = (self.bbo["bid_price"] + self.bbo["ask_price"]) / 2.0
        return middle

    @property
    def weights(self) -> Series:
        """How long each held, ns."""
        return np.diff(self.ts, append=self.end).astype(np.float64)


def stylised_facts(
    events: Iterable[Records] | Records,
    instrument: Instrument | None = None,
    *,
    bbo: Records | None = None,
) -> Facts:
    """Figures of one instrument's market: spread, depth, returns, order lifetimes, clustering.

    They are those of the longest stretch in which the book is two-sided and not crossed, snapshots left out.

    Parameters
    ----------
    events : array of EVENT, or reader or iterable of such arrays
        Order-level.
    instrument : Instrument, optional
        The busiest by default.
    bbo : (n,) array of BBO, optional
        Best prices after each event, where the events alone do not give them (a LOBSTER file shows its best levels only); then nothing is
        said of the levels behind.

    Raises
    ------
    UsageError
        Nothing that trades: no two-sided book for a minute.

    Notes
    -----
    A trade is an incoming order: trades of one time and side count once. Spread and depth at the best prices are weighted with the
    time for which they held. Returns are differences of the mid, in ticks. After Cont, "Empirical properties of asset returns:
    stylized facts and statistical issues", Quantitative Finance 1 (2001); each figure's own source stands in
    :data:`tickdeck.simulation.reference.FIGURES`.

    Examples
    --------
    >>> import tickdeck as td
    >>> facts = td.stylised_facts(td.simulate(events=20_000, seed=3))
    >>> facts.figures["spread_mean"] > 0
    True
    """
    tape = _in_memory(events)
    instruments = getattr(events, "instruments", {})
    if instrument is None and len(tape):
        number = _mode(tape["instrument_id"])
        instrument = instruments.get(number) or Instrument(f"instrument {number}", instrument_id=number)
    if instrument is None:
        raise UsageError("there are no events to take figures of")
    if instrument.instrument_id is not None and len(tape):
        mine = tape["instrument_id"] == instrument.instrument_id
        if not mine.all():
            tape, bbo = tape[mine], None if bbo is None else bbo[mine]
    best, resting, profile, tick = _replay(tape, instrument, bbo)
    quotes = _quotes(tape, best, instrument)
    figures, series = _quote_figures(quotes, tick)
    within = (tape["ts_event"] >= quotes.ts[0]) & (tape["ts_event"] <= quotes.end) & ((tape["flags"] & Flag.SNAPSHOT) == 0)
    session = tape[within]
    figures |= _flow_figures(session, quotes, series)
    figures |= _lifetimes(session, resting, series)
    volume, trades = int(session["size"][session["action"] == Action.TRADE].sum()), len(_aggressors(session))
    figures["best_size_trades"] = figures.pop("best_size") * trades / volume if volume else math.nan
    known = bbo is None and profile[0] > 0
    figures["depth_behind"] = float(np.mean(profile[1:5]) / profile[0]) if known else math.nan
    series["profile"] = profile
    return Facts(instrument.symbol, int(quotes.ts[0]), int(quotes.end), len(session), figures, series)


def _in_memory(events: Iterable[Records] | Records) -> Records:
    if isinstance(events, np.ndarray):
        return as_events(events)
    chunks = [as_events(chunk).copy() for chunk in events]
    return np.concatenate(chunks) if chunks else np.zeros(0, EVENT)


def _mode(ids: NDArray[np.uint32]) -> int:
    if ids.max() < 2**24:
        return int(np.bincount(ids).argmax())
    values, counts = np.unique(ids, return_counts=True)
    return int(values[counts.argmax()])


_SAMPLES = 200
_DEPTH = 10


def _replay(tape: Records, instrument: Instrument, bbo: Records | None) -> tuple[Records, NDArray[np.uint64], Series, int]:
    """Best prices after each event, ids that rest at the end, mean size of each level, tick."""
    from tickdeck.book import OrderBook

    book = OrderBook(instrument)
    best = np.zeros(len(tape), BBO)
    profile = np.zeros(_DEPTH)
    bounds = np.unique(np.linspace(0, len(tape), _SAMPLES + 1).astype(np.int64))
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist()):
        book.apply(tape[first:last], bbo=best[first:last])
        if not book.is_crossed:
            for side in book.depth(_DEPTH):
                profile[: len(side)] += side["size"]
    resting = np.concatenate([book.orders(side)["order_id"] for side in (Side.BID, Side.ASK)])
    return best if bbo is None else bbo, resting, profile, book.tick_size or 1


def _quotes(tape: Records, best: Records, instrument: Instrument) -> _Quotes:
    ends = np.ones(len(tape), bool)
    ends[:-1] = (tape["sequence"][1:] != tape["sequence"][:-1]) | (tape["ts_event"][1:] != tape["ts_event"][:-1])
    ends &= (tape["flags"] & Flag.SNAPSHOT) == 0
    ts = np.maximum.accumulate(tape["ts_event"][ends])
    bbo = best[ends]
    good = _trading(tape)[ends] & (bbo["bid_size"] > 0) & (bbo["ask_size"] > 0) & (bbo["bid_price"] < bbo["ask_price"])
    ts, bbo = ts[good], bbo[good]
    if len(ts) < 2:
        raise UsageError(
            f"{instrument.symbol}: the book is never two-sided and uncrossed; take order-level events of a whole market"
        )
    # A stretch ends where the book was bad for longer than a moment, not where nothing happened.
    bad = np.flatnonzero(np.diff(np.flatnonzero(good)) > 1)
    cuts = np.concatenate([[0], bad[np.diff(ts)[bad] > _PAUSE] + 1, [len(ts)]])
    spans = [int(ts[last - 1] - ts[first]) for first, last in itertools.pairwise(cuts)]
    longest = int(np.argmax(spans))
    first, last = int(cuts[longest]), int(cuts[longest + 1])
    if spans[longest] < 60 * SECOND:
        raise UsageError(f"{instrument.symbol}: trades for {spans[longest] / SECOND:.1f} s at most; figures need a minute")
    return _Quotes(ts[first:last], bbo[first:last], int(ts[last - 1]))


def _trading(tape: Records) -> NDArray[np.bool_]:
    """Where the last status said, if any, lets orders trade."""
    is_status = tape["action"] == Action.NONE
    if not is_status.any():
        return np.ones(len(tape), bool)
    last = np.maximum.accumulate(np.where(is_status, np.arange(len(tape)), -1))
    found: NDArray[np.bool_] = (last < 0) | ~np.isin(tape["order_id"][last], _NOT_TRADING)
    return found


def _returns(quotes: _Quotes, horizon: int, tick: int) -> Series:
    """Changes of the mid over each `horizon`, in ticks."""
    grid = np.arange(int(quotes.ts[0]), quotes.end + 1, horizon)
    return np.diff(quotes.mid[np.searchsorted(quotes.ts, grid, side="right") - 1]) / tick


def _quote_figures(quotes: _Quotes, tick: int) -> tuple[dict[str, float], dict[str, NDArray[Any]]]:
    spread = (quotes.bbo["ask_price"] - quotes.bbo["bid_price"]) // tick
    weights = quotes.weights
    total = max(float(weights.sum()), 1.0)
    sizes = np.concatenate([quotes.bbo["bid_size"], quotes.bbo["ask_size"]]).astype(np.float64)
    both = np.concatenate([weights, weights]) / (2 * total)
    mean_size = float(sizes @ both)
    figures = {
        "spread_mean": float(spread @ weights) / total,
        "spread_one_tick": float(weights[spread == 1].sum()) / total,
        "spread_two_ticks": float(weights[spread <= 2].sum()) / total,
        "spread_p99": weighted_quantiles(spread, weights, [0.99])[0],
        "best_size": mean_size,
        "best_size_cv": math.sqrt(max(float((sizes - mean_size) ** 2 @ both), 0.0)) / mean_size,
    }
    returns = _returns(quotes, HORIZON, tick)
    linear, absolute = autocorrelation(returns, LAGS), autocorrelation(np.abs(returns), LAGS)
    figures |= {
        "volatility": float(returns.std()) if len(returns) else math.nan,
        "kurtosis_1s": excess_kurtosis(_returns(quotes, SECOND, tick)),
        "kurtosis_10s": excess_kurtosis(returns),
        "kurtosis_60s": excess_kurtosis(_returns(quotes, 60 * SECOND, tick)),
        "tail_index": tail_index(_returns(quotes, SECOND, tick)),
        "acf_1": float(linear[0]),
        "acf_2_to_20": float(linear[1:20].mean()),
        "abs_acf_1": float(absolute[0]),
        "abs_acf_2_to_10": float(absolute[1:10].mean()),
        "abs_acf_11_to_60": float(absolute[10:].mean()),
    }
    series: dict[str, NDArray[Any]] = {
        "ts": quotes.ts,
        "mid": quotes.mid,
        "spread": spread,
        "weights": weights,
        "returns": returns,
        "acf": linear,
        "abs_acf": absolute,
    }
    return figures, series


def _flow_figures(session: Records, quotes: _Quotes, series: dict[str, NDArray[Any]]) -> dict[str, float]:
    begun = np.ones(len(session), bool)
    begun[1:] = (session["sequence"][1:] != session["sequence"][:-1]) | (session["ts_event"][1:] != session["ts_event"][:-1])
    times = np.maximum.accumulate(session["ts_event"][begun])
    figures = {f"fano_{seconds}s": fano_factor(times, seconds * SECOND, int(quotes.ts[0]), quotes.end) for seconds in (1, 10, 60)}
    trades = _aggressors(session)
    signs = trades["side"][trades["side"] != Side.NONE]
    series["signs"] = autocorrelation(np.where(signs == Side.BID, 1.0, -1.0), 100)
    figures |= {f"sign_acf_{lag}": float(series["signs"][lag - 1]) for lag in (1, 10, 100)}
    messages = int(np.isin(session["action"], (Action.ADD, Action.MODIFY, Action.CANCEL)).sum()) - int(_fills(session).sum())
    figures["messages_per_trade"] = messages / len(trades) if len(trades) else math.nan
    return figures


def _aggressors(session: Records) -> Records:
    """The first trade of each incoming order: venues that report one for every order filled give them all the same time."""
    trades = session[session["action"] == Action.TRADE]
    fresh = np.ones(len(trades), bool)
    fresh[1:] = (trades["ts_event"][1:] != trades["ts_event"][:-1]) | (trades["side"][1:] != trades["side"][:-1])
    found: Records = trades[fresh]
    return found


def _fills(session: Records) -> NDArray[np.bool_]:
    """Which cancels take an executed size out of the book: the fill of the same order stands before them in their group."""
    found = np.zeros(len(session), bool)
    same = (
        (session["action"][1:] == Action.CANCEL)
        & (session["action"][:-1] == Action.FILL)
        & (session["order_id"][1:] == session["order_id"][:-1])
        & (session["ts_event"][1:] == session["ts_event"][:-1])
    )
    found[1:] = same
    return found


def _lifetimes(session: Records, resting: NDArray[np.uint64], series: dict[str, NDArray[Any]]) -> dict[str, float]:
    """From an order's first add to its last cancel, of the orders that came and went in the session."""
    fills = _fills(session)
    added = np.flatnonzero(session["action"] == Action.ADD)
    gone = np.flatnonzero(session["action"] == Action.CANCEL)
    ids, first = np.unique(session["order_id"][added], return_index=True)
    ended, last = np.unique(session["order_id"][gone][::-1], return_index=True)
    common, at_add, at_end = np.intersect1d(ids, ended, assume_unique=True, return_indices=True)
    done = ~np.isin(common, resting)
    born = session["ts_event"][added[first[at_add[done]]]]
    final = gone[len(gone) - 1 - last[at_end[done]]]
    lifetimes = (session["ts_event"][final] - born) / SECOND
    series["lifetimes"] = lifetimes
    if not len(lifetimes):
        return dict.fromkeys(("lifetime_median", "lifetime_p90", "lifetime_under_100ms", "cancelled"), math.nan)
    return {
        "lifetime_median": float(np.median(lifetimes)),
        "lifetime_p90": float(np.quantile(lifetimes, 0.9)),
        "lifetime_under_100ms": float(np.mean(lifetimes < 0.1)),
        "cancelled": float(np.mean(~fills[final])),
    }
