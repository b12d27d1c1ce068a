"""DBN files made with Databento's own encoder, record by record: what the readers are tested on."""

from __future__ import annotations

from pathlib import Path

import databento_dbn as dbn
import numpy as np
import zstandard

from tickdeck.core import DBN_MBO
from tickdeck.tape import ReadOptions, Source
from tickdeck.tape.dbn import DbnReader

START = 1_700_000_000_000_000_000


def metadata(schema: dbn.Schema | None = dbn.Schema.MBO, *, version: int = 3, ts_out: bool = False) -> bytes:
    """Encoded metadata of the instruments 7 (ABC) and 8 (XYZ)."""

    class Interval:
        def __init__(self, symbol: str) -> None:
            import datetime

            self.start_date = datetime.date(2023, 11, 14)
            self.end_date = datetime.date(2023, 11, 15)
            self.symbol = symbol

    class Mapping:
        def __init__(self, name: str, number: str) -> None:
            self.raw_symbol = name
            self.intervals = [Interval(number)]

    return dbn.Metadata(
        dataset="TEST.SET",
        start=START,
        stype_in=dbn.SType.RAW_SYMBOL,
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=schema,
        symbols=["ABC", "XYZ"],
        mappings=[Mapping("ABC", "7"), Mapping("XYZ", "8")],
        ts_out=ts_out,
        version=version,
    ).encode()


def mbo(index: int, instrument: int = 7, size: int = 5) -> bytes:
    """One MBO record, different for every `index`."""
    message = dbn.MBOMsg(
        publisher_id=1,
        instrument_id=instrument,
        ts_event=START + index,
        order_id=1_000 + index,
        price=(index - 3) * 250_000_000,
        size=size,
        action=dbn.Action.ADD,
        side=dbn.Side.BID if index % 2 else dbn.Side.ASK,
        ts_recv=START + index + 10,
        flags=128,
        channel_id=index % 200,
        ts_in_delta=-index,
        sequence=index,
    )
    return bytes(message)[:56]


def with_ts_out(record: bytes, ts_out: int = START) -> bytes:
    """The record as a gateway sends it with ``ts_out``."""
    return bytes([record[0] + 2]) + record[1:] + ts_out.to_bytes(8, "little")


def system() -> bytes:
    """A gateway's heartbeat."""
    message = dbn.SystemMsg(START, "Heartbeat")
    return bytes(message)[:320]


def symbol_mapping(number: int, symbol: str) -> bytes:
    """A live stream's mapping of an instrument id."""
    message = dbn.SymbolMappingMsg(
        publisher_id=1,
        instrument_id=number,
        ts_event=START,
        stype_in=dbn.SType.RAW_SYMBOL,
        stype_in_symbol=symbol,
        stype_out=dbn.SType.INSTRUMENT_ID,
        stype_out_symbol=symbol,
        start_ts=START,
        end_ts=START + 1,
    )
    return bytes(message)[:176]


def save(path: Path, *parts: bytes, compress: bool = False) -> Path:
    """Write the parts as one file, or as one zstd frame."""
    raw = b"".join(parts)
    path.write_bytes(zstandard.compress(raw) if compress else raw)
    return path


def open_dbn(path: Path, **options: object) -> DbnReader:
    """A reader of the file."""
    return DbnReader(Source(path), ReadOptions(**options))  # type: ignore[arg-type]


def read_native(path: Path, **options: object) -> np.ndarray:
    """All MBO records of a file, copied."""
    chunks = [chunk.copy() for chunk in open_dbn(path, native=True, **options)]
    return np.concatenate(chunks) if chunks else np.zeros(0, DBN_MBO)
