"""An exchange with a journal comes back as it was: after an end, a kill, a full disk, and with damaged snapshots."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tickdeck.core import (
    COMMAND,
    FormatError,
    Instrument,
    JournalError,
    Phase,
    Reason,
    Records,
    SelfTrade,
    UnknownInstrumentError,
    UsageError,
)
from tickdeck.exchange import Exchange, Listing, ProRata, SizeTime
from tickdeck.exchange.configuration import listing_fields, listing_from_fields
from tickdeck.exchange.recovery import recover
from tickdeck.risk import Fees, Limits, RiskState
from tickdeck.soak.commands import STYLES, Flow, Scenario, as_commands, random_listing, random_scenario
from tickdeck.soak.recovery import begun
from tickdeck.tape.journal import JournalWriter

ACME = Instrument("ACME", tick_size="0.01", instrument_id=1)


def of_style(style: int, seed: int, count: int) -> Scenario:
    """A stream rich in one kind of order."""
    rng = random.Random(seed)
    listings = [random_listing(rng, instrument) for instrument in (1, 2)]
    flow = Flow(rng, STYLES[style], listings, 3)
    return Scenario(listings, 3, as_commands([flow.command() for _ in range(count)]))


def pieces(rng: random.Random, commands: Records) -> list[Records]:
    """The commands in batches of any lengths."""
    cuts = sorted(rng.randrange(len(commands) + 1) for _ in range(rng.randrange(8)))
    return [part for part in np.split(commands, cuts) if len(part)]


def assert_same(one: Exchange, other: Exchange) -> None:
    """Nothing that can be asked tells the exchanges apart."""
    assert one.state_hash() == other.state_hash()
    assert [(who.id, who.name, who.self_trade) for who in one.participants] == [
        (who.id, who.name, who.self_trade) for who in other.participants
    ]
    assert one.clock == other.clock
    for number in one.instruments:
        assert one.statistics(number) == other.statistics(number)
        assert one.indicative(number) == other.indicative(number)
        assert one.trades(number).tobytes() == other.trades(number).tobytes()
        for mine, theirs in zip(one.book(number).depth(50), other.book(number).depth(50)):
            assert mine.tobytes() == theirs.tobytes()
        for who in one.participants:
            assert one.position(who.id, number) == other.position(who.id, number)


@pytest.mark.parametrize("seed", range(12))
def test_an_ended_exchange_is_recovered_and_goes_on_as_if_nothing_had_happened(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    scenario = of_style(seed % len(STYLES), seed, 400) if seed % 2 else random_scenario(rng, 300)
    whole = begun(scenario)
    exchange = begun(scenario, journal=tmp_path, durable=rng.random() < 0.5, snapshot_every=rng.choice((0, 1, 50, 130)))
    for part in pieces(rng, scenario.commands):
        expected = whole.submit_batch(part)
        assert exchange.submit_batch(part).tobytes() == expected.tobytes()
        if rng.random() < 0.5:
            exchange.close()
            exchange, report = Exchange.recover(tmp_path, snapshot_every=rng.choice((0, 1, 50)))
            assert report.dropped == [] and report.skipped == []
            assert_same(exchange, whole)
    assert_same(exchange, whole)
    exchange.close()


def test_executions_and_events_after_recovery_are_those_of_an_exchange_that_never_stopped(tmp_path: Path) -> None:
    scenario = of_style(1, 5, 400)
    whole, exchange = begun(scenario), begun(scenario, journal=tmp_path, snapshot_every=100)
    whole.submit_batch(scenario.commands[:250])
    exchange.submit_batch(scenario.commands[:250])
    exchange.close()
    exchange, _ = Exchange.recover(tmp_path)
    for one in (whole, exchange):
        one.take_executions()
    feeds = whole.feed(), exchange.feed()
    for at in range(250, 400):
        batch = scenario.commands[at : at + 1]
        assert exchange.submit_batch(batch).tobytes() == whole.submit_batch(batch).tobytes()
    mine, expected = exchange.take_executions(), whole.take_executions()
    assert len(expected) and mine.tobytes() == expected.tobytes()
    assert feeds[0].take().tobytes() == feeds[1].take().tobytes()
    exchange.close()


def test_participants_are_recovered_with_their_names_modes_and_next_ids(tmp_path: Path) -> None:
    for snapshot_every in (0, 1):
        folder = tmp_path / str(snapshot_every)
        exchange = Exchange([ACME], journal=folder, snapshot_every=snapshot_every)
        alice = exchange.participant("alice", self_trade=SelfTrade.CANCEL_OLDEST)
        for price in (1000, 1001, 1002):
            exchange.submit(alice, "ACME", "buy", 5, price * 10**7)
        bob = exchange.participant("bob")
        exchange.submit(bob, "ACME", "sell", 5, 2000 * 10**7, client_order_id=130)
        exchange.close()
        back, _ = Exchange.recover(folder, resume=False)
        assert [(who.name, who.self_trade, who.next_client_order_id) for who in back.participants] == [
            ("alice", SelfTrade.CANCEL_OLDEST, 4),
            ("bob", SelfTrade.NONE, 131),
        ]
        assert back.participant("alice").id == 1
        assert len(back.participants[0].take()) == 0


def test_a_listing_survives_as_json() -> None:
    for listing in (
        Listing(ACME),
        Listing(ACME, ProRata(40, 2), static_band="5", dynamic_band="0.1234", volatility_pause="3min", phase=Phase.CLOSED),
        Listing(Instrument("B", tick_size="0.5", size_decimals=3, lot_size="0.01", venue="X"), SizeTime(), maximum_size=77),
    ):
        assert listing_from_fields(listing_fields(listing)) == listing


def test_a_folder_with_a_journal_is_not_overwritten(tmp_path: Path) -> None:
    exchange = Exchange([ACME], journal=tmp_path)
    with pytest.raises(JournalError, match="is writing this journal"):
        Exchange([ACME], journal=tmp_path)
    with pytest.raises(JournalError, match="is writing this journal"):
        Exchange.recover(tmp_path)
    exchange.participant("alice")
    exchange.close()
    with pytest.raises(UsageError, match="this journal has 1 records; recover"):
        Exchange([ACME], journal=tmp_path)
    Exchange.recover(tmp_path)[0].close()


def test_an_exchange_without_commands_is_recovered(tmp_path: Path) -> None:
    Exchange([Listing(ACME, SizeTime())], journal=tmp_path).close()
    exchange, report = Exchange.recover(tmp_path)
    assert exchange.listings == (Listing(ACME, SizeTime()),) and report.sequence == 0
    exchange.close()


def test_a_journal_of_something_else_is_refused(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, COMMAND) as journal:
        journal.append(np.zeros(3, COMMAND))
    with pytest.raises(FormatError, match="no journal of an exchange"):
        Exchange.recover(tmp_path)


def test_a_closed_exchange_takes_no_command(tmp_path: Path) -> None:
    exchange = Exchange([ACME], journal=tmp_path)
    alice = exchange.participant("alice")
    exchange.close()
    before = exchange.state_hash()
    with pytest.raises(JournalError, match="closed"):
        exchange.submit(alice, "ACME", "buy", 5, 10**10)
    with pytest.raises(JournalError, match="closed"):
        exchange.participant("bob")
    assert exchange.state_hash() == before and len(exchange.participants) == 1


def test_a_full_disk_stops_acceptance_and_loses_nothing_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = of_style(0, 3, 300)
    whole, exchange = begun(scenario), begun(scenario, journal=tmp_path, snapshot_every=0)
    for one in (whole, exchange):
        one.submit_batch(scenario.commands[:100])
    write = os.pwrite

    def full(file: int, parts: Any, offset: int) -> int:
        write(file, b"".join(parts)[:100], offset)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", full)
        with pytest.raises(JournalError, match="No space left on device"):
            exchange.submit_batch(scenario.commands[100:200])
    for _ in range(2):
        with pytest.raises(JournalError, match="No space left on device"):
            exchange.advance(10**9)
    assert_same(exchange, whole)
    assert_same(Exchange.recover(tmp_path, resume=False)[0], whole)
    assert exchange.journal is not None
    exchange.journal.reopen()
    for one in (whole, exchange):
        one.submit_batch(scenario.commands[100:])
    assert_same(exchange, whole)
    exchange.close()
    assert_same(Exchange.recover(tmp_path, resume=False)[0], whole)


def test_damaged_snapshots_are_passed_over_and_told(tmp_path: Path) -> None:
    scenario = of_style(0, 4, 200)
    exchange = begun(scenario, journal=tmp_path, snapshot_every=60)
    for part in np.split(scenario.commands, 10):
        exchange.submit_batch(part)
    exchange.close()
    newest, older = sorted(tmp_path.glob("snapshot-*.npz"), reverse=True)
    assert recover(tmp_path, resume=False)[1].snapshot == int(newest.name[9:29])
    for path, left in ((newest, int(older.name[9:29])), (older, 0)):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
        back, report = recover(tmp_path, resume=False)
        assert_same(back, exchange)
        assert report.snapshot == left and f"{path}: the snapshot is damaged" in str(report)


def test_a_snapshot_of_another_version_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange([ACME], journal=tmp_path, snapshot_every=1)
    exchange.submit(exchange.participant("alice"), "ACME", "buy", 5, 10**10)
    exchange.close()
    with np.load(next(tmp_path.glob("snapshot-*"))) as found:
        assert {"state", "extras", "pool_orders"} <= {name.removesuffix(".npy") for name in found}
    from tickdeck.exchange import state

    monkeypatch.setattr(state, "_NOT_KEPT", {*state._NOT_KEPT, "lists"})
    back, report = recover(tmp_path, resume=False)
    assert report.snapshot == 0 and "other arrays than this version of the exchange (lists)" in report.skipped[-1]
    assert back.state_hash() == exchange.state_hash()


def test_segments_that_a_snapshot_contains_may_be_removed(tmp_path: Path) -> None:
    scenario = of_style(3, 6, 200)
    exchange = begun(scenario, journal=tmp_path, snapshot_every=0)
    exchange.submit_batch(scenario.commands[:150])
    assert exchange.journal is not None
    exchange.journal.snapshot(exchange)
    exchange.close()
    exchange, _ = Exchange.recover(tmp_path)
    exchange.submit_batch(scenario.commands[150:])
    exchange.close()
    min(tmp_path.glob("segment-*")).unlink()
    assert_same(recover(tmp_path, resume=False)[0], exchange)
    next(tmp_path.glob("snapshot-*")).unlink()
    with pytest.raises(FormatError, match="begins at record"):
        recover(tmp_path)


def test_a_snapshot_that_cannot_be_written_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tickdeck.exchange import journal

    def fail(*_: object) -> None:
        raise JournalError("snapshot-1: the snapshot cannot be written (No space left on device)")

    exchange = Exchange([ACME], journal=tmp_path, snapshot_every=1)
    monkeypatch.setattr(journal, "write_snapshot", fail)
    alice = exchange.participant("alice")
    with pytest.warns(RuntimeWarning, match="No space left"):
        assert exchange.submit(alice, "ACME", "buy", 5, 10**10).remaining == 5
    exchange.close()


def test_an_interruption_between_journal_and_engine_ends_the_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange([ACME], journal=tmp_path)
    alice = exchange.participant("alice")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Exchange, "_carry_out", interrupt)
        with pytest.raises(KeyboardInterrupt):
            exchange.submit(alice, "ACME", "buy", 5, 10**10)
    with pytest.raises(JournalError, match="interrupted while it carried out commands"):
        exchange.submit(alice, "ACME", "buy", 5, 10**10)
    back, report = Exchange.recover(tmp_path, resume=False)
    assert report.commands == 1 and back.book("ACME").best_bid.size == 5


def test_kernels_cannot_go_past_the_journal(tmp_path: Path) -> None:
    assert Exchange([ACME]).handle
    with pytest.raises(UsageError, match="journal"):
        Exchange([ACME], journal=tmp_path).handle  # noqa: B018


def test_rejected_commands_in_the_journal_change_nothing(tmp_path: Path) -> None:
    exchange = Exchange([ACME], journal=tmp_path, snapshot_every=0)
    alice = exchange.participant("alice")
    before = exchange.state_hash()
    for size, price in ((0, 10**10), (5, 10**10 + 1), (-1, 10**10)):
        assert not exchange.submit(alice, "ACME", "buy", size, price).accepted
    exchange.close()
    back, report = recover(tmp_path, resume=False)
    assert report.commands == 3 and back.state_hash() == before


LIMITS = Limits.from_dict(
    {
        "max_order_size": 6,
        "max_notional": "700",
        "max_open_orders": 15,
        "orders_per_second": 400_000_000,
        "order_burst": 30,
        "duplicate_window": "3ns",
        "max_consecutive_losses": 3,
        "cool_down": "20ns",
        "instruments": {"I2": {"max_position": 12, "calendar": "always"}},
        "accounts": {"P1": {"max_position": 20, "instruments": {"I1": {"max_order_size": 9}}}},
        "calendars": {"always": {"weekdays": ["thursday"], "time_zone": "UTC"}},
    }
)
FEES = {"I1": Fees(maker="-0.0001", taker="0.0005"), "I2": Fees(taker_per_unit="0.0125")}


def with_risk(scenario: Scenario, **options: Any) -> Exchange:
    return begun(scenario, risk=LIMITS, fees=FEES, rates={"EUR": "1.1"}, **options)


def change_risk(exchange: Exchange, step: int) -> None:
    """One of the changes that can be made at run time."""
    gate = exchange.risk
    assert gate is not None
    if step == 0:
        gate.account("P2").deposit("100.50")
        gate.account("P1").deposit(7, "EUR")
    elif step == 1:
        gate.update(LIMITS.replaced(max_order_size=4), who="risk desk")
    elif step == 2:
        gate.kill("P1", who="risk desk", cancel_all=True)
        gate.set_state(RiskState.REDUCING, "P2", who="risk desk")
    elif step == 3:
        gate.set_rate("EUR", "1.25")
        with pytest.raises(UnknownInstrumentError):
            gate.update(LIMITS.replaced(instruments={"NONE": {"max_order_size": 1}}), who="risk desk")
    else:
        gate.resume("P1", who="risk desk")
        gate.reset_losses("P1", who="risk desk")


@pytest.mark.parametrize("snapshot_every", [0, 40])
def test_limits_accounts_and_their_changes_at_run_time_are_recovered(tmp_path: Path, snapshot_every: int) -> None:
    scenario = of_style(0, 21, 180)
    whole, exchange = with_risk(scenario), with_risk(scenario, journal=tmp_path, snapshot_every=snapshot_every)
    refused = set()
    for step, part in enumerate(np.split(scenario.commands, 6)):
        for one in (whole, exchange):
            one.submit_batch(part)
            change_risk(one, step)
        refused |= {int(reason) for reason in whole.take_executions()["reason"] if reason >= Reason.MAX_ORDER_SIZE}
        exchange.close()
        with pytest.raises(JournalError):
            change_risk(exchange, 0)
        exchange, report = Exchange.recover(tmp_path, snapshot_every=snapshot_every)
        assert (report.snapshot > 0) == (snapshot_every > 0 and step > 0), step
        assert_same(exchange, whole)
        mine, expected = exchange.risk, whole.risk
        assert mine is not None and expected is not None
        assert mine.state_hash() == expected.state_hash()
        assert (mine.limits, mine.accounts) == (expected.limits, expected.accounts)
        for name in mine.accounts:
            assert mine.state_of(name) == expected.state_of(name) and mine.killed(name) == expected.killed(name)
            one, other = mine.account(name), expected.account(name)
            assert (one.equity, one.pnl, one.positions()) == (other.equity, other.pnl, other.positions())
            assert one.deposits("EUR") == other.deposits("EUR")
    assert len(refused) > 3
    exchange.close()


def test_the_soak_campaign_finds_a_recovery_to_another_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tickdeck.soak import FindingError
    from tickdeck.soak import recovery as campaign

    def wrong(*given: Any, **options: Any) -> Any:
        exchange, report = recover(*given, **options)
        exchange._memory.state[0]["next_order_id"] += 1
        return exchange, report

    monkeypatch.setattr(campaign, "recover", wrong)
    with pytest.raises(FindingError, match="is not theirs"):
        campaign.RecoveryCampaign(tmp_path, "").try_one(random.Random(1))


KILLED = """
import sys
import numpy as np
from tickdeck.exchange import Exchange
folder, path, durable = sys.argv[1:]
commands = np.load(path)
exchange, report = Exchange.recover(folder, durable=durable == "durable", snapshot_every=3_000)
done = report.sequence - 3
while True:
    count = done * 31 % 97 + 1
    exchange.submit_batch(commands[done : done + count])
    done += count
    print(done, flush=True)
"""


@pytest.mark.parametrize("durable", ["durable", "plain"])
def test_after_kill_9_the_acknowledged_commands_are_there_and_the_state_is_theirs(tmp_path: Path, durable: str) -> None:
    scenario = of_style(0, 9, 2_000)
    # The same commands over and over: mostly rejected as duplicates later on, which is as good for the journal.
    commands = np.tile(scenario.commands, 40)
    commands["ts"] = np.sort(commands["ts"])
    path, folder = tmp_path / "commands.npy", tmp_path / "journal"
    np.save(path, commands)
    begun(scenario, journal=folder).close()
    reached = 0
    rng = random.Random(durable)
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder), str(path), durable], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(rng.randrange(1, 60)):
                told = int(child.stdout.readline())
            child.kill()
            told = max([told, *(int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n"))])
        back, report = Exchange.recover(folder, resume=False)
        kept = report.sequence - 3
        assert kept >= told > reached
        whole = begun(scenario)
        whole.submit_batch(commands[:kept])
        assert_same(back, whole)
        reached = told
