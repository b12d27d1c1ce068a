"""What a suite declares: cases, who competes in them and what must hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from tickdeck.bench.latency import Histogram

Role = Literal["ours", "native", "peer"]
Metric = Literal["rate", "ratio", "seconds", "bytes", "p50", "p95", "p99", "p99.9"]


class NotAvailableError(Exception):
    """An input, reference or peer that this machine does not have; the text is one line that says what to do."""


class Stopwatch:
    """Times a block by the wall and by the processor time of this thread."""

    __slots__ = ("processor", "seconds")

    def __enter__(self) -> Self:
        self.processor = time.thread_time()
        self.seconds = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.seconds
        self.processor = time.thread_time() - self.processor


@dataclass(frozen=True)
class Sample:
    """One pass."""

    units: int
    """Work done, in the case's unit."""
    seconds: float
    processor: float | None = None
    """Processor time of the thread during `seconds`, where one thread does all the work: tells a pass that was preempted."""
    checksum: int | None = None
    """Of the results, where the pass computes one; contenders of equal work must agree."""
    latencies: Histogram | None = None
    """Of each operation, from when it was due."""
    service: Histogram | None = None
    """Of each operation, from when it started."""
    bytes: int | None = None
    """Memory that the case is about; otherwise the growth of the process is measured."""
    details: dict[str, float] = field(default_factory=dict)
    """Other figures worth showing, by name."""


@dataclass(frozen=True)
class Contender:
    """Somebody who does the work of a case.

    ``prepare`` gets the case's input, once, and yields the pass: what it does before yielding is not timed, what it does after
    it frees memory. It raises ``NotAvailableError`` where it cannot run.
    """

    name: str
    role: Role
    prepare: Callable[[Any], Iterator[Callable[[], Sample]]]
    work: str = ""
    """What it does that differs from the case's text."""
    comparable: bool = True
    """Its checksum must equal ours."""


@dataclass(frozen=True)
class Bound:
    """A limit: ``Bound("ratio", 0.8, of="native")``, ``Bound("rate", 18e6)``, ``Bound("p99", 5_000)`` (ns).

    Rates and ratios must reach it, everything else must not exceed it.
    """

    metric: Metric
    value: float
    of: str = ""
    """For a ratio: the contender to compare with."""

    @property
    def at_least(self) -> bool:
        """The value is a floor, not a ceiling."""
        return self.metric in ("rate", "ratio")


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Parameters
    ----------
    name : str
        ``suite.words-with-dashes``.
    work : str
        Which stages the measured time contains.
    make_input : callable
        What all contenders get; its time and memory do not count.
    contenders : list of Contender
        Ours first.
    unit : str
    must, aim : tuple of Bound
    pinned : bool
        On one core (and preempted passes are told by the thread's processor time).
    passes : int, optional
        Overrides the number of repeats, for long passes.
    """

    name: str
    work: str
    make_input: Callable[[], Any]
    contenders: list[Contender]
    unit: str = "events"
    must: tuple[Bound, ...] = ()
    aim: tuple[Bound, ...] = ()
    pinned: bool = True
    passes: int | None = None


@dataclass(frozen=True)
class Settings:
    """How much to measure."""

    repeats: int = 7
    quick: bool = False
    seed: int = 1

    def size(self, full: int, quick: int) -> int:
        """The number of events: `full`, or `quick` in a quick run."""
        return quick if self.quick else full
