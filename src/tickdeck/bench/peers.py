"""Other libraries' books over the same events. Each says what it does and what it leaves out; every choice is in its favour.

Their rates count all events of the tape, those that do not change a book included. The checksum is of the final best bid and ask.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tickdeck.bench.case import Contender, NotAvailableError, Sample, Stopwatch
from tickdeck.bench.inputs import Tape
from tickdeck.bench.kernels import fold_bbo
from tickdeck.core import BBO, UNDEF_PRICE

BATCH = 1_000
EXTRA = "pip install 'tickdeck[bench]'"


def required(module: str) -> Any:
    """An optional module.

    Raises
    ------
    NotAvailableError
        It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise NotAvailableError(f"{module.split('.')[0]} is not installed; {EXTRA}") from error


def best_checksum(bid_price: int, ask_price: int, bid_size: int, ask_size: int) -> int:
    """Fold over one best bid and ask."""
    row = np.zeros(1, BBO)
    row[0] = (bid_price, ask_price, bid_size, ask_size)
    return int(fold_bbo(row, np.uint64(0)))


class SortedBook:
    """A book in plain Python: a sorted dictionary of levels a side, each a dictionary of orders in queue order."""

    __slots__ = ("levels", "orders", "sizes")

    def __init__(self) -> None:
        kind = required("sortedcontainers").SortedDict
        self.orders: dict[int, tuple[int, int, int]] = {}
        self.levels: tuple[Any, Any] = (kind(), kind())
        self.sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def add(self, order_id: int, side: int, price: int, size: int) -> None:
        """At the tail of its level."""
        if order_id in self.orders:
            self.remove(order_id)
        self.orders[order_id] = (side, price, size)
        levels, sizes = self.levels[side], self.sizes[side]
        if price in levels:
            levels[price][order_id] = size
            sizes[price] += size
        else:
            levels[price] = {order_id: size}
            sizes[price] = size

    def remove(self, order_id: int) -> None:
        """With its level, if it was the last order."""
        side, price, size = self.orders.pop(order_id)
        level = self.levels[side][price]
        del level[order_id]
        if level:
            self.sizes[side][price] -= size
        else:
            del self.levels[side][price]
            del self.sizes[side][price]

    def resize(self, order_id: int, size: int) -> None:
        """In place."""
        side, price, before = self.orders[order_id]
        self.orders[order_id] = (side, price, size)
        self.levels[side][price][order_id] = size
        self.sizes[side][price] += size - before

    def apply(self, action: int, side: int, order_id: int, price: int, size: int) -> None:
        """One event; `side` is 0 for a bid and 1 for an ask."""
        if action == 65:
            self.add(order_id, side, price, size)
        elif action == 67:
            order = self.orders.get(order_id)
            if order is not None:
                self.resize(order_id, order[2] - size) if size < order[2] else self.remove(order_id)
        elif action == 77:
            order = self.orders.get(order_id)
            if order is not None and order[:2] == (side, price) and 0 < size <= order[2]:
                self.resize(order_id, size)
                return
            if order is not None:
                self.remove(order_id)
            if size:
                self.add(order_id, side, price, size)
        elif action == 82:
            self.orders.clear()
            for part in (*self.levels, *self.sizes):
                part.clear()

    def best(self) -> tuple[int, int, int, int]:
        """Bid price, ask price, bid size, ask size."""
        bids, asks = self.levels
        bid = bids.peekitem(-1)[0] if bids else UNDEF_PRICE
        ask = asks.peekitem(0)[0] if asks else UNDEF_PRICE
        return bid, ask, self.sizes[0].get(bid, 0), self.sizes[1].get(ask, 0)


def _columns(tape: Tape) -> list[tuple[int, int, int, int, int]]:
    events = tape.events
    side = (events["side"] == ord("A")).astype(np.int64)
    return list(
        zip(*(column.tolist() for column in (events["action"], side, events["order_id"], events["price"], events["size"])))
    )


def _prepare_sortedcontainers(tape: Tape) -> Iterator[Callable[[], Sample]]:
    rows = _columns(tape)
    required("sortedcontainers")

    def run() -> Sample:
        book = SortedBook()
        apply, best = book.apply, book.best
        last = (UNDEF_PRICE, UNDEF_PRICE, 0, 0)
        with Stopwatch() as watch:
            for row in rows:
                apply(*row)
                last = best()
        return Sample(len(rows), watch.seconds, watch.processor, best_checksum(*last))

    yield run


