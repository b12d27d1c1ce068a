"""Limits from TOML: what is typed is what holds, and what is wrong is one line that names the key."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

import tickdeck as td
from tickdeck.core import FormatError, UsageError
from tickdeck.risk import Limits

GOOD = """
currency = "USD"
time_zone = "America/Chicago"
day_start = "17:00"
week_start = "sunday"
max_order_size = 100
price_collar_percent = 2.5
orders_per_second = 50
duplicate_window = "20ms"

[instruments.ESH4]
max_position = 500
calendar = "globex"

[accounts.alice]
max_order_size = 10
max_daily_loss = 20_000.50

[accounts.alice.instruments.ESH4]
max_position = "50"

[calendars.globex]
time_zone = "America/Chicago"
hours = ["17:00-16:00"]
weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday"]
holidays = [2026-12-25]
"""


def read(folder: Path, text: str) -> Limits:
    path = folder / "limits.toml"
    path.write_text(text)
    return td.Limits.from_toml(path)


def test_the_most_special_limit_holds(tmp_path: Path) -> None:
    limits = read(tmp_path, GOOD)
    assert limits.of("bob", "ESH4").max_position == 500
    assert limits.of("alice", "ESH4").max_position == 50
    assert limits.of("alice", "NQH4").max_position is None
    assert limits.of("alice").max_order_size == 10 and limits.of("bob").max_order_size == 100
    assert limits.of("alice").max_daily_loss == Decimal("20000.50")
    assert limits.of("alice").price_collar_percent == Decimal("2.5")
    assert limits.of("alice", "ESH4").calendar == "globex"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_order_sizes = 1", "there is no key `max_order_sizes`; did you mean max_order_size?"),
        ("[accounts.bob]\nmax_los = 1", "there is no key `accounts.bob.max_los`"),
        ("[accounts.bob.instruments.A]\nmax_open_orders = 1", "there is no key `accounts.bob.instruments.A.max_open_orders`"),
        ("[instruments.A]\nmax_position = nan", "`instruments.A.max_position` must be a finite number not below 0, is NaN"),
        ("max_notional = inf", "`max_notional` must be a finite number not below 0, is Infinity"),
        ("max_notional = -1", "`max_notional` must be a finite number not below 0, is -1"),
        ("max_notional = true", "`max_notional`: expected `number`, got `bool`"),
        ("max_notional = [1]", "`max_notional`: expected `number`, got `array`"),
        ('max_notional = "1,000"', "`max_notional`: Invalid decimal string"),
        ("max_open_orders = 1.5", "`max_open_orders`: expected `int`, got `decimal`"),
        ("max_open_orders = -1", "`max_open_orders` must be an integer between 0 and 2^62, not -1"),
        ('max_open_orders = "3"', "`max_open_orders`: expected `int`, got `str`"),
        ("orders_per_second = 0", "`orders_per_second` must be above 0"),
        ("restricted = 1", "`restricted`: expected `bool`, got `int`"),
        ('duplicate_window = "5"', "`duplicate_window`: '5' is not a duration; write a number and ns, us, ms, s, min, h or d"),
        ('time_zone = "Mars/North"', "`time_zone`: no time zone 'Mars/North'; write an IANA name such as America/New_York"),
        ('day_start = "25:00"', "`day_start`: '25:00' is not a time of day; write HH:MM or HH:MM:SS"),
        ('week_start = "someday"', "`week_start`: 'someday' is not a weekday; write monday to sunday"),
        ('calendar = "x"', "`calendar`: there is no table [calendars.x]"),
        ('[accounts.bob]\ncalendar = "x"', "`accounts.bob.calendar`: there is no table [calendars.x]"),
        ('[calendars.x]\nhours = ["9-10"]', "`calendars.x.hours`: '9' is not a time of day; write HH:MM or HH:MM:SS"),
        ('[calendars.x]\nblackouts = ["2026-01-01"]', "`calendars.x.blackouts`: '2026-01-01' is not an interval"),
        ('[calendars.x]\nholidays = ["soon"]', "`calendars.x.holidays[0]`: Invalid RFC3339 encoded date"),
        (
            '[calendars.x.early_closes]\n"2026-11-31" = "13:00"',
            "`calendars.x.early_closes.2026-11-31`: '2026-11-31' is not a date",
        ),
        ("accounts = 5", "`accounts` must be a table"),
        ("[accounts]\nbob = 5", "`accounts.bob` must be a table"),
        ("max_order_size =", "Invalid value (at end of document)"),
    ],
)
def test_wrong_limits_are_a_one_line_error_with_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FormatError) as error:
        read(tmp_path, text)
    assert str(error.value).startswith(str(tmp_path / "limits.toml"))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_limits_made_in_python_are_checked_alike() -> None:
    assert Limits(max_notional="1000.5").max_notional == Decimal("1000.5")
    for wrong in ({"max_notional": 0.1}, {"max_notional": "x"}, {"max_open_orders": 1.0}, {"cool_down": "soon"}):
        with pytest.raises(UsageError):
            Limits(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a float is not exact"):
        Limits.from_dict({"max_notional": 0.1})


def test_limits_between_units_are_rounded_down() -> None:
    gate = td.RiskGate(
        Limits.from_dict({"max_order_size": "1.29", "max_position": "2.99"}), [td.Instrument("A", size_decimals=1)], ["alice"]
    )
    assert gate.check("alice", "A", "buy", "1.2", "1", ts=1).passed
    assert gate.check("alice", "A", "buy", "1.3", "1", ts=1).limit == 12


def test_replaced_limits_are_checked_like_the_rest(tmp_path: Path) -> None:
    limits = read(tmp_path, GOOD)
    other = limits.replaced(max_order_size=7)
    assert other.max_order_size == 7 and other.accounts == limits.accounts and other.calendars == limits.calendars
    with pytest.raises(UsageError, match="max_order_size"):
        limits.replaced(max_order_size=-7)
