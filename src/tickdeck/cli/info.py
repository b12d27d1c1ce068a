"""`tickdeck info`: what a file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickdeck.cli.common import (
    ColumnOption,
    DateOption,
    FormatOption,
    FromOption,
    JsonFlag,
    PriceScaleOption,
    StrictFlag,
    SymbolOption,
    TimeUnitOption,
    ToOption,
    Window,
    open_tape,
    print_json,
    progress,
)

if TYPE_CHECKING:
    from tickdeck.book import Market

_SHOWN = 20


def command(
    file: Annotated[str, typer.Argument(help="A file of any format, or - for standard input.")],
    book: Annotated[bool, typer.Option("--book", help="Rebuild the books too, and count what does not fit them.")] = False,
    start: FromOption = None,
    stop: ToOption = None,
    symbols: SymbolOption = None,
    format: FormatOption = None,
    date: DateOption = None,
    columns: ColumnOption = None,
    price_scale: PriceScaleOption = None,
    time_unit: TimeUnitOption = None,
    strict: StrictFlag = False,
    json: JsonFlag = False,
) -> None:
    """Say what a file holds: format, schema, instruments, time range, counts by action, rates, anomalies, sequence gaps."""
    from tickdeck.cli.summary import Summary

    window = Window(start, stop, symbols)
    reader = open_tape(
        file,
        format=format,
        symbols=symbols,
        date=date,
        columns=columns,
        price_scale=price_scale,
        time_unit=time_unit,
        strict=strict,
    )
    summary = Summary()
    market: Market | None = None
    with reader, progress(f"reading {file}", reader.source.size) as advance:
        for chunk in advance.through(window.chunks(reader), reader):
            summary.add(chunk)
            if book:
                if market is None:
                    from tickdeck.book import Market

                    market = Market(reader.instruments.values())
                market.apply(chunk)
    found = summary.result(reader)
    if market is not None:
        found["books"] = {"count": len(market), "live_orders": market.order_count, **market.stats}
    if json:
        print_json(found)
    else:
        _print(found)


def _note(value: object) -> object:
    """Counts of nanoseconds since the epoch as a time."""
    from tickdeck.core import ns_text

    return ns_text(value) if isinstance(value, int) and value > 10**17 else value


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def _print(found: dict[str, Any]) -> None:
    def line(name: str, value: object) -> None:
        print(f"{name:<13}{value}")

    line("file", found["file"])
    line("format", f"{found['format']}, schema {found['schema'] or 'events'}")
    notes = {name: _note(value) for name, value in found["notes"].items() if not isinstance(value, (dict, list))}
    if notes:
        line("says", ", ".join(f"{name} {value}" for name, value in notes.items()))
    line("events", f"{found['events']:,}" + (f", {found['snapshot']:,} of them snapshot" if found["snapshot"] else ""))
    if found["events"]:
        line("actions", ", ".join(f"{name} {count:,}" for name, count in found["actions"].items()))
        line("first", found["first"])
        line("last", found["last"])
        line("rate", f"{_rate(found['events_per_second'])} events/s on average, {found['peak_second']:,} in the busiest second")
    line("instruments", f"{len(found['instruments']):,}")
    ranked = sorted(found["instruments"].items(), key=lambda item: -item[1]["events"])
    for number, item in ranked[:_SHOWN]:
        tick = f", tick {item['tick_size']}" if item.get("tick_size") else ""
        prices = f", prices {item['lowest']} to {item['highest']}" if "lowest" in item else ""
        print(f"  {item['symbol']} (id {number}): {item['events']:,} events{tick}{prices}")
    if len(ranked) > _SHOWN:
        print(f"  and {len(ranked) - _SHOWN:,} more; --json lists all")
    line("publishers", ", ".join(f"{name} {count:,}" for name, count in found["publishers"].items()) or "none")
    line("gaps", f"{found['sequence_gaps']:,} sequence gaps")
    line("backwards", f"{found['backwards']['ts_event']:,} steps back of ts_event, {found['backwards']['ts_recv']:,} of ts_recv")
    line("anomalies", ", ".join(f"{name} {count:,}" for name, count in found["anomalies"].items()) or "none")
    for kind, row, text in found["examples"]:
        print(f"  {kind}{f', row {row:,}' if row else ''}: {text}")
    if "books" in found:
        line("books", ", ".join(f"{name} {count:,}" for name, count in found["books"].items() if count or name == "count"))
