"""What each action does to a book, and which anomalies are counted."""

from __future__ import annotations

import pytest
from book_streams import TICK, counted, rows, state

from tickdeck.book import Best, OrderBook, QueuePosition
from tickdeck.core import (
    Instrument,
    price,
)
from tickdeck.soak.oracle import LAST, MAYBE_BAD_BOOK, MBP, SNAPSHOT, TOB


def queue(book: OrderBook, text: str = "1.00", side: str = "bid") -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = book.orders_at(side, text)[["order_id", "size"]].tolist()
    return found


def test_size_increase_loses_priority(book: OrderBook) -> None:
    book.modify(1, "1.00", 11)
    assert queue(book) == [(2, 10), (3, 10), (1, 11)]


@pytest.mark.parametrize("size", [10, 9, 1])
def test_equal_or_smaller_size_keeps_priority(book: OrderBook, size: int) -> None:
    book.modify(1, "1.00", size)
    assert queue(book) == [(1, size), (2, 10), (3, 10)]


def test_price_change_loses_priority_even_there_and_back(book: OrderBook) -> None:
    book.modify(1, "0.99", 5)
    assert queue(book, "0.99") == [(1, 5)]
    book.modify(1, "1.00", 5)
    assert queue(book) == [(2, 10), (3, 10), (1, 5)]


def test_partial_cancel_keeps_priority(book: OrderBook) -> None:
    book.cancel(2, 4)
    assert queue(book) == [(1, 10), (2, 6), (3, 10)]
    assert book.queue_position(3) == QueuePosition(orders=2, size=16)


def test_modify_to_size_zero_removes(book: OrderBook) -> None:
    book.modify(2, "1.00", 0)
    assert queue(book) == [(1, 10), (3, 10)]
    assert not counted(book)


def test_cancel_without_a_size_takes_the_whole_order(book: OrderBook) -> None:
    book.cancel(2)
    assert queue(book) == [(1, 10), (3, 10)]
    assert not counted(book)


