"""The interactive session: a prompt, answers, the ladder after each command."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tickdeck.cli.exchange_report import print_book, statistics_lines
from tickdeck.cli.exchange_session import Session, phase_word
from tickdeck.cli.ladder_view import book_table, trades_table
from tickdeck.cli.order_requests import Help, Quit, Request, Save, Show, SwitchTo, Use
from tickdeck.cli.order_text import parse_line
from tickdeck.cli.order_words import OPTIONS, PRICES, USAGE
from tickdeck.core import FormatError, TickdeckError, UsageError, ns_text, price_text
from tickdeck.tape.order_schema import FLAGS, PHASES, SELF_TRADES, TIMES_IN_FORCE

if TYPE_CHECKING:
    from tickdeck.cli.exchange_lines import Lines
    from tickdeck.cli.exchange_record import Record

_LEVELS = 5
"""Levels of each side after a command."""
_HISTORY = 1000
_FRAME = 12
"""Width of the ladder's bars."""


class Shell:
    """Reads lines and answers them.

    Parameters
    ----------
    session : Session
    record : Record
        For ``save``.
    depth : int
        Levels that ``book`` prints.
    quiet : bool
        Print nothing.
    """

    def __init__(self, session: Session, record: Record, depth: int, *, quiet: bool = False) -> None:
        self.session = session
        self._quiet = quiet
        self._record = record
        self._depth = depth
        self._console = Console(highlight=False)

    def run(self, ask: Callable[[str], str]) -> None:
        """Answer lines until ``quit`` or their end.

        Parameters
        ----------
        ask : callable
            Takes the prompt, returns a line; raises EOFError at the end.
        """
        listed = self.session.instruments.values()
        instruments = ", ".join(f"{item.symbol} (tick {price_text(item.tick_size or 0)})" for item in listed)
        print(f"an exchange of {instruments}; you act as {self.session.participant}; help lists the commands, Ctrl-D ends")
        while True:
            try:
                line = ask(f"{self.session.participant}> ")
            except EOFError:
                print()
                return
            try:
                request = parse_line(line)
                if isinstance(request, Quit):
                    return
                if request is not None and self.answer(request):
                    self.show_ladder()
            except (TickdeckError, OSError) as error:
                print(f"  ! {error}")

    def answer_all(self, lines: Lines, strict: bool) -> None:
        """Answer parsed lines; what cannot be carried out is counted like a bad row.

        Raises
        ------
        FormatError
            It cannot, where `strict`.
        """
        for row, request in lines.requests:
            if isinstance(request, Quit):
                return
            try:
                self.answer(request)
            except TickdeckError as error:
                if strict:
                    raise FormatError(str(error), path=lines.path, row=row) from None
                lines.report.add("bad_row", row, str(error))

    def answer(self, request: Request) -> bool:
        """Carry out a request and print what came of it; whether the ladder is worth another look.

        Raises
        ------
        TickdeckError
            It cannot be carried out.
        """
        match request:
            case Help():
                self._print(_help_lines(request.topic))
            case Save():
                count = self._record.save(request.path, request.what)
                self._print([f"{request.path}: {count:,} {request.what}"])
            case SwitchTo():
                self._print(self.session.switch(request))
            case Use():
                self._print(self.session.use(request))
                return True
            case Show(what="orders"):
                self._print(self.session.orders(request))
            case Show(what="trades"):
                self._print(self.session.last_trades(request))
            case Show(what="stats"):
                self._print(statistics_lines(self.session.exchange, self.session.find(request.instrument)))
            case Show():
                if self._quiet:
                    return False
                print_book(self.session.exchange, self.session.find(request.instrument), request.count or self._depth)
            case Quit():
                raise UsageError("quit ends a session; there is nothing to answer")
            case _:
                self._print(self.session.carry_out(request))
                return True
        return False

    def _print(self, lines: list[str]) -> None:
        for line in () if self._quiet else lines:
            print(f"  {line}")

    def show_ladder(self) -> None:
        """The current instrument: phase, clock, position, both sides around the touch, the latest trades."""
        if not self._console.is_terminal:
            return
        session, instrument = self.session, self.session.current
        exchange, book = session.exchange, session.exchange.book(session.current)
        trades = list(session.trades[instrument.instrument_id or 0])
        head = Text.assemble((instrument.symbol, "bold"), f"  {phase_word(exchange.phase(instrument))}")
        head.append(f"  {ns_text(exchange.clock)[:23].replace('T', ' ')}", "dim")
        if trades:
            head.append(f"  last {price_text(trades[0].price)}")
        position = exchange.position(session.participant_id, instrument) if session.participant_id else 0
        head.append(f"  {session.participant}: {position:+,}" if position else "")
        grid = Table.grid(padding=(0, 4))
        ladder = book_table(book, _LEVELS, instrument=instrument)
        grid.add_row(ladder, trades_table(trades[: 2 * _LEVELS], instrument, book.tick_size))
        self._console.print(head)
        self._console.print(grid)


def _help_lines(topic: str) -> list[str]:
    if not topic:
        return list(USAGE.values())
    lines = [USAGE[topic]]
    if topic in ("buy", "sell"):
        lines += ["", *(f"{word:<34} {meaning}" for word, meaning in PRICES.items())]
        lines += ["", *(f"{word:<34} {meaning}" for word, meaning in OPTIONS.items())]
    return lines


@contextmanager
def line_editor(symbols: list[str]) -> Iterator[Callable[[str], str]]:
    """What asks for a line: with history and completion where readline is there."""
    try:
        import readline
    except ImportError:
        yield input
        return
    path = _history_path()
    with suppress(OSError):
        readline.read_history_file(path)
    first = sorted(USAGE)
    later = sorted({*TIMES_IN_FORCE, *FLAGS, *PHASES, *SELF_TRADES, *symbols, *_option_words()})

    def complete(text: str, state: int) -> str | None:
        words = later if readline.get_begidx() else first
        found = [f"{word} " for word in words if word.lower().startswith(text.lower())]
        return found[state] if state < len(found) else None

    before = readline.get_completer(), readline.get_completer_delims()
    readline.set_completer(complete)
    readline.set_completer_delims(" \t@")
    readline.parse_and_bind("tab: complete")
    try:
        yield input
    finally:
        readline.set_completer(before[0])
        readline.set_completer_delims(before[1])
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            readline.set_history_length(_HISTORY)
            readline.write_history_file(path)


def _option_words() -> list[str]:
    words = [word for text in (*PRICES, *OPTIONS) for word in text.replace("|", " ").split()]
    return [word for word in words if word.islower()] + ["all", "events", "orders", "executions"]


def _history_path() -> Path:
    folder = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "tickdeck" / "exchange_history"
