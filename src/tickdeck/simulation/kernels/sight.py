"""What an agent sees: the market as it was when the data left the exchange, and the clock of activity."""

from collections import namedtuple

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.simulation.kernels.agenda import push
from tickdeck.simulation.kernels.layout import unpack_world
from tickdeck.simulation.kernels.orders import latency
from tickdeck.simulation.kernels.random import exponential, uniform

Sight = namedtuple("Sight", "bid ask bid_size ask_size")


@kernel
def look(at, agent, ts):
    """Best prices in ticks with sizes, as they left the exchange a feed's latency before `ts`; a missing side is put one tick away.

    A lost message leaves the state before it.
    """
    x = unpack_world(at)
    market, network = x.markets[agent.market], x.networks[agent.network]
    size = x.world[0].past_size
    left = ts - latency(agent, network.feed_base, network.feed_jitter)
    place = market.past_head
    oldest = max(place - size + 1, np.int64(0))
    first = np.int64(agent.market) * size
    while place > oldest and x.past[first + (place & (size - 1))].ts > left:
        place -= 1
    if network.loss > 0 and place > oldest and uniform(agent) < network.loss:
        place -= 1
    seen = x.past[first + (place & (size - 1))]
    bid, ask = seen.bid, seen.ask
    if bid == 0 and ask == 0:
        bid = market.reference
    if bid == 0:
        bid = max(ask - 1, np.int64(1))
    elif ask == 0:
        ask = bid + 1
    return Sight(bid, ask, seen.bid_size, seen.ask_size)


@kernel
def remember(at, number, ts):
    """The best prices of market `number` are new since `ts`; those who react will decide when they hear of it."""
    x = unpack_world(at)
    world, market = x.world[0], x.markets[number]
    size = world.past_size
    before = x.past[number * size + (market.past_head & (size - 1))]
    moved = before.bid != market.bid or before.ask != market.ask
    if before.ts < ts:
        market.past_head += 1
    seen = x.past[number * size + (market.past_head & (size - 1))]
    seen.ts = ts
    seen.bid = market.bid
    seen.ask = market.ask
    seen.bid_size = market.bid_size
    seen.ask_size = market.ask_size
    if not moved:
        return
    for k in range(market.first_agent, market.first_agent + np.int64(market.agents)):
        agent = x.agents[k]
        if agent.reacts != 0 and agent.reaction == 0:
            network = x.networks[agent.network]
            agent.reaction = max(ts + 1 + latency(agent, network.feed_base, network.feed_jitter), agent.rested)
            push(world, x.agenda, agent.reaction, len(x.agents) + k)


@kernel
def activity_at(at, ts):
    """How much of the day's activity has passed by `ts`, which lies in the present period."""
    x = unpack_world(at)
    period = x.periods[x.world[0].period]
    part = np.float64(ts - period.start) / np.float64(period.end - period.start)
    return period.activity + min(max(part, 0.0), 1.0) * (period.activity_end - period.activity)


@kernel(rare=True)
def plan(at, number):
    """Enter when agent `number` decides next; nothing when the day is over before."""
    x = unpack_world(at)
    agent = x.agents[number]
    plan_at(at, number, agent.activity + exponential(agent) / (agent.rate * x.world[0].pace))


@kernel(rare=True)
def plan_at(at, number, activity):
    """Enter a decision of agent `number` at a time of the clock of activity."""
    x = unpack_world(at)
    agent = x.agents[number]
    agent.activity = activity
    while agent.period < len(x.periods) and activity >= x.periods[agent.period].activity_end:
        agent.period += 1
    if agent.period < len(x.periods):
        period = x.periods[agent.period]
        part = (activity - period.activity) / (period.activity_end - period.activity)
        ts = period.start + np.int64(part * np.float64(period.end - period.start))
        push(x.world[0], x.agenda, max(ts, x.world[0].now), np.int64(number))
