"""Kraken's feed: v1 arrays and v2 objects, depth, checksums, instruments."""

from __future__ import annotations

from typing import Any

import pytest
from test_checksums import KRAKEN_V1_ASKS, KRAKEN_V1_BIDS, KRAKEN_V2_ASKS, KRAKEN_V2_BIDS, levels
from venue_frames import PlainBook, brief, http, unsound, ws

from tickdeck.core import UNDEF_PRICE, Instrument
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.venues.checksums import kraken_checksum
from tickdeck.venues.kraken import KrakenParser

TIME = "1582905487.439814"
LAST, SNAPSHOT, MBP, TOB, BAD = 128, 32, 16, 64, 4


def v1_snapshot(bids: list[tuple[str, str]], asks: list[tuple[str, str]], depth: int = 10) -> list[Any]:
    sides = {"as": [[*level, TIME] for level in asks], "bs": [[*level, TIME] for level in bids]}
    return [0, sides, f"book-{depth}", "XBT/USD"]


def v2_book(kind: str, bids: list[tuple[str, str]], asks: list[tuple[str, str]], checksum: int | None = None) -> str:
    def side(pairs: list[tuple[str, str]]) -> str:
        return ",".join(f'{{"price":{price},"qty":{size}}}' for price, size in pairs)

    stated = "" if checksum is None else f',"checksum":{checksum}'
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{side(bids)}],"asks":[{side(asks)}]'
        f'{stated},"timestamp":"2023-10-06T17:35:55.440295Z"}}]}}'
    )


def test_v1_snapshot_clears_and_sets_levels() -> None:
    parser = KrakenParser()
    events = parser.parse(ws(v1_snapshot([("5541.2", "1.5")], [("5541.3", "2.0"), ("5542.7", "0.4")])))
    assert brief(events) == [
        ("R", "N", UNDEF_PRICE, 0, SNAPSHOT),
        ("A", "A", 5541_300_000_000, 200_000_000, SNAPSHOT | MBP),
        ("A", "A", 5542_700_000_000, 40_000_000, SNAPSHOT | MBP),
        ("A", "B", 5541_200_000_000, 150_000_000, SNAPSHOT | MBP | LAST),
    ]
    assert set(events["ts_event"]) == {1582905487_439814000}
    assert set(events["publisher_id"]) == {PUBLISHERS["KRAKEN"]}
    assert parser.report.messages == {"snapshot": 1}


def test_v1_update_in_two_maps_holds_its_checksum() -> None:
    parser = KrakenParser()
    parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, [*KRAKEN_V1_ASKS[1:], ("0.05120", "0.00000500")])))
    update = [
        0,
        {"a": [["0.05005", "0.00000500", TIME], ["0.05120", "0.00000000", TIME]]},
        {"b": [["0.04500", "0.00000500", TIME, "r"]], "c": "974947235"},
        "book-10",
        "XBT/USD",
    ]
    events = parser.parse(ws(update))
    assert parser.expected == [(len(events) - 1, 1, 974947235)]
    assert (parser.report.checksums, parser.report.checksums_wrong) == (1, 0)
    assert parser.checksum(levels(KRAKEN_V1_BIDS), levels(KRAKEN_V1_ASKS), 1) == 974947235
    assert parser.parse(ws({"event": "heartbeat"})).size == 0
    assert parser.expected == []


def test_levels_pushed_out_of_the_depth_are_removed() -> None:
    parser, book = KrakenParser(), PlainBook()
    book.apply(parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS))))
    events = parser.parse(ws([0, {"b": [["0.05001", "0.5", TIME]]}, "book-10", "XBT/USD"]))
    assert brief(events) == [
        ("A", "B", 50_010_000, 50_000_000, MBP),
        ("C", "B", 49_500_000, 0, MBP | LAST),
    ]
    book.apply(events)
    book.apply(parser.parse(ws([0, {"b": [["0.04900", "0.5", TIME]]}, "book-10", "XBT/USD"])))
    assert len(book.levels["B"]) == len(book.levels["A"]) == 10
    assert min(book.levels["B"]) == 49_550_000


def test_a_level_made_room_for_in_the_same_message_stays() -> None:
    parser, book = KrakenParser(), PlainBook()
    book.apply(parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS))))
    update = [0, {"b": [["0.05001", "0.5", TIME], ["0.05000", "0.00000000", TIME]]}, "book-10", "XBT/USD"]
    book.apply(parser.parse(ws(update)))
    assert min(book.levels["B"]) == 49_500_000


