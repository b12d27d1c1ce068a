"""Recorded orders fed back to the matching engine: what it reproduces, and what it says of the rest."""

from __future__ import annotations

import random
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from order_feed import TICK, Feed, PlainExchange

from tickdeck.cli import run
from tickdeck.core import Flag, Instrument, Records, Side, TimeInForce, UsageError
from tickdeck.exchange import Discipline, Exchange, Listing, SizeTime
from tickdeck.tape import write
from tickdeck.verify.matching import MatchingCheck
from tickdeck.verify.matching_result import Cause, MatchingResult

QUEUE = ("A 1 B 5@100", "A 2 B 5@100", "A 3 B 5@100", "A 9 A 5@101")


def check(*parts: Feed | Records, levels: int | None = None) -> MatchingResult:
    found = MatchingCheck("recording", show=1_000, levels=levels)
    for part in parts:
        found.add(part.records() if isinstance(part, Feed) else part, {})
    return found.result()


def causes(result: MatchingResult) -> dict[str, tuple[int, int]]:
    """Groups and quantity of the causes that were found."""
    return {str(cause): (groups, size) for cause, (groups, size) in result.causes.items() if groups or size}


def assert_reproduced(result: MatchingResult, groups: int) -> None:
    assert (result.groups, result.exact_groups, result.share) == (groups, groups, 1.0)
    assert result.exact_quantity == result.quantity and not result.misses and not causes(result)


def test_fills_in_the_order_of_entry_are_reproduced() -> None:
    feed = Feed().events(*QUEUE)
    feed.event("T 50 A 7@100", "F 1 B 5@100", "F 2 B 2@100", "C 1 B 5@100", "M 2 B 3@100")
    feed.event("T 51 A 4@100", "F 2 B 3@100", "F 3 B 1@100", "C 2 B 3@100", "M 3 B 4@100")
    assert_reproduced(check(feed), 2)


def test_updates_between_the_fills_of_one_trade_change_nothing() -> None:
    feed = Feed().events(*QUEUE)
    feed.event("T 0 A 7@100", "F 1 B 5@100", "C 1 B 5@100", "F 2 B 2@100", "C 2 B 2@100")
    assert_reproduced(check(feed), 1)


def test_a_trade_for_each_fill_is_as_good_as_one_for_all() -> None:
    feed = Feed().events(*QUEUE)
    feed.event("T 0 A 5@100", "F 1 B 5@100", "C 1 B 5@100", "T 0 A 2@100", "F 2 B 2@100", "C 2 B 2@100")
    assert_reproduced(check(feed), 2)


def test_later_trades_of_a_match_event_see_the_fills_of_earlier_ones() -> None:
    feed = Feed().events(*QUEUE)
    feed.event("T 50 A 3@100", "F 1 B 3@100", "T 51 A 4@100", "F 1 B 2@100", "F 2 B 2@100", "C 1 B 5@100", "M 2 B 3@100")
    assert_reproduced(check(feed), 2)


@pytest.mark.parametrize(
    ("change", "first"),
    [("M 1 B 4@100", 1), ("M 1 B 5@100", 1), ("C 1 B 1@100", 1), ("M 1 B 6@100", 2), ("M 1 B 5@99", 2), ("A 1 B 5@100", 2)],
)
def test_priority_after_a_change_is_the_engines_rule(change: str, first: int) -> None:
    feed = Feed().events(*QUEUE, change).event("T 50 A 1@100", f"F {first} B 1@100", f"C {first} B 1@100")
    assert_reproduced(check(feed), 1)
    wrong = Feed().events(*QUEUE, change).event("T 50 A 1@100", f"F {3 - first} B 1@100", f"C {3 - first} B 1@100")
    assert causes(check(wrong)) == {"priority rule": (1, 1)}


def test_an_order_that_leaves_a_price_and_comes_back_stands_at_the_end() -> None:
    feed = Feed().events(*QUEUE, "M 1 B 5@99", "M 1 B 5@100").event("T 50 A 11@100", "F 2 B 5@100", "F 3 B 5@100", "F 1 B 1@100")
    assert_reproduced(check(feed), 1)


def test_a_fill_assigned_to_another_order_is_found() -> None:
    result = check(Feed().events(*QUEUE).event("T 50 A 5@100", "F 2 B 5@100", "C 2 B 5@100"))
    assert causes(result) == {"priority rule": (1, 5)}
    (miss,) = result.misses
    assert (miss.recorded, miss.answer) == ({(2, 100 * TICK): 5}, {(1, 100 * TICK): 5})
    assert "order 2 @ 1: recorded 5, engine 0" in "\n".join(miss.lines())


