"""The memory of an exchange: its arrays, their growth, and the handle through which kernels see them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tickdeck.book.market import Market
from tickdeck.book.pools import PoolMemory
from tickdeck.core import UNDEF_PRICE, Records
from tickdeck.core.intrinsics import address_of
from tickdeck.exchange.kernels import layout, upkeep
from tickdeck.exchange.listing import Listing

_LINE = 64
_FIRST_SLOTS = 1024
_MULTIPLIER = 0x9E3779B97F4A7C15
_ROWS = {
    "event_rows": "events",
    "execution_rows": "executions",
    "auction_rows": "auctions",
    "expiry_rows": "expiries",
    "schedule_rows": "schedule",
    "curve_rows": "curve",
}

OUTPUTS = ("events", "executions", "auctions")
SCRATCH = ("curve", "ids", *OUTPUTS)
"""Arrays that hold nothing between commands."""


def _zeros(count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Zeroed memory that begins on a cache line; the system backs what is touched."""
    raw = np.zeros(count * dtype.itemsize + _LINE, np.uint8)
    skip = -address_of(raw) % _LINE
    return raw[skip : skip + count * dtype.itemsize].view(dtype)


class ExchangeMemory:
    """Arrays of ``kernels.layout.Pools`` over the pools of a ``Market``.

    Parameters
    ----------
    market : Market
        Gets three books for each listing.
    publisher_id : int
    spreads : int
        Spreads that are remembered for each instrument.
    indicative_interval : int
        ns.
    orders : int
        Live orders to make room for at first.
    """

    __slots__ = ("_words", "arrays", "handle", "market", "pools", "state")

    def __init__(self, market: Market, publisher_id: int, spreads: int, indicative_interval: int) -> None:
        self.market = market
        self.pools: PoolMemory = market._memory
        capacity = len(self.pools.arrays["orders"])
        sizes = {
            "state": 1,
            "listings": 4,
            "extras": capacity,
            "client_table": 1,
            "client_slots": _FIRST_SLOTS,
            "group_table": 1,
            "group_slots": _FIRST_SLOTS,
            "seen": _FIRST_SLOTS,
            "positions": 16,
            "lists": 4 * layout.LISTS,
            "expiries": 64,
            "schedule": 64,
            "spreads": 4 * spreads,
            "trades": layout.TRADES,
            "curve": 0,
            "ids": 0,
            "events": 0,
            "executions": 0,
            "auctions": 0,
        }
        dtypes = cast(tuple[np.dtype[Any], ...], layout.POOL_DTYPES)
        self.arrays: dict[str, NDArray[Any]] = {
            name: _zeros(sizes[name], np.dtype(dtype)) for name, dtype in zip(layout.Pools._fields[1:], dtypes)
        }
        self._words = np.zeros(2 * len(self.arrays), np.uint64)
        self.handle = address_of(self._words)
        self.state: Records = self.arrays["state"]
        row = self.state[0]
        row["book_at"] = self.pools.handle
        row["next_due"] = layout.NEVER
        row["next_order_id"] = 1
        row["listing_capacity"] = 4
        row["seen_mask"] = _FIRST_SLOTS - 1
        row["spread_capacity"] = spreads
        row["publisher_id"] = publisher_id
        row["indicative_interval"] = indicative_interval
        self.refresh()

    def refresh(self) -> None:
        """Make sizes that follow others right, and the handle true."""
        self._follow_orders()
        for name in ("client", "group"):
            self._shape_table(name)
        for field, name in _ROWS.items():
            self.state[0][field] = len(self.arrays[name])
        for i, array in enumerate(self.arrays.values()):
            self._words[2 * i] = address_of(array)
            self._words[2 * i + 1] = len(array)

    def _shape_table(self, name: str) -> None:
        slots = len(self.arrays[f"{name}_slots"])
        row = self.arrays[f"{name}_table"][0]
        row["index_mask"] = slots - 1
        row["index_shift"] = 64 - (slots.bit_length() - 1)
        row["index_multiplier"] = _MULTIPLIER
        row["index_limit"] = slots * 2 // 5

    def _follow_orders(self) -> None:
        """The arrays that have a place or some rows for every order."""
        capacity = len(self.pools.arrays["orders"])
        rows = layout.ROWS_PER_ORDER * (capacity + int(self.state[0]["refills"]) + 4 * layout.STRETCH)
        quotes = 2 * (len(self.arrays["listings"]) + 1) * 64
        if len(self.arrays["extras"]) < capacity:
            self._extend("extras", capacity)
        for name, count in (
            ("ids", capacity),
            ("curve", 2 * capacity),
            ("events", rows),
            ("executions", rows),
            ("auctions", quotes),
        ):
            if len(self.arrays[name]) < count:
                self.arrays[name] = _zeros(count, self.arrays[name].dtype)

    def _extend(self, name: str, count: int) -> None:
        old = self.arrays[name]
        self.arrays[name] = _zeros(count, old.dtype)
        self.arrays[name][: len(old)] = old
        if name == "state":
            self.state = self.arrays[name]

    def bind_gate(self, handle: int) -> None:
        """Let the kernels ask a risk gate."""
        from tickdeck.core.calls import entry_address
        from tickdeck.risk.kernels import entries

        row = self.state[0]
        for field, entry, count in (
            ("risk_check", entries.call_check, 11),
            ("risk_open", entries.call_open, 7),
            ("risk_replaced", entries.call_replaced, 7),
            ("risk_reduced", entries.call_reduced, 5),
            ("risk_closed", entries.call_closed, 5),
            ("risk_mark", entries.call_mark, 3),
            ("risk_time", entries.call_time, 2),
        ):
            row[field] = entry_address(entry, *(0,) * count)
        row["risk_fill"] = entry_address(entries.call_fill, *(0,) * 8, False, 0)
        row["risk_at"] = handle

    def add_listing(self, listing: Listing, instrument_id: int) -> int:
        """Room for one more instrument; its number, from 1 on."""
        row = self.state[0]
        number = int(row["listing_count"]) + 1
        if number >= int(row["listing_capacity"]):
            self._widen(2 * int(row["listing_capacity"]))
        tick = listing.instrument.tick_size
        publisher = int(row["publisher_id"])
        first = self.pools.add_book(publisher << 32 | instrument_id, tick)
        for _ in range(2):
            self.pools.add_book(None, tick)
        self.pools.arrays["books"][first : first + 3]["mode"] = 3
        entry = self.arrays["listings"][number]
        for name, value in (
            ("instrument_id", instrument_id),
            ("phase", int(listing.phase)),
            ("discipline", listing.discipline.code),
            ("book", first),
            ("tick_size", tick),
            ("lot_size", listing.instrument.lot_size),
            ("maximum_size", listing.maximum_size),
            ("low", -(2**63)),
            ("high", 2**63 - 1),
            ("last_price", UNDEF_PRICE),
            ("waiting", 1 if listing.dynamic_band else 0),
            ("lowest_trade", 2**63 - 1),
            ("highest_trade", -(2**63)),
            ("reference", UNDEF_PRICE),
            ("static_base", UNDEF_PRICE),
            ("static_band", listing.static_band),
            ("dynamic_band", listing.dynamic_band),
            ("volatility_pause", listing.volatility_pause),
            ("resume_at", layout.NEVER),
            ("peg_bid", 2**64 - 1),
            ("rule_at", listing.discipline.address()),
            ("top_percent", listing.discipline.parameters[0]),
            ("minimum_share", listing.discipline.parameters[1]),
            ("published_at", -(2**63)),
            ("indicative_price", UNDEF_PRICE),
        ):
            entry[name] = value
        row["listing_count"] = number
        row["last_instrument"] = row["last_listing"] = 0
        self.refresh()
        return number

    def _widen(self, capacity: int) -> None:
        """Room for more listings: everything that has rows for each."""
        row = self.state[0]
        old = int(row["listing_capacity"])
        positions = self.arrays["positions"].reshape(-1, old)
        wide = _zeros(len(positions) * capacity, self.arrays["positions"].dtype)
        wide.reshape(-1, capacity)[:, :old] = positions
        self.arrays["positions"] = wide
        self._extend("listings", capacity)
        self._extend("lists", capacity * layout.LISTS)
        self._extend("spreads", capacity * int(row["spread_capacity"]))
        row["listing_capacity"] = capacity

    def add_participant(self) -> int:
        """Room for one more participant; its number, from 1 on."""
        row = self.state[0]
        number = int(row["participant_count"]) + 1
        needed = (number + 1) * int(row["listing_capacity"])
        if needed > len(self.arrays["positions"]):
            self._extend("positions", 2 * needed)
            self.refresh()
        row["participant_count"] = number
        return number

    def make_room(self) -> None:
        """Room for whatever the next commands can cause; the outputs must have been taken before."""
        row = self.state[0]
        if int(row["expiry_count"]) + layout.STRETCH > len(self.arrays["expiries"]):
            alive = int(upkeep.purge_expiries(self.handle))
            if 2 * (alive + layout.STRETCH) > len(self.arrays["expiries"]):
                self._extend("expiries", 2 * (alive + layout.STRETCH))
        if int(row["schedule_count"]) + layout.STRETCH > len(self.arrays["schedule"]):
            self._extend("schedule", 2 * (len(self.arrays["schedule"]) + layout.STRETCH))
        self.pools.grow(int(row["movable"]) + 1 + layout.STRETCH)
        self.refresh()
        live = int(self.pools.header[0]["live"]) + layout.STRETCH
        self._grow_table("client", live, upkeep.rehash_clients)
        self._grow_table("group", int(row["group_live"]) + layout.STRETCH, upkeep.rehash_groups)
        old = self.arrays["seen"]
        if 2 * (int(row["seen_count"]) + layout.STRETCH) > len(old):
            self.arrays["seen"] = _zeros(2 * len(old), old.dtype)
            row["seen_mask"] = 2 * len(old) - 1
            self.refresh()
            upkeep.rehash_seen(self.handle, address_of(old), len(old))

    def _grow_table(self, name: str, wanted: int, rehash: Any) -> None:
        old = self.arrays[f"{name}_slots"]
        slots = len(old)
        while slots * 2 // 5 < wanted:
            slots *= 2
        if slots > len(old):
            self.arrays[f"{name}_slots"] = _zeros(slots, old.dtype)
            self.refresh()
            rehash(self.handle, address_of(old), len(old))

    def published(self, name: str) -> Records:
        """What the last call published, until the next call."""
        count = int(self.state[0][{"events": "event_count", "executions": "execution_count", "auctions": "auction_count"}[name]])
        return self.arrays[name][:count]

    def drop_outputs(self) -> None:
        """Forget what was published and not taken."""
        for name in ("event_count", "execution_count", "auction_count"):
            self.state[0][name] = 0

    @property
    def nbytes(self) -> int:
        """Bytes reserved, the books' included; the system backs only what was touched."""
        return sum(array.nbytes for array in self.arrays.values()) + self.pools.nbytes
