"""Random events through the formats that Tickdeck writes: given back bit for bit, or refused before anything is written."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from tickdeck.core import EVENT, Instrument, LossError, PrecisionError, Records, UsageError
from tickdeck.soak.campaign import FindingError
from tickdeck.soak.decoders import clear
from tickdeck.tape import read, write

_EXACT = ("npy", "parquet", "arrow", "arrows")
_CAREFUL = ("dbn", "dbn.zst", "csv", "jsonl")
"""These cannot hold everything, and say so."""


class RoundTripCampaign:
    """Arrays of events, from plausible ones to any bit patterns."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder

    def try_one(self, rng: random.Random) -> None:
        """One array through one format."""
        clear(self._folder)
        events = random_events(rng)
        suffix = rng.choice(_EXACT + _CAREFUL)
        path = self._folder / f"a.{suffix}"
        known = {1: Instrument("ONE", instrument_id=1), 7: Instrument("SEVEN", size_decimals=8, instrument_id=7)}
        cut = rng.randrange(len(events) + 1)
        try:
            write(path, [events[:cut], events[cut:]], known)
        except (LossError, PrecisionError, UsageError) as error:
            if suffix in _EXACT:
                raise FindingError(f"{suffix} refuses events: {error}") from error
            if list(self._folder.iterdir()):
                raise FindingError(f"{suffix} refused and left something behind: {error}") from error
            return
        if not len(events) and suffix in _CAREFUL:
            return
        with read(path, chunk=rng.choice((1, 7, 65_536))) as reader:
            back = np.concatenate([np.zeros(0, EVENT), *reader])
        if back.tobytes() != events.tobytes():
            names = [name for name in EVENT.names or () if len(back) == len(events) and (back[name] != events[name]).any()]
            raise FindingError(f"{suffix}: {len(events)} events come back as {len(back)}, different in {', '.join(names)}")


def random_events(rng: random.Random) -> Records:
    """Up to 200 events: any bits at all, or such as a venue might send with some odd fields."""
    count = rng.choice((0, 1, 2, 20, 200))
    if rng.random() < 0.3:
        events = np.frombuffer(rng.randbytes(64 * count), EVENT).copy()
        events["reserved"] = 0
        return events
    made = np.random.default_rng(rng.randrange(2**63))
    events = np.zeros(count, EVENT)
    events["ts_event"] = 1_700_000_000_000_000_000 + np.cumsum(made.integers(0, 10**6, count))
    events["ts_recv"] = events["ts_event"] + made.integers(0, 10**5, count)
    events["order_id"] = made.integers(0, 2**63, count, np.uint64)
    events["price"] = made.integers(-1_000, 100_000, count) * 10**7
    events["size"] = made.integers(0, 10**6, count)
    events["sequence"] = np.arange(count)
    events["instrument_id"] = made.choice([1, 7], count)
    events["publisher_id"] = made.choice([1, 2, 60_010], count)
    events["action"] = made.choice(np.frombuffer(b"ACMRTFN", "u1"), count)
    events["side"] = made.choice(np.frombuffer(b"BAN", "u1"), count)
    events["flags"] = made.choice([128, 130, 0, 32, 160, 16, 64, 4], count)
    events["rtype"] = 160
    for name in rng.sample([name for name in EVENT.names or () if name != "reserved"], rng.randrange(3)):
        bits = np.frombuffer(rng.randbytes(events[name].nbytes), events[name].dtype)
        events[name] = np.where(made.random(count) < 0.3, bits, events[name])
    return events
