"""Databento's binary encoding (DBN), versions 1 to 3, compressed or not, with or without metadata.

Blocks are decompressed ahead into rotating buffers; where every record of a block is of the wanted type and length, the block is
the array. Spec: https://databento.com/docs/standards-and-conventions/databento-binary-encoding
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import DBN_MBO, FormatError, Instrument, Records, TruncatedError, UsageError
from tickdeck.tape.dbn_events import Normaliser
from tickdeck.tape.dbn_header import MAGIC, Header, defined_instruments, mapped_symbols, read_header
from tickdeck.tape.dbn_records import (
    DEFINITION,
    HEADER_BYTES,
    LAYOUTS,
    MESSAGES,
    SCHEMAS,
    TS_OUT_BYTES,
    rtype_name,
    upgraded,
)
from tickdeck.tape.readahead import Block, ReadAhead
from tickdeck.tape.reader import Format, Reader, ReadOptions, Writer
from tickdeck.tape.source import Source

_LONGEST = 255 * 4
_MARGIN = 1_024
_BLOCK_RECORDS = 16_384
_ASIDE_BYTES = 1 << 16
_THREAD_BYTES = 1 << 16
_LEGACY = b"DBZ"
_DEFINITION, _MAPPING = 0x13, 0x16


class DbnReader(Reader):
    """Reads DBN.

    ``schema`` is that of ``options.schema``, of the metadata, or of the first record. With ``native`` the chunks of an MBO file
    are ``DBN_MBO`` arrays over the buffer they were decompressed into: read-only, valid until the next but one is asked for.
    ``report.counts["skipped_..."]`` tells the records of other types.
    """

    format = "dbn"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        super().__init__(source, options)
        if source.stored[8:11] == _LEGACY:
            raise FormatError("this is DBZ, the encoding before DBN; convert it with Databento's `dbn` tool", path=self.path)
        self._stream = stream = source.open_unbuffered()
        try:
            if source.head.startswith(MAGIC):
                self.header = read_header(stream, self.path)
            elif _fragment_records(source.head):
                self.header = Header()
            else:
                raise FormatError("this is no DBN file; name another format with --format", path=self.path)
            self.schema = self._schema()
            self._rtype = SCHEMAS[self.schema]
            self.report.notes.update(self.header.notes or {})
            for number, symbol in (self.header.symbols or {}).items():
                self._name(number, Instrument(symbol, venue=self.header.dataset, instrument_id=number))
            for declared in options.instruments:
                if declared.instrument_id is not None:
                    self.instruments[declared.instrument_id] = declared
        except BaseException:
            stream.close()
            raise
        self._size = 0
        """Bytes of a record without ``ts_out``; 0 until the first one is seen."""
        self._seen = 0
        bytes_of_block = max(1, min(options.chunk, _BLOCK_RECORDS)) * DBN_MBO.itemsize
        size = max(bytes_of_block, _MARGIN)
        expected = self._expected_size()
        self._blocks = ReadAhead(
            stream,
            size - size % expected or expected,
            _MARGIN,
            threaded=source.size is not None and source.size > _THREAD_BYTES,
        )

    def _schema(self) -> str:
        chosen = self.options.schema or self.header.schema
        if chosen is None:
            found = _fragment_records(self.source.head[self.header.size :])
            chosen = next((rtype_name(rtype) for rtype, _ in found if rtype not in MESSAGES), "mbo")
        if chosen not in SCHEMAS:
            raise UsageError(f"{self.path}: no schema {chosen!r}; choose one of {', '.join(SCHEMAS)}")
        return chosen

    def _expected_size(self) -> int:
        found = _fragment_records(self.source.head[self.header.size :])
        return next((length for rtype, length in found if rtype == self._rtype), LAYOUTS[self._rtype][0].itemsize)

    def _name(self, number: int, instrument: Instrument) -> None:
        """Enter an instrument that the file names; what the caller declared wins."""
        declared = self.options.instrument(instrument.symbol)
        self.instruments[number] = declared.with_ids(number, declared.publisher_id) if declared else instrument

    def __iter__(self) -> Iterator[Records]:
        native = self.options.native and self.schema == "mbo"
        convert = None if native else Normaliser(self.schema, self.report)
        for records in self._arrays():
            if self.schema == "definition":
                self._define(records)
            chosen = self._only_symbols(records)
            events = chosen if convert is None else convert(chosen)
            for first in range(0, len(events), self.options.chunk):
                yield events[first : first + self.options.chunk]

    def records(self) -> Iterator[Records]:
        """Records of the schema as they are in the file, brought to the layout of DBN version 3, in arrays of their own.

        The layouts are in :mod:`tickdeck.tape.dbn_records` (``MBP_10``, ``OHLCV``, ...).
        """
        for records in self._arrays():
            if self.schema == "definition":
                self._define(records)
            chosen = self._only_symbols(records)
            for first in range(0, len(chosen), self.options.chunk):
                yield chosen[first : first + self.options.chunk].copy()

    def close(self) -> None:
        """Stop reading ahead and close the file."""
        self._blocks.close()

    def _only_symbols(self, records: Records) -> Records:
        if self.options.symbols is None:
            return records
        wanted = [number for number, item in self.instruments.items() if item.symbol in self.options.symbols]
        kept: Records = records[np.isin(records["instrument_id"], wanted)]
        return kept

    def _define(self, records: Records) -> None:
        for number, instrument in defined_instruments(records, self.header.dataset).items():
            self._name(number, instrument)

    def _arrays(self) -> Iterator[Records]:
        """Records of the wanted type, in place where nothing stands between them."""
        newest = LAYOUTS[self._rtype][0]
        left = np.zeros(0, np.uint8)
        offset = self.header.size
        try:
            for block in self._blocks:
                start = _MARGIN - len(left)
                block.data[start:_MARGIN] = left
                end, at, failure = self._gather(block, start, offset)
                if end > start:
                    layout = next(item for item in LAYOUTS[self._rtype] if item.itemsize == self._size)
                    records = block.data[start:end].view(layout)
                    records.flags.writeable = False
                    yield records if layout == newest else upgraded(records, newest)
                if failure is not None:
                    raise failure
                left = block.data[at : block.end].copy()
                offset += at - start
                self.position = self._stream.consumed
                if block.final:
                    self._finish(block, len(left), offset)
        finally:
            self.close()

    def _finish(self, block: Block, left: int, offset: int) -> None:
        if block.failure is not None:
            if isinstance(block.failure, TruncatedError):
                self.report.add("truncated", self._seen, str(block.failure))
            raise block.failure
        if left:
            failure = TruncatedError(
                f"the file ends in the middle of a record ({left:,} bytes of it); fetch it again",
                path=self.path,
                row=self._seen + 1,
                offset=offset,
            )
            self.report.add("truncated", self._seen + 1, str(failure))
            raise failure

    def _gather(self, block: Block, start: int, offset: int) -> tuple[int, int, FormatError | None]:
        """Bring the wanted records of ``block.data[start:block.end]`` together at `start`.

        Returns where they end, where the first incomplete record starts, and what stopped the walk, if something did.
        """
        if self._size:
            whole = start + (block.end - start) // self._size * self._size
            heads = np.ndarray((whole - start) // self._size, "<u2", block.data, start, (self._size,))
            if (heads == (self._rtype << 8 | self._size >> 2)).all():
                self._seen += len(heads)
                return whole, whole, None
        return self._walk(block, start, offset)

    def _walk(self, block: Block, start: int, offset: int) -> tuple[int, int, FormatError | None]:
        data, end = block.data, block.end
        if not self._size:
            self._size = _first_size(data[start:end], self._rtype)
            if self._size:
                return self._gather(block, start, offset)
        from tickdeck.tape.kernels.dbn import STOP_DATA, STOP_LENGTH, STOP_SIZE, select

        aside = np.empty(_ASIDE_BYTES, np.uint8)
        counts = np.zeros(256, np.int64)
        state = np.array([start, start, 0, 0], np.int64)
        failure: FormatError | None = None
        while True:
            select(data, end, self._rtype, self._size, TS_OUT_BYTES, aside, counts, state)
            self._named(aside[: state[2]])
            state[2] = 0
            row = self._seen + (int(state[1]) - start) // max(self._size, 1) + 1
            if state[3] == STOP_LENGTH:
                failure = FormatError(
                    f"a record of {int(data[state[0]]) * 4} bytes cannot be; the file is damaged",
                    path=self.path,
                    row=row,
                    offset=offset + int(state[0]) - start,
                )
            elif state[3] == STOP_SIZE:
                try:
                    self.bad(row, f"a {self.schema} record of another size than {self._size} bytes")
                except FormatError as error:
                    failure = error
            if failure is not None or state[3] == STOP_DATA:
                break
        for rtype in np.flatnonzero(counts):
            self.report.add(f"skipped_{rtype_name(int(rtype)).replace('-', '_').replace(' ', '_')}", count=int(counts[rtype]))
        self._seen += (int(state[1]) - start) // max(self._size, 1)
        return int(state[1]), int(state[0]), failure

    def _named(self, aside: NDArray[np.uint8]) -> None:
        """Instruments that definition and symbol mapping records between the others name."""
        at = 0
        while at < len(aside):
            length, rtype = int(aside[at]) * 4, int(aside[at + 1])
            layout = next((item for item in LAYOUTS[rtype] if length - item.itemsize in (0, TS_OUT_BYTES)), None)
            if layout is not None:
                record = aside[at : at + layout.itemsize].view(layout)
                if rtype == _DEFINITION:
                    self._define(upgraded(record, DEFINITION))
                else:
                    for number, symbol in mapped_symbols(record).items():
                        self._name(number, Instrument(symbol, venue=self.header.dataset, instrument_id=number))
            at += length


def _first_size(data: NDArray[np.uint8], rtype: int) -> int:
    """Size of the first record of a type, without ``ts_out``; 0 where there is none of a known size."""
    sizes = [item.itemsize for item in LAYOUTS[rtype]]
    at = 0
    while at + HEADER_BYTES <= len(data) and data[at]:
        length = int(data[at]) * 4
        if data[at + 1] == rtype:
            for size in sizes:
                if length in (size, size + TS_OUT_BYTES):
                    return size
        at += length
    return 0


def _fragment_records(head: bytes) -> list[tuple[int, int]]:
    """(type, bytes) of the records that `head` holds; empty where it holds anything else."""
    found = []
    at = 0
    while at + HEADER_BYTES <= len(head):
        length, rtype = head[at] * 4, head[at + 1]
        known = rtype in MESSAGES or any(length - item.itemsize in (0, TS_OUT_BYTES) for item in LAYOUTS.get(rtype, ()))
        if not known or length < HEADER_BYTES:
            return []
        found.append((rtype, length))
        at += length
    return found


def _detect(source: Source) -> float:
    if source.stored[8:11] == _LEGACY and source.stored[1:4] == b"*M\x18":
        return 1.0
    if source.head.startswith(MAGIC) and len(source.head) > 3 and source.head[3] < 32:
        return 1.0
    return 0.8 if _fragment_records(source.head) else 0.0


def _create(path: str | Path, instruments: Mapping[int, Instrument], **options: Any) -> Writer:
    from tickdeck.tape.dbn_writer import DbnWriter

    return DbnWriter(path, instruments, **options)


FORMAT = Format(
    name="dbn",
    title="Databento DBN (.dbn, .dbn.zst), all schemas",
    detect=_detect,
    open=DbnReader,
    suffixes=(".dbn", ".dbn.zst"),
    create=_create,
)
