"""The loop of a simulated market: who decides next, what arrives next, and the exchange's answer to each command."""

import numpy as np

from tickdeck.book.kernels.queries import best
from tickdeck.core.calls import call_entry
from tickdeck.core.kernel import kernel
from tickdeck.core.records import COMMAND
from tickdeck.exchange.kernels.layout import unpack_exchange
from tickdeck.simulation.kernels.agenda import pop, push
from tickdeck.simulation.kernels.agents import (
    decide_background,
    decide_hawkes,
    decide_informed,
    decide_maker,
    decide_trend,
    plan_hawkes,
)
from tickdeck.simulation.kernels.layout import (
    BACKGROUND,
    CHUNK_FULL,
    DONE,
    HAWKES,
    MAKER,
    MOMENTUM,
    NEEDS_ROOM,
    REVERSION,
    unpack_world,
)
from tickdeck.simulation.kernels.orders import ASK, BID, cancel_due, deliver, enter, learn
from tickdeck.simulation.kernels.random import below, exponential, normal
from tickdeck.simulation.kernels.sight import plan, remember

MASK = np.int64(0xFFFFFFFF)
RETRY = 1_000_000
REST = 5e6
"""Mean ns between reactions of an agent: two makers that answer each other at once would never come to an end."""
COMMAND_BYTES = COMMAND.itemsize


@kernel(rare=True)
def decide(at, number, ts):
    """One decision of an agent, on what it has heard by then."""
    x = unpack_world(at)
    learn(at, number, ts)
    behaviour = x.agents[number].behaviour
    if behaviour == BACKGROUND:
        decide_background(at, number, ts)
    elif behaviour == HAWKES:
        decide_hawkes(at, number, ts)
    elif behaviour == MAKER:
        decide_maker(at, number, ts)
    elif behaviour == MOMENTUM:
        decide_trend(at, number, 1.0, ts)
    elif behaviour == REVERSION:
        decide_trend(at, number, -1.0, ts)
    else:
        decide_informed(at, number, ts)


@kernel(rare=True)
def plan_next(at, number):
    """Enter an agent's next decision."""
    if unpack_world(at).agents[number].behaviour == HAWKES:
        plan_hawkes(at, number)
    else:
        plan(at, number)


@kernel(rare=True)
def seed(at, number, ts):
    """The next order of a market's opening book, from the first background participant, sides in turn."""
    x = unpack_world(at)
    world, market = x.world[0], x.markets[number]
    place = market.first_agent
    while x.agents[place].behaviour != BACKGROUND:
        place += 1
    agent = x.agents[place]
    side = BID if market.seeded % 2 == 0 else ASK
    distance = np.int64(x.distances[below(agent, len(x.distances))])
    if market.seeded < 2:
        distance = np.int64(0)
    noise = np.int64(np.float64(world.seed_noise) * normal(agent))
    tick = market.reference + noise + (-distance - 1 if side == BID else distance)
    size = np.int64(x.sizes[below(agent, len(x.sizes))])
    learn(at, place, ts)
    step = np.int64(exponential(agent) * world.seed_step)
    if enter(at, place, side, tick, size, False, np.uint8(0), ts, np.int16(0)) >= 0:
        market.seeded += 1
    else:
        step = np.int64(RETRY)
    if market.seeded < market.seeds and ts + step < world.open:
        push(world, x.agenda, ts + step, 2 * len(x.agents) + len(x.flights) + len(x.own) + number)


@kernel(rare=True)
def turn(at, made):
    """A new part of the day has begun: set the pace such that the wanted number of events is reached at its end."""
    x = unpack_world(at)
    world = x.world[0]
    done = x.periods[world.period]
    world.paced += world.pace * (done.activity_end - done.activity)
    world.period += 1
    left = x.periods[len(x.periods) - 1].activity_end - done.activity_end
    seen = np.float64(made - world.base)
    if seen > 0.0 and left > 0.0:
        pace = (np.float64(world.wanted) - seen) / (seen / world.paced * left)
        world.pace = min(max(pace, 0.25), 4.0)


