"""LOBSTER orderbook files: the book after each message, the truth that a rebuilt book is compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, UsageError
from tickdeck.tape.blocks import Blocks
from tickdeck.tape.lobster_names import parse_name
from tickdeck.tape.source import Source

BOOK_LEVEL: np.dtype[np.void] = np.dtype(
    [
        ("ask_price", "<i8"),  # units of 1e-9; UNDEF_PRICE: the level is empty
        ("ask_size", "<i8"),  # shares; 0: the level is empty
        ("bid_price", "<i8"),
        ("bid_size", "<i8"),
    ]
)
"""One level of a book row; level 0 is the best."""

_ROWS = 16_384
_COMPRESSED = ("", ".gz", ".zst", ".zstd", ".xz")


class LobsterTruth:
    """Rows of an orderbook file, in chunks; iterate as often as needed.

    Parameters
    ----------
    source : Source
    rows : int
        Most rows in a chunk.

    Attributes
    ----------
    path : str
    levels : int
        Levels of each row.

    Raises
    ------
    FormatError
        A row is not made of ``levels`` times four integers.
    """

    def __init__(self, source: Source, rows: int = _ROWS) -> None:
        self.source = source
        self.path = source.path
        self._rows = rows
        columns = source.head.split(b"\n", 1)[0].count(b",") + 1
        if columns % 4:
            raise FormatError(
                f"expected ask price,ask size,bid price,bid size of each level, found {columns} columns", path=self.path, row=1
            )
        self.levels = columns // 4
        name = parse_name(self.path)
        if name is not None and name.levels not in (0, self.levels):
            raise FormatError(f"the name says {name.levels} levels, the rows have {self.levels}", path=self.path, row=1)

    def __repr__(self) -> str:
        return f"<LobsterTruth {self.path} {self.levels} levels>"

    def __iter__(self) -> Iterator[NDArray[np.void]]:
        """Chunks of shape (rows, levels) and dtype ``BOOK_LEVEL``: row k of the file is the book after message k."""
        from tickdeck.tape.kernels.lobster import STOP_BAD, STOP_FULL, parse_book_rows

        result = np.zeros(4, np.int64)
        row = 1
        with self.source.open() as stream:
            blocks = Blocks(stream, self.path, "line")
            consumed = 0
            out = np.empty((self._rows, 4 * self.levels), np.int64)
            filled = 0
            while not (blocks.final and consumed == blocks.end):
                blocks.refill(consumed)
                consumed = 0
                stop = STOP_FULL
                while stop == STOP_FULL:
                    view = blocks.data[consumed : blocks.end]
                    parse_book_rows(view, len(view), blocks.final, out[filled:], result)
                    stop = int(result[2])
                    consumed += int(result[0])
                    row += int(result[1])
                    filled += int(result[3])
                    if filled == len(out):
                        yield self._levels(out, filled)
                        out, filled = np.empty_like(out), 0
                if stop == STOP_BAD:
                    yield from self._rest(out, filled)
                    raise FormatError(f"expected {4 * self.levels} integers", path=self.path, row=row)
            yield from self._rest(out, filled)
            if blocks.failure is not None:
                raise blocks.failure

    def _rest(self, out: NDArray[np.int64], filled: int) -> Iterator[NDArray[np.void]]:
        if filled:
            yield self._levels(out, filled)

    def _levels(self, out: NDArray[np.int64], filled: int) -> NDArray[Any]:
        return out[:filled].view(BOOK_LEVEL)


def open_truth(path: str | Path, orderbook: str | Path | None = None) -> LobsterTruth:
    """The orderbook file that belongs to a message file.

    Parameters
    ----------
    path : str or Path
        The message file, the zip that holds both, a member of the zip (``a.zip/..._message_5.csv``), or the orderbook file.
    orderbook : str or Path, optional
        The orderbook file, or the zip that holds it, when it is not where it usually is.

    Raises
    ------
    UsageError
        There is no such file.
    """
    source = Source(path if orderbook is None else orderbook)
    if source.members:
        return LobsterTruth(_from_zip(source, str(path)))
    name = parse_name(source.path)
    if orderbook is not None or (name is not None and name.kind == "orderbook"):
        return LobsterTruth(source)
    if name is None:
        raise UsageError(f"{path}: its name does not end in _message_5.csv; name the orderbook file too")
    folder = Path(source.path).parent
    stem = _partner(Path(source.path).name)
    for suffix in _COMPRESSED:
        if (folder / (stem + suffix)).exists():
            return LobsterTruth(Source(folder / (stem + suffix)))
    raise UsageError(f"{path}: there is no {stem} beside it; name the orderbook file too")


def _partner(message_name: str) -> str:
    for suffix in _COMPRESSED[1:]:
        message_name = message_name.removesuffix(suffix)
    return re.sub(r"message(?=_\d+\.csv$)", "orderbook", message_name, flags=re.IGNORECASE)


def _from_zip(source: Source, path: str) -> Source:
    """The orderbook member: the one that was named, the named message file's partner, or the only one."""
    chosen = next((name for name in source.members if source.path.endswith(f".zip/{name}")), None)
    books = [name for name in source.members if (found := parse_name(name)) and found.kind == "orderbook"]
    if chosen is not None and chosen in books:
        return source
    wanted = chosen or next((name for name in source.members if path.endswith(Path(name).name)), None)
    if wanted is not None:
        books = [name for name in books if Path(name).name == Path(_partner(wanted)).name]
    if len(books) == 1:
        return source.member(books[0])
    if not books:
        raise UsageError(f"{source.path}: the zip holds no orderbook file for these messages; name the orderbook file too")
    raise UsageError(f"{source.path}: the zip holds {len(books)} orderbook files; name one, as in {source.path}/{books[0]}")
