"""`tickdeck verify --matching` on recorded exchange data: how much the engine reproduces, and that it finds what was altered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tickdeck.book import OrderBook
from tickdeck.cli import run
from tickdeck.core import Instrument, Records
from tickdeck.tape import read
from tickdeck.verify.matching import MatchingCheck
from tickdeck.verify.matching_result import Cause, MatchingResult

Data = Callable[[str], Path]
Capture = pytest.CaptureFixture[str]

ESH4 = "databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst"
AMZN = "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"


def matching(capture: Capture, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Exit code and the source's result."""
    code = run(["verify", "--matching", *map(str, arguments), "--json"])
    found = msgspec.json.decode(capture.readouterr().out)
    assert found["holds"] == (code == 0)
    return code, found["sources"][0]


def test_the_engine_makes_98_percent_of_the_recorded_fills_and_every_other_group_has_its_cause(
    data: Data, capsys: Capture
) -> None:
    code, found = matching(capsys, data(ESH4), "--show", 200)
    assert code == 0
    assert (found["groups"], found["exact_groups"]) == (2_972, 2_868)
    assert (found["quantity"], found["exact_quantity"]) == (9_848, 9_658)
    causes = {name: (item["groups"], item["quantity"]) for name, item in found["causes"].items() if item["groups"]}
    assert causes == {"iceberg": (3, 55), "self-trade prevention": (101, 135)}
    assert len(found["misses"]) == 104
    assert (found["trades_without_side"], found["trades_alone"]) == (1, 0)


def test_a_bar_above_it_fails(data: Data, capsys: Capture) -> None:
    assert matching(capsys, data(ESH4), "--at-least", "98.1")[0] == 1


@pytest.fixture(scope="module")
def recorded(data: Data) -> tuple[Records, dict[int, Instrument]]:
    """The records of ESH4 up to some 300 trades, and its instrument."""
    with read(str(data(ESH4))) as reader:
        records = np.concatenate(list(reader))
        return records[:20_000], dict(reader.instruments)


def check(records: Records, instruments: dict[int, Instrument]) -> MatchingResult:
    found = MatchingCheck("ESH4", show=1_000)
    found.add(records, instruments)
    return found.result()


@pytest.mark.parametrize("place", [15_000, 17_000, 19_000])
def test_one_fill_given_to_the_last_order_of_the_queue_is_found(
    place: int, recorded: tuple[Records, dict[int, Instrument]]
) -> None:
    records, instruments = recorded
    good = check(records, instruments)
    known = {miss.trade.time for miss in good.misses}
    book = OrderBook(next(iter(instruments.values())))
    book.apply(records[:place])
    for at in range(place, len(records)):
        time, order_id = int(records["ts_event"][at]), int(records["order_id"][at])
        if records["action"][at] == ord("F") and records["side"][at] in b"AB" and time not in known:
            queue = book.orders_at(int(records["side"][at]), int(records["price"][at]))["order_id"].tolist()
            if order_id in queue[:-1]:
                break
        book.apply(records[at : at + 1])
    altered = records.copy()
    altered["order_id"][at] = queue[-1]
    bad = check(altered, instruments)
    assert bad.exact_groups < good.exact_groups
    assert {miss.trade.time for miss in bad.misses} - known == {time}


def test_a_window_of_five_levels_lacks_the_orders_that_enter_it_from_below(data: Data, capsys: Capture) -> None:
    code, found = matching(capsys, data(AMZN))
    assert code == 1
    assert found["share"] > 0.75
    unseen = found["causes"][Cause.UNKNOWN_ORDER]["quantity"]
    assert unseen > 0.9 * (found["quantity"] - found["exact_quantity"])