def test_fill_and_cancel_of_different_orders_are_no_known_cause() -> None:
    result = check(Feed().events(*QUEUE).event("T 50 A 5@100", "F 2 B 5@100", "C 1 B 5@100"))
    assert causes(result) == {"unknown": (1, 5)}


def test_a_wrong_answer_does_not_spread() -> None:
    feed = Feed().events(*QUEUE).event("T 50 A 5@100", "F 2 B 5@100", "C 2 B 5@100")
    feed.event("T 51 A 7@100", "F 1 B 5@100", "F 3 B 2@100", "C 1 B 5@100", "M 3 B 3@100")
    feed.events("A 4 B 1@100").event("T 52 A 4@100", "F 3 B 3@100", "F 4 B 1@100", "C 3 B 3@100", "C 4 B 1@100")
    result = check(feed)
    assert (result.groups, result.exact_groups) == (3, 2)
    assert (result.quantity, result.exact_quantity) == (16, 11)


def test_an_iceberg_is_known_once_it_was_refreshed() -> None:
    feed = Feed().events("A 1 B 5@100", "A 2 B 5@100", "A 9 A 5@101")
    feed.event("T 50 A 12@100", "F 1 B 7@100", "F 2 B 5@100", "C 2 B 5@100", "M 1 B 3@100")
    seen = check(feed)
    assert causes(seen) == {"iceberg": (1, 2)}
    feed.events("A 3 B 4@100").event("T 51 A 9@100", "F 1 B 5@100", "F 3 B 4@100", "C 3 B 4@100", "M 1 B 1@100")
    result = check(feed)
    assert (result.groups, result.exact_groups) == (2, 1)
    assert causes(result) == causes(seen)


def test_a_refresh_goes_to_the_end_of_the_queue_even_at_the_same_size() -> None:
    feed = Feed().events("A 1 B 5@100", "A 2 B 5@100", "A 9 A 5@101").event("T 50 A 5@100", "F 1 B 5@100", "M 1 B 5@100")
    feed.event("T 51 A 6@100", "F 2 B 5@100", "F 1 B 1@100", "C 2 B 5@100", "M 1 B 4@100")
    assert_reproduced(check(feed), 2)


def test_an_id_that_comes_back_is_no_iceberg() -> None:
    feed = Feed().events("A 1 B 5@100", "A 9 A 5@101").event("T 50 A 5@100", "F 1 B 5@100", "M 1 B 5@100")
    feed.event("T 51 A 5@100", "F 1 B 5@100", "C 1 B 5@100").events("A 1 B 2@100", "A 2 B 8@99")
    feed.event("T 52 A 4@100", "F 1 B 2@100", "C 1 B 2@100")
    result = check(feed)
    assert (result.groups, result.exact_groups) == (3, 3)


def test_an_order_pulled_by_the_match_event_itself_is_self_trade_prevention() -> None:
    feed = Feed().events(*QUEUE).event("T 50 A 6@100", "F 2 B 5@100", "F 3 B 1@100", "C 2 B 5@100", "M 3 B 4@100", "C 1 B 5@100")
    feed.event("T 51 A 4@100", "F 3 B 4@100", "C 3 B 4@100")
    result = check(feed)
    assert causes(result) == {"self-trade prevention": (1, 5)}
    assert (result.groups, result.exact_groups, result.exact_quantity) == (2, 1, 5)


def test_fewer_fills_than_the_trade_are_implied_or_hidden_size() -> None:
    feed = Feed().events(*QUEUE).event("T 50 A 8@100", "F 1 B 5@100", "C 1 B 5@100")
    assert causes(check(feed)) == {"implied or hidden": (1, 0)}
    alone = check(Feed().events(*QUEUE).event("T 50 A 8@100"))
    assert (causes(alone), alone.trades_alone, alone.quantity) == ({"implied or hidden": (1, 0)}, 1, 0)


def test_a_trade_between_the_best_prices_meets_nobody() -> None:
    result = check(Feed().events("A 1 B 5@100", "A 9 A 5@103").event("T 50 A 8@101"))
    assert (result.groups, result.exact_groups, result.trades_alone) == (1, 1, 1)


def test_a_trade_before_any_order_meets_nobody() -> None:
    result = check(Feed().event("T 50 A 8@101"))
    assert (result.groups, result.exact_groups, result.trades_alone) == (1, 1, 1)


