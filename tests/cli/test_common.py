"""What subcommands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tickdeck.cli.common import Window, atomic_output, check_writable, open_tape, print_json, progress
from tickdeck.core import UsageError
from tickdeck.simulation import order_flow


def test_an_atomic_output_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_text("old")
    with atomic_output(target) as partial:
        assert partial.suffix == ".png"
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_atomic_output_that_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), atomic_output(tmp_path / "out.png") as partial:
        partial.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_an_output_in_a_missing_folder_or_a_folder_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        check_writable(tmp_path / "missing" / "out.npy")
    with pytest.raises(UsageError, match="is a folder"):
        check_writable(tmp_path)


def test_json_takes_numpy_values_and_paths(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"count": np.int64(3), "row": np.arange(2), "path": Path("a/b")})
    assert msgspec.json.decode(capsys.readouterr().out) == {"count": 3, "row": [0, 1], "path": "a/b"}


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    chunks = [np.zeros(3), np.zeros(4)]
    with progress("working", 7) as advance:
        passed: list[Any] = list(advance.through(chunks))  # type: ignore[arg-type]
    assert [len(chunk) for chunk in passed] == [3, 4] and advance.done == 7
    output = capsys.readouterr()
    assert output.out == "" and output.err == ""


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(UsageError, match="not before"):
        Window("2024-03-05T12:00:00", "2024-03-05T11:00:00")


def test_a_column_without_equals_sign_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="field=name"):
        open_tape(str(tmp_path / "x.csv"), columns=["price"])


def test_a_window_keeps_a_span_and_symbols(tmp_path: Path) -> None:
    from tickdeck.tape import read, write

    market = order_flow(events=20_000, instruments=3, live_orders=300, seed=2)
    everything = np.concatenate(list(market))
    write(tmp_path / "x.npy", everything, market.instruments, format="npy")
    start, stop = int(everything["ts_recv"][5_000]), int(everything["ts_recv"][9_000])
    with read(tmp_path / "x.npy", format="npy") as reader:
        found = np.concatenate(list(Window(str(start), str(stop), ["SIM0002"]).chunks(reader)))
    times = everything["ts_recv"]
    expected = everything[(times >= start) & (times < stop) & (everything["instrument_id"] == 2)]
    assert len(expected) > 100
    np.testing.assert_array_equal(found, expected)
    with read(tmp_path / "x.npy", format="npy") as reader, pytest.raises(UsageError, match="no symbol NONE; it has SIM0001"):
        list(Window(symbols=["NONE"]).chunks(reader))
