"""Campaigns in their short form, and what the runner makes of failures, crashes and hangs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tickdeck.book import OrderBook
from tickdeck.cli import run
from tickdeck.core import TickdeckError
from tickdeck.soak import CAMPAIGNS, FindingError, run_campaign
from tickdeck.soak.books import compare, random_stream
from tickdeck.soak.campaign import generator, make
from tickdeck.soak.decoders import read_damaged
from tickdeck.soak.mutation import damaged_file
from tickdeck.soak.oracle import OracleMarket
from tickdeck.soak.samples import samples
from tickdeck.tape import format_names, read

FAULTY = """
import os, time
class Faulty:
    def __init__(self, folder, argument):
        self.folder = folder
    def try_one(self, rng):
        number = int.from_bytes((self.folder.parent / "progress").read_bytes(), "little")
        (self.folder / "tried").write_text(str(number))
        if number == 3:
            raise ValueError("three\\nis bad")
        if number == 5:
            os.abort()
        if number == 7:
            time.sleep(600)
"""


@pytest.fixture(autouse=True)
def made_samples_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same inputs everywhere, whether recorded data is there or not."""
    monkeypatch.delenv("TICKDECK_DATA", raising=False)


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A campaign that fails at 3, crashes at 5 and hangs at 7."""
    (tmp_path / "faulty.py").write_text(FAULTY)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(sys.path)}")
    monkeypatch.chdir(tmp_path)
    return "faulty:Faulty"


def test_failures_crashes_and_hangs_are_told_kept_and_gone_past(faulty: str, tmp_path: Path) -> None:
    outcome = run_campaign(faulty, 4, 4, keep=tmp_path / "kept", hang_seconds=2)
    assert [failure.input for failure in outcome.failures] == [3, 5, 7]
    errors = [failure.error for failure in outcome.failures]
    assert errors[0] == "ValueError: three is bad" and "signal 6" in errors[1] and "hangs" in errors[2]
    assert outcome.tried > 9
    for failure in outcome.failures:
        assert failure.kept is not None and (failure.kept / "tried").read_text() == str(failure.input)
        assert f"--seed 4 --input {failure.input}" in (failure.kept / "error.txt").read_text()


def test_the_command_fails_when_a_campaign_does(faulty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["soak", faulty, "--seed", "4", "--input", "3", "--minutes", "0.1"]) == 1
    page = capsys.readouterr().out
    assert "1 inputs" in page and "1 failure, seed 4" in page
    assert "input 3: ValueError: three is bad" in page and "repeat: tickdeck soak faulty:Faulty --seed 4 --input 3" in page
    assert (tmp_path / "soak-failures" / "faulty.Faulty-4-3" / "tried").exists()
    assert run(["soak", faulty, "--seed", "4", "--input", "1", "--minutes", "0.1", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer[0]["inputs"] == 1 and answer[0]["failures"] == [] and answer[0]["seed"] == 4


@pytest.mark.parametrize("name", [name for name in CAMPAIGNS if name != "convert"])
def test_no_campaign_finds_anything_in_its_first_inputs(name: str, tmp_path: Path) -> None:
    campaign = make(name, tmp_path)
    for number in range(3 if name == "book" else 25):
        campaign.try_one(generator(name, 1, number))


def test_a_killed_convert_leaves_nothing_or_the_whole_file(tmp_path: Path) -> None:
    make("convert", tmp_path).try_one(generator("convert", 1, 0))


def test_an_input_follows_from_seed_and_number_alone(tmp_path: Path) -> None:
    files = []
    for folder, before in (("a", ()), ("b", (0, 1, 2))):
        (tmp_path / folder).mkdir()
        campaign = make("dbn", tmp_path / folder)
        for number in (*before, 7):
            campaign.try_one(generator("dbn", 3, number))
        files.append({path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()})
    assert files[0] == files[1] and len(files[0]) == 1


@pytest.mark.parametrize("name", format_names())
def test_every_format_has_samples_that_are_read_without_complaint(name: str, tmp_path: Path) -> None:
    found = samples(name)
    assert found
    for file, content in found:
        (tmp_path / file).write_bytes(content)
        with read(tmp_path / file, format=name, date="2024-03-05") as reader:
            assert sum(map(len, reader)) > 0
            assert not reader.report.counts["bad_row"]


def test_a_reader_that_answers_wrongly_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tickdeck.soak import decoders

    class Wrong:
        instruments: dict[int, object] = {}  # noqa: RUF012

        def __init__(self, chunks: list[object]) -> None:
            self.chunks = chunks

        def __enter__(self) -> Wrong:
            return self

        def __exit__(self, *rest: object) -> None:
            pass

        def __iter__(self) -> object:
            for chunk in self.chunks:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk

    rng = generator("x", 1, 1)
    events = next(iter(read(_write(tmp_path))))
    for chunks, words in (
        ([np.zeros(1)], "dtype"),
        ([events[:0]], "empty"),
        ([events] * 400, "gave over"),
        ([TickdeckError("two\nlines")], "not one line"),
    ):
        monkeypatch.setattr(decoders, "read", lambda *_, chunks=chunks, **__: Wrong(chunks))
        with pytest.raises(FindingError, match=words):
            read_damaged(tmp_path / "a.npy", rng, None, 10)


def _write(folder: Path) -> Path:
    name, content = samples("npy")[0]
    (folder / name).write_bytes(content)
    return folder / name


def test_a_wrong_book_is_found() -> None:
    events = random_stream(generator("book", 1, 3), 10**7)
    events = events[events["instrument_id"] == 1]
    oracle = OracleMarket()
    for event in events:
        oracle.apply(event)
    book = OrderBook("x")
    book.apply(events)
    compare(book, oracle.books[0, 1])
    book.add(987_654, "bid", 10**7, 1)
    with pytest.raises(FindingError):
        compare(book, oracle.books[0, 1])


def test_damage_changes_most_files() -> None:
    content = bytes(range(256)) * 8
    changed = [damaged_file(content, generator("damage", 1, number)) != content for number in range(200)]
    assert sum(changed) > 150


def test_campaigns_are_listed_and_wrong_names_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["soak", "--list"]) == 0
    page = capsys.readouterr().out
    assert all(name in page for name in CAMPAIGNS) and set(format_names()) <= set(CAMPAIGNS)
    assert run(["soak", "--list", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(CAMPAIGNS)
    for words, text in ((["nope"], "there is no campaign nope"), (["dbn", "--input", "3"], "--input repeats one input")):
        assert run(["soak", *words]) == 2
        assert text in capsys.readouterr().err


def test_the_installed_command_runs_a_campaign(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tickdeck", "soak", "csv", "--minutes", "0.01", "--seed", "1"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert "no failure, seed 1" in result.stdout and list(tmp_path.iterdir()) == []
