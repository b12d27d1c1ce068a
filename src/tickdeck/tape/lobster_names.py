"""Names of LOBSTER files: ``AMZN_2012-06-21_34200000_57600000_message_5.csv`` says symbol, day, hours and levels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from tickdeck.core import UsageError

NEW_YORK = ZoneInfo("America/New_York")

_NAME = re.compile(
    r"(?:(?P<symbol>[^_/]+)_(?P<date>\d{4}-\d\d-\d\d)_(?P<start>\d+)_(?P<end>\d+)_)?(?P<kind>message|orderbook)_(?P<levels>\d+)\.csv$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LobsterName:
    """What a file's name says.

    Parameters
    ----------
    kind : str
        ``message`` or ``orderbook``.
    levels : int
        Depth of the window; 0 when it was asked for without a book.
    symbol, date : str
        Empty when the name does not say.
    start_ms, end_ms : int
        Hours of the file in ms after New York midnight.
    """

    kind: str
    levels: int
    symbol: str = ""
    date: str = ""
    start_ms: int = 0
    end_ms: int = 0


def parse_name(path: str) -> LobsterName | None:
    """What the name of `path` says, compression suffix aside; None if it is no LOBSTER name."""
    name = PurePosixPath(path).name
    for suffix in (".gz", ".zst", ".zstd", ".xz"):
        name = name.removesuffix(suffix)
    found = _NAME.search(name)
    if found is None:
        return None
    return LobsterName(
        kind=found["kind"].lower(),
        levels=int(found["levels"]),
        symbol=(found["symbol"] or "").upper(),
        date=found["date"] or "",
        start_ms=int(found["start"] or 0),
        end_ms=int(found["end"] or 0),
    )


def new_york_midnight_ns(day: str) -> int:
    """Midnight in New York that starts `day` (ISO date), in ns since the epoch, UTC.

    Raises
    ------
    UsageError
        Not an ISO date.
    """
    try:
        moment = date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"{day!r} is not a date; write it as 2012-06-21") from None
    midnight = datetime(moment.year, moment.month, moment.day, tzinfo=NEW_YORK)
    return int(midnight.timestamp()) * 1_000_000_000
