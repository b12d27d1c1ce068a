"""Lines of a session from a file or a pipe, and the instruments that they are about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tickdeck.cli.order_requests import CancelAll, Order, Replace, Request, SetPhase, SetReference, Show, Use
from tickdeck.cli.order_text import is_request_word, parse_line
from tickdeck.core import FormatError, Instrument, TickdeckError, price, price_text
from tickdeck.tape import ReadReport, Source

_NAMING = (Order, CancelAll, SetPhase, SetReference, Show, Use)
DEFAULT_TICK = "0.01"


@dataclass(frozen=True, slots=True)
class Lines:
    """The requests of a text, each with its line number, and what was wrong with other lines."""

    path: str
    requests: list[tuple[int, Request]]
    report: ReadReport


def holds_lines(source: Source) -> bool:
    """Whether the first line that is neither blank nor a remark may be a request."""
    for line in source.head.split(b"\n"):
        words = line.decode(errors="replace").split()
        if words and not words[0].startswith("#"):
            return is_request_word(words[0])
    return False


def read_lines(source: Source, strict: bool) -> Lines:
    """Parse every line of a text.

    Raises
    ------
    FormatError
        A bad line where `strict`.
    """
    report = ReadReport()
    requests: list[tuple[int, Request]] = []
    with source.lines() as lines:
        for row, line in enumerate(lines, 1):
            try:
                request = parse_line(line.decode("utf-8"))
            except (TickdeckError, UnicodeDecodeError) as error:
                text = "is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
                if strict:
                    raise FormatError(text, path=source.path, row=row) from None
                report.add("bad_row", row, text)
                continue
            if request is not None:
                requests.append((row, request))
    return Lines(source.path, requests, report)


def instruments_of(requests: list[tuple[int, Request]], default: str) -> list[Instrument]:
    """The instruments that requests name (`default` where none is named), with the largest tick, at most 1, of their prices."""
    prices: dict[str, list[int]] = {}
    places: dict[str, int] = {}
    named = [request.instrument for _, request in requests if isinstance(request, _NAMING) and request.instrument]
    current = named[0] if named else default
    for _, request in requests:
        symbol = getattr(request, "instrument", None) or current
        if isinstance(request, Use):
            current = symbol = request.instrument
        key = next((known for known in prices if known.lower() == symbol.lower()), symbol)
        prices.setdefault(key, [])
        if isinstance(request, Order | Replace):
            amounts = (request.price, request.trigger, getattr(request, "offset", None))
            prices[key] += [units for text in amounts if text is not None and (units := _units(text))]
            sizes = (request.size, getattr(request, "display", None), getattr(request, "minimum", None))
            places[key] = max([places.get(key, 0), *(len(text.partition(".")[2]) for text in sizes if text)])
    found = prices or {default: []}
    return [
        Instrument(
            symbol,
            price_text(int(np.gcd.reduce([10**9, *units]))) if units else DEFAULT_TICK,
            min(places.get(symbol, 0), 18),
            instrument_id=number,
        )
        for number, (symbol, units) in enumerate(found.items(), 1)
    ]


def _units(text: str) -> int:
    """A price in units of 1e-9; 0 where it is none, which its command will say."""
    try:
        return price(text)
    except TickdeckError:
        return 0
