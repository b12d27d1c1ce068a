"""NASDAQ TotalView-ITCH 5.0: the messages, field by field.

Specification: https://www.nasdaqtrader.com/content/technicalsupport/specifications/dataproducts/NQTVITCHSpecification.pdf
(BX and PSX use the same messages). All integers are big-endian; every message starts with type, stock locate, tracking number and
a 6-byte time in ns after New York midnight. :func:`decode_message` reads one message by this table, slowly and readably;
``ItchDecoder`` turns whole blocks into events.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError

INTEGER, TEXT, PRICE4, PRICE8 = "integer", "text", "price4", "price8"


@dataclass(frozen=True, slots=True)
class MessageField:
    """One field: bytes ``offset`` to ``offset + width``; prices are integers of 4 or 8 implied decimals."""

    name: str
    offset: int
    width: int
    kind: str


@dataclass(frozen=True, slots=True)
class MessageType:
    """One message: its type byte, its length with that byte, its fields."""

    code: str
    name: str
    length: int
    fields: tuple[MessageField, ...]


_COMMON = (("stock_locate", 2, INTEGER), ("tracking_number", 2, INTEGER), ("timestamp", 6, INTEGER))
_STOCK = ("stock", 8, TEXT)
_REFERENCE = ("order_reference", 8, INTEGER)
_SIDE = ("side", 1, TEXT)
_SHARES = ("shares", 4, INTEGER)
_PRICE = ("price", 4, PRICE4)
_MATCH = ("match_number", 8, INTEGER)


def _message(code: str, name: str, *fields: tuple[str, int, str]) -> MessageType:
    placed = []
    offset = 1
    for field_name, width, kind in _COMMON + fields:
        placed.append(MessageField(field_name, offset, width, kind))
        offset += width
    return MessageType(code, name, offset, tuple(placed))


MESSAGES: dict[str, MessageType] = {
    item.code: item
    for item in (
        _message("S", "system event", ("event_code", 1, TEXT)),
        _message(
            "R",
            "stock directory",
            _STOCK,
            ("market_category", 1, TEXT),
            ("financial_status", 1, TEXT),
            ("round_lot_size", 4, INTEGER),
            ("round_lots_only", 1, TEXT),
            ("issue_classification", 1, TEXT),
            ("issue_subtype", 2, TEXT),
            ("authenticity", 1, TEXT),
            ("short_sale_threshold", 1, TEXT),
            ("ipo_flag", 1, TEXT),
            ("luld_reference_price_tier", 1, TEXT),
            ("etp_flag", 1, TEXT),
            ("etp_leverage_factor", 4, INTEGER),
            ("inverse_indicator", 1, TEXT),
        ),
        _message("H", "stock trading action", _STOCK, ("trading_state", 1, TEXT), ("reserved", 1, TEXT), ("reason", 4, TEXT)),
        _message("Y", "short sale restriction", _STOCK, ("reg_sho_action", 1, TEXT)),
        _message(
            "L",
            "market participant position",
            ("mpid", 4, TEXT),
            _STOCK,
            ("primary_market_maker", 1, TEXT),
            ("market_maker_mode", 1, TEXT),
            ("market_participant_state", 1, TEXT),
        ),
        _message("V", "circuit breaker levels", ("level_1", 8, PRICE8), ("level_2", 8, PRICE8), ("level_3", 8, PRICE8)),
        _message("W", "circuit breaker status", ("breached_level", 1, TEXT)),
        _message(
            "K",
            "IPO quoting period",
            _STOCK,
            ("ipo_quotation_release_time", 4, INTEGER),
            ("ipo_quotation_release_qualifier", 1, TEXT),
            ("ipo_price", 4, PRICE4),
        ),
        _message(
            "J",
            "LULD auction collar",
            _STOCK,
            ("auction_collar_reference_price", 4, PRICE4),
            ("upper_auction_collar_price", 4, PRICE4),
            ("lower_auction_collar_price", 4, PRICE4),
            ("auction_collar_extension", 4, INTEGER),
        ),
        _message("h", "operational halt", _STOCK, ("market_code", 1, TEXT), ("operational_halt_action", 1, TEXT)),
        _message("A", "add order", _REFERENCE, _SIDE, _SHARES, _STOCK, _PRICE),
        _message("F", "add order with MPID", _REFERENCE, _SIDE, _SHARES, _STOCK, _PRICE, ("attribution", 4, TEXT)),
        _message("E", "order executed", _REFERENCE, ("executed_shares", 4, INTEGER), _MATCH),
        _message(
            "C",
            "order executed with price",
            _REFERENCE,
            ("executed_shares", 4, INTEGER),
            _MATCH,
            ("printable", 1, TEXT),
            ("execution_price", 4, PRICE4),
        ),
        _message("X", "order cancel", _REFERENCE, ("cancelled_shares", 4, INTEGER)),
        _message("D", "order delete", _REFERENCE),
        _message(
            "U",
            "order replace",
            ("original_order_reference", 8, INTEGER),
            ("new_order_reference", 8, INTEGER),
            _SHARES,
            _PRICE,
        ),
        _message("P", "trade", _REFERENCE, _SIDE, _SHARES, _STOCK, _PRICE, _MATCH),
        _message("Q", "cross trade", ("shares", 8, INTEGER), _STOCK, ("cross_price", 4, PRICE4), _MATCH, ("cross_type", 1, TEXT)),
        _message("B", "broken trade", _MATCH),
        _message(
            "I",
            "net order imbalance",
            ("paired_shares", 8, INTEGER),
            ("imbalance_shares", 8, INTEGER),
            ("imbalance_direction", 1, TEXT),
            _STOCK,
            ("far_price", 4, PRICE4),
            ("near_price", 4, PRICE4),
            ("current_reference_price", 4, PRICE4),
            ("cross_type", 1, TEXT),
            ("price_variation_indicator", 1, TEXT),
        ),
        _message("N", "retail interest", _STOCK, ("interest_flag", 1, TEXT)),
        _message(
            "O",
            "direct listing with capital raise",
            _STOCK,
            ("open_eligibility_status", 1, TEXT),
            ("minimum_allowable_price", 4, PRICE4),
            ("maximum_allowable_price", 4, PRICE4),
            ("near_execution_price", 4, PRICE4),
            ("near_execution_time", 8, INTEGER),
            ("lower_price_range_collar", 4, PRICE4),
            ("upper_price_range_collar", 4, PRICE4),
        ),
    )
}
"""Every message of ITCH 5.0 by its type."""


def _length_table() -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for code, message in MESSAGES.items():
        table[ord(code)] = message.length
    table.flags.writeable = False
    return table


LENGTHS = _length_table()
"""Length by type byte; 0: no such type. uint8, shape (256,)."""


def decode_message(message: bytes) -> dict[str, Any]:
    """One message as a dict: its ``type`` and its fields; text without trailing blanks, prices as Decimals.

    Parameters
    ----------
    message : bytes
        From the type byte on, without framing.

    Raises
    ------
    FormatError
        An unknown type or another length than that type has.

    Examples
    --------
    >>> decode_message(b"D" + bytes([0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5]))["order_reference"]
    5
    """
    kind = MESSAGES.get(message[:1].decode("latin-1"))
    if kind is None:
        raise FormatError(f"unknown ITCH 5.0 message type {message[:1]!r}")
    if len(message) != kind.length:
        raise FormatError(f"an ITCH 5.0 {kind.code} message has {kind.length} bytes, not {len(message)}")
    values: dict[str, Any] = {"type": kind.code}
    for item in kind.fields:
        raw = message[item.offset : item.offset + item.width]
        if item.kind == TEXT:
            values[item.name] = raw.decode("latin-1").rstrip(" ")
        else:
            number = int.from_bytes(raw, "big")
            values[item.name] = number if item.kind == INTEGER else Decimal(number).scaleb(-4 if item.kind == PRICE4 else -8)
    return values
