"""The catalog: what is added is there, once, exactly, and found by symbol and time; half an addition never is."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import fsspec
import numpy as np
import polars as pl
import pytest
from event_arrays import AAPL, BTC, session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickdeck.core import EVENT, Instrument, LossError, Records, UsageError
from tickdeck.tape import Catalog, DataSource, catalog_add, parquet, read, write
from tickdeck.tape.reader import Reader

once = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
DAY = 86_400_000_000_000
NOON = int(datetime(2024, 3, 1, 12, tzinfo=UTC).timestamp()) * 10**9


@pytest.fixture(params=["local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "catalog") if request.param == "local" else f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def save(tmp_path: Path) -> object:
    def save(events: Records, *instruments: Instrument) -> Path:
        path = tmp_path / f"{uuid.uuid4().hex}.npy"
        write(path, events, dict(enumerate(instruments, 1)))
        return path

    return save


def interleaved(count: int, instruments: int, start: int = NOON, step: int = 1_000_000, seed: int = 3) -> Records:
    events = session(count, seed)
    events["ts_recv"] = start + step * np.arange(count)
    events["ts_event"] = events["ts_recv"] - 500
    events["instrument_id"] = np.random.default_rng(seed).integers(1, instruments + 1, count)
    return events


def all_of(reader: Reader) -> Records:
    chunks = list(reader)
    return np.concatenate(chunks) if chunks else np.zeros(0, EVENT)


def test_what_is_added_comes_back_exactly(place: str, save) -> None:
    events = interleaved(5_000, 2)
    catalog = Catalog(place)
    assert catalog.add(save(events, AAPL, BTC)) == 5_000
    reader = catalog.read()
    assert all_of(reader).tobytes() == events.tobytes()
    assert reader.instruments[1] == AAPL
    assert reader.instruments[2].symbol == "BTC/USDT"
    assert reader.instruments[2].size_decimals == 8


def test_list_tells_what_is_there(place: str, save) -> None:
    catalog = Catalog(place)
    assert catalog.list().height == 0
    events = interleaved(1_000, 2, start=NOON, step=DAY // 800)
    catalog.add(save(events, AAPL, BTC))
    listed = catalog.list()
    assert listed.select("venue", "symbol").rows() == [("BINANCE", "BTC/USDT")] * 2 + [("XNAS", "AAPL")] * 2
    assert listed["date"].to_list() == [date(2024, 3, 1), date(2024, 3, 2)] * 2
    assert listed["rows"].sum() == 1_000
    mine = events[events["instrument_id"] == 1]
    days = mine["ts_recv"] // DAY
    assert listed["rows"].to_list()[2:] == [int((days == day).sum()) for day in np.unique(days)]
    assert listed["first"].to_physical()[2] == mine["ts_recv"][0]
    assert listed["last"].to_physical()[3] == mine["ts_recv"][-1]
    assert listed["bytes"].min() > 1_000


@once
@given(
    count=st.integers(0, 300),
    instruments=st.integers(1, 6),
    start=st.integers(-5, 305),
    end=st.integers(-5, 305),
    chunk=st.integers(1, 90),
    step=st.sampled_from([1_000_000, DAY // 50]),
    direct=st.integers(0, 3),
    gathered=st.integers(0, 50),
)
def test_range_of_symbols_is_what_a_mask_gives(
    tmp_path: Path, count: int, instruments: int, start: int, end: int, chunk: int, step: int, direct: int, gathered: int
) -> None:
    events = interleaved(count, instruments, step=step)
    names = {number: Instrument(f"S{number}", venue="XNAS") for number in range(1, instruments + 1)}
    catalog = Catalog(tmp_path / uuid.uuid4().hex)
    write(tmp_path / "tape.npy", events, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog_add, "_DIRECT", direct)
        patch.setattr(catalog_add, "_GATHERED", gathered)
        patch.setattr(parquet, "ROW_GROUP", 17)
        catalog.add(tmp_path / "tape.npy", chunk=40)
    wanted = sorted(set(events["instrument_id"][:5].tolist()))
    if not wanted:
        return
    low, high = NOON + start * step, NOON + end * step
    reader = catalog.read([f"S{number}" for number in wanted], low, high, chunk=chunk)
    times = events["ts_recv"]
    mask = (times >= low) & (times < high) & np.isin(events["instrument_id"], wanted)
    assert all_of(reader).tobytes() == events[mask].tobytes()
    scanned = catalog.scan([f"S{number}" for number in wanted], low, high).collect().sort("ts_recv")
    assert scanned["order_id"].to_list() == events["order_id"][mask].tolist()


def test_scan_is_lazy_and_pushes_predicates_down(place: str, save) -> None:
    catalog = Catalog(place)
    events = interleaved(2_000, 2)
    catalog.add(save(events, AAPL, BTC))
    frame = catalog.scan("BTC/USDT")
    assert isinstance(frame, pl.LazyFrame)
    found = frame.filter(pl.col("sequence") >= 1_500, pl.col("venue") == "BINANCE").select("symbol", "date", "sequence").collect()
    mine = events[(events["instrument_id"] == 2) & (events["sequence"] >= 1_500)]
    assert found["sequence"].to_list() == mine["sequence"].tolist()
    assert set(found["symbol"]) == {"BTC/USDT"}
    assert set(found["date"]) == {date(2024, 3, 1)}


def test_read_opens_only_the_files_it_needs(tmp_path: Path, save, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(tmp_path / "catalog")
    catalog.add(save(interleaved(1_000, 2, step=DAY // 200), AAPL, BTC))
    reader = catalog.read("AAPL", "2024-03-03T06:00", "2024-03-04T06:00")
    opened: list[str] = []
    inner = catalog._fs.open
    monkeypatch.setattr(catalog._fs, "open", lambda path, mode: opened.append(path) or inner(path, mode))
    events = all_of(reader)
    assert len(events) > 50
    assert [path.split("/")[-2] for path in opened] == ["date=2024-03-03", "date=2024-03-04"]
    assert all("symbol=AAPL/" in path for path in opened)


def test_adding_the_same_twice_is_refused_and_changes_nothing(place: str, save) -> None:
    catalog = Catalog(place)
    path = save(interleaved(100, 1), AAPL)
    catalog.add(path)
    before = catalog.list()
    with pytest.raises(UsageError, match=r"has AAPL of XNAS from 2024-03-01T12:00:00\.000000000Z to .* already"):
        catalog.add(path)
    assert catalog.list().equals(before)


def test_replacing_leaves_one(place: str, save) -> None:
    catalog = Catalog(place)
    old, new = interleaved(100, 1, seed=1), interleaved(90, 1, seed=2)
    catalog.add(save(old, AAPL))
    catalog.add(save(old, AAPL), replace=True)
    assert catalog.list()["rows"].to_list() == [100]
    catalog.add(save(new, AAPL), replace=True)
    assert catalog.list()["files"].to_list() == [1]
    assert all_of(catalog.read()).tobytes() == new.tobytes()


def test_two_halves_of_a_day_are_one_instrument(place: str, save) -> None:
    catalog = Catalog(place)
    events = interleaved(100, 1)
    later = events[60:].copy()
    later["instrument_id"] = 2
    catalog.add(save(later, BTC, AAPL))
    catalog.add(save(events[:60], AAPL))
    reader = catalog.read("AAPL")
    assert all_of(reader).tobytes() == events.tobytes()
    assert {item.symbol for item in reader.instruments.values()} == {"AAPL"}


@pytest.mark.parametrize("symbol", ["BTC/USDT", "..", "a b=c%2F", "ES.v.0", "ü€", "*?[x]", "600000", "A:B\\C", "null"])
def test_symbol_with_odd_characters_comes_back(place: str, save, symbol: str) -> None:
    catalog = Catalog(place)
    events = interleaved(10, 1)
    catalog.add(save(events, Instrument(symbol, venue="X/Y")))
    assert catalog.list().select("venue", "symbol").rows() == [("X/Y", symbol)]
    assert all_of(catalog.read(symbol, venue="X/Y")).tobytes() == events.tobytes()
    found = catalog.scan(symbol).collect()
    assert found["symbol"].to_list() == [symbol] * 10
    assert found["venue"].to_list() == ["X/Y"] * 10


def test_odd_symbol_stays_inside_the_folder(tmp_path: Path, save) -> None:
    Catalog(tmp_path / "in" / "catalog").add(save(interleaved(10, 1), Instrument("../../../out", venue="../..")))
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["catalog"]
    assert len(list((tmp_path / "in" / "catalog").rglob("*.parquet"))) == 1


def test_instrument_that_nobody_named_is_kept_under_its_id(place: str, save) -> None:
    catalog = Catalog(place)
    catalog.add(save(interleaved(10, 1)))
    assert catalog.list().select("venue", "symbol").rows() == [("XNAS.ITCH", "1")]
    assert len(all_of(catalog.read("1"))) == 10


class Breaking(Reader):
    """A tape that fails after some chunks."""

    def __iter__(self) -> Iterator[Records]:
        self.instruments[1] = AAPL
        yield interleaved(100, 1)
        yield interleaved(100, 1, start=NOON + DAY)
        raise KeyboardInterrupt


def test_addition_that_breaks_off_leaves_nothing(place: str, save) -> None:
    catalog = Catalog(place)
    breaking = Breaking(read(save(interleaved(1, 1), AAPL)).source, None)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        catalog.add(breaking)
    assert catalog.list().height == 0
    fs, root = fsspec.core.url_to_fs(place)
    assert fs.find(root) == []


def test_what_a_killed_addition_left_is_not_seen(tmp_path: Path, save, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(tmp_path / "catalog")
    events = interleaved(100, 1)
    with monkeypatch.context() as killed:
        killed.setattr(catalog_add.Addition, "commit", lambda self, instruments: (_ for _ in ()).throw(KeyboardInterrupt))
        killed.setattr(catalog_add.Addition, "discard", lambda self: None)
        with pytest.raises(KeyboardInterrupt):
            catalog.add(save(events, AAPL))
    assert list((tmp_path / "catalog").rglob("*.parquet")) != []
    assert catalog.list().height == 0
    assert catalog.add(save(events, AAPL)) == 100
    assert all_of(catalog.read()).tobytes() == events.tobytes()
    assert catalog.scan().collect().height == 100


def test_full_disk_is_one_line_error_and_adds_nothing(tmp_path: Path, save, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(tmp_path / "catalog")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet.ParquetSink, "_flush", full)
    with pytest.raises(UsageError, match=r"catalog: cannot be written \(No space left on device\); nothing was added"):
        catalog.add(save(interleaved(100, 1), AAPL))
    assert list((tmp_path / "catalog").rglob("*")) == []


def test_reserved_byte_is_refused_not_lost(place: str, save) -> None:
    events = interleaved(10, 1)
    events["reserved"][3] = 1
    with pytest.raises(LossError, match="reserved"):
        Catalog(place).add(save(events, AAPL))
    assert Catalog(place).list().height == 0


def test_file_that_another_tool_put_there_is_read(tmp_path: Path, save) -> None:
    events = interleaved(50, 1)
    folder = tmp_path / "catalog" / "venue=XNAS" / "symbol=AAPL" / "date=2024-03-01"
    folder.mkdir(parents=True)
    write(folder / "part-0.parquet", events, {1: AAPL})
    catalog = Catalog(tmp_path / "catalog")
    assert catalog.list()["rows"].to_list() == [50]
    assert all_of(catalog.read("AAPL", int(events["ts_recv"][10]))).tobytes() == events[10:].tobytes()


def test_snapshot_with_old_times_stays_with_its_day(place: str, save) -> None:
    events = interleaved(20, 1)
    events["ts_recv"][:] = 0
    events["ts_event"][5:8] -= 2 * DAY
    catalog = Catalog(place)
    catalog.add(save(events, AAPL))
    assert catalog.list()["date"].to_list() == [date(2024, 3, 1)]
    assert all_of(catalog.read()).tobytes() == events.tobytes()


def test_playback_seeks_in_the_catalog(place: str, save) -> None:
    catalog = Catalog(place)
    events = interleaved(1_000, 2, step=DAY // 300)
    catalog.add(save(events, AAPL, BTC))
    source = DataSource(catalog.read())
    for row in (900, 100, 500):
        source.seek(int(events["ts_recv"][row]))
        event = source.next_event()
        assert event is not None
        assert event["order_id"] == events["order_id"][row]


def test_unknown_symbol_is_one_line_error_with_what_there_is(place: str, save) -> None:
    catalog = Catalog(place)
    with pytest.raises(UsageError, match="the catalog is empty"):
        catalog.read()
    catalog.add(save(interleaved(10, 1), AAPL))
    with pytest.raises(UsageError, match="has no symbol MSFT; it has AAPL"):
        catalog.read(["AAPL", "MSFT"])
    with pytest.raises(UsageError, match="has no venue XBOS; it has XNAS"):
        catalog.scan(venue="XBOS")


def test_range_without_events_is_empty(place: str, save) -> None:
    catalog = Catalog(place)
    catalog.add(save(interleaved(10, 1), AAPL))
    assert len(all_of(catalog.read("AAPL", "2030-01-01"))) == 0
    assert catalog.scan("AAPL", "2030-01-01").collect().height == 0


def test_unknown_file_system_is_one_line_error() -> None:
    with pytest.raises(UsageError, match="nosuch://x"):
        Catalog("nosuch://x")
