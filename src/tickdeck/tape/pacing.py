"""When which tape time is due: playback at a speed, against a schedule.

The schedule is open loop: an event is due at a moment that follows from the anchor alone, never from when the one before was
delivered. So late sleeps and slow consumers add no drift; who falls behind is given what is due at once.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from tickdeck.core import Clock, UsageError

_SLICE = 0.02
"""Longest single sleep in seconds: a pause or a new speed is noticed after that at the latest."""
_ALWAYS = 2**63 - 1


def check_speed(speed: float | str) -> float:
    """`speed` as a number; "max" is infinity.

    Raises
    ------
    UsageError
        Not above 0.
    """
    try:
        value = math.inf if speed == "max" else float(speed)
    except (TypeError, ValueError):
        value = 0.0
    if not value > 0:
        raise UsageError(f"speed must be above 0 (1 is real time) or 'max', not {speed!r}; stop with pause()")
    return value


class Schedule:
    """Maps the clock to tape time. Every method may be called from any thread.

    Parameters
    ----------
    clock : callable
        Returns ns, monotonic.
    sleep : callable
        Sleeps for seconds.
    speed : float
        Tape seconds a clock second; infinity: everything is due at once.
    """

    __slots__ = ("_anchor", "_clock", "_lock", "_paused_at", "_sleep", "_speed", "is_free")

    def __init__(self, clock: Clock, sleep: Callable[[float], object], speed: float) -> None:
        self._clock = clock
        self._sleep = sleep
        self._speed = speed
        self._anchor: tuple[int, int] | None = None
        self._paused_at: int | None = None
        self._lock = threading.Lock()
        self.is_free = math.isinf(speed)
        """Everything is due at once, and there is no pause."""

    @property
    def speed(self) -> float:
        """Tape seconds a clock second."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._lock:
            if self._anchor is not None:
                now = self._now()
                # From full speed there is no tape time to go on from: the next event starts a new schedule.
                self._anchor = None if math.isinf(self._speed) else (now, self._due(now))
            self._speed = speed
            self.is_free = math.isinf(speed) and self._paused_at is None

    @property
    def is_paused(self) -> bool:
        """Whether time stands still."""
        return self._paused_at is not None

    def pause(self) -> None:
        """Let time stand still."""
        with self._lock:
            if self._paused_at is None:
                self._paused_at = self._clock()
            self.is_free = False

    def resume(self) -> None:
        """Let time go on from where it stood."""
        with self._lock:
            if self._paused_at is not None and self._anchor is not None:
                self._anchor = (self._anchor[0] + self._clock() - self._paused_at, self._anchor[1])
            self._paused_at = None
            self.is_free = math.isinf(self._speed)

    def restart(self) -> None:
        """Forget the anchor: the next event is due when it is asked for."""
        with self._lock:
            self._anchor = None

    def due(self, next_time: int) -> int:
        """The tape time (ns) up to which everything is due; `next_time`, the next event's, is due now where nothing was yet."""
        with self._lock:
            if self._anchor is None:
                self._anchor = (self._now(), next_time)
            return self._due(self._now())

    def wait(self, next_time: int) -> None:
        """Sleep towards the moment at which `next_time` is due, or for a slice of a pause; less, but never longer."""
        with self._lock:
            seconds = _SLICE
            if self._paused_at is None:
                seconds = math.ceil((next_time - self._due(self._now())) / self._speed) / 1e9
        if seconds > 0:
            self._sleep(min(seconds, _SLICE))

    def _now(self) -> int:
        return self._clock() if self._paused_at is None else self._paused_at

    def _due(self, now: int) -> int:
        if self._anchor is None or math.isinf(self._speed):
            return _ALWAYS
        return self._anchor[1] + int((now - self._anchor[0]) * self._speed)
