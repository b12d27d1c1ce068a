"""Arrays and frames in memory: what ``td.read`` takes beside files.

- numpy arrays of ``EVENT`` or ``DBN_MBO`` records, and arrays of Databento's ``DBNStore.to_ndarray()`` of any schema with order
  events (or the store itself): as they stand.
- Frames whose columns are the fields of ``EVENT`` with integer prices (units of 1e-9): as they stand.
- Frames of the event schema, and frames of Databento's ``to_df()`` or of ``td.tape.to_polars``: the rules of event CSV (see
  ``event_schema``), row by row; row 1 is the line with the names. Prices may be Decimal, text, integers or floats (see
  ``frame_columns``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import DBN_MBO, EVENT, Instrument, Records, UsageError, as_events
from tickdeck.tape.columns import check_schema, is_event_table, to_events
from tickdeck.tape.event_schema import FIELDS, columns_of
from tickdeck.tape.frame_columns import text_columns
from tickdeck.tape.reader import Reader, ReadOptions
from tickdeck.tape.source import Source

if TYPE_CHECKING:
    import polars as pl

_DATABENTO = {"timestamp": "ts_event", "qty": "size"}
"""Fields of the event schema -> their names in Databento's frames."""
_INDEXES = ("ts_recv", "ts_event", "timestamp")
_SLICE = 65_536


class _Memory(Source):
    """A source without a file."""

    def __init__(self, kind: str, stream: io.RawIOBase | None = None) -> None:
        self.path = f"<{kind}>"
        self.name = ""
        self.compression = None
        self.members = ()
        self.head = b""
        self._frame_stream = stream

    def open(self) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(self._frame_stream, 1 << 18) if self._frame_stream else io.BytesIO())

    @property
    def size(self) -> int | None:
        return None


