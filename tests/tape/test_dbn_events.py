"""Databento's schemas as events: the books that the events build are the books of the records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dbn_bytes import metadata, open_dbn, save
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.core import EVENT, UNDEF_PRICE, Flag, TradingStatus
from tickdeck.tape import ReadOptions, ReadReport, Source
from tickdeck.tape.databento_csv import DatabentoCsvReader
from tickdeck.tape.dbn_events import Normaliser
from tickdeck.tape.dbn_records import BBO_SAMPLE, CMBP_1, MBP_1, MBP_10, STATUS_CHANGE, TRADES

Data = Callable[[str], Path]
LAST, TOB, SNAPSHOT, MBP = 128, 64, 32, 16


def normalised(schema: str, records: np.ndarray) -> np.ndarray:
    return Normaliser(schema, ReadReport())(records)


def book_rows(records: np.ndarray) -> list[tuple[dict, dict]]:
    """Both sides of each record as price -> (size, orders)."""
    rows = []
    for record in records:
        levels = record["levels"]
        rows.append(
            tuple(
                {
                    int(level[f"{side}_px"]): (int(level[f"{side}_sz"]), int(level[f"{side}_ct"]))
                    for level in levels
                    if level[f"{side}_px"] != UNDEF_PRICE
                }
                for side in ("bid", "ask")
            )
        )
    return rows


def apply(book: dict, event: np.void) -> None:
    """The rules of level and top-of-book events, in the plainest form; `book` is side -> price -> (size, orders)."""
    if chr(event["action"]) == "R":
        book["B"].clear()
        book["A"].clear()
    elif chr(event["action"]) == "A":
        side = book[chr(event["side"])]
        price = int(event["price"])
        if event["flags"] & TOB:
            side.clear()
        else:
            assert event["flags"] & MBP
        if price == UNDEF_PRICE or event["size"] == 0:
            side.pop(price, None)
        else:
            side[price] = (int(event["size"]), int(event["order_id"]))


def assert_groups_build_the_rows(events: np.ndarray, records: np.ndarray) -> None:
    """After the last event of each record the book equals the record's."""
    rows = book_rows(records)
    books: dict[int, dict] = {}
    place = 0
    for record, row in zip(records, rows):
        book = books.setdefault(int(record["instrument_id"]), {"B": {}, "A": {}})
        while place < len(events) and events["sequence"][place] == record["sequence"]:
            assert events["instrument_id"][place] == record["instrument_id"]
            apply(book, events[place])
            place += 1
        assert (book["B"], book["A"]) == row
    assert place == len(events)


