"""What an exchange keeps on disk: its commands before they take effect, and its state from time to time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tickdeck.core import COMMAND, JournalError, Records, UsageError
from tickdeck.exchange.state import state_of
from tickdeck.tape.journal import JournalWriter
from tickdeck.tape.snapshots import write_snapshot

if TYPE_CHECKING:
    from tickdeck.exchange.exchange import Exchange

CONFIGURATION = "tickdeck.exchange"
"""Key of the exchange's configuration in the metadata of every segment."""
PARTICIPANT = "participant"
"""Kind of the note that admits a participant."""
RISK = "risk"
"""Kind of the note of a change of limits, states, rates or deposits at run time."""
SNAPSHOT_EVERY = 5_000_000


class ExchangeJournal:
    """The journal of an exchange.

    Parameters
    ----------
    folder : str or Path
    configuration : mapping
        What an exchange is made of, as JSON can hold it.
    durable : bool
        Commands take effect only when they are on the disk.
    snapshot_every : int
        Commands between snapshots of the state; 0: none.
    sequence : int
        Record up to which the exchange's state comes from the folder: 0 for a new exchange.
    snapshot : int
        Record of the last snapshot there; 0: none.

    Raises
    ------
    UsageError
        The folder holds the commands of another exchange.
    JournalError
        It cannot be written, or another process writes it.
    """

    def __init__(
        self,
        folder: str | Path,
        configuration: Mapping[str, Any],
        *,
        durable: bool = True,
        snapshot_every: int = SNAPSHOT_EVERY,
        sequence: int = 0,
        snapshot: int = 0,
    ) -> None:
        metadata = {CONFIGURATION: msgspec.json.encode(configuration).decode()}
        self._writer = JournalWriter(folder, COMMAND, durable=durable, metadata=metadata)
        if self._writer.sequence != sequence:
            found = self._writer.sequence
            self._writer.close()
            raise UsageError(
                f"{folder}: this journal has {found:,} records; recover the exchange with Exchange.recover, or choose another folder"
            )
        self._snapshot_every = snapshot_every
        self._snapshot_at = snapshot

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._writer.folder

    @property
    def sequence(self) -> int:
        """The last record that is kept."""
        return self._writer.sequence

    def commands(self, commands: Records) -> None:
        """Keep commands; after that they may take effect.

        Raises
        ------
        JournalError
            They are not kept, and must not take effect.
        """
        self._writer.append(commands)

    def note(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Keep what changes the exchange and is no command. Raises what `commands` does."""
        self._writer.append_note(msgspec.json.encode([kind, fields]).decode())

    def after(self, exchange: Exchange) -> None:
        """Write a snapshot if one is due. The journal is complete without it, so a failure is a warning."""
        if self._snapshot_every and self.sequence - self._snapshot_at >= self._snapshot_every:
            self._snapshot_at = self.sequence
            try:
                self.snapshot(exchange)
            except JournalError as error:
                warnings.warn(str(error), RuntimeWarning, stacklevel=3)

    def snapshot(self, exchange: Exchange) -> Path:
        """Write the state of the exchange, as of the last record.

        Raises
        ------
        JournalError
            It cannot be written.
        """
        # A snapshot never contains what the journal could still lose.
        self._writer.flush()
        arrays, meta = state_of(exchange)
        self._snapshot_at = self.sequence
        return write_snapshot(self.folder, self.sequence, arrays, meta)

    def reopen(self) -> None:
        """Go on after a full disk or an I/O error."""
        self._writer.reopen()

    def close(self, reason: str = "it is closed") -> None:
        """End the journal; another process may go on with it. `reason` is told to who sends commands later."""
        self._writer.close(reason)
