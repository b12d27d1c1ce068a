"""Trading hours, blackouts and trading days as sorted intervals of ns, made once from a calendar in a time zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from tickdeck.core import UsageError, to_ns

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2040, 12, 31)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_NS = 86_400 * 10**9
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?")
_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": _DAY_NS}
_DURATION = re.compile(r"(\d{1,18}) ?(ns|us|ms|s|min|h|d)")


class Calendar(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a market is traded.

    Parameters
    ----------
    hours : list of str
        Sessions of a day as ``"09:30-16:00"``; one that ends at or before its start ends on the next day. None: round the clock,
        seven days a week.
    time_zone : str
        IANA name.
    weekdays : list of str
        Days on which sessions start.
    holidays : list of date
        Days on which none starts.
    early_closes : dict of str to str
        Date -> time at which that day's sessions end.
    blackout_hours : list of str
        Times of every day in which no order may be sent, as ``"09:29-09:31"``.
    blackouts : list of str
        Single intervals as ISO 8601 ``"start/end"``.
    first_day, last_day : date
        The calendar is known for these days; outside them the market counts as closed.
    """

    hours: list[str] = []
    time_zone: str = "UTC"
    weekdays: list[str] = field(default_factory=lambda: list(WEEKDAYS[:5]))
    holidays: list[date] = []
    early_closes: dict[str, str] = {}
    blackout_hours: list[str] = []
    blackouts: list[str] = []
    first_day: date = FIRST_DAY
    last_day: date = LAST_DAY

    def __post_init__(self) -> None:
        named("time_zone", zone, self.time_zone)
        for name in ("hours", "blackout_hours"):
            for text in getattr(self, name):
                named(name, _interval, text)
        for text in self.weekdays:
            named("weekdays", weekday, text)
        for text in self.blackouts:
            named("blackouts", _blackout, text)
        for day, closing in self.early_closes.items():
            named(f"early_closes.{day}", _closing, (day, closing))


def named(key: str, convert: Callable[[Any], Any], value: Any) -> Any:
    """``convert(value)``, with the key in the message if it cannot be."""
    try:
        return convert(value)
    except UsageError as error:
        raise UsageError(f"`{key}`: {error}") from None


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"no time zone {name!r}; write an IANA name such as America/New_York") from None


def clock_time(text: str) -> timedelta:
    """``"HH:MM"`` or ``"HH:MM:SS"`` as the time since midnight, up to 24:00."""
    found = _CLOCK.fullmatch(text.strip())
    if found:
        since = timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=int(found[3] or 0))
        if since <= timedelta(days=1):
            return since
    raise UsageError(f"{text!r} is not a time of day; write HH:MM or HH:MM:SS")


def duration_ns(text: str) -> int:
    """A duration such as ``"250ms"``, ``"2s"`` or ``"15min"`` in ns.

    Examples
    --------
    >>> duration_ns("250ms")
    250000000
    """
    found = _DURATION.fullmatch(text.strip())
    if not found or int(found[1]) * _UNITS[found[2]] >= 2**62:
        raise UsageError(f"{text!r} is not a duration; write a number and ns, us, ms, s, min, h or d")
    return int(found[1]) * _UNITS[found[2]]


def weekday(name: str) -> int:
    """0 for Monday."""
    if name.lower() not in WEEKDAYS:
        raise UsageError(f"{name!r} is not a weekday; write monday to sunday")
    return WEEKDAYS.index(name.lower())


def _interval(text: str) -> tuple[timedelta, timedelta]:
    parts = text.split("-")
    if len(parts) != 2:
        raise UsageError(f"{text!r} is not an interval of the day; write HH:MM-HH:MM")
    start, end = clock_time(parts[0]), clock_time(parts[1])
    return start, end if end > start else end + timedelta(days=1)


def _blackout(text: str) -> tuple[int, int]:
    start, _, end = text.partition("/")
    span = (to_ns(start), to_ns(end)) if end else (0, 0)
    if span[1] <= span[0]:
        raise UsageError(f"{text!r} is not an interval; write two ISO 8601 times as start/end")
    return span


def _closing(given: tuple[str, str]) -> tuple[date, timedelta]:
    try:
        day = date.fromisoformat(given[0])
    except ValueError:
        raise UsageError(f"{given[0]!r} is not a date; write YYYY-MM-DD") from None
    return day, clock_time(given[1])


def _ns(day: date, since_midnight: timedelta, where: ZoneInfo) -> int:
    """A local time of a day."""
    moment = (datetime.combine(day, time()) + since_midnight).replace(tzinfo=where)
    return int(moment.timestamp()) * 10**9


def _days(calendar: Calendar) -> Iterator[date]:
    for number in range(calendar.first_day.toordinal(), calendar.last_day.toordinal() + 1):
        yield date.fromordinal(number)


def _merged(spans: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Sorted, with what touches or overlaps joined; shape (n, 2)."""
    out: list[list[int]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        elif end > start:
            out.append([start, end])
    return np.array(out, np.int64).reshape(-1, 2)


def hours_of(calendar: Calendar) -> NDArray[np.int64]:
    """Sessions in ns, shape (n, 2): [start, end)."""
    where = zone(calendar.time_zone)
    sessions = [_interval(text) for text in calendar.hours]
    wanted = {weekday(name) for name in calendar.weekdays}
    holidays = set(calendar.holidays)
    closes = dict(map(_closing, calendar.early_closes.items()))
    found = []
    for day in _days(calendar):
        if day.weekday() not in wanted or day in holidays:
            continue
        last = closes.get(day)
        for start, end in sessions:
            found.append((_ns(day, start, where), _ns(day, end if last is None else min(end, last), where)))
    return _merged(found)


def blackouts_of(calendar: Calendar) -> NDArray[np.int64]:
    """Blackouts in ns, shape (n, 2): [start, end)."""
    where = zone(calendar.time_zone)
    found = [_blackout(text) for text in calendar.blackouts]
    daily = [_interval(text) for text in calendar.blackout_hours]
    if daily:
        for day in _days(calendar):
            found += [(_ns(day, start, where), _ns(day, end, where)) for start, end in daily]
    return _merged(found)


def day_starts(time_zone: str, begins: str, week_begins: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When days begin, from 2000 to 2040 in ns, and those of them that begin a week.

    Parameters
    ----------
    time_zone : str
    begins : str
        Local time at which a day begins.
    week_begins : str
        Weekday whose day begins a week.
    """
    where, since, first = zone(time_zone), clock_time(begins), weekday(week_begins)
    numbers = np.arange(FIRST_DAY.toordinal(), LAST_DAY.toordinal() + 1)
    if where.key == "UTC":
        epoch = datetime(1970, 1, 1, tzinfo=UTC).date().toordinal()
        days = (numbers - epoch) * _DAY_NS + since // timedelta(seconds=1) * 10**9
    else:
        days = np.array([_ns(date.fromordinal(number), since, where) for number in numbers.tolist()], np.int64)
    return days.astype(np.int64), days[(numbers - 1) % 7 == first].astype(np.int64)
