"""Auctions: the price of maximum volume, and trading at it."""

import numpy as np

from tickdeck.book.kernels.ladder import next_level
from tickdeck.book.kernels.layout import unpack
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.codes import (
    AT_CLOSE_REMAINDER,
    AT_OPEN,
    AT_OPEN_REMAINDER,
    AUCTION_REMAINDER,
    CROSS,
    IN_AUCTION,
    LOWEST,
    MARKET,
    NOTHING_TO_REDUCE,
    U0,
    U1,
    U2,
    UNDEF,
)
from tickdeck.exchange.kernels.gate import tell_fill
from tickdeck.exchange.kernels.incoming import publish_status
from tickdeck.exchange.kernels.layout import DISPLAYED, LISTED, LISTS, MARKET_BUYS, MARKET_SELLS, unpack_exchange
from tickdeck.exchange.kernels.output import (
    ASK,
    BID,
    CANCELLED,
    EXPIRED,
    FILLED,
    LAST,
    MORE,
    NO_SIDE,
    TRADE,
    begin_group,
    publish,
    report,
)
from tickdeck.exchange.kernels.places import REDUCING, withdraw
from tickdeck.exchange.kernels.prices import level_key, price_at
from tickdeck.exchange.kernels.trades import after_trade, fill_resting, move_position, note_trade, reducible
from tickdeck.exchange.kernels.walks import ALL_SIDES, AUCTION_ORDERS, gather, sort_by_id

# The price


@kernel
def list_size(x, p, listing, kind):
    """Size of all orders of a list."""
    total = np.int64(0)
    order = np.uint64(x.lists[listing * np.uint64(LISTS) + np.uint64(kind)].head)
    while order != U0:
        total += np.int64(p.orders[order].size)
        order = np.uint64(x.extras[order].list_next)
    return total


@kernel
def level_open_size(x, p, level):
    """Size of a level, reserves included."""
    total = np.int64(p.levels[level].size)
    if np.uint64(x.state[0].refills) != U0:
        order = np.uint64(p.levels[level].head)
        while order != U0:
            total += np.int64(x.extras[order].reserve)
            order = np.uint64(p.orders[order].next)
    return total


