"""Captures (pcap, pcapng) of NASDAQ ITCH 5.0 over MoldUDP64.

``ts_recv`` is the capture time and ``sequence`` the MoldUDP64 sequence number. A gap in a session's numbers is counted
(sequence_gap, missed_messages) and marks every book; messages seen twice (the A and B feeds in one capture) are dropped and
counted. The day comes from the option `date`, else from the first packet's capture time, else from the file's name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import FormatError, Records, TruncatedError
from tickdeck.tape.blocks import Blocks
from tickdeck.tape.itch import ItchReader, date_of_name
from tickdeck.tape.lobster_names import NEW_YORK
from tickdeck.tape.reader import Format, ReadOptions
from tickdeck.tape.source import Source

_PCAP_MAGIC = {
    b"\xa1\xb2\xc3\xd4": (True, 6),
    b"\xd4\xc3\xb2\xa1": (False, 6),
    b"\xa1\xb2\x3c\x4d": (True, 9),
    b"\x4d\x3c\xb2\xa1": (False, 9),
}
"""Magic of classic pcap -> big-endian, decimals of the capture time's fraction."""
_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
_PACKETS = 16_384
_MOST_INTERFACES = 65_536
_YEAR_2000_NS = 946_684_800_000_000_000
_QUIET = ("heartbeats", "ends_of_session", "unsequenced_packets")
"""What belongs to a healthy stream: noted, not counted as an anomaly."""


class Capture:
    """Walks a capture block by block; the part that knows pcap from pcapng.

    Parameters
    ----------
    head : bytes
        The first bytes of the file.
    path : str
        For messages.
    """

    def __init__(self, head: bytes, path: str) -> None:
        from tickdeck.tape.kernels.pcap import COUNTERS, INTERFACE
        from tickdeck.venues.moldudp import packet_table

        self._path = path
        self._counters = np.zeros(len(COUNTERS), np.int64)
        self.packets = packet_table(_PACKETS)
        self.state = np.zeros(4, np.int64)
        self._interfaces: Records = np.zeros(4, INTERFACE)
        self._known = 0
        self._big = False
        self._classic = head[:4] in _PCAP_MAGIC
        self.start = 0
        """Bytes before the first record."""
        if self._classic:
            if len(head) < 24:
                raise TruncatedError("the pcap header breaks off; fetch the file again", path=path)
            self._big, decimals = _PCAP_MAGIC[head[:4]]
            link = struct.unpack_from(">I" if self._big else "<I", head, 20)[0] & 0x0FFF_FFFF
            self._interfaces[0] = (link, decimals, 0, 0)
            self.start = 24
        elif head[:4] != _PCAPNG_MAGIC:
            raise FormatError("is no pcap or pcapng capture", path=path)

    @property
    def counts(self) -> dict[str, int]:
        """Packets that are no whole UDP datagram: not_udp, fragment, malformed_packet, unknown_link."""
        from tickdeck.tape.kernels.pcap import COUNTERS

        return {name: int(count) for name, count in zip(COUNTERS, self._counters) if count}

    def walk(self, data: NDArray[np.uint8], offset: int) -> tuple[int, int, bool]:
        """UDP payloads of the block into :attr:`packets`: (bytes consumed, payloads, whether to go on with the same block).

        Raises
        ------
        FormatError
            A record that cannot be; `offset` is where the block stands in the file.
        """
        from tickdeck.tape.kernels.pcap import STOP_BAD, STOP_FULL, STOP_SECTION, walk_pcap, walk_pcapng

        if self._classic:
            walk_pcap(data, len(data), self._big, self._interfaces, self.packets, self._counters, self.state)
        else:
            walk_pcapng(data, len(data), self._big, self._interfaces, self._known, self.packets, self._counters, self.state)
        consumed, filled, stop = (int(value) for value in self.state[:3])
        if stop == STOP_BAD:
            raise FormatError(
                "a capture record that cannot be; the file is damaged here", path=self._path, offset=offset + consumed
            )
        if stop == STOP_SECTION:
            step = self._header(bytes(data[consumed : consumed + 65_536]), offset + consumed)
            return consumed + step, filled, step > 0
        return consumed, filled, stop == STOP_FULL

    def _header(self, block: bytes, offset: int) -> int:
        """Read a section or interface header of pcapng; its length, or 0 when it is not complete yet."""
        if block[:4] == _PCAPNG_MAGIC:
            order = block[8:12]
            if len(order) < 4:
                return 0
            if order not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                raise FormatError("a pcapng section without its byte-order mark", path=self._path, offset=offset)
            self._big = order == b"\x1a\x2b\x3c\x4d"
            self._known = 0
        words = ">" if self._big else "<"
        kind, length = struct.unpack_from(words + "II", block)
        if length < 12 or length % 4 or length > 65_536:
            raise FormatError("a pcapng header that cannot be", path=self._path, offset=offset)
        if length > len(block):
            return 0
        if kind == 1:
            self._add_interface(block[:length], words, offset)
        return int(length)

    def _add_interface(self, block: bytes, words: str, offset: int) -> None:
        if len(block) < 20 or self._known >= _MOST_INTERFACES:
            raise FormatError("a pcapng interface that cannot be", path=self._path, offset=offset)
        exponent, binary, seconds = 6, 0, 0
        at = 16
        while at + 4 <= len(block) - 4:
            code, size = struct.unpack_from(words + "HH", block, at)
            value = block[at + 4 : at + 4 + size]
            if code == 9 and size == 1:
                exponent, binary = value[0] & 0x7F, value[0] >> 7
            elif code == 14 and size == 8:
                seconds = struct.unpack(words + "q", value)[0]
            at += 4 + (size + 3) // 4 * 4
        if exponent > (63 if binary else 18) or abs(seconds) > 2**33:
            raise FormatError("a pcapng clock that cannot be", path=self._path, offset=offset)
        if self._known == len(self._interfaces):
            self._interfaces = np.concatenate([self._interfaces, np.zeros_like(self._interfaces)])
        self._interfaces[self._known] = (struct.unpack_from(words + "H", block, 8)[0], exponent, binary, seconds)
        self._known += 1


