"""Parquet tapes: exact, pruned by time, readable by and from other tools, refused in one line when damaged."""

from __future__ import annotations

import errno
import io
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_arrays import BOTH, any_events, assert_mutations_are_refused, assert_round_trip, session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickdeck.core import EVENT, FormatError, LossError, Records, TickdeckError, UsageError, empty_events
from tickdeck.tape import parquet, read, write

once = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@once
@given(events=any_events())
def test_any_events_come_back_byte_for_byte(tmp_path: Path, events: Records) -> None:
    assert_round_trip(tmp_path / "any.parquet", events)


def test_tape_of_several_row_groups_comes_back_byte_for_byte(tmp_path: Path) -> None:
    events = session(2 * parquet.ROW_GROUP + 12_345)
    assert_round_trip(tmp_path / "long.parquet", events, chunk=65_536)
    assert pq.ParquetFile(tmp_path / "long.parquet").metadata.num_row_groups == 3


def test_polars_reads_times_as_times_and_prices_as_integers(tmp_path: Path) -> None:
    events = session(100)
    write(tmp_path / "tape.parquet", events, BOTH)
    frame = pl.read_parquet(tmp_path / "tape.parquet")
    assert frame["ts_recv"].dtype == pl.Datetime("ns", "UTC")
    assert frame["ts_recv"].to_physical().to_list() == events["ts_recv"].tolist()
    assert frame["price"].to_list() == events["price"].tolist()
    assert frame.schema["order_id"] == pl.UInt64


def test_reserved_byte_is_refused_not_lost(tmp_path: Path) -> None:
    events = session(3)
    events["reserved"][1] = 9
    with pytest.raises(LossError, match="reserved"):
        write(tmp_path / "tape.parquet", events, BOTH)
    assert list(tmp_path.iterdir()) == []


@once
@given(
    venue=st.lists(st.integers(0, 60), min_size=1, max_size=60),
    received=st.lists(st.integers(0, 60), min_size=60, max_size=60) | st.just([0] * 60) | st.just(list(range(1, 61))),
    start=st.integers(-1, 61),
    end=st.integers(-1, 61),
)
def test_range_is_what_a_walk_over_all_records_gives(
    tmp_path: Path, venue: list[int], received: list[int], start: int, end: int
) -> None:
    events = np.zeros(len(venue), EVENT)
    events["ts_event"] = venue
    events["ts_recv"] = received[: len(events)]
    events["order_id"] = np.arange(len(events))
    wanted, begun = [], False
    for event in events:
        time = int(event["ts_recv"]) or int(event["ts_event"])
        begun = begun or time >= start
        if begun and time >= end:
            break
        if begun:
            wanted.append(int(event["order_id"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP", 6)
        write(tmp_path / "tape.parquet", events, BOTH)
    with read(tmp_path / "tape.parquet", chunk=4) as reader:
        assert isinstance(reader, parquet.ParquetReader)
        assert [int(order) for chunk in reader.between(start, end) for order in chunk["order_id"]] == wanted


def test_range_reads_only_the_row_groups_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP", 1_000)
    events = session(10_000)
    write(tmp_path / "tape.parquet", events, BOTH)
    read_groups: list[list[int]] = []
    decode = parquet.ParquetTape._decode
    monkeypatch.setattr(
        parquet.ParquetTape, "_decode", lambda self, groups, size: read_groups.append(groups) or decode(self, groups, size)
    )
    low, high = int(events["ts_recv"][4_500]), int(events["ts_recv"][5_500])
    with read(tmp_path / "tape.parquet") as reader:
        assert isinstance(reader, parquet.ParquetReader)
        found = np.concatenate(list(reader.between(low, high)))
    assert found["ts_recv"].min() >= low
    assert found["ts_recv"].max() < high
    assert read_groups == [[4, 5]] or read_groups == [[4, 5, 6]]


def _foreign(**changes: object) -> dict[str, object]:
    return {
        "ts_event": [1_000, 2_000],
        "order_id": [5, 6],
        "price": [-1, 2**63 - 1],
        "size": [1, 2],
        "action": ["A", "C"],
        "side": ["B", "A"],
        **changes,
    }


@pytest.mark.parametrize(
    "times",
    [
        [1_000, 2_000],
        pl.Series([1, 2]).cast(pl.Datetime("us")),
        pl.Series([1, 2]).cast(pl.Datetime("us", "UTC")),
        pl.Series([1_000, 2_000]).cast(pl.Datetime("ns")),
    ],
    ids=["integers", "us", "us UTC", "ns"],
)
def test_table_of_another_tool_with_the_same_columns_is_read(tmp_path: Path, times: object) -> None:
    pl.DataFrame(_foreign(ts_event=times, comment=["x", "y"])).write_parquet(tmp_path / "f.parquet")
    with read(tmp_path / "f.parquet") as reader:
        (events,) = list(reader)
        assert reader.report.notes["ignored_columns"] == ["comment"]
    assert events["ts_event"].tolist() == [1_000, 2_000]
    assert events["action"].tolist() == [ord("A"), ord("C")]
    assert events["side"].tolist() == [ord("B"), ord("A")]
    assert events["price"].tolist() == [-1, 2**63 - 1]
    assert events["flags"].tolist() == [128, 128]


def test_range_over_microsecond_statistics_is_in_nanoseconds(tmp_path: Path) -> None:
    times = [datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in (8, 12)]
    pl.DataFrame(_foreign(ts_event=times)).write_parquet(tmp_path / "f.parquet")
    noon = int(times[1].timestamp()) * 10**9
    with read(tmp_path / "f.parquet") as reader:
        assert isinstance(reader, parquet.ParquetReader)
        assert sum(len(chunk) for chunk in reader.between(noon, None)) == 1
        assert list(reader.between(noon + 1, None)) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"price": [1.5, 2.5]}, "column price is double"),
        ({"price": [1, None]}, "row 2: column price is null"),
        ({"action": ["A", "Add"]}, "'Add'|b'Add'"),
        ({"action": ["A", None]}, "row 2: column action is null"),
        ({"order_id": [-1, 2]}, "column order_id"),
        ({"instrument_id": [1, 2**40]}, "column instrument_id"),
        ({"size": ["1", "2"]}, "column size is"),
        ({"ts_event": ["2024", "2025"]}, "column ts_event is"),
    ],
)
def test_column_that_is_not_exact_is_one_line_error(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    pl.DataFrame(_foreign(**changes)).write_parquet(tmp_path / "f.parquet")
    with pytest.raises(FormatError, match=says) as caught:
        list(read(tmp_path / "f.parquet"))
    assert "\n" not in str(caught.value)


def test_missing_column_is_named(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1], "b": [2]}).write_parquet(tmp_path / "f.parquet")
    with pytest.raises(FormatError, match=r"f.parquet: not a tape: no column ts_event, order_id, .* it has a, b"):
        read(tmp_path / "f.parquet")


