"""Binance's messages become events, and diffs follow snapshots and each other by the venue's rules."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from binance_frames import RECV, depth_url, diff, rest, snapshot, wrapped, ws

from tickdeck.core import UNDEF_PRICE, Flag, Instrument
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.venues.binance import BinanceFuturesParser, BinanceParser
from tickdeck.venues.binance_join import HELD_DIFFS

LAST, TOB, SNAP, MBP, BAD = (int(flag) for flag in (Flag.LAST, Flag.TOB, Flag.SNAPSHOT, Flag.MBP, Flag.MAYBE_BAD_BOOK))
ONE = [("100.5", "1.25")]


def brief(events: np.ndarray) -> list[tuple[str, str, int, int, int, int]]:
    """(action, side, price, size, flags, sequence) of each event."""
    names = ("action", "side", "price", "size", "flags", "sequence")
    return [(chr(a), chr(s), *rest_) for a, s, *rest_ in zip(*(events[name].tolist() for name in names))]


def sequences(events: np.ndarray) -> list[int]:
    return events["sequence"].tolist()


def spot_in_step(last: int = 10) -> BinanceParser:
    parser = BinanceParser()
    parser.parse(rest(snapshot(last, ONE), depth_url()))
    parser.parse(ws(diff(last + 1, last + 1, ONE)))
    return parser


def futures_in_step(last: int = 10) -> BinanceFuturesParser:
    parser = BinanceFuturesParser()
    parser.parse(rest(snapshot(last, ONE), depth_url(futures=True)))
    parser.parse(ws(diff(last, last + 1, ONE, previous=last - 1)))
    return parser


def test_snapshot_clears_and_sets_every_level() -> None:
    parser = BinanceParser()
    events = parser.parse(rest(snapshot(7, [("10.5", "2"), ("10.4", "0.00000001")], [("10.6", "3")]), depth_url()))
    assert brief(events) == [
        ("R", "N", UNDEF_PRICE, 0, SNAP, 7),
        ("A", "B", 10_500_000_000, 200_000_000, SNAP | MBP, 7),
        ("A", "B", 10_400_000_000, 1, SNAP | MBP, 7),
        ("A", "A", 10_600_000_000, 300_000_000, SNAP | MBP | LAST, 7),
    ]
    assert set(events["ts_recv"].tolist()) == {RECV} == set(events["ts_event"].tolist())
    assert set(events["publisher_id"].tolist()) == {PUBLISHERS["BINANCE"]}


def test_empty_snapshot_is_one_record() -> None:
    events = BinanceParser().parse(rest(snapshot(7), depth_url()))
    assert brief(events) == [("R", "N", UNDEF_PRICE, 0, SNAP | LAST, 7)]


@pytest.mark.parametrize("tolerant", [False, True])
def test_diff_sets_and_removes_levels(tolerant: bool) -> None:
    parser = spot_in_step()
    parse = parser.parse_tolerant if tolerant else parser.parse
    events = parse(ws(diff(12, 15, [("10.5", "2.00000000"), ("10.4", "0.00000000")], [("10.6", "3")])))
    assert brief(events) == [
        ("A", "B", 10_500_000_000, 200_000_000, MBP, 15),
        ("C", "B", 10_400_000_000, 0, MBP, 15),
        ("A", "A", 10_600_000_000, 300_000_000, MBP | LAST, 15),
    ]
    assert set(events["ts_event"].tolist()) == {1_721_347_022_504_000_000}
    assert set(events["ts_in_delta"].tolist()) == {RECV - 1_721_347_022_504_000_000}
    assert set(events["order_id"].tolist()) == {0}


def test_futures_diff_takes_the_time_of_the_transaction() -> None:
    events = futures_in_step().parse(ws(diff(12, 15, ONE, previous=11)))
    assert events["ts_event"].tolist() == [1_721_347_022_500_000_000]
    assert events["publisher_id"].tolist() == [PUBLISHERS["BINANCE_FUTURES"]]


@pytest.mark.parametrize("tolerant", [False, True])
def test_book_ticker_replaces_both_sides_under_its_own_publisher(tolerant: bool) -> None:
    parser = spot_in_step()
    parse = parser.parse_tolerant if tolerant else parser.parse
    message = {"u": 99, "s": "BTCUSDT", "b": "10.5", "B": "1.00000000", "a": "0.00000000", "A": "0.00000000"}
    events = parse(ws(wrapped("btcusdt@bookTicker", message)))
    assert brief(events) == [("A", "B", 10_500_000_000, 100_000_000, TOB, 99), ("A", "A", UNDEF_PRICE, 0, TOB | LAST, 99)]
    assert set(events["publisher_id"].tolist()) == {PUBLISHERS["BINANCE.TOP"]}
    assert set(events["ts_event"].tolist()) == {RECV}


@pytest.mark.parametrize("tolerant", [False, True])
@pytest.mark.parametrize(("maker", "side"), [(True, "A"), (False, "B")])
def test_trade_has_the_side_of_its_aggressor(tolerant: bool, maker: bool, side: str) -> None:
    parser = spot_in_step()
    parse = parser.parse_tolerant if tolerant else parser.parse
    message = {"e": "trade", "E": 5, "s": "BTCUSDT", "t": 77, "p": "10.5", "q": "0.5", "T": 4, "m": maker, "M": True}
    events = parse(ws(msgspec.json.encode(message)))
    assert brief(events) == [("T", side, 10_500_000_000, 50_000_000, LAST, 77)]
    assert events["ts_event"].tolist() == [4_000_000]
    assert parser.report.messages["trade"] == 1


@pytest.mark.parametrize("tolerant", [False, True])
def test_aggregate_trade_is_told_apart_from_a_trade(tolerant: bool) -> None:
    parser = futures_in_step()
    parse = parser.parse_tolerant if tolerant else parser.parse
    message = {"e": "aggTrade", "E": 5, "a": 8, "s": "BTCUSDT", "p": "10.5", "q": "3", "f": 1, "l": 2, "T": 4, "m": False}
    events = parse(ws(wrapped("btcusdt@aggTrade", message)))
    assert brief(events) == [("T", "B", 10_500_000_000, 300_000_000, LAST | int(Flag.PUBLISHER_SPECIFIC), 8)]


def test_trade_of_nothing_is_counted_and_gives_no_event() -> None:
    parser = futures_in_step()
    message = {"e": "trade", "E": 5, "T": 4, "s": "BTCUSDT", "t": 7, "p": "0", "q": "0", "X": "NA", "m": True}
    assert len(parser.parse(ws(msgspec.json.encode(message)))) == 0
    assert parser.report.messages["trade"] == 1
    assert not parser.report.anomalies


@pytest.mark.parametrize(
    ("first", "final", "needed"), [(1, 9, False), (1, 10, False), (5, 11, True), (11, 11, True), (11, 20, True)]
)
def test_spot_joins_where_the_snapshot_ends(first: int, final: int, needed: bool) -> None:
    parser = BinanceParser()
    parser.parse(rest(snapshot(10, ONE), depth_url()))
    events = parser.parse(ws(diff(first, final, ONE)))
    assert sequences(events) == ([final] if needed else [])
    assert not parser.report.anomalies
    assert parser.report.messages["depth" if needed else "depth_before_snapshot"] == 1


@pytest.mark.parametrize(
    ("first", "final", "previous", "needed"),
    [(1, 9, 0, False), (1, 10, 0, True), (10, 12, 9, True), (5, 30, 4, True), (12, 13, 10, True)],
)
def test_futures_join_where_the_snapshot_lies_within_the_diff(first: int, final: int, previous: int, needed: bool) -> None:
    parser = BinanceFuturesParser()
    parser.parse(rest(snapshot(10, ONE), depth_url(futures=True)))
    events = parser.parse(ws(diff(first, final, ONE, previous=previous)))
    assert sequences(events) == ([final] if needed else [])
    assert not parser.report.anomalies


def test_a_snapshot_older_than_the_first_diff_is_a_gap() -> None:
    parser = BinanceParser()
    parser.parse(rest(snapshot(10, ONE), depth_url()))
    events = parser.parse(ws(diff(12, 12, ONE)))
    assert brief(events)[0][4] == MBP | LAST | BAD
    assert parser.report.anomalies == {"sequence_gap": 1}
    assert parser.stale(1)


def test_diffs_before_the_snapshot_are_held_back_and_applied_at_its_time() -> None:
    parser = BinanceParser()
    for update in range(8, 14):
        assert len(parser.parse(ws(diff(update, update, ONE), RECV + update))) == 0
    events = parser.parse(rest(snapshot(10, ONE), depth_url(), RECV + 100))
    assert sequences(events) == [10, 10, 11, 12, 13]
    assert set(events["ts_recv"].tolist()) == {RECV + 100}
    assert parser.report.messages == {"depth": 3, "depth_before_snapshot": 3, "snapshot": 1}
    assert sequences(parser.parse(ws(diff(14, 14, ONE)))) == [14]
    assert not parser.report.anomalies


def test_spot_gap_marks_the_next_record_once_and_the_book_until_a_snapshot() -> None:
    parser = spot_in_step()
    assert not parser.stale(1)
    events = parser.parse(ws(diff(13, 14, [*ONE, ("9", "1")])))
    assert [flags & BAD for *_, flags, _ in brief(events)] == [BAD, 0]
    assert parser.report.anomalies == {"sequence_gap": 1}
    assert parser.stale(1)
    assert [flags & BAD for *_, flags, _ in brief(parser.parse(ws(diff(15, 16, ONE))))] == [0]
    assert parser.stale(1)
    events = parser.parse(rest(snapshot(15, ONE), depth_url()))
    assert sequences(events) == [15, 15, 16]
    assert not parser.stale(1)
    assert brief(parser.parse(ws(diff(17, 17, ONE)))) == [("A", "B", 100_500_000_000, 125_000_000, MBP | LAST, 17)]
    assert parser.report.anomalies == {"sequence_gap": 1}


def test_futures_gap_is_told_by_the_previous_update() -> None:
    parser = futures_in_step()
    assert sequences(parser.parse(ws(diff(500, 501, ONE, previous=11)))) == [501]
    assert not parser.report.anomalies
    events = parser.parse(ws(diff(502, 503, ONE, previous=502)))
    assert brief(events)[0][4] & BAD
    assert parser.report.anomalies == {"sequence_gap": 1}


def test_a_gap_before_a_diff_without_levels_marks_the_next_record() -> None:
    parser = spot_in_step()
    assert len(parser.parse(ws(diff(13, 14)))) == 0
    assert brief(parser.parse(ws(diff(15, 15, ONE))))[0][4] & BAD


def test_a_second_gap_is_counted_and_drops_what_no_snapshot_can_join() -> None:
    parser = spot_in_step()
    parser.parse(ws(diff(20, 20, ONE)))
    parser.parse(ws(diff(30, 30, ONE)))
    assert parser.report.anomalies == {"sequence_gap": 2}
    assert len(parser.parse(rest(snapshot(25, ONE), depth_url()))) == 0
    assert parser.report.anomalies == {"sequence_gap": 2, "stale_snapshot": 1}
    assert parser.stale(1)
    assert sequences(parser.parse(rest(snapshot(29, ONE), depth_url()))) == [29, 29, 30]
    assert not parser.stale(1)


def test_a_repeated_diff_is_counted_and_changes_nothing() -> None:
    parser = spot_in_step()
    for update in (11, 5):
        assert len(parser.parse(ws(diff(update, update, ONE)))) == 0
    assert parser.report.anomalies == {"stale_update": 2}
    assert sequences(parser.parse(ws(diff(12, 12, ONE)))) == [12]


def test_an_overlapping_diff_is_counted_and_applied() -> None:
    parser = spot_in_step()
    assert sequences(parser.parse(ws(diff(10, 14, ONE)))) == [14]
    assert parser.report.anomalies == {"overlapping_update": 1}
    assert not parser.stale(1)


def test_a_snapshot_behind_the_book_is_not_needed() -> None:
    parser = spot_in_step()
    parser.parse(ws(diff(12, 20, ONE)))
    assert len(parser.parse(rest(snapshot(15, ONE), depth_url()))) == 0
    assert parser.report.messages["snapshot_not_needed"] == 1
    assert sequences(parser.parse(ws(diff(21, 21, ONE)))) == [21]


def test_a_snapshot_ahead_of_the_book_replaces_it() -> None:
    parser = spot_in_step()
    assert sequences(parser.parse(rest(snapshot(30, ONE), depth_url()))) == [30, 30]
    assert len(parser.parse(ws(diff(12, 30, ONE)))) == 0
    assert sequences(parser.parse(ws(diff(31, 31, ONE)))) == [31]
    assert not parser.report.anomalies


def test_a_book_without_a_snapshot_is_built_from_diffs_after_a_bounded_wait() -> None:
    parser = BinanceParser()
    for update in range(1, HELD_DIFFS):
        assert len(parser.parse(ws(diff(update, update, ONE)))) == 0
    events = parser.parse(ws(diff(HELD_DIFFS, HELD_DIFFS, ONE)))
    assert sequences(events) == list(range(1, HELD_DIFFS + 1))
    assert [int(flags) & BAD for flags in events["flags"][:3]] == [BAD, 0, 0]
    assert parser.report.anomalies == {"update_before_snapshot": 1}
    assert parser.stale(1)
    # A snapshot mends it: the diffs since then are applied again.
    assert sequences(parser.parse(rest(snapshot(HELD_DIFFS - 2, ONE), depth_url()))) == [
        *[HELD_DIFFS - 2] * 2,
        HELD_DIFFS - 1,
        HELD_DIFFS,
    ]


def test_flush_delivers_what_waits_for_a_snapshot() -> None:
    parser = BinanceParser()
    parser.parse(ws(diff(1, 1, ONE)))
    parser.parse(ws(diff(2, 2, ONE)))
    events = parser.flush(RECV + 9)
    assert sequences(events) == [1, 2]
    assert events["flags"][0] & BAD
    assert set(events["ts_recv"].tolist()) == {RECV + 9}
    assert len(parser.flush(RECV + 9)) == 0


def test_books_of_many_symbols_are_kept_apart() -> None:
    parser = BinanceParser()
    names = [f"COIN{number}USDT" for number in range(200)]
    for number, name in enumerate(names):
        parser.parse(rest(snapshot(number, ONE), depth_url(name)))
    for step in (1, 2, 3):
        for number, name in enumerate(names):
            events = parser.parse(ws(diff(number + step, number + step, ONE, symbol=name)))
            assert sequences(events) == [number + step]
            assert events["instrument_id"].tolist() == [number + 1]
    assert not parser.report.anomalies
    assert [parser.instruments[number + 1].symbol for number in range(200)] == names


@pytest.mark.parametrize("name", ["A", "ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNOPQ", "BTCUSDT_240927", "币安人生USDT"])
def test_symbols_of_any_length_and_script(name: str) -> None:
    parser = BinanceParser()
    parser.parse(rest(snapshot(1, ONE), depth_url(name)))
    for update in (2, 3, 4):
        assert sequences(parser.parse(ws(diff(update, update, ONE, symbol=name)))) == [update]
    assert parser.instruments[1].symbol == name


def test_declared_ids_and_size_decimals_win() -> None:
    parser = BinanceParser((Instrument("BTCUSDT", tick_size="0.01", size_decimals=3, instrument_id=42),))
    parser.parse(rest(snapshot(1, [("10", "1.5")]), depth_url()))
    for update in (2, 3):
        events = parser.parse(ws(diff(update, update, [("10", "1.25000000")])))
        assert (events["instrument_id"].tolist(), events["size"].tolist()) == ([42], [1_250])
    parser.parse(ws(diff(4, 4, [("10", "0.0001")])))
    assert parser.report.anomalies == {"inexact": 1}


def test_sizes_beyond_63_bits_at_eight_decimals_need_declared_decimals() -> None:
    huge = [("0.00001", "123456789012.00")]
    parser = BinanceParser((Instrument("PEPEUSDT", size_decimals=0),))
    parser.parse(rest(snapshot(1, ONE[:0]), depth_url("PEPEUSDT")))
    events = parser.parse(ws(diff(2, 2, huge, symbol="PEPEUSDT")))
    assert events["size"].tolist() == [123_456_789_012]
    parser = BinanceParser()
    parser.parse(rest(snapshot(1), depth_url("PEPEUSDT")))
    parser.parse(ws(diff(2, 2, huge, symbol="PEPEUSDT")))
    assert parser.report.anomalies == {"inexact": 1}


def test_exchange_info_tells_ticks_lots_and_printed_decimals() -> None:
    info = {
        "symbols": [
            {
                "symbol": "BTCUSDT",
                "quoteAsset": "USDT",
                "quotePrecision": 8,
                "pricePrecision": 2,
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
                    {"filterType": "LOT_SIZE", "stepSize": "0.001"},
                ],
            }
        ]
    }
    for parser, decimals in ((BinanceParser(), 8), (BinanceFuturesParser(), 2)):
        parser.parse(rest(msgspec.json.encode(info), "https://x/exchangeInfo"))
        assert parser.instruments == {}
        parser.parse(rest(snapshot(1, ONE), depth_url()))
        item = parser.instruments[1]
        assert (item.symbol, item.tick_size, item.size_decimals, item.lot_size) == ("BTCUSDT", 100_000_000, 8, 100_000)
        assert (item.price_decimals, item.currency, item.venue) == (decimals, "USDT", parser.venue)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"result": None, "id": 1}, "subscription"),
        ({"stream": "btcusdt@kline_1m", "data": {"e": "kline", "s": "BTCUSDT", "k": {}}}, "candle"),
        ({"e": "markPriceUpdate", "s": "BTCUSDT", "p": "1"}, "mark_price"),
        ({"e": "forceOrder", "o": {}}, "liquidation"),
        ({"stream": "!ticker@arr", "data": [{"e": "24hrTicker"}]}, "statistics"),
        ([{"e": "24hrMiniTicker"}], "statistics"),
        ({"stream": "btcusdt@depth20@100ms", "data": {"lastUpdateId": 1, "bids": [], "asks": []}}, "partial_depth"),
        (
            {"stream": "btcusdt@depth5", "data": {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 1, "u": 1, "b": [], "a": []}},
            "partial_depth",
        ),
    ],
)
def test_other_messages_are_classified(message: object, kind: str) -> None:
    parser = spot_in_step()
    before = parser.report.messages.copy()
    assert len(parser.parse(ws(msgspec.json.encode(message)))) == 0
    assert parser.report.messages - before == {kind: 1}
    assert not parser.report.anomalies


def test_rest_answers_are_classified_by_their_address() -> None:
    parser = BinanceFuturesParser()
    parser.parse(
        rest(b'{"openInterest":"1","symbol":"BTCUSDT","time":1}', "https://fapi.binance.com/fapi/v1/openInterest?symbol=BTCUSDT")
    )
    parser.parse(rest(b"[]", "https://fapi.binance.com/fapi/v1/trades?symbol=BTCUSDT"))
    assert parser.report.messages == {"open_interest": 1, "history": 1}


@pytest.mark.parametrize(
    ("payload", "anomaly"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'"text"', "malformed"),
        (b'{"e":"depthUpdate"}', "malformed"),
        (diff(12, 11, ONE), "malformed"),
        (diff(12, 12, [("ten", "1")]), "malformed"),
        (diff(12, 12, [("10", "-1")]), "malformed"),
        (diff(12, 12, [("10", "0.000000001")]), "inexact"),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "venue_error"),
        (b'{"e":"somethingNew"}', "unhandled"),
        (b"{}", "unhandled"),
    ],
)
def test_what_is_wrong_is_counted_by_kind(payload: bytes, anomaly: str) -> None:
    parser = spot_in_step()
    parser.parse(ws(payload))
    assert parser.report.anomalies == {anomaly: 1}
    assert parser.report.examples


def test_a_malformed_diff_shows_as_a_gap_at_the_next_one() -> None:
    parser = spot_in_step()
    parser.parse(ws(diff(12, 12, [("ten", "1")])))
    assert brief(parser.parse(ws(diff(13, 13, ONE))))[0][4] & BAD
    assert parser.report.anomalies == {"malformed": 1, "sequence_gap": 1}


def test_a_snapshot_without_a_symbol_is_of_the_only_one() -> None:
    parser = BinanceParser()
    parser.parse(ws(diff(11, 11, ONE)))
    assert sequences(parser.parse(ws(snapshot(10, ONE)))) == [10, 10, 11]


def test_a_snapshot_before_any_symbol_is_of_the_first_one() -> None:
    parser = BinanceParser()
    assert len(parser.parse(ws(snapshot(10, ONE)))) == 0
    assert sequences(parser.parse(ws(diff(11, 11, ONE)))) == [10, 10, 11]
    assert not parser.report.anomalies


def test_a_snapshot_that_may_be_of_several_symbols_is_not_guessed() -> None:
    parser = BinanceParser()
    for name in ("BTCUSDT", "ETHUSDT"):
        parser.parse(ws(diff(11, 11, ONE, symbol=name)))
    assert len(parser.parse(ws(snapshot(10, ONE)))) == 0
    assert parser.report.anomalies == {"unhandled": 1}
