"""Declared ticks refuse what lies between them; inferred ticks follow the prices of the book."""

from __future__ import annotations

import numpy as np
import pytest
from book_streams import TICK, assert_same, columns, rows, state
from memory_walk import walk

from tickdeck.book import Market, OrderBook
from tickdeck.core import UNDEF_PRICE, Instrument, price, unfixed
from tickdeck.soak.oracle import LAST, MBP, TOB, replayed


def prices(book: OrderBook, side: str = "bid") -> list[int]:
    found: list[int] = book.levels(side)["price"].tolist()
    return found


def test_a_declared_tick_refuses_and_counts_prices_between_its_steps() -> None:
    book = OrderBook(Instrument("D", tick_size="0.25"))
    for text in ("10.25", "10.26", "-0.25", "-0.1", "0", "0.000000001"):
        book.add(1, "bid", text, 5)
        book.cancel(1)
    assert book.stats["off_tick"] == 3
    assert book.stats["unknown_order"] == 3
    assert book.tick_size == price("0.25")


def test_a_modify_to_a_price_between_ticks_changes_nothing() -> None:
    book = OrderBook(Instrument("D", tick_size="0.25"))
    book.add(1, "bid", "10.25", 5)
    before = state(book)
    book.modify(1, "10.3", 3)
    assert book.stats["off_tick"] == 1
    assert {**state(book), "stats": None} == {**before, "stats": None}