def test_wrong_checksum_marks_the_message_and_leaves_the_book_stale_until_a_snapshot() -> None:
    parser = KrakenParser()
    parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS)))
    events = parser.parse(ws([0, {"a": [["0.05005", "1.0", TIME]], "c": "974947235"}, "book-10", "XBT/USD"]))
    assert brief(events) == [("A", "A", 50_050_000, 100_000_000, MBP | LAST | BAD)]
    assert parser.stale(1)
    assert parser.report.checksums_wrong == parser.report.anomalies["checksum_mismatch"] == 1
    events = parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS)))
    assert not parser.stale(1)
    assert not (events["flags"] & BAD).any()


def test_update_before_any_snapshot_is_flagged() -> None:
    parser = KrakenParser()
    events = parser.parse(ws([0, {"a": [["0.05005", "1.0", TIME]]}, "book-10", "XBT/USD"]))
    assert brief(events) == [("A", "A", 50_050_000, 100_000_000, MBP | LAST | BAD)]
    assert parser.stale(1)
    assert parser.report.anomalies == {"update_before_snapshot": 1}


def test_v2_numbers_keep_their_printed_digits_for_the_checksum() -> None:
    parser = KrakenParser()
    parser.parse(ws(v2_book("snapshot", KRAKEN_V2_BIDS, KRAKEN_V2_ASKS, 3310070434)))
    assert (parser.report.checksums, parser.report.checksums_wrong) == (1, 0)
    better = [*KRAKEN_V2_BIDS[:4], ("45280.9", "0.5"), *KRAKEN_V2_BIDS[4:-1]]
    stated = kraken_checksum(levels(better), levels(KRAKEN_V2_ASKS), 1, 8)
    events = parser.parse(ws(v2_book("update", [("45280.9", "0.50000000")], [], stated)))
    assert brief(events)[-1] == ("C", "B", 45276_600_000_000, 0, MBP | LAST)
    assert set(events["ts_event"]) == {1696613755_440295000}
    assert (parser.report.checksums, parser.report.checksums_wrong) == (2, 0)


def test_v2_digits_dropped_on_the_wire_are_known_from_the_instrument_channel() -> None:
    pair = {"symbol": "BTC/USD", "price_precision": 1, "qty_precision": 8, "price_increment": 0.1, "qty_increment": 1e-8}
    parser = KrakenParser()
    message = {"channel": "instrument", "type": "snapshot", "data": {"assets": [], "pairs": [pair]}}
    assert parser.parse(ws(message)).size == 0
    trimmed = [[(p.rstrip("0").rstrip("."), s.rstrip("0")) for p, s in side] for side in (KRAKEN_V2_BIDS, KRAKEN_V2_ASKS)]
    parser.parse(ws(v2_book("snapshot", *trimmed, 3310070434)))
    assert (parser.report.checksums, parser.report.checksums_wrong) == (1, 0)
    assert parser.instruments[1].tick_size == 100_000_000
    assert parser.instruments[1].price_decimals == 1


def test_v2_depth_comes_from_the_reply_or_the_longest_side() -> None:
    reply = {"method": "subscribe", "success": True, "result": {"channel": "book", "depth": 25, "symbol": "BTC/USD"}}
    for replies, left in (([], 10), ([reply], 11)):
        parser, book = KrakenParser(), PlainBook()
        for message in replies:
            parser.parse(ws(message))
        book.apply(parser.parse(ws(v2_book("snapshot", KRAKEN_V2_BIDS, KRAKEN_V2_ASKS))))
        book.apply(parser.parse(ws(v2_book("update", [("45283.6", "1.0")], []))))
        assert len(book.levels["B"]) == left


def test_trades_carry_the_aggressors_side() -> None:
    parser = KrakenParser()
    v1 = [0, [["5541.20", "0.15850568", TIME, "s", "l", ""], ["5541.30", "1", TIME, "b", "m", ""]], "trade", "XBT/USD"]
    assert brief(parser.parse(ws(v1))) == [
        ("T", "A", 5541_200_000_000, 15_850_568, LAST),
        ("T", "B", 5541_300_000_000, 100_000_000, LAST),
    ]
    v2 = (
        '{"channel":"trade","type":"update","data":[{"symbol":"XBT/USD","side":"sell","price":0.5117,"qty":40.0,'
        '"ord_type":"market","trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"}]}'
    )
    events = parser.parse(ws(v2))
    assert brief(events) == [("T", "A", 511_700_000, 4_000_000_000, LAST)]
    assert (events["sequence"][0], events["ts_event"][0]) == (4665906, 1695628177_708706000)


