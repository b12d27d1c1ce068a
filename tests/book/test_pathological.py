"""Shapes of books and flows that break lesser structures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from book_streams import TICK, assert_same, colliding_ids, columns, rows, state
from memory_walk import walk

from tickdeck.book import Market, OrderBook
from tickdeck.book.kernels.index import BOOK_SALT
from tickdeck.book.kernels.layout import PROBE_LIMIT
from tickdeck.book.pools import _multiplier
from tickdeck.core import BBO, Instrument
from tickdeck.soak.oracle import LAST, replayed

TICKED = Instrument("D", tick_size="0.01", instrument_id=1)
MANY = 200_000


def test_stub_quotes_at_both_ends_of_the_range_cost_a_few_nodes() -> None:
    tick = 100_000
    stubs = [("B", 1), ("A", 1_999_999_999), ("B", -1_999_999_999), ("A", 9 * 10**13), ("B", -9 * 10**13)]
    ladder = [("B", 10**6 - k) for k in range(50)] + [("A", 10**6 + 1 + k) for k in range(50)]
    events = rows(*(("A", side, i, ticks * tick, i + 1, LAST) for i, (side, ticks) in enumerate(stubs + ladder)))
    book = OrderBook(Instrument("D", tick_size="0.0001"))
    bbo = np.zeros(len(events), BBO)
    book.apply(events, bbo)
    assert_same(book, replayed(events, tick))
    assert bbo[-1].tolist() == (10**6 * tick, (10**6 + 1) * tick, len(stubs) + 1, len(stubs) + 51)
    assert walk(book._memory).nodes < 60
    book.apply(rows(*(("C", "N", i, 0, i + 1, LAST) for i in range(len(stubs), len(events)))))
    assert book.levels("bid")["price"].tolist() == [ticks * tick for ticks in (1, -1_999_999_999, -9 * 10**13)]
    assert book.levels("ask")["price"].tolist() == [ticks * tick for ticks in (1_999_999_999, 9 * 10**13)]


def test_prices_around_and_below_zero_stay_in_order() -> None:
    book = OrderBook(TICKED)
    ticks = np.random.default_rng(1).permutation(np.arange(-5_000, 5_000))
    for side in "BA":
        book.clear()
        book.apply(columns("A", side, np.arange(len(ticks)), ticks * TICK, 1 + np.arange(len(ticks)) % 9))
        levels = book.levels(side)
        expected = np.sort(ticks)[::-1] if side == "B" else np.sort(ticks)
        assert levels["price"].tolist() == (expected * TICK).tolist()
        sizes = dict(zip(ticks.tolist(), (1 + np.arange(len(ticks)) % 9).tolist()))
        assert levels["size"].tolist() == [sizes[tick] for tick in expected.tolist()]
    book.apply(columns("A", "B", 10**6 + np.arange(2), [-5001 * TICK, -5002 * TICK]))
    assert book.spread == TICK


def test_a_level_with_very_many_orders_keeps_its_queue() -> None:
    book = OrderBook(TICKED)
    ids = np.arange(MANY)
    sizes = 1 + ids % 13
    book.apply(columns("A", "B", ids, TICK, sizes))
    assert book.best_bid == (TICK, sizes.sum(), MANY)
    place = book.queue_position(MANY - 1)
    assert place == (MANY - 1, sizes[:-1].sum())

    gone = ids % 3 == 1
    smaller = (ids % 3 == 2) & (sizes > 1)
    larger = ids % 30 == 0
    book.apply(columns("C", "N", ids[gone], 0, sizes[gone]))
    book.apply(columns("M", "B", ids[smaller], TICK, 1))
    book.apply(columns("M", "B", ids[larger], TICK, sizes[larger] + 100))

    stays = ~gone & ~larger
    queue = np.concatenate([ids[stays], ids[larger]])
    left = np.concatenate([np.where(smaller, 1, sizes)[stays], sizes[larger] + 100])
    held = book.orders_at("bid", TICK)
    assert held["order_id"].tolist() == queue.tolist()
    assert held["size"].tolist() == left.tolist()
    for at in (0, 1, len(queue) // 2, len(queue) - 1):
        assert book.queue_position(int(queue[at])) == (at, left[:at].sum())
    assert book.queue_position(1) is None
    assert book.best_bid == (TICK, left.sum(), len(queue))


def test_very_many_levels_of_one_order_stay_in_order() -> None:
    book = OrderBook(TICKED)
    ids = np.arange(MANY)
    ticks = np.random.default_rng(2).permutation(ids) * 5
    book.apply(columns("A", "A", ids, ticks * TICK, 1 + ids))
    by_price = np.argsort(ticks)
    assert book.orders("ask")["order_id"].tolist() == by_price.tolist()
    assert book.level_counts == (0, MANY)
    book.apply(columns("C", "A", by_price[: MANY // 2], 0, 1 + by_price[: MANY // 2]))
    assert book.orders("ask")["order_id"].tolist() == by_price[MANY // 2 :].tolist()
    assert book.best_ask == (int(ticks[by_price[MANY // 2]]) * TICK, 1 + by_price[MANY // 2], 1)


def longest_probe(market: Market) -> int:
    """Most slots between an order's home and its place."""
    memory = market._memory
    shift = int(memory.header[0]["index_shift"]) - 32
    taken = np.flatnonzero(memory.arrays["slots"]["order"])
    home = memory.arrays["slots"]["tag"][taken].astype(np.int64) >> shift
    return int(((taken - home) % len(memory.arrays["slots"])).max())


