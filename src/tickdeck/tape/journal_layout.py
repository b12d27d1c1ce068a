"""How records lie in a journal's Arrow messages, and how they get there and back without pyarrow in between.

All record batches of n rows of one record type have the same Arrow header but for two texts of fixed width in its custom
metadata. So pyarrow makes the header once for each n, and from then on a batch is that header with the texts replaced, and a body
of columns copied in bulk:

    FFFFFFFF length | header: columns, rows, {first_sequence, count, crc32} | column 0 | column 1 | ... (each padded to 8 bytes)

A batch of one 104-byte command takes 6 us this way and 77 us through pyarrow. A header that is not bit for bit the expected one (that of
another version of pyarrow, or a damaged one) is left to pyarrow.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tickdeck.core import FormatError, Records, TickdeckError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

VERSION = 1
MOST_ROWS = 16_384
"""Rows of a batch at most; durable journals sync after each."""
CONTINUATION = b"\xff\xff\xff\xff"
END = CONTINUATION + bytes(4)
"""What stands at the end of a segment that was closed."""

_VERSION_KEY = b"tickdeck.journal"
_RECORD_KEY = b"tickdeck.record"
_CRC_KEY = b"tickdeck.crc32"
_SEQUENCE = "first_sequence"
_COUNT = "count"
_CRC = "crc32"
_NOTE = "note"
_DIGITS = 20
_COUNT_DIGITS = 10
_CRC_DIGITS = 8


def checksum(first: int, *buffers: Any) -> int:
    """CRC32 of the first sequence number (8 bytes, little-endian) and then of the buffers."""
    crc = zlib.crc32(struct.pack("<Q", first))
    for buffer in buffers:
        crc = zlib.crc32(buffer, crc)
    return crc


class Header:
    """The header of batches of `rows` records, and where their columns lie in the body.

    Attributes
    ----------
    template : bytes
        The Arrow message without its body.
    columns : list of (str, ndarray)
        Views of the layout's scratch buffer, one a field.
    body : memoryview
        The part of the scratch buffer that they take.
    """

    __slots__ = ("_crc_at", "_first_at", "body", "columns", "rows", "template")

    def __init__(self, template: bytes, rows: int, columns: list[tuple[str, NDArray[Any]]], body: memoryview) -> None:
        self.template = template
        self.rows = rows
        self.columns = columns
        self.body = body
        self._first_at = template.index(b"S" * _DIGITS)
        self._crc_at = template.index(b"C" * _CRC_DIGITS)

    def texts(self, found: bytes) -> tuple[int, int]:
        """First sequence number and checksum as they stand in a header of this shape; ValueError where no numbers do."""
        return int(found[self._first_at : self._first_at + _DIGITS]), int(found[self._crc_at : self._crc_at + _CRC_DIGITS], 16)

    def filled(self, first: int, crc: int) -> bytearray:
        """The header of one batch."""
        header = bytearray(self.template)
        header[self._first_at : self._first_at + _DIGITS] = b"%020d" % first
        header[self._crc_at : self._crc_at + _CRC_DIGITS] = b"%08x" % crc
        return header


class Layout:
    """The record type of a journal as Arrow columns.

    Parameters
    ----------
    dtype : dtype
        Structured: integers, floats, byte strings (fixed-size binary) and arrays of these (their bytes).

    Raises
    ------
    UsageError
        A field of another type.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.dtype = dtype
        self._fields: list[tuple[str, np.dtype[Any]]] = []
        for name in dtype.names or ():
            kind = dtype[name].base
            if kind.kind not in "iufS" or not kind.isnative:
                raise UsageError(f"a journal cannot hold the field {name!r} of type {kind}; use integers, floats or bytes")
            self._fields.append((name, dtype[name]))
        if not self._fields:
            raise UsageError(f"a journal holds structured records, not {dtype}")
        self._scratch = np.empty(self.body_bytes(MOST_ROWS), np.uint8)
        self.header = lru_cache(maxsize=1024)(self._header)
        self._count_at = self.header(1).template.index(b"0000000001")

    def schema(self, metadata: Mapping[str, str] | None = None) -> pa.Schema:
        """The Arrow schema, with version, record type, `metadata` and a checksum of these in its metadata."""
        entries = {_VERSION_KEY: str(VERSION).encode(), _RECORD_KEY: record_text(self.dtype).encode()}
        entries.update((key.encode(), value.encode()) for key, value in (metadata or {}).items())
        entries[_CRC_KEY] = b"%08x" % _metadata_checksum(entries)
        return self.columns.with_metadata(entries)

    @cached_property
    def columns(self) -> pa.Schema:
        """The Arrow schema without metadata."""
        import pyarrow as pa

        return pa.schema([pa.field(name, _arrow_type(kind), nullable=False) for name, kind in self._fields])

    def encode(self, first: int, records: Records) -> list[bytearray | memoryview]:
        """The Arrow message of at most ``MOST_ROWS`` records: header and body, which is valid until the next call."""
        header = self.header(len(records))
        if len(records) % 8:
            # Padding: batches of other lengths lay there before.
            self._scratch[: len(header.body)] = 0
        for name, column in header.columns:
            column[...] = records[name]
        return [header.filled(first, checksum(first, header.body)), header.body]

    def body_bytes(self, rows: int) -> int:
        """Length of the body of a batch."""
        return sum(_padded(rows * kind.itemsize) for _, kind in self._fields)

    def rows(self, found: bytes) -> int:
        """The row count as it stands in a header of this version; 0 where there is none that could be."""
        text = found[self._count_at : self._count_at + _COUNT_DIGITS]
        rows = int(text) if text.isdigit() else 0
        return rows if rows <= MOST_ROWS else 0

    def take(self, header: Header, out: Records) -> None:
        """Copy the columns in the scratch buffer to `out`."""
        for name, column in header.columns:
            out[name] = column

    def encode_note(self, sequence: int, note: str) -> bytes:
        """The Arrow message of a note: a batch of no rows."""
        crc = checksum(sequence, note.encode())
        return self._message(0, f"{sequence:020d}", f"{crc:08x}", {_NOTE: note})

    def columns_checksum(self, first: int, batch: pa.RecordBatch) -> int:
        """:func:`checksum` of a batch that pyarrow read."""
        parts: list[Any] = []
        for (_, kind), array in zip(self._fields, batch.columns):
            size = len(batch) * kind.itemsize
            start = array.offset * kind.itemsize
            parts += [memoryview(array.buffers()[1])[start : start + size], bytes(_padded(size) - size)]
        return checksum(first, *parts)

    def records(self, batch: pa.RecordBatch) -> Records:
        """The records of a batch that pyarrow read."""
        out = np.zeros(len(batch), self.dtype)
        for (name, kind), array in zip(self._fields, batch.columns):
            data = np.frombuffer(array.buffers()[1], np.uint8, len(batch) * kind.itemsize, array.offset * kind.itemsize)
            out[name] = data.view(kind.base).reshape((len(batch), *kind.shape))
        return out

    def _header(self, rows: int) -> Header:
        columns, at = [], 0
        for name, kind in self._fields:
            size = rows * kind.itemsize
            columns.append((name, self._scratch[at : at + size].view(kind.base).reshape((rows, *kind.shape))))
            at += _padded(size)
        message = self._message(rows, "S" * _DIGITS, "C" * _CRC_DIGITS)
        size = 8 + int.from_bytes(message[4:8], "little")
        if len(message) != size + at:
            raise TickdeckError("this version of pyarrow pads columns in an unknown way; install pyarrow 17 to 26")
        return Header(message[:size], rows, columns, self._scratch.data[:at])

    def _message(self, rows: int, first: str, crc: str, more: Mapping[str, str] | None = None) -> bytes:
        """A batch of zeros as pyarrow writes it."""
        import pyarrow as pa

        schema = self.columns
        metadata = {_SEQUENCE: first, _COUNT: f"{rows:010d}", _CRC: crc, **(more or {})}
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as stream:
            buffers = [pa.py_buffer(bytes(rows * kind.itemsize)) for _, kind in self._fields]
            arrays = [pa.Array.from_buffers(column.type, rows, [None, zeros]) for column, zeros in zip(schema, buffers)]
            stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema), custom_metadata=metadata)
        written: bytes = sink.getvalue().to_pybytes()
        return written[8 + int.from_bytes(written[4:8], "little") : -len(END)]


