"""What every format's reader and writer have in common."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tickdeck.core import FormatError, Instrument, LossError, Records, UsageError
from tickdeck.tape.source import Source

CHUNK = 65_536
"""Events in a chunk, unless told otherwise."""

_EXAMPLES = 20
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What only a write can raise; any other OSError in a writer's block may come from its input."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a caller may tell a reader; a format ignores what does not concern it.

    Parameters
    ----------
    chunk : int
        Most events in one chunk.
    strict : bool
        Stop with an error at the first bad row instead of counting it.
    instruments : sequence of Instrument
        What is known about the symbols: ids, ticks, size decimals. Wins over what the file says.
    symbols : sequence of str, optional
        Only these.
    date : str, optional
        ISO date of a file whose times count from midnight.
    columns : mapping, optional
        For CSV and JSON lines: the field of the event schema -> the file's column name.
    price_scale : str, optional
        Value of one unit of the file's integer prices ("0.0001"); None: prices are decimals.
    time_unit : str, optional
        "ns", "us", "ms", "s" or "iso"; None: told from the magnitude.
    schema : str, optional
        Which kind of record to read, where a format holds several.
    native : bool
        Yield ``DBN_MBO`` records in place instead of ``EVENT`` where the format allows it.
    """

    chunk: int = CHUNK
    strict: bool = False
    instruments: Sequence[Instrument] = ()
    symbols: Sequence[str] | None = None
    date: str | None = None
    columns: Mapping[str, str] | None = None
    price_scale: str | None = None
    time_unit: str | None = None
    schema: str | None = None
    native: bool = False

    def instrument(self, symbol: str) -> Instrument | None:
        """What the caller declared about `symbol`."""
        return next((item for item in self.instruments if item.symbol == symbol), None)


@dataclass(slots=True)
class ReadReport:
    """What a reader met beside good events. Nothing is dropped without being counted here."""

    counts: Counter[str] = field(default_factory=Counter)
    """Kind of anomaly -> how many: bad_row, sequence_gap, truncated, unknown_order, ..."""
    examples: list[tuple[str, int, str]] = field(default_factory=list)
    """The first few: kind, row or record number, text."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What the format says about itself: version, dataset, day, ..."""

    def add(self, kind: str, row: int = 0, text: str = "", count: int = 1) -> None:
        """Count an anomaly; the first few keep their text."""
        self.counts[kind] += count
        if text and len(self.examples) < _EXAMPLES:
            self.examples.append((kind, row, text))


class Reader(ABC):
    """Chunks of events from one input, in order, in constant memory.

    Iterate once. `instruments` grows while reading where a file names them as it goes.

    Attributes
    ----------
    format, schema : str
    path : str
    instruments : dict of int to Instrument
        By instrument id.
    report : ReadReport
    """

    format: str = ""

    def __init__(self, source: Source, options: ReadOptions) -> None:
        self.source = source
        self.options = options
        self.path = source.path
        self.schema = ""
        self.instruments: dict[int, Instrument] = {}
        self.report = ReadReport()
        self.position = 0
        """Bytes or rows consumed so far, for progress; compare with ``source.size``."""

    @abstractmethod
    def __iter__(self) -> Iterator[Records]:
        """Chunks of ``EVENT`` (or ``DBN_MBO`` with `native`); a chunk may be overwritten by the next only with `native`."""

    def bad(self, row: int, text: str) -> None:
        """Count a bad row, or stop at it when strict."""
        if self.options.strict:
            raise FormatError(text, path=self.path, row=row)
        self.report.add("bad_row", row, text)

    def close(self) -> None:
        """Release the input."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        symbols = ", ".join(item.symbol for item in list(self.instruments.values())[:5])
        return f"<{type(self).__name__} {self.path} {self.format}/{self.schema} {symbols}>"


class Writer(ABC):
    """Writes chunks of events to a temporary name beside `path`; :meth:`close` renames it, :meth:`abort` removes it.

    Parameters
    ----------
    path : str or Path
    instruments : mapping of int to Instrument
        By instrument id.
    """

    format: str = ""

    def __init__(self, path: str | Path, instruments: Mapping[int, Instrument]) -> None:
        self.path = Path(path)
        self.instruments = dict(instruments)
        self.partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        if not self.path.parent.is_dir():
            raise UsageError(f"{path}: the folder {self.path.parent} does not exist; make it first")
        if not os.access(self.path.parent, os.W_OK) or (self.path.exists() and not os.access(self.path, os.W_OK)):
            raise UsageError(f"{path}: cannot be written; check the permissions")

    @abstractmethod
    def write(self, events: Records) -> None:
        """Append ``EVENT`` records.

        Raises
        ------
        LossError
            The format cannot hold an event; the message says which field of which event.
        """

    @abstractmethod
    def finish(self) -> None:
        """Write what closes the file and close it."""

    def close(self) -> None:
        """Finish and give the file its name; what fails on the way leaves nothing behind.

        Raises
        ------
        UsageError
            The system refused to write: a full disk, a quota, a folder that is gone.
        """
        try:
            self.finish()
            self.partial.replace(self.path)
        except BaseException as error:
            self._discard()
            if isinstance(error, OSError):
                raise self._not_written(error) from None
            raise

    def abort(self) -> None:
        """Leave nothing behind."""
        self.partial.unlink(missing_ok=True)

    def _discard(self) -> None:
        # Closing a file on a full disk fails once more, in the flush of what did not fit.
        with suppress(OSError):
            self.abort()
        self.partial.unlink(missing_ok=True)

    def _not_written(self, error: OSError) -> UsageError:
        return UsageError(f"{self.path}: cannot be written ({error.strerror or error}); nothing was left behind")

    def refuse(self, what: str) -> LossError:
        """The error for what this format cannot hold."""
        return LossError(f"{self.path}: {self.format} cannot hold {what}; nothing was written; choose parquet to keep everything")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
            return
        self._discard()
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise self._not_written(error) from None


@dataclass(frozen=True, slots=True)
class Format:
    """One file format: how it is told, read and written.

    Parameters
    ----------
    name : str
    title : str
        For help and docs.
    detect : callable
        ``detect(source)`` -> confidence in [0, 1] from ``source.head`` and ``source.name``.
    open : callable
        ``open(source, options)`` -> Reader.
    suffixes : tuple of str
        Names that choose this format for writing.
    create : callable, optional
        ``create(path, instruments, **options)`` -> Writer; None: read only.
    """

    name: str
    title: str
    detect: Callable[[Source], float]
    open: Callable[[Source, ReadOptions], Reader]
    suffixes: tuple[str, ...] = ()
    create: Callable[..., Writer] | None = None
