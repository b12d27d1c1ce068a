"""Limits as the records that kernels read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Instrument, Records
from tickdeck.risk.kernels.layout import ACCOUNT_LIMIT, CREDIT, NO_LIMIT, ORDER_LIMIT, SIZE_CEILING, SPAN
from tickdeck.risk.limits import AccountLimits, InstrumentLimits, Limits, floor_units
from tickdeck.risk.schedule import Calendar, blackouts_of, duration_ns, hours_of

_PERCENT_DECIMALS = 7
"""Decimals of a percentage in units of 1e-9 of the whole."""
_SHARE_DECIMALS = 9


def _units(value: Decimal | None, decimals: int) -> int:
    return NO_LIMIT if value is None else floor_units(value, decimals)


class SpanTable:
    """Hours and blackouts of calendars in one table.

    What is in the table stays where it is, so that limits in force can go on reading it while others are made.
    """

    __slots__ = ("_rows", "_where")

    def __init__(self) -> None:
        self._rows: list[NDArray[np.int64]] = [np.zeros((0, 2), np.int64)]
        self._where: dict[str, tuple[Calendar, tuple[int, int, int, int]]] = {}

    def add(self, calendars: Mapping[str, Calendar]) -> None:
        """Take in calendars; those that are as before stay."""
        for name, calendar in calendars.items():
            if name in self._where and self._where[name][0] == calendar:
                continue
            places = []
            for spans in (hours_of(calendar), blackouts_of(calendar)):
                start = sum(map(len, self._rows))
                self._rows.append(spans)
                places += [start, start + len(spans)]
            self._where[name] = calendar, (places[0], places[1], places[2], places[3])

    def rows(self) -> Records:
        """The table as ``SPAN`` records."""
        table: Records = np.ascontiguousarray(np.concatenate(self._rows)).view(SPAN).reshape(-1)
        return table

    def fields(self, name: str | None) -> tuple[int, int, int, int, bool]:
        """Places of a calendar's hours and blackouts, and whether it has hours at all."""
        if not name:
            return 0, 0, 0, 0, False
        calendar, places = self._where[name]
        return *places, bool(calendar.hours)


def _order_row(limits: InstrumentLimits, instrument: Instrument, money_decimals: int, spans: SpanTable) -> tuple[Any, ...]:
    *places, has_hours = spans.fields(limits.calendar)
    return (
        min(_units(limits.max_order_size, instrument.size_decimals), SIZE_CEILING),
        _units(limits.max_notional, money_decimals),
        _units(limits.price_collar_percent, _PERCENT_DECIMALS),
        min(_units(limits.max_position, instrument.size_decimals), SIZE_CEILING),
        _units(limits.max_trade_loss, money_decimals),
        *((0, 0) if limits.calendar else (-NO_LIMIT, NO_LIMIT)),
        *places,
        bool(limits.restricted),
        has_hours,
        0,
    )


def order_rows(
    limits: Limits,
    accounts: Sequence[str],
    instruments: Sequence[Instrument],
    shape: tuple[int, int],
    decimals: int,
    spans: SpanTable,
) -> Records:
    """``ORDER_LIMIT`` of every pair, in the layout's order.

    Parameters
    ----------
    limits : Limits
    accounts, instruments : sequence
        Those numbered 1, 2, ...
    shape : (int, int)
        Rows of instruments and accounts that there is room for.
    decimals : int
        Of base money.
    spans : SpanTable
        With all calendars of the limits.
    """
    rows = np.zeros(shape, ORDER_LIMIT)
    for i, instrument in enumerate(instruments, 1):
        rows[i, :] = _order_row(limits.of("", instrument.symbol), instrument, decimals, spans)
        for j, name in enumerate(accounts, 1):
            if name in limits.accounts:
                rows[i, j] = _order_row(limits.of(name, instrument.symbol), instrument, decimals, spans)
    return rows.reshape(-1)


def _account_row(limits: AccountLimits, money_decimals: int) -> tuple[int, ...]:
    def count(value: int | None) -> int:
        return NO_LIMIT if value is None else value

    rate = limits.orders_per_second
    capacity = (limits.order_burst or rate or 0) * CREDIT
    return (
        count(limits.max_open_orders),
        count(rate),
        capacity,
        NO_LIMIT // rate if rate else 0,
        count(limits.orders_per_day),
        duration_ns(limits.duplicate_window) if limits.duplicate_window else 0,
        _units(limits.max_daily_loss, money_decimals),
        _units(limits.max_weekly_loss, money_decimals),
        _units(limits.max_drawdown, money_decimals),
        count(limits.max_consecutive_losses),
        duration_ns(limits.cool_down) if limits.cool_down else NO_LIMIT,
        _units(limits.max_gross_exposure, money_decimals),
        _units(limits.max_net_exposure, money_decimals),
        _units(limits.max_concentration_percent, _PERCENT_DECIMALS),
        floor_units(limits.concentration_from or Decimal(0), money_decimals),
        _units(limits.max_leverage, _SHARE_DECIMALS),
    )


def account_rows(limits: Limits, accounts: Sequence[str], room: int, decimals: int) -> Records:
    """``ACCOUNT_LIMIT`` of every account, row 0 and those to come as at the top."""
    rows = np.zeros(room, ACCOUNT_LIMIT)
    rows[:] = _account_row(limits, decimals)
    for j, name in enumerate(accounts, 1):
        if name in limits.accounts:
            rows[j] = _account_row(limits.of(name), decimals)
    return rows
