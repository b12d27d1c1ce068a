"""What a run measured: plain records that go to JSON and come back."""

from __future__ import annotations

import msgspec

from tickdeck.bench.machine import Machine


class Measured(msgspec.Struct):
    """One contender of a case."""

    name: str
    role: str
    work: str = ""
    missing: str = ""
    """Why it could not run; nothing below is set then."""
    units: int = 0
    seconds: list[float] = []
    rate: float = 0.0
    """Median, units a second."""
    worst: float = 0.0
    """Slowest pass, units a second."""
    spread: float = 0.0
    """Half the interquartile range as a share of the median."""
    checksum: str = ""
    peak_bytes: int = 0
    """Growth of the process's peak memory while it ran first."""
    latencies_ns: dict[str, int] = {}
    """Percentiles from when the work was due."""
    service_ns: dict[str, int] = {}
    """Percentiles from when the work started."""
    details: dict[str, float] = {}
    disturbed: int = 0
    """Passes during which the thread did not have its core; their time is the thread's processor time."""


class Ratio(msgspec.Struct):
    """Our rate over another's, pass by pass of the same run."""

    of: str
    median: float
    low: float
    high: float
    pairs: list[float]


class Verdict(msgspec.Struct):
    """Whether a bound holds."""

    level: str
    """must or aim."""
    text: str
    met: bool
    checked: bool = True
    """False: it could not be checked, which is no success."""


class CaseResult(msgspec.Struct):
    """One case."""

    name: str
    work: str
    unit: str
    measured: list[Measured]
    ratios: list[Ratio] = []
    verdicts: list[Verdict] = []
    differing: list[str] = []
    """Contenders whose checksum is not ours."""

    @property
    def ours(self) -> Measured:
        """The first contender."""
        return self.measured[0]

    @property
    def failed(self) -> bool:
        """A must is missed or could not be checked, or checksums differ."""
        return bool(self.differing) or any(v.level == "must" and not v.met for v in self.verdicts)


class Run(msgspec.Struct):
    """A whole run."""

    started: str
    command: str
    quick: bool
    machine: Machine
    cases: list[CaseResult]
    version: int = 1

    @property
    def failed(self) -> bool:
        """Some case failed."""
        return any(case.failed for case in self.cases)

    def case(self, name: str) -> CaseResult | None:
        """A case by name."""
        return next((case for case in self.cases if case.name == name), None)
