"""An exchange as its journal tells it: the last good snapshot, and the commands since."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tickdeck.core import COMMAND, FormatError, monotonic_clock
from tickdeck.exchange.journal import CONFIGURATION, SNAPSHOT_EVERY, ExchangeJournal
from tickdeck.tape.journal_reader import JournalReader
from tickdeck.tape.journal_segment import Tail
from tickdeck.tape.snapshots import latest_snapshot

if TYPE_CHECKING:
    from tickdeck.exchange.exchange import Exchange


@dataclass(slots=True)
class Recovery:
    """How an exchange was recovered.

    Parameters
    ----------
    folder : Path
    snapshot : int
        Record of the snapshot that it began with; 0: none.
    commands : int
        Commands run after it.
    sequence : int
        The last record of the journal.
    seconds : float
    dropped : list of Tail
        Ends of segments that were never acknowledged.
    skipped : list of str
        Damaged snapshots, and why.
    """

    folder: Path
    snapshot: int = 0
    commands: int = 0
    sequence: int = 0
    seconds: float = 0.0
    dropped: list[Tail] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        start = f"the snapshot at record {self.snapshot:,}" if self.snapshot else "nothing"
        lines = [
            f"{self.folder}: recovered {self.sequence:,} records from {start} and {self.commands:,} commands in {self.seconds:.2f} s"
        ]
        return "\n".join([*lines, *map(str, self.dropped), *self.skipped])


def recover(
    folder: str | Path, *, resume: bool = True, durable: bool = True, snapshot_every: int = SNAPSHOT_EVERY
) -> tuple[Exchange, Recovery]:
    """The exchange that a journal describes.

    Parameters
    ----------
    folder : str or Path
    resume : bool
        The exchange goes on with the journal; otherwise it has none, and the folder is only read.
    durable, snapshot_every
        As in ``Exchange``.

    Raises
    ------
    FormatError
        The journal is damaged before its end, or is none of an exchange.
    JournalError
        Another process writes it.
    """
    from tickdeck.exchange.exchange import Exchange

    begun = monotonic_clock()
    report = Recovery(Path(folder))
    reader = JournalReader(folder, COMMAND)
    if CONFIGURATION not in reader.metadata:
        raise FormatError("there is no journal of an exchange in this folder", path=str(folder))
    configuration = msgspec.json.decode(reader.metadata[CONFIGURATION])
    exchange = Exchange._from_configuration(configuration)
    snapshot, report.skipped = latest_snapshot(folder)
    if snapshot is not None:
        exchange._restore(snapshot.arrays, snapshot.meta)
        report.snapshot = snapshot.sequence
        reader.next = snapshot.sequence + 1
    for _, content in reader:
        if isinstance(content, str):
            kind, fields = msgspec.json.decode(content)
            exchange._apply_note(kind, fields)
        else:
            exchange._replay(content)
            report.commands += len(content)
    report.sequence = reader.next - 1
    report.dropped = reader.tails
    if resume:
        exchange._journal = ExchangeJournal(
            folder, configuration, durable=durable, snapshot_every=snapshot_every, sequence=report.sequence
        )
    report.seconds = (monotonic_clock() - begun) / 1e9
    return exchange, report
