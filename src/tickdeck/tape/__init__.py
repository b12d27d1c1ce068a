"""Market data at rest: readers, writers, the catalog and playback."""

from tickdeck.tape.formats import detect, format_names, get_format, read, write, writer_for
from tickdeck.tape.reader import CHUNK, Format, Reader, ReadOptions, ReadReport, Writer
from tickdeck.tape.source import Source

__all__ = [
    "CHUNK",
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
    "write",
    "writer_for",
]
