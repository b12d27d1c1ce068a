"""The auction of the plain-Python exchange: its price, found by trying every candidate that matters."""

from __future__ import annotations

from tickdeck.soak.oracle_orders import BUY, SELL, Market, Order, Place, accepts


def collected(market: Market, side: int) -> list[Order]:
    """The orders of a side that take part, in order of priority: market orders first."""
    waiting = [order for order in market.at((Place.AUCTION,)) if order.side == side]
    return sorted(waiting, key=lambda order: order.entry) + market.resting(side)


def auction_price(market: Market) -> tuple[int, int, int] | None:
    """Price, size that trades and surplus of buyers over sellers; None if nothing would trade."""
    buyers, sellers = collected(market, BUY), collected(market, SELL)

    def sizes(price: int) -> tuple[int, int]:
        return (
            sum(order.remaining for order in buyers if accepts(True, order.price, price)),
            sum(order.remaining for order in sellers if accepts(False, order.price, price)),
        )

    def rank(price: int) -> tuple[int, int, int, int]:
        bought, sold = sizes(price)
        distance = 0 if market.reference is None else abs(price - market.reference)
        return -min(bought, sold), abs(bought - sold), distance, -price

    candidates = _candidates(market, [order.price for order in buyers + sellers if order.price is not None])
    if not candidates:
        return None
    price = min(candidates, key=rank)
    bought, sold = sizes(price)
    return (price, min(bought, sold), bought - sold) if min(bought, sold) else None


def _candidates(market: Market, limits: list[int]) -> list[int]:
    """Sizes change only at limit prices, so between two of them only the ends and what lies about the reference can be best."""
    tick, reference = market.listing.tick, market.reference
    rounded = [] if reference is None else [reference // tick * tick, -(-reference // tick) * tick]
    if not limits:
        return rounded[:1]
    near = [price + step for price in limits for step in (-tick, 0, tick)]
    return [price for price in near + rounded if min(limits) <= price <= max(limits)]
