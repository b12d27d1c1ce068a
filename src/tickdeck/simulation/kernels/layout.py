"""Memory of a simulated market.

::

    world     clock, counters, addresses
    periods   parts of the day: when, and how much of the day's activity falls into them
    agents    one a participant and instrument: behaviour, view of the market, position
    markets   one an instrument: best prices at the exchange, fundamental value
    past      per market a ring of best prices with their times, in which delayed participants look
    own       per agent a stretch of slots for its orders
    live      a permutation of each agent's slots: the first ``agent.count`` are in use
    reports   per agent a ring of executions on their way to it
    memory    per agent EXCITATIONS numbers of a self-exciting flow
    networks  latency of each kind of connection
    flights   commands on their way to the exchange
    agenda    heap of what happens next, by time

Two clocks: ns, and *activity*, in which agents live. The day is 1 of activity long and its busy hours take more of it, so that
everybody is busier then. A client order id is ``slot + (use of the slot << 32)``.
"""

from collections import namedtuple

import numpy as np

from tickdeck.core.intrinsics import views
from tickdeck.core.records import COMMAND

WORLD = np.dtype(
    [
        ("random", "<u8"),
        ("now", "<i8"),
        ("period", "<i8"),
        ("pace", "<f8"),  # activity runs this much faster, to reach the wanted number of events
        ("wanted", "<i8"),  # events of the session
        ("made", "<i8"),
        ("base", "<i8"),  # events before the session
        ("paced", "<f8"),  # activity so far, each part times its pace
        ("open", "<i8"),  # ns
        ("close", "<i8"),
        ("seed_step", "<f8"),  # mean ns between opening orders of a market
        ("seed_noise", "<i8"),  # ticks around the reference
        ("agenda_count", "<i8"),
        ("agenda_order", "<i8"),
        ("free_flight", "<i8"),  # head of a list through `client_order_id`
        ("flights_at", "<u8"),
        ("pending", "<i8"),  # flight that the exchange had no room for
        ("sent", "<i8"),
        ("lost", "<i8"),
        ("overtaken", "<i8"),
        ("skipped", "<i8"),  # decisions without a free slot or flight
        ("rejected", "<i8"),
        ("past_size", "<i8"),
        ("reports_size", "<i8"),
    ],
    align=True,
)

PERIOD = np.dtype(
    [("start", "<i8"), ("end", "<i8"), ("activity", "<f8"), ("activity_end", "<f8"), ("phase", "<i8")],
    align=True,
)

AGENT = np.dtype(
    [
        ("random", "<u8"),
        ("behaviour", "<i4"),
        ("participant", "<u4"),
        ("market", "<i4"),
        ("network", "<i4"),
        ("activity", "<f8"),  # of its next decision
        ("rate", "<f8"),  # decisions in a day
        ("period", "<i4"),
        ("reacts", "<i4"),  # also decides when the best prices change
        ("reaction", "<i8"),  # when it will, ns; 0: not
        ("rested", "<i8"),  # not before this
        ("first", "<i8"),  # of its slots
        ("capacity", "<i8"),
        ("count", "<i8"),
        ("wanted", "<i8"),  # usual number of live orders
        ("arrived", "<i8"),  # when its last command arrives
        ("reported", "<i8"),  # when its last report arrives
        ("reports_head", "<i8"),
        ("reports_tail", "<i8"),
        ("position", "<i8"),
        ("limit", "<i8"),  # of the position
        ("size", "<i8"),  # of an order, in round lots
        ("levels", "<i8"),
        ("seen", "<f8"),  # activity when it last looked
        ("fast", "<f8"),  # averages of the mid, in ticks
        ("slow", "<f8"),
        ("move", "<f8"),  # average size of the mid's moves
        ("fast_span", "<f8"),  # of activity
        ("slow_span", "<f8"),
        ("threshold", "<f8"),  # ticks
        ("spread", "<f8"),  # ticks
        ("skew", "<f8"),  # ticks at the limit of the position
        ("aggression", "<f8"),  # share of marketable orders
        ("fleeting", "<f8"),  # share of orders that are soon cancelled
    ],
    align=True,
)

