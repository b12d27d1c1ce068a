"""The same recorded order events through other libraries' books."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from tickdeck.bench import inputs
from tickdeck.bench.case import Case, Contender, Sample, Settings, Stopwatch
from tickdeck.bench.inputs import Tape
from tickdeck.bench.peers import PEERS, best_checksum
from tickdeck.bench.replaying import CHUNK, REPLAY_WORK, apply_all, fresh_book
from tickdeck.core import BBO


def cases(settings: Settings) -> list[Case]:
    """The cases of the suite."""
    return [
        Case(
            "peers.esh4",
            f"recorded day of CME ESH4 repeated: {REPLAY_WORK}; the checksum is of the final best bid and ask",
            partial(inputs.esh4, settings.size(8, 2)),
            [Contender("tickdeck", "ours", _prepare), *PEERS],
            passes=settings.size(5, 3),
        )
    ]


def _prepare(tape: Tape) -> Iterator[Callable[[], Sample]]:
    out = np.zeros(CHUNK, BBO)

    def run() -> Sample:
        book = fresh_book(tape)
        with Stopwatch() as watch:
            apply_all(book, tape.events, out)
        last = out[(len(tape.events) - 1) % CHUNK]
        return Sample(len(tape.events), watch.seconds, watch.processor, best_checksum(*map(int, last.tolist())))

    yield run
