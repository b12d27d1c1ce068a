"""An agent's orders: commands on their way to the exchange, executions on their way back, and what the agent makes of them."""

import math

import numpy as np

from tickdeck.core.enums import Side
from tickdeck.core.kernel import kernel
from tickdeck.core.orders import KEEP, CommandKind, ExecutionKind, OrderFlag, OrderType, Phase, Reason, TimeInForce
from tickdeck.core.records import UNDEF_PRICE
from tickdeck.simulation.kernels.agenda import push
from tickdeck.simulation.kernels.layout import CANCELLING, FREE, LIVE, REPLACING, SENT, unpack_world
from tickdeck.simulation.kernels.random import normal, uniform

BID, ASK = np.uint8(Side.BID), np.uint8(Side.ASK)
NEW, CANCEL, REPLACE = np.uint8(CommandKind.NEW), np.uint8(CommandKind.CANCEL), np.uint8(CommandKind.REPLACE)
LIMIT, MARKET_ORDER = np.uint8(OrderType.LIMIT), np.uint8(OrderType.MARKET)
GTC, DAY, IOC = np.uint8(TimeInForce.GTC), np.uint8(TimeInForce.DAY), np.uint8(TimeInForce.IOC)
AT_OPEN, AT_CLOSE = np.uint8(TimeInForce.AT_OPEN), np.uint8(TimeInForce.AT_CLOSE)
POST_ONLY = np.uint8(OrderFlag.POST_ONLY)
ACCEPTED, REJECTED = np.uint8(ExecutionKind.ACCEPTED), np.uint8(ExecutionKind.REJECTED)
FILLED, CANCELLED = np.uint8(ExecutionKind.FILLED), np.uint8(ExecutionKind.CANCELLED)
REPLACED, EXPIRED = np.uint8(ExecutionKind.REPLACED), np.uint8(ExecutionKind.EXPIRED)
UNKNOWN_ORDER, ORDER_DONE = np.uint16(Reason.UNKNOWN_ORDER), np.uint16(Reason.ORDER_DONE)
PRE_OPEN, CONTINUOUS, PRE_CLOSE = np.int64(Phase.PRE_OPEN), np.int64(Phase.CONTINUOUS), np.int64(Phase.PRE_CLOSE)
UNDEF = np.int64(UNDEF_PRICE)
AS_BEFORE = np.int64(KEEP)
LOW_HALF = np.uint64(0xFFFFFFFF)
USES = np.uint32(0x7FFFFFFF)


@kernel
def latency(state, base, jitter):
    """ns: a fixed part and a lognormal one of mean `jitter` (sigma 1)."""
    return np.int64(base + jitter * math.exp(normal(state) - 0.5)) if jitter > 0 else np.int64(base)


@kernel(rare=True)
def arrival(at, agent, ts):
    """When a command sent at `ts` reaches the exchange: in order of sending unless reordered; a lost one is sent again."""
    x = unpack_world(at)
    world, network = x.world[0], x.networks[agent.network]
    due = ts + 1 + latency(agent, network.order_base, network.order_jitter)
    while network.loss > 0 and uniform(agent) < network.loss:
        world.lost += 1
        due += np.int64(network.retransmit)
    if due <= agent.arrived:
        if network.reorder > 0 and uniform(agent) < network.reorder:
            world.overtaken += 1
            return due
        due = agent.arrived + 1
    agent.arrived = due
    return due


@kernel(rare=True)
def send(at, agent, slot, kind, order_type, time_in_force, price, size, flags, ts):
    """Put a command about the order in `slot` on its way; False if too many are."""
    x = unpack_world(at)
    world = x.world[0]
    number = world.free_flight
    if number < 0:
        world.skipped += 1
        return False
    own = x.own[slot]
    command = x.flights[number]
    world.free_flight = np.int64(command.client_order_id)
    command.ts = arrival(at, agent, ts)
    command.client_order_id = own.client_order_id
    command.order_id = np.uint64(0)
    command.price = price
    command.size = size
    command.trigger_price = UNDEF
    command.offset = 0
    command.display_size = 0
    command.minimum_size = 0
    command.expire_ts = 0
    command.instrument_id = x.markets[agent.market].instrument_id
    command.participant_id = agent.participant
    command.group = np.uint32(0)
    command.kind = kind
    command.side = own.side
    command.order_type = order_type
    command.time_in_force = time_in_force
    command.self_trade = np.uint8(0)
    command.flags = flags
    command.phase = np.uint8(0)
    world.sent += 1
    push(world, x.agenda, command.ts, 2 * len(x.agents) + number)
    return True


@kernel(rare=True)
def take_slot(at, number, side, tick, size, tag):
    """A slot for a new order of agent `number`, not yet sent; -1 if it has none left."""
    x = unpack_world(at)
    agent = x.agents[number]
    if agent.count >= agent.capacity:
        x.world[0].skipped += 1
        return np.int64(-1)
    slot = np.int64(x.live[agent.first + agent.count])
    own = x.own[slot]
    own.uses += np.uint32(1)
    own.client_order_id = np.uint64(slot) | (np.uint64(own.uses) << np.uint64(32))
    own.order_id = np.uint64(0)
    own.tick = tick
    own.size = size
    own.agent = number
    own.place = agent.first + agent.count
    own.side = side
    own.state = SENT
    own.tag = tag
    agent.count += 1
    return slot