def test_ids_made_to_collide_are_hashed_anew() -> None:
    market, calm = Market([TICKED]), Market([TICKED])
    for each in (market, calm):
        each.apply(columns("A", "B", 5, TICK))
    book = market.book(1)
    attempts = set()
    for wave in range(4):
        attempt = market._memory._attempt
        ids = np.array(colliding_ids(book, 5_000, attempt), np.uint64)
        order = np.arange(len(ids)) + 10_000 * wave
        prices = TICK * (order % 50)
        market.apply(columns("A", "B", ids, prices, 1 + order % 7))
        calm.apply(columns("A", "B", 100 + order, prices, 1 + order % 7))
        market.apply(columns("C", "B", ids[::3], 0, 1))
        calm.apply(columns("C", "B", (100 + order)[::3], 0, 1))
        assert longest_probe(market) <= PROBE_LIMIT
        attempts.add(market._memory._attempt)
        seen, expected = book.orders("bid"), calm.book(1).orders("bid")
        assert seen[["price", "size"]].tolist() == expected[["price", "size"]].tolist()
        found = book.order(int(ids[1]))
        assert found is not None
        assert found["price"] == prices[1]
    assert len(attempts) == 4
    assert not any(market.stats.values())
    walk(market._memory)


def test_colliding_ids_are_hashed_anew_for_single_calls_too() -> None:
    book = OrderBook(TICKED)
    ids = colliding_ids(book, 600)
    for i, order_id in enumerate(ids):
        book.add(order_id, "bid", TICK, 1 + i)
    assert book._memory._attempt > 0
    assert book.orders("bid")["order_id"].tolist() == ids
    for order_id in ids[::2]:
        book.cancel(order_id)
    assert book.orders("bid")["order_id"].tolist() == ids[1::2]
    walk(book._memory)


@pytest.mark.parametrize("order_id", [0, 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_every_64_bit_id_is_an_id_like_any_other(order_id: int) -> None:
    book, called = OrderBook(TICKED), OrderBook(TICKED)
    book.apply(rows(("A", "B", order_id, TICK, 5, LAST), ("M", "B", order_id, 2 * TICK, 4, LAST)))
    called.add(order_id, "bid", TICK, 5)
    called.modify(order_id, 2 * TICK, 4)
    assert state(book) == state(called)
    assert book.orders("bid")["order_id"].tolist() == [order_id]
    found = book.order(order_id)
    assert found is not None
    assert int(found["order_id"]) == order_id
    assert book.order(order_id ^ 1) is None
    assert book.queue_position(order_id) == (0, 0)
    book.apply(rows(("C", "B", order_id, 0, 4, LAST)))
    called.cancel(order_id)
    assert book.best_bid is None
    assert state(book) == state(called)
    assert not any(book.stats.values())


def test_the_same_ids_in_two_books_are_different_orders() -> None:
    market = Market([TICKED, Instrument("E", tick_size="0.01", instrument_id=2)])
    ids = np.arange(1000)
    one, two = columns("A", "B", ids, TICK * (ids % 7), 1), columns("A", "A", ids, TICK * (ids % 5), 2)
    two["instrument_id"] = 2
    market.apply(np.stack([one, two], axis=1).reshape(-1))
    cancel = columns("C", "N", ids[::2], 0, 2)
    cancel["instrument_id"] = 2
    market.apply(cancel)
    assert market.book(1).order_count == 1000
    assert market.book(2).order_count == 500
    assert market.book(1).order(4)["price"] == 4 * TICK  # type: ignore[index]
    assert market.book(2).order(4) is None
    assert market.book(2).order(5)["size"] == 2  # type: ignore[index]
    walk(market._memory)


def test_an_id_whose_hash_looks_the_same_in_two_books_is_two_orders() -> None:
    order_id, books = 0xADB1FD78F8A9FBB5, (2, 3)
    word, multiplier = 2**64 - 1, _multiplier(0)
    tags = {((order_id ^ (book * int(BOOK_SALT) & word)) * multiplier & word) >> 32 for book in books}
    assert len(tags) == 1
    market = Market()
    for number in (1, 2, 3):
        event = columns("T", "B", 0, 0)
        event["instrument_id"] = number
        market.apply(event)
    assert [market.book(number).handle[1] for number in (2, 3)] == list(books)
    for number in (2, 3):
        market.book(number).add(order_id, "bid", number * TICK, number)
    for number in (2, 3):
        assert market.book(number).orders("bid")[["order_id", "price", "size"]].tolist() == [(order_id, number * TICK, number)]
        assert market.book(number).order(order_id)["size"] == number  # type: ignore[index]
    walk(market._memory)
    market.book(2).cancel(order_id)
    assert market.book(2).order(order_id) is None
    assert market.book(3).queue_position(order_id) == (0, 0)
    assert not any(market.stats.values())


def test_thousands_of_books_fit_in_memory() -> None:
    # Compiling takes hundreds of megabytes of its own: another process fills the cache first.
    warm = "import numpy, tickdeck; market = tickdeck.Market(); market.apply(numpy.zeros(1, tickdeck.EVENT)); market.books[0].best_bid"
    subprocess.run([sys.executable, "-c", warm], timeout=300, check=True)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "many_books.py")], capture_output=True, text=True, timeout=300, check=True
    )
    told = json.loads(done.stdout)
    assert told["books"] == 8_000
    assert told["orders"] == 1_600_000
    assert told["exact"]
    assert told["peak_mb"] < 500
