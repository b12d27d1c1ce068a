"""Times at the edge."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
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
        pd.Timestamp("2023-12-25T12:00"),
        pd.Timestamp("2023-12-25T13:00+01:00"),
        "20231225T120000Z",
        " 2023-12-25T12:00 ",
    ],
)
def test_every_way_to_write_a_time_is_the_same_time(value: object) -> None:
    assert to_ns(value) == NOON  # type: ignore[arg-type]


def test_a_date_is_its_midnight() -> None:
    assert to_ns(date(2023, 12, 25)) == to_ns("2023-12-25") == NOON - 12 * 3600 * 10**9


@given(st.integers(-(2**62), 2**63 - 1))
def test_text_keeps_every_nanosecond(ns: int) -> None:
    text = ns_text(ns)
    assert to_ns(text) == ns
    assert to_ns(text.replace("-", "").replace(":", "")) == ns
    assert to_ns(text.replace(".", ",").replace("Z", "+00:00")) == ns
    assert to_ns(pd.Timestamp(ns)) == ns
    assert to_ns(np.datetime64(ns, "ns")) == ns


def test_a_zone_and_a_fraction_go_together() -> None:
    assert to_ns("2023-12-25T13:00:00.000000007+01:00") == NOON + 7
    assert to_ns("2023-12-25T13:00:00.5+01:00") == NOON + 500_000_000


@pytest.mark.parametrize("value", [None, 1.5, True, [], np.datetime64("NaT"), pd.NaT, float("nan")])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        to_ns(value)  # type: ignore[arg-type]


NO_TIMES = ["2023-12-25T12:00:00.1234567891", "20231225T120000.1234567891", "2023-12-25T12:00.5", "2023-12-25T12.5"]


@pytest.mark.parametrize("value", ["yesterday", "2023-13-01", "", "12:00", *NO_TIMES])
def test_text_that_is_no_time_is_refused_in_one_line(value: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        to_ns(value)


def test_a_manual_clock_moves_only_forward() -> None:
    clock = ManualClock(5)
    clock.advance(3)
    assert clock() == 8
    with pytest.raises(UsageError):
        clock.advance(-1)
