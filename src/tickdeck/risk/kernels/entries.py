"""What Python calls, and kernels through ``core.calls``; the functions are described where they are defined. All return a uint64."""

import numpy as np

from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel
from tickdeck.core.records import UNDEF_PRICE
from tickdeck.risk.kernels.checks import check
from tickdeck.risk.kernels.fills import on_fill
from tickdeck.risk.kernels.layout import RISK_DTYPES, STATE, Risk, unpack
from tickdeck.risk.kernels.updates import mark, on_closed, on_open, on_reduced, on_replaced, on_time, revalue

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_PARTS = tuple(Risk._fields.index(name) - 1 for name in STATE)
_WORDS = tuple(RISK_DTYPES[part].itemsize // 8 for part in _PARTS)
_LOTS = STATE.index("lots")


@kernel(rare=True)
def state_hash(at):
    """64-bit hash of the state: of the arrays named by ``layout.STATE``, of the lots those ever used."""
    p = unpack(np.uint64(at))
    handle = array_at(np.uint64(at), np.uint64(2 * len(RISK_DTYPES)), np.uint64)
    fold = np.uint64(0)
    for i in range(len(_PARTS)):
        rows = np.int64(handle[2 * _PARTS[i] + 1]) if i != _LOTS else np.int64(p.header[0].lot_top)
        words = array_at(handle[2 * _PARTS[i]], np.uint64(rows * _WORDS[i]), np.uint64)
        for j in range(len(words)):
            fold = (fold ^ words[j]) * GOLDEN
            fold ^= fold >> _SHIFT
    return fold


@kernel(entry=True)
def call_state_hash(at):
    return state_hash(at)


@kernel(entry=True)
def call_check(at, account, instrument, side, price, size, worst, reference, ts, flags, replaced):
    return np.uint64(check(at, account, instrument, side, price, size, worst, reference, ts, flags, replaced))


@kernel(entry=True)
def call_check_plain(at, key, price, size, ts):
    """A check without the rarer parameters, for an argument costs 60 ns: key is account << 40 | instrument << 8 | side."""
    account, instrument, side = key >> 40, (key >> 8) & 0xFFFFFFFF, key & 0xFF
    return np.uint64(check(at, account, instrument, side, price, size, UNDEF_PRICE, UNDEF_PRICE, ts, 0, 0))


@kernel(entry=True)
def call_open(at, account, instrument, side, price, size, ts):
    on_open(at, account, instrument, side, price, size, ts)
    return np.uint64(0)


@kernel(entry=True)
def call_replaced(at, account, instrument, side, old_size, size, ts):
    on_replaced(at, account, instrument, side, old_size, size, ts)
    return np.uint64(0)


@kernel(entry=True)
def call_reduced(at, account, instrument, side, size):
    on_reduced(at, account, instrument, side, size)
    return np.uint64(0)


@kernel(entry=True)
def call_closed(at, account, instrument, side, size):
    on_closed(at, account, instrument, side, size)
    return np.uint64(0)


@kernel(entry=True)
def call_fill(at, account, instrument, side, price, size, ts, leaves, aggressor, fee):
    on_fill(at, account, instrument, side, price, size, ts, leaves, aggressor, fee)
    return np.uint64(0)


@kernel(entry=True)
def call_mark(at, instrument, price):
    mark(at, instrument, price)
    return np.uint64(0)


@kernel(entry=True)
def call_time(at, ts):
    on_time(at, ts)
    return np.uint64(0)


@kernel(entry=True)
def call_revalue(at, account, instrument):
    revalue(at, account, instrument)
    return np.uint64(0)
