"""simulate, info and convert on real files of the package's own making."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tickdeck.cli import run
from tickdeck.cli.summary import Summary
from tickdeck.core import EVENT, Action, Flag, Instrument, Records, to_ns
from tickdeck.simulation import order_flow, simulate
from tickdeck.tape import CHUNK, read, write

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30,302 events of two instruments."""
    path = tmp_path_factory.mktemp("tape") / "two.npy"
    market = order_flow(events=30_000, seed=3, instruments=2, live_orders=300)
    write(path, market, market.instruments)
    return path


def events_of(path: Path) -> Records:
    with read(path) as reader:
        return np.concatenate(list(reader))


def test_simulate_writes_what_the_library_simulates(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "s.parquet"
    assert run(["simulate", "-o", str(path), "--events", "5000", "--seed", "4", "--instruments", "3", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["events"] == len(events_of(path))
    np.testing.assert_array_equal(events_of(path), np.concatenate(list(simulate(events=5_000, seed=4, instruments=3))))


@pytest.mark.parametrize("arguments", [["--instruments", "0"], ["--date", "soon"], ["--tick", "0"], ["--tick", "abc"]])
def test_simulate_with_a_value_out_of_range_leaves_no_file(arguments: list[str], tmp_path: Path, capsys: Capture) -> None:
    assert run(["simulate", "-o", str(tmp_path / "s.npy"), *arguments]) != 0
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_info_counts_what_the_file_holds(tape: Path, capsys: Capture) -> None:
    assert run(["info", str(tape), "--book", "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out)
    events = events_of(tape)
    live = events[(events["flags"] & Flag.SNAPSHOT) == 0]
    assert found["events"] == len(events) == 30_302
    assert found["snapshot"] == 302
    assert found["actions"] == {chr(code): int((events["action"] == code).sum()) for code in np.unique(events["action"])}
    for number in (1, 2):
        entry = found["instruments"][str(number)]
        mine = events[(events["instrument_id"] == number) & (events["action"] != Action.CLEAR)]
        assert entry["symbol"] == f"SIM000{number}" and entry["tick_size"] == "0.01"
        assert entry["events"] == len(mine) + 1
        assert float(entry["lowest"]) * 1e9 == pytest.approx(int(mine["price"].min()))
        assert float(entry["highest"]) * 1e9 == pytest.approx(int(mine["price"].max()))
    assert to_ns(found["first"]) == live["ts_recv"].min() and to_ns(found["last"]) == live["ts_recv"].max()
    assert found["peak_second"] == np.unique(live["ts_recv"] // 10**9, return_counts=True)[1].max()
    assert found["publishers"] == {"SIMULATION": 30_302}
    assert found["backwards"] == {"ts_event": 0, "ts_recv": 0} and found["sequence_gaps"] == 0 and found["anomalies"] == {}
    assert found["books"]["count"] == 2 and found["books"]["unknown_order"] == 0


def test_info_prints_a_page_for_people(tape: Path, capsys: Capture) -> None:
    assert run(["info", str(tape)]) == 0
    page = capsys.readouterr().out
    assert "30,302, 302 of them snapshot" in page and "SIM0002 (id 2)" in page and "anomalies    none" in page


def test_info_of_a_part_and_of_one_symbol(tape: Path, capsys: Capture) -> None:
    hour = ["--from", "2024-03-05T15:00", "--to", "2024-03-05T16:00"]
    assert run(["info", str(tape), *hour, "--symbol", "SIM0002", "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out)
    assert 0 < found["events"] < 30_302 and found["snapshot"] == 0
    assert "2024-03-05T15:00" <= found["first"] < found["last"] < "2024-03-05T16:00"
    assert found["instruments"]["1"]["events"] == 0


def summary_of(events: Records, size: int) -> Summary:
    summary = Summary()
    for first in range(0, len(events), size):
        summary.add(events[first : first + size])
    return summary


def test_a_summary_does_not_depend_on_the_chunks() -> None:
    events = np.concatenate(list(order_flow(events=5_000, seed=1, live_orders=200)))
    events["ts_event"][3_000:3_010] -= 10**12
    events["ts_recv"][3_000:3_010] -= 10**12
    whole, parts = summary_of(events, CHUNK), summary_of(events, 7)
    assert whole.backwards == parts.backwards == {"ts_event": 1, "ts_recv": 1}
    for name in ("events", "range", "peak_second", "prices", "instruments", "publishers", "snapshot", "gaps"):
        assert getattr(whole, name) == getattr(parts, name), name


def test_info_counts_marked_gaps_and_unnamed_instruments(tmp_path: Path, capsys: Capture) -> None:
    events = np.zeros(3, EVENT)
    events["action"], events["side"], events["size"], events["order_id"] = ord("A"), ord("B"), 1, [1, 2, 3]
    events["ts_event"], events["price"] = [10**18, 10**18 + 5, 10**18 + 3], 10**9
    events["flags"] = [Flag.LAST, Flag.LAST | Flag.MAYBE_BAD_BOOK, Flag.LAST]
    np.save(tmp_path / "plain.npy", events)
    assert run(["info", str(tmp_path / "plain.npy")]) == 0
    page = capsys.readouterr().out
    assert "1 sequence gaps" in page and "#0 (id 0): 3 events, prices 1 to 1" in page and "1 steps back of ts_event" in page


def test_convert_there_and_back_loses_nothing(tape: Path, tmp_path: Path, capsys: Capture) -> None:
    there, back = tmp_path / "t.parquet", tmp_path / "back.npy"
    assert run(["convert", str(tape), str(there)]) == 0
    assert run(["convert", str(there), str(back)]) == 0
    np.testing.assert_array_equal(events_of(back), events_of(tape))
    with read(tape) as first, read(back) as second:
        assert first.instruments == second.instruments
    assert "30,302 events" in capsys.readouterr().out


def test_convert_of_a_part(tape: Path, tmp_path: Path) -> None:
    target = tmp_path / "part.npy"
    assert run(["convert", str(tape), str(target), "--from", "2024-03-05T15:00Z", "--symbol", "SIM0001"]) == 0
    whole = events_of(tape)
    expected = whole[(whole["ts_recv"] >= to_ns("2024-03-05T15:00")) & (whole["instrument_id"] == 1)]
    np.testing.assert_array_equal(events_of(target), expected)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("{tape}", "is the file to be converted"),
        ("{folder}/missing/x.npy", "does not exist"),
        ("{folder}", "is a folder"),
        ("{folder}/x.unheard", "no format for this name"),
    ],
)
def test_convert_to_a_place_that_will_not_do(target: str, words: str, tape: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(["convert", str(tape), target.format(tape=tape, folder=tmp_path)]) == 2
    message = capsys.readouterr().err
    assert words in message and message.count("\n") == 1
    assert list(tmp_path.iterdir()) == [] and len(events_of(tape)) == 30_302


def test_convert_through_a_link_to_the_source_is_refused(tape: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.npy"
    link.symlink_to(tape)
    assert run(["convert", str(tape), str(link)]) == 2
    assert len(events_of(tape)) == 30_302


def test_convert_says_what_would_be_lost_and_writes_nothing(tmp_path: Path, capsys: Capture) -> None:
    source, target = tmp_path / "rows.csv", tmp_path / "rows.npy"
    header = "type,timestamp,price,qty,side,trade_id"
    source.write_text(f"{header}\ntrade,2024-01-02T00:00:00Z,1.5,2,buy,7\ntrade,2024-01-02T00:00:01Z,oops,2,buy,8\n")
    assert run(["convert", str(source), str(target)]) == 1
    message = capsys.readouterr().err
    assert "would lose 1 bad_row" in message and "row 3" in message and "--lossy" in message and message.count("\n") == 1
    assert list(tmp_path.iterdir()) == [source]
    assert run(["convert", str(source), str(target), "--lossy"]) == 0
    assert "left out: 1 bad_row" in capsys.readouterr().out
    assert len(events_of(target)) == 1


def test_a_missing_or_empty_source_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "empty.npy").touch()
    assert run(["info", str(tmp_path / "none.npy")]) == 2
    assert run(["info", str(tmp_path / "empty.npy")]) == 1
    assert run(["convert", str(tmp_path / "empty.npy"), str(tmp_path / "x.npy")]) == 1
    assert capsys.readouterr().err.count("\n") == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_convert_leaves_nothing(number: signal.Signals, tape: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.parquet"
    command = [sys.executable, "-m", "tickdeck", "convert", "-", str(target), "--format", "npy"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    data = tape.read_bytes()
    process.stdin.write(data[: len(data) // 2])
    process.stdin.flush()
    deadline = time.monotonic() + 30
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(tmp_path.iterdir()), "the conversion never began to write"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number and out == b"" and b"Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(tape: Path, tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        f"from tickdeck.cli import run; sys.exit(run(['convert', {str(tape)!r}, {str(tmp_path / 'x.npy')!r}]))"
    )
    result = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True)
    assert result.returncode != 0 and result.stderr.count("\n") == 1 and "x.npy" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_instruments_of_an_l3_tape_reach_the_target(tmp_path: Path) -> None:
    source, target = tmp_path / "a.npy", tmp_path / "b.parquet"
    instrument = Instrument("ESH4", tick_size="0.25", venue="GLBX", instrument_id=17077, multiplier=50)
    event = np.zeros(1, EVENT)
    event["instrument_id"] = 17077
    event["action"], event["side"], event["price"], event["size"] = ord("A"), ord("B"), 25 * 10**7, 1
    write(source, event, {17077: instrument})
    assert run(["convert", str(source), str(target)]) == 0
    with read(target) as reader:
        assert reader.instruments == {17077: instrument}


def test_progress_goes_to_standard_error_only(
    tape: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def terminal(*_: Any) -> bool:
        return True

    monkeypatch.setattr(sys.stderr, "isatty", terminal)
    assert run(["convert", str(tape), str(tmp_path / "x.npy"), "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["events"] == 30_302
