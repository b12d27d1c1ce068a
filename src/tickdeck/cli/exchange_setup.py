"""What the options of `tickdeck exchange` say, and the exchange that follows from them."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tickdeck.core import Instrument, Phase, TickdeckError, UsageError, price_text
from tickdeck.exchange import Discipline, Exchange, Listing, PriceTime, ProRata, SizeTime
from tickdeck.risk import Limits
from tickdeck.tape.event_schema import RowError
from tickdeck.tape.journal_segment import segment_paths
from tickdeck.tape.order_schema import PHASES, word_code

_INSTRUMENT = re.compile(r"(?P<symbol>\S+?):(?P<tick>[\d.]+)(?::(?P<decimals>\d{1,2}))?", re.ASCII)
_PRO_RATA = re.compile(r"pro-rata(?::(?P<top>\d{1,3})%?(?::(?P<minimum>\d{1,15}))?)?", re.ASCII)
PATIENCE = 2.0
"""Seconds after which somebody at a terminal is told what takes so long."""
UNREAD = 1 << 19
"""Executions that the exchange keeps for participants who do not look, as they do not here."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The options that make an exchange."""

    instruments: list[Instrument]
    discipline: Discipline
    phase: Phase
    limits: Limits | None
    journal: str | None

    @classmethod
    def parsed(
        cls, instruments: Sequence[str] | None, discipline: str, phase: str, limits: str | None, journal: str | None
    ) -> Setup:
        """The options as they were written.

        Raises
        ------
        UsageError
            One is wrong.
        """
        try:
            begin = Phase(word_code(phase, PHASES, "--phase"))
        except RowError as error:
            raise UsageError(str(error)) from None
        if journal and Path(journal).exists() and not Path(journal).is_dir():
            raise UsageError(f"--journal {journal}: is a file; name a folder")
        checked = Limits.from_toml(limits) if limits else None
        return cls([instrument_of(text) for text in instruments or ()], discipline_of(discipline), begin, checked, journal)

    @property
    def goes_on(self) -> bool:
        """Whether the journal's folder holds a journal already."""
        return self.journal is not None and Path(self.journal).is_dir() and bool(segment_paths(Path(self.journal)))

    def strangers(self, exchange: Exchange) -> list[str]:
        """Accounts that the limits name and that are no participants."""
        known = {each.name for each in exchange.participants}
        return [name for name in (self.limits.accounts if self.limits else ()) if name not in known]

    def recovered(self) -> tuple[Exchange, str]:
        """The exchange that the journal tells, and how it was recovered, in words.

        Raises
        ------
        UsageError
            An instrument is declared that it has not, or limits are given: it has its own.
        """
        assert self.journal is not None
        if self.limits is not None:
            raise UsageError(
                f"--limits: the journal in {self.journal} has its own; leave the option out, or choose another folder"
            )
        exchange, recovery = Exchange.recover(self.journal)
        known = {item.symbol: item for item in exchange.instruments.values()}
        for item in self.instruments:
            found = known.get(item.symbol)
            if found is None or (found.tick_size, found.size_decimals) != (item.tick_size, item.size_decimals):
                exchange.close()
                there = ", ".join(f"{each.symbol} with tick {price_text(each.tick_size or 0)}" for each in known.values())
                raise UsageError(
                    f"--instrument {item.symbol}: the journal in {self.journal} is of {there}; "
                    "leave the option out, or choose another folder"
                )
        return exchange, str(recovery)

    def exchange(self, instruments: Sequence[Instrument]) -> Exchange:
        """A new exchange of these instruments."""
        # Accounts that limits name come with their first orders; those that never do are named at the end.
        logging.getLogger("tickdeck.risk").addHandler(logging.NullHandler())
        listings = [Listing(item, self.discipline, phase=self.phase) for item in instruments]
        return Exchange(listings, unread=UNREAD, risk=self.limits, journal=self.journal)


def warm_up() -> None:
    """Load, or once compile, the engine's kernels; at a terminal a long wait is explained."""

    def explain() -> None:
        print("compiling the matching engine, which is done once; a minute or two", file=sys.stderr)

    timer = threading.Timer(PATIENCE, explain)
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()
    try:
        exchange = Exchange([Instrument("WARM", "1")])
        exchange.submit(exchange.participant("first"), "WARM", "buy", 1, "1")
    finally:
        timer.cancel()


def instrument_of(text: str) -> Instrument:
    """``SYMBOL:TICK[:DECIMALS]`` as an instrument.

    Raises
    ------
    UsageError
        It is not written like that.

    Examples
    --------
    >>> instrument_of("BTC-USD:0.1:8").size_decimals
    8
    """
    found = _INSTRUMENT.fullmatch(text)
    if found is None:
        raise UsageError(f"--instrument {text}: write SYMBOL:TICK or SYMBOL:TICK:DECIMALS, such as ACME:0.01 or BTC-USD:0.1:8")
    try:
        return Instrument(found["symbol"], found["tick"], int(found["decimals"] or 0))
    except TickdeckError as error:
        raise UsageError(f"--instrument {text}: {error}") from None


def discipline_of(text: str) -> Discipline:
    """A queue discipline as it is written.

    Raises
    ------
    UsageError
        There is no such discipline.

    Examples
    --------
    >>> discipline_of("pro-rata:40:2")
    ProRata(top=40, minimum=2)
    """
    name = text.strip().lower().replace("_", "-")
    if name in ("price-time", "fifo"):
        return PriceTime()
    if name == "size-time":
        return SizeTime()
    found = _PRO_RATA.fullmatch(name)
    if found is None:
        raise UsageError(
            f"--discipline {text}: write price-time, size-time, pro-rata or pro-rata:TOP:MINIMUM, such as pro-rata:40:2"
        )
    return ProRata(int(found["top"] or 0), int(found["minimum"] or 1))