@kernel(rare=True)
def refresh(at, pools_at, number, ts):
    """Read a market's best prices."""
    x = unpack_world(at)
    market = x.markets[number]
    bid, bid_size, _ = best(pools_at, market.side_bid)
    ask, ask_size, _ = best(pools_at, market.side_bid + np.uint64(1))
    bid = bid // market.tick_size if bid_size > 0 else np.int64(0)
    ask = ask // market.tick_size if ask_size > 0 else np.int64(0)
    if bid != market.bid or ask != market.ask or bid_size != market.bid_size or ask_size != market.ask_size:
        market.bid, market.ask, market.bid_size, market.ask_size = bid, ask, bid_size, ask_size
        remember(at, number, ts)


@kernel(entry=True)
def open_market(at):
    """Enter the first decision of everybody and the first order of every opening book."""
    at = np.uint64(at)
    x = unpack_world(at)
    world = x.world[0]
    for number in range(len(x.markets)):
        push(world, x.agenda, world.now, 2 * len(x.agents) + len(x.flights) + len(x.own) + number)
    for number in range(len(x.agents)):
        plan_next(at, number)


@kernel(entry=True)
def run_market(at, exchange_at, engine_at, most):
    """Go on until `most` events are published, the exchange needs room for the next command, or the day is over.

    `engine_at` is the address of the exchange's entry ``run``.
    """
    at, exchange_at = np.uint64(at), np.uint64(exchange_at)
    x, e = unpack_world(at), unpack_exchange(exchange_at)
    world, state = x.world[0], e.state[0]
    agents, flights, slots = len(x.agents), len(x.flights), len(x.own)
    while np.int64(state.event_count) < most:
        if world.pending < 0:
            if world.agenda_count == 0:
                return DONE
            ts, what = x.agenda[0].ts, x.agenda[0].what
            pop(world, x.agenda)
            world.now = ts
            if ts >= world.open and world.base < 0:
                world.base = world.made + np.int64(state.event_count)
            while world.period + 1 < len(x.periods) and ts >= x.periods[world.period].end:
                turn(at, world.made + np.int64(state.event_count))
            number = what & MASK
            if number < agents:
                decide(at, number, ts)
                plan_next(at, number)
                continue
            number -= agents
            if number < agents:
                agent = x.agents[number]
                agent.reaction = 0
                agent.rested = ts + np.int64(exponential(agent) * REST)
                if world.open <= ts < world.close:
                    decide(at, number, ts)
                continue
            number -= agents
            if number >= flights:
                number -= flights
                if number < slots:
                    cancel_due(at, number, what >> 32, ts)
                else:
                    seed(at, number - slots, ts)
                continue
            world.pending = number
        number = world.pending
        command = x.flights[number]
        there = np.int64(world.flights_at) + number * COMMAND_BYTES
        if call_entry(engine_at, (np.int64(exchange_at), there, np.int64(1), np.int64(0), False)) == 0:
            return NEEDS_ROOM
        world.pending = -1
        for k in range(np.int64(state.execution_count)):
            deliver(at, e.executions[k])
        state.execution_count = np.uint64(0)
        refresh(at, state.book_at, np.int64(command.instrument_id) - 1, command.ts)
        command.client_order_id = np.uint64(world.free_flight)
        world.free_flight = number
    return CHUNK_FULL


@kernel(entry=True)
def receive(state, events, count):
    """Stamp events with a receiver's clock: a group arrives 24 to 28 us after it was published, never before the last one."""
    clock = state[0]
    for i in range(count):
        event = events[i]
        if event.sequence != clock.sequence:
            clock.sequence = event.sequence
            clock.delta = 4_000 + below(clock, 4_096)
            clock.received = max(clock.received, event.ts_event + 20_000 + clock.delta)
        event.ts_recv = clock.received
        event.ts_in_delta = clock.delta
