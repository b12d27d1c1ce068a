"""The journal: appends by group size, an exchange that keeps its commands, and its recovery."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tickdeck.bench.case import Bound, Case, Contender, Sample, Settings, Stopwatch
from tickdeck.core import COMMAND, UNDEF_PRICE, Instrument, Records, TickdeckError
from tickdeck.core.orders import CommandKind, OrderType, TimeInForce

if TYPE_CHECKING:
    from tickdeck.exchange import Exchange

GROUPS = (1, 16, 256, 4096)
GROUP = 4096
"""Commands between two syncs of the exchange's journal."""
_TICK = 10**7
_MIDDLE = 10_000 * _TICK
_LIVE = 1_000
_Pass = Callable[[], Sample]


def cases(settings: Settings) -> list[Case]:
    """The cases of the journal."""
    appends = [
        Case(
            f"exchange.journal-append-{group}",
            f"commands appended in groups of {group} and synced to the disk before each call returns; latency of the call",
            partial(_groups, group, settings.size(500 if group <= 256 else 60, 20)),
            [
                Contender("tickdeck", "ours", _prepare_append),
                Contender("disk alone", "native", _prepare_disk, "the same bytes by write and fdatasync", comparable=False),
            ],
            unit="commands",
            pinned=False,
        )
        for group in GROUPS
    ]
    return [
        *appends,
        Case(
            "exchange.journal-durable",
            f"commands through an exchange in groups of {GROUP}, each synced to the disk before it takes effect",
            partial(flow, settings.size(400_000, 20_000)),
            [
                Contender("tickdeck", "ours", partial(_prepare_exchange, True)),
                Contender("no sync", "peer", partial(_prepare_exchange, False)),
            ],
            unit="commands",
            must=(Bound("rate", 200_000),),
            pinned=False,
        ),
        Case(
            "exchange.recovery",
            "a journal read, checked and run again through an empty exchange, to the same state hash",
            partial(flow, settings.size(2_000_000, 50_000)),
            [
                Contender("tickdeck", "ours", _prepare_recovery),
                Contender("reading alone", "peer", _prepare_reading, comparable=False),
            ],
            unit="commands",
            must=(Bound("rate", 2_000_000),),
            aim=(Bound("rate", 5_000_000),),
            pinned=False,
        ),
    ]


def flow(count: int, seed: int = 1) -> Records:
    """45% limit orders around 10,000.00, 45% cancels of the orders of some time ago, 10% IOC orders that trade; about 1,000 live orders."""
    draw = np.random.default_rng(seed)
    commands = np.zeros(count, COMMAND)
    kinds = draw.choice(3, count, p=(0.45, 0.45, 0.10))
    kinds[:_LIVE] = 0
    cancels = kinds == 1
    commands["ts"] = 1_700_000_000_000_000_000 + np.arange(count) * 1_000
    commands["participant_id"] = commands["instrument_id"] = 1
    commands["kind"] = np.where(cancels, int(CommandKind.CANCEL), int(CommandKind.NEW))
    buys = draw.random(count) < 0.5
    commands["side"] = np.where(buys, ord("B"), ord("A"))
    distance = np.where(kinds == 2, -20, draw.integers(1, 100, count)) * _TICK
    commands["price"] = np.where(cancels, UNDEF_PRICE, _MIDDLE + np.where(buys, -distance, distance))
    commands["size"] = np.where(cancels, 0, draw.integers(1, 10, count))
    commands["order_type"] = int(OrderType.LIMIT)
    commands["time_in_force"] = np.where(kinds == 2, int(TimeInForce.IOC), int(TimeInForce.GTC))
    commands["trigger_price"] = UNDEF_PRICE
    rests = kinds == 0
    commands["client_order_id"][~cancels] = np.arange(1, 1 + np.count_nonzero(~cancels))
    resting = commands["client_order_id"][rests]
    commands["client_order_id"][cancels] = resting[: np.count_nonzero(cancels)]
    return commands


def _groups(group: int, count: int) -> list[Records]:
    commands = flow(max(group, _LIVE) + group)
    return [commands[-group:]] * count


def _append_all(append: Callable[[Records], object], groups: list[Records]) -> Sample:
    latencies = np.zeros(len(groups), np.int64)
    with Stopwatch() as watch:
        for i, group in enumerate(groups):
            begun = time.perf_counter_ns()
            append(group)
            latencies[i] = time.perf_counter_ns() - begun
    call = {f"call p{percent} us": float(np.percentile(latencies, percent)) / 1e3 for percent in (50, 99)}
    return Sample(sum(map(len, groups)), watch.seconds, details=call)


def _prepare_append(groups: list[Records]) -> Iterator[_Pass]:
    from tickdeck.tape.journal import JournalWriter

    with tempfile.TemporaryDirectory() as folder, JournalWriter(folder, COMMAND) as journal:
        yield lambda: _append_all(journal.append, groups)


def _prepare_disk(groups: list[Records]) -> Iterator[_Pass]:
    content = groups[0].tobytes()
    with tempfile.TemporaryFile(buffering=0) as file:

        def append(_: Records) -> None:
            file.write(content)
            os.fdatasync(file.fileno())

        yield lambda: _append_all(append, groups)


def _exchange(**options: object) -> Exchange:
    from tickdeck.exchange import Exchange

    exchange = Exchange([Instrument("ACME", tick_size="0.01", instrument_id=1)], **options)  # type: ignore[arg-type]
    exchange.participant("alice")
    return exchange


def _prepare_exchange(durable: bool, commands: Records) -> Iterator[_Pass]:
    def run() -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            exchange = _exchange(journal=Path(folder), durable=durable, snapshot_every=0)
            with Stopwatch() as watch:
                for start in range(0, len(commands), GROUP):
                    exchange.submit_batch(commands[start : start + GROUP])
            exchange.close()
        return Sample(len(commands), watch.seconds, checksum=exchange.state_hash() & (2**64 - 1))

    yield run


def _written(commands: Records) -> tuple[Path, int]:
    """A journal of these commands and the state hash after them."""
    folder = Path(tempfile.mkdtemp(prefix="tickdeck-bench-"))
    exchange = _exchange(journal=folder, durable=False, snapshot_every=0)
    for start in range(0, len(commands), GROUP):
        exchange.submit_batch(commands[start : start + GROUP])
    exchange.close()
    return folder, exchange.state_hash()


def _prepare_recovery(commands: Records) -> Iterator[_Pass]:
    from tickdeck.exchange.recovery import recover

    folder, expected = _written(commands)

    def run() -> Sample:
        with Stopwatch() as watch:
            exchange, _ = recover(folder, resume=False)
        if exchange.state_hash() != expected:
            raise TickdeckError("the recovered exchange is not the one that was journaled")
        return Sample(len(commands), watch.seconds, watch.processor)

    try:
        yield run
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare_reading(commands: Records) -> Iterator[_Pass]:
    from tickdeck.tape.journal_reader import JournalReader

    folder, _ = _written(commands)

    def run() -> Sample:
        count = 0
        with Stopwatch() as watch:
            for _, records in JournalReader(folder, COMMAND):
                count += len(records)
        return Sample(count, watch.seconds, watch.processor)

    try:
        yield run
    finally:
        shutil.rmtree(folder, ignore_errors=True)
