"""What happens next: a binary heap by time, at one time in order of entry."""

import numpy as np

from tickdeck.core.kernel import kernel


@kernel
def earlier(a, b):
    """Whether agendum `a` comes before `b`."""
    return a.ts < b.ts or (a.ts == b.ts and a.order < b.order)


@kernel
def put(to, ts, order, what):
    """Fill a place of the heap."""
    to.ts = ts
    to.order = order
    to.what = what


@kernel(rare=True)
def push(world, agenda, ts, what):
    """Enter something that will happen."""
    at = world.agenda_count
    world.agenda_count += 1
    world.agenda_order += 1
    while at > 0:
        parent = (at - 1) >> 1
        above = agenda[parent]
        if above.ts <= ts:
            break
        put(agenda[at], above.ts, above.order, above.what)
        at = parent
    put(agenda[at], ts, world.agenda_order, what)


@kernel(rare=True)
def pop(world, agenda):
    """Take out the first; it is what stood in ``agenda[0]``."""
    world.agenda_count -= 1
    count = world.agenda_count
    last = agenda[count]
    at = np.int64(0)
    while 2 * at + 1 < count:
        child = 2 * at + 1
        if child + 1 < count and earlier(agenda[child + 1], agenda[child]):
            child += 1
        below = agenda[child]
        if not earlier(below, last):
            break
        put(agenda[at], below.ts, below.order, below.what)
        at = child
    put(agenda[at], last.ts, last.order, last.what)
