"""The process that offers commands: ``python -m tickdeck.bench.ring.load FILE COUNT INTERVAL_NS CORE``."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from tickdeck.bench.ring.clock import clock_function
from tickdeck.bench.ring.kernels import offer
from tickdeck.bench.ring.memory import SLOTS, RingMemory
from tickdeck.core.intrinsics import address_of

PATIENCE_S = 30.0


def main() -> int:
    """Wait for the time of the first command, then offer them all."""
    file, count, interval_ns, core = map(int, sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if core >= 0:
        os.sched_setaffinity(0, {core})
    ring = RingMemory(count, file)
    buffer = np.zeros(2, np.uint64)
    arguments = (ring.address, SLOTS, address_of(ring.commands))
    offer(*arguments, 0, 0, interval_ns, clock_function(), address_of(buffer))
    ring.words[3] = 1
    waited = time.monotonic()
    while not ring.words[4]:
        if ring.words[2] or time.monotonic() - waited > PATIENCE_S:
            return 1
    offered = int(offer(*arguments, count, int(ring.words[4]), interval_ns, clock_function(), address_of(buffer)))
    return 0 if offered == count else 1


if __name__ == "__main__":
    sys.exit(main())
