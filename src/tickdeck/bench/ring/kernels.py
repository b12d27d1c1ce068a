"""Both ends of the ring: one process writes commands when they are due, the other runs what it finds.

::

    words 0, 8, 16, 24, 32   written so far | taken so far | stop | ready | time of the first command, each on a cache line of its own
    then                     `slots` COMMAND records; the i-th command stands at place i modulo `slots`
"""

import numpy as np

from tickdeck.bench.ring.clock import read_clock
from tickdeck.core.atomics import load_acquire, store_release
from tickdeck.core.calls import call_entry
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel
from tickdeck.core.records import COMMAND

U0, U1 = np.uint64(0), np.uint64(1)
WRITTEN, TAKEN, STOP, READY, START, HEADER = (np.uint64(64 * line) for line in range(6))
SIZE = np.uint64(COMMAND.itemsize)
WORDS = np.uint64(COMMAND.itemsize // 8)
WORD = np.uint64
STALLED_NS = np.int64(5_000_000_000)
"""After this the other side is taken for dead."""
TURN_NS = np.int64(20_000_000)
LONGEST_TURN_NS = np.int64(1_000_000_000)


@kernel(entry=True)
def offer(ring, slots, commands, count, start_ns, interval_ns, clock, buffer):
    """Write `count` commands, each when it is due, `interval_ns` apart; how many were written before the other side stopped."""
    ring, slots, clock, buffer = np.uint64(ring), np.uint64(slots), np.uint64(clock), np.uint64(buffer)
    source = array_at(np.uint64(commands), np.uint64(count) * WORDS, WORD)
    target = array_at(ring + HEADER, slots * WORDS, WORD)
    due = np.int64(start_ns)
    taken = U0
    for i in range(U0, np.uint64(count)):
        now = read_clock(clock, buffer)
        while now < due:
            now = read_clock(clock, buffer)
        while i - taken >= slots:
            taken = load_acquire(ring + TAKEN)
            if load_acquire(ring + STOP) != U0 or read_clock(clock, buffer) - now > STALLED_NS:
                return i
        place = (i % slots) * WORDS
        for word in range(WORDS):
            target[place + word] = source[i * WORDS + word]
        store_release(ring + WRITTEN, i + U1)
        due += interval_ns
    return np.uint64(count)


@kernel(entry=True)
def serve(ring, slots, taken, count, most, run, exchange, finished, clock, buffer):
    """Run the commands found, at most `most` at a time, and write the time at which each was done; how many have been taken.

    Returns when all are done, when the exchange found no room, and now and then, so that Python may be interrupted.
    """
    ring, slots, clock, buffer = np.uint64(ring), np.uint64(slots), np.uint64(clock), np.uint64(buffer)
    taken, count, most = np.uint64(taken), np.uint64(count), np.uint64(most)
    times = array_at(np.uint64(finished), count, np.int64)
    entered = last = read_clock(clock, buffer)
    while taken < count:
        found = min(load_acquire(ring + WRITTEN) - taken, min(most, slots - taken % slots))
        if found == U0:
            last = read_clock(clock, buffer)
            if last - entered > TURN_NS:
                return taken
            continue
        place = ring + HEADER + (taken % slots) * SIZE
        done = call_entry(np.uint64(run), (np.int64(exchange), np.int64(place), np.int64(found), np.int64(0), True))
        last = read_clock(clock, buffer)
        for i in range(done):
            times[taken + i] = last
        taken += done
        store_release(ring + TAKEN, taken)
        if done < found or last - entered > LONGEST_TURN_NS:
            return taken
    return taken


@kernel(entry=True)
def pass_by(exchange, place, found, start, fresh):
    """In the engine's stead: touch each command and do nothing; what is left of a latency then is the machine's and the ring's."""
    given = array_at(np.uint64(place), np.uint64(found), COMMAND)
    touched = U0
    for i in range(np.uint64(start), np.uint64(found)):
        touched ^= np.uint64(given[i].client_order_id)
    return np.uint64(found) | (touched & U0)
