"""`tickdeck simulate`: a seeded simulated market as a file."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from tickdeck.cli.common import JsonFlag, check_writable, print_json, progress


def command(
    output: Annotated[str, typer.Option("-o", "--output", help="File to write; its name tells the format.")],
    events: Annotated[int, typer.Option(help="Events after the opening books.")] = 2_000_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bits.")] = 1,
    instruments: Annotated[int, typer.Option(help="How many instruments.")] = 1,
    live_orders: Annotated[
        int | None, typer.Option(help="Usual live orders over all instruments; by default 2,000 each.")
    ] = None,
    tick: Annotated[str, typer.Option(help="Tick size.")] = "0.01",
    start_price: Annotated[str, typer.Option(help="Opening price of the first instrument.")] = "100",
    date: Annotated[str, typer.Option(help="Trading day.")] = "2024-03-05",
    activity_skew: Annotated[float, typer.Option(help="An instrument's activity is its rank to the power of minus this.")] = 0.7,
    format: Annotated[str | None, typer.Option(help="Format to write, where the name does not tell.")] = None,
    json: JsonFlag = False,
) -> None:
    """Write a seeded simulated order flow: adds, cancels, modifies, and trades that walk the book.

    Every event obeys price-time priority; no book is ever crossed. The same arguments give the same file.
    """
    from tickdeck.simulation import simulate
    from tickdeck.tape import write

    check_writable(output)
    market = simulate(
        events=events,
        seed=seed,
        instruments=instruments,
        live_orders=live_orders,
        tick_size=tick,
        start_price=start_price,
        date=date,
        activity_skew=activity_skew,
    )
    begun = time.perf_counter()
    with progress("simulating", market.total) as advance:
        count = write(output, advance.through(market), market.instruments, format=format)
    seconds = time.perf_counter() - begun
    if json:
        print_json({"output": output, "events": count, "instruments": instruments, "seed": seed, "seconds": seconds})
    else:
        rate = count / seconds / 1e6
        print(f"{output}: {count:,} events of {instruments:,} instruments, seed {seed}, in {seconds:.1f} s ({rate:.1f} M/s)")
