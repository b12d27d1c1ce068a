"""Replay: books at full speed, at a human speed and at a time; the live ladder; bad input."""

from __future__ import annotations

import io
import json
import os
import pty
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from tickdeck.book import Market, OrderBook
from tickdeck.cli import run
from tickdeck.cli.ladder_view import ladder_table
from tickdeck.cli.live_replay import Player
from tickdeck.cli.plain_book import PlainBook
from tickdeck.cli.played_market import PlayedMarket
from tickdeck.core import EVENT, LEVEL, Flag, Instrument, Records, ns_text, price_text
from tickdeck.simulation import order_flow
from tickdeck.tape import read, write
from tickdeck.tape.tape_time import EARLIEST, rising_times

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Records]:
    """A simulated session as a prepared tape, and its events."""
    market = order_flow(events=6_000, seed=5, live_orders=300)
    events = np.concatenate(list(market))
    path = tmp_path_factory.mktemp("replay") / "session.npy"
    write(path, events, market.instruments)
    return path, events


def found(capsys: Capture, *arguments: object) -> dict[str, Any]:
    """What a replay prints as JSON."""
    assert run(["replay", *map(str, arguments), "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def plain_levels(events: Records, side: str) -> list[dict[str, Any]]:
    """The levels of a rebuild in plain Python."""
    book = PlainBook()
    book.apply(events)
    return [
        {"price": price_text(price), "size": sum(size for _, size in queue), "orders": len(queue)}
        for price, queue in book.queues(side)
    ]


def test_full_speed_ends_with_the_book_of_a_plain_rebuild(session: tuple[Path, Records], capsys: Capture) -> None:
    path, events = session
    answer = found(capsys, path, "--depth", 10_000)
    book = answer["books"][0]
    assert answer["events"] == len(events) == book["events"] and answer["complete"]
    assert (book["bids"], book["asks"]) == (plain_levels(events, "B"), plain_levels(events, "A"))
    assert "whole pipeline" in answer["measured"] and answer["events_per_second"] > 0


def test_dbn_goes_the_native_way_to_the_same_book(session: tuple[Path, Records], tmp_path: Path, capsys: Capture) -> None:
    path, _ = session
    write(tmp_path / "a.dbn.zst", read(path))
    assert found(capsys, tmp_path / "a.dbn.zst")["books"][0]["checksum"] == found(capsys, path)["books"][0]["checksum"]


@pytest.mark.parametrize("suffix", ["npy", "csv", "parquet"])
def test_the_book_at_a_time_holds_all_events_up_to_and_at_it(
    suffix: str, session: tuple[Path, Records], tmp_path: Path, capsys: Capture
) -> None:
    path, events = session
    copy = tmp_path / f"a.{suffix}"
    write(copy, read(path))
    times = events["ts_recv"]
    for index in (3_000, 4_321):
        before = events[times <= times[index]]
        for moment in (int(times[index]), ns_text(int(times[index]))):
            book = found(capsys, copy, "--at", moment, "--depth", 10_000)["books"][0]
            assert (book["bids"], book["asks"]) == (plain_levels(before, "B"), plain_levels(before, "A"))


def test_at_a_human_speed_the_book_is_the_same_and_what_lies_before_the_start_builds_it(
    session: tuple[Path, Records], capsys: Capture
) -> None:
    path, events = session
    start = int(events["ts_recv"][5_500])
    fast, slow = found(capsys, path, "--from", start), found(capsys, path, "--from", start, "--speed", "1000000x")
    assert fast["books"] == [{**slow["books"][0], "trades": fast["books"][0]["trades"]}]
    assert slow["earlier_events"] == np.count_nonzero(events["ts_recv"] < start)
    assert slow["events"] == len(events) - slow["earlier_events"] > 0
    assert slow["books"][0]["trades"]


def test_a_paced_replay_takes_the_time_it_should(tmp_path: Path, capsys: Capture) -> None:
    events = np.zeros(11, EVENT)
    events["action"], events["side"], events["size"], events["flags"] = ord("A"), ord("B"), 1, 128
    events["price"] = 10**9
    events["order_id"] = np.arange(11)
    events["ts_recv"] = 10**18 + np.arange(11) * 10**8
    write(tmp_path / "a.npy", events)
    answer = found(capsys, tmp_path / "a.npy", "--speed", "5")
    assert 0.19 <= answer["seconds"] < 2
    assert answer["books"][0]["bids"] == [{"price": "1", "size": 11, "orders": 11}]


def test_snapshot_records_are_due_at_once() -> None:
    events = np.zeros(4, EVENT)
    events["ts_event"] = [5, 10**18, 10**18 + 7, 10**18 + 3]
    events["flags"] = [Flag.SNAPSHOT, 0, 0, 0]
    assert rising_times(events).tolist() == [EARLIEST, 10**18, 10**18 + 7, 10**18 + 7]
    assert rising_times(events[:1], floor=9).tolist() == [9]
    events["ts_recv"][0] = 10**17
    assert rising_times(events)[:2].tolist() == [EARLIEST, 10**18]
    events["flags"][2] = Flag.SNAPSHOT
    assert rising_times(events)[1:].tolist() == [10**18, 10**18, 10**18 + 3]
    assert len(rising_times(events[:0])) == 0


def test_several_instruments_are_listed_and_one_can_be_chosen(tmp_path: Path, capsys: Capture) -> None:
    market = order_flow(events=4_000, seed=2, instruments=30)
    write(tmp_path / "many.npy", market, market.instruments)
    assert run(["replay", str(tmp_path / "many.npy")]) == 0
    page = capsys.readouterr().out
    assert "30 books" in page and "SIM0001" in page and "and 10 more" in page
    assert run(["replay", str(tmp_path / "many.npy"), "--symbol", "SIM0003", "--depth", "2"]) == 0
    page = capsys.readouterr().out
    assert "SIM0003 at 2024-03-05T" in page and "SIM0001" not in page
    answer = found(capsys, tmp_path / "many.npy")
    counts = [book["events"] for book in answer["books"]]
    assert len(counts) == 30 and sum(counts) == answer["events"] and counts == sorted(counts, reverse=True)


def test_instruments_that_the_reader_learns_of_later_have_their_names(tmp_path: Path, capsys: Capture) -> None:
    rows = ["type,timestamp,price,qty,side,trade_id,order_id,symbol"]
    for index in range(3_000):
        symbol = "LATE" if index > 2_900 else "EARLY"
        rows.append(f"order,{10**18 + index},10.5,1,buy,,{index + 1},{symbol}")
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    with read(tmp_path / "a.csv", chunk=1_000) as reader:
        market = Market(reader.instruments.values())
        for chunk in reader:
            market.apply(chunk)
    assert [book.instrument.symbol for book in market.books] == ["EARLY", "LATE"]
    assert market.books[1].ids is not None and market.books[1].ids[1] == 2
    assert [book["symbol"] for book in found(capsys, tmp_path / "a.csv")["books"]] == ["EARLY", "LATE"]


def test_several_tapes_are_played_in_the_order_of_time(session: tuple[Path, Records], tmp_path: Path, capsys: Capture) -> None:
    path, events = session
    instruments = read(path).instruments
    first = (np.arange(len(events)) // 500) % 2 == 0
    write(tmp_path / "a.npy", events[first], instruments)
    write(tmp_path / "b.parquet", events[~first], instruments)
    whole = found(capsys, path)["books"][0]
    assert found(capsys, tmp_path / "a.npy", tmp_path / "b.parquet")["books"][0]["checksum"] == whole["checksum"]


def test_recordings_of_one_venue_go_on_from_file_to_file(data: Callable[[str], Path], tmp_path: Path, capsys: Capture) -> None:
    import gzip

    lines = gzip.decompress(data("crypto/spot_btcusdt_20240808.gz").read_bytes()).split(b"\n")[:8_000]
    for name, part in (("whole", lines), ("a", lines[:4_000]), ("b", lines[4_000:])):
        (tmp_path / name).write_bytes(b"\n".join(part) + b"\n")
    whole = found(capsys, tmp_path / "whole")["books"]
    assert [book["checksum"] for book in whole] == [
        book["checksum"] for book in found(capsys, tmp_path / "a", tmp_path / "b")["books"]
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "2020-01-01"], "nothing happened up to 2020-01-01"),
        (["--at", "2024-03-05T15:00:00Z", "--speed", "2"], "leave out --from, --to and --speed"),
        (["--speed", "fast"], "--speed fast: write max, or a number above 0"),
        (["--speed", "0"], "--speed 0"),
        (["--speed", "nan"], "--speed nan"),
        (["--from", "2024-01-02", "--to", "2024-01-01"], "is not before"),
        (["--symbol", "NOPE"], "has no symbol NOPE; it has SIM0001"),
        (["--at", "noon"], "'noon' is not a time"),
        (["--depth", "0"], "--depth"),
    ],
)
def test_wrong_arguments_are_one_line_errors(
    arguments: list[str], words: str, session: tuple[Path, Records], capsys: Capture
) -> None:
    assert run(["replay", str(session[0]), *arguments]) == 2
    output = capsys.readouterr()
    assert words in output.err and output.err.count("\n") == 1 and output.out == ""


