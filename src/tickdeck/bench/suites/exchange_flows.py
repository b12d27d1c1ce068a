"""Batches of commands through an exchange: two seeded flows, and what a risk gate costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from tickdeck.bench.case import Bound, Case, Contender, Sample, Settings, Stopwatch
from tickdeck.bench.exchanges import fold_executions, opened
from tickdeck.bench.native_exchange import NativeExchange
from tickdeck.bench.order_flows import MOVES, TICK, TICKS, TURNOVER, Flow, flow
from tickdeck.bench.plain_exchange import PlainExchange
from tickdeck.core.intrinsics import address_of
from tickdeck.core.orders import CommandKind, TimeInForce

GROUP = 4_096
"""Commands in a batch."""
BOOK = "about 1,000 live orders at 750 prices, 4 participants"
TEXTS = {
    "moves": (MOVES, f"9% GTC, 3% IOC, 6% cancel, 82% replace; 6% of the commands trade; {BOOK}"),
    "turnover": (TURNOVER, f"45% add, 45% cancel, 10% marketable; {BOOK}"),
}
OUTPUT = "every event and execution written"
RETURNED = (
    f"submit_batch of {GROUP} commands each: {OUTPUT}, the events returned, the executions taken by each participant, as arrays"
)
ALONE = f"the engine's own loop over the same batches: {OUTPUT}, nothing copied for anybody"
LIMITS = {
    "max_order_size": 1_000_000,
    "max_notional": 10**9,
    "price_collar_percent": 50,
    "max_position": 10**9,
    "max_open_orders": 10**6,
}


def cases(settings: Settings) -> list[Case]:
    """The cases of batches."""
    count = settings.size(400_000, 40_000)
    must, aim = (Bound("rate", 5e6),), (Bound("rate", 15e6),)
    made = [
        Case(
            f"exchange.{name}",
            work,
            partial(flow, count, shares),
            [
                Contender("tickdeck", "ours", partial(_prepare_batches, {}), RETURNED),
                Contender("engine alone", "peer", _prepare_engine, ALONE),
                Contender(
                    "native",
                    "native",
                    _prepare_native,
                    "C++, one instrument in a dense ladder: the same checks of plain orders, " + OUTPUT,
                ),
                Contender(
                    "plain Python", "peer", _prepare_plain, "dictionaries in a list of prices; nothing checked, nothing written"
                ),
            ],
            unit="orders",
            must=must,
            aim=aim,
        )
        for name, (shares, work) in TEXTS.items()
    ]
    return [
        *made,
        Case(
            "exchange.moves-gate",
            f"{TEXTS['moves'][1]}; a risk gate checks each order and keeps the accounts: size, notional, collar, position, open orders",
            partial(flow, count, MOVES),
            [
                Contender("tickdeck", "ours", partial(_prepare_batches, {"risk": LIMITS}), RETURNED),
                Contender("no gate", "peer", partial(_prepare_batches, {}), RETURNED),
            ],
            unit="orders",
        ),
    ]


def _options(options: dict[str, Any]) -> dict[str, Any]:
    from tickdeck.risk import Limits

    return {**options, "risk": Limits.from_dict(options["risk"])} if "risk" in options else options


def _prepare_batches(options: dict[str, Any], flow: Flow) -> Iterator[Callable[[], Sample]]:
    groups = [flow.commands[start : start + GROUP] for start in range(0, len(flow.commands), GROUP)]

    def run() -> Sample:
        exchange = opened(flow, **_options(options))
        with Stopwatch() as watch:
            for group in groups:
                exchange.submit_batch(group)
                for participant in exchange.participants:
                    participant.take()
        return Sample(len(flow.commands), watch.seconds, watch.processor, checksum=expected)

    exchange = opened(flow, **_options(options))
    exchange.take_executions()
    expected = fold_executions(np.concatenate([_executions(exchange, group) for group in groups]))
    yield run


def _executions(exchange: Any, group: Any) -> Any:
    exchange.submit_batch(group)
    return exchange.take_executions()


def _prepare_engine(flow: Flow) -> Iterator[Callable[[], Sample]]:
    from tickdeck.exchange.kernels import engine

    commands = flow.commands
    address, size = address_of(commands), commands.itemsize

    def loop(exchange: Any, each: Callable[[], None]) -> None:
        for start in range(0, len(commands), GROUP):
            group, done = min(GROUP, len(commands) - start), 0
            while True:
                done = int(engine.run(exchange.handle, address + start * size, group, done, True))
                each()
                if done == group:
                    break
                exchange.make_room()

    def run() -> Sample:
        exchange = opened(flow)
        with Stopwatch() as watch:
            loop(exchange, lambda: None)
        return Sample(len(commands), watch.seconds, watch.processor, checksum=expected)

    exchange = opened(flow)
    exchange.take_executions()
    seen: list[Any] = []
    loop(exchange, lambda: seen.append(exchange.take_executions()))
    expected = fold_executions(np.concatenate(seen))
    yield run


def _prepare_native(flow: Flow) -> Iterator[Callable[[], Sample]]:
    with NativeExchange(flow) as native:

        def run() -> Sample:
            native.reset()
            with Stopwatch() as watch:
                native.run(GROUP)
            return Sample(len(flow.commands), watch.seconds, watch.processor, checksum=native.checksum())

        yield run


def _prepare_plain(flow: Flow) -> Iterator[Callable[[], Sample]]:
    def rows(commands: Any) -> list[tuple[int, int, bool, int, int, bool]]:
        names = ("kind", "client_order_id", "side", "price", "size", "time_in_force")
        return [
            (kind, order, side == ord("B"), price // TICK, size, force == TimeInForce.GTC)
            for kind, order, side, price, size, force in zip(*(commands[name].tolist() for name in names))
        ]

    opening, commands = rows(flow.opening), rows(flow.commands)

    def play(exchange: PlainExchange, given: list[tuple[int, int, bool, int, int, bool]]) -> None:
        for kind, order, buy, tick, size, rests in given:
            if kind == CommandKind.REPLACE:
                exchange.replace(order, tick, size)
            elif kind == CommandKind.CANCEL:
                exchange.cancel(order)
            else:
                exchange.new(order, buy, tick, size, rests)

    def run() -> Sample:
        exchange = PlainExchange(TICKS)
        play(exchange, opening)
        with Stopwatch() as watch:
            play(exchange, commands)
        return Sample(len(commands), watch.seconds, watch.processor, checksum=exchange.fold)

    yield run
