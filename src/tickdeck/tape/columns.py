"""Events as Arrow columns and back: the one table behind Parquet and Arrow files.

Times are ``timestamp[ns, UTC]``; every other column is the integer that the ``EVENT`` field is. Instruments travel as JSON in the
schema's metadata. Tables of other makers are read too: integers of any width, times in any unit, codes as one-letter text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tickdeck.core import EVENT, Flag, FormatError, Instrument, LossError, Records, TickdeckError, empty_events

if TYPE_CHECKING:
    import pyarrow as pa

FIELDS = tuple(name for name in EVENT.names or () if name != "reserved")
"""The columns; the reserved byte is none."""
TIMES = ("ts_event", "ts_recv")
CODES = ("action", "side")
REQUIRED = ("ts_event", "order_id", "price", "size", "action", "side")
"""Columns without which a table is no tape. Of the others `flags` is LAST and the rest 0 where there is no such column."""

_VERSION = 1
_VERSION_KEY = b"tickdeck.version"
_INSTRUMENTS_KEY = b"tickdeck.instruments"
_BLOCK = 65_536


def event_schema(instruments: Mapping[int, Instrument] | None = None) -> pa.Schema:
    """The Arrow schema of a tape, with `instruments` in its metadata."""
    import pyarrow as pa

    columns = [
        pa.field(name, pa.timestamp("ns", "UTC") if name in TIMES else pa.from_numpy_dtype(EVENT[name]), nullable=False)
        for name in FIELDS
    ]
    return pa.schema(columns, metadata=to_metadata(instruments or {}))


def to_metadata(instruments: Mapping[int, Instrument]) -> dict[bytes, bytes]:
    """Version and instruments as key-value metadata."""
    return {_VERSION_KEY: str(_VERSION).encode(), _INSTRUMENTS_KEY: instruments_json(instruments)}


def instruments_json(instruments: Mapping[int, Instrument]) -> bytes:
    """Instruments as a JSON object: id -> fields."""
    return msgspec.json.encode({str(key): item.to_dict() for key, item in instruments.items()})


def instruments_from_json(text: bytes, path: str) -> dict[int, Instrument]:
    """The inverse of :func:`instruments_json`.

    Raises
    ------
    FormatError
        Not such an object.
    """
    try:
        values = msgspec.json.decode(text, type=dict[int, dict[str, Any]])
        return {key: Instrument.from_dict(fields) for key, fields in values.items()}
    except (msgspec.MsgspecError, TickdeckError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise FormatError(f"the instruments stored with it are damaged ({error}); write the tape again", path=path) from None


def from_metadata(metadata: Mapping[bytes, bytes] | None, path: str) -> dict[int, Instrument]:
    """Instruments from key-value metadata; {} where there are none.

    Raises
    ------
    FormatError
        Damaged, or written by a later version.
    """
    metadata = metadata or {}
    version = metadata.get(_VERSION_KEY, b"1")
    if version != str(_VERSION).encode():
        shown = version[:20].decode(errors="replace")
        raise FormatError(f"has the version {shown!r} of the tape's columns; this release reads {_VERSION}: upgrade", path=path)
    return instruments_from_json(metadata.get(_INSTRUMENTS_KEY, b"{}"), path)


def is_own(metadata: Mapping[bytes, bytes] | None) -> bool:
    """Whether Tickdeck wrote the table that carries this metadata."""
    return _VERSION_KEY in (metadata or {})


def is_event_table(names: list[str]) -> bool:
    """Whether columns of these names hold a tape."""
    return set(REQUIRED) <= set(names)


def check_schema(schema: pa.Schema, path: str) -> tuple[list[str], list[str]]:
    """Columns to read and columns that are none of ours.

    Raises
    ------
    FormatError
        A column is missing, there twice or of a type that cannot hold it.
    """
    import pyarrow as pa

    missing = [name for name in REQUIRED if name not in schema.names]
    if missing:
        raise FormatError(
            f"not a tape: no column {', '.join(missing)}; it has {', '.join(schema.names[:20]) or 'none'}", path=path
        )
    found = [name for name in FIELDS if name in schema.names]
    text_kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary)
    for name in found:
        if schema.names.count(name) > 1:
            raise FormatError(f"not a tape: two columns are called {name}", path=path)
        kind = schema.field(name).type
        text = kind.value_type if pa.types.is_dictionary(kind) else kind
        fits = (
            pa.types.is_integer(kind)
            or (name in TIMES and pa.types.is_timestamp(kind))
            or (name in CODES and any(is_kind(text) for is_kind in text_kinds))
        )
        if not fits:
            wanted = event_schema().field(name).type
            raise FormatError(f"not a tape: column {name} is {kind}, but must be {wanted} (exact integers)", path=path)
    return found, [name for name in schema.names if name not in FIELDS]


def refuse_reserved(events: Records, path: str) -> None:
    """Make sure that the columns hold everything.

    Raises
    ------
    LossError
        A reserved byte is not 0.
    """
    if events["reserved"].any():
        raise LossError(f"{path}: an event's reserved byte is not 0, for which there is no column; set it to 0 or write .npy")


def to_batch(events: Records, schema: pa.Schema) -> pa.RecordBatch:
    """`EVENT` records as one record batch of `schema`."""
    import pyarrow as pa

    columns = {name: np.empty(len(events), EVENT[name]) for name in FIELDS}
    # Block by block: all the columns of a block are taken while its events are in the cache.
    for start in range(0, len(events), _BLOCK):
        block = events[start : start + _BLOCK]
        for name, column in columns.items():
            column[start : start + _BLOCK] = block[name]
    return pa.RecordBatch.from_arrays(
        [
            pa.Array.from_buffers(schema.field(name).type, len(column), [None, pa.py_buffer(column)])
            for name, column in columns.items()
        ],
        schema=schema,
    )


def to_events(batch: pa.RecordBatch, path: str, row: int) -> Records:
    """A record batch whose schema passed :func:`check_schema` as `EVENT` records.

    Parameters
    ----------
    batch : RecordBatch
    path : str
        For messages.
    row : int
        Records before this batch, for messages.

    Raises
    ------
    FormatError
        A null, a number that the field cannot hold, or a code that is not one letter.
    """
    events = empty_events(len(batch))
    names = [name for name in FIELDS if name in batch.schema.names]
    columns = {name: _numbers(batch.column(name), name, path, row) for name in names}
    if "flags" not in columns:
        events["flags"] = Flag.LAST
    for start in range(0, len(batch), _BLOCK):
        block = events[start : start + _BLOCK]
        for name, column in columns.items():
            block[name] = column[start : start + _BLOCK]
    return events


def _numbers(column: pa.Array, name: str, path: str, row: int) -> np.ndarray[Any, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count:
        bad = pc.index(pc.is_null(column), pa.scalar(True)).as_py()
        raise FormatError(f"column {name} is null; a tape has no nulls", path=path, row=row + bad + 1)
    kind = pa.from_numpy_dtype(EVENT[name])
    if pa.types.is_timestamp(column.type):
        unit = pa.timestamp("ns", column.type.tz)
        try:
            column = column.cast(unit).view(pa.int64())
        except pa.ArrowInvalid:
            raise FormatError(f"column {name}: a time beyond 2262 does not fit in ns", path=path, row=row + 1) from None
    elif not pa.types.is_integer(column.type):
        column = _codes(column, name, path, row)
    if column.type != kind:
        try:
            column = column.cast(kind)
        except pa.ArrowInvalid as error:
            raise FormatError(f"column {name}: {str(error).splitlines()[0]}", path=path, row=row + 1) from None
    values: np.ndarray[Any, Any] = column.to_numpy(zero_copy_only=False)
    return values


def _codes(column: pa.Array, name: str, path: str, row: int) -> pa.Array:
    """One-letter texts as ASCII codes."""
    import pyarrow as pa

    if pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    coded.validate(full=True)
    letters = [text.encode() if isinstance(text, str) else text for text in coded.dictionary.to_pylist()]
    for text in letters:
        if text is None or len(text) != 1:
            raise FormatError(f"column {name} holds {text!r}; a code is one letter", path=path, row=row + 1)
    codes = np.frombuffer(b"".join(letters), "u1")
    indices = coded.indices.to_numpy(zero_copy_only=False)
    return pa.array(codes[indices] if len(indices) else np.zeros(0, "u1"))
