"""Playback: recorded events one by one or in chunks, from any time on, at any speed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Clock, Instrument, Records, Time, UsageError, empty_events, monotonic_clock, ns_text, to_ns
from tickdeck.tape.formats import read
from tickdeck.tape.merge import MergedReader, is_ranged
from tickdeck.tape.pacing import Schedule, check_speed
from tickdeck.tape.reader import CHUNK, Reader
from tickdeck.tape.tape_time import between, tape_times

_HELD = 1 << 22
"""Events held at most in the chunks of all sources together."""
_SMALLEST_CHUNK = 256
_EARLIEST = -(2**63)


class DataSource:
    """Plays one or several tapes, merged in time order.

    Equal times go by the order of the sources, and a group of records (up to the one with LAST) stays together;
    :mod:`tickdeck.tape.merge` has the rules, those for instrument ids too.

    One thread plays (``next_event``, ``next_chunk``, iteration, ``seek``); ``pause``, ``resume`` and ``speed`` may be used from
    any other meanwhile.

    Parameters
    ----------
    *sources : str, Path, Reader, array or frame
        What :func:`tickdeck.read` reads, or its readers. A reader without an index can only be played forward.
    speed : float or "max"
        1 is the recorded pace, "max" (infinity) no pacing at all.
    clock : callable
        Returns ns, monotonic; the schedule of a paced playback.
    sleep : callable
        Sleeps for seconds.
    chunk : int
        Most events in one chunk.
    **options
        Of :func:`tickdeck.read`.

    Raises
    ------
    UsageError
        No source, or a speed that is not above 0.

    Examples
    --------
    >>> import numpy as np, tickdeck as td
    >>> source = td.DataSource(np.zeros(3, td.EVENT))
    >>> sum(len(chunk) for chunk in source)
    3
    """

    def __init__(
        self,
        *sources: str | Path | Reader | Any,
        speed: float | str = math.inf,
        clock: Clock = monotonic_clock,
        sleep: Callable[[float], object] = time.sleep,
        chunk: int = CHUNK,
        **options: Any,
    ) -> None:
        if not sources:
            raise UsageError("there is nothing to play; give at least one tape")
        self._given = sources
        self._options = {**options, "chunk": max(_SMALLEST_CHUNK, min(chunk, _HELD // len(sources)))}
        self._schedule = Schedule(clock, sleep, check_speed(speed))
        readers = [given if isinstance(given, Reader) else read(given, **self._options) for given in sources]
        self._merged = MergedReader(readers, chunk)
        self._chunks = self._merged.between(None, None)
        self._chunk: Records = empty_events()
        self._times: NDArray[np.int64] = np.zeros(0, np.int64)
        self._at = 0
        self._time: int | None = None
        """Of the last record of the chunk before."""
        self._floor = _EARLIEST

    def next_event(self) -> np.void | None:
        """The next record once it is due; None while paused and at the end.

        At a finite speed the call sleeps until then.
        """
        at = self._at
        if not (self._schedule.is_free and at < len(self._chunk)):
            if not self._await():
                return None
            at = self._at
        self._at = at + 1
        event: np.void = self._chunk[at]
        return event

    def next_chunk(self) -> Records | None:
        """All records that are due, at most a chunk; an empty array while paused, None at the end.

        At a finite speed the call sleeps until there is one.
        """
        if not self._await():
            return None if self.is_finished else self._chunk[:0]
        if self._schedule.is_free:
            end = len(self._chunk)
        else:
            due = self._schedule.due(int(self._times[self._at]))
            end = max(self._at + 1, int(np.searchsorted(self._times, due, side="right")))
        events = self._chunk[self._at : end]
        self._at = end
        return events

    def __iter__(self) -> Iterator[Records]:
        """Chunks as they fall due, to the end. While paused it waits for another thread to resume."""
        while (chunk := self.next_chunk()) is not None:
            if len(chunk):
                yield chunk
            else:
                self._schedule.wait(0)

    def seek(self, to: Time) -> None:
        """Go on with the first record whose time is at or after `to`.

        Prepared tapes, Parquet and the catalog find it by an index. Other formats are read on from here, or again from their
        start where `to` lies behind. Books are not rebuilt: what was before `to` is not replayed.

        Parameters
        ----------
        to : int, str or datetime
            ns since the epoch, ISO 8601 or a datetime (UTC).

        Raises
        ------
        UsageError
            `to` lies behind, and a source cannot be read again.
        """
        target = to_ns(to)
        passed = self._floor if self.time is None else self.time
        if target > passed and not is_ranged(self._merged):
            rest = [self._chunk[self._at :]] if self._at < len(self._chunk) else []
            self._chunks = between(chain(rest, self._chunks), target, None)
        else:
            self._merged = MergedReader(self._readers_again(), self._merged.options.chunk, self._merged.ids)
            self._chunks = self._merged.between(target, None)
        self._chunk, self._times, self._at = empty_events(), self._times[:0], 0
        self._time, self._floor = None, target - 1
        self._schedule.restart()

    @property
    def speed(self) -> float:
        """Recorded seconds played a second; infinity: no pacing. May be set while playing."""
        return self._schedule.speed

    @speed.setter
    def speed(self, speed: float | str) -> None:
        self._schedule.speed = check_speed(speed)

    @property
    def is_paused(self) -> bool:
        """Whether playback stands still."""
        return self._schedule.is_paused

    def pause(self) -> None:
        """Stand still: nothing falls due until :meth:`resume`."""
        self._schedule.pause()

    def resume(self) -> None:
        """Go on from where :meth:`pause` stopped."""
        self._schedule.resume()

    @property
    def is_finished(self) -> bool:
        """Whether every record was delivered."""
        return not self._fill()

    @property
    def time(self) -> int | None:
        """Tape time of the last record delivered, ns since the epoch; None before the first."""
        return int(self._times[self._at - 1]) if self._at else self._time

    @property
    def instruments(self) -> dict[int, Instrument]:
        """Instruments by the ids that the records carry."""
        return self._merged.instruments

    @property
    def readers(self) -> tuple[Reader, ...]:
        """The readers behind the sources, with their reports."""
        return self._merged.readers

    def close(self) -> None:
        """Close the readers."""
        self._merged.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        speed = "max" if math.isinf(self.speed) else f"{self.speed:g}"
        at = "at the start" if self.time is None else f"at {ns_text(self.time)}"
        return f"<DataSource {self._merged.path} {at}, speed {speed}{', paused' if self.is_paused else ''}>"

    def _readers_again(self) -> list[Reader]:
        """The readers as they are where they have an index, else from the start."""
        readers = []
        for given, reader in zip(self._given, self._merged.readers):
            if is_ranged(reader):
                readers.append(reader)
            elif isinstance(given, Reader):
                raise UsageError(f"{given.path}: this reader is used up; give the path instead to seek backwards")
            elif isinstance(given, (str, Path)) and str(given) == "-":
                raise UsageError("standard input cannot be read again; seek forward only")
            else:
                reader.close()
                readers.append(read(given, **self._options))
        return readers

    def _fill(self) -> bool:
        """Have a next record at hand; False at the end."""
        if self._at < len(self._chunk):
            return True
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        times = np.maximum.accumulate(tape_times(chunk))
        self._time = self.time
        self._times = times if self._time is None else np.maximum(times, self._time)
        self._chunk = chunk
        self._at = 0
        return True

    def _await(self) -> bool:
        """Wait until the next record is due; False at the end or while paused."""
        if not self._fill():
            return False
        while not self.is_paused:
            if self._schedule.is_free:
                return True
            following = int(self._times[self._at])
            if self._schedule.due(following) >= following:
                return True
            self._schedule.wait(following)
        return False
