"""How participants decide. Each function is one decision of one agent at `ts`; prices are in ticks.

Background: limit orders at a power-law distance, cancels of any live order, market orders (Cont, Stoikov and Talreja 2010; distances
from the own best price as Bouchaud, Mézard and Potters 2002).
Hawkes: the same, its arrivals self-exciting over three time scales and two sides (Bacry, Mastromatteo and Muzy 2015).
Maker: quotes around a reservation price that leans against its position (Avellaneda and Stoikov 2008).
Momentum and reversion: a fast average of the mid against a slow one, with and against it (Chiarella and Iori 2002).
Informed: knows a fundamental value that drifts and jumps, and trades while the price is worse than it (Kyle 1985; Glosten and
Milgrom 1985).
"""

import math

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.simulation.kernels.layout import (
    ACROSS,
    DECAYS,
    EXCITATIONS,
    JUMPS,
    LIVE,
    SPANS,
    unpack_world,
)
from tickdeck.simulation.kernels.orders import (
    AS_BEFORE,
    ASK,
    BID,
    CONTINUOUS,
    POST_ONLY,
    cancel,
    cancel_soon,
    enter,
    replace,
)
from tickdeck.simulation.kernels.random import below, exponential, normal, uniform
from tickdeck.simulation.kernels.sight import activity_at, look, plan_at

MILLISECOND = 1_000_000.0
NO_FLAGS = np.uint8(0)


@kernel
def lots(x, agent):
    """A random order size."""
    return np.int64(x.sizes[below(agent, len(x.sizes))]) * agent.size


@kernel
def opposite(side):
    """The other side."""
    return ASK if side == BID else BID


@kernel(rare=True)
def rest(at, number, side, sight, ts):
    """A limit order at a random distance behind the own best price, or inside a spread; some are soon cancelled."""
    x = unpack_world(at)
    agent = x.agents[number]
    distance = np.int64(x.distances[below(agent, len(x.distances))])
    room = sight.ask - sight.bid - 1
    if room > 0 and uniform(agent) < 0.5:
        distance = -min(room, 1 + np.int64(exponential(agent) * 0.7))
    tick = sight.bid - distance if side == BID else sight.ask + distance
    slot = enter(at, number, side, tick, lots(x, agent), False, NO_FLAGS, ts, np.int16(0))
    if slot >= 0 and uniform(agent) < agent.fleeting:
        cancel_soon(at, slot, ts + np.int64(MILLISECOND + exponential(agent) * 120.0 * MILLISECOND))


@kernel(rare=True)
def take(at, number, side, sight, size, reach, ts):
    """A marketable order that goes at most `reach` ticks beyond the best price."""
    tick = sight.ask + reach if side == BID else sight.bid - reach
    return enter(at, number, side, tick, size, True, NO_FLAGS, ts, np.int16(0))


@kernel
def any_live(x, agent):
    """A random live order, or -1 where the one drawn is not."""
    if agent.count == 0:
        return np.int64(-1)
    slot = np.int64(x.live[agent.first + below(agent, agent.count)])
    return slot if x.own[slot].state == LIVE else np.int64(-1)


@kernel
def market_size(x, agent, side, sight):
    """Size of a marketable order: random, or now and then just what stands at the best price (Farmer et al. 2004)."""
    resting = sight.ask_size if side == BID else sight.bid_size
    chance = uniform(agent)
    if chance < 0.05 and resting > 0:
        return resting
    return lots(x, agent)


@kernel(rare=True)
def decide_background(at, number, ts):
    """Add, cancel, change or take, whatever the market does."""
    x = unpack_world(at)
    agent = x.agents[number]
    sight = look(at, agent, ts)
    filling = np.float64(agent.count) / np.float64(agent.wanted)
    chance = uniform(agent) * (1.0 + 0.9 * filling)
    side = BID if uniform(agent) < 0.5 else ASK
    if chance < agent.aggression:
        take(at, number, side, sight, market_size(x, agent, side, sight), np.int64(2), ts)
    elif chance < 1.0:
        rest(at, number, side, sight, ts)
    else:
        slot = any_live(x, agent)
        if slot >= 0:
            own = x.own[slot]
            if uniform(agent) < 0.75:
                cancel(at, slot, ts)
            elif own.size > 1 and uniform(agent) < 0.4:
                replace(at, slot, own.tick, 1 + below(agent, own.size - 1), ts)
            else:
                distance = np.int64(x.distances[below(agent, len(x.distances))])
                replace(at, slot, sight.bid - distance if own.side == BID else sight.ask + distance, AS_BEFORE, ts)


