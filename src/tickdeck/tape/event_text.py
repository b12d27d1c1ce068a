"""Rows of text as events: what CSV, JSON lines and frames have in common.

A compiled loop takes the plain rows. Any other row comes here as a list of texts, one for each field of the schema: it becomes an event
under the same rules, or is counted as bad with the reason. :class:`InstrumentTable` gives both the instruments.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import EVENT, UNDEF_PRICE, Instrument, PrecisionError, Records, TradingStatus, UsageError, to_ns
from tickdeck.core.decimals import fixed
from tickdeck.core.enums import Action, Side
from tickdeck.tape.blocks import Blocks
from tickdeck.tape.event_schema import (
    FIELDS,
    INTEGERS,
    IS_CANCEL,
    IS_STATUS,
    IS_TOP,
    IS_TRADE,
    NEEDS_ID,
    NEEDS_PRICE,
    NEEDS_QTY,
    NEEDS_SIDE,
    PUBLISHER,
    RANGES,
    SIDES,
    TIME_DIGITS,
    TYPE_INDEX,
    TYPE_OF_ACTION,
    TYPES,
    RowError,
    time_digits,
)
from tickdeck.tape.kernels import event_fields as k
from tickdeck.tape.reader import Reader, ReadOptions
from tickdeck.tape.source import Source

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_ID = re.compile(r"0|[1-9]\d*", re.ASCII)
_INFERRED_DECIMALS = 8
_SHOWN = 80
_MASK = 2**64 - 1


def hash64(data: bytes, value: int = int(k.FNV_START)) -> int:
    """64-bit FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv): a stable number for an id that is none."""
    for byte in data:
        value = (value ^ byte) * int(k.FNV_PRIME) & _MASK
    return value


class InstrumentTable:
    """The instruments of a file by what its rows say of them, for Python and, as arrays, for kernels.

    Parameters
    ----------
    options : ReadOptions
    default : str
        Symbol of rows without one.
    instruments : dict of int to Instrument
        Filled as symbols appear.
    """

    def __init__(self, options: ReadOptions, default: str, instruments: dict[int, Instrument]) -> None:
        self._options = options
        only = options.instruments[0] if len(options.instruments) == 1 else None
        self._default = only.symbol if only else default
        self._instruments = instruments
        self._ids: dict[str, int] = {}
        self._reserved = {item.instrument_id for item in options.instruments if item.instrument_id is not None}
        self._known: dict[tuple[str, str, str], tuple[int, int, int, int] | RowError] = {}
        self.inferred_decimals = 0
        self.slots: NDArray[np.void] = np.zeros(64, k.SLOT)
        self.blob: NDArray[np.uint8] = np.zeros(4096, np.uint8)
        self._blob_end = 0

    def find(self, symbol: str, number: str, decimals: str) -> tuple[int, int, int, int]:
        """Instrument id, publisher id, size decimals and use (``U_KEEP`` or ``U_SKIP``) of a row's instrument.

        Raises
        ------
        RowError
            The row's instrument makes no sense.
        """
        key = (symbol, number, decimals)
        found = self._known.get(key)
        if found is None:
            try:
                found = self._register(*key)
            except RowError as error:
                found = error
            self._known[key] = found
        if isinstance(found, RowError):
            raise found
        return found

    def _register(self, symbol: str, number: str, decimals: str) -> tuple[int, int, int, int]:
        if not (symbol.isprintable() and max(symbol, default="") < "\udc00"):
            raise RowError(f"symbol {symbol[:_SHOWN]!r} is not printable text")
        given = _bounded(number, "instrument_id", 0, 2**32 - 1) if number else None
        name = symbol or (str(given) if given is not None else self._default)
        declared = self._options.instrument(name)
        if self._options.symbols is not None and name not in self._options.symbols:
            return 0, 0, 0, k.U_SKIP
        if declared is not None and declared.instrument_id is not None:
            given = declared.instrument_id
        if given is None:
            given = self._ids.get(name) or self._next_id()
        places = _bounded(decimals, "size_decimals", 0, 18) if decimals else self.inferred_decimals
        if declared is not None:
            places = declared.size_decimals
        before = self._instruments.get(given)
        if before is not None and (before.symbol, before.size_decimals) != (name, places):
            raise RowError(
                f"instrument_id {given} is {before.symbol} with {before.size_decimals} size decimals, "
                f"not {name} with {places}; declare the instruments"
            )
        self._ids.setdefault(name, given)
        made = declared.with_ids(given, declared.publisher_id) if declared else None
        self._instruments[given] = made or Instrument(name, size_decimals=places, instrument_id=given)
        publisher = declared.publisher_id if declared and declared.publisher_id is not None else PUBLISHER
        return given, publisher, places, k.U_KEEP

    def _next_id(self) -> int:
        taken = self._reserved | set(self._instruments)
        return next(number for number in range(len(self._instruments) + 1, 2**32) if number not in taken)

    def add_key(self, symbol: bytes, number: bytes, decimals: bytes) -> None:
        """Make a row's instrument, as it stands in the file, known to kernels."""
        try:
            instrument_id, publisher_id, places, use = self.find(
                *(part.decode(errors="surrogateescape").strip(" \t") for part in (symbol, number, decimals))
            )
        except RowError:
            instrument_id, publisher_id, places, use = 0, 0, 0, k.U_ODD
        value = int(k.FNV_START)
        for part in (symbol, number, decimals):
            value = hash64(part, value) * int(k.FNV_PRIME) & _MASK
        text = symbol + number + decimals
        while self._blob_end + len(text) > len(self.blob):
            self.blob = np.concatenate([self.blob, np.zeros_like(self.blob)])
        self.blob[self._blob_end : self._blob_end + len(text)] = np.frombuffer(text, np.uint8)
        if 2 * np.count_nonzero(self.slots["use"]) >= len(self.slots):
            self._grow()
        entry = np.zeros((), k.SLOT)
        entry[()] = (
            *(value, self._blob_end, len(symbol), len(number), len(decimals)),
            *(instrument_id, publisher_id, places, use),
        )
        self._put(self.slots, entry[()])
        self._blob_end += len(text)

    def _grow(self) -> None:
        larger = np.zeros(2 * len(self.slots), k.SLOT)
        for entry in self.slots[self.slots["use"] != k.U_FREE]:
            self._put(larger, entry)
        self.slots = larger

    @staticmethod
    def _put(slots: NDArray[np.void], entry: Any) -> None:
        slot = int(entry["hash"]) & (len(slots) - 1)
        while slots[slot]["use"] != k.U_FREE:
            slot = (slot + 1) % len(slots)
        slots[slot] = entry


