"""Phases, auctions and the passing of time in the plain-Python exchange."""

from __future__ import annotations

from collections.abc import Iterable

from tickdeck.core import UNDEF_PRICE, TradingStatus
from tickdeck.core.orders import ExecutionFlag, ExecutionKind, Phase, Reason, TimeInForce
from tickdeck.soak import oracle_checks as checks
from tickdeck.soak.oracle_auction import auction_price, collected
from tickdeck.soak.oracle_matching import OracleMatching, fill_rows
from tickdeck.soak.oracle_orders import BUY, NEITHER, PEGS, SELL, STOPS, Market, Order, Place, accepts

_STATUS = {
    Phase.CLOSED: TradingStatus.CLOSE,
    Phase.PRE_OPEN: TradingStatus.PRE_OPEN,
    Phase.CONTINUOUS: TradingStatus.TRADING,
    Phase.HALT: TradingStatus.HALT,
    Phase.VOLATILITY: TradingStatus.PAUSE,
    Phase.PRE_CLOSE: TradingStatus.PRE_CLOSE,
}
_AT_AUCTION = {
    TimeInForce.AT_OPEN: Reason.AT_OPEN_REMAINDER,
    TimeInForce.AT_CLOSE: Reason.AT_CLOSE_REMAINDER,
}


class OraclePhases(OracleMatching):
    """Markets that change their phase by command, schedule or price band."""

    def __init__(self, markets: dict[int, Market]) -> None:
        super().__init__(markets)
        self.clock = 0
        self.planned: list[tuple[int, int, int, Phase]] = []
        """Time, number, instrument and phase of changes to come."""
        self.plans = 0
        self.skipped = 0

    def schedule(self, entries: Iterable[tuple[int, Phase]], instrument_id: int | None = None) -> None:
        """Add phase changes to come."""
        for time, phase in entries:
            for number in self.markets if instrument_id is None else (instrument_id,):
                self.plans += 1
                self.planned.append((time, self.plans, number, phase))

    def pass_time(self, ts: int) -> None:
        """Let everything happen that is due by `ts`."""
        while due := min(self._due(), default=None):
            time, rank, number = due
            if time > ts:
                return
            self.now = self.clock = time
            if rank == 0:
                self._follow_plan(number)
            elif rank == 1:
                market = list(self.markets.values())[number]
                self.begin(market, Phase.CONTINUOUS)
            else:
                order = next(
                    order for market in self.markets.values() for order in market.orders.values() if order.order_id == number
                )
                self.end(order, Reason.GOOD_TILL_DATE, ExecutionKind.EXPIRED)
            self.settle()

    def _due(self) -> Iterable[tuple[int, int, int]]:
        """Time, rank among what happens at that time, and number within the rank."""
        for time, number, _, _ in self.planned:
            yield time, 0, number
        for place, market in enumerate(self.markets.values()):
            if market.pause_end is not None:
                yield market.pause_end, 1, place
            for order in market.orders.values():
                if order.expire is not None:
                    yield order.expire, 2, order.order_id

    def _follow_plan(self, number: int) -> None:
        plan = next(plan for plan in self.planned if plan[1] == number)
        self.planned.remove(plan)
        market = self.markets[plan[2]]
        if plan[3] in checks.FOLLOWING[market.phase]:
            self.begin(market, plan[3])
        else:
            self.skipped += 1

    def interrupt(self, market: Market) -> None:
        """A trade would leave the price band."""
        self.begin(market, Phase.VOLATILITY)

    def begin(self, market: Market, phase: Phase) -> None:
        """A phase that may follow begins."""
        if phase == Phase.CONTINUOUS or (market.phase, phase) == (Phase.PRE_CLOSE, Phase.CLOSED):
            self._auction(market)
        if phase == Phase.CLOSED:
            for order in market.at(tuple(Place)):
                if order.time_in_force == TimeInForce.DAY and order.place is not Place.GONE:
                    self.end(order, Reason.END_OF_DAY, ExecutionKind.EXPIRED)
        market.phase = phase
        self._status(market, _STATUS[phase])
        pause = market.listing.volatility_pause
        market.pause_end = self.now + pause if phase == Phase.VOLATILITY and pause else None
        market.pegged_to = None
        if phase != Phase.CONTINUOUS:
            for order in market.at((Place.BOOK,)):
                if order.order_type in PEGS:
                    order.place, order.price = Place.SUSPENDED, None
        if phase == Phase.PRE_CLOSE:
            for order in market.at((Place.CLOSE,)):
                order.entry = next(self.entries)
                self.place(order)

    def _status(self, market: Market, status: TradingStatus) -> None:
        self.publish(market, ("N", NEITHER, UNDEF_PRICE, 0, int(status)))

    def _auction(self, market: Market) -> None:
        found = auction_price(market)
        if found:
            self._status(market, TradingStatus.CROSS)
        while found:
            self._cross(market, found[0])
            found = auction_price(market)
        for order in market.at((Place.AUCTION, Place.BOOK)):
            if order.place is Place.AUCTION:
                self.end(order, Reason.AUCTION_REMAINDER)
            elif order.time_in_force in _AT_AUCTION:
                self.end(order, _AT_AUCTION[TimeInForce(order.time_in_force)], ExecutionKind.EXPIRED)
        market.static_reference = market.reference

    def _cross(self, market: Market, price: int) -> None:
        """Trade at the auction price until a side has nobody left who would."""
        while True:
            fronts = []
            for side in (BUY, SELL):
                takers = [order for order in collected(market, side) if accepts(order.is_buy, order.price, price)]
                if not takers:
                    return
                fronts.append(takers[0])
            buyer, seller = fronts
            spent = [order for order in fronts if order.reduce_only and not order.position_left()]
            for order in spent:
                self.end(order, Reason.REDUCE_ONLY)
            if spent:
                continue
            size = min(order.open_in_turn for order in fronts)
            size = min([size, *(order.position_left() for order in fronts if order.reduce_only)])
            rows = [("T", NEITHER, price, size, 0), *fill_rows(buyer, price, size), *fill_rows(seller, price, size)]
            flags = int(ExecutionFlag.AUCTION)
            self.trade(market, rows, price, size, (buyer, seller), (flags, flags))

    def place(self, order: Order, minimum: int = 0) -> None:
        """Where an accepted order goes."""
        market = order.market
        if order.time_in_force == TimeInForce.AT_CLOSE and market.phase != Phase.PRE_CLOSE:
            order.place = Place.CLOSE
        elif order.order_type in STOPS:
            order.place = Place.STOP
        elif order.order_type in PEGS:
            order.place = Place.SUSPENDED
            self.price_peg(order, market.peg_price(order, market.best()))
        elif market.phase == Phase.CONTINUOUS:
            self.arrive(order, order.limit, minimum=minimum)
        elif order.limit is None:
            order.place = Place.AUCTION
        else:
            self.rest(order, order.limit)
