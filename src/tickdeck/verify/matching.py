"""A recorded market fed back as orders: does the matching engine make the fills that the exchange made?

Every add, modify and cancel is entered as the participant's command, every aggressor trade (T) as an IOC order of its side, price
and size. The engine answers before the fills of that trade are looked at; what the recording says afterwards, in whatever order, only
brings the shadow to the recorded state and explains a difference. A trade and its fills (F) on the other side are one group.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tickdeck.core import Action, Flag, Instrument, Records, Side, UsageError
from tickdeck.verify.matching_result import Cause, Fills, MatchingResult, Miss, Trade
from tickdeck.verify.mbp import by_book
from tickdeck.verify.shadow import Shadow
from tickdeck.verify.window_shadow import WindowShadow

_LEVELS = int(Flag.MBP | Flag.TOB)
_NO_SIDE = int(Side.NONE)


@dataclass(slots=True)
class _Group:
    """A trade, the engine's answer and the recorded fills."""

    trade: Trade
    answer: Fills
    icebergs: set[int]
    """Orders in the answer that the engine held as icebergs."""
    recorded: Fills = field(default_factory=dict)
    beyond: dict[int, int] = field(default_factory=dict)
    """Size filled beyond what was displayed, by orders that nothing had shown to be icebergs."""
    strangers: set[int] = field(default_factory=set)
    """Filled orders that the recording never showed."""
    passed: set[int] = field(default_factory=set)
    """Orders in the answer that still rested when all fills of the trade were told."""


class _Book:
    """One instrument's events, group by group.

    The records of one ``ts_event`` are one match event: its updates explain what differs in its groups.
    """

    def __init__(self, instrument: Instrument, shadow: Shadow, result: MatchingResult) -> None:
        self._instrument = instrument
        self._shadow = shadow
        self._result = result
        self._time = 0
        self._group: _Group | None = None
        self._missed: list[_Group] = []
        self._pulled: set[int] = set()

    def add(self, events: Records) -> None:
        """Take the next events. One by one: what the engine is asked next depends on what was recorded before."""
        orders = (events["action"] == int(Action.ADD)) | (events["action"] == int(Action.MODIFY))
        self._shadow.expect(events["price"][orders])
        names = ("ts_event", "action", "side", "order_id", "price", "size")
        for time, action, side, order_id, price, size in zip(*(events[name].tolist() for name in names)):
            if time != self._time:
                self.end()
                self._time = time
            if action == Action.FILL:
                self._fill(side, order_id, price, size)
            elif action == Action.TRADE:
                self._close()
                self._trade(Trade(time, side, price, size))
            elif action == Action.ADD:
                self._shadow.add(order_id, side, price, size, time)
            elif action == Action.CANCEL:
                if not self._shadow.cancel(order_id, size, time):
                    self._pulled.add(order_id)
            elif action == Action.MODIFY:
                self._shadow.modify(order_id, side, price, size, time)
            elif action == Action.CLEAR:
                self._shadow.clear()

    def end(self) -> None:
        """The match event is over: tell why its groups differ."""
        self._close()
        for group in self._missed:
            self._result.miss(self._explained(group))
        self._shadow.end()
        self._missed.clear()
        self._pulled.clear()

    def _trade(self, trade: Trade) -> None:
        if trade.side == _NO_SIDE:
            self._result.without_side += 1
        else:
            answer = self._shadow.answer(trade.side, trade.price, trade.size, trade.time)
            self._group = _Group(trade, answer, self._shadow.icebergs.intersection(order_id for order_id, _ in answer))

    def _fill(self, side: int, order_id: int, price: int, size: int) -> None:
        group = self._group
        if group is not None and side == group.trade.side:
            return  # the aggressor's own order, which had rested until it was modified
        beyond = self._shadow.fill(order_id, size)
        if group is None:
            self._result.fills_apart += 1
            return
        group.recorded[order_id, price] = group.recorded.get((order_id, price), 0) + size
        if beyond is None:
            group.strangers.add(order_id)
        elif beyond:
            group.beyond[order_id] = group.beyond.get(order_id, 0) + beyond

    def _close(self) -> None:
        """All fills of the trade are known."""
        group, self._group = self._group, None
        if group is None:
            return
        result = self._result
        size = sum(group.recorded.values())
        result.groups += 1
        result.quantity += size
        if not group.recorded:
            result.trades_alone += 1
        if group.answer == group.recorded:
            result.exact_groups += 1
            result.exact_quantity += size
        else:
            result.exact_quantity += sum(min(size, group.answer.get(key, 0)) for key, size in group.recorded.items())
            group.passed = {order_id for order_id, _ in group.answer if self._shadow.book.order(order_id) is not None}
            self._missed.append(group)

    def _explained(self, group: _Group) -> Miss:
        """Which cause cost how much."""
        lost = {key: size - min(size, group.answer.get(key, 0)) for key, size in group.recorded.items()}
        extra = {
            key[0]: size - group.recorded.get(key, 0) for key, size in group.answer.items() if size > group.recorded.get(key, 0)
        }
        unseen = sum(size for (order_id, _), size in lost.items() if order_id in group.strangers)
        rest = sum(lost.values()) - unseen
        pulled = reserve = 0
        contradicted = any(self._shadow.is_unconfirmed(order_id) for order_id, _ in group.recorded)
        if not contradicted:
            pulled = min(rest, sum(size for order_id, size in extra.items() if order_id in self._pulled))
            reserve = min(rest - pulled, sum(group.beyond.values()))
        found = {Cause.UNKNOWN_ORDER: unseen, Cause.SELF_TRADE: pulled, Cause.ICEBERG: reserve}
        causes = {cause: size for cause, size in found.items() if size}
        if (rest := rest - pulled - reserve) or not causes:
            cause = Cause.UNKNOWN if contradicted else self._displacement(group, set(extra))
            causes[cause] = causes.get(cause, 0) + rest
        return Miss(self._instrument, group.trade, group.answer, group.recorded, causes)

    def _displacement(self, group: _Group, extra: set[int]) -> Cause:
        """Why the engine filled other orders, or more of them, than the exchange."""
        if extra & self._pulled:
            return Cause.SELF_TRADE
        if extra & group.icebergs:
            return Cause.ICEBERG
        if extra and sum(group.recorded.values()) < group.trade.size:
            return Cause.IMPLIED
        if extra & group.passed:
            return Cause.PRIORITY
        return Cause.UNKNOWN


