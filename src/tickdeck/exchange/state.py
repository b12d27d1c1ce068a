"""An exchange as arrays and plain values, and back: its configuration for the journal, its state for snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, SelfTrade
from tickdeck.exchange.configuration import listing_fields, listing_from_fields
from tickdeck.exchange.memory import SCRATCH

if TYPE_CHECKING:
    from tickdeck.exchange.exchange import Exchange

_POOL = "pool_"
"""What the books' arrays are called in a snapshot, to keep them apart from the exchange's own."""
_NOT_KEPT = {*SCRATCH, f"{_POOL}scratch"}
_BLOCK = 1 << 16


def configuration(exchange: Exchange) -> dict[str, Any]:
    """What an empty exchange like this one is made of, as JSON can hold it."""
    return {**exchange._options, "listings": [listing_fields(listing) for listing in exchange.listings]}


def from_configuration(fields: Mapping[str, Any]) -> Exchange:
    """An empty exchange."""
    from tickdeck.exchange.exchange import Exchange

    options = dict(fields)
    return Exchange([listing_from_fields(listing) for listing in options.pop("listings")], **options)


def state_of(exchange: Exchange) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Everything that decides what an exchange will do: arrays without the zeros at their ends, and what Python knows."""
    arrays = _all_arrays(exchange)
    meta = {
        "participants": [[who.name, int(who.self_trade)] for who in exchange.participants],
        "hashing": exchange._memory.pools.hashing,
        "lengths": {name: len(array) for name, array in arrays.items()},
    }
    return {name: _trimmed(array) for name, array in arrays.items()}, meta


def restore_state(exchange: Exchange, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
    """Give a newly made exchange the state that :func:`state_of` returned.

    Raises
    ------
    FormatError
        Another version's arrays; nothing was changed.
    """
    own = _all_arrays(exchange)
    for name in own.keys() | arrays.keys():
        if name not in arrays or name not in own or arrays[name].dtype != own[name].dtype or name not in meta["lengths"]:
            raise FormatError(f"the snapshot has other arrays than this version of the exchange ({name})")
    memory = exchange._memory
    whole = {name: _extended(array, meta["lengths"][name]) for name, array in arrays.items()}
    pools = {name.removeprefix(_POOL): array for name, array in whole.items() if name.startswith(_POOL)}
    memory.pools.restore(pools, *meta["hashing"])
    row = memory.state[0]
    kept = {name: int(row[name]) for name in ("book_at", "risk_at")}
    for name, array in whole.items():
        if name == "state":
            memory.state[:] = array
        elif not name.startswith(_POOL):
            memory.arrays[name] = array
    for name, address in kept.items():
        row[name] = address
    memory.drop_outputs()
    memory.refresh()
    for number, (name, self_trade) in enumerate(meta["participants"], 1):
        exchange._admit(number, name, SelfTrade(self_trade))


def number_client_orders(exchange: Exchange) -> None:
    """Let every participant's next client order id be above all that it has used."""
    seen = exchange._memory.arrays["seen"]
    seen = seen[seen["used"] != 0]
    for who in exchange.participants:
        mine = seen[seen["participant"] == who.id]
        if len(mine):
            last = mine[np.argmax(mine["word"])]
            who.next_client_order_id = 64 * int(last["word"]) + int(last["bits"]).bit_length()


def _all_arrays(exchange: Exchange) -> dict[str, NDArray[Any]]:
    memory = exchange._memory
    named = {**memory.arrays, **{_POOL + name: array for name, array in memory.pools.arrays.items()}}
    return {name: array for name, array in named.items() if name not in _NOT_KEPT}


def _trimmed(array: NDArray[Any]) -> NDArray[Any]:
    """`array` without the zeroed records at its end."""
    raw = array.view(np.uint8)
    end = len(raw)
    while end and not raw[max(end - _BLOCK, 0) : end].any():
        end = max(end - _BLOCK, 0)
    return array[: -(-end // array.itemsize)]


def _extended(array: NDArray[Any], length: int) -> NDArray[Any]:
    """`array` with zeroed records at its end."""
    whole = np.zeros(length, array.dtype)
    whole[: len(array)] = array
    return whole
