"""Journals whose writers are killed or meet a full disk, and whose files are torn and damaged: the right beginning, or a clear error."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from tickdeck.core import COMMAND, FormatError, JournalError, Records
from tickdeck.soak.campaign import FindingError
from tickdeck.soak.decoders import clear
from tickdeck.soak.mutation import damaged_file
from tickdeck.tape.journal import JournalWriter
from tickdeck.tape.journal_reader import JournalReader

_WORDS = COMMAND.itemsize // 8
_NUMBER = 8
"""Bytes of a sequence number in the pipe from a writer."""
Told = Callable[[int], object]
"""How a writer tells the last record that it knows is kept."""


class JournalCampaign:
    """A journal through a few starts of its writer, each with an end of its own."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder

    def try_one(self, rng: random.Random) -> None:
        """Up to four starts, then perhaps damage to a file."""
        clear(self._folder)
        reached = 0
        """Records that were there after the last start; and the least that must be there now."""
        for _ in range(rng.randrange(1, 5)):
            told = rng.choice((self._ended, self._killed, self._torn, self._full))(rng, reached)
            found = read_back(self._folder)
            if found < told:
                raise FindingError(f"{told:,} records were acknowledged, {found:,} are there")
            reached = found
        if rng.random() < 0.6 and any(self._folder.glob("segment-*")):
            self._damaged(rng, reached)

    def _ended(self, rng: random.Random, reached: int) -> int:
        """A writer that closes its journal."""
        with self._writer(rng, reached) as journal:
            for _ in range(rng.randrange(6)):
                journal.append(records(journal.sequence + 1, _length(rng)))
            return journal.sequence

    def _killed(self, rng: random.Random, reached: int) -> int:
        """A writer that is killed at some moment; the last record of which it told."""
        return self._child(rng, reached, rng.random() * 0.02, None)

    def _full(self, rng: random.Random, reached: int) -> int:
        """A writer whose files cannot grow beyond some size."""
        return self._child(rng, reached, 5.0, rng.randrange(1, 300_000))

    def _torn(self, rng: random.Random, reached: int) -> int:
        """A writer that closes its journal, whose last file then loses its end, as in a power cut; the files before it are to be kept."""
        self._ended(rng, reached)
        path = max(self._folder.glob("segment-*"), key=lambda path: path.name[-11:])
        os.truncate(path, rng.randrange(path.stat().st_size + 1))
        return int(path.name[8:28]) - 1

    def _damaged(self, rng: random.Random, reached: int) -> None:
        """Damage one file: what is read is the beginning, and a writer goes on after it or refuses."""
        path = rng.choice(sorted(self._folder.glob("segment-*")))
        path.write_bytes(damaged_file(path.read_bytes(), rng))
        try:
            found = read_back(self._folder)
            with self._writer(rng, found) as journal:
                journal.append(records(journal.sequence + 1, 3))
            if read_back(self._folder) != found + 3:
                raise FindingError("what was written after the damage is not there")
        except FormatError as error:
            if "\n" in str(error) or str(self._folder) not in str(error):
                raise FindingError(f"unclear: {error}") from error

    def _writer(self, rng: random.Random, reached: int) -> JournalWriter:
        journal = JournalWriter(
            self._folder, COMMAND, durable=rng.random() < 0.5, segment_bytes=rng.choice((3_000, 100_000, 2**30))
        )
        if journal.sequence != reached:
            journal.close()
            raise FindingError(f"the writer goes on after record {journal.sequence:,}, the reader found {reached:,}")
        return journal

    def _child(self, rng: random.Random, reached: int, seconds: float, most_bytes: int | None) -> int:
        return run_child(partial(self._write_on, random.Random(rng.random()), reached), seconds, most_bytes) or reached

    def _write_on(self, rng: random.Random, reached: int, told: Told) -> None:
        """Append until something stops it, and tell each last sequence number."""
        try:
            with self._writer(rng, reached) as journal:
                for _ in range(150):
                    told(journal.append(records(journal.sequence + 1, _length(rng))))
        except JournalError:
            return


def run_child(work: Callable[[Told], None], seconds: float, most_bytes: int | None = None) -> int:
    """Run `work` in a process of its own, killed after `seconds`; the last number that it told, 0 without any.

    Parameters
    ----------
    work : callable
        Is given a function that tells a number.
    seconds : float
    most_bytes : int, optional
        No file of the process can grow beyond this.

    Raises
    ------
    FindingError
        `work` raised something.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read_end)
            if most_bytes is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
            work(lambda number: os.write(write_end, number.to_bytes(_NUMBER, "little")))
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    deadline = time.monotonic() + seconds
    ended = 0
    while not ended and time.monotonic() < deadline:
        time.sleep(0.0005)
        ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    with os.fdopen(read_end, "rb") as pipe:
        told = pipe.read()
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise FindingError("the writer failed other than by a JournalError")
    whole = len(told) // _NUMBER * _NUMBER
    return int.from_bytes(told[whole - _NUMBER : whole], "little") if whole else 0


def records(first: int, count: int) -> Records:
    """Commands whose every byte follows from their sequence number."""
    words = (
        np.arange(first, first + count, dtype=np.uint64)[:, None] * np.uint64(_WORDS) + np.arange(_WORDS, dtype=np.uint64)
    ) * np.uint64(0x9E3779B97F4A7C15)
    return words.view(COMMAND)[:, 0]


def read_back(folder: Path) -> int:
    """The number of records in a journal, each compared with what it must be.

    Raises
    ------
    FindingError
        One is not.
    """
    reader = JournalReader(folder, COMMAND)
    for first, content in reader:
        if isinstance(content, str) or content.tobytes() != records(first, len(content)).tobytes():
            raise FindingError(f"records {first:,} to {first + len(content) - 1:,} are not those that were written")
    return reader.next - 1


def _length(rng: random.Random) -> int:
    return rng.choice((1, 1, 2, 8, 30, 300))
