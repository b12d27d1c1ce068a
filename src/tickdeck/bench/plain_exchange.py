"""An exchange in plain Python: dictionaries in a list of prices. What flows are made with, and what a compiled engine is compared with."""

from __future__ import annotations

MASK = 2**64 - 1
OF_ID, OF_PRICE, OF_SIZE = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xC2B2AE3D27D4EB4F
"""Factors of the checksum of fills."""


class PlainExchange:
    """Limit orders of one instrument, by price and time.

    Parameters
    ----------
    ticks : int
        Prices are ticks from 1 to below this.
    """

    __slots__ = ("asks", "best_ask", "best_bid", "bids", "fills", "fold", "live", "ticks")

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks
        self.bids: list[dict[int, int]] = [{} for _ in range(ticks)]
        """Open size by order id, in order of arrival, for each tick."""
        self.asks: list[dict[int, int]] = [{} for _ in range(ticks)]
        self.best_bid, self.best_ask = 0, ticks
        self.live: dict[int, tuple[bool, int]] = {}
        """Side (buy?) and tick of each resting order."""
        self.fills = 0
        self.fold = 0

    def new(self, order: int, buy: bool, tick: int, size: int, rests: bool) -> None:
        """A limit order: it trades; what is left rests or is cancelled."""
        left = self._trade(order, buy, tick, size)
        if left and rests:
            self._rest(order, buy, tick, left)

    def cancel(self, order: int) -> None:
        """Cancel a resting order."""
        buy, tick = self.live.pop(order)
        del (self.bids if buy else self.asks)[tick][order]
        self._find_best()

    def replace(self, order: int, tick: int, size: int) -> None:
        """Change price and open size; a better place is lost unless the price stays and the size does not grow."""
        buy, before = self.live[order]
        queue = (self.bids if buy else self.asks)[before]
        if tick == before and size <= queue[order]:
            queue[order] = size
            return
        del queue[order]
        del self.live[order]
        self._find_best()
        left = self._trade(order, buy, tick, size)
        if left:
            self._rest(order, buy, tick, left)

    def first(self, buy: bool) -> int:
        """Size of the first order at the best price that an order of this side would trade with; 0 if there is none."""
        best = self.best_ask if buy else self.best_bid
        if not 0 < best < self.ticks:
            return 0
        return next(iter((self.asks if buy else self.bids)[best].values()))

    def _rest(self, order: int, buy: bool, tick: int, size: int) -> None:
        (self.bids if buy else self.asks)[tick][order] = size
        self.live[order] = (buy, tick)
        if buy:
            self.best_bid = max(self.best_bid, tick)
        else:
            self.best_ask = min(self.best_ask, tick)

    def _trade(self, order: int, buy: bool, tick: int, size: int) -> int:
        while size:
            best = self.best_ask if buy else self.best_bid
            if best > tick if buy else best < tick:
                break
            if not 0 < best < self.ticks:
                break
            queue = (self.asks if buy else self.bids)[best]
            resting, available = next(iter(queue.items()))
            traded = min(size, available)
            size -= traded
            if traded == available:
                del queue[resting]
                del self.live[resting]
                self._find_best()
            else:
                queue[resting] = available - traded
            self._note(resting, best, traded)
            self._note(order, best, traded)
        return size

    def _note(self, order: int, tick: int, size: int) -> None:
        word = (order * OF_ID & MASK) ^ (tick * OF_PRICE & MASK) ^ (size * OF_SIZE & MASK)
        self.fold = (self.fold + (2 * self.fills + 1) * word) & MASK
        self.fills += 1

    def _find_best(self) -> None:
        bid, ask = self.best_bid, self.best_ask
        while bid and not self.bids[bid]:
            bid -= 1
        while ask < self.ticks and not self.asks[ask]:
            ask += 1
        self.best_bid, self.best_ask = bid, ask
