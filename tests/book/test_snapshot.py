"""Whole books as values: snapshots, and the events that rebuild them."""

from __future__ import annotations

import pickle

import pytest
from book_streams import TICK, columns, counted, rows, state

from tickdeck.book import OrderBook
from tickdeck.core import (
    EVENT,
    Instrument,
    UnknownInstrumentError,
    UsageError,
)
from tickdeck.soak.oracle import LAST, MAYBE_BAD_BOOK, SNAPSHOT


def test_snapshot_events_are_a_clear_and_adds_with_ids_in_queue_order(book: OrderBook) -> None:
    book.apply(rows(("T", "B", 0, 0, 1, LAST)))
    events = book.to_events(ts_event=77)
    assert [chr(action) for action in events["action"]] == list("RAAAA")
    assert events["order_id"].tolist() == [0, 1, 2, 3, 4]
    assert set(events["flags"][:-1]) == {SNAPSHOT}
    assert events["flags"][-1] == SNAPSHOT | LAST
    assert set(events["instrument_id"]) == {1}
    assert events.dtype == EVENT


def test_snapshot_events_of_an_empty_book_are_one_clear() -> None:
    events = OrderBook("D").to_events()
    assert [chr(action) for action in events["action"]] == ["R"]
    assert events["flags"].tolist() == [SNAPSHOT | LAST]


def test_a_snapshot_does_not_change_with_its_book(book: OrderBook) -> None:
    snapshot = book.snapshot()
    kept = pickle.dumps(snapshot)
    before = state(book)
    book.cancel(1)
    book.apply(rows(("Z", "B", 1, 0, 0, LAST | MAYBE_BAD_BOOK)))
    other = OrderBook(book.instrument).restore(pickle.loads(kept))
    assert state(other) == before
    assert state(book.restore(snapshot)) == before


def test_an_emptied_book_stays_what_it_was_through_a_snapshot() -> None:
    book = OrderBook("D")
    book.set_level("bid", TICK, 5)
    book.set_level("bid", TICK, 0)
    restored = OrderBook("D").restore(book.snapshot())
    assert restored.depth_kind == book.depth_kind == "L2"


def test_counts_of_other_instruments_are_restored() -> None:
    book = OrderBook("D")
    other = columns("A", "B", [1, 2], TICK)
    other["instrument_id"] = [1, 2]
    book.apply(other)
    assert counted(book) == {"other_instrument": 1}
    assert counted(OrderBook("D").restore(book.snapshot())) == {"other_instrument": 1}


def test_a_snapshot_of_another_instrument_is_refused(book: OrderBook) -> None:
    before = state(book)
    with pytest.raises(UnknownInstrumentError, match="the snapshot is of X"):
        book.restore(OrderBook("X").snapshot())
    assert state(book) == before


def test_a_snapshot_that_the_book_cannot_hold_is_refused_not_cut() -> None:
    fine = OrderBook("ACME")
    fine.add(1, "bid", "1.005", 5)
    coarse = OrderBook(Instrument("ACME", tick_size="0.01"))
    with pytest.raises(UsageError, match="multiples of the book's tick"):
        coarse.restore(fine.snapshot())
    assert len(coarse) == 0


def test_the_checksum_sees_every_part_of_a_book() -> None:
    def checksum(*orders: tuple[int, str, int, int]) -> int:
        made = OrderBook("D")
        for order_id, side, units, size in orders:
            made.add(order_id, side, units, size)
        return made.checksum()

    def level_checksum(side: str, units: int, size: int, count: int) -> int:
        made = OrderBook("D")
        made.set_level(side, units, size, count)
        return made.checksum()

    seen = [
        checksum(),
        checksum((1, "bid", TICK, 5)),
        checksum((1, "ask", TICK, 5)),
        checksum((2, "bid", TICK, 5)),
        checksum((1, "bid", -TICK, 5)),
        checksum((1, "bid", TICK, 6)),
        checksum((1, "bid", TICK, 5), (2, "bid", TICK, 5)),
        checksum((2, "bid", TICK, 5), (1, "bid", TICK, 5)),
        checksum((1, "bid", TICK, 5), (2, "ask", TICK, 5)),
        checksum((1, "bid", TICK, 5), (2, "bid", 2 * TICK, 5)),
        level_checksum("bid", TICK, 5, 1),
        level_checksum("bid", TICK, 5, 2),
        level_checksum("bid", TICK, 6, 1),
        level_checksum("bid", 2 * TICK, 5, 1),
        level_checksum("ask", TICK, 5, 1),
    ]
    assert len(set(seen)) == len(seen)


def test_the_checksum_does_not_see_how_a_book_came_about() -> None:
    book, other = OrderBook("D"), OrderBook(Instrument("E", tick_size="0.005", instrument_id=9), orders=10_000)
    for order_id in (1, 2, 3):
        book.add(order_id, "bid", TICK, 5)
    for order_id in (9, 1, 3, 2, 3):
        other.add(order_id, "bid", TICK, 7)
        other.modify(order_id, TICK, 5)
    other.cancel(9)
    assert book.checksum() == other.checksum()
    assert book.tick_size != other.tick_size
