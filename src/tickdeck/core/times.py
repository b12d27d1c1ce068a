"""Times at the user's edge: integer nanoseconds, ISO strings and datetimes become nanoseconds since the epoch, UTC."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np

from tickdeck.core.errors import UsageError

Time = int | str | datetime | date | np.datetime64
"""A point in time; text and datetimes without a zone are UTC."""

_FRACTION = re.compile(r"(?:(?<=\d\d:\d\d:\d\d)|(?<=[Tt ]\d{6}))[.,](\d{1,9})(?!\d)")
"""The fraction of the second, which may be finer than a datetime holds."""


def to_ns(value: Time) -> int:
    """`value` in ns since the epoch, UTC.

    Raises
    ------
    UsageError
        Text that is no ISO 8601 time.

    Examples
    --------
    >>> to_ns("2023-12-25T23:00:00.000000001Z")
    1703545200000000001
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    if value != value:
        raise UsageError(f"{value!r} is not a time")
    if isinstance(value, np.datetime64):
        return int(value.astype("datetime64[ns]").astype(np.int64))
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"-?\d{9,}", text):
            return int(text)
        fraction = _FRACTION.search(text)
        nanoseconds = 0
        if fraction:
            nanoseconds = int(fraction[1].ljust(9, "0"))
            text = text[: fraction.start()] + text[fraction.end() :]
        try:
            # A fraction of anything else, or one beyond nanoseconds, would be read wrongly or cut.
            if "." in text or "," in text:
                raise ValueError
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise UsageError(
                f"{value!r} is not a time; write ns since the epoch or ISO 8601 such as 2023-12-25T23:00:00Z"
            ) from None
        return to_ns(moment) + nanoseconds
    if isinstance(value, datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        delta = value - datetime(1970, 1, 1, tzinfo=UTC)
        # A pandas Timestamp is a datetime with nanoseconds besides.
        finer = getattr(value, "nanosecond", 0)
        return int((delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000 + finer)
    if isinstance(value, date):
        return (value - date(1970, 1, 1)).days * 86_400 * 1_000_000_000
    raise UsageError(f"{value!r} is not a time")


def ns_text(ns: int) -> str:
    """ISO 8601 text with nanoseconds and a Z.

    Examples
    --------
    >>> ns_text(1703545200000000001)
    '2023-12-25T23:00:00.000000001Z'
    """
    seconds, rest = divmod(int(ns), 1_000_000_000)
    return f"{np.datetime64(seconds, 's')}.{rest:09d}Z"


Clock = Callable[[], int]
"""Returns ns. The one seam through which time enters at the edge; kernels never read a clock."""

wall_clock: Clock = time.time_ns
"""ns since the epoch, UTC."""
monotonic_clock: Clock = time.monotonic_ns
"""ns for measuring durations."""


class ManualClock:
    """A clock that stands still until it is moved; for tests and replays.

    Parameters
    ----------
    now : int
        ns since the epoch.
    """

    __slots__ = ("now",)

    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, ns: int) -> None:
        """Move forward by `ns`."""
        if ns < 0:
            raise UsageError("a clock does not run backwards")
        self.now += ns
