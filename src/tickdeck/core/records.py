"""The declared records: what every room reads and writes.

``EVENT`` carries the market: 64 bytes, little-endian, aligned, one cache line. ``DBN_MBO`` is the packed 56-byte MBO record
of Databento's DBN encoding with the same field names, so a kernel that touches fields by name compiles for both and a
decompressed DBN file is replayed in place. Spec: https://databento.com/docs/schemas-and-data-formats/mbo
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]
"""A one-dimensional structured array; the docstring of the function says of which dtype."""

UNDEF_PRICE = 2**63 - 1
"""Price of a record that has none."""
UNDEF_TIMESTAMP = 2**64 - 1
"""DBN's timestamp of a record that has none (as unsigned); in ``EVENT`` it becomes 0."""
PRICE_SCALE = 1_000_000_000
"""Units of a price of 1."""


def _aligned(*fields: tuple[str, str] | tuple[str, str, tuple[int, ...]]) -> np.dtype[np.void]:
    dtype: np.dtype[np.void] = np.dtype(list(fields), align=True)
    return dtype


EVENT = _aligned(
    ("ts_event", "<i8"),  # ns since the epoch, UTC: at the venue
    ("ts_recv", "<i8"),  # ns since the epoch, UTC: at the receiver; 0 unknown
    (
        "order_id",
        "<u8",
    ),  # the venue's id; 0 is a valid id; N events: status code; MBP events: number of orders, 0 unknown
    ("price", "<i8"),  # units of 1e-9; UNDEF_PRICE none; may be negative
    ("size", "<i8"),  # units of 10^-size_decimals of the instrument
    ("sequence", "<u8"),  # the venue's sequence or update id
    ("instrument_id", "<u4"),
    ("ts_in_delta", "<i4"),  # ns between the venue's sending time and ts_recv
    ("publisher_id", "<u2"),  # dataset and venue
    ("action", "u1"),  # Action, ASCII
    ("side", "u1"),  # Side, ASCII
    ("flags", "u1"),  # Flag
    ("channel_id", "u1"),
    ("rtype", "u1"),  # RType of the record it came from
    ("reserved", "u1"),
)

DBN_MBO: np.dtype[np.void] = np.dtype(
    [
        ("length", "u1"),  # in units of 4 bytes
        ("rtype", "u1"),
        ("publisher_id", "<u2"),
        ("instrument_id", "<u4"),
        ("ts_event", "<u8"),
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("size", "<u4"),
        ("flags", "u1"),
        ("channel_id", "u1"),
        ("action", "u1"),
        ("side", "u1"),
        ("ts_recv", "<u8"),
        ("ts_in_delta", "<i4"),
        ("sequence", "<u4"),
    ]
)

BBO = _aligned(
    ("bid_price", "<i8"),  # units of 1e-9; UNDEF_PRICE: no bid
    ("ask_price", "<i8"),  # units of 1e-9; UNDEF_PRICE: no ask
    ("bid_size", "<i8"),  # total size at the best bid; 0: no bid
    ("ask_size", "<i8"),
)
"""Best bid and ask after an event."""

LEVEL = _aligned(
    ("price", "<i8"),  # units of 1e-9
    ("size", "<i8"),  # total size of the level
    ("count", "<u4"),  # number of orders; 0 unknown (L2)
    ("reserved", "<u4"),
)
"""One price level of a depth snapshot."""

ORDER = _aligned(
    ("order_id", "<u8"),
    ("price", "<i8"),  # units of 1e-9
    ("size", "<i8"),
    ("side", "u1"),  # Side, ASCII
    ("reserved", "u1", (7,)),
)
"""One resting order."""

EXECUTION = _aligned(
    ("ts_event", "<i8"),
    ("order_id", "<u8"),  # the exchange's id
    ("client_order_id", "<u8"),
    ("price", "<i8"),  # of the order, or of the fill
    ("size", "<i8"),  # of the order, or of the fill
    ("remaining", "<i8"),  # open size after the event
    ("sequence", "<u8"),
    ("instrument_id", "<u4"),
    ("participant_id", "<u4"),
    ("limit_value", "<i8"),  # for a rejection by a limit: the limit
    ("value", "<i8"),  # for a rejection by a limit: what exceeded it
    ("kind", "u1"),  # ExecutionKind, ASCII
    ("side", "u1"),
    ("reason", "<u2"),  # Reason of a rejection, cancellation or expiry
    ("flags", "u1"),  # ExecutionFlag
    ("reserved", "u1", (3,)),
)
"""A participant's order event."""

