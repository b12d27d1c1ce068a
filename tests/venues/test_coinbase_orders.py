"""Coinbase's order-level channels: the join with the REST book, executions, gaps, and a simulated exchange as the truth."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from venue_frames import PlainBook, brief, http, ws

from tickdeck.venues.coinbase import CoinbaseParser

LAST, SNAPSHOT, BAD = 128, 32, 4
TIME = "2014-11-07T08:19:27.028459Z"
URL = "https://api.exchange.coinbase.com/products/BTC-USD/book?level=3"


def uuid(number: int) -> str:
    return str(UUID(int=(number << 64) + 12345))


def message(kind: str, sequence: int, order: int = 0, **fields: Any) -> dict[str, Any]:
    named = {"maker_order_id": uuid(order), "taker_order_id": uuid(999)} if kind == "match" else {"order_id": uuid(order)}
    return {"type": kind, "product_id": "BTC-USD", "sequence": sequence, "time": TIME, **named, **fields}


def opened(sequence: int, order: int, side: str = "buy", price: str = "100.5", size: str = "2") -> dict[str, Any]:
    return message("open", sequence, order, side=side, price=price, remaining_size=size)


def rest(sequence: int, bids: list[Any], asks: list[Any]) -> Any:
    return http({"sequence": sequence, "bids": bids, "asks": asks, "auction_mode": False}, URL)


def test_changes_wait_for_the_snapshot_and_those_after_it_apply() -> None:
    parser = CoinbaseParser()
    assert parser.parse(ws(opened(5, 50))).size == 0
    assert parser.parse(ws(opened(6, 60, "sell", "101"))).size == 0
    assert parser.parse(ws(message("done", 7, 50, side="buy", reason="canceled", remaining_size="2"))).size == 0
    assert parser.report.messages == {"order_held": 3}
    events = parser.parse(rest(5, [["100.5", "2", uuid(50)], ["99", "1", uuid(51)]], []))
    assert brief(events) == [
        ("R", "N", 2**63 - 1, 0, SNAPSHOT),
        ("A", "B", 100_500_000_000, 200_000_000, SNAPSHOT),
        ("A", "B", 99_000_000_000, 100_000_000, SNAPSHOT | LAST),
        ("A", "A", 101_000_000_000, 200_000_000, LAST),
        ("C", "B", 100_500_000_000, 200_000_000, LAST),
    ]
    assert events["order_id"].tolist() == [0, 50, 51, 60, 50]
    assert events["sequence"].tolist() == [5, 5, 5, 6, 7]
    assert not parser.report.anomalies


def test_an_execution_is_trade_fill_and_cancel() -> None:
    parser = CoinbaseParser()
    parser.parse(rest(5, [["100.5", "2", uuid(50)]], []))
    match = message("match", 6, 50, trade_id=10, size="0.5", price="100.5", side="buy")
    events = parser.parse(ws(match))
    assert brief(events) == [
        ("T", "A", 100_500_000_000, 50_000_000, 0),
        ("F", "B", 100_500_000_000, 50_000_000, 0),
        ("C", "B", 100_500_000_000, 50_000_000, LAST),
    ]
    assert events["order_id"].tolist() == [0, 50, 50]
    assert set(events["sequence"]) == {6}
    parser.parse(ws({**match, "sequence": 7, "size": "1.5"}))
    assert parser.parse(ws(message("done", 8, 50, side="buy", reason="filled"))).size == 0
    assert not parser.report.anomalies


def test_an_order_that_never_rested_changes_nothing() -> None:
    parser = CoinbaseParser()
    parser.parse(rest(5, [["100.5", "2", uuid(50)]], []))
    for sequence, kind in ((6, "received"), (7, "change"), (8, "done")):
        assert parser.parse(ws(message(kind, sequence, 70, side="buy", price="1", new_size="1", old_size="2"))).size == 0
    assert not parser.report.anomalies
    changed = message("change", 9, 50, side="buy", price="100.5", new_size="1.25", old_size="2")
    assert brief(parser.parse(ws(changed))) == [("M", "B", 100_500_000_000, 125_000_000, LAST)]


def test_gap_flags_the_next_record_and_a_newer_snapshot_mends_it() -> None:
    parser = CoinbaseParser()
    parser.parse(rest(5, [["100.5", "2", uuid(50)]], []))
    events = parser.parse(ws(opened(9, 90)))
    assert brief(events) == [("A", "B", 100_500_000_000, 200_000_000, LAST | BAD)]
    assert parser.report.anomalies == {"sequence_gap": 1}
    assert parser.stale(1)
    parser.parse(ws(opened(10, 100)))
    assert parser.parse(rest(7, [], [])).size == 0
    assert parser.stale(1)
    plain = PlainBook()
    plain.apply(parser.parse(rest(9, [["100.5", "2", uuid(90)]], [])))
    assert sorted(plain.orders) == [90, 100]
    assert not parser.stale(1)


def test_a_snapshot_older_than_what_was_kept_is_a_gap() -> None:
    parser = CoinbaseParser()
    parser.parse(ws(opened(9, 90)))
    parser.parse(rest(5, [], []))
    assert parser.report.anomalies == {"sequence_gap": 1}
    assert parser.stale(1)


def test_messages_that_the_snapshot_contains_are_left_out() -> None:
    parser = CoinbaseParser()
    parser.parse(rest(5, [["100.5", "2", uuid(50)]], []))
    assert parser.parse(ws(opened(5, 50))).size == 0
    assert not parser.report.anomalies
    parser.parse(ws(opened(6, 60)))
    assert parser.parse(ws(opened(6, 60))).size == 0
    assert parser.report.anomalies == {"stale_update": 1}


def test_a_match_of_an_unknown_order_is_a_trade_only_and_counted() -> None:
    parser = CoinbaseParser()
    parser.parse(rest(5, [], []))
    match = message("match", 6, 50, trade_id=10, size="0.5", price="100.5", side="sell")
    assert brief(parser.parse(ws(match))) == [("T", "B", 100_500_000_000, 50_000_000, LAST)]
    assert parser.report.anomalies == {"unknown_order": 1}


def test_compact_level3_messages() -> None:
    schema = {
        "open": ["type", "product_id", "sequence", "order_id", "side", "price", "size", "time"],
        "change": ["type", "product_id", "sequence", "order_id", "price", "size", "time"],
        "match": ["type", "product_id", "sequence", "maker_order_id", "taker_order_id", "price", "size", "time"],
        "done": ["type", "product_id", "sequence", "order_id", "time"],
    }
    parser, plain = CoinbaseParser(), PlainBook()
    parser.parse(ws({"type": "level3", "schema": schema}))
    plain.apply(parser.parse(rest(5, [], [["101", "3", uuid(40)]])))
    for values in (
        ["open", "BTC-USD", "6", uuid(50), "buy", "100.5", "2", TIME],
        ["change", "BTC-USD", "7", uuid(50), "100.5", "1.5", TIME],
        ["match", "BTC-USD", "8", uuid(40), uuid(41), "101", "1", TIME],
        ["done", "BTC-USD", "9", uuid(50), TIME],
    ):
        plain.apply(parser.parse(ws(values)))
    assert plain.orders == {40: ("A", 101_000_000_000, 200_000_000)}
    assert not parser.report.anomalies


class Exchange:
    """Orders of one product, as plainly as can be; every step is one message of the full channel."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[str, int, int]] = {}
        self.sequence = self.last = 0

    def step(self, choice: int, pick: int, size: int) -> dict[str, Any]:
        self.sequence += 1
        if choice == 0 or not self.orders:
            self.last += 1
            side = ("buy", "sell")[pick % 2]
            self.orders[self.last] = (side, 100 + pick, size)
            return opened(self.sequence, self.last, side, str(100 + pick), str(size))
        number = sorted(self.orders)[pick % len(self.orders)]
        side, price, left = self.orders[number]
        if choice == 1:
            del self.orders[number]
            return message("done", self.sequence, number, side=side, reason="canceled", remaining_size=str(left))
        if choice == 2:
            self.orders[number] = (side, price, size)
            return message("change", self.sequence, number, side=side, price=str(price), new_size=str(size))
        if choice == 3:
            return message("received", self.sequence, 777, side=side, price=str(price), size="1")
        size = min(size, left)
        self.orders.pop(number)
        if size < left:
            self.orders[number] = (side, price, left - size)
        return message("match", self.sequence, number, trade_id=self.sequence, side=side, price=str(price), size=str(size))

    def snapshot(self) -> Any:
        sides: dict[str, list[Any]] = {"buy": [], "sell": []}
        for number, (side, price, size) in self.orders.items():
            sides[side].append([str(price), str(size), uuid(number)])
        return rest(self.sequence, sides["buy"], sides["sell"])


STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=40)


@given(STEPS, st.data())
@settings(max_examples=150, deadline=None)
def test_the_book_is_the_simulated_exchanges_whenever_the_snapshot_comes(steps: list[tuple[int, int, int]], data: Any) -> None:
    taken = data.draw(st.integers(0, len(steps)), label="snapshot taken after")
    arrives = data.draw(st.integers(taken, len(steps)), label="snapshot arrives after")
    exchange, parser, plain, snapshot = Exchange(), CoinbaseParser(), PlainBook(), None
    trades = 0
    for i in range(len(steps) + 1):
        if i == taken:
            snapshot = exchange.snapshot()
        if i == arrives:
            plain.apply(parser.parse(snapshot))
        if i < len(steps):
            sent = exchange.step(*steps[i])
            trades += sent["type"] == "match"
            events = parser.parse(ws(sent))
            plain.apply(events)
    scaled = {
        number: ("BA"[side == "sell"], price * 10**9, size * 10**8) for number, (side, price, size) in exchange.orders.items()
    }
    assert plain.orders == scaled
    assert not parser.report.anomalies
