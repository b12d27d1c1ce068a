"""Who trades in a simulated market."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import UsageError
from tickdeck.simulation.kernels import layout
from tickdeck.simulation.network import NETWORKS, Network


@dataclass(frozen=True)
class Participant:
    """One participant, in every instrument. Use the classes below.

    Parameters
    ----------
    activity : float
        Its share of all decisions, in proportion to the others'.
    network : Network
    size : int
        Orders are this many times the usual size.
    """

    activity: float = 0.1
    network: Network = NETWORKS["metro"]
    size: int = 1

    behaviour = -1
    slots = 8
    """Most live orders in an instrument."""

    def __post_init__(self) -> None:
        if not 0 < self.activity <= 1e6:
            raise UsageError(f"{type(self).__name__}: activity must be above 0, not {self.activity}")
        if not 1 <= self.size <= 1_000_000:
            raise UsageError(f"{type(self).__name__}: size must be between 1 and 1,000,000, not {self.size}")

    def fill(self, agents: NDArray[np.void], memory: NDArray[np.float64]) -> None:
        """Write the settings into the kernels' records: one agent an instrument.

        Parameters
        ----------
        agents : (n,) array of ``layout.AGENT``
            `rate` is set.
        memory : (n, EXCITATIONS) array
        """
        agents["behaviour"] = self.behaviour
        agents["size"] = self.size
        for item in dataclasses.fields(self):
            if item.name in (agents.dtype.names or ()) and item.name not in ("activity", "network"):
                agents[item.name] = getattr(self, item.name)


@dataclass(frozen=True)
class Background(Participant):
    """Zero intelligence: adds, cancels and takes whatever the market does.

    Parameters
    ----------
    aggression : float
        Share of marketable orders among its new ones.
    fleeting : float
        Share of its resting orders that it cancels again within a fraction of a second.
    """

    activity: float = 0.34
    aggression: float = 0.015
    fleeting: float = 0.4

    behaviour = layout.BACKGROUND


@dataclass(frozen=True)
class HawkesFlow(Participant):
    """Order flow that excites itself: each decision makes more of the same side likely, over three time scales.

    Parameters
    ----------
    aggression, fleeting : float
        As of :class:`Background`, `aggression` among all its decisions.
    branching : float
        Decisions that one decision causes in the mean, itself or through others; below 1.
    spans : three floats
        Over which the excitation decays, as shares of a day's activity.
    weights : three floats
        How `branching` is shared between them.
    across : three floats
        Share of the excitation of each that falls on the other side: 0.5 makes more of both.
    """

    activity: float = 0.36
    aggression: float = 0.03
    fleeting: float = 0.5
    branching: float = 0.85
    spans: tuple[float, float, float] = (2e-6, 2e-4, 1.5e-2)
    weights: tuple[float, float, float] = (0.35, 0.35, 0.3)
    across: tuple[float, float, float] = (0.15, 0.3, 0.5)

    behaviour = layout.HAWKES

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.branching < 1:
            raise UsageError(f"HawkesFlow: branching must be at least 0 and below 1, not {self.branching}")

    def fill(self, agents: NDArray[np.void], memory: NDArray[np.float64]) -> None:
        super().fill(agents, memory)
        # The base rate is what is left of the wanted rate without the decisions that others cause.
        memory[:, : layout.JUMPS] = 0.0
        agents["rate"] *= 1.0 - self.branching
        shares = np.asarray(self.weights) / sum(self.weights)
        memory[:, layout.JUMPS : layout.JUMPS + layout.SPANS] = self.branching * shares / np.asarray(self.spans)
        memory[:, layout.DECAYS : layout.DECAYS + layout.SPANS] = self.spans
        memory[:, layout.ACROSS : layout.ACROSS + layout.SPANS] = self.across


@dataclass(frozen=True)
class MarketMaker(Participant):
    """Quotes both sides around the micro-price, leaning against its position; reacts to every change of the best prices.

    Parameters
    ----------
    spread : float
        Ticks between its best quotes in a calm market.
    skew : float
        Ticks by which its quotes are moved when the position is at its limit.
    levels : int
        Quotes on each side.
    limit : int
        Most units of position.
    """

    activity: float = 0.05
    network: Network = NETWORKS["colocated"]
    spread: float = 1.4
    skew: float = 2.0
    levels: int = 3
    limit: int = 5_000

    behaviour = layout.MAKER
    slots = 32
    reacts = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.levels <= 10:
            raise UsageError(f"MarketMaker: levels must be between 1 and 10, not {self.levels}")

    def fill(self, agents: NDArray[np.void], memory: NDArray[np.float64]) -> None:
        super().fill(agents, memory)
        agents["reacts"] = 1
        agents["fast_span"], agents["slow_span"] = 2e-5, 1e-3


@dataclass(frozen=True)
class Momentum(Participant):
    """Buys when a fast average of the price is above a slow one.

    Parameters
    ----------
    fast_span, slow_span : float
        Of the averages, as shares of a day's activity.
    threshold : float
        Ticks between the averages from which on it trades.
    limit : int
        Most units of position.
    """

    activity: float = 0.01
    fast_span: float = 4e-4
    slow_span: float = 4e-3
    threshold: float = 2.5
    limit: int = 5_000

    behaviour = layout.MOMENTUM


@dataclass(frozen=True)
class MeanReversion(Momentum):
    """Sells when a fast average of the price is above a slow one."""

    fast_span: float = 1e-4
    slow_span: float = 2e-3
    threshold: float = 3.0

    behaviour = layout.REVERSION


@dataclass(frozen=True)
class Informed(Participant):
    """Knows a fundamental value, and takes what is offered at a worse price.

    Parameters
    ----------
    threshold : float
        Ticks that a trade must earn against the value.
    limit : int
        Most units of position.
    """

    activity: float = 0.16
    threshold: float = 1.0
    limit: int = 1_000_000

    behaviour = layout.INFORMED


KINDS = {
    "background": Background,
    "hawkes": HawkesFlow,
    "maker": MarketMaker,
    "momentum": Momentum,
    "reversion": MeanReversion,
    "informed": Informed,
}
"""Participants by name."""

MIXES: dict[str, dict[str, int]] = {
    "default": {"background": 1, "hawkes": 1, "maker": 3, "momentum": 2, "reversion": 1, "informed": 1},
    "zero-intelligence": {"background": 1},
    "hawkes": {"background": 1, "hawkes": 1},
    "quiet": {"background": 1, "maker": 4, "reversion": 1},
    "trending": {"background": 1, "hawkes": 1, "maker": 2, "momentum": 6, "informed": 1},
}
"""How many of each, by name."""


def participants(mix: str = "default", counts: str | None = None, network: Network | None = None) -> list[Participant]:
    """Participants from the texts of the command line.

    Parameters
    ----------
    mix : str
        A name of :data:`MIXES`.
    counts : str, optional
        What differs from the mix, as ``maker=5,momentum=0``.
    network : Network, optional
        For all of them; by default each kind has its own.

    Raises
    ------
    UsageError
        No such mix or kind, or nobody is left.

    Examples
    --------
    >>> [type(item).__name__ for item in participants("quiet", "maker=1,background=2")]
    ['Background', 'Background', 'MarketMaker', 'MeanReversion']
    """
    if mix not in MIXES:
        raise UsageError(f"mix {mix!r}: choose one of {', '.join(MIXES)}")
    wanted = dict(MIXES[mix])
    for item in filter(None, (counts or "").split(",")):
        name, _, number = item.partition("=")
        if name.strip() not in KINDS:
            raise UsageError(f"participants {item!r}: there are {', '.join(KINDS)}; write them as maker=5,momentum=0")
        if not number.strip().isdecimal() or int(number) > 1_000:
            raise UsageError(f"participants {item!r}: write a number from 0 to 1,000 after the equals sign")
        wanted[name.strip()] = int(number)
    made = [KINDS[name]() for name, number in wanted.items() for _ in range(number)]
    return check([item if network is None else dataclasses.replace(item, network=network) for item in made])


def check(given: Sequence[Participant]) -> list[Participant]:
    """The participants, of whom one must provide a book.

    Raises
    ------
    UsageError
        Nobody, too many, or nobody who fills a book from the start.
    """
    chosen = list(given)
    if not any(isinstance(item, Background) for item in chosen):
        raise UsageError("a simulated market needs at least one background participant: it fills the opening book")
    if len(chosen) > 10_000:
        raise UsageError(f"at most 10,000 participants, not {len(chosen):,}")
    return chosen


def names(chosen: Sequence[Participant]) -> list[str]:
    """A name for each: its kind and a number."""
    counted: dict[str, int] = {}
    kinds: dict[Any, str] = {kind: name for name, kind in KINDS.items()}
    result = []
    for item in chosen:
        kind = kinds.get(type(item), type(item).__name__.lower())
        counted[kind] = counted.get(kind, 0) + 1
        result.append(f"{kind}-{counted[kind]}")
    return result
