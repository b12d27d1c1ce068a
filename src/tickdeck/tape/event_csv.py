"""Event CSV: one row an event, with a header that names the columns (see ``event_schema`` for their meaning).

The cells are separated by the comma, semicolon, tab or bar that the header uses. Blank lines and lines that begin with
``#`` are passed over, columns that are none of the schema's are ignored. Quoted cells may hold delimiters, quotes and line ends.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, Records
from tickdeck.tape import event_layout as k
from tickdeck.tape.blocks import Blocks
from tickdeck.tape.event_schema import EXTRA, FIELDS, RowError, columns_of
from tickdeck.tape.event_text import TextReader
from tickdeck.tape.reader import Format, ReadOptions
from tickdeck.tape.source import Source
from tickdeck.tape.text_writer import TextWriter

_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_BOM = b"\xef\xbb\xbf"


def split_row(row: str, delimiter: str) -> list[str]:
    """Cells of one row (RFC 4180); a quote counts only at the start of a cell.

    Raises
    ------
    RowError
        A quote never closes, or text follows the closing one.
    """
    cells = []
    at = 0
    while True:
        if row.startswith('"', at):
            quoted = _QUOTED.match(row, at)
            if quoted is None:
                raise RowError("a quote never closes")
            cells.append(quoted[1].replace('""', '"'))
            at = quoted.end()
            if at < len(row) and row[at] != delimiter:
                raise RowError("text after a closing quote")
        else:
            stop = row.find(delimiter, at)
            stop = len(row) if stop < 0 else stop
            cells.append(row[at:stop])
            at = stop
        if at >= len(row):
            return cells
        at += 1


def header_of(head: bytes) -> tuple[list[str], str, int, int]:
    """The header's names, its delimiter, and the bytes and lines up to its end; no names: there is no header.

    Lines before it that are blank or begin with ``#`` are passed over.
    """
    consumed = len(_BOM) if head.startswith(_BOM) else 0
    lines = 0
    while consumed < len(head):
        stop = head.find(b"\n", consumed)
        stop = len(head) if stop < 0 else stop + 1
        line = head[consumed:stop].rstrip(b"\r\n")
        consumed, lines = stop, lines + 1
        if line.strip() and not line.startswith(b"#"):
            text = line.decode(errors="replace")
            delimiter = max(_DELIMITERS, key=text.count)
            try:
                return [name.strip() for name in split_row(text, delimiter)], delimiter, consumed, lines
            except RowError:
                return [], ",", 0, 0
    return [], ",", 0, 0


class EventCsvReader(TextReader):
    """Reads event CSV."""

    format = "csv"

    def __init__(self, source: Source, options: ReadOptions, default_symbol: str = "") -> None:
        super().__init__(source, options, default_symbol)
        from tickdeck.tape.kernels.event_csv import read_rows, survey_rows

        self._read_rows, self._survey_rows = read_rows, survey_rows

    def _begin(self, blocks: Blocks) -> tuple[int, int]:
        head = blocks.data[: blocks.end].tobytes()
        names, self._delimiter, consumed, lines = header_of(head)
        if not names:
            raise FormatError(
                "no header line; the first line names the columns: type,timestamp,price,qty,side,trade_id", path=self.path
            )
        columns = columns_of(names, self.options.columns, self._default_type >= 0, self.path)
        self._columns: NDArray[np.int64] = np.array(columns, np.int64)
        ignored = [name for name, column in zip(names, columns, strict=True) if column == len(FIELDS)]
        if ignored:
            self.report.notes["ignored_columns"] = ignored
        self._config[k.C_DELIMITER] = ord(self._delimiter)
        self._config[k.C_EXTRA] = bool(set(EXTRA) & set(columns))
        return consumed, lines

    def _scan(self, blocks: Blocks, events: Records) -> int:
        table = self.table
        stop: int = self._read_rows(
            *(blocks.data, blocks.end, self._columns, self._config, table.slots, table.blob),
            *(self._starts, self._stops, self._state, events),
        )
        return stop

    def _survey(self, blocks: Blocks) -> int:
        stop: int = self._survey_rows(
            blocks.data, blocks.end, self._columns, self._config, self._starts, self._stops, self._state
        )
        return stop

    def _cells(self, row: bytes) -> list[str]:
        cells = split_row(row.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r"), self._delimiter)
        if len(cells) != len(self._columns):
            raise RowError(f"{len(cells)} cells, but the header has {len(self._columns)}")
        out = [""] * (len(FIELDS) + 1)
        for column, cell in zip(self._columns, cells, strict=True):
            out[column] = cell
        return out[: len(FIELDS)]


def _detect(source: Source) -> float:
    names = {name.lower() for name in header_of(source.head[: 1 << 14])[0]}
    if {"type", "timestamp"} <= names and names & {"price", "qty"}:
        return 0.9
    worded = bool(names) and all(re.fullmatch(r"[a-z_][a-z0-9_ .-]*", name) for name in names)
    return 0.05 if worded and source.name.endswith((".csv", ".tsv")) else 0.0


class EventCsvWriter(TextWriter):
    """Writes event CSV."""

    format = "csv"

    def _head(self) -> bytes:
        return ",".join(self.fields).encode() + b"\n"

    def _cell(self, field: str, first: bool) -> tuple[bytes, bytes]:
        return (b"" if first else b","), b""

    def _row_end(self) -> bytes:
        return b"\n"

    def _text(self, symbol: str) -> bytes:
        if any(character in symbol for character in '",\r\n') or symbol != symbol.strip():
            symbol = '"' + symbol.replace('"', '""') + '"'
        return symbol.encode()


FORMAT = Format(
    name="csv",
    title="event CSV (type,timestamp,price,qty,side,trade_id)",
    detect=_detect,
    open=EventCsvReader,
    suffixes=(".csv", ".csv.gz", ".csv.zst"),
    create=EventCsvWriter,
)