class _CsvStream(io.RawIOBase):
    """A frame as the bytes of its CSV, made slice by slice."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._at = 0
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        if not self._left and (self._at < len(self._frame) or self._at == 0):
            text = io.BytesIO()
            self._frame.slice(self._at, _SLICE).write_csv(text, include_header=self._at == 0, float_scientific=False)
            self._at += _SLICE
            self._left = text.getbuffer()
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class FrameReader(Reader):
    """Reads arrays and frames in memory.

    Parameters
    ----------
    data : ndarray, Polars or pandas frame, Arrow table or DBNStore
    options : ReadOptions

    Raises
    ------
    UsageError
        Nothing of that kind can be read.
    FormatError
        A frame lacks a column.
    """

    format = "frame"

    def __init__(self, data: Any, options: ReadOptions) -> None:
        super().__init__(_Memory(type(data).__name__), options)
        self._symbols: dict[int, str] = {}
        if hasattr(data, "to_ndarray"):
            mappings = getattr(data, "symbology", {}).get("mappings", {})
            self._symbols = _mapped(mappings)
            data = data.to_ndarray()
        if isinstance(data, np.ndarray):
            self._chunks = self._from_array(data)
            return
        frame = _as_polars(data)
        price = frame.schema.get("price")
        if is_event_table(frame.columns) and price is not None and price.is_integer():
            self._chunks = self._from_columns(frame)
        else:
            self._chunks = self._from_rows(frame)

    def __iter__(self) -> Iterator[Records]:
        yield from self._chunks

    def _from_array(self, array: NDArray[Any]) -> Iterator[Records]:
        if array.dtype.names is None or array.ndim != 1:
            raise UsageError(
                f"an array of {array.dtype} with {array.ndim} dimensions is no market data; pass an array of td.EVENT records"
            )
        self.schema = "event" if array.dtype == EVENT else "mbo"
        if array.dtype == EVENT or array.dtype == DBN_MBO:
            return self._slices(array)
        names, mbo = array.dtype.names, DBN_MBO.names
        if names == mbo and array.dtype.itemsize == DBN_MBO.itemsize:
            return self._slices(np.ascontiguousarray(array).view(DBN_MBO))
        return self._slices(self._from_databento(array))

    def _from_databento(self, array: NDArray[Any]) -> Records:
        from tickdeck.tape.dbn_events import Normaliser
        from tickdeck.tape.dbn_records import LAYOUTS, SCHEMAS, upgraded

        names = array.dtype.names or ()
        rtype = int(array["rtype"][0]) if "rtype" in names and len(array) else -1
        layouts = [item for item in LAYOUTS.get(rtype, ()) if item.itemsize == array.dtype.itemsize]
        schema = next((name for name, number in SCHEMAS.items() if number == rtype), None)
        if not layouts or schema is None:
            raise UsageError(
                f"an array with the fields {', '.join(names)[:200]} is none of td.EVENT or Databento's records; "
                "make a frame of it with the columns of the event schema"
            )
        self.schema = schema
        return Normaliser(schema, self.report)(upgraded(np.ascontiguousarray(array).view(layouts[0]), LAYOUTS[rtype][0]))

    def _slices(self, records: Records) -> Iterator[Records]:
        declared = {item.instrument_id: item for item in self.options.instruments}
        wanted = self.options.symbols
        for start in range(0, len(records), self.options.chunk):
            part = records[start : start + self.options.chunk]
            for number in np.unique(part["instrument_id"]).tolist():
                if number not in self.instruments:
                    symbol = self._symbols.get(number, str(number))
                    named = declared.get(number) or self.options.instrument(symbol)
                    self.instruments[number] = (named or Instrument(symbol)).with_ids(number)
            if wanted is not None:
                ids = [number for number, item in self.instruments.items() if item.symbol in wanted]
                part = part[np.isin(part["instrument_id"], ids)]
            native = self.options.native and records.dtype == DBN_MBO
            self.position = start + len(part)
            if len(part):
                yield part if native else as_events(part)

    def _from_columns(self, frame: pl.DataFrame) -> Iterator[Records]:
        """A frame whose columns are the fields of ``EVENT``."""
        import polars as pl

        self.schema = "event"
        if "symbol" in frame.columns and "instrument_id" in frame.columns:
            pairs = frame.select("instrument_id", pl.col("symbol").cast(pl.String)).unique().drop_nulls().rows()
            self._symbols = {int(number): symbol for number, symbol in pairs if symbol}
        table = frame.to_arrow()
        check_schema(table.schema, self.path)
        batches = table.combine_chunks().to_batches(max_chunksize=1 << 20)
        rows = np.cumsum([0, *map(len, batches)]).tolist()
        for batch, row in zip(batches, rows, strict=False):
            yield from self._slices(to_events(batch, self.path, row))

    def _from_rows(self, frame: pl.DataFrame) -> Iterator[Records]:
        """A frame of the event schema: its CSV is read."""
        from tickdeck.tape.event_csv import EventCsvReader

        options = self.options
        mapping = dict(options.columns or {})
        for field, name in _DATABENTO.items():
            if field not in mapping and field not in frame.columns and name in frame.columns:
                mapping[field] = name
        columns = columns_of(frame.columns, mapping, options.schema is not None, self.path)
        known = {name: FIELDS[column] for name, column in zip(frame.columns, columns, strict=True) if column < len(FIELDS)}
        ignored = [name for name in frame.columns if name not in known]
        frame, times_in_ns = text_columns(frame.select(list(known)).rename(known), self.path)
        options = replace(options, columns=None, time_unit="ns" if times_in_ns else options.time_unit)
        inner = EventCsvReader(_Memory("frame", _CsvStream(frame)), options)
        inner.path, inner.source.path = self.path, self.path
        self.instruments, self.report, self.schema = inner.instruments, inner.report, inner.schema
        if ignored:
            self.report.notes["ignored_columns"] = ignored
        return iter(inner)


def _mapped(mappings: Mapping[str, Any]) -> dict[int, str]:
    """Instrument id -> symbol of a store's symbology; the request may have named either."""
    found: dict[int, str] = {}
    for name, intervals in mappings.items():
        for interval in intervals:
            given = str(interval["symbol"])
            number, symbol = (given, name) if given.isdigit() else (name, given)
            if str(number).isdigit():
                found.setdefault(int(number), str(symbol))
    return found


def _as_polars(data: Any) -> pl.DataFrame:
    import polars as pl

    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, pl.DataFrame):
        return data
    kind = type(data)
    try:
        if kind.__module__.split(".")[0] == "pandas" and kind.__name__ == "DataFrame":
            named = data.index.name in _INDEXES and data.index.name not in data.columns
            return pl.from_pandas(data.reset_index() if named else data)
        if kind.__module__.split(".")[0] == "pyarrow" and kind.__name__ in ("Table", "RecordBatch"):
            return cast("pl.DataFrame", pl.from_arrow(data))
    except (TypeError, ValueError, ImportError, pl.exceptions.PolarsError) as error:
        raise UsageError(f"the {kind.__name__} cannot be read: {str(error).splitlines()[0]}") from None
    raise UsageError(
        f"cannot read a {kind.__module__}.{kind.__name__}; pass a path, an array of td.EVENT records, a Polars or pandas frame "
        "or a DBNStore"
    )