def test_a_filled_order_that_the_feed_never_showed_is_named() -> None:
    result = check(Feed().events("A 9 A 5@101").event("T 50 A 5@100", "F 77 B 5@100", "C 77 B 5@100"))
    assert causes(result) == {"unknown order": (1, 5)}


def test_fills_of_the_aggressors_own_order_are_not_compared() -> None:
    feed = (
        Feed()
        .events("A 1 B 5@100", "A 9 A 5@101")
        .event("T 1 B 5@101", "F 1 B 5@101", "F 9 A 5@101", "C 1 B 5@100", "C 9 A 5@101")
    )
    assert_reproduced(check(feed), 1)


def test_an_auction_is_apart_and_leaves_the_queue_as_recorded() -> None:
    feed = Feed().events("A 1 B 5@102", "A 2 B 5@101", "A 3 B 5@101", "A 9 A 8@100")
    feed.event("T 0 N 8@101", "F 1 N 5@101", "F 2 N 3@101", "F 9 N 8@101", "C 1 B 5@102", "M 2 B 2@101", "C 9 A 8@100")
    feed.event("T 50 A 3@101", "F 2 B 2@101", "F 3 B 1@101", "C 2 B 2@101", "M 3 B 4@101")
    result = check(feed)
    assert_reproduced(result, 1)
    assert (result.without_side, result.fills_apart) == (1, 3)


def test_orders_that_crossed_take_their_place_when_they_no_longer_do() -> None:
    feed = Feed().events("A 9 A 5@100", "A 1 B 5@101", "A 2 B 5@101", "C 9 A 5@100", "A 3 B 5@101")
    feed.event("T 50 A 11@101", "F 1 B 5@101", "F 2 B 5@101", "F 3 B 1@101", "C 1 B 5@101", "C 2 B 5@101", "M 3 B 4@101")
    assert_reproduced(check(feed), 1)


def test_records_that_make_no_sense_stop_nothing() -> None:
    feed = Feed().events(*QUEUE, "A 4 N 5@100", "M 3 N 5@99", "M 9 B 5@99", "C 99 B 5@100", "A 5 B 0@100", "A 1 B 5@100")
    feed.event("T 50 A 6@100", "F 2 B 5@100", "F 1 B 1@100", "C 2 B 5@100", "M 1 B 4@100")
    feed.event("T 51 A 14@99", "F 1 B 4@100", "F 3 B 5@99", "F 9 B 5@99", "C 1 B 4@100", "C 3 B 5@99", "C 9 B 5@99")
    assert_reproduced(check(feed), 2)


def test_a_cleared_book_starts_anew() -> None:
    feed = Feed().events(*QUEUE, "R 0 N 0@0", "A 2 B 5@100", "A 1 B 5@100").event("T 50 A 5@100", "F 2 B 5@100", "C 2 B 5@100")
    assert_reproduced(check(feed), 1)


def test_a_finer_tick_may_show_late() -> None:
    coarse = Feed().events("A 1 B 5@100", "A 2 B 5@100", "A 9 A 5@200")
    fine = Feed(time=coarse.time).events("A 3 B 5@101").event("T 50 A 5@101", "F 3 B 5@101", "C 3 B 5@101")
    fine.event("T 51 A 6@100", "F 1 B 5@100", "F 2 B 1@100", "C 1 B 5@100", "M 2 B 4@100")
    assert_reproduced(check(coarse, fine), 2)


def test_what_is_recorded_of_a_trade_never_changes_the_answer_to_it() -> None:
    before = (*QUEUE, "A 4 B 2@99")
    afters = [
        ("F 2 B 5@100", "C 2 B 5@100"),
        ("F 3 B 6@100", "M 3 B 5@100"),
        ("F 2 B 1@100", "C 1 B 5@100", "C 3 B 5@100"),
        ("F 77 B 6@100",),
        ("F 4 B 2@99", "C 1 B 5@100", "C 2 B 5@100", "C 3 B 5@100", "C 4 B 2@99"),
    ]
    for after in afters:
        (miss,) = check(Feed().events(*before).event("T 50 A 6@100", *after)).misses
        assert miss.answer == {(1, 100 * TICK): 5, (2, 100 * TICK): 1}


@pytest.mark.parametrize("seed", range(8))
def test_any_recording_of_a_price_time_exchange_is_reproduced(seed: int) -> None:
    result = check(PlainExchange(seed).run(1_500))
    assert_reproduced(result, result.groups)
    assert result.groups > 100


@pytest.mark.parametrize("seed", range(4))
def test_icebergs_cost_their_first_showing_and_the_end_of_their_reserve_alone(seed: int) -> None:
    result = check(PlainExchange(seed, icebergs=True).run(1_500))
    assert 0.5 < result.share < 1
    assert set(causes(result)) == {"iceberg"}


