"""Reading an exchange's records."""

from __future__ import annotations

import numpy as np

from tickdeck.book import OrderBook
from tickdeck.core import UNDEF_PRICE, Phase, Records
from tickdeck.exchange.kernels import quotes
from tickdeck.exchange.memory import ExchangeMemory
from tickdeck.exchange.outcome import Indicative, Statistics


def _price(units: int) -> int | None:
    return None if units == UNDEF_PRICE else units


def read_statistics(memory: ExchangeMemory, book: OrderBook, place: int) -> Statistics:
    """Statistics of a listing."""
    row = memory.arrays["listings"][place]
    bid, ask = book.best_bid, book.best_ask
    capacity, count = int(memory.state[0]["spread_capacity"]), int(row["spread_count"])
    ring = memory.arrays["spreads"][place * capacity : (place + 1) * capacity]
    recent = ring[:count] if count <= capacity else np.roll(ring, -(count % capacity))
    both = bid is not None and ask is not None
    return Statistics(
        phase=Phase(int(row["phase"])),
        best_bid=None if bid is None else bid.price,
        best_ask=None if ask is None else ask.price,
        spread=ask.price - bid.price if bid is not None and ask is not None else None,
        mid=(ask.price + bid.price) / 2 if both and bid is not None and ask is not None else None,
        last_price=_price(int(row["last_price"])),
        reference_price=_price(int(row["reference"])),
        recent_spreads=tuple(recent.tolist()),
        volume=int(row["volume"]),
        trades=int(row["trade_count"]),
        orders=int(row["order_count"]),
        cancels=int(row["cancel_count"]),
        replaces=int(row["replace_count"]),
        rejections=int(row["reject_count"]),
    )


def read_indicative(memory: ExchangeMemory, place: int) -> Indicative:
    """What an auction of a listing would do now."""
    price, size, imbalance = quotes.indicative(memory.handle, place)
    return Indicative(_price(int(price)), int(size), int(imbalance))


def read_trades(memory: ExchangeMemory, instrument_id: int, n: int | None) -> Records:
    """The most recent trades of an instrument, oldest first."""
    ring, count = memory.arrays["trades"], int(memory.state[0]["trade_count"])
    recent = ring[:count] if count <= len(ring) else np.roll(ring, -(count % len(ring)))
    mine: Records = recent[recent["instrument_id"] == instrument_id]
    return mine.copy() if n is None else mine[len(mine) - min(n, len(mine)) :].copy()
