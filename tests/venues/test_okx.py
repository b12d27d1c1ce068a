"""OKX's v5 feed: sequence rules, checksums, small books, best bid and ask."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from venue_frames import PlainBook, brief, http, unsound, ws

from tickdeck.core import UNDEF_PRICE, Flag
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.venues.okx import OkxParser

LAST, SNAPSHOT, MBP, TOB, BAD = 128, 32, 16, 64, 4
BIDS, ASKS = [["3366.1", "7", "0", "3"], ["3366", "6", "3", "4"]], [["3366.8", "9", "10", "3"], ["3368", "8", "3", "4"]]


def book(bids: list[Any], asks: list[Any], action: str = "update", channel: str = "books", **fields: Any) -> dict[str, Any]:
    item = {"bids": bids, "asks": asks, "ts": "1597026383085", **fields}
    return {"arg": {"channel": channel, "instId": "BTC-USD-170310"}, "action": action, "data": [item]}


def checksum(bids: list[list[str]], asks: list[list[str]]) -> int:
    """From printed text, as the venue documents it."""
    pairs = zip_longest([":".join(x[:2]) for x in bids[:25]], [":".join(x[:2]) for x in asks[:25]])
    text = ":".join(level for pair in pairs for level in pair if level)
    return int(np.array([crc32(text.encode())], np.uint32).view(np.int32)[0])


def synced(**fields: Any) -> OkxParser:
    parser = OkxParser()
    parser.parse(ws(book(BIDS, ASKS, "snapshot", prevSeqId=-1, seqId=100, **fields)))
    return parser


def test_snapshot_with_documented_checksum() -> None:
    parser = OkxParser()
    events = parser.parse(ws(book(BIDS, ASKS, "snapshot", checksum=-1881014294, prevSeqId=-1, seqId=100)))
    assert [row[0] for row in brief(events)] == ["R", "A", "A", "A", "A"]
    assert events["order_id"].tolist() == [0, 3, 4, 3, 4]
    assert events["flags"][-1] == SNAPSHOT | MBP | LAST
    assert set(events["sequence"]) == {100}
    assert parser.expected == [(4, 1, -1881014294)]
    assert (parser.report.checksums, parser.report.checksums_wrong) == (1, 0)


def test_updates_follow_by_previous_sequence() -> None:
    parser = synced()
    events = parser.parse(ws(book([["3366.1", "0", "0", "0"]], [["3367", "1", "0", "1"]], prevSeqId=100, seqId=105)))
    assert brief(events) == [("C", "B", 3366_100_000_000, 0, MBP), ("A", "A", 3367_000_000_000, 100_000_000, MBP | LAST)]
    assert parser.parse(ws(book([], [], prevSeqId=105, seqId=105))).size == 0
    parser.parse(ws(book([["3300", "1", "0", "1"]], [], prevSeqId=105, seqId=3)))
    parser.parse(ws(book([["3300", "2", "0", "1"]], [], prevSeqId=3, seqId=5)))
    assert not parser.report.anomalies
    assert not parser.stale(1)


def test_gap_flags_the_next_record_and_leaves_the_book_stale_until_a_snapshot() -> None:
    parser = synced()
    events = parser.parse(ws(book([["3300", "1", "0", "1"], ["3299", "1", "0", "1"]], [], prevSeqId=107, seqId=109)))
    assert [flags & BAD for *_, flags in brief(events)] == [BAD, 0]
    assert parser.report.anomalies == {"sequence_gap": 1}
    assert parser.stale(1)
    events = parser.parse(ws(book([["3300", "1", "0", "1"]], [], prevSeqId=109, seqId=110)))
    assert not events["flags"][0] & BAD
    assert parser.stale(1)
    parser.parse(ws(book(BIDS, ASKS, "snapshot", prevSeqId=-1, seqId=200)))
    assert not parser.stale(1)


def test_checksums_of_updates_are_verified_and_zero_is_none() -> None:
    parser = synced()
    bids = [["3366.5", "2", "0", "1"], *BIDS]
    parser.parse(ws(book(bids[:1], [], prevSeqId=100, seqId=101, checksum=checksum(bids, ASKS))))
    assert (parser.report.checksums, parser.report.checksums_wrong) == (1, 0)
    parser.parse(ws(book([], [["3366.8", "8", "0", "1"]], prevSeqId=101, seqId=102, checksum=0)))
    assert parser.report.checksums == 1
    events = parser.parse(ws(book([], [["3366.8", "7", "0", "1"]], prevSeqId=102, seqId=103, checksum=7)))
    assert parser.report.anomalies == {"checksum_mismatch": 1}
    assert events["flags"][0] & BAD
    assert parser.stale(1)


def test_printed_trailing_zeros_count_in_the_checksum() -> None:
    bids, asks = [["3366.10", "7.0", "0", "3"]], [["3367.00", "8.5", "0", "3"]]
    parser = OkxParser()
    parser.parse(ws(book(bids, asks, "snapshot", checksum=checksum(bids, asks), prevSeqId=-1, seqId=1)))
    assert (parser.report.checksums, parser.report.checksums_wrong) == (1, 0)


def test_small_whole_books_replace_each_other() -> None:
    parser, plain = OkxParser(), PlainBook()
    plain.apply(parser.parse(ws(book(BIDS, ASKS, channel="books5", seqId=1))))
    plain.apply(parser.parse(ws(book(BIDS[1:], ASKS[:1], channel="books5", seqId=2))))
    assert plain.levels == {"B": {3366_000_000_000: 600_000_000}, "A": {3366_800_000_000: 900_000_000}}


def test_best_bid_and_ask_are_top_events() -> None:
    parser = OkxParser()
    message = book(BIDS[:1], [], channel="bbo-tbt", seqId=363996337)
    del message["action"]
    events = parser.parse(ws(message))
    assert brief(events) == [("A", "B", 3366_100_000_000, 700_000_000, TOB), ("A", "A", UNDEF_PRICE, 0, TOB | LAST)]
    assert set(events["publisher_id"]) == {PUBLISHERS["OKX.TOP"]}


def test_trades_and_tickers() -> None:
    parser = OkxParser()
    item = {"instId": "BTC-USDT", "tradeId": "130639474", "px": "42219.9", "sz": "0.12060306", "side": "sell"}
    trade = {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [{**item, "ts": "1630048897897", "count": "3"}]}
    events = parser.parse(ws(trade))
    assert brief(events) == [("T", "A", 42219_900_000_000, 12_060_306, LAST)]
    assert (events["sequence"][0], events["ts_event"][0]) == (130639474, 1630048897_897000000)
    top = {"instId": "BTC-USDT", "askPx": "", "askSz": "", "bidPx": "8888", "bidSz": "5", "ts": "1597026383085"}
    events = parser.parse(ws({"arg": {"channel": "tickers", "instId": "BTC-USDT"}, "data": [top]}))
    assert brief(events) == [("A", "B", 8888_000_000_000, 500_000_000, TOB), ("A", "A", UNDEF_PRICE, 0, TOB | LAST)]


def test_instruments_set_units_of_size_and_tick() -> None:
    parser = OkxParser()
    item = {"instId": "BTC-USD-170310", "instType": "FUTURES", "tickSz": "0.1", "lotSz": "1", "settleCcy": "BTC"}
    parser.parse(http({"code": "0", "msg": "", "data": [item]}, "https://www.okx.com/api/v5/public/instruments?instType=FUTURES"))
    events = parser.parse(ws(book(BIDS, ASKS, "snapshot", checksum=-1881014294, prevSeqId=-1, seqId=100)))
    assert events["size"].tolist() == [0, 7, 6, 9, 8]
    assert (parser.instruments[1].tick_size, parser.instruments[1].size_decimals) == (100_000_000, 0)
    assert parser.report.checksums_wrong == 0


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("pong", "heartbeat"),
        ({"event": "subscribe", "arg": {"channel": "books", "instId": "X"}, "connId": "a4d3ae55"}, "subscription"),
        ({"event": "error", "code": "60012", "msg": "Invalid request"}, "error"),
        ({"event": "notice", "code": "64008", "msg": "The connection will soon be closed"}, "status"),
        ({"arg": {"channel": "candle1D", "instId": "X"}, "data": [["1597026383085", "1"]]}, "candle"),
        ({"arg": {"channel": "funding-rate", "instId": "X"}, "data": [{}]}, "funding"),
        ({"arg": {"channel": "liquidation-orders", "instType": "SWAP"}, "data": []}, "liquidation"),
        ({"arg": {"channel": "unheard-of"}, "data": []}, "unhandled"),
        ({"other": 1}, "unhandled"),
    ],
)
def test_kinds_of_messages(message: Any, kind: str) -> None:
    parser = OkxParser()
    assert parser.parse(ws(message)).size == 0
    assert parser.report.messages == {kind: 1}


def test_unsubscribed_book_is_taken_over_by_another_channels_snapshot() -> None:
    parser = synced()
    small = book(BIDS, ASKS, channel="books5", seqId=1)
    assert parser.parse(ws(small)).size == 0
    assert parser.report.anomalies == {"second_depth_channel": 1}
    parser.parse(ws({"event": "unsubscribe", "arg": {"channel": "books", "instId": "BTC-USD-170310"}}))
    assert parser.parse(ws(small)).size == 5
    assert not unsound(parser)
    assert not any(parser.parse(ws(small))["flags"] & Flag.MAYBE_BAD_BOOK)


@pytest.mark.parametrize("orders", ["4294967296", "9223372036854775806"])
def test_a_number_of_orders_beyond_32_bits_is_taken(orders: str) -> None:
    parser = OkxParser()
    bids = [["3366.1", "7", "0", orders]]
    parser.parse(ws(book(bids, ASKS, "snapshot", prevSeqId=-1, seqId=100, checksum=checksum(bids, ASKS))))
    assert not unsound(parser)
