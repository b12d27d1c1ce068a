"""The one hierarchy of errors. A message says what was wrong, where, and what to do about it, in one line."""

from __future__ import annotations


class TickdeckError(Exception):
    """Base of every error that Tickdeck raises on purpose."""


class PrecisionError(TickdeckError, ValueError):
    """A decimal amount that a fixed-point integer cannot hold exactly."""


class FormatError(TickdeckError, ValueError):
    """Input that is not what its format promises.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    path : str, optional
        The file.
    row : int, optional
        The 1-based line or record number.
    offset : int, optional
        The byte offset, after decompression.
    """

    def __init__(self, message: str, *, path: str | None = None, row: int | None = None, offset: int | None = None) -> None:
        place = [part for part in (path, f"row {row}" if row is not None else None) if part]
        if offset is not None:
            place.append(f"byte {offset:,}")
        super().__init__(f"{', '.join(place)}: {message}" if place else message)
        self.path = path
        self.row = row
        self.offset = offset


class TruncatedError(FormatError):
    """A file that ends in the middle of a record or of a compressed frame."""


class JournalError(TickdeckError):
    """A journal that cannot be written: locked, stopped by a full disk or an I/O error, or closed."""


class LossError(TickdeckError, ValueError):
    """A conversion that would lose information; nothing was written."""


class UnknownInstrumentError(TickdeckError, KeyError):
    """An instrument that the market, file or book does not have."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class UsageError(TickdeckError, ValueError):
    """A call or command line that cannot be carried out as written."""
