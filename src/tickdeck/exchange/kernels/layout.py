"""Memory layout of an exchange.

The orders of all instruments live in the pools of ``tickdeck.book``; an array beside them, ``extras``, holds under the same index what a
book does not know of an order. Three books an instrument share those pools::

    book      displayed orders: what is published
    book + 1  hidden orders, on the same grid
    book + 2  stops by trigger price: on the bid side sell stops (the highest triggers first), on the ask side buy stops

Orders that wait outside any book stand in linked lists, five an instrument (PEGS to TRAILING). Further arrays::

    state       clock, counters, capacities, what became of the last command          listings   one record an instrument
    clients     hash table (participant, client order id) -> live order               seen       the client order ids ever used, 64 a word
    groups      hash table (participant, group) -> one live order of the group        positions  [participant, listing], net size
    expiries    heap of (time, order id) of GTD orders                                schedule   phase changes to come, by time
    spreads     ring of recent spreads, one an instrument; trades: one of all         curve, ids  scratch of auctions and walks by id
    events, executions, auctions   what the present call publishes

Index 0 means "none" throughout.
"""

from collections import namedtuple

import numpy as np

from tickdeck.book.kernels.layout import SLOT
from tickdeck.core.intrinsics import pointers
from tickdeck.core.records import AUCTION, EVENT, EXECUTION

STATE = np.dtype(
    [
        ("book_at", "<u8"),  # handle of the books' pools
        ("risk_at", "<u8"),  # handle of the risk gate; 0: none
        ("risk_check", "<u8"),  # addresses of its kernels
        ("risk_open", "<u8"),
        ("risk_replaced", "<u8"),
        ("risk_reduced", "<u8"),
        ("risk_closed", "<u8"),
        ("risk_fill", "<u8"),
        ("risk_mark", "<u8"),
        ("risk_time", "<u8"),
        ("clock", "<i8"),  # of the last accepted command, or of what was due since
        ("next_due", "<i8"),  # nothing is due before
        ("sequence", "<u8"),  # of the last published group
        ("next_order_id", "<u8"),
        ("listing_count", "<u8"),
        ("listing_capacity", "<u8"),
        ("participant_count", "<u8"),
        ("event_count", "<u8"),
        ("execution_count", "<u8"),
        ("auction_count", "<u8"),
        ("movable", "<u8"),  # live orders that may enter a book on their own: stops, pegs, orders that wait for an auction
        ("refills", "<u8"),  # how often the live icebergs can show a new part
        ("group_live", "<u8"),
        ("entries", "<u8"),  # of stops, so far
        ("seen_mask", "<u8"),
        ("seen_count", "<u8"),
        ("seen_hash", "<u8"),
        ("expiry_count", "<u8"),
        ("schedule_count", "<u8"),
        ("skipped_phases", "<u8"),  # scheduled changes that could not follow the phase they met
        ("spread_capacity", "<u8"),
        ("trade_count", "<u8"),
        ("publisher_id", "<u8"),
        ("indicative_interval", "<i8"),
        ("commands", "<u8"),  # accepted and rejected
        ("rejections", "<u8"),
        ("last_instrument", "<u8"),  # of the last command, and its listing
        ("last_listing", "<u8"),
        ("incoming", "<u8"),  # the order of the present command, 0 none
        ("order_id", "<u8"),  # outcome of the present command
        ("filled", "<i8"),
        ("remaining", "<i8"),
        ("limit_value", "<i8"),
        ("value", "<i8"),
        ("reason", "<u8"),
        ("event_rows", "<u8"),  # lengths of arrays
        ("execution_rows", "<u8"),
        ("auction_rows", "<u8"),
        ("expiry_rows", "<u8"),
        ("schedule_rows", "<u8"),
        ("curve_rows", "<u8"),
        ("affected", "<u8"),  # orders cancelled by a cancel-all
        ("wide", "<u8"),  # the present command touched other instruments than its own
    ],
    align=True,
)

LISTING = np.dtype(
    [
        ("instrument_id", "<u4"),
        ("phase", "u1"),
        ("discipline", "u1"),
        ("publishes_auction", "u1"),
        ("reserved", "u1"),
        ("book", "<u8"),
        ("tick_size", "<i8"),
        ("lot_size", "<i8"),
        ("maximum_size", "<i8"),
        ("low", "<i8"),  # trades happen from here
        ("high", "<i8"),  # to here
        ("last_price", "<i8"),  # UNDEF_PRICE: none
        ("waiting", "<u8"),  # stops, pegs, and one where a dynamic band moves with the last price: what a trade may concern
        # a second line
        ("lowest_trade", "<i8"),  # extremes of the trade prices since stops were looked at
        ("highest_trade", "<i8"),
        ("reference", "<i8"),  # UNDEF_PRICE: none
        ("static_base", "<i8"),  # reference of the static band; UNDEF_PRICE: none
        ("static_band", "<i8"),  # millionths; 0: none
        ("dynamic_band", "<i8"),
        ("volatility_pause", "<i8"),
        ("resume_at", "<i8"),  # end of the interruption; NEVER: by command
        ("last_best", "<u8"),  # sum of the best keys when the spread was last looked at
        ("peg_bid", "<u8"),  # best keys when pegs were last priced
        ("peg_ask", "<u8"),
        ("rule_at", "<u8"),  # address of a discipline of the user's own
        ("top_percent", "<i8"),  # pro-rata
        ("minimum_share", "<i8"),
        ("published_at", "<i8"),  # of the last indicative price
        ("indicative_price", "<i8"),
        ("indicative_size", "<i8"),
        ("indicative_imbalance", "<i8"),
        ("spread_count", "<u8"),
        ("volume", "<i8"),
        ("trade_count", "<u8"),
        ("order_count", "<u8"),  # accepted
        ("cancel_count", "<u8"),
        ("replace_count", "<u8"),
        ("reject_count", "<u8"),
    ],
    align=True,
)

