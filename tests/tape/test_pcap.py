"""Captures of MoldUDP64: link layers, clocks, sequence rules and damage."""

from __future__ import annotations

import struct
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import itch_bytes as itch
from tickdeck.core import FormatError, TickdeckError, TruncatedError
from tickdeck.tape.pcap import FORMAT, PcapReader
from tickdeck.tape.reader import ReadOptions
from tickdeck.tape.source import Source

Data = Callable[[str], Path]
MIDNIGHT = 1_577_682_000 * 10**9  # 2019-12-30 in New York
OPEN = 9 * 3600 * 10**9
CAPTURED = MIDNIGHT + OPEN + 5_123
MESSAGES = [
    itch.add(1, OPEN, 5, "B", 100, "ABC", 1_000_000),
    itch.execute(1, OPEN + 1, 5, 40),
    itch.cancel(1, OPEN + 2, 5, 20),
    itch.delete(1, OPEN + 3, 5),
]


def mold(messages: Sequence[bytes], sequence: int, session: bytes = b"000010059B", count: int | None = None) -> bytes:
    return session + struct.pack(">QH", sequence, len(messages) if count is None else count) + itch.framed(list(messages))


def udp(payload: bytes) -> bytes:
    return struct.pack(">HHHH", 26_477, 26_477, 8 + len(payload), 0) + payload


def ipv4(payload: bytes, protocol: int = 17, fragment: int = 0x4000, options: bytes = b"") -> bytes:
    size = 20 + len(options)
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x40 | size // 4, 0, size + len(payload), 1, fragment, 21, protocol, 0, bytes(4), bytes(4)
    )
    return head + options + payload


def ipv6(payload: bytes, protocol: int = 17, extension: bytes = b"") -> bytes:
    first = 0 if extension else protocol
    return struct.pack(">IHBB16s16s", 6 << 28, len(extension + payload), first, 21, bytes(16), bytes(16)) + extension + payload


def ethernet(payload: bytes, ethertype: int = 0x0800, vlans: Sequence[int] = (), tail: bytes = b"") -> bytes:
    tags = b"".join(struct.pack(">HH", tag, 141) for tag in vlans)
    return bytes(12) + tags + struct.pack(">H", ethertype) + payload + tail


def pcap(packets: Sequence[bytes], link: int = 1, order: str = "<", nanoseconds: bool = True, start: int = CAPTURED) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, link)
    for packet in packets:
        fraction = start % 10**9 if nanoseconds else start % 10**9 // 1_000
        out += struct.pack(order + "IIII", start // 10**9, fraction, len(packet), len(packet)) + packet
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(packets: Sequence[bytes], order: str = "<", resolution: int | None = None, ticks: int = CAPTURED // 1_000) -> bytes:
    options = b"" if resolution is None else struct.pack(order + "HHB3x", 9, 1, resolution) + struct.pack(order + "HH", 0, 0)
    out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    out += block(1, struct.pack(order + "HHI", 1, 0, 0) + options, order)
    out += block(4, b"name resolution", order)
    for packet in packets:
        head = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet))
        out += block(6, head + packet, order)
    return out


def opened(content: bytes, folder: Path, name: str = "capture.pcap", **options: object) -> PcapReader:
    path = folder / name
    path.write_bytes(content)
    return FORMAT.open(Source(path), ReadOptions(**options))  # type: ignore[arg-type,return-value]


def collect(reader: PcapReader) -> np.ndarray:
    chunks = list(reader)
    return np.concatenate(chunks) if chunks else np.zeros(0)


def wanted(numbers: Sequence[int], first_sequence: int = 1, ts_recv: int = CAPTURED) -> list[tuple[object, ...]]:
    plain = itch.Plain(MIDNIGHT, trade_sides=False)
    return [event for i in numbers for event in plain.events(MESSAGES[i], first_sequence + i, ts_recv)]


ALL = wanted(range(4))
PACKET = udp(mold(MESSAGES, 1))


@pytest.mark.parametrize(
    ("packet", "link"),
    [
        (ethernet(ipv4(PACKET)), 1),
        (ethernet(ipv4(PACKET), tail=b"\xff" * 4), 1),
        (ethernet(ipv4(PACKET), vlans=[0x8100]), 1),
        (ethernet(ipv4(PACKET), vlans=[0x88A8, 0x8100]), 1),
        (ethernet(ipv4(PACKET, options=bytes(8))), 1),
        (ethernet(ipv6(PACKET), 0x86DD), 1),
        (ethernet(ipv6(PACKET, extension=bytes([17, 1]) + bytes(14)), 0x86DD), 1),
        (ipv4(PACKET), 101),
        (ipv6(PACKET), 229),
        (bytes(14) + struct.pack(">H", 0x0800) + ipv4(PACKET), 113),
        (struct.pack(">H", 0x0800) + bytes(18) + ipv4(PACKET), 276),
        (b"\x02\0\0\0" + ipv4(PACKET), 0),
    ],
    ids=["ethernet", "fcs", "vlan", "qinq", "ip options", "ipv6", "ipv6 extension", "raw4", "raw6", "sll", "sll2", "loopback"],
)
def test_every_link_layer_leads_to_the_same_events(tmp_path: Path, packet: bytes, link: int) -> None:
    reader = opened(pcap([packet], link), tmp_path)
    assert itch.seen(collect(reader)) == ALL
    assert not reader.report.counts
    assert reader.report.notes["date"] == "2019-12-30"


