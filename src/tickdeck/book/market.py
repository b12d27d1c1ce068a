"""All books of a market over one order pool and one id index."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.book.kernels import layout, replay
from tickdeck.book.order_book import OrderBook
from tickdeck.book.pools import PoolMemory
from tickdeck.core import (
    BBO,
    DBN_MBO,
    EVENT,
    Instrument,
    Records,
    TickdeckError,
    UnknownInstrumentError,
    UsageError,
)
from tickdeck.core.intrinsics import record_address

_ONLY = 1
"""Index of the book in a market of one; 0 is the sink of other instruments."""
_LOOPS = {EVENT: replay.replay_events, DBN_MBO: replay.replay_dbn}


def _hint(events: Records, start: int, key: int, tick: int) -> int:
    """A divisor of the coming book prices of an instrument, so that an inferred tick is refined once rather than often."""
    ahead = events[start : start + 8192]
    mine = (ahead["instrument_id"] == key & 0xFFFFFFFF) & (ahead["publisher_id"] == key >> 32)
    mine &= np.isin(ahead["action"], (ord("A"), ord("M")))
    prices = ahead["price"][mine]
    prices = prices[prices != 2**63 - 1]
    return int(np.gcd.reduce(prices, initial=tick)) if len(prices) else 0


class Market:
    """The books of all instruments of an event stream, keyed by (publisher, instrument).

    A book appears with the first event of its instrument.

    Parameters
    ----------
    instruments : iterable of Instrument
        What is known; matched by ``instrument_id`` (and ``publisher_id`` where given). The others' ticks are inferred. Of a
        collection that grows, such as ``reader.instruments.values()``, what is new is seen too.
    orders : int
        Resting orders to make room for at first; memory grows by itself.
    prefault : bool
        Touch that memory now, so that no event waits for the system to provide it.

    Examples
    --------
    >>> import numpy as np, tickdeck as td
    >>> event = np.zeros(1, td.EVENT)
    >>> event["action"], event["side"], event["price"], event["size"], event["order_id"] = 65, 66, td.price("10.01"), 5, 1
    >>> market = td.Market()
    >>> market.apply(event)
    1
    >>> market.book(0).best_bid.size
    5
    """

    __slots__ = ("_books", "_by_id", "_declared", "_indexed", "_memory", "_single")

    def __init__(self, instruments: Iterable[Instrument] = (), *, orders: int = 1024, prefault: bool = False) -> None:
        self._memory = PoolMemory(orders, prefault=prefault)
        self._declared = instruments if isinstance(instruments, Collection) else list(instruments)
        self._books: dict[int, OrderBook] = {}
        self._by_id: dict[int | None, list[Instrument]] = {}
        self._indexed = 0
        self._single: Instrument | None = None

    @classmethod
    def _of_one(cls, instrument: Instrument, orders: int, prefault: bool) -> Market:
        """A market that keeps one instrument: the first that it meets, unless the instrument has ids."""
        made = cls(orders=orders, prefault=prefault)
        made._single = instrument
        made._memory.add_book(None, instrument.tick_size)
        return made

    def apply(self, events: NDArray[Any], bbo: Records | None = None) -> int:
        """Apply events to their books, in place.

        Parameters
        ----------
        events : (n,) array of EVENT or DBN_MBO
        bbo : (n,) array of BBO, optional
            Receives best bid and ask of the event's book after every event.

        Returns
        -------
        int
            n.

        Raises
        ------
        UsageError
            Another dtype, or `bbo` of another length.
        """
        dtype = getattr(events, "dtype", None)
        # Looking a structured dtype up in a table costs microseconds, its identity nothing.
        loop = replay.replay_events if dtype is EVENT else None if dtype is None else _LOOPS.get(dtype)
        if loop is None:
            raise UsageError(
                f"apply takes an array of EVENT or DBN_MBO records, not {getattr(events, 'dtype', type(events).__name__)}; see td.read"
            )
        if events.ndim != 1 or not events.flags.c_contiguous:
            events = np.ascontiguousarray(events).reshape(-1)
        total = len(events)
        out_address = out_length = 0
        if bbo is not None:
            if (
                (bbo.dtype is not BBO and bbo.dtype != BBO)
                or bbo.shape != (total,)
                or not bbo.flags.c_contiguous
                or not bbo.flags.writeable
            ):
                raise UsageError(f"bbo must be a writeable contiguous array of {total} BBO records")
            out_address, out_length = record_address(bbo), total
        memory = self._memory
        address = record_address(events)
        done = 0
        while (done := loop(memory.handle, address, total, out_address, out_length, done)) < total:
            self._mend(events, int(done))
        return total

    def _mend(self, events: Records, at: int) -> None:
        """Remove the cause for which the event loop stopped before event `at`."""
        memory = self._memory
        header = memory.header[0]
        reason = int(header["stop"])
        if reason == layout.FULL:
            memory.grow()
        elif reason == layout.NEW_BOOK:
            self._admit(int(header["stop_key"]))
        elif reason == layout.OFF_GRID:
            book = int(header["stop_book"])
            row = memory.arrays["books"][book]
            memory.refine(book, int(header["stop_price"]), _hint(events, at, int(row["key"]), int(row["tick_size"])))
        elif reason == layout.LONG_PROBE:
            memory.rehash()
        else:
            raise TickdeckError(f"the event loop stopped at event {at} for reason {reason}; this is a bug")

    def _admit(self, key: int) -> None:
        """A book for a (publisher, instrument) that was not seen before."""
        publisher, number = key >> 32, key & 0xFFFFFFFF
        if self._single is not None:
            wanted = self._single
            taken = bool(self._memory.arrays["books"][_ONLY]["bound"])
            mine = wanted.instrument_id in (None, number) and wanted.publisher_id in (None, publisher)
            self._memory.bind(key, _ONLY if mine and not taken else 0)
            return
        found = self._known(number, publisher) or Instrument(f"#{number}", instrument_id=number, publisher_id=publisher)
        self._books[key] = OrderBook._within(self, found, self._memory.add_book(key, found.tick_size))

    def _known(self, number: int, publisher: int) -> Instrument | None:
        """What was declared about an instrument; a reader's instruments grow while it reads."""
        if self._indexed != len(self._declared):
            self._indexed = len(self._declared)
            self._by_id = {}
            for item in self._declared:
                self._by_id.setdefault(item.instrument_id, []).append(item)
        return next((item for item in self._by_id.get(number, ()) if item.publisher_id in (None, publisher)), None)

    def book(self, instrument: int | str | Instrument, publisher_id: int | None = None) -> OrderBook:
        """The book of an instrument, by id, symbol or Instrument.

        Raises
        ------
        UnknownInstrumentError
            No event named it yet, or several publishers have it and none was chosen.
        """
        if isinstance(instrument, Instrument):
            if publisher_id is None:
                publisher_id = instrument.publisher_id
            instrument = instrument.symbol if instrument.instrument_id is None else instrument.instrument_id
        found = [
            book
            for key, book in self._books.items()
            if (book.instrument.symbol == instrument if isinstance(instrument, str) else key & 0xFFFFFFFF == instrument)
            and publisher_id in (None, key >> 32)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            publishers = ", ".join(str(key >> 32) for key, book in self._books.items() if book in found)
            raise UnknownInstrumentError(
                f"instrument {instrument} has books of publishers {publishers}; name one with publisher_id"
            )
        known = ", ".join(book.instrument.symbol for book in list(self._books.values())[:8]) or "none"
        raise UnknownInstrumentError(f"no book of instrument {instrument}; the market has {known}")

    @property
    def books(self) -> list[OrderBook]:
        """All books, in order of appearance."""
        return list(self._books.values())

    @property
    def stats(self) -> dict[str, int]:
        """Counts of anomalies by kind over all books."""
        counts = self._memory.arrays["stats"].reshape(-1, len(layout.STATS)).sum(axis=0)
        return dict(zip(layout.STATS, map(int, counts)))

    @property
    def order_count(self) -> int:
        """Resting orders in all books."""
        return int(self._memory.header[0]["live"])

    @property
    def most_orders(self) -> int:
        """Most orders that rested in all books at one time."""
        return int(self._memory.header[0]["order_top"]) - 1

    @property
    def nbytes(self) -> int:
        """Bytes reserved for all books; the system backs only what was touched."""
        return self._memory.nbytes

    def __len__(self) -> int:
        return len(self._books)

    def __repr__(self) -> str:
        return f"<Market of {len(self)} books, {self.order_count:,} orders>"
