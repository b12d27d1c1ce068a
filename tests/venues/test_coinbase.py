"""Coinbase's Advanced Trade feed and the L2 and market channels of its Exchange feed."""

from __future__ import annotations

from typing import Any

import pytest
from venue_frames import PlainBook, brief, http, ws

from tickdeck.core import UNDEF_PRICE
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.venues.coinbase import CoinbaseParser

LAST, SNAPSHOT, MBP, TOB, BAD = 128, 32, 16, 64, 4
SENT, EVENT_TIME = "2023-02-09T20:32:50.714964855Z", "2023-02-09T20:32:50.700000Z"


def advanced(channel: str, number: int, *events: Any) -> dict[str, Any]:
    return {"channel": channel, "client_id": "", "timestamp": SENT, "sequence_num": number, "events": list(events)}


def depth(kind: str, *updates: tuple[str, str, str], product: str = "BTC-USD") -> dict[str, Any]:
    named = [
        {"side": side, "event_time": EVENT_TIME, "price_level": price, "new_quantity": size} for side, price, size in updates
    ]
    return {"type": kind, "product_id": product, "updates": named}


SNAP = depth("snapshot", ("bid", "21921.73", "0.06317902"), ("bid", "21921.3", "0.02"), ("offer", "21921.74", "1"))


def test_snapshot_then_updates() -> None:
    parser = CoinbaseParser()
    events = parser.parse(ws(advanced("l2_data", 0, SNAP)))
    assert [row[0] for row in brief(events)] == ["R", "A", "A", "A"]
    assert set(events["ts_event"]) == {1675974770_700000000}
    assert events["flags"][-1] == SNAPSHOT | MBP | LAST
    events = parser.parse(ws(advanced("l2_data", 1, depth("update", ("bid", "21921.73", "0"), ("offer", "21922", "0.5")))))
    assert brief(events) == [
        ("C", "B", 21921_730_000_000, 0, MBP),
        ("A", "A", 21922_000_000_000, 50_000_000, MBP | LAST),
    ]
    assert set(events["sequence"]) == {1}
    assert not parser.report.anomalies


def test_a_gap_on_the_connection_spoils_every_book_on_it_until_its_snapshot() -> None:
    parser = CoinbaseParser()
    other = depth("snapshot", ("bid", "1500", "1"), product="ETH-USD")
    far = depth("snapshot", ("bid", "100", "1"), product="SOL-USD")
    parser.parse(ws(advanced("l2_data", 0, SNAP, other), connection="one"))
    parser.parse(ws(advanced("l2_data", 0, far), connection="two"))
    parser.parse(ws(advanced("heartbeats", 3, {"current_time": "x", "heartbeat_counter": 1}), connection="one"))
    assert parser.report.anomalies == {"sequence_gap": 2}
    assert [parser.stale(number) for number in (1, 2, 3)] == [True, True, False]
    events = parser.parse(ws(advanced("l2_data", 4, depth("update", ("bid", "21000", "1"))), connection="one"))
    assert brief(events)[0][4] & BAD
    parser.parse(ws(advanced("l2_data", 5, SNAP), connection="one"))
    assert [parser.stale(number) for number in (1, 2)] == [False, True]


def test_a_new_connection_starts_its_numbers_anew() -> None:
    parser = CoinbaseParser()
    for number in (0, 1, 0, 1):
        parser.parse(ws(advanced("heartbeats", number)))
    assert not parser.report.anomalies


def test_trades_name_the_makers_side_and_come_newest_first() -> None:
    def trade(number: int, side: str) -> dict[str, str]:
        values = {"trade_id": str(number), "product_id": "ETH-USD", "price": "1260.01", "size": "0.3", "side": side}
        return {**values, "time": EVENT_TIME}

    parser = CoinbaseParser()
    old = advanced("market_trades", 0, {"type": "snapshot", "trades": [trade(12, "BUY"), trade(11, "SELL")]})
    assert brief(parser.parse(ws(old))) == [
        ("T", "B", 1260_010_000_000, 30_000_000, LAST | SNAPSHOT),
        ("T", "A", 1260_010_000_000, 30_000_000, LAST | SNAPSHOT),
    ]
    new = advanced("market_trades", 1, {"type": "update", "trades": [trade(14, "SELL"), trade(13, "SELL")]})
    events = parser.parse(ws(new))
    assert events["sequence"].tolist() == [13, 14]
    assert {row[4] for row in brief(events)} == {LAST}


