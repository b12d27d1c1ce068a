"""A session with an exchange: requests carried out one by one, answered in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tickdeck.cli.exchange_record import instruments_of, names_of
from tickdeck.cli.execution_words import execution_text, order_text, size_text
from tickdeck.cli.ladder_view import Trade
from tickdeck.cli.order_commands import Command, command_of
from tickdeck.cli.order_requests import Cancel, CancelAll, Order, Pass, Replace, SetPhase, SetReference, Show, SwitchTo, Use
from tickdeck.core import (
    UNDEF_PRICE,
    Action,
    ExecutionKind,
    Instrument,
    OrderType,
    Phase,
    Reason,
    Records,
    Side,
    TimeInForce,
    UsageError,
    ns_text,
    price_text,
)
from tickdeck.core.enums import TradingStatus
from tickdeck.exchange.live_orders import live_orders

if TYPE_CHECKING:
    from tickdeck.exchange import Exchange

_STATUS = {
    int(TradingStatus.CLOSE): "closed",
    int(TradingStatus.PRE_OPEN): "pre-open",
    int(TradingStatus.TRADING): "continuous",
    int(TradingStatus.HALT): "halt",
    int(TradingStatus.PAUSE): "volatility interruption",
    int(TradingStatus.PRE_CLOSE): "pre-close",
    int(TradingStatus.CROSS): "auction",
}
_TRADES = 1000
"""Trades of an instrument that a session remembers."""
_ORDERS = 50
"""Most orders that are listed without being asked for."""


class Session:
    """Carries out requests for one participant at a time.

    Parameters
    ----------
    exchange : Exchange
    clock : callable, optional
        ns since the epoch at which a command arrives; None: time stands still between commands that name one.
    participant : str
        Who acts until the session switches.
    keep : callable, optional
        Takes the ``COMMAND``, ``EVENT`` and ``EXECUTION`` records of each command.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        clock: Callable[[], int] | None = None,
        participant: str = "trader",
        keep: Callable[[Records, Records, Records], None] | None = None,
    ) -> None:
        self.exchange = exchange
        self.instruments = {item.symbol: item for item in instruments_of(exchange)}
        self.current = next(iter(self.instruments.values()))
        self.participant = participant
        self.trades: dict[int, deque[Trade]] = {
            item.instrument_id or 0: deque(maxlen=_TRADES) for item in self.instruments.values()
        }
        self._clock = clock
        self._keep = keep

    @property
    def participant_id(self) -> int:
        """Id of who acts; 0 before the first command."""
        return next((each.id for each in self.exchange.participants if each.name == self.participant), 0)

    @property
    def now(self) -> int:
        """Time of a command that would come now; it never goes back."""
        return self.exchange.clock if self._clock is None else max(self.exchange.clock, self._clock())

    def find(self, symbol: str | None) -> Instrument:
        """The instrument called `symbol`, in any case; the current one for None.

        Raises
        ------
        UsageError
            There is none.
        """
        if symbol is None:
            return self.current
        for name, item in self.instruments.items():
            if name.lower() == symbol.lower():
                return item
        raise UsageError(f"there is no instrument {symbol[:40]!r}; there is {', '.join(self.instruments)}")

    def carry_out(self, request: Command) -> list[str]:
        """Give a command to the exchange; what came of it, in lines.

        Raises
        ------
        TickdeckError
            An amount that the instrument has no units for, an instrument that is not there.
        """
        known = next((each for each in self.exchange.participants if each.name == self.participant), None)
        number = known.id if known else len(self.exchange.participants) + 1
        next_id, mode = (known.next_client_order_id, int(known.self_trade)) if known else (1, 0)
        command = command_of(request, self.now, number, self._instrument_of(request), next_id, mode)
        # Admitted by its first command, so that the commands alone tell in which order.
        owner = known or self.exchange.participant(self.participant)
        lines = self._submit(command, request)
        if isinstance(request, Order):
            # A batch leaves the participant's next id as it was.
            owner.next_client_order_id = max(owner.next_client_order_id, int(command["client_order_id"][0]) + 1)
        return lines

    def _instrument_of(self, request: Command) -> Instrument | None:
        match request:
            case Order() | SetReference():
                return self.find(request.instrument)
            case CancelAll() | SetPhase():
                return None if request.instrument is None else self.find(request.instrument)
            case Replace() | Cancel():
                order = self._live(request.order_id)
                return self.current if order is None else self._by_id(int(order["instrument_id"]))
        return None

    def _live(self, order_id: int) -> np.void | None:
        """A live order, whoever's it is."""
        found = live_orders(self.exchange)
        place = np.searchsorted(found["order_id"], order_id)
        return found[place] if place < len(found) and found["order_id"][place] == order_id else None

    def _by_id(self, instrument_id: int) -> Instrument | None:
        return next((item for item in self.instruments.values() if item.instrument_id == instrument_id), None)

    def _submit(self, command: Records, request: Command) -> list[str]:
        events = self.exchange.submit_batch(command)
        executions = self.exchange.take_executions()
        if self._keep:
            self._keep(command, events, executions)
        for event in events[events["action"] == Action.TRADE]:
            trade = Trade(*(int(event[name]) for name in ("ts_event", "price", "size", "side")))
            self.trades[int(event["instrument_id"])].appendleft(trade)
        lines = [self._execution_line(row, request) for row in executions]
        for event in events[events["action"] == Action.NONE]:
            lines.append(f"{self._symbol(int(event['instrument_id']))}: {_STATUS.get(int(event['order_id']), 'status changed')}")
        return lines or [self._quiet_line(request)]

    def _quiet_line(self, request: Command) -> str:
        """What to say of a command of which the exchange says nothing."""
        match request:
            case Pass():
                return f"it is {ns_text(self.exchange.clock)}"
            case SetReference():
                return f"the reference price of {self.find(request.instrument).symbol} is {request.price}"
            case CancelAll():
                return "there was nothing to cancel"
        return "nothing changed"

    def _symbol(self, instrument_id: int) -> str:
        found = self._by_id(instrument_id)
        return found.symbol if found else f"#{instrument_id}"

    def _execution_line(self, row: np.void, request: Command) -> str:
        instrument = self._by_id(int(row["instrument_id"]))
        name = self._name(int(row["participant_id"]))
        order_type = request.order_type if isinstance(request, Order) else OrderType.LIMIT
        text = execution_text(row, instrument, "" if name == self.participant else name, order_type)
        match int(row["kind"]):
            case ExecutionKind.REJECTED:
                return text + self._hint(row, request, instrument)
            case ExecutionKind.ACCEPTED if isinstance(request, Order):
                return text + _conditions(request)
        return text

    def _name(self, participant_id: int) -> str:
        return names_of(self.exchange).get(participant_id, str(participant_id))

    def _hint(self, row: np.void, request: Command, instrument: Instrument | None) -> str:
        """What would be right, where that can be told."""
        match int(row["reason"]):
            case Reason.OFF_TICK | Reason.BAD_TRIGGER_PRICE | Reason.BAD_OFFSET if instrument and instrument.tick_size:
                return f"; the tick is {price_text(instrument.tick_size)}"
            case Reason.WRONG_PHASE if instrument:
                return f"; {instrument.symbol} is {phase_word(self.exchange.phase(instrument))}"
            case Reason.BAD_PHASE:
                return f"; {self.current.symbol} is {phase_word(self.exchange.phase(self.current))}"
            case Reason.UNKNOWN_ORDER if isinstance(request, Cancel | Replace):
                order = self._live(request.order_id)
                if order is None:
                    return "; orders lists them"
                owner = self._name(int(order["participant_id"]))
                return f"; order {request.order_id} is that of {owner}: as {owner}"
            case Reason.CLOCK_BACKWARDS:
                return f"; it is {ns_text(self.exchange.clock)}"
        return ""

    def switch(self, request: SwitchTo) -> list[str]:
        """Act as another participant, new or known."""
        self.participant = request.participant
        return [f"you act as {self.participant}"]

    def use(self, request: Use) -> list[str]:
        """Make another instrument the current one."""
        self.current = self.find(request.instrument)
        return [f"lines without a symbol are about {self.current.symbol}"]

    def orders(self, request: Show) -> list[str]:
        """The live orders of the participant."""
        wanted = None if request.instrument is None else self.find(request.instrument).instrument_id
        found = live_orders(self.exchange, self.participant_id, wanted)
        lines = []
        for order in found[: request.count or _ORDERS]:
            instrument = self._by_id(int(order["instrument_id"]))
            side, size, limit, kind = (int(order[name]) for name in ("side", "size", "price", "order_type"))
            text = order_text(side, size, limit, kind, instrument)
            hidden = int(order["size"] - order["displayed"])
            text += f", {size_text(hidden, instrument)} of it in reserve" if hidden else ""
            trigger = int(order["trigger_price"])
            text += f", {_trigger_word(kind)} {price_text(trigger)}" if trigger != UNDEF_PRICE else ""
            lines.append(f"order {order['order_id']}: {text}")
        if len(found) > len(lines):
            lines.append(f"and {len(found) - len(lines):,} more: orders {len(found)}")
        return lines or [f"{self.participant} has no live orders"]

    def last_trades(self, request: Show) -> list[str]:
        """The latest trades of an instrument."""
        instrument = self.find(request.instrument)
        lines = []
        for trade in list(self.trades[instrument.instrument_id or 0])[: request.count or 10]:
            side = {int(Side.BID): "buyer", int(Side.ASK): "seller"}.get(trade.side, "auction")
            lines.append(f"{ns_text(trade.ts)} {size_text(trade.size, instrument)} @ {price_text(trade.price)} {side}")
        return lines or [f"{instrument.symbol} has not traded in this session"]


def _conditions(order: Order) -> str:
    """What an accepted order was given beside price and size."""
    distance = "distance" if order.order_type == OrderType.TRAILING_STOP else "offset"
    amounts = (("trigger", order.trigger), (distance, order.offset), ("displayed", order.display), ("minimum", order.minimum))
    words = [f"{name} {amount}" for name, amount in amounts if amount is not None]
    words += [] if order.time_in_force == TimeInForce.GTC else [order.time_in_force.name.replace("_", " ")]
    words += [str(flag.name).lower().replace("_", "-") for flag in order.flags]
    return "".join(f", {word}" for word in words)


def _trigger_word(order_type: int) -> str:
    return "now at" if order_type >= OrderType.PEG_BID else "trigger"


def phase_word(phase: Phase) -> str:
    """A phase as it is written.

    Examples
    --------
    >>> phase_word(Phase.PRE_OPEN)
    'pre-open'
    """
    return phase.name.lower().replace("_", "-")
