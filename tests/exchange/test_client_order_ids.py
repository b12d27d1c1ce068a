"""Client order ids that the exchange gives out."""

from __future__ import annotations

import numpy as np

import tickdeck as td


def test_a_batch_uses_up_the_ids_that_it_names() -> None:
    exchange = td.Exchange([td.Instrument("ACME", tick_size="0.01")])
    alice = exchange.participant("alice")
    commands = np.zeros(2, td.COMMAND)
    commands["kind"], commands["side"], commands["order_type"], commands["time_in_force"] = ord("N"), ord("B"), 1, 1
    commands["trigger_price"], commands["price"], commands["size"] = td.UNDEF_PRICE, td.price("10"), 1
    commands["instrument_id"], commands["participant_id"], commands["client_order_id"] = 1, alice.id, (7, 3)
    exchange.submit_batch(commands)
    assert exchange.submit(alice, "ACME", "buy", 1, "10").accepted
    assert exchange.cancel(alice, 8).accepted


def test_ids_that_are_left_out_skip_those_used() -> None:
    exchange = td.Exchange([td.Instrument("ACME", tick_size="0.01")])
    alice = exchange.participant("alice")
    exchange.submit(alice, "ACME", "buy", 1, "10", client_order_id=5)
    assert exchange.submit(alice, "ACME", "buy", 1, "10").accepted
    assert exchange.cancel(alice, 6).accepted