def ladder(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    prices = draw(st.lists(st.integers(-6, 6), max_size=10, unique=True))
    return [(price, draw(st.integers(1, 3)), draw(st.integers(1, 2))) for price in prices]


@st.composite
def ten_level_records(draw: st.DrawFn) -> np.ndarray:
    count = draw(st.integers(1, 12))
    records = np.zeros(count, MBP_10)
    records["levels"]["bid_px"] = UNDEF_PRICE
    records["levels"]["ask_px"] = UNDEF_PRICE
    for index, record in enumerate(records):
        record["sequence"] = index + 1
        record["instrument_id"] = draw(st.integers(1, 3))
        record["action"] = ord(draw(st.sampled_from("ACMTR")))
        record["side"] = ord(draw(st.sampled_from("BAN")))
        record["flags"] = draw(st.sampled_from([0, LAST, LAST | SNAPSHOT, LAST | TOB, MBP]))
        record["price"] = draw(st.integers(-5, 5))
        record["size"] = 1
        for side, sign in (("bid", -1), ("ask", 1)):
            for place, (price, size, orders) in enumerate(sorted(ladder(draw), key=lambda item: sign * item[0])):
                record["levels"][place][f"{side}_px"] = price
                record["levels"][place][f"{side}_sz"] = size
                record["levels"][place][f"{side}_ct"] = orders
    return records


@settings(max_examples=150, deadline=None)
@given(records=ten_level_records())
def test_level_events_build_the_book_of_every_record(records: np.ndarray) -> None:
    assert_groups_build_the_rows(normalised("mbp-10", records), records)


@settings(max_examples=100, deadline=None)
@given(records=ten_level_records())
def test_level_events_set_only_what_changed(records: np.ndarray) -> None:
    events = normalised("mbp-10", records)
    books: dict[int, dict] = {}
    for event in events:
        book = books.setdefault(int(event["instrument_id"]), {"B": {}, "A": {}})
        before = {side: dict(levels) for side, levels in book.items()}
        apply(book, event)
        if chr(event["action"]) == "A":
            assert book != before


@settings(max_examples=100, deadline=None)
@given(records=ten_level_records())
def test_a_record_that_ends_a_group_ends_it_once(records: np.ndarray) -> None:
    events = normalised("mbp-10", records)
    for record in records:
        flags = events["flags"][events["sequence"] == record["sequence"]]
        if len(flags):
            assert not (flags[:-1] & LAST).any()
            assert (flags[-1] & LAST) == (record["flags"] & LAST)
            assert ((flags & SNAPSHOT) == (record["flags"] & SNAPSHOT)).all()


def test_a_group_left_open_is_closed_by_a_record_without_change() -> None:
    records = np.zeros(2, MBP_10)
    records["levels"]["bid_px"] = UNDEF_PRICE
    records["levels"]["ask_px"] = UNDEF_PRICE
    records["levels"]["bid_px"][:, 0] = 100
    records["levels"]["bid_sz"][:, 0] = 1
    records["action"] = ord("A")
    records["sequence"] = [1, 2]
    records["flags"] = [0, LAST]
    events = normalised("mbp-10", records)
    assert [chr(action) for action in events["action"]] == ["A", "N"]
    assert events["flags"].tolist() == [MBP, LAST]
    assert events["order_id"][1] == TradingStatus.NONE


def test_the_trade_stands_before_the_levels_it_changed() -> None:
    records = np.zeros(1, MBP_10)
    records["levels"]["bid_px"] = UNDEF_PRICE
    records["levels"]["ask_px"] = UNDEF_PRICE
    records["levels"]["ask_px"][0, 0] = 100
    records["levels"]["ask_sz"][0, 0] = 4
    records["action"], records["side"], records["price"], records["size"], records["flags"] = ord("T"), ord("B"), 100, 6, LAST
    events = normalised("mbp-10", records)
    assert [(chr(item["action"]), chr(item["side"]), item["price"], item["size"], item["flags"]) for item in events] == [
        ("T", "B", 100, 6, 0),
        ("A", "A", 100, 4, MBP | LAST),
    ]


def test_the_events_of_a_real_ten_level_file_build_every_row(data: Data) -> None:
    path = data("databento/arl-xnas-20250717-first800.mbp-10.csv")
    records = np.concatenate(list(DatabentoCsvReader(Source(path), ReadOptions()).records()))
    events = np.concatenate(list(DatabentoCsvReader(Source(path), ReadOptions(chunk=64))))
    rows = book_rows(records)
    book: dict = {"B": {}, "A": {}}
    place = 0
    seen = 0
    keys = ("ts_event", "sequence")
    for index, (record, row) in enumerate(zip(records, rows)):
        following = index + 1 < len(records) and all(records[index + 1][key] == record[key] for key in keys)
        while place < len(events) and all(events[place][key] == record[key] for key in keys):
            apply(book, events[place])
            place += 1
        if not following:
            assert (book["B"], book["A"]) == row, index
            seen += 1
    assert place == len(events) and seen == 450


def test_best_bid_and_offer_records_replace_both_sides(data: Data) -> None:
    path = data("databento/futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst")
    records = np.concatenate(list(open_dbn(path).records()))
    events = np.concatenate(list(open_dbn(path)))
    assert records.dtype == MBP_1 and len(records) == 2_288
    trades = events[events["action"] == ord("T")]
    theirs = records[records["action"] == ord("T")]
    assert len(trades) == 120
    for name in ("ts_event", "ts_recv", "price", "size", "side", "sequence"):
        np.testing.assert_array_equal(trades[name], theirs[name])
    for side, code in (("bid", "B"), ("ask", "A")):
        tops = events[(events["side"] == ord(code)) & (events["action"] == ord("A"))]
        assert (tops["flags"] & TOB).all()
        level = records["levels"][:, 0]
        np.testing.assert_array_equal(tops["price"], level[f"{side}_px"])
        np.testing.assert_array_equal(tops["size"], level[f"{side}_sz"])
        np.testing.assert_array_equal(tops["order_id"], level[f"{side}_ct"])
    np.testing.assert_array_equal(np.flatnonzero(events["flags"] & LAST).size, int((records["flags"] & LAST != 0).sum()))


@pytest.mark.parametrize(("schema", "trade_place"), [("mbp-1", 0), ("tbbo", 2)])
def test_the_quote_of_a_tbbo_record_stands_before_its_trade(schema: str, trade_place: int) -> None:
    records = np.zeros(1, MBP_1)
    records["action"], records["side"], records["price"], records["size"], records["flags"] = ord("T"), ord("B"), 5, 2, LAST
    records["levels"]["bid_px"], records["levels"]["ask_px"] = 4, UNDEF_PRICE
    records["levels"]["bid_sz"] = 7
    events = normalised(schema, records)
    assert [chr(action) for action in events["action"]].index("T") == trade_place
    assert events["flags"][-1] & LAST and not (events["flags"][:-1] & LAST).any()
    ask = events[(events["action"] == ord("A")) & (events["side"] == ord("A"))][0]
    assert (ask["price"], ask["size"]) == (UNDEF_PRICE, 0)


def test_samples_of_the_best_bid_and_offer_have_no_trades() -> None:
    records = np.zeros(2, BBO_SAMPLE)
    records["levels"]["bid_px"], records["levels"]["bid_sz"] = 4, 7
    records["levels"]["ask_px"], records["levels"]["ask_sz"] = 5, 8
    records["price"], records["size"] = 5, 1
    events = normalised("bbo-1s", records)
    assert [chr(code) for code in events["action"]] == ["A"] * 4
    assert (events["flags"] & LAST).tolist() == [0, LAST, 0, LAST]


def test_consolidated_quotes_do_not_pass_publishers_off_as_order_counts() -> None:
    records = np.zeros(1, CMBP_1)
    records["action"] = ord("A")
    records["levels"]["bid_px"], records["levels"]["bid_sz"], records["levels"]["bid_pb"] = 4, 7, 39
    records["levels"]["ask_px"] = UNDEF_PRICE
    events = normalised("cmbp-1", records)
    assert events["order_id"].tolist() == [0, 0]
    assert events["size"].tolist() == [7, 0]


def test_each_trade_is_a_group_of_its_own() -> None:
    records = np.zeros(3, TRADES)
    records["action"], records["side"], records["price"], records["size"] = ord("T"), ord("A"), -5, [1, 2, 2**32 - 1]
    records["flags"] = [0, LAST | 8, 2]
    events = normalised("trades", records)
    assert events.dtype == EVENT
    assert events["flags"].tolist() == [LAST, LAST | 8, LAST | 2]
    assert events["size"].tolist() == [1, 2, 2**32 - 1]
    assert set(events["order_id"].tolist()) == {0} and set(map(chr, events["action"])) == {"T"}


def test_a_status_change_carries_its_code_as_order_id(data: Data) -> None:
    path = data("databento/fixtures/test_data.status.dbn")
    records = np.concatenate(list(open_dbn(path).records()))
    events = np.concatenate(list(open_dbn(path)))
    assert records.dtype == STATUS_CHANGE
    assert {chr(code) for code in events["action"]} == {"N"}
    assert events["order_id"].tolist() == records["action"].tolist()
    assert TradingStatus.TRADING in events["order_id"].tolist()
    assert (events["flags"] == int(Flag.LAST)).all() and (events["price"] == UNDEF_PRICE).all()
    np.testing.assert_array_equal(events["ts_recv"], records["ts_recv"])


def test_books_of_many_instruments_are_held_apart(tmp_path: Path) -> None:
    count = 300
    records = np.zeros(2 * count, MBP_10)
    records["length"], records["rtype"] = MBP_10.itemsize // 4, 10
    records["levels"]["bid_px"] = UNDEF_PRICE
    records["levels"]["ask_px"] = UNDEF_PRICE
    records["levels"]["bid_px"][:, 0] = 100
    records["levels"]["bid_sz"][:, 0] = np.repeat([1, 2], count)
    records["instrument_id"] = np.tile(np.arange(count), 2)
    records["sequence"] = np.arange(2 * count)
    records["action"], records["flags"] = ord("A"), LAST
    import databento_dbn as dbn

    path = save(tmp_path / "a.dbn", metadata(dbn.Schema.MBP_10), records.tobytes())
    events = np.concatenate(list(open_dbn(path, chunk=50)))
    assert len(events) == 2 * count
    assert_groups_build_the_rows(events, records)
