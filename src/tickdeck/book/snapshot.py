"""A book as a value: snapshot events, and everything that a restore needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tickdeck.core import EVENT, Action, Flag, Instrument, Records, RType, Side

if TYPE_CHECKING:
    from tickdeck.book.order_book import OrderBook


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A book's state.

    Parameters
    ----------
    instrument : Instrument
    events : array of EVENT
        ``SNAPSHOT`` events that rebuild the book, first a clear.
    tick_size : int or None
        Units of 1e-9.
    depth_kind : str or None
        "L2" or "L3", also of an emptied book.
    is_stale : bool
    stats : dict of str to int
        Counts of anomalies.
    checksum : int
        ``OrderBook.checksum()`` when it was taken.
    """

    instrument: Instrument
    events: Records
    tick_size: int | None
    depth_kind: str | None
    is_stale: bool
    stats: dict[str, int]
    checksum: int


def as_snapshot_events(book: OrderBook, instrument_id: int, publisher_id: int, ts_event: int) -> Records:
    """A clear and one add for each order (each level in L2), best first, in queue order."""
    whole_levels = book.depth_kind == "L2"
    sides = [book.levels(side) if whole_levels else book.orders(side) for side in (Side.BID, Side.ASK)]
    events = np.zeros(1 + sum(map(len, sides)), EVENT)
    events["ts_event"] = ts_event
    events["instrument_id"] = instrument_id
    events["publisher_id"] = publisher_id
    events["rtype"] = RType.MBO
    events["flags"] = Flag.SNAPSHOT | (Flag.MBP if whole_levels else 0)
    events["action"] = Action.ADD
    events["side"] = Side.NONE
    at = 1
    for code, rows in zip((Side.BID, Side.ASK), sides):
        part = events[at : at + len(rows)]
        part["side"] = code
        part["price"] = rows["price"]
        part["size"] = rows["size"]
        part["order_id"] = rows["count"] if whole_levels else rows["order_id"]
        at += len(rows)
    events[0]["action"] = Action.CLEAR
    events[0]["price"] = 2**63 - 1
    events[0]["flags"] = Flag.SNAPSHOT
    events[-1]["flags"] |= Flag.LAST
    return events