class MatchingCheck:
    """Feeds recorded order events to a matching engine and compares the fills.

    Parameters
    ----------
    source : str
        Name of the recording.
    show : int
        Groups that differ to keep in full.
    levels : int, optional
        The recording shows the orders of the best levels alone, this many a side (0: nobody knows how many), as LOBSTER files do.

    Examples
    --------
    >>> import tickdeck as td
    >>> check = MatchingCheck("simulated")
    >>> market = td.MarketSimulation(events=2_000, seed=7)
    >>> for chunk in market:
    ...     check.add(chunk, market.instruments)
    >>> check.result().share
    1.0
    """

    def __init__(self, source: str, show: int = 1, levels: int | None = None) -> None:
        self._result = MatchingResult(source, show)
        self._levels = levels
        self._books: dict[int, _Book] = {}

    def add(self, events: Records, instruments: dict[int, Instrument]) -> None:
        """Take the next ``EVENT`` records, of any number of instruments.

        Raises
        ------
        UsageError
            They are price levels rather than orders.
        """
        if (events["flags"] & _LEVELS).any():
            raise UsageError(
                f"{self._result.source}: holds price levels (L2), no orders; matching needs a recording of orders (L3)"
            )
        for key, mine in by_book(events):
            book = self._books.get(key)
            if book is None:
                book = self._books[key] = self._open(key, instruments)
            book.add(mine)

    def _open(self, key: int, instruments: dict[int, Instrument]) -> _Book:
        number = key & 0xFFFFFFFF
        instrument = (instruments.get(number) or Instrument(str(number))).with_ids(number, key >> 32)
        shadow = Shadow(instrument) if self._levels is None else WindowShadow(instrument, self._levels)
        return _Book(instrument, shadow, self._result)

    def result(self) -> MatchingResult:
        """What was found; the recording is over."""
        for book in self._books.values():
            book.end()
        return self._result