@pytest.mark.parametrize("seed", range(6))
def test_one_fill_moved_to_another_order_is_found_where_it_is(seed: int) -> None:
    records = PlainExchange(seed).run(800).records()
    live: dict[int, tuple[int, int]] = {}
    places = []
    for number, row in enumerate(records):
        if row["action"] in b"AM":
            live[int(row["order_id"])] = (int(row["side"]), int(row["price"]))
        elif row["action"] in b"F":
            others = [key for key, at in live.items() if at == live[int(row["order_id"])] and key != row["order_id"]]
            places += [(number, others)] if others else []
        elif row["action"] in b"C":
            del live[int(row["order_id"])]
    number, others = places[len(places) // 2]
    records[number]["order_id"] = others[-1]
    first = check(records).misses[0]
    assert first.trade.time == records[number]["ts_event"]


@pytest.mark.parametrize("seed", range(8))
def test_after_any_recording_the_engine_holds_what_was_recorded(seed: int) -> None:
    records, rng = PlainExchange(seed, icebergs=True).run(800).records(), random.Random(seed)
    for row in rng.sample(range(len(records)), 80):
        records[row]["order_id"] = records["order_id"][rng.randrange(row + 1)]
    found = MatchingCheck("altered")
    found.add(records, {})
    assert found.result().share < 1
    (book,) = found._books.values()
    shadow = book._shadow
    shadow.answer(int(Side.BID), -(10**9), 1, 0)
    levels = [(side, price) for side in (Side.BID, Side.ASK) for price in shadow.book.levels(side)["price"].tolist()]
    held = [level for level in levels if level not in shadow._crossing]
    assert len(held) > 4
    for side, price in held:
        rows = shadow.book.orders_at(side, price)
        assert shadow._engine.queue(side, price) == list(zip(rows["order_id"].tolist(), rows["size"].tolist()))


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_the_result_does_not_depend_on_chunks(chunk: int) -> None:
    records = PlainExchange(5, icebergs=True).run(600).records()
    whole = check(records)
    assert whole.misses
    assert check(*(records[at : at + chunk] for at in range(0, len(records), chunk))) == whole


def test_instruments_do_not_touch_each_other() -> None:
    one, two = PlainExchange(1, instrument=1).run(500).records(), PlainExchange(2, instrument=2).run(500).records()
    both = np.concatenate([one, two])
    both = both[np.argsort(both["ts_event"], kind="stable")]
    result = check(both)
    assert_reproduced(result, check(one).groups + check(two).groups)


def test_orders_outside_a_window_are_forgotten() -> None:
    adds = ("A 1 B 5@100", "A 2 B 5@101", "A 3 B 5@102", "A 9 A 5@104")
    trade = ("T 50 A 5@100", "F 1 B 5@100", "C 1 B 5@100")
    gone = ("C 2 B 5@101", "C 3 B 5@102")
    assert_reproduced(check(Feed().events(*adds, *gone).event(*trade), levels=3), 1)
    assert causes(check(Feed().events(*adds, *gone).event(*trade), levels=2)) == {"unknown order": (1, 5)}


def test_in_a_window_an_add_tells_that_what_it_crosses_is_gone() -> None:
    feed = Feed().events("A 1 B 5@100", "A 9 A 5@102", "A 2 B 5@102", "A 8 A 5@104")
    feed.event("T 50 A 5@102", "F 2 B 5@102", "C 2 B 5@102").event("T 51 B 5@104", "F 8 A 5@104", "C 8 A 5@104")
    assert_reproduced(check(feed, levels=5), 2)


def exchange_recording(seed: int, steps: int, discipline: Discipline | None = None) -> Records:
    """What an exchange publishes under random orders of every kind that may rest, among them icebergs and hidden ones."""
    rng = random.Random(seed)
    exchange = Exchange([Listing(Instrument("ACME", tick_size="0.01"), discipline)])
    feed, trader = exchange.feed(), exchange.participant("trader")
    live: list[int] = []
    for step in range(steps):
        price, size, kind = (1_000 + rng.randrange(-6, 7)) * TICK, rng.randrange(1, 20), rng.random()
        if kind < 0.55 or not live:
            display = rng.randrange(1, size + 1) if rng.random() < 0.3 else 0
            hidden = not display and rng.random() < 0.2
            side = rng.choice(("buy", "sell"))
            live.append(exchange.submit(trader, "ACME", side, size, price, ts=step, display_size=display, hidden=hidden).order_id)
        elif kind < 0.7:
            exchange.submit(trader, "ACME", rng.choice(("buy", "sell")), size, price, ts=step, time_in_force=TimeInForce.IOC)
        elif kind < 0.85:
            exchange.replace(trader, order_id=rng.choice(live), price=price if rng.random() < 0.5 else None, size=size, ts=step)
        else:
            exchange.cancel(trader, order_id=live.pop(rng.randrange(len(live))), ts=step)
    return feed.take()


@pytest.mark.parametrize("seed", range(4))
def test_what_the_exchange_itself_publishes_is_reproduced_with_its_icebergs_and_hidden_orders(seed: int) -> None:
    result = check(exchange_recording(seed, 1_500))
    assert_reproduced(result, result.groups)
    assert result.groups > 300
    assert 0 < result.trades_alone < result.groups


def test_another_queue_discipline_is_a_priority_rule() -> None:
    result = check(exchange_recording(1, 1_500, SizeTime()))
    assert 0.3 < result.share < 0.98
    assert set(causes(result)) == {"priority rule"}


def test_price_levels_are_refused_in_one_line() -> None:
    records = Feed().events(*QUEUE).records()
    records["flags"] |= np.uint8(Flag.MBP)
    with pytest.raises(UsageError, match=r"recording: holds price levels \(L2\)") as error:
        check(records)
    assert "\n" not in str(error.value)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path]:
    """A recording, and a copy with one fill and its cancel assigned to another order."""
    feed = Feed().events(*QUEUE)
    for number in range(10, 59):
        feed.events(f"A {number} A 1@101")
    paths = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    for path, filled in zip(paths, (1, 2)):
        copy = Feed(time=feed.time, rows=list(feed.rows))
        copy.event("T 50 A 2@100", f"F {filled} B 2@100", f"M {filled} B 3@100")
        copy.event("T 51 B 54@101", "F 9 A 5@101", *(f"F {number} A 1@101" for number in range(10, 59)))
        write(str(path), [copy.records()], {7: Instrument("ACME", instrument_id=7, publisher_id=2)})
    return paths


