"""Bybit's v5 feed: update ids, best bid and ask, spot beside derivatives."""

from __future__ import annotations

from typing import Any

import pytest
from venue_frames import PlainBook, brief, http, ws

from tickdeck.core import UNDEF_PRICE, Instrument
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.venues.bybit import BybitParser

LAST, SNAPSHOT, MBP, TOB, BAD = 128, 32, 16, 64, 4
SPOT, LINEAR = "wss://stream.bybit.com/v5/public/spot", "wss://stream.bybit.com/v5/public/linear"
BIDS, ASKS = [["16493.50", "0.006"], ["16493.00", "0.100"]], [["16611.00", "0.029"], ["16612.00", "0.213"]]


def book(update: int, bids: list[Any], asks: list[Any], kind: str = "delta", depth: int = 50) -> dict[str, Any]:
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": update, "seq": 7961638724 + update}
    times = {"ts": 1672304484978, "cts": 1672304484976}
    return {"topic": f"orderbook.{depth}.BTCUSDT", "type": kind, **times, "data": data}


def synced() -> BybitParser:
    parser = BybitParser()
    parser.parse(ws(book(10, BIDS, ASKS, "snapshot")))
    return parser


def test_snapshot_then_deltas() -> None:
    parser = BybitParser()
    events = parser.parse(ws(book(10, BIDS, ASKS, "snapshot")))
    assert [row[0] for row in brief(events)] == ["R", "A", "A", "A", "A"]
    assert (events["ts_event"][0], events["sequence"][0]) == (1672304484_976000000, 10)
    events = parser.parse(ws(book(11, [["16493.50", "0"]], [["16611.00", "1"]])))
    assert brief(events) == [
        ("C", "B", 16493_500_000_000, 0, MBP),
        ("A", "A", 16611_000_000_000, 100_000_000, MBP | LAST),
    ]
    assert not parser.report.anomalies


def test_gap_flags_the_next_record_and_leaves_the_book_stale_until_a_snapshot() -> None:
    parser = synced()
    events = parser.parse(ws(book(12, [["16493.50", "1"]], [])))
    assert brief(events) == [("A", "B", 16493_500_000_000, 100_000_000, MBP | LAST | BAD)]
    assert parser.report.anomalies == {"sequence_gap": 1}
    assert not parser.parse(ws(book(13, [["16493.50", "2"]], [])))["flags"][0] & BAD
    assert parser.stale(1)
    parser.parse(ws(book(20, BIDS, ASKS, "snapshot")))
    assert not parser.stale(1)


def test_a_repeated_update_is_left_out() -> None:
    parser = synced()
    assert parser.parse(ws(book(10, [["16493.50", "9"]], []))).size == 0
    assert parser.report.anomalies == {"stale_update": 1}
    assert not parser.stale(1)


def test_update_id_one_is_a_snapshot_whatever_its_type() -> None:
    parser, plain = synced(), PlainBook()
    plain.apply(parser.parse(ws(book(1, BIDS[:1], ASKS[:1], "delta"))))
    assert plain.levels == {"B": {16493_500_000_000: 600_000}, "A": {16611_000_000_000: 2_900_000}}
    parser.parse(ws(book(2, [["16493.50", "0"]], [])))
    assert not parser.report.anomalies


def test_best_bid_and_ask_are_top_events() -> None:
    parser = BybitParser()
    events = parser.parse(ws(book(5, BIDS[:1], ASKS[:1], "snapshot", depth=1)))
    assert brief(events) == [
        ("A", "B", 16493_500_000_000, 600_000, TOB),
        ("A", "A", 16611_000_000_000, 2_900_000, TOB | LAST),
    ]
    assert set(events["publisher_id"]) == {PUBLISHERS["BYBIT.TOP"]}
    moved = book(6, [["16494.00", "120"], ["16493.50", "0"]], [], depth=1)
    assert brief(parser.parse(ws(moved))) == [("A", "B", 16494_000_000_000, 12_000_000_000, TOB | LAST)]
    emptied = book(7, [["16494.00", "0"]], [], depth=1)
    assert brief(parser.parse(ws(emptied))) == [("A", "B", UNDEF_PRICE, 0, TOB | LAST)]


def test_ticker_changes_are_merged() -> None:
    def ticker(kind: str, **data: str) -> dict[str, Any]:
        data["symbol"] = "BTCUSDT"
        return {"topic": "tickers.BTCUSDT", "type": kind, "data": data, "cs": 24987956059, "ts": 1673272861686}

    parser = BybitParser()
    whole = ticker("snapshot", bid1Price="17215.50", bid1Size="84.489", ask1Price="17216.00", ask1Size="83.020")
    assert len(parser.parse(ws(whole))) == 2
    events = parser.parse(ws(ticker("delta", ask1Size="82.020")))
    assert brief(events) == [("A", "A", 17216_000_000_000, 8_202_000_000, TOB | LAST)]
    assert parser.parse(ws(ticker("delta", lastPrice="17216.00"))).size == 0
    assert parser.report.messages == {"ticker": 3}


def test_trades_carry_the_aggressors_side() -> None:
    item = {"T": 1672304486865, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50", "L": "PlusTick", "BT": False}
    message = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868}
    uuid, number = "20f43950-d8dd-5b31-9112-a178eb6023af", "2290000000061666000"
    message["data"] = [{**item, "i": uuid}, {**item, "i": number, "S": "Sell"}]
    events = BybitParser().parse(ws(message))
    assert brief(events) == [
        ("T", "B", 16578_500_000_000, 100_000, LAST),
        ("T", "A", 16578_500_000_000, 100_000, LAST),
    ]
    assert events["sequence"].tolist() == [0, int(number)]


