"""The merge of several tapes in time order.

Each source is one MERGE_SOURCE record: where its current chunk lies, how far it is read, and what is needed to tell whether the
next record belongs to the group of the one before. The sources stand in a binary heap by (time of the next group, number):

    heap    0: next to go      its children 1 and 2: one of them bounds how long source heap[0] may run
    state   0: sources in the heap   1: events written

The root's groups are copied until one of them comes after the bound; only then is the heap touched. Two interleaved tapes of
single-record groups are the worst case: one sift an event.
"""

import numpy as np

from tickdeck.core import EVENT
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel

MERGE_SOURCE = np.dtype(
    [
        ("address", "<u8"),  # of the chunk's first record
        ("length", "<i8"),  # records in the chunk
        ("cursor", "<i8"),  # records of it already merged
        ("head", "<i8"),  # time of the next group
        ("latest", "<i8"),  # latest tape time so far
        ("ts_event", "<i8"),  # of the record before
        ("sequence", "<u8"),  # of the record before
        ("flags", "<i8"),  # of the record before; -1: there was none
        ("finished", "<i8"),  # 1: nothing follows the chunk
    ],
    align=True,
)

DONE = -1
FULL = -2

LAST = 128
SNAPSHOT = 32
FOREVER = 2**63 - 1


@kernel
def sift_down(sources, heap, count):
    """Move the root down to its place."""
    moved = heap[0]
    head = sources[moved].head
    at = np.int64(0)
    while True:
        child = 2 * at + 1
        if child >= count:
            break
        other = child + 1
        if other < count:
            left, right = heap[child], heap[other]
            if sources[right].head < sources[left].head or (sources[right].head == sources[left].head and right < left):
                child = other
        found = heap[child]
        if head < sources[found].head or (head == sources[found].head and moved < found):
            break
        heap[at] = found
        at = child
    heap[at] = moved


@kernel(entry=True)
def merge(sources, heap, state, out):
    """Fill `out` (uint64 words, eight an event) with the next events of all sources.

    Returns DONE, FULL, or the number of the source whose chunk is used up: give it the next one, or set `finished`.
    """
    capacity = len(out) // 8
    while True:
        count = state[0]
        if count == 0:
            return DONE
        source = heap[0]
        length = sources[source].length
        at = sources[source].cursor
        if at == length:
            if sources[source].finished == 0:
                return source
            state[0] = count - 1
            heap[0] = heap[count - 1]
            if count > 1:
                sift_down(sources, heap, count - 1)
            continue
        written = state[1]
        if written == capacity:
            return FULL

        bound, bound_source = np.int64(FOREVER), np.int64(FOREVER)
        for child in range(1, min(count, 3)):
            other = heap[child]
            if sources[other].head < bound or (sources[other].head == bound and other < bound_source):
                bound, bound_source = sources[other].head, other

        events = array_at(sources[source].address, np.uint64(length), EVENT)
        words = array_at(sources[source].address, np.uint64(8 * length), np.uint64)
        latest = sources[source].latest
        flags = sources[source].flags
        ts_event = sources[source].ts_event
        sequence = sources[source].sequence
        waits = False
        while at < length and written < capacity:
            event = events[at]
            time = np.int64(event.ts_recv)
            if time == 0:
                time = np.int64(event.ts_event)
            if time < latest:
                time = latest
            next_flags = np.int64(event.flags)
            next_ts_event = np.int64(event.ts_event)
            next_sequence = np.uint64(event.sequence)
            # A group ends at LAST, at either end of a snapshot, or, in a feed without LAST, where time and sequence both move on.
            begins = (
                flags < 0
                or flags & LAST != 0
                or (flags ^ next_flags) & SNAPSHOT != 0
                or (flags & SNAPSHOT == 0 and ts_event != next_ts_event and sequence != next_sequence)
            )
            if begins and (time > bound or (time == bound and source > bound_source)):
                sources[source].head = time
                waits = True
                break
            for word in range(8):
                out[8 * written + word] = words[8 * at + word]
            latest, flags, ts_event, sequence = time, next_flags, next_ts_event, next_sequence
            at += 1
            written += 1
        sources[source].cursor = at
        sources[source].latest = latest
        sources[source].flags = flags
        sources[source].ts_event = ts_event
        sources[source].sequence = sequence
        state[1] = written
        if waits:
            sift_down(sources, heap, count)