class PcapReader(ItchReader):
    """Events of a capture. ``report.notes`` counts packets, heartbeats and ends of session."""

    format = "pcap"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        super().__init__(source, options)
        self._capture = Capture(source.head, self.path)

    def _day(self) -> str | None:
        """Day of the first UDP packet, in New York."""
        capture = Capture(self.source.head, self.path)
        data = np.frombuffer(self.source.head, np.uint8)
        at, filled, again = capture.start, 0, True
        while again and not filled:
            consumed, filled, again = capture.walk(data[at:], at)
            at += consumed
        first = int(capture.packets["ts_recv"][0]) if filled else 0
        if first < _YEAR_2000_NS:
            return date_of_name(self.path)
        return datetime.fromtimestamp(first // 1_000_000_000, NEW_YORK).date().isoformat()

    def _indexed(self, blocks: Blocks) -> Iterator[tuple[NDArray[np.uint8], int]]:
        from tickdeck.venues.moldudp import MoldSequencer

        sequencer = MoldSequencer(self._index)
        blocks.refill(0)
        consumed = self._capture.start
        again = True
        while again:
            view = blocks.data[consumed : blocks.end]
            step, filled, again = self._capture.walk(view, blocks.offset + consumed)
            for count in sequencer.messages(view, self._capture.packets, filled):
                yield view, count
            consumed += step
            self.position = blocks.offset + consumed
            if not again and not blocks.final:
                blocks.refill(consumed)
                consumed = 0
                again = True
        self._count(sequencer.counts)
        left = blocks.end - consumed
        if left and blocks.failure is None:
            text = f"the last packet breaks off after {left:,} bytes"
            if self.options.strict:
                raise TruncatedError(f"{text}; fetch the file again", path=self.path, offset=self.position)
            self.report.add("truncated", 0, text)

    def _count(self, counts: dict[str, int]) -> None:
        self.report.notes["packets"] = int(self._capture.state[3])
        for name, count in {**self._capture.counts, **counts}.items():
            if name in _QUIET:
                self.report.notes[name] = count
            else:
                self.report.add(name, count=count)


def _detect(source: Source) -> float:
    return 1.0 if source.head[:4] in _PCAP_MAGIC or source.head[:4] == _PCAPNG_MAGIC else 0.0


FORMAT = Format(
    name="pcap",
    title="pcap and pcapng captures of NASDAQ ITCH 5.0 over MoldUDP64",
    detect=_detect,
    open=PcapReader,
)
