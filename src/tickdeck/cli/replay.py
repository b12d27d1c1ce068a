"""`tickdeck replay`: recorded events into books, at full speed, at a human one, or up to a point in time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickdeck.cli.common import (
    ColumnOption,
    DateOption,
    FormatOption,
    JsonFlag,
    PriceScaleOption,
    StrictFlag,
    SymbolOption,
    TimeUnitOption,
    ToOption,
    Window,
    column_names,
    print_json,
    progress,
)
from tickdeck.core.errors import TickdeckError, UsageError

if TYPE_CHECKING:
    from tickdeck.book import OrderBook
    from tickdeck.cli.played_market import PlayedMarket
    from tickdeck.core import Records
    from tickdeck.tape import Reader

_LINES = 20
_STAGES = "whole pipeline: read, decompress, decode, apply to the books"


@dataclass(slots=True)
class Outcome:
    """How a replay went."""

    seconds: float = 0.0
    earlier: int = 0
    """Events before ``--from``, which only built the books."""
    last: int | None = None
    """Tape time of the last event, ns."""
    failure: TickdeckError | None = None
    """What ended the input early; what came before it was played."""


def command(
    sources: Annotated[
        list[str], typer.Argument(metavar="SRC...", help="Files of any format, played in time order; - for standard input.")
    ],
    speed: Annotated[
        str, typer.Option(help="max, or tape seconds a second (1 is the recorded pace): a live ladder in a terminal.")
    ] = "max",
    at: Annotated[str | None, typer.Option("--at", help="Print the book at this time (ISO 8601, or ns since the epoch).")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Begin at this time; what comes before only builds the books.")
    ] = None,
    stop: ToOption = None,
    symbols: SymbolOption = None,
    depth: Annotated[int, typer.Option(min=1, help="Levels of each side.")] = 10,
    format: FormatOption = None,
    date: DateOption = None,
    columns: ColumnOption = None,
    price_scale: PriceScaleOption = None,
    time_unit: TimeUnitOption = None,
    strict: StrictFlag = False,
    json: JsonFlag = False,
) -> None:
    """Replay SRC: a live ladder at human speeds, rate and final books at full speed, or the book at a time.

    The books are built from the first event on, whatever --from and --at say. While the ladder is live: space pauses, + and -
    change the speed, q ends.
    """
    pace = _pace(speed)
    if at is not None and (start is not None or stop is not None or not math.isinf(pace)):
        raise UsageError("--at prints one book; leave out --from, --to and --speed")
    window, begin = _window(at, start, stop, symbols)

    from tickdeck.cli.played_market import PlayedMarket, warm_up
    from tickdeck.cli.sources import open_sources, stored_bytes
    from tickdeck.core import DBN_MBO, EVENT

    # In place where the format is DBN and no time has to be looked at.
    native = at is None and stop is None and begin is None and math.isinf(pace)
    reader = open_sources(
        sources,
        format=format,
        columns=column_names(columns),
        symbols=symbols or None,
        date=date,
        price_scale=price_scale,
        time_unit=time_unit,
        strict=strict,
        native=native,
    )
    with reader:
        market = PlayedMarket(reader, symbols)
        warm_up(DBN_MBO if native and reader.format == "dbn" else EVENT)
        if math.isinf(pace):
            outcome = _full_speed(reader, market, window, begin, stored_bytes(sources), trades=at is not None)
        else:
            from tickdeck.cli.live_replay import play

            outcome = play(reader, market, window, begin, pace, depth, quiet=json)
    if at is not None and not market.events:
        raise outcome.failure or UsageError(f"{reader.path}: nothing happened up to {at}; the tape begins later")
    if json:
        print_json(_result(reader, market, outcome, depth, sources))
    else:
        _print(reader, market, outcome, depth, at, paced=not math.isinf(pace))
    if outcome.failure:
        raise outcome.failure


def _pace(speed: str) -> float:
    if speed == "max":
        return math.inf
    try:
        pace = float(speed.removesuffix("x"))
    except ValueError:
        pace = 0.0
    if not 0 < pace < math.inf:
        raise UsageError(f"--speed {speed}: write max, or a number above 0 (1 is the recorded pace)")
    return pace


def _window(at: str | None, start: str | None, stop: str | None, symbols: list[str] | None) -> tuple[Window, int | None]:
    """What to read, always from the first event on, and the time at which the replay proper begins."""
    from tickdeck.core.times import to_ns

    begin = None if start is None else to_ns(start)
    end = to_ns(stop) if stop is not None else None
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--from {start} is not before --to {stop}")
    return Window(None, stop if at is None else str(to_ns(at) + 1), symbols), begin


def parts(reader: Reader, window: Window, begin: int | None) -> Iterator[tuple[bool, Records]]:
    """The chunks to play, each with whether it lies before `begin`."""
    from tickdeck.tape.tape_time import first_at, tape_times

    waiting = begin is not None
    for chunk in window.chunks(reader):
        first = 0
        if waiting and begin is not None:
            first = first_at(tape_times(chunk), begin)
            waiting = first == len(chunk)
            if first:
                yield True, chunk[:first]
        if first < len(chunk):
            yield False, chunk[first:]


def _full_speed(
    reader: Reader, market: PlayedMarket, window: Window, begin: int | None, total: int | None, trades: bool
) -> Outcome:
    outcome = Outcome()
    begun = time.perf_counter()
    with progress(f"replaying {reader.path}", total) as advance:
        try:
            for before, chunk in parts(reader, window, begin):
                if before:
                    market.market.apply(chunk)
                    outcome.earlier += len(chunk)
                else:
                    market.apply(chunk, trades)
                outcome.last = last_time(chunk)
                advance(len(chunk), reader.position)
        except UsageError:
            raise
        except TickdeckError as error:
            outcome.failure = error
    outcome.seconds = time.perf_counter() - begun
    return outcome


def last_time(chunk: Records) -> int:
    """Tape time of the last record, ns."""
    from tickdeck.core import as_events
    from tickdeck.tape.tape_time import tape_times

    return int(tape_times(as_events(chunk[-1:]))[0])


def _result(reader: Reader, market: PlayedMarket, outcome: Outcome, depth: int, sources: list[str]) -> dict[str, Any]:
    from tickdeck.core import ns_text

    applied = market.events + outcome.earlier
    return {
        "sources": sources,
        "format": reader.format,
        "events": market.events,
        "earlier_events": outcome.earlier,
        "seconds": outcome.seconds,
        "events_per_second": applied / outcome.seconds if outcome.seconds else 0.0,
        "measured": _STAGES,
        "last": ns_text(outcome.last) if outcome.last else None,
        "complete": outcome.failure is None,
        "anomalies": dict(reader.report.counts),
        "books": [market.result(book, depth) for book in market.books()],
    }


def _print(reader: Reader, market: PlayedMarket, outcome: Outcome, depth: int, at: str | None, paced: bool) -> None:
    from tickdeck.core import ns_text

    applied = market.events + outcome.earlier
    if at is None:
        earlier = f", {outcome.earlier:,} of them before --from" if outcome.earlier else ""
        rate = "" if paced or not outcome.seconds else f": {_rate(applied / outcome.seconds)} events/s ({_STAGES})"
        print(f"{applied:,} events in {outcome.seconds:.3g} s{rate}{earlier}")
    moment = f"at {ns_text(outcome.last)}" if outcome.last else "at the end"
    main = market.main()
    if main is not None:
        _print_book(market, main, depth, moment)
    elif market.market.books:
        _print_market(market, moment)
    counts = {**{kind: count for kind, count in market.market.stats.items() if count}, **reader.report.counts}
    if reader.format == "lobster" and (levels := reader.report.notes.get("levels")):
        print(f"note: the file holds what touches its {levels} levels; orders that left them unseen are still in this book")
    print("anomalies:", ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "none")


def _print_book(market: PlayedMarket, book: OrderBook, depth: int, moment: str) -> None:
    from tickdeck.cli.ladder_view import book_table, print_table, trades_table

    instrument = market.instrument(book)
    size = f"{book.order_count:,} orders on " if book.depth_kind == "L3" else ""
    stale = ", stale since a gap" if book.is_stale else ""
    crossed = ", crossed" if book.is_crossed else ""
    print(f"{market.name(book)} {moment}: {size}{sum(book.level_counts):,} levels{stale}{crossed}")
    print_table(book_table(book, depth, instrument=instrument))
    trades = market.trades_of(book)[:depth]
    if trades:
        print_table(trades_table(trades, instrument, book.tick_size))


def _print_market(market: PlayedMarket, moment: str) -> None:
    from tickdeck.cli.ladder_view import market_table, print_table

    count = len(market.books())
    print(f"{count:,} books {moment}, {market.market.order_count:,} orders" + (", the busiest:" if count > _LINES else ":"))
    print_table(market_table(market.rows(_LINES)))
    if count > _LINES:
        print(f"and {count - _LINES:,} more; --json lists all, --symbol shows one")


def _rate(rate: float) -> str:
    return f"{rate / 1e6:.1f} M" if rate >= 1e6 else f"{rate:,.0f}"
