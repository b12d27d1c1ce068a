"""Exchanges with a journal that are killed, meet a full disk or have their files damaged: recovered as if they had stopped earlier."""

from __future__ import annotations

import os
import random
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from tickdeck.core import FormatError, JournalError, Records
from tickdeck.exchange import Exchange
from tickdeck.exchange.recovery import recover
from tickdeck.soak.campaign import FindingError
from tickdeck.soak.commands import Scenario, random_scenario
from tickdeck.soak.decoders import clear
from tickdeck.soak.journal import Told, run_child
from tickdeck.soak.matching import listed
from tickdeck.soak.mutation import damaged_file


class RecoveryCampaign:
    """A random scenario through an exchange that is stopped a few times."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder

    def try_one(self, rng: random.Random) -> None:
        """Up to three stops, then perhaps damage to a file."""
        clear(self._folder)
        scenario = random_scenario(rng, rng.choice((30, 200, 600)))
        exchange = begun(scenario, journal=self._folder, durable=False)
        assert exchange.journal is not None
        base = exchange.journal.sequence
        exchange.close()
        for _ in range(rng.randrange(1, 4)):
            kept = self._state(scenario, base)
            seconds, most_bytes = rng.choice(((rng.random() * 0.1, None), (20.0, None), (20.0, rng.randrange(1, 400_000))))
            work = partial(self._go_on, random.Random(rng.random()), scenario.commands, base)
            told = run_child(work, seconds, most_bytes)
            if self._state(scenario, base) < max(told, kept):
                raise FindingError(f"{told:,} commands were acknowledged, fewer are recovered")
        if rng.random() < 0.5:
            self._damage(rng, scenario, base)

    def _go_on(self, rng: random.Random, commands: Records, base: int, told: Told) -> None:
        """Recover the exchange and send it the commands that it has not had."""
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            exchange, report = recover(self._folder, durable=rng.random() < 0.5, snapshot_every=rng.choice((0, 1, 20, 100)))
            done = report.sequence - base
            while done < len(commands):
                count = rng.choice((1, 1, 3, 20, 100))
                exchange.submit_batch(commands[done : done + count])
                done = min(done + count, len(commands))
                told(done)
            exchange.close()
        except JournalError:
            return

    def _state(self, scenario: Scenario, base: int) -> int:
        """How many commands are recovered; their state must be that of an exchange that had these and no more."""
        exchange, report = recover(self._folder, resume=False)
        count = report.sequence - base
        if count >= 0:
            expected = begun(scenario)
            if count:
                expected.submit_batch(scenario.commands[:count])
            if exchange.state_hash() != expected.state_hash():
                raise FindingError(f"the state recovered after {count:,} commands is not theirs ({report})")
        return count

    def _damage(self, rng: random.Random, scenario: Scenario, base: int) -> None:
        path = rng.choice(sorted(path for path in self._folder.iterdir() if path.suffix in (".arrows", ".npz")))
        if rng.random() < 0.3:
            os.truncate(path, rng.randrange(path.stat().st_size + 1))
        else:
            path.write_bytes(damaged_file(path.read_bytes(), rng))
        try:
            self._state(scenario, base)
        except FormatError as error:
            if "\n" in str(error) or str(self._folder) not in str(error):
                raise FindingError(f"unclear: {error}") from error


def begun(scenario: Scenario, **options: Any) -> Exchange:
    """The exchange of a scenario, before the first command."""
    exchange = Exchange([listed(listing) for listing in scenario.listings], **options)
    for number in range(1, scenario.participants + 1):
        exchange.participant(f"P{number}")
    for time, phase, instrument in scenario.plan:
        exchange.schedule([(time, phase)], instrument)
    return exchange
