"""A catalog: a folder of Parquet files by venue, symbol and date, on any file system that fsspec knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickdeck.core import Time, UsageError, as_events, to_ns
from tickdeck.tape.catalog_add import Addition
from tickdeck.tape.catalog_files import CatalogFile, list_files
from tickdeck.tape.catalog_read import CatalogReader, InstrumentReader
from tickdeck.tape.formats import read
from tickdeck.tape.reader import CHUNK, Reader

if TYPE_CHECKING:
    import polars as pl

_SMALLEST_CHUNK = 256
_HELD = 1 << 22
"""Events held at most in the chunks of all instruments together."""


class Catalog:
    """Market data by venue, symbol and date.

    A partition is a folder ``venue=.../symbol=.../date=...`` (date of the tape time, UTC): other tools read a Hive data set.
    One process adds at a time; any number may read meanwhile.

    Parameters
    ----------
    path : str or Path
        A folder, or a URL that fsspec opens (``s3://...``, ``memory://...``).
    **storage_options
        For fsspec.

    Raises
    ------
    UsageError
        fsspec knows no such file system.

    Examples
    --------
    >>> import numpy as np, tickdeck as td
    >>> catalog = td.Catalog("memory://example")
    >>> catalog.list().height
    0
    """

    def __init__(self, path: str | Path, **storage_options: Any) -> None:
        import fsspec

        self.path = str(path)
        try:
            self._fs, root = fsspec.core.url_to_fs(self.path, **storage_options)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{self.path}: {str(error).splitlines()[0]}") from None
        self._root: str = root.rstrip("/")

    def __repr__(self) -> str:
        return f"Catalog({self.path!r})"

    def add(self, tape: Reader | str | Path | Any, *, replace: bool = False, **options: Any) -> int:
        """Add a tape, all of it or nothing.

        Each new file appears under its name when it is complete. Within one instrument the order of the tape is kept; the order
        between instruments is that of their times.

        Parameters
        ----------
        tape : Reader, str, Path, array or frame
            What :func:`tickdeck.read` reads.
        replace : bool
            Files of the same venue, symbol and date that overlap the tape in time give way to it as a whole.
        **options
            Of :func:`tickdeck.read`.

        Returns
        -------
        int
            Events added.

        Raises
        ------
        UsageError
            The catalog has events of that venue, symbol and time; or it cannot be written.
        FormatError
            The tape is damaged.
        """
        reader = tape if isinstance(tape, Reader) else read(tape, **options)
        files = list_files(self._fs, self._root)
        try:
            addition = Addition(self._fs, self._root, files, replace)
            try:
                for chunk in reader:
                    addition.write(as_events(chunk), reader.instruments)
                return addition.commit(reader.instruments)
            except BaseException:
                addition.discard()
                raise
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be written ({error.strerror or error}); nothing was added") from None
        finally:
            if reader is not tape:
                reader.close()

    def list(self) -> pl.DataFrame:
        """What is there: one row for each venue, symbol and date.

        Returns
        -------
        polars.DataFrame
            venue, symbol, date, rows, first and last (tape time, UTC), bytes, files.
        """
        import polars as pl

        files = list_files(self._fs, self._root)
        time = pl.Datetime("ns", "UTC")
        frame = pl.DataFrame(
            {
                "venue": pl.Series([file.venue for file in files], dtype=pl.String),
                "symbol": pl.Series([file.symbol for file in files], dtype=pl.String),
                "date": pl.Series([int(file.date.astype(int)) for file in files], dtype=pl.Int32),
                "rows": pl.Series([file.rows for file in files], dtype=pl.Int64),
                "first": pl.Series([file.first for file in files], dtype=pl.Int64),
                "last": pl.Series([file.last for file in files], dtype=pl.Int64),
                "bytes": pl.Series([file.size for file in files], dtype=pl.Int64),
            }
        )
        return (
            frame.group_by("venue", "symbol", "date", maintain_order=True)
            .agg(
                pl.col("rows").sum(),
                pl.col("first").min().cast(time),
                pl.col("last").max().cast(time),
                pl.col("bytes").sum(),
                pl.len().cast(pl.Int64).alias("files"),
            )
            .with_columns(pl.col("date").cast(pl.Date))
        )

    def read(
        self,
        symbols: str | Sequence[str] | None = None,
        start: Time | None = None,
        end: Time | None = None,
        venue: str | None = None,
        *,
        chunk: int = CHUNK,
    ) -> Reader:
        """The events of some instruments between two times, merged in time order.

        Files and row groups outside are not read. A reader of this kind can be given to :class:`tickdeck.DataSource`, which seeks
        in it by the same index.

        Parameters
        ----------
        symbols : str or sequence of str, optional
            None: all.
        start, end : int, str or datetime, optional
            From the first record at or after `start` to the last before any at or after `end`.
        venue : str, optional
        chunk : int
            Most events in one chunk.

        Raises
        ------
        UsageError
            The catalog has no such symbol or venue.
        """
        by_name: dict[tuple[str, str], list[CatalogFile]] = {}
        for file in self._select(symbols, venue):
            by_name.setdefault((file.venue, file.symbol), []).append(file)
        size = max(_SMALLEST_CHUNK, min(chunk, _HELD // len(by_name)))
        readers = [InstrumentReader(self._fs, files, size) for files in by_name.values()]
        return CatalogReader(self.path, readers, _ns(start), _ns(end), chunk)

    def scan(
        self,
        symbols: str | Sequence[str] | None = None,
        start: Time | None = None,
        end: Time | None = None,
        venue: str | None = None,
    ) -> pl.LazyFrame:
        """The same as a lazy Polars frame: venue, symbol, date and the columns of the events.

        Files outside are left out by their names; predicates on columns go down to the row groups' statistics. A record is taken
        by its own time here, and the order is that of the files.

        Raises
        ------
        UsageError
            The catalog has no such symbol or venue.
        """
        import polars as pl

        low, high = _ns(start), _ns(end)
        files = self._select(symbols, venue)
        # Where none is in the range, one file gives the empty frame its schema.
        files = [file for file in files if (low is None or file.last >= low) and (high is None or file.first < high)] or files[:1]
        frame = self._scan_files([file.path for file in files])
        received, at_venue = pl.col("ts_recv"), pl.col("ts_event")
        none = _time(0)
        if low is not None:
            frame = frame.filter((received >= _time(low)) & (received != none) | (received == none) & (at_venue >= _time(low)))
        if high is not None:
            frame = frame.filter((received < _time(high)) & (received != none) | (received == none) & (at_venue < _time(high)))
        return frame

    def _scan_files(self, paths: Sequence[str]) -> pl.LazyFrame:
        import polars as pl

        if "file" in (self._fs.protocol if isinstance(self._fs.protocol, tuple) else (self._fs.protocol,)):
            hive = {"venue": pl.String, "symbol": pl.String, "date": pl.Date}
            return pl.scan_parquet(list(paths), hive_partitioning=True, hive_schema=hive)
        import pyarrow as pa
        import pyarrow.dataset as ds
        from pyarrow.fs import FSSpecHandler, PyFileSystem

        keys = pa.schema([("venue", pa.string()), ("symbol", pa.string()), ("date", pa.date32())])
        found = ds.dataset(
            list(paths),
            format="parquet",
            filesystem=PyFileSystem(FSSpecHandler(self._fs)),
            partitioning=ds.partitioning(keys, flavor="hive"),
            partition_base_dir=self._root,
        )
        return pl.scan_pyarrow_dataset(found)

    def _select(self, symbols: str | Sequence[str] | None, venue: str | None) -> Sequence[CatalogFile]:
        files: Sequence[CatalogFile] = list_files(self._fs, self._root)
        if not files:
            raise UsageError(f"{self.path}: the catalog is empty; add a tape first")
        if venue is not None:
            files = _matching(files, "venue", [venue], self.path)
        if symbols is not None:
            files = _matching(files, "symbol", [symbols] if isinstance(symbols, str) else symbols, self.path)
        return files


def _ns(time: Time | None) -> int | None:
    return None if time is None else to_ns(time)


def _time(ns: int) -> pl.Expr:
    import polars as pl

    return pl.lit(ns, pl.Int64).cast(pl.Datetime("ns", "UTC"))


def _matching(files: Sequence[CatalogFile], field: str, wanted: Sequence[str], path: str) -> Sequence[CatalogFile]:
    known = {getattr(file, field) for file in files}
    missing = [value for value in wanted if value not in known]
    if missing:
        shown = ", ".join(sorted(known)[:20])
        raise UsageError(f"{path}: has no {field} {', '.join(missing)}; it has {shown}")
    return [file for file in files if getattr(file, field) in wanted]
