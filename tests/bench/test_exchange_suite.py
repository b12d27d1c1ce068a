"""The suite `exchange`: its flows are what they say, its references do equal work, its two processes leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tickdeck.bench import native
from tickdeck.bench.case import NotAvailableError, Settings
from tickdeck.bench.exchanges import SYMBOL, fold_executions, opened
from tickdeck.bench.harness import prepared
from tickdeck.bench.latency import open_loop
from tickdeck.bench.native_exchange import NativeExchange
from tickdeck.bench.order_flows import LIVE, MOVES, TURNOVER, Flow, flow, fold_fills
from tickdeck.bench.plain_exchange import PlainExchange
from tickdeck.bench.ring.serving import serve_open_loop
from tickdeck.bench.suites import suite_cases
from tickdeck.bench.suites.exchange_calls import calls_of
from tickdeck.core.orders import CommandKind, ExecutionKind

try:
    native.build("matching.cpp")
    REASON = ""
except NotAvailableError as error:
    REASON = str(error)

SHARES = pytest.mark.parametrize("shares", [MOVES, TURNOVER], ids=["moves", "turnover"])


def made(shares: tuple[float, float, float, float], count: int = 6_000) -> Flow:
    return flow(count, shares, seed=7)


@SHARES
def test_flow_keeps_its_shares_and_its_live_orders(shares: tuple[float, float, float, float]) -> None:
    given = made(shares)
    share = {kind: float((given.commands["kind"] == int(kind)).mean()) for kind in CommandKind}
    assert share[CommandKind.NEW] == pytest.approx(shares[0] + shares[1], abs=0.02)
    assert share[CommandKind.CANCEL] == pytest.approx(shares[2], abs=0.02)
    assert share[CommandKind.REPLACE] == pytest.approx(shares[3], abs=0.02)
    assert given.live == pytest.approx(LIVE, rel=0.1)


@SHARES
def test_exchange_fills_a_flow_as_the_plain_one_that_made_it(shares: tuple[float, float, float, float]) -> None:
    given = made(shares)
    exchange = opened(given)
    exchange.take_executions()
    exchange.submit_batch(given.commands)
    executions = exchange.take_executions()
    assert not (executions["kind"] == int(ExecutionKind.REJECTED)).any()
    assert int((executions["kind"] == int(ExecutionKind.FILLED)).sum()) == given.fills > 500
    assert fold_executions(executions) == given.checksum
    assert exchange.book(SYMBOL).order_count == given.live


@SHARES
def test_calls_do_what_the_batch_does(shares: tuple[float, float, float, float]) -> None:
    given = made(shares, 2_000)
    exchange = opened(given)
    exchange.take_executions()
    call = calls_of(exchange, given)
    for i in range(len(given.commands)):
        call(i)
    assert fold_executions(exchange.take_executions()) == given.checksum


@pytest.mark.skipif(bool(REASON), reason=REASON)
@SHARES
def test_native_exchange_fills_a_flow_alike(shares: tuple[float, float, float, float]) -> None:
    given = made(shares)
    with NativeExchange(given) as reference:
        assert reference.checksum() == reference.checksum() == given.checksum


def test_checksum_depends_on_the_order_of_fills() -> None:
    ids, ticks, sizes = np.array([1, 2], np.uint64), np.array([5, 5]), np.array([3, 4])
    assert fold_fills(ids, ticks, sizes) != fold_fills(ids[::-1], ticks, sizes[::-1])


def test_plain_exchange_trades_by_price_and_time() -> None:
    exchange = PlainExchange(100)
    exchange.new(1, False, 51, 5, True)
    exchange.new(2, False, 50, 5, True)
    exchange.new(3, False, 50, 5, True)
    exchange.replace(2, 50, 6)
    exchange.new(4, True, 51, 7, False)
    assert exchange.fills == 4
    assert exchange.live == {1: (False, 51), 2: (False, 50)}
    assert exchange.asks[50] == {2: 4}


def test_open_loop_keeps_the_latencies_of_some_calls_only() -> None:
    loop = open_loop(lambda i: time.sleep(0.5 if i == 1 else 0), 4, 1_000, np.array([True, False, True, True]))
    assert len(loop.from_start) == 3
    assert loop.from_start.percentiles()["max"] < 400_000_000


def test_every_case_of_the_suite_has_a_name_of_its_own() -> None:
    names = [case.name for case in suite_cases(["exchange"], Settings(quick=True))]
    assert len(set(names)) == len(names) > 10


def test_memory_is_told_by_order_and_by_instrument() -> None:
    case = next(case for case in suite_cases(["exchange"], Settings(quick=True)) if case.name == "exchange.memory")
    with prepared(case.contenders[0], case.make_input()[:2_000]) as run:
        details = run().details
    assert len(details) == 2
    assert all(50 < value < 1_000_000 for value in details.values())


@pytest.mark.parametrize("idle", [False, True])
def test_two_processes_carry_out_every_command(idle: bool) -> None:
    given = made(MOVES, 5_000)
    latencies = serve_open_loop(given, 2_000, idle=idle)
    assert len(latencies) == 5_000
    assert latencies.min() > 0


def shared_memory() -> set[Path]:
    """Files in shared memory, those of other tests left out."""
    return {path for path in Path("/dev/shm").iterdir() if not path.name.startswith("tickdeck-soak")}


def test_interrupted_run_leaves_no_process_and_no_shared_memory() -> None:
    script = (
        "from tickdeck.bench.order_flows import flow\n"
        "from tickdeck.bench.ring.serving import serve_open_loop\n"
        "given = flow(20_000)\nprint('go', flush=True)\nserve_open_loop(given, 10_000_000)\n"
    )
    before = shared_memory()
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    assert run.stdout is not None
    assert run.stdout.readline() == b"go\n"
    children = wait_for_child(run.pid)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert b"KeyboardInterrupt" in said
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert shared_memory() <= before


def wait_for_child(parent: int) -> list[int]:
    """The children of a process once it has one that offers commands."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        path = Path(f"/proc/{parent}/task/{parent}/children")
        found = [int(child) for child in path.read_text().split()]
        if any(b"tickdeck.bench.ring.load" in Path(f"/proc/{child}/cmdline").read_bytes() for child in found):
            time.sleep(0.5)
            return found
        time.sleep(0.05)
    raise AssertionError("no process that offers commands")
