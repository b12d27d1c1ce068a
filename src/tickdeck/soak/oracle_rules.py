"""Single rules of the plain-Python exchange: which stop is next, how pro-rata shares out, how much could trade at once."""

from __future__ import annotations

from tickdeck.core.orders import Reason, SelfTrade, TimeInForce
from tickdeck.soak.oracle_orders import BUY, PRICE_TIME, SELL, Market, Order, Place, accepts, within


def follow(stop: Order, price: int) -> None:
    """Let the trigger of a trailing stop follow a trade price."""
    if stop.extreme is None:
        stop.extreme = price
    else:
        stop.extreme = min(stop.extreme, price) if stop.is_buy else max(stop.extreme, price)


def next_stop(market: Market) -> Order | None:
    """The stop that the last trade price triggers first."""
    if market.last is None:
        return None
    for side, sign in ((BUY, 1), (SELL, -1)):
        due = []
        for stop in market.at((Place.STOP,)):
            trigger = stop.trigger_price()
            if stop.side == side and trigger is not None and sign * market.last >= sign * trigger:
                due.append((sign * trigger, stop.entry, stop))
        if due:
            return min(due, key=lambda row: row[:2])[2]
    return None


def pro_rata(size: int, displayed: list[int], lot: int, top: int, minimum: int) -> list[int]:
    """How an incoming size is shared out among the displayed sizes of a queue."""
    if size >= sum(displayed):
        return displayed
    first = min(displayed[0], size * top // 100 // lot * lot)
    left = [displayed[0] - first, *displayed[1:]]
    rest = size - first
    shares = [rest * part // sum(left) // lot * lot for part in left]
    shares = [share if share >= minimum else 0 for share in shares]
    shares[0] += first
    spare = size - sum(shares)
    for i, part in enumerate(displayed):
        more = min(spare, part - shares[i])
        shares[i] += more
        spare -= more
    return shares


def counted(order: Order, limit: int | None) -> int:
    """How much of a new order could trade at once."""
    market, total = order.market, 0
    bands = market.bands()
    ends_at_own = order.self_trade != SelfTrade.CANCEL_OLDEST
    counterparts = market.opposite(order)
    for price in dict.fromkeys(other.price or 0 for other in counterparts):
        if not accepts(order.is_buy, limit, price) or not within(bands, price):
            break
        level = [other for other in counterparts if other.price == price]
        own = next((i for i, other in enumerate(level) if order.meets_itself(other)), None)
        if own is None or not ends_at_own:
            total += sum(other.remaining for other in level if _counts(order, other))
            continue
        if market.listing.discipline == PRICE_TIME:
            # Reserves come in behind a displayed order of the participant, but before a hidden one.
            is_shown = bool(level[own].displayed)
            total += sum(other.displayed if is_shown else other.remaining for other in level[:own] if _counts(order, other))
        break
    return total


def _counts(order: Order, other: Order) -> bool:
    return not other.reduce_only and not other.group and not order.meets_itself(other)


def falls_short(order: Order, limit: int | None, minimum: int) -> Reason:
    """Why a new order is cancelled untouched."""
    if order.time_in_force == TimeInForce.FOK:
        return Reason.NONE if counted(order, limit) >= order.remaining else Reason.FILL_OR_KILL
    return Reason.NONE if not minimum or counted(order, limit) >= minimum else Reason.MINIMUM_SIZE
