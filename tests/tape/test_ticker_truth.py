"""Best bid and ask by update id, from top-of-book events."""

from __future__ import annotations

import numpy as np
import pytest

from tickdeck.core import EVENT, Flag, Records
from tickdeck.tape.ticker_truth import TickerTruth


def tops(*updates: tuple[int, int], instrument: int = 1) -> Records:
    """A bid and an ask for each (update id, bid size)."""
    events = np.zeros(2 * len(updates), EVENT)
    events["instrument_id"], events["flags"] = instrument, int(Flag.TOB)
    for row, (update, size) in enumerate(updates):
        for side, code in enumerate((ord("B"), ord("A"))):
            event = events[2 * row + side]
            event["sequence"], event["side"], event["action"] = update, code, ord("A")
            event["price"], event["size"] = 100 + side, size + side
    return events


def test_the_ticker_at_or_below_an_update_tells() -> None:
    truth = TickerTruth()
    truth.collect(tops((20, 5), (10, 3)))
    truth.collect(tops((30, 7)))
    known, best = truth.at(1, np.array([9, 10, 19, 20, 29, 30, 99], np.uint64))
    assert known.tolist() == [False, True, True, True, True, True, True]
    assert best["bid_size"].tolist() == [0, 3, 3, 5, 5, 7, 7]
    assert best[1].tolist() == (100, 101, 3, 4)
    assert len(truth) == 3


def test_instruments_are_kept_apart_and_other_events_ignored() -> None:
    truth = TickerTruth()
    other = tops((1, 1))
    other["flags"] = int(Flag.MBP)
    truth.collect(np.concatenate([tops((5, 1)), other, tops((6, 2), instrument=2)]))
    assert len(truth) == 2
    assert not truth.at(1, np.array([4], np.uint64))[0].any()
    assert truth.at(2, np.array([6], np.uint64))[1]["bid_size"].tolist() == [2]
    assert not truth.at(3, np.array([6], np.uint64))[0].any()


def test_half_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="pairs"):
        TickerTruth().collect(tops((5, 1))[:1])


def test_forgetting_leaves_the_answers_from_there_on() -> None:
    updates = np.array([9, 10, 19, 20, 29, 30, 99], np.uint64)
    for sequence in range(40):
        truth, whole = TickerTruth(), TickerTruth()
        for each in (truth, whole):
            each.collect(np.concatenate([tops((20, 5), (10, 3), (30, 7)), tops((15, 9), instrument=2)]))
        truth.forget(1, sequence)
        kept = updates[updates >= sequence]
        assert truth.at(1, kept)[0].tolist() == whole.at(1, kept)[0].tolist()
        assert truth.at(1, kept)[1].tolist() == whole.at(1, kept)[1].tolist()
        assert truth.at(2, updates)[1].tolist() == whole.at(2, updates)[1].tolist()
        assert len(truth) == len(whole) - sum(sequence >= later for later in (20, 30))
