"""Limits as a risk manager writes them: typed values from TOML, from a dict or from Python."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec import Struct, structs

from tickdeck.core import FormatError, UsageError
from tickdeck.risk.schedule import Calendar, clock_time, duration_ns, named, weekday, zone

_PLACE = re.compile(r"(?P<text>.*?)(?: - at `\$\.?(?P<path>.*)`)?")


class InstrumentLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits on orders and positions; None: no limit, or that of a wider table."""

    max_order_size: Decimal | None = None
    max_notional: Decimal | None = None
    price_collar_percent: Decimal | None = None
    max_position: Decimal | None = None
    max_trade_loss: Decimal | None = None
    restricted: bool | None = None
    calendar: str | None = None

    def __post_init__(self) -> None:
        for field in structs.fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if field.type == Decimal | None:
                structs.force_setattr(self, field.name, _amount(field.name, value))
            elif field.type == int | None and not (type(value) is int and 0 <= value < 2**62):
                raise UsageError(f"`{field.name}` must be an integer between 0 and 2^62, not {value!r}")


def _amount(name: str, value: object) -> Decimal:
    """A limit as a decimal: finite and not below 0."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise UsageError(f"`{name}` must be a number as a string, a Decimal or an integer, not {value!r}")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise UsageError(f"`{name}`: {value!r} is not a decimal number") from None
    if not amount.is_finite() or amount < 0:
        raise UsageError(f"`{name}` must be a finite number not below 0, is {amount}")
    return amount


class AccountLimits(InstrumentLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of an account, and those on its orders in all and in single instruments."""

    max_open_orders: int | None = None
    orders_per_second: int | None = None
    order_burst: int | None = None
    orders_per_day: int | None = None
    duplicate_window: str | None = None
    max_daily_loss: Decimal | None = None
    max_weekly_loss: Decimal | None = None
    max_drawdown: Decimal | None = None
    max_consecutive_losses: int | None = None
    cool_down: str | None = None
    max_gross_exposure: Decimal | None = None
    max_net_exposure: Decimal | None = None
    max_concentration_percent: Decimal | None = None
    concentration_from: Decimal | None = None
    max_leverage: Decimal | None = None
    instruments: dict[str, InstrumentLimits] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("duplicate_window", "cool_down"):
            if (text := getattr(self, name)) is not None:
                named(name, duration_ns, text)
        for name in ("orders_per_second", "order_burst", "max_consecutive_losses"):
            if getattr(self, name) == 0:
                raise UsageError(f"`{name}` must be above 0")
        for name in ("orders_per_second", "order_burst"):
            if (getattr(self, name) or 0) > 10**9:
                raise UsageError(f"`{name}` must not be above 1,000,000,000")


