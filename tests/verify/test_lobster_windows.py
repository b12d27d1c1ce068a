"""Books rebuilt from LOBSTER messages against windows cut from a whole book."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from lobster_market import EMPTY_ASK, EMPTY_BID, TICK, Market, make_market, save

from tickdeck.core import FormatError, TickdeckError, UsageError
from tickdeck.tape import ReadOptions
from tickdeck.verify import Comparison, plan


def verify(path: Path, against: Path | None = None, **options: object) -> Comparison:
    (run,) = plan(
        [str(path)],
        None if against is None else str(against),
        options=ReadOptions(**options),  # type: ignore[arg-type]
    )
    with run.reader:
        (found,) = run.work(run.reader)
    return found


def altered(market: Market, row: int, cell: int, change: int) -> list[str]:
    """The rows with one number changed."""
    cells = market.rows[row].split(",")
    cells[cell] = str(int(cells[cell]) + change)
    return [*market.rows[:row], ",".join(cells), *market.rows[row + 1 :]]


def settled(market: Market, row: int, level: int, side: int) -> bool:
    """Whether a cell of the truth is more than a level that nobody else knows and that the next message hides again."""
    cells = market.rows[row].split(",")
    place = 4 * level + (2 if side == 1 else 0)
    deepest = level == market.depth - 1
    fresh = (row, side) in market.fresh or row == 0
    last = row == len(market.rows) - 1
    hidden = last or cells[place] not in market.rows[row + 1].split(",")[2 if side == 1 else 0 :: 4]
    return not (fresh and (deepest or row == 0) and hidden)


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("warm_up", [0, 60])
@pytest.mark.parametrize("seed", range(4))
def test_a_window_of_any_depth_is_rebuilt_with_no_more_help_than_it_needs(
    depth: int, warm_up: int, seed: int, tmp_path: Path
) -> None:
    market = make_market(seed, 600 + warm_up, depth, warm_up)
    found = verify(save(tmp_path, market))
    assert (found.compared, found.wrong) == (len(market.rows), 0)
    assert found.facts["supplied"] == found.facts["supplied_levels"] == market.supplied
    assert found.exact == len(market.rows) - market.supplied - 1
    assert found.facts["unknown_orders"] == 0
    assert found.facts["levels_compared"] == found.facts["levels_exact"]
    assert found.holds


@pytest.mark.parametrize("chunk", [3, 7, 64])
def test_the_result_does_not_depend_on_how_the_messages_are_cut_into_chunks(chunk: int, tmp_path: Path) -> None:
    path = save(tmp_path, make_market(5, 800, 3, 50))
    assert verify(path, chunk=chunk) == verify(path)


@pytest.mark.parametrize("depth", [1, 3])
def test_every_deleted_message_is_noticed(depth: int, tmp_path: Path) -> None:
    market = make_market(2, 300, depth, 40)
    for gone in range(len(market.messages)):
        path = save(tmp_path, market, messages=market.messages[:gone] + market.messages[gone + 1 :])
        assert verify(path).wrong, gone


@pytest.mark.parametrize("change", [1, -1, TICK, -TICK])
@pytest.mark.parametrize("depth", [1, 3])
def test_every_altered_row_is_noticed_unless_nothing_else_knows_the_level(depth: int, change: int, tmp_path: Path) -> None:
    market = make_market(3, 500 // depth, depth, 40)
    missed = tried = 0
    for row, text in enumerate(market.rows):
        for cell, value in enumerate(text.split(",")):
            level, column = divmod(cell, 4)
            is_size, side = column % 2 == 1, 1 if column >= 2 else -1
            if abs(int(value)) == 9_999_999_999 or value == "0" or (is_size and abs(change) > 1):
                continue
            noticed = verify(save(tmp_path, market, rows=altered(market, row, cell, change))).wrong > 0
            tried += 1
            missed += not noticed
            assert noticed or not settled(market, row, level, side), (row, cell)
    assert tried > 50
    assert missed < tried / 10


def test_the_first_wrong_row_is_told_level_by_level(tmp_path: Path) -> None:
    market = make_market(1, 200, 3, 60)
    row = next(index for index in range(50, 90) if not any(index <= fresh <= index + 1 for fresh, _ in market.fresh))
    size = int(market.rows[row].split(",")[1])
    found = verify(save(tmp_path, market, rows=altered(market, row, 1, 1)))
    assert found.wrong == 1
    (mismatch,) = found.mismatches
    text = mismatch.lines()
    assert text[0].startswith(f"TEST, row {row + 1} at 2012-06-21T13:30:")
    (marked,) = [line for line in text if line.endswith("<- differs")]
    assert marked.split()[:4] == ["ask", "1", str(size + 1), "@"]
    assert f"{size} @" in marked.split("   ")[-2]
    assert mismatch.to_dict()["expected"]["asks"][0]["size"] == str(size + 1)


def test_a_level_that_the_truth_supplied_wrongly_is_traced_to_its_row(tmp_path: Path) -> None:
    market = make_market(4, 400, 2, 60)
    row, side = next(
        (row, side) for row, side in market.fresh if settled(market, row, 1, side) and market.rows[row] == market.rows[row + 1]
    )
    found = verify(save(tmp_path, market, rows=altered(market, row, 7 if side == 1 else 5, 1)))
    assert found.mismatches[0].place == f"row {row + 2:,}"
    assert found.mismatches[0].reason.endswith(f"was supplied by row {row + 1:,}")


def test_a_level_that_nobody_added_is_not_taken_from_the_row(tmp_path: Path) -> None:
    """A side that is not full shows all its levels: a further one is an add that is missing."""
    messages = ["34200.1,1,1,5,1000000,1", "34200.2,5,0,1,1000000,1"]
    rows = [f"{EMPTY_ASK},1000000,5,{EMPTY_ASK},{EMPTY_BID}", f"{EMPTY_ASK},1000000,5,{EMPTY_ASK},999900,3"]
    found = verify(save(tmp_path, Market(2), messages, rows))
    assert (found.wrong, found.facts["supplied"]) == (1, 0)


def test_more_rows_than_messages_and_more_messages_than_rows_are_wrong(tmp_path: Path) -> None:
    market = make_market(6, 200, 2)
    short = verify(save(tmp_path, market, messages=market.messages[:-7]))
    assert (short.wrong, short.compared) == (7, len(market.rows))
    assert short.mismatches[0].reason == "the messages ended before this row"
    long = verify(save(tmp_path, market, rows=market.rows[:-4]))
    assert (long.wrong, long.compared) == (4, len(market.messages))
    assert long.mismatches[0].place == f"message {len(market.rows) - 3}"


def test_a_message_that_cannot_be_read_makes_its_row_wrong_and_keeps_the_others_in_step(tmp_path: Path) -> None:
    market = make_market(7, 200, 2)
    quiet = next(row for row, text in enumerate(market.messages) if text.split(",")[1] == "5" and row > 10)
    messages = [*market.messages[:quiet], "no message", *market.messages[quiet + 1 :]]
    found = verify(save(tmp_path, market, messages=messages))
    assert found.wrong == 1
    assert found.mismatches[0].place == f"row {quiet + 1:,}"
    with pytest.raises(FormatError, match=f"row {quiet + 1}"):
        verify(save(tmp_path, market, messages=messages), strict=True)


def test_show_says_how_many_wrong_rows_are_kept(tmp_path: Path) -> None:
    market = make_market(8, 200, 2)
    path = save(tmp_path, market, messages=market.messages[:50] + market.messages[51:])
    for show in (0, 1, 3):
        (run,) = plan([str(path)], show=show)
        (found,) = run.work(run.reader)
        assert len(found.mismatches) == show < found.wrong


def test_messages_without_an_orderbook_file_are_nothing_to_compare(tmp_path: Path) -> None:
    market = make_market(1, 50, 2)
    path = save(tmp_path, market)
    truth = next(tmp_path.glob("*orderbook*"))
    elsewhere = tmp_path / "truth.csv"
    truth.rename(elsewhere)
    with pytest.raises(TickdeckError, match="nothing to compare"):
        plan([str(path)])
    assert verify(path, elsewhere).holds
    with pytest.raises(UsageError, match="one by one"):
        plan([str(path), str(path)], str(elsewhere))


def test_a_folder_stands_for_the_files_in_it(tmp_path: Path) -> None:
    market = make_market(1, 50, 2)
    path = save(tmp_path, market)
    assert verify(tmp_path).holds
    assert verify(path, tmp_path).holds
    (tmp_path / "OTHER_2012-06-21_34200000_57600000_message_2.csv").write_text("")
    with pytest.raises(UsageError, match="2 LOBSTER message files"):
        plan([str(tmp_path)])


def test_compiled_and_interpreted_runs_agree(tmp_path: Path) -> None:
    market = make_market(9, 120, 2, 40)
    row = len(market.rows) // 2
    rows = [*market.rows[:row], market.rows[row - 1], *market.rows[row + 1 :]]
    program = (
        "import sys, msgspec\n"
        "from tickdeck.verify import plan\n"
        "(run,) = plan([sys.argv[1]], show=5)\n"
        "print(msgspec.json.encode([item.to_dict() for item in run.work(run.reader)]).decode())\n"
    )
    for truth in (market.rows, rows):
        path = save(tmp_path, market, rows=truth)
        (run,) = plan([str(path)], show=5)
        compiled = [item.to_dict() for item in run.work(run.reader)]
        environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
        done = subprocess.run([sys.executable, "-c", program, str(path)], env=environment, capture_output=True, check=True)
        assert msgspec.json.decode(done.stdout) == compiled