@pytest.mark.parametrize("tick", [1, 7, 10**7, 2**12, 8191])
def test_every_multiple_of_a_tick_up_to_the_limit_is_a_price_and_its_neighbours_are_not(tick: int) -> None:
    rng = np.random.default_rng(tick)
    ticks = np.concatenate([rng.integers(0, 2 ** int(k), 40) for k in range(4, 51)] + [np.array([2**50 - 1, 2**50 - 2, 0])])
    ticks = np.unique(ticks[ticks < min(2**50, (2**63 - 1) // tick)])
    ticks = np.unique(np.concatenate([ticks, -ticks]))
    book = OrderBook(Instrument("D", tick_size=unfixed(tick, 9)))
    book.apply(columns("A", "B", np.arange(len(ticks)), ticks * tick))
    assert prices(book) == (ticks * tick).tolist()[::-1]
    assert not any(book.stats.values())
    if tick > 1:
        book.apply(columns("A", "B", np.arange(len(ticks)), ticks * tick + 1))
        assert book.stats["off_tick"] == len(ticks)


def test_a_price_beyond_the_reach_of_a_declared_tick_is_off_tick() -> None:
    book = OrderBook(Instrument("D", tick_size="0.000000001"))
    for units in (2**50 - 1, 2**50, -(2**50), 2**62, -(2**63), UNDEF_PRICE):
        book.add(7, "ask", units, 1)
    assert prices(book, "ask") == [2**50 - 1]
    assert book.stats["off_tick"] == 5


def test_no_tick_is_known_before_the_first_price() -> None:
    book = OrderBook("D")
    assert book.tick_size is None
    book.apply(rows(("C", "B", 1, TICK, 5, LAST), ("T", "B", 0, TICK + 1, 5, LAST), ("A", "B", 1, UNDEF_PRICE, 5, LAST)))
    assert book.tick_size is None
    book.add(1, "bid", "10", 5)
    assert book.tick_size == price("10")


def test_a_first_price_of_zero_makes_a_tick_of_one_that_is_refined_later() -> None:
    book = OrderBook("D")
    book.add(1, "bid", 0, 5)
    assert book.tick_size == price(1)
    book.add(2, "ask", "0.5", 5)
    assert book.tick_size == price("0.5")
    assert (prices(book), prices(book, "ask")) == ([0], [price("0.5")])


def test_the_tick_becomes_finer_as_prices_ask_for_it() -> None:
    book = OrderBook("D")
    for text, tick in (
        ("100", "100"),
        ("100.5", "0.5"),
        ("99.75", "0.25"),
        ("99", "0.25"),
        ("0.01", "0.01"),
        ("-7.003", "0.001"),
    ):
        book.add(1 + len(book), "bid", text, 1)
        assert book.tick_size == price(tick)
    assert prices(book) == [price(text) for text in ("100.5", "100", "99.75", "99", "0.01", "-7.003")]
    assert not any(book.stats.values())


def test_trades_and_fills_between_ticks_do_not_refine_it() -> None:
    book = OrderBook("D")
    book.apply(rows(("A", "B", 1, 10 * TICK, 9, LAST), ("T", "A", 0, TICK // 2, 9, 0), ("F", "B", 1, TICK // 2, 9, 0)))
    book.apply(rows(("C", "B", 1, TICK // 3, 9, LAST)))
    assert book.tick_size == 10 * TICK
    assert book.order_count == 0


def test_refinement_keeps_levels_queues_and_sizes() -> None:
    rng = np.random.default_rng(5)
    count = 3_000
    events = columns(
        "A",
        np.where(np.arange(count) % 2, "A", "B"),
        np.arange(count),
        4 * TICK * rng.integers(-300, 300, count),
        1 + np.arange(count) % 5,
    )
    book = OrderBook("D", orders=1)
    book.apply(events)
    assert book.tick_size == 4 * TICK
    before = [book.orders(side)[["order_id", "price", "size"]].tolist() for side in "BA"]
    checksum = book.checksum()
    for i, fine in enumerate((2 * TICK, TICK, TICK // 8)):
        book.add(10**6 + i, "bid", fine, 1)
        assert book.tick_size == fine
        book.cancel(10**6 + i)
        assert [book.orders(side)[["order_id", "price", "size"]].tolist() for side in "BA"] == before
        assert book.checksum() == checksum
        assert walk(book._memory).orders == count
    place = book.queue_position(int(book.orders("bid")[-1]["order_id"]))
    assert place is not None
    assert place.orders == book.levels("bid")[-1]["count"] - 1


def test_refinement_keeps_whole_levels() -> None:
    book = OrderBook("D")
    for i in range(1, 200):
        book.set_level("bid", 64 * TICK * i, i, count=i % 3)
        book.set_level("ask", 64 * TICK * (i + 200), i)
    before = [book.levels(side)[["price", "size", "count"]].tolist() for side in "BA"]
    book.set_level("ask", 64 * TICK * 500 + 1, 1)
    assert book.tick_size == 1
    book.set_level("ask", 64 * TICK * 500 + 1, 0)
    assert [book.levels(side)[["price", "size", "count"]].tolist() for side in "BA"] == before
    assert book.depth_kind == "L2"
    walk(book._memory)


def test_refinement_of_one_book_leaves_the_others_alone() -> None:
    market = Market()
    events = columns("A", "B", np.arange(10), [100 * TICK, 200 * TICK] * 5)
    events["instrument_id"] = np.arange(10) % 2
    market.apply(events)
    market.book(1).add(99, "ask", 200 * TICK + 3, 1)
    assert (market.book(0).tick_size, market.book(1).tick_size) == (100 * TICK, 1)
    walk(market._memory)


def test_a_book_that_reads_ahead_is_the_book_that_does_not() -> None:
    grid = [1_000 * TICK, 3_000 * TICK, 250 * TICK, 9 * 10**18, 7, 2**62, 6 * TICK]
    events = rows(*(("A" if i % 3 else "M", "BA"[i % 2], i % 5, units, 1 + i, LAST) for i, units in enumerate(grid * 3)))
    whole, stepped = OrderBook("D"), OrderBook("D")
    whole.apply(events)
    for i in range(len(events)):
        stepped.apply(events[i : i + 1])
    oracle = replayed(events)
    assert_same(whole, oracle)
    assert_same(stepped, oracle)
    assert oracle.stats["off_tick"] > 0


def test_a_price_that_no_grid_holds_is_refused_and_counted_each_time() -> None:
    book = OrderBook("D")
    book.add(1, "bid", 1, 5)
    for _ in range(3):
        book.add(2, "ask", 2**62, 5)
    assert book.stats["off_tick"] == 3
    assert (book.tick_size, prices(book), prices(book, "ask")) == (1, [1], [])


def test_a_refused_price_is_taken_when_the_prices_in_its_way_are_gone() -> None:
    book = OrderBook("D")
    book.add(1, "bid", 1, 5)
    book.add(2, "ask", 2**62, 5)
    book.cancel(1)
    book.add(2, "ask", 2**62, 5)
    assert prices(book, "ask") == [2**62]
    book.add(3, "bid", 1, 5)
    assert prices(book) == []
    book.clear()
    book.add(3, "bid", 1, 5)
    assert prices(book) == [1]
    assert book.stats["off_tick"] == 2


def test_a_price_refused_in_one_book_is_taken_in_another() -> None:
    market = Market()
    events = rows(("A", "B", 1, 1, 5, LAST), ("A", "A", 2, 2**62, 5, LAST), ("A", "A", 2, 2**62, 5, LAST))
    events["instrument_id"] = [1, 1, 2]
    market.apply(events)
    assert market.book(1).stats["off_tick"] == 1
    assert market.book(2).stats["off_tick"] == 0
    assert prices(market.book(2), "ask") == [2**62]


@pytest.mark.parametrize("units", [-(2**63), -(2**63) + 1, 2**63 - 2, 2**62])
def test_extreme_prices_are_prices(units: int) -> None:
    book = OrderBook("D")
    book.add(1, "bid", units, 5)
    book.add(2, "ask", 0, 5)
    assert (prices(book), prices(book, "ask")) == ([units], [0])
    assert book.orders_at("bid", units)["order_id"].tolist() == [1]


def test_an_undefined_price_is_no_price_and_empties_a_side_of_top_of_book() -> None:
    book = OrderBook("D")
    book.apply(rows(("A", "B", 1, UNDEF_PRICE, 5, LAST), ("A", "B", 1, UNDEF_PRICE, 5, LAST | MBP)))
    assert (book.stats["off_tick"], book.depth_kind) == (2, None)
    book.apply(rows(("A", "B", 3, TICK, 5, LAST | TOB), ("A", "B", 0, UNDEF_PRICE, 0, LAST | TOB)))
    assert (book.best_bid, book.depth_kind) == (None, "L2")
    assert book.stats["off_tick"] == 2
