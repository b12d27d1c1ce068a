"""Order events into a real book, compared with the rows of a vendor's book of N levels (MBP).

Rows and events belong together by time and sequence: all events of one time and sequence are a group, and so are all rows. Within a
group each row must show the book after one of the events, in their order, and each event that changes the N levels must have its
row. Some vendors give one row to several records of an execution, and none to changes below the last level.

``rows`` holds, for each level of a row, bid price, ask price, bid size, ask size, bid count, ask count; ``keys`` time and sequence.
``levels_at`` is the address of room for 4 x N ``LEVEL`` records: bids and asks now, bids and asks before. ``state`` keeps everything
between calls, at the indices below.
"""

import numpy as np

from tickdeck.book.kernels.layout import GOING
from tickdeck.book.kernels.queries import depth
from tickdeck.book.kernels.replay import single
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel
from tickdeck.core.records import LEVEL, UNDEF_PRICE

EVENT = 0  # the next event of the chunk
ROW = 1  # the next row of the buffer
STOP = 2
REASON = 3  # what stopped the book
PRICE = 4  # and at which price
SHOW = 5  # wrong rows that are still to be shown
WHY = 6  # what was wrong with the row before ROW
IN_GROUP = 7
TIME = 8  # of the group
SEQUENCE = 9
KNOWS_BEFORE = 10  # the levels before the next event are known
WAITING = 11  # the last change of the levels has no row yet
WAITING_TIME = 12  # of that change
WAITING_SEQUENCE = 13
EXACT = 14
WRONG = 15
CHANGES = 16  # of the N levels
UNSHOWN = 17  # changes without a row, between rows
FIRST_TIME = 18  # of the first of them
FIRST_SEQUENCE = 19
OUTSIDE = 20  # changes before the first row
PENDING = 21  # changes without a row since the last row
PENDING_TIME = 22  # of the first of them
PENDING_SEQUENCE = 23
ANY_ROW = 24  # a row was reached
STATE = 25

NEED_EVENTS, NEED_ROWS, MEND, SHOWN = 0, 1, 2, 3
DIFFERENT, NO_EVENT = 0, 1

FIELDS = 6
ADD, CANCEL, MODIFY, CLEAR = np.uint8(ord("A")), np.uint8(ord("C")), np.uint8(ord("M")), np.uint8(ord("R"))
SNAPSHOT = np.uint8(32)
LEVEL_BYTES = LEVEL.itemsize
UNDEF = np.int64(UNDEF_PRICE)


@kernel
def read_levels(at, book, levels_at, width, place):
    """Both sides of the book into the `place`-th (0 now, 1 before) levels, empty ones with size 0."""
    for code in range(2):
        address = levels_at + (2 * place + code) * width * LEVEL_BYTES
        levels = array_at(np.uint64(address), np.uint64(width), LEVEL)
        held = depth(at, 2 * book + code, address, width)
        for level in range(held, width):
            levels[level].price = 0
            levels[level].size = 0
            levels[level].count = np.uint32(0)


@kernel
def take_change(levels_at, width):
    """Whether the levels changed; what is now becomes what was before."""
    levels = array_at(np.uint64(levels_at), np.uint64(4 * width), LEVEL)
    changed = False
    for level in range(2 * width):
        now = levels[level]
        before = levels[2 * width + level]
        if now.price != before.price or now.size != before.size or now.count != before.count:
            changed = True
            before.price = now.price
            before.size = now.size
            before.count = now.count
    return changed


@kernel
def equals(row, levels_at, width):
    """Whether a row shows the levels as they are now."""
    levels = array_at(np.uint64(levels_at), np.uint64(2 * width), LEVEL)
    for level in range(width):
        for code in range(2):
            held = levels[code * width + level]
            price = np.int64(held.price) if held.size != 0 else UNDEF
            if row[FIELDS * level + code] != price:
                return False
            if row[FIELDS * level + 2 + code] != np.int64(held.size) or row[FIELDS * level + 4 + code] != np.int64(held.count):
                return False
    return True


@kernel
def leave_waiting(state):
    """The change that waits for a row will get none of its own."""
    if state[WAITING] == 0:
        return
    if state[PENDING] == 0:
        state[PENDING_TIME] = state[WAITING_TIME]
        state[PENDING_SEQUENCE] = state[WAITING_SEQUENCE]
    state[PENDING] += 1
    state[WAITING] = 0


