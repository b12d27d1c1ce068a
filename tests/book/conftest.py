"""A small book that many tests start from."""

from __future__ import annotations

import pytest

from tickdeck.book import OrderBook
from tickdeck.core import (
    Instrument,
)


@pytest.fixture
def book() -> OrderBook:
    """Three bids of 10 at 1.00, in the order 1, 2, 3; an ask of 7 at 1.05."""
    made = OrderBook(Instrument("ACME", tick_size="0.01"))
    for order_id in (1, 2, 3):
        made.add(order_id, "bid", "1.00", 10)
    made.add(4, "ask", "1.05", 7)
    return made
