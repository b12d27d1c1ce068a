"""What must hold of any exchange's output, checked from what it publishes and tells alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tickdeck.core import UNDEF_PRICE, Flag, TradingStatus
from tickdeck.soak.campaign import FindingError
from tickdeck.soak.oracle import OracleBook
from tickdeck.soak.oracle_orders import PRICE_TIME, SIZE_TIME, Event, Execution, OracleListing

_LAST = int(Flag.LAST)


class StreamChecker:
    """Follows the output of an exchange: books from the events, open sizes from the executions.

    Parameters
    ----------
    listings : sequence of OracleListing
    """

    def __init__(self, listings: Sequence[OracleListing]) -> None:
        self._listings = {listing.instrument_id: listing for listing in listings}
        self.books = {number: OracleBook(listing.tick) for number, listing in self._listings.items()}
        self._status = {
            number: int(TradingStatus.TRADING) if listing.phase == 3 else 0 for number, listing in self._listings.items()
        }
        self._sequence = 0
        self._ts = 0
        self.open: dict[int, int] = {}
        """Open size of each live order."""
        self._limits: dict[int, int] = {}
        self._sides: dict[int, int] = {}
        self._ended: set[int] = set()
        self.positions: dict[tuple[int, int], int] = defaultdict(int)
        """By instrument and participant."""
        self.traded = dict.fromkeys(self._listings, (0, 0))
        """Volume and number of trades of each instrument."""

    def take(self, events: Sequence[Event], executions: Sequence[Execution]) -> None:
        """What one or more commands gave.

        Raises
        ------
        FindingError
            Something does not hold.
        """
        traded: dict[int, int] = defaultdict(int)
        for event in events:
            self._event(event)
            traded[event.instrument_id] += 2 * event.size if event.action == "T" else 0
        if events and not events[-1].flags & _LAST:
            raise FindingError("the last event of a command ends no group")
        for told in executions:
            self._execution(told)
            traded[told.instrument_id] -= told.size if told.kind == "F" else 0
        if any(traded.values()):
            raise FindingError(f"trades and fills differ by {dict(traded)}")
        for number, book in self.books.items():
            for side in "BA":
                for order_id, _, size, _ in book.orders(side):
                    if size > self.open.get(order_id, 0):
                        raise FindingError(
                            f"order {order_id} of instrument {number} shows {size} of {self.open.get(order_id, 0)}"
                        )

    def _event(self, event: Event) -> None:
        book = self.books[event.instrument_id]
        if event.ts < self._ts:
            raise FindingError("events go back in time")
        self._ts = event.ts
        if event.action == "N":
            self._status[event.instrument_id] = event.order_id
        elif event.action == "T":
            volume, trades = self.traded[event.instrument_id]
            self.traded[event.instrument_id] = volume + event.size, trades + 1
        elif event.action == "F":
            self._priority(event, book)
        if event.sequence != self._sequence + 1:
            raise FindingError(f"sequence {event.sequence} follows {self._sequence}")
        if event.flags & _LAST:
            self._sequence += 1
        book.apply(
            {
                "action": ord(event.action),
                "side": ord(event.side),
                "order_id": event.order_id,
                "price": event.price,
                "size": event.size,
                "flags": event.flags,
            }
        )
        if any(count for kind, count in book.stats.items() if kind not in ("crossed", "locked")):
            raise FindingError(f"a book built from the events meets anomalies {dict(book.stats)} at {event}")
        if event.flags & _LAST and self._status[event.instrument_id] == TradingStatus.TRADING:
            bid, ask = book.best("B"), book.best("A")
            if bid and ask and bid[0] >= ask[0]:
                raise FindingError(f"the published book is crossed after {event}")

    def _priority(self, event: Event, book: OracleBook) -> None:
        """A displayed order that is filled is the one whose turn it was."""
        listing = self._listings[event.instrument_id]
        price, queue = book.by_queue(event.side)[0]
        sizes = dict(queue)
        if event.order_id not in sizes:
            raise FindingError(f"order {event.order_id} was filled before a better price, {price}, was")
        is_auction = self._status[event.instrument_id] != TradingStatus.TRADING
        ahead = list(sizes)[: list(sizes).index(event.order_id)]
        if (is_auction or listing.discipline == PRICE_TIME) and ahead:
            raise FindingError(f"order {event.order_id} was filled before {ahead[0]} of the same price")
        if not is_auction and listing.discipline == SIZE_TIME:
            mine = sizes[event.order_id]
            if max(sizes.values()) > mine or any(sizes[other] >= mine for other in ahead):
                raise FindingError(f"order {event.order_id} was filled before a larger or older one")
        if event.size > sizes[event.order_id]:
            raise FindingError(f"order {event.order_id} was filled beyond what it displays")

    def _execution(self, told: Execution) -> None:
        if told.kind == "J":
            return
        number, before = told.order_id, self.open.get(told.order_id)
        if number in self._ended or (before is None) != (told.kind == "A"):
            raise FindingError(f"{told} befalls an order that is not open, or one twice accepted")
        after = told.size
        if told.kind == "A":
            self._sides[number] = told.side
        elif told.kind == "F":
            after = (before or 0) - told.size
            self.positions[told.instrument_id, told.participant] += told.size if told.side == ord("B") else -told.size
            limit = self._limits[number]
            if limit != UNDEF_PRICE and (told.price > limit if told.side == ord("B") else told.price < limit):
                raise FindingError(f"order {number} was filled at {told.price}, beyond its limit {limit}")
        elif told.kind in "CX":
            after = 0
            if told.size != before:
                raise FindingError(f"order {number} had {before} open, {told.size} was cancelled")
        if told.size <= 0 or after < 0 or told.remaining != after or told.side != self._sides[number]:
            raise FindingError(f"{told} leaves {after} of {before}")
        if told.kind != "F":
            self._limits[number] = told.price
        if after:
            self.open[number] = after
        else:
            del self.open[number]
            self._ended.add(number)
