"""`tickdeck verify` on recorded exchange data: every row, diff and checksum, and what it does about altered copies."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tickdeck.cli import run

Data = Callable[[str], Path]
Capture = pytest.CaptureFixture[str]

AMZN, AAPL = "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip", "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip"
AAPL_10 = "lobster/AAPL_10_first_999"
LOBSTER = {AMZN: (155_935, 33_840, 5), AAPL: (118_497, 30_071, 1), AAPL_10: (999, 318, 10)}
ARL, ARL_LEVELS = "databento/arl-xnas-20250717-first800.mbo.csv", "databento/arl-xnas-20250717-first800.mbp-10.csv"


def verify(capture: Capture, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and the first source's result."""
    code = run(["verify", *map(str, arguments), "--json"])
    found = msgspec.json.decode(capture.readouterr().out)
    assert found["holds"] == (code == 0)
    return code, found["sources"][0]


@pytest.mark.parametrize("name", LOBSTER)
def test_lobster_windows_are_rebuilt_exactly_with_no_more_help_than_they_need(name: str, data: Data, capsys: Capture) -> None:
    rows, supplied, levels = LOBSTER[name]
    code, source = verify(capsys, data(name))
    (found,) = source["comparisons"]
    assert code == 0
    assert (found["compared"], found["wrong"], found["supplied"]) == (rows, 0, supplied)
    assert found["exact"] == rows - supplied - 1
    assert found["levels_compared"] == found["levels_exact"] == rows * levels * 2 - supplied - found["start_levels"]
    assert found["unknown_orders"] == 0


@pytest.fixture(scope="module")
def amzn(tmp_path_factory: pytest.TempPathFactory, data: Data) -> Path:
    """The AMZN files, unpacked."""
    folder = tmp_path_factory.mktemp("amzn")
    with zipfile.ZipFile(data(AMZN)) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.endswith(".csv")])
    return folder


def lines_of(folder: Path, kind: str) -> tuple[Path, list[bytes]]:
    (path,) = folder.glob(f"*_{kind}_*.csv")
    return path, path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("seed", range(6))
def test_any_one_deleted_message_makes_it_fail_near_the_place(seed: int, amzn: Path, tmp_path: Path, capsys: Capture) -> None:
    messages, lines = lines_of(amzn, "message")
    truth, _ = lines_of(amzn, "orderbook")
    gone = [0, len(lines) - 1, *(random.Random(seed).randrange(len(lines)) for _ in range(4))][seed]
    copy = tmp_path / messages.name
    copy.write_bytes(b"".join([*lines[:gone], *lines[gone + 1 :]]))
    code, source = verify(capsys, copy, "--against", truth)
    assert code == 1
    first = source["comparisons"][0]["mismatches"][0]["place"]
    assert gone + 1 <= int(first.removeprefix("row ").replace(",", "")) <= gone + 20


@pytest.mark.parametrize(("level", "column"), [(0, 0), (0, 3), (1, 2), (2, 1), (4, 0), (4, 3)])
@pytest.mark.parametrize("change", [1, -100])
def test_any_one_altered_row_makes_it_fail(
    level: int, column: int, change: int, amzn: Path, tmp_path: Path, capsys: Capture
) -> None:
    messages, _ = lines_of(amzn, "message")
    truth, lines = lines_of(amzn, "orderbook")
    row = random.Random(10 * level + column).randrange(len(lines))
    cells = lines[row].strip().split(b",")
    cells[4 * level + column] = b"%d" % (int(cells[4 * level + column]) + (change if column % 2 == 0 else abs(change)))
    copy = tmp_path / truth.name
    copy.write_bytes(b"".join([*lines[:row], b",".join(cells) + b"\n", *lines[row + 1 :]]))
    code, source = verify(capsys, messages, "--against", copy)
    assert code == 1
    assert int(source["comparisons"][0]["mismatches"][0]["place"].removeprefix("row ").replace(",", "")) in (row + 1, row + 2)


def test_databento_depth_rows_are_equal_in_price_size_and_count(data: Data, capsys: Capture) -> None:
    code, source = verify(capsys, data(ARL), "--against", data(ARL_LEVELS))
    (found,) = source["comparisons"]
    assert code == 0
    assert (found["compared"], found["exact"], found["wrong"], found["levels"]) == (525, 525, 0, 10)
    assert (found["changes"], found["changes_without_row"], found["changes_outside"]) == (486, 0, 0)


