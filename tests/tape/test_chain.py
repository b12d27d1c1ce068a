"""Several files read as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_lines import MESSAGES, START, depth, text, write

from tickdeck.core import EVENT, Instrument, Records, UsageError
from tickdeck.tape import ReadOptions, read
from tickdeck.tape import write as write_events
from tickdeck.tape.chain import ChainReader, read_chain


def events_of(paths: list[Path]) -> tuple[Records, ChainReader]:
    reader = read_chain(paths)
    assert isinstance(reader, ChainReader)
    return np.concatenate(list(reader)), reader


def test_books_go_on_from_file_to_file(tmp_path: Path) -> None:
    whole = np.concatenate(list(read(write(tmp_path / "whole", text([*MESSAGES, depth(14), depth(15)])))))
    lines = text([*MESSAGES, depth(14), depth(15)]).splitlines(keepends=True)
    for cut in range(1, len(lines)):
        paths = [write(tmp_path / "a", b"".join(lines[:cut])), write(tmp_path / "b", b"".join(lines[cut:]))]
        events, reader = events_of(paths)
        assert events.tobytes() == whole.tobytes()
        assert not reader.report.counts
        assert [item.symbol for item in reader.instruments.values()] == ["BTCUSDT"]


def test_a_gap_between_files_is_counted(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a", text()), write(tmp_path / "b", text([depth(20)]))]
    assert events_of(paths)[1].report.counts == {"sequence_gap": 1}


def test_diffs_held_back_at_the_end_of_a_file_wait_for_the_snapshot_in_the_next(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a", text(MESSAGES[:1])), write(tmp_path / "b", text(MESSAGES[1:]))]
    events, reader = events_of(paths)
    assert not reader.report.counts
    assert events["sequence"][:5].tolist() == [10, 10, 10, 10, 11]


def test_a_single_file_is_read_by_its_own_reader(tmp_path: Path) -> None:
    reader = read_chain([write(tmp_path / "a", text())])
    assert reader.format == "lines"
    assert not isinstance(reader, ChainReader)


def test_options_reach_every_file(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a", text()), write(tmp_path / "b", text([depth(14)]))]
    chunks = list(read_chain(paths, ReadOptions(chunk=3)))
    assert max(map(len, chunks)) == 3


def tape(path: Path, name: str, number: int, count: int) -> Path:
    events = np.zeros(count, EVENT)
    events["instrument_id"], events["ts_event"], events["flags"] = number, START + np.arange(count), 128
    events["action"], events["side"], events["price"], events["size"] = ord("A"), ord("B"), 10**9, 1
    events["order_id"] = np.arange(count)
    write_events(path, events, {number: Instrument(name, tick_size=1, instrument_id=number)}, format="npy")
    return path


def test_other_formats_are_read_one_after_another(tmp_path: Path) -> None:
    paths = [tape(tmp_path / "a.npy", "AAA", 1, 5), tape(tmp_path / "b.npy", "BBB", 2, 7)]
    events, reader = events_of(paths)
    assert events["instrument_id"].tolist() == [1] * 5 + [2] * 7
    assert {number: item.symbol for number, item in reader.instruments.items()} == {1: "AAA", 2: "BBB"}


def test_one_id_for_two_symbols_is_refused(tmp_path: Path) -> None:
    paths = [tape(tmp_path / "a.npy", "AAA", 1, 5), tape(tmp_path / "b.npy", "BBB", 1, 7)]
    with pytest.raises(UsageError, match="instrument 1 is BBB here, AAA in a file before"):
        list(read_chain(paths))


def test_no_file_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="name at least one"):
        read_chain([])
