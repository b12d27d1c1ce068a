"""Writing events as DBN version 3, schema MBO, compressed when the name ends in ``.zst``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import databento_dbn
import numpy as np
import zstandard

from tickdeck.core import DBN_MBO, UNDEF_TIMESTAMP, Instrument, Records, RType
from tickdeck.tape.reader import Writer

VERSION = 3
_LEVEL = 3
_COPY_BYTES = 1 << 20
_U32 = 2**32 - 1
_LIMITS = {"ts_event": 2**63 - 1, "ts_recv": 2**63 - 1, "size": _U32, "sequence": _U32}
"""Largest value of each field that is narrower in DBN, or unsigned; the least is 0."""


@dataclass(frozen=True, slots=True)
class _Interval:
    """When a symbol stood for an instrument id; named as the encoder expects."""

    start_date: date
    end_date: date
    symbol: str


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A symbol and its instrument ids; named as the encoder expects."""

    raw_symbol: str
    intervals: list[_Interval]


class DbnWriter(Writer):
    """Writes MBO records; what they cannot hold is refused.

    ``rtype`` must be that of MBO or 0 (not stated). A time of 0 (unknown) becomes DBN's undefined timestamp. The records are
    written to a file of their own first, for the metadata that stand before them name the time range and all instruments.

    Parameters
    ----------
    path : str or Path
        ``.dbn`` or ``.dbn.zst``.
    instruments : mapping of int to Instrument
        Their symbols go into the metadata, valid from the day of the first event to that of the last. Ticks, multipliers and
        currencies have no place in a file of MBO records.
    dataset : str, optional
        Databento's code of the dataset; by default the venue that the instruments have in common.
    """

    format = "dbn"

    def __init__(self, path: str | Path, instruments: Mapping[int, Instrument], *, dataset: str | None = None) -> None:
        super().__init__(path, instruments)
        self._dataset = dataset
        self._check_instruments()
        self._compressed = self.path.name.lower().endswith(".zst")
        self._body_path = self.partial.with_name(self.partial.name + ".records")
        self._file: BinaryIO = self._body_path.open("wb")
        self._body = self._compressor(self._file)
        self._count = 0
        self._first: int | None = None
        self._last = 0

    def _compressor(self, file: BinaryIO) -> BinaryIO:
        if not self._compressed:
            return file
        return cast(BinaryIO, zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).stream_writer(file, closefd=False))

    def write(self, events: Records) -> None:
        self._check_events(events)
        records = np.empty(len(events), DBN_MBO)
        for name in DBN_MBO.names or ():
            if name != "length":
                records[name] = events[name]
        records["length"] = DBN_MBO.itemsize // 4
        records["rtype"] = RType.MBO
        for name in ("ts_event", "ts_recv"):
            records[name][events[name] == 0] = UNDEF_TIMESTAMP
        self._body.write(records.data.cast("B"))
        self._count += len(events)
        times = np.where(events["ts_recv"] > 0, events["ts_recv"], events["ts_event"])
        if len(times):
            self._first = min(int(times.min()), self._first if self._first is not None else int(times[0]))
            self._last = max(int(times.max()), self._last)

    def _check_events(self, events: Records) -> None:
        for name, largest in _LIMITS.items():
            wrong = (events[name] < 0) | (events[name] > largest)
            if wrong.any():
                index = int(wrong.argmax())
                raise self.refuse(f"a {name} of {events[name][index]:,} (event {self._count + index + 1:,})")
        wrong = (events["rtype"] != RType.MBO) & (events["rtype"] != 0)
        if wrong.any():
            index = int(wrong.argmax())
            raise self.refuse(f"an rtype of {events['rtype'][index]} (event {self._count + index + 1:,})")

    def _check_instruments(self) -> None:
        longest = databento_dbn.SYMBOL_CSTR_LEN - 1
        for item in self.instruments.values():
            if item.size_decimals:
                raise self.refuse(f"sizes with decimals ({item.symbol}: size_decimals {item.size_decimals})")
            if not item.symbol.isascii() or len(item.symbol) > longest or "\0" in item.symbol:
                raise self.refuse(f"the symbol {item.symbol!r} (at most {longest} ASCII characters)")

    def _metadata(self) -> bytes:
        venues = {item.venue for item in self.instruments.values()}
        dataset = self._dataset if self._dataset is not None else venues.pop() if len(venues) == 1 else ""
        if not dataset.isascii() or len(dataset) > 15:
            dataset = ""
        start = self._first or 0
        days = _day(start), _day(self._last) + timedelta(days=1)
        by_symbol: dict[str, list[_Interval]] = {}
        for number, item in sorted(self.instruments.items()):
            by_symbol.setdefault(item.symbol, []).append(_Interval(*days, str(number)))
        encoded: bytes = databento_dbn.Metadata(
            dataset=dataset,
            start=start,
            end=self._last + 1,
            stype_in=databento_dbn.SType.RAW_SYMBOL,
            stype_out=databento_dbn.SType.INSTRUMENT_ID,
            schema=databento_dbn.Schema.MBO,
            symbols=list(by_symbol),
            mappings=[_Mapping(symbol, intervals) for symbol, intervals in by_symbol.items()],
            version=VERSION,
        ).encode()
        return encoded

    def finish(self) -> None:
        self._check_instruments()
        self._close_body()
        with self.partial.open("wb") as out, self._body_path.open("rb") as records:
            head = self._compressor(out)
            head.write(self._metadata())
            if head is not out:
                head.close()
            shutil.copyfileobj(records, out, _COPY_BYTES)
        self._body_path.unlink()

    def _close_body(self) -> None:
        if self._body is not self._file:
            self._body.close()
        self._file.close()

    def abort(self) -> None:
        self._close_body()
        self._body_path.unlink(missing_ok=True)
        super().abort()


def _day(ns: int) -> date:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).date()
