"""Compiled framings: where each message of a block stands, as ``MESSAGE`` records.

A file of messages is a run of 2-byte big-endian lengths and messages; so is the body of a MoldUDP64 packet, whose header gives
the session (10 bytes), the sequence number of the first message (8) and the number of messages (2; 0 a heartbeat, 65,535 the
end of the session).
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.venues.kernels.bigendian import be16, be64

PACKET = np.dtype([("ts_recv", "<i8"), ("offset", "<u4"), ("length", "<u4"), ("cut", "u1"), ("reserved", "u1", (7,))], align=True)
"""One UDP payload: capture time (ns since the epoch), place in the block, and whether the capture cut it short."""

SESSION = np.dtype([("name_head", "<u8"), ("next_sequence", "<u8"), ("name_tail", "<u2"), ("reserved", "u1", (6,))], align=True)
"""A MoldUDP64 session: its name and the sequence number that comes next."""

STOP_DATA = 0  # the rest is no complete message
STOP_FULL = 1  # the index is full
STOP_BAD = 2  # a zero length and a type that is not known
STOP_SESSIONS = 3  # the table of sessions is full

COUNTERS = (
    "sequence_gap",
    "missed_messages",
    "duplicate_messages",
    "heartbeats",
    "ends_of_session",
    "truncated_packet",
    "not_moldudp",
    "unsequenced_packets",
)
(GAP, MISSED, DUPLICATE, HEARTBEAT, END, TRUNCATED, NOT_MOLD, UNSEQUENCED) = range(len(COUNTERS))

_HEADER = 20
_END_OF_SESSION = 0xFFFF


@kernel(entry=True)
def index_file(data, end, final, lengths, first_sequence, index, result):
    """Index the messages of a length-framed block, numbered from `first_sequence`.

    A zero length is taken from the message type; at the very end it marks the end of the session. ``result``: 0 bytes consumed,
    1 messages indexed, 2 why it stopped, 3 zero lengths met (added up).
    """
    at = np.int64(0)
    count = np.int64(0)
    stop = STOP_DATA
    while at + 2 <= end:
        length = np.int64(be16(data, np.uint64(at)))
        if length == 0:
            if at + 2 == end:
                if final:
                    at += 2
                break
            length = np.int64(lengths[data[at + 2]])
            if length == 0:
                stop = STOP_BAD
                break
            zero = 1
        else:
            zero = 0
        if at + 2 + length > end:
            break
        if count == len(index):
            stop = STOP_FULL
            break
        message = index[count]
        message.sequence = np.uint64(first_sequence + count)
        message.ts_recv = 0
        message.offset = np.uint32(at + 2)
        message.length = np.uint16(length)
        message.gap = 0
        message.reserved = 0
        result[3] += zero
        count += 1
        at += 2 + length
    result[0] = at
    result[1] = count
    result[2] = stop


@kernel
def blocks_fit(data, at, end, count):
    """Whether `count` message blocks fill the bytes from `at` to `end`: 1 exactly, 0 too short, -1 bytes left over."""
    for _ in range(count):
        if at + np.uint64(2) > end:
            return 0
        at += np.uint64(2) + be16(data, at)
        if at > end:
            return 0
    return 1 if at == end else -1


@kernel
def find_session(sessions, known, head, tail):
    """Row of a session, or -1."""
    for row in range(known):
        if sessions[row].name_head == head and sessions[row].name_tail == tail:
            return row
    return -1


@kernel(entry=True)
def index_packets(data, packets, count, sessions, index, counters, state):
    """Index the messages of MoldUDP64 packets: duplicates left out, gaps marked on the message after them.

    Packets of sequence number 0 (as in sanitised captures) are numbered as they come. ``state``: 0 packets consumed, 1 messages
    indexed, 2 why it stopped, 3 sessions known, 4 messages in all, 5 a gap waits to be marked.
    """
    i = state[0]
    filled = state[1]
    known = state[3]
    pending = state[5]
    stop = STOP_DATA
    while i < count:
        start = np.uint64(packets[i].offset)
        end = start + np.uint64(packets[i].length)
        if packets[i].length < _HEADER:
            counters[TRUNCATED if packets[i].cut else NOT_MOLD] += 1
            i += 1
            continue
        head = be64(data, start)
        tail = be16(data, start + np.uint64(8))
        sequence = be64(data, start + np.uint64(10))
        messages = np.int64(be16(data, start + np.uint64(18)))
        at = start + np.uint64(_HEADER)
        over = messages == _END_OF_SESSION
        if over:
            messages = np.int64(0)
        fit = blocks_fit(data, at, end, messages)
        if fit != 1 and not (fit == 0 and packets[i].cut):
            counters[NOT_MOLD] += 1
            i += 1
            continue
        if filled + messages > len(index):
            stop = STOP_FULL
            break
        skip = np.int64(0)
        sequenced = sequence != np.uint64(0)
        if sequenced:
            row = find_session(sessions, known, head, tail)
            if row < 0:
                if known == len(sessions):
                    stop = STOP_SESSIONS
                    break
                row = known
                known += 1
                sessions[row].name_head = head
                sessions[row].name_tail = np.uint16(tail)
                sessions[row].next_sequence = sequence
            expected = sessions[row].next_sequence
            if sequence > expected:
                counters[GAP] += 1
                counters[MISSED] += np.int64(min(sequence - expected, np.uint64(2**62)))
                pending = 1
            elif sequence < expected:
                skip = min(messages, np.int64(min(expected - sequence, np.uint64(65_535))))
                counters[DUPLICATE] += skip
            if sequence + np.uint64(messages) > expected:
                sessions[row].next_sequence = sequence + np.uint64(messages)
        elif messages > 0:
            counters[UNSEQUENCED] += 1
        if over:
            counters[END] += 1
        elif messages == 0:
            counters[HEARTBEAT] += 1
        for k in range(messages):
            if at + np.uint64(2) > end or at + np.uint64(2) + be16(data, at) > end:
                counters[TRUNCATED] += 1
                pending = 1
                break
            length = be16(data, at)
            if k >= skip:
                state[4] += 1
                message = index[filled]
                message.sequence = sequence + np.uint64(k) if sequenced else np.uint64(state[4])
                message.ts_recv = packets[i].ts_recv
                message.offset = np.uint32(at + np.uint64(2))
                message.length = np.uint16(length)
                message.gap = np.uint8(pending)
                message.reserved = 0
                pending = 0
                filled += 1
            at += np.uint64(2) + length
        i += 1
    state[0] = i
    state[1] = filled
    state[2] = stop
    state[3] = known
    state[5] = pending
