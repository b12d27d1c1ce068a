"""Runs suites and collects the result."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch

from tickdeck.bench.case import Case, Settings
from tickdeck.bench.harness import run_case
from tickdeck.bench.machine import describe
from tickdeck.bench.result import CaseResult, Run
from tickdeck.bench.suites import suite_cases
from tickdeck.core import UsageError, ns_text, wall_clock


def select(suites: list[str], only: list[str], settings: Settings) -> list[Case]:
    """The cases of the suites whose names match one of `only` (``esh4``, ``book.*``), all without any.

    Raises
    ------
    UsageError
        Nothing matches.
    """
    cases = suite_cases(suites, settings)
    chosen = [case for case in cases if not only or any(_matches(case.name, pattern) for pattern in only)]
    if not chosen:
        raise UsageError(f"no case matches {', '.join(only)}; there are {', '.join(case.name for case in cases)}")
    return chosen


def _matches(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or fnmatch(name.split(".", 1)[-1], pattern)


def run_cases(cases: list[Case], settings: Settings, command: str, done: Callable[[CaseResult], None]) -> Run:
    """Measure the cases; ``done`` is called after each."""
    started = ns_text(wall_clock())[:19] + "Z"
    results: list[CaseResult] = []
    for case in cases:
        results.append(run_case(case, settings))
        done(results[-1])
    return Run(started, command, settings.quick, describe(), results)
