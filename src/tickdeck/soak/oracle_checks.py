"""What the plain-Python exchange checks before it accepts a command, in the documented order."""

from __future__ import annotations

from tickdeck.core import UNDEF_PRICE
from tickdeck.core.orders import KEEP, OrderFlag, OrderType, Phase, Reason, SelfTrade, TimeInForce
from tickdeck.soak.oracle_orders import BUY, PEGS, SELL, STOPS, Command, Market, Order, accepts

_MOST_TICKS, _MOST = 2**50, 2**61
_MAY_REST = (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD)
_AT_AUCTION = (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE)
COLLECTING = (Phase.PRE_OPEN, Phase.VOLATILITY, Phase.PRE_CLOSE)
_HIDDEN, _POST_ONLY = int(OrderFlag.HIDDEN), int(OrderFlag.POST_ONLY)
_FLAGS = int(OrderFlag.POST_ONLY | OrderFlag.REDUCE_ONLY | OrderFlag.HIDDEN | OrderFlag.BY_ORDER_ID)
_TYPES, _FORCES, _MODES = tuple(map(int, OrderType)), tuple(map(int, TimeInForce)), tuple(map(int, SelfTrade))

FOLLOWING: dict[Phase, tuple[Phase, ...]] = {
    Phase.CLOSED: (Phase.PRE_OPEN, Phase.CONTINUOUS),
    Phase.PRE_OPEN: (Phase.CONTINUOUS, Phase.HALT, Phase.CLOSED),
    Phase.CONTINUOUS: (Phase.HALT, Phase.VOLATILITY, Phase.PRE_CLOSE, Phase.CLOSED),
    Phase.HALT: (Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.PRE_CLOSE, Phase.CLOSED),
    Phase.VOLATILITY: (Phase.CONTINUOUS, Phase.HALT, Phase.PRE_CLOSE, Phase.CLOSED),
    Phase.PRE_CLOSE: (Phase.CLOSED, Phase.HALT),
}


def new_order(command: Command, market: Market) -> Reason:
    """Everything about a new order but who sent it, under which client order id, and for which instrument."""
    if command.side not in (BUY, SELL):
        return Reason.BAD_SIDE
    if command.order_type not in _TYPES:
        return Reason.BAD_ORDER_TYPE
    if command.time_in_force not in _FORCES:
        return Reason.BAD_TIME_IN_FORCE
    return (
        size(command.size, market)
        or _price(command, market)
        or _trigger_price(command, market)
        or _offset(command, market)
        or _display_and_minimum(command, market)
        or _combination(command)
        or _time(command, market.phase)
    )


def size(value: int, market: Market) -> Reason:
    """Of a new order, or of a replace."""
    if value <= 0 or value % market.listing.lot:
        return Reason.BAD_SIZE
    return Reason.SIZE_ABOVE_MAXIMUM if value > market.listing.maximum_size else Reason.NONE


def in_range(price: int, market: Market) -> bool:
    """Whether an order may have this price."""
    return abs(price) // market.listing.tick < _MOST_TICKS and abs(price) <= _MOST


def limit_price(value: int, market: Market) -> Reason:
    """A price that is there."""
    if not in_range(value, market):
        return Reason.BAD_PRICE
    return Reason.OFF_TICK if value % market.listing.tick else Reason.NONE


def _price(command: Command, market: Market) -> Reason:
    needs = command.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    if command.price == UNDEF_PRICE:
        return Reason.BAD_PRICE if needs else Reason.NONE
    if not needs and command.order_type not in PEGS:
        return Reason.BAD_PRICE
    return limit_price(command.price, market)


def trigger_price(value: int, market: Market) -> Reason:
    """A trigger price that is there."""
    return Reason.BAD_TRIGGER_PRICE if limit_price(value, market) else Reason.NONE


def _trigger_price(command: Command, market: Market) -> Reason:
    needs = command.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    if needs != (command.trigger_price != UNDEF_PRICE):
        return Reason.BAD_TRIGGER_PRICE
    return trigger_price(command.trigger_price, market) if needs else Reason.NONE


