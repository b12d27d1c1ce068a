"""Order files: CSV and JSON lines as ``COMMAND`` records for an exchange, and back (see ``order_schema`` for the columns).

CSV has a header; its cells are separated by the comma, semicolon, tab or bar that the header uses. Blank lines and lines that
begin with ``#`` are passed over, and a cell ends with its line. A file is read whole: the next free ids, and the tick and
decimals of an instrument that nobody declared, follow from all of its rows.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, Instrument, Records, UsageError
from tickdeck.tape.event_csv import header_of, split_row
from tickdeck.tape.event_schema import SHOWN, RowError
from tickdeck.tape.order_cells import Cells
from tickdeck.tape.order_rows import RowMaker
from tickdeck.tape.order_schema import ALIASES, COLUMNS, columns_of
from tickdeck.tape.reader import ReadReport
from tickdeck.tape.source import Source

if TYPE_CHECKING:
    import polars as pl

_BLOCK_BYTES = 1 << 24
_BOM = codecs.BOM_UTF8
_OBJECT = msgspec.json.Decoder(dict[str, object], float_hook=str)
"""Leaves the text of a number as it stands; integers are exact anyway."""
_UNIT = "\x1f"
_NOT_TEXT = "\ufffd"
"""Stands for bytes that are no UTF-8."""


@dataclass(frozen=True, slots=True)
class OrderFile:
    """What an order file holds.

    Parameters
    ----------
    path : str
    format : str
        "csv" or "jsonl".
    commands : array of COMMAND
    rows : ndarray of int64
        Line of each command in the file, from 1.
    instruments : list of Instrument
        Declared and found, in order of id.
    inferred : list of str
        Symbols whose tick and decimals follow from the file.
    participants : dict of str to int
        Name -> id.
    report : ReadReport
        Bad rows, ignored columns.
    """

    path: str
    format: str
    commands: Records
    rows: NDArray[np.int64]
    instruments: list[Instrument]
    inferred: list[str]
    participants: dict[str, int]
    report: ReadReport = field(default_factory=ReadReport)

    def __len__(self) -> int:
        return len(self.commands)


def read_orders(
    path: str | Path | Source,
    *,
    instruments: Sequence[Instrument] = (),
    participants: Mapping[str, int] | None = None,
    next_ids: Mapping[int, int] | None = None,
    start: int = 0,
    strict: bool = False,
    format: str | None = None,
) -> OrderFile:
    """Read an order file whole.

    Parameters
    ----------
    path : str, Path or Source
        ``-`` for standard input; compressed files are opened transparently.
    instruments : sequence of Instrument
        What is known about the symbols; those without an id get 1, 2, ... in this order.
    participants : mapping of str to int, optional
        Known names.
    next_ids : mapping of int to int, optional
        Next free client order id by participant id; 1 where it has none.
    start : int
        Time of rows before the first one with a time, ns since the epoch.
    strict : bool
        Stop at the first bad row instead of counting it.
    format : str, optional
        "csv" or "jsonl"; told from the content by default.

    Returns
    -------
    OrderFile

    Raises
    ------
    FormatError
        The file is no order file; a bad row where `strict`.
    UsageError
        It cannot be read.
    """
    source = path if isinstance(path, Source) else Source(path)
    chosen = format or order_format(source)
    if chosen not in ("csv", "jsonl"):
        if format:
            raise UsageError(f"an order file is csv or jsonl, not {format}")
        raise FormatError(
            "is no order file: the first line is neither a header such as side,size,price,type,tif nor a JSON object; "
            "docs/exchange.md has the columns",
            path=source.path,
            row=1,
        )
    report = ReadReport()
    default = re.sub(r"[^\w.-]", "", source.name.split(".")[0].upper()) or "SIM"
    maker = RowMaker(instruments, participants or {}, default, start, next_ids or {})
    blocks = _csv_blocks(source, report) if chosen == "csv" else _json_blocks(source, report)
    empty = True
    for cells in blocks:
        maker.add(cells)
        _report(report, {int(cells.rows[at]): text for at, text in cells.bad.items()}, source.path, strict)
        empty = False
    if empty:
        raise FormatError("holds no rows beside its header", path=source.path)
    commands, rows, found, named, faults = maker.finish()
    _report(report, faults, source.path, strict)
    declared = {item.symbol for item in instruments}
    inferred = [item.symbol for item in found if item.symbol not in declared]
    return OrderFile(source.path, chosen, commands, rows, found, inferred, named, report)


def order_format(source: Source) -> str | None:
    """ "csv", "jsonl", or None where the head of `source` is neither.

    Raises
    ------
    FormatError
        It is no text in UTF-8.
    """
    head = source.head
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FormatError("is UTF-16; save it as UTF-8", path=source.path)
    if b"\0" in head:
        raise FormatError("is no text; an order file is CSV or JSON lines", path=source.path, offset=head.index(b"\0"))
    if head.removeprefix(_BOM).lstrip().startswith(b"{"):
        return "jsonl"
    names = [name.lower() for name in header_of(head)[0]]
    return "csv" if any(name in COLUMNS or name in ALIASES for name in names) else None


def _report(report: ReadReport, faults: dict[int, str], path: str, strict: bool) -> None:
    for row in sorted(faults):
        if strict:
            raise FormatError(faults[row], path=path, row=row)
        report.add("bad_row", row, faults[row])


def _text_blocks(source: Source, skip: int) -> Iterator[str]:
    """The text after the first `skip` bytes in pieces of whole lines, without the last line's end."""
    with source.open() as stream:
        stream.read(skip)
        rest = b""
        while piece := stream.read(_BLOCK_BYTES):
            rest += piece
            whole, newline, rest = rest.rpartition(b"\n")
            if newline:
                yield _decoded(whole)
            elif len(rest) > 4 * _BLOCK_BYTES:
                raise FormatError(f"a line over {len(rest):,} bytes; this is no order file", path=source.path)
        if rest:
            yield _decoded(rest)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n").removesuffix("\r")


