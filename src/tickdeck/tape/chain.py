"""Several files as one stream: each goes on where the one before ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tickdeck.core import Records, UsageError
from tickdeck.tape.formats import detect, get_format
from tickdeck.tape.reader import Format, Reader, ReadOptions
from tickdeck.tape.source import Source
from tickdeck.tape.venue_reader import VenueReader

_VENUE_FORMATS = ("lines", "capture")


class ChainReader(Reader):
    """Events of several inputs, one after another.

    Recorded venue traffic is parsed as one feed: the books of one file go on in the next. Instruments of other formats keep their
    ids.

    Parameters
    ----------
    sources : sequence of Source
        At least one, in order.
    options : ReadOptions
    formats : sequence of Format
        One for each source.

    Attributes
    ----------
    parts : list of Reader
        The readers opened so far; the last one is at work.
    """

    def __init__(self, sources: Sequence[Source], options: ReadOptions, formats: Sequence[Format]) -> None:
        super().__init__(sources[0], options)
        self.format = formats[0].name if len({item.name for item in formats}) == 1 else "chain"
        self.parts: list[Reader] = []
        self._sources = sources
        self._formats = formats
        self._advance()
        self.schema = self.parts[0].schema

    def __iter__(self) -> Iterator[Records]:
        while True:
            reader = self.parts[-1]
            for chunk in reader:
                self._take_instruments(reader)
                self._note_position()
                yield chunk
            self._note_position()
            reader.close()
            if len(self.parts) == len(self._sources):
                return
            self._advance()

    def _advance(self) -> None:
        """Open the next input."""
        number = len(self.parts)
        source, chosen = self._sources[number], self._formats[number]
        before = self.parts[-1] if self.parts else None
        if chosen.name in _VENUE_FORMATS:
            reader = self._open_venue(source, chosen, before, last=number + 1 == len(self._sources))
        else:
            reader = chosen.open(source, self.options)
        reader.report = self.report
        self.parts.append(reader)
        self._take_instruments(reader)

    def _open_venue(self, source: Source, chosen: Format, before: Reader | None, last: bool) -> Reader:
        from tickdeck.tape.capture import CaptureReader
        from tickdeck.tape.lines import LinesReader

        kind = LinesReader if chosen.name == "lines" else CaptureReader
        parser = before.parser if isinstance(before, VenueReader) else None
        return kind(source, self.options, parser, last)

    def _take_instruments(self, reader: Reader) -> None:
        for number, item in reader.instruments.items():
            known = self.instruments.setdefault(number, item)
            if known is not item and known.symbol != item.symbol:
                raise UsageError(
                    f"{reader.path}: instrument {number} is {item.symbol} here, {known.symbol} in a file before; read them apart"
                )
            self.instruments[number] = item

    def _note_position(self) -> None:
        self.position = sum(part.position for part in self.parts)

    def close(self) -> None:
        """Release the inputs."""
        for part in self.parts:
            part.close()


def read_chain(
    sources: Sequence[str | Path | Source], options: ReadOptions | None = None, *, format: str | None = None
) -> Reader:
    """A reader of several files that form one recording, in the order given.

    Parameters
    ----------
    sources : sequence of str, Path or Source
    options : ReadOptions, optional
    format : str, optional
        Of all of them; told from content and name by default.

    Returns
    -------
    Reader
        Of the format itself for a single file, else a :class:`ChainReader`.

    Raises
    ------
    UsageError
        No file, one that cannot be read, or files whose instrument ids contradict each other.
    FormatError
        A file is not what it should be.
    """
    if not sources:
        raise UsageError("no file to read; name at least one")
    opened = [item if isinstance(item, Source) else Source(item) for item in sources]
    chosen = options or ReadOptions()
    formats = [get_format(format) if format else detect(item) for item in opened]
    if len(opened) == 1:
        return formats[0].open(opened[0], chosen)
    return ChainReader(opened, chosen, formats)
