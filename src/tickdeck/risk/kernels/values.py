"""From prices and sizes to money: amounts, exposures, profit and loss. All of it in integers, rounded half away from zero."""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.core.records import UNDEF_PRICE
from tickdeck.core.wide import (
    MOST,
    add,
    add_saturating,
    divide,
    divide_by,
    multiply_divide_nearest,
    multiply_high,
    narrow,
    negate,
    product,
    scale,
    widen,
)
from tickdeck.risk.kernels.layout import COIN

_TOP = np.uint64(2**63)
_ZERO, _ONE = np.uint64(0), np.uint64(1)


@kernel
def _factor(high, low, numerator, divisor, shifted, inverse, shift):
    """A 128-bit number that is not negative times a fixed fraction, as an int64; 2^63-1 if it is beyond."""
    lowest = low * numerator
    carry = multiply_high(low, numerator)
    middle = high * numerator + carry
    top = multiply_high(high, numerator) + (_ONE if middle < carry else _ZERO)
    rounded = lowest + (divisor >> _ONE)
    if rounded < lowest:
        middle += _ONE
        if middle == _ZERO:
            top += _ONE
    if top != _ZERO or middle >= divisor:
        return np.int64(MOST)
    quotient = divide_by(middle, rounded, shifted, inverse, shift)
    return np.int64(MOST) if quotient >= _TOP else np.int64(quotient)


@kernel
def amount_of(instrument, price, size):
    """Amount of `size` (above 0) at a price, 128 bits; minus the value in money of an inverse contract, whose price is above 0."""
    if instrument.inverse:
        if price <= 0:
            return _ZERO, _ZERO
        high, low = product(size, instrument.multiplier)
        high, low = scale(high, low, instrument.coin, price)
        return negate(high, low)
    return product(price, size)


@kernel
def money_of(instrument, high, low):
    """An amount as money."""
    negative = high >= _TOP
    if negative:
        high, low = negate(high, low)
    found = _factor(
        high,
        low,
        instrument.money_numerator,
        instrument.money_divisor,
        instrument.money_shifted,
        instrument.money_inverse,
        instrument.money_shift,
    )
    return -found if negative else found


@kernel
def base_of(instrument, money):
    """Money of the instrument's currency in base money."""
    if not instrument.foreign:
        return money
    found = _factor(
        _ZERO,
        np.uint64(-money if money < 0 else money),
        instrument.rate_numerator,
        instrument.rate_divisor,
        instrument.rate_shifted,
        instrument.rate_inverse,
        instrument.rate_shift,
    )
    return -found if money < 0 else found


@kernel
def notional_of(instrument, price, size):
    """Base value of `size` (above 0) at the absolute value of a price; 2^63-1 for an inverse contract without a price above 0."""
    if instrument.inverse:
        if price <= 0:
            return np.int64(MOST)
        high, low = amount_of(instrument, price, size)
        high, low = negate(high, low)
    else:
        high, low = product(-price if price < 0 else price, size)
    return base_of(instrument, money_of(instrument, high, low))


@kernel(rare=True)
def _inverse_notional(instruments, index, size):
    instrument = instruments[index]
    return notional_of(instrument, instrument.mark, size)


@kernel
def exposure_of(instruments, index, size):
    """Base value at the mark of a signed size; 0 without a mark."""
    instrument = instruments[index]
    mark = np.int64(instrument.mark)
    if size == 0 or mark == UNDEF_PRICE:
        return np.int64(0)
    absolute = -size if size < 0 else size
    if instrument.inverse:
        found = _inverse_notional(instruments, index, absolute)
    else:
        high, low = product(-mark if mark < 0 else mark, absolute)
        found = base_of(instrument, money_of(instrument, high, low))
    return -found if size < 0 else found


@kernel(rare=True)
def total_at(instruments, index, positions, row, price):
    """Profit and loss of a position after fees, in base money, with what is held valued at `price`."""
    instrument = instruments[index]
    position = positions[row]
    high, low = np.uint64(position.flow_high), np.uint64(position.flow_low)
    size = np.int64(position.size)
    if size != 0:
        held_high, held_low = amount_of(instrument, price, -size if size < 0 else size)
        if size < 0:
            held_high, held_low = negate(held_high, held_low)
        high, low = add(high, low, held_high, held_low)
    money = add_saturating(money_of(instrument, high, low), -np.int64(position.fees))
    return base_of(instrument, money)


@kernel
def _fee(high, low, size, numerator, first, second, unit_numerator, unit_divisor):
    """Fee of a fill in money: the percentage of its absolute amount and the fee on its size, each rounded to the smallest coin."""
    coins = np.int64(0)
    if numerator != 0:
        absolute = -numerator if numerator < 0 else numerator
        # Rounding down by the first divisor and to the nearest by the second, which is even or 1, rounds their product to the nearest.
        high, low = _scale_down(high, low, absolute, first)
        half = np.uint64(second) >> _ONE
        high, low = add(high, low, _ZERO, half)
        if high >= np.uint64(second):
            coins = np.int64(MOST)
        else:
            quotient, _ = divide(high, low, np.uint64(second))
            coins = np.int64(MOST) if quotient >= _TOP else np.int64(quotient)
        if numerator < 0:
            coins = -coins
    if unit_numerator != 0:
        coins = add_saturating(coins, multiply_divide_nearest(size, unit_numerator, unit_divisor))
    # Beyond what money holds.
    if coins > MOST // COIN:
        return np.int64(MOST)
    if coins < -(MOST // COIN):
        return -np.int64(MOST)
    return coins * np.int64(COIN)


@kernel
def _scale_down(high, low, numerator, divisor):
    """A 128-bit number that is not negative times a fraction, rounded down."""
    n, d = np.uint64(numerator), np.uint64(divisor)
    carry = multiply_high(low, n)
    middle = high * n + carry
    top = multiply_high(high, n) + (_ONE if middle < carry else _ZERO)
    if top >= d:
        return _TOP - _ONE, ~_ZERO
    high, rest = divide(top, middle, d)
    low, _ = divide(rest, low * n, d)
    return high, low


@kernel
def fee_of(instrument, high, low, size, aggressor):
    """Fee in money of a fill of this amount and size."""
    if high >= _TOP:
        high, low = negate(high, low)
    if aggressor:
        return _fee(
            high,
            low,
            size,
            np.int64(instrument.taker_numerator),
            np.int64(instrument.taker_first),
            np.int64(instrument.taker_second),
            np.int64(instrument.taker_unit_numerator),
            np.int64(instrument.taker_unit_divisor),
        )
    return _fee(
        high,
        low,
        size,
        np.int64(instrument.maker_numerator),
        np.int64(instrument.maker_first),
        np.int64(instrument.maker_second),
        np.int64(instrument.maker_unit_numerator),
        np.int64(instrument.maker_unit_divisor),
    )


@kernel
def pnl_of(account):
    """Profit and loss of an account in base money."""
    return narrow(np.uint64(account.pnl_high), np.uint64(account.pnl_low))


@kernel
def changed(high, low, old, new):
    """A 128-bit sum in which `old` has become `new`."""
    new_high, new_low = widen(new)
    high, low = add(high, low, new_high, new_low)
    old_high, old_low = widen(old)
    old_high, old_low = negate(old_high, old_low)
    return add(high, low, old_high, old_low)


@kernel
def larger(long, short):
    """The larger absolute value: what a position adds to gross exposure."""
    a = -long if long < 0 else long
    b = -short if short < 0 else short
    return a if a > b else b
