"""Captures of cryptofeed: JSON lines of raw REST and WebSocket traffic of one venue, for every venue with a parser.

The first line is a header that names the exchange; each further one is a record ``t``: connect, send, recv, http. ``data`` is a
text payload as it was received, ``b64`` a binary one. Spec: the docstring of cryptofeed/capture.py, format 2.

Captures converted from format 1 hold one connection after another instead of all in the order of time: they are put in order.
"""

from __future__ import annotations

import binascii
import heapq
from collections.abc import Iterator

import msgspec

from tickdeck.core import FormatError, Records, empty_events
from tickdeck.tape.reader import Format, ReadOptions
from tickdeck.tape.source import Source
from tickdeck.tape.venue_reader import Mark, VenueReader
from tickdeck.venues.fields import seconds
from tickdeck.venues.parser import Frame, VenueParser

_FORMAT_VERSION = 2
_MOST_RUNS = 64
_RECEIVED = ("recv", "ws")
_SILENT = ("connect", "send", "header", "disconnect", "close")


class Header(msgspec.Struct):
    """The first line of a capture."""

    t: str
    exchange: str
    format: int = _FORMAT_VERSION
    converted_from: int | None = None
    recorded: msgspec.Raw = msgspec.Raw(b"")


class Entry(msgspec.Struct):
    """A further line."""

    t: str
    ts: msgspec.Raw = msgspec.Raw(b"0")
    conn: str = ""
    url: str = ""
    addr: str = ""
    data: str | None = None
    b64: str | None = None


class _Time(msgspec.Struct):
    ts: msgspec.Raw = msgspec.Raw(b"0")


_HEADER = msgspec.json.Decoder(Header)
_ENTRY = msgspec.json.Decoder(Entry)
_TIME = msgspec.json.Decoder(_Time)

Row = tuple[int, bytes]
"""Number and text of a line."""


def header_of(source: Source) -> Header | None:
    """The header, or None where there is none."""
    try:
        header = _HEADER.decode(source.head.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return None
    return header if header.t == "header" else None


class CaptureReader(VenueReader):
    """Events of a capture; see :class:`VenueReader`."""

    format = "capture"

    def __init__(self, source: Source, options: ReadOptions, parser: VenueParser | None = None, last: bool = True) -> None:
        from tickdeck.venues.registry import venue_names, venue_parser

        header = header_of(source)
        if header is None:
            raise FormatError("the first line is no header of a cryptofeed capture", path=source.path, row=1)
        if header.format != _FORMAT_VERSION:
            raise FormatError(f"capture format {header.format} is unknown; format {_FORMAT_VERSION} is read", path=source.path)
        if header.exchange.upper() not in venue_names():
            raise FormatError(
                f"a capture of {header.exchange}, for which there is no parser; there are {', '.join(venue_names())}",
                path=source.path,
            )
        self.header = header
        super().__init__(source, options, parser or venue_parser(header.exchange, tuple(options.instruments)), last)
        if self.parser.venue != header.exchange.upper():
            raise FormatError(f"a capture of {header.exchange} cannot go on with one of {self.parser.venue}", path=source.path)
        self._addresses: dict[str, str] = {}

    def __iter__(self) -> Iterator[Records]:
        self._row = 1
        failure: FormatError | None = None
        rows = self._rows()
        while True:
            try:
                number, line = next(rows)
            except StopIteration:
                break
            except FormatError as error:
                failure = error
                break
            self._row = max(self._row, number)
            yield from self._add(*self._entry(number, line))
        yield from self._finish()
        if failure is not None:
            raise failure

    # lines

    def _rows(self) -> Iterator[Row]:
        """The lines after the header, in the order of time."""
        if self.header.converted_from is None or self.path == "-":
            return self._run(2, None)
        starts = self._starts()
        runs = [_timed(self._run(start, end)) for start, end in zip(starts, [*starts[1:], None])]
        return (row for _, row in heapq.merge(*runs, key=lambda item: item[0]))

    def _starts(self) -> list[int]:
        """Rows at which the time steps back: where each connection's records begin. Row 2 alone: the file is read as it is."""
        starts, before = [2], 0
        try:
            for (time, number), _ in _timed(self._run(2, None), steps=True):
                if time < before:
                    starts.append(number)
                before = time
        except FormatError:
            return [2]
        finally:
            self.position = 0
        if len(starts) > _MOST_RUNS:
            self.report.add("unordered", 0, "too many steps back in time; read in the order of the file", len(starts))
            return [2]
        return starts

    def _run(self, start: int, end: int | None) -> Iterator[Row]:
        """Lines from row `start` up to row `end`."""
        with self.source.lines() as lines:
            for number, line in enumerate(lines, 1):
                if number == end:
                    return
                if number >= start:
                    self.position += len(line) + 1
                    yield number, line

    def _entry(self, number: int, line: bytes) -> tuple[Records, list[Mark]]:
        """Events and stated checksums of a line."""
        nothing: tuple[Records, list[Mark]] = (empty_events(), [])
        if not line.strip():
            return nothing
        try:
            entry = _ENTRY.decode(line)
            self._recv = seconds(bytes(entry.ts).decode())
            payload = _payload(entry)
        except (ValueError, RecursionError) as error:
            self.bad(number, f"no record of a capture ({str(error)[:80]}): {line[:60].decode('utf-8', 'replace')!r}")
            return nothing
        if entry.t == "connect":
            self._addresses[entry.conn] = entry.addr
        if entry.t == "http":
            frame = Frame(payload, self._recv, True, entry.url, entry.conn)
        elif entry.t in _RECEIVED:
            frame = Frame(payload, self._recv, False, self._addresses.get(entry.conn, entry.addr), entry.conn)
        else:
            if entry.t not in _SILENT:
                self.report.add("unhandled", number, f"a record of type {entry.t!r}")
            return nothing
        return self._parse(number, frame), list(self.parser.expected)


def _timed(rows: Iterator[Row], steps: bool = False) -> Iterator[tuple[tuple[int, int], Row]]:
    """Rows with time and number. A time that cannot be read is the one before; so is one that steps back, without `steps`."""
    before = 0
    for number, line in rows:
        try:
            time = seconds(bytes(_TIME.decode(line).ts).decode())
        except (ValueError, RecursionError):
            time = before
        before = time if steps else max(time, before)
        yield (before, number), (number, line)


def _payload(entry: Entry) -> bytes:
    if entry.b64 is not None:
        return binascii.a2b_base64(entry.b64, strict_mode=True)
    return (entry.data or "").encode("utf-8", "surrogatepass")


def _detect(source: Source) -> float:
    return 1.0 if header_of(source) else 0.0


FORMAT = Format(
    name="capture",
    title="captures of raw REST and WebSocket traffic by cryptofeed (JSON lines with a header)",
    detect=_detect,
    open=CaptureReader,
)