def _csv_blocks(source: Source, report: ReadReport) -> Iterator[Cells]:
    import polars as pl

    names, delimiter, consumed, first = header_of(source.head)
    fields = columns_of(names, source.path)
    if ignored := [name for name, known in zip(names, fields) if known is None]:
        report.notes["ignored_columns"] = ignored
    for text in _text_blocks(source, consumed):
        lines = pl.Series([text]).str.split("\n").explode()
        rows = np.arange(first + 1, first + 1 + len(lines), dtype=np.int64)
        first += len(lines)
        wanted = ((lines.str.strip_chars() != "") & ~lines.str.starts_with("#")).to_numpy()
        lines, rows = lines.filter(wanted), rows[wanted]
        if not len(lines):
            continue
        bad: dict[int, str] = {}
        separator = delimiter
        if lines.str.contains('"', literal=True).any():
            separator = _UNIT
            lines = pl.Series([_unquoted(line, delimiter, at, bad) for at, line in enumerate(lines.to_list())])
        counts = lines.str.count_matches(separator, literal=True) + 1
        for at in np.flatnonzero((counts != len(names)).to_numpy()).tolist():
            bad.setdefault(at, f"{counts[at]} cells, but the header has {len(names)}")
        _mark_undecoded(lines, bad)
        split = lines.str.split_exact(separator, len(names) - 1).struct.unnest().fill_null("")
        columns = {known: split.to_series(at).str.strip_chars() for at, known in enumerate(fields) if known is not None}
        yield _blanked(Cells(columns, rows, bad))


def _unquoted(line: str, delimiter: str, at: int, bad: dict[int, str]) -> str:
    """The cells of a row, joined by what stands in no text."""
    try:
        return _UNIT.join(split_row(line, delimiter) if '"' in line else line.split(delimiter))
    except RowError as error:
        bad[at] = str(error)
        return ""


def _mark_undecoded(lines: pl.Series, bad: dict[int, str]) -> None:
    for at in np.flatnonzero(lines.str.contains(_NOT_TEXT, literal=True).to_numpy()).tolist():
        bad.setdefault(at, f"is no text in UTF-8: {lines[at][:SHOWN]!r}")


def _blanked(cells: Cells) -> Cells:
    """The same without the cells of bad rows, which say nothing more."""
    import polars as pl

    if cells.bad:
        keep = np.ones(len(cells), np.bool_)
        keep[list(cells.bad)] = False
        mask = pl.Series(keep)
        cells.columns = {
            name: pl.select(pl.when(mask).then(column).otherwise(pl.lit(""))).to_series()
            for name, column in cells.columns.items()
        }
    return cells


def _json_blocks(source: Source, report: ReadReport) -> Iterator[Cells]:
    import polars as pl

    skip = len(_BOM) if source.head.startswith(_BOM) else 0
    before = 0
    ignored: dict[str, None] = {}
    for text in _text_blocks(source, skip):
        lines = text.split("\n")
        places = [at for at, line in enumerate(lines) if line.strip() and not line.startswith("#")]
        rows = np.array(places, np.int64) + before + 1
        before += len(lines)
        if not len(rows):
            continue
        bad: dict[int, str] = {}
        objects = _objects([lines[at] for at in places], bad)
        columns: dict[str, list[str]] = {}
        for key in dict.fromkeys(key for each in objects for key in each):
            name = key.lower() if key.lower() in COLUMNS else ALIASES.get(key.lower())
            if name is None:
                ignored[key[:SHOWN]] = None
                continue
            cells = columns.setdefault(name, [""] * len(objects))
            for at, each in enumerate(objects):
                if (value := each.get(key)) is not None:
                    cells[at] = value.strip() if type(value) is str else _number_text(key, value, at, bad)
        series = {name: pl.Series(cells, dtype=pl.String) for name, cells in columns.items()}
        yield _blanked(Cells(series, rows, bad))
    if ignored:
        report.notes["ignored_columns"] = list(ignored)[:SHOWN]


def _objects(lines: list[str], bad: dict[int, str]) -> list[dict[str, object]]:
    """The lines as objects; one by one only where one of them is none."""
    text = "\n".join(lines)
    if _NOT_TEXT not in text:
        with suppress(msgspec.DecodeError, ValueError):
            objects = _OBJECT.decode_lines(text)
            if len(objects) == len(lines):
                return objects
    objects = []
    for at, line in enumerate(lines):
        try:
            objects.append(_OBJECT.decode(line))
            fault = f"is no text in UTF-8: {line[:SHOWN]!r}" if _NOT_TEXT in line else ""
        except (msgspec.DecodeError, ValueError) as error:
            objects.append({})
            fault = f"no JSON object ({error}): {line[:SHOWN]}"
        if fault:
            bad[at] = fault
    return objects


def _number_text(key: str, value: object, at: int, bad: dict[int, str]) -> str:
    """A whole number as text; other numbers are text already, what is none is a fault."""
    if type(value) is int:
        return str(value)
    shown = msgspec.json.encode(value).decode()[:SHOWN]
    bad.setdefault(at, f"{key} is {shown}, neither text nor a number")
    return ""