def batch_metadata(metadata: Mapping[bytes, bytes] | None) -> tuple[int, int, int, str | None]:
    """First sequence number, count, checksum and note of a batch's custom metadata.

    Raises
    ------
    ValueError
        They are not there, or damaged.
    """
    found = {key.decode(): value.decode() for key, value in (metadata or {}).items()}
    if not {_SEQUENCE, _COUNT, _CRC} <= found.keys():
        raise ValueError("a batch without sequence number and checksum")
    return int(found[_SEQUENCE]), int(found[_COUNT]), int(found[_CRC], 16), found.get(_NOTE)


def segment_metadata(schema: pa.Schema, dtype: np.dtype[np.void], path: str) -> dict[str, str]:
    """The writer's own metadata, after a check of everything else.

    Raises
    ------
    FormatError
        No journal, another version or record type, or damaged.
    """
    entries = dict(schema.metadata or {})
    if _VERSION_KEY not in entries:
        raise FormatError("an Arrow stream, but not a segment of a journal; take it out of the folder", path=path)
    crc = entries.pop(_CRC_KEY, b"")
    if entries[_VERSION_KEY] != str(VERSION).encode():
        shown = entries[_VERSION_KEY][:20].decode(errors="replace")
        raise FormatError(f"a journal of version {shown}, this is version {VERSION}; update tickdeck", path=path)
    if crc != b"%08x" % _metadata_checksum(entries):
        raise FormatError("the segment's schema does not match its checksum; restore the file from a copy", path=path, offset=0)
    found = entries.pop(_RECORD_KEY, b"").decode()
    if found != record_text(dtype):
        raise FormatError(f"holds other records than expected ({_difference(found, dtype)}); read it with their type", path=path)
    del entries[_VERSION_KEY]
    return {key.decode(): value.decode() for key, value in entries.items()}


