"""Messages of the venues that speak JSON, and values that do not belong in them: what fuzzing starts from."""

from __future__ import annotations

import random
from typing import Any

TIME = "2023-10-06T17:35:55.440295Z"
UUID = "d50ec984-77a8-460a-b958-66f114b0de9b"
LEVELS = [["100.5", "1.25", "0", "3"], ["100.0", "2", "0", "1"]]
ORDER = {"product_id": "BTC-USD", "order_id": UUID, "maker_order_id": UUID, "side": "buy", "price": "100.5", "time": TIME}
PAIRS = [{"price": 1, "qty": 2}]
QUOTE = {"symbol": "BTC/USD", "bid": 1, "bid_qty": 2, "ask": 3, "ask_qty": 4}
EACH = {"timestamp": TIME, "sequence_num": 1}


def v5(topic: str, kind: str, data: Any) -> Any:
    return {"topic": f"{topic}.BTCUSDT", "type": kind, "ts": 1672304484978, "cts": 1672304484976, "data": data}


def bitstamp(event: str, channel: str, data: dict[str, Any]) -> Any:
    return {"event": event, "channel": f"{channel}_btcusd", "data": {"microtimestamp": "1643643584684047", **data}}


SEEDS: dict[str, list[tuple[Any, str]]] = {
    "KRAKEN": [
        ([0, {"as": [["1.5", "2", "1.1"]], "bs": [["1.4", "2", "1.1", "r"]]}, "book-10", "XBT/USD"], ""),
        ([0, {"a": [["1.5", "0", "1.1"]]}, {"b": [["1.4", "3", "1.2"]], "c": "974947235"}, "book-10", "XBT/USD"], ""),
        ([0, [["5541.2", "0.1", "1534614057.32", "s", "l", ""]], "trade", "XBT/USD"], ""),
        ([0, {"a": ["5", 1, "1.0"], "b": ["4", 1, "1.0"]}, "ticker", "XBT/USD"], ""),
        ([0, ["5698.4", "5700.0", "1542057299.5", "1.0", "0.9"], "spread", "XBT/USD"], ""),
        ({"event": "subscriptionStatus", "status": "unsubscribed", "channelName": "book-10", "pair": "XBT/USD"}, ""),
        ({"channel": "book", "type": "snapshot", "data": [{"symbol": "BTC/USD", "bids": PAIRS, "asks": [], "checksum": 7}]}, ""),
        ({"channel": "ticker", "type": "update", "data": [QUOTE]}, ""),
        ({"method": "subscribe", "success": True, "result": {"channel": "book", "depth": 10, "symbol": "BTC/USD"}}, ""),
        ({"error": [], "result": {"X": {"wsname": "XBT/USD", "pair_decimals": 1, "lot_decimals": 8}}}, "https://x/AssetPairs"),
    ],
    "OKX": [
        (
            {
                "arg": {"channel": "books", "instId": "BTC-USDT"},
                "action": action,
                "data": [{"bids": LEVELS, "asks": LEVELS, "ts": "1597026383085", "seqId": 5, "prevSeqId": -1, "checksum": 3}],
            },
            "",
        )
        for action in ("snapshot", "update")
    ]
    + [
        ({"arg": {"channel": channel, "instId": "BTC-USDT"}, "data": [item]}, "")
        for channel, item in (
            ("trades", {"instId": "X", "tradeId": "1", "px": "1", "sz": "2", "side": "buy", "ts": "1597026383085"}),
            ("tickers", {"instId": "X", "askPx": "1", "askSz": "2", "bidPx": "", "bidSz": "", "ts": "1597026383085"}),
            ("bbo-tbt", {"bids": LEVELS, "asks": [], "ts": "1597026383085", "seqId": 5}),
            ("instruments", {"instId": "BTC-USDT", "tickSz": "0.1", "lotSz": "0.001"}),
        )
    ]
    + [({"event": "unsubscribe", "arg": {"channel": "books", "instId": "BTC-USDT"}}, "")],
    "BYBIT": [
        (v5("orderbook.50", "snapshot", {"s": "BTCUSDT", "b": [["1", "2"]], "a": [], "u": 5, "seq": 1}), "wss://x/v5/public/spot"),
        (v5("orderbook.50", "delta", {"s": "BTCUSDT", "b": [["1", "0"]], "a": [["2", "1"]], "u": 6, "seq": 2}), ""),
        (v5("orderbook.1", "delta", {"s": "BTCUSDT", "b": [["1", "1"]], "a": [["2", "1"]], "u": 6, "seq": 2}), ""),
        (v5("publicTrade", "snapshot", [{"T": 1, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "2", "i": "77"}]), ""),
        (v5("tickers", "delta", {"symbol": "BTCUSDT", "bid1Price": "1", "bid1Size": "2"}), ""),
        ({"success": True, "op": "subscribe", "ret_msg": ""}, ""),
        ({"topic": "orderBookL2_25.BTCUSD", "type": "snapshot", "data": [{"price": "1", "side": "Buy", "size": 9}],
            "cross_seq": 1, "timestamp_e6": 5}, ""),
        ({"topic": "orderBookL2_25.BTCUSD", "type": "delta", "data": {"delete": [{"price": "1", "side": "Buy"}], "update": [],
            "insert": [{"price": "2", "side": "Sell", "size": 1.5}]}, "cross_seq": 2, "timestamp_e6": 6}, ""),
    ],
    "COINBASE": [
        ({"channel": "l2_data", **EACH, "events": [{"type": "snapshot", "product_id": "BTC-USD", "updates": [
            {"side": "bid", "event_time": TIME, "price_level": "1.5", "new_quantity": "2"}]}]}, ""),
        ({"channel": "market_trades", **EACH, "events": [{"type": "update", "trades": [
            {"product_id": "BTC-USD", "trade_id": "5", "price": "1", "size": "2", "time": TIME, "side": "SELL"}]}]}, ""),
        ({"channel": "ticker", **EACH, "events": [{"tickers": [{"product_id": "BTC-USD", "best_bid": "1", "best_ask": "2",
            "best_bid_quantity": "1", "best_ask_quantity": "1"}]}]}, ""),
        ({"sequence": 5, "bids": [["1", "2", UUID]], "asks": []}, "https://x/products/BTC-USD/book?level=3"),
        *(
            ({"type": kind, "sequence": 6 + i, "remaining_size": "1", "size": "1", "new_size": "1", "trade_id": 3, **ORDER}, "")
            for i, kind in enumerate(("received", "open", "match", "change", "done"))
        ),
        ({"type": "snapshot", "product_id": "ETH-USD", "bids": [["1", "2"]], "asks": []}, ""),
        ({"type": "l2update", "product_id": "ETH-USD", "changes": [["buy", "1", "0"]], "time": TIME}, ""),
        ({"type": "level3", "schema": {"open": ["type", "product_id", "sequence", "order_id", "side", "price", "size"]}}, ""),
        (["open", "BTC-USD", "12", UUID, "buy", "1", "2"], ""),
        ([{"id": "BTC-USD", "base_increment": "0.1", "quote_increment": "0.01"}], "https://x/products"),
    ],
    "BITSTAMP": [
        ({"microtimestamp": "1643643584684046", "bids": [["1", "2"]], "asks": []}, "https://x/api/v2/order_book/btcusd"),
        (bitstamp("data", "diff_order_book", {"bids": [["1", "0"]], "asks": [["2", "1"]]}), ""),
        (bitstamp("data", "detail_order_book", {"bids": [["1", "1", "5"]], "asks": []}), ""),
        (bitstamp("trade", "live_trades", {"id": 1, "amount": 0.5, "price": 1.5, "type": 0}), ""),
        *(
            (bitstamp(event, "live_orders", {"id": 1, "amount": 0.5, "price": 1.5, "order_type": 0}), "")
            for event in ("order_created", "order_changed", "order_deleted")
        ),
        ({"event": "bts:subscription_succeeded", "channel": "diff_order_book_btcusd", "data": {}}, ""),
        ([{"url_symbol": "btcusd", "name": "BTC/USD", "base_decimals": 8, "counter_decimals": 2}], "https://x/"),
    ],
}  # fmt: skip