def test_tickers_and_spreads_replace_the_top_under_their_own_publisher() -> None:
    parser = KrakenParser()
    spread = [0, ["5698.40", "5700.00", TIME, "1.01234567", "0.98765432"], "spread", "XBT/USD"]
    events = parser.parse(ws(spread))
    assert brief(events) == [
        ("A", "B", 5698_400_000_000, 101_234_567, TOB),
        ("A", "A", 5700_000_000_000, 98_765_432, TOB | LAST),
    ]
    assert set(events["publisher_id"]) == {PUBLISHERS["KRAKEN.TOP"]}
    v2 = '{"channel":"ticker","type":"update","data":[{"symbol":"XBT/USD","bid":0.1,"bid_qty":740.0,"ask":0.2,"ask_qty":0}]}'
    assert brief(parser.parse(ws(v2))) == [
        ("A", "B", 100_000_000, 74_000_000_000, TOB),
        ("A", "A", UNDEF_PRICE, 0, TOB | LAST),
    ]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"event": "systemStatus", "status": "online", "version": "1.0.0"}, "status"),
        ({"event": "subscriptionStatus", "status": "subscribed", "pair": "XBT/USD"}, "subscription"),
        ({"event": "subscriptionStatus", "status": "error", "errorMessage": "Currency pair not supported"}, "error"),
        ({"event": "pong", "reqid": 42}, "heartbeat"),
        ([42, ["1542057314.748456", "1542057360.435743"], "ohlc-5", "XBT/USD"], "candle"),
        ([[{}], "ownTrades", {"sequence": 2948}], "private"),
        ({"channel": "heartbeat"}, "heartbeat"),
        ({"channel": "status", "type": "update", "data": [{"system": "online"}]}, "status"),
        ({"channel": "ohlc", "type": "update", "data": []}, "candle"),
        ({"method": "pong", "time_in": ""}, "heartbeat"),
        ({"method": "subscribe", "success": False, "error": "Already subscribed"}, "error"),
        ({"something": "else"}, "unhandled"),
        ([1, 2, 3, "else", "XBT/USD"], "unhandled"),
    ],
)
def test_kinds_of_messages(message: Any, kind: str) -> None:
    parser = KrakenParser()
    assert parser.parse(ws(message)).size == 0
    assert parser.report.messages == {kind: 1}


def test_pairs_give_ticks_and_one_bad_pair_does_not_spoil_the_list() -> None:
    parser = KrakenParser()
    good = {"wsname": "XBT/USD", "pair_decimals": 1, "lot_decimals": 8}
    parser.parse(http({"error": [], "result": {"A": good, "B": {"wsname": "X/Y"}}}, "https://api.kraken.com/0/public/AssetPairs"))
    assert parser.report.anomalies == {"malformed_instrument": 1}
    parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS)))
    assert parser.instruments[1].tick_size == 100_000_000
    assert parser.instruments[1].price_decimals == 5


def test_declared_instrument_wins() -> None:
    parser = KrakenParser((Instrument("XBT/USD", "0.5", 10, instrument_id=77),))
    events = parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS)))
    assert set(events["instrument_id"]) == {77}
    assert events["size"][1] == 50_000
    parser.parse(ws([0, {"a": [["0.05005", "0.00000500", TIME]], "c": "974947235"}, "book-10", "XBT/USD"]))
    assert parser.report.checksums_wrong == 0


def test_what_does_not_fit_is_counted_and_never_rounded() -> None:
    parser = KrakenParser()
    bids = [("0.0000000001", "1.0"), ("9999999997.0", "1.0"), ("0.5", "0.000000001"), ("0.4", "1.0")]
    events = parser.parse(ws(v1_snapshot(bids, [])))
    assert brief(events) == [
        ("R", "N", UNDEF_PRICE, 0, SNAPSHOT | BAD),
        ("A", "B", 400_000_000, 100_000_000, SNAPSHOT | MBP | LAST),
    ]
    assert parser.report.anomalies == {"inexact": 2, "out_of_range": 1}


def test_second_depth_channel_does_not_touch_the_book() -> None:
    parser = KrakenParser()
    parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS, depth=10)))
    assert parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS, depth=100))).size == 0
    assert parser.report.anomalies == {"second_depth_channel": 1}
    parser.parse(ws({"event": "subscriptionStatus", "status": "unsubscribed", "channelName": "book-10", "pair": "XBT/USD"}))
    assert parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS, depth=100))).size == 21


def test_malformed_book_message_marks_the_book() -> None:
    parser = KrakenParser()
    parser.parse(ws(v1_snapshot(KRAKEN_V1_BIDS, KRAKEN_V1_ASKS)))
    assert parser.parse(ws([0, {"a": [["0.05005", "many", TIME]]}, "book-10", "XBT/USD"])).size == 0
    assert unsound(parser) == {"malformed": 1}
    assert parser.stale(1)
    events = parser.parse(ws([0, {"a": [["0.05005", "1.0", TIME]]}, "book-10", "XBT/USD"]))
    assert brief(events) == [("A", "A", 50_050_000, 100_000_000, MBP | LAST | BAD)]
