"""Memory grows in time, is given back, and every link in it is right."""

from __future__ import annotations

import numpy as np
import pytest
from book_streams import TICK, as_dbn, assert_same, churn, columns, examples, rows, streams
from hypothesis import given
from memory_walk import Used, walk

from tickdeck.book import Market, OrderBook
from tickdeck.core import Instrument, Records
from tickdeck.soak.oracle import LAST, MBP, replayed

NOTHING = Used()
TICKED = Instrument("D", tick_size="0.01")


@examples(60)
@given(streams(instruments=(1, 2), most=50))
def test_every_link_of_the_memory_is_right_after_any_stream(events: Records) -> None:
    market = Market(orders=1)
    market.apply(events)
    walk(market._memory)


def test_long_churn_leaks_no_order_page_or_node() -> None:
    market = Market([Instrument("D", tick_size="0.01", instrument_id=1)], orders=1)
    events = churn(6_000, seed=3)
    sizes = []
    for part in np.split(events, 6):
        market.apply(part)
        used = walk(market._memory)
        assert used.orders == market.order_count > 50
        sizes.append(market.nbytes)
    assert sizes[-1] == sizes[2]
    for book in market.books:
        book.clear()
    assert walk(market._memory) == NOTHING
    assert market.order_count == 0


@pytest.mark.parametrize("convert", [lambda events: events, as_dbn], ids=["events", "dbn"])
def test_growth_from_the_smallest_capacity_is_exact_at_every_step(convert: object) -> None:
    count = 1_000
    sides = np.where(np.arange(count) % 2, "A", "B")
    steps = np.arange(count) * np.where(sides == "B", -1, 1)
    events = columns("A", sides, np.arange(count), TICK * (10**6 + steps * 97), 1 + np.arange(count) % 7)
    book = OrderBook(TICKED, orders=1)
    seen = set()
    for start in range(0, count, 50):
        book.apply(convert(events[start : start + 50]))  # type: ignore[operator]
        seen.add(tuple(len(book._memory.arrays[name]) for name in ("orders", "slots", "pages", "nodes")))
        assert book.order_count == start + 50
    assert len(seen) > 5
    assert_same(book, replayed(events, TICK))
    assert walk(book._memory).orders == count


def test_growth_in_the_middle_of_an_array_loses_nothing() -> None:
    count = 20_000
    events = columns("A", "B", np.arange(count), TICK * (np.arange(count) * 64 + 1), 3)
    book = OrderBook(TICKED, orders=1)
    book.apply(events)
    levels = book.levels("bid")
    assert levels["price"].tolist() == events["price"][::-1].tolist()
    assert set(levels["size"]) == {3}
    book.apply(columns("C", "N", np.arange(count), 0, 3))
    assert book.level_counts == (0, 0)
    assert walk(OrderBook(TICKED)._memory) == NOTHING


def test_a_cleared_book_has_given_everything_back() -> None:
    book = OrderBook(TICKED, orders=1)
    for kind in (LAST, LAST | MBP):
        spread = columns("A", ["B", "A"] * 500, np.arange(1000), TICK * (np.arange(1000) ** 3), 5, kind)
        book.apply(spread)
        assert sum(book.level_counts) == 1000
        assert walk(book._memory).pages > 500
        book.clear()
        assert walk(book._memory) == NOTHING
    reserved = book._memory.nbytes
    book.apply(spread)
    assert book._memory.nbytes == reserved


def test_emptied_levels_give_their_pages_back_without_a_clear() -> None:
    book = OrderBook(TICKED)
    ids = np.arange(500)
    book.apply(columns("A", "A", ids, TICK * 1000 * ids, 5))
    book.apply(columns("C", "A", ids, 0, 5))
    assert walk(book._memory) == NOTHING
    book.apply(columns("A", "B", ids, TICK * 1000 * ids, 5, LAST | MBP))
    book.clear()
    book.apply(columns("A", "B", ids, TICK * 1000 * ids, 5, LAST | MBP))
    book.apply(columns("C", "B", ids, TICK * 1000 * ids, 0, LAST | MBP))
    assert walk(book._memory) == NOTHING


def test_prices_that_drift_over_seven_orders_of_magnitude_need_no_more_memory() -> None:
    book = OrderBook(Instrument("D", tick_size="0.000001"))
    rounds = 40_000
    price = 1_000 * np.rint(np.geomspace(1e6, 1e13, rounds)).astype(np.int64)
    ids = np.arange(rounds)
    adds = columns("A", np.where(ids % 2, "A", "B"), ids, price + 1_000 * (ids % 2), 1)
    cancels = columns("C", "N", np.maximum(ids - 100, 0), 0, 1)
    tape = np.stack([adds, cancels], axis=1).reshape(-1)
    book.apply(tape)
    after_once = book._memory.nbytes
    assert after_once < 2**20
    book.clear()
    book.apply(tape)
    assert book._memory.nbytes == after_once
    assert book.order_count == 100
    assert book.orders("bid")["order_id"].tolist() == ids[-100:][::-1][1::2].tolist()
    used = walk(book._memory)
    assert used.pages <= 100
    assert used.nodes < 5 * used.pages


def test_a_walk_sees_a_broken_link() -> None:
    book = OrderBook(TICKED)
    book.apply(rows(("A", "B", 1, TICK, 5, LAST), ("A", "B", 2, TICK, 5, LAST)))
    walk(book._memory)
    for name, field in (("levels", "size"), ("orders", "prev"), ("sides", "best_key"), ("pages", "bits"), ("slots", "tag")):
        array = book._memory.arrays[name]
        at = int(np.flatnonzero(array[field])[-1])
        array[field][at] ^= 1 << 5
        with pytest.raises((AssertionError, IndexError)):
            walk(book._memory)
        array[field][at] ^= 1 << 5
    walk(book._memory)