COMMAND = _aligned(
    ("ts", "<i8"),  # ns since the epoch, UTC: arrival at the exchange; never decreases
    ("client_order_id", "<u8"),  # the participant's; unique among all its orders
    ("order_id", "<u8"),  # the exchange's, with OrderFlag.BY_ORDER_ID
    ("price", "<i8"),  # units of 1e-9; UNDEF_PRICE: none, or in a replace: as before
    ("size", "<i8"),  # units of 10^-size_decimals; in a replace the new open size, KEEP: as before
    ("trigger_price", "<i8"),  # of a stop; otherwise UNDEF_PRICE
    ("offset", "<i8"),  # units of 1e-9: distance of a trailing stop, or what a peg adds
    ("display_size", "<i8"),  # of an iceberg; 0: all
    ("minimum_size", "<i8"),  # to trade at once, or none of it; 0: none
    ("expire_ts", "<i8"),  # of a GTD order
    ("instrument_id", "<u4"),
    ("participant_id", "<u4"),
    ("group", "<u4"),  # one-cancels-other group of the participant; 0: none
    ("kind", "u1"),  # CommandKind, ASCII
    ("side", "u1"),  # Side, ASCII
    ("order_type", "u1"),  # OrderType
    ("time_in_force", "u1"),  # TimeInForce
    ("self_trade", "u1"),  # SelfTrade
    ("flags", "u1"),  # OrderFlag
    ("phase", "u1"),  # Phase, of a phase change
    ("reserved", "u1", (5,)),
)
"""An order command as the exchange takes it."""

AUCTION = _aligned(
    ("ts_event", "<i8"),
    ("indicative_price", "<i8"),  # UNDEF_PRICE: none
    ("paired_size", "<i8"),
    ("imbalance_size", "<i8"),
    ("reference_price", "<i8"),
    ("sequence", "<u8"),
    ("instrument_id", "<u4"),
    ("publisher_id", "<u2"),
    ("side", "u1"),  # side of the imbalance
    ("phase", "u1"),
)
"""Indicative price, size and imbalance of an auction."""

STATUS = _aligned(
    ("ts_event", "<i8"),
    ("ts_recv", "<i8"),
    ("sequence", "<u8"),
    ("instrument_id", "<u4"),
    ("publisher_id", "<u2"),
    ("action", "<u2"),  # TradingStatus
    ("reason", "<u2"),
    ("is_trading", "u1"),  # ASCII Y, N or ~
    ("is_quoting", "u1"),
    ("is_short_sell_restricted", "u1"),
    ("reserved", "u1", (3,)),
)
"""A change of trading status."""

CANDLE = _aligned(
    ("ts_event", "<i8"),  # start of the interval
    ("interval_ns", "<i8"),
    ("open", "<i8"),
    ("high", "<i8"),
    ("low", "<i8"),
    ("close", "<i8"),
    ("volume", "<i8"),
    ("instrument_id", "<u4"),
    ("publisher_id", "<u2"),
    ("reserved", "<u2"),
)
"""Open, high, low, close and volume of an interval."""

FUNDING = _aligned(
    ("ts_event", "<i8"),
    ("rate", "<i8"),  # units of 1e-9 a period
    ("mark_price", "<i8"),
    ("index_price", "<i8"),
    ("next_funding", "<i8"),  # ns since the epoch
    ("instrument_id", "<u4"),
    ("publisher_id", "<u2"),
    ("reserved", "<u2"),
)
"""A perpetual contract's funding rate."""

BALANCE = _aligned(
    ("ts_event", "<i8"),
    ("free", "<i8"),
    ("locked", "<i8"),
    ("account_id", "<u4"),
    ("currency", "S8"),
    ("reserved", "<u4"),
)
"""A change of an account's balance."""


def empty_events(count: int = 0) -> Records:
    """A zeroed array of `count` ``EVENT`` records."""
    return np.zeros(count, EVENT)


def as_events(records: NDArray[Any]) -> Records:
    """Convert ``DBN_MBO`` records to ``EVENT``; ``EVENT`` records are returned as they are.

    DBN's undefined timestamp becomes 0.

    Raises
    ------
    TypeError
        The array's dtype is neither.
    """
    if records.dtype == EVENT:
        return records
    if records.dtype != DBN_MBO:
        raise TypeError(f"expected an array of EVENT or DBN_MBO records, got dtype {records.dtype}")
    events = np.zeros(len(records), EVENT)
    for name in DBN_MBO.names or ():
        if name in ("length", "ts_event", "ts_recv"):
            continue
        events[name] = records[name]
    for name in ("ts_event", "ts_recv"):
        values = records[name]
        events[name] = np.where(values == np.uint64(UNDEF_TIMESTAMP), np.uint64(0), values)
    return events
