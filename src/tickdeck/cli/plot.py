"""`tickdeck plot`: a market as a picture."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from tickdeck.cli.common import (
    ColumnOption,
    DateOption,
    FormatOption,
    JsonFlag,
    PriceScaleOption,
    StrictFlag,
    TimeUnitOption,
    check_writable,
    column_names,
    print_json,
    progress,
)
from tickdeck.core.errors import UsageError


class Kind(StrEnum):
    """What is drawn."""

    HEATMAP = "heatmap"
    DEPTH = "depth"


def command(
    sources: Annotated[list[str], typer.Argument(metavar="SRC...", help="Files of any format, in time order.")],
    output: Annotated[str, typer.Option("-o", "--output", help="Picture to write: .png, or .html that needs nothing else.")],
    kind: Annotated[
        Kind | None, typer.Option(help="heatmap: depth over time; depth: cumulative depth at one time (the default with --at).")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Picture the book at this time (ISO 8601, or ns since the epoch).")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Picture from this time on; what comes before builds the book.")
    ] = None,
    stop: Annotated[str | None, typer.Option("--to", help="Picture up to this time.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Instrument; by default the busiest.")] = None,
    levels: Annotated[int | None, typer.Option(min=1, help="Levels of each side to show; by default what is near.")] = None,
    format: FormatOption = None,
    date: DateOption = None,
    columns: ColumnOption = None,
    price_scale: PriceScaleOption = None,
    time_unit: TimeUnitOption = None,
    strict: StrictFlag = False,
    json: JsonFlag = False,
) -> None:
    """Picture SRC: resting size over time and price, best bid and ask, trades; or with --at the book at one time.

    PNG, or HTML to zoom and point at. Prices far from the best ones are cut off.
    """
    chosen = kind or (Kind.HEATMAP if at is None else Kind.DEPTH)
    if at is not None and (chosen is Kind.HEATMAP or start is not None or stop is not None):
        raise UsageError("--at pictures the book at one time; leave out --from, --to and --kind heatmap")
    if chosen is Kind.DEPTH and (start is not None or stop is not None):
        raise UsageError("--kind depth pictures one time; give it with --at instead of --from and --to")

    from tickdeck.cli.sources import open_sources, stored_bytes
    from tickdeck.plotting import depth_chart, heatmap
    from tickdeck.plotting.style import check_name

    check_name(output)
    check_writable(output)
    reader = open_sources(
        sources,
        format=format,
        columns=column_names(columns),
        symbols=None if symbol is None else [symbol],
        date=date,
        price_scale=price_scale,
        time_unit=time_unit,
        strict=strict,
    )
    begun = time.perf_counter()
    drawn: Any
    with reader, progress(f"reading {reader.path}", stored_bytes(sources)) as advance:
        if chosen is Kind.HEATMAP:
            drawn = heatmap(reader, output, symbol=symbol, start=start, stop=stop, levels=levels, progress=advance)
        else:
            drawn = depth_chart(reader, output, at, symbol=symbol, levels=levels, progress=advance)
    seconds = time.perf_counter() - begun
    if json:
        print_json(
            {
                "output": output,
                "kind": chosen.value,
                "symbol": drawn.instrument.symbol,
                "publisher": drawn.publisher,
                "seconds": seconds,
                **_details(drawn, chosen),
            }
        )
        return
    others = getattr(drawn, "others", 0)
    busiest = f", the busiest of {others + 1:,} instruments (--symbol chooses)" if others and symbol is None else ""
    print(f"{output}: {chosen.value} of {drawn.instrument.symbol}{busiest}, in {seconds:.1f} s")


def _details(drawn: Any, kind: Kind) -> dict[str, Any]:
    from tickdeck.core import ns_text

    if kind is Kind.DEPTH:
        return {"time": ns_text(drawn.time), "levels": {"bids": len(drawn.bids), "asks": len(drawn.asks)}}
    return {
        "from": ns_text(drawn.start),
        "to": ns_text(drawn.end),
        "columns": drawn.columns,
        "column_ns": drawn.step,
        "events": drawn.events,
        "trades": drawn.trades,
    }
