"""Single calls from Python on an exchange with 1,000 live orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tickdeck.bench.case import Bound, Case, Contender, Sample, Settings, Stopwatch
from tickdeck.bench.exchanges import SYMBOL, opened
from tickdeck.bench.latency import open_loop, others_awake
from tickdeck.bench.order_flows import MOVES, TURNOVER, Flow, flow
from tickdeck.core.orders import CommandKind, OrderType

INTERVALS_NS = {"": 100_000, "-often": 20_000}
"""How far apart calls are due, by what is added to the case's name; the musts hold for the first."""
LEVELS = 10
NEW, CANCEL, REPLACE = int(CommandKind.NEW), int(CommandKind.CANCEL), int(CommandKind.REPLACE)
BOOK = "1,000 live orders at 750 prices, executions kept for the participants"


def cases(settings: Settings) -> list[Case]:
    """The cases of calls from Python."""
    count = settings.size(20_000, 2_000)
    made: list[Case] = []
    for suffix, interval in INTERVALS_NS.items():
        due = f"{BOOK}; one call due every {interval // 1000} us, latency from when it was due"
        made += [
            Case(
                f"exchange.{name}-call{suffix}",
                f"one {call} call among {others}; {due}",
                partial(flow, count, shares),
                [Contender("tickdeck", "ours", partial(_prepare_calls, kind, interval))],
                unit="calls",
                must=(Bound("p95", must),) if must and not suffix else (),
                aim=(Bound("p99", 2_000),),
                passes=3,
            )
            for name, call, kind, must, shares, others in (
                ("place", "submit", NEW, 10_000, TURNOVER, "45% adds, 45% cancels, 10% marketable orders"),
                ("cancel", "cancel", CANCEL, 5_000, TURNOVER, "45% adds, 45% cancels, 10% marketable orders"),
                ("replace", "replace", REPLACE, None, MOVES, "9% GTC, 3% IOC, 6% cancels, 82% replaces"),
            )
        ]
        made.append(
            Case(
                f"exchange.snapshot-call{suffix}",
                f"one snapshot call: {LEVELS} levels of both sides; {due}",
                partial(flow, 1),
                [Contender("tickdeck", "ours", partial(_prepare_snapshots, count, interval))],
                unit="calls",
                must=() if suffix else (Bound("p95", 100_000),),
                aim=(Bound("p99", 5_000),),
                passes=3,
            )
        )
    made.append(
        Case(
            "exchange.calls",
            f"one Python call per order, one after the other: 9% GTC, 3% IOC, 6% cancel, 82% replace; {BOOK}",
            partial(flow, 5 * count),
            [Contender("tickdeck", "ours", _prepare_rate)],
            unit="orders",
            must=(Bound("rate", 100_000),),
            aim=(Bound("rate", 500_000),),
        )
    )
    return made


def calls_of(exchange: Any, flow: Flow) -> Callable[[int], None]:
    """A function that makes the i-th command of `flow` as a call."""
    who = exchange.participants
    names = ("ts", "client_order_id", "price", "size", "participant_id", "kind", "side", "time_in_force")
    rows = list(zip(*(flow.commands[name].tolist() for name in names)))
    submit, cancel, replace, limit = exchange.submit, exchange.cancel, exchange.replace, OrderType.LIMIT

    def call(i: int) -> None:
        ts, number, price, size, participant, kind, side, force = rows[i]
        if kind == REPLACE:
            replace(who[participant - 1], number, price=price, size=size, ts=ts)
        elif kind == CANCEL:
            cancel(who[participant - 1], number, ts=ts)
        else:
            submit(
                who[participant - 1],
                SYMBOL,
                side,
                size,
                price,
                ts=ts,
                client_order_id=number,
                order_type=limit,
                time_in_force=force,
            )

    return call


def _prepare_calls(kind: int, interval_ns: int, flow: Flow) -> Iterator[Callable[[], Sample]]:
    only = flow.commands["kind"] == kind

    def run() -> Sample:
        with others_awake():
            loop = open_loop(calls_of(opened(flow), flow), len(only), interval_ns, only)
        return Sample(len(only), loop.busy_seconds, latencies=loop.from_due, service=loop.from_start)

    yield run


def _prepare_snapshots(count: int, interval_ns: int, flow: Flow) -> Iterator[Callable[[], Sample]]:
    exchange = opened(flow)

    def run() -> Sample:
        with others_awake():
            loop = open_loop(lambda _: exchange.snapshot(SYMBOL, LEVELS), count, interval_ns)
        return Sample(count, loop.busy_seconds, latencies=loop.from_due, service=loop.from_start)

    yield run


def _prepare_rate(flow: Flow) -> Iterator[Callable[[], Sample]]:
    def run() -> Sample:
        call, count = calls_of(opened(flow), flow), len(flow.commands)
        with Stopwatch() as watch:
            for i in range(count):
                call(i)
        return Sample(count, watch.seconds, watch.processor)

    yield run
