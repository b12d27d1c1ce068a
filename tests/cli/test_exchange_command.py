"""`tickdeck exchange`: orders from files and pipes, sessions at a prompt."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from tickdeck.book import Market
from tickdeck.cli import run
from tickdeck.cli.exchange_lines import instruments_of
from tickdeck.cli.exchange_setup import discipline_of, instrument_of
from tickdeck.cli.execution_words import REASONS
from tickdeck.cli.order_text import parse_line
from tickdeck.core import Reason, UsageError
from tickdeck.tape import read

Capture = pytest.CaptureFixture[str]
COMMAND = [sys.executable, "-m", "tickdeck", "exchange"]

ORDERS = """\
ts,participant,side,size,price,type,tif,command,client_order_id
1700000000000000000,alice,sell,100,10.02,,,,
1700000000000000001,alice,sell,50,10.03,,,,
1700000000000000002,bob,buy,120,10.03,,ioc,,
1700000000000000003,bob,buy,30,9.99,,,,
1700000000000000004,carol,buy,10,,market,,,
1700000000000000005,bob,,,,,,cancel,99
1700000000000000006,bob,,40,9.98,,,replace,2
"""


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return path


def report(capsys: Capture, *arguments: str, code: int = 0) -> dict[str, Any]:
    assert run(["exchange", *arguments, "--json"]) == code
    found: dict[str, Any] = msgspec.json.decode(capsys.readouterr().out)
    return found


def test_orders_trade_and_the_final_book_is_told(orders: Path, capsys: Capture) -> None:
    found = report(capsys, str(orders), "--instrument", "ACME:0.01")
    assert (found["commands"], found["accepted"], found["trades"], found["fills"]) == (7, 5, 3, 6)
    assert found["rejected_by_reason"] == {"UNKNOWN_ORDER": 1} and found["replaced"] == 1
    assert found["participants"] == {"1": "alice", "2": "bob", "3": "carol"}
    book = found["books"]["ACME"]
    assert book["phase"] == "CONTINUOUS"
    assert book["bids"] == [{"price": "9.98", "size": 40, "orders": 1}]
    assert book["asks"] == [{"price": "10.03", "size": 20, "orders": 1}]
    assert [(row["participant"], row["size"], row["price"], row["liquidity"]) for row in found["first_fills"]] == [
        ("alice", "100", "10.02", "maker"),
        ("bob", "100", "10.02", "taker"),
        ("alice", "20", "10.03", "maker"),
        ("bob", "20", "10.03", "taker"),
        ("alice", "10", "10.03", "maker"),
        ("carol", "10", "10.03", "taker"),
    ]


def test_what_is_printed_says_fills_rejections_books_and_the_inferred_tick(orders: Path, capsys: Capture) -> None:
    assert run(["exchange", str(orders)]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "ORDERS with tick 0.01 and 0 size decimals" in out
    assert re.search(r"bob +3 +buy +100 +10\.02 +20 +taker", out)
    assert "7 commands: 5 accepted, 6 fills, 3 trades, 1 replaced" in out
    assert f"1 rejected, UNKNOWN_ORDER: {REASONS[Reason.UNKNOWN_ORDER]}" in out
    assert "ORDERS continuous" in out and "volume 130" in out and "recent spreads" in out


def test_published_events_rebuild_the_final_book(orders: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "events.parquet"
    found = report(capsys, str(orders), "-o", str(path))
    with read(path) as reader:
        market = Market(reader.instruments.values())
        for chunk in reader:
            market.apply(chunk)
    (book,) = market.books
    assert [(row["price"], row["size"]) for row in book.levels("bid")] == [(9_980_000_000, 40)]
    assert [(row["price"], row["size"]) for row in book.levels("ask")] == [(10_030_000_000, 20)]
    assert not any(book.stats.values()) and found["books"]["ORDERS"]["volume"] == "130"


def test_executions_are_written(orders: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "executions.csv"
    assert run(["exchange", str(orders), "--executions", str(path)]) == 0
    frame = pl.read_csv(path)
    assert frame["kind"].to_list().count("filled") == 6 and frame["kind"].to_list().count("rejected") == 1
    assert f"wrote {path}" in capsys.readouterr().out


def test_a_bad_row_is_named_the_rest_is_run_and_the_exit_code_is_1(orders: Path, tmp_path: Path, capsys: Capture) -> None:
    orders.write_text(ORDERS + "1700000000000000007,bob,buy,1,10.0x,,,,\n")
    events = tmp_path / "e.npy"
    assert run(["exchange", str(orders), "-o", str(events)]) == 1
    out, err = capsys.readouterr()
    assert "7 commands: 5 accepted" in out and events.exists()
    lines = err.splitlines()
    assert lines[0].endswith("orders.csv, row 9: price '10.0x' is not a number")
    assert lines[1].startswith("tickdeck: error:") and "1 bad row was left out" in lines[1] and len(lines) == 2
    assert run(["exchange", str(orders), "--strict", "-o", str(tmp_path / "none.npy")]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "row 9: price '10.0x'" in err and not (tmp_path / "none.npy").exists()


@pytest.mark.parametrize(
    ("discipline", "shares"),
    [("price-time", [50, 10]), ("size-time", [0, 60]), ("pro-rata:0:1", [20, 40]), ("pro-rata:50%:1", [35, 25])],
)
def test_the_discipline_decides_who_trades(discipline: str, shares: list[int], tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "o.csv"
    path.write_text("participant,side,size,price\na,sell,50,10\nb,sell,100,10\nc,buy,60,10\n")
    fills = report(capsys, str(path), "--instrument", "X:1", "--discipline", discipline)["first_fills"]
    got = {row["participant"]: 0 for row in fills} | {"a": 0, "b": 0}
    for row in fills:
        got[row["participant"]] += int(row["size"])
    assert [got["a"], got["b"]] == shares


def test_the_phase_at_the_start_collects_orders_for_an_auction(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "o.csv"
    path.write_text("participant,side,size,price,command,phase\na,sell,50,10,,\nb,buy,80,11,,\n,,,,phase,continuous\n")
    found = report(capsys, str(path), "--instrument", "X:1", "--phase", "pre-open")
    assert {row["liquidity"] for row in found["first_fills"]} == {"auction"} and found["trades"] == 1
    assert found["books"]["X"]["phase"] == "CONTINUOUS" and found["books"]["X"]["volume"] == "50"


def test_an_instrument_that_is_not_declared_is_rejected(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "o.csv"
    path.write_text("symbol,side,size,price\nAAA,buy,1,10\nBBB,buy,1,10\n")
    found = report(capsys, str(path), "--instrument", "AAA:0.5")
    assert found["rejected_by_reason"] == {"UNKNOWN_INSTRUMENT": 1} and list(found["books"]) == ["AAA"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--instrument", "ACME"], "write SYMBOL:TICK"),
        (["--instrument", "ACME:0"], "tick_size must be above 0"),
        (["--instrument", "ACME:1:19"], "size_decimals must be between 0 and 18"),
        (["--instrument", "A:1", "--instrument", "A:2"], "declare each once"),
        (["--discipline", "lifo"], "write price-time"),
        (["--discipline", "pro-rata:101"], "between 0 and 100"),
        (["--phase", "lunch"], "none of closed, pre-open"),
        (["-o", "x.pdf"], "no format for this name"),
        (["-o", "/no/such/folder/x.npy"], "does not exist"),
        (["--executions", "x.pdf"], "executions are written to a name"),
        (["--journal", "FILE"], "is a file; name a folder"),
        (["-o", "FILE"], "is the file of the orders"),
        (["--executions", "FILE"], "is the file of the orders"),
        (["-o", "both.csv", "--executions", "both.csv"], "name two files"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(arguments: list[str], text: str, orders: Path, capsys: Capture) -> None:
    arguments = [str(orders) if word == "FILE" else word for word in arguments]
    assert run(["exchange", str(orders), *arguments]) == 2
    _, err = capsys.readouterr()
    assert err.count("\n") == 1 and text in err


def test_limits_reject_with_limit_and_value(orders: Path, tmp_path: Path, capsys: Capture) -> None:
    limits, executions = tmp_path / "limits.toml", tmp_path / "e.csv"
    limits.write_text("max_order_size = 110\n[accounts.alice]\nmax_order_size = 60\n[accounts.dave]\nmax_position = 1\n")
    assert run(["exchange", str(orders), "--limits", str(limits), "--executions", str(executions), "--json"]) == 0
    out, err = capsys.readouterr()
    found = msgspec.json.decode(out)
    assert (
        found["rejected_by_reason"]["MAX_ORDER_SIZE"] == 2 and err.splitlines()[-2] == "--limits: no participant is called dave"
    )
    rejected = pl.read_csv(executions).filter(pl.col("reason") == "MAX_ORDER_SIZE")
    assert rejected["limit"].to_list() == [60, 110] and rejected["value"].to_list() == [100, 120]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("max_ordr_size = 1", "did you mean max_order_size?"),
        ("[instruments.XYZ]\nmax_position = 1", "'XYZ'"),
        ("max_order_size = -1", "not below 0"),
    ],
)
def test_wrong_limits_are_one_line(content: str, text: str, orders: Path, tmp_path: Path, capsys: Capture) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text(content)
    assert run(["exchange", str(orders), "--instrument", "ACME:0.01", "--limits", str(limits)]) != 0
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and text in err


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the file is empty"),
        (b"side,size,price\n", "holds no rows"),
        (bytes(range(256)), "is no text"),
        (b"hello world\n1,2,3\n", "is no order file"),
        (b"PK\x03\x04 not a zip", "zip"),
    ],
)
def test_a_file_that_is_no_order_file_is_one_line(content: bytes, text: str, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "o.csv"
    path.write_bytes(content)
    assert run(["exchange", str(path)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and text in err
    assert run(["exchange", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


# Lines of a session

LINES = """\
# two participants
buy 100 @ 10.01
as bob
sell 50 @ 10.05 post-only
sell 120 @ 10.01 ioc
sell 500 @ 10.06 display 50
sell 10 stop 9.90
buy 10 peg mid
orders
cancel 1
buy 1 @ 10.013
replace 4 @ 10.07 x 400
phase halt
buy 1 @ 1
phase continuous
time +5s
trades
stats
book 1
cancel all
"""


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "session.txt"
    path.write_text(LINES)
    return path


def test_each_line_is_answered(session: Path, capsys: Capture) -> None:
    assert run(["exchange", str(session), "--instrument", "ACME:0.01"]) == 0
    out = capsys.readouterr().out
    for text in (
        "order 1 accepted: buy 100 ACME @ 10.01",
        "you act as bob",
        "order 2 accepted: sell 50 ACME @ 10.05, post-only",
        "order 1 of trader filled: 100 @ 10.01, done",
        "order 3 cancelled, IMMEDIATE_REMAINDER: the rest of an IOC order",
        "order 4 accepted: sell 500 ACME @ 10.06, displayed 50",
        "order 4: sell 500 ACME @ 10.06, 450 of it in reserve",
        "order 5: sell 10 ACME stop, trigger 9.9",
        "rejected, ORDER_DONE" if "ORDER_DONE" in out else "rejected, UNKNOWN_ORDER",
        "rejected, OFF_TICK: the price is no multiple of the tick; the tick is 0.01",
        "order 4 is now 400 @ 10.07",
        "ACME: halt",
        "rejected, WRONG_PHASE: the phase of the market does not allow it; ACME is halt",
        "ACME: continuous",
        "it is 1970-01-01T00:00:05.000000000Z",
        "100 @ 10.01 seller",
        "cancelled, CANCEL_ALL",
    ):
        assert text in out, text


def test_a_saved_session_is_run_again_with_the_same_outcome(session: Path, tmp_path: Path, capsys: Capture) -> None:
    saved = tmp_path / "again.csv"
    session.write_text(LINES + f"save orders {saved}\nsave {tmp_path / 'saved.npy'}\nsave executions {tmp_path / 'e.jsonl'}\n")
    first = report(capsys, str(session), "--instrument", "ACME:0.01", "-o", str(tmp_path / "first.npy"))
    second = report(capsys, str(saved), "--instrument", "ACME:0.01", "-o", str(tmp_path / "second.npy"))
    assert second == first
    files = [np.load(tmp_path / name) for name in ("first.npy", "second.npy", "saved.npy")]
    np.testing.assert_array_equal(files[0], files[1])
    np.testing.assert_array_equal(files[0], files[2])


def test_a_wrong_line_is_named_and_the_others_are_run(session: Path, capsys: Capture) -> None:
    session.write_text("buy 1 @ 2\nbuyy 1 @ 2\nbuy 1 FOO @ 2\nbuy 1.5 @ 2 on x\nsell 1 @ 2")
    assert run(["exchange", str(session), "--instrument", "X:1"]) == 1
    out, err = capsys.readouterr()
    assert "2 commands: 2 accepted, 2 fills" in out
    rows = [re.search(r"row (\d+): (.*)", line) for line in err.splitlines()[:-1]]
    assert [(found[1], found[2][:20]) for found in rows if found] == [
        ("2", "'buyy' is no command"),
        ("3", "there is no instrume"),
        ("4", "size '1.5' has more t"[:20]),
    ]
    assert run(["exchange", str(session), "--instrument", "X:1", "--strict"]) == 1
    assert "row 2: 'buyy'" in capsys.readouterr().err


def test_instruments_follow_from_the_lines() -> None:
    lines = ["buy 1.5 BTC @ 62000.5", "buy 1 btc @ 62000", "use ES", "sell 1 @ 4780.25", "sell 1 stop 4780.75", "book"]
    found = instruments_of([(row, request) for row, line in enumerate(lines) if (request := parse_line(line))], "SIM")
    assert [(item.symbol, item.tick_size, item.size_decimals) for item in found] == [
        ("BTC", 500_000_000, 1),
        ("ES", 250_000_000, 0),
    ]
    (alone,) = instruments_of([], "SIM")
    assert (alone.symbol, alone.tick_size) == ("SIM", 10_000_000)


def test_options_are_what_they_say() -> None:
    assert instrument_of("BINANCE:BTCUSDT:0.1:8").symbol == "BINANCE:BTCUSDT"
    assert instrument_of("ACME:0.01").size_decimals == 0
    assert repr(discipline_of("Pro_Rata:40%")) == "ProRata(top=40, minimum=1)"
    with pytest.raises(UsageError):
        instrument_of("ACME:0.01:8:9x")


def test_every_reason_has_words() -> None:
    assert set(REASONS) == set(Reason)


# Journal


def test_a_journal_is_gone_on_with(tmp_path: Path, capsys: Capture) -> None:
    folder, first, second = tmp_path / "journal", tmp_path / "a.txt", tmp_path / "b.csv"
    first.write_text("buy 100 @ 10.01\nas bob\nsell 50 @ 10.05\n")
    second.write_text("participant,side,size,price\ncarol,sell,30,10.01\nbob,buy,1,10.05\n")
    report(capsys, str(first), "--instrument", "ACME:0.01", "--journal", str(folder))
    events = tmp_path / "rest.npy"
    found = report(capsys, str(second), "--journal", str(folder), "-o", str(events))
    assert found["participants"] == {"1": "trader", "2": "bob", "3": "carol"} and found["commands"] == 2
    assert [(row["participant"], row["order_id"]) for row in found["first_fills"]] == [
        ("trader", 1),
        ("carol", 3),
        ("bob", 2),
        ("bob", 4),
    ]
    with read(events) as reader:
        market = Market(reader.instruments.values())
        for chunk in reader:
            market.apply(chunk)
    assert [(row["price"], row["size"]) for row in market.books[0].levels("bid")] == [(10_010_000_000, 70)]
    assert not any(market.books[0].stats.values())
    assert run(["exchange", str(second), "--journal", str(folder), "--instrument", "OTHER:1"]) == 2
    assert "the journal in" in capsys.readouterr().err


# At a terminal, where orders are few and compiling would take longer: interpreted


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "NUMBA_DISABLE_JIT": "1", "XDG_STATE_HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "120"}


class Terminal:
    """A command at a pseudo terminal."""

    def __init__(self, arguments: list[str], tmp_path: Path) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execve(COMMAND[0], [*COMMAND, *arguments], environment(tmp_path))

    def until(self, text: str, seconds: float = 60) -> str:
        """What is printed up to `text`; "" for the end."""
        out, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self._fd], [], [], 0.1)[0]:
                try:
                    data = os.read(self._fd, 65536)
                except OSError:
                    break
                if not data:
                    break
                out += data
                if text and text in out.decode(errors="replace"):
                    break
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.decode(errors="replace"))

    def send(self, data: str) -> None:
        os.write(self._fd, data.encode())

    def code(self) -> int:
        """Exit code."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.parametrize(("end", "code"), [("\x04", 0), ("quit\n", 0), ("\x03", 130)])