EXTRA = np.dtype(
    [
        ("client_order_id", "<u8"),
        ("reserve", "<i8"),  # of an iceberg: open size that is not displayed
        ("price", "<i8"),  # limit; UNDEF_PRICE: none
        ("filled", "<i8"),
        ("participant", "<u4"),
        ("listing", "<u4"),
        ("group", "<u4"),
        ("group_next", "<u4"),  # circular
        ("list_next", "<u4"),
        ("list_prev", "<u4"),
        ("side", "u1"),  # 0 bid, 1 ask
        ("place", "u1"),  # where it is, see FREE and following
        ("flags", "u1"),  # OrderFlag
        ("order_type", "u1"),
        ("time_in_force", "u1"),
        ("self_trade", "u1"),
        ("special", "u1"),  # not 0: a fill of it means more than taking size off
        ("list", "u1"),  # 1 + the list that it stands in; 0 none
        # the second cache line
        ("display", "<i8"),  # of an iceberg: what a refill shows; 0: none
        ("trigger", "<i8"),  # of a stop; of a peg: its present price
        ("offset", "<i8"),
        ("expire", "<i8"),
        ("share", "<i8"),  # pro-rata allocation under way
        ("entered", "<u8"),  # of a stop: place in the order of entry
        ("minimum", "<i8"),
        ("arrived", "<i8"),  # ns since the epoch: acceptance
    ],
    align=True,
)
"""128 bytes an order; a fill, cancel or replace of a plain order needs the first 64 alone."""

SEEN = np.dtype([("word", "<u8"), ("bits", "<u8"), ("participant", "<u4"), ("used", "<u4")], align=True)
"""Client order ids ``64 word + i`` of a participant, a bit each."""

HASHED = np.dtype(
    [("index_mask", "<u8"), ("index_shift", "<u8"), ("index_multiplier", "<u8"), ("index_limit", "<u8")], align=True
)
"""Shape of a hash table, named as in the books' header, whose functions serve it."""

LIST = np.dtype([("head", "<u4"), ("tail", "<u4"), ("count", "<u4"), ("reserved", "<u4")], align=True)
EXPIRY = np.dtype([("ts", "<i8"), ("order_id", "<u8"), ("order", "<u8")], align=True)
SCHEDULED = np.dtype([("ts", "<i8"), ("instrument", "<u4"), ("phase", "<u4")], align=True)
TRADED = np.dtype(
    [("ts", "<i8"), ("price", "<i8"), ("size", "<i8"), ("sequence", "<u8"), ("instrument_id", "<u4"), ("side", "<u4")], align=True
)
"""A recent trade; `side` is the incoming order's, ASCII, N in an auction."""
STEP = np.dtype([("price", "<i8"), ("size", "<i8")], align=True)
"""Size at a price of an auction's curve."""

FREE, ARRIVING, DISPLAYED, HIDDEN, STOPPED, LISTED = range(6)
"""Places of an order: none, on its way in, in one of the three books, in a list only."""

PEGS, PARKED, MARKET_BUYS, MARKET_SELLS, TRAILING = range(5)
LISTS = 8
"""Lists an instrument."""

PRICE_TIME, PRO_RATA, SIZE_TIME, OWN_RULE = range(4)

DONE, NEEDS_ROOM = range(2)
"""What ``run`` tells beside how far it came."""

TRADES = 1 << 14
"""Recent trades that are remembered."""
NEVER = 2**63 - 1
STRETCH = 256
"""Commands between looks at the room that is left."""
ROWS_PER_ORDER = 8
"""Most event and execution rows for each live order, refill and command."""
REFILLS = 1000
"""Most parts that an iceberg may come in."""

Pools = namedtuple(
    "ExchangePools",
    "at state listings extras client_table client_slots group_table group_slots seen positions lists expiries schedule spreads trades "
    "curve ids events executions auctions",
)
POOL_DTYPES = (
    STATE,
    LISTING,
    EXTRA,
    HASHED,
    SLOT,
    HASHED,
    SLOT,
    SEEN,
    np.dtype("<i8"),
    LIST,
    EXPIRY,
    SCHEDULED,
    np.dtype("<i8"),
    TRADED,
    STEP,
    np.dtype("<u8"),
    EVENT,
    EXECUTION,
    AUCTION,
)
unpack_exchange = pointers(Pools, POOL_DTYPES)
"""From the address of a handle to the exchange's arrays."""
