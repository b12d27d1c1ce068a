"""The command line: one module a subcommand, imported when it is called.

How to add a subcommand ``tickdeck name``:

* a module ``tickdeck/cli/name.py`` with one function called ``command``, its parameters annotated for typer
  (``Annotated[str, typer.Argument(help=...)]``) and its docstring the help text;
* a line in ``COMMANDS`` below, in 60 characters.

``command`` parses, calls and prints; it imports what is heavy (numpy, numba, polars, the rooms) inside the function. It
returns None or the exit code. It raises ``TickdeckError`` for what the user can mend: `main` prints that as one line.
``tickdeck.cli.common`` has the shared options, the progress bar, JSON printing and atomic outputs.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "demo": "Simulate, replay, check and picture a trading day",
    "info": "Say what a file holds: format, times, counts, anomalies",
    "convert": "Convert between formats, lossless or not at all",
    "verify": "Rebuild the book and compare it row by row with the truth",
    "replay": "Replay files: live ladder, book at a time, or full speed",
    "plot": "Picture a market: depth heat map, trades, best bid and ask",
    "simulate": "Simulate a market of participants on an exchange",
    "exchange": "Match orders: from a file, a pipe or at a prompt",
    "bench": "Measure speed against native references and peers",
    "soak": "Run the long forms of the tests: fuzzing and burn-in",
    "doctor": "Check this machine for what hurts low latency",
}
"""Name -> one line of help; the module is ``tickdeck.cli.<name>``."""


class InterruptError(Exception):
    """Ctrl-C, told apart from typer's own exits."""


class ClosedPipeError(Exception):
    """Nobody reads what is printed any more; typer would exit with 1."""


def load(name: str) -> Any:
    """The typer command of the subcommand `name`."""
    function = importlib.import_module(f"tickdeck.cli.{name}").command
    single = typer.Typer(add_completion=False)
    single.command(name)(function)
    return typer.main.get_command(single)


class LazyGroup(TyperGroup):
    """Lists every subcommand from the table and imports only the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=text) for name, text in COMMANDS.items()}

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise InterruptError from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise ClosedPipeError from None
            raise


app = typer.Typer(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})


def _print_version(wanted: bool) -> None:
    if wanted:
        from tickdeck import __version__

        print(f"tickdeck {__version__}")
        raise typer.Exit


@app.callback()
def tickdeck(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Exact order books, an exchange and market data for people who write Python."""


def _report(error: BaseException) -> int:
    """Print `error` as one line on standard error; the exit code."""
    from tickdeck.core.errors import TickdeckError, UsageError

    code = 1
    if hasattr(error, "format_message"):
        text, code = error.format_message(), getattr(error, "exit_code", 2)
        context = getattr(error, "ctx", None)
        text += f" (see {context.command_path} --help)" if context else ""
    elif isinstance(error, TickdeckError):
        text, code = str(error), 2 if isinstance(error, UsageError) else 1
    elif isinstance(error, OSError) and error.errno is not None:
        text = ": ".join(str(part) for part in (error.filename, os.strerror(error.errno)) if part)
    elif isinstance(error, MemoryError):
        text = "out of memory; use a smaller input or fewer instruments"
    elif isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("tickdeck"):
        text = f"the package {error.name} is not installed; install it, or the extra of tickdeck that has it"
    else:
        text = f"unexpected {type(error).__name__}: {error}; rerun with --debug for the traceback and report it"
    print("tickdeck: error:", " ".join(text.split()), file=sys.stderr)
    return int(code)


def _silence(stream: Any) -> None:
    """Point `stream` nowhere, so that nothing complains when Python flushes it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; the exit code."""
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"] or ["--help"]
    try:
        result = app(words, prog_name="tickdeck", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except (KeyboardInterrupt, InterruptError):
        print("tickdeck: interrupted", file=sys.stderr)
        return 130
    except (ClosedPipeError, BrokenPipeError):
        _silence(sys.stdout)
        return 0
    except Exception as error:
        if debug and not hasattr(error, "format_message"):
            raise
        return _report(error)


def main() -> None:
    """Entry point of the ``tickdeck`` command."""
    # A terminated command cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(run(sys.argv[1:]))
