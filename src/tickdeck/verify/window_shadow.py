"""A shadow of a recording that shows the best levels only (LOBSTER): orders leave its window without a message."""

from __future__ import annotations

from tickdeck.core import Instrument, Side
from tickdeck.verify.shadow import Shadow


class WindowShadow(Shadow):
    """Forgets what has left the window, and what an add shows to be gone because it would have traded with it.

    Parameters
    ----------
    instrument : Instrument
    levels : int
        Levels a side that the recording shows; 0: all.
    """

    def __init__(self, instrument: Instrument, levels: int) -> None:
        super().__init__(instrument)
        self._levels = levels

    def add(self, order_id: int, side: int, price: int, size: int, time: int) -> None:
        """A recorded add; a live id is replaced."""
        buys = side == Side.BID
        opposite = Side.ASK if buys else Side.BID
        while (best := self.book.best_ask if buys else self.book.best_bid) and (
            price >= best.price if buys else price <= best.price
        ):
            self._drop_level(opposite, best.price)
        super().add(order_id, side, price, size, time)
        while self._levels and self.book.level_counts[0 if buys else 1] > self._levels:
            self._drop_level(Side(side), int(self.book.levels(side)[-1]["price"]))

    def _drop_level(self, side: Side, price: int) -> None:
        for order_id in self.book.orders_at(side, price)["order_id"].tolist():
            self.book.cancel(order_id)
            self._withdraw(order_id)
