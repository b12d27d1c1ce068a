"""LOBSTER message files: NASDAQ order messages of one symbol and day, as CSV (https://lobsterdata.com).

How a row becomes events, all with the 1-based row number in ``sequence``:

====  ===========================  ===========================================================================
type  message                      events
====  ===========================  ===========================================================================
1     new limit order              A
2     partial cancellation         C with the cancelled size, flag PUBLISHER_SPECIFIC
3     deletion                     C with the remaining size
4     execution, visible order     T, F, C
5     execution, hidden order      T alone
6     cross trade                  T alone, flag PUBLISHER_SPECIFIC, side N (direction -1, which says nothing here)
7     halt                         N with the status: HALT (price -1), QUOTING (0), TRADING (1)
====  ===========================  ===========================================================================

A file of N levels holds only messages that touch those levels, so cancels and executions may name orders that it never added.
The tick is left open: hidden trades lie between ticks, and stocks below a dollar have finer ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tickdeck.core import EVENT, FormatError, Instrument, Records, UsageError
from tickdeck.core.instrument import replace_fields
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.tape.blocks import Blocks
from tickdeck.tape.lobster_names import LobsterName, new_york_midnight_ns, parse_name
from tickdeck.tape.reader import Format, Reader, ReadOptions, Writer
from tickdeck.tape.source import Source

_KEPT_TIME_TEXTS = 65_536
_SEEN_ROWS = 20


def message_source(source: Source) -> Source:
    """`source` itself, or the one message file of a zip.

    Raises
    ------
    FormatError
        The zip holds no message file.
    UsageError
        It holds several.
    """
    if not source.members:
        return source
    names = [name for name in source.members if (found := parse_name(name)) and found.kind == "message"]
    if not names:
        raise FormatError("the zip holds no LOBSTER message file (..._message_5.csv)", path=source.path)
    if source.path.endswith(tuple(source.members)):
        return source
    if len(names) > 1:
        raise UsageError(f"{source.path}: the zip holds {len(names)} message files; name one, as in {source.path}/{names[0]}")
    return source.member(names[0])


def looks_like_messages(head: bytes) -> bool:
    """Whether the first rows are LOBSTER messages."""
    rows = head.split(b"\n")[: _SEEN_ROWS + 1]
    rows = rows[:-1] if len(rows) > 1 else rows
    for row in rows:
        fields = row.strip().split(b",")
        if len(fields) not in (6, 7) or fields[1] not in (b"1", b"2", b"3", b"4", b"5", b"6", b"7"):
            return False
        if fields[5] not in (b"1", b"-1") or not fields[0].replace(b".", b"", 1).isdigit():
            return False
    return True


def time_decimals(head: bytes) -> int | None:
    """Decimals of the times when they are padded with zeros; None when trailing zeros are left out."""
    fractions = [row.split(b",", 1)[0].partition(b".")[2] for row in head.split(b"\n")[:-1]]
    return next((len(text) for text in fractions if text.endswith(b"0")), None)


class LobsterReader(Reader):
    """Events of a message file.

    ``instruments[1].extra["lobster"]`` keeps what the writer needs to give back the same bytes: ``levels``, ``start_ms``,
    ``end_ms``, ``time_decimals``, ``final_newline`` and ``time_texts`` (row -> a time finer than a nanosecond, as written).

    Raises
    ------
    UsageError
        The file is an orderbook file, or neither its name nor the options give the date.
    """

    format = "lobster"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        source = message_source(source)
        super().__init__(source, options)
        name = parse_name(source.path) or LobsterName("message", 0)
        if name.kind == "orderbook":
            raise UsageError(f"{source.path}: is the orderbook file; read the message file beside it and verify against this one")
        self.schema = "message"
        self.day = options.date or name.date
        if not self.day:
            raise UsageError(f"{source.path}: its name does not say the day; give the date, as in date='2012-06-21'")
        self._midnight = new_york_midnight_ns(self.day)
        self._convention: dict[str, Any] = {
            "levels": name.levels,
            "start_ms": name.start_ms,
            "end_ms": name.end_ms,
            "time_decimals": time_decimals(source.head),
            "final_newline": True,
            "time_texts": {},
        }
        instrument = self._instrument(name.symbol)
        self._ids = np.array([instrument.instrument_id, PUBLISHERS["LOBSTER"]], np.int64)
        self.instruments[int(self._ids[0])] = instrument
        self.report.notes.update(symbol=instrument.symbol, date=self.day, levels=name.levels)

    def _instrument(self, symbol: str) -> Instrument:
        declared = self.options.instruments
        if not symbol:
            symbol = declared[0].symbol if len(declared) == 1 else PurePosixPath(self.source.path).name.split(".")[0] or "LOBSTER"
        if self.options.symbols is not None and symbol not in self.options.symbols:
            raise UsageError(f"{self.path}: holds {symbol}, not {', '.join(self.options.symbols)}")
        known = self.options.instrument(symbol) or Instrument(symbol, venue="XNAS")
        number = 1 if known.instrument_id is None else known.instrument_id
        return replace_fields(
            known,
            instrument_id=number,
            publisher_id=PUBLISHERS["LOBSTER"],
            extra={**known.extra, "lobster": self._convention},
        )

    def __iter__(self) -> Iterator[Records]:
        from tickdeck.tape.kernels.lobster import STOP_BAD, STOP_DATA, STOP_FINE_TIME, STOP_FULL, parse_messages

        result = np.zeros(8, np.int64)
        row = 1
        out: Records = np.empty(max(self.options.chunk, 3), EVENT)
        filled = 0
        with self.source.open() as stream:
            blocks = Blocks(stream, self.path, "line")
            consumed = 0
            while not (blocks.final and consumed == blocks.end):
                blocks.refill(consumed)
                consumed = 0
                stop = STOP_FULL
                while stop != STOP_DATA:
                    view, room = blocks.data[consumed : blocks.end], out[filled:]
                    parse_messages(view, len(view), blocks.final, row, self._midnight, self._ids, room, result)
                    stop = int(result[2])
                    start, consumed = consumed, consumed + int(result[0])
                    row += int(result[1])
                    filled += int(result[3])
                    if stop == STOP_FULL:
                        yield out[:filled]
                        out, filled = np.empty(len(out), EVENT), 0
                    elif stop == STOP_BAD:
                        text, consumed = _line(blocks, consumed)
                        self.bad(row, f"expected time,type,id,size,price,direction, found {text[:80]!r}")
                        row += 1
                    elif stop == STOP_FINE_TIME:
                        self._keep_time(blocks, start, consumed, row - 1)
                self.position = blocks.offset + consumed
                if blocks.final and blocks.end:
                    self._convention["final_newline"] = bool(blocks.data[blocks.end - 1] == ord("\n"))
            if filled:
                yield out[:filled]
            self._count(result, row - 1)
            if blocks.failure is not None:
                raise blocks.failure

    def _keep_time(self, blocks: Blocks, start: int, consumed: int, row: int) -> None:
        line = bytes(blocks.data[start:consumed]).rstrip(b"\r\n").rpartition(b"\n")[2]
        text = line.partition(b",")[0].decode()
        self.report.add("time_below_ns", row, f"the time {text} was rounded to a nanosecond")
        texts = self._convention["time_texts"]
        if len(texts) < _KEPT_TIME_TEXTS:
            texts[str(row)] = text

    def _count(self, result: Any, rows: int) -> None:
        self.report.notes["rows"] = rows
        for kind, count in (("time_backwards", result[5]), ("extra_column", result[6]), ("halt_with_order", result[7])):
            if count:
                self.report.add(kind, count=int(count))
        if rows and self.report.counts["bad_row"] == rows:
            raise FormatError("no row is a LOBSTER message (time,type,id,size,price,direction)", path=self.path)


def _line(blocks: Blocks, start: int) -> tuple[str, int]:
    """The line that starts at `start`, as text, and where the next one starts."""
    rest = blocks.data[start : blocks.end]
    ends = np.flatnonzero(rest[:4096] == ord("\n"))
    if not len(ends):
        ends = np.flatnonzero(rest == ord("\n"))
    end = int(ends[0]) if len(ends) else len(rest)
    return bytes(rest[:end]).decode("utf-8", "replace").rstrip("\r"), min(start + end + 1, blocks.end)


def _detect(source: Source) -> float:
    names = [found for found in map(parse_name, source.members or (source.path,)) if found]
    if source.members:
        return 1.0 if any(name.kind == "message" for name in names) else 0.0
    if names and names[0].kind == "orderbook":
        return 0.9 if b"," in source.head else 0.0
    if names and looks_like_messages(source.head):
        return 1.0
    return 0.7 if looks_like_messages(source.head) else 0.0


def _create(path: str | Path, instruments: Mapping[int, Instrument], **options: Any) -> Writer:
    from tickdeck.tape.lobster_writer import LobsterWriter

    return LobsterWriter(path, instruments, **options)


FORMAT = Format(
    name="lobster",
    title="LOBSTER message files (NASDAQ orders of one symbol and day)",
    detect=_detect,
    open=LobsterReader,
    suffixes=("_message_1.csv", "_message_5.csv", "_message_10.csv", "_message_30.csv", "_message_50.csv"),
    create=_create,
)
