"""Compiled loops of the suites."""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.core.records import UNDEF_PRICE
from tickdeck.risk.kernels.checks import SELL, check
from tickdeck.risk.kernels.updates import on_closed, on_open


@kernel(entry=True)
def check_orders(at, instruments, price, size, ts, count):
    """Check `count` orders, 1 us apart, that take turns in instrument, side, price and size; how many were refused."""
    refused = np.int64(0)
    for i in range(count):
        side = SELL + np.int64(i & 1)
        at_price, of_size = price + np.int64(i & 7) * np.int64(10_000_000), size + np.int64(i & 15)
        reason = check(
            at, 1, 1 + np.int64(i % instruments), side, at_price, of_size, UNDEF_PRICE, UNDEF_PRICE, ts + 1_000 * i, 0, 0
        )
        refused += np.int64(reason != 0)
    return refused


@kernel(entry=True)
def check_and_open(at, instruments, price, size, ts, count):
    """The same, and each order is opened and closed; how many were refused."""
    refused = np.int64(0)
    for i in range(count):
        instrument, side = 1 + np.int64(i % instruments), SELL + np.int64(i & 1)
        of_size, now = size + np.int64(i & 0xFFFF), ts + 1_000 * i
        reason = check(at, 1, instrument, side, price, of_size, UNDEF_PRICE, UNDEF_PRICE, now, 0, 0)
        if reason != 0:
            refused += 1
            continue
        on_open(at, 1, instrument, side, price, of_size, now)
        on_closed(at, 1, instrument, side, of_size)
    return refused
