"""``tickdeck convert`` killed at any moment: under the target's name stands nothing, what stood there, or the whole file."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from tickdeck.simulation import order_flow
from tickdeck.soak.campaign import FindingError
from tickdeck.tape import write

_EVENTS = 150_000
_TARGETS = ("b.dbn", "b.dbn.zst", "b.npy", "b.parquet", "b.arrow", "b.csv", "b.jsonl.gz")
_BEFORE = b"what stood there before"


class ConversionCampaign:
    """Conversions of one simulated tape to all formats that hold it."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder
        self._whole: dict[str, tuple[bytes, float]] = {}

    def try_one(self, rng: random.Random) -> None:
        """Start a conversion, kill it, look at what is there."""
        source = self._folder / "a.npy"
        if not source.exists():
            market = order_flow(events=_EVENTS, seed=1)
            write(source, market, market.instruments)
        name = rng.choice(_TARGETS)
        whole, usual = self._expected(name)
        target = self._folder / name
        before = rng.random() < 0.3
        if before:
            target.write_bytes(_BEFORE)
        child = self._start(target)
        time.sleep(rng.random() * 1.1 * usual)
        child.kill()
        child.wait()
        found = target.read_bytes() if target.exists() else None
        for path in self._folder.glob(f"{target.name.split('.')[0]}.*"):
            path.unlink()
        for path in self._folder.glob(".*"):
            path.unlink()
        if found is not None and found != whole and not (before and found == _BEFORE):
            raise FindingError(f"{name}: {len(found):,} of {len(whole):,} bytes stand under its name after a kill")
        if found is None and before:
            raise FindingError(f"{name}: what stood there before is gone after a kill")

    def _expected(self, name: str) -> tuple[bytes, float]:
        """The whole file, and how long a conversion takes."""
        if name not in self._whole:
            target = self._folder / f"whole-{name}"
            self._start(target).wait()
            begun = time.monotonic()
            if self._start(target).wait():
                raise FindingError(f"{name}: the conversion fails")
            self._whole[name] = target.read_bytes(), time.monotonic() - begun
            for path in self._folder.glob("whole-*"):
                path.unlink()
        return self._whole[name]

    def _start(self, target: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tickdeck", "convert", str(self._folder / "a.npy"), str(target)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
