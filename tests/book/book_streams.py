"""Random event streams in which everything collides, and the comparison of a book with the oracle."""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from tickdeck.book import OrderBook
from tickdeck.book.kernels.index import BOOK_SALT
from tickdeck.book.kernels.layout import STATS
from tickdeck.book.pools import _multiplier
from tickdeck.core import DBN_MBO, EVENT, Records, Side
from tickdeck.soak.oracle import LAST, MAYBE_BAD_BOOK, MBP, SNAPSHOT, TOB, UNDEF_PRICE, OracleBook

TICK = 10_000_000
IDS = [0, 1, 2, 3, 4, 5, 6, 7, 2**63 + 1, 2**64 - 1]
PRICES = [k * TICK for k in (-4097, -65, -64, -1, 0, 1, 2, 63, 64, 65, 4096, 10**6)]
ODD_PRICES = [1, -1, TICK // 2, TICK + 1, UNDEF_PRICE, 2**62, -(2**63), UNDEF_PRICE - 1, TICK * 2**39, 3 * 10**14]
SIZES = [1, 1, 2, 2, 3, 5, 2**31]
ODD_SIZES = [0, -1, -(2**63)]
ROOMY = 150_000
"""Orders from which the loop fetches ahead as in a large market."""
CODES = {"B": Side.BID, "A": Side.ASK}


def examples(count: int) -> settings:
    """Settings for `count` examples, always the same; for ``TICKDECK_EXAMPLES`` random ones where that is set."""
    chosen = os.environ.get("TICKDECK_EXAMPLES")
    return settings(max_examples=int(chosen or count), deadline=None, derandomize=not chosen)


def rows(*tuples: tuple[str, str, int, int, int, int]) -> Records:
    """Events from (action, side, order_id, price, size, flags)."""
    events = np.zeros(len(tuples), EVENT)
    for event, (action, side, order_id, price, size, flags) in zip(events, tuples):
        event["action"], event["side"], event["flags"] = ord(action), ord(side), flags
        event["order_id"], event["price"], event["size"] = order_id, price, size
    events["instrument_id"] = 1
    events["sequence"] = np.arange(len(tuples))
    return events


def columns(action: Any, side: Any, order_id: Any, price: Any, size: Any = 1, flags: Any = LAST) -> Records:
    """Events from columns, each an array or one value for all; actions and sides are text."""
    fields = [np.array([ord(code) for code in np.atleast_1d(column)], np.uint8) for column in (action, side)]
    made = np.broadcast_arrays(*fields, np.asarray(order_id, np.uint64), price, size, flags)
    events = np.zeros(made[0].size, EVENT)
    for name, column in zip(("action", "side", "order_id", "price", "size", "flags"), made):
        events[name] = column
    events["instrument_id"] = 1
    return events


@st.composite
def streams(draw: st.DrawFn, instruments: tuple[int, ...] = (1,), most: int = 60, dbn: bool = False) -> Records:
    """``EVENT`` arrays of all actions and flags over few ids and prices; with `dbn` such as a DBN record can hold."""
    by_level = draw(st.sampled_from([False, False, True]))
    ids = draw(st.lists(st.sampled_from(IDS[:8] if by_level else IDS), min_size=1, max_size=6, unique=True))
    prices = draw(st.lists(st.sampled_from(PRICES), min_size=1, max_size=6))
    odd_prices = draw(st.lists(st.sampled_from(ODD_PRICES), max_size=2))
    flags = [LAST] * 12 + [0, 0, SNAPSHOT, SNAPSHOT | LAST, MAYBE_BAD_BOOK | LAST, MAYBE_BAD_BOOK, 8 | 2 | LAST]
    flags = [f | MBP for f in flags] + [TOB | LAST, TOB, LAST] if by_level else flags * 3 + [MBP | LAST, TOB | LAST]
    one = st.tuples(
        st.sampled_from("AAAAAAAAACCCCCMMMMMMMMMMMTFN" * 2 + "RRX"),
        st.sampled_from("BBBBAAAAN"),
        st.sampled_from(ids),
        st.sampled_from(prices * 6 + odd_prices),
        st.sampled_from(SIZES * 5 + ([0] if dbn else ODD_SIZES)),
        st.sampled_from(flags),
    )
    # Lists without a length are short: five events on average.
    count = draw(st.integers(1, most))

    def each(what: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(what, min_size=count, max_size=count))

    events = rows(*each(one))
    events["instrument_id"] = each(st.sampled_from(instruments))
    if not by_level:
        _aim(events, each(st.booleans()))
    return events


def _aim(events: Records, chosen: list[bool]) -> None:
    """Give the chosen modifies the side and price at which their order was last put: most then change a queue."""
    last: dict[tuple[int, int], np.void] = {}
    for event, aimed in zip(events, chosen):
        key = int(event["instrument_id"]), int(event["order_id"])
        if event["action"] == ord("M") and aimed and key in last:
            event["side"], event["price"] = last[key]["side"], last[key]["price"]
        if event["action"] in b"AM":
            last[key] = event


def churn(count: int, seed: int, instruments: int = 3) -> Records:
    """A long seeded tape of L3 and L2 events with anomalies in between, whose books keep about a hundred orders."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        odd = rng.random() < 0.05
        made.append(
            (
                rng.choice("AAAACCCMMMTFN" if not odd else "AACCMMXX" * 4 + "R"),
                rng.choice("BA" if not odd else "BAN"),
                rng.randrange(250),
                TICK * rng.choice([rng.randrange(-3, 4), rng.randrange(-80, 80), rng.randrange(-(10**5), 10**5)])
                + (rng.choice([0, 1, TICK // 2]) if odd else 0),
                rng.choice(SIZES if not odd else ODD_SIZES),
                rng.choice([LAST, LAST, 0] if not odd else [MBP, TOB | LAST, SNAPSHOT, MAYBE_BAD_BOOK | LAST]),
            )
        )
    events = rows(*made)
    events["instrument_id"] = [rng.randrange(instruments) for _ in range(count)]
    return events


def colliding_ids(book: OrderBook, count: int, attempt: int = 0) -> list[int]:
    """Ids that all have the same home slot in the id index while its multiplier is the `attempt`-th."""
    inverse = pow(_multiplier(attempt), -1, 2**64)
    salt = book.handle[1] * int(BOOK_SALT) % 2**64
    return [(i * inverse % 2**64) ^ salt for i in range(1, count + 1)]


def as_dbn(events: Records) -> Records:
    """The same events as packed DBN records."""
    records = np.zeros(len(events), DBN_MBO)
    for name in DBN_MBO.names or ():
        if name != "length":
            records[name] = events[name]
    records["length"] = DBN_MBO.itemsize // 4
    return records


def state(book: OrderBook) -> dict[str, object]:
    """Everything that can be read from a book except its tick, which may depend on how far inference looked ahead."""
    return {
        "levels": [book.levels(side).tolist() for side in (Side.BID, Side.ASK)],
        "orders": [book.orders(side).tobytes() for side in (Side.BID, Side.ASK)],
        "best": (book.best_bid, book.best_ask),
        "counts": (book.order_count, book.level_counts),
        "kind": book.depth_kind,
        "stale": book.is_stale,
        "stats": book.stats,
        "checksum": book.checksum(),
    }


def counted(book: OrderBook) -> dict[str, int]:
    """Anomalies that were counted, by kind."""
    return {kind: count for kind, count in book.stats.items() if count}


def assert_same(book: OrderBook, oracle: OracleBook) -> None:
    """Every level, queue, count and position of `book` is the oracle's."""
    for side, code in CODES.items():
        levels = oracle.levels(side)
        orders = oracle.orders(side)
        assert book.levels(code)[["price", "size", "count"]].tolist() == levels
        assert [(*row, side) for row in book.orders(code)[["order_id", "price", "size"]].tolist()] == orders
        assert set(book.orders(code)["side"]) <= {code}
        for price, queue in oracle.by_queue(side):
            assert book.orders_at(code, price)[["order_id", "size"]].tolist() == list(queue.items())
        best = book.best_bid if side == "B" else book.best_ask
        assert (None if best is None else tuple(best)) == oracle.best(side)
    assert book.order_count == len(oracle.home)
    assert book.level_counts == (len(oracle.levels("B")), len(oracle.levels("A")))
    assert book.depth_kind == oracle.kind
    assert book.is_stale == oracle.is_stale
    assert book.stats == {kind: oracle.stats[kind] for kind in STATS}
    for order_id in IDS:
        found = book.order(order_id)
        told = None if found is None else (*(int(found[name]) for name in ("order_id", "price", "size")), chr(found["side"]))
        assert told == oracle.order(order_id)
        place = book.queue_position(order_id)
        assert (None if place is None else tuple(place)) == oracle.queue_position(order_id)
