"""Compares a run with an earlier one by the ratios to the references that each measured in the same run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tickdeck.bench.result import CaseResult, Run
from tickdeck.bench.statistics import change_interval
from tickdeck.core import UsageError

TOLERATED = 0.10


class Change(msgspec.Struct, frozen=True):
    """How the ratio to one reference changed: 0.9 means that we are 10% slower against it than before."""

    case: str
    of: str
    median: float
    low: float
    high: float

    @property
    def regressed(self) -> bool:
        """The whole confidence interval is more than 10% down."""
        return self.high < 1.0 - TOLERATED


class Comparison(msgspec.Struct, frozen=True):
    """Two runs."""

    changes: list[Change]
    skipped: list[str]
    """Why a case could not be compared, a line each."""

    @property
    def failed(self) -> bool:
        """Something regressed, or there was nothing to compare."""
        return not self.changes or any(change.regressed for change in self.changes)


def read_run(path: str | Path) -> Run:
    """A run from the JSON that ``--json`` wrote.

    Raises
    ------
    UsageError
        Not such a file.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Run)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; write one with tickdeck bench --json {path}") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"{path}: is not a result of tickdeck bench --json: {error}") from None


def write_run(run: Run, path: str | Path) -> None:
    """`run` as JSON, by way of a temporary name."""
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
    partial.replace(target)


def compare(new: Run, old: Run) -> Comparison:
    """The change of every ratio that both runs have.

    Rates are not compared: they drift with the machine. A run with fewer than three pairs has no confidence interval worth the
    name and is skipped, as are a quick and a full run of one case, whose inputs differ.
    """
    changes: list[Change] = []
    skipped: list[str] = []
    if new.quick != old.quick:
        return Comparison([], ["one run is quick and the other is not: their inputs differ"])
    for case in new.cases:
        before = old.case(case.name)
        if before is None:
            skipped.append(f"{case.name}: not in the old run")
            continue
        compared = _case_changes(case, before)
        changes += compared
        if not compared:
            skipped.append(f"{case.name}: no ratio to a reference in both runs with three passes or more")
    return Comparison(changes, skipped)


def _case_changes(case: CaseResult, before: CaseResult) -> list[Change]:
    earlier = {ratio.of: ratio.pairs for ratio in before.ratios}
    return [
        Change(case.name, ratio.of, *change_interval(ratio.pairs, earlier[ratio.of]))
        for ratio in case.ratios
        if min(len(ratio.pairs), len(earlier.get(ratio.of, ()))) >= 3
    ]
