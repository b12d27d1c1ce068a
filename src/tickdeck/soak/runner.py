"""Runs a campaign in a child process, notices crashes and hangs, and keeps what failed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

_POLL_SECONDS = 0.1
_MOST_CRASHES = 5
UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class Failure:
    """An input for which a campaign's claim does not hold.

    Parameters
    ----------
    input : int
        Its number.
    error : str
        One line.
    kept : Path or None
        Folder with what was tried.
    """

    input: int
    error: str
    kept: Path | None


@dataclass(slots=True)
class Outcome:
    """How a campaign went."""

    name: str
    seed: int
    tried: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


def run_campaign(
    name: str,
    seconds: float,
    seed: int,
    *,
    only: int | None = None,
    keep: Path = Path("soak-failures"),
    hang_seconds: float = 120.0,
    progress: Callable[[float, int], None] | None = None,
) -> Outcome:
    """Try a campaign's inputs for a while.

    Parameters
    ----------
    name : str
        Of :data:`CAMPAIGNS`.
    seconds : float
        Counted from the first input that is done, so that compiling kernels takes nothing away.
    seed : int
    only : int, optional
        Try this input alone.
    keep : Path
        Folder for what failed; made when something does.
    hang_seconds : float
        An input that takes longer hangs.
    progress : callable, optional
        Called as ``progress(seconds so far, inputs so far)``.
    """
    outcome = Outcome(name, seed)
    first, most = (0, UNLIMITED) if only is None else (only, 1)
    crashes = 0
    with tempfile.TemporaryDirectory(prefix="tickdeck-soak-", dir=_fast_folder()) as folder:
        while True:
            child = _Child(name, seed, first, seconds - outcome.seconds, most, Path(folder))
            died = child.follow(hang_seconds, lambda spent, at: progress and progress(outcome.seconds + spent, at))
            for number, error in child.found:
                outcome.failures.append(_kept(Path(folder) / "failed" / str(number), keep, name, seed, number, error))
            if died is None:
                outcome.tried += child.tried
                outcome.seconds += child.seconds
                break
            crashes += 1
            number = child.number(first)
            outcome.tried += number + 1 - first
            outcome.seconds += child.spent
            outcome.failures.append(_kept(Path(folder) / "input", keep, name, seed, number, died))
            first = number + 1
            if only is not None or crashes >= _MOST_CRASHES or outcome.seconds >= seconds:
                break
    return outcome


class _Child:
    """A worker process."""

    def __init__(self, name: str, seed: int, first: int, seconds: float, most: int, folder: Path) -> None:
        self._folder = folder
        arguments = [name, seed, first, seconds, most, folder]
        (folder / "progress").unlink(missing_ok=True)
        self._output = (folder / "output").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tickdeck.soak.worker", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.PIPE,
        )
        self.found: list[tuple[int, str]] = []
        self.tried = 0
        self.seconds = 0.0
        """That the worker counted itself."""
        self.spent = 0.0
        """Up to the start of the input at which it died."""

    def number(self, default: int) -> int:
        """The input at work."""
        try:
            return int.from_bytes((self._folder / "progress").read_bytes()[:8], "little")
        except OSError:
            return default

    def follow(self, hang_seconds: float, progress: Callable[[float, int], Any]) -> str | None:
        """Wait for the end; why it died, None if it did not."""
        begun = changed = time.monotonic()
        last, started = -1, None
        died = None
        try:
            while self._process.poll() is None:
                time.sleep(_POLL_SECONDS)
                now = time.monotonic()
                number = self.number(-1)
                if number != last:
                    last, changed = number, now
                    # The first input compiles.
                    started = started or now
                    progress(now - started, number)
                elif now - changed > hang_seconds:
                    died = f"hangs: no end after {hang_seconds:g} s"
                    break
        finally:
            self._process.kill()
            _, errors = self._process.communicate()
            self.spent = changed - (started or begun)
        self._read()
        if died is None and self._process.returncode != 0:
            lines = errors.decode("utf-8", "replace").strip().splitlines()
            signal = f"signal {-self._process.returncode}" if self._process.returncode < 0 else f"exit {self._process.returncode}"
            died = f"the process died ({signal}){': ' + lines[-1] if lines else ''}"
        return died

    def _read(self) -> None:
        self._output.seek(0)
        for line in self._output.read().splitlines():
            told = msgspec.json.decode(line)
            if "tried" in told:
                self.tried, self.seconds = told["tried"], told["seconds"]
            else:
                self.found.append((told["input"], told["error"]))
        self._output.close()


def _fast_folder() -> str | None:
    """A folder in memory where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _kept(source: Path, keep: Path, name: str, seed: int, number: int, error: str) -> Failure:
    """Move what failed out of the temporary folder."""
    target = keep / f"{name.replace(':', '.')}-{seed}-{number}"
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.mkdir(parents=True, exist_ok=True)
    (target / "error.txt").write_text(f"{error}\nrepeat: tickdeck soak {name} --seed {seed} --input {number}\n")
    return Failure(number, error, target)
