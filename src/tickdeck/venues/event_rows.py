"""The rows of events that a frame becomes, and the codes that they are made of."""

from __future__ import annotations

import numpy as np

from tickdeck.core import EVENT, UNDEF_PRICE, Action, Flag, Records, RType, Side

ADD, CANCEL, CLEAR, MODIFY, TRADE, FILL = (
    int(action) for action in (Action.ADD, Action.CANCEL, Action.CLEAR, Action.MODIFY, Action.TRADE, Action.FILL)
)
BID, ASK, NO_SIDE = int(Side.BID), int(Side.ASK), int(Side.NONE)
LAST, TOB, SNAPSHOT, MBP, BAD = (int(flag) for flag in (Flag.LAST, Flag.TOB, Flag.SNAPSHOT, Flag.MBP, Flag.MAYBE_BAD_BOOK))

Group = tuple[int, int, int, int]
"""What the events of a group share: ts_event, sequence, instrument id, ts_in_delta."""

_RTYPE = int(RType.MBO)
_FLAGS = list(EVENT.names or ()).index("flags")
_DELTA_LIMIT = 2**31


class EventRows:
    """Events under construction.

    Parameters
    ----------
    publisher : int
        Publisher id of events that do not name another.
    """

    __slots__ = ("_rows", "publisher", "ts_recv")

    def __init__(self, publisher: int) -> None:
        self.publisher = publisher
        self.ts_recv = 0
        self._rows: list[tuple[int, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def begin(self, ts_recv: int) -> None:
        """Forget the rows; what follows was received at `ts_recv`."""
        self.ts_recv = ts_recv
        self._rows = []

    def add(
        self,
        group: Group,
        action: int,
        side: int,
        flags: int,
        price: int = UNDEF_PRICE,
        size: int = 0,
        order_id: int = 0,
        publisher: int = 0,
    ) -> None:
        """Add an event."""
        ts, sequence, number, delta = group
        self._rows.append(
            (
                *(ts, self.ts_recv, order_id, price, size, sequence, number, delta),
                *(publisher or self.publisher, action, side, flags, 0, _RTYPE, 0),
            )
        )

    def set_levels(self, group: Group, changes: list[tuple[bool, int, int, int]], flags: int) -> None:
        """Add an event for each level: bid side?, price, size (0 removes it), number of orders."""
        ts, sequence, number, delta = group
        ts_recv, publisher, rows = self.ts_recv, self.publisher, self._rows
        for bid, price, size, count in changes:
            if -UNDEF_PRICE < price < UNDEF_PRICE:
                action, side = ADD if size else CANCEL, BID if bid else ASK
                rows.append(
                    (ts, ts_recv, count, price, size, sequence, number, delta, publisher, action, side, flags, 0, _RTYPE, 0)
                )

    def flag(self, index: int, flags: int) -> None:
        """Set more flags of a row."""
        row = self._rows[index]
        if flags & ~row[_FLAGS]:
            self._rows[index] = (*row[:_FLAGS], row[_FLAGS] | flags, *row[_FLAGS + 1 :])

    def finish_group(self, first: int, flags: int) -> None:
        """Flag the group that began with row `first`: `flags` on its first row, LAST on its last."""
        if len(self._rows) > first:
            self.flag(first, flags)
            self.flag(len(self._rows) - 1, LAST)

    def delta(self, sent: int) -> int:
        """ns from the venue's sending time to the receipt; 0 where unknown or beyond 32 bits."""
        delta = self.ts_recv - sent if sent and self.ts_recv else 0
        return delta if -_DELTA_LIMIT < delta < _DELTA_LIMIT else 0

    def array(self) -> Records:
        """All rows as an ``EVENT`` array."""
        return np.array(self._rows, EVENT)
