"""Books fed with random streams are, after every event, what a plain-Python book is."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from book_streams import ROOMY, TICK, as_dbn, assert_same, churn, examples, rows, state, streams
from hypothesis import given
from hypothesis import strategies as st

from tickdeck.book import Market, OrderBook
from tickdeck.book.kernels import replay
from tickdeck.core import BBO, Instrument, Records
from tickdeck.soak.oracle import LAST, OracleMarket, replayed

DECLARED = Instrument("D", tick_size="0.01", instrument_id=1)
TICKS = pytest.mark.parametrize("tick_size", [TICK, None], ids=["declared", "inferred"])


def book_of(tick_size: int | None, orders: int = 1) -> OrderBook:
    return OrderBook(Instrument("D", tick_size=None if tick_size is None else "0.01", instrument_id=1), orders=orders)


def single(book: OrderBook, event: np.void) -> None:
    """One event by the path of calls from Python."""
    handle, index = book.handle
    action, side, flags, price, size = (int(event[name]) for name in ("action", "side", "flags", "price", "size"))
    order_id = event["order_id"].astype(np.int64)
    while reason := replay.single(handle, index, action, side, flags, order_id, price, size):
        book.mend(int(reason), int(event["price"]))


@examples(150)
@given(streams(instruments=(1, 2, 7), most=50))
def test_every_book_of_a_market_equals_the_oracle_after_every_event(events: Records) -> None:
    market, oracle = Market([DECLARED], orders=1), OracleMarket({1: TICK})
    bbo = np.zeros(1, BBO)
    for i in range(len(events)):
        market.apply(events[i : i + 1], bbo)
        book = oracle.apply(events[i])
        assert tuple(map(int, bbo[0])) == book.bbo()
        assert_same(market.book(int(events[i]["instrument_id"])), book)
    for (publisher, number), book in oracle.books.items():
        assert_same(market.book(number, publisher), book)


@TICKS
@examples(75)
@given(events=streams(most=60), cuts=st.lists(st.integers(0, 60), max_size=5))
def test_chunks_one_array_and_single_calls_lead_to_the_same_book(tick_size: int | None, events: Records, cuts: list[int]) -> None:
    whole, chunked, called = (book_of(tick_size, orders) for orders in (1, ROOMY, 1))
    oracle = replayed([], tick_size)
    expected = []
    for event in events:
        single(called, event)
        oracle.apply(event)
        expected.append(oracle.bbo())
    bbo = np.zeros(len(events), BBO)
    assert whole.apply(events, bbo) == len(events)
    assert bbo.tolist() == expected
    assert_same(whole, oracle)
    marks = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    for start, end in itertools.pairwise(marks):
        part = np.zeros(end - start, BBO)
        chunked.apply(events[start:end], part)
        assert part.tolist() == expected[start:end]
    assert state(whole) == state(chunked) == state(called)


@TICKS
@examples(50)
@given(events=streams(most=60, dbn=True))
def test_dbn_records_lead_to_the_same_book_as_events(tick_size: int | None, events: Records) -> None:
    one, other = book_of(tick_size), book_of(tick_size)
    bbo, packed_bbo = np.zeros((2, len(events)), BBO)
    one.apply(events, bbo)
    other.apply(as_dbn(events), packed_bbo)
    assert state(one) == state(other)
    assert np.array_equal(bbo, packed_bbo)


@TICKS
@examples(50)
@given(events=streams(most=60))
def test_a_book_rebuilt_from_its_events_is_the_same_book(tick_size: int | None, events: Records) -> None:
    book, rebuilt = book_of(tick_size), book_of(tick_size)
    book.apply(events)
    snapshot = book.to_events(ts_event=5)
    rebuilt.apply(snapshot)
    assert set(snapshot["ts_event"]) == {5}
    assert rebuilt.checksum() == book.checksum()
    assert state(rebuilt)["levels"] == state(book)["levels"]
    assert state(rebuilt)["orders"] == state(book)["orders"]
    assert not any(rebuilt.stats.values())
    assert snapshot["flags"][-1] & LAST
    assert not (snapshot["flags"][:-1] & LAST).any()


@TICKS
@examples(50)
@given(before=streams(most=40), after=streams(most=20), dirt=streams(most=20))
def test_a_restored_book_goes_on_like_the_one_it_was_taken_from(
    tick_size: int | None, before: Records, after: Records, dirt: Records
) -> None:
    book, restored = book_of(tick_size), book_of(tick_size)
    book.apply(before)
    restored.apply(dirt)
    restored.restore(pickle.loads(pickle.dumps(book.snapshot())))
    assert state(restored) == state(book)
    book.apply(after)
    restored.apply(after)
    assert state(restored) == state(book)


@examples(30)
@given(streams(instruments=(1, 2), most=40))
def test_a_book_of_one_instrument_counts_and_skips_the_events_of_others(events: Records) -> None:
    book = OrderBook("first")
    mine = events["instrument_id"] == events[0]["instrument_id"]
    bbo = np.zeros(len(events), BBO)
    book.apply(events, bbo)
    oracle = replayed(events[mine])
    oracle.stats["other_instrument"] = int((~mine).sum())
    assert_same(book, oracle)
    assert set(bbo[~mine].tolist()) <= {(2**63 - 1, 2**63 - 1, 0, 0)}
    assert book.ids == (0, int(events[0]["instrument_id"]))


@examples(100)
@given(streams(most=30), streams(most=30))
def test_checksums_differ_where_books_differ_and_only_there(one: Records, other: Records) -> None:
    books = [book_of(None), book_of(TICK)]
    books[0].apply(one)
    books[1].apply(other)
    first, second = (state(book) for book in books)
    same = first["levels"] == second["levels"] and first["orders"] == second["orders"]
    assert (first["checksum"] == second["checksum"]) == same


@pytest.mark.parametrize("orders", [1, ROOMY])
def test_a_long_tape_over_three_books_equals_the_oracle(orders: int) -> None:
    events = churn(1500, seed=1)
    market, oracle = Market([DECLARED], orders=orders), OracleMarket({1: TICK})
    bbo = np.zeros(len(events), BBO)
    market.apply(events, bbo)
    expected = [oracle.apply(event).bbo() for event in events]
    assert bbo.tolist() == expected
    for (_, number), book in oracle.books.items():
        assert_same(market.book(number), book)
    assert sum(book.order_count for book in market.books) == market.order_count > 100


def test_an_empty_array_changes_nothing() -> None:
    book = book_of(TICK)
    assert book.apply(rows()) == 0
    assert book.apply(rows(), np.zeros(0, BBO)) == 0
    assert book.best_bid is None
