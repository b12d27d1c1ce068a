"""Compiled walk over capture files: records of pcap or blocks of pcapng, down to the payload of each UDP datagram.

Link layers: Ethernet with VLAN tags, raw IP, Linux cooked (SLL, SLL2), BSD loopback. IPv4 and IPv6 with extension headers;
fragments are counted, not put together. ``PACKET`` records say where each payload stands in the block.

``state``: 0 bytes consumed, 1 payloads written, 2 why it stopped, 3 captured packets in all.
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.venues.kernels.bigendian import be16, be32

INTERFACE = np.dtype([("link", "<i8"), ("exponent", "<i8"), ("binary", "<i8"), ("offset_s", "<i8")])
"""A capture interface: link type; clock ticks of 10^-exponent s, or 2^-exponent with `binary`; seconds to add."""

STOP_DATA = 0  # the rest of the block is no complete record
STOP_FULL = 1  # the output is full
STOP_BAD = 2  # the record at the stop cannot be
STOP_SECTION = 3  # a section or interface header, for the Python face

COUNTERS = ("not_udp", "fragment", "malformed_packet", "unknown_link")
NOT_UDP, FRAGMENT, MALFORMED, UNKNOWN_LINK = range(len(COUNTERS))

_MAX_RECORD = 1 << 18
_SECTION, _INTERFACE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 3, 6
_NULL, _ETHERNET, _RAW_A, _RAW_B, _RAW, _SLL, _IPV4, _IPV6, _SLL2 = 0, 1, 12, 14, 101, 113, 228, 229, 276
_ETHERTYPE_IPV4, _ETHERTYPE_IPV6 = 0x0800, 0x86DD
_UDP = 17
_NONE = -1


@kernel
def word(data, at, big):
    """A 32-bit word in the file's byte order."""
    value = be32(data, at)
    if big:
        return value
    swapped = ((value & np.uint64(0xFF)) << np.uint64(24)) | ((value & np.uint64(0xFF00)) << np.uint64(8))
    return swapped | ((value >> np.uint64(8)) & np.uint64(0xFF00)) | (value >> np.uint64(24))