def test_both_byte_orders_and_clocks_of_pcap_are_read(tmp_path: Path) -> None:
    packets = [ethernet(ipv4(PACKET))]
    for order in "<>":
        assert itch.seen(collect(opened(pcap(packets, order=order), tmp_path))) == ALL
        micro = collect(opened(pcap(packets, order=order, nanoseconds=False), tmp_path))
        assert {*micro["ts_recv"]} == {CAPTURED // 1_000 * 1_000}


@pytest.mark.parametrize(
    ("resolution", "ticks", "ns"),
    [
        (None, CAPTURED // 1_000, CAPTURED // 1_000 * 1_000),
        (9, CAPTURED, CAPTURED),
        (3, CAPTURED // 10**6, CAPTURED // 10**6 * 10**6),
        (10, CAPTURED // 10**9 * 10**10 + 1_234_567_899, CAPTURED // 10**9 * 10**9 + 123_456_789),
        (0x80 | 30, (CAPTURED // 10**9 << 30) + (1 << 29), CAPTURED // 10**9 * 10**9 + 500_000_000),
    ],
    ids=["default", "ns", "ms", "100 ps", "binary"],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_clocks_of_every_resolution(tmp_path: Path, order: str, resolution: int | None, ticks: int, ns: int) -> None:
    content = pcapng([ethernet(ipv4(PACKET))], order, resolution, ticks)
    assert itch.seen(collect(opened(content, tmp_path))) == wanted(range(4), ts_recv=ns)


def test_pcapng_sections_may_change_the_byte_order(tmp_path: Path) -> None:
    first, second = udp(mold(MESSAGES[:2], 1)), udp(mold(MESSAGES[2:], 3))
    content = pcapng([ethernet(ipv4(first))], "<", 9, CAPTURED) + pcapng([ethernet(ipv4(second))], ">", 9, CAPTURED)
    assert itch.seen(collect(opened(content, tmp_path))) == ALL


def test_duplicates_of_the_second_line_are_dropped_and_counted(tmp_path: Path) -> None:
    a, b = udp(mold(MESSAGES[:2], 1)), udp(mold(MESSAGES[2:], 3))
    overlapping = udp(mold(MESSAGES[1:3], 2))
    reader = opened(pcap([ethernet(ipv4(packet)) for packet in (a, a, overlapping, b, b)]), tmp_path)
    assert itch.seen(collect(reader)) == ALL
    assert reader.report.counts == Counter(duplicate_messages=2 + 1 + 1 + 2)


def test_a_gap_is_counted_and_marks_the_next_event(tmp_path: Path) -> None:
    first, last = udp(mold(MESSAGES[:1], 1)), udp(mold(MESSAGES[3:], 4))
    reader = opened(pcap([ethernet(ipv4(packet)) for packet in (first, last)]), tmp_path)
    events = collect(reader)
    assert reader.report.counts == Counter(sequence_gap=1, missed_messages=2)
    assert events["flags"].tolist() == [128, 132]
    assert events["sequence"].tolist() == [1, 4]


def test_a_heartbeat_tells_of_a_gap_too_and_ends_of_session_are_noted(tmp_path: Path) -> None:
    payloads = [mold(MESSAGES[:1], 1), mold([], 2), mold([], 4), mold(MESSAGES[3:], 4), mold([], 5, count=0xFFFF)]
    reader = opened(pcap([ethernet(ipv4(udp(payload))) for payload in payloads]), tmp_path)
    events = collect(reader)
    assert reader.report.counts == Counter(sequence_gap=1, missed_messages=2)
    assert events["flags"].tolist() == [128, 132]
    assert reader.report.notes["heartbeats"] == 2
    assert reader.report.notes["ends_of_session"] == 1


def test_sessions_are_numbered_apart(tmp_path: Path) -> None:
    payloads = []
    for session in range(40):
        added = itch.add(1, OPEN, session, "B", 100, "ABC", 1_000_000)
        payloads.append(mold([added], 10 * session + 1, f"SESSION{session:03d}".encode()))
    payloads.append(mold([itch.delete(1, OPEN, 39)], 392, b"SESSION039"))
    reader = opened(pcap([ethernet(ipv4(udp(payload))) for payload in payloads]), tmp_path)
    assert len(collect(reader)) == 41
    assert not reader.report.counts


def test_other_traffic_is_counted_and_passed_over(tmp_path: Path) -> None:
    packets = [
        ethernet(b"arp", 0x0806),
        ethernet(ipv4(bytes(20), protocol=6)),
        ethernet(ipv4(PACKET, fragment=0x2000)),
        ethernet(ipv4(udp(b"short"))),
        ethernet(ipv4(udp(mold(MESSAGES, 1) + b"tail"))),
        ethernet(ipv4(b"\0" * 4)),
        ethernet(ipv4(PACKET)),
    ]
    reader = opened(pcap(packets), tmp_path)
    assert itch.seen(collect(reader)) == ALL
    assert reader.report.counts == Counter(not_udp=2, fragment=1, not_moldudp=2, malformed_packet=1)
    assert reader.report.notes["packets"] == 7


def test_a_packet_cut_short_by_the_capture_loses_its_tail_and_says_so(tmp_path: Path) -> None:
    cut = ethernet(ipv4(PACKET))[:-25]
    later = ethernet(ipv4(udp(mold([itch.add(1, OPEN + 4, 9, "B", 100, "ABC", 1_000_000)], 5))))
    reader = opened(pcap([cut, later]), tmp_path)
    events = collect(reader)
    assert events["sequence"].tolist() == [1, 2, 2, 2, 5]
    assert events["flags"].tolist() == [128, 0, 0, 128, 132]
    assert reader.report.counts == Counter(truncated_packet=1)


def test_captures_larger_than_a_block_are_whole(tmp_path: Path) -> None:
    packets = []
    for number in range(0, 60_000, 3):
        added = [itch.add(1, OPEN, ref, "B", 100, "ABC", 1_000_000) for ref in range(number, number + 3)]
        packets.append(ethernet(ipv4(udp(mold(added, number + 1)))))
    for content in (pcap(packets), pcapng(packets)):
        reader = opened(content, tmp_path, chunk=5_000)
        events = collect(reader)
        assert events["order_id"].tolist() == list(range(60_000))
        assert events["sequence"].tolist() == list(range(1, 60_001))
        assert not reader.report.counts


def test_a_truncated_capture_is_counted_and_an_error_when_strict(tmp_path: Path) -> None:
    content = pcap([ethernet(ipv4(PACKET)), ethernet(ipv4(udp(mold([], 5))))])[:-3]
    reader = opened(content, tmp_path)
    assert itch.seen(collect(reader)) == ALL
    assert reader.report.counts == Counter(truncated=1)
    with pytest.raises(TruncatedError, match="byte"):
        collect(opened(content, tmp_path, strict=True))


def test_an_impossible_record_is_an_error_with_its_byte(tmp_path: Path) -> None:
    content = pcap([ethernet(ipv4(PACKET))])
    with pytest.raises(FormatError, match=f"byte {len(content):,}: a capture record that cannot be"):
        collect(opened(content + b"\xff" * 16, tmp_path))
    with pytest.raises(FormatError, match="cannot be"):
        collect(opened(pcapng([ethernet(ipv4(PACKET))]) + struct.pack("<III", 6, 13, 0), tmp_path))


def test_a_capture_without_itch_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no ITCH"):
        collect(opened(pcap([ethernet(ipv4(udp(b"hello")))]), tmp_path))


def test_every_recorded_capture_holds_what_a_walk_by_hand_finds(data: Data) -> None:
    kinds: Counter[str] = Counter()
    packets = 0
    for path in sorted(data("itch/packets").glob("*.pcap")):
        reader: PcapReader = FORMAT.open(Source(path), ReadOptions())  # type: ignore[assignment]
        collect(reader)
        kinds.update({text[0]: count for text, count in reader.report.notes["messages"].items()})
        packets += reader.report.notes["packets"]
        assert reader.report.notes["date"] == "2023-08-22"
        assert not {"length_mismatch", "unknown_message", "bad_field", "not_moldudp"} & set(reader.report.counts)
    assert kinds == Counter(A=53, D=18, F=17, U=17, E=16, H=16, P=15, X=15, C=15, Y=15, L=6, I=6, N=5, Q=5, J=5, S=3)
    assert packets == 190


def test_the_recorded_pair_of_packets_has_a_gap_between_its_sequence_numbers(data: Data) -> None:
    path = data("itch/packets/Nasdaq_Nasdaq.Equities.TotalView.Itch.v5.0_Multiple.Packets.pcap")
    reader: PcapReader = FORMAT.open(Source(path), ReadOptions())  # type: ignore[assignment]
    events = collect(reader)
    assert reader.report.counts == Counter(sequence_gap=1, missed_messages=0x01220E5D - 0xE149D0 - 1, unknown_order=1)
    assert events["sequence"].tolist() == list(range(0x01220E5D, 0x01220E5D + 38))
    assert events["flags"][0] == 128 | 4


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_captures_raise_nothing_but_tickdeck_errors(draw: st.DataObject) -> None:
    packets = [ethernet(ipv4(PACKET), vlans=[0x8100]), ethernet(ipv6(udp(mold(MESSAGES, 5))), 0x86DD)]
    content = bytearray(draw.draw(st.sampled_from([pcap(packets), pcapng(packets), pcapng(packets, ">", 9)])))
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(4, len(content) - 1))
        content[at : at + draw.draw(st.integers(0, 4))] = draw.draw(st.binary(max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        try:
            reader = opened(bytes(content), Path(folder), "12302019.pcap")
            assert len(collect(reader)) <= 3 * len(content)
        except TickdeckError as error:
            assert "\n" not in str(error)
