"""One campaign in a process of its own: what crashes or hangs there is noticed outside.

Arguments: name, seed, first input, seconds, most inputs, folder. The number of the input at work stands in ``folder/progress``; a line of
JSON tells each failure, and one at the end what was tried.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from pathlib import Path

import msgspec

from tickdeck.soak.campaign import FindingError, generator, make

_MOST_FAILURES = 20
_MOST_BYTES = 1 << 30
"""Memory that one input may take."""


def _peak() -> int:
    """Bytes of memory that this process took at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def work(name: str, seed: int, first: int, seconds: float, most: int, folder: Path) -> None:
    """Try inputs one after another."""
    at_work = folder / "input"
    at_work.mkdir(exist_ok=True)
    progress = os.open(folder / "progress", os.O_RDWR | os.O_CREAT)
    campaign = make(name, at_work)
    failures = 0
    number = first
    deadline = float("inf")
    begun = time.monotonic()
    while number < first + most and time.monotonic() < deadline and failures < _MOST_FAILURES:
        os.pwrite(progress, number.to_bytes(8, "little"), 0)
        before = _peak()
        try:
            campaign.try_one(generator(name, seed, number))
            # The first inputs load or compile kernels.
            if number > first + 100 and _peak() - before > _MOST_BYTES:
                raise FindingError(f"it took {(_peak() - before) >> 20:,} MiB of memory")
        except Exception as error:
            failures += 1
            shutil.copytree(at_work, folder / "failed" / str(number), dirs_exist_ok=True)
            text = " ".join(f"{type(error).__name__}: {error}".split())[:500]
            print(msgspec.json.encode({"input": number, "error": text}).decode(), flush=True)
        number += 1
        if deadline == float("inf"):
            begun = time.monotonic()
            deadline = begun + seconds
    print(msgspec.json.encode({"tried": number - first, "seconds": time.monotonic() - begun}).decode(), flush=True)


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), Path(sys.argv[6]))
