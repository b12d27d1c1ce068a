"""One instrument's order book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tickdeck.book.kernels import layout, queries, replay
from tickdeck.book.snapshot import BookSnapshot, as_snapshot_events
from tickdeck.core import (
    LEVEL,
    ORDER,
    Action,
    Flag,
    Instrument,
    Records,
    Side,
    TickdeckError,
    UnknownInstrumentError,
    UsageError,
    fixed,
    price_text,
)
from tickdeck.core.decimals import Amount
from tickdeck.core.intrinsics import address_of

if TYPE_CHECKING:
    from tickdeck.book.market import Market

SideLike = Side | str | int
_SIDES = {"B": 0, "A": 1, "bid": 0, "ask": 1, "buy": 0, "sell": 1, Side.BID: 0, Side.ASK: 1}
_CODES = (int(Side.BID), int(Side.ASK))
_ADD, _CANCEL, _MODIFY, _CLEAR = (int(action) for action in (Action.ADD, Action.CANCEL, Action.MODIFY, Action.CLEAR))
_NO_SIDE = int(Side.NONE)
_LAST = int(Flag.LAST)
_SIDE_CODES = {side: _CODES[number] for side, number in _SIDES.items()}
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_KINDS = (None, None, "L2", "L3")
"""What a book holds, by the number in its record."""


class Best(NamedTuple):
    """A best level."""

    price: int
    """Units of 1e-9."""
    size: int
    """Total size, in units of 10^-size_decimals."""
    count: int  # type: ignore[assignment]
    """Number of orders; 0 unknown (L2)."""


class QueuePosition(NamedTuple):
    """An order's place in its level's queue."""

    orders: int
    """Orders ahead."""
    size: int
    """Size ahead."""


def _side(side: SideLike) -> int:
    try:
        return _SIDES[side]
    except KeyError:
        raise UsageError(f"side must be td.Side.BID or td.Side.ASK (or 'bid', 'ask', 'B', 'A'), not {side!r}") from None


def _code(side: SideLike) -> int:
    code = _SIDE_CODES.get(side)
    return _CODES[_side(side)] if code is None else code


def _word(order_id: int) -> int | np.int64:
    """An order id as the signed word that kernels take: they are compiled for it alone, and see its 64 bits as unsigned."""
    if not 0 <= order_id < 2**64:
        raise UsageError(f"order id {order_id} does not fit in 64 bits")
    return int(order_id) if order_id < 2**63 else np.int64(int(order_id) - 2**64)


def _in_range(units: int, what: str) -> int:
    """`units`, which must fit in a signed word."""
    if not -(2**63) <= units < 2**63:
        raise UsageError(f"{what} {units} does not fit in 63 bits")
    return units


class OrderBook:
    """An exact order book, rebuilt from order-level (L3) or level (L2) events.

    Prices are integers in units of 1e-9 (``td.price("10.01")`` makes one), sizes integers in units of 10^-size_decimals. Where a
    price or size is taken, a decimal string or Decimal is accepted too.

    Parameters
    ----------
    instrument : Instrument or str
        Without a tick size the tick is inferred. Without ids the book takes the first instrument it meets; the events of others are
        counted and skipped.
    orders : int
        Resting orders to make room for at first; memory grows by itself.
    prefault : bool
        Touch that memory now, so that no event waits for the system to provide it.

    Examples
    --------
    >>> import tickdeck as td
    >>> book = td.OrderBook(td.Instrument("ACME", tick_size="0.01"))
    >>> book.add(1, "bid", "10.01", 300)
    >>> book.best_bid
    Best(price=10010000000, size=300, count=1)
    """

    __slots__ = ("_index", "_market", "_memory", "_row", "instrument")

    instrument: Instrument

    def __init__(self, instrument: Instrument | str, *, orders: int = 1024, prefault: bool = False) -> None:
        from tickdeck.book.market import Market

        self.instrument = Instrument(instrument) if isinstance(instrument, str) else instrument
        self._bind(Market._of_one(self.instrument, orders, prefault), 1)

    @classmethod
    def _within(cls, market: Market, instrument: Instrument, index: int) -> OrderBook:
        made = cls.__new__(cls)
        made.instrument = instrument
        made._bind(market, index)
        return made

    def _bind(self, market: Market, index: int) -> None:
        self._market = market
        self._memory = market._memory
        self._index = index
        self._row = np.zeros(1, ORDER)

    # Events

    def apply(self, events: NDArray[Any], bbo: Records | None = None) -> int:
        """Apply events, in place.

        Parameters
        ----------
        events : (n,) array of EVENT or DBN_MBO
        bbo : (n,) array of BBO, optional
            Receives best bid and ask with sizes after every event.

        Returns
        -------
        int
            n.

        Raises
        ------
        UsageError
            Another dtype, `bbo` of another length, or a book that belongs to a Market.
        """
        if self._market._single is None:
            raise UsageError("this book belongs to a Market; apply events to the Market")
        return self._market.apply(events, bbo)

    def _do(self, action: int, side: int, order_id: int, price: int, size: int, flags: int = _LAST) -> None:
        # All plain integers: Numba takes tens of microseconds to look at an enumeration, a tenth of one at an integer.
        word = order_id if type(order_id) is int and 0 <= order_id < 2**63 else _word(order_id)
        handle, index = self._memory.handle, self._index
        while reason := replay.single(handle, index, action, side, flags, word, price, size):
            self.mend(int(reason), price)

    @property
    def handle(self) -> tuple[int, int]:
        """For kernels: address of the pools' handle and index of the book, as ``replay.single`` takes them.

        Valid for the book's life.
        """
        return self._memory.handle, self._index

    def mend(self, reason: int, price: int) -> None:
        """Remove the cause for which a kernel could not apply an event, which changed nothing; then it is tried again.

        Parameters
        ----------
        reason : int
            What ``replay.single`` returned: one of the codes in ``book.kernels.layout``.
        price : int
            The event's price.
        """
        if reason == layout.FULL:
            self._memory.grow()
        elif reason == layout.OFF_GRID:
            self._memory.refine(self._index, price)
        elif reason == layout.LONG_PROBE:
            self._memory.rehash()
        else:
            raise TickdeckError(f"a single event stopped for reason {reason}; this is a bug")

    def add(self, order_id: int, side: SideLike, price: Amount, size: Amount) -> None:
        """Add an order at the tail of its level's queue.

        Parameters
        ----------
        order_id : int
            A live id is replaced and counted.
        side : Side or str
        price : int, str or Decimal
            An integer is in units of 1e-9, a string or Decimal is the price itself.
        size : int, str or Decimal
            An integer is in units of 10^-size_decimals, a string or Decimal is the size itself.
        """
        self._do(_ADD, _code(side), order_id, self._price(price), self._size(size))

    def cancel(self, order_id: int, size: Amount | None = None) -> None:
        """Take `size` off an order (all of it by default); it is removed at zero. An unknown id is counted."""
        taken = 2**62 if size is None else self._size(size)
        if size is None and (order := self.order(order_id)) is not None:
            taken = int(order["size"])
        self._do(_CANCEL, _NO_SIDE, order_id, 0, taken)

    def modify(self, order_id: int, price: Amount, size: Amount, side: SideLike | None = None) -> None:
        """Replace price and size; priority is kept only at the same price with no larger size. Size 0 removes.

        An unknown id is counted, and added where `side` says where.
        """
        code = _NO_SIDE if side is None else _code(side)
        self._do(_MODIFY, code, order_id, self._price(price), self._size(size))

    def set_level(self, side: SideLike, price: Amount, size: Amount, count: int = 0) -> None:
        """Set a whole level (L2); size 0 removes it."""
        self._do(_ADD, _code(side), count, self._price(price), self._size(size), _LAST | int(Flag.MBP))

    def clear(self) -> None:
        """Empty the book; the counts of anomalies stay."""
        self._do(_CLEAR, _NO_SIDE, 0, 0, 0)

    def _price(self, price: Amount) -> int:
        if type(price) is int and _LOWEST <= price <= _HIGHEST:
            return price
        return _in_range(int(price), "price") if isinstance(price, (int, np.integer)) else fixed(price, 9, "price")

    def _size(self, size: Amount) -> int:
        if type(size) is int and _LOWEST <= size <= _HIGHEST:
            return size
        if isinstance(size, (int, np.integer)):
            return _in_range(int(size), "size")
        return fixed(size, self.instrument.size_decimals, "size")

    # Reading

    @property
    def best_bid(self) -> Best | None:
        """Price, size and count of the best bid; None without one."""
        found = queries.best(self._memory.handle, 2 * self._index)
        return Best(*map(int, found)) if found[1] else None

    @property
    def best_ask(self) -> Best | None:
        """Price, size and count of the best ask; None without one."""
        found = queries.best(self._memory.handle, 2 * self._index + 1)
        return Best(*map(int, found)) if found[1] else None

    @property
    def spread(self) -> int | None:
        """Best ask minus best bid, units of 1e-9; None with an empty side; negative in a crossed book."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else ask.price - bid.price

    def levels(self, side: SideLike, n: int | None = None) -> Records:
        """The best `n` levels of a side (all by default), best first, as ``LEVEL`` records."""
        code = 2 * self._index + _side(side)
        most = int(self._memory.arrays["sides"][code]["level_count"])
        if n is not None:
            if n < 0:
                raise UsageError(f"depth must not be negative: {n}")
            most = min(most, n)
        out = np.zeros(most, LEVEL)
        if most:
            queries.depth(self._memory.handle, code, address_of(out), most)
        return out

    def depth(self, n: int = 10) -> tuple[Records, Records]:
        """The best `n` levels of both sides.

        Returns
        -------
        bids, asks : arrays of LEVEL
            Best first; shorter than `n` where the book is.
        """
        return self.levels(Side.BID, n), self.levels(Side.ASK, n)

    def orders_at(self, side: SideLike, price: Amount) -> Records:
        """The orders at a price in queue order as ``ORDER`` records; empty where there is no such level (or in L2)."""
        code = 2 * self._index + _side(side)
        units = self._price(price)
        count = int(queries.queue_at(self._memory.handle, code, units, 0, 0))
        if count <= 0 or self.depth_kind == "L2":
            return np.zeros(0, ORDER)
        out = np.zeros(count, ORDER)
        queries.queue_at(self._memory.handle, code, units, address_of(out), count)
        return out

    def orders(self, side: SideLike) -> Records:
        """All orders of a side as ``ORDER`` records, best level first, in queue order."""
        code = 2 * self._index + _side(side)
        out = np.zeros(self.order_count, ORDER)
        return out[: queries.all_orders(self._memory.handle, code, address_of(out), len(out))]

    def order(self, order_id: int) -> np.void | None:
        """The resting order as an ``ORDER`` record; None if it does not rest here."""
        row = np.zeros(1, ORDER)
        ahead, _ = queries.lookup(self._memory.handle, self._index, _word(order_id), address_of(row))
        found: np.void = row[0]
        return None if ahead < 0 else found

    def queue_position(self, order_id: int) -> QueuePosition | None:
        """Orders and size ahead of an order in its level's queue; None if it does not rest here. Takes time with the queue's length."""
        ahead, size = queries.lookup(self._memory.handle, self._index, _word(order_id), address_of(self._row))
        return None if ahead < 0 else QueuePosition(int(ahead), int(size))

    @property
    def order_count(self) -> int:
        """Resting orders; 0 in an L2 book."""
        return int(self._memory.arrays["books"][self._index]["order_count"])

    @property
    def most_orders(self) -> int:
        """Most orders that rested at one time, in all books of the market that this one belongs to."""
        return self._market.most_orders

    @property
    def level_counts(self) -> tuple[int, int]:
        """Number of bid and ask levels."""
        sides = self._memory.arrays["sides"]
        return int(sides[2 * self._index]["level_count"]), int(sides[2 * self._index + 1]["level_count"])

    @property
    def tick_size(self) -> int | None:
        """The tick in use, units of 1e-9; None before the first price of an inferred one."""
        return int(self._memory.arrays["books"][self._index]["tick_size"]) or None

    @property
    def depth_kind(self) -> str | None:
        """ "L2" or "L3"; None while the book has taken nothing since its last clear."""
        return _KINDS[self._memory.arrays["books"][self._index]["mode"]]

    @property
    def ids(self) -> tuple[int, int] | None:
        """Publisher and instrument id of the events that the book takes; None before the first of a book without ids."""
        row = self._memory.arrays["books"][self._index]
        if not row["bound"]:
            return None
        key = int(row["key"])
        return key >> 32, key & 0xFFFFFFFF

    @property
    def is_stale(self) -> bool:
        """Whether a gap was seen since the book was last cleared."""
        return bool(self._memory.arrays["books"][self._index]["stale"])

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is above the best ask."""
        spread = self.spread
        return spread is not None and spread < 0

    @property
    def stats(self) -> dict[str, int]:
        """Counts of anomalies by kind, since the book was made.

        ``unknown_order, duplicate_order, off_tick, crossed, locked, overfilled, negative_size, sequence_gap, mixed_depth, bad_side,
        unknown_action, other_instrument``; docs/concepts/books.md says what each means.
        """
        width = len(layout.STATS)
        rows = self._memory.arrays["stats"]
        counts = dict(zip(layout.STATS, map(int, rows[self._index * width : (self._index + 1) * width])))
        if self._market._single is not None:
            counts["other_instrument"] = int(rows[layout.OTHER_INSTRUMENT])
        return counts

    def checksum(self) -> int:
        """64-bit hash of prices, sizes, counts and queue order; independent of tick, memory layout and history."""
        return int(queries.checksum(self._memory.handle, self._index))

    # Whole books

    def to_events(self, ts_event: int = 0) -> Records:
        """The book as ``SNAPSHOT`` events that rebuild it: a clear, then adds in queue order, best level first, LAST on the last.

        Parameters
        ----------
        ts_event : int
            ns since the epoch, for all of them.
        """
        key = int(self._memory.arrays["books"][self._index]["key"])
        return as_snapshot_events(self, key & 0xFFFFFFFF, key >> 32, ts_event)

    def snapshot(self) -> BookSnapshot:
        """The book's whole state as a value that can be kept, pickled and restored."""
        return BookSnapshot(
            instrument=self.instrument,
            events=self.to_events(),
            tick_size=self.tick_size,
            depth_kind=self.depth_kind,
            is_stale=self.is_stale,
            stats=self.stats,
            checksum=self.checksum(),
        )

    def restore(self, snapshot: BookSnapshot) -> Self:
        """Become what `snapshot` says: orders, queues, counts of anomalies, staleness.

        Raises
        ------
        UnknownInstrumentError
            The snapshot is of another instrument.
        UsageError
            The book cannot hold it: its declared tick is another. The book is empty then.
        """
        if snapshot.instrument.symbol != self.instrument.symbol:
            raise UnknownInstrumentError(f"the snapshot is of {snapshot.instrument.symbol}, the book of {self.instrument.symbol}")
        self.clear()
        for event in snapshot.events[1:]:
            self._do(
                _ADD,
                int(event["side"]),
                int(event["order_id"]),
                int(event["price"]),
                int(event["size"]),
                int(event["flags"]) | int(Flag.SNAPSHOT),
            )
        if self.checksum() != snapshot.checksum:
            self.clear()
            raise UsageError(
                f"the snapshot of {snapshot.instrument.symbol} cannot be restored: its prices are no multiples of the book's tick "
                f"({price_text(self.tick_size or 0)}), or it is damaged; take a book without a declared tick"
            )
        row = self._memory.arrays["books"][self._index]
        row["mode"] = _KINDS.index(snapshot.depth_kind)
        row["stale"] = snapshot.is_stale
        rows = self._memory.arrays["stats"].reshape(-1, len(layout.STATS))
        rows[self._index] = [snapshot.stats[kind] for kind in layout.STATS]
        if self._market._single is not None:
            rows[0, layout.OTHER_INSTRUMENT] = snapshot.stats["other_instrument"]
            rows[self._index, layout.OTHER_INSTRUMENT] = 0
        return self

    def __len__(self) -> int:
        return self.order_count

    def __repr__(self) -> str:
        def text(best: Best | None) -> str:
            return "none" if best is None else f"{best.size:,} @ {price_text(best.price)}"

        return f"<OrderBook {self.instrument.symbol} bid {text(self.best_bid)} | ask {text(self.best_ask)} | {self.order_count:,} orders>"

    def _repr_html_(self) -> str:
        from tickdeck.book.html import ladder_html

        return ladder_html(self)
