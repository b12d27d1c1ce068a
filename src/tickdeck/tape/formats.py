"""The table of formats, and `read` and `write` over it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tickdeck.core import FormatError, Instrument, Records, UsageError, as_events
from tickdeck.tape.reader import Format, Reader, ReadOptions, Writer
from tickdeck.tape.source import Source

_MODULES: dict[str, str] = {
    "dbn": "tickdeck.tape.dbn",
    "databento-csv": "tickdeck.tape.databento_csv",
    "lobster": "tickdeck.tape.lobster",
    "itch": "tickdeck.tape.itch",
    "pcap": "tickdeck.tape.pcap",
    "capture": "tickdeck.tape.capture",
    "lines": "tickdeck.tape.lines",
    "parquet": "tickdeck.tape.parquet",
    "arrow": "tickdeck.tape.arrow",
    "npy": "tickdeck.tape.npy",
    "tardis": "tickdeck.tape.tardis",
    "hftbacktest": "tickdeck.tape.hftbacktest",
    "csv": "tickdeck.tape.event_csv",
    "jsonl": "tickdeck.tape.event_jsonl",
}
"""Format name -> module, whose ``FORMAT`` describes it. The order breaks ties of detection."""


def format_names() -> tuple[str, ...]:
    """Names of all formats."""
    return tuple(_MODULES)


def get_format(name: str) -> Format:
    """The format called `name`.

    Raises
    ------
    UsageError
        No such format.
    """
    module = _MODULES.get(name)
    if module is None:
        raise UsageError(f"unknown format {name!r}; choose one of {', '.join(_MODULES)}")
    found: Format = importlib.import_module(module).FORMAT
    return found


def detect(source: Source) -> Format:
    """The format of `source`, from its content and name.

    Raises
    ------
    FormatError
        No format claims it.
    """
    best, best_score = None, 0.0
    for name in _MODULES:
        candidate = get_format(name)
        score = candidate.detect(source)
        if score > best_score:
            best, best_score = candidate, score
            if score >= 1.0:
                break
    if best is None:
        raise FormatError(f"the format is not recognised; name it with --format ({', '.join(_MODULES)})", path=source.path)
    return best


def read(path: str | Path | Any, *, format: str | None = None, **options: Any) -> Reader:
    """Read market data: an iterable of chunks of ``EVENT`` records, in constant memory.

    Parameters
    ----------
    path : str, Path, array or frame
        A file (gzip, zstd, xz and zip are opened transparently), ``-`` for standard input, an array of ``EVENT`` or ``DBN_MBO``
        records, or a pandas or Polars frame of the event schema.
    format : str, optional
        One of :func:`format_names`; told from content and name by default.
    **options
        Fields of :class:`ReadOptions`.

    Returns
    -------
    Reader
        With ``instruments`` and ``report`` beside the chunks.

    Raises
    ------
    FormatError
        The input is not what it should be.
    UsageError
        No such file or option.
    """
    unknown = set(options) - set(ReadOptions.__dataclass_fields__)
    if unknown:
        raise UsageError(f"read has no option {', '.join(sorted(unknown))}; it has {', '.join(ReadOptions.__dataclass_fields__)}")
    chosen = ReadOptions(**options)
    if not isinstance(path, (str, Path)):
        from tickdeck.tape.frames import FrameReader

        return FrameReader(path, chosen)
    source = Source(path)
    return (get_format(format) if format else detect(source)).open(source, chosen)


def writer_for(
    path: str | Path,
    instruments: Mapping[int, Instrument],
    *,
    format: str | None = None,
    **options: Any,
) -> Writer:
    """A writer for `path`, its format told from the name's suffix.

    Raises
    ------
    UsageError
        No format writes such a name.
    """
    if format:
        chosen = get_format(format)
        if chosen.create is None:
            raise UsageError(f"{path}: the format {format} is read only")
    else:
        name = Path(path).name.lower()
        writers = [item for item in map(get_format, _MODULES) if item.create is not None]
        matches = [(len(suffix), item) for item in writers for suffix in item.suffixes if name.endswith(suffix)]
        if not matches:
            known = ", ".join(suffix for item in writers for suffix in item.suffixes)
            raise UsageError(f"{path}: no format for this name; end it in one of {known} or name a format")
        chosen = max(matches, key=lambda match: match[0])[1]
    assert chosen.create is not None
    return chosen.create(path, instruments, **options)


def write(
    path: str | Path,
    events: Reader | Records | Iterable[Records],
    instruments: Mapping[int, Instrument] | None = None,
    *,
    format: str | None = None,
    **options: Any,
) -> int:
    """Write events to a file; the format follows from the name.

    The file appears under its name only when it is complete.

    Parameters
    ----------
    path : str or Path
    events : Reader, array of EVENT or DBN_MBO, or iterable of such arrays
    instruments : mapping of int to Instrument, optional
        By id; a reader brings its own.

    Returns
    -------
    int
        Events written.

    Raises
    ------
    LossError
        The format cannot hold what the events say.
    """
    chunks: Iterable[Records] = [events] if hasattr(events, "dtype") else events  # type: ignore[list-item]
    known = instruments if instruments is not None else getattr(events, "instruments", {})
    count = 0
    with writer_for(path, known, format=format, **options) as writer:
        for chunk in chunks:
            writer.instruments.update({key: item for key, item in known.items() if key not in writer.instruments})
            writer.write(as_events(chunk))
            count += len(chunk)
    return count