class RowParser:
    """One row of texts as one event; what the compiled loop leaves to Python.

    Parameters
    ----------
    table : InstrumentTable
    options : ReadOptions
    explicit : bool
        The rows say their action (see ``event_schema``).
    has_sequence : bool
    default_type : int
        Type of rows without one; -1: none.
    """

    def __init__(
        self, table: InstrumentTable, options: ReadOptions, explicit: bool, has_sequence: bool, default_type: int
    ) -> None:
        self.table = table
        self.explicit = explicit
        self.has_sequence = has_sequence
        self.default_type = default_type
        self.time_digits = TIME_DIGITS.get(options.time_unit or "", 0)
        self.price_factor, self.price_digits = _price_scale(options.price_scale)
        self.hashed = 0
        self.dropped = 0

    def parse(self, cells: list[str], line: int) -> tuple[Any, ...] | None:
        """The fields of an ``EVENT``; None: the row's symbol was not asked for.

        Raises
        ------
        RowError
            The row is wrong.
        """
        row = dict(zip(FIELDS, (cell.strip(" \t") for cell in cells), strict=True))
        instrument_id, publisher_id, places, use = self.table.find(row["symbol"], row["instrument_id"], row["size_decimals"])
        if use == k.U_SKIP:
            return None
        kind = TYPES[self._type(row)]
        rules = 0 if self.explicit else kind.rules
        values: dict[str, int] = {
            "action": kind.action,
            "flags": kind.flags,
            "rtype": kind.rtype,
            "instrument_id": instrument_id,
            "publisher_id": publisher_id + (1 if kind.rules & IS_TOP else 0),
            "sequence": 0 if self.has_sequence else line,
            "ts_event": self._time(row["timestamp"], "timestamp"),
            "ts_recv": self._time(row["ts_recv"], "ts_recv") if row["ts_recv"] else 0,
            "side": self._side(row["side"], rules, kind.name),
            "order_id": self._id(row, kind.rules, rules, kind.name),
            "price": self._price(row["price"], rules, kind.name),
            "size": self._size(row["qty"], rules, kind.name, places),
            "channel_id": 0,
            "ts_in_delta": 0,
            "reserved": 0,
        }
        if row["action"]:
            values["action"] = self._action(row["action"])
        elif rules & IS_CANCEL and not row["qty"]:
            values["action"] = Action.MODIFY
        for name, field in INTEGERS.items():
            if row[name]:
                values[field] = _bounded(row[name], name, *RANGES[name])
        if rules & IS_TOP:
            if values["price"] == UNDEF_PRICE and values["size"]:
                raise RowError("a bbo row with a qty needs a price")
            if not values["size"]:
                values["price"] = UNDEF_PRICE
        return tuple(values[name] for name in EVENT.names or ())

    def _type(self, row: dict[str, str]) -> int:
        text = row["type"]
        if text:
            if text.lower() not in TYPE_INDEX:
                raise RowError(f"type {text[:_SHOWN]!r} is none of {', '.join(TYPE_INDEX)}")
            return TYPE_INDEX[text.lower()]
        if self.default_type >= 0:
            return self.default_type
        if not row["action"]:
            raise RowError("the row has no type")
        return TYPE_OF_ACTION[self._action(row["action"])]

    @staticmethod
    def _action(text: str) -> Action:
        if len(text) != 1 or ord(text) not in TYPE_OF_ACTION:
            raise RowError(f"action {text[:_SHOWN]!r} is none of A, C, M, R, T, F, N")
        return Action(ord(text))

    def _time(self, text: str, name: str) -> int:
        if not text:
            raise RowError(f"the row has no {name}")
        if _NUMBER.fullmatch(text):
            return _fixed(text, max(self.time_digits, 0), name)
        try:
            value = to_ns(text)
        except (UsageError, OverflowError) as error:
            raise RowError(f"{name}: {error}") from None
        if not -(2**63) < value < 2**63 - 1:
            raise RowError(f"{name} {text!r} does not fit in 64 bits of ns")
        return value

    @staticmethod
    def _side(text: str, rules: int, kind: str) -> int:
        side = SIDES.get(text.lower(), None) if text else Side.NONE
        if side is None:
            raise RowError(f"side {text[:_SHOWN]!r} is none of B, A, N, buy, sell, bid, ask, 1, -1")
        if side == Side.NONE and rules & NEEDS_SIDE:
            raise RowError(f"a {kind} row needs a side")
        return side

    def _price(self, text: str, rules: int, kind: str) -> int:
        if not text:
            if rules & NEEDS_PRICE:
                raise RowError(f"a {kind} row needs a price")
            return UNDEF_PRICE
        if self.price_factor == 1 and not self.price_digits:
            return _fixed(text, 9, "price")
        if not _NUMBER.fullmatch(text):
            raise RowError(f"price {text[:_SHOWN]!r} is not a number")
        units = Fraction(text) * self.price_factor * 10**9 / 10**self.price_digits
        if units.denominator != 1 or abs(units) > 2**63 - 2:
            raise RowError(f"price {text[:_SHOWN]} times the price scale is no multiple of 1e-9 that fits in 63 bits")
        return int(units)

    @staticmethod
    def _size(text: str, rules: int, kind: str, places: int) -> int:
        if not text:
            if rules & NEEDS_QTY:
                raise RowError(f"a {kind} row needs a qty")
            return 0
        try:
            return _fixed(text, places, "qty")
        except RowError as error:
            hint = "; declare the instrument with its size_decimals" if "decimals" in str(error) else ""
            raise RowError(f"{error}{hint}") from None

    def _id(self, row: dict[str, str], kind_rules: int, rules: int, kind: str) -> int:
        first, second = ("trade_id", "order_id") if kind_rules & IS_TRADE else ("order_id", "trade_id")
        text = row[first] or row[second]
        if not text:
            if rules & NEEDS_ID:
                raise RowError(f"a {kind} row needs an order_id")
            return 0
        if row[first] and row[second]:
            self.dropped += 1
        if _ID.fullmatch(text) and int(text) < 2**64:
            return int(text)
        if kind_rules & IS_STATUS:
            name = text.upper().replace(" ", "_")
            if name not in TradingStatus.__members__:
                raise RowError(f"status {text[:_SHOWN]!r} is neither a code nor a name such as TRADING or HALT")
            return TradingStatus[name]
        self.hashed += 1
        return hash64(text.encode(errors="surrogateescape"))


