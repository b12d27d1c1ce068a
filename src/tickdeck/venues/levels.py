"""A light L2 book: what a parser needs to cut a book at its depth and to verify checksums."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np

from tickdeck.core import LEVEL, UNDEF_PRICE, Records


class LevelSide:
    """The levels of one side.

    Parameters
    ----------
    bid : bool
        Bids have their highest price first, asks their lowest.
    """

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, bid: bool) -> None:
        self._sign = -1 if bid else 1
        self._keys: list[int] = []
        self._levels: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def clear(self) -> None:
        """Remove all levels."""
        self._keys.clear()
        self._levels.clear()

    def set(self, price: int, size: int, count: int = 0) -> None:
        """Set a level's size (0 removes it) and number of orders."""
        key = price * self._sign
        if size:
            if key not in self._levels:
                insort(self._keys, key)
            self._levels[key] = (size, count)
        elif self._levels.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def cut(self, depth: int) -> list[int]:
        """Keep the best `depth` levels; prices of those removed."""
        if len(self._keys) <= depth:
            return []
        removed = self._keys[depth:]
        del self._keys[depth:]
        for key in removed:
            del self._levels[key]
        return [key * self._sign for key in removed]

    def best(self, count: int) -> Records:
        """The best `count` levels as a ``LEVEL`` array, best first; without prices beyond 63 bits, which it cannot hold.

        Of a number of orders it has the low 32 bits, as a book does.
        """
        keys = [key for key in self._keys[:count] if abs(key) < UNDEF_PRICE]
        out = np.zeros(len(keys), LEVEL)
        for row, key in enumerate(keys):
            size, orders = self._levels[key]
            out[row] = (key * self._sign, size, orders & 0xFFFFFFFF, 0)
        return out


class Levels:
    """Both sides of a light book."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = LevelSide(bid=True)
        self.asks = LevelSide(bid=False)

    def side(self, bid: bool) -> LevelSide:
        """The bids or the asks."""
        return self.bids if bid else self.asks

    def clear(self) -> None:
        """Remove all levels."""
        self.bids.clear()
        self.asks.clear()
