"""Memory layout of the risk gate and of its accounts.

Accounts and instruments are numbered 1, 2, 3, ...; row 0 of every array means "none". A pair (account, instrument) has the row
``instrument * header.stride + account`` of `positions` and of its half of `order_limits`::

    control         outside the state: which half of the limits holds, limit and value of the last rejection
    header          counts, the clock, the day, kill switch, lots in use
    accounts        rate bucket, open orders, profit and loss, exposure          account_limits   two halves, a row an account
    instruments     mark, factors from amounts to money, fees
    positions       size, cost, cash flow, open sizes, values                    order_limits     two halves, a row a pair
    lots            FIFO lots, linked; a free list                               spans            [start, end) of hours and blackouts
    duplicates      the last orders, four to a hash bucket                       days, weeks      when they begin
    deposits        money paid in, a row an account and `CURRENCIES` a row

An *amount* is price times size in 128 bits (for an inverse contract minus its value in money), exact. *Money* is int64 in units of a
ten-thousandth of the smallest coin of its currency; *base* money is that of the gate's currency. A limit of ``NO_LIMIT`` is none.

What lies in `control`, the limits, `spans`, `days` and `weeks` is configuration; the rest is the state that is hashed and dumped.
"""

from collections import namedtuple

import numpy as np

from tickdeck.core.intrinsics import views

NO_LIMIT = 2**63 - 1
SIZE_CEILING = 2**61
"""Sizes, open sizes and positions stay below it, so that their sums cannot overflow."""
CREDIT = 10**9
"""Credits of the rate bucket that an order costs; each order a second refills one a ns."""
SHARE_SCALE = 10**9
"""Units of a share, a rate and a leverage of 1."""
COIN = 10**4
"""Units of money in the smallest coin of a currency."""
CURRENCIES = 16
WAYS = 4
"""Orders that a hash bucket of the duplicates remembers."""
BY_RATES = 2**63 - 1
"""The fee of a fill that is to be charged by the instrument's rates."""

ACTIVE, REDUCING, HALTED = range(3)
REDUCE_ONLY = 2
"""In the flags of a check, as in ``OrderFlag``."""

CONTROL = np.dtype([("limit_value", "<i8"), ("value", "<i8"), ("generation", "<i8")], align=True)

HEADER = np.dtype(
    [
        ("stride", "<i8"),  # rows of positions an instrument
        ("account_count", "<i8"),
        ("instrument_count", "<i8"),
        ("clock", "<i8"),  # ns; the latest time heard of
        ("next_day", "<i8"),  # ns; when the next day and week begin
        ("next_week", "<i8"),
        ("bucket_mask", "<u8"),  # of the duplicates
        ("merged_lots", "<i8"),  # fills that joined the newest lot because the pool was full
        ("lot_room", "<i8"),
        ("lot_free", "<u4"),
        ("lot_top", "<u4"),  # first lot never used
        ("state", "u1"),
        ("killed", "u1"),
        ("reserved", "u1", (6,)),
    ],
    align=True,
)

ACCOUNT = np.dtype(
    [
        ("spent", "<i8"),  # credits of the rate bucket in use at `spent_ts`
        ("spent_ts", "<i8"),
        ("orders_today", "<i8"),
        ("open_orders", "<i8"),
        ("pnl_high", "<u8"),  # base money, 128 bits: profit and loss after fees of all positions ever held
        ("pnl_low", "<u8"),
        ("gross_high", "<u8"),  # base money, 128 bits: sum of the larger of |long| and |short| of all positions
        ("gross_low", "<u8"),
        ("long_high", "<u8"),  # sum of the values if all open buys were filled
        ("long_low", "<u8"),
        ("short_high", "<u8"),  # sum of the values if all open sells were filled
        ("short_low", "<u8"),
        ("day_pnl", "<i8"),  # base money: profit and loss when the day and the week began, and at its best
        ("week_pnl", "<i8"),
        ("peak_pnl", "<i8"),
        ("deposits", "<i8"),  # base money
        ("losses", "<i8"),  # losing trades in a row
        ("breaker_until", "<i8"),  # ns
        ("state", "u1"),
        ("killed", "u1"),
        ("reserved", "u1", (6,)),
    ],
    align=True,
)

