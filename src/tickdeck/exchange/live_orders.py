"""The live orders of an exchange as a table, also those that no book shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tickdeck.core import Records, Side
from tickdeck.exchange.kernels.layout import FREE

if TYPE_CHECKING:
    from tickdeck.exchange.exchange import Exchange

LIVE_ORDER: np.dtype[np.void] = np.dtype(
    [
        ("order_id", "<u8"),
        ("client_order_id", "<u8"),
        ("price", "<i8"),  # limit, units of 1e-9; UNDEF_PRICE: none
        ("trigger_price", "<i8"),  # of a stop; of a peg: its present price; UNDEF_PRICE: none
        ("offset", "<i8"),
        ("size", "<i8"),  # open, with an iceberg's reserve
        ("displayed", "<i8"),  # open size without the reserve
        ("expire_ts", "<i8"),
        ("instrument_id", "<u4"),
        ("participant_id", "<u4"),
        ("group", "<u4"),
        ("side", "u1"),  # Side, ASCII
        ("order_type", "u1"),  # OrderType
        ("time_in_force", "u1"),  # TimeInForce
        ("flags", "u1"),  # OrderFlag
    ],
    align=True,
)
"""One live order."""


def live_orders(exchange: Exchange, participant: int | None = None, instrument: int | None = None) -> Records:
    """Orders that are not over: displayed, hidden, stops, pegs and those that wait for an auction.

    Parameters
    ----------
    exchange : Exchange
    participant, instrument : int, optional
        Only those of the participant, and of the instrument, with this id.

    Returns
    -------
    array of LIVE_ORDER
        In order of entry.
    """
    extras = exchange._memory.arrays["extras"]
    at = np.flatnonzero(extras["place"] != FREE)
    rows, entries = extras[at], exchange._market._memory.arrays["orders"][at]
    out = np.zeros(len(at), LIVE_ORDER)
    out["order_id"] = entries["id"]
    out["displayed"] = entries["size"]
    out["size"] = entries["size"] + rows["reserve"]
    out["instrument_id"] = exchange._memory.arrays["listings"]["instrument_id"][rows["listing"]]
    out["side"] = np.where(rows["side"] == 0, np.uint8(Side.BID), np.uint8(Side.ASK))
    out["trigger_price"], out["expire_ts"], out["participant_id"] = rows["trigger"], rows["expire"], rows["participant"]
    for name in ("client_order_id", "price", "offset", "group", "order_type", "time_in_force", "flags"):
        out[name] = rows[name]
    wanted = np.ones(len(out), np.bool_)
    if participant is not None:
        wanted &= out["participant_id"] == participant
    if instrument is not None:
        wanted &= out["instrument_id"] == instrument
    found = out[wanted]
    return found[np.argsort(found["order_id"])]