@kernel
def reach_row(state):
    """A row settles where the changes before it without a row stand: before all rows or between them."""
    if state[ANY_ROW] == 0:
        state[OUTSIDE] += state[PENDING]
    elif state[PENDING] > 0:
        if state[UNSHOWN] == 0:
            state[FIRST_TIME] = state[PENDING_TIME]
            state[FIRST_SEQUENCE] = state[PENDING_SEQUENCE]
        state[UNSHOWN] += state[PENDING]
    state[PENDING] = 0
    state[ANY_ROW] = 1
    state[ROW] += 1


@kernel
def pass_wrong(state, why):
    """Count the next row as wrong; whether it is to be shown."""
    reach_row(state)
    state[WRONG] += 1
    state[WHY] = why
    if state[SHOW] <= 0:
        return False
    state[SHOW] -= 1
    state[STOP] = SHOWN
    return True


@kernel
def in_group(keys, state):
    """Whether the next row belongs to the open group."""
    at = state[ROW]
    return at < len(keys) and keys[at, 0] == state[TIME] and keys[at, 1] == state[SEQUENCE]


@kernel
def close_group(keys, state):
    """Rows of the open group that are left equal the book after none of its events; False: one is to be shown."""
    while state[IN_GROUP] != 0 and in_group(keys, state):
        state[WAITING] = 0
        if pass_wrong(state, DIFFERENT):
            return False
    leave_waiting(state)
    state[IN_GROUP] = 0
    return True


@kernel
def open_group(keys, state, time, sequence):
    """Start a group; rows before it belong to no event. False: one is to be shown."""
    while state[ROW] < len(keys):
        at = state[ROW]
        if keys[at, 0] > time or (keys[at, 0] == time and keys[at, 1] >= sequence):
            break
        if pass_wrong(state, NO_EVENT):
            return False
    state[TIME] = time
    state[SEQUENCE] = sequence
    state[IN_GROUP] = 1
    return True


@kernel
def match(keys, rows, levels_at, width, state):
    """Take the group's next rows that show the book as it is. A row that does not may fit a later event: nothing is passed over."""
    while in_group(keys, state) and equals(rows[state[ROW]], levels_at, width):
        reach_row(state)
        state[EXACT] += 1
        state[WAITING] = 0


@kernel
def apply(at, book, e, state):
    """One event into the book; False: it must be mended first."""
    action = np.uint8(e.action)
    if action != ADD and action != CANCEL and action != MODIFY and action != CLEAR:
        return True
    reason = single(
        at,
        book,
        np.int64(action),
        np.int64(e.side),
        np.int64(e.flags),
        np.uint64(e.order_id),
        np.int64(e.price),
        np.int64(e.size),
    )
    if reason == GOING:
        return True
    state[STOP] = MEND
    state[REASON] = reason
    state[PRICE] = e.price
    return False


@kernel(entry=True)
def match_rows(at, book, events, keys, rows, width, horizon, closing, levels_at, state):
    """Go on through events and rows until one of them ends, the book must be mended or a wrong row is to be shown.

    Rows of times before `horizon` are all in the buffer. `closing`: no event follows, so the open group ends.
    """
    state[STOP] = NEED_EVENTS
    while True:
        if state[EVENT] >= len(events):
            if closing:
                close_group(keys, state)
            return
        e = events[state[EVENT]]
        time = np.int64(e.ts_event)
        sequence = np.int64(e.sequence)
        if state[ROW] >= len(keys) and time >= horizon:
            state[STOP] = NEED_ROWS
            return
        in_snapshot = (e.flags & SNAPSHOT) != 0
        if state[IN_GROUP] != 0 and (in_snapshot or time != state[TIME] or sequence != state[SEQUENCE]):
            if not close_group(keys, state):
                return
        if in_snapshot:
            if not apply(at, book, e, state):
                return
            state[KNOWS_BEFORE] = 0
            state[EVENT] += 1
            continue
        if state[IN_GROUP] == 0 and not open_group(keys, state, time, sequence):
            return
        if state[KNOWS_BEFORE] == 0:
            read_levels(at, book, levels_at, width, 1)
            state[KNOWS_BEFORE] = 1
        if not apply(at, book, e, state):
            return
        read_levels(at, book, levels_at, width, 0)
        if take_change(levels_at, width):
            leave_waiting(state)
            state[CHANGES] += 1
            state[WAITING] = 1
            state[WAITING_TIME] = time
            state[WAITING_SEQUENCE] = sequence
        match(keys, rows, levels_at, width, state)
        state[EVENT] += 1
