"""Times at the edge."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickdeck.core import ManualClock, UsageError, ns_text, to_ns

NOON = 1_703_505_600_000_000_000


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        str(NOON),
        np.int64(NOON),
        "2023-12-25T12:00:00Z",
        "2023-12-25 12:00:00",
        "2023-12-25T13:00:00+01:00",
        datetime(2023, 12, 25, 12, tzinfo=UTC),
        datetime(2023, 12, 25, 12),
        datetime(2023, 12, 25, 7, tzinfo=timezone(timedelta(hours=-5))),
        np.datetime64("2023-12-25T12:00"),
    ],
)
def test_every_way_to_write_a_time_is_the_same_time(value: object) -> None:
    assert to_ns(value) == NOON  # type: ignore[arg-type]


def test_a_date_is_its_midnight() -> None:
    assert to_ns(date(2023, 12, 25)) == to_ns("2023-12-25") == NOON - 12 * 3600 * 10**9


@given(st.integers(0, 4_102_444_800 * 10**9))
def test_text_keeps_every_nanosecond(ns: int) -> None:
    assert to_ns(ns_text(ns)) == ns


@pytest.mark.parametrize("value", ["yesterday", "2023-13-01", "", "12:00"])
def test_text_that_is_no_time_is_refused_in_one_line(value: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        to_ns(value)


def test_a_manual_clock_moves_only_forward() -> None:
    clock = ManualClock(5)
    clock.advance(3)
    assert clock() == 8
    with pytest.raises(UsageError):
        clock.advance(-1)
