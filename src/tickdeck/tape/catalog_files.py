"""Where a catalog keeps what: the names of its folders and files.

``venue=XNAS/symbol=AAPL/date=2012-06-21/<first>_<last>_<rows>.parquet``: venue and symbol percent-encoded, the date that of the
tape time (UTC), first the tape time of the first record and last the latest, in ns. So a listing of names tells what is there and
what a time range needs.
Names that begin with a dot are additions under way, or what a killed one left; nobody reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from tickdeck.core import FormatError
from tickdeck.tape.parquet import ParquetTape

DAY_NS = 86_400_000_000_000
_NAME = re.compile(r"(-?\d+)_(-?\d+)_(\d+)\.parquet")
_PLACE = re.compile(r"venue=([^/]*)/symbol=([^/]*)/date=(-?\d{4,}-\d\d-\d\d)/([^./][^/]*\.parquet)")


@dataclass(frozen=True, slots=True, order=True)
class CatalogFile:
    """One file of a catalog. Sorted, the files of one instrument are in the order of their times."""

    venue: str
    symbol: str
    date: np.datetime64
    first: int
    """Tape time of the first record, ns since the epoch."""
    last: int
    """Latest tape time."""
    rows: int
    size: int
    """In bytes."""
    path: str
    """On the catalog's file system."""

    def overlaps(self, first: int, last: int) -> bool:
        """Whether it has a moment in common with the closed interval."""
        return self.first <= last and self.last >= first


def folder_of(venue: str, symbol: str, day: int) -> str:
    """Folder of a partition, below the catalog's; `day` in days since the epoch."""
    return f"venue={quote(venue, safe='')}/symbol={quote(symbol, safe='')}/date={np.datetime64(day, 'D')}"


def list_files(fs: Any, root: str) -> list[CatalogFile]:
    """Every file of the catalog at `root`, sorted.

    Raises
    ------
    FormatError
        A Parquet file that somebody else put there is damaged or no tape.
    """
    fs.invalidate_cache()
    if not fs.exists(root):
        return []
    files = []
    for path, info in fs.find(root, detail=True).items():
        place = _PLACE.fullmatch(path[len(root) :].lstrip("/"))
        if place is None:
            continue
        venue, symbol, date, name = place.groups()
        told = _NAME.fullmatch(name)
        first, last, rows = map(int, told.groups()) if told else _from_footer(fs, path)
        files.append(
            CatalogFile(unquote(venue), unquote(symbol), np.datetime64(date), first, last, rows, int(info["size"]), path)
        )
    return sorted(files)


def _from_footer(fs: Any, path: str) -> tuple[int, int, int]:
    with fs.open(path, "rb") as stream:
        tape = ParquetTape(stream, path)
        bounds = tape.time_range()
        rows = tape.rows
        tape.close()
    if bounds is None:
        raise FormatError("has no statistics of its times; add it with Catalog.add instead of copying it", path=path)
    return *bounds, rows
