"""The face of every venue's parser: bytes in, events out, no I/O and no clock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field

from tickdeck.core import Instrument, Records, empty_events

_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Frame:
    """One received payload.

    Parameters
    ----------
    payload : bytes
        As received.
    ts_recv : int
        ns since the epoch, UTC.
    http : bool
        A REST response rather than a WebSocket message.
    url : str
        Address of the request or connection, where known: it tells which symbol a REST snapshot is of.
    """

    payload: bytes
    ts_recv: int
    http: bool = False
    url: str = ""
    connection: str = ""
    """Name of the connection, where several to one address may be interleaved: some venues number messages per connection."""


@dataclass(slots=True)
class VenueReport:
    """What a parser met. Every frame is counted in exactly one of `messages` kinds; none is dropped silently."""

    messages: Counter[str] = field(default_factory=Counter)
    """Kind of message -> how many (depth, snapshot, trade, ticker, heartbeat, subscription, ...)."""
    anomalies: Counter[str] = field(default_factory=Counter)
    """Kind of anomaly -> how many (sequence_gap, stale_update, checksum_mismatch, unhandled, malformed, ...)."""
    examples: list[str] = field(default_factory=list)
    """Text of the first few anomalies."""
    checksums: int = 0
    """Checksums compared."""
    checksums_wrong: int = 0

    def add(self, kind: str, text: str = "", count: int = 1) -> None:
        """Count an anomaly; the first few keep their text."""
        self.anomalies[kind] += count
        if text and len(self.examples) < _EXAMPLES:
            self.examples.append(f"{kind}: {text}")


class VenueParser(ABC):
    """Keeps a venue's sequence and checksum rules while turning its frames into events.

    Attributes
    ----------
    venue : str
        Name in ``core.publishers``.
    instruments : dict of int to Instrument
        By instrument id; grows as symbols appear.
    report : VenueReport
    expected : list of (int, int, int)
        Checksums that the venue stated in the frame parsed last: index of the event in the returned array after which the book
        must have it (-1: before the first), instrument id, checksum. A caller with a book of its own compares them there.
    """

    venue: str = ""

    def __init__(self, instruments: tuple[Instrument, ...] = ()) -> None:
        self.declared = {item.symbol: item for item in instruments}
        self.instruments: dict[int, Instrument] = {}
        self.report = VenueReport()
        self.expected: list[tuple[int, int, int]] = []

    @abstractmethod
    def parse(self, frame: Frame) -> Records:
        """Events of `frame`, in order, as an ``EVENT`` array (empty for heartbeats; diffs that wait for a snapshot come later).

        Never raises for what a venue sends: a malformed frame is counted.
        """

    def flush(self, ts_recv: int) -> Records:
        """Events that are still held back, when nothing more will come; `ts_recv` is the time of the last frame."""
        return empty_events()

    def stale(self, instrument_id: int) -> bool:
        """Whether the book of an instrument waits for a new snapshot after a gap."""
        return False

    def checksum(self, bids: Records, asks: Records, instrument_id: int) -> int | None:
        """The venue's checksum of a book (``LEVEL`` arrays, best first); None: the venue has none."""
        return None
