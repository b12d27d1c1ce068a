"""Several files as one stream, for the commands that play them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickdeck.core.errors import UsageError

if TYPE_CHECKING:
    from tickdeck.tape import Format, Reader, Source


def open_sources(paths: Sequence[str], *, format: str | None = None, **options: Any) -> Reader:
    """One reader of all files, in the order of time.

    Recorded traffic of one venue goes on from file to file, in the order given; all else is merged by time.

    Parameters
    ----------
    paths : sequence of str
    format : str, optional
        Of all of them; told from content and name by default.
    **options
        Of :class:`tickdeck.tape.ReadOptions`.

    Raises
    ------
    UsageError
        No file, one named twice, or one that cannot be read.
    FormatError
        A file is not what it should be.
    """
    from tickdeck.tape import ReadOptions, Source, detect, get_format

    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise UsageError(f"{twice[0]}: is named twice; name each file once")
    chosen = ReadOptions(**options)
    feeds: dict[str, list[tuple[Source, Format]]] = {}
    for path in paths:
        source = Source(path)
        found = get_format(format) if format else detect(source)
        feeds.setdefault(_venue(source, found) or path, []).append((source, found))
    readers = [_open(parts, chosen) for parts in feeds.values()]
    if len(readers) == 1:
        return readers[0]
    from tickdeck.tape.merge import MergedReader

    return MergedReader(readers, chosen.chunk)


def _venue(source: Source, format: Format) -> str | None:
    """The venue whose traffic `source` recorded; None for any other format."""
    if format.name == "lines":
        from tickdeck.tape.lines import venue_of

        return f"lines of {venue_of(source.head)}"
    if format.name == "capture":
        from tickdeck.tape.capture import header_of

        header = header_of(source)
        return f"capture of {header.exchange}" if header else None
    return None


def _open(parts: list[tuple[Source, Format]], options: Any) -> Reader:
    source, found = parts[0]
    if len(parts) == 1:
        return found.open(source, options)
    from tickdeck.tape.chain import read_chain

    return read_chain([each for each, _ in parts], options, format=found.name)


def stored_bytes(paths: Sequence[str]) -> int | None:
    """Bytes on disk of all files together; None where one is standard input or inside a zip."""
    files = [Path(path) for path in paths]
    return sum(file.stat().st_size for file in files) if all(file.is_file() for file in files) else None
