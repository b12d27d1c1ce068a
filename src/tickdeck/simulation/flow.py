"""Seeded zero-intelligence order flow as a stream of event chunks."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import EVENT, Records, UsageError, price
from tickdeck.core.decimals import Amount
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.simulation.instruments import simulated_instruments
from tickdeck.simulation.session import session
from tickdeck.simulation.tables import (
    INTRADAY_BINS,
    alias_table,
    distance_quantiles,
    intraday_gaps,
    size_quantiles,
    starting_ticks,
)
from tickdeck.tape.reader import CHUNK, ReadReport

CLOCK = np.dtype(
    [
        ("random", "<u8"),  # state of the generator
        ("now", "<i8"),  # ns since the epoch
        ("received", "<i8"),
        ("delta", "<i8"),
        ("bin", "<i8"),  # part of the day
        ("bin_end", "<i8"),
        ("bin_ns", "<i8"),
        ("sequence", "<u8"),
        ("next_id", "<u8"),
        ("opening", "<i8"),  # instrument whose opening book is being written
        ("remaining", "<i8"),  # records of the session still to come
        ("tick_size", "<i8"),  # units of 1e-9
        ("publisher_id", "<i8"),
    ]
)
BOOK = np.dtype(
    [
        ("instrument_id", "<i8"),
        ("first_order", "<i8"),
        ("first_level", "<i8"),
        ("live", "<i8"),
        ("bids", "<i8"),
        ("asks", "<i8"),
        ("best_bid", "<i8"),  # ticks
        ("best_ask", "<i8"),
        ("low", "<i8"),  # lowest tick of the window
        ("wanted_low", "<i8"),
        ("aggressor", "<i8"),  # side of the last trade
    ]
)
QUEUE = np.dtype([("head", "<i4"), ("tail", "<i4")])
RESTING = np.dtype(
    [
        ("order_id", "<u8"),
        ("tick", "<i8"),
        ("size", "<i8"),
        ("prev", "<i4"),
        ("next", "<i4"),
        ("position", "<i4"),
        ("side", "<i4"),
    ]
)

WEIGHTS = (0.42, 0.04, 0.36, 0.17)
"""Rates of add, trade, cancel and modify when a book has its usual number of orders."""
RECORDS_PER_ACTION = 1.2
"""Measured with the weights above; sets the length of the session."""

SESSION_HOURS = 6.5


class OrderFlow:
    """Order flow without an exchange or participants: iterate for chunks of ``EVENT``, opening books first.

    Every iteration gives the same events.

    Arrivals fall off with the distance from the opposite best price as a power law and every live order is as likely to be
    cancelled as any other (Cont, Stoikov and Talreja 2010); market orders walk the book in price-time order; the price moves
    only because of this flow. The order of instruments by activity follows a power law.

    :class:`tickdeck.simulation.MarketSimulation` has participants, an exchange and auctions. This has none of these and no clusters of
    activity or volatility, but an exact number of events, several times as fast, with as many live orders as asked for: input for tests
    and measurements of books.

    Parameters
    ----------
    events : int
        Records after the opening books.
    seed : int
        The same seed gives the same bits.
    instruments : int
        How many; symbols SIM0001, ..., ids 1, ....
    live_orders : int
        Usual number of live orders over all instruments together; at least 20 each.
    tick_size : str, Decimal or int
    start_price : str, Decimal or int
        Of the first instrument; the others start between a quarter and four times of it.
    date : str or date
        Trading day: 09:30 to about 16:00 in New York, busier at both ends.
    activity_skew : float
        An instrument's activity is its rank to the power of minus this; 0: all alike.
    chunk : int
        Most events in a chunk; does not change the events.

    Attributes
    ----------
    instruments : dict of int to Instrument

    Raises
    ------
    UsageError
        A value out of range.

    Examples
    --------
    >>> flow = OrderFlow(events=10_000, seed=7)
    >>> sum(len(chunk) for chunk in flow)
    12001
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
    ) -> None:
        live_orders = 2_000 * instruments if live_orders is None else live_orders
        self._check(events, instruments, live_orders, activity_skew, chunk)
        self.events = events
        self.seed = seed
        self.chunk = chunk
        self.target = live_orders // instruments
        self.path = f"simulation with seed {seed}"
        self.report = ReadReport()
        self.position = 0
        self.tick_size = price(tick_size)
        if self.tick_size <= 0:
            raise UsageError(f"tick_size must be above 0, not {tick_size}")
        self._start_tick = price(start_price) // self.tick_size
        if not 4 <= self._start_tick < 2**40:
            raise UsageError(f"start_price {start_price} must be at least 4 ticks of {tick_size} and below 2^40 of them")
        day = session(date, SESSION_HOURS, auctions=False)
        self._open, self._close = day.open, day.close
        self._skew = activity_skew
        self.instruments = simulated_instruments(instruments, self.tick_size)

    @staticmethod
    def _check(events: int, instruments: int, live_orders: int, activity_skew: float, chunk: int) -> None:
        if events < 0:
            raise UsageError(f"events must be 0 or more, not {events}")
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

    @property
    def total(self) -> int:
        """Records of a whole iteration: opening books and session."""
        return self.events + len(self.instruments) * (self.target + 1)

    def __repr__(self) -> str:
        return f"<OrderFlow seed {self.seed}: {len(self.instruments)} instruments, {self.total:,} events>"

    def __iter__(self) -> Iterator[Records]:
        from tickdeck.simulation.kernels.flow import open_books, run_flow

        clock = self._new_clock()
        books, width, capacity = self._new_books()
        levels = np.full(len(books) * width, -1, np.int32).repeat(2).view(QUEUE)
        orders = np.zeros(len(books) * capacity, RESTING)
        live = np.arange(len(books) * capacity, dtype=np.int32)
        distances, sizes = distance_quantiles(width // 4), size_quantiles()
        gaps = intraday_gaps(self._close - self._open, max(self.events, 1) / RECORDS_PER_ACTION)
        accept, other = alias_table(np.arange(1, len(books) + 1, dtype=np.float64) ** -self._skew)
        state = (clock, books, levels, orders, live, distances, sizes)
        weights = np.array(WEIGHTS)
        self.position = 0

        def fill(kernel: Any, *rest: Any) -> Iterator[Records]:
            while True:
                chunk = np.zeros(self.chunk, EVENT)
                count = kernel(chunk, *state, *rest)
                if count == 0:
                    return
                self.position += count
                yield chunk[:count]

        yield from fill(open_books, width, self.target)
        yield from fill(run_flow, gaps, accept, other, weights, width, self.target, capacity)

    def _new_clock(self) -> NDArray[np.void]:
        clock = np.zeros(1, CLOCK)
        clock["random"] = self.seed % 2**64
        clock["now"] = clock["received"] = self._open
        clock["bin_ns"] = (self._close - self._open) // INTRADAY_BINS
        clock["bin_end"] = self._open + clock["bin_ns"]
        clock["next_id"] = 1_000_000
        clock["remaining"] = self.events
        clock["tick_size"] = self.tick_size
        clock["publisher_id"] = PUBLISHERS["SIMULATION"]
        return clock

    def _new_books(self) -> tuple[NDArray[np.void], int, int]:
        """Books without orders, the width of their windows in ticks, and the orders each has room for."""
        count = len(self.instruments)
        width = 4 * 2 ** int(np.clip(np.log2(self.target / 8), 5, 10))
        capacity = 2 * self.target + 64
        if count * capacity >= 2**31 or count * width >= 2**31:
            raise UsageError("too many instruments and live orders together; use fewer of either")
        books = np.zeros(count, BOOK)
        books["instrument_id"] = np.arange(1, count + 1)
        books["first_order"] = np.arange(count) * capacity
        books["first_level"] = np.arange(count) * width
        middle = starting_ticks(self._start_tick, count)
        books["best_bid"], books["best_ask"] = middle, middle + 1
        books["low"] = books["wanted_low"] = np.maximum(middle - width // 2, 1)
        books["aggressor"] = ord("B")
        return books, width, capacity


def order_flow(**parameters: Any) -> OrderFlow:
    """A seeded order flow; the parameters are those of :class:`OrderFlow`."""
    return OrderFlow(**parameters)