def record_text(dtype: np.dtype[np.void]) -> str:
    """A structured dtype as JSON; ``numpy.dtype(msgspec.json.decode(text))`` is the dtype again."""
    names = dtype.names or ()
    fields: Mapping[str, Any] = dtype.fields or {}
    formats = [_format(dtype[name]) for name in names]
    offsets = [fields[name][1] for name in names]
    return msgspec.json.encode({"names": names, "formats": formats, "offsets": offsets, "itemsize": dtype.itemsize}).decode()


def _format(kind: np.dtype[Any]) -> str:
    return f"{kind.shape}{kind.base.str}" if kind.shape else kind.str


def _difference(found: str, dtype: np.dtype[np.void]) -> str:
    """The first difference of two record types, in words."""
    try:
        stored = np.dtype(msgspec.json.decode(found))
        names, own = stored.names or (), dtype.names or ()
        for name in (*names, *own):
            if name not in own or name not in names:
                return f"only {'the file' if name in names else 'the program'} has a field {name!r}"
            if stored[name] != dtype[name]:
                return f"{name!r} is {_format(stored[name])} in the file, {_format(dtype[name])} in the program"
    except (msgspec.MsgspecError, ValueError, TypeError):
        return "its description is unreadable"
    return "the same fields at other places"


def _arrow_type(kind: np.dtype[Any]) -> pa.DataType:
    import pyarrow as pa

    return pa.binary(kind.itemsize) if kind.shape or kind.kind == "S" else pa.from_numpy_dtype(kind)


def _metadata_checksum(entries: Mapping[bytes, bytes]) -> int:
    crc = 0
    for key in sorted(entries):
        crc = zlib.crc32(struct.pack("<II", len(key), len(entries[key])) + key + entries[key], crc)
    return crc


def _padded(size: int) -> int:
    return -size % 8 + size
