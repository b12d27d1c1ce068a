"""Layouts of the records of Databento's DBN encoding, and which schema they carry.

Every record starts with a header of 16 bytes: ``length`` (in units of 4 bytes), ``rtype``, ``publisher_id``, ``instrument_id``,
``ts_event``. Prices are in units of 1e-9 (``UNDEF_PRICE`` none), times in ns since the epoch, UTC (2^64-1 none), codes are ASCII.
Levels of a book stand in the subarray ``levels``. Records of older versions have layouts of their own; :func:`upgraded`
brings them to that of version 3. Spec: https://databento.com/docs/standards-and-conventions/databento-binary-encoding
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tickdeck.core import DBN_MBO, UNDEF_PRICE, Records

VERSIONS = (1, 2, 3)
"""Versions of the encoding that are understood."""

HEADER_BYTES = 16
TS_OUT_BYTES = 8
"""Bytes that follow each record of a stream recorded with ``ts_out``: when the gateway sent it."""

_UNDEF_QUANTITY_V1 = 2**31 - 1
_UNDEF_QUANTITY = 2**63 - 1

Field = tuple[str, Any] | tuple[str, Any, tuple[int, ...]]


def _record(*fields: Field) -> np.dtype[np.void]:
    header: list[Field] = [
        ("length", "u1"),
        ("rtype", "u1"),
        ("publisher_id", "<u2"),
        ("instrument_id", "<u4"),
        ("ts_event", "<u8"),
    ]
    dtype: np.dtype[np.void] = np.dtype(header + list(fields))
    return dtype


def _fields(kind: str, names: str) -> list[Field]:
    return [(name, kind) for name in names.split()]


BOOK_LEVEL: np.dtype[np.void] = np.dtype(_fields("<i8", "bid_px ask_px") + _fields("<u4", "bid_sz ask_sz bid_ct ask_ct"))
"""One level of both sides; an empty one has ``UNDEF_PRICE`` and size 0."""

CONSOLIDATED_LEVEL: np.dtype[np.void] = np.dtype(
    [
        *_fields("<i8", "bid_px ask_px"),
        *_fields("<u4", "bid_sz ask_sz"),
        ("bid_pb", "<u2"),
        ("reserved1", "V2"),
        ("ask_pb", "<u2"),
        ("reserved2", "V2"),
    ]
)
"""The best level over several venues; ``bid_pb`` and ``ask_pb`` are the publishers of the best quotes."""

_TRADE: list[Field] = [
    ("price", "<i8"),
    ("size", "<u4"),
    *_fields("u1", "action side flags depth"),
    ("ts_recv", "<u8"),
    ("ts_in_delta", "<i4"),
    ("sequence", "<u4"),
]

TRADES = _record(*_TRADE)
MBP_1 = _record(*_TRADE, ("levels", BOOK_LEVEL, (1,)))
MBP_10 = _record(*_TRADE, ("levels", BOOK_LEVEL, (10,)))
BBO_SAMPLE = _record(
    ("price", "<i8"),
    ("size", "<u4"),
    ("reserved1", "V1"),
    ("side", "u1"),
    ("flags", "u1"),
    ("reserved2", "V1"),
    ("ts_recv", "<u8"),
    ("reserved3", "V4"),
    ("sequence", "<u4"),
    ("levels", BOOK_LEVEL, (1,)),
)
"""Best bid and offer sampled at the end of an interval, which is ``ts_recv``; price and size are of the last trade."""
CMBP_1 = _record(
    ("price", "<i8"),
    ("size", "<u4"),
    *_fields("u1", "action side flags"),
    ("reserved1", "V1"),
    ("ts_recv", "<u8"),
    ("ts_in_delta", "<i4"),
    ("reserved2", "V4"),
    ("levels", CONSOLIDATED_LEVEL, (1,)),
)
CBBO_SAMPLE = _record(
    ("price", "<i8"),
    ("size", "<u4"),
    ("reserved1", "V1"),
    ("side", "u1"),
    ("flags", "u1"),
    ("reserved2", "V1"),
    ("ts_recv", "<u8"),
    ("reserved3", "V8"),
    ("levels", CONSOLIDATED_LEVEL, (1,)),
)
OHLCV = _record(*_fields("<i8", "open high low close"), ("volume", "<u8"))
STATUS_CHANGE = _record(
    ("ts_recv", "<u8"),
    *_fields("<u2", "action reason trading_event"),
    *_fields("u1", "is_trading is_quoting is_short_sell_restricted"),
    ("reserved", "V7"),
)
IMBALANCE = _record(
    ("ts_recv", "<u8"),
    ("ref_price", "<i8"),
    ("auction_time", "<u8"),
    *_fields("<i8", "cont_book_clr_price auct_interest_clr_price ssr_filling_price ind_match_price upper_collar lower_collar"),
    *_fields("<u4", "paired_qty total_imbalance_qty market_imbalance_qty unpaired_qty"),
    *_fields("u1", "auction_type side auction_status freeze_status num_extensions unpaired_side significant_imbalance"),
    ("reserved", "V1"),
)


def _statistics(quantity: str, reserved: str) -> np.dtype[np.void]:
    return _record(
        *_fields("<u8", "ts_recv ts_ref"),
        ("price", "<i8"),
        ("quantity", quantity),
        ("sequence", "<u4"),
        ("ts_in_delta", "<i4"),
        *_fields("<u2", "stat_type channel_id"),
        *_fields("u1", "update_action stat_flags"),
        ("reserved", reserved),
    )


STATISTICS_V1 = _statistics("<i4", "V6")
STATISTICS = _statistics("<i8", "V18")

_PRICES_BEFORE_STRIKE = "trading_reference_price unit_of_measure_qty min_price_increment_amount price_ratio"
_DEFINITION_START: list[Field] = [
    ("ts_recv", "<u8"),
    *_fields("<i8", "min_price_increment display_factor"),
    *_fields("<u8", "expiration activation"),
    *_fields("<i8", "high_limit_price low_limit_price max_price_variation"),
]
_DEPTHS_AND_LOTS: list[Field] = [
    *_fields("<i4", "market_depth_implied market_depth"),
    *_fields("<u4", "market_segment_id max_trade_vol"),
    *_fields("<i4", "min_lot_size min_lot_size_block min_lot_size_round_lot"),
    ("min_trade_vol", "<u4"),
]
_MATURITY_END: list[Field] = [
    *_fields("u1", "maturity_month maturity_day maturity_week user_defined_instrument"),
    *_fields("i1", "contract_multiplier_unit flow_schedule_type"),
    ("tick_rule", "u1"),
]


def _names(symbol: str, asset: str) -> list[Field]:
    return [
        *[(name, size) for name, size in (("currency", "S4"), ("settl_currency", "S4"), ("secsubtype", "S6"))],
        ("raw_symbol", symbol),
        *[(name, size) for name, size in (("group", "S21"), ("exchange", "S5"), ("asset", asset))],
        *[(name, size) for name, size in (("cfi", "S7"), ("security_type", "S7"), ("unit_of_measure", "S31"))],
        ("underlying", "S21"),
        ("strike_price_currency", "S4"),
    ]


_OLD_CODES: list[Field] = [
    *_fields(
        "u1",
        "match_algorithm md_security_trading_status main_fraction price_display_format settl_price_type sub_fraction"
        " underlying_product security_update_action",
    ),
    *_MATURITY_END,
]
_OLD_DATES: list[Field] = [
    ("trading_reference_date", "<u2"),
    ("appl_id", "<i2"),
    *_fields("<u2", "maturity_year decay_start_date channel_id"),
]

DEFINITION_V1 = _record(
    *_DEFINITION_START,
    *_fields("<i8", _PRICES_BEFORE_STRIKE),
    ("inst_attrib_value", "<i4"),
    *_fields("<u4", "underlying_id raw_instrument_id"),
    *_DEPTHS_AND_LOTS,
    ("reserved2", "V4"),
    *_fields("<i4", "contract_multiplier decay_quantity original_contract_size"),
    ("reserved3", "V4"),
    *_OLD_DATES,
    *_names("S22", "S7"),
    ("instrument_class", "u1"),
    ("reserved4", "V2"),
    ("strike_price", "<i8"),
    ("reserved5", "V6"),
    *_OLD_CODES,
    ("reserved", "V3"),
)
DEFINITION_V2 = _record(
    *_DEFINITION_START,
    *_fields("<i8", _PRICES_BEFORE_STRIKE + " strike_price"),
    ("inst_attrib_value", "<i4"),
    *_fields("<u4", "underlying_id raw_instrument_id"),
    *_DEPTHS_AND_LOTS,
    *_fields("<i4", "contract_multiplier decay_quantity original_contract_size"),
    *_OLD_DATES,
    *_names("S71", "S7"),
    ("instrument_class", "u1"),
    *_OLD_CODES,
    ("reserved", "V10"),
)
DEFINITION = _record(
    *_DEFINITION_START,
    *_fields("<i8", "unit_of_measure_qty min_price_increment_amount price_ratio strike_price"),
    ("raw_instrument_id", "<u8"),
    *_fields("<i8", "leg_price leg_delta"),
    ("inst_attrib_value", "<i4"),
    ("underlying_id", "<u4"),
    *_DEPTHS_AND_LOTS,
    *_fields("<i4", "contract_multiplier decay_quantity original_contract_size"),
    ("leg_instrument_id", "<u4"),
    *_fields("<i4", "leg_ratio_price_numerator leg_ratio_price_denominator leg_ratio_qty_numerator leg_ratio_qty_denominator"),
    ("leg_underlying_id", "<u4"),
    ("appl_id", "<i2"),
    *_fields("<u2", "maturity_year decay_start_date channel_id leg_count leg_index"),
    *_names("S71", "S11"),
    ("leg_raw_symbol", "S71"),
    *_fields(
        "u1",
        "instrument_class match_algorithm main_fraction price_display_format sub_fraction underlying_product"
        " security_update_action",
    ),
    *_MATURITY_END,
    *_fields("u1", "leg_instrument_class leg_side"),
    ("reserved", "V17"),
)

SYMBOL_MAPPING_V1 = _record(
    ("stype_in_symbol", "S22"), ("stype_out_symbol", "S22"), ("reserved", "V4"), ("start_ts", "<u8"), ("end_ts", "<u8")
)
SYMBOL_MAPPING = _record(
    ("stype_in", "u1"),
    ("stype_in_symbol", "S71"),
    ("stype_out", "u1"),
    ("stype_out_symbol", "S71"),
    ("start_ts", "<u8"),
    ("end_ts", "<u8"),
)

LAYOUTS: dict[int, tuple[np.dtype[np.void], ...]] = {
    0x00: (TRADES,),
    0x01: (MBP_1,),
    0x0A: (MBP_10,),
    0x11: (OHLCV,),
    0x12: (STATUS_CHANGE,),
    0x13: (DEFINITION, DEFINITION_V2, DEFINITION_V1),
    0x14: (IMBALANCE,),
    0x16: (SYMBOL_MAPPING, SYMBOL_MAPPING_V1),
    0x18: (STATISTICS, STATISTICS_V1),
    0x20: (OHLCV,),
    0x21: (OHLCV,),
    0x22: (OHLCV,),
    0x23: (OHLCV,),
    0x24: (OHLCV,),
    0xA0: (DBN_MBO,),
    0xB1: (CMBP_1,),
    0xC0: (CBBO_SAMPLE,),
    0xC1: (CBBO_SAMPLE,),
    0xC2: (CMBP_1,),
    0xC3: (BBO_SAMPLE,),
    0xC4: (BBO_SAMPLE,),
}
"""Record type -> its layouts, the newest first."""

MESSAGES = {0x15: "error", 0x16: "symbol-mapping", 0x17: "system"}
"""Record types that gateways mix into live streams."""

SCHEMAS: dict[str, int] = {
    "mbo": 0xA0,
    "mbp-1": 0x01,
    "mbp-10": 0x0A,
    "tbbo": 0x01,
    "trades": 0x00,
    "ohlcv-1s": 0x20,
    "ohlcv-1m": 0x21,
    "ohlcv-1h": 0x22,
    "ohlcv-1d": 0x23,
    "ohlcv-eod": 0x24,
    "definition": 0x13,
    "statistics": 0x18,
    "status": 0x12,
    "imbalance": 0x14,
    "cmbp-1": 0xB1,
    "cbbo-1s": 0xC0,
    "cbbo-1m": 0xC1,
    "tcbbo": 0xC2,
    "bbo-1s": 0xC3,
    "bbo-1m": 0xC4,
}
"""Schema -> type of its records."""


def rtype_name(rtype: int) -> str:
    """A record type's name for reports."""
    named = MESSAGES.get(rtype) or next((name for name, number in SCHEMAS.items() if number == rtype), None)
    return named or f"rtype {rtype:#04x}"


def schema_layout(schema: str) -> np.dtype[np.void]:
    """The newest layout of a schema's records."""
    return LAYOUTS[SCHEMAS[schema]][0]


def upgraded(records: Records, layout: np.dtype[np.void]) -> Records:
    """`records` of an older version in `layout`, the newest one of their type; fields that did not exist get their null value."""
    if records.dtype == layout:
        return records
    out = np.zeros(len(records), layout)
    before = set(records.dtype.names or ())
    for name in layout.names or ():
        if name in before and not name.startswith("reserved"):
            out[name] = records[name]
    out["length"] = layout.itemsize // 4
    if layout == STATISTICS:
        undefined = records["quantity"] == _UNDEF_QUANTITY_V1
        out["quantity"][undefined] = _UNDEF_QUANTITY
    elif layout == DEFINITION:
        out["leg_price"] = UNDEF_PRICE
        out["leg_delta"] = UNDEF_PRICE
        out["leg_side"] = ord("N")
    return out
