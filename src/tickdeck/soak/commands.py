"""Random commands for an exchange: few prices, small sizes, every kind of order, and now and then nonsense."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from tickdeck.core import COMMAND, UNDEF_PRICE, Records
from tickdeck.core.orders import KEEP, CommandKind, OrderFlag, OrderType, Phase, SelfTrade, TimeInForce
from tickdeck.soak.oracle_orders import BUY, NEITHER, PEGS, PRICE_TIME, PRO_RATA, SELL, SIZE_TIME, Command, OracleListing

TICK = 10**7
_MIDDLE = 100
_SIDES = (BUY, SELL)
_TYPES, _FORCES = tuple(OrderType), tuple(TimeInForce)
_POST_ONLY, _REDUCE_ONLY, _HIDDEN = int(OrderFlag.POST_ONLY), int(OrderFlag.REDUCE_ONLY), int(OrderFlag.HIDDEN)
_ODD: dict[str, tuple[int, ...]] = {
    "ts": (0, -1, -(2**63)),
    "client_order_id": (0, 1, 2**63, 2**64 - 1),
    "order_id": (0, 2**63 + 1, 2**64 - 1),
    "price": (
        UNDEF_PRICE,
        0,
        -TICK + 1,
        1,
        -1,
        2**62,
        -(2**63),
        2**63 - 2,
        2**50,
        2**50 - 1,
        -(2**50),
        TICK * 2**37,
        -TICK * 2**37,
    ),
    "size": (0, -1, -(2**63), KEEP, 2**62, 10**12 + 1, 10**12, 3, 2_000, 5_001),
    "trigger_price": (UNDEF_PRICE, 0, TICK * _MIDDLE, 1, -(2**63), 2**62, 2**50, TICK * 2**37),
    "offset": (0, TICK, -TICK, 1, -(2**63), 2**62, 2**63 - 1, 2**50, TICK * 2**37),
    "display_size": (1, -1, 3, 2**62, -(2**63), 2**63 - 1),
    "minimum_size": (1, -1, 100, 2**62, -(2**63)),
    "expire_ts": (0, -1, 2**63 - 1, -(2**63)),
    "instrument_id": (0, 9, 2**32 - 1),
    "participant_id": (0, 9, 2**32 - 1),
    "group": (1, 2**32 - 1),
    "kind": (0, 255, ord("n"), *map(int, CommandKind)),
    "side": (0, NEITHER, 255, BUY, SELL),
    "order_type": tuple(range(10)),
    "time_in_force": tuple(range(9)),
    "self_trade": tuple(range(6)),
    "flags": (*range(17), 255),
    "phase": (0, 7, 255, *map(int, Phase)),
}
"""Values that are out of place in most commands."""
_RELEVANT = {
    CommandKind.CANCEL: ("ts", "client_order_id", "order_id", "participant_id", "flags"),
    CommandKind.REPLACE: (
        "ts",
        "client_order_id",
        "order_id",
        "participant_id",
        "flags",
        "size",
        "size",
        "price",
        "price",
        "trigger_price",
    ),
    CommandKind.CANCEL_ALL: ("ts", "participant_id", "instrument_id", "side"),
    CommandKind.PHASE: ("ts", "instrument_id", "phase"),
    CommandKind.REFERENCE: ("ts", "instrument_id", "price"),
}
"""Fields that a command of a kind looks at; all of them in others."""


@dataclass
class Scenario:
    """An exchange, what is planned for it, and commands."""

    listings: list[OracleListing]
    participants: int
    commands: Records
    """``COMMAND`` records."""
    plan: list[tuple[int, Phase, int | None]] = field(default_factory=list)
    """Time, phase and instrument of scheduled changes."""


@dataclass(frozen=True)
class Style:
    """What a stream is rich in: weights and probabilities."""

    kinds: tuple[int, ...]
    """Of new, cancel, replace, cancel-all, phase, clock, reference."""
    types: tuple[int, ...]
    """Of the order types in order of their codes."""
    forces: tuple[int, ...]
    """Of the times in force in order of their codes."""
    iceberg: float
    hidden: float
    grouped: float
    reducing: float
    oddness: float
    width: int
    """Prices in use, in ticks on either side of the middle."""


_KINDS = (
    CommandKind.NEW, CommandKind.CANCEL, CommandKind.REPLACE, CommandKind.CANCEL_ALL,
    CommandKind.PHASE, CommandKind.CLOCK, CommandKind.REFERENCE,
)  # fmt: skip
_WAY_OUT = {
    Phase.CLOSED: (Phase.PRE_OPEN, Phase.CONTINUOUS),
    Phase.HALT: (Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.PRE_CLOSE),
    Phase.PRE_OPEN: (Phase.CONTINUOUS,),
    Phase.VOLATILITY: (Phase.CONTINUOUS,),
    Phase.PRE_CLOSE: (Phase.CLOSED,),
    Phase.CONTINUOUS: (Phase.CONTINUOUS,),
}
_CALM = Style((60, 10, 15, 1, 0, 2, 1), (80, 10, 0, 0, 0, 0, 0, 0), (70, 5, 10, 5, 10, 0, 0), 0.15, 0.1, 0.0, 0.0, 0.0, 4)
_STOPS = Style((60, 6, 10, 1, 1, 2, 1), (50, 8, 14, 14, 14, 0, 0, 0), (70, 5, 10, 5, 10, 0, 0), 0.1, 0.1, 0.2, 0.1, 0.01, 5)
_PEGS = Style((60, 6, 10, 1, 1, 2, 1), (50, 8, 0, 5, 0, 12, 12, 13), (70, 5, 10, 5, 10, 0, 0), 0.1, 0.1, 0.1, 0.1, 0.01, 5)
_DAYS = Style((60, 6, 12, 1, 14, 4, 2), (70, 14, 4, 4, 3, 2, 2, 2), (50, 12, 4, 3, 8, 8, 8), 0.2, 0.15, 0.1, 0.1, 0.01, 4)
_WILD = Style((60, 10, 14, 4, 6, 3, 4), (50, 10, 7, 7, 6, 7, 7, 7), (50, 10, 12, 10, 10, 4, 4), 0.2, 0.15, 0.2, 0.2, 0.2, 6)
_EXITS = Style((60, 3, 12, 1, 4, 2, 2), (70, 10, 4, 4, 4, 2, 2, 2), (70, 5, 8, 4, 5, 4, 4), 0.2, 0.15, 0.2, 0.35, 0.02, 4)
STYLES = (_CALM, _STOPS, _PEGS, _DAYS, _WILD, _EXITS)


def random_scenario(rng: random.Random, count: int) -> Scenario:
    """A seeded scenario of `count` commands."""
    listings = [random_listing(rng, number) for number in range(1, rng.choice((1, 1, 2)) + 1)]
    participants = rng.randint(1, 4)
    flow = Flow(rng, rng.choice(STYLES), listings, participants)
    plan = []
    if rng.random() < 0.3:
        for _ in range(rng.randint(1, 6)):
            plan.append((rng.randint(1, 2 * count), rng.choice(list(Phase)), rng.choice((None, 1))))
    return Scenario(listings, participants, as_commands([flow.command() for _ in range(count)]), plan)


def random_listing(rng: random.Random, number: int) -> OracleListing:
    """An instrument under any rules."""
    bands = (None, None, None, Fraction(2), Fraction(3), Fraction("4.5"))
    return OracleListing(
        number,
        tick=rng.choice((TICK, TICK, 250_000_000, 1)),
        lot=rng.choice((1, 1, 1, 10)),
        discipline=rng.choice((PRICE_TIME, PRICE_TIME, PRO_RATA, SIZE_TIME)),
        top=rng.choice((0, 40, 100)),
        minimum=rng.choice((1, 2, 30)),
        static_band=rng.choice(bands),
        dynamic_band=rng.choice(bands),
        volatility_pause=rng.choice((0, 3, 20)),
        phase=rng.choice((Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.CONTINUOUS, *Phase)),
        maximum_size=rng.choice((10**12, 120)),
    )


class Flow:
    """Makes commands that mostly make sense."""

    def __init__(self, rng: random.Random, style: Style, listings: Sequence[OracleListing], participants: int) -> None:
        self._rng = rng
        self._style = style
        self._listings = listings
        self._participants = participants
        self._ts = 0
        self._made = 0
        self._phases = {listing.instrument_id: listing.phase for listing in listings}
        """As far as this side knows."""
        self._owners: list[tuple[int, int]] = []
        """Participant and client order id of new orders."""

    def command(self) -> Command:
        """The next one."""
        rng, style = self._rng, self._style
        self._ts += rng.choice((0, 0, 1, 1, 1, 2, 5))
        listing = rng.choice(self._listings)
        kind = rng.choices(_KINDS, style.kinds)[0]
        phase = self._phases[listing.instrument_id]
        if phase != Phase.CONTINUOUS and rng.random() < (0.3 if phase in (Phase.CLOSED, Phase.HALT) else 0.1):
            kind = CommandKind.PHASE
        fields: dict[str, int] = dict.fromkeys(Command._fields, 0)
        fields |= {"ts": self._ts, "kind": kind, "price": UNDEF_PRICE, "trigger_price": UNDEF_PRICE}
        fields |= {"participant_id": rng.randint(1, self._participants), "instrument_id": listing.instrument_id}
        if kind == CommandKind.NEW:
            self._new(fields, listing)
        elif kind in (CommandKind.CANCEL, CommandKind.REPLACE):
            self._existing(fields)
            if kind == CommandKind.REPLACE:
                self._replace(fields, listing)
        elif kind == CommandKind.CANCEL_ALL:
            fields["instrument_id"] = rng.choice((0, listing.instrument_id))
            fields["side"] = rng.choice((NEITHER, *_SIDES))
        elif kind == CommandKind.PHASE:
            self._phase(fields, phase)
        elif kind == CommandKind.REFERENCE:
            fields["price"] = self._price(listing) + rng.choice((0, 0, 1))
        while rng.random() < style.oddness:
            name = rng.choice(_RELEVANT.get(kind, tuple(_ODD)))
            fields[name] = rng.choice(_ODD[name])
        return Command(**fields)

    def _phase(self, fields: dict[str, int], phase: Phase) -> None:
        rng = self._rng
        after = rng.choice((*_WAY_OUT[phase], *_WAY_OUT[phase], *Phase))
        fields["phase"] = after
        if rng.random() < 0.2:
            fields["instrument_id"] = 0
        for number in self._phases if not fields["instrument_id"] else (fields["instrument_id"],):
            self._phases[number] = after

    def _price(self, listing: OracleListing) -> int:
        width = self._style.width
        return listing.tick * (_MIDDLE + self._rng.randint(-width, width))

    def _size(self, listing: OracleListing) -> int:
        return listing.lot * self._rng.choice((1, 2, 3, 4, 5, 7, 10))

    def _new(self, fields: dict[str, int], listing: OracleListing) -> None:
        rng, style = self._rng, self._style
        self._made += 1
        fields["client_order_id"] = self._made
        self._owners.append((fields["participant_id"], self._made))
        kind = rng.choices(_TYPES, style.types)[0]
        force = rng.choices(_FORCES, style.forces)[0]
        if kind not in (OrderType.LIMIT, OrderType.MARKET) and force not in (TimeInForce.DAY, TimeInForce.GTD):
            force = TimeInForce.GTC
        size, flags = self._size(listing), 0
        if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) or (kind in PEGS and rng.random() < 0.3):
            fields["price"] = self._price(listing)
        if kind in (OrderType.STOP, OrderType.STOP_LIMIT):
            fields["trigger_price"] = self._price(listing)
        if kind == OrderType.TRAILING_STOP:
            fields["offset"] = listing.tick * rng.randint(1, 4)
        if kind in PEGS:
            fields["offset"] = listing.tick * rng.choice((0, 0, 1, -1, 2, -2))
        may_rest = force in (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD)
        if kind == OrderType.LIMIT:
            if may_rest and rng.random() < style.iceberg:
                fields["display_size"], size = listing.lot * rng.randint(1, 3), size * 2
            elif rng.random() < style.hidden:
                flags |= _HIDDEN
            if may_rest and rng.random() < 0.12:
                flags |= _POST_ONLY
        if kind in (OrderType.LIMIT, OrderType.MARKET) and not flags & _POST_ONLY and rng.random() < 0.07:
            fields["minimum_size"] = rng.randint(1, size) if force not in (TimeInForce.AT_OPEN, TimeInForce.AT_CLOSE) else 0
        if rng.random() < style.reducing:
            flags |= _REDUCE_ONLY
        if rng.random() < style.grouped:
            fields["group"] = rng.randint(1, 3)
        if force == TimeInForce.GTD:
            fields["expire_ts"] = fields["ts"] + rng.choice((1, 3, 10, 40))
        fields |= {"side": rng.choice(_SIDES), "order_type": kind, "time_in_force": force, "size": size, "flags": flags}
        fields["self_trade"] = rng.choice((SelfTrade.NONE, SelfTrade.NONE, *SelfTrade))

    def _existing(self, fields: dict[str, int]) -> None:
        """Name an order, mostly a recent one."""
        rng = self._rng
        back = min(len(self._owners), rng.choice((3, 10, 40)))
        if back:
            fields["participant_id"], fields["client_order_id"] = self._owners[-rng.randint(1, back)]
        if rng.random() < 0.1:
            fields["flags"] = OrderFlag.BY_ORDER_ID
            fields["order_id"] = max(0, self._made - rng.randint(0, 20))
            fields["client_order_id"] = 0

    def _replace(self, fields: dict[str, int], listing: OracleListing) -> None:
        rng = self._rng
        fields["size"] = rng.choice((KEEP, self._size(listing), self._size(listing)))
        if rng.random() < 0.5:
            fields["price"] = self._price(listing)
        if rng.random() < 0.2:
            fields["trigger_price"] = self._price(listing)


def as_commands(commands: Sequence[Command]) -> Records:
    """The ``COMMAND`` records of commands."""
    records = np.zeros(len(commands), COMMAND)
    for name, column in zip(Command._fields, zip(*commands)):
        records[name] = column
    return records


def shrunk(scenario: Scenario, fails: Any) -> Scenario:
    """Leave out commands as long as ``fails(scenario)`` stays true."""
    step = max(1, len(scenario.commands) // 2)
    while step:
        at = 0
        while at < len(scenario.commands):
            kept = np.delete(scenario.commands, slice(at, at + step))
            smaller = Scenario(scenario.listings, scenario.participants, kept, scenario.plan)
            if fails(smaller):
                scenario = smaller
            else:
                at += step
        step //= 2
    return scenario
