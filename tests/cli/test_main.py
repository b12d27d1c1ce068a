"""The command line as a whole: start-up, help, errors, exit codes, interruption."""

from __future__ import annotations

import errno
import importlib
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import tickdeck
from tickdeck.cli import COMMANDS, run
from tickdeck.core import FormatError, TickdeckError, UsageError

HEAVY = ("numpy", "numba", "polars", "pyarrow", "pandas", "matplotlib", "plotly", "databento_dbn")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., object]], None]:
    """Puts a function in the place of the command `demo`."""

    def replace(command: Callable[..., object]) -> None:
        module = ModuleType("tickdeck.cli.demo")
        module.command = command  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "tickdeck.cli.demo", module)

    return replace


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


def test_help_takes_under_0_3_seconds() -> None:
    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "tickdeck", "--help"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(5)) < 0.3


def test_help_imports_nothing_heavy() -> None:
    loaded = f"[name for name in {HEAVY} if name in sys.modules]"
    code = f"import sys; from tickdeck.cli import run; run(['--help']); print({loaded}, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stderr.strip() == "[]"
    for name in COMMANDS:
        assert name in result.stdout


def test_every_command_module_is_listed() -> None:
    folder = Path(tickdeck.__file__).parent / "cli"
    commands = {path.stem for path in folder.glob("*.py") if "\ndef command(" in path.read_text()}
    assert commands and commands <= set(COMMANDS)
    for name in commands:
        assert importlib.import_module(f"tickdeck.cli.{name}").command.__doc__


def test_each_line_of_help_fits_a_narrow_terminal() -> None:
    assert max(map(len, COMMANDS.values())) <= 60


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"tickdeck {tickdeck.__version__}\n"


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Usage: tickdeck" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulat"], "simulate"),
        (["--nonsense"], "--nonsense"),
        (["doctor", "--nonsense"], "tickdeck doctor --help"),
        (["simulate"], "--output"),
        (["simulate", "-o", "x.npy", "--events", "many"], "integer"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1
    assert output.err.startswith("tickdeck: error: ") and words in output.err


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (TickdeckError("no such thing"), 1, "no such thing"),
        (FormatError("is damaged;\nfetch it again", path="x.dbn", row=3), 1, "x.dbn, row 3: is damaged; fetch it again"),
        (UsageError("cannot"), 2, "cannot"),
        (OSError(errno.ENOSPC, "whatever", "out.npy"), 1, "out.npy: No space left on device"),
        (PermissionError(errno.EACCES, "whatever", "out.npy"), 1, "out.npy: Permission denied"),
        (MemoryError(), 1, "out of memory"),
        (ModuleNotFoundError("no", name="nautilus_trader"), 1, "nautilus_trader is not installed"),
        (ZeroDivisionError("division by zero"), 1, "unexpected ZeroDivisionError: division by zero; rerun with --debug"),
    ],
)
def test_an_error_is_one_line(
    error: Exception,
    code: int,
    text: str,
    stand_in: Callable[[Callable[..., object]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    stand_in(raising(error))
    assert run(["demo"]) == code
    output = capsys.readouterr().err
    assert output.startswith("tickdeck: error: ") and output.count("\n") == 1 and text in output


@pytest.mark.parametrize("error", [TickdeckError("no"), OSError(errno.ENOSPC, "no"), ZeroDivisionError()])
def test_debug_lets_the_traceback_through(error: Exception, stand_in: Callable[[Callable[..., object]], None]) -> None:
    stand_in(raising(error))
    with pytest.raises(type(error)):
        run(["demo", "--debug"])
    with pytest.raises(type(error)):
        run(["--debug", "demo"])


def test_what_a_command_returns_is_the_exit_code(stand_in: Callable[[Callable[..., object]], None]) -> None:
    stand_in(lambda: 1)
    assert run(["demo"]) == 1
    stand_in(lambda: None)
    assert run(["demo"]) == 0


def test_ctrl_c_says_interrupted_and_exits_with_130(
    stand_in: Callable[[Callable[..., object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(raising(KeyboardInterrupt()))
    assert run(["demo"]) == 130
    assert capsys.readouterr().err == "tickdeck: interrupted\n"


@pytest.mark.parametrize(
    ("number", "code", "message"), [(signal.SIGINT, 130, "tickdeck: interrupted\n"), (signal.SIGTERM, 143, "")]
)
def test_a_signal_ends_a_command_without_traceback_after_cleaning_up(number: signal.Signals, code: int, message: str) -> None:
    program = textwrap.dedent("""
        import sys, time, types
        def command():
            try:
                print("started", flush=True)
                time.sleep(60)
            finally:
                print("cleaned", flush=True)
        sys.modules["tickdeck.cli.demo"] = module = types.ModuleType("demo")
        module.command = command
        from tickdeck.cli import main
        sys.argv = ["tickdeck", "demo"]
        main()
    """)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (code, "cleaned\n", message)


def test_a_closed_pipe_is_quiet() -> None:
    for arguments in ("--help", "--version", "doctor", "doctor --json"):
        result = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m tickdeck {arguments} | true"], capture_output=True, text=True
        )
        assert result.stderr == ""
