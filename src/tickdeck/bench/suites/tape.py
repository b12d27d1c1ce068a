"""Files: compressed events to a final book, CSV rows to events."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tickdeck.bench import inputs
from tickdeck.bench.case import Bound, Case, Contender, Sample, Settings, Stopwatch
from tickdeck.bench.inputs import ESH4_TICK, Tape
from tickdeck.core import DBN_MBO, Instrument, TickdeckError, price_text

ZSTD_CHUNK = 1 << 20


class File:
    """An input file in a folder of its own, gone with the object.

    Parameters
    ----------
    name : str
    write : callable
        Writes it to the given path.
    rows : int
        Records in it.
    """

    def __init__(self, name: str, write: Callable[[Path], None], rows: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tickdeck-bench-"))
        self.path = self._folder / name
        self.rows = rows
        write(self.path)

    def __del__(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def cases(settings: Settings) -> list[Case]:
    """The cases of the suite."""
    size = settings.size
    return [
        Case(
            "tape.dbn-zst-to-book",
            "a .dbn.zst file of the recorded day of CME ESH4 repeated, in the page cache: decompression, reading, final book, "
            "on two cores",
            partial(dbn_file, size(144, 15)),
            [
                Contender("tickdeck", "ours", _prepare_dbn),
                Contender("zstd", "native", _prepare_zstd, "decompression alone, 1 MiB at a time into a reused buffer", False),
            ],
            must=(Bound("rate", 18e6),),
            aim=(Bound("ratio", 1.0, "zstd"),),
            pinned=False,
        ),
        Case(
            "tape.csv-to-events",
            "an event CSV (type, timestamp, price, qty, side, order_id, sequence, flags), in the page cache, to EVENT records, "
            "on one core",
            partial(csv_file, size(2_000_000, 200_000)),
            [
                Contender("tickdeck", "ours", _prepare_csv),
                Contender("polars", "peer", _prepare_polars, "read_csv into columns, no EVENT records", False),
            ],
            unit="rows",
            must=(Bound("rate", 5e6),),
            aim=(Bound("ratio", 1.0, "polars"),),
        ),
    ]


def dbn_file(repeats: int) -> File:
    """The recorded day repeated, in one zstd frame."""
    import zstandard

    tape = inputs.esh4(repeats, DBN_MBO)
    raw = zstandard.ZstdDecompressor().stream_reader(inputs.recorded(inputs.ESH4).read_bytes()).read()
    header = raw[: 8 + int.from_bytes(raw[4:8], "little")]

    def write(path: Path) -> None:
        with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as out:
            out.write(header)
            out.write(tape.events.view(np.uint8).data)

    return File("esh4.mbo.dbn.zst", write, len(tape.events))


def _prepare_dbn(file: File) -> Iterator[Callable[[], Sample]]:
    from tickdeck.book import OrderBook
    from tickdeck.tape import read

    instrument = Instrument("ESH4", tick_size=price_text(ESH4_TICK))

    def run() -> Sample:
        book = OrderBook(instrument)
        rows = 0
        with Stopwatch() as watch:
            for chunk in read(file.path):
                book.apply(chunk)
                rows += len(chunk)
        if rows != file.rows:
            raise TickdeckError(f"{file.path}: read {rows:,} of {file.rows:,} records")
        return Sample(rows, watch.seconds)

    yield run


def _prepare_zstd(file: File) -> Iterator[Callable[[], Sample]]:
    import zstandard

    buffer = bytearray(ZSTD_CHUNK)

    def run() -> Sample:
        with Stopwatch() as watch, file.path.open("rb") as source:
            stream = zstandard.ZstdDecompressor().stream_reader(source)
            while stream.readinto(buffer):
                pass
        return Sample(file.rows, watch.seconds)

    yield run


def csv_file(rows: int) -> File:
    """A simulated flow as event CSV."""
    import polars as pl

    tape: Tape = inputs.flow(rows)
    events = tape.events

    def write(path: Path) -> None:
        letters = {code: chr(code) for code in np.unique(events["side"]).tolist()}
        types = {ord("A"): "order", ord("C"): "cancel", ord("M"): "modify"}
        frame = pl.DataFrame(
            {
                "type": pl.Series(events["action"]).replace_strict(types, return_dtype=pl.String),
                "timestamp": events["ts_event"],
                "price": pl.Series(events["price"] // inputs.CENT) / 100,
                "qty": events["size"],
                "side": pl.Series(events["side"]).replace_strict(letters, return_dtype=pl.String),
                "order_id": events["order_id"],
                "sequence": events["sequence"],
                "flags": events["flags"],
            }
        )
        frame.write_csv(path, float_precision=2)

    return File("events.csv", write, rows)


def _prepare_csv(file: File) -> Iterator[Callable[[], Sample]]:
    from tickdeck.tape import read

    def run() -> Sample:
        rows = 0
        with Stopwatch() as watch:
            for chunk in read(file.path):
                rows += len(chunk)
        return Sample(rows, watch.seconds)

    yield run


def _prepare_polars(file: File) -> Iterator[Callable[[], Sample]]:
    import polars as pl

    def run() -> Sample:
        with Stopwatch() as watch:
            frame = pl.read_csv(file.path)
        return Sample(len(frame), watch.seconds)

    yield run