def _offset(command: Command, market: Market) -> Reason:
    if command.order_type == OrderType.TRAILING_STOP:
        is_bad = command.offset <= 0 or bool(limit_price(command.offset, market))
    elif command.order_type in PEGS:
        is_bad = bool(limit_price(command.offset, market))
    else:
        is_bad = command.offset != 0
    return Reason.BAD_OFFSET if is_bad else Reason.NONE


def _display_and_minimum(command: Command, market: Market) -> Reason:
    display = command.display_size
    if display and (not display * 1_000 >= command.size >= display or display % market.listing.lot):
        return Reason.BAD_DISPLAY_SIZE
    return Reason.NONE if 0 <= command.minimum_size <= command.size else Reason.BAD_MINIMUM_SIZE


def _combination(command: Command) -> Reason:
    kind, force = command.order_type, command.time_in_force
    is_limit, may_rest = kind == OrderType.LIMIT, force in _MAY_REST
    is_hidden, is_post_only = bool(command.flags & _HIDDEN), bool(command.flags & _POST_ONLY)
    is_refused = (
        command.self_trade not in _MODES
        or command.flags & ~_FLAGS
        or (is_post_only and not (is_limit and may_rest))
        or (command.display_size and (not (is_limit and may_rest) or is_hidden))
        or (is_hidden and not is_limit)
        or (kind in (*STOPS, *PEGS) and not may_rest)
        or (force in _AT_AUCTION and kind not in (OrderType.LIMIT, OrderType.MARKET))
        or (command.minimum_size and (kind in (*STOPS, *PEGS) or force in _AT_AUCTION or is_post_only))
    )
    return Reason.BAD_COMBINATION if is_refused else Reason.NONE


def _time(command: Command, phase: Phase) -> Reason:
    force = command.time_in_force
    if force == TimeInForce.GTD and command.expire_ts <= command.ts:
        return Reason.ALREADY_EXPIRED
    is_immediate = force in (TimeInForce.IOC, TimeInForce.FOK) or command.minimum_size > 0
    is_wrong = (
        phase in (Phase.CLOSED, Phase.HALT)
        or (phase in COLLECTING and is_immediate)
        or (phase != Phase.PRE_OPEN and force == TimeInForce.AT_OPEN)
    )
    return Reason.WRONG_PHASE if is_wrong else Reason.NONE


def replacement(command: Command, order: Order) -> Reason:
    """Everything about a replace but whose it is."""
    market = order.market
    if command.size != KEEP:
        if reason := size(command.size, market):
            return reason
        if order.display_size and order.display_size * 1_000 < command.size:
            return Reason.BAD_DISPLAY_SIZE
    if command.price != UNDEF_PRICE:
        if order.order_type not in (OrderType.LIMIT, OrderType.STOP_LIMIT, *PEGS):
            return Reason.BAD_PRICE
        if reason := limit_price(command.price, market):
            return reason
    if command.trigger_price != UNDEF_PRICE:
        if order.order_type not in (OrderType.STOP, OrderType.STOP_LIMIT):
            return Reason.BAD_TRIGGER_PRICE
        if reason := trigger_price(command.trigger_price, market):
            return reason
    if market.phase in (Phase.CLOSED, Phase.HALT):
        return Reason.WRONG_PHASE
    limit = order.limit if command.price == UNDEF_PRICE else command.price
    if order.post_only and would_trade(market, order.is_buy, limit):
        return Reason.WOULD_TRADE
    return Reason.NONE


def would_trade(market: Market, is_buy: bool, limit: int | None) -> bool:
    """Whether an order would find a counterpart on entry, hidden ones included."""
    if market.phase != Phase.CONTINUOUS:
        return False
    counterparts = market.resting(SELL if is_buy else BUY)
    return any(order.price is not None and accepts(is_buy, limit, order.price) for order in counterparts)
