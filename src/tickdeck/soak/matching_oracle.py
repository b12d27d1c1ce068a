"""An exchange in plain Python, slow and obviously right: what the compiled one is held against.

Written from docs/concepts/matching.md and docs/concepts/phases.md, not from the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tickdeck.core import UNDEF_PRICE
from tickdeck.core.orders import KEEP, CommandKind, ExecutionKind, OrderFlag, Phase, Reason, TimeInForce
from tickdeck.soak import oracle_checks as checks
from tickdeck.soak.oracle_orders import (
    BUY,
    NEITHER,
    PEGS,
    SELL,
    Command,
    Event,
    Execution,
    Market,
    OracleListing,
    Order,
    Place,
    command_of,
)
from tickdeck.soak.oracle_phases import OraclePhases

_POST_ONLY, _REDUCE_ONLY = int(OrderFlag.POST_ONLY), int(OrderFlag.REDUCE_ONLY)
_HIDDEN, _BY_ORDER_ID = int(OrderFlag.HIDDEN), int(OrderFlag.BY_ORDER_ID)


class OracleExchange(OraclePhases):
    """All markets, participants and commands.

    Parameters
    ----------
    listings : iterable of OracleListing
        In order of listing.
    participants : int
        How many there are; their ids are 1, 2, ...
    """

    def __init__(self, listings: Iterable[OracleListing], participants: int) -> None:
        super().__init__({listing.instrument_id: Market(listing, listing.phase) for listing in listings})
        self.participants = participants
        self.accepted = 0
        self.used: set[tuple[int, int]] = set()
        """Participant and client order id of every order ever accepted."""
        self.by_client: dict[tuple[int, int], Order] = {}

    def run(self, command: Any) -> tuple[list[Event], list[Execution]]:
        """One command (a ``Command`` or a ``COMMAND`` record); what was published and told."""
        self.events, self.executions = [], []
        taken = command_of(command)
        if taken.kind not in _ACTS:
            self.now = taken.ts
            self._reject(taken, Reason.UNKNOWN_COMMAND)
        elif taken.ts < self.clock:
            self.now = taken.ts
            self._reject(taken, Reason.CLOCK_BACKWARDS)
        else:
            self.pass_time(taken.ts)
            self.now = taken.ts
            reason = _ACTS[taken.kind](self, taken)
            if reason:
                self._reject(taken, reason)
            else:
                self.clock = taken.ts
                self.settle()
        return self.events, self.executions

    def _reject(self, command: Command, reason: Reason) -> None:
        order = None
        if command.kind in (CommandKind.CANCEL, CommandKind.REPLACE) and reason != Reason.CLOCK_BACKWARDS:
            order, _ = self._named(command)
        self.executions.append(
            Execution(
                chr(ExecutionKind.REJECTED),
                int(reason),
                command.price,
                command.size,
                0,
                order.order_id if order else 0,
                command.client_order_id,
                command.participant_id,
                command.side,
                0,
                self.sequence,
                self.now,
                command.instrument_id,
            )
        )

    # Orders

    def _new(self, command: Command) -> Reason:
        market = self.markets.get(command.instrument_id)
        client = command.participant_id, command.client_order_id
        if market is None:
            return Reason.UNKNOWN_INSTRUMENT
        if not self._knows(command.participant_id):
            return Reason.UNKNOWN_PARTICIPANT
        if client in self.used:
            return Reason.DUPLICATE_CLIENT_ORDER_ID
        if reason := checks.new_order(command, market):
            return reason
        order = self._made(command, market)
        if order.reduce_only:
            order.remaining = min(order.remaining, order.position_left())
            order.display_size = min(order.display_size, order.remaining)
            if not order.remaining:
                return Reason.NOT_REDUCING
        if order.post_only and checks.would_trade(market, order.is_buy, order.limit):
            return Reason.WOULD_TRADE
        self.accepted += 1
        self.used.add(client)
        self.by_client[client] = market.orders[order.order_id] = order
        self.report(ExecutionKind.ACCEPTED, order, order.remaining)
        self.place(order, command.minimum_size)
        return Reason.NONE

    def _made(self, command: Command, market: Market) -> Order:
        return Order(
            order_id=self.accepted + 1,
            client_order_id=command.client_order_id,
            participant=command.participant_id,
            market=market,
            side=command.side,
            order_type=command.order_type,
            time_in_force=command.time_in_force,
            limit=None if command.price == UNDEF_PRICE else command.price,
            remaining=command.size,
            trigger=None if command.trigger_price == UNDEF_PRICE else command.trigger_price,
            offset=command.offset,
            display_size=command.display_size,
            expire=command.expire_ts if command.time_in_force == TimeInForce.GTD else None,
            group=command.group,
            self_trade=command.self_trade,
            post_only=bool(command.flags & _POST_ONLY),
            reduce_only=bool(command.flags & _REDUCE_ONLY),
            hidden=bool(command.flags & _HIDDEN) or command.order_type in PEGS,
            entry=next(self.entries),
            extreme=market.last,
        )

    def _cancel(self, command: Command) -> Reason:
        order, reason = self._named(command)
        if order is None:
            return reason
        self.end(order, Reason.BY_PARTICIPANT)
        return Reason.NONE

    def _named(self, command: Command) -> tuple[Order | None, Reason]:
        """The participant's live order that a command names."""
        if not self._knows(command.participant_id):
            return None, Reason.UNKNOWN_PARTICIPANT
        if command.flags & _BY_ORDER_ID:
            found = [market.orders[command.order_id] for market in self.markets.values() if command.order_id in market.orders]
            order = found[0] if found and found[0].participant == command.participant_id else None
            return order, Reason.UNKNOWN_ORDER
        order = self.by_client.get((command.participant_id, command.client_order_id))
        if order is None:
            return None, Reason.UNKNOWN_ORDER
        return (None, Reason.ORDER_DONE) if order.place is Place.GONE else (order, Reason.NONE)

    def _cancel_all(self, command: Command) -> Reason:
        if not self._knows(command.participant_id):
            return Reason.UNKNOWN_PARTICIPANT
        if command.instrument_id and command.instrument_id not in self.markets:
            return Reason.UNKNOWN_INSTRUMENT
        if command.side not in (0, NEITHER, BUY, SELL):
            return Reason.BAD_SIDE
        orders = [order for market in self.markets.values() for order in market.orders.values()]
        for order in sorted(orders, key=lambda order: order.order_id):
            is_there = command.instrument_id in (0, order.market.listing.instrument_id)
            if order.participant == command.participant_id and is_there and command.side in (0, NEITHER, order.side):
                self.end(order, Reason.CANCEL_ALL)
        return Reason.NONE

    def _replace(self, command: Command) -> Reason:
        order, reason = self._named(command)
        if order is None:
            return reason
        if reason := checks.replacement(command, order):
            return reason
        market = order.market
        limit = order.limit if command.price == UNDEF_PRICE else command.price
        size = order.remaining if command.size == KEEP else command.size
        keeps_place = limit == order.limit and size <= order.remaining
        if command.trigger_price != UNDEF_PRICE and command.trigger_price != order.trigger:
            order.trigger, order.entry = command.trigger_price, next(self.entries)
        if order.place is Place.BOOK and order.order_type not in PEGS and not keeps_place:
            if checks.would_trade(market, order.is_buy, limit):
                self._trade_anew(order, limit, size)
            else:
                self._move(order, limit, size)
            return Reason.NONE
        moves = size > order.remaining or limit != order.limit
        order.limit, order.remaining = limit, size
        order.displayed = min(order.displayed, size)
        if moves and order.place in (Place.BOOK, Place.AUCTION):
            order.entry = next(self.entries)
        if order.displayed:
            self.publish(market, ("M", order.side, order.price or 0, order.displayed, order.order_id))
        self.report(ExecutionKind.REPLACED, order, size)
        if order.order_type in PEGS:
            self.price_peg(order, market.peg_price(order, market.best()))
        return Reason.NONE

    def _trade_anew(self, order: Order, limit: int | None, size: int) -> None:
        """A replaced order comes in like a new one."""
        if order.displayed:
            self.publish(order.market, ("C", order.side, order.price or 0, order.displayed, order.order_id))
        order.limit, order.remaining, order.displayed = limit, size, 0
        self.report(ExecutionKind.REPLACED, order, size)
        self.arrive(order, limit)

    def _move(self, order: Order, limit: int | None, size: int) -> None:
        """To the end of the queue at a price."""
        shown, is_same_price, was_displayed = order.displayed, limit == order.limit, order.displayed > 0
        order.limit, order.price, order.remaining, order.entry = limit, limit, size, next(self.entries)
        order.displayed = min(order.display_size or size, size) if was_displayed else 0
        # A modify that shows no more would keep its place in a book built from the events.
        enters_anew = was_displayed and is_same_price and order.displayed <= shown
        if enters_anew:
            self.publish(order.market, ("C", order.side, limit or 0, shown, order.order_id))
        elif was_displayed:
            self.publish(order.market, ("M", order.side, limit or 0, order.displayed, order.order_id))
        self.report(ExecutionKind.REPLACED, order, size)
        if enters_anew:
            self.publish(order.market, ("A", order.side, limit or 0, order.displayed, order.order_id))

    # Other commands

    def _phase(self, command: Command) -> Reason:
        if command.instrument_id and command.instrument_id not in self.markets:
            return Reason.UNKNOWN_INSTRUMENT
        markets = [self.markets[command.instrument_id]] if command.instrument_id else list(self.markets.values())
        if any(command.phase not in checks.FOLLOWING[market.phase] for market in markets):
            return Reason.BAD_PHASE
        for market in markets:
            self.begin(market, Phase(command.phase))
            self.settle()
        return Reason.NONE

    def _clock(self, command: Command) -> Reason:
        return Reason.NONE

    def _reference(self, command: Command) -> Reason:
        market = self.markets.get(command.instrument_id)
        if market is None:
            return Reason.UNKNOWN_INSTRUMENT
        if command.price == UNDEF_PRICE or checks.limit_price(command.price, market) == Reason.BAD_PRICE:
            return Reason.BAD_PRICE
        market.reference = market.static_reference = command.price
        return Reason.NONE

    def _knows(self, participant: int) -> bool:
        return 1 <= participant <= self.participants


_ACTS: dict[int, Callable[[OracleExchange, Command], Reason]] = {
    CommandKind.NEW: OracleExchange._new,
    CommandKind.CANCEL: OracleExchange._cancel,
    CommandKind.REPLACE: OracleExchange._replace,
    CommandKind.CANCEL_ALL: OracleExchange._cancel_all,
    CommandKind.PHASE: OracleExchange._phase,
    CommandKind.CLOCK: OracleExchange._clock,
    CommandKind.REFERENCE: OracleExchange._reference,
}
