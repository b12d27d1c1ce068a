"""Latency under load: one process offers commands at a fixed rate, another runs the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from tickdeck.bench.case import Case, Contender, Sample, Settings
from tickdeck.bench.latency import Histogram
from tickdeck.bench.order_flows import Flow, flow

RATES = {"100k": 100_000, "500k": 500_000, "1M": 1_000_000}
WORK = (
    "9% GTC, 3% IOC, 6% cancel, 82% replace, about 1,000 live orders; one process writes commands into shared memory when they are due, "
    "another polls it on a core of its own and runs what it finds, events and executions written; from when a command was due until the "
    "batch that it was in is done"
)


def cases(settings: Settings) -> list[Case]:
    """A case for each offered rate."""
    return [
        Case(
            f"exchange.latency-{name}",
            f"{rate:,} commands a second: {WORK}",
            partial(flow, settings.size(rate, rate // 10)),
            [
                Contender("tickdeck", "ours", partial(_prepare, 1_000_000_000 // rate, False)),
                Contender(
                    "no engine",
                    "peer",
                    partial(_prepare, 1_000_000_000 // rate, True),
                    "the same without the engine: the machine and the ring",
                ),
            ],
            unit="orders",
            pinned=False,
            passes=3,
        )
        for name, rate in RATES.items()
    ]


def _prepare(interval_ns: int, idle: bool, flow: Flow) -> Iterator[Callable[[], Sample]]:
    from tickdeck.bench.ring.serving import serve_open_loop

    def run() -> Sample:
        latencies = Histogram()
        latencies.add(serve_open_loop(flow, interval_ns, idle=idle))
        shown = {f"{name} us": value / 1_000 for name, value in latencies.percentiles().items()}
        return Sample(len(flow.commands), len(flow.commands) * interval_ns / 1e9, latencies=latencies, details=shown)

    yield run
