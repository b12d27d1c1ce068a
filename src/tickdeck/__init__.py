"""Tickdeck: exact order books, an exchange and market data for people who write Python.

``import tickdeck as td`` is quick: every name is imported where it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tickdeck.book import Market, OrderBook
    from tickdeck.core import (
        BBO,
        COMMAND,
        EVENT,
        EXECUTION,
        UNDEF_PRICE,
        Action,
        Flag,
        Instrument,
        OrderType,
        Phase,
        Reason,
        SelfTrade,
        Side,
        TickdeckError,
        TimeInForce,
        price,
        price_text,
        to_ns,
    )
    from tickdeck.exchange import Exchange, Listing, OwnRule, PriceTime, ProRata, SizeTime
    from tickdeck.risk import Account, Limits, RiskGate
    from tickdeck.simulation import simulate, stylised_facts
    from tickdeck.tape import Catalog, DataSource, read, write

_HOMES = {
    "BBO": "core",
    "COMMAND": "core",
    "EVENT": "core",
    "EXECUTION": "core",
    "UNDEF_PRICE": "core",
    "Action": "core",
    "Flag": "core",
    "Instrument": "core",
    "OrderType": "core",
    "Phase": "core",
    "Reason": "core",
    "SelfTrade": "core",
    "Side": "core",
    "TickdeckError": "core",
    "TimeInForce": "core",
    "price": "core",
    "price_text": "core",
    "to_ns": "core",
    "Market": "book",
    "OrderBook": "book",
    "Catalog": "tape",
    "DataSource": "tape",
    "read": "tape",
    "Exchange": "exchange",
    "Listing": "exchange",
    "OwnRule": "exchange",
    "PriceTime": "exchange",
    "ProRata": "exchange",
    "SizeTime": "exchange",
    "Account": "risk",
    "Limits": "risk",
    "RiskGate": "risk",
    "simulate": "simulation",
    "stylised_facts": "simulation",
    "write": "tape",
}

__all__ = [
    "BBO",
    "COMMAND",
    "EVENT",
    "EXECUTION",
    "UNDEF_PRICE",
    "Account",
    "Action",
    "Catalog",
    "DataSource",
    "Exchange",
    "Flag",
    "Instrument",
    "Limits",
    "Listing",
    "Market",
    "OrderBook",
    "OrderType",
    "OwnRule",
    "Phase",
    "PriceTime",
    "ProRata",
    "Reason",
    "RiskGate",
    "SelfTrade",
    "Side",
    "SizeTime",
    "TickdeckError",
    "TimeInForce",
    "price",
    "price_text",
    "read",
    "simulate",
    "stylised_facts",
    "to_ns",
    "write",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tickdeck' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"tickdeck.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
