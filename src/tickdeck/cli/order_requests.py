"""What a line of an exchange session may ask for. Amounts are texts, which only an instrument can turn into units."""

from __future__ import annotations

from dataclasses import dataclass

from tickdeck.core import OrderFlag, OrderType, Phase, SelfTrade, Side, TimeInForce

NO_FLAGS = OrderFlag(0)


@dataclass(frozen=True, slots=True)
class When:
    """A point in time, or a time to pass."""

    ns: int
    is_relative: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """``buy`` or ``sell``."""

    side: Side
    size: str
    order_type: OrderType = OrderType.LIMIT
    price: str | None = None
    instrument: str | None = None
    trigger: str | None = None
    offset: str | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire: When | None = None
    display: str | None = None
    minimum: str | None = None
    group: int = 0
    self_trade: SelfTrade | None = None
    flags: OrderFlag = NO_FLAGS
    client_order_id: int | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """New price, size or trigger price of an order; None: as before."""

    order_id: int
    price: str | None = None
    size: str | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel one order."""

    order_id: int


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Cancel all orders of the participant."""

    side: Side = Side.NONE
    instrument: str | None = None


@dataclass(frozen=True, slots=True)
class SetPhase:
    """Change the phase of an instrument; None: of all."""

    phase: Phase
    instrument: str | None = None


@dataclass(frozen=True, slots=True)
class SetReference:
    """Set a reference price."""

    price: str
    instrument: str | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """Let time pass."""

    when: When


@dataclass(frozen=True, slots=True)
class SwitchTo:
    """Act as a participant."""

    participant: str


@dataclass(frozen=True, slots=True)
class Use:
    """Make an instrument the one that lines without a symbol are about."""

    instrument: str


@dataclass(frozen=True, slots=True)
class Show:
    """Print something: book, orders, trades, stats."""

    what: str
    count: int | None = None
    instrument: str | None = None


@dataclass(frozen=True, slots=True)
class Save:
    """Write the events, orders or executions of the session."""

    path: str
    what: str = "events"


@dataclass(frozen=True, slots=True)
class Help:
    """Explain a command; all where it is empty."""

    topic: str = ""


@dataclass(frozen=True, slots=True)
class Quit:
    """End the session."""


Request = Order | Replace | Cancel | CancelAll | SetPhase | SetReference | Pass | SwitchTo | Use | Show | Save | Help | Quit