def _fixed(text: str, decimals: int, name: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise RowError(f"{name} {text[:_SHOWN]!r} is not a number")
    try:
        return fixed(text, decimals, name)
    except PrecisionError as error:
        raise RowError(str(error)) from None


def _bounded(text: str, name: str, low: int, high: int) -> int:
    if not _INTEGER.fullmatch(text) or len(text) > _SHOWN:
        raise RowError(f"{name} {text[:_SHOWN]!r} is not a whole number")
    if not low <= int(text) <= high:
        raise RowError(f"{name} {text} is not between {low} and {high}")
    return int(text)


def _price_scale(text: str | None) -> tuple[int, int]:
    """A factor and a number of decimals that together are the price scale."""
    if text is None:
        return 1, 0
    try:
        units = fixed(str(text), 9, "price_scale")
    except PrecisionError as error:
        raise UsageError(str(error)) from None
    if units <= 0:
        raise UsageError(f"price_scale must be above 0, not {text}")
    digits = 9
    while digits and units % 10 == 0:
        units, digits = units // 10, digits - 1
    return units, digits


class TextReader(Reader):
    """Reads rows of text; a format says how its bytes split into cells."""

    unit = "line"

    def __init__(self, source: Source, options: ReadOptions, default_symbol: str = "") -> None:
        super().__init__(source, options)
        if options.time_unit is not None and options.time_unit not in TIME_DIGITS:
            raise UsageError(f"time_unit {options.time_unit!r} is none of {', '.join(TIME_DIGITS)}")
        if options.schema is not None and options.schema not in TYPE_INDEX:
            raise UsageError(f"schema {options.schema!r} is none of the row types {', '.join(TYPE_INDEX)}")
        self._default_type = TYPE_INDEX.get(options.schema or "", -1)
        self.schema = options.schema or "event"
        stem = default_symbol or source.name.split(".")[0].upper() or "UNKNOWN"
        self._table = InstrumentTable(options, stem, self.instruments)
        self._starts = np.zeros(len(FIELDS) + 1, np.int64)
        self._stops = np.zeros(len(FIELDS) + 1, np.int64)
        self._state = np.zeros(k.S_COUNT, np.int64)
        self._config = np.zeros(k.C_COUNT, np.int64)

    @abstractmethod
    def _begin(self, blocks: Blocks) -> tuple[list[str] | None, int, int]:
        """Read the head -> fields that the file has (None: any), bytes consumed, lines consumed."""

    @abstractmethod
    def _scan(self, blocks: Blocks, events: Records) -> int:
        """Run the compiled loop over the block."""

    @abstractmethod
    def _survey(self, blocks: Blocks) -> None:
        """Run the compiled survey over the block."""

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
            blocks = Blocks(stream, self.path, self.unit)
            self._refill(blocks, 0)
            fields, consumed, lines = self._begin(blocks)
            state[k.S_POSITION], state[k.S_LINE] = consumed, 1 + lines
            explicit = fields is not None and "action" in fields
            has_sequence = fields is not None and "sequence" in fields
            parser = RowParser(self._table, options, explicit, has_sequence, self._default_type)
            config[k.C_EXPLICIT], config[k.C_HAS_SEQUENCE], config[k.C_DEFAULT_TYPE] = explicit, has_sequence, self._default_type
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
                    self._table.add_key(*(self._cell(blocks, field) for field in (k.F_SYMBOL, k.F_INSTRUMENT, k.F_DECIMALS)))
                    state[k.S_SLOT] = 0
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
        state, config = self._state, self._config
        self._survey(blocks)
        seen = int(state[k.S_QTY_DECIMALS])
        self._table.inferred_decimals = min(max(seen, _INFERRED_DECIMALS), 18) if seen else 0
        if self.options.time_unit is None:
            text = blocks.data[state[k.S_TIME_START] : state[k.S_TIME_STOP]].tobytes().decode(errors="replace")
            parser.time_digits = time_digits(text) if text else 0
        config[k.C_TIME_DIGITS] = parser.time_digits

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
            shown = row[:_SHOWN].decode(errors="replace").strip()
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
