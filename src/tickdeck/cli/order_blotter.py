"""The orders of a session, as its executions tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tickdeck.core import UNDEF_PRICE, CommandKind, ExecutionKind, OrderType, Records

_OVER = (ExecutionKind.CANCELLED, ExecutionKind.EXPIRED)


@dataclass(slots=True)
class LiveOrder:
    """One order that is not over."""

    order_id: int
    client_order_id: int
    participant_id: int
    instrument_id: int
    side: int
    order_type: int
    price: int
    trigger: int
    remaining: int


class Blotter:
    """Keeps the live orders of all participants.

    Attributes
    ----------
    live : dict of int to LiveOrder
        By the exchange's order id.
    """

    def __init__(self) -> None:
        self.live: dict[int, LiveOrder] = {}
        self._types: dict[int, int] = {}

    def add(self, command: np.void, executions: Records) -> None:
        """Take what a command caused."""
        for row in executions:
            order_id, kind = int(row["order_id"]), int(row["kind"])
            order = self.live.get(order_id)
            if kind == ExecutionKind.ACCEPTED and command["kind"] == CommandKind.NEW:
                self._types[order_id] = int(command["order_type"])
                self.live[order_id] = LiveOrder(
                    order_id=order_id,
                    client_order_id=int(row["client_order_id"]),
                    participant_id=int(row["participant_id"]),
                    instrument_id=int(row["instrument_id"]),
                    side=int(row["side"]),
                    order_type=int(command["order_type"]),
                    price=int(command["price"]),
                    trigger=int(command["trigger_price"]),
                    remaining=int(row["size"]),
                )
            elif order is None or kind == ExecutionKind.REJECTED:
                continue
            elif kind in _OVER:
                del self.live[order_id]
            elif kind == ExecutionKind.TRIGGERED:
                is_limit = order.order_type == OrderType.STOP_LIMIT
                order.order_type, order.trigger = (OrderType.LIMIT if is_limit else OrderType.MARKET), UNDEF_PRICE
            else:
                order.remaining = int(row["remaining"])
                if kind == ExecutionKind.REPLACED:
                    order.price = int(row["price"])
                if not order.remaining:
                    del self.live[order_id]

    def order_type(self, order_id: int) -> int:
        """Type with which an order was entered; LIMIT where the session does not know it."""
        return self._types.get(order_id, OrderType.LIMIT)

    def of(self, participant_id: int | None = None, instrument_id: int | None = None) -> Iterator[LiveOrder]:
        """Live orders of a participant and an instrument, in order of entry."""
        for order in self.live.values():
            if participant_id in (None, order.participant_id) and instrument_id in (None, order.instrument_id):
                yield order
