"""``tickdeck bench`` from end to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tickdeck.bench.compare import read_run, write_run
from tickdeck.bench.suites import SUITES


def bench(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "tickdeck", "bench", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=240)


QUICK = ("book", "--quick", "--only", "id-zero", "--repeats", "5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the outputs of one quick run of a case that has no must."""
    folder = tmp_path_factory.mktemp("bench")
    done = bench(*QUICK, "--json", folder / "run.json", "--html", folder / "run.html", "--history", folder / "history.jsonl")
    assert done.returncode == 0, done.stderr
    (folder / "out.txt").write_text(done.stdout)
    return folder


def test_a_quick_run_prints_the_case_with_its_rate(folder: Path) -> None:
    text = (folder / "out.txt").read_text()
    assert "book.id-zero" in text
    assert "events/s" in text


def test_json_has_the_machine_and_equal_checksums(folder: Path) -> None:
    run = read_run(folder / "run.json")
    case = run.cases[0]
    assert run.machine.cpu
    assert run.machine.packages["numba"]
    assert case.ours.rate > 1e6
    assert len(case.ours.seconds) == 5
    native = case.measured[1]
    if not native.missing:
        assert native.checksum == case.ours.checksum
        assert len(case.ratios[0].pairs) == 5
    assert not case.differing


def test_html_and_history_are_written(folder: Path) -> None:
    assert "book.id-zero" in (folder / "run.html").read_text()
    assert len((folder / "history.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(("factor", "code", "word"), [(1e-3, 0, ""), (1e3, 1, "REGRESSED")])
def test_compare_fails_exactly_when_the_old_run_was_much_better(folder: Path, factor: float, code: int, word: str) -> None:
    old = read_run(folder / "run.json")
    if not old.cases[0].ratios:
        pytest.skip(old.cases[0].measured[1].missing)
    ratio = old.cases[0].ratios[0]
    ratio.pairs = [pair * factor for pair in ratio.pairs]
    write_run(old, folder / "old.json")
    done = bench(*QUICK, "--compare", folder / "old.json")
    assert done.returncode == code, done.stdout
    assert word in done.stdout


def test_a_must_that_cannot_be_checked_fails(tmp_path: Path) -> None:
    done = bench("book", "--quick", "--only", "esh4", "--repeats", "1", TICKDECK_DATA=str(tmp_path))
    assert done.returncode == 1
    assert "book.esh4: tickdeck did not run: recorded data" in done.stdout
    assert "could not check >= 0.8x native" in done.stdout


def test_the_list_names_cases_and_their_work() -> None:
    done = bench("book", "--list")
    assert done.returncode == 0
    assert "book.many-books: 8,000 books of 200 orders: events in memory to book" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nonsense",), f"no suite nonsense; there are {', '.join(SUITES)}"),
        (("book", "--only", "nothing"), "no case matches nothing"),
        (("book", "--compare", "/nowhere.json"), "no such file"),
        (("book", "--json", "/nowhere/run.json"), "does not exist"),
        (("book", "--profile", "a.html", "--memory", "b.html"), "run apart"),
    ],
)
def test_wrong_usage_is_one_line(words: tuple[str, ...], message: str) -> None:
    done = bench(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