def test_trades_fills_and_status_changes_change_nothing(book: OrderBook) -> None:
    before = state(book)
    book.apply(rows(*((action, "B", 1, TICK // 3, 5, LAST) for action in "TFN")))
    assert state(book) == before


def test_clear_empties_and_keeps_the_counts(book: OrderBook) -> None:
    book.cancel(99)
    book.clear()
    assert (len(book), book.best_bid, book.best_ask, book.depth_kind) == (0, None, None, None)
    assert counted(book) == {"unknown_order": 1}
    book.add(1, "bid", "1.00", 5)
    assert counted(book) == {"unknown_order": 1}


def test_add_of_a_live_id_replaces_it_at_the_tail(book: OrderBook) -> None:
    book.add(1, "bid", "1.00", 10)
    assert queue(book) == [(2, 10), (3, 10), (1, 10)]
    book.add(2, "ask", "1.05", 1)
    assert queue(book, "1.05", "ask") == [(4, 7), (2, 1)]
    assert counted(book) == {"duplicate_order": 2}


def test_unknown_cancel_is_counted(book: OrderBook) -> None:
    before = state(book)
    book.cancel(99, 5)
    book.cancel(99)
    assert counted(book) == {"unknown_order": 2}
    assert {**state(book), "stats": 0} == {**before, "stats": 0}


def test_unknown_modify_is_counted_and_adds_where_its_side_is_known(book: OrderBook) -> None:
    book.modify(99, "1.00", 5, side="bid")
    assert queue(book)[-1] == (99, 5)
    assert counted(book) == {"unknown_order": 1}
    book.modify(98, "1.00", 5)
    assert counted(book) == {"unknown_order": 2, "bad_side": 1}
    assert book.order_count == 5


def test_cancel_of_more_than_there_is_removes_and_is_counted(book: OrderBook) -> None:
    book.cancel(1, 11)
    assert queue(book) == [(2, 10), (3, 10)]
    assert counted(book) == {"overfilled": 1}


@pytest.mark.parametrize(("action", "size"), [("A", 0), ("A", -1), ("C", 0), ("C", -1), ("M", -1)])
def test_a_size_that_cannot_be_is_counted_and_skipped(book: OrderBook, action: str, size: int) -> None:
    before = state(book)
    book.apply(rows((action, "B", 1 if action != "A" else 50, price("1.00"), size, LAST)))
    assert counted(book) == {"negative_size": 1}
    assert {**state(book), "stats": 0} == {**before, "stats": 0}


def test_an_add_without_a_side_is_counted_and_skipped(book: OrderBook) -> None:
    book.apply(rows(("A", "N", 50, price("1.00"), 5, LAST), ("A", "X", 50, price("1.00"), 5, LAST)))
    assert counted(book) == {"bad_side": 2}
    assert book.order(50) is None


def test_a_modify_to_the_other_side_is_counted_and_moves_the_order(book: OrderBook) -> None:
    book.modify(1, "1.05", 3, side="ask")
    assert queue(book, "1.05", "ask") == [(4, 7), (1, 3)]
    assert counted(book) == {"bad_side": 1}


def test_a_modify_without_a_side_keeps_the_order_s_own(book: OrderBook) -> None:
    book.modify(4, "1.06", 3)
    assert queue(book, "1.06", "ask") == [(4, 3)]
    assert not counted(book)


def test_an_unknown_action_is_counted(book: OrderBook) -> None:
    book.apply(rows(("Z", "B", 1, 0, 0, LAST)))
    assert counted(book) == {"unknown_action": 1}


def test_a_gap_makes_the_book_stale_until_it_is_cleared(book: OrderBook) -> None:
    book.apply(rows(("T", "B", 1, 0, 0, LAST | MAYBE_BAD_BOOK)))
    assert book.is_stale
    book.add(9, "bid", "1.00", 1)
    assert book.is_stale
    book.clear()
    assert not book.is_stale
    book.apply(rows(("T", "B", 1, 0, 0, MAYBE_BAD_BOOK), ("R", "N", 0, 0, 0, SNAPSHOT | MAYBE_BAD_BOOK)))
    assert not book.is_stale
    assert counted(book) == {"sequence_gap": 3}


def test_crossed_and_locked_are_counted_at_the_end_of_groups_outside_snapshots(book: OrderBook) -> None:
    for flags in (0, SNAPSHOT, SNAPSHOT | LAST):
        book.apply(rows(("A", "B", 50, price("1.06"), 5, flags), ("C", "B", 50, 0, 5, 0)))
    assert not counted(book)
    book.apply(rows(("A", "B", 50, price("1.06"), 5, LAST), ("T", "B", 0, 0, 5, LAST), ("C", "B", 50, 0, 5, LAST)))
    assert counted(book) == {"crossed": 2}
    book.apply(rows(("A", "B", 50, price("1.05"), 5, 0), ("T", "B", 0, 0, 5, LAST), ("C", "B", 50, 0, 5, LAST)))
    assert counted(book) == {"crossed": 2, "locked": 1}


def test_spread_says_whether_the_book_is_crossed(book: OrderBook) -> None:
    assert (book.spread, book.is_crossed) == (price("0.05"), False)
    book.add(50, "bid", "1.06", 5)
    assert (book.spread, book.is_crossed) == (price("-0.01"), True)
    book.clear()
    assert (book.spread, book.is_crossed) == (None, False)


def test_level_events_set_whole_levels() -> None:
    book = OrderBook(Instrument("ACME", tick_size="0.01"))
    book.set_level("bid", "1.00", 30, count=3)
    book.set_level("bid", "0.99", 5)
    book.set_level("bid", "1.00", 20, count=2)
    assert book.levels("bid")[["price", "size", "count"]].tolist() == [(price("1.00"), 20, 2), (price("0.99"), 5, 0)]
    book.set_level("bid", "1.00", 0)
    assert book.best_bid == Best(price("0.99"), 5, 0)
    assert (book.depth_kind, book.order_count, len(book.orders("bid"))) == ("L2", 0, 0)
    assert len(book.orders_at("bid", "0.99")) == 0


def test_a_cancel_of_a_level_removes_it_whatever_its_size() -> None:
    book = OrderBook("D")
    book.set_level("ask", 5 * TICK, 9)
    book.apply(rows(("C", "A", 0, 5 * TICK, 3, LAST | MBP)))
    assert book.best_ask is None


def test_top_of_book_replaces_its_side_only() -> None:
    book = OrderBook("D")
    for k in range(1, 4):
        book.set_level("bid", k * TICK, k)
        book.set_level("ask", (k + 5) * TICK, k)
    book.apply(rows(("A", "B", 0, 2 * TICK, 50, LAST | TOB)))
    assert book.levels("bid")[["price", "size"]].tolist() == [(2 * TICK, 50)]
    assert len(book.levels("ask")) == 3
    assert not counted(book)


def test_order_events_and_level_events_do_not_mix(book: OrderBook) -> None:
    book.set_level("bid", "1.00", 30)
    assert counted(book) == {"mixed_depth": 1}
    book.clear()
    book.set_level("bid", "1.00", 30)
    book.add(1, "bid", "1.00", 5)
    book.cancel(1, 5)
    book.modify(1, "1.00", 5)
    assert counted(book) == {"mixed_depth": 4}
    assert book.best_bid == Best(price("1.00"), 30, 0)
