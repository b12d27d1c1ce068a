"""The memory of a market's books: arrays that grow by doubling, and the handle through which kernels see them."""

from __future__ import annotations

import contextlib
import math
import mmap
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tickdeck.book.kernels import layout, queries
from tickdeck.core import LEVEL, PRICE_SCALE, UNDEF_PRICE, Records, TickdeckError
from tickdeck.core.intrinsics import address_of

_MULTIPLIERS = 64
_HUGE_FROM = 1 << 22
_LINE = 64
_NODE_CHILDREN = 64
_PAGE_LEVELS = 64
_ROOMY_SLOTS = 1 << 17
"""Up to here (1 MiB) the id index keeps 7 of 8 slots empty, for a probe that hits at once is a branch that is predicted."""


def _index_limit(slots: int) -> int:
    """Live orders at which an id index of `slots` grows."""
    return slots // 8 if slots <= _ROOMY_SLOTS else slots * 2 // 5


def _index_slots(orders: int) -> int:
    """Slots of an id index for `orders`."""
    slots = 1024
    while _index_limit(slots) < orders:
        slots *= 2
    return slots


def _on_huge_pages(memory: mmap.mmap, dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array over mapped memory, on huge pages where the system has them; without, it is as good, only slower."""
    with contextlib.suppress(OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, dtype)


def _on_lines(count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Zeroed memory that starts with a cache line, so that no record of 32 bytes lies on two."""
    nbytes = count * dtype.itemsize
    memory = np.zeros(nbytes + _LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % _LINE
    return memory[start : start + nbytes].view(dtype)


def _multiplier(attempt: int) -> int:
    """The attempt-th odd multiplier of the id hash; the first is the golden ratio."""
    if attempt == 0:
        return 0x9E3779B97F4A7C15
    z = (attempt * 0x9E3779B97F4A7C15) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return z | 1


class PoolMemory:
    """Arrays of ``layout.Pools``.

    Parameters
    ----------
    orders : int
        Resting orders to make room for at first; grows by itself.
    prefault : bool
        Touch the memory now instead of page by page when it is first used.
    """

    __slots__ = ("_attempt", "_bound", "_maps", "_words", "arrays", "handle", "header")

    def __init__(self, orders: int = 1024, *, prefault: bool = False) -> None:
        capacity = max(16, 1 << (orders - 1).bit_length())
        pages = max(64, capacity // 32)
        nodes = 64
        sizes = {
            "header": 1,
            "books": 4,
            "sides": 8,
            "nodes": nodes,
            "children": nodes * _NODE_CHILDREN,
            "pages": pages,
            "levels": pages * _PAGE_LEVELS,
            "orders": capacity,
            "slots": _index_slots(capacity),
            "keys": 16,
            "stats": 4 * len(layout.STATS),
            "scratch": layout.AHEAD,
        }
        self.arrays: dict[str, NDArray[Any]] = {}
        self._maps: dict[str, mmap.mmap] = {}
        self._attempt = 0
        self._bound = 0
        for name, dtype in zip(layout.Pools._fields[1:], cast(tuple[np.dtype[Any], ...], layout.POOL_DTYPES)):
            self._allocate(name, sizes[name], dtype)
        self._words = np.zeros(2 * len(self.arrays), np.uint64)
        self.handle = address_of(self._words)
        self.header = self.arrays["header"]
        header = self.header[0]
        header["order_top"] = header["page_top"] = header["node_top"] = 1
        header["book_count"] = 1
        header["last_key"] = 2**64 - 1
        header["refused_price"] = UNDEF_PRICE
        self._refresh()
        header["page_room"] = pages - 1
        header["node_room"] = nodes - 1
        if prefault:
            for array in self.arrays.values():
                array.view(np.uint8)[:: mmap.PAGESIZE] |= 0

    def _refresh(self) -> None:
        header = self.header[0]
        header["order_capacity"] = len(self.arrays["orders"]) - 1
        slots = len(self.arrays["slots"])
        header["index_mask"] = slots - 1
        header["index_shift"] = 64 - (slots.bit_length() - 1)
        header["index_limit"] = _index_limit(slots)
        header["index_multiplier"] = _multiplier(self._attempt)
        header["key_mask"] = len(self.arrays["keys"]) - 1
        for i, array in enumerate(self.arrays.values()):
            self._words[2 * i] = address_of(array)
            self._words[2 * i + 1] = len(array)

    @property
    def nbytes(self) -> int:
        """Bytes reserved; the system backs only what was touched."""
        return sum(array.nbytes for array in self.arrays.values())

    def restore(self, arrays: Mapping[str, NDArray[Any]], attempt: int, bound: int) -> None:
        """Become the memory whose `arrays`, hash attempt and number of bound keys these are."""
        for name, array in arrays.items():
            self._allocate(name, len(array), self.arrays[name].dtype)
            self.arrays[name][:] = array
        self.header = self.arrays["header"]
        self._attempt, self._bound = attempt, bound
        self._refresh()

    @property
    def hashing(self) -> tuple[int, int]:
        """Hash attempt and number of bound keys, which `restore` needs beside the arrays."""
        return self._attempt, self._bound

    def _allocate(self, name: str, count: int, dtype: np.dtype[Any]) -> None:
        """Zeroed memory for a pool, which the system backs when it is touched; large pools on huge pages."""
        nbytes = count * dtype.itemsize
        if nbytes < _HUGE_FROM or not hasattr(mmap, "MADV_HUGEPAGE"):
            self._maps.pop(name, None)
            self.arrays[name] = _on_lines(count, dtype)
            return
        self._maps[name] = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.arrays[name] = _on_huge_pages(self._maps[name], dtype)

    def _double(self, name: str) -> None:
        old = self.arrays[name]
        count, dtype = 2 * len(old), old.dtype
        if count >= 2**32:
            raise TickdeckError(f"the pool of {name} would pass 2^32 entries; split the instruments over several markets")
        memory = self._maps.get(name)
        if memory is not None:
            # Mapped memory moves to its new size without a copy, unless somebody else still looks at it.
            del old
            self.arrays[name] = np.zeros(0, dtype)
            try:
                memory.resize(count * dtype.itemsize)
            except (BufferError, OSError, ValueError):
                self.arrays[name] = np.frombuffer(memory, dtype)
            else:
                self.arrays[name] = _on_huge_pages(memory, dtype)
                return
        kept = self.arrays[name]
        self._allocate(name, count, dtype)
        self.arrays[name][: len(kept)] = kept

    def grow(self, events: int = 1) -> None:
        """Double whatever has no room for so many events, and whatever is full."""
        header = self.header[0]
        while header["live"] + events > header["order_capacity"]:
            self._double("orders")
            header["order_capacity"] = len(self.arrays["orders"]) - 1
        while header["page_room"] < events:
            header["page_room"] += len(self.arrays["pages"])
            self._double("pages")
            self._double("levels")
        while header["node_room"] < layout.NODES_PER_EVENT * events:
            header["node_room"] += len(self.arrays["nodes"])
            self._double("nodes")
            self._double("children")
        slots = len(self.arrays["slots"])
        while header["live"] + events > _index_limit(slots):
            slots *= 2
        if slots > len(self.arrays["slots"]):
            self._rebuild_index(slots)
        self._refresh()

    def rehash(self) -> None:
        """Hash the index with another multiplier, after ids that collide; a larger one where that does not help."""
        self._attempt += 1
        self._rebuild_index(len(self.arrays["slots"]))

    def _rebuild_index(self, slots: int) -> None:
        old = self.arrays["slots"]
        for attempt in range(_MULTIPLIERS):
            self._allocate("slots", slots << (attempt // 4), layout.SLOT)
            self._refresh()
            if queries.reindex(self.handle, address_of(old), len(old)) <= layout.PROBE_LIMIT:
                return
            self._attempt += 1
        raise TickdeckError("order ids collide under every hash tried; the ids are not usable")

    def add_book(self, key: int | None, tick_size: int | None) -> int:
        """A new book; its index. A key (publisher, instrument) of None is bound later, a tick of None is inferred."""
        header = self.header[0]
        book = int(header["book_count"])
        if book >= len(self.arrays["books"]):
            for name in ("books", "sides", "stats"):
                self._double(name)
            self._refresh()
        header["book_count"] = book + 1
        self.set_tick(book, tick_size or 0, inferred=tick_size is None)
        if key is not None:
            self.bind(key, book)
        return book

    def bind(self, key: int, book: int) -> None:
        """Make a (publisher, instrument) key lead to a book (0: its events are counted and skipped)."""
        if book:
            self.arrays["books"][book]["key"] = key
            self.arrays["books"][book]["bound"] = 1
        self.header[0]["last_key"] = 2**64 - 1
        self._bound += 1
        old = self.arrays["keys"]
        if 8 * self._bound > len(old):
            self.arrays["keys"] = np.zeros(4 * len(old), layout.KEY_SLOT)
            self._refresh()
            for entry in old[old["used"] != 0]:
                self._put_key(int(entry["key"]), int(entry["book"]))
        self._put_key(key, book)

    def _put_key(self, key: int, book: int) -> None:
        keys = self.arrays["keys"]
        mask = len(keys) - 1
        slot = ((key * 0xD6E8FEB86659FD93) & (2**64 - 1)) >> 32 & mask
        while keys[slot]["used"] and keys[slot]["key"] != key:
            slot = (slot + 1) & mask
        keys[slot] = (key, book, 1)

    def set_tick(self, book: int, tick_size: int, *, inferred: bool) -> None:
        """Declare the grid of an empty book; 0 leaves it open until the first price."""
        row = self.arrays["books"][book]
        row["tick_size"] = tick_size
        # An unknown tick must refuse every price: no price is a multiple of it.
        row["inverse"] = 1.0 / tick_size if tick_size else math.inf
        row["inferred"] = inferred

    def refine(self, book: int, price: int, hint: int = 0) -> bool:
        """Make the inferred grid of a book such that `price` lies on it; False where no grid within 2^50 ticks is.

        Whether there is one depends on `price` and the resting prices alone, not on what was seen before.

        Parameters
        ----------
        book : int
        price : int
            Units of 1e-9.
        hint : int
            A divisor that coming prices share, to refine once rather than often; 0 none.
        """
        old = int(self.arrays["books"][book]["tick_size"])
        resting = self._prices(book)
        furthest = max(map(abs, (price, *resting)))
        for tick in (math.gcd(old, price, hint), math.gcd(old, price), math.gcd(price, *resting)):
            # No price at all but zero has no divisor; that of -2^63 alone does not fit in 63 bits.
            tick = PRICE_SCALE if tick == 0 else 2**62 if tick == 2**63 else tick
            if furthest // tick < layout.TICK_LIMIT:
                break
        else:
            self.header[0]["refused_price"] = price
            return False
        lifted, count = self._lift(book)
        self.set_tick(book, tick, inferred=True)
        done = 0
        while (done := queries.lower(self.handle, address_of(lifted), count, done)) < count:
            self.grow()
        return True

    def _prices(self, book: int) -> list[int]:
        """Prices of all levels of a book."""
        found: list[int] = []
        for side in (2 * book, 2 * book + 1):
            levels = np.zeros(int(self.arrays["sides"][side]["level_count"]), LEVEL)
            queries.depth(self.handle, side, address_of(levels), len(levels))
            found += levels["price"].tolist()
        return found

    def _lift(self, book: int) -> tuple[Records, int]:
        levels = int(self.arrays["sides"][2 * book : 2 * book + 2]["level_count"].sum())
        most = max(int(self.arrays["books"][book]["order_count"]), levels)
        lifted = np.zeros(max(most, 1), layout.LIFTED)
        count = int(queries.lift(self.handle, book, address_of(lifted), most)) if most else 0
        return lifted[:count] if count else lifted, count
