"""The loop over an array of commands.

Before a stretch of commands the loop makes sure that pools and outputs have room for all that they can cause; where they have not
it stops before the next command, the Python face makes room and calls again.
"""

import numpy as np

from tickdeck.book.kernels.layout import unpack
from tickdeck.book.kernels.replay import room
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel
from tickdeck.core.orders import CommandKind
from tickdeck.core.records import COMMAND
from tickdeck.exchange.kernels.codes import CLOCK_BACKWARDS, U0, U1, UNKNOWN_COMMAND
from tickdeck.exchange.kernels.commands import (
    cancel_all,
    find_named,
    finish,
    finish_all,
    new_order,
    phase_command,
    reference_command,
    refuse_unnamed,
    replace_order,
)
from tickdeck.exchange.kernels.fetch import fetch_ahead
from tickdeck.exchange.kernels.gate import tell_time
from tickdeck.exchange.kernels.layout import ROWS_PER_ORDER, STRETCH, unpack_exchange
from tickdeck.exchange.kernels.output import refuse
from tickdeck.exchange.kernels.phases import pass_time
from tickdeck.exchange.kernels.plain import cancel_order, plain_new, plain_replace

NEW, CANCEL, REPLACE = np.uint8(CommandKind.NEW), np.uint8(CommandKind.CANCEL), np.uint8(CommandKind.REPLACE)
CANCEL_ALL, PHASE = np.uint8(CommandKind.CANCEL_ALL), np.uint8(CommandKind.PHASE)
CLOCK, REFERENCE = np.uint8(CommandKind.CLOCK), np.uint8(CommandKind.REFERENCE)
ROWS = np.uint64(ROWS_PER_ORDER)


@kernel
def less(a, b):
    """`a` minus `b`, not below 0."""
    return a - b if a > b else U0


@kernel(rare=True)
def commands_with_room(at):
    """How many plain commands there is surely room for, whatever they cause."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    state, live = x.state[0], np.uint64(p.header[0].live)
    most = np.uint64(STRETCH)
    most = min(most, less(room(p), np.uint64(state.movable) + U1))
    most = min(most, less((np.uint64(state.seen_mask) + U1) >> U1, np.uint64(state.seen_count)))
    most = min(most, less(np.uint64(x.client_table[0].index_limit), live))
    most = min(most, less(np.uint64(x.group_table[0].index_limit), np.uint64(state.group_live)))
    most = min(most, less(np.uint64(state.expiry_rows), np.uint64(state.expiry_count)))
    most = min(most, less(np.uint64(state.schedule_rows), np.uint64(state.schedule_count)))
    for rows in (
        less(np.uint64(state.event_rows), np.uint64(state.event_count)),
        less(np.uint64(state.execution_rows), np.uint64(state.execution_count)),
    ):
        # Twice: each command may add an order that another fills.
        most = min(most, less(rows // ROWS, live + np.uint64(state.refills) + np.uint64(16)) >> U1)
    # Each command may publish an auction price of every instrument, and what was due before it as well.
    quotes = less(np.uint64(state.auction_rows), np.uint64(state.auction_count))
    return min(most, quotes // (np.uint64(2) * (np.uint64(state.listing_count) + U1)))


@kernel(rare=True)
def run_rare(at, c):
    """The commands that are not on the hot path."""
    x = unpack_exchange(at)
    if c.kind == CANCEL_ALL:
        cancel_all(at, c)
    elif c.kind == PHASE:
        phase_command(at, c)
    elif c.kind == REFERENCE:
        reference_command(at, c)
    elif c.kind == CLOCK:
        x.state[0].clock = c.ts
    else:
        refuse(at, c, U0, UNKNOWN_COMMAND, 0, 0)


@kernel(rare=True)
def catch_up(at, ts):
    """Let everything happen that is due by `ts`."""
    x = unpack_exchange(at)
    if x.state[0].risk_at != U0:
        tell_time(at, ts)
    pass_time(at, ts)
    finish_all(at)


@kernel(rare=True)
def run_commands(at, commands, start):
    """Carry out ``commands[start:]``; index of the first that found no room."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    state = x.state[0]
    total = np.uint64(len(commands))
    i = np.uint64(start)
    sure = U0
    while i < total:
        if sure == U0:
            sure = commands_with_room(at)
            if sure == U0:
                break
        sure -= U1
        c = commands[i]
        fetch_ahead(x, p, commands, i, total)
        state.commands += U1
        state.incoming = U0
        state.order_id = U0
        state.filled = 0
        state.remaining = 0
        state.reason = U0
        state.limit_value = 0
        state.value = 0
        state.affected = U0
        known = c.kind == NEW or c.kind == REPLACE or c.kind == CANCEL
        if not known:
            known = c.kind == CANCEL_ALL or c.kind == PHASE or c.kind == CLOCK or c.kind == REFERENCE
        if not known:
            refuse(at, c, U0, UNKNOWN_COMMAND, 0, 0)
            i += U1
            continue
        if np.int64(c.ts) < np.int64(state.clock):
            refuse(at, c, U0, CLOCK_BACKWARDS, 0, 0)
            i += U1
            continue
        if np.int64(c.ts) >= np.int64(state.next_due):
            catch_up(at, np.int64(c.ts))
        touched = U0
        if c.kind == NEW:
            touched = plain_new(x, p, c)
            if touched == U0:
                touched = new_order(at, c)
                sure = U0 if np.int64(c.display_size) != 0 else sure
        elif c.kind == REPLACE or c.kind == CANCEL:
            order = find_named(x, p, c)
            if order == U0:
                refuse_unnamed(at, c)
            elif c.kind == CANCEL:
                touched = cancel_order(x, p, c, order)
            else:
                touched = plain_replace(x, p, c, order)
                if touched == U0:
                    touched = replace_order(at, c, order)
                    sure = U0 if np.uint64(state.refills) != U0 else sure
        else:
            run_rare(at, c)
        if touched != U0:
            finish(x, p, touched)
        i += U1
    return i


@kernel(entry=True)
def run(at, address, length, start, fresh):
    """``run_commands`` over ``COMMAND`` records; `fresh`: what the last call published has been taken."""
    at = np.uint64(at)
    if fresh:
        x = unpack_exchange(at)
        x.state[0].event_count = U0
        x.state[0].execution_count = U0
        x.state[0].auction_count = U0
    return run_commands(at, array_at(np.uint64(address), np.uint64(length), COMMAND), np.uint64(start))
