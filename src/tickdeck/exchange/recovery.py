"""An exchange as its journal tells it: the last good snapshot, and the commands since."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tickdeck.core import COMMAND, FormatError, Records, SelfTrade, TickdeckError, monotonic_clock
from tickdeck.core.intrinsics import address_of
from tickdeck.exchange.journal import CONFIGURATION, PARTICIPANT, RISK, SNAPSHOT_EVERY, ExchangeJournal
from tickdeck.exchange.kernels import engine
from tickdeck.exchange.state import from_configuration, number_client_orders, restore_state
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
    begun = monotonic_clock()
    report = Recovery(Path(folder))
    reader = JournalReader(folder, COMMAND)
    if CONFIGURATION not in reader.metadata:
        raise FormatError("there is no journal of an exchange in this folder", path=str(folder))
    fields = msgspec.json.decode(reader.metadata[CONFIGURATION])
    exchange = from_configuration(fields)
    _restore_snapshot(exchange, reader, report)
    for _, content in reader:
        if isinstance(content, str):
            _take_note(exchange, *msgspec.json.decode(content))
        else:
            _run_again(exchange, content)
            report.commands += len(content)
    number_client_orders(exchange)
    report.sequence = reader.next - 1
    report.dropped = reader.tails
    if resume:
        kept = {"sequence": report.sequence, "snapshot": report.snapshot}
        exchange._keep_in(ExchangeJournal(folder, fields, durable=durable, snapshot_every=snapshot_every, **kept))
    report.seconds = (monotonic_clock() - begun) / 1e9
    return exchange, report


def _restore_snapshot(exchange: Exchange, reader: JournalReader, report: Recovery) -> None:
    """Begin with the last good snapshot; without one, with nothing."""
    snapshot, report.skipped = latest_snapshot(reader.folder)
    if snapshot is None:
        return
    try:
        restore_state(exchange, snapshot.arrays, snapshot.meta)
    except FormatError as error:
        report.skipped.append(f"{snapshot.path}: {error}")
        return
    report.snapshot = snapshot.sequence
    reader.next = snapshot.sequence + 1


def _run_again(exchange: Exchange, commands: Records) -> None:
    """Carry out commands; what was published then is not published again."""
    memory, address, total, done = exchange._memory, address_of(commands), len(commands), 0
    while (done := int(engine.run(memory.handle, address, total, done, True))) < total:
        memory.make_room()
    memory.drop_outputs()


def _take_note(exchange: Exchange, kind: str, fields: dict[str, Any]) -> None:
    if kind == PARTICIPANT:
        exchange.participant(fields["name"], self_trade=SelfTrade(fields["self_trade"]))
    elif kind == RISK and exchange.risk is not None:
        # What was refused then is refused again.
        with suppress(TickdeckError):
            exchange.risk.repeat(fields["change"], fields["arguments"])
    else:
        raise FormatError(f"the journal has a note of kind {kind!r}, which this version does not know; update tickdeck")
