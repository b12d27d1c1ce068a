"""What a venue's top-of-book stream says about the depth book: the truth against which a rebuilt book is checked."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import BBO, Flag, Records, Side


class TickerTruth:
    """Best bid and ask by update id, collected from TOB-flagged events.

    On Binance a bookTicker with update id ``u`` shows the book after that update, so the book after a diff whose last update is
    ``u`` must show what the ticker with the largest id at or below it says.
    """

    def __init__(self) -> None:
        self._parts: dict[int, list[tuple[NDArray[np.uint64], Records]]] = defaultdict(list)
        self._joined: dict[int, tuple[NDArray[np.uint64], Records]] = {}

    def collect(self, events: Records) -> None:
        """Take the top-of-book groups (bid, then ask) of a chunk of ``EVENT``; groups must be whole."""
        top = events[events["flags"] & np.uint8(Flag.TOB) != 0]
        bids, asks = top[top["side"] == int(Side.BID)], top[top["side"] == int(Side.ASK)]
        if len(bids) != len(asks) or not np.array_equal(bids["sequence"], asks["sequence"]):
            raise ValueError("top-of-book events must come in pairs of bid and ask with one sequence")
        for number in np.unique(bids["instrument_id"]):
            chosen = bids["instrument_id"] == number
            rows = np.zeros(int(chosen.sum()), BBO)
            for side, of in (("bid", bids[chosen]), ("ask", asks[chosen])):
                rows[f"{side}_price"], rows[f"{side}_size"] = of["price"], of["size"]
            self._parts[int(number)].append((bids["sequence"][chosen], rows))
        self._joined.clear()

    def at(self, instrument_id: int, sequences: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], Records]:
        """Best bid and ask after each of `sequences`.

        Returns
        -------
        known : ndarray of bool
            Whether a ticker at or below the sequence was seen.
        best : ndarray of BBO
            Rows of zeros where none was.
        """
        ids, rows = self._sorted(instrument_id)
        place = np.searchsorted(ids, sequences, side="right") - 1
        known = place >= 0
        best = np.zeros(len(sequences), BBO)
        best[known] = rows[place[known]]
        return known, best

    def forget(self, instrument_id: int, sequence: int) -> None:
        """Drop the tickers that :meth:`at` needs for no sequence from `sequence` on."""
        ids, rows = self._sorted(instrument_id)
        first = max(int(np.searchsorted(ids, np.uint64(sequence), side="right")) - 1, 0)
        self._parts[instrument_id] = [(ids[first:].copy(), rows[first:].copy())]
        self._joined.pop(instrument_id)

    def _sorted(self, instrument_id: int) -> tuple[NDArray[np.uint64], Records]:
        if instrument_id not in self._joined:
            parts = self._parts.get(instrument_id, [])
            ids = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.uint64)
            rows = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, BBO)
            order = np.argsort(ids, kind="stable")
            self._joined[instrument_id] = ids[order], rows[order]
        return self._joined[instrument_id]

    def __len__(self) -> int:
        return sum(len(part[0]) for parts in self._parts.values() for part in parts)
