"""Databento CSV: the records of any schema as text, with prices as decimals or as integers of 1e-9 and times as ISO 8601 or ns.

Rows become records of the schema's binary layout, which then take the same way to events as DBN.
Spec: https://databento.com/docs/standards-and-conventions/csv
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import UNDEF_PRICE, FormatError, Instrument, Records, UsageError
from tickdeck.tape.blocks import Blocks
from tickdeck.tape.dbn_events import Normaliser
from tickdeck.tape.dbn_header import defined_instruments
from tickdeck.tape.dbn_records import LAYOUTS, SCHEMAS, rtype_name
from tickdeck.tape.reader import Format, Reader, ReadOptions
from tickdeck.tape.source import Source

_BLOCK_ROWS = 16_384
_NAMES = 256
_TIMES = ("expiration", "activation", "auction_time")
_CODES = {
    *("action", "side", "is_trading", "is_quoting", "is_short_sell_restricted", "instrument_class", "match_algorithm"),
    *("security_update_action", "user_defined_instrument", "leg_instrument_class", "leg_side", "auction_type"),
    *("unpaired_side", "significant_imbalance"),
}
_QUANTITIES = ("quantity",)
_NEEDED = {
    *("ts_event", "instrument_id", "action", "side", "price", "size", "order_id"),
    *("bid_px", "ask_px", "bid_sz", "ask_sz"),
}
"""Columns without which a row says nothing; of levels, without the level's number."""
_LEVEL_NUMBER = re.compile(r"_\d\d$")
_SHOWN = 40
_PREVIEW_ROWS = 200


def _header(head: bytes) -> list[str]:
    line = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].rstrip(b"\r")
    try:
        return next(csv.reader([line.decode()]), [])
    except (UnicodeDecodeError, csv.Error):
        return []


def _preview(head: bytes) -> list[list[str]]:
    """Cells of the first data rows, the last of which may be cut short."""
    lines = head.split(b"\n", _PREVIEW_ROWS + 1)[1:]
    return [line.decode("ascii", "replace").rstrip("\r").split(",") for line in lines[:_PREVIEW_ROWS]]