@kernel(rare=True)
def release(at, slot):
    """The order is no more."""
    x = unpack_world(at)
    own = x.own[slot]
    agent = x.agents[own.agent]
    agent.count -= 1
    last = agent.first + agent.count
    moved = x.live[last]
    x.live[own.place] = moved
    x.own[moved].place = own.place
    x.live[last] = slot
    own.place = last
    own.state = FREE


@kernel(rare=True)
def enter(at, number, side, tick, size, immediate, flags, ts, tag):
    """Send a new order and tell its slot, or -1: resting, or `immediate`: IOC, or a market order for the auction that comes."""
    x = unpack_world(at)
    agent, market = x.agents[number], x.markets[x.agents[number].market]
    phase = x.periods[x.world[0].period].phase
    tick = max(tick, np.int64(1))
    slot = take_slot(at, number, side, tick, size, tag)
    if slot < 0:
        return slot
    order_type, time_in_force = LIMIT, GTC
    price = tick * market.tick_size
    if immediate and phase == CONTINUOUS:
        time_in_force = IOC
    elif immediate:
        order_type, price = MARKET_ORDER, UNDEF
        time_in_force = AT_OPEN if phase == PRE_OPEN else AT_CLOSE
    if not send(at, agent, slot, NEW, order_type, time_in_force, price, size, flags, ts):
        release(at, slot)
        return np.int64(-1)
    return slot


@kernel(rare=True)
def cancel(at, slot, ts):
    """Send the cancel of an own order."""
    x = unpack_world(at)
    own = x.own[slot]
    if send(at, x.agents[own.agent], slot, CANCEL, LIMIT, GTC, UNDEF, np.int64(0), np.uint8(0), ts):
        own.state = CANCELLING


@kernel(rare=True)
def replace(at, slot, tick, size, ts):
    """Send a new price and open size of an own order; ``KEEP`` keeps the size."""
    x = unpack_world(at)
    own = x.own[slot]
    agent = x.agents[own.agent]
    price = max(tick, np.int64(1)) * x.markets[agent.market].tick_size
    if send(at, agent, slot, REPLACE, LIMIT, GTC, price, size, np.uint8(0), ts):
        own.state = REPLACING


@kernel(rare=True)
def deliver(at, execution):
    """Put an execution on its way to its owner."""
    x = unpack_world(at)
    slot = np.int64(execution.client_order_id & LOW_HALF)
    number = np.int64(x.own[slot].agent)
    agent, network = x.agents[number], x.networks[x.agents[number].network]
    size = x.world[0].reports_size
    if agent.reports_tail - agent.reports_head == size:
        learn(at, number, x.reports[number * size + (agent.reports_head & (size - 1))].ts)
    agent.reported = max(agent.reported + 1, execution.ts_event + latency(agent, network.order_base, network.order_jitter))
    report = x.reports[number * size + (agent.reports_tail & (size - 1))]
    agent.reports_tail += 1
    report.ts = agent.reported
    report.client_order_id = execution.client_order_id
    report.order_id = execution.order_id
    report.price = execution.price
    report.size = execution.size
    report.remaining = execution.remaining
    report.kind = execution.kind
    report.side = execution.side
    report.reason = execution.reason


@kernel(rare=True)
def learn(at, number, ts):
    """The agent takes note of the reports that reached it by `ts`."""
    x = unpack_world(at)
    agent = x.agents[number]
    size = x.world[0].reports_size
    while agent.reports_head < agent.reports_tail:
        report = x.reports[number * size + (agent.reports_head & (size - 1))]
        if report.ts > ts:
            break
        agent.reports_head += 1
        note(at, agent, report)


@kernel
def note(at, agent, report):
    """What one report changes. A fill counts also where the order was given up before."""
    x = unpack_world(at)
    if report.kind == FILLED:
        agent.position += report.size if report.side == BID else -report.size
    slot = np.int64(report.client_order_id & LOW_HALF)
    own = x.own[slot]
    if own.client_order_id != report.client_order_id or own.state == FREE:
        return
    if report.kind == ACCEPTED:
        own.order_id = report.order_id
        if own.state == SENT:
            own.state = LIVE
    elif report.kind == FILLED:
        own.size = report.remaining
        if report.remaining == 0:
            release(at, slot)
    elif report.kind == CANCELLED or report.kind == EXPIRED:
        release(at, slot)
    elif report.kind == REPLACED:
        own.size = report.remaining
        own.tick = report.price // x.markets[agent.market].tick_size
        if own.state == REPLACING:
            own.state = LIVE
    elif report.kind == REJECTED:
        x.world[0].rejected += 1
        gone = report.reason == UNKNOWN_ORDER or report.reason == ORDER_DONE
        # A cancel may overtake its order, which is then acknowledged later.
        if own.state == REPLACING or (gone and own.order_id == 0):
            own.state = LIVE
        else:
            release(at, slot)


@kernel
def cancel_soon(at, slot, ts):
    """At `ts` the owner will cancel this order, if it is still there."""
    x = unpack_world(at)
    what = 2 * len(x.agents) + len(x.flights) + slot
    push(x.world[0], x.agenda, ts, what | (np.int64(x.own[slot].uses & USES) << 32))


@kernel(rare=True)
def cancel_due(at, slot, uses, ts):
    """The time of a cancel that was planned has come."""
    own = unpack_world(at).own[slot]
    if np.int64(own.uses & USES) == uses and (own.state == LIVE or own.state == SENT):
        cancel(at, slot, ts)
