"""Recorded WebSocket lines ``local_ns json`` of Binance spot or USD-M futures, as hftbacktest's collectors write them.

A REST depth snapshot is a line like any other. Which of the two venues it is follows from the messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from tickdeck.core import FormatError, Records, empty_events
from tickdeck.tape.blocks import Blocks
from tickdeck.tape.reader import Format, ReadOptions
from tickdeck.tape.source import Source
from tickdeck.tape.venue_reader import VenueReader
from tickdeck.venues.parser import Frame, VenueParser

_LINE = re.compile(rb"[0-9]{10,19} [\[{]")
_BLOCK_BYTES = 1 << 22
_LATEST_NS = 2**63 - 1
_FUTURES_SIGNS = (b'"pu":', b'"e":"bookTicker"', b'"X":"', b'"e":"markPriceUpdate"', b'"e":"forceOrder"')
_SPOT_SIGNS = (b'"M":', b'"data":{"u":')


def venue_of(head: bytes) -> str:
    """BINANCE or BINANCE_FUTURES: the first line that can tell, spot if none can."""
    for line in head.split(b"\n"):
        if any(sign in line for sign in _FUTURES_SIGNS):
            return "BINANCE_FUTURES"
        if any(sign in line for sign in _SPOT_SIGNS):
            return "BINANCE"
        if b'"lastUpdateId"' in line and b'"E":' in line[:100]:
            return "BINANCE_FUTURES"
    return "BINANCE"


class LinesReader(VenueReader):
    """Events of recorded lines; see :class:`VenueReader`."""

    format = "lines"

    def __init__(self, source: Source, options: ReadOptions, parser: VenueParser | None = None, last: bool = True) -> None:
        from tickdeck.venues.binance import BinanceParser
        from tickdeck.venues.registry import venue_parser

        if not source.head.strip():
            raise FormatError("there are no lines in it", path=source.path)
        made = parser or venue_parser(venue_of(source.head), tuple(options.instruments))
        if not isinstance(made, BinanceParser):
            raise FormatError(f"lines hold messages of Binance, not of {made.venue}", path=source.path)
        super().__init__(source, options, made, last)
        self._binance = made

    def __iter__(self) -> Iterator[Records]:
        from tickdeck.venues.kernels.binance import DONE
        from tickdeck.venues.kernels.binance_scan import NO_ROOM

        kinds = np.zeros(8, np.int64)
        bad_before = self.report.counts["bad_row"]
        with self.source.open() as stream:
            blocks = Blocks(stream, self.path, "line", _BLOCK_BYTES)
            at = 0
            while not (blocks.final and at == blocks.end):
                blocks.refill(at)
                at = 0
                while True:
                    at, self._count, code = self._binance.parse_lines(blocks.data, at, blocks.end, self._out, self._count, kinds)
                    self._row += int(kinds[0])
                    if code == DONE:
                        break
                    if code == NO_ROOM and self._count:
                        yield from self._take()
                        continue
                    end = _line_end(blocks, at)
                    if end < 0:
                        break
                    yield from self._add(self._line(bytes(blocks.data[at:end])))
                    at = min(end + 1, blocks.end)
                self.position = blocks.offset + at
            yield from self._finish()
            if blocks.failure is not None:
                raise blocks.failure
        if self._row and self.report.counts["bad_row"] - bad_before == self._row:
            raise FormatError("no line is a message of Binance (local_ns json)", path=self.path)

    def _line(self, line: bytes) -> Records:
        """Events of a line that is not for the kernel."""
        self._row += 1
        line = line.strip()
        if not line:
            return empty_events()
        stamp, _, payload = line.partition(b" ")
        if not stamp.isdigit() or len(stamp) > 19 or int(stamp) > _LATEST_NS or not payload:
            self.bad(self._row, f"expected local_ns json, found {line[:60].decode('utf-8', 'replace')!r}")
            return empty_events()
        self._recv = int(stamp)
        return self._parse(self._row, Frame(payload, self._recv))


def _line_end(blocks: Blocks, at: int) -> int:
    """Where the line that starts at `at` ends; -1: not in this block."""
    window = 65_536
    while at < blocks.end:
        found = bytes(blocks.data[at : min(at + window, blocks.end)]).find(b"\n")
        if found >= 0:
            return at + found
        at += window
    return blocks.end if blocks.final else -1


def _detect(source: Source) -> float:
    return 1.0 if _LINE.match(source.head) else 0.0


FORMAT = Format(
    name="lines",
    title="recorded WebSocket lines (local_ns json) of Binance spot or USD-M futures",
    detect=_detect,
    open=LinesReader,
)
