"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

DATA = Path(os.environ.get("TICKDECK_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")

NO_SKIPS = os.environ.get("TICKDECK_NO_SKIPS") == "1"
"""Where data and services are promised to be there, a skipped test is a failure."""


def _fail_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"TICKDECK_NO_SKIPS=1 and the test was skipped: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_skip(report)
    return report


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """Path of a recorded file; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"recorded data {name} is not in {DATA}; set TICKDECK_DATA")
        return path

    return find
