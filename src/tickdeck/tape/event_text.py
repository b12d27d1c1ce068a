"""Rows of text as events: what CSV, JSON lines and frames have in common.

A compiled loop takes the plain rows and stops at any other; that one becomes a list of texts, one for each field of the schema,
and an event under the same rules, or is counted as bad with the reason.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from tickdeck.core import EVENT, Records, UsageError
from tickdeck.tape import event_layout as k
from tickdeck.tape.blocks import BLOCK_BYTES, Blocks
from tickdeck.tape.event_instruments import InstrumentTable
from tickdeck.tape.event_row import RowParser
from tickdeck.tape.event_schema import FIELDS, NUMBER, SHOWN, TIME_DIGITS, TYPE_INDEX, RowError, time_digits
from tickdeck.tape.reader import Reader, ReadOptions
from tickdeck.tape.source import Source

_INFERRED_DECIMALS = 8


class TextReader(Reader):
    """Reads rows of text; a format says how its bytes split into cells."""

    unit = "line"
    block_bytes = BLOCK_BYTES

    def __init__(self, source: Source, options: ReadOptions, default_symbol: str = "") -> None:
        super().__init__(source, options)
        if options.time_unit is not None and options.time_unit not in TIME_DIGITS:
            raise UsageError(f"time_unit {options.time_unit!r} is none of {', '.join(TIME_DIGITS)}")
        if options.schema is not None and options.schema not in TYPE_INDEX:
            raise UsageError(f"schema {options.schema!r} is none of the row types {', '.join(TYPE_INDEX)}")
        self._default_type = TYPE_INDEX.get(options.schema or "", -1)
        self.schema = options.schema or "event"
        stem = default_symbol or source.name.split(".")[0].upper() or "UNKNOWN"
        self.table = InstrumentTable(options, stem, self.instruments)
        self._starts = np.zeros(len(FIELDS) + 1, np.int64)
        self._stops = np.zeros(len(FIELDS) + 1, np.int64)
        self._state = np.zeros(k.S_COUNT, np.int64)
        self._config = np.zeros(k.C_COUNT, np.int64)

    @abstractmethod
    def _begin(self, blocks: Blocks) -> tuple[int, int]:
        """Read the head -> bytes and lines consumed."""

    @abstractmethod
    def _scan(self, blocks: Blocks, events: Records) -> int:
        """Run the compiled loop over the block."""

    @abstractmethod
    def _survey(self, blocks: Blocks) -> int:
        """Run the compiled survey over the block from ``state[S_SURVEY]`` on."""

    @abstractmethod
    def _cells(self, row: bytes) -> list[str]:
        """Cells of a row that is not plain, by field.

        Raises
        ------
        RowError
            It does not split.
        """

    def __iter__(self) -> Iterator[Records]:
        options, state, config = self.options, self._state, self._config
        with self.source.open() as stream:
            blocks = Blocks(stream, self.path, self.unit, self.block_bytes)
            self._refill(blocks, 0)
            consumed, lines = self._begin(blocks)
            state[k.S_POSITION], state[k.S_LINE], state[k.S_SLOT] = consumed, 1 + lines, -1
            parser = RowParser(self.table, options, self._default_type)
            config[k.C_DEFAULT_TYPE] = self._default_type
            config[k.C_PRICE_FACTOR], config[k.C_PRICE_DIGITS] = parser.price_factor, parser.price_digits
            self._infer(blocks, parser)
            events = np.empty(options.chunk, EVENT)
            while True:
                stop = self._scan(blocks, events)
                if stop == k.FULL:
                    self._note(blocks, parser)
                    yield events
                    events = np.empty(options.chunk, EVENT)
                    state[k.S_FILLED] = 0
                elif stop == k.KEY:
                    self.table.add_key(*(self._cell(blocks, field) for field in (k.F_SYMBOL, k.F_INSTRUMENT, k.F_DECIMALS)))
                    state[k.S_SLOT] = -1
                elif stop == k.ODD:
                    self._take_odd(blocks, parser, events)
                elif blocks.final:
                    break
                else:
                    self._refill(blocks, int(state[k.S_POSITION]))
                    state[k.S_POSITION] = 0
            self._note(blocks, parser)
            if state[k.S_FILLED]:
                yield events[: state[k.S_FILLED]].copy()
            if blocks.failure is not None:
                raise blocks.failure

    def _refill(self, blocks: Blocks, consumed: int) -> None:
        blocks.refill(consumed)
        if blocks.final and blocks.failure is None and blocks.end and blocks.data[blocks.end - 1] != ord("\n"):
            blocks.data[blocks.end] = ord("\n")
            blocks.end += 1
        self._config[k.C_FINAL] = blocks.final

    def _infer(self, blocks: Blocks, parser: RowParser) -> None:
        """Time unit and size decimals from the first block."""
        state = self._state
        state[k.S_SURVEY] = state[k.S_POSITION]
        seen, odd_time = 0, ""
        while self._survey(blocks) == k.ODD:
            row = blocks.data[state[k.S_SURVEY] : state[k.S_STOP]].tobytes()
            with suppress(RowError):
                cells = self._cells(row)
                qty = cells[k.F_QTY].strip(" \t")
                seen = max(seen, len(qty.partition(".")[2]) if NUMBER.fullmatch(qty) else 0)
                if not state[k.S_TIME_STOP] and not odd_time:
                    odd_time = cells[k.F_TIME] if cells[k.F_TIME].strip("-.0 \t") else ""
            state[k.S_SURVEY] = state[k.S_STOP]
        seen = max(seen, int(state[k.S_QTY_DECIMALS]))
        self.table.inferred_decimals = min(max(seen, _INFERRED_DECIMALS), 18) if seen else 0
        if self.options.time_unit is None:
            text = blocks.data[state[k.S_TIME_START] : state[k.S_TIME_STOP]].tobytes().decode(errors="replace")
            text = odd_time or text
            parser.time_digits = time_digits(text) if text else 0
        self._config[k.C_TIME_DIGITS] = parser.time_digits

    def _cell(self, blocks: Blocks, field: int) -> bytes:
        return blocks.data[self._starts[field] : self._stops[field]].tobytes()

    def _take_odd(self, blocks: Blocks, parser: RowParser, events: Records) -> None:
        state = self._state
        line = int(state[k.S_LINE])
        row = blocks.data[state[k.S_POSITION] : state[k.S_STOP]].tobytes()
        try:
            event = parser.parse(self._cells(row), line)
            if event is None:
                state[k.S_SKIPPED] += 1
            else:
                events[state[k.S_FILLED]] = event
                state[k.S_FILLED] += 1
        except RowError as error:
            shown = row[:SHOWN].decode(errors="replace").strip()
            self.bad(line, f"{error}: {shown}")
        state[k.S_POSITION] = state[k.S_STOP]
        state[k.S_LINE] += state[k.S_LINES]

    def _note(self, blocks: Blocks, parser: RowParser) -> None:
        """Bring position and counts up to date."""
        state = self._state
        self.position = blocks.offset + int(state[k.S_POSITION])
        for name, count in (
            ("hashed_ids", int(state[k.S_HASHED]) + parser.hashed),
            ("second_ids_dropped", int(state[k.S_DROPPED]) + parser.dropped),
            ("rows_of_other_symbols", int(state[k.S_SKIPPED])),
        ):
            if count:
                self.report.notes[name] = count
