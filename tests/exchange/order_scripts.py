"""A short language for commands and for what an exchange answers, so that a worked example can be read at a glance.

    a sell 5 101 hidden       participant 1 (a, b, c) sells 5 at 101; "-" for no price
    = A1 A5@101               events of the command: groups divided by "|", records of a group by ","
    ! accepted 1 5            what participants hear, divided by ";"; both may go on in further lines of the mark

Prices are whole ticks of 1. The first order has client order id 1, the second 2, and so on, rejected ones included.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tickdeck.core import PRICE_SCALE, UNDEF_PRICE, TradingStatus
from tickdeck.core.orders import (
    KEEP,
    CommandKind,
    ExecutionFlag,
    ExecutionKind,
    OrderFlag,
    OrderType,
    Phase,
    Reason,
    SelfTrade,
    TimeInForce,
)
from tickdeck.soak.oracle_orders import Command, Event, Execution

_FLAGS = {"hidden": OrderFlag.HIDDEN, "post": OrderFlag.POST_ONLY, "reduce": OrderFlag.REDUCE_ONLY}
_FORCES = {force.name.lower().replace("_", "-"): force for force in TimeInForce}
_MODES = {mode.name.lower().replace("_", "-"): mode for mode in SelfTrade}
_PEGS = {"bid": OrderType.PEG_BID, "ask": OrderType.PEG_ASK, "mid": OrderType.PEG_MID}
_SIDES = {"buy": ord("B"), "sell": ord("A")}


class Example(NamedTuple):
    """A rule, a script with the answers, and how the instrument is listed."""

    rule: str
    script: str
    listing: dict[str, Any] = {}  # noqa: RUF012


def _price(text: str) -> int:
    return UNDEF_PRICE if text == "-" else round(float(text) * PRICE_SCALE)


class Script:
    """Reads lines; keeps count of orders and of time."""

    def __init__(self) -> None:
        self.orders = 0
        self.ts = 0

    def command(self, line: str) -> Command:
        """The command of a line; "@5 ..." happens at time 5."""
        words = line.split()
        if words[0].startswith("@"):
            self.ts = int(words.pop(0)[1:])
        fields = dict.fromkeys(Command._fields, 0)
        fields |= {"ts": self.ts, "price": UNDEF_PRICE, "trigger_price": UNDEF_PRICE, "instrument_id": 1}
        who, *words = words
        if who == "clock":
            fields["kind"] = CommandKind.CLOCK
        elif who == "phase":
            fields |= {"kind": CommandKind.PHASE, "phase": Phase[words[0].upper()]}
        elif who == "reference":
            fields |= {"kind": CommandKind.REFERENCE, "price": _price(words[0])}
        else:
            fields["participant_id"] = "abc".index(who) + 1
            self._order(fields, *words)
        return Command(**fields)

    def _order(self, fields: dict[str, int], verb: str, *words: str) -> None:
        if verb == "cancel-all":
            fields |= {"kind": CommandKind.CANCEL_ALL, "side": _SIDES[words[0]] if words else ord("N")}
        elif verb == "cancel":
            fields |= {"kind": CommandKind.CANCEL, "client_order_id": int(words[0])}
        elif verb == "replace":
            fields |= {"kind": CommandKind.REPLACE, "client_order_id": int(words[0]), "size": KEEP}
            self._options(fields, *words[1:])
        else:
            self.orders += 1
            size, price, *rest = words
            fields |= {"kind": CommandKind.NEW, "client_order_id": self.orders, "side": _SIDES[verb], "size": int(size)}
            fields |= {"price": _price(price), "time_in_force": TimeInForce.GTC}
            fields["order_type"] = OrderType.MARKET if price == "-" else OrderType.LIMIT
            self._options(fields, *rest)

    def _options(self, fields: dict[str, int], *words: str) -> None:
        for word in words:
            name, _, value = word.partition("=")
            if name in _FLAGS:
                fields["flags"] |= _FLAGS[name]
            elif name in _FORCES:
                fields["time_in_force"] = _FORCES[name]
                fields["expire_ts"] = int(value or 0)
            elif name in _MODES:
                fields["self_trade"] = _MODES[name]
            elif name == "stop":
                fields["trigger_price"] = _price(value)
                fields["order_type"] = OrderType.STOP if fields["price"] == UNDEF_PRICE else OrderType.STOP_LIMIT
            elif name == "trail":
                fields |= {"offset": _price(value), "order_type": OrderType.TRAILING_STOP}
            elif name == "peg":
                fields["order_type"] = _PEGS[value]
            elif name in ("price", "trigger_price", "offset"):
                fields[name] = _price(value)
            else:
                fields[{"show": "display_size", "min": "minimum_size"}.get(name, name)] = int(value)


def steps(text: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Command line, expected events and expected executions (None: not said) of each step of an example."""
    lines = [line.strip() for line in text.strip().splitlines()]
    at = 0
    while at < len(lines):
        line = lines[at]
        expected: dict[str, str | None] = {"=": None, "!": None}
        at += 1
        while at < len(lines) and lines[at][0] in "=!":
            mark, said = lines[at][0], lines[at][1:].strip()
            before = expected[mark]
            expected[mark] = said if before is None else f"{before} {said}"
            at += 1
        yield line, expected["="], expected["!"]


def _told(price: int) -> str:
    return f"{price / PRICE_SCALE:g}"


def event_text(events: list[Event]) -> str:
    """Events in one line."""
    out = ""
    for event in events:
        if event.action == "N":
            out += f"N {TradingStatus(event.order_id).name}"
        else:
            number = str(event.order_id) if event.action != "T" else ""
            out += f"{event.action}{number} {event.side}{event.size}@{_told(event.price)}"
        out += " | " if event.flags & 128 else ", "
    return out[:-3] if out.endswith(" | ") else out


def execution_text(executions: list[Execution]) -> str:
    """What was heard, in one line."""
    return "; ".join(map(_heard, executions))


def _heard(told: Execution) -> str:
    reason = f" {Reason(told.reason).name}" if told.reason else ""
    kind = ExecutionKind(ord(told.kind))
    if kind == ExecutionKind.REJECTED:
        return f"rejected{reason}"
    if kind == ExecutionKind.FILLED:
        flag = {ExecutionFlag.AGGRESSOR: "took", ExecutionFlag.AUCTION: "crossed"}.get(ExecutionFlag(told.flags), "filled")
        return f"{flag} {told.order_id} {told.size}@{_told(told.price)} left {told.remaining}"
    return f"{kind.name.lower()} {told.order_id} {told.size}{reason}"
