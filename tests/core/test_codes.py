"""Codes, flags and ids are Databento's, where Databento has them."""

from __future__ import annotations

import databento_dbn as dbn
import pytest

from tickdeck import core
from tickdeck.core import Action, Flag, FormatError, RType, Side, TickdeckError, TradingStatus, UnknownInstrumentError
from tickdeck.core.publishers import PUBLISHERS, publisher_name


def test_record_is_databentos_field_by_field() -> None:
    theirs = [(name, kind.replace("S1", "u1")) for name, kind in dbn.MBOMsg._dtypes]
    ours = [(name, core.DBN_MBO[name].str.lstrip("<|")) for name in core.DBN_MBO.names or ()]
    assert ours == theirs


def test_sentinels_and_scale_are_databentos() -> None:
    assert (core.UNDEF_PRICE, core.UNDEF_TIMESTAMP) == (dbn.UNDEF_PRICE, dbn.UNDEF_TIMESTAMP)
    assert core.PRICE_SCALE == dbn.FIXED_PRICE_SCALE


def test_flags_are_databentos() -> None:
    for flag in Flag:
        assert flag == getattr(dbn, f"F_{flag.name}")


def test_actions_and_sides_are_databentos() -> None:
    assert {chr(action): action.name for action in Action} == {str(a.value): a.name for a in dbn.Action.variants()}
    assert {chr(side): side.name for side in Side} == {str(s.value): s.name for s in dbn.Side.variants()}


@pytest.mark.parametrize(
    ("ours", "theirs"), [(TradingStatus, dbn.StatusAction), (RType, dbn.RType)], ids=["trading status", "record type"]
)
def test_numbers_are_databentos(ours: type[TradingStatus] | type[RType], theirs: object) -> None:
    known = {int(code.value): code.name for code in theirs.variants()}  # type: ignore[attr-defined]
    for code in ours:
        assert int(code) in known
    if ours is TradingStatus:
        assert {int(code): code.name for code in ours} == known


def test_publisher_ids_are_distinct_and_fit_in_16_bits() -> None:
    assert len(set(PUBLISHERS.values())) == len(PUBLISHERS)
    assert all(0 < number < 2**16 for number in PUBLISHERS.values())
    for name, number in PUBLISHERS.items():
        assert publisher_name(number) == name
        if name.endswith(".TOP"):
            assert number == PUBLISHERS[name.removesuffix(".TOP")] + 1
    assert publisher_name(12_345) == "12345"


def test_an_error_says_where_before_what() -> None:
    error = FormatError("the price is no number", path="a.csv", row=7, offset=12_345)
    assert str(error) == "a.csv, row 7, byte 12,345: the price is no number"
    assert (error.path, error.row, error.offset) == ("a.csv", 7, 12_345)
    assert str(FormatError("no rows")) == "no rows"
    assert str(UnknownInstrumentError("no book of X")) == "no book of X"


def test_every_error_is_a_tickdeck_error() -> None:
    errors = [value for name, value in vars(core).items() if name.endswith("Error")]
    assert len(errors) >= 7
    assert all(issubclass(error, TickdeckError) for error in errors)
