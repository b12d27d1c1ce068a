"""Arrow tapes: exact in both formats, read up to a torn tail, refused in one line when damaged."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from event_arrays import AAPL, BOTH, BTC, any_events, assert_mutations_are_refused, assert_round_trip, session
from hypothesis import HealthCheck, given, settings

from tickdeck.core import FormatError, LossError, Records, TickdeckError, TruncatedError, UsageError, empty_events
from tickdeck.tape import arrow, read, write, writer_for

once = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KINDS = ["arrow", "arrows"]


@pytest.mark.parametrize("kind", KINDS)
@once
@given(events=any_events())
def test_any_events_come_back_byte_for_byte(tmp_path: Path, kind: str, events: Records) -> None:
    assert_round_trip(tmp_path / f"any.{kind}", events)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_tape_of_several_batches_comes_back_byte_for_byte(tmp_path: Path, kind: str, compression: str | None) -> None:
    events = session(150_000)
    write(tmp_path / f"long.{kind}", events, BOTH, compression=compression)
    with read(tmp_path / f"long.{kind}", chunk=10_000) as reader:
        assert b"".join(chunk.tobytes() for chunk in reader) == events.tobytes()
        assert reader.instruments == BOTH


def test_polars_reads_both_formats(tmp_path: Path) -> None:
    events = session(1_000)
    write(tmp_path / "a.arrow", events, BOTH)
    write(tmp_path / "a.arrows", events, BOTH)
    for frame in (pl.read_ipc(tmp_path / "a.arrow"), pl.read_ipc_stream(tmp_path / "a.arrows")):
        assert frame["ts_event"].dtype == pl.Datetime("ns", "UTC")
        assert frame["price"].to_list() == events["price"].tolist()


def test_stream_of_polars_is_read(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"ts_event": [1, 2], "order_id": [1, 2], "price": [3, 4], "size": [5, 6], "action": ["A", "C"], "side": ["B", "A"]}
    )
    frame.write_ipc_stream(tmp_path / "p.arrows")
    frame.write_ipc(tmp_path / "p.arrow")
    for name in ("p.arrow", "p.arrows"):
        (events,) = read(tmp_path / name)
        assert events["price"].tolist() == [3, 4]
        assert events["action"].tobytes() == b"AC"


def test_compressed_stream_is_read(tmp_path: Path) -> None:
    events = session(1_000)
    write(tmp_path / "a.arrows", events, BOTH)
    (tmp_path / "a.arrows.gz").write_bytes(gzip.compress((tmp_path / "a.arrows").read_bytes()))
    assert b"".join(chunk.tobytes() for chunk in read(tmp_path / "a.arrows.gz")) == events.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_instruments_named_while_writing_are_kept(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    with writer_for(path, {1: AAPL}) as writer:
        writer.write(session(arrow.CHUNK + 10))
        writer.instruments[7] = BTC
    with read(path) as reader:
        assert reader.instruments == {1: AAPL}
        assert sum(len(chunk) for chunk in reader) == arrow.CHUNK + 10
        assert reader.instruments == BOTH


@pytest.mark.parametrize("kind", KINDS)
def test_empty_tape_keeps_its_instruments(tmp_path: Path, kind: str) -> None:
    write(tmp_path / f"a.{kind}", empty_events(), BOTH)
    with read(tmp_path / f"a.{kind}") as reader:
        assert list(reader) == []
        assert reader.instruments == BOTH


@pytest.mark.parametrize("kind", KINDS)
def test_torn_tape_gives_its_whole_batches_then_one_line_error(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow, "CHUNK", 100)
    events = session(1_000)
    path = tmp_path / f"a.{kind}"
    write(path, events, BOTH)
    data = path.read_bytes()
    sizes = set()
    for cut in np.random.default_rng(5).integers(1_500, len(data) - (0 if kind == "arrows" else 2_500), 60):
        path.write_bytes(data[:cut])
        seen = []
        with pytest.raises(TruncatedError, match=r"breaks off after [\d,]+ events") as caught, read(path) as reader:
            for chunk in reader:
                seen.append(chunk)
        assert "\n" not in str(caught.value)
        found = b"".join(chunk.tobytes() for chunk in seen)
        assert events.tobytes().startswith(found)
        assert len(found) // 6_400 == len(found) / 6_400
        assert len(found) // 6_400 >= (cut - 2_500) // 7_000
        sizes.add(len(found))
    assert len(sizes) > 8


def test_stream_that_ends_between_two_batches_is_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "CHUNK", 100)
    path = tmp_path / "a.arrows"
    write(path, session(300), BOTH)
    os.truncate(path, path.stat().st_size - 8)
    seen = 0
    with pytest.raises(TruncatedError, match="after 300 events"):
        for chunk in read(path):
            seen += len(chunk)
    assert seen == 300


def test_missing_column_is_named(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1], "b": [2]}).write_ipc_stream(tmp_path / "f.arrows")
    with pytest.raises(FormatError, match=r"f.arrows: not a tape: no column ts_event, .* it has a, b"):
        read(tmp_path / "f.arrows")


def test_null_is_one_line_error_with_its_row(tmp_path: Path) -> None:
    table = pa.table(
        {"ts_event": [1, 2], "order_id": [1, 2], "price": [3, None], "size": [5, 6], "action": [65, 65], "side": [65, 66]}
    )
    with pa.ipc.new_stream(tmp_path / "f.arrows", table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(FormatError, match=r"f.arrows, row 2: column price is null"):
        list(read(tmp_path / "f.arrows"))


def test_reserved_byte_is_refused_not_lost(tmp_path: Path) -> None:
    events = session(3)
    events["reserved"][1] = 9
    with pytest.raises(LossError, match="reserved"):
        write(tmp_path / "a.arrow", events, BOTH)
    assert list(tmp_path.iterdir()) == []


def test_unknown_compression_is_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no compression 'gzip'"):
        write(tmp_path / "a.arrow", session(3), BOTH, compression="gzip")


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_tape_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    write(tmp_path / f"a.{kind}", session(100), BOTH)
    assert_mutations_are_refused(tmp_path / f"a.{kind}", 200)


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_messages_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    write(tmp_path / f"a.{kind}", session(20), BOTH)
    size = (tmp_path / f"a.{kind}").stat().st_size

    def damage(data: bytearray, rng: np.random.Generator) -> None:
        for at in rng.integers(8, min(size, 3_000), rng.integers(1, 4)):
            data[at] = rng.integers(0, 256)

    assert_mutations_are_refused(tmp_path / f"a.{kind}", 400, damage)


def test_not_arrow_is_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "a.arrow").write_bytes(b"\xff\xff\xff\xff" + bytes(100))
    with pytest.raises(TickdeckError, match=r"a.arrow"):
        list(read(tmp_path / "a.arrow", format="arrow"))