def test_the_command_prints_share_causes_and_the_first_difference(
    saved: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = saved
    assert run(["verify", "--matching", str(good)]) == 0
    assert "quantity    56 of 56 (100.00%)" in capsys.readouterr().out
    assert run(["verify", "--matching", str(bad)]) == 1
    out = capsys.readouterr().out
    assert "groups      1 of 2 as recorded (50.00%)" in out
    assert re.search(r"^rest +priority rule: 1 group, quantity 2 \(3\.57%\)", out, re.MULTILINE)
    assert re.search(r"^differs +ACME at .*sell 2 @ 1: priority rule \(2\)$", out, re.MULTILINE)


def test_the_bar_is_at_least(saved: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    bad = str(saved[1])
    assert run(["verify", "--matching", bad, "--at-least", "96", "--json"]) == 0
    assert run(["verify", "--matching", bad, "--at-least", "97"]) == 1
    found = msgspec.json.decode(capsys.readouterr().out.partition("\nsource")[0])
    assert (found["holds"], found["at_least"]) == (True, 96)
    (source,) = found["sources"]
    assert (source["groups"], source["exact_groups"], source["quantity"], source["exact_quantity"]) == (2, 1, 56, 54)
    assert source["causes"][Cause.PRIORITY] == {"groups": 1, "quantity": 2}
    assert source["misses"][0]["engine"] == [{"order_id": 1, "price": "1", "size": "2"}]


def test_a_recording_without_trades_has_nothing_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "quiet.parquet"
    write(str(path), [Feed().events(*QUEUE).records()], {7: Instrument("ACME", instrument_id=7, publisher_id=2)})
    assert run(["verify", "--matching", str(path)]) == 1
    assert "nothing to compare" in capsys.readouterr().out


def test_another_truth_is_refused(saved: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--matching", str(saved[0]), "--against", "x.csv"]) == 2
    assert "--against" in capsys.readouterr().err


@pytest.mark.parametrize("options", [(), ("--auctions",)])
def test_a_simulated_recording_is_reproduced_completely(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "simulated.parquet")
    assert run(["simulate", "-o", path, "--events", "20000", "--instruments", "2", "--seed", "3", *options]) == 0
    capsys.readouterr()
    assert run(["verify", "--matching", path, "--at-least", "100", "--json"]) == 0
    (source,) = msgspec.json.decode(capsys.readouterr().out)["sources"]
    assert source["exact_groups"] == source["groups"] > 100
