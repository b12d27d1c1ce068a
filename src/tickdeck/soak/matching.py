"""The exchange fed with random commands, against one in plain Python and against what must hold of any."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tickdeck.book import OrderBook
from tickdeck.core import EVENT, Instrument, Records, Side, price_text
from tickdeck.exchange import Exchange, Listing, PriceTime, ProRata, SizeTime
from tickdeck.soak.campaign import FindingError
from tickdeck.soak.commands import Scenario, as_commands, random_scenario, shrunk
from tickdeck.soak.matching_checks import StreamChecker
from tickdeck.soak.matching_oracle import OracleExchange
from tickdeck.soak.oracle_auction import auction_price
from tickdeck.soak.oracle_checks import COLLECTING
from tickdeck.soak.oracle_orders import PRICE_TIME, PRO_RATA, Command, Event, Execution, OracleListing

_EVENT_FIELDS = ["action", "side", "price", "size", "order_id", "sequence", "flags", "ts_event", "instrument_id"]
_EXECUTION_FIELDS = [
    "kind", "reason", "price", "size", "remaining", "order_id", "client_order_id", "participant_id", "side", "flags", "sequence",
    "ts_event", "instrument_id",
]  # fmt: skip


class MatchingCampaign:
    """One to two instruments under any rules, one to four participants, every kind of command, sense and nonsense."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder

    def try_one(self, rng: random.Random) -> None:
        """One stream of commands; a shorter one that fails too is left beside one that fails."""
        scenario = random_scenario(rng, rng.choice((30, 200, 800, 800)))
        np.save(self._folder / "commands.npy", scenario.commands, allow_pickle=False)
        try:
            compare(scenario, rng.choice((1, 20, 20, 100)))
        except FindingError:
            smallest = shrunk(scenario, fails)
            lines = [
                *map(str, smallest.listings),
                str(smallest.plan),
                *(str(Command(*row[:-1])) for row in smallest.commands.tolist()),
            ]
            (self._folder / "shortest.txt").write_text("\n".join(lines) + "\n")
            raise


class EngineExchange:
    """The compiled exchange behind the face of the plain-Python one."""

    def __init__(self, listings: Iterable[OracleListing], participants: int) -> None:
        self.exchange = Exchange([listed(listing) for listing in listings])
        for number in range(1, participants + 1):
            self.exchange.participant(f"P{number}")
        self.exchange.take_executions()

    def schedule(self, entries: Iterable[tuple[int, Any]], instrument_id: int | None = None) -> None:
        """Add phase changes to come."""
        self.exchange.schedule(list(entries), instrument=instrument_id)

    def run(self, command: Any) -> tuple[list[Event], list[Execution]]:
        """One command, or an array of them."""
        commands = as_commands([command]) if isinstance(command, Command) else command
        events = self.exchange.submit_batch(commands)
        return events_of(events), executions_of(self.exchange.take_executions())


def listed(listing: OracleListing) -> Listing:
    """The listing as the compiled exchange takes it."""
    number = listing.instrument_id
    if listing.discipline == PRICE_TIME:
        discipline: Any = PriceTime()
    elif listing.discipline == PRO_RATA:
        discipline = ProRata(top=listing.top, minimum=listing.minimum)
    else:
        discipline = SizeTime()
    return Listing(
        Instrument(f"I{number}", tick_size=price_text(listing.tick), lot_size=listing.lot, instrument_id=number),
        discipline=discipline,
        static_band=_percent(listing.static_band),
        dynamic_band=_percent(listing.dynamic_band),
        volatility_pause=listing.volatility_pause,
        phase=listing.phase,
        maximum_size=listing.maximum_size,
    )


def _percent(band: Fraction | None) -> str | None:
    return None if band is None else str(float(band))


def events_of(records: Records) -> list[Event]:
    """``EVENT`` records as the oracle writes them."""
    rows = records[_EVENT_FIELDS].tolist()
    return [Event(chr(action), chr(side), *rest) for action, side, *rest in rows]


def executions_of(records: Records) -> list[Execution]:
    """``EXECUTION`` records as the oracle writes them."""
    return [Execution(chr(kind), *rest) for kind, *rest in records[_EXECUTION_FIELDS].tolist()]


def oracle_of(scenario: Scenario) -> OracleExchange:
    """The plain-Python exchange of a scenario, before the first command."""
    oracle = OracleExchange(scenario.listings, scenario.participants)
    for time, phase, instrument_id in scenario.plan:
        oracle.schedule([(time, phase)], instrument_id)
    return oracle


def engine_of(scenario: Scenario) -> EngineExchange:
    """The compiled exchange of a scenario, before the first command."""
    engine = EngineExchange(scenario.listings, scenario.participants)
    for time, phase, instrument_id in scenario.plan:
        engine.schedule([(time, phase)], instrument_id)
    return engine


