"""Requests of a session as ``COMMAND`` records."""

from __future__ import annotations

import numpy as np

from tickdeck.cli.order_requests import Cancel, CancelAll, Order, Pass, Replace, SetPhase, SetReference, When
from tickdeck.core import (
    COMMAND,
    KEEP,
    UNDEF_PRICE,
    CommandKind,
    Instrument,
    OrderFlag,
    Records,
    UsageError,
    fixed,
    price,
)

Command = Order | Replace | Cancel | CancelAll | SetPhase | SetReference | Pass
"""The requests that an exchange carries out."""

_LATEST = 2**63 - 2


def command_of(
    request: Command, ts: int, participant_id: int, instrument: Instrument | None, next_id: int, self_trade: int = 0
) -> Records:
    """A request as one ``COMMAND``.

    Parameters
    ----------
    request : Command
    ts : int
        Its time, ns since the epoch.
    participant_id : int
    instrument : Instrument, optional
        That it is about; None: all.
    next_id : int
        Client order id of an order that has none.
    self_trade : int
        Mode of an order that says none.

    Raises
    ------
    PrecisionError
        A price or size that is not exact in the instrument's units.
    UsageError
        A time beyond 64 bits.
    """
    out = np.zeros(1, COMMAND)
    row = out[0]
    row["ts"] = ts
    row["participant_id"] = participant_id
    row["instrument_id"] = (instrument.instrument_id or 0) if instrument else 0
    row["side"] = ord("N")
    row["price"] = row["trigger_price"] = UNDEF_PRICE
    decimals = instrument.size_decimals if instrument else 0
    match request:
        case Order():
            row["kind"] = CommandKind.NEW
            row["client_order_id"] = next_id if request.client_order_id is None else request.client_order_id
            row["side"] = request.side
            row["order_type"] = request.order_type
            row["time_in_force"] = request.time_in_force
            row["expire_ts"] = 0 if request.expire is None else moment(request.expire, ts)
            row["size"] = fixed(request.size, decimals, "size")
            row["offset"] = price(request.offset or 0)
            row["display_size"] = fixed(request.display or 0, decimals, "display size")
            row["minimum_size"] = fixed(request.minimum or 0, decimals, "minimum size")
            row["group"] = request.group
            row["self_trade"] = self_trade if request.self_trade is None else request.self_trade
            row["flags"] = request.flags
            _set_prices(row, request.price, request.trigger)
        case Replace():
            row["kind"] = CommandKind.REPLACE
            row["order_id"] = request.order_id
            row["flags"] = OrderFlag.BY_ORDER_ID
            row["size"] = KEEP if request.size is None else fixed(request.size, decimals, "size")
            _set_prices(row, request.price, request.trigger)
        case Cancel():
            row["kind"] = CommandKind.CANCEL
            row["order_id"] = request.order_id
            row["flags"] = OrderFlag.BY_ORDER_ID
        case CancelAll():
            row["kind"] = CommandKind.CANCEL_ALL
            row["side"] = request.side
        case SetPhase():
            row["kind"] = CommandKind.PHASE
            row["phase"] = request.phase
        case SetReference():
            row["kind"] = CommandKind.REFERENCE
            row["price"] = price(request.price)
        case Pass():
            row["kind"] = CommandKind.CLOCK
            row["ts"] = moment(request.when, ts)
    return out


def _set_prices(row: np.void, limit: str | None, trigger: str | None) -> None:
    row["price"] = UNDEF_PRICE if limit is None else price(limit)
    row["trigger_price"] = UNDEF_PRICE if trigger is None else price(trigger)


def moment(when: When, now: int) -> int:
    """The point in time that `when` means at `now`, ns since the epoch.

    Raises
    ------
    UsageError
        It is beyond 64 bits.
    """
    ns = now + when.ns if when.is_relative else when.ns
    if ns > _LATEST:
        raise UsageError("that time is beyond 64 bits of ns; name an earlier one")
    return ns
