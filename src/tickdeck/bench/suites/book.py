"""Order books: replay of recorded, simulated and pathological events; single updates from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tickdeck.bench import inputs
from tickdeck.bench.case import Bound, Case, Contender, Sample, Settings
from tickdeck.bench.inputs import Tape
from tickdeck.bench.latency import open_loop, others_awake
from tickdeck.bench.replaying import REPLAY_WORK, fresh_book, native, ours
from tickdeck.core import DBN_MBO

NO_DEFENCE = "colliding-ids"
"""The reference's hash has no defence against these ids: its rate says nothing."""
PREFETCH = {"one-level": 8, "many-levels": 8, "many-books": 4}
UPDATE_INTERVALS_NS = {"": 100_000, "-often": 20_000}
"""How far apart single updates are due, by what is added to the case's name."""


def cases(settings: Settings) -> list[Case]:
    """The cases of the suite."""
    size = settings.size
    repeats = size(144, 15)
    single = partial(inputs.flow, size(10_000_000, 1_000_000))
    market = partial(inputs.market, size(4_000_000, 1_000_000))
    must, aim = (Bound("ratio", 0.8, "native"),), (Bound("ratio", 1.0, "native"),)
    day = "recorded day of CME ESH4 repeated, its own ids each time"
    made: list[Case] = [
        Case(
            "book.esh4",
            f"{day}: {REPLAY_WORK}",
            partial(inputs.esh4, repeats),
            [ours(), native()],
            must=must,
            aim=(*aim, Bound("rate", 85e6)),
        ),
        Case(
            "book.esh4-dbn",
            f"{day}, as DBN records in place: {REPLAY_WORK}",
            partial(inputs.esh4, repeats, DBN_MBO),
            [ours(), native(lambda tape: inputs.esh4(repeats))],
            must=must,
            aim=aim,
        ),
        Case(
            "book.flow", f"simulated instrument, 5,000 live orders: {REPLAY_WORK}", single, [ours(), native()], must=must, aim=aim
        ),
        Case(
            "book.market",
            f"1,000 instruments filled with 1,000,000 live orders, then events in all of them: {REPLAY_WORK}",
            market,
            [ours(), native(prefetch=4)],
            must=(Bound("rate", 18e6),),
            aim=(Bound("rate", 30e6),),
        ),
    ]
    for name, maker in inputs.PATHOLOGICAL.items():
        contenders = [ours()] if name == NO_DEFENCE else [ours(), native(prefetch=PREFETCH.get(name, 0))]
        limit = (Bound("bytes", 500e6),) if name == "many-books" else ()
        make: Callable[[], Tape] = partial(maker, size(4_000_000, 500_000))
        made.append(Case(f"book.{name}", f"{TEXTS[name]}: {REPLAY_WORK}", make, contenders, must=limit))
    calls = size(60_000, 10_000)
    for name, prepare, work in (
        ("book.update-call", _prepare_calls, "one add, cancel or modify call from Python"),
        ("book.update-apply", _prepare_applies, "one apply call from Python with a single event"),
    ):
        made += [
            Case(
                name + suffix,
                f"{work} on a book of 5,000 live orders; {1_000_000_000 // interval:,} a second, one due every {interval // 1000} us, "
                "latency from when it was due",
                partial(inputs.flow, calls + 50_000),
                [Contender("tickdeck", "ours", partial(prepare, interval))],
                unit="updates",
                must=(Bound("p99", 5_000),),
                aim=(Bound("p99", 1_000),),
                passes=3,
            )
            for suffix, interval in UPDATE_INTERVALS_NS.items()
        ]
    return made


TEXTS = {
    "stub-quotes": "stub quotes at 0.0001 and 199,999.99, the best price crossing the range at every other event",
    "negative-prices": "prices around zero",
    "drifting-prices": "prices drifting over seven orders of magnitude",
    "one-level": "one level with a million orders, cancelled anywhere in the queue",
    "many-levels": "a million levels with one order each",
    "colliding-ids": "4,096 live orders whose ids all have one home slot",
    "id-zero": "ids reused from 0 on",
    "shared-ids": "two books whose orders have the same ids",
    "many-books": "8,000 books of 200 orders",
}


def _prepare_calls(interval_ns: int, tape: Tape) -> Iterator[Callable[[], Sample]]:
    """Timed calls of the named methods."""
    book: Any = fresh_book(tape)
    history, coming = tape.events[:50_000], tape.events[50_000:]
    ids, prices, sizes = (coming[name].tolist() for name in ("order_id", "price", "size"))
    actions, sides = coming["action"].tolist(), [chr(side) for side in coming["side"].tolist()]

    def update(i: int) -> None:
        action = actions[i]
        if action == 65:
            book.add(ids[i], sides[i], prices[i], sizes[i])
        elif action == 67:
            book.cancel(ids[i], sizes[i])
        else:
            book.modify(ids[i], prices[i], sizes[i])

    yield from _updates(book, history, update, len(coming), interval_ns)


def _prepare_applies(interval_ns: int, tape: Tape) -> Iterator[Callable[[], Sample]]:
    """Timed calls of ``apply`` with one event."""
    book: Any = fresh_book(tape)
    history, coming = tape.events[:50_000], tape.events[50_000:]
    single = [coming[i : i + 1] for i in range(len(coming))]
    yield from _updates(book, history, lambda i: book.apply(single[i]), len(coming), interval_ns)


def _updates(
    book: Any, history: Any, update: Callable[[int], None], count: int, interval_ns: int
) -> Iterator[Callable[[], Sample]]:
    def run() -> Sample:
        book.clear()
        book.apply(history)
        with others_awake():
            loop = open_loop(update, count, interval_ns)
        return Sample(count, loop.busy_seconds, latencies=loop.from_due, service=loop.from_start)

    yield run
