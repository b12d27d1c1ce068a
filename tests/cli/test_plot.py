"""The command that pictures a market."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tickdeck.cli import run
from tickdeck.core import ns_text
from tickdeck.simulation import order_flow
from tickdeck.tape import read, write

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    market = order_flow(events=3_000, seed=9, instruments=2)
    path = tmp_path_factory.mktemp("plot") / "tape.npy"
    write(path, market, market.instruments)
    return path


def test_a_heat_map_of_the_busiest_instrument(tape: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(["plot", str(tape), "-o", str(tmp_path / "a.png")]) == 0
    output = capsys.readouterr()
    assert "heatmap of SIM0001, the busiest of 2 instruments (--symbol chooses)" in output.out and output.err == ""
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_span_of_one_symbol_as_json(tape: Path, tmp_path: Path, capsys: Capture) -> None:
    times = next(iter(read(tape)))["ts_recv"]
    begin, end = int(times[-2_000]), int(times[-500])
    words = ["--symbol", "SIM0002", "--from", ns_text(begin), "--to", str(end), "--levels", "5", "--json"]
    assert run(["plot", str(tape), "-o", str(tmp_path / "a.html"), *words]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["symbol"] == "SIM0002" and answer["from"] == ns_text(begin) and answer["kind"] == "heatmap"
    assert 0 < answer["events"] < 1_500 and 1 < answer["columns"] <= 1_200


def test_the_book_at_a_time_is_a_depth_chart(tape: Path, tmp_path: Path, capsys: Capture) -> None:
    moment = ns_text(int(next(iter(read(tape)))["ts_recv"][-1_000]))
    assert run(["plot", str(tape), "-o", str(tmp_path / "a.png"), "--at", moment, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["kind"] == "depth" and answer["time"] <= moment and answer["levels"]["bids"] > 5
    assert run(["plot", str(tape), "-o", str(tmp_path / "b.png"), "--kind", "depth"]) == 0
    assert "depth of SIM0001" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-o", "a.gif"], "ends? the name|end the name"),
        (["-o", "missing/a.png"], "does not exist"),
        (["-o", "a.png", "--symbol", "NOPE"], "has no events of NOPE"),
        (["-o", "a.png", "--at", "2024-03-05", "--kind", "heatmap"], "--at pictures"),
        (["-o", "a.png", "--kind", "depth", "--from", "2024-03-05"], "--kind depth pictures one time"),
        (["-o", "a.png", "--at", "2020-01-01"], "nothing happened up to"),
        (["-o", "a.png", "--from", "2030-01-01"], "no events of SIM0001 between"),
        (["-o", "a.png", "--kind", "pie"], "--kind"),
        ([], "--output"),
    ],
)
def test_wrong_usage_is_one_line_and_leaves_nothing(
    words: list[str], text: str, tape: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    assert run(["plot", str(tape), *words]) == 2
    output = capsys.readouterr().err
    assert re.search(text, output) and output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_installed_command_draws_a_dbn_file(tape: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.dbn.zst", read(tape))
    command = [sys.executable, "-m", "tickdeck", "plot", "a.dbn.zst", "-o", "a.png"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "") and result.stdout.startswith("a.png: heatmap of SIM0001")
