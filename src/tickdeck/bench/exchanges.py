"""Exchanges for the suites: one instrument, its participants and the orders that are there when the clock starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.bench.order_flows import MIDDLE, START_NS, TICK, Flow, fold_fills
from tickdeck.core import Instrument
from tickdeck.core.orders import ExecutionKind

if TYPE_CHECKING:
    from tickdeck.exchange import Exchange

SYMBOL = "ACME"
ORDERS = 2_048
"""Live orders that an exchange makes room for at first."""


def opened(flow: Flow, **options: Any) -> Exchange:
    """An exchange after the opening of `flow`; nothing of that waits to be read."""
    from tickdeck.exchange import Exchange

    exchange = Exchange([Instrument(SYMBOL, tick_size="0.01", instrument_id=1)], orders=ORDERS, **options)
    for number in range(flow.participants):
        exchange.participant(f"P{number + 1}")
    exchange.set_reference(SYMBOL, MIDDLE * TICK, ts=START_NS)
    exchange.submit_batch(flow.opening)
    for participant in exchange.participants:
        participant.take()
    return exchange


def fold_executions(executions: NDArray[Any]) -> int:
    """``fold_fills`` of the fills among ``EXECUTION`` records."""
    fills = executions[executions["kind"] == int(ExecutionKind.FILLED)]
    return fold_fills(fills["client_order_id"], fills["price"] // np.int64(TICK), fills["size"])
