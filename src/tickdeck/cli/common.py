"""What subcommands share: options, opening a file, progress, JSON and atomic outputs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickdeck.core.errors import UsageError

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

    mapping = None
    if columns:
        for item in columns:
            if "=" not in item:
                raise UsageError(f"--column {item}: write it as field=name")
        mapping = dict(item.split("=", 1) for item in columns)
    return read(path, format=format, columns=mapping, symbols=symbols or None, **options)


class Window:
    """Keeps the events of a time span and of some symbols.

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

    def __bool__(self) -> bool:
        return self.start is not None or self.stop is not None or bool(self.symbols)

    def select(self, chunk: Records, reader: Reader) -> Records:
        """The wanted events of a chunk that `reader` has just yielded."""
        import numpy as np

        if not self:
            return chunk
        keep = np.ones(len(chunk), bool)
        if self.start is not None:
            keep &= chunk["ts_event"] >= self.start
        if self.stop is not None:
            keep &= chunk["ts_event"] < self.stop
        if self.symbols:
            ids = [key for key, item in reader.instruments.items() if item.symbol in self.symbols]
            keep &= np.isin(chunk["instrument_id"], np.array(ids, np.uint32))
        return chunk if keep.all() else chunk[keep]

    def check(self, reader: Reader) -> None:
        """After reading: complain about symbols that the file does not have."""
        missing = self.symbols - {item.symbol for item in reader.instruments.values()}
        if missing:
            known = ", ".join(item.symbol for item in list(reader.instruments.values())[:10]) or "none"
            raise UsageError(f"{reader.path}: has no symbol {', '.join(sorted(missing))}; it has {known}")


@contextmanager
def progress(what: str, total: float | None = None, unit: str = "events") -> Iterator[Callable[[int, float], None]]:
    """A progress bar with rate and time left on standard error; nothing when that is no terminal.

    Yields
    ------
    callable
        ``advance(count, position)``: `count` more units done; `position` of `total` reached.
    """
    if not sys.stderr.isatty():
        yield lambda count, position: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn() if total is None else TimeRemainingColumn(),
    ]
    import time

    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=8) as bar:
        task = bar.add_task(what, total=total, rate="")
        begun = time.perf_counter()
        done = 0

        def advance(count: int, position: float) -> None:
            nonlocal done
            done += count
            spent = time.perf_counter() - begun
            rate = f"{done:,} {unit}, {done / spent:,.0f}/s" if spent > 0 else ""
            bar.update(task, completed=position, rate=rate)

        yield advance


@contextmanager
def atomic_output(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path` that becomes `path` on success and vanishes on any failure, Ctrl-C included.

    Raises
    ------
    UsageError
        The folder does not exist or cannot be written.
    """
    target = Path(path)
    check_writable(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial{target.suffix}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Refuse, before any work, an output that cannot be written.

    Raises
    ------
    UsageError
        The folder does not exist, or folder or file cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{path}: is a folder; name a file")
    if not target.parent.is_dir():
        raise UsageError(f"{path}: the folder {target.parent} does not exist; make it first")
    if not os.access(target.parent, os.W_OK) or (target.exists() and not os.access(target, os.W_OK)):
        raise UsageError(f"{path}: cannot be written; check the permissions")
