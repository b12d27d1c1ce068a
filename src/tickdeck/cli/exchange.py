"""`tickdeck exchange`: orders through the matching engine, from a file, a pipe or a prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tickdeck.cli.common import JsonFlag, StrictFlag, check_writable, print_json, progress

if TYPE_CHECKING:
    from tickdeck.cli.exchange_record import Record
    from tickdeck.cli.exchange_setup import Setup
    from tickdeck.core import Instrument
    from tickdeck.exchange import Exchange
    from tickdeck.tape import ReadReport, Source
    from tickdeck.tape.orders import OrderFile

_CHUNK = 8_192
_MOST_PARTICIPANTS = 100_000


def command(
    orders: Annotated[
        str | None,
        typer.Argument(
            metavar="ORDERS", help="Order file (CSV, JSON lines) or lines of a session; - for standard input; none: a prompt."
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="File for the published events; its name tells the format.")
    ] = None,
    executions: Annotated[
        str | None,
        typer.Option("--executions", help="File for what participants hear of their orders: .csv, .jsonl or .parquet."),
    ] = None,
    instruments: Annotated[
        list[str] | None,
        typer.Option(
            "--instrument",
            metavar="SYMBOL:TICK[:DECIMALS]",
            help="SYMBOL:TICK or SYMBOL:TICK:DECIMALS of sizes, such as ACME:0.01; may be repeated.",
        ),
    ] = None,
    discipline: Annotated[
        str, typer.Option(help="Priority at a price: price-time, pro-rata[:TOP%[:MINIMUM]] or size-time.")
    ] = "price-time",
    phase: Annotated[str, typer.Option(help="Phase at the start, such as continuous or pre-open.")] = "continuous",
    limits: Annotated[
        str | None, typer.Option("--limits", help="TOML file of risk limits; accounts are the participants.")
    ] = None,
    journal: Annotated[
        str | None, typer.Option("--journal", help="Folder of the journal; one that holds a journal is gone on with.")
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="Levels of each side.")] = 10,
    strict: StrictFlag = False,
    json: JsonFlag = False,
) -> None:
    """Run ORDERS through the matching engine: fills, rejections, final books, statistics.

    Without ORDERS, from a terminal, it is a session: buy 100 @ 10.01 ioc, cancel 3, book, phase halt, help. Instruments that are
    not declared are taken from the orders, the tick as the largest that all their prices are multiples of.
    """
    _check_paths(orders, output, executions)
    from tickdeck.cli.exchange_setup import Setup

    setup = Setup.parsed(instruments, discipline, phase, limits, journal)
    run = Run(setup, output, executions, depth, strict, json)
    if orders in (None, "-") and sys.stdin is not None and sys.stdin.isatty():
        run.prompt()
        return
    from tickdeck.cli.exchange_lines import holds_lines
    from tickdeck.tape import Source
    from tickdeck.tape.orders import order_format

    source = Source(orders or "-")
    if order_format(source) is None and holds_lines(source):
        run.lines(source)
    else:
        run.file(source)


@dataclass(slots=True)
class Run:
    """One run of the command, with its options."""

    setup: Setup
    output: str | None
    executions: str | None
    depth: int
    strict: bool
    json: bool

    def prompt(self) -> None:
        """A session at the terminal; Ctrl-C ends it as Ctrl-D does, but for the exit code."""
        from tickdeck.cli.exchange_session import Session
        from tickdeck.cli.exchange_shell import Shell, line_editor
        from tickdeck.core import Instrument, wall_clock

        interrupted = False
        with self._opened(self.setup.instruments or [Instrument("SIM", "0.01")], keep_all=True) as (exchange, record):
            session = Session(exchange, clock=wall_clock, keep=record.add)
            with line_editor(list(session.instruments)) as ask:
                try:
                    Shell(session, record, self.depth).run(ask)
                except KeyboardInterrupt:
                    interrupted = True
            self._report(exchange, record, prompted=True)
        self._say_outputs()
        if interrupted:
            raise KeyboardInterrupt

    def lines(self, source: Source) -> None:
        """Lines of a session from a file or a pipe."""
        from tickdeck.cli.exchange_lines import instruments_of, read_lines
        from tickdeck.cli.exchange_session import Session
        from tickdeck.cli.exchange_shell import Shell

        lines = read_lines(source, self.strict)
        found = self.setup.instruments or instruments_of(lines.requests, "SIM")
        if not self.setup.instruments and not self.setup.goes_on:
            self._say_inferred(found, lines.path)
        with self._opened(found, keep_all=True) as (exchange, record):
            Shell(Session(exchange, keep=record.add), record, self.depth, quiet=self.json).answer_all(lines, self.strict)
            self._report(exchange, record)
        self._say_outputs()
        _raise_bad_rows(lines.report, lines.path)

    def file(self, source: Source) -> None:
        """An order file."""
        from tickdeck.tape.orders import read_orders

        if self.setup.goes_on:
            with self._opened([]) as (exchange, record):
                from tickdeck.cli.exchange_record import instruments_of, names_of

                known = {name: number for number, name in names_of(exchange).items()}
                orders = read_orders(
                    source,
                    instruments=instruments_of(exchange),
                    participants=known,
                    next_ids={each.id: each.next_client_order_id for each in exchange.participants},
                    start=exchange.clock,
                    strict=self.strict,
                )
                self._run_orders(exchange, record, orders)
        else:
            orders = read_orders(source, instruments=self.setup.instruments, strict=self.strict)
            with self._opened(self.setup.instruments or orders.instruments) as (exchange, record):
                self._say_inferred([item for item in orders.instruments if item.symbol in orders.inferred], orders.path)
                self._run_orders(exchange, record, orders)
        self._say_outputs()
        _raise_bad_rows(orders.report, orders.path)

    def _run_orders(self, exchange: Exchange, record: Record, orders: OrderFile) -> None:
        ignored = orders.report.notes.get("ignored_columns")
        if ignored:
            self._say(f"{orders.path}: ignored columns {', '.join(ignored)}")
        _register(exchange, orders.participants)
        with progress("matching", len(orders)) as advance:
            for start in range(0, len(orders), _CHUNK):
                commands = orders.commands[start : start + _CHUNK]
                events = exchange.submit_batch(commands)
                record.add(commands, events, exchange.take_executions())
                advance(len(commands))
        self._report(exchange, record)

    @contextmanager
    def _opened(self, instruments: Sequence[Instrument], keep_all: bool = False) -> Iterator[tuple[Exchange, Record]]:
        """The exchange, new or as the journal has it, and what records the run, all of it for sessions; both are closed at the end."""
        from tickdeck.cli.exchange_record import Record
        from tickdeck.cli.exchange_report import FILLS
        from tickdeck.cli.exchange_setup import warm_up

        warm_up()
        if self.setup.goes_on:
            exchange, how = self.setup.recovered()
            self._say(how)
        else:
            exchange, how = self.setup.exchange(instruments), ""
        with ExitStack() as stack:
            if self.setup.journal:
                stack.callback(exchange.close)
            record = Record(exchange, self.output, self.executions, keep_all=keep_all, fills=FILLS)
            stack.enter_context(record)
            if how:
                for instrument in exchange.instruments.values():
                    record.begin(exchange.book(instrument).to_events(exchange.clock))
            yield exchange, record

    def _report(self, exchange: Exchange, record: Record, prompted: bool = False) -> None:
        from tickdeck.cli.exchange_report import print_report, report

        if strangers := self.setup.strangers(exchange):
            self._say(f"--limits: no participant is called {', '.join(strangers)}")
        if self.json:
            print_json(report(exchange, record, self.depth))
        elif not prompted:
            print_report(exchange, record, self.depth, self.executions)

    def _say(self, text: str) -> None:
        """A remark, which is no part of machine-readable output."""
        print(text, file=sys.stderr if self.json else sys.stdout)

    def _say_inferred(self, instruments: Sequence[Instrument], path: str) -> None:
        from tickdeck.core import price_text

        for item in instruments:
            tick, places = price_text(item.tick_size or 0), item.size_decimals
            self._say(
                f"{path}: {item.symbol} with tick {tick} and {places} size decimals, as its orders have; --instrument declares"
            )

    def _say_outputs(self) -> None:
        for path in (self.output, self.executions):
            if path:
                self._say(f"wrote {path}")


def _check_paths(orders: str | None, output: str | None, executions: str | None) -> None:
    """Refuse outputs that cannot be written, or that would overwrite the orders or each other.

    Raises
    ------
    UsageError
        One of these.
    """
    from tickdeck.core.errors import UsageError

    for path in filter(None, (output, executions)):
        check_writable(path)
        if orders and Path(path).exists() and Path(orders).exists() and Path(path).samefile(orders):
            raise UsageError(f"{path}: is the file of the orders; write to another one")
    if output and executions and Path(output).absolute() == Path(executions).absolute():
        raise UsageError(f"{output}: is named for events and for executions; name two files")


def _register(exchange: Exchange, participants: Mapping[str, int]) -> None:
    """Make the participants of an order file known under their ids."""
    names = {number: name for name, number in participants.items() if number <= _MOST_PARTICIPANTS}
    for number in range(len(exchange.participants) + 1, max(names, default=0) + 1):
        exchange.participant(names.get(number, str(number)))


def _raise_bad_rows(report: ReadReport, path: str) -> None:
    """Name the bad rows, and fail if there are any.

    Raises
    ------
    FormatError
        Rows were left out.
    """
    from tickdeck.core import FormatError

    bad = report.counts["bad_row"]
    if not bad:
        return
    rows = sorted((row, text) for kind, row, text in report.examples if kind == "bad_row")
    for row, text in rows:
        print(f"tickdeck: {path}, row {row}: {text}", file=sys.stderr)
    more = f" (these are the first {len(rows)})" if bad > len(rows) else ""
    raise FormatError(
        f"{bad:,} bad {'row was' if bad == 1 else 'rows were'} left out{more}; --strict stops at the first", path=path
    )
