"""`tickdeck verify`: the rebuilt book, or what the matching engine makes of it, against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickdeck.cli.common import (
    DateOption,
    FormatOption,
    JsonFlag,
    StrictFlag,
    SymbolOption,
    print_json,
    progress,
)

if TYPE_CHECKING:
    from tickdeck.tape import ReadOptions
    from tickdeck.verify import Comparison, Run

_SHOWN_ANOMALIES = 5


def command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SRC...", help="Files of one recording in the order of time; LOBSTER files stand each for itself."
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="TRUTH",
            help="LOBSTER orderbook file, Databento MBP-10 or MBP-1 (DBN, CSV), or a recording with Binance bookTicker lines.",
        ),
    ] = None,
    matching: Annotated[
        bool,
        typer.Option(
            "--matching", help="Feed SRC back as orders and compare the matching engine's fills with the recorded ones."
        ),
    ] = False,
    at_least: Annotated[
        float, typer.Option(min=0, max=100, help="With --matching: percent of the filled quantity that must be reproduced.")
    ] = 98.0,
    show: Annotated[int, typer.Option(min=0, help="Mismatches of each comparison to print in full.")] = 1,
    symbols: SymbolOption = None,
    format: FormatOption = None,
    date: DateOption = None,
    strict: StrictFlag = False,
    json: JsonFlag = False,
) -> int:
    """Rebuild the books of SRC and compare them with the truth, row by row.

    Without --against the truth is looked for where it usually is: the orderbook file beside a LOBSTER message file or in its zip,
    bookTicker lines and checksums in a recording. Exit code 1 if anything differs, or if there was nothing to compare. With
    --matching the truth is the fills in SRC, and exit code 1 means less than --at-least.
    """
    from tickdeck.core import UsageError
    from tickdeck.tape import ReadOptions
    from tickdeck.verify import plan

    options = ReadOptions(symbols=symbols or None, date=date, strict=strict)
    if matching:
        if against is not None:
            raise UsageError("--matching takes the truth from the recording itself; leave out --against")
        return _matching(sources, options, format, at_least, show, json)
    runs = plan(sources, against, options=options, format=format, show=show)
    found = [_carry_out(run) for run in runs]
    if json:
        results = [_plain(run, comparisons) for run, comparisons in zip(runs, found)]
        print_json({"holds": all(result["holds"] for result in results), "sources": results})
    else:
        for run, comparisons in zip(runs, found):
            _print(run, comparisons)
    return 0 if all(_holds(comparisons) for comparisons in found) else 1


def _matching(sources: list[str], options: ReadOptions, format: str | None, at_least: float, show: int, json: bool) -> int:
    from tickdeck.verify import plan_matching

    found = []
    for reader, check in plan_matching(sources, options=options, format=format, show=show):
        with reader, progress(f"matching {reader.path}", reader.source.size) as advance:
            for chunk in advance.through(reader, reader):
                check.add(chunk, reader.instruments)
        found.append(check.result())
    holds = [result.groups > 0 and 100 * result.share >= at_least for result in found]
    if json:
        results = [{**result.to_dict(), "holds": good} for result, good in zip(found, holds)]
        print_json({"holds": all(holds), "at_least": at_least, "sources": results})
        return 0 if all(holds) else 1
    for result, good in zip(found, holds):
        for name, text in result.lines():
            _line(name, text)
        for miss in result.misses:
            print("differs     " + "\n".join(miss.lines()))
        if not result.groups:
            print(f"nothing to compare: {result.source} holds no trades of orders")
        else:
            _line("holds" if good else "wrong", f"{'at' if good else 'not at'} least {at_least:g}% of the quantity")
    return 0 if all(holds) else 1


def _carry_out(run: Run) -> list[Comparison]:
    reader = run.reader
    with reader, progress(f"verifying {run.source}", reader.source.size) as advance:
        return run.work(advance.through(reader, reader))


def _holds(comparisons: list[Comparison]) -> bool:
    """Whether something was compared, and nothing was wrong."""
    return any(item.compared for item in comparisons) and all(item.holds for item in comparisons if item.compared)


def _books(run: Run) -> dict[str, int]:
    market = run.market
    if market is None:
        return {}
    counts = {name: count for name, count in market.stats.items() if count}
    return {"books": len(market), "live_orders": market.order_count, **counts}


def _plain(run: Run, comparisons: list[Comparison]) -> dict[str, Any]:
    return {
        "source": run.source,
        "holds": _holds(comparisons),
        "comparisons": [item.to_dict() for item in comparisons],
        "books": _books(run),
        "anomalies": dict(run.reader.report.counts),
        "examples": run.reader.report.examples,
        "notes": run.notes,
    }


def _print(run: Run, comparisons: list[Comparison]) -> None:
    for item in comparisons:
        _print_comparison(item)
    anomalies = run.reader.report.counts
    if anomalies:
        _line("anomalies", ", ".join(f"{name} {count:,}" for name, count in anomalies.items()))
        for kind, row, text in run.reader.report.examples[:_SHOWN_ANOMALIES]:
            print(f"  {kind}{f', row {row:,}' if row else ''}: {text}")
    for note in run.notes:
        _line("note", note)
    books = _books(run)
    if not any(item.compared for item in comparisons):
        if books:
            _line("books", ", ".join(f"{name} {count:,}" for name, count in books.items()))
        print(f"nothing to compare: {run.source} carries no truth; name one with --against")


def _line(name: str, value: object) -> None:
    print(f"{name:<12}{value}")


def _print_comparison(item: Comparison) -> None:
    from tickdeck.verify.result import percent

    own = item.exact + item.wrong
    _line("source", item.source)
    _line("truth", item.kind + (f" {item.truth}" if item.truth != item.source else " in the source"))
    _line("compared", f"{item.compared:,} {item.unit}")
    _line("exact", f"{item.exact:,} of {own:,} ({percent(item.exact, own)})")
    for name, text in item.apart:
        _line(name, text)
    for mismatch in item.mismatches:
        print("mismatch    " + "\n".join(mismatch.lines()))
    _line("wrong", f"{item.wrong:,}" if item.wrong else "0, the rebuilt book holds")