@kernel
def ticks_to_ns(ticks, interface):
    """Clock ticks of an interface as ns since the epoch."""
    exponent = interface.exponent
    ns = np.int64(0)
    if interface.binary:
        whole = ticks >> np.uint64(exponent)
        part = ticks - (whole << np.uint64(exponent))
        if exponent > 32:
            part >>= np.uint64(exponent - 32)
            exponent = 32
        ns = np.int64(whole) * 1_000_000_000 + np.int64((part * np.uint64(1_000_000_000)) >> np.uint64(exponent))
    else:
        unit = np.uint64(1)
        for _ in range(abs(exponent - 9)):
            unit *= np.uint64(10)
        ns = np.int64(ticks * unit if exponent <= 9 else ticks // unit)
    return ns + interface.offset_s * 1_000_000_000


@kernel
def network_layer(data, at, end, link):
    """Where IP starts: (index, 4 or 6), or (-1, counter to add to)."""
    ethertype = np.uint64(0)
    if link == _ETHERNET:
        if at + np.uint64(14) > end:
            return np.int64(_NONE), MALFORMED
        ethertype = be16(data, at + np.uint64(12))
        at += np.uint64(14)
        while ethertype == 0x8100 or ethertype == 0x88A8 or ethertype == 0x9100:
            if at + np.uint64(4) > end:
                return np.int64(_NONE), MALFORMED
            ethertype = be16(data, at + np.uint64(2))
            at += np.uint64(4)
    elif link == _SLL:
        if at + np.uint64(16) > end:
            return np.int64(_NONE), MALFORMED
        ethertype = be16(data, at + np.uint64(14))
        at += np.uint64(16)
    elif link == _SLL2:
        if at + np.uint64(20) > end:
            return np.int64(_NONE), MALFORMED
        ethertype = be16(data, at)
        at += np.uint64(20)
    elif link == _NULL:
        at += np.uint64(4)
    elif link not in (_RAW, _RAW_A, _RAW_B, _IPV4, _IPV6):
        return np.int64(_NONE), UNKNOWN_LINK
    if ethertype != 0 and ethertype != _ETHERTYPE_IPV4 and ethertype != _ETHERTYPE_IPV6:
        return np.int64(_NONE), NOT_UDP
    if at >= end:
        return np.int64(_NONE), MALFORMED
    version = np.int64(data[at] >> 4)
    if version != 4 and version != 6:
        return np.int64(_NONE), NOT_UDP
    return np.int64(at), version


@kernel
def udp_header(data, at, end, version):
    """Where the UDP header starts, or -1 and the counter to add to."""
    if version == 4:
        if at + np.uint64(20) > end:
            return np.int64(_NONE), MALFORMED
        if np.int64(data[at + np.uint64(9)]) != _UDP:
            return np.int64(_NONE), NOT_UDP
        if be16(data, at + np.uint64(6)) & np.uint64(0x3FFF):
            return np.int64(_NONE), FRAGMENT
        size = np.uint64(data[at] & 15) * np.uint64(4)
        if size < 20:
            return np.int64(_NONE), MALFORMED
        return np.int64(at + size), 0
    if at + np.uint64(40) > end:
        return np.int64(_NONE), MALFORMED
    following = np.int64(data[at + np.uint64(6)])
    at += np.uint64(40)
    while following in (0, 43, 60):
        if at + np.uint64(8) > end:
            return np.int64(_NONE), MALFORMED
        following = np.int64(data[at])
        at += (np.uint64(data[at + np.uint64(1)]) + np.uint64(1)) * np.uint64(8)
    if following == 44:
        return np.int64(_NONE), FRAGMENT
    if following != _UDP:
        return np.int64(_NONE), NOT_UDP
    return np.int64(at), 0


@kernel
def take_packet(data, at, end, link, ns, out, filled, counters):
    """Write the UDP payload of one captured packet; 1, or 0 when it has none."""
    ip, version = network_layer(data, at, end, link)
    if ip < 0:
        counters[version] += 1
        return 0
    udp, counter = udp_header(data, np.uint64(ip), end, version)
    if udp < 0:
        counters[counter] += 1
        return 0
    start = np.uint64(udp)
    if start + np.uint64(8) > end:
        counters[MALFORMED] += 1
        return 0
    length = be16(data, start + np.uint64(4))
    if length < 8:
        counters[MALFORMED] += 1
        return 0
    packet = out[filled]
    packet.ts_recv = ns
    packet.offset = np.uint32(start + np.uint64(8))
    packet.cut = np.uint8(1 if start + length > end else 0)
    packet.length = np.uint32(min(start + length, end) - start - np.uint64(8))
    return 1


@kernel(entry=True)
def walk_pcap(data, end, big, interfaces, out, counters, state):
    """UDP payloads of a block of classic pcap records; row 0 of `interfaces` says link type and clock."""
    at = np.uint64(0)
    stop_at = np.uint64(end)
    filled = np.int64(0)
    stop = STOP_DATA
    while at + np.uint64(16) <= stop_at:
        captured = word(data, at + np.uint64(8), big)
        if captured > _MAX_RECORD:
            stop = STOP_BAD
            break
        if at + np.uint64(16) + captured > stop_at:
            break
        if filled == len(out):
            stop = STOP_FULL
            break
        ns = np.int64(word(data, at, big)) * 1_000_000_000
        fraction = np.int64(word(data, at + np.uint64(4), big))
        ns += fraction if interfaces[0].exponent == 9 else fraction * 1_000
        start = at + np.uint64(16)
        state[3] += 1
        filled += take_packet(data, start, start + captured, interfaces[0].link, ns, out, filled, counters)
        at = start + captured
    state[0] = np.int64(at)
    state[1] = filled
    state[2] = stop


@kernel(entry=True)
def walk_pcapng(data, end, big, interfaces, known, out, counters, state):
    """UDP payloads of a run of pcapng blocks; stops at a section or interface header, which the face reads and skips."""
    at = np.uint64(0)
    stop_at = np.uint64(end)
    filled = np.int64(0)
    stop = STOP_DATA
    while at + np.uint64(12) <= stop_at:
        kind = word(data, at, big)
        if kind == _SECTION:
            stop = STOP_SECTION
            break
        length = word(data, at + np.uint64(4), big)
        if length < 12 or length % np.uint64(4) != 0 or length > _MAX_RECORD:
            stop = STOP_BAD
            break
        if at + length > stop_at:
            break
        if kind == _INTERFACE:
            stop = STOP_SECTION
            break
        if filled == len(out):
            stop = STOP_FULL
            break
        if kind == _ENHANCED:
            row = word(data, at + np.uint64(8), big)
            captured = word(data, at + np.uint64(20), big) if length >= 32 else np.uint64(_MAX_RECORD)
            if row >= np.uint64(known) or captured + np.uint64(32) > length:
                stop = STOP_BAD
                break
            ticks = (word(data, at + np.uint64(12), big) << np.uint64(32)) | word(data, at + np.uint64(16), big)
            ns = ticks_to_ns(ticks, interfaces[row])
            start = at + np.uint64(28)
            state[3] += 1
            filled += take_packet(data, start, start + captured, interfaces[row].link, ns, out, filled, counters)
        elif kind == _SIMPLE:
            if known == 0 or length < 16:
                stop = STOP_BAD
                break
            captured = min(word(data, at + np.uint64(8), big), length - np.uint64(16))
            start = at + np.uint64(12)
            state[3] += 1
            filled += take_packet(data, start, start + captured, interfaces[0].link, np.int64(0), out, filled, counters)
        at += length
    state[0] = np.int64(at)
    state[1] = filled
    state[2] = stop
