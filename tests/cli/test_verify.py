"""`tickdeck verify` on the command line."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest

from tickdeck.cli import run
from tickdeck.simulation import order_flow
from tickdeck.tape import write

Capture = pytest.CaptureFixture[str]

EMPTY = "9999999999,0,-9999999999,0"
NAME = "ABC_2012-06-21_34200000_57600000_{}_2.csv"
MESSAGES = [
    "34200.1,1,1,5,1000100,-1",
    "34200.2,1,2,7,1000000,1",
    "34200.3,1,3,4,1000200,-1",
    "34200.4,1,4,6,1000000,1",
    "34200.5,4,1,5,1000100,-1",
    "34200.6,2,4,2,1000000,1",
]
ROWS = [
    f"1000100,5,-9999999999,0,{EMPTY}",
    f"1000100,5,1000000,7,{EMPTY}",
    "1000100,5,1000000,7,1000200,4,-9999999999,0",
    "1000100,5,1000000,13,1000200,4,-9999999999,0",
    "1000200,4,1000000,13,1000300,9,-9999999999,0",
    "1000200,4,1000000,11,1000300,9,-9999999999,0",
]


def save(folder: Path, messages: list[str] = MESSAGES, rows: list[str] = ROWS) -> str:
    (folder / NAME.format("orderbook")).write_text("\n".join(rows) + "\n")
    path = folder / NAME.format("message")
    path.write_text("\n".join(messages) + "\n")
    return str(path)


def test_what_holds_is_told_and_the_help_of_the_truth_counted_apart(tmp_path: Path, capsys: Capture) -> None:
    path = save(tmp_path)
    assert run(["verify", path]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"source      {path}"
    assert out[1] == f"truth       LOBSTER orderbook file {tmp_path / NAME.format('orderbook')}"
    assert out[2] == "compared    6 rows of 2 levels a side"
    assert out[3] == "exact       4 of 4 (100.00%)"
    assert out[4].startswith("supplied    1 row, not counted as exact")
    assert out[-1] == "wrong       0, the rebuilt book holds"


def test_what_differs_is_shown_in_full_and_fails(tmp_path: Path, capsys: Capture) -> None:
    path = save(tmp_path, rows=[*ROWS[:3], ROWS[3].replace("1000000,13", "1000000,12"), *ROWS[4:]])
    assert run(["verify", path]) == 1
    out = capsys.readouterr().out.splitlines()
    shown = out[out.index(next(line for line in out if line.startswith("mismatch"))) :]
    assert shown == [
        "mismatch    ABC, row 4 at 2012-06-21T13:30:00.400000000Z: the book differs",
        "             expected           got",
        "  ask 2    4 @ 100.02    4 @ 100.02",
        "  ask 1    5 @ 100.01    5 @ 100.01",
        "  bid 1   12 @ 100.00   13 @ 100.00   <- differs",
        "wrong       1",
    ]


def test_json_says_the_same(tmp_path: Path, capsys: Capture) -> None:
    path = save(tmp_path, rows=[*ROWS[:4], *ROWS[5:]])
    assert run(["verify", path, "--show", "2", "--json"]) == 1
    found = msgspec.json.decode(capsys.readouterr().out)
    (source,) = found["sources"]
    (comparison,) = source["comparisons"]
    assert not found["holds"]
    assert not source["holds"]
    assert comparison["wrong"] == 2
    assert [item["place"] for item in comparison["mismatches"]] == ["row 5", "message 6"]
    assert comparison["mismatches"][0]["expected"]["bids"] == [{"price": "100", "size": "11"}]


def test_several_lobster_files_stand_each_for_itself(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    paths = [save(tmp_path / "a"), save(tmp_path / "b", rows=ROWS[:-1])]
    assert run(["verify", *paths]) == 1
    out = capsys.readouterr().out
    assert out.count("compared ") == 2
    assert out.count("the rebuilt book holds") == 1


def test_a_tape_without_truth_is_nothing_to_compare(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "tape.npy"
    tape = order_flow(events=2_000, seed=1)
    write(path, tape, tape.instruments)
    assert run(["verify", str(path)]) == 1
    assert f"nothing to compare: {path} carries no truth" in capsys.readouterr().out
    assert run(["verify", str(path), "--json"]) == 1
    found = msgspec.json.decode(capsys.readouterr().out)
    assert (found["holds"], found["sources"][0]["comparisons"]) == (False, [])


def test_converted_messages_are_verified_against_the_orderbook_file(tmp_path: Path, capsys: Capture) -> None:
    path, copy = save(tmp_path), tmp_path / "copy.parquet"
    assert run(["convert", path, str(copy)]) == 0
    assert run(["verify", str(copy), "--against", str(tmp_path / NAME.format("orderbook"))]) == 0
    assert "exact       4 of 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    "kind", ["missing", "empty", "torn", "unknown", "torn truth", "bad truth", "orderbook", "folder", "alone"]
)
def test_what_cannot_be_verified_is_a_one_line_error(kind: str, tmp_path: Path, capsys: Capture) -> None:
    path = Path(save(tmp_path))
    truth = tmp_path / NAME.format("orderbook")
    arguments = [str(path)]
    code = 1
    match kind:
        case "missing":
            path.unlink()
            code = 2
        case "empty":
            path.write_bytes(b"")
        case "torn":
            packed = gzip.compress(path.read_bytes())
            path.write_bytes(packed[: len(packed) // 2])
        case "unknown":
            path = tmp_path / "noise"
            path.write_bytes(b"\x00\x01 noise \xff" * 50)
            arguments = [str(path)]
        case "torn truth":
            packed = gzip.compress(truth.read_bytes())
            truth.write_bytes(packed[: len(packed) - 12])
        case "bad truth":
            truth.write_text("\n".join([*ROWS[:3], "what,is,this", *ROWS[4:]]))
        case "orderbook":
            arguments = [str(truth)]
            code = 2
        case "folder":
            truth.unlink()
            path.unlink()
            arguments = [str(tmp_path)]
            code = 2
        case "alone":
            truth.unlink()
    assert run(["verify", *arguments]) == code
    err = capsys.readouterr().err
    assert err.startswith("tickdeck: error: ")
    assert err.count("\n") == 1
    assert "unexpected" not in err
