"""The risk gate with every limit set: a check from Python, and checks in a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tickdeck.bench.case import Bound, Case, Contender, Sample, Settings, Stopwatch
from tickdeck.bench.latency import open_loop, others_awake
from tickdeck.core import Instrument, TickdeckError, price, to_ns

CHECK_INTERVAL_NS = 100_000
CALLS_A_PASS = 20_000
INSTRUMENTS = 4
START_NS = to_ns("2026-11-18T15:00:00Z")
PRICE = price("99.50")
SIZE = 100_000
LIMITS: dict[str, Any] = {
    "max_order_size": 1_000,
    "max_notional": 10_000_000,
    "price_collar_percent": 5,
    "max_position": 1_000_000,
    "max_trade_loss": 1_000_000,
    "restricted": False,
    "calendar": "always",
    "max_open_orders": 1_000,
    "orders_per_second": 2_000_000,
    "orders_per_day": 2**60,
    "duplicate_window": "1ms",
    "max_daily_loss": 1_000_000,
    "max_weekly_loss": 2_000_000,
    "max_drawdown": 3_000_000,
    "max_consecutive_losses": 5,
    "cool_down": "60s",
    "max_gross_exposure": 1_000_000_000,
    "max_net_exposure": 1_000_000_000,
    "max_concentration_percent": 90,
    "concentration_from": 1,
    "max_leverage": 10,
    "calendars": {
        "always": {
            "hours": ["00:00-24:00"],
            "weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
            "blackout_hours": ["03:00-03:01"],
            "time_zone": "America/New_York",
        }
    },
}
WORK = "every limit set; 4 instruments in two currencies, positions and open orders in each"


def cases(settings: Settings) -> list[Case]:
    """The cases of the suite."""
    checks = settings.size(1_000_000, 100_000)
    return [
        Case(
            "risk.check-call",
            f"one check from Python: {WORK}; due every {CHECK_INTERVAL_NS // 1000} us, latency from when it was due",
            _gate,
            [Contender("tickdeck", "ours", partial(_prepare_calls, settings.size(CALLS_A_PASS, CALLS_A_PASS // 5)))],
            unit="checks",
            must=(Bound("p99", 5_000),),
            aim=(Bound("p99", 1_000),),
            passes=3,
        ),
        Case(
            "risk.check-kernel",
            f"checks in a loop inside a kernel: {WORK}",
            _gate,
            [Contender("tickdeck", "ours", partial(_prepare_kernel, "check_orders", checks))],
            unit="checks",
            must=(Bound("rate", 10e6),),
            aim=(Bound("rate", 20e6),),
        ),
        Case(
            "risk.order-kernel",
            f"check, opening and closing of an order in a loop inside a kernel: {WORK}",
            _gate,
            [Contender("tickdeck", "ours", partial(_prepare_kernel, "check_and_open", checks))],
            unit="orders",
        ),
    ]


def _gate() -> Any:
    """A gate of one account that holds something, with every limit set and none reached."""
    from tickdeck.risk import Limits, RiskGate

    listed = [Instrument(f"I{i}", tick_size="0.01", size_decimals=4, currency=("USD", "EUR")[i % 2]) for i in range(INSTRUMENTS)]
    gate = RiskGate(Limits.from_dict(LIMITS), listed, ["bench"], rates={"EUR": "1.0845"})
    gate.account("bench").deposit(100_000_000)
    for instrument in listed:
        gate.mark(instrument.symbol, "100")
        gate.filled("bench", instrument.symbol, "buy", "1000", "100", ts=START_NS)
        gate.opened("bench", instrument.symbol, "buy", "10", "99", ts=START_NS)
        gate.opened("bench", instrument.symbol, "sell", "10", "101", ts=START_NS)
    return gate


def _none_refused(refused: int) -> None:
    if refused:
        raise TickdeckError(f"{refused} orders were refused: the checks after the refusal were not measured")


def _prepare_calls(count: int, gate: Any) -> Iterator[Callable[[], Sample]]:
    check = gate.check

    def run() -> Sample:
        refused: list[int] = []

        def one(i: int) -> None:
            if check("bench", "I1", "buy", SIZE + (i & 15), PRICE, ts=START_NS + i)[0]:
                refused.append(i)

        with others_awake():
            loop = open_loop(one, count, CHECK_INTERVAL_NS)
        _none_refused(len(refused))
        return Sample(count, loop.busy_seconds, latencies=loop.from_due, service=loop.from_start)

    yield run


def _prepare_kernel(name: str, count: int, gate: Any) -> Iterator[Callable[[], Sample]]:
    from tickdeck.bench.suites import kernels

    loop = getattr(kernels, name)
    # Time goes on from pass to pass.
    start = [START_NS]

    def run() -> Sample:
        with Stopwatch() as watch:
            refused = loop(gate.handle, INSTRUMENTS, PRICE, SIZE, start[0], count)
        start[0] += 1_000 * count
        _none_refused(int(refused))
        return Sample(count, watch.seconds, watch.processor)

    yield run