def _prepare_nautilus(tape: Tape) -> Iterator[Callable[[], Sample]]:
    data = required("nautilus_trader.model.data")
    objects = required("nautilus_trader.model.objects")
    enums = required("nautilus_trader.model.enums")
    instrument = required("nautilus_trader.model.identifiers").InstrumentId.from_str("BENCH.XXXX")
    book_class = required("nautilus_trader.model.book").OrderBook
    decimals = 9 - len(str(tape.tick_size)) + len(str(tape.tick_size).rstrip("0"))
    prices: dict[int, Any] = {}
    sizes: dict[int, Any] = {}

    def delta(number: int, row: tuple[int, int, int, int, int]) -> Any:
        action, side, order_id, price, size = row
        if action == 82:
            return data.OrderBookDelta.clear(instrument, number, 0, 0)
        if price not in prices:
            prices[price] = objects.Price(price / 1e9, decimals)
        if size not in sizes:
            sizes[size] = objects.Quantity(size, 0)
        order = data.BookOrder(enums.OrderSide.SELL if side else enums.OrderSide.BUY, prices[price], sizes[size], order_id)
        return data.OrderBookDelta(instrument, kinds[action], order, 0, number, 0, 0)

    kinds = {65: enums.BookAction.ADD, 67: enums.BookAction.DELETE, 77: enums.BookAction.UPDATE}
    deltas = [delta(number, row) for number, row in enumerate(_columns(tape)) if row[0] in kinds or row[0] == 82]
    batches = [data.OrderBookDeltas(instrument, deltas[i : i + BATCH]) for i in range(0, len(deltas), BATCH)]

    def run() -> Sample:
        book = book_class(instrument, enums.BookType.L3_MBO)
        apply = book.apply_deltas
        with Stopwatch() as watch:
            for batch in batches:
                apply(batch)
        bid, ask = book.bids()[0], book.asks()[0]
        figures = (float(bid.price) * 1e9, float(ask.price) * 1e9, bid.size(), ask.size())
        best = best_checksum(*(round(figure) for figure in figures))
        return Sample(len(tape.events), watch.seconds, watch.processor, best)

    yield run


def _prepare_hftbacktest(tape: Tape) -> Iterator[Callable[[], Sample]]:
    hft = required("hftbacktest")
    events = tape.events
    code = np.zeros(256, np.uint64)
    for letter, kind in (
        ("A", hft.ADD_ORDER_EVENT),
        ("C", hft.CANCEL_ORDER_EVENT),
        ("M", hft.MODIFY_ORDER_EVENT),
        ("R", hft.DEPTH_CLEAR_EVENT),
        ("T", hft.TRADE_EVENT),
        ("F", hft.FILL_EVENT),
    ):
        code[ord(letter)] = kind
    sides = np.zeros(256, np.uint64)
    sides[ord("B")], sides[ord("A")] = hft.BUY_EVENT, hft.SELL_EVENT
    rows = np.zeros(len(events), required("hftbacktest.binding").event_dtype)
    rows["ev"] = code[events["action"]] | sides[events["side"]] | np.uint64(hft.EXCH_EVENT | hft.LOCAL_EVENT)
    rows["exch_ts"] = rows["local_ts"] = np.maximum.accumulate(events["ts_recv"])
    rows["px"], rows["qty"], rows["order_id"] = events["price"] / 1e9, events["size"], events["order_id"]
    low, high = (float(side(rows["px"][events["action"] == ord("A")])) for side in (np.min, np.max))

    def run() -> Sample:
        asset = (
            hft.BacktestAsset()
            .data([rows])
            .linear_asset(1.0)
            .constant_order_latency(0, 0)
            .l3_fifo_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, 0.0)
            .tick_size(tape.tick_size / 1e9)
            .lot_size(1.0)
            .roi_lb(low - 1.0)
            .roi_ub(high + 1.0)
        )
        backtest = hft.ROIVectorMarketDepthBacktest([asset])
        with Stopwatch() as watch:
            backtest.elapse(2**62)
        depth = backtest.depth(0)
        best = best_checksum(
            round(depth.best_bid_tick * tape.tick_size),
            round(depth.best_ask_tick * tape.tick_size),
            round(depth.bid_qty_at_tick(depth.best_bid_tick)),
            round(depth.ask_qty_at_tick(depth.best_ask_tick)),
        )
        backtest.close()
        return Sample(len(rows), watch.seconds, watch.processor, best)

    yield run


PEERS = (
    Contender(
        "hftbacktest",
        "peer",
        _prepare_hftbacktest,
        "L3 replay through its exchange and its local book (array depth), no orders, best prices not read until the end",
    ),
    Contender(
        "nautilus_trader",
        "peer",
        _prepare_nautilus,
        f"L3 OrderBook, prepared deltas applied {BATCH:,} at a time, no trades and fills, best prices not read until the end",
    ),
    Contender(
        "sortedcontainers",
        "peer",
        _prepare_sortedcontainers,
        "plain Python with SortedDict levels, queue order kept, best bid and ask read after every event",
    ),
)
"""Contenders over a :class:`Tape` of EVENT records of one instrument."""
