"""hftbacktest's ``.npz`` event files (https://hftbacktest.readthedocs.io, "Data"): the array ``data`` of its event dtype.

====  ===========================  ======================================================================================
code  event                        becomes
====  ===========================  ======================================================================================
1, 4  depth, depth snapshot        A with the MBP flag (4: and SNAPSHOT)
2     trade                        T, side of the aggressor
3     depth clear                  of both sides: R; of one side up to a price: A with the MBP flag and size 0 for each level
5     best bid or ask              A with the TOB flag, in the top-of-book stream
10    order added                  A
11    order cancelled              C; without a quantity the whole order: M with size 0
12    order modified               M
13    order filled                 F
====  ===========================  ======================================================================================

A file may hold an event twice, in the venue's order and in the receiver's (flags EXCH_EVENT and LOCAL_EVENT). The receiver's
order is read; with ``schema="exchange"`` the venue's, and that also where the file's first rows have no other. Rows with equal
times form one group. Prices are multiples of the declared tick, or else the shortest decimals that the floats stand for. The
sequence is the row's number.
"""

from __future__ import annotations

import io
import tokenize
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import (
    EVENT,
    UNDEF_PRICE,
    Action,
    Flag,
    FormatError,
    Instrument,
    Records,
    RType,
    Side,
    UsageError,
    empty_events,
)
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.tape.floats import decimal_units, tick_units
from tickdeck.tape.reader import Format, Reader, ReadOptions
from tickdeck.tape.source import Source

HFT_EVENT: np.dtype[np.void] = np.dtype(
    [
        ("ev", "<u8"),
        ("exch_ts", "<i8"),
        ("local_ts", "<i8"),
        ("px", "<f8"),
        ("qty", "<f8"),
        ("order_id", "<u8"),
        ("ival", "<i8"),
        ("fval", "<f8"),
    ]
)
EXCHANGE, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
DEPTH, TRADE, CLEAR, SNAPSHOT, BBO, ADD, CANCEL, MODIFY, FILL = 1, 2, 3, 4, 5, 10, 11, 12, 13

_ACTIONS = {
    DEPTH: Action.ADD,
    TRADE: Action.TRADE,
    CLEAR: Action.CLEAR,
    SNAPSHOT: Action.ADD,
    BBO: Action.ADD,
    ADD: Action.ADD,
    CANCEL: Action.CANCEL,
    MODIFY: Action.MODIFY,
    FILL: Action.FILL,
}
_FLAGS = {DEPTH: Flag.MBP, SNAPSHOT: Flag.MBP | Flag.SNAPSHOT, BBO: Flag.TOB}
_MAGIC = b"\x93NUMPY"
_MEMBER = "data.npy"
_INFERRED_DECIMALS = 8


def _code_table(values: dict[int, int]) -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    table[list(values)] = [int(value) for value in values.values()]
    return table


_ACTION_OF = _code_table({code: int(action) for code, action in _ACTIONS.items()})
_FLAGS_OF = _code_table({code: int(flags) for code, flags in _FLAGS.items()})


