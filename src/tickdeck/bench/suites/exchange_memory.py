"""Memory of an exchange: what a resting order and an instrument take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import Any

import numpy as np

from tickdeck.bench.case import Case, Contender, Sample, Settings
from tickdeck.bench.harness import resident_bytes
from tickdeck.bench.order_flows import MIDDLE, REACH, START_NS, TICK
from tickdeck.core import COMMAND, UNDEF_PRICE, Instrument, Records
from tickdeck.core.orders import CommandKind, OrderType, TimeInForce

SYMBOLS = 1_000


def cases(settings: Settings) -> list[Case]:
    """The case of memory."""
    return [
        Case(
            "exchange.memory",
            f"{SYMBOLS:,} instruments listed, then limit orders that rest; resident memory after each, divided",
            lambda: _resting(settings.size(500_000, 50_000)),
            [Contender("tickdeck", "ours", _prepare)],
            unit="orders",
            passes=1,
        )
    ]


def _resting(count: int) -> Records:
    """Orders on both sides of all instruments that never trade."""
    draw = np.random.default_rng(1)
    buys = draw.random(count) < 0.5
    distance = draw.integers(1, REACH + 1, count)
    commands = np.zeros(count, COMMAND)
    commands["ts"] = START_NS + np.arange(count)
    commands["client_order_id"] = 1 + np.arange(count)
    commands["instrument_id"] = 1 + draw.integers(0, SYMBOLS, count)
    commands["participant_id"] = 1
    commands["kind"] = int(CommandKind.NEW)
    commands["side"] = np.where(buys, ord("B"), ord("A"))
    commands["price"] = (MIDDLE + np.where(buys, -distance, distance)) * TICK
    commands["size"] = 1
    commands["trigger_price"] = UNDEF_PRICE
    commands["order_type"], commands["time_in_force"] = int(OrderType.LIMIT), int(TimeInForce.GTC)
    return commands


def _prepare(commands: Records) -> Iterator[Callable[[], Sample]]:
    def run() -> Sample:
        with get_context("spawn").Pool(1) as pool:
            listed, rested = pool.apply(_measure, (commands,))
        details = {
            "bytes an instrument": listed / SYMBOLS,
            f"bytes a resting order, {len(commands) // SYMBOLS} an instrument": rested / len(commands),
        }
        return Sample(len(commands), 1.0, bytes=listed + rested, details=details)

    yield run


def _measure(commands: Records) -> tuple[int, int]:
    """Growth of the resident memory of a fresh process by the instruments, and by the orders."""
    from tickdeck.exchange import Exchange

    Exchange([Instrument("WARM", tick_size="0.01")]).submit_batch(commands[:0])
    start = resident_bytes()
    exchange: Any = Exchange(
        [Instrument(f"I{number}", tick_size="0.01", instrument_id=number) for number in range(1, SYMBOLS + 1)]
    )
    exchange.participant("P")
    before = resident_bytes()
    for group in range(0, len(commands), 4_096):
        exchange.submit_batch(commands[group : group + 4_096])
        exchange.take_executions()
    return before - start, resident_bytes() - before