class DatabentoCsvReader(Reader):
    """Reads Databento CSV.

    The schema follows from ``options.schema``, the ``rtype`` column or the columns. Prices are decimals where any of the first
    rows has a decimal point or ``options.price_scale`` is "1", else integers of 1e-9. Columns that the schema does not have are
    passed over.
    """

    format = "databento-csv"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        super().__init__(source, options)
        self._columns = _header(source.head)
        preview = _preview(source.head)
        self.schema = self._schema(preview)
        self._rtype = SCHEMAS[self.schema]
        self._layout = LAYOUTS[self._rtype][0]
        self._decimal = self._has_decimals(preview)
        self._plan = self._make_plan()
        for declared in options.instruments:
            if declared.instrument_id is not None:
                self.instruments[declared.instrument_id] = declared
        self._stream = source.open()

    def _schema(self, preview: list[list[str]]) -> str:
        if self.options.schema is not None:
            if self.options.schema not in SCHEMAS:
                raise UsageError(f"{self.path}: no schema {self.options.schema!r}; choose one of {', '.join(SCHEMAS)}")
            return self.options.schema
        names = set(self._columns)
        if "rtype" in names and preview:
            index = self._columns.index("rtype")
            text = preview[0][index] if index < len(preview[0]) else ""
            if text.isascii() and text.isdigit() and (name := rtype_name(int(text))) in SCHEMAS:
                return name
        if "bid_px_09" in names:
            return "mbp-10"
        if "bid_px_00" in names:
            return "mbp-1"
        return "mbo" if "order_id" in names else "trades"

    def _has_decimals(self, preview: list[list[str]]) -> bool:
        if self.options.price_scale is not None:
            if self.options.price_scale not in ("1", "0.000000001"):
                raise UsageError(f"{self.path}: Databento prices are decimals (price_scale 1) or integers (0.000000001)")
            return self.options.price_scale == "1"
        fields = self._fields()
        prices = [index for index, name in enumerate(self._columns) if name in fields and _is_price(name, fields[name][0])]
        cells = [row[index] for row in preview for index in prices if index < len(row) and row[index]]
        return any("." in text for text in cells) or not any(cells)

    def _fields(self) -> dict[str, tuple[np.dtype[np.void], int]]:
        """CSV column -> type and byte offset in the record."""
        found = {}
        for name, entry in (self._layout.fields or {}).items():
            kind, offset = entry[0], int(entry[1])
            if name == "levels":
                level, (count,) = kind.subdtype or (kind, (0,))
                for index in range(count):
                    for inner, (inner_kind, inner_offset, *_) in (level.fields or {}).items():
                        found[f"{inner}_{index:02d}"] = (inner_kind, offset + index * level.itemsize + inner_offset)
            elif name != "length":
                found[name] = (kind, offset)
        return {name: entry for name, entry in found.items() if not name.startswith("reserved")}

    def _make_plan(self) -> NDArray[np.int64]:
        from tickdeck.tape.kernels import databento_csv as kernels

        fields = self._fields()
        missing = [name for name in fields if _LEVEL_NUMBER.sub("", name) in _NEEDED and name not in self._columns]
        if missing:
            raise FormatError(
                f"the header lacks the columns {', '.join(missing[:5])} of the schema {self.schema}", path=self.path, row=1
            )
        plan = np.zeros((len(self._columns), 3), np.int64)
        for index, name in enumerate(self._columns):
            if name == "symbol":
                plan[index, 0] = kernels.K_SYMBOL
            elif name in fields:
                kind, offset = fields[name]
                plan[index] = (self._kind(name, kind), offset, kind.itemsize)
        return plan

    def _kind(self, name: str, kind: np.dtype[np.void]) -> int:
        from tickdeck.tape.kernels import databento_csv as kernels

        if name == "rtype":
            return kernels.K_RTYPE
        if name == "instrument_id":
            return kernels.K_INSTRUMENT
        if kind.kind == "S":
            return kernels.K_TEXT
        if name in _CODES and kind.itemsize == 1:
            return kernels.K_CODE
        if kind.itemsize == 8 and (name in _TIMES or name.startswith("ts_")):
            return kernels.K_TIME
        if _is_price(name, kind):
            return kernels.K_PRICE if self._decimal else kernels.K_FIXED_PRICE
        return kernels.K_SIGNED if kind.kind == "i" else kernels.K_UNSIGNED

    def __iter__(self) -> Iterator[Records]:
        native = self.options.native and self.schema == "mbo"
        convert = None if native else Normaliser(self.schema, self.report)
        for records in self.records():
            events = records if convert is None else convert(records)
            for first in range(0, len(events), self.options.chunk):
                yield events[first : first + self.options.chunk]

    def records(self) -> Iterator[Records]:
        """The rows as records of the schema's layout in DBN version 3, in arrays of their own."""
        for records in self._arrays():
            if self.schema == "definition":
                for number, instrument in defined_instruments(records, "").items():
                    self._name(number, instrument)
            if self.options.symbols is not None:
                wanted = [number for number, item in self.instruments.items() if item.symbol in self.options.symbols]
                records = records[np.isin(records["instrument_id"], wanted)]
            if len(records):
                yield records

    def _name(self, number: int, instrument: Instrument) -> None:
        declared = self.options.instrument(instrument.symbol)
        self.instruments[number] = declared.with_ids(number, declared.publisher_id) if declared else instrument

    def _arrays(self) -> Iterator[Records]:
        from tickdeck.tape.kernels import databento_csv as kernels

        rows = max(1, min(self.options.chunk, _BLOCK_ROWS))
        default = self._default()
        blocks = Blocks(self._stream, self.path, "row")
        ids = np.zeros(4 * _NAMES, np.uint64)
        named = np.zeros((_NAMES, 3), np.int64)
        state = np.zeros(kernels.S_COUNT, np.int64)
        known = 0
        out = np.repeat(default, rows)
        try:
            blocks.refill(0)
            header_end = bytes(blocks.data[: blocks.end]).find(b"\n")
            state[kernels.S_POSITION] = blocks.end if header_end < 0 else header_end + 1
            state[kernels.S_LINES] = 1
            while True:
                kernels.parse_rows(
                    blocks.data,
                    blocks.end,
                    blocks.final and blocks.failure is None,
                    self._plan,
                    self._rtype,
                    self._layout.itemsize,
                    out.view(np.uint8),
                    ids,
                    named,
                    state,
                )
                count = int(state[kernels.S_NAMED])
                self._enter(named[:count], blocks.data)
                state[kernels.S_NAMED] = 0
                known += count
                if 2 * (known + _NAMES) > len(ids):
                    ids = _grown(ids)
                stop = int(state[kernels.S_STOP])
                filled = int(state[kernels.S_ROWS])
                if stop == kernels.BAD:
                    out[filled : filled + 1] = default
                    self._report(blocks.data, state)
                    state[kernels.S_POSITION] = state[kernels.S_NEXT]
                    state[kernels.S_LINES] += 1
                elif stop == kernels.FULL:
                    yield out
                    out = np.repeat(default, rows)
                    state[kernels.S_ROWS] = 0
                elif stop == kernels.DATA:
                    if blocks.final:
                        break
                    blocks.refill(int(state[kernels.S_POSITION]))
                    self.position = blocks.offset
                    state[kernels.S_POSITION] = 0
            if state[kernels.S_ROWS]:
                yield out[: int(state[kernels.S_ROWS])]
            if blocks.failure is not None:
                self.report.add("truncated", int(state[kernels.S_LINES]) + 1, str(blocks.failure))
                raise blocks.failure
        finally:
            self._stream.close()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _default(self) -> Records:
        """One record with the values of columns that are not there."""
        record: Records = np.zeros(1, self._layout)
        record["length"] = self._layout.itemsize // 4
        record["rtype"] = self._rtype
        for name, (kind, offset) in self._fields().items():
            cell = record.view(np.uint8)[offset : offset + kind.itemsize]
            if _is_price(name, kind):
                cell[:] = np.frombuffer(UNDEF_PRICE.to_bytes(8, "little"), np.uint8)
            elif name.startswith("ts_") and kind.itemsize == 8:
                cell[:] = 255
            elif name in ("action", "side") and kind.itemsize == 1:
                cell[:] = ord("N")
        return record

    def _enter(self, named: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        for number, start, stop in named.tolist():
            symbol = bytes(data[start:stop]).decode("utf-8", "replace")
            if number < 2**32:
                self._name(number, Instrument(symbol, instrument_id=number))

    def _report(self, data: NDArray[np.uint8], state: NDArray[np.int64]) -> None:
        from tickdeck.tape.kernels import databento_csv as kernels

        column = int(state[kernels.S_COLUMN])
        line = bytes(data[int(state[kernels.S_POSITION]) : int(state[kernels.S_NEXT])]).decode("utf-8", "replace").rstrip("\r\n")
        cells = line.split(",")
        row = int(state[kernels.S_LINES]) + 1
        if column == len(self._columns):
            self.bad(row, f"{len(cells)} cells where the header has {len(self._columns)}")
            return
        text = cells[column] if column < len(cells) else ""
        self.bad(row, f"column {self._columns[column]} cannot be {text[:_SHOWN]!r}")


def _is_price(name: str, kind: np.dtype[np.void]) -> bool:
    return kind.kind == "i" and kind.itemsize == 8 and name not in _QUANTITIES


def _grown(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The table of instrument ids at twice the size."""
    from tickdeck.tape.kernels.databento_csv import move_ids

    larger = np.zeros(2 * len(ids), np.uint64)
    move_ids(ids, larger)
    return larger


def _detect(source: Source) -> float:
    names = set(_header(source.head))
    return 1.0 if {"ts_event", "instrument_id", "publisher_id"} <= names and names & {"rtype", "ts_recv"} else 0.0


FORMAT = Format(
    name="databento-csv",
    title="Databento CSV, all schemas",
    detect=_detect,
    open=DatabentoCsvReader,
)