SPANS = 3
"""Time scales of a self-exciting flow."""
JUMPS, DECAYS, ACROSS, EXCITATIONS = 2 * SPANS, 3 * SPANS, 4 * SPANS, 5 * SPANS
"""In an agent's stretch of `memory`: rates of buying by time scale, then of selling (decisions a day); from JUMPS on what a decision
adds to each scale; from DECAYS on the activity over which each decays; from ACROSS on the share that falls on the other side."""

BACKGROUND, HAWKES, MAKER, MOMENTUM, REVERSION, INFORMED = range(6)
"""Behaviours."""

MARKET = np.dtype(
    [
        ("random", "<u8"),
        ("instrument_id", "<u4"),
        ("agents", "<u4"),
        ("first_agent", "<i8"),
        ("seeded", "<i8"),  # opening orders sent
        ("seeds", "<i8"),  # and to be sent
        ("side_bid", "<u8"),  # of its book, as ``queries.best`` takes it
        ("tick_size", "<i8"),
        ("reference", "<i8"),  # ticks
        ("past_head", "<i8"),
        ("bid", "<i8"),  # ticks; 0: none
        ("ask", "<i8"),
        ("bid_size", "<i8"),
        ("ask_size", "<i8"),
        ("last", "<i8"),
        ("value", "<f8"),  # fundamental, ticks
        ("valued", "<f8"),  # activity when it held
        ("calm", "<f8"),  # log of the volatility's departure from its usual level
        ("volatility", "<f8"),  # ticks over a day's activity
        ("calm_span", "<f8"),
        ("calm_size", "<f8"),
        ("jump_rate", "<f8"),  # in a day
        ("jump_size", "<f8"),  # ticks
    ],
    align=True,
)

SEEN = np.dtype([("ts", "<i8"), ("bid", "<i8"), ("ask", "<i8"), ("bid_size", "<i8"), ("ask_size", "<i8")], align=True)
OWN = np.dtype(
    [
        ("client_order_id", "<u8"),
        ("order_id", "<u8"),
        ("tick", "<i8"),
        ("size", "<i8"),  # open
        ("agent", "<i4"),
        ("place", "<i4"),  # in `live`
        ("side", "u1"),
        ("state", "u1"),
        ("tag", "<i2"),  # what the agent uses it for
        ("uses", "<u4"),
    ],
    align=True,
)
FREE, SENT, LIVE, CANCELLING, REPLACING = range(5)
"""States of an own order, as its owner knows it."""

REPORT = np.dtype(
    [
        ("ts", "<i8"),
        ("client_order_id", "<u8"),
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("size", "<i8"),
        ("remaining", "<i8"),
        ("kind", "u1"),
        ("side", "u1"),
        ("reason", "<u2"),
        ("reserved", "<u4"),
    ],
    align=True,
)
NETWORK = np.dtype(
    [
        ("order_base", "<f8"),  # ns
        ("order_jitter", "<f8"),
        ("feed_base", "<f8"),
        ("feed_jitter", "<f8"),
        ("loss", "<f8"),
        ("retransmit", "<f8"),
        ("reorder", "<f8"),
    ],
    align=True,
)
AGENDUM = np.dtype([("ts", "<i8"), ("order", "<i8"), ("what", "<i8")], align=True)
"""`what`, its lower 32 bits: a decision of agent k: k; its reaction: agents + k; arrival of flight k: 2 agents + k; planned cancel of slot
k: 2 agents + flights + k, with the use of the slot in the upper bits; opening order of market k: 2 agents + flights + slots + k."""

DONE, CHUNK_FULL, NEEDS_ROOM = range(3)
"""Why the loop returned."""

World = namedtuple(
    "SimulatedWorld",
    "at world periods agents markets past own live reports memory networks flights agenda distances sizes",
)
WORLD_DTYPES = (
    WORLD,
    PERIOD,
    AGENT,
    MARKET,
    SEEN,
    OWN,
    np.dtype("<i4"),
    REPORT,
    np.dtype("<f8"),
    NETWORK,
    COMMAND,
    AGENDUM,
    np.dtype("<i4"),
    np.dtype("<i4"),
)
unpack_world = views(World, WORLD_DTYPES)
"""From the address of a handle to the arrays."""
