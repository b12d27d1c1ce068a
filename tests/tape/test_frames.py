"""Arrays and frames in memory as events, and events as frames."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from event_rows import KNOWN, T0, event_arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tickdeck as td
from tickdeck.core import DBN_MBO, EVENT, UNDEF_PRICE, FormatError, TickdeckError, UsageError, empty_events
from tickdeck.tape import Reader, to_polars

SLOW = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def read(data: Any, **options: Any) -> tuple[np.ndarray, Reader]:
    reader = td.read(data, **options)
    return np.concatenate([empty_events(), *reader]), reader


def some_events(count: int = 5) -> np.ndarray:
    events = empty_events(count)
    events["ts_event"] = T0 + np.arange(count)
    events["order_id"] = 2**63 + np.arange(count, dtype=np.uint64)
    events["price"] = 4_780_250_000_000 + 250_000_000 * np.arange(count)
    events["size"], events["instrument_id"] = 7, 1 + np.arange(count) % 2
    events["action"], events["side"], events["flags"], events["rtype"] = ord("A"), ord("B"), 128, 160
    return events


def mbo_records(events: np.ndarray) -> np.ndarray:
    records = np.zeros(len(events), DBN_MBO)
    for name in set(DBN_MBO.names or ()) & set(EVENT.names or ()):
        records[name] = events[name]
    records["length"] = 14
    return records


def test_event_arrays_pass_through_in_chunks() -> None:
    events = some_events()
    reader = td.read(events, chunk=2)
    chunks = list(reader)
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert np.concatenate(chunks).tobytes() == events.tobytes()
    assert {number: item.symbol for number, item in reader.instruments.items()} == {1: "1", 2: "2"}


def test_declared_instruments_and_wanted_symbols_apply_to_arrays() -> None:
    declared = [td.Instrument("X", tick_size="0.25", instrument_id=1), td.Instrument("2", size_decimals=3)]
    events, reader = read(some_events(), instruments=declared)
    assert reader.instruments[1].tick_size == 250_000_000 and reader.instruments[2].size_decimals == 3
    events, _ = read(some_events(), instruments=declared, symbols=["X"])
    assert events["instrument_id"].tolist() == [1, 1, 1]


def test_mbo_records_become_events_or_stay_native() -> None:
    records = mbo_records(some_events())
    assert read(records)[0].tobytes() == some_events().tobytes()
    (native,) = td.read(records, native=True)
    assert native.dtype == DBN_MBO and native.tobytes() == records.tobytes()


def test_a_store_of_databento_is_read_with_its_symbols() -> None:
    class Store:
        symbology: dict[str, Any] = {"mappings": {"ESH4": [{"symbol": "1"}], "2": [{"symbol": "ESM4"}]}}  # noqa: RUF012

        def to_ndarray(self) -> np.ndarray:
            import databento_dbn

            return mbo_records(some_events()).view(np.dtype(databento_dbn.MBOMsg._dtypes))

    events, reader = read(Store())
    assert events.tobytes() == some_events().tobytes()
    assert [reader.instruments[number].symbol for number in (1, 2)] == ["ESH4", "ESM4"]


def test_other_schemas_of_databento_become_events() -> None:
    import databento_dbn

    trades = np.zeros(2, np.dtype(databento_dbn.TradeMsg._dtypes))
    trades["length"], trades["rtype"], trades["action"], trades["side"] = 12, 0, b"T", b"A"
    trades["price"], trades["size"], trades["ts_event"], trades["ts_recv"] = 10**9, 3, T0, T0
    events, reader = read(trades)
    assert events["action"].tolist() == [84, 84] and events["size"].tolist() == [3, 3] and reader.schema == "trades"


def test_a_frame_of_event_fields_is_read_as_it_stands() -> None:
    events = some_events()
    frame = pl.DataFrame({name: events[name].copy() for name in EVENT.names or () if name != "reserved"})
    assert read(frame)[0].tobytes() == events.tobytes()
    named = frame.with_columns(pl.Series("symbol", ["X", "Y", "X", "Y", "X"]))
    assert {number: item.symbol for number, item in read(named)[1].instruments.items()} == {1: "X", 2: "Y"}


ROWS = {
    "type": ["order", "trade", "cancel"],
    "timestamp": [T0, T0 + 1, T0 + 2],
    "price": ["100.5", "-0.000000001", None],
    "qty": ["2", "1.5", "2"],
    "side": ["B", "sell", "B"],
    "order_id": [2**63 + 1, None, 2**63 + 1],
    "symbol": ["X", "Y", "X"],
}
PRICES = [100_500_000_000, -1, UNDEF_PRICE]


@pytest.mark.parametrize(
    "prices",
    [
        pl.Series(["100.5", "-0.000000001", None]),
        pl.Series([100.5, -1e-9, None]),
        pl.Series([100.5, -1e-9, float("nan")]),
        pl.Series([Decimal("100.5"), Decimal("-0.000000001"), None], dtype=pl.Decimal(38, 9)),
    ],
)
@pytest.mark.parametrize("pandas", [False, True])
def test_frames_of_the_event_schema_are_exact(prices: pl.Series, pandas: bool) -> None:
    frame = pl.DataFrame(ROWS).with_columns(prices.alias("price"), pl.col("order_id").cast(pl.String))
    events, reader = read(frame.to_pandas() if pandas else frame)
    assert events["price"].tolist() == PRICES
    assert events["size"].tolist() == [200_000_000, 150_000_000, 200_000_000]
    assert events["order_id"].tolist() == [2**63 + 1, 0, 2**63 + 1]
    assert events["ts_event"].tolist() == ROWS["timestamp"]
    assert [item.symbol for item in reader.instruments.values()] == ["X", "Y"]


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_times_of_frames_may_be_datetimes(unit: Any) -> None:
    times = pl.Series([T0, T0 + 10**6, T0 + 2 * 10**6]).cast(pl.Datetime("ns", "UTC")).cast(pl.Datetime(unit, "UTC"))
    frame = pl.DataFrame(ROWS).with_columns(times.alias("timestamp"))
    assert read(frame)[0]["ts_event"].tolist() == [T0, T0 + 10**6, T0 + 2 * 10**6]
    indexed = frame.drop("order_id").with_columns(trade_id=pl.lit("a")).to_pandas().set_index("timestamp")
    assert read(indexed)[0]["ts_event"].tolist() == [T0, T0 + 10**6, T0 + 2 * 10**6]
    texts = pl.DataFrame(ROWS).with_columns(times.alias("ts_recv"))
    assert read(texts)[0]["ts_recv"].tolist() == [T0, T0 + 10**6, T0 + 2 * 10**6]


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (0.1 + 0.2, 300_000_000),
        (64_000.123456789, 64_000_123_456_789),
        (9_000_000.1, 9_000_000_100_000_000),
        (123_456_789.25, 123_456_789_250_000_000),
        (1e-9, 1),
        (1.23456789012, None),
        (1e-10, None),
        (float("inf"), None),
    ],
)
def test_floats_are_the_decimals_they_stand_for_or_bad_rows(value: float, units: int | None) -> None:
    frame = pl.DataFrame({"type": ["trade"] * 2, "timestamp": [T0] * 2, "price": [value, 0.5], "qty": [1, 1]})
    events, reader = read(frame)
    assert events["price"].tolist() == [500_000_000] if units is None else [units, 500_000_000]
    assert reader.report.counts["bad_row"] == (units is None)


@given(st.integers(-9 * 10**15, 9 * 10**15))
@SLOW
def test_every_multiple_of_a_price_unit_survives_as_float(units: int) -> None:
    frame = pl.DataFrame({"type": ["trade"], "timestamp": [T0], "price": [units / 10**9], "qty": [1]})
    if abs(units) < 2**53:
        assert read(frame)[0]["price"].tolist() == [units]


def test_whole_floats_are_integers_and_ids_that_lost_digits_are_refused() -> None:
    frame = pl.DataFrame(ROWS).with_columns(pl.Series("qty", [2.0, 1.0, 2.0]), pl.Series("order_id", [5.0, None, 5.0]))
    events, reader = read(frame)
    assert events["size"].tolist() == [2, 1, 2] and events["order_id"].tolist() == [5, 0, 5]
    assert reader.instruments[1].size_decimals == 0
    with pytest.raises(FormatError, match="order_id is float and has lost digits"):
        read(frame.with_columns(pl.Series("order_id", [1e18, None, 1e18])))


def test_columns_are_mapped_and_others_told() -> None:
    frame = pl.DataFrame(ROWS).rename({"price": "px"}).with_columns(more=1)
    events, reader = read(frame, columns={"price": "px"})
    assert events["price"].tolist() == PRICES and reader.report.notes["ignored_columns"] == ["more"]
    with pytest.raises(FormatError, match="no column price; the columns are"):
        read(frame)


def test_bad_rows_of_frames_are_counted_with_the_line_of_their_csv() -> None:
    frame = pl.DataFrame(ROWS).with_columns(pl.Series("type", ["order", "deal", "cancel"]))
    events, reader = read(frame)
    assert len(events) == 2 and reader.report.examples[0][1] == 3
    with pytest.raises(FormatError, match="row 3"):
        read(frame, strict=True)


@pytest.mark.parametrize("data", [np.zeros(3), np.zeros((2, 2), EVENT), np.zeros(1, [("rtype", "u1")]), [1], {"a": 1}, None, 5])
def test_what_is_no_market_data_is_a_one_line_error(data: Any) -> None:
    with pytest.raises(UsageError) as caught:
        read(data)
    assert "\n" not in str(caught.value)


@given(event_arrays())
@SLOW
def test_an_exact_frame_reads_back_the_same(events: np.ndarray) -> None:
    events = events[np.isin(events["instrument_id"], list(KNOWN))]
    events["ts_event"] = np.abs(events["ts_event"])
    frame = to_polars(events, KNOWN, exact=True)
    known = [item.with_ids(number) for number, item in KNOWN.items()]
    back, reader = read(frame, instruments=known)
    assert not reader.report.counts and back.tobytes() == events.tobytes()


def test_a_frame_for_analysis_is_readable() -> None:
    events = some_events(2)
    events["price"][1], events["ts_recv"][1], events["action"][1] = UNDEF_PRICE, T0, 0
    frame = to_polars(events, {1: td.Instrument("X"), 2: td.Instrument("Y", size_decimals=2)})
    assert frame["symbol"].to_list() == ["X", "Y"] and frame["price"].to_list() == [4780.25, None]
    assert frame["size"].to_list() == [7.0, 0.07] and frame["action"].to_list() == ["A", "0"]
    assert frame["ts_recv"].cast(pl.Int64).to_list() == [None, T0]
    assert str(frame["ts_event"][0]) == "2023-12-25 23:00:00+00:00"
    assert isinstance(frame.to_pandas(), pd.DataFrame)
    assert to_polars(empty_events()).is_empty()


@given(
    st.dictionaries(
        st.sampled_from(["type", "timestamp", "price", "qty", "side", "order_id", "symbol", "action", "ts_recv", "odd"]),
        st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5), st.booleans()), min_size=2, max_size=2),
    )
)
@SLOW
def test_any_frame_gives_events_or_a_one_line_error(columns: dict[str, list[Any]]) -> None:
    frame = pl.DataFrame({name: pl.Series(values, strict=False) for name, values in columns.items()})
    try:
        read(frame)
    except TickdeckError as error:
        assert "\n" not in str(error)
