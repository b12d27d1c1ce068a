"""Bitstamp's feed: diffs and live orders joined with REST books by time, whole books, trades."""

from __future__ import annotations

from typing import Any

import pytest
from venue_frames import PlainBook, brief, http, ws

from tickdeck.core import UNDEF_PRICE
from tickdeck.venues.bitstamp import BitstampParser

LAST, SNAPSHOT, MBP, BAD = 128, 32, 16, 4
URL = "https://www.bitstamp.net/api/v2/order_book/btcusd"
T0 = 1_643_643_584_684_047


def book(at: int, bids: list[Any], asks: list[Any]) -> dict[str, Any]:
    micros = T0 + at
    return {"timestamp": str(micros // 1_000_000), "microtimestamp": str(micros), "bids": bids, "asks": asks}


def diff(at: int, bids: list[Any], asks: list[Any], channel: str = "diff_order_book_btcusd") -> Any:
    return ws({"event": "data", "channel": channel, "data": book(at, bids, asks)})


def order(event: str, at: int, number: int, side: int, price: str, amount: str) -> Any:
    data = {"id": number, "id_str": str(number), "order_type": side, "price": float(price), "price_str": price}
    data |= {"amount": float(amount), "amount_str": amount, "microtimestamp": str(T0 + at), "datetime": "1643643584"}
    return ws({"event": event, "channel": "live_orders_btcusd", "data": data})


def test_diffs_wait_for_the_snapshot_and_those_after_it_apply() -> None:
    parser = BitstampParser()
    assert parser.parse(diff(1, [["100", "9.0"]], [])).size == 0
    assert parser.parse(diff(3, [["100", "0.00000000"]], [["101", "2.0"]])).size == 0
    assert parser.report.messages == {"depth_held": 2}
    events = parser.parse(http(book(2, [["100", "1.0"], ["99", "1.0"]], []), URL))
    assert brief(events) == [
        ("R", "N", UNDEF_PRICE, 0, SNAPSHOT),
        ("A", "B", 100_000_000_000, 100_000_000, SNAPSHOT | MBP),
        ("A", "B", 99_000_000_000, 100_000_000, SNAPSHOT | MBP | LAST),
        ("C", "B", 100_000_000_000, 0, MBP),
        ("A", "A", 101_000_000_000, 200_000_000, MBP | LAST),
    ]
    assert events["ts_event"].tolist() == [(T0 + 2) * 1000] * 3 + [(T0 + 3) * 1000] * 2
    assert not parser.report.anomalies


def test_diffs_that_the_snapshot_contains_are_left_out() -> None:
    parser = BitstampParser()
    parser.parse(http(book(5, [["100", "1.0"]], []), URL))
    assert parser.parse(diff(4, [["100", "9.0"]], [])).size == 0
    assert parser.parse(diff(6, [["100", "2.0"]], [])).size == 1
    assert not parser.report.anomalies
    assert parser.parse(diff(6, [["100", "3.0"]], [])).size == 0
    assert parser.report.anomalies == {"stale_update": 1}


def test_a_new_subscription_amid_the_data_is_a_gap_until_a_newer_snapshot() -> None:
    parser, plain = BitstampParser(), PlainBook()
    control = ws({"event": "bts:subscription_succeeded", "channel": "diff_order_book_btcusd", "data": {}})
    parser.parse(control)
    plain.apply(parser.parse(http(book(5, [["100", "1.0"]], []), URL)))
    parser.parse(control)
    assert not parser.stale(1)
    plain.apply(parser.parse(diff(6, [["100", "2.0"]], [])))
    parser.parse(control)
    assert parser.stale(1)
    assert parser.report.anomalies == {"sequence_gap": 1}
    events = parser.parse(diff(9, [["99", "2.0"]], []))
    assert brief(events) == [("A", "B", 99_000_000_000, 200_000_000, MBP | LAST | BAD)]
    assert parser.parse(http(book(8, [["100", "1.0"]], []), URL)).size == 0
    plain.apply(parser.parse(diff(11, [["98", "1.0"]], [])))
    plain.apply(parser.parse(http(book(10, [["99", "2.0"]], []), URL)))
    assert not parser.stale(1)
    assert plain.levels["B"] == {99_000_000_000: 200_000_000, 98_000_000_000: 100_000_000}


def test_whole_books_replace_each_other() -> None:
    parser, plain = BitstampParser(), PlainBook()
    for at, size in ((1, "1.0"), (2, "2.0")):
        plain.apply(parser.parse(diff(at, [["100", size]], [["101", "1.0"]], channel="order_book_btcusd")))
    assert plain.levels == {"B": {100_000_000_000: 200_000_000}, "A": {101_000_000_000: 100_000_000}}
    detailed = [["100", "1.0", "1443875737346049"], ["100", "0.5", "1443875737346050"]]
    parser, plain = BitstampParser(), PlainBook()
    plain.apply(parser.parse(diff(1, detailed, [], channel="detail_order_book_btcusd")))
    assert plain.orders[1443875737346050] == ("B", 100_000_000_000, 50_000_000)


def test_live_orders_join_a_book_of_orders() -> None:
    parser, plain = BitstampParser(), PlainBook()
    grouped = URL + "?group=2"
    plain.apply(parser.parse(http(book(5, [["100", "1.0", "11"]], [["101", "1.0", "12"]]), grouped)))
    for frame in (
        order("order_created", 4, 11, 0, "100", "1.0"),
        order("order_created", 6, 13, 1, "102", "3.0"),
        order("order_changed", 7, 12, 1, "101", "0.25"),
        order("order_deleted", 8, 11, 0, "100", "0"),
        order("order_created", 9, 14, 0, "0", "5.0"),
    ):
        plain.apply(parser.parse(frame))
    assert plain.orders == {12: ("A", 101_000_000_000, 25_000_000), 13: ("A", 102_000_000_000, 300_000_000)}
    assert not parser.report.anomalies
    parser.parse(order("order_deleted", 10, 99, 0, "100", "1.0"))
    assert parser.report.anomalies == {"unknown_order": 1}


def test_live_orders_without_a_snapshot_are_flagged() -> None:
    parser = BitstampParser()
    events = parser.parse(order("order_created", 6, 13, 1, "102", "3.0"))
    assert brief(events) == [("A", "A", 102_000_000_000, 300_000_000, LAST | BAD)]
    assert parser.stale(1)
    assert parser.report.anomalies == {"update_before_snapshot": 1}


def test_trades_carry_the_aggressors_side() -> None:
    data = {"id": 216000477, "amount": 0.0792, "amount_str": "0.07920000", "price": 3805.44, "price_str": "3805.44", "type": 0}
    data |= {"microtimestamp": str(T0), "buy_order_id": 1443875737346049, "sell_order_id": 1443875731320832}
    message = {"event": "trade", "channel": "live_trades_ethusd", "data": data}
    events = BitstampParser().parse(ws(message))
    assert brief(events) == [("T", "B", 3805_440_000_000, 7_920_000, LAST)]
    assert (events["sequence"][0], events["ts_event"][0]) == (216000477, T0 * 1000)
    del data["amount_str"], data["price_str"]
    assert brief(BitstampParser().parse(ws({**message, "data": {**data, "type": 1}})))[0][1:4] == (
        "A",
        3805_440_000_000,
        7_920_000,
    )


def test_pairs_set_units_of_size_and_tick() -> None:
    parser = BitstampParser()
    pair = {"url_symbol": "btcusd", "name": "BTC/USD", "base_decimals": 5, "counter_decimals": 2}
    parser.parse(http([pair, {"url_symbol": "x"}], "https://www.bitstamp.net/api/v2/trading-pairs-info/"))
    events = parser.parse(http(book(5, [["100.25", "1.00000000"]], []), URL))
    assert events["size"].tolist() == [0, 100_000]
    found = parser.instruments[1]
    assert (found.tick_size, found.price_decimals, found.currency) == (10_000_000, 2, "USD")
    assert parser.report.anomalies == {"malformed_instrument": 1}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"event": "bts:subscription_succeeded", "channel": "live_trades_btcusd", "data": {}}, "subscription"),
        ({"event": "bts:request_reconnect", "channel": "", "data": ""}, "status"),
        ({"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}, "heartbeat"),
        ({"event": "bts:error", "channel": "", "data": {"code": 4009, "message": "x"}}, "error"),
        ({"event": "order_created", "channel": "private-my_orders_btcusd-42", "data": {}}, "private"),
        ({"event": "data", "channel": "unheard_of_btcusd", "data": {}}, "unhandled"),
    ],
)
def test_kinds_of_messages(message: Any, kind: str) -> None:
    parser = BitstampParser()
    assert parser.parse(ws(message)).size == 0
    assert parser.report.messages == {kind: 1}
