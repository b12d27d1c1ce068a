"""Contenders that replay a tape with best bid and ask after every event: ours and the native reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tickdeck.bench.case import Contender, Sample, Stopwatch
from tickdeck.bench.inputs import Tape
from tickdeck.bench.kernels import fold_bbo
from tickdeck.bench.native import NativeLadder
from tickdeck.book import Market, OrderBook
from tickdeck.core import BBO, Instrument, Records, price_text

CHUNK = 65_536
REPLAY_WORK = (
    "events in memory to book; best bid and ask with sizes written after every event into a reused buffer of 65,536 records"
)


def fresh_book(tape: Tape, orders: int = 1024) -> OrderBook | Market:
    """An empty book, or market of books, with the tape's tick declared and memory for `orders` in place."""
    tick = price_text(tape.tick_size)
    prefault = orders > 1024
    if tape.instruments == 1:
        return OrderBook(Instrument("BENCH", tick_size=tick), orders=orders, prefault=prefault)
    known = (Instrument(f"B{number}", tick_size=tick, instrument_id=number) for number in range(1, tape.instruments + 1))
    return Market(known, orders=orders, prefault=prefault)


def apply_all(book: OrderBook | Market, events: Records, out: Records) -> None:
    """Apply events chunk by chunk."""
    for start in range(0, len(events), CHUNK):
        chunk = events[start : start + CHUNK]
        book.apply(chunk, bbo=out[: len(chunk)])


def checksum_of(tape: Tape, out: Records) -> tuple[int, int]:
    """Fold over the best bid and ask after every event; most orders that rested at a time."""
    book = fresh_book(tape)
    fold = np.uint64(0)
    for start in range(0, len(tape.events), CHUNK):
        chunk = tape.events[start : start + CHUNK]
        book.apply(chunk, bbo=out[: len(chunk)])
        fold = np.uint64(fold_bbo(out[: len(chunk)], fold))
    return int(fold), book.most_orders


def _prepare_ours(tape: Tape) -> Iterator[Callable[[], Sample]]:
    out = np.zeros(CHUNK, BBO)
    # The native reference has its memory in place before it is timed; so have we.
    checksum, orders = checksum_of(tape, out)
    stated: list[int] = []

    def run() -> Sample:
        book = fresh_book(tape, orders)
        with Stopwatch() as watch:
            apply_all(book, tape.events, out)
        first = None if stated else checksum
        stated.append(checksum)
        return Sample(len(tape.events), watch.seconds, watch.processor, first)

    yield run


def ours() -> Contender:
    """``OrderBook.apply`` or ``Market.apply``."""
    return Contender("tickdeck", "ours", _prepare_ours)


def native(events_of: Callable[[Tape], Tape] = lambda tape: tape, prefetch: int = 0) -> Contender:
    """``ladder.cpp`` over the same events.

    Parameters
    ----------
    events_of : callable, optional
        The tape as EVENT records, where the case's are not.
    prefetch : int
        Distance in events at which the reference prefetches; the best one for the case.
    """

    def prepare(tape: Tape) -> Iterator[Callable[[], Sample]]:
        given = events_of(tape)
        with NativeLadder(given.events, given.tick_size) as ladder:
            checked: list[int] = []

            def run() -> Sample:
                checksum = None
                if not checked:
                    checked.append(ladder.checksum())
                    checksum = checked[0]
                ladder.reset()
                with Stopwatch() as watch:
                    ladder.replay(prefetch)
                return Sample(len(given.events), watch.seconds, watch.processor, checksum)

            yield run

    how = f", prefetching {prefetch} events ahead" if prefetch else ""
    return Contender("native", "native", prepare, work=f"C++ dense ladder whose price range is known beforehand{how}")
