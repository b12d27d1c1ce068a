"""What an instrument accepts and keeps."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal

import pytest

from tickdeck.core import Instrument, PrecisionError, UsageError


def test_amounts_become_fixed_point() -> None:
    made = Instrument("ESH4", tick_size="0.25", size_decimals=2, multiplier=50, lot_size=Decimal("0.05"))
    assert (made.tick_size, made.multiplier, made.lot_size) == (250_000_000, 50_000_000_000, 5)
    assert (made.price("4780.25"), made.size("1.25")) == (4_780_250_000_000, 125)


@pytest.mark.parametrize(
    "made",
    [
        Instrument("A"),
        Instrument("A", currency="", venue="", instrument_id=0, publisher_id=0, price_decimals=0),
        Instrument("BTC/USDT", tick_size="0.01", size_decimals=8, venue="BINANCE", currency="USDT", price_decimals=2),
        Instrument("ESH4", "0.25", 0, multiplier="50", instrument_id=17, publisher_id=1, lot_size=2, extra={"round_lot": 100}),
    ],
)
def test_it_survives_a_dictionary(made: Instrument) -> None:
    again = Instrument.from_dict(made.to_dict())
    assert again == made
    assert again.extra == made.extra
    assert hash(again) == hash(made)
    assert pickle.loads(pickle.dumps(made)) == made
    assert Instrument.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"symbol": ""}, "needs a symbol"),
        ({"symbol": "A", "tick_size": "0"}, "above 0"),
        ({"symbol": "A", "tick_size": "-0.01"}, "above 0"),
        ({"symbol": "A", "lot_size": 0}, "lot_size must be above 0"),
        ({"symbol": "A", "lot_size": "-0.01", "size_decimals": 2}, "lot_size must be above 0"),
        ({"symbol": "A", "size_decimals": -1}, "between 0 and 18"),
        ({"symbol": "A", "size_decimals": 19}, "between 0 and 18"),
        ({"symbol": "A", "instrument_id": 2**32}, "32 bits"),
        ({"symbol": "A", "publisher_id": -1}, "16 bits"),
    ],
)
def test_nonsense_is_refused_in_one_line(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Instrument(**arguments)  # type: ignore[arg-type]


def test_a_tick_that_is_not_exact_is_refused() -> None:
    with pytest.raises(PrecisionError):
        Instrument("A", tick_size="0.00000000001")


def test_it_does_not_change() -> None:
    with pytest.raises(AttributeError):
        Instrument("A").symbol = "B"  # type: ignore[misc]


def test_other_ids_keep_the_rest() -> None:
    made = Instrument("A", "0.01", instrument_id=1).with_ids(7, 2)
    assert (made.instrument_id, made.publisher_id, made.tick_size) == (7, 2, 10_000_000)
