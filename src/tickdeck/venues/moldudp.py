"""MoldUDP64, NASDAQ's sequenced packets, without I/O: sessions, gaps, duplicates.

Specification: https://www.nasdaqtrader.com/content/technicalsupport/specifications/dataproducts/moldudp64.pdf
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, Records
from tickdeck.venues.kernels.moldudp import COUNTERS, PACKET, SESSION, STOP_DATA, STOP_SESSIONS, index_packets

_MOST_SESSIONS = 4_096


def packet_table(capacity: int) -> Records:
    """Room for `capacity` UDP payloads (dtype ``PACKET``): capture time, place in the block, whether they were cut short."""
    return np.zeros(capacity, PACKET)


class MoldSequencer:
    """Finds the messages in packets and keeps each session's sequence number.

    Parameters
    ----------
    index : array of MESSAGE
        Filled by :meth:`messages`; at least 65,536 records, so that a packet always fits.
    """

    def __init__(self, index: Records) -> None:
        self._index = index
        self._sessions: Records = np.zeros(16, SESSION)
        self._counters = np.zeros(len(COUNTERS), np.int64)
        self._state = np.zeros(8, np.int64)

    @property
    def counts(self) -> dict[str, int]:
        """What was met: sequence_gap, missed_messages, duplicate_messages, heartbeats, ends_of_session, truncated_packet,
        not_moldudp, unsequenced_packets (of sequence number 0)."""
        return {name: int(count) for name, count in zip(COUNTERS, self._counters) if count}

    def messages(self, data: NDArray[np.uint8], packets: Records, count: int) -> Iterator[int]:
        """Index the messages of ``packets[:count]``, whose offsets point into `data`; yields how many stand in the index.

        Raises
        ------
        FormatError
            More sessions than any feed has.
        """
        self._state[0] = 0
        stop = -1
        while stop != STOP_DATA:
            self._state[1] = 0
            index_packets(data, packets, count, self._sessions, self._index, self._counters, self._state)
            stop = int(self._state[2])
            yield int(self._state[1])
            if stop == STOP_SESSIONS:
                if len(self._sessions) >= _MOST_SESSIONS:
                    raise FormatError(f"over {_MOST_SESSIONS:,} MoldUDP64 sessions; these are no ITCH packets")
                self._sessions = np.concatenate([self._sessions, np.zeros_like(self._sessions)])
