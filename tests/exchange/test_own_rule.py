"""Queue disciplines that a user writes."""

from __future__ import annotations

from typing import Any

import pytest

import tickdeck as td
from tickdeck.core import UsageError
from tickdeck.exchange import Exchange, Listing, OwnRule


def last_in_first_out(sizes: Any, shares: Any, incoming: int, lot: int) -> None:
    for i in range(len(sizes) - 1, -1, -1):
        shares[i] = min(sizes[i], incoming)
        incoming -= shares[i]


def greedy(sizes: Any, shares: Any, incoming: int, lot: int) -> None:
    for i in range(len(sizes)):
        shares[i] = 10**18 if i == 1 else -5


def traded(rule: Any, incoming: int, lot: int = 1) -> list[int]:
    instrument = td.Instrument("ACME", tick_size="0.01", lot_size=lot)
    exchange = Exchange([Listing(instrument, OwnRule(rule))])
    maker, taker = exchange.participant("maker"), exchange.participant("taker")
    for _ in range(3):
        exchange.submit(maker, "ACME", "sell", 100, "10.00")
    maker.take()
    exchange.submit(taker, "ACME", "buy", incoming, "10.00")
    fills = maker.take()
    assert exchange.book("ACME").checksum()
    return [int(fills["size"][fills["order_id"] == number].sum()) for number in (1, 2, 3)]


def test_an_own_rule_decides_who_trades() -> None:
    assert traded(last_in_first_out, 150) == [0, 50, 100]


def test_a_rule_that_gives_away_too_much_is_held_to_what_is_there() -> None:
    assert traded(greedy, 150) == [50, 100, 0]


def test_shares_are_whole_lots() -> None:
    def odd(sizes: Any, shares: Any, incoming: int, lot: int) -> None:
        shares[2] = 19

    assert traded(odd, 50, lot=10) == [40, 0, 10]


def test_a_rule_that_numba_cannot_compile_is_one_line() -> None:
    def wrong(sizes: Any, shares: Any, incoming: int, lot: int) -> None:
        sizes.no_such_thing()

    from tickdeck.core.kernel import INTERPRETED

    if INTERPRETED:
        pytest.skip("nothing is compiled")
    with pytest.raises(UsageError, match="OwnRule: wrong cannot be compiled") as caught:
        Exchange([Listing(td.Instrument("ACME", tick_size="0.01"), OwnRule(wrong))])
    assert "\n" not in str(caught.value)


def test_an_own_rule_cannot_have_a_journal(tmp_path: Any) -> None:
    listing = Listing(td.Instrument("ACME", tick_size="0.01"), OwnRule(last_in_first_out))
    with pytest.raises(UsageError, match="cannot have a journal"):
        Exchange([listing], journal=tmp_path)
