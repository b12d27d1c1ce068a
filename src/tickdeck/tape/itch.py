"""NASDAQ ITCH 5.0 files: messages behind 2-byte lengths, as the exchange publishes its days (usually gzipped).

A file whose lengths are zero is read by the lengths of the message types. Times count from New York midnight of the day, which
comes from the name (``12302019.NASDAQ_ITCH50.gz``, ``20191230.BX_ITCH_50.gz``, ``S093019-v50.txt.gz``) or from the option `date`.
``sequence`` is the 1-based number of the message. What each message becomes stands in :mod:`tickdeck.venues.itch_decoder`.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from datetime import date
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, Records, TruncatedError, UsageError
from tickdeck.tape.blocks import Blocks
from tickdeck.tape.lobster_names import new_york_midnight_ns
from tickdeck.tape.reader import Format, Reader, ReadOptions
from tickdeck.tape.source import Source
from tickdeck.venues.itch import LENGTHS, MESSAGES

_DETECT_MESSAGES = 50
_DATES = (
    (r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)", "ymd"),
    (r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d)", "ymd"),
    (r"(?<!\d)(\d\d)(\d\d)((?:19|20)\d\d)(?!\d)", "mdy"),
    (r"(?<!\d)(\d\d)(\d\d)(\d\d)-v\d", "mdy"),
)


def date_of_name(path: str) -> str | None:
    """ISO date in the name of `path`: 20191230, 12302019, 2019-12-30 or S093019-v50; None without one."""
    name = PurePosixPath(path).name
    for pattern, order in _DATES:
        for found in re.finditer(pattern, name):
            parts = dict(zip(order, map(int, found.groups())))
            year = parts["y"] + (2000 if parts["y"] < 100 else 0)
            try:
                return date(year, parts["m"], parts["d"]).isoformat()
            except ValueError:
                continue
    return None


def publisher_of_name(path: str) -> int:
    """Publisher id by the name of the exchange in the file's name: BX, PSX, else NASDAQ."""
    name = PurePosixPath(path).name.lower()
    if re.search(r"(?<![a-z])psx(?![a-z])", name):
        return 4
    return 3 if re.search(r"(?<![a-z])bx(?![a-z])", name) else 2


class ItchReader(Reader):
    """What files and captures of ITCH have in common: blocks of indexed messages, decoded.

    Raises
    ------
    UsageError
        Neither the options nor the file give the date.
    """

    def __init__(self, source: Source, options: ReadOptions) -> None:
        if len(source.members) > 1 and not source.path.endswith(source.members):
            raise UsageError(
                f"{source.path}: the zip holds {len(source.members)} files; name one, as in {source.path}/{source.members[0]}"
            )
        from tickdeck.venues.itch_decoder import ItchDecoder, message_index

        super().__init__(source, options)
        self.schema = "itch50"
        self.day = options.date or self._day()
        if not self.day:
            raise UsageError(f"{source.path}: its name does not say the day; give the date, as in date='2019-12-30'")
        self.decoder = ItchDecoder(
            new_york_midnight_ns(self.day),
            publisher_of_name(source.path),
            instruments=options.instruments,
            symbols=options.symbols,
            chunk=options.chunk,
        )
        self.instruments = self.decoder.instruments
        self.report.notes["date"] = self.day
        self._index = message_index()

    def _day(self) -> str | None:
        return date_of_name(self.path)

    @abstractmethod
    def _indexed(self, blocks: Blocks) -> Iterator[tuple[NDArray[np.uint8], int]]:
        """Fill the index: the bytes that it points into, and how many messages it holds."""

    def __iter__(self) -> Iterator[Records]:
        with self.source.open() as stream:
            blocks = Blocks(stream, self.path, "packet")
            for data, count in self._indexed(blocks):
                yield from self.decoder.decode(data, self._index, count)
                if self.options.strict:
                    self._stop_at_anomaly()
        rest = self.decoder.flush()
        if len(rest):
            yield rest
        self._note()
        if blocks.failure is not None:
            raise blocks.failure
        if not self.decoder.messages_seen:
            raise FormatError("holds no ITCH 5.0 message", path=self.path)

    def _note(self) -> None:
        seen = self.decoder.report
        self.report.notes["messages"] = {f"{code} {MESSAGES[code].name}": count for code, count in seen.messages.items()}
        self.report.notes["live_orders"] = self.decoder.live_orders
        for kind, count in seen.anomalies.items():
            if "_order_" in kind:
                self.report.notes.setdefault("unknown_order", {})[kind[-1]] = count
            else:
                self.report.add(kind, count=count)
        for text in seen.examples:
            self.report.add("broken_trade", 0, text, count=0)

    def _stop_at_anomaly(self) -> None:
        for kind in ("length_mismatch", "unknown_message", "bad_field"):
            if self.decoder.report.anomalies[kind]:
                raise FormatError(
                    f"{kind.replace('_', ' ')}: not clean ITCH 5.0; read without strict to count it", path=self.path
                )


class ItchFileReader(ItchReader):
    """Events of a length-framed file."""

    format = "itch"

    def _indexed(self, blocks: Blocks) -> Iterator[tuple[NDArray[np.uint8], int]]:
        from tickdeck.venues.kernels.moldudp import STOP_BAD, STOP_FULL, index_file

        result = np.zeros(4, np.int64)
        sequence = 1
        consumed = 0
        while not blocks.final:
            blocks.refill(consumed)
            consumed = 0
            stop = STOP_FULL
            while stop == STOP_FULL:
                view = blocks.data[consumed : blocks.end]
                index_file(view, len(view), blocks.final, LENGTHS, sequence, self._index, result)
                stop = int(result[2])
                consumed += int(result[0])
                sequence += int(result[1])
                self.position = blocks.offset + consumed
                yield view, int(result[1])
            if stop == STOP_BAD:
                raise FormatError(
                    f"a message of length 0 and unknown type 0x{blocks.data[consumed + 2]:02x}; not ITCH 5.0 from here on",
                    path=self.path,
                    offset=self.position,
                )
        if result[3]:
            self.report.add("zero_length_prefix", count=int(result[3]))
        left = blocks.end - consumed
        if left and blocks.failure is None:
            text = f"the last message breaks off after {left:,} bytes"
            if self.options.strict:
                raise TruncatedError(f"{text}; fetch the file again", path=self.path, offset=self.position)
            self.report.add("truncated", sequence, text)


def looks_framed(head: bytes) -> float:
    """How sure it is that `head` starts length-framed ITCH 5.0: the share of the first messages that fit."""
    at = 0
    good = 0
    while at + 3 <= len(head) and good < _DETECT_MESSAGES:
        length = int.from_bytes(head[at : at + 2], "big")
        known = int(LENGTHS[head[at + 2]])
        if known == 0 or length not in (0, known):
            return 0.0
        if at + 2 + known > len(head):
            break
        good += 1
        at += 2 + known
    return 1.0 if good >= 3 else 0.8 if good else 0.0


def _detect(source: Source) -> float:
    if looks_framed(source.head):
        return looks_framed(source.head)
    return 0.3 if re.search(r"itch_?5", PurePosixPath(source.path).name.lower()) else 0.0


FORMAT = Format(
    name="itch",
    title="NASDAQ TotalView-ITCH 5.0 files (2-byte lengths)",
    detect=_detect,
    open=ItchFileReader,
)
