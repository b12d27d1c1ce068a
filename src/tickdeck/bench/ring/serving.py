"""The process that runs the engine, under the load that another process offers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from tickdeck.bench.exchanges import opened
from tickdeck.bench.order_flows import Flow
from tickdeck.bench.ring.clock import clock_function
from tickdeck.bench.ring.kernels import pass_by, serve
from tickdeck.bench.ring.memory import SLOTS, RingMemory
from tickdeck.core import TickdeckError
from tickdeck.core.calls import entry_address
from tickdeck.core.intrinsics import address_of
from tickdeck.exchange.kernels import engine

MOST = 256
"""Commands that are run and stamped together at the most."""
WARNING_NS = 20_000_000
PATIENCE_S = 60.0


def serve_open_loop(flow: Flow, interval_ns: int, *, idle: bool = False) -> NDArray[np.int64]:
    """Latency in ns of each command of `flow`, due `interval_ns` apart, from when it was due until the engine was done with it.

    `idle`: commands are taken and nothing is done with them.

    Raises
    ------
    TickdeckError
        The other process ended early.
    NotAvailableError
        This system cannot share memory without a name.
    """
    exchange, count = opened(flow), len(flow.commands)
    finished = np.ones(count, np.int64)
    buffer = np.zeros(2, np.uint64)
    run = entry_address(pass_by if idle else engine.run, 0, 0, 0, 0, False)
    constant = (run, exchange.handle, address_of(finished), clock_function(), address_of(buffer))
    with RingMemory(count) as ring:
        ring.commands[:] = flow.commands
        serve(ring.address, SLOTS, 0, 0, MOST, *constant)
        with _loaded(ring, count, interval_ns) as load:
            start = time.perf_counter_ns() + WARNING_NS
            ring.words[4] = start
            taken = 0
            while taken < count:
                before = taken
                taken = int(serve(ring.address, SLOTS, taken, count, MOST, *constant))
                exchange.make_room()
                if taken == before and load.poll():
                    raise TickdeckError(f"the process that offers commands ended after {taken:,} of {count:,}")
    due: NDArray[np.int64] = start + np.arange(count, dtype=np.int64) * interval_ns
    return finished - due


@contextmanager
def _loaded(ring: RingMemory, count: int, interval_ns: int) -> Iterator[subprocess.Popen[bytes]]:
    """The other process while it lives: on the first of the cores, this one on the last."""
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tickdeck.bench.ring.load", str(ring.file), str(count), str(interval_ns)]
    load = subprocess.Popen([*command, str(cores[0] if len(cores) > 1 else -1)], pass_fds=[ring.file])
    try:
        os.sched_setaffinity(0, {cores[-1]})
        waited = time.monotonic()
        while not ring.words[3]:
            if load.poll() is not None or time.monotonic() - waited > PATIENCE_S:
                raise TickdeckError("the process that offers commands did not start")
            time.sleep(0.001)
        yield load
    finally:
        os.sched_setaffinity(0, cores)
        ring.words[2] = 1
        try:
            load.wait(5)
        except subprocess.TimeoutExpired:
            load.kill()
            load.wait()
