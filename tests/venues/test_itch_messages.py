"""ITCH 5.0 messages: the table against recorded packets, the compiled decoder against plain Python."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import itch_bytes as itch
from tickdeck.core import FormatError, Instrument, TickdeckError, UsageError
from tickdeck.venues.itch import LENGTHS, MESSAGES, decode_message
from tickdeck.venues.itch_decoder import ItchDecoder, message_index

Data = Callable[[str], Path]
NOON = 12 * 3600 * 10**9
SPECIFIED_LENGTHS = dict(
    zip("SRHYLVWKJhAFECXDUPQBINO", (12, 39, 25, 20, 26, 35, 12, 28, 35, 21, 36, 40, 31, 36, 23, 19, 35, 44, 40, 19, 50, 20, 48))
)


def decoded(decoder: ItchDecoder, messages: list[bytes], gaps: frozenset[int] = frozenset()) -> np.ndarray:
    """Events of messages numbered from 1."""
    data = np.frombuffer(b"\0\0".join([b"", *messages]), np.uint8)
    index = message_index(len(messages))
    at = 0
    for i, message in enumerate(messages):
        index[i] = (i + 1, 0, at + 2, len(message), i in gaps, 0)
        at += 2 + len(message)
    chunks = list(decoder.decode(data, index, len(messages)))
    return np.concatenate([*chunks, decoder.flush()])


def packets(path: Path) -> list[bytes]:
    """Messages of a capture of VLAN-tagged Ethernet, IPv4, UDP and MoldUDP64, by offsets counted by hand."""
    data = path.read_bytes()
    at = 24
    found = []
    while at < len(data):
        captured = struct.unpack_from("<I", data, at + 8)[0]
        udp = at + 16 + 18 + 20
        payload = data[udp + 8 : udp + struct.unpack_from(">H", data, udp + 4)[0]]
        block = 20
        for _ in range(struct.unpack_from(">H", payload, 18)[0]):
            length = struct.unpack_from(">H", payload, block)[0]
            found.append(payload[block + 2 : block + 2 + length])
            block += 2 + length
        assert block == len(payload)
        at += 16 + captured
    return found


def vectors(data: Data) -> dict[str, list[bytes]]:
    return {path.name: packets(path) for path in sorted(data("itch/packets").glob("*.pcap"))}


def test_every_message_has_the_length_of_the_specification() -> None:
    assert {code: message.length for code, message in MESSAGES.items()} == SPECIFIED_LENGTHS
    assert {chr(code): int(LENGTHS[code]) for code in np.flatnonzero(LENGTHS)} == SPECIFIED_LENGTHS
    for message in MESSAGES.values():
        assert [item.offset for item in message.fields] == list(np.cumsum([1, *(item.width for item in message.fields)]))[:-1]


def test_every_recorded_packet_decodes_field_by_field(data: Data) -> None:
    kinds: Counter[str] = Counter()
    for name, messages in vectors(data).items():
        for message in messages:
            values = decode_message(message)
            kinds[values["type"]] += 1
            assert len(values) == 1 + len(MESSAGES[values["type"]].fields)
            assert 0 < values["timestamp"] < 24 * 3600 * 10**9, name
            for key, value in values.items():
                if key in ("stock", "mpid", "attribution"):
                    assert value.replace("-", "").replace(".", "").replace("=", "").isalnum(), (name, key, value)
                if key == "side":
                    assert value in "BS"
                if isinstance(value, Decimal) and key == "price":
                    assert 0 < value < 10_000 or value in (Decimal("199999.99"), Decimal("199999.9900")), (name, value)
    assert kinds == Counter(A=53, D=18, F=17, U=17, E=16, H=16, P=15, X=15, C=15, Y=15, L=6, I=6, N=5, Q=5, J=5, S=3)


def test_recorded_messages_have_the_values_read_by_eye(data: Data) -> None:
    found = vectors(data)
    first = {name.split("Equities.TotalView.Itch.")[1]: decode_message(messages[0]) for name, messages in found.items()}
    added = found["Nasdaq_Nasdaq.Equities.TotalView.Itch.v5.0_Multiple.Packets.pcap"]
    assert decode_message(added[1]) == {
        "type": "A",
        "stock_locate": 0x1972,
        "tracking_number": 0,
        "timestamp": 0x1F23E0981AE1,
        "order_reference": 0x792F9F,
        "side": "B",
        "shares": 1,
        "stock": "META",
        "price": Decimal("80.52"),
    }
    assert len(added) == 39
    replaced = first["v5.0.20230822_OrderReplace.pcap"]
    assert replaced["shares"] == 100
    assert first["v5.0.20230822_LULDAuctionCollar.pcap"]["stock"] == "ZXZZT"
    assert first["v5.0.20230822_OrderExecutedWithPrice.pcap"]["printable"] in "YN"


def test_every_recorded_message_becomes_the_events_of_its_fields(data: Data) -> None:
    """Orders that a packet refers to are added first, so that every field of the message counts."""
    messages = []
    for recorded in vectors(data).values():
        for message in recorded:
            if chr(message[0]) in "ECXDU":
                values = decode_message(message)
                ref = values.get("order_reference", values.get("original_order_reference"))
                messages.append(itch.add(values["stock_locate"], values["timestamp"], ref, "S", 10_000, "TEST", 123_456))
            messages.append(message)
    plain = itch.Plain(trade_sides=False, midnight=1_692_676_800 * 10**9)
    decoder = ItchDecoder(1_692_676_800 * 10**9)
    wanted = [event for number, message in enumerate(messages, 1) for event in plain.events(message, number)]
    assert itch.seen(decoded(decoder, messages)) == wanted
    assert len(wanted) > 300
    anomalies = decoder.report.anomalies
    assert not {name for name in anomalies if name.startswith("unknown")}


def test_an_unknown_type_or_length_is_an_error_of_the_table() -> None:
    with pytest.raises(FormatError, match="unknown"):
        decode_message(b"z" * 20)
    with pytest.raises(FormatError, match="has 19 bytes, not 18"):
        decode_message(b"D" * 18)
    with pytest.raises(FormatError, match="unknown"):
        decode_message(b"")


refs = st.integers(0, 6) | st.sampled_from([2**64 - 1, 2**63, 2**32])
shares = st.integers(1, 5) | st.integers(1, 2**32 - 1)
prices = st.integers(0, 2**32 - 1)
times = st.integers(0, 2**47)
some_message = st.one_of(
    st.builds(
        itch.add, st.just(7), times, refs, st.sampled_from("BS"), shares, st.just("ABC"), prices, st.sampled_from(["", "MM"])
    ),
    st.builds(itch.execute, st.just(7), times, refs, shares),
    st.builds(itch.execute_at, st.just(7), times, refs, shares, prices, st.sampled_from("YN")),
    st.builds(itch.cancel, st.just(7), times, refs, shares),
    st.builds(itch.delete, st.just(7), times, refs),
    st.builds(itch.replace, st.just(7), times, refs, refs, shares, prices),
    st.builds(itch.trade, st.just(7), times, st.sampled_from("BS"), shares, st.just("ABC"), prices),
    st.builds(itch.cross, st.just(7), times, st.integers(0, 2**62), st.just("ABC"), prices),
    st.builds(itch.broken, st.just(7), times, refs),
    st.builds(itch.trading_action, st.just(7), times, st.just("ABC"), st.sampled_from("THPQ")),
    st.builds(itch.system, times, st.sampled_from("OSQMEC")),
    st.builds(itch.directory, st.just(7), times, st.just("ABC")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(some_message, min_size=1, max_size=60), st.integers(3, 10))
def test_any_messages_give_the_events_and_counts_of_plain_python(messages: list[bytes], chunk: int) -> None:
    plain = itch.Plain()
    decoder = ItchDecoder(chunk=chunk)
    wanted = [event for number, message in enumerate(messages, 1) for event in plain.events(message, number)]
    assert itch.seen(decoded(decoder, messages)) == wanted
    anomalies = decoder.report.anomalies
    del anomalies["time_backwards"]
    unknown = sum(count for kind, count in plain.counts.items() if kind.startswith("unknown_order"))
    assert anomalies == plain.counts + Counter(unknown_order=unknown)
    assert decoder.live_orders == len(plain.orders)


def test_the_order_table_grows_and_forgets_nothing() -> None:
    rng = np.random.default_rng(3)
    ids = rng.permutation(60_000).astype(np.uint64) * np.uint64(2**20)
    messages = [itch.add(1, NOON, int(ref), "B", 100, "ABC", 10_000) for ref in ids]
    gone = ids[rng.permutation(len(ids))[:45_000]]
    messages += [itch.delete(1, NOON, int(ref)) for ref in gone]
    decoder = ItchDecoder()
    events = decoded(decoder, messages)
    assert decoder.live_orders == 15_000
    assert not decoder.report.anomalies
    assert events["order_id"][60_000:].tolist() == gone.tolist()
    left = np.setdiff1d(ids, gone)
    assert len(decoded(decoder, [itch.delete(1, NOON, int(ref)) for ref in left])) == 15_000
    assert decoder.live_orders == 0


def test_a_full_output_in_the_middle_of_a_message_applies_it_once() -> None:
    messages = [itch.add(1, NOON, 5, "B", 100, "ABC", 10_000)] + [itch.execute(1, NOON, 5, 10)] * 10
    decoder = ItchDecoder(chunk=4)
    events = decoded(decoder, messages)
    assert events["action"].tobytes() == b"A" + b"TFC" * 10
    assert decoder.live_orders == 0


def test_symbols_are_chosen_by_directory_or_by_the_orders_themselves() -> None:
    messages = [
        itch.directory(1, NOON, "ABC"),
        itch.directory(2, NOON, "XYZ"),
        itch.add(1, NOON, 5, "B", 100, "ABC", 10_000),
        itch.add(2, NOON, 6, "B", 100, "XYZ", 10_000),
        itch.add(3, NOON, 7, "B", 100, "LATE", 10_000),
        itch.add(4, NOON, 8, "B", 100, "OTHER", 10_000),
        itch.delete(2, NOON, 6),
        itch.delete(4, NOON, 8),
        itch.delete(3, NOON, 7),
        itch.system(NOON, "Q"),
    ]
    decoder = ItchDecoder(symbols=["ABC", "LATE"])
    events = decoded(decoder, messages)
    assert [(chr(e["action"]), int(e["order_id"])) for e in events] == [("A", 5), ("A", 7), ("C", 7), ("N", 7)]
    assert {number: item.symbol for number, item in decoder.instruments.items()} == {1: "ABC", 3: "LATE"}
    assert decoder.live_orders == 1
    assert not decoder.report.anomalies


def test_a_declared_instrument_keeps_its_id() -> None:
    decoder = ItchDecoder(instruments=[Instrument("ABC", tick_size="0.01", instrument_id=900)])
    events = decoded(decoder, [itch.add(1, NOON, 5, "B", 100, "ABC", 10_000)])
    assert {*events["instrument_id"]} == {900}
    assert decoder.instruments[900].tick_size == 10_000_000
    clash = ItchDecoder(instruments=[Instrument("ABC", instrument_id=2)])
    with pytest.raises(UsageError, match="declare another"):
        decoded(clash, [itch.directory(2, NOON, "XYZ"), itch.directory(1, NOON, "ABC")])


def test_the_directory_gives_instruments_with_what_it_says() -> None:
    decoder = ItchDecoder(publisher_id=4)
    decoded(decoder, [itch.directory(9, NOON, "ABC")])
    item = decoder.instruments[9]
    assert (item.symbol, item.venue, item.publisher_id, item.tick_size) == ("ABC", "XPSX", 4, None)
    assert item.extra["itch"]["round_lot_size"] == 100


def test_after_a_gap_the_next_event_of_each_book_may_be_bad() -> None:
    messages = [
        itch.add(1, NOON, 5, "B", 100, "ABC", 10_000),
        itch.add(2, NOON, 6, "B", 100, "XYZ", 10_000),
        itch.execute(1, NOON, 5, 10),
        itch.execute(1, NOON, 5, 10),
        itch.delete(2, NOON, 6),
    ]
    events = decoded(ItchDecoder(), messages, frozenset({2}))
    assert events["flags"].tolist() == [128, 128, 4, 0, 128, 0, 0, 128, 128 | 4]


def test_broken_trades_are_counted_with_their_match_numbers() -> None:
    decoder = ItchDecoder()
    assert len(decoded(decoder, [itch.broken(1, NOON, 77)])) == 0
    assert decoder.report.anomalies["broken_trade"] == 1
    assert decoder.report.examples == ["trade 77 was broken"]


def test_wrong_lengths_types_and_fields_are_counted_and_skipped() -> None:
    good = itch.add(1, NOON, 5, "B", 100, "ABC", 10_000)
    messages = [good + b"\0", b"z" + good[1:], b"", good[:19] + b"Z" + good[20:], good[:20] + bytes(4) + good[24:], good]
    messages += [itch.trading_action(1, NOON, "ABC", "Z"), itch.system(NOON, "Z")]
    decoder = ItchDecoder()
    assert decoded(decoder, messages)["action"].tobytes() == b"A"
    assert decoder.report.anomalies == Counter(length_mismatch=1, unknown_message=2, bad_field=4)


def test_sides_of_hidden_trades_are_unknown_since_nasdaq_stopped_saying() -> None:
    message = itch.trade(1, NOON, "B", 100, "ABC", 10_000)
    assert decoded(ItchDecoder(1_400_000_000 * 10**9), [message])["side"].tobytes() == b"A"
    assert decoded(ItchDecoder(1_500_000_000 * 10**9), [message])["side"].tobytes() == b"N"


@settings(max_examples=150, deadline=None)
@given(st.lists(some_message, min_size=1, max_size=20), st.data())
def test_mutated_messages_never_break_the_decoder(messages: list[bytes], draw: st.DataObject) -> None:
    damaged = []
    for message in messages:
        if draw.draw(st.booleans()):
            at = draw.draw(st.integers(0, len(message) - 1))
            message = message[:at] + draw.draw(st.binary(max_size=3)) + message[at + draw.draw(st.integers(0, 3)) :]
        damaged.append(message)
    decoder = ItchDecoder()
    try:
        events = decoded(decoder, damaged)
    except TickdeckError as error:
        assert "\n" not in str(error)
    else:
        assert len(events) <= 3 * len(damaged)