def test_a_session_at_a_prompt_shows_the_ladder_and_leaves_properly(end: str, code: int, tmp_path: Path) -> None:
    events = tmp_path / "e.npy"
    terminal = Terminal(["--instrument", "ACME:0.01", "-o", str(events), "--journal", str(tmp_path / "journal")], tmp_path)
    assert "you act as trader" in terminal.until("trader> ")
    terminal.send("buy 100 @ 10.01\n")
    shown = terminal.until("trader> ")
    assert "order 1 accepted: buy 100 ACME @ 10.01" in shown and "ACME  continuous" in shown and "█" in shown
    terminal.send("as bob\nbuy 1 @\n")
    assert "! the price is missing; understood: buy 1 @; write buy SIZE" in terminal.until(
        "missing; understood: buy 1 @; write buy SIZE"
    )
    terminal.send(end)
    assert "Traceback" not in terminal.until("")
    assert terminal.code() == code
    assert len(np.load(events)) == 1
    assert (tmp_path / "tickdeck" / "exchange_history").read_text().splitlines()[:1] == ["buy 100 @ 10.01"]
    again = Terminal(["--journal", str(tmp_path / "journal")], tmp_path)
    again.until("trader> ")
    again.send("orders\n")
    assert "order 1: buy 100 ACME @ 10.01" in again.until("10.01")
    os.kill(again.pid, signal.SIGKILL)
    assert again.code() == -signal.SIGKILL


