"""Books rebuilt from order events against rows of the best levels."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from depth_feed import SNAPSHOT, Book, Feed, Order, make_feed, price_of

from tickdeck.core import UsageError
from tickdeck.tape import ReadOptions, read
from tickdeck.tape.dbn import DbnReader
from tickdeck.tape.dbn_records import MBP_10
from tickdeck.verify import Comparison, plan
from tickdeck.verify import mbp as mbp_module


def verify(arguments: list[str], show: int = 1, **options: object) -> Comparison:
    source, truth = arguments
    (run,) = plan([source], truth, options=ReadOptions(**options), show=show)  # type: ignore[arg-type]
    (found,) = run.work(run.reader)
    return found


@pytest.mark.parametrize("width", [10, 1])
@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_every_row_is_matched_in_price_size_and_count(seed: int, snapshot: bool, width: int, tmp_path: Path) -> None:
    feed = make_feed(seed, 800, width=width, snapshot=snapshot)
    found = verify(feed.save(tmp_path))
    assert (found.compared, found.exact, found.wrong) == (len(feed.rows), len(feed.rows), 0)
    assert found.facts["changes"] == feed.changes
    assert found.facts["changes_outside"] == found.facts["changes_without_row"] == 0
    assert found.facts["books"] == 2
    assert found.holds


@pytest.mark.parametrize("chunk", [1, 5, 100])
def test_the_result_does_not_depend_on_chunks(chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = make_feed(3, 500, instruments=3)
    arguments = feed.save(tmp_path, rows=[*feed.rows[:100], *feed.rows[101:]])
    whole = verify(arguments)
    monkeypatch.setattr(mbp_module, "_SKEW_NS", 3_000)
    (run,) = plan(arguments[:1], arguments[1], options=ReadOptions(chunk=chunk))
    check = mbp_module.MbpCheck(rows_of(arguments[1], chunk), arguments[0])
    for events in run.reader:
        check.add(events, run.reader.instruments)
    assert check.result() == whole


def rows_of(path: str, chunk: int) -> DbnReader:
    reader = read(path, chunk=chunk)
    assert isinstance(reader, DbnReader)
    return reader


def test_every_altered_number_of_a_row_is_noticed(tmp_path: Path) -> None:
    feed = make_feed(4, 100)
    for index, row in enumerate(feed.rows):
        for name in ("px", "sz", "ct"):
            for side in ("bid", "ask"):
                level = index % 10
                changed = row.copy()
                changed["levels"][f"{side}_{name}"][0, level] ^= 1
                found = verify(feed.save(tmp_path, rows=[*feed.rows[:index], changed, *feed.rows[index + 1 :]]))
                assert found.wrong > 0, (index, name, side)


def test_every_missing_row_between_others_is_noticed(tmp_path: Path) -> None:
    feed = make_feed(5, 150, instruments=1)
    shown = [row["levels"].tobytes() for row in feed.rows]
    for gone in range(1, len(feed.rows) - 1):
        found = verify(feed.save(tmp_path, rows=[*feed.rows[:gone], *feed.rows[gone + 1 :]]))
        changes = shown[gone] != shown[gone - 1]
        assert found.wrong == found.facts["changes_without_row"] == int(changes), gone


def test_every_missing_event_that_a_row_shows_is_noticed(tmp_path: Path) -> None:
    feed = make_feed(6, 150, instruments=1)
    states = [np.zeros(1, MBP_10)["levels"].tobytes(), *(row["levels"].tobytes() for row in feed.rows)]
    shown = {int(row["sequence"][0]) for row, before, after in zip(feed.rows, states, states[1:]) if before != after}
    tried = 0
    for gone, event in enumerate(feed.events):
        alone = sum(other[-1] == event[-1] for other in feed.events) == 1
        if alone and event[-1] in shown:
            tried += 1
            assert verify(feed.save(tmp_path, events=[*feed.events[:gone], *feed.events[gone + 1 :]])).wrong > 0, gone
    assert tried > 50


def test_a_wrong_row_is_told_with_the_book_beside_it(tmp_path: Path) -> None:
    feed = make_feed(7, 300, instruments=1)
    index = next(index for index, row in enumerate(feed.rows) if index > 100 and row["levels"]["bid_sz"][0, 2])
    row = feed.rows[index].copy()
    row["levels"]["bid_ct"][0, 2] += 1
    found = verify(feed.save(tmp_path, rows=[*feed.rows[:index], row, *feed.rows[index + 1 :]]))
    (mismatch,) = found.mismatches
    lines = mismatch.lines()
    assert found.wrong == 1
    assert lines[0].startswith(f"#7, row of sequence {int(row['sequence'][0])} at 2023-11-14T22:13:20.")
    (marked,) = [line for line in lines if line.endswith("<- differs")]
    assert marked.split()[:2] == ["bid", "3"]
    assert f"({int(row['levels']['bid_ct'][0, 2])})" in marked


def test_rows_without_events_are_wrong_wherever_they_stand(tmp_path: Path) -> None:
    feed = make_feed(8, 200, instruments=1)
    early, stray, late = feed.rows[0].copy(), feed.rows[50].copy(), feed.rows[-1].copy()
    early["ts_event"] -= 1_000
    stray["ts_event"] += 1
    late["ts_event"] += 1_000_000
    found = verify(feed.save(tmp_path, rows=[early, *feed.rows[:51], stray, *feed.rows[51:], late]), show=5)
    assert (found.wrong, found.exact) == (3, len(feed.rows))
    assert [item.reason for item in found.mismatches] == [
        "the source has no event of this time and sequence",
        "the source has no event of this time and sequence",
        "the source ended before this row",
    ]


def test_rows_of_an_instrument_that_the_source_lacks_are_wrong(tmp_path: Path) -> None:
    feed = make_feed(9, 300, instruments=2)
    found = verify(feed.save(tmp_path, events=[event for event in feed.events if event[3] == 7]))
    other = sum(int(row["instrument_id"][0]) == 8 for row in feed.rows)
    assert 0 < other == found.wrong == found.facts["rows_beyond_source"]
    assert "instrument 8" in found.mismatches[0].reason


def test_changes_before_the_first_row_and_after_the_last_are_outside(tmp_path: Path) -> None:
    feed = make_feed(10, 300, instruments=1)
    found = verify(feed.save(tmp_path, rows=feed.rows[20:-10]))
    assert found.holds
    assert found.exact == len(feed.rows) - 30
    states = [b"", *(row["levels"].tobytes() for row in feed.rows)]
    changed = [before != after for before, after in pairwise(states)]
    assert found.facts["changes_outside"] == sum(changed[:20]) + sum(changed[-10:])


def test_rows_of_a_snapshot_are_counted_apart(tmp_path: Path) -> None:
    feed = make_feed(11, 100, instruments=1, snapshot=True)
    old = feed.rows[3].copy()
    old["flags"] |= SNAPSHOT
    old["ts_event"] -= 10**15
    found = verify(feed.save(tmp_path, rows=[old, *feed.rows]))
    assert found.holds
    assert found.facts["snapshot_rows"] == 1
    assert found.compared == len(feed.rows)


def test_a_level_that_appears_and_goes_within_a_group_needs_its_rows_in_order(tmp_path: Path) -> None:
    """An order below the window goes without a row, then a best order comes and goes: the book is at last what it was before."""
    feed, book = Feed(1), Book(7)
    for order_id, distance in ((1, 3), (2, 9)):
        feed.sequence += 1
        book.orders[order_id] = Order("B", price_of("B", distance), 5)
        feed.event(book, "A", "B", order_id, price_of("B", distance), 5, 128)
        feed.note(book, "A", "B")
    feed.sequence += 1
    del book.orders[2]
    feed.event(book, "C", "B", 2, price_of("B", 9), 5, 0)
    feed.note(book, "C", "B")
    book.orders[3] = Order("B", price_of("B", 1), 4)
    feed.event(book, "A", "B", 3, price_of("B", 1), 4, 0)
    feed.note(book, "A", "B")
    del book.orders[3]
    feed.event(book, "C", "B", 3, price_of("B", 1), 4, 128)
    feed.note(book, "C", "B")
    feed.sequence += 1
    book.orders[4] = Order("B", price_of("B", 2), 4)
    feed.event(book, "A", "B", 4, price_of("B", 2), 4, 128)
    feed.note(book, "A", "B")
    first, comes, goes, last = feed.rows
    assert verify(feed.save(tmp_path)).holds
    assert not verify(feed.save(tmp_path, rows=[first, goes, comes, last])).holds


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    source, truth = make_feed(12, 50).save(tmp_path)
    with pytest.raises(UsageError, match="rebuilt from mbo"):
        plan([truth], truth)
    with pytest.raises(UsageError, match="must be mbp-10 or mbp-1"):
        plan([source], source)


def test_compiled_and_interpreted_runs_agree(tmp_path: Path) -> None:
    feed = make_feed(13, 120)
    program = (
        "import sys, msgspec\n"
        "from tickdeck.verify import plan\n"
        "(run,) = plan([sys.argv[1]], sys.argv[2], show=9)\n"
        "print(msgspec.json.encode([item.to_dict() for item in run.work(run.reader)]).decode())\n"
    )
    for rows in (feed.rows, [*feed.rows[:40], *feed.rows[41:60], feed.rows[61], feed.rows[60], *feed.rows[62:]]):
        arguments = feed.save(tmp_path, rows=rows)
        compiled = verify(arguments, show=9).to_dict()
        environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
        done = subprocess.run([sys.executable, "-c", program, *arguments], env=environment, capture_output=True, check=True)
        assert msgspec.json.decode(done.stdout) == [compiled]


def test_the_vendors_rows_have_the_layout_of_the_reader(tmp_path: Path) -> None:
    feed = make_feed(14, 30)
    arguments = feed.save(tmp_path)
    records = np.concatenate(list(rows_of(arguments[1], 7).records()))
    assert records.tobytes() == np.concatenate(feed.rows).tobytes()