def test_later_version_is_one_line_error(tmp_path: Path) -> None:
    table = pa.Table.from_pydict(_foreign()).replace_schema_metadata({"tickdeck.version": "2"})
    pq.write_table(table, tmp_path / "f.parquet")
    with pytest.raises(FormatError, match="version '2'"):
        read(tmp_path / "f.parquet")


def test_empty_tape_is_read(tmp_path: Path) -> None:
    write(tmp_path / "tape.parquet", empty_events(), BOTH)
    with read(tmp_path / "tape.parquet") as reader:
        assert list(reader) == []
        assert reader.instruments == BOTH


def test_truncated_file_is_one_line_error(tmp_path: Path) -> None:
    write(tmp_path / "tape.parquet", session(1_000), BOTH)
    os.truncate(tmp_path / "tape.parquet", 5_000)
    with pytest.raises(FormatError, match=r"tape.parquet: the Parquet file is damaged or cut off") as caught:
        read(tmp_path / "tape.parquet")
    assert "\n" not in str(caught.value)


def test_flipped_bit_in_the_data_is_found_by_its_checksum(tmp_path: Path) -> None:
    write(tmp_path / "tape.parquet", session(10_000), BOTH)
    data = bytearray((tmp_path / "tape.parquet").read_bytes())
    data[5_000] ^= 1
    (tmp_path / "tape.parquet").write_bytes(data)
    with pytest.raises(TickdeckError, match="damaged"):
        list(read(tmp_path / "tape.parquet"))


def test_mutated_file_is_read_or_refused(tmp_path: Path) -> None:
    write(tmp_path / "tape.parquet", session(300), BOTH)
    assert_mutations_are_refused(tmp_path / "tape.parquet", 300)


def test_mutated_footer_is_read_or_refused(tmp_path: Path) -> None:
    write(tmp_path / "tape.parquet", session(50), BOTH)

    def damage_footer(data: bytearray, rng: np.random.Generator) -> None:
        size = int.from_bytes(data[-8:-4], "little")
        for at in len(data) - 8 - rng.integers(0, size, rng.integers(1, 4)):
            data[at] = rng.integers(0, 256)

    assert_mutations_are_refused(tmp_path / "tape.parquet", 300, damage_footer)


def test_full_disk_leaves_nothing_and_is_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.FileIO):
        def write(self, data: object) -> int:
            if self.tell() > 1_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)  # type: ignore[arg-type]

    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r": io.BufferedWriter(FullDisk(self, mode)) if mode == "wb" else opened(self, mode)
    )
    with pytest.raises(UsageError, match=r"tape.parquet: cannot be written \(No space left on device\); nothing was left behind"):
        write(tmp_path / "tape.parquet", session(10_000), BOTH)
    assert list(tmp_path.iterdir()) == []
