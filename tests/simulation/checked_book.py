"""A slow book that complains about whatever a market would not do."""

from __future__ import annotations

from collections import OrderedDict, defaultdict


class CheckedBook:
    """Price -> orders in queue order, on two sides; complains about whatever a real market would not do."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[int, OrderedDict[int, int]]] = {"B": defaultdict(OrderedDict), "A": defaultdict(OrderedDict)}
        self.where: dict[int, tuple[str, int]] = {}

    def best(self, side: str) -> int | None:
        prices = self.sides[side]
        return (max(prices) if side == "B" else min(prices)) if prices else None

    def add(self, order_id: int, side: str, price: int, size: int) -> None:
        assert order_id not in self.where, "id used twice"
        assert price > 0 and size > 0
        self.sides[side][price][order_id] = size
        self.where[order_id] = (side, price)

    def remove(self, order_id: int) -> int:
        side, price = self.where.pop(order_id)
        queue = self.sides[side][price]
        size = queue.pop(order_id)
        if not queue:
            del self.sides[side][price]
        return size

    def cancel(self, order_id: int, side: str, price: int, size: int) -> None:
        assert self.where[order_id] == (side, price)
        queue = self.sides[side][price]
        assert 0 < size <= queue[order_id]
        if size == queue[order_id]:
            self.remove(order_id)
        else:
            queue[order_id] -= size

    def modify(self, order_id: int, side: str, price: int, size: int) -> str:
        old_side, old_price = self.where[order_id]
        assert old_side == side
        old_size = self.sides[side][old_price][order_id]
        if price == old_price and size <= old_size:
            assert size < old_size, "a modify that changes nothing"
            self.sides[side][price][order_id] = size
            return "kept"
        self.remove(order_id)
        self.add(order_id, side, price, size)
        return "moved" if price != old_price else "grown"

    def fill(self, order_id: int, side: str, price: int, size: int) -> None:
        """The order must be the first of the best price of its side."""
        assert price == self.best(side)
        first = next(iter(self.sides[side][price]))
        assert first == order_id, "filled out of turn"
        assert 0 < size <= self.sides[side][price][first]
