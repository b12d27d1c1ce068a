"""Recordings of depth against a rebuild in plain Python; which prices are shown; which instrument is chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tickdeck.cli.plain_book import PlainBook
from tickdeck.core import EVENT, Flag, Instrument, Records, UsageError
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.plotting import Recording, depth_at, record
from tickdeck.plotting.heatmap import marks
from tickdeck.plotting.raster import price_window, rasterise
from tickdeck.plotting.tape import InstrumentTape
from tickdeck.simulation import order_flow
from tickdeck.tape import read, write

NOON = 1_709_640_000 * 10**9
TICK = 10**7


def simulated(events: int = 6_000, **settings: int) -> Records:
    return np.concatenate(list(order_flow(events=events, seed=11, live_orders=300, **settings)))


def made(*rows: tuple[int, str, str, int, int, int]) -> Records:
    """Events from (seconds after noon, action, side, order id, price in ticks, size)."""
    out = np.zeros(len(rows), EVENT)
    for event, (second, action, side, order_id, tick, size) in zip(out, rows):
        event["ts_recv"] = event["ts_event"] = NOON + second * 10**9
        event["action"], event["side"] = ord(action), ord(side)
        event["order_id"], event["price"], event["size"] = order_id, tick * TICK, size
    out["flags"] = Flag.LAST
    out["instrument_id"], out["publisher_id"] = 1, 2
    return out


def plain(events: Records, side: str) -> tuple[list[int], list[int]]:
    """Prices and sizes of a rebuild in plain Python."""
    book = PlainBook()
    book.apply(events)
    found = book.queues(side)
    return [price for price, _ in found], [sum(size for _, size in queue) for _, queue in found]


def stands_at(recording: Recording, column: int) -> tuple[tuple[list[int], list[int]], ...]:
    """The recorded bids and asks that stand in a column."""
    at = int(np.searchsorted(recording.sampled, column, side="right")) - 1
    return tuple((prices.tolist(), sizes.tolist()) for prices, sizes in (recording.bids[at], recording.asks[at]))


@pytest.mark.parametrize("columns", [2, 7, 64])
def test_each_column_holds_the_book_at_its_end(columns: int) -> None:
    events = simulated(3_000)
    found = record(events, columns=columns)
    assert columns / 2 < found.columns <= columns
    active = events[events["flags"] & Flag.SNAPSHOT == 0]
    assert found.start == active["ts_recv"][0] and found.latest == events["ts_recv"][-1] < found.end
    for column in range(found.columns):
        before = events[events["ts_recv"] < found.start + (column + 1) * found.step]
        assert stands_at(found, column) == (plain(before, "B"), plain(before, "A"))


def test_chunks_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path / "a.npy", simulated(8_000))
    one, other = (record(tmp_path / "a.npy", columns=50, chunk=chunk) for chunk in (257, 65_536))
    assert (one.start, one.step, one.columns) == (other.start, other.step, other.columns)
    assert one.sampled.tolist() == other.sampled.tolist()
    assert all(stands_at(one, column) == stands_at(other, column) for column in range(one.columns))
    assert np.array_equal(one.volume, other.volume) and np.allclose(one.notional, other.notional)


def test_every_trade_is_counted_by_its_aggressor_and_column() -> None:
    events = simulated()
    found = record(events, columns=33)
    trades = events[events["action"] == ord("T")]
    assert found.trades == len(trades) > 100
    for kind, side in enumerate("BAN"):
        mine = trades[trades["side"] == ord(side)]
        column = (mine["ts_recv"] - found.start) // found.step
        assert np.array_equal(found.volume[:, kind], np.bincount(column, mine["size"], found.columns))
        assert found.notional[:, kind].sum() == pytest.approx(float((mine["size"] * mine["price"].astype(float)).sum()))


def test_trades_drawn_together_keep_volume_and_mean_price() -> None:
    found = record(simulated(30_000), columns=1_200)
    assert np.count_nonzero(found.volume[:, 0]) > 200
    times, prices, volumes = marks(found, 0)
    assert len(times) < 200 and (np.diff(times) > 0).all()
    assert volumes.sum() == found.volume[:, 0].sum()
    assert (prices * volumes).sum() * 1e9 == pytest.approx(found.notional[:, 0].sum())


def test_a_snapshot_stamped_hours_before_does_not_stretch_the_time() -> None:
    events = made(
        (-40_000, "A", "B", 1, 99, 5), (-39_999, "A", "A", 2, 101, 5), (0, "A", "B", 3, 98, 5), (10, "C", "B", 3, 98, 5)
    )
    events["flags"][:2] = Flag.SNAPSHOT
    found = record(events)
    assert found.start == NOON and found.latest == NOON + 10**10
    assert stands_at(found, 0) == (([99 * TICK, 98 * TICK], [5, 5]), ([101 * TICK], [5]))
    events["ts_recv"] = 0
    assert record(events).start == NOON
    alone = record(events[:2])
    assert alone.columns == 1 and alone.start == NOON - 39_999 * 10**9 and stands_at(alone, 0)[1] == ([101 * TICK], [5])


def test_what_comes_before_the_start_builds_the_book() -> None:
    events = simulated(4_000)
    begin, end = int(events["ts_recv"][2_000]), int(events["ts_recv"][3_000])
    found = record(events, start=begin, stop=end, columns=40)
    assert found.start == begin and found.columns <= 40 and found.latest < end
    inside = events[(events["ts_recv"] >= begin) & (events["ts_recv"] < end)]
    assert found.events == len(inside)
    last = events[events["ts_recv"] < end]
    assert stands_at(found, found.columns - 1) == (plain(last, "B"), plain(last, "A"))


@pytest.mark.parametrize(("start", "stop", "words"), [(5, 4, "is not before"), (10**18, 10**18 + 1, "between the given times")])
def test_a_span_without_events_is_refused(start: int, stop: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        record(simulated(100), start=start, stop=stop)


def test_best_prices_follow_the_plain_book() -> None:
    events = simulated(2_000)
    found = record(events, columns=20)
    bid, ask = found.best()
    for column in range(found.columns):
        before = events[events["ts_recv"] < found.start + (column + 1) * found.step]
        for best, side in ((bid, "B"), (ask, "A")):
            prices = plain(before, side)[0]
            assert best[column] == pytest.approx(prices[0] / 1e9) if prices else np.isnan(best[column])


def test_the_raster_holds_the_sizes_of_the_levels_in_its_window() -> None:
    events = simulated(2_000)
    found = record(events, columns=10)
    raster = rasterise(found, rows=50)
    assert len(raster.size) <= 51 and raster.size.shape[1] == found.columns
    prices, sizes = (np.concatenate(parts) for parts in zip(found.bids[-1], found.asks[-1]))
    for row in range(len(raster.size)):
        low = raster.low + row * raster.row
        assert raster.size[row, -1] == sizes[(prices >= low) & (prices < low + raster.row)].sum()


def test_stub_quotes_and_a_crossed_opening_do_not_stretch_the_window() -> None:
    rows = [(0, "A", "B", 1, 1, 5), (0, "A", "A", 2, 19_999_999, 5)]
    rows += [(100 + i, "A", "B", 10 + i, 10_000 + i % 5, 5) for i in range(100)]
    rows += [(100 + i, "A", "A", 200 + i, 10_010 + i % 5, 5) for i in range(100)]
    rows += [(210, "A", "B", 3, 15_000, 1), (215, "C", "B", 3, 15_000, 1)]
    rows += [(240, "R", "N", 0, 0, 0), (240, "A", "B", 1, 1, 5), (240, "A", "A", 2, 19_999_999, 5), (241, "N", "N", 0, 0, 0)]
    events = made(*rows)
    low, high = price_window(record(events[np.argsort(events["ts_recv"], kind="stable")]))
    assert 9_900 * TICK < low <= 10_000 * TICK and 10_014 * TICK <= high < 10_200 * TICK


@pytest.mark.parametrize("side", ["B", "A"])
def test_a_one_sided_book_is_shown_around_its_best_price(side: str) -> None:
    step = -1 if side == "B" else 1
    events = made(*((i, "A", side, i, 1_000 + step * (i % 30), 5) for i in range(90)))
    low, high = price_window(record(events))
    assert low < 1_000 * TICK < high and high - low < 100 * TICK


def test_sizes_are_shown_in_the_units_of_the_instrument(tmp_path: Path) -> None:
    write(tmp_path / "a.npy", made((0, "A", "B", 1, 100, 250)), {1: Instrument("BTC", size_decimals=3, instrument_id=1)})
    assert rasterise(record(tmp_path / "a.npy")).size.max() == 0.25


def test_the_busiest_instrument_is_chosen_or_the_one_asked_for(tmp_path: Path) -> None:
    market = order_flow(events=3_000, seed=1, instruments=5)
    write(tmp_path / "a.npy", market, market.instruments)
    found = record(tmp_path / "a.npy")
    assert (found.instrument.symbol, found.others) == ("SIM0001", 4)
    found = record(tmp_path / "a.npy", symbol="SIM0004")
    assert (found.instrument.symbol, found.others) == ("SIM0004", 0)
    for tape in (tmp_path / "a.npy", read(tmp_path / "a.npy")):
        with pytest.raises(UsageError, match="has no events of NOPE"):
            record(tape, symbol="NOPE")
    assert record(read(tmp_path / "a.npy"), symbol="SIM0002").instrument.symbol == "SIM0002"


def test_a_stream_of_best_prices_is_not_taken_for_the_book() -> None:
    book = made(*((i, "A", "B", 0, 100 - i, 5) for i in range(5)))
    book["flags"] = Flag.LAST | Flag.MBP
    book["publisher_id"] = PUBLISHERS["BINANCE"]
    top = made(*((i, "A", "B", 0, 100, 5) for i in range(50)))
    top["flags"] = Flag.LAST | Flag.TOB
    top["publisher_id"] = PUBLISHERS["BINANCE.TOP"]
    both = np.concatenate([book, top])
    assert InstrumentTape(both).publisher == "BINANCE"
    assert InstrumentTape(top).publisher == "BINANCE.TOP"
    assert [len(prices) for prices, _ in record(both[np.argsort(both["ts_recv"], kind="stable")]).bids][-1] == 5


def test_no_events_are_refused() -> None:
    with pytest.raises(UsageError, match="has no events to picture"):
        record(np.zeros(0, EVENT))
    with pytest.raises(UsageError, match="at least 2 columns"):
        record(simulated(100), columns=1)


def test_the_depth_at_a_time_includes_the_events_of_that_time() -> None:
    events = simulated(3_000)
    moment = int(events["ts_recv"][1_500])
    found = depth_at(events, moment)
    before = events[events["ts_recv"] <= moment]
    assert found.time == moment
    for side, levels in (("B", found.bids), ("A", found.asks)):
        assert (levels["price"].tolist(), levels["size"].tolist()) == plain(before, side)
    with pytest.raises(UsageError, match="nothing happened up to"):
        depth_at(events, int(events["ts_recv"][0]) - 1)


def test_a_lobster_tape_is_pictured_from_its_orderbook_file(tmp_path: Path) -> None:
    # The ask at 102 leaves the one level that the file shows, and is gone when the price comes back: no message says so.
    (tmp_path / "ACME_2012-06-21_34200000_57600000_message_1.csv").write_text(
        "34200.1,1,1,10,1000000,1\n34200.2,1,2,10,1020000,-1\n34200.3,1,3,10,1010000,-1\n34200.4,3,3,10,1010000,-1\n"
    )
    (tmp_path / "ACME_2012-06-21_34200000_57600000_orderbook_1.csv").write_text(
        "9999999999,0,1000000,10\n1020000,10,1000000,10\n1010000,10,1000000,10\n1030000,7,1000000,10\n"
    )
    found = record(tmp_path / "ACME_2012-06-21_34200000_57600000_message_1.csv")
    assert found.sampled.tolist()[0] == 0 and len(found.asks) == 4
    assert [prices.tolist() for prices, _ in found.asks] == [[], [102 * 10**9], [101 * 10**9], [103 * 10**9]]
    assert [sizes.tolist() for _, sizes in found.bids] == [[10]] * 4
    alone = tmp_path / "alone"
    alone.mkdir()
    (tmp_path / "ACME_2012-06-21_34200000_57600000_message_1.csv").rename(
        alone / "ACME_2012-06-21_34200000_57600000_message_1.csv"
    )
    rebuilt = record(alone / "ACME_2012-06-21_34200000_57600000_message_1.csv")
    assert rebuilt.asks[-1][0].tolist() == [102 * 10**9]


def test_the_recorded_lobster_day_never_shows_a_crossed_book(data: Callable[[str], Path]) -> None:
    found = record(data("lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"))
    bid, ask = found.best()
    assert (ask > bid).all() and max(len(prices) for prices, _ in found.bids) == 5
