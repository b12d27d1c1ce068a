"""What subcommands share: options, opening a file, progress, JSON and atomic outputs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickdeck.core.errors import UsageError
from tickdeck.core.outputs import atomic_output as atomic_output
from tickdeck.core.outputs import check_writable as check_writable

if TYPE_CHECKING:
    from tickdeck.core import Records
    from tickdeck.tape import Reader

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="Format of the input; told from content and name by default.")]
FromOption = Annotated[
    str | None, typer.Option("--from", help="Only events at or after this time (ISO 8601, or ns since the epoch).")
]
ToOption = Annotated[str | None, typer.Option("--to", help="Only events before this time.")]
SymbolOption = Annotated[list[str] | None, typer.Option("--symbol", help="Only this symbol; may be repeated.")]
StrictFlag = Annotated[bool, typer.Option("--strict", help="Stop at the first bad row instead of counting it.")]
DateOption = Annotated[str | None, typer.Option("--date", help="ISO date of a file whose times count from midnight.")]
ColumnOption = Annotated[
    list[str] | None, typer.Option("--column", help="Event CSV and JSON lines: field=name of the file's column; may be repeated.")
]
PriceScaleOption = Annotated[
    str | None, typer.Option("--price-scale", help="Value of one unit of integer prices, such as 0.0001.")
]
TimeUnitOption = Annotated[str | None, typer.Option("--time-unit", help="Unit of the file's times: ns, us, ms, s or iso.")]


def print_json(value: Any) -> None:
    """Print `value` as indented JSON on standard output."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=_plain), indent=2).decode())


def _plain(value: Any) -> Any:
    """numpy scalars and arrays, paths: what msgspec does not know."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def open_tape(
    path: str,
    *,
    format: str | None = None,
    columns: list[str] | None = None,
    symbols: list[str] | None = None,
    **options: Any,
) -> Reader:
    """A reader for `path` from the shared options (``columns`` as ``field=name`` texts)."""
    from tickdeck.tape import read

    return read(path, format=format, columns=column_names(columns), symbols=symbols or None, **options)


def column_names(columns: list[str] | None) -> dict[str, str] | None:
    """``field=name`` texts as a mapping; None for none.

    Raises
    ------
    UsageError
        A text without an equals sign.
    """
    for item in columns or ():
        if "=" not in item:
            raise UsageError(f"--column {item}: write it as field=name")
    return dict(item.split("=", 1) for item in columns) if columns else None


class Window:
    """Keeps the events of a span of tape time (see ``tape.tape_time``) and of some symbols.

    Parameters
    ----------
    start, stop : str, optional
        Times; `stop` is exclusive.
    symbols : list of str, optional
    """

    def __init__(self, start: str | None = None, stop: str | None = None, symbols: list[str] | None = None) -> None:
        from tickdeck.core.times import to_ns

        self.start = None if start is None else to_ns(start)
        self.stop = None if stop is None else to_ns(stop)
        self.symbols = frozenset(symbols or ())
        if self.start is not None and self.stop is not None and self.start >= self.stop:
            raise UsageError(f"--from {start} is not before --to {stop}")

    def chunks(self, reader: Reader) -> Iterator[Records]:
        """The wanted events of `reader`; a tape with an index is not read up to the start.

        Raises
        ------
        UsageError
            At the end: a symbol that the file does not have.
        """
        from tickdeck.tape.tape_time import between

        seek = getattr(reader, "between", None)
        found: Iterable[Records] = seek(self.start, self.stop) if seek else between(reader, self.start, self.stop)
        for chunk in found:
            yield self._of_symbols(chunk, reader) if self.symbols else chunk
        missing = self.symbols - {item.symbol for item in reader.instruments.values()}
        if missing:
            known = ", ".join(item.symbol for item in list(reader.instruments.values())[:10]) or "none"
            raise UsageError(f"{reader.path}: has no symbol {', '.join(sorted(missing))}; it has {known}")

    def _of_symbols(self, chunk: Records, reader: Reader) -> Records:
        import numpy as np

        ids = [key for key, item in reader.instruments.items() if item.symbol in self.symbols]
        wanted: Records = chunk[np.isin(chunk["instrument_id"], np.array(ids, np.uint32))]
        return wanted


class Advance:
    """Moves a progress bar.

    Parameters
    ----------
    show : callable, optional
        ``show(done, position)``; None: nobody is looking.
    """

    def __init__(self, show: Callable[[int, float], None] | None = None) -> None:
        self._show = show
        self.done = 0

    def __call__(self, count: int, position: float | None = None) -> None:
        """`count` more events are done; `position` of the bar's total is reached."""
        self.done += count
        if self._show:
            self._show(self.done, self.done if position is None else position)

    def through(self, chunks: Iterable[Records], reader: Reader | None = None) -> Iterator[Records]:
        """The same chunks, counted as they pass; the position is that of `reader` where one is given."""
        for chunk in chunks:
            yield chunk
            self(len(chunk), None if reader is None else reader.position)


@contextmanager
def progress(what: str, total: float | None = None) -> Iterator[Advance]:
    """A progress bar with rate and time left on standard error; nothing when that is no terminal.

    Parameters
    ----------
    what : str
        The work.
    total : float, optional
        Where the position ends; None: not known.
    """
    if not sys.stderr.isatty():
        yield Advance()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    clock = TimeElapsedColumn() if total is None else TimeRemainingColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"), clock)
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=8) as bar:
        task = bar.add_task(what, total=total, rate="")
        begun = time.perf_counter()

        def show(done: int, position: float) -> None:
            rate = done / max(time.perf_counter() - begun, 1e-9)
            bar.update(task, completed=position, rate=f"{done:,} events, {rate:,.0f}/s")

        yield Advance(show)
