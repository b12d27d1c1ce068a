"""`tickdeck demo`: the main job from end to end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tickdeck.cli.common import progress
from tickdeck.core.errors import UsageError

if TYPE_CHECKING:
    from tickdeck.book import OrderBook
    from tickdeck.core import Instrument, Records

REPLAYS = 5
LEVELS = 10


def command(
    folder: Annotated[Path, typer.Option("-o", "--output", help="Folder for the session and its picture.")] = Path("demo"),
    events: Annotated[int, typer.Option(min=10_000, help="Events to simulate.")] = 2_500_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same session.")] = 7,
) -> int:
    """Simulate a trading day on the exchange, replay it at full speed, check the book against a slow rebuild, and picture it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{folder}: is a file; choose another folder with --output") from None
    tape = folder / "session.npy"
    instrument = _simulate(tape, events, seed)
    recorded = _load(tape)
    _facts(recorded, instrument)
    book = _replay(recorded, instrument)
    equal = _verify(book, recorded)
    _print_ladder(book)
    _picture(tape, folder / "book.png")
    return 0 if equal else 1


def _say(step: str, text: str) -> None:
    print(f"{step:<10}{text}", flush=True)


def _simulate(tape: Path, events: int, seed: int) -> Instrument:
    from tickdeck.simulation import simulate
    from tickdeck.tape import write

    market = simulate(events=events, seed=seed, auctions=True)
    begun = time.perf_counter()
    with progress("simulating", market.total) as advance:
        count = write(tape, advance.through(market), market.instruments, format="npy")
    people = len(market.participants)
    text = f"{count:,} events of {people} participants on the exchange, seed {seed}"
    _say("simulate", f"{text}, written to {tape} in {time.perf_counter() - begun:.1f} s")
    return market.instruments[1]


def _load(tape: Path) -> Records:
    """The session in memory."""
    import numpy as np

    from tickdeck.tape import read

    with read(tape, format="npy") as reader:
        return np.concatenate(list(reader))


def _facts(recorded: Records, instrument: Instrument) -> None:
    """How much the session looks like a market."""
    from tickdeck.simulation import stylised_facts

    begun = time.perf_counter()
    facts = stylised_facts(recorded, instrument)
    shown = ("spread_mean", "kurtosis_10s", "acf_1", "abs_acf_2_to_10")
    spread, kurtosis, linear, absolute = (facts.figures[name] for name in shown)
    text = f"mean spread {spread:.2f} ticks; 10 s returns: kurtosis {kurtosis:.1f}, autocorrelation {linear:.2f}, of sizes {absolute:.2f}"
    _say("facts", f"{text} ({time.perf_counter() - begun:.1f} s)")


def _replay(recorded: Records, instrument: Instrument) -> OrderBook:
    """The book at the end; the rate is the median of some replays, the first of which also warms the caches."""
    import numpy as np

    from tickdeck.book import OrderBook
    from tickdeck.core import BBO

    best = np.zeros(len(recorded), BBO)
    times = []
    for _ in range(1 + REPLAYS):
        book = OrderBook(instrument)
        begun = time.perf_counter()
        book.apply(recorded, bbo=best)
        times.append(time.perf_counter() - begun)
    seconds = sorted(times[1:])[REPLAYS // 2]
    rate = len(recorded) / seconds / 1e6
    text = f"{rate:.1f} M events/s, best bid and ask after every event"
    _say("replay", f"{text} ({len(recorded):,} events in {seconds * 1e3:.0f} ms, median of {REPLAYS})")
    return book


def _verify(book: OrderBook, recorded: Records) -> bool:
    """Whether a rebuild in plain Python ends with the same orders, sizes and queues."""
    from tickdeck.cli.plain_book import PlainBook

    begun = time.perf_counter()
    plain = PlainBook()
    with progress("rebuilding in plain Python", len(recorded)) as advance:
        for first in range(0, len(recorded), 100_000):
            part = recorded[first : first + 100_000]
            plain.apply(part)
            advance(len(part))
    seconds = time.perf_counter() - begun
    orders = levels = 0
    for side in "BA":
        rebuilt = book.orders(side)
        expected = [(price, *order) for price, queue in plain.queues(side) for order in queue]
        found = list(zip(rebuilt["price"].tolist(), rebuilt["order_id"].tolist(), rebuilt["size"].tolist()))
        if found != expected:
            at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), min(len(found), len(expected)))
            _say("verify", f"WRONG: side {side}, order {at + 1} is {found[at : at + 1]}, in plain Python {expected[at : at + 1]}")
            return False
        orders, levels = orders + len(found), levels + len(plain.levels[side])
    _say("verify", f"equal: {orders:,} orders on {levels:,} levels, queue by queue, rebuilt in plain Python in {seconds:.1f} s")
    return True


def _picture(tape: Path, output: Path) -> None:
    from tickdeck.plotting import heatmap

    begun = time.perf_counter()
    heatmap(tape, output)
    _say("picture", f"{output}, the book over time, in {time.perf_counter() - begun:.1f} s")


def _print_ladder(book: OrderBook) -> None:
    from tickdeck.cli.ladder_view import book_table, print_table

    print(f"{book.instrument.symbol} at the close:")
    print_table(book_table(book, LEVELS))
