"""The faces of one book: amounts, sides, reading, arrays."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from book_streams import TICK, columns, counted, rows, state

from tickdeck.book import Best, Market, OrderBook
from tickdeck.book.kernels.layout import STATS
from tickdeck.core import (
    BBO,
    EVENT,
    Instrument,
    PrecisionError,
    Side,
    TickdeckError,
    UsageError,
    price,
)
from tickdeck.soak.oracle import LAST


def test_best_levels_and_orders_are_values_of_the_field_s_units(book: OrderBook) -> None:
    assert book.best_bid == Best(price=price("1.00"), size=30, count=3)
    assert book.best_ask == (price("1.05"), 7, 1)
    order = book.order(2)
    assert order is not None
    assert (order["order_id"], order["price"], order["size"], order["side"]) == (2, price("1.00"), 10, Side.BID)
    assert (book.order(99), book.queue_position(99)) == (None, None)
    assert len(book) == book.order_count == 4
    assert book.level_counts == (1, 1)


def test_an_order_is_a_copy_that_later_calls_do_not_change(book: OrderBook) -> None:
    first = book.order(1)
    book.order(4)
    book.queue_position(3)
    book.cancel(1)
    assert first is not None
    assert int(first["order_id"]) == 1


def test_depth_gives_as_many_levels_as_there_are(book: OrderBook) -> None:
    book.add(8, "bid", "0.90", 1)
    bids, asks = book.depth(1)
    assert (len(bids), len(asks)) == (1, 1)
    assert [len(side) for side in book.depth()] == [2, 1]
    assert len(book.levels("bid", 0)) == 0
    with pytest.raises(UsageError, match="depth must not be negative"):
        book.depth(-1)


@pytest.mark.parametrize("side", ["bid", "B", "buy", Side.BID, int(Side.BID)])
def test_every_way_to_write_a_side_is_taken(book: OrderBook, side: object) -> None:
    assert len(book.levels(side)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("side", ["x", Side.NONE, 1, None])
def test_what_is_no_side_is_a_one_line_error(book: OrderBook, side: object) -> None:
    with pytest.raises(UsageError, match="side must be"):
        book.levels(side)  # type: ignore[arg-type]


def test_amounts_are_units_or_decimals_never_floats() -> None:
    book = OrderBook(Instrument("BTC", tick_size="0.1", size_decimals=8))
    book.add(1, "bid", "30000.1", "0.5")
    book.add(2, "bid", Decimal("30000.1"), Decimal("0.5"))
    book.add(3, "bid", 30_000_100_000_000, 50_000_000)
    book.add(4, "bid", np.int64(30_000_100_000_000), np.int32(50_000_000))
    assert book.best_bid == (30_000_100_000_000, 200_000_000, 4)
    for amounts in ((30000.1, 1), ("30000.1", 0.5)):
        with pytest.raises(TypeError, match="write it as a string"):
            book.add(5, "bid", *amounts)  # type: ignore[arg-type]
    with pytest.raises(PrecisionError, match="more than 8 decimals"):
        book.add(5, "bid", "30000.1", "0.000000001")
    assert book.order_count == 4


@pytest.mark.parametrize("order_id", [-1, 2**64])
def test_ids_beyond_64_bits_are_a_one_line_error(book: OrderBook, order_id: int) -> None:
    for call in (book.order, book.queue_position, book.cancel, lambda i: book.add(i, "bid", "1.00", 1)):
        with pytest.raises(UsageError, match="does not fit in 64 bits"):
            call(order_id)  # type: ignore[operator]


@pytest.mark.parametrize("amount", [2**63, -(2**63) - 1, 2**64])
def test_prices_and_sizes_beyond_63_bits_are_a_one_line_error(book: OrderBook, amount: int) -> None:
    for call in (
        lambda: book.add(9, "bid", amount, 1),
        lambda: book.add(9, "bid", 1, amount),
        lambda: book.cancel(1, amount),
        lambda: book.orders_at("bid", amount),
    ):
        with pytest.raises(UsageError, match="does not fit in 63 bits"):
            call()
    assert not counted(book)


def test_an_odd_price_has_no_orders(book: OrderBook) -> None:
    for units in (price("1.00") + 1, price("0.99"), 2**62, -(2**63)):
        assert len(book.orders_at("bid", units)) == 0
    assert len(OrderBook("empty").orders_at("bid", 5)) == 0


def test_a_repr_tells_best_prices_and_the_html_has_every_level(book: OrderBook) -> None:
    assert repr(book) == "<OrderBook ACME bid 30 @ 1 | ask 7 @ 1.05 | 4 orders>"
    html = book._repr_html_()
    assert html.count("<tr>") == 3
    assert "1.05" in html
    assert repr(OrderBook("X")) == "<OrderBook X bid none | ask none | 0 orders>"
    assert "&lt;b&gt;" in OrderBook("<b>")._repr_html_()


def test_stats_name_every_kind(book: OrderBook) -> None:
    assert list(book.stats) == list(STATS)


@pytest.mark.parametrize(
    "wrong", [np.zeros(3), [1, 2], None, np.zeros(3, BBO), "events"], ids=["floats", "list", "none", "bbo", "text"]
)
def test_anything_but_records_is_a_one_line_error(book: OrderBook, wrong: object) -> None:
    with pytest.raises(UsageError, match="array of EVENT or DBN_MBO"):
        book.apply(wrong)  # type: ignore[arg-type]


def test_a_bbo_of_another_shape_is_a_one_line_error(book: OrderBook) -> None:
    events = rows(("T", "B", 1, 0, 0, LAST), ("T", "B", 1, 0, 0, LAST))
    frozen = np.zeros(2, BBO)
    frozen.flags.writeable = False
    for wrong in (np.zeros(1, BBO), np.zeros(4, BBO)[::2], np.zeros(2), frozen, np.zeros((2, 1), BBO)):
        with pytest.raises(UsageError, match="bbo must be a writeable contiguous array of 2"):
            book.apply(events, wrong)


def test_strided_unaligned_and_read_only_events_are_read_in_place_or_copied() -> None:
    events = columns("A", "B", np.arange(40), TICK * np.arange(40), 1 + np.arange(40))
    plain = OrderBook("D")
    plain.apply(events)
    raw = bytearray(1) + events.tobytes()
    unaligned = np.frombuffer(bytes(raw), EVENT, offset=1)
    assert not unaligned.flags.aligned
    assert not unaligned.flags.writeable
    wide = np.zeros((40, 2), EVENT)
    wide[:, 0] = events
    for other in (unaligned, wide[:, 0], events.reshape(4, 10), events[::-1][::-1]):
        book = OrderBook("D")
        assert book.apply(other) == 40
        assert state(book) == state(plain)


def test_the_book_of_a_market_does_not_take_events_itself() -> None:
    market = Market()
    market.apply(rows(("A", "B", 1, TICK, 5, LAST)))
    with pytest.raises(UsageError, match="belongs to a Market"):
        market.book(1).apply(rows(("A", "B", 1, TICK, 5, LAST)))


def test_a_reason_that_cannot_be_is_an_error_not_a_loop(book: OrderBook) -> None:
    with pytest.raises(TickdeckError, match="this is a bug"):
        book.mend(99, 0)
