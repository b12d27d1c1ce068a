"""Memory layout of the books of a market.

Everything lives in a few arrays that all books share. Index 0 of every pool means "none", so zeroed memory is a valid empty state::

    header   counters, capacities, why the last call stopped
    books    one record a (publisher, instrument): tick, mode            sides    two a book: best level, root of the ladder
    keys     hash table (publisher, instrument) -> book                   stats    counters of anomalies, one row a book
    nodes    radix-tree nodes: a bitmap of 64 children                    children the 64 u32 of each node
    pages    64 neighbouring ticks: a bitmap of the occupied ones         levels   64 of each page: size, count, head, tail
    orders   resting orders, linked FIFO within a level                   slots    hash table (id, book) -> order
    scratch  what the prefetch stages found out about the next events

A price becomes a tick, a tick a key: ``BIAS + tick`` for bids, ``BIAS - tick`` for asks, so the best price is the highest key on both
sides and one code serves both. ``BIAS`` has the middle digit (32) in each base-64 place: ticks around zero share their tree nodes.
The low 6 bits of a key choose the level in a page; the rest is the page's key, 6 bits a tree node from the root down.
"""

from collections import namedtuple

import numpy as np

from tickdeck.core.intrinsics import pointers

BIAS = sum(32 << (6 * place) for place in range(10))
TICK_LIMIT = 2**50

HEADER = np.dtype(
    [
        ("live", "<u8"),  # orders in the pool
        ("order_capacity", "<u8"),
        ("index_mask", "<u8"),
        ("index_shift", "<u8"),
        ("index_multiplier", "<u8"),
        ("index_limit", "<u8"),  # live orders at which the index must grow
        ("last_key", "<u8"),  # (publisher, instrument) of the last event and its book
        ("last_book", "<u4"),
        ("order_free", "<u4"),  # head of the free list, linked by `next`
        ("order_top", "<u4"),  # first order never used
        ("page_free", "<u4"),  # linked by `parent`
        ("page_top", "<u4"),
        ("node_free", "<u4"),  # linked by `parent`
        ("node_top", "<u4"),
        ("book_count", "<u4"),  # including the sink, book 0
        ("page_room", "<u8"),
        ("node_room", "<u8"),
        ("key_mask", "<u8"),
        ("refused_price", "<i8"),  # of the event to come: no grid holds it, so it is an anomaly even where the tick is inferred
        ("stop_price", "<i8"),
        ("stop_key", "<u8"),
        ("stop_book", "<u4"),
        ("stop", "<u4"),
        ("changed", "<u8"),  # set when a best price changes or a page is made
        ("located", "<u8"),  # events that each stage of fetching ahead has dealt with
        ("ordered", "<u8"),
        ("levelled", "<u8"),
        ("linked", "<u8"),
    ],
    align=True,
)

BOOK = np.dtype(
    [
        ("tick_size", "<i8"),  # units of 1e-9; 0 not known yet
        ("inverse", "<f8"),  # 1 / tick_size
        ("key", "<u8"),  # publisher << 32 | instrument
        ("order_count", "<u8"),
        ("mode", "u1"),  # 0 undecided, 2 L2, 3 L3; until the next clear
        ("inferred", "u1"),  # the tick may be refined
        ("stale", "u1"),  # a gap was seen since the last clear
        ("bound", "u1"),  # a key leads here
        ("reserved", "u1", (28,)),  # one cache line
    ],
    align=True,
)

SIDE = np.dtype(
    [
        ("best_key", "<u8"),  # 0: empty
        ("prefix", "<u8"),  # page keys under the root share page_key >> 6 * height
        ("best_level", "<u4"),  # 0: empty
        ("root", "<u4"),
        ("height", "<u4"),  # nodes from the root to a page
        ("level_count", "<u4"),
    ],
    align=True,
)

NODE = np.dtype([("bits", "<u8"), ("parent", "<u4"), ("digit", "<u4")], align=True)

PAGE = np.dtype([("bits", "<u8"), ("key", "<u8"), ("parent", "<u4"), ("side", "<u4")], align=True)

