"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(os.environ.get("TICKDECK_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """Path of a recorded file; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"recorded data {name} is not in {DATA}; set TICKDECK_DATA")
        return path

    return find
