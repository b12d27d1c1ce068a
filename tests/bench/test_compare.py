"""Comparison with an earlier run, the history, and the files they live in."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tickdeck.bench import history
from tickdeck.bench.compare import compare, read_run, write_run
from tickdeck.bench.machine import Machine
from tickdeck.bench.report import write_html
from tickdeck.bench.result import CaseResult, Measured, Ratio, Run, Verdict
from tickdeck.bench.statistics import median_interval
from tickdeck.core import UsageError

MACHINE = Machine("Some CPU", 2, "performance", 8 << 30, "Linux", "3.12", {"numba": "0.61"}, "g++ 12", "abc123")


def made(pairs: list[float], name: str = "book.esh4", quick: bool = False, started: str = "2025-01-01T00:00:00Z") -> Run:
    """A run of one case with these ratios."""
    ours = Measured("tickdeck", "ours", units=100, seconds=[1.0, 1.1], rate=95.0, worst=90.9, latencies_ns={"p50": 10, "p99": 20})
    ours.latencies_ns = {}
    native = Measured("native", "native", units=100, seconds=[1.0, 1.0], rate=100.0, worst=100.0)
    ratio = Ratio("native", *median_interval(pairs), pairs=pairs)
    result = CaseResult(name, "some work", "events", [ours, native], [ratio], [Verdict("must", ">= 0.8x native", True)])
    return Run(started, "tickdeck bench", quick, MACHINE, [result])


STEADY = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0]


@pytest.mark.parametrize(
    ("factor", "failed"),
    [(1.0, False), (0.95, False), (0.91, False), (0.8, True), (0.5, True), (1.5, False)],
)
def test_only_a_regression_of_more_than_ten_percent_fails(factor: float, failed: bool) -> None:
    comparison = compare(made([value * factor for value in STEADY]), made(STEADY))
    assert comparison.failed is failed
    assert comparison.changes[0].median == pytest.approx(factor, rel=0.02)


def test_a_noisy_drop_whose_interval_reaches_the_limit_is_no_regression() -> None:
    noisy = [0.5, 1.2, 0.8, 1.1, 0.6, 1.0, 0.85]
    assert compare(made(noisy), made(STEADY)).changes[0].median < 0.9
    assert not compare(made(noisy), made(STEADY)).failed


def test_nothing_to_compare_is_a_failure() -> None:
    comparison = compare(made(STEADY), made(STEADY, name="book.other"))
    assert comparison.failed
    assert comparison.skipped == ["book.esh4: not in the old run"]


def test_quick_and_full_runs_are_not_compared() -> None:
    assert compare(made(STEADY), made(STEADY, quick=True)).failed


def test_fewer_than_three_passes_are_not_compared() -> None:
    assert compare(made([0.5, 0.5]), made(STEADY)).changes == []


def test_a_run_survives_its_json(tmp_path: Path) -> None:
    run = made(STEADY)
    write_run(run, tmp_path / "run.json")
    assert read_run(tmp_path / "run.json") == run
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"started": 3}', b"[]"])
def test_what_is_no_result_is_a_one_line_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not a result of tickdeck bench --json") as error:
        read_run(path)
    assert "\n" not in str(error.value)


def test_a_missing_old_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file; write one with tickdeck bench --json"):
        read_run(tmp_path / "none.json")


def test_history_only_grows(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history.append(made(STEADY, started="2025-01-01T00:00:00Z"), path)
    first = path.read_bytes()
    history.append(made([value * 0.9 for value in STEADY], started="2025-01-02T00:00:00Z"), path)
    assert path.read_bytes().startswith(first)
    lines = history.read(path)
    assert [line.started[:10] for line in lines] == ["2025-01-01", "2025-01-02"]
    assert lines[1].cases["book.esh4"].ratios["native"][0] == pytest.approx(0.9)
    assert lines[0].revision == "abc123"


def test_a_torn_last_line_of_the_history_costs_only_that_line(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history.append(made(STEADY), path)
    path.write_bytes(path.read_bytes()[:-20])
    history.append(made(STEADY), path)
    assert len(history.read(path)) == 1
    history.append(made(STEADY), path)
    assert len(history.read(path)) == 2


def test_a_file_that_is_no_history_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(UsageError, match="is not a history"):
        history.read(path)


def test_the_report_needs_nothing_from_the_network_and_names_every_case(tmp_path: Path) -> None:
    run = made(STEADY)
    run.cases[0].measured.append(Measured("peer <b>", "peer", missing="not installed; pip install 'tickdeck[bench]'"))
    write_html(run, tmp_path / "report.html", history_of(run))
    text = (tmp_path / "report.html").read_text()
    assert "book.esh4" in text
    assert "Some CPU" in text
    assert "peer &lt;b&gt;" in text
    assert "Trend" in text
    assert "<script src=" not in text
    assert text.count("Plotly.newPlot") == 3


def history_of(run: Run) -> list[history.Line]:
    """The history that has only `run`."""
    return [msgspec.convert(msgspec.to_builtins(history._line(run)), history.Line)]
