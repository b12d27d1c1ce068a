"""JSON lines of the event schema: one object an event (see ``event_schema`` for the meaning of its keys).

Prices and quantities may be strings or numbers; either way their text is taken as it stands and never passes through a float.
Keys that are none of the schema's are ignored, ``null`` is the same as no key.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, Records, UsageError
from tickdeck.tape import event_layout as k
from tickdeck.tape.blocks import Blocks
from tickdeck.tape.event_schema import FIELDS, SHOWN, RowError
from tickdeck.tape.event_text import TextReader
from tickdeck.tape.reader import Format, ReadOptions
from tickdeck.tape.source import Source
from tickdeck.tape.text_writer import TextWriter

_BOM = b"\xef\xbb\xbf"
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_QUOTED_FIELDS = ("type", "price", "qty", "side", "symbol", "action")
_TIMES = ("timestamp", "ts_recv")


def cell_of(key: str, raw: bytes) -> str:
    """The text of a JSON value; null is empty.

    Raises
    ------
    RowError
        Neither text nor a number.
    """
    if raw.startswith(b'"'):
        try:
            return _TEXT.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RowError(f"{key} is no valid text") from None
    if raw == b"null":
        return ""
    if raw[:1] not in b"-0123456789":
        raise RowError(f"{key} is {raw[:SHOWN].decode(errors='replace')}, neither text nor a number")
    return raw.decode()


class EventJsonReader(TextReader):
    """Reads JSON lines of the event schema."""

    format = "jsonl"

    def __init__(self, source: Source, options: ReadOptions, default_symbol: str = "") -> None:
        super().__init__(source, options, default_symbol)
        mapping = options.columns or {}
        unknown = [field for field in mapping if field not in FIELDS]
        if unknown:
            raise UsageError(f"columns: the event schema has no field {unknown[0]!r}; it has {', '.join(FIELDS)}")
        taken = set(mapping.values())
        self._keys = {mapping.get(field, "" if field in taken else field): field for field in FIELDS}
        keys = [mapping.get(field, "" if field in taken else field).encode() for field in FIELDS]
        self._config[k.C_EXTRA] = True
        self._names: NDArray[np.uint8] = np.frombuffer(b"".join(keys), np.uint8)
        self._bounds: NDArray[np.int64] = np.cumsum([0, *map(len, keys)])
        from tickdeck.tape.kernels.event_jsonl import read_lines, survey_lines

        self._read_lines, self._survey_lines = read_lines, survey_lines

    def _begin(self, blocks: Blocks) -> tuple[int, int]:
        head = blocks.data[: blocks.end].tobytes()
        start = len(_BOM) if head.startswith(_BOM) else 0
        line = next((line for line in head[start:].split(b"\n") if line.strip()), b"{}")
        try:
            found = list(_OBJECT.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise FormatError("the first line is no JSON object; one line is one event", path=self.path, row=1) from None
        fields = {self._keys.get(key) for key in found}
        missing = [] if "timestamp" in fields else ["timestamp"]
        if self._default_type < 0 and not fields & {"type", "action"}:
            missing.insert(0, "type")
        if missing and found:
            raise FormatError(
                f"no key {', '.join(missing)}; the keys are {', '.join(found)[:300]}: say which one it is, "
                f"such as columns={{{missing[0]!r}: 'name'}} or --column {missing[0]}=name",
                path=self.path,
            )
        return start, 0

    def _scan(self, blocks: Blocks, events: Records) -> int:
        table = self.table
        stop: int = self._read_lines(
            *(blocks.data, blocks.end, self._names, self._bounds, self._config, table.slots, table.blob),
            *(self._starts, self._stops, self._state, events),
        )
        return stop

    def _survey(self, blocks: Blocks) -> int:
        stop: int = self._survey_lines(blocks.data, blocks.end, self._names, self._bounds, self._starts, self._stops, self._state)
        return stop

    def _cells(self, row: bytes) -> list[str]:
        try:
            values = _OBJECT.decode(row)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RowError(f"no JSON object ({error})") from None
        out = dict.fromkeys(FIELDS, "")
        for key, raw in values.items():
            field = self._keys.get(key)
            if key and field is not None:
                out[field] = cell_of(key, bytes(raw))
        return list(out.values())


class EventJsonWriter(TextWriter):
    """Writes JSON lines of the event schema; prices and quantities are strings, what is empty is left out."""

    format = "jsonl"
    omit_empty = True

    def _head(self) -> bytes:
        return b""

    def _cell(self, field: str, first: bool) -> tuple[bytes, bytes]:
        quoted = field in _QUOTED_FIELDS or (field in _TIMES and self._config[k.W_ISO])
        quote = b'"' if quoted else b""
        return (b"{" if first else b",") + b'"' + field.encode() + b'":' + quote, quote

    def _row_end(self) -> bytes:
        return b"}\n"

    def _text(self, symbol: str) -> bytes:
        return msgspec.json.encode(symbol)[1:-1]


def _detect(source: Source) -> float:
    head = source.head.removeprefix(_BOM).lstrip()
    if not head.startswith(b"{"):
        return 0.0
    try:
        keys = set(_OBJECT.decode(head.split(b"\n", 1)[0]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0.0
    if {"type", "timestamp"} <= keys and keys & {"price", "qty", "order_id", "symbol", "side"}:
        return 0.9
    return 0.05 if source.name.endswith((".jsonl", ".ndjson")) else 0.0


FORMAT = Format(
    name="jsonl",
    title="event JSON lines (the keys of the event CSV)",
    detect=_detect,
    open=EventJsonReader,
    suffixes=(".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst"),
    create=EventJsonWriter,
)
