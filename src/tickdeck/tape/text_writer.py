"""Writes events as rows of text: what CSV and JSON lines have in common."""

from __future__ import annotations

import gzip
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import zstandard
from numpy.typing import NDArray

from tickdeck.core import Instrument, Records
from tickdeck.tape import event_layout as w
from tickdeck.tape.event_schema import BASIC, FIELDS, TYPES, WRITTEN, time_digits
from tickdeck.tape.reader import Writer

_BLOCK_BYTES = 1 << 20
_CELL_BYTES = 32
_REASONS = {
    w.BAD_ACTION: "the action {action}",
    w.BAD_SIDE: "the side {side}",
    w.BAD_RESERVED: "a reserved byte that is not 0",
    w.BAD_AMOUNT: "a price, size or time at the very end of 64 bits",
}


class TextWriter(Writer):
    """Writes rows of text, compressed where the name ends in ``.gz`` or ``.zst``.

    Parameters
    ----------
    path : str or Path
    instruments : mapping of int to Instrument
        By instrument id.
    full : bool
        Write every field of ``EVENT``, so that reading gives the same events; else only the columns that other programs ask for.
    """

    omit_empty = False

    def __init__(self, path: str | Path, instruments: Mapping[int, Instrument], *, full: bool = True) -> None:
        super().__init__(path, instruments)
        from tickdeck.tape.kernels.event_write import write_rows

        self._write_rows = write_rows
        self.fields = WRITTEN if full else BASIC
        self._columns = np.array([FIELDS.index(name) for name in self.fields], np.int64)
        self._config = np.zeros(w.W_COUNT, np.int64)
        self._config[w.W_OMIT] = self.omit_empty
        self._out = np.zeros(_BLOCK_BYTES, np.uint8)
        self._written = 0
        self._symbols: dict[int, str] | None = None
        self._file = cast(BinaryIO, self.partial.open("wb"))
        self._stream = self._file
        if self.path.name.lower().endswith(".gz"):
            self._stream = cast(BinaryIO, gzip.GzipFile(filename="", mode="wb", fileobj=self._file, compresslevel=6, mtime=0))
        elif self.path.name.lower().endswith((".zst", ".zstd")):
            self._stream = cast(BinaryIO, zstandard.ZstdCompressor(level=3).stream_writer(self._file, closefd=False))

    @abstractmethod
    def _head(self) -> bytes:
        """What stands before the first row."""

    @abstractmethod
    def _cell(self, field: str, first: bool) -> tuple[bytes, bytes]:
        """What stands before and after the value of a field."""

    @abstractmethod
    def _row_end(self) -> bytes:
        """What stands after the last cell."""

    @abstractmethod
    def _text(self, symbol: str) -> bytes:
        """A symbol as it stands in a cell."""

    def write(self, events: Records) -> None:
        if self._symbols is None:
            self._config[w.W_ISO] = _needs_iso(events)
            self._stream.write(self._head())
        self._lay_out()
        places = np.searchsorted(self._ids, events["instrument_id"])
        places[self._ids[np.minimum(places, len(self._ids) - 1)] != events["instrument_id"]] = len(self._ids)
        result = np.zeros(2, np.int64)
        start = 0
        while start < len(events):
            code = self._write_rows(
                *(events, start, places, self._decimals, self._columns, self._blob, self._pieces),
                *(self._config, self._out, result),
            )
            self._stream.write(self._out[: result[0]].data)
            start += int(result[1])
            if code not in (w.WROTE, w.NO_ROOM):
                event = events[start]
                reason = _REASONS[code].format(action=int(event["action"]), side=int(event["side"]))
                raise self.refuse(f"{reason} (event {self._written + start:,})")
        self._written += len(events)

    def _lay_out(self) -> None:
        """Heads, tails, names and symbols as one blob; again when an instrument was added."""
        symbols = {number: item.symbol for number, item in self.instruments.items()}
        if symbols == self._symbols:
            return
        self._symbols = symbols
        order = sorted(self.instruments)
        self._ids: NDArray[np.int64] = np.array(order or [-1], np.int64)
        decimals = [self.instruments[number].size_decimals for number in order] or [0]
        self._decimals: NDArray[np.int64] = np.array([*decimals, 0], np.int64)
        cells = [self._cell(field, place == 0) for place, field in enumerate(self.fields)]
        texts = [self._text(self.instruments[number].symbol) for number in order] or [b""]
        pieces = [
            *(head for head, _ in cells),
            *(tail for _, tail in cells),
            self._row_end(),
            *(item.name.encode() for item in TYPES),
            *texts,
            b"",
        ]
        self._blob: NDArray[np.uint8] = np.frombuffer(b"".join(pieces), np.uint8)
        self._pieces: NDArray[np.int64] = np.cumsum([0, *map(len, pieces)])
        fixed = sum(len(head) + len(tail) for head, tail in cells) + len(self._row_end())
        self._config[w.W_ROOM] = fixed + _CELL_BYTES * len(cells) + max(map(len, texts))
        if self._config[w.W_ROOM] > len(self._out):
            self._out = np.zeros(2 * int(self._config[w.W_ROOM]), np.uint8)

    def finish(self) -> None:
        if self._symbols is None:
            self._stream.write(self._head())
        self._stream.close()
        self._file.close()

    def abort(self) -> None:
        self._file.close()
        super().abort()


def _needs_iso(events: Records) -> bool:
    """Whether a reader might take the times, written as ns, for another unit: it goes by the first that is not 0."""
    times = events["ts_event"]
    first = int(times[np.argmax(times != 0)]) if len(times) else 0
    return first == 0 or time_digits(str(first)) != 0