class Limits(AccountLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a risk gate enforces.

    Limits at the top hold for everybody. Of several the most special one holds: of an account in an instrument, of the account, of
    the instrument, at the top. Sizes are amounts in the instrument's unit, money is in `currency`. The documentation describes
    every limit under "Risk".

    Examples
    --------
    >>> limits = Limits.from_dict({"max_order_size": 100, "accounts": {"alice": {"max_daily_loss": 20_000}}})
    >>> limits.of("alice", "ACME").max_order_size
    Decimal('100')
    """

    currency: str = "USD"
    time_zone: str = "UTC"
    day_start: str = "00:00"
    week_start: str = "monday"
    accounts: dict[str, AccountLimits] = {}
    calendars: dict[str, Calendar] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        named("time_zone", zone, self.time_zone)
        named("day_start", clock_time, self.day_start)
        named("week_start", weekday, self.week_start)
        for where, limits in self.tables():
            if limits.calendar and limits.calendar not in self.calendars:
                raise UsageError(f"`{where}calendar`: there is no table [calendars.{limits.calendar}]")

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a TOML file.

        Raises
        ------
        FormatError
            Not TOML, an unknown key, or a value of a wrong type or beyond its range; the message names the key.
        """
        try:
            values = tomllib.loads(Path(path).read_text(encoding="utf-8"), parse_float=Decimal)
            return cls.from_dict(values)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, UsageError) as error:
            raise FormatError(str(error), path=str(path)) from None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Limits from the values that the TOML file would have.

        Raises
        ------
        UsageError
            An unknown key, or a value of a wrong type or beyond its range; the message names the key.
        """
        made = dict(values)
        _each(made, "", "calendars", lambda given, where: _convert(given, Calendar, where))
        _each(made, "", "instruments", lambda given, where: _convert(given, InstrumentLimits, where))
        _each(made, "", "accounts", _account)
        converted: Self = _convert(made, cls, "")
        return converted

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold, amounts as decimal strings; what :meth:`from_dict` takes."""
        plain: dict[str, Any] = msgspec.to_builtins(self._given())
        return plain

    def replaced(self, **values: Any) -> Self:
        """A copy with other values at the top, checked like the rest."""
        return type(self).from_dict({**self._given(), **values})

    def _given(self) -> dict[str, Any]:
        return {name: value for name, value in structs.asdict(self).items() if value is not None}

    def tables(self) -> Iterator[tuple[str, InstrumentLimits]]:
        """Every table of limits with the beginning of its keys: ``"accounts.alice."``."""
        yield "", self
        for symbol, limits in self.instruments.items():
            yield f"instruments.{symbol}.", limits
        for name, account in self.accounts.items():
            yield f"accounts.{name}.", account
            for symbol, limits in account.instruments.items():
                yield f"accounts.{name}.instruments.{symbol}.", limits

    def of(self, account: str, symbol: str | None = None) -> AccountLimits:
        """The limits that hold for an account, in an instrument where one is named."""
        found: dict[str, Any] = {}
        own = self.accounts.get(account)
        tables: list[InstrumentLimits | None] = [self, self.instruments.get(symbol) if symbol else None, own]
        tables.append(own.instruments.get(symbol) if own and symbol else None)
        for table in tables:
            if table is not None:
                for name in AccountLimits.__struct_fields__:
                    if name != "instruments" and getattr(table, name, None) is not None:
                        found[name] = getattr(table, name)
        return AccountLimits(**found)

    def values(self) -> dict[str, Any]:
        """Every value that is set, by its full key; to compare two sets of limits."""
        out: dict[str, Any] = {}
        for where, table in self.tables():
            for name, value in structs.asdict(table).items():
                if name not in ("instruments", "accounts", "calendars") and value is not None:
                    out[where + name] = value
        for name, calendar in self.calendars.items():
            out[f"calendars.{name}"] = calendar
        return out


def floor_units(value: Decimal, decimals: int) -> int:
    """The largest number of units of 10^-`decimals` that does not exceed `value`; at most 2^63-2."""
    return min(int(value.scaleb(decimals).to_integral_value(ROUND_FLOOR)), 2**63 - 2)


def _each(values: dict[str, Any], where: str, key: str, convert: Any) -> None:
    """Convert the tables of a table of tables, so that a message can name the one at fault."""
    tables = values.get(key)
    if tables is None:
        return
    if not isinstance(tables, Mapping):
        raise UsageError(f"`{where}{key}` must be a table")
    values[key] = {name: convert(table, f"{where}{key}.{name}.") for name, table in tables.items()}


def _account(given: Any, where: str) -> AccountLimits:
    if isinstance(given, Mapping):
        given = dict(given)
        _each(given, where, "instruments", lambda table, place: _convert(table, InstrumentLimits, place))
    account: AccountLimits = _convert(given, AccountLimits, where)
    return account


def _convert(given: Any, kind: Any, where: str) -> Any:
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise UsageError(f"`{where.rstrip('.')}` must be a table")
    for key, value in given.items():
        if isinstance(value, float):
            raise UsageError(f"`{where}{key}`: write {value!r} as a string or Decimal; a float is not exact")
        if key not in kind.__struct_fields__:
            near = difflib.get_close_matches(key, kind.__struct_fields__, 1)
            raise UsageError(f"there is no key `{where}{key}`" + (f"; did you mean {near[0]}?" if near else " here"))
    try:
        return msgspec.convert(dict(given), kind)
    except msgspec.ValidationError as error:
        found = _PLACE.fullmatch(str(error))
        text, path = (found["text"], found["path"]) if found else (str(error), None)
        text = text.replace("decimal | null", "number").replace(" | null", "").replace("Expected", "expected")
        if path:
            raise UsageError(f"`{where}{path}`: {text}") from None
        raise UsageError(text.replace("`", f"`{where}", 1)) from None
