"""The memory of a risk gate: arrays that grow with its accounts, and the handle through which kernels see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import UNDEF_PRICE, Records, UsageError
from tickdeck.core.intrinsics import address_of
from tickdeck.risk.kernels import layout

_DTYPES = dict(zip(layout.Risk._fields[1:], cast(tuple[np.dtype[Any], ...], layout.RISK_DTYPES)))
_BY_PAIR = ("positions", "order_limits")
_HALVES = ("account_limits", "order_limits")


class RiskMemory:
    """Arrays of ``layout.Risk``.

    Parameters
    ----------
    accounts, instruments : int
        How many to make room for; grows by itself.
    buckets : int
        Hash buckets of the orders remembered for the duplicate window; a power of two.
    lots : int
        FIFO lots to make room for.
    """

    __slots__ = ("_words", "arrays", "control", "handle", "header")

    def __init__(self, accounts: int, instruments: int, *, buckets: int = 4096, lots: int = 1 << 16) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        stride = accounts + 1
        counts = {
            "control": 1,
            "header": 1,
            "accounts": stride,
            "instruments": instruments + 1,
            "positions": stride * (instruments + 1),
            "lots": lots + 1,
            "duplicates": buckets * layout.WAYS,
            "deposits": stride * layout.CURRENCIES,
            "order_limits": 2 * stride * (instruments + 1),
            "account_limits": 2 * stride,
            "spans": 0,
            "days": 0,
            "weeks": 0,
        }
        for name, count in counts.items():
            self.arrays[name] = np.zeros(count, _DTYPES[name])
        self._words = np.zeros(2 * len(self.arrays), np.uint64)
        self.handle = address_of(self._words)
        """Address for kernels; stays while the arrays move."""
        self.header, self.control = self.arrays["header"], self.arrays["control"]
        header = self.header[0]
        header["stride"] = stride
        header["bucket_mask"] = buckets - 1
        header["lot_top"] = 1
        header["lot_room"] = lots
        header["clock"] = -(2**63) + 1
        self.arrays["instruments"]["mark"] = UNDEF_PRICE
        for row in ("money", "rate"):
            self.arrays["instruments"][f"{row}_divisor"] = 1
        self._refresh()

    def _refresh(self) -> None:
        for i, array in enumerate(self.arrays.values()):
            self._words[2 * i] = address_of(array)
            self._words[2 * i + 1] = len(array)

    def put(self, name: str, array: NDArray[Any]) -> None:
        """Replace a whole array."""
        self.arrays[name] = np.ascontiguousarray(array, _DTYPES[name])
        self._refresh()

    @property
    def pairs(self) -> int:
        """Rows of one half of the order limits."""
        return len(self.arrays["positions"])

    def pair(self, account: int, instrument: int) -> int:
        """Row of a pair."""
        return instrument * int(self.header[0]["stride"]) + account

    def reserve(self, accounts: int, instruments: int) -> None:
        """Make room for so many accounts and instruments; what is there moves, the handle stays."""
        stride, rows = int(self.header[0]["stride"]), len(self.arrays["instruments"])
        if accounts < stride and instruments < rows:
            return
        new_stride = stride if accounts < stride else max(2 * stride, accounts + 1)
        new_rows = rows if instruments < rows else max(2 * rows, instruments + 1)
        for name in ("accounts", "account_limits", *_BY_PAIR):
            halves = 2 if name in _HALVES else 1
            height, new_height = (rows, new_rows) if name in _BY_PAIR else (1, 1)
            moved = np.zeros((halves, new_height, new_stride), _DTYPES[name])
            moved[:, :height, :stride] = self.arrays[name].reshape(halves, height, stride)
            self.arrays[name] = moved.reshape(-1)
        paid_in = np.zeros(new_stride * layout.CURRENCIES, np.int64)
        paid_in[: stride * layout.CURRENCIES] = self.arrays["deposits"]
        self.arrays["deposits"] = paid_in
        listed = np.zeros(new_rows, layout.INSTRUMENT)
        listed["mark"], listed["money_divisor"], listed["rate_divisor"] = UNDEF_PRICE, 1, 1
        listed[:rows] = self.arrays["instruments"]
        self.arrays["instruments"] = listed
        self.header[0]["stride"] = new_stride
        self._refresh()

    def grow_lots(self) -> None:
        """Double the pool of lots if less than half of it is free."""
        lots = self.arrays["lots"]
        if 2 * int(self.header[0]["lot_room"]) < len(lots):
            self.arrays["lots"] = np.concatenate([lots, np.zeros(len(lots), layout.LOT)])
            self.header[0]["lot_room"] += len(lots)
            self._refresh()

    def put_limits(self, orders: Records, accounts: Records) -> None:
        """Make other limits hold, all at once: the half that is not in use is written, then one word switches over.

        Parameters
        ----------
        orders : ndarray of ``ORDER_LIMIT``, a row a pair
        accounts : ndarray of ``ACCOUNT_LIMIT``, a row an account
        """
        other = 1 - int(self.control[0]["generation"])
        pairs, rows = self.pairs, len(self.arrays["accounts"])
        self.arrays["order_limits"][other * pairs : (other + 1) * pairs] = orders
        self.arrays["account_limits"][other * rows : (other + 1) * rows] = accounts
        self.control[0]["generation"] = other

    def dump(self) -> dict[str, NDArray[Any]]:
        """Copies of the arrays that make up the state."""
        return {name: self.arrays[name].copy() for name in layout.STATE}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over the state that :meth:`dump` returned, of a memory with the same accounts and instruments.

        Raises
        ------
        UsageError
            Other numbers of accounts or instruments.
        """
        mine, given = self.header[0], arrays["header"][0]
        for what in ("account_count", "instrument_count"):
            if int(mine[what]) != int(given[what]):
                raise UsageError(f"the risk state has {what} {int(given[what])}, this gate {int(mine[what])}")
        stride, rows = int(given["stride"]), len(arrays["instruments"])
        self.reserve(stride - 1, rows - 1)
        if int(mine["stride"]) != stride or len(self.arrays["instruments"]) != rows:
            raise UsageError("the risk state comes from a gate with less memory; restore it into a gate made alike")
        for name in layout.STATE:
            if arrays[name].dtype != _DTYPES[name]:
                raise UsageError(f"the risk state has another layout of {name}; it was written by another version")
            self.arrays[name] = np.array(arrays[name])
        self.header = self.arrays["header"]
        self._refresh()
