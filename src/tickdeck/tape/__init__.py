"""Market data at rest: readers, writers, the catalog and playback."""

import importlib
from typing import TYPE_CHECKING

from tickdeck.tape.formats import detect, format_names, get_format, read, write, writer_for
from tickdeck.tape.reader import CHUNK, Format, Reader, ReadOptions, ReadReport, Writer
from tickdeck.tape.source import Source

if TYPE_CHECKING:
    from tickdeck.tape.catalog import Catalog
    from tickdeck.tape.event_frame import to_polars
    from tickdeck.tape.playback import DataSource

__all__ = [
    "CHUNK",
    "Catalog",
    "DataSource",
    "Format",
    "ReadOptions",
    "ReadReport",
    "Reader",
    "Source",
    "Writer",
    "detect",
    "format_names",
    "get_format",
    "read",
    "to_polars",
    "write",
    "writer_for",
]

_LATER = {"Catalog": "tickdeck.tape.catalog", "DataSource": "tickdeck.tape.playback", "to_polars": "tickdeck.tape.event_frame"}


def __getattr__(name: str) -> object:
    """What needs compiled kernels or tables is imported where it is first used."""
    if name not in _LATER:
        raise AttributeError(f"module 'tickdeck.tape' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_LATER[name]), name)
    return value