def test_tickers_replace_the_top() -> None:
    ticker = {"type": "ticker", "product_id": "BTC-USD", "price": "21932.98"}
    quoted = {**ticker, "best_bid": "21931.98", "best_bid_quantity": "8000.21", "best_ask": "21933.98"}
    parser = CoinbaseParser()
    events = parser.parse(ws(advanced("ticker", 0, {"type": "update", "tickers": [{**quoted, "best_ask_quantity": "0"}]})))
    assert brief(events) == [
        ("A", "B", 21931_980_000_000, 800_021_000_000, TOB),
        ("A", "A", UNDEF_PRICE, 0, TOB | LAST),
    ]
    assert set(events["publisher_id"]) == {PUBLISHERS["COINBASE.TOP"]}
    assert parser.parse(ws(advanced("ticker", 1, {"type": "update", "tickers": [ticker]}))).size == 0


def test_exchange_l2() -> None:
    parser, plain = CoinbaseParser(), PlainBook()
    snapshot = {"type": "snapshot", "product_id": "BTC-USD", "bids": [["10101.10", "0.450541"]], "asks": [["10102.55", "0.577"]]}
    plain.apply(parser.parse(ws(snapshot)))
    changes = [["buy", "10101.80000000", "0.162567"], ["sell", "10102.55", "0.00000000"]]
    update = {"type": "l2update", "product_id": "BTC-USD", "changes": changes, "time": "2022-08-04T15:25:05.010758Z"}
    events = parser.parse(ws(update))
    plain.apply(events)
    assert set(events["ts_event"]) == {1659626705_010758000}
    assert plain.levels == {"B": {10101_100_000_000: 45_054_100, 10101_800_000_000: 16_256_700}, "A": {}}


def test_exchange_matches_without_an_order_level_feed_are_trades() -> None:
    parser = CoinbaseParser()
    match = {"trade_id": 10, "sequence": 50, "product_id": "BTC-USD", "size": "5.23512", "price": "400.23", "side": "sell"}
    orders = {"maker_order_id": "ac928c66-ca53-498f-9c13-a110027a60e8", "time": "2014-11-07T08:19:27.028459Z"}
    events = parser.parse(ws({"type": "match", **match, **orders}))
    assert brief(events) == [("T", "B", 400_230_000_000, 523_512_000, LAST)]
    assert events["sequence"][0] == 10
    assert parser.parse(ws({"type": "last_match", **match, **orders}))["flags"][0] == LAST | SNAPSHOT


def test_products_set_units_of_size_and_tick() -> None:
    parser = CoinbaseParser()
    fine = {"product_id": "BTC-USD", "base_increment": "0.0000000001", "quote_increment": "0.01", "price_increment": "0.05"}
    parser.parse(http({"products": [fine], "num_products": 1}, "https://api.coinbase.com/api/v3/brokerage/market/products"))
    parser.parse(http([{"id": "ETH-USD", "base_increment": "1", "quote_increment": "0.01", "quote_currency": "USD"}]))
    parser.parse(ws(advanced("l2_data", 0, SNAP, depth("snapshot", ("bid", "1500", "3"), product="ETH-USD"))))
    found = [(item.symbol, item.size_decimals, item.tick_size) for item in parser.instruments.values()]
    assert found == [("BTC-USD", 10, 50_000_000), ("ETH-USD", 0, 10_000_000)]
    assert parser.report.messages["instruments"] == 2


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (advanced("subscriptions", 0, {"subscriptions": {"level2": ["BTC-USD"]}}), "subscription"),
        (advanced("candles", 0, {"type": "snapshot", "candles": []}), "candle"),
        (advanced("user", 0, {"type": "snapshot", "orders": []}), "private"),
        (advanced("unheard_of", 0), "unhandled"),
        ({"type": "error", "message": "error message"}, "error"),
        ({"type": "subscriptions", "channels": [{"name": "level2", "product_ids": ["ETH-USD"]}]}, "subscription"),
        ({"type": "heartbeat", "sequence": 90, "last_trade_id": 20, "product_id": "BTC-USD"}, "heartbeat"),
        ({"type": "status", "products": [], "currencies": []}, "instruments"),
        ({"type": "unheard_of"}, "unhandled"),
    ],
)
def test_kinds_of_messages(message: Any, kind: str) -> None:
    parser = CoinbaseParser()
    assert parser.parse(ws(message)).size == 0
    assert parser.report.messages == {kind: 1}