def compare(scenario: Scenario, step: int = 1) -> None:
    """Run a scenario through both exchanges, some commands at a time, and again in one batch.

    Parameters
    ----------
    scenario : Scenario
    step : int
        Commands at a time: what is published is compared for all of them, the state after them.

    Raises
    ------
    FindingError
        They differ, or something does not hold that must hold of any exchange.
    """
    oracle, engine, checker = oracle_of(scenario), engine_of(scenario), StreamChecker(scenario.listings)
    published, books = [], {listing.instrument_id: _book(listing) for listing in scenario.listings}
    for number in range(0, len(scenario.commands), step):
        commands, what = scenario.commands[number : number + step], f"command {number}"
        clock, before = oracle.clock, engine.exchange.state_hash()
        events, executions = [], []
        for command in commands:
            parts = oracle.run(command)
            checker.take(*parts)
            events += parts[0]
            executions += parts[1]
        records = engine.exchange.submit_batch(commands)
        _same(f"{what}: events", events_of(records), events)
        _same(f"{what}: executions", executions_of(engine.exchange.take_executions()), executions)
        is_rejected = step == 1 and executions and executions[-1].kind == "J"
        if is_rejected and oracle.clock == clock and engine.exchange.state_hash() != before:
            raise FindingError(f"{what} was rejected and changed the state")
        _same_auction(what, oracle, engine.exchange)
        published.append(records)
        for instrument, book in books.items():
            book.apply(records[records["instrument_id"] == instrument])
            _same_book(what, book, engine.exchange.book(instrument))
    _same_ends(scenario, oracle, engine, checker)
    again = engine_of(scenario)
    everything = again.exchange.submit_batch(scenario.commands)
    if everything.tobytes() != np.concatenate([np.zeros(0, EVENT), *published]).tobytes():
        raise FindingError("a batch gives other events than single commands")
    if again.exchange.state_hash() != engine.exchange.state_hash():
        raise FindingError("a batch leads to another state than single commands")


def fails(scenario: Scenario) -> bool:
    """Whether :func:`compare` finds anything."""
    try:
        compare(scenario)
    except FindingError:
        return True
    return False


def _book(listing: OracleListing) -> OrderBook:
    return OrderBook(Instrument("B", tick_size=price_text(listing.tick), instrument_id=listing.instrument_id))


def _same(what: str, found: Sequence[Any], expected: Sequence[Any]) -> None:
    if list(found) == list(expected):
        return
    first = next((i for i, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]), min(len(found), len(expected)))
    raise FindingError(f"{what}[{first}] is {found[first : first + 1]}, should be {expected[first : first + 1]}")


def _same_book(what: str, built: OrderBook, own: OrderBook) -> None:
    for side in (Side.BID, Side.ASK):
        for part in ("levels", "orders"):
            found, expected = getattr(built, part)(side), getattr(own, part)(side)
            if found.tobytes() != expected.tobytes():
                raise FindingError(
                    f"{what}: {part} of the {side.name} built from events are {found[:3]}, the exchange's {expected[:3]}"
                )


def _same_ends(scenario: Scenario, oracle: OracleExchange, engine: EngineExchange, checker: StreamChecker) -> None:
    """What can be asked at the end; and nothing lost: what is open is what was accepted and neither filled nor taken off."""
    exchange = engine.exchange
    resting = {order.order_id: order.remaining for market in oracle.markets.values() for order in market.orders.values()}
    if resting != checker.open:
        raise FindingError(f"open are {resting}, by what was told {checker.open}")
    for (instrument, participant), position in checker.positions.items():
        held = exchange.position(participant, instrument)
        if held != position:
            raise FindingError(f"position of participant {participant} is {held}, by its fills {position}")
    if (exchange.clock, exchange.skipped_phases) != (oracle.clock, oracle.skipped):
        raise FindingError(f"clock and skipped phases are {(exchange.clock, exchange.skipped_phases)}")
    for instrument, market in oracle.markets.items():
        told = exchange.statistics(instrument)
        found = told.phase, told.last_price, told.reference_price, told.volume, told.trades
        volume, trades = checker.traded[instrument]
        if found != (market.phase, market.last, market.reference, volume, trades):
            raise FindingError(f"phase, last and reference price, volume, trades of instrument {instrument} are {found}")


def _same_auction(what: str, oracle: OracleExchange, exchange: Exchange) -> None:
    """What an auction would do now."""
    for instrument, market in oracle.markets.items():
        if market.phase in COLLECTING:
            found, expected = exchange.indicative(instrument), auction_price(market)
            if tuple(found) != expected and (expected or found[:2] != (None, 0)):
                raise FindingError(f"{what}: indicative are {found}, should be {expected}")
