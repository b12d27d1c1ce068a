"""An exchange as arrays and plain values, and back: its configuration for the journal, its state for snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, SelfTrade
from tickdeck.exchange.configuration import listing_fields, listing_from_fields, risk_fields, risk_options
from tickdeck.exchange.kernels import layout
from tickdeck.exchange.memory import SCRATCH

if TYPE_CHECKING:
    from tickdeck.exchange.exchange import Exchange
    from tickdeck.risk import RiskGate

_POOL = "pool_"
_RISK = "risk_"
"""What the arrays of books and risk gate are called in a snapshot, to keep them apart from the exchange's own."""
_NOT_KEPT = {*SCRATCH, f"{_POOL}scratch"}
_BLOCK = 1 << 16


def configuration(exchange: Exchange) -> dict[str, Any]:
    """What an empty exchange like this one is made of, as JSON can hold it."""
    risk = None if exchange.risk is None else risk_fields(exchange.risk)
    return {**exchange._options, "risk": risk, "listings": [listing_fields(listing) for listing in exchange.listings]}


def from_configuration(fields: Mapping[str, Any]) -> Exchange:
    """An empty exchange."""
    from tickdeck.exchange.exchange import Exchange

    options = dict(fields)
    risk = options.pop("risk")
    if risk is not None:
        options |= risk_options(risk)
    return Exchange([listing_from_fields(listing) for listing in options.pop("listings")], **options)


def state_of(exchange: Exchange) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Everything that decides what an exchange will do: arrays without the zeros at their ends, and what Python knows."""
    arrays = _all_arrays(exchange)
    meta: dict[str, Any] = {
        "participants": [[who.name, int(who.self_trade)] for who in exchange.participants],
        "hashing": exchange._memory.pools.hashing,
        "lengths": {name: len(array) for name, array in arrays.items()},
    }
    if exchange.risk is not None:
        meta["risk"] = {**risk_fields(exchange.risk), "currencies": exchange.risk._ledger.columns}
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
    memory.pools.restore(_named(_POOL, whole), *meta["hashing"])
    row = memory.state[0]
    kept = {name: int(row[name]) for name in layout.STATE.names or () if name == "book_at" or name.startswith("risk_")}
    for name, array in whole.items():
        if name == "state":
            memory.state[:] = array
        elif not name.startswith((_POOL, _RISK)):
            memory.arrays[name] = array
    for name, address in kept.items():
        row[name] = address
    memory.drop_outputs()
    memory.refresh()
    for number, (name, self_trade) in enumerate(meta["participants"], 1):
        exchange._admit(number, name, SelfTrade(self_trade))
    if exchange.risk is not None:
        _restore_risk(exchange.risk, _named(_RISK, whole), meta["risk"])


def _restore_risk(gate: RiskGate, arrays: Mapping[str, NDArray[Any]], fields: Mapping[str, Any]) -> None:
    gate.repeat("update", {"limits": fields["limits"], "who": "recovery"})
    for currency, rate in fields["rates"].items():
        gate.repeat("set_rate", {"currency": currency, "rate": rate})
    for currency in fields["currencies"]:
        gate._ledger.column(currency)
    gate.restore(arrays)


def _named(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays whose names have a prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


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
    if exchange.risk is not None:
        named |= {_RISK + name: array for name, array in exchange.risk.dump().items()}
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
