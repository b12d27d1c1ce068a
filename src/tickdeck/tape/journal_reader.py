"""Reading a journal: its records in sequence, whatever is torn, damaged or missing told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tickdeck.core import FormatError, Records
from tickdeck.tape.journal_layout import MOST_ROWS, Layout
from tickdeck.tape.journal_segment import Segment, Tail, segment_paths


class JournalReader:
    """Reads a journal from a sequence number on.

    Iteration yields ``(first sequence number, records)``, or ``(sequence number, text)`` for a note.

    Parameters
    ----------
    folder : str or Path
    dtype : dtype
        Of the records.
    start : int
        The first sequence number wanted.
    chunk : int
        Small batches are put together up to so many records.

    Attributes
    ----------
    tails : list of Tail
        After the end: what was dropped because its writer did not finish it.
    next : int
        The sequence number that follows the last one read.
    metadata : dict of str to str
        Of the newest segment whose beginning is whole.

    Raises
    ------
    FormatError
        A damaged segment, a gap in the sequence, another version or record type, a record that is no longer there.
    """

    def __init__(self, folder: str | Path, dtype: np.dtype[np.void], start: int = 1, chunk: int = MOST_ROWS) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FormatError("no such folder; name that of a journal", path=str(folder))
        self.tails: list[Tail] = []
        self.next = start
        self._layout = Layout(dtype)
        self._chunk = chunk
        self.metadata = self._newest_metadata()

    def __iter__(self) -> Iterator[tuple[int, Records | str]]:
        size = self._layout.dtype.itemsize
        pending, count, first = self._room(), 0, 0
        for at, content in self._batches():
            if count and (isinstance(content, str) or count + len(content) > self._chunk):
                yield first, pending[:count]
                pending, count = self._room(), 0
            if isinstance(content, str) or len(content) >= self._chunk:
                yield at, content
                continue
            if not count:
                first = at
            # As bytes: numpy would copy structured records field by field.
            pending.view(np.uint8)[count * size : (count + len(content)) * size] = content.view(np.uint8)
            count += len(content)
        if count:
            yield first, pending[:count]

    def _newest_metadata(self) -> dict[str, str]:
        for _, path in reversed(segment_paths(self.folder)):
            segment = Segment(path, self._layout)
            segment.close()
            if segment.metadata is not None:
                return segment.metadata
        return {}

    def _room(self) -> Records:
        return np.empty(self._chunk, self._layout.dtype)

    def _batches(self) -> Iterator[tuple[int, Records | str]]:
        start = self.next
        found = segment_paths(self.folder)
        if found and start < found[0][0].first:
            raise FormatError(
                f"the journal begins at record {found[0][0].first:,}, {start:,} is asked for; put the earlier segments back",
                path=str(self.folder),
            )
        limits = [name.first for name, _ in found[1:]] + [None]
        reached: int | None = None
        for (name, path), limit in zip(found, limits):
            if limit is not None and limit <= start:
                continue
            if reached is not None and name.first != reached:
                raise FormatError(
                    f"the journal has a gap: records {reached:,} to {name.first - 1:,} are missing before this segment",
                    path=str(path),
                )
            segment = Segment(path, self._layout, start, limit)
            try:
                for first, content in segment:
                    skipped = max(start - first, 0)
                    self.next = segment.next
                    yield (first, content) if isinstance(content, str) else (first + skipped, content[skipped:])
            finally:
                segment.close()
            reached = segment.next
            if segment.tail is not None:
                self.tails.append(segment.tail)
        if (reached or 1) < start:
            raise FormatError(f"the journal ends before record {start:,}; put the later segments back", path=str(self.folder))
