"""An order book in plain Python, slow and obviously right: what the compiled book is checked against."""

from __future__ import annotations

from collections.abc import Callable

from tickdeck.core import Records


class PlainBook:
    """One instrument's orders by price, each level a dict in queue order (dicts keep the order of insertion)."""

    def __init__(self) -> None:
        self.levels: dict[str, dict[int, dict[int, int]]] = {"B": {}, "A": {}}
        self.home: dict[int, tuple[str, int]] = {}

    def apply(self, events: Records) -> None:
        """Carry out ``EVENT`` records one by one."""
        actions: dict[int, Callable[[int, str, int, int], None]] = {
            ord("A"): self.add,
            ord("C"): self.cancel,
            ord("M"): self.modify,
            ord("R"): self.clear,
        }
        columns = [events[name].tolist() for name in ("action", "order_id", "side", "price", "size")]
        for action, order_id, side, price, size in zip(*columns):
            if action in actions:
                actions[action](order_id, chr(side), price, size)

    def add(self, order_id: int, side: str, price: int, size: int) -> None:
        """Join the tail of the level."""
        self.levels[side].setdefault(price, {})[order_id] = size
        self.home[order_id] = side, price

    def cancel(self, order_id: int, side: str, price: int, size: int) -> None:
        """Take `size` off; at zero the order is gone."""
        side, price = self.home[order_id]
        queue = self.levels[side][price]
        queue[order_id] -= size
        if queue[order_id] == 0:
            self._remove(order_id)

    def modify(self, order_id: int, side: str, price: int, size: int) -> None:
        """A smaller size at the same price keeps the place in the queue; anything else loses it."""
        old_side, old_price = self.home[order_id]
        if price == old_price and size <= self.levels[old_side][old_price][order_id]:
            self.levels[old_side][old_price][order_id] = size
        else:
            self._remove(order_id)
            self.add(order_id, old_side, price, size)

    def clear(self, order_id: int, side: str, price: int, size: int) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]

    def _remove(self, order_id: int) -> None:
        side, price = self.home.pop(order_id)
        queue = self.levels[side][price]
        del queue[order_id]
        if not queue:
            del self.levels[side][price]

    def queues(self, side: str) -> list[tuple[int, list[tuple[int, int]]]]:
        """Price and (id, size) of each order in queue order, best level first."""
        prices = sorted(self.levels[side], reverse=side == "B")
        return [(price, list(self.levels[side][price].items())) for price in prices]
