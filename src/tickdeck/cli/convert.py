"""`tickdeck convert`: one format into another, lossless or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    check_writable,
    open_tape,
    print_json,
    progress,
)
from tickdeck.core.errors import LossError, UsageError

if TYPE_CHECKING:
    from tickdeck.core import Records
    from tickdeck.tape import Reader

HARMLESS = frozenset(
    {
        "broken_trade",
        "checksum_mismatch",
        "overlapping_update",
        "sequence_gap",
        "stale_snapshot",
        "stale_update",
        "unordered",
        "update_before_snapshot",
        "zero_length_prefix",
    }
)
"""Anomalies that leave out nothing but what the venue's own rules discard. Any other kind is data that no event stands for."""


def command(
    source: Annotated[str, typer.Argument(metavar="SRC", help="File to read, or - for standard input.")],
    target: Annotated[str, typer.Argument(metavar="DST", help="File to write; its name tells the format.")],
    start: FromOption = None,
    stop: ToOption = None,
    symbols: SymbolOption = None,
    format: FormatOption = None,
    to_format: Annotated[str | None, typer.Option("--to-format", help="Format to write, where the name does not tell.")] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Leave out what could not be read, instead of refusing.")] = False,
    date: DateOption = None,
    columns: ColumnOption = None,
    price_scale: PriceScaleOption = None,
    time_unit: TimeUnitOption = None,
    strict: StrictFlag = False,
    json: JsonFlag = False,
) -> None:
    """Convert SRC to DST, lossless; where something would be lost, say what, and write nothing.

    DST appears under its name only when it is complete. A part (--from) begins without the orders that were live before it.
    """
    from tickdeck.tape import write

    window = Window(start, stop, symbols)
    _check_distinct(source, target)
    check_writable(target)
    reader = open_tape(
        source,
        format=format,
        symbols=symbols,
        date=date,
        columns=columns,
        price_scale=price_scale,
        time_unit=time_unit,
        strict=strict,
    )

    def chunks() -> Iterator[Records]:
        yield from window.chunks(reader)
        if not lossy:
            _refuse_losses(reader)

    begun = time.perf_counter()
    with reader, progress(f"converting {source}", reader.source.size) as advance:
        count = write(target, advance.through(chunks(), reader), reader.instruments, format=to_format)
    seconds = time.perf_counter() - begun
    left_out = _losses(reader)
    if json:
        print_json({"source": source, "target": target, "events": count, "seconds": seconds, "left_out": left_out})
    else:
        lost = f"; left out: {_text(left_out)}" if left_out else ""
        print(f"{target}: {count:,} events in {seconds:.1f} s{lost}")


def _check_distinct(source: str, target: str) -> None:
    if source != "-" and Path(target).exists() and Path(source).exists() and Path(source).samefile(target):
        raise UsageError(f"{target}: is the file to be converted; write to another one")


def _losses(reader: Reader) -> dict[str, int]:
    return {kind: count for kind, count in reader.report.counts.items() if count and kind not in HARMLESS}


def _text(losses: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in losses.items())


def _refuse_losses(reader: Reader) -> None:
    losses = _losses(reader)
    if not losses:
        return
    kind, row, text = next((item for item in reader.report.examples if item[0] in losses), ("", 0, ""))
    first = f" (first: {f'row {row:,}, ' if row else ''}{text})" if kind else ""
    raise LossError(f"{reader.path}: would lose {_text(losses)}{first}; nothing was written; --lossy converts the rest")