WRONG: list[Any] = [
    None, True, -1, 0, 7, 2**63 - 1, 2**63, 2**64, 10**30, 1.5, 1e-7, 1e300, "", "x", "0", "1", "-1", "1e9", "1e-30", "1E400",
    "0.0000000001", "99999999999999999999", "9223372036854775807", "1_000", " 1", "+1", "nan", "Infinity", "٣", "\x00", "1.",
    "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00.999999999Z", "9" * 50, "a" * 200,
    [], {}, [[]], [{}], [None], {"": None}, [["1", "2"]] * 3, "snapshot", "update", "book-0", "BTC-USD", "buy", "sell",
]  # fmt: skip


def altered(value: Any, rng: random.Random) -> Any:
    """`value` with one node replaced, removed or doubled."""
    if rng.random() < 0.25 or not isinstance(value, (list, dict)) or not value:
        return rng.choice(WRONG)
    if isinstance(value, list):
        at = rng.randrange(len(value))
        kind = rng.random()
        if kind < 0.1:
            return value[:at] + value[at + 1 :]
        if kind < 0.2:
            return [*value[:at], value[at], *value[at:]]
        return [*value[:at], altered(value[at], rng), *value[at + 1 :]]
    key = rng.choice(sorted(value))
    if rng.random() < 0.1:
        return {name: item for name, item in value.items() if name != key}
    return {**value, key: altered(value[key], rng)}
