"""Playback: merged in time order, found by time, paced by an injected clock."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from event_arrays import AAPL, BTC, session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickdeck.core import EVENT, Instrument, ManualClock, Records, UsageError
from tickdeck.tape import DataSource, parquet, read, write
from tickdeck.tape.merge import MergedReader, merge_chunks
from tickdeck.tape.reader import Reader

once = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SECOND = 1_000_000_000


def tape(*rows: tuple[int, int], instrument: int = 1) -> Records:
    """Events of (tape time, flags); the order id is the row number."""
    events = np.zeros(len(rows), EVENT)
    for number, (time, flags) in enumerate(rows):
        events[number]["ts_recv"] = time
        events[number]["flags"] = flags
        events[number]["order_id"] = number
        events[number]["instrument_id"] = instrument
    return events


def ticks(count: int, step: int = SECOND, start: int = SECOND) -> Records:
    return tape(*((start + number * step, 128) for number in range(count)))


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[object]:
    def save(name: str, events: Records, instrument: Instrument = AAPL) -> Path:
        write(tmp_path / name, events, {1: instrument})
        return tmp_path / name

    yield save


class SleepingClock(ManualClock):
    """Time moves only while somebody sleeps, and a sleep lasts longer than it was asked to."""

    def __init__(self, late: int = 0) -> None:
        super().__init__(0)
        self.late = late
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(round(seconds * 1e9) + self.late)


groups = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 3), st.booleans()), max_size=12)


def build(plan: list[tuple[int, int, int, bool]]) -> Records:
    """Groups of one to three records with one venue time, some of them with a receive time; the last record has LAST."""
    events = np.zeros(sum(size for _, _, size, _ in plan), EVENT)
    at = 0
    for number, (venue, received, size, snapshot) in enumerate(plan):
        for part in range(size):
            events[at]["ts_event"] = venue
            events[at]["ts_recv"] = received
            events[at]["sequence"] = number
            events[at]["order_id"] = at
            events[at]["flags"] = (32 if snapshot else 0) | (128 if part == size - 1 else 0)
            at += 1
    return events


def merged_by_hand(tapes: list[Records]) -> list[tuple[int, int]]:
    """The rule spelled out: whole groups, sorted by (latest time so far, tape), stable."""
    keyed = []
    for number, events in enumerate(tapes):
        latest, group = -math.inf, []
        for row, event in enumerate(events):
            time = int(event["ts_recv"]) or int(event["ts_event"])
            new = not group or int(events[row - 1]["flags"]) & 128 or (int(events[row - 1]["flags"]) ^ int(event["flags"])) & 32
            latest = max(latest, time)
            if new:
                group = [latest]
            keyed.append((group[0], number, row))
    return [(number, row) for _, number, row in sorted(keyed)]


@once
@given(plans=st.lists(groups, min_size=1, max_size=5), cut=st.integers(1, 7), chunk=st.integers(1, 9))
def test_merge_is_what_the_rule_spelled_out_gives(plans: list[list[tuple[int, int, int, bool]]], cut: int, chunk: int) -> None:
    tapes = [build(plan) for plan in plans]
    for number, events in enumerate(tapes):
        events["instrument_id"] = number
    inputs = [iter([events[at : at + cut] for at in range(0, len(events), cut)]) for events in tapes]
    chunks = list(merge_chunks(inputs, chunk))
    assert all(len(part) == chunk for part in chunks[:-1])
    found = [(int(event["instrument_id"]), int(event["order_id"])) for part in chunks for event in part]
    assert found == merged_by_hand(tapes)
    merged = np.concatenate(chunks) if chunks else np.zeros(0, EVENT)
    for number, events in enumerate(tapes):
        assert merged[merged["instrument_id"] == number].tobytes() == events.tobytes()


def test_group_is_not_split_by_an_event_between_its_records() -> None:
    one = tape((10, 0), (12, 128))
    other = tape((11, 128), instrument=2)
    (merged,) = merge_chunks([iter([one]), iter([other])])
    assert merged["instrument_id"].tolist() == [1, 1, 2]


def test_feed_without_last_is_still_merged_by_time() -> None:
    one = tape((10, 0), (20, 0), (30, 0))
    one["ts_event"] = one["ts_recv"]
    one["sequence"] = [1, 2, 3]
    other = tape((15, 128), (25, 128), instrument=2)
    (merged,) = merge_chunks([iter([one]), iter([other])])
    assert merged["ts_recv"].tolist() == [10, 15, 20, 25, 30]


def test_snapshot_without_last_stays_together_and_does_not_hold_the_first_live_group() -> None:
    one = tape((10, 32), (10, 32), (50, 128))
    other = tape((10, 128), (20, 128), instrument=2)
    (merged,) = merge_chunks([iter([one]), iter([other])])
    assert merged["instrument_id"].tolist() == [1, 1, 2, 2, 1]


def test_equal_ids_of_different_instruments_are_told_apart(saved) -> None:
    first = saved("a.npy", ticks(3), AAPL)
    second = saved("b.npy", ticks(2), BTC)
    third = saved("c.npy", ticks(1), AAPL)
    with DataSource(first, second, third) as source:
        (events,) = source
        assert events["instrument_id"].tolist() == [1, 2, 1, 1, 2, 1]
        assert {key: item.symbol for key, item in source.instruments.items()} == {1: "AAPL", 2: "BTC/USDT"}
        assert source.instruments[2].instrument_id == 2
        assert source.instruments[2].size_decimals == 8


class Growing(Reader):
    """A reader that names its instruments as it goes."""

    def __init__(self, source: object, parts: list[tuple[Instrument, Records]]) -> None:
        super().__init__(source, None)  # type: ignore[arg-type]
        self.parts = parts

    def __iter__(self) -> Iterator[Records]:
        for number, (instrument, events) in enumerate(self.parts, 1):
            self.instruments[number] = instrument
            yield events


def test_instruments_named_while_reading_get_their_own_ids(saved) -> None:
    source = read(saved("a.npy", ticks(1))).source
    one = Growing(source, [(AAPL, ticks(1)), (Instrument("C"), tape((9 * SECOND, 128), instrument=2))])
    other = Growing(source, [(BTC, ticks(1)), (AAPL, tape((8 * SECOND, 128), instrument=2))])
    merged = MergedReader([one, other])
    ids = np.concatenate(list(merged))["instrument_id"].tolist()
    assert [merged.instruments[number].symbol for number in ids] == ["AAPL", "BTC/USDT", "AAPL", "C"]


FORMATS = ["npy", "parquet"]


@pytest.mark.parametrize("kind", FORMATS)
def test_seek_finds_the_first_event_at_or_after_a_time(saved, kind: str) -> None:
    source = DataSource(saved(f"a.{kind}", ticks(100)))
    source.seek(50 * SECOND)
    assert source.next_event()["ts_recv"] == 50 * SECOND
    source.seek("1970-01-01T00:00:20.5Z")
    assert source.next_event()["ts_recv"] == 21 * SECOND
    source.seek(0)
    assert source.next_event()["ts_recv"] == SECOND
    source.seek(101 * SECOND)
    assert source.next_event() is None
    assert source.is_finished
    source.seek(100 * SECOND)
    assert not source.is_finished


def test_seek_on_parquet_reads_no_earlier_row_group(saved, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP", 100)
    source = DataSource(saved("a.parquet", ticks(1_000)))
    groups: list[int] = []
    decode = parquet.ParquetTape._decode
    monkeypatch.setattr(
        parquet.ParquetTape, "_decode", lambda self, which, size: groups.extend(which) or decode(self, which, size)
    )
    source.seek(901 * SECOND)
    assert source.next_event()["ts_recv"] == 901 * SECOND
    assert groups == [9]


class Plain(Reader):
    """A reader without an index that counts how often it was started."""

    started = 0

    def __iter__(self) -> Iterator[Records]:
        type(self).started += 1
        yield from (self.events[at : at + 10] for at in range(0, len(self.events), 10))


def test_seek_without_an_index_reads_on(saved) -> None:
    reader = Plain(read(saved("a.npy", ticks(1))).source, None)  # type: ignore[arg-type]
    reader.events = ticks(100)
    Plain.started = 0
    source = DataSource(reader)
    assert source.next_event()["ts_recv"] == SECOND
    for second in (5, 6, 95):
        source.seek(second * SECOND)
        assert source.next_event()["ts_recv"] == second * SECOND
    assert Plain.started == 1
    with pytest.raises(UsageError, match="used up"):
        source.seek(5 * SECOND)


def test_seek_keeps_the_ids_of_instruments(saved) -> None:
    source = DataSource(saved("a.npy", ticks(5), AAPL), saved("b.npy", ticks(5), BTC))
    before = dict(source.instruments)
    source.seek(3 * SECOND)
    (events,) = source
    assert events["instrument_id"].tolist() == [1, 2] * 3
    assert source.instruments == before


@once
@given(plans=st.lists(groups, min_size=1, max_size=3), target=st.integers(0, 13), kind=st.sampled_from(FORMATS))
def test_seek_gives_the_rest_of_every_tape_merged(
    tmp_path: Path, plans: list[list[tuple[int, int, int, bool]]], target: int, kind: str
) -> None:
    tapes, paths = [build(plan) for plan in plans], []
    for number, events in enumerate(tapes):
        events["instrument_id"] = number
        paths.append(tmp_path / f"{number}.{kind}")
        write(paths[-1], events, {})
    source = DataSource(*paths)
    source.seek(target)
    rest = []
    for events in tapes:
        at = next((row for row, e in enumerate(events) if (int(e["ts_recv"]) or int(e["ts_event"])) >= target), len(events))
        rest.append(events[at:])
    found = [(int(event["instrument_id"]), int(event["order_id"])) for part in source for event in part]
    assert found == [(number, int(rest[number][row]["order_id"])) for number, row in merged_by_hand(rest)]


def test_events_come_one_by_one(saved) -> None:
    events = session(300)
    source = DataSource(saved("a.npy", events), chunk=256)
    seen = []
    while (event := source.next_event()) is not None:
        seen.append(event["order_id"])
        assert source.time == event["ts_recv"]
    assert seen == events["order_id"].tolist()
    assert source.is_finished


def test_finished_is_told_without_asking_for_one_more(saved) -> None:
    source = DataSource(saved("a.npy", ticks(1)))
    assert not source.is_finished
    source.next_event()
    assert source.is_finished
    assert source.next_chunk() is None


@pytest.mark.parametrize("speed", [0.1, 1.0, 7.5])
@pytest.mark.parametrize("late", [0, 3_000_000])
def test_events_are_due_by_a_schedule_that_does_not_drift(saved, speed: float, late: int) -> None:
    clock = SleepingClock(late)
    source = DataSource(saved("a.npy", ticks(40, step=SECOND // 4)), speed=speed, clock=clock, sleep=clock.sleep)
    start = None
    for number in range(40):
        source.next_event()
        start = clock.now if start is None else start
        due = number * 0.25e9 / speed
        assert due - 1 <= clock.now - start <= due + late + 1


def test_chunks_hold_what_is_due(saved) -> None:
    clock = SleepingClock()
    source = DataSource(saved("a.npy", ticks(10)), speed=1, clock=clock, sleep=clock.sleep)
    assert len(source.next_chunk()) == 1
    clock.advance(3 * SECOND)
    assert source.next_chunk()["ts_recv"].tolist() == [2 * SECOND, 3 * SECOND, 4 * SECOND]
    assert len(source.next_chunk()) == 1
    assert clock.now == 4 * SECOND


def test_speed_changes_while_playing(saved) -> None:
    clock = SleepingClock()
    source = DataSource(saved("a.npy", ticks(100)), speed=1, clock=clock, sleep=clock.sleep)
    source.next_event()
    source.next_event()
    assert clock.now == SECOND
    source.speed = 10
    source.next_event()
    assert clock.now == pytest.approx(1.1 * SECOND)
    source.speed = "max"
    assert source.speed == math.inf
    for _ in range(50):
        source.next_event()
    assert clock.now == pytest.approx(1.1 * SECOND)
    source.speed = 0.5
    source.next_event()
    at = clock.now
    source.next_event()
    assert clock.now - at == pytest.approx(2 * SECOND)


def test_pause_stops_time_and_resume_goes_on(saved) -> None:
    clock = SleepingClock()
    source = DataSource(saved("a.npy", ticks(10)), speed=1, clock=clock, sleep=clock.sleep)
    source.next_event()
    clock.advance(SECOND // 2)
    source.pause()
    assert source.is_paused
    assert source.next_event() is None
    assert len(source.next_chunk()) == 0
    assert not source.is_finished
    clock.advance(100 * SECOND)
    source.resume()
    assert source.next_event()["ts_recv"] == 2 * SECOND
    assert clock.now == 101 * SECOND


def test_iteration_waits_for_another_thread_to_resume(saved) -> None:
    source = DataSource(saved("a.npy", ticks(10)))
    source.pause()
    timer = threading.Timer(0.1, source.resume)
    timer.start()
    assert sum(len(chunk) for chunk in source) == 10
    assert not source.is_paused
    timer.join()


def test_seek_starts_a_new_schedule(saved) -> None:
    clock = SleepingClock()
    source = DataSource(saved("a.npy", ticks(100)), speed=1, clock=clock, sleep=clock.sleep)
    source.next_event()
    source.seek(50 * SECOND)
    source.next_event()
    assert clock.now == 0
    source.next_event()
    assert clock.now == SECOND


@pytest.mark.parametrize("speed", [0, -1, math.nan, "fast", None])
def test_speed_that_is_none_is_one_line_error(saved, speed: object) -> None:
    path = saved("a.npy", ticks(1))
    with pytest.raises(UsageError, match="speed must be above 0"):
        DataSource(path, speed=speed)  # type: ignore[arg-type]


def test_no_source_is_one_line_error() -> None:
    with pytest.raises(UsageError, match="nothing to play"):
        DataSource()


def test_arrays_in_memory_are_played_and_sought_both_ways() -> None:
    source = DataSource(ticks(100), tape(*((number * SECOND, 128) for number in range(50)), instrument=2), chunk=256)
    assert sum(len(chunk) for chunk in source) == 150
    source.seek(90 * SECOND)
    assert source.next_event()["ts_recv"] == 90 * SECOND
    source.seek(10 * SECOND)
    assert [source.next_event()["instrument_id"] for _ in range(4)] == [1, 2, 1, 2]


def test_time_is_that_of_the_last_event_across_chunks(saved) -> None:
    source = DataSource(saved("a.npy", ticks(600)), chunk=256)
    assert source.time is None
    for number in range(1, 601):
        assert not source.is_finished
        source.next_event()
        assert source.time == number * SECOND
    assert source.is_finished
    assert source.time == 600 * SECOND
