"""A market finds the book of every event."""

from __future__ import annotations

import numpy as np
import pytest
from book_streams import TICK, columns, rows

from tickdeck.book import Market, OrderBook
from tickdeck.core import BBO, Instrument, Records, UnknownInstrumentError, price
from tickdeck.soak.oracle import LAST


def of(number: int, publisher: int = 0, units: int = TICK) -> Records:
    """One add of an instrument."""
    event = rows(("A", "B", 1, units, 5, LAST))
    event["instrument_id"], event["publisher_id"] = number, publisher
    return event


def test_books_appear_with_their_first_event_in_order() -> None:
    market = Market()
    for number in (7, 3, 2**32 - 1, 0):
        market.apply(of(number))
    assert [book.instrument.instrument_id for book in market.books] == [7, 3, 2**32 - 1, 0]
    assert [book.instrument.symbol for book in market.books] == ["#7", "#3", f"#{2**32 - 1}", "#0"]
    assert len(market) == 4
    assert repr(market) == "<Market of 4 books, 4 orders>"


def test_any_event_makes_a_book_also_one_that_changes_nothing() -> None:
    market = Market()
    market.apply(rows(("T", "B", 0, 0, 1, LAST)))
    assert len(market) == 1
    assert market.book(1).depth_kind is None


def test_declared_instruments_bring_their_symbol_and_tick() -> None:
    market = Market([Instrument("ES", tick_size="0.25", instrument_id=5), Instrument("NQ", instrument_id=6, publisher_id=9)])
    for event in (of(5), of(5, 3, price("0.5")), of(6), of(6, 9)):
        market.apply(event)
    assert [book.instrument.symbol for book in market.books] == ["ES", "ES", "#6", "NQ"]
    assert market.stats["off_tick"] == 1
    assert [book.order_count for book in market.books] == [0, 1, 1, 1]
    assert market.book("NQ").ids == (9, 6)


def test_an_instrument_that_is_declared_later_is_seen() -> None:
    known: dict[int, Instrument] = {}
    market = Market(known.values())
    market.apply(of(1))
    known[2] = Instrument("LATE", tick_size="0.01", instrument_id=2)
    market.apply(of(2))
    assert market.book("LATE").tick_size == price("0.01")


def test_books_are_found_by_id_symbol_and_instrument() -> None:
    listed = Instrument("ES", tick_size="0.01", instrument_id=5)
    market = Market([listed])
    market.apply(of(5, 2))
    book = market.book(5)
    assert book is market.book("ES") is market.book(listed) is market.book(5, publisher_id=2)
    for wrong in (6, "NQ"):
        with pytest.raises(UnknownInstrumentError, match=f"no book of instrument {wrong}; the market has ES"):
            market.book(wrong)
    with pytest.raises(UnknownInstrumentError, match="the market has none"):
        Market().book(1)


def test_a_symbol_of_two_publishers_needs_the_publisher() -> None:
    market = Market()
    market.apply(of(5, 2))
    market.apply(of(5, 3))
    with pytest.raises(UnknownInstrumentError, match="books of publishers 2, 3; name one"):
        market.book(5)
    assert market.book(5, 3).ids == (3, 5)
    assert market.book(Instrument("x", instrument_id=5, publisher_id=2)).ids == (2, 5)


def test_publishers_have_books_of_their_own() -> None:
    market = Market()
    for publisher, size in ((1, 5), (2, 7)):
        event = of(9, publisher)
        event["size"] = size
        market.apply(event)
    assert [market.book(9, publisher).best_bid.size for publisher in (1, 2)] == [5, 7]  # type: ignore[union-attr]


def test_events_of_thousands_of_instruments_find_their_books() -> None:
    count = 3_000
    events = columns("A", "B", np.arange(4 * count), TICK * (1 + np.arange(4 * count) % 50))
    numbers = np.random.default_rng(4).permutation(4 * count) % count * 2_654_435 % 2**32
    events["instrument_id"] = numbers
    events["publisher_id"] = numbers % 3
    bbo = np.zeros(len(events), BBO)
    market = Market(orders=1)
    market.apply(events, bbo)
    assert len(market) == count
    for book in market.books[::101]:
        mine = events[events["instrument_id"] == book.instrument.instrument_id]
        assert sorted(book.orders("bid")["order_id"].tolist()) == mine["order_id"].tolist()
    last = {int(number): i for i, number in enumerate(numbers)}
    for number in list(last)[::101]:
        best = market.book(number).best_bid
        assert best is not None
        assert bbo[last[number]].tolist() == (best.price, 2**63 - 1, best.size, 0)


def test_a_book_takes_the_instrument_that_it_names() -> None:
    book = OrderBook(Instrument("D", instrument_id=4, publisher_id=2))
    for event in (of(4, 1), of(5, 2), of(4, 2), of(4, 2)):
        book.apply(event)
    assert book.stats["other_instrument"] == 2
    assert (book.order_count, book.ids) == (1, (2, 4))


def test_a_book_without_ids_takes_the_first_instrument_it_meets() -> None:
    book = OrderBook("D")
    assert book.ids is None
    book.add(50, "ask", 9 * TICK, 1)
    for event in (of(4, 1), of(4, 2), of(4, 1, 2 * TICK)):
        book.apply(event)
    assert book.ids == (1, 4)
    assert (book.order_count, book.stats["other_instrument"], book.stats["duplicate_order"]) == (2, 1, 1)


def test_stats_of_a_market_are_the_sum_of_its_books() -> None:
    market = Market()
    for number in (1, 2, 2):
        event = of(number)
        event["action"] = ord("C")
        market.apply(event)
    assert market.stats["unknown_order"] == 3
    assert sum(market.stats.values()) == 3
    assert market.book(2).stats["unknown_order"] == 2