INSTRUMENT = np.dtype(
    [
        ("mark", "<i8"),  # units of 1e-9; UNDEF_PRICE: none yet
        ("multiplier", "<i8"),  # inverse contracts: value = size * multiplier * coin / price
        ("coin", "<i8"),
        ("money_numerator", "<u8"),  # amount to money, and the divisor as `divide_by` wants it
        ("money_divisor", "<u8"),
        ("money_shifted", "<u8"),
        ("money_inverse", "<u8"),
        ("money_shift", "<u8"),
        ("rate_numerator", "<u8"),  # money to base money
        ("rate_divisor", "<u8"),
        ("rate_shifted", "<u8"),
        ("rate_inverse", "<u8"),
        ("rate_shift", "<u8"),
        ("maker_numerator", "<i8"),  # |amount| to smallest coins: numerator / (first divisor * second divisor)
        ("maker_first", "<i8"),
        ("maker_second", "<i8"),
        ("taker_numerator", "<i8"),
        ("taker_first", "<i8"),
        ("taker_second", "<i8"),
        ("maker_unit_numerator", "<i8"),  # size to smallest coins
        ("maker_unit_divisor", "<i8"),
        ("taker_unit_numerator", "<i8"),
        ("taker_unit_divisor", "<i8"),
        ("inverse", "u1"),
        ("foreign", "u1"),  # its currency is not the base
        ("reserved", "u1", (6,)),
    ],
    align=True,
)

POSITION = np.dtype(
    [
        ("size", "<i8"),  # above 0 long, below 0 short
        ("open_buy", "<i8"),  # sizes of open orders
        ("open_sell", "<i8"),
        ("flow_high", "<u8"),  # amounts of all sells minus those of all buys
        ("flow_low", "<u8"),
        ("cost_high", "<u8"),  # amount at which the position was entered, at average cost
        ("cost_low", "<u8"),
        ("fifo_high", "<u8"),  # the same, first in first out: the sum of its lots
        ("fifo_low", "<u8"),
        ("fees", "<i8"),  # money
        ("total", "<i8"),  # base money: profit and loss after fees at the mark
        ("trade_start", "<i8"),  # `total` when the position was last flat
        ("long", "<i8"),  # base money: value at the mark if all open buys were filled
        ("short", "<i8"),  # and if all open sells were
        ("lot_head", "<u4"),  # oldest
        ("lot_tail", "<u4"),
        ("lot_count", "<u4"),
        ("reserved", "<u4"),
    ],
    align=True,
)

LOT = np.dtype(
    [("size", "<i8"), ("cost_high", "<u8"), ("cost_low", "<u8"), ("next", "<u4"), ("reserved", "<u4")],
    align=True,
)

RECENT = np.dtype([("tag", "<u8"), ("ts", "<i8")], align=True)

ORDER_LIMIT = np.dtype(
    [
        ("order_size", "<i8"),  # at most SIZE_CEILING, as `position`
        ("notional", "<i8"),  # base money
        ("collar", "<i8"),  # share of the reference price
        ("position", "<i8"),
        ("trade_loss", "<i8"),  # base money
        ("calm_from", "<i8"),  # ns; in [from, until) neither hours nor blackouts forbid anything: found by the check, no state
        ("calm_until", "<i8"),
        ("hours_from", "<u4"),  # rows of `spans`
        ("hours_to", "<u4"),
        ("blackouts_from", "<u4"),
        ("blackouts_to", "<u4"),
        ("restricted", "u1"),
        ("has_hours", "u1"),
        ("reserved", "u1", (6,)),
    ],
    align=True,
)

ACCOUNT_LIMIT = np.dtype(
    [
        ("open_orders", "<i8"),
        ("rate", "<i8"),  # orders a second
        ("capacity", "<i8"),  # of the bucket, in credits
        ("empty_ns", "<i8"),  # after which any bucket is empty: what it drains by then does not fit in 63 bits
        ("orders_per_day", "<i8"),
        ("duplicate_ns", "<i8"),  # 0: none
        ("daily_loss", "<i8"),  # base money
        ("weekly_loss", "<i8"),
        ("drawdown", "<i8"),
        ("losses", "<i8"),  # losing trades in a row
        ("cool_down_ns", "<i8"),
        ("gross", "<i8"),  # base money
        ("net", "<i8"),
        ("concentration", "<i8"),  # share
        ("concentration_from", "<i8"),  # base money: gross exposure from which on it counts
        ("leverage", "<i8"),  # share
    ],
    align=True,
)

SPAN = np.dtype([("start", "<i8"), ("end", "<i8")], align=True)

Risk = namedtuple(
    "Risk",
    "at control header accounts instruments positions lots duplicates deposits order_limits account_limits spans days weeks",
)
RISK_DTYPES = (
    CONTROL,
    HEADER,
    ACCOUNT,
    INSTRUMENT,
    POSITION,
    LOT,
    RECENT,
    np.dtype("<i8"),
    ORDER_LIMIT,
    ACCOUNT_LIMIT,
    SPAN,
    np.dtype("<i8"),
    np.dtype("<i8"),
)
STATE = ("header", "accounts", "instruments", "positions", "lots", "duplicates", "deposits")
"""The arrays that make up the state."""
unpack = views(Risk, RISK_DTYPES)
"""From the address of a handle to the arrays."""