def _header(stream: io.BufferedIOBase, path: str) -> int:
    """Read the header of the array -> number of rows.

    Raises
    ------
    FormatError
        Damaged, or not an array of hftbacktest's events.
    """
    npy = np.lib.format
    try:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        with warnings.catch_warnings(action="ignore"):
            shape, _, dtype = read(stream)
    except (ValueError, TypeError, SyntaxError, EOFError, KeyError, RecursionError, MemoryError, tokenize.TokenError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise FormatError(f"the header of the array is damaged ({reason})", path=path) from None
    if dtype.names != HFT_EVENT.names or len(shape) != 1 or any(dtype[name] != HFT_EVENT[name] for name in HFT_EVENT.names or ()):
        raise FormatError(
            f"an array of {str(dtype)[:120]}, not of hftbacktest's event_dtype (version 2); convert the file with hftbacktest",
            path=path,
        )
    if dtype.itemsize != HFT_EVENT.itemsize:
        raise FormatError(f"events of {dtype.itemsize} bytes, not {HFT_EVENT.itemsize}", path=path)
    return int(shape[0])


class HftBacktestReader(Reader):
    """Reads hftbacktest's event files."""

    format = "hftbacktest"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        super().__init__(source, options)
        if options.schema not in (None, "local", "exchange"):
            raise UsageError(f"schema {options.schema!r} is neither local nor exchange, the two orders of the rows")
        if source.members[:1] != (_MEMBER,):
            found = ", ".join(source.members[:5]) or "no arrays"
            raise FormatError(f"the npz holds {found}, but must begin with the array called data", path=self.path)
        self.schema = options.schema or "local"
        symbol = source.name.split(".")[0].upper() or "UNKNOWN"
        self._declared = options.instruments[0] if len(options.instruments) == 1 else options.instrument(symbol)
        self._id = self._declared.instrument_id if self._declared and self._declared.instrument_id is not None else 1
        if self._declared is not None:
            self.instruments[self._id] = self._declared.with_ids(self._id, self._declared.publisher_id)
        self._symbol = symbol
        self._levels: dict[int, set[int]] = {int(Side.BID): set(), int(Side.ASK): set()}

    def __iter__(self) -> Iterator[Records]:
        held = empty_events()
        for events in self._converted():
            rows = np.concatenate([held, events])
            held = rows[-1:]
            yield from self._grouped(rows, len(rows) - 1)
        yield from self._grouped(held, len(held))

    def _grouped(self, rows: Records, count: int) -> Iterator[Records]:
        """The first `count` of `rows`, LAST on each that no row with the same times follows."""
        ends = np.ones(len(rows), bool)
        ends[:-1] = (rows["ts_event"][1:] != rows["ts_event"][:-1]) | (rows["ts_recv"][1:] != rows["ts_recv"][:-1])
        rows["flags"][ends] |= np.uint8(Flag.LAST)
        rows["flags"][~ends] &= np.uint8(255 - Flag.LAST)
        for start in range(0, count, self.options.chunk):
            yield rows[start : min(start + self.options.chunk, count)]

    def _converted(self) -> Iterator[Records]:
        """Events of each piece of the array."""
        with self.source.open() as stream:
            count = _header(stream, self.path)  # type: ignore[arg-type]
            row = 0
            while row < count:
                wanted = min(self.options.chunk, count - row) * HFT_EVENT.itemsize
                data = stream.read(wanted)
                whole = len(data) // HFT_EVENT.itemsize
                yield self._convert(np.frombuffer(data, HFT_EVENT, whole), row)
                row += whole
                self.position = row * HFT_EVENT.itemsize
                if len(data) < wanted:
                    raise FormatError(f"the array breaks off: {row:,} rows of {count:,}; write it again", path=self.path, row=row)

    def _convert(self, rows: Records, first: int) -> Records:
        numbers = np.arange(first + 1, first + 1 + len(rows))
        received = (rows["ev"] & LOCAL) != 0
        at_venue = (rows["ev"] & EXCHANGE) != 0
        if first == 0 and not received.any() and at_venue.any():
            self.schema = "exchange"
        twin = (at_venue & ~received) if self.schema == "local" else (received & ~at_venue)
        if twin.any():
            self.report.notes["rows_of_the_other_order"] = self.report.notes.get("rows_of_the_other_order", 0) + int(twin.sum())
            rows, numbers = rows[~twin], numbers[~twin]
        if self._declared is None and not self.instruments:
            whole = bool(np.all(rows["qty"] == np.rint(rows["qty"])))
            decimals = 0 if whole else _INFERRED_DECIMALS
            self.instruments[self._id] = Instrument(self._symbol, size_decimals=decimals, instrument_id=self._id)
        codes = (rows["ev"] & 0xFF).astype(np.uint8)
        events, good = self._fields(rows, codes)
        for index in np.flatnonzero(~good).tolist():
            self.bad(int(numbers[index]), f"{rows[index].item()} is no event of a known kind with an exact price and quantity")
        events["sequence"] = numbers
        return self._with_clears(events[good], codes[good])

    def _fields(self, rows: Records, codes: NDArray[np.uint8]) -> tuple[Records, NDArray[np.bool_]]:
        """Events one for one, and which of them are good."""
        instrument = self.instruments[self._id]
        events = np.zeros(len(rows), EVENT)
        events["ts_event"], events["ts_recv"] = rows["exch_ts"], rows["local_ts"]
        events["order_id"] = np.where(codes >= ADD, rows["order_id"], 0)
        events["instrument_id"], events["rtype"] = self._id, RType.MBO
        publisher = instrument.publisher_id if instrument.publisher_id is not None else PUBLISHERS["HFTBACKTEST"]
        events["publisher_id"] = publisher + (codes == BBO)
        events["action"], events["flags"] = _ACTION_OF[codes], _FLAGS_OF[codes]
        buy, sell = (rows["ev"] & BUY) != 0, (rows["ev"] & SELL) != 0
        events["side"] = np.where(buy, Side.BID, np.where(sell, Side.ASK, Side.NONE))
        price, exact_price = decimal_units(rows["px"], 9)
        if instrument.tick_size is not None:
            on_tick, fits = tick_units(rows["px"], instrument.tick_size)
            price, exact_price = np.where(fits, on_tick, price), exact_price | fits
        size, exact_size = decimal_units(rows["qty"], instrument.size_decimals)
        no_price, no_size = np.isnan(rows["px"]), np.isnan(rows["qty"])
        events["price"] = np.where(no_price, UNDEF_PRICE, price)
        events["size"] = size
        clear, cancel = codes == CLEAR, codes == CANCEL
        events["size"][clear] = 0
        all_of_it = cancel & (no_size | (size == 0))
        events["action"][all_of_it], events["size"][all_of_it] = Action.MODIFY, 0
        needs_price = (codes != CANCEL) & (codes != CLEAR) & (codes != BBO)
        needs_side = (codes == DEPTH) | (codes == SNAPSHOT) | (codes == BBO) | (codes == ADD)
        good = (_ACTION_OF[codes] != 0) & (exact_price | (no_price & ~needs_price)) & (exact_size | clear | (cancel & no_size))
        return events, good & ~(buy & sell) & (buy | sell | ~needs_side)

    def _with_clears(self, events: Records, codes: NDArray[np.uint8]) -> Records:
        """Replace each clear of one side by what it does to the levels that are there."""
        parts: list[Records] = []
        done = 0
        for index in np.flatnonzero(codes == CLEAR).tolist():
            parts.append(events[done:index])
            self._follow(events[done:index], codes[done:index])
            done = index + 1
            parts.append(self._cleared(events[index : index + 1]))
        parts.append(events[done:])
        self._follow(events[done:], codes[done:])
        return np.concatenate(parts)

    def _follow(self, events: Records, codes: NDArray[np.uint8]) -> None:
        """Keep track of the levels that are there."""
        depth = (codes == DEPTH) | (codes == SNAPSHOT)
        for side, levels in self._levels.items():
            rows = events[depth & (events["side"] == side)][::-1]
            prices, last = np.unique(rows["price"], return_index=True)
            there = rows["size"][last] > 0
            levels.update(prices[there].tolist())
            levels.difference_update(prices[~there].tolist())

    def _cleared(self, clear: Records) -> Records:
        """What a clear does: R for both sides, else an emptied level for each that it reaches; it is no market activity."""
        event = clear[0]
        side, price = int(event["side"]), int(event["price"])
        if side == Side.NONE:
            for levels in self._levels.values():
                levels.clear()
            out = clear.copy()
            out["price"], out["flags"] = UNDEF_PRICE, Flag.SNAPSHOT
            return out
        levels = self._levels[side]
        every = price == UNDEF_PRICE
        reached = sorted(level for level in levels if every or (level >= price if side == Side.BID else level <= price))
        levels.difference_update(reached)
        out = np.repeat(clear, len(reached))
        out["action"], out["price"], out["flags"] = Action.ADD, reached, Flag.MBP | Flag.SNAPSHOT
        return out


def _detect(source: Source) -> float:
    if source.members[:1] != (_MEMBER,) or not source.head.startswith(_MAGIC):
        return 0.0
    return 1.0 if b"exch_ts" in source.head[:512] else 0.0


FORMAT = Format(name="hftbacktest", title="hftbacktest events (npz)", detect=_detect, open=HftBacktestReader)