def test_a_torn_file_shows_the_book_up_to_there_and_fails(session: tuple[Path, Records], tmp_path: Path, capsys: Capture) -> None:
    path, _ = session
    write(tmp_path / "a.dbn", read(path))
    whole = (tmp_path / "a.dbn").read_bytes()
    (tmp_path / "torn.dbn").write_bytes(whole[: len(whole) * 2 // 3])
    for extra in ([], ["--speed", "1000000"]):
        assert run(["replay", str(tmp_path / "torn.dbn"), *extra]) == 1
        output = capsys.readouterr()
        assert "SIM0001 at" in output.out and "1 truncated" in output.out
        assert "ends in the middle of a record" in output.err and output.err.count("\n") == 1
    assert run(["replay", str(path), str(path)]) == 2
    assert "named twice" in capsys.readouterr().err


class Tape:
    """All that a played market asks of its reader."""

    def __init__(self, *instruments: Instrument) -> None:
        self.instruments = {item.instrument_id: item for item in instruments}


def player(keys: list[str], speed: float = 1.0) -> tuple[Player, list[Any]]:
    pictures: list[Any] = []
    typed = iter(keys)
    console = Console(width=100, height=30, file=io.StringIO())
    return Player(
        PlayedMarket(Tape(Instrument("ACME", instrument_id=0))), speed, pictures.append, lambda: next(typed, ""), console, 5
    ), pictures  # type: ignore[arg-type]


def few_events() -> Records:
    events = np.zeros(3, EVENT)
    events["action"], events["side"], events["size"], events["flags"] = ord("A"), [66, 65, 66], 4, 128
    events["price"] = [10**9, 2 * 10**9, 10**9]
    events["order_id"] = [1, 2, 3]
    events["ts_recv"] = [10**18, 10**18 + 10**8, 10**18 + 10**13]
    return events


def test_q_ends_a_replay_and_plus_and_minus_change_its_speed() -> None:
    played, pictures = player(["+", "++", "-", "q"])
    begun = time.perf_counter()
    played.play(few_events())
    assert played.is_over and time.perf_counter() - begun < 5
    assert played.schedule.speed == 4
    assert played.market.events == 2
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(pictures[-1])
    page = console.export_text()
    assert "ACME" in page and "4x" in page and "q quit" in page and "UTC" in page


def test_space_pauses_a_replay_and_resumes_it() -> None:
    played, _ = player([" ", "", "", "q"], speed=1e6)
    played.play(few_events())
    assert played.schedule.is_paused and played.market.events < 3
    played, _ = player([" ", "", " "], speed=1e6)
    played.play(few_events())
    assert not played.schedule.is_paused and played.market.events == 3


def levels(*rows: tuple[int, int, int]) -> Records:
    return np.array([(*row, 0) for row in rows], LEVEL)


@pytest.mark.parametrize("rows", [None, 4])
def test_a_ladder_lines_up_and_stands_an_empty_side(rows: int | None) -> None:
    console = Console(width=100, file=io.StringIO(), record=True)
    bids, none = levels((10_250_000_000, 1_500, 3), (10_000_000_000, 7, 1)), levels()
    console.print(ladder_table(bids, none, Instrument("ACME", tick_size="0.25"), tick_size=250_000_000, rows=rows))
    console.print(ladder_table(none, none, Instrument("ACME"), rows=rows))
    page = console.export_text()
    assert "1,500  10.25" in page and "    7  10.00" in page
    assert page.count("\n") == (18 if rows else 5)


def test_start_up_of_a_small_file_is_under_2_seconds(session: tuple[Path, Records], tmp_path: Path) -> None:
    write(tmp_path / "a.dbn.zst", read(session[0]))

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "tickdeck", "replay", str(tmp_path / "a.dbn.zst")], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    once()
    assert min(once() for _ in range(2)) < 2
    code = (
        f"import sys; from tickdeck.cli import run; run(['replay', {str(tmp_path / 'a.dbn.zst')!r}]);"
        "print([name for name in ('polars', 'pyarrow', 'pandas', 'matplotlib', 'plotly') if name in sys.modules], file=sys.stderr)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr == "[]\n"


def test_the_ladder_is_live_in_a_terminal(session: tuple[Path, Records]) -> None:
    path, events = session
    end = ns_text(int(events["ts_recv"][3_000]))
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="100", LINES="30")
        words = ["tickdeck", "replay", str(path), "--speed", "1", "--from", end]
        os.execv(sys.executable, [sys.executable, "-m", *words])
    screen = b""
    try:
        deadline = time.monotonic() + 60
        while b"q quit" not in screen and time.monotonic() < deadline:
            screen += os.read(terminal, 65_536)
        os.write(terminal, b"q")
        while True:
            screen += os.read(terminal, 65_536)
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    text = screen.decode()
    assert "SIM0001" in text and "1x" in text and "before --from" in text


def test_a_played_market_counts_by_publisher_and_instrument() -> None:
    events = np.zeros(9, EVENT)
    events["publisher_id"] = [1, 1, 2, 2, 2, 1, 1, 1, 1]
    events["instrument_id"] = [7, 7, 7, 9, 9, 2**31, 2**31, 7, 9]
    events["action"] = ord("N")

    market = PlayedMarket(Tape())  # type: ignore[arg-type]
    market.apply(events)
    market.apply(events[:0])
    assert market.counts == {(1, 7): 3, (2, 7): 1, (2, 9): 2, (1, 2**31): 2, (1, 9): 1}
    assert sorted(map(market.name, market.books()))[:3] == ["#2147483648", "#7 GLBX.MDP3", "#7 XNAS.ITCH"]
    assert market.main() is None and OrderBook("x").ids is None


def test_a_reader_that_has_seen_enough_is_no_error(session: tuple[Path, Records]) -> None:
    command = f"set -o pipefail; {sys.executable} -m tickdeck replay {session[0]} --depth 300 | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "") and "events/s" in result.stdout
