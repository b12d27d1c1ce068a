"""The times of a simulated trading day."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from tickdeck.core import UsageError, to_ns

NEW_YORK = ZoneInfo("America/New_York")
OPEN = datetime.time(9, 30)
HOUR = 3_600_000_000_000
OPENING = HOUR // 60
LONGEST_PRE_OPEN, LONGEST_PRE_CLOSE = HOUR // 4, HOUR // 12


@dataclass(frozen=True)
class Session:
    """Times of a trading day, ns since the epoch. Without auctions the first two are the same, and the last two."""

    pre_open: int
    open: int
    pre_close: int
    close: int

    @property
    def start(self) -> int:
        """When the first order is sent: as orders collect, or, without auctions, a minute before the session for the opening book."""
        return self.pre_open if self.pre_open < self.open else self.open - OPENING


def session(day: str | datetime.date, hours: float, *, auctions: bool) -> Session:
    """Continuous trading of `hours` from 09:30 in New York; with auctions, orders collect before and after it.

    Raises
    ------
    UsageError
        `day` is no ISO date.
    """
    try:
        date = datetime.date.fromisoformat(day) if isinstance(day, str) else day
        opened = to_ns(datetime.datetime.combine(date, OPEN, NEW_YORK))
    except ValueError:
        raise UsageError(f"{day!r} is not a date; write it as 2024-03-05") from None
    length = int(hours * HOUR)
    closed = opened + length
    before, after = (min(LONGEST_PRE_OPEN, length // 10), min(LONGEST_PRE_CLOSE, length // 20)) if auctions else (0, 0)
    return Session(opened - before, opened, closed, closed + after)