def test_spot_and_derivatives_of_one_name_are_two_books() -> None:
    parser = BybitParser()
    first = parser.parse(ws(book(10, BIDS, ASKS, "snapshot"), url=LINEAR))
    second = parser.parse(ws(book(77, BIDS, ASKS, "snapshot"), url=SPOT))
    parser.parse(ws(book(11, BIDS, [], depth=50), url=LINEAR))
    assert (set(first["instrument_id"]), set(second["instrument_id"])) == ({1}, {2})
    assert [item.symbol for item in parser.instruments.values()] == ["BTCUSDT", "BTCUSDT.SPOT"]
    assert not parser.report.anomalies


def test_declared_symbol_serves_the_spot_market_too() -> None:
    parser = BybitParser((Instrument("BTCUSDT", "0.01", 6),))
    events = parser.parse(ws(book(10, BIDS, ASKS, "snapshot"), url=SPOT))
    assert events["size"][1] == 6_000


def test_instruments_of_both_categories() -> None:
    def listed(category: str, **sizes: str) -> Any:
        item = {"symbol": "BTCUSDT", "quoteCoin": "USDT", "priceFilter": {"tickSize": "0.10"}, "lotSizeFilter": sizes}
        url = f"https://api.bybit.com/v5/market/instruments-info?category={category}"
        return http({"retCode": 0, "retMsg": "OK", "result": {"category": category, "list": [item]}}, url)

    parser = BybitParser()
    parser.parse(listed("linear", qtyStep="0.001"))
    parser.parse(listed("spot", basePrecision="0.000001"))
    parser.parse(ws(book(10, BIDS, ASKS, "snapshot"), url=LINEAR))
    parser.parse(ws(book(10, BIDS, ASKS, "snapshot"), url=SPOT))
    assert [(item.size_decimals, item.tick_size) for item in parser.instruments.values()] == [(3, 10**8), (6, 10**8)]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"success": True, "ret_msg": "", "conn_id": "x", "req_id": "", "op": "subscribe"}, "subscription"),
        ({"success": False, "ret_msg": "error:handler not found", "conn_id": "x", "op": "subscribe"}, "error"),
        ({"success": True, "ret_msg": "pong", "conn_id": "x", "op": "ping"}, "heartbeat"),
        ({"req_id": "1", "op": "pong", "args": ["1675418560633"], "conn_id": "x"}, "heartbeat"),
        ({"topic": "kline.5.BTCUSDT", "type": "snapshot", "ts": 1, "data": []}, "candle"),
        ({"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": 1, "data": []}, "liquidation"),
        ({"topic": "unheard.of", "data": []}, "unhandled"),
        ({"a": 1}, "unhandled"),
    ],
)
def test_kinds_of_messages(message: Any, kind: str) -> None:
    parser = BybitParser()
    assert parser.parse(ws(message)).size == 0
    assert parser.report.messages == {kind: 1}


def v2(kind: str, data: Any, sequence: int, topic: str = "orderBookL2_25.BTCUSD") -> Any:
    return ws({"topic": topic, "type": kind, "data": data, "cross_seq": sequence, "timestamp_e6": 1555647164875373})


def level(price: str, side: str, size: float | None = None) -> dict[str, Any]:
    item: dict[str, Any] = {"price": price, "symbol": "BTCUSD", "id": 29990000, "side": side}
    return item if size is None else {**item, "size": size}


@pytest.mark.parametrize("wrapped", [False, True])
def test_books_before_v5(wrapped: bool) -> None:
    parser, plain = BybitParser(), PlainBook()
    levels: Any = [level("2999.00", "Buy", 9), level("3001.00", "Sell", 0.5)]
    plain.apply(parser.parse(v2("snapshot", {"order_book": levels} if wrapped else levels, 11518)))
    change = {
        "delete": [level("3001.00", "Sell")],
        "update": [level("2999.00", "Buy", 8)],
        "insert": [level("3002.00", "Sell", 1)],
    }
    events = parser.parse(v2("delta", change, 11520))
    plain.apply(events)
    assert (events["ts_event"][0], events["sequence"][0]) == (1555647164_875373000, 11520)
    assert plain.levels == {"B": {2999_000_000_000: 800_000_000}, "A": {3002_000_000_000: 100_000_000}}
    assert parser.parse(v2("delta", change, 11519)).size == 0
    assert parser.report.anomalies == {"stale_update": 1}


def test_trades_and_instruments_before_v5() -> None:
    parser = BybitParser()
    pair = {"name": "BTCUSD", "price_scale": 2, "price_filter": {"tick_size": "0.5"}, "lot_size_filter": {"qty_step": 1}}
    parser.parse(http({"ret_code": 0, "ret_msg": "OK", "result": [pair]}, "https://api.bybit.com/v2/public/symbols"))
    trade = {"trade_time_ms": 1578848399000, "symbol": "BTCUSD", "side": "Sell", "size": 328, "price": 8098.5}
    events = parser.parse(ws({"topic": "trade.BTCUSD", "data": [trade]}))
    assert brief(events) == [("T", "A", 8098_500_000_000, 328, LAST)]
    assert parser.instruments[1].tick_size == 500_000_000
    assert not parser.report.anomalies
