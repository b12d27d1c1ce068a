"""A simulated market: participants that trade on an exchange, as a stream of event chunks."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import EVENT, UNDEF_PRICE, Action, Flag, Phase, Records, Side, UsageError, price
from tickdeck.core.decimals import Amount
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.simulation.instruments import simulated_instruments
from tickdeck.simulation.participants import Participant, check, names, participants
from tickdeck.simulation.session import session
from tickdeck.simulation.tables import starting_ticks
from tickdeck.tape.reader import CHUNK, ReadReport

if TYPE_CHECKING:
    from tickdeck.exchange import Exchange, Feed
    from tickdeck.simulation.world import World

EVENTS_A_DECISION = 1.0
"""Measured with the default mix; where it is off, the pace of the day makes up for it."""
SHORTEST_HOURS, LONGEST_HOURS = 0.01, 24.0
RECEIVER = np.dtype([("random", "<u8"), ("sequence", "<u8"), ("received", "<i8"), ("delta", "<i4")], align=True)


class MarketSimulation:
    """A simulated market: iterate for chunks of ``EVENT``; every iteration gives the same events.

    Participants decide on the market as their market data shows it, and their orders reach the exchange after their latency. The
    exchange is ``td.Exchange``, so the events obey every rule of ``docs/concepts/matching.md``.

    Parameters
    ----------
    events : int
        About how many, after the opening books; the pace of the day is set to reach it.
    seed : int
        The same seed gives the same bits.
    instruments : int
        How many; symbols SIM0001, ..., ids 1, ....
    live_orders : int
        Usual number of live orders over all instruments together; at least 20 each, never more than twice as many and those of makers.
    tick_size : str, Decimal or int
    start_price : str, Decimal or int
        Of the first instrument; the others start between a quarter and four times of it.
    date : str or date
        Trading day: from 09:30 in New York, busier at both ends.
    activity_skew : float
        An instrument's activity is its rank to the power of minus this; 0: all alike.
    chunk : int
        About how many events make a chunk; does not change the events.
    participants : sequence of Participant, optional
        Of ``tickdeck.simulation``; by default ``participants("default")``.
    hours : float
        Length of continuous trading.
    auctions : bool
        Whether orders collect before the open and after the close and are matched in auctions. Without, the first records are the opening
        books, flagged ``SNAPSHOT``, and nothing closes the market.

    Attributes
    ----------
    instruments : dict of int to Instrument
    counts : dict of str to int
        Of the last iteration: commands sent, lost and sent again, overtaken, rejected, decisions skipped for want of room.

    Raises
    ------
    UsageError
        A value out of range.

    Examples
    --------
    >>> simulation = MarketSimulation(events=10_000, seed=7, live_orders=500)
    >>> 9_000 < sum(len(chunk) for chunk in simulation) < 12_000
    True
    """

    format = "simulation"
    schema = "mbo"

    def __init__(
        self,
        events: int = 2_000_000,
        seed: int = 1,
        instruments: int = 1,
        live_orders: int | None = None,
        tick_size: Amount = "0.01",
        start_price: Amount = "100",
        date: str | datetime.date = "2024-03-05",
        activity_skew: float = 0.7,
        chunk: int = CHUNK,
        *,
        participants: Sequence[Participant] | None = None,
        hours: float = 6.5,
        auctions: bool = False,
    ) -> None:
        live_orders = 2_000 * instruments if live_orders is None else live_orders
        _check(events, instruments, live_orders, activity_skew, chunk, hours)
        self.events = events
        self.seed = seed
        self.chunk = chunk
        self.auctions = auctions
        self.participants = check(_default() if participants is None else participants)
        self.live_orders = live_orders // instruments
        self.path = f"simulation with seed {seed}"
        self.report = ReadReport()
        self.position = 0
        self.counts: dict[str, int] = {}
        self.tick_size = price(tick_size)
        if self.tick_size <= 0:
            raise UsageError(f"tick_size must be above 0, not {tick_size}")
        start = price(start_price) // self.tick_size
        if not 4 <= start < 2**40:
            raise UsageError(f"start_price {start_price} must be at least 4 ticks of {tick_size} and below 2^40 of them")
        if instruments * len(self.participants) > 1_000_000:
            raise UsageError(f"{instruments:,} instruments with {len(self.participants):,} participants each are too many")
        self._references = starting_ticks(start, instruments)
        self._session = session(date, hours, auctions=auctions)
        activity = np.arange(1, instruments + 1, dtype=np.float64) ** -activity_skew
        self._decisions = max(events, 1) / EVENTS_A_DECISION * activity / activity.sum()
        self.instruments = simulated_instruments(instruments, self.tick_size)

    @property
    def total(self) -> int:
        """About how many records an iteration has: opening books and session."""
        from tickdeck.simulation.world import opening_orders

        return self.events + len(self.instruments) * (opening_orders(self.participants, self.live_orders) + (not self.auctions))

    def __repr__(self) -> str:
        people = len(self.participants)
        return f"<MarketSimulation seed {self.seed}: {len(self.instruments)} instruments, {people} participants, {self.events:,} events>"

    def __iter__(self) -> Iterator[Records]:
        from tickdeck.core.calls import entry_address
        from tickdeck.exchange.kernels import engine
        from tickdeck.simulation.kernels import layout, loop

        exchange, world = self._open()
        feed = exchange.feed()
        run = entry_address(engine.run, 0, 0, 0, 0, False)
        receiver = np.zeros(1, RECEIVER)
        receiver["random"] = world.header["random"]
        self.position = 0
        if not self.auctions:
            yield self._clears()
        else:
            exchange.set_phase(Phase.PRE_OPEN, ts=self._session.start)
        loop.open_market(world.handle)
        stop = layout.NEEDS_ROOM
        while stop != layout.DONE:
            stop = loop.run_market(world.handle, exchange.handle, run, self.chunk)
            yield from self._received(feed, world, receiver)
            if stop == layout.NEEDS_ROOM:
                exchange.make_room()
        exchange.advance(self._session.close)
        yield from self._received(feed, world, receiver)
        self.counts = {name: int(world.header[name]) for name in ("sent", "lost", "overtaken", "rejected", "skipped")}

    def _open(self) -> tuple[Exchange, World]:
        """A new exchange with everybody connected, and the world at the beginning of its day."""
        from tickdeck.exchange import Exchange, Listing
        from tickdeck.simulation.world import World

        day = self._session
        first = Phase.CLOSED if self.auctions else Phase.CONTINUOUS
        exchange = Exchange(
            [Listing(item, phase=first) for item in self.instruments.values()], publisher_id=PUBLISHERS["SIMULATION"]
        )
        ids = [exchange.participant(name).id for name in names(self.participants)]
        for item, ticks in zip(self.instruments.values(), self._references.tolist()):
            exchange.set_reference(item, ticks * self.tick_size, ts=day.start)
        if self.auctions:
            exchange.schedule([(day.open, Phase.CONTINUOUS), (day.pre_close, Phase.PRE_CLOSE), (day.close, Phase.CLOSED)])
        world = World(
            self.participants,
            ids,
            self._decisions,
            self._references,
            self.tick_size,
            self.live_orders,
            day,
            self.events,
            self.seed,
        )
        for number, item in enumerate(self.instruments.values()):
            world.arrays["markets"][number]["side_bid"] = 2 * exchange.book(item).handle[1]
        return exchange, world

    def _clears(self) -> Records:
        """Where each opening book begins."""
        events = np.zeros(len(self.instruments), EVENT)
        events["ts_event"] = events["ts_recv"] = self._session.start
        events["instrument_id"] = np.arange(1, len(events) + 1)
        events["publisher_id"] = PUBLISHERS["SIMULATION"]
        events["action"], events["side"] = Action.CLEAR, Side.NONE
        events["price"], events["flags"], events["rtype"] = UNDEF_PRICE, Flag.SNAPSHOT, 0xA0
        return events

    def _received(self, feed: Feed, world: World, receiver: NDArray[Any]) -> Iterator[Records]:
        """What was published since the last time, as a receiver gets it."""
        from tickdeck.simulation.kernels import loop

        events = feed.take()
        if len(events):
            world.header["made"] += len(events)
            loop.receive(receiver, events, len(events))
            if not self.auctions:
                early = events["ts_event"] < self._session.open
                events["flags"][early] |= np.uint8(Flag.SNAPSHOT)
            self.position += len(events)
            yield events


def _check(events: int, instruments: int, live_orders: int, activity_skew: float, chunk: int, hours: float) -> None:
    if not 0 <= events <= 10**12:
        raise UsageError(f"events must be between 0 and 10^12, not {events}")
    if not 1 <= instruments <= 100_000:
        raise UsageError(f"instruments must be between 1 and 100,000, not {instruments}")
    if not 20 * instruments <= live_orders <= 50_000_000:
        raise UsageError(
            f"live_orders must be between 20 for each instrument ({20 * instruments:,}) and 50,000,000, not {live_orders:,}"
        )
    if not 0 <= activity_skew <= 3:
        raise UsageError(f"activity_skew must be between 0 and 3, not {activity_skew}")
    if chunk < 1_024:
        raise UsageError(f"chunk must be at least 1,024, not {chunk}")
    if not SHORTEST_HOURS <= hours <= LONGEST_HOURS:
        raise UsageError(f"hours must be between {SHORTEST_HOURS} and {LONGEST_HOURS:g}, not {hours}")


_default = participants


def simulate(**parameters: Any) -> MarketSimulation:
    """A seeded simulated market; the parameters are those of :class:`MarketSimulation`."""
    return MarketSimulation(**parameters)