@kernel(rare=True)
def draw(at, listing, side, start):
    """Prices and sizes of a side's limit orders, displayed and hidden, best first, into ``curve`` from `start`; how many."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    shown = (np.uint64(x.listings[listing].book) << U1) | side
    level, other = np.uint64(p.sides[shown].best_level), np.uint64(p.sides[shown + U2].best_level)
    count = U0
    while level != U0 or other != U0:
        mine, theirs = level_key(p, level), level_key(p, other)
        step = x.curve[start + count]
        step.price = price_at(p, shown, max(mine, theirs))
        size = np.int64(0)
        if mine >= theirs:
            size += level_open_size(x, p, level)
            level = next_level(p, level)
        if theirs >= mine:
            size += level_open_size(x, p, other)
            other = next_level(p, other)
        step.size = size
        count += U1
    return count


@kernel
def nearest(reference, low, high, tick):
    """The multiple of the tick between two multiples that is closest to a price, of two the higher; `high` without a reference."""
    if reference == UNDEF or reference >= high:
        return high
    if reference <= low:
        return low
    below = reference // tick * tick
    return below if reference - below < below + tick - reference else below + tick


@kernel
def away(price, reference):
    """Distance from the reference, 0 without one."""
    return np.int64(0) if reference == UNDEF else abs(price - reference)


@kernel(rare=True)
def auction_price(at, listing):
    """Price, volume and imbalance (buyers' surplus positive) of an auction now; UNDEF and 0 if nothing can trade."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    market = x.listings[listing]
    tick, reference = np.int64(market.tick_size), np.int64(market.reference)
    half = np.uint64(x.state[0].curve_rows) >> U1
    bids, asks = draw(at, listing, U0, U0), draw(at, listing, U1, half)
    market_buys, market_sells = list_size(x, p, listing, MARKET_BUYS), list_size(x, p, listing, MARKET_SELLS)
    demand, supply = market_buys, market_sells
    if bids + asks == U0:
        price = reference if reference == UNDEF else reference // tick * tick
        volume = np.int64(0) if reference == UNDEF else min(demand, supply)
        return (price if volume > 0 else UNDEF), volume, demand - supply
    for i in range(U0, asks):
        supply += np.int64(x.curve[half + i].size)
    best_price, best_volume, best_imbalance = UNDEF, np.int64(0), np.int64(0)
    i = U0  # bids at or above the price are in the demand
    j = asks  # asks before j, those at or below the price, are in the supply
    above = UNDEF  # the limit price before, going down
    while i < bids or j > U0:
        bid = np.int64(x.curve[i].price) if i < bids else LOWEST
        ask = np.int64(x.curve[half + j - U1].price) if j > U0 else LOWEST
        price = max(bid, ask)
        if above != UNDEF and above - price > tick:
            # Between two limit prices nothing changes but the distance from the reference.
            between = nearest(reference, price + tick, above - tick, tick)
            volume, imbalance = min(demand, supply), demand - supply
            if better(volume, imbalance, between, best_volume, best_imbalance, best_price, reference):
                best_price, best_volume, best_imbalance = between, volume, imbalance
        if bid == price:
            demand += np.int64(x.curve[i].size)
            i += U1
        volume, imbalance = min(demand, supply), demand - supply
        if better(volume, imbalance, price, best_volume, best_imbalance, best_price, reference):
            best_price, best_volume, best_imbalance = price, volume, imbalance
        if ask == price:
            supply -= np.int64(x.curve[half + j - U1].size)
            j -= U1
        above = price
    return (best_price if best_volume > 0 else UNDEF), best_volume, best_imbalance


@kernel
def better(volume, imbalance, price, best_volume, best_imbalance, best_price, reference):
    """Whether a candidate is a better auction price than the best so far."""
    if volume == 0 or volume < best_volume:
        return False
    if volume > best_volume:
        return True
    if abs(imbalance) != abs(best_imbalance):
        return abs(imbalance) < abs(best_imbalance)
    mine, other = away(price, reference), away(best_price, reference)
    return mine < other or (mine == other and price > best_price)


# Trading


@kernel(rare=True)
def next_in_auction(at, listing, side, price):
    """The order of a side that trades next at the auction's price, 0 if there is none."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    waiting = np.uint64(x.lists[listing * np.uint64(LISTS) + np.uint64(MARKET_BUYS) + side].head)
    if waiting != U0:
        return waiting
    shown = (np.uint64(x.listings[listing].book) << U1) | side
    if np.uint64(p.sides[shown + U2].best_key) > np.uint64(p.sides[shown].best_key):
        shown += U2
    key = np.uint64(p.sides[shown].best_key)
    if key == U0:
        return U0
    limit = price_at(p, shown, key)
    if limit < price if side == U0 else limit > price:
        return U0
    return np.uint64(p.levels[np.uint64(p.sides[shown].best_level)].head)


@kernel(rare=True)
def fill_in_auction(at, order, price, size, last):
    """One side of an auction's trade."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    extra = x.extras[order]
    if extra.place != np.uint8(LISTED):
        fill_resting(x, p, np.uint64(extra.listing), order, price, size, IN_AUCTION, last)
        return
    o = p.orders[order]
    o.size = np.int64(o.size) - size
    extra.filled += size
    move_position(x, order, size)
    report(x, p, order, FILLED, price, size, np.int64(o.size), U0, IN_AUCTION)
    if x.state[0].risk_at != U0:
        tell_fill(at, order, price, size, np.int64(o.size), False)


@kernel(rare=True)
def cross(at, listing, price, volume):
    """Trade up to `volume` at the auction's price."""
    x = unpack_exchange(at)
    p = unpack(np.uint64(x.state[0].book_at))
    traded = np.int64(0)
    while traded < volume:
        buyer, seller = next_in_auction(at, listing, U0, price), next_in_auction(at, listing, U1, price)
        if buyer == U0 or seller == U0:
            break
        size = min(volume - traded, min(np.int64(p.orders[buyer].size), np.int64(p.orders[seller].size)))
        for order in (buyer, seller):
            if (x.extras[order].special & REDUCING) != np.uint8(0):
                allowed = reducible(x, order)
                if allowed == 0:
                    withdraw(at, order, CANCELLED, NOTHING_TO_REDUCE)
                size = min(size, allowed)
        if size == 0:
            continue
        begin_group(x)
        buyer_shown = x.extras[buyer].place == np.uint8(DISPLAYED)
        seller_shown = x.extras[seller].place == np.uint8(DISPLAYED)
        publish(x, listing, TRADE, NO_SIDE, U0, price, size, MORE if buyer_shown or seller_shown else LAST)
        fill_in_auction(at, buyer, price, size, MORE if seller_shown else LAST)
        fill_in_auction(at, seller, price, size, LAST)
        note_trade(x, listing, NO_SIDE, price, size)
        traded += size
        after_trade(at, buyer, seller, U1)


@kernel(rare=True)
def hold_auction(at, listing):
    """Trade what can trade at one price; then what was there for the auction only goes."""
    x = unpack_exchange(at)
    market = x.listings[listing]
    price, volume, _ = auction_price(at, listing)
    if volume > 0:
        publish_status(at, listing, CROSS)
    while volume > 0:
        # Cancellations during the auction may leave orders that can trade at another price: then it repeats.
        cross(at, listing, price, volume)
        price, volume, _ = auction_price(at, listing)
    count = gather(at, listing, ALL_SIDES, U0, AUCTION_ORDERS, U0)
    sort_by_id(at, count)
    for i in range(U0, count):
        order = np.uint64(x.ids[i])
        extra = x.extras[order]
        if extra.order_type == MARKET:
            withdraw(at, order, CANCELLED, AUCTION_REMAINDER)
        else:
            withdraw(at, order, EXPIRED, AT_OPEN_REMAINDER if extra.time_in_force == AT_OPEN else AT_CLOSE_REMAINDER)
    market.static_base = market.reference


@kernel(rare=True)
def publish_indicative(at, listing):
    """Tell what the auction would do now, if that changed and the last time is long enough ago."""
    x = unpack_exchange(at)
    state = x.state[0]
    market = x.listings[listing]
    clock = np.int64(state.clock)
    published = np.int64(market.published_at)
    if published != LOWEST and clock - published < np.int64(state.indicative_interval):
        return
    price, volume, imbalance = auction_price(at, listing)
    same = price == np.int64(market.indicative_price) and volume == np.int64(market.indicative_size)
    if same and imbalance == np.int64(market.indicative_imbalance) and published != LOWEST:
        return
    market.published_at = clock
    market.indicative_price = price
    market.indicative_size = volume
    market.indicative_imbalance = imbalance
    row = x.auctions[np.uint64(state.auction_count)]
    state.auction_count += U1
    row.ts_event = clock
    row.indicative_price = price
    row.paired_size = volume
    row.imbalance_size = abs(imbalance)
    row.reference_price = market.reference
    row.sequence = state.sequence
    row.instrument_id = market.instrument_id
    row.publisher_id = np.uint16(state.publisher_id)
    row.side = BID if imbalance > 0 else ASK if imbalance < 0 else NO_SIDE
    row.phase = market.phase
