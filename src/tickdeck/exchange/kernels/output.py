"""What the exchange publishes: events for everybody, executions for an order's owner."""

import numpy as np

from tickdeck.core.enums import Action, Flag, Side
from tickdeck.core.kernel import kernel
from tickdeck.core.orders import ExecutionKind
from tickdeck.exchange.kernels.codes import U1
from tickdeck.exchange.kernels.layout import unpack_exchange

LAST, MORE = np.uint8(Flag.LAST), np.uint8(0)
ADD, CANCEL, MODIFY = np.uint8(Action.ADD), np.uint8(Action.CANCEL), np.uint8(Action.MODIFY)
TRADE, FILL, STATUS = np.uint8(Action.TRADE), np.uint8(Action.FILL), np.uint8(Action.NONE)
BID, ASK, NO_SIDE = np.uint8(Side.BID), np.uint8(Side.ASK), np.uint8(Side.NONE)
ACCEPTED, REJECTED = np.uint8(ExecutionKind.ACCEPTED), np.uint8(ExecutionKind.REJECTED)
FILLED, CANCELLED = np.uint8(ExecutionKind.FILLED), np.uint8(ExecutionKind.CANCELLED)
REPLACED, EXPIRED = np.uint8(ExecutionKind.REPLACED), np.uint8(ExecutionKind.EXPIRED)
TRIGGERED = np.uint8(ExecutionKind.TRIGGERED)
MBO = np.uint8(0xA0)


@kernel
def code_of(side):
    """ASCII of a side, 0 bid or 1 ask: B is one more than A."""
    return BID - np.uint8(side)


@kernel
def begin_group(x):
    """A new group of events has the next sequence number."""
    x.state[0].sequence += U1


@kernel
def publish(x, listing, action, side, order_id, price, size, flags):
    """One event."""
    state = x.state[0]
    row = x.events[np.uint64(state.event_count)]
    state.event_count += U1
    row.ts_event = state.clock
    row.ts_recv = state.clock
    row.order_id = order_id
    row.price = price
    row.size = size
    row.sequence = state.sequence
    row.instrument_id = x.listings[listing].instrument_id
    row.ts_in_delta = np.int32(0)
    row.publisher_id = np.uint16(state.publisher_id)
    row.action = action
    row.side = side
    row.flags = flags
    row.channel_id = np.uint8(0)
    row.rtype = MBO
    row.reserved = np.uint8(0)


@kernel
def report(x, p, order, kind, price, size, remaining, reason, flags):
    """One execution of an order."""
    state = x.state[0]
    extra = x.extras[order]
    row = x.executions[np.uint64(state.execution_count)]
    state.execution_count += U1
    row.ts_event = state.clock
    row.order_id = p.orders[order].id
    row.client_order_id = extra.client_order_id
    row.price = price
    row.size = size
    row.remaining = remaining
    row.sequence = state.sequence
    row.instrument_id = x.listings[np.uint64(extra.listing)].instrument_id
    row.participant_id = extra.participant
    row.limit_value = 0
    row.value = 0
    row.kind = kind
    row.side = code_of(extra.side)
    row.reason = np.uint16(reason)
    row.flags = flags


@kernel(rare=True)
def refuse(at, command, order_id, reason, limit, value):
    """The rejection of a command: nothing else becomes of it."""
    x = unpack_exchange(at)
    state = x.state[0]
    state.rejections += U1
    state.reason = np.uint64(reason)
    state.order_id = order_id
    state.limit_value = limit
    state.value = value
    row = x.executions[np.uint64(state.execution_count)]
    state.execution_count += U1
    row.ts_event = command.ts
    row.order_id = order_id
    row.client_order_id = command.client_order_id
    row.price = command.price
    row.size = command.size
    row.remaining = 0
    row.sequence = state.sequence
    row.instrument_id = command.instrument_id
    row.participant_id = command.participant_id
    row.limit_value = limit
    row.value = value
    row.kind = REJECTED
    row.side = command.side
    row.reason = np.uint16(reason)
    row.flags = np.uint8(0)