def test_the_tabulator_completes_commands_and_options(tmp_path: Path) -> None:
    pytest.importorskip("readline")
    terminal = Terminal(["--instrument", "ACME:0.01"], tmp_path)
    terminal.until("trader> ")
    terminal.send("bu\t10 AC\t@ 10.01 post-o\t\n")
    assert "order 1 accepted: buy 10 ACME @ 10.01, post-only" in terminal.until(
        "post-only\r\n  order 1 accepted: buy 10 ACME @ 10.01, post-only"
    )
    terminal.send("\x04")
    terminal.until("")
    assert terminal.code() == 0


def test_lines_in_a_pipe_are_taken_without_a_name_too(tmp_path: Path) -> None:
    for arguments in (["-"], []):
        done = subprocess.run(
            [*COMMAND, *arguments],
            input="buy 1 @ 2\nsell 1 @ 2",
            capture_output=True,
            text=True,
            env=environment(tmp_path),
            check=False,
        )
        assert done.returncode == 0 and done.stderr == "" and "2 accepted, 2 fills, 1 trades" in done.stdout


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    lines = "\n".join(["buy 1 @ 2"] * 3000)
    (tmp_path / "many.txt").write_text(lines)
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(COMMAND)} {tmp_path / 'many.txt'} | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, env=environment(tmp_path), check=False,
    )  # fmt: skip
    assert done.stderr == "" and done.stdout.splitlines()[-1] == "0"


def test_standard_input_that_is_csv_is_an_order_file(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"side,size,price\nbuy,1,2\nsell,1,2\n")))
    assert report(capsys, "-")["trades"] == 1
