"""Start-up: the command, the import and the first replay, with and without compiled kernels in the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tickdeck.bench.case import Bound, Case, Contender, Sample, Settings, Stopwatch
from tickdeck.core import TickdeckError

REPLAY = """
import numpy as np, tickdeck as td
event = np.zeros(1, td.EVENT)
event["action"], event["side"], event["price"], event["size"], event["flags"] = 65, 66, td.price("10.01"), 5, 128
book = td.OrderBook(td.Instrument("ACME", tick_size="0.01"))
book.apply(event)
assert book.best_bid.size == 5
"""


def cases(settings: Settings) -> list[Case]:
    """The cases of the suite."""
    help_command = [sys.executable, "-m", "tickdeck", "--help"]
    import_command = [sys.executable, "-c", "import tickdeck"]
    replay_command = [sys.executable, "-c", REPLAY]
    return [
        _case("start.help", "tickdeck --help, from the shell to its end", help_command, 0.3, 5),
        _case("start.import", "import tickdeck, with Python's own start", import_command, 0.3, 5),
        _case("start.replay-warm", "import, book and first event; compiled kernels in the cache", replay_command, 2.0, 5),
        _case("start.replay-cold", "the same with an empty cache: kernels are compiled", replay_command, None, 1, cold=True),
    ]


def _case(name: str, work: str, command: list[str], must: float | None, passes: int, cold: bool = False) -> Case:
    return Case(
        name,
        work,
        lambda: None,
        [Contender("tickdeck", "ours", partial(_prepare, command, cold))],
        unit="starts",
        must=(Bound("seconds", must),) if must else (),
        pinned=False,
        passes=passes,
    )


def _prepare(command: list[str], cold: bool, _: object) -> Iterator[Callable[[], Sample]]:
    folder = Path(tempfile.mkdtemp(prefix="tickdeck-bench-"))
    environment = dict(os.environ)
    if cold:
        environment["TICKDECK_CACHE_DIR"] = str(folder)

    def run() -> Sample:
        if cold:
            shutil.rmtree(folder)
        with Stopwatch() as watch:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TickdeckError(f"{' '.join(command[1:3])} failed: {(done.stderr.splitlines() or ['no message'])[-1]}")
        return Sample(1, watch.seconds)

    try:
        yield run
    finally:
        shutil.rmtree(folder, ignore_errors=True)
