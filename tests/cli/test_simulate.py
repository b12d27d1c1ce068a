"""`tickdeck simulate`: what its options change, and what it reports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tickdeck.cli import run
from tickdeck.simulation import network, participants, simulate
from tickdeck.simulation.reference import FIGURES
from tickdeck.tape import read

Capture = pytest.CaptureFixture[str]


def test_options_reach_the_simulation(tmp_path: Path) -> None:
    path = tmp_path / "s.npy"
    words = "--events 4000 --seed 3 --mix quiet --participants maker=2 --network remote,loss=0.01 --hours 1 --auctions --live-orders 100"
    assert run(["simulate", "-o", str(path), *words.split()]) == 0
    people = participants("quiet", "maker=2", network("remote,loss=0.01"))
    wanted = simulate(events=4_000, seed=3, participants=people, hours=1.0, auctions=True, live_orders=100)
    with read(path) as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader)), np.concatenate(list(wanted)))


def test_a_report_needs_no_file_and_names_every_figure(tmp_path: Path, capsys: Capture) -> None:
    picture = tmp_path / "facts.png"
    assert run(["simulate", "--events", "20000", "--report", "--picture", str(picture)]) == 0
    page = capsys.readouterr().out
    assert all(figure.label in page for figure in FIGURES.values()) and "AMZN" in page
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_report_as_json_has_the_figures_and_the_counts(capsys: Capture) -> None:
    assert run(["simulate", "--events", "20000", "--report", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["facts"]) == set(FIGURES) and set(result["unusual"]) <= set(FIGURES)
    assert result["commands"]["sent"] > 10_000 and result["output"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mix", "wild"], "default"),
        (["--participants", "whale=1"], "background"),
        (["--participants", "maker=many"], "number"),
        (["--participants", "background=0"], "background"),
        (["--network", "moon"], "colocated"),
        (["--network", "latency=fast"], "latency=200"),
        (["--network", "metro,loss=1"], "below 1"),
        (["--hours", "48"], "hours"),
        (["--picture", "facts.jpg"], ".png"),
    ],
)
def test_a_wrong_option_is_one_line_that_says_what_is_right(
    words: list[str], said: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["simulate", "-o", "s.npy", *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
