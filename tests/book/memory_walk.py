"""Walk through a market's memory from the roots and check every link, count and free list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tickdeck.book.kernels.index import BOOK_SALT
from tickdeck.book.kernels.layout import STATS
from tickdeck.book.pools import PoolMemory

WORD = 2**64 - 1


@dataclass
class Used:
    """Entries of the pools that are in use."""

    orders: int = 0
    pages: int = 0
    nodes: int = 0
    levels: int = 0


def bits_of(word: int) -> list[int]:
    """Indexes of the set bits."""
    return [i for i in range(64) if word >> i & 1]


class Walk:
    """Plain lists of a market's memory, and what was found in it.

    Parameters
    ----------
    memory : PoolMemory
        Of books of any kind; small enough for a walk in plain Python.
    """

    def __init__(self, memory: PoolMemory) -> None:
        self.header: dict[str, int] = dict(zip(memory.header.dtype.names or (), memory.header[0].tolist()))
        rows: dict[str, list[Any]] = {}
        for name, array in memory.arrays.items():
            plain = array.tolist()
            rows[name] = plain if array.dtype.names is None else [dict(zip(array.dtype.names, row)) for row in plain]
        self.rows = rows
        self.used = Used()
        self.children = 0

    def check(self) -> Used:
        """Check everything; what is in use."""
        assert len(self.rows["stats"]) == len(self.rows["books"]) * len(STATS)
        for book in range(1, self.header["book_count"]):
            before = self.used.orders
            self.side(2 * book)
            self.side(2 * book + 1)
            assert self.rows["books"][book]["order_count"] == self.used.orders - before
        assert self.header["live"] == self.used.orders
        self.pool("orders", "order", "next", self.used.orders)
        self.pool("pages", "page", "parent", self.used.pages)
        self.pool("nodes", "node", "parent", self.used.nodes)
        assert self.header["page_room"] == len(self.rows["pages"]) - 1 - self.used.pages
        assert self.header["node_room"] == len(self.rows["nodes"]) - 1 - self.used.nodes
        assert (
            sum(1 for level in self.rows["levels"][64:] if level["size"] or level["count"] or level["head"]) == self.used.levels
        )
        assert sum(1 for child in self.rows["children"][64:] if child) == self.children
        self.index()
        return self.used

    def side(self, side: int) -> None:
        """One side's tree, pages and queues."""
        row = self.rows["sides"][side]
        if row["root"] == 0:
            assert (row["best_key"], row["best_level"], row["height"], row["level_count"]) == (0, 0, 0, 0)
            return
        assert self.rows["nodes"][row["root"]]["parent"] == 0
        before = self.used.levels
        keys = self.node(side, row["root"], row["height"], row["prefix"])
        assert self.used.levels - before == row["level_count"] == len(keys)
        assert max(keys) == (row["best_key"], row["best_level"])
        assert row["height"] == 1 or len(bits_of(self.rows["nodes"][row["root"]]["bits"])) > 1

    def node(self, side: int, node: int, depth: int, prefix: int) -> list[tuple[int, int]]:
        """A node and all below it; keys and levels."""
        self.used.nodes += 1
        row = self.rows["nodes"][node]
        assert row["bits"]
        found = []
        for digit in range(64):
            child = self.rows["children"][64 * node + digit]
            if not row["bits"] >> digit & 1:
                assert child == 0
                continue
            self.children += 1
            below = prefix * 64 + digit
            if depth > 1:
                assert self.rows["nodes"][child]["parent"] == node
                assert self.rows["nodes"][child]["digit"] == digit
                found += self.node(side, child, depth - 1, below)
            else:
                assert self.rows["pages"][child]["parent"] == node
                found += self.page(side, child, below)
        return found

    def page(self, side: int, page: int, key: int) -> list[tuple[int, int]]:
        """A page and its queues; keys and levels."""
        self.used.pages += 1
        row = self.rows["pages"][page]
        assert (row["key"], row["side"]) == (key, side)
        assert row["bits"]
        found = []
        for bit in bits_of(row["bits"]):
            self.used.levels += 1
            self.level(side, 64 * page + bit)
            found.append((64 * key + bit, 64 * page + bit))
        return found

    def level(self, side: int, index: int) -> None:
        """A level and its queue."""
        level = self.rows["levels"][index]
        assert level["size"] > 0
        if self.rows["books"][side // 2]["mode"] == 2:
            assert (level["head"], level["tail"]) == (0, 0)
            return
        order, before, size, count = level["head"], 0, 0, 0
        while order:
            row = self.rows["orders"][order]
            assert (row["prev"], row["level"], row["book"]) == (before, index, side // 2)
            size, count = size + row["size"], count + 1
            before, order = order, row["next"]
        assert (level["size"], level["count"], level["tail"]) == (size, count, before)
        self.used.orders += count

    def pool(self, rows: str, name: str, link: str, used: int) -> None:
        """What was ever handed out of a pool is used or on its free list, once."""
        free, entry = set(), self.header[f"{name}_free"]
        while entry:
            assert entry not in free
            free.add(entry)
            entry = self.rows[rows][entry][link]
        assert self.header[f"{name}_top"] - 1 - len(free) == used

    def index(self) -> None:
        """Every resting order is found under its id, by a probe without gaps."""
        slots, mask = self.rows["slots"], self.header["index_mask"]
        assert len(slots) == mask + 1
        seen = set()
        for at, slot in enumerate(slots):
            if not slot["order"]:
                continue
            seen.add(slot["order"])
            order = self.rows["orders"][slot["order"]]
            hashed = (order["id"] ^ (order["book"] * int(BOOK_SALT) & WORD)) * self.header["index_multiplier"] & WORD
            assert slot["tag"] == hashed >> 32
            home = hashed >> self.header["index_shift"]
            assert all(slots[(home + step) & mask]["order"] for step in range((at - home) & mask))
        assert len(seen) == sum(1 for slot in slots if slot["order"]) == self.used.orders


def walk(memory: PoolMemory) -> Used:
    """Check a market's memory; what is in use."""
    return Walk(memory).check()