@pytest.mark.parametrize("seed", range(4))
def test_an_altered_or_missing_depth_row_makes_it_fail(seed: int, data: Data, tmp_path: Path, capsys: Capture) -> None:
    header, *lines = data(ARL_LEVELS).read_text().splitlines(keepends=True)
    names, rng = header.strip().split(","), random.Random(seed)
    copy = tmp_path / "levels.csv"
    row = rng.randrange(300, len(lines))
    cells = lines[row].split(",")
    column = names.index(f"{rng.choice(('bid', 'ask'))}_{('px', 'sz', 'ct')[seed % 3]}_{rng.randrange(10):02d}")
    cells[column] = f"{float(cells[column]) + 0.01:.2f}" if seed % 3 == 0 else str(int(cells[column]) + 1)
    copy.write_text("".join([header, *lines[:row], ",".join(cells), *lines[row + 1 :]]))
    code, source = verify(capsys, data(ARL), "--against", copy)
    assert (code, source["comparisons"][0]["wrong"]) == (1, 1)
    row = next(row for row in range(300 + 20 * seed, 500) if int(lines[row].split(",")[names.index("depth")]) < 10)
    copy.write_text("".join([header, *lines[:row], *lines[row + 1 :]]))
    code, source = verify(capsys, data(ARL), "--against", copy)
    assert (code, source["comparisons"][0]["changes_without_row"]) == (1, 1)


FEEDS = {
    "usdm": (("crypto/usdm_btcusdt_20240718.gz", "crypto/usdm_btcusdt_20240719.gz"), 9_017),
    "spot": (("crypto/spot_btcusdt_20240808.gz",), 3_449),
    "kraken": (("crypto/KRAKEN.jsonl.zst",), 4_269),
    "okx": (("crypto/OKX.jsonl.zst",), 290),
}


@pytest.mark.parametrize("feed", FEEDS)
def test_feeds_agree_with_every_ticker_and_checksum_in_them(feed: str, data: Data, capsys: Capture) -> None:
    names, compared = FEEDS[feed]
    code, source = verify(capsys, *map(data, names))
    (found,) = source["comparisons"]
    assert code == 0
    assert (found["compared"], found["exact"], found["wrong"]) == (compared, compared, 0)
    assert source["notes"] == []


@pytest.mark.parametrize("name", ["BINANCE", "BINANCE_FUTURES"])
def test_captures_of_binance_agree_with_their_tickers(name: str, data: Data, capsys: Capture) -> None:
    code, source = verify(capsys, data(f"crypto/{name}.jsonl.zst"))
    (found,) = source["comparisons"]
    assert code == 0
    assert found["compared"] == found["exact"] > 100


def test_the_files_of_a_chain_in_the_wrong_order_are_refused(data: Data, capsys: Capture) -> None:
    names = FEEDS["usdm"][0]
    assert run(["verify", *(str(data(name)) for name in reversed(names))]) == 2
    assert "name the files in the order of time" in capsys.readouterr().err


def test_a_chain_without_its_snapshot_says_that_the_book_is_incomplete(data: Data, capsys: Capture) -> None:
    _, source = verify(capsys, data(FEEDS["usdm"][0][1]))
    assert source["anomalies"] == {"update_before_snapshot": 1}
    assert "so the book is incomplete" in source["notes"][0]


@pytest.mark.parametrize(
    "name", ["databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst", "itch/ex20101224.TEST_ITCH_50.gz", "crypto/BYBIT.jsonl.zst"]
)
def test_a_recording_without_a_truth_is_nothing_to_compare(name: str, data: Data, capsys: Capture) -> None:
    code, source = verify(capsys, data(name))
    assert (code, source["comparisons"]) == (1, [])
    assert source["books"]["books"] > 0


def test_order_books_of_futures_meet_no_unknown_order(data: Data, capsys: Capture) -> None:
    _, source = verify(capsys, data("databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst"))
    assert source["anomalies"] == {}
    assert source["books"] == {"books": 1, "live_orders": 11_217, "crossed": 891}
