"""`tickdeck simulate`: a seeded simulated market as a file."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from tickdeck.cli.common import JsonFlag, check_writable, print_json, progress
from tickdeck.core.errors import UsageError


def command(
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="File to write; its name tells the format. Not needed with --report.")
    ] = None,
    events: Annotated[int, typer.Option(help="About how many events, after the opening books.")] = 2_000_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bits.")] = 1,
    instruments: Annotated[int, typer.Option(help="How many instruments.")] = 1,
    live_orders: Annotated[
        int | None, typer.Option(help="Usual live orders over all instruments; by default 2,000 each.")
    ] = None,
    tick: Annotated[str, typer.Option(help="Tick size.")] = "0.01",
    start_price: Annotated[str, typer.Option(help="Opening price of the first instrument.")] = "100",
    date: Annotated[str, typer.Option(help="Trading day.")] = "2024-03-05",
    activity_skew: Annotated[float, typer.Option(help="An instrument's activity is its rank to the power of minus this.")] = 0.7,
    mix: Annotated[
        str, typer.Option(help="Who trades: default, zero-intelligence, hawkes, quiet or trending.", metavar="NAME")
    ] = "default",
    participants: Annotated[
        str | None, typer.Option(help="How many of a kind, where the mix is not to say: maker=5,momentum=0.", metavar="COUNTS")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="Connection of all participants: none, colocated, metro, remote, lossy, or settings such as "
            "latency=200,jitter=50,loss=0.001,reorder=0.01 (microseconds, probabilities).",
            metavar="NAME",
        ),
    ] = None,
    hours: Annotated[float, typer.Option(help="Length of continuous trading.")] = 6.5,
    auctions: Annotated[bool, typer.Option("--auctions", help="Open and close with an auction.")] = False,
    report: Annotated[
        bool,
        typer.Option("--report", help="Print the stylised facts of the busiest instrument beside those of recorded markets."),
    ] = False,
    picture: Annotated[str | None, typer.Option(help="Picture these facts, as .png or .html.")] = None,
    format: Annotated[str | None, typer.Option(help="Format to write, where the name does not tell.")] = None,
    json: JsonFlag = False,
) -> None:
    """Simulate a market: participants of several kinds that trade on an exchange, each over a network of its own.

    Every event obeys price-time priority; the book is crossed only while orders collect for an auction. The same arguments give the same
    file.
    """
    from tickdeck.plotting.style import check_name
    from tickdeck.simulation import network as connection
    from tickdeck.simulation import participants as people
    from tickdeck.simulation import simulate

    wants_facts = report or picture is not None
    if output is None and not wants_facts:
        raise UsageError("nothing to do: name a file with --output, or ask for a --report or a --picture")
    for path in (output, picture):
        if path is not None:
            check_writable(path)
    if picture is not None:
        check_name(picture)
    market = simulate(
        events=events,
        seed=seed,
        instruments=instruments,
        live_orders=live_orders,
        tick_size=tick,
        start_price=start_price,
        date=date,
        activity_skew=activity_skew,
        participants=people(mix, participants, None if network is None else connection(network)),
        hours=hours,
        auctions=auctions,
    )
    begun = time.perf_counter()
    with progress("simulating", market.total) as advance:
        count, kept = _run(advance.through(market), market.instruments, output, format, wants_facts)
    seconds = time.perf_counter() - begun
    facts = _facts(kept, market, picture) if wants_facts else None
    if json:
        result: dict[str, Any] = {"output": output, "events": count, "instruments": instruments, "seed": seed, "seconds": seconds}
        result["commands"] = market.counts
        if facts is not None:
            result["facts"] = {name: None if value != value else value for name, value in facts.figures.items()}
            result["unusual"] = facts.unusual()
        print_json(result)
        return
    rate = count / seconds / 1e6
    print(
        f"{output or market.path}: {count:,} events of {instruments:,} instruments, seed {seed}, in {seconds:.1f} s ({rate:.1f} M/s)"
    )
    if report and facts is not None:
        print(facts)
    if picture is not None:
        print(f"{picture}: written")


def _run(chunks: Any, instruments: Any, output: str | None, format: str | None, keep: bool) -> tuple[int, list[Any]]:
    """Write the events, keep them, or both; how many there were."""
    from tickdeck.tape import write

    kept: list[Any] = []

    def passing() -> Any:
        for chunk in chunks:
            if keep:
                kept.append(chunk)
            yield chunk

    if output is not None:
        return write(output, passing(), instruments, format=format), kept
    return sum(len(chunk) for chunk in passing()), kept


def _facts(kept: list[Any], market: Any, picture: str | None) -> Any:
    import numpy as np

    from tickdeck.core import EVENT
    from tickdeck.simulation import stylised_facts

    tape = np.concatenate([np.zeros(0, EVENT), *kept])
    first = max(market.instruments.values(), key=lambda item: int((tape["instrument_id"] == item.instrument_id).sum()))
    facts = stylised_facts(tape, first)
    if picture is not None:
        facts.save(picture)
    return facts