POOL_LEVEL = np.dtype([("size", "<i8"), ("count", "<u4"), ("head", "<u4"), ("tail", "<u4"), ("side", "<u4")], align=True)

POOL_ORDER = np.dtype(
    [("id", "<u8"), ("size", "<i8"), ("level", "<u4"), ("book", "<u4"), ("prev", "<u4"), ("next", "<u4")], align=True
)

SLOT = np.dtype([("tag", "<u4"), ("order", "<u4")], align=True)

KEY_SLOT = np.dtype([("key", "<u8"), ("book", "<u4"), ("used", "<u4")], align=True)

SCRATCH = np.dtype(
    [("hash", "<u8"), ("key", "<u8"), ("book", "<u4"), ("order", "<u4"), ("level", "<u4"), ("reserved", "<u4")], align=True
)

LIFTED = np.dtype(
    [("price", "<i8"), ("size", "<i8"), ("order", "<u4"), ("count", "<u4"), ("side", "<u4"), ("reserved", "<u4")], align=True
)
"""An order or an L2 level taken off the ladder while its grid is refined."""

STATS = (
    "unknown_order",  # C or M of an id that is not in the book; the M adds
    "duplicate_order",  # A of a live id; it replaces the order
    "off_tick",  # a price that is no multiple of the tick; the event is skipped
    "crossed",  # groups after which best bid > best ask
    "locked",  # groups after which best bid = best ask
    "overfilled",  # C of more than the order has; the order is removed
    "negative_size",  # a size below zero, or zero in an A or C; the event is skipped
    "sequence_gap",  # records flagged MAYBE_BAD_BOOK
    "mixed_depth",  # an L3 event in an L2 book or the reverse; skipped
    "bad_side",  # neither bid nor ask where one is needed (skipped), or a side other than the order's (moved)
    "unknown_action",
    "other_instrument",  # events of another instrument than the book's own; skipped
)
"""Kinds of anomaly, in the order of the columns of `stats`."""

(
    UNKNOWN_ORDER,
    DUPLICATE_ORDER,
    OFF_TICK,
    CROSSED,
    LOCKED,
    OVERFILLED,
    NEGATIVE_SIZE,
    SEQUENCE_GAP,
    MIXED_DEPTH,
    BAD_SIDE,
    UNKNOWN_ACTION,
    OTHER_INSTRUMENT,
) = range(12)

GOING, FULL, NEW_BOOK, OFF_GRID, LONG_PROBE = range(5)
UNUSUAL = 8
"""Why the event loop stopped: not at all, a pool is full, an unknown instrument, a price between the inferred ticks, ids that collide.

UNUSUAL never leaves the loop: the short way cannot apply the event, the long one must.
"""

NODES_PER_EVENT = 20
"""Most tree nodes that one event can need: the root grows by 9 at the most, and the new path has 9."""
PROBE_LIMIT = 256
"""Slots that an insertion may probe before the index is hashed anew; at 60% load chance alone gives 145 among 10 M orders."""
LOOK = 8
"""Events by which the loop asks for an id's slot ahead, where the index fits in the second-level cache."""
BLOCK = 4
"""Events whose memory is fetched together where it does not."""
LAG = 8
"""Events between two stages of fetching."""
AHEAD = 64
"""Events that may be under way between the first stage of fetching and their turn; a power of two above 4 lags and a block."""
PREFETCH_FROM = 1 << 18
"""Slots from which the index and the orders outgrow the second-level cache, so that prefetching pays."""

Pools = namedtuple("Pools", "at header books sides nodes children pages levels orders slots keys stats scratch")
POOL_DTYPES = (
    HEADER,
    BOOK,
    SIDE,
    NODE,
    np.dtype("<u4"),
    PAGE,
    POOL_LEVEL,
    POOL_ORDER,
    SLOT,
    KEY_SLOT,
    np.dtype("<i8"),
    SCRATCH,
)
unpack = pointers(Pools, POOL_DTYPES)
"""From the address of a handle to the pools."""