@kernel(rare=True)
def decide_hawkes(at, number, ts):
    """Push the price one way: take, join that side, or withdraw from the other; whichever, more of it follows."""
    x = unpack_world(at)
    agent = x.agents[number]
    sight = look(at, agent, ts)
    first = number * EXCITATIONS
    buying, selling = agent.rate / 2, agent.rate / 2
    for k in range(SPANS):
        buying += x.memory[first + k]
        selling += x.memory[first + SPANS + k]
    buys = uniform(agent) * (buying + selling) < buying
    side = BID if buys else ASK
    mine, other = (0, SPANS) if buys else (SPANS, 0)
    for k in range(SPANS):
        jump = x.memory[first + JUMPS + k]
        across = x.memory[first + ACROSS + k]
        x.memory[first + mine + k] += (1.0 - across) * jump
        x.memory[first + other + k] += across * jump
    chance = uniform(agent)
    if chance < agent.aggression:
        take(at, number, side, sight, market_size(x, agent, side, sight), np.int64(1), ts)
    elif chance < agent.aggression + 0.45 or agent.count < agent.wanted // 4:
        rest(at, number, side, sight, ts)
    else:
        slot = any_live(x, agent)
        if slot >= 0 and (x.own[slot].side != side or agent.count > agent.wanted):
            cancel(at, slot, ts)
        elif agent.count < agent.wanted:
            rest(at, number, side, sight, ts)


@kernel(rare=True)
def plan_hawkes(at, number):
    """The next arrival by thinning (Ogata 1981): between arrivals the rate only falls, so the present one bounds it."""
    x = unpack_world(at)
    agent = x.agents[number]
    first = number * EXCITATIONS
    activity = agent.activity
    pace = x.world[0].pace
    while activity < 2.0:
        bound = agent.rate
        for k in range(2 * SPANS):
            bound += x.memory[first + k]
        step = exponential(agent) / bound
        activity += step / pace
        now = agent.rate
        for k in range(2 * SPANS):
            x.memory[first + k] *= math.exp(-step / x.memory[first + DECAYS + k % SPANS])
            now += x.memory[first + k]
        if uniform(agent) * bound < now:
            break
    plan_at(at, number, activity)


@kernel
def average(agent, mid, now):
    """Follow the mid with a fast and a slow average, and the size of its moves."""
    if agent.seen == 0.0:
        agent.fast = mid
        agent.slow = mid
    else:
        passed = now - agent.seen
        move = abs(mid - agent.fast)
        agent.move += (move - agent.move) * (1.0 - math.exp(-passed / agent.slow_span))
        agent.fast += (mid - agent.fast) * (1.0 - math.exp(-passed / agent.fast_span))
        agent.slow += (mid - agent.slow) * (1.0 - math.exp(-passed / agent.slow_span))
    agent.seen = now


@kernel(rare=True)
def decide_maker(at, number, ts):
    """Quote both sides around the micro-price less what the position asks for; wider when the price moves a lot."""
    x = unpack_world(at)
    agent = x.agents[number]
    if x.periods[x.world[0].period].phase != CONTINUOUS:
        for place in range(agent.count):
            slot = np.int64(x.live[agent.first + place])
            if x.own[slot].state == LIVE:
                cancel(at, slot, ts)
        return
    sight = look(at, agent, ts)
    mid = 0.5 * (sight.bid + sight.ask)
    average(agent, mid, activity_at(at, ts))
    weight = sight.bid_size + sight.ask_size
    lean = 0.5 * (sight.ask - sight.bid) * (sight.bid_size - sight.ask_size) / weight if weight > 0 else 0.0
    held = agent.position / agent.limit
    centre = mid + 0.6 * lean - agent.skew * held
    half = 0.5 * agent.spread + 0.5 * agent.move
    bid = min(np.int64(math.floor(centre - half + 0.5)), sight.ask - 1)
    ask = max(np.int64(math.ceil(centre + half - 0.5)), sight.bid + 1)
    if bid >= ask:
        bid, ask = ask - 1, bid + 1
    quote_side(at, number, BID, bid, held < 1.0, ts)
    quote_side(at, number, ASK, ask, held > -1.0, ts)


