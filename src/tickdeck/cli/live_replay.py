"""Replay at a human speed, with the ladder live in the terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tickdeck.cli.keys import pressed_keys
from tickdeck.cli.ladder_view import book_table, market_table, trades_table
from tickdeck.cli.replay import Outcome, parts
from tickdeck.core import TickdeckError, UsageError, monotonic_clock, ns_text
from tickdeck.tape.pacing import Schedule
from tickdeck.tape.tape_time import EARLIEST, rising_times

if TYPE_CHECKING:
    from tickdeck.cli.common import Window
    from tickdeck.cli.played_market import PlayedMarket
    from tickdeck.core import Records
    from tickdeck.tape import Reader

_REFRESH = 0.1
"""Seconds between two pictures."""
_SLOWEST, _FASTEST = 0.1, 1e6
_FRAME_LINES = 6
"""Lines of the screen beside the two sides' levels."""


class Player:
    """Applies events when they are due, and shows the market meanwhile.

    Parameters
    ----------
    market : PlayedMarket
    speed : float
        Tape seconds a second.
    show : callable
        Takes what the screen is to show; None: nobody looks.
    keys : callable
        Returns what was typed.
    console : Console
    depth : int
    """

    def __init__(
        self,
        market: PlayedMarket,
        speed: float,
        show: Callable[[RenderableType], None] | None,
        keys: Callable[[], str],
        console: Console,
        depth: int,
    ) -> None:
        self.market = market
        self.schedule = Schedule(monotonic_clock, time.sleep, speed)
        self.now: int | None = None
        self.is_over = False
        self._show = show
        self._keys = keys
        self._console = console
        self._depth = depth
        self._floor = EARLIEST
        self._next_picture = 0.0
        self._rates: deque[tuple[float, int]] = deque(maxlen=round(1 / _REFRESH) + 1)

    def play(self, chunk: Records) -> None:
        """Play ``EVENT`` records to their end, or until somebody asks to stop."""
        times = rising_times(chunk, self._floor)
        self._floor = int(times[-1])
        done = int(np.searchsorted(times, EARLIEST, side="right"))
        self.market.apply(chunk[:done])
        while done < len(chunk) and not self.is_over:
            following = int(times[done])
            self.now = due = self.schedule.due(following)
            end = int(np.searchsorted(times, due, side="right"))
            if end > done:
                self.market.apply(chunk[done:end])
                done = end
            else:
                self.schedule.wait(following)
            self.look()

    def look(self) -> None:
        """Obey the keys, and draw when it is time for the next picture."""
        clock = time.perf_counter()
        if clock < self._next_picture:
            return
        self._next_picture = clock + _REFRESH
        for key in self._keys():
            self._obey(key)
        self._rates.append((clock, self.market.events))
        if self._show:
            self._show(self._picture())

    def _obey(self, key: str) -> None:
        if key == " ":
            if self.schedule.is_paused:
                self.schedule.resume()
            else:
                self.schedule.pause()
        elif key in "+=":
            self.schedule.speed = min(self.schedule.speed * 2, _FASTEST)
        elif key in "-_":
            self.schedule.speed = max(self.schedule.speed / 2, _SLOWEST)
        elif key in "qQ":
            self.is_over = True

    def _head(self, name: str) -> Text:
        (first, before), (last, after) = self._rates[0], self._rates[-1]
        rate = (after - before) / (last - first) if last > first else 0.0
        clock = ns_text(self.now)[:23].replace("T", " ") if self.now else "snapshot"
        pace = "paused" if self.schedule.is_paused else f"{self.schedule.speed:g}x"
        text = Text.assemble((name, "bold"), "  ", f"{clock} UTC", "  ", (pace, "reverse" if pace == "paused" else "bold"))
        text.append(f"  {rate:,.0f} events/s  {self.market.events:,} events", "dim")
        return text

    def _picture(self) -> RenderableType:
        rows = max(1, min(self._depth, (self._console.height - _FRAME_LINES) // 2))
        help_line = Text("space pause  + faster  - slower  q quit", "dim")
        book = self.market.main()
        if book is None:
            table = market_table(self.market.rows(max(1, self._console.height - _FRAME_LINES)))
            return Group(self._head(f"{len(self.market.market):,} books"), Text(), table, Text(), help_line)
        instrument = self.market.instrument(book)
        grid = Table.grid(padding=(0, 4))
        trades = self.market.trades_of(book)[: 2 * rows]
        grid.add_row(book_table(book, rows, instrument=instrument, rows=rows), trades_table(trades, instrument, book.tick_size))
        return Group(self._head(self.market.name(book)), Text(), grid, Text(), help_line)


@contextmanager
def _screen(console: Console, quiet: bool) -> Iterator[Callable[[RenderableType], None] | None]:
    """A function that puts something on the whole screen; None where there is no terminal."""
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.live import Live

    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda what: live.update(what, refresh=True)


def play(
    reader: Reader, market: PlayedMarket, window: Window, begin: int | None, speed: float, depth: int, quiet: bool
) -> Outcome:
    """Play the tape at `speed`; quietly where standard output is no terminal."""
    outcome = Outcome()
    console = Console()
    begun = time.perf_counter()
    with pressed_keys() as keys, _screen(console, quiet) as show:
        player = Player(market, speed, show, keys, console, depth)
        try:
            for before, chunk in parts(reader, window, begin):
                if before:
                    market.market.apply(chunk)
                    outcome.earlier += len(chunk)
                    continue
                player.play(chunk)
                if player.is_over:
                    break
        except UsageError:
            raise
        except TickdeckError as error:
            outcome.failure = error
    outcome.last = player.now
    outcome.seconds = time.perf_counter() - begun
    return outcome