@kernel(rare=True)
def quote_side(at, number, side, best, wanted, ts):
    """Bring the quotes of a side to `best` and behind it; `tag` is the level, counted from 1, negative for asks."""
    x = unpack_world(at)
    agent = x.agents[number]
    sign = 1 if side == BID else -1
    quoted = np.int64(0)
    place = np.int64(0)
    while place < agent.count:
        slot = np.int64(x.live[agent.first + place])
        place += 1
        own = x.own[slot]
        level = sign * np.int64(own.tag)
        if level <= 0:
            continue
        quoted |= np.int64(1) << level
        if own.state != LIVE:
            continue
        tick = best - sign * (level - 1)
        if not wanted:
            cancel(at, slot, ts)
        elif own.tick != tick and (level == 1 or abs(own.tick - tick) > 1):
            replace(at, slot, tick, AS_BEFORE, ts)
    for level in range(1, agent.levels + 1):
        if wanted and (quoted >> level) & 1 == 0:
            size = 100 * agent.size * (1 + below(agent, 3))
            enter(at, number, side, best - sign * (level - 1), size, False, POST_ONLY, ts, np.int16(sign * level))


@kernel(rare=True)
def decide_trend(at, number, direction, ts):
    """Take with (`direction` 1) or against (-1) the gap between the fast and the slow average; leave when it is gone."""
    x = unpack_world(at)
    agent = x.agents[number]
    sight = look(at, agent, ts)
    average(agent, 0.5 * (sight.bid + sight.ask), activity_at(at, ts))
    if agent.count > 0:
        return
    signal = direction * (agent.fast - agent.slow)
    if signal > agent.threshold and agent.position < agent.limit:
        take(at, number, BID, sight, lots(x, agent), np.int64(1), ts)
    elif signal < -agent.threshold and agent.position > -agent.limit:
        take(at, number, ASK, sight, lots(x, agent), np.int64(1), ts)
    elif signal * agent.position < 0:
        side = ASK if agent.position > 0 else BID
        take(at, number, side, sight, min(abs(agent.position), lots(x, agent)), np.int64(0), ts)


@kernel
def revalue(market, now):
    """Move the fundamental value on: a random walk whose volatility wanders, with rare jumps."""
    passed = now - market.valued
    if passed <= 0.0:
        return
    market.valued = now
    keep = math.exp(-passed / market.calm_span)
    market.calm = market.calm * keep + market.calm_size * math.sqrt(1.0 - keep * keep) * normal(market)
    step = market.volatility * math.exp(market.calm) * math.sqrt(passed) * normal(market)
    if uniform(market) < market.jump_rate * passed:
        step += market.jump_size * normal(market)
    market.value = max(market.value + step, 1.0)


@kernel(rare=True)
def decide_informed(at, number, ts):
    """Buy below the value, sell above it, as long as that pays; in pieces."""
    x = unpack_world(at)
    agent, market = x.agents[number], x.markets[x.agents[number].market]
    revalue(market, activity_at(at, ts))
    sight = look(at, agent, ts)
    if agent.count > 0:
        return
    gain = market.value - sight.ask if market.value > sight.ask else sight.bid - market.value
    if gain < agent.threshold:
        return
    side = BID if market.value > sight.ask else ASK
    if (agent.position if side == BID else -agent.position) >= agent.limit:
        return
    # The more there is to gain, the less it matters to be seen: all that stands at the best price, and behind it.
    size = market_size(x, agent, side, sight)
    resting = sight.ask_size if side == BID else sight.bid_size
    if gain > agent.threshold + 1.0:
        size = max(size, np.int64(resting * min(0.3 * (gain - agent.threshold), 1.0)))
    take(at, number, side, sight, size, min(np.int64(gain - agent.threshold), np.int64(3)), ts)
