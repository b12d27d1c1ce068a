"""Captures of cryptofeed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import zstandard

from tickdeck.core import Flag, FormatError, Records, TruncatedError
from tickdeck.tape import read
from tickdeck.venues.registry import venue_names

START = 1_633_998_511
HEADER = {"t": "header", "format": 2, "exchange": "BINANCE", "config": {}, "recorded": START + 0.5}
URL = "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000"
SNAPSHOT = '{"lastUpdateId":10,"bids":[["100.5","1.5"]],"asks":[["100.6","1"]]}'


def depth(update: int) -> str:
    return f'{{"e":"depthUpdate","E":1633998511000,"s":"BTCUSDT","U":{update},"u":{update},"b":[["100.5","2"]],"a":[]}}'


def ticker(update: int) -> str:
    return f'{{"u":{update},"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}'


def entry(kind: str, second: float, **fields: Any) -> dict[str, Any]:
    return {"t": kind, "conn": "BINANCE.ws.1", "ts": START + second, **fields}


ENTRIES = [
    entry("connect", 1, addr="wss://stream.binance.com:9443/stream"),
    entry("send", 1.25, addr="wss://stream.binance.com:9443/stream", data="{}"),
    entry("recv", 2, data=depth(11)),
    entry("http", 3, url=URL, data=SNAPSHOT),
    entry("recv", 4, data=depth(12)),
]


def capture(entries: list[Any] | None = None, **header: Any) -> bytes:
    records = [{**HEADER, **header}, *(ENTRIES if entries is None else entries)]
    return b"".join(item + b"\n" if isinstance(item, bytes) else msgspec.json.encode(item) + b"\n" for item in records)


def write(path: Path, content: bytes, compress: bool = True) -> Path:
    path.write_bytes(zstandard.compress(content) if compress else content)
    return path


def events_of(path: Path, **options: Any) -> Records:
    return np.concatenate(list(read(path, **options)))


def test_a_capture_becomes_events_in_the_order_of_receipt(tmp_path: Path) -> None:
    reader = read(write(tmp_path / "a.jsonl.zst", capture()))
    events = np.concatenate(list(reader))
    assert (reader.format, reader.schema) == ("capture", "BINANCE")
    assert events["sequence"].tolist() == [10, 10, 10, 11, 12]
    assert events["ts_recv"].tolist() == [(START + second) * 10**9 for second in (3, 3, 3, 3, 4)]
    assert reader.report.notes["messages"] == {"depth": 2, "snapshot": 1}
    assert reader.report.notes["rows"] == 6
    assert not reader.report.counts


def test_times_are_exact_to_the_nanosecond(tmp_path: Path) -> None:
    line = msgspec.json.encode(entry("recv", 0, data=ticker(1))).replace(b"1633998511", b"1633998511.123456789")
    assert set(events_of(write(tmp_path / "a", capture([line])))["ts_recv"].tolist()) == {1_633_998_511_123_456_789}


def test_binary_payloads_are_decoded(tmp_path: Path) -> None:
    text = entry("recv", 4, data=depth(12))
    binary = entry("recv", 4, b64=base64.b64encode(depth(12).encode()).decode())
    plain = events_of(write(tmp_path / "a", capture([ENTRIES[3], text])))
    assert events_of(write(tmp_path / "b", capture([ENTRIES[3], binary]))).tobytes() == plain.tobytes()


def test_the_word_ws_for_a_received_message_is_understood(tmp_path: Path) -> None:
    changed = [{**item, "t": "ws"} if item["t"] == "recv" else item for item in ENTRIES]
    assert events_of(write(tmp_path / "b", capture(changed))).tobytes() == events_of(write(tmp_path / "a", capture())).tobytes()


def test_connections_one_after_another_are_put_in_the_order_of_time(tmp_path: Path) -> None:
    grouped = [ENTRIES[3], *ENTRIES[:3], ENTRIES[4]]
    expected = events_of(write(tmp_path / "a", capture()))
    assert events_of(write(tmp_path / "b", capture(grouped, converted_from=1))).tobytes() == expected.tobytes()
    assert events_of(write(tmp_path / "c", capture(grouped)))["ts_recv"].tolist() != expected["ts_recv"].tolist()


@pytest.mark.parametrize("chunk", [1, 2, 4, 100])
def test_any_chunk_size_gives_the_same_events(tmp_path: Path, chunk: int) -> None:
    path = write(tmp_path / "a", capture())
    chunks = list(read(path, chunk=chunk))
    assert max(map(len, chunks)) <= chunk
    assert np.concatenate(chunks).tobytes() == events_of(path).tobytes()


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"t":"recv","conn":"x","ts":"soon","data":"{}"}',
        b'{"t":"recv","conn":"x","ts":-5,"data":"{}"}',
        b'{"t":"recv","conn":"x","ts":1633998511,"b64":"*"}',
        b'{"t":"recv","conn":"x","ts":1633998511,"data":"{"}',
        b'{"ts":1633998511}',
        b"[" * 50_000,
    ],
)
def test_a_bad_line_is_counted_with_its_row_or_stops_a_strict_reader(tmp_path: Path, line: bytes) -> None:
    path = write(tmp_path / "a", capture([*ENTRIES[:3], line, *ENTRIES[3:]]))
    reader = read(path)
    assert len(np.concatenate(list(reader))) == 5
    assert reader.report.counts == {"bad_row": 1}
    assert reader.report.examples[0][:2] == ("bad_row", 5)
    with pytest.raises(FormatError, match="row 5"):
        list(read(path, strict=True))


def test_an_unknown_type_of_record_is_counted(tmp_path: Path) -> None:
    reader = read(write(tmp_path / "a", capture([*ENTRIES, entry("omen", 5)])))
    assert len(np.concatenate(list(reader))) == 5
    assert reader.report.counts == {"unhandled": 1}


@pytest.mark.parametrize("converted", [None, 1])
def test_a_truncated_capture_delivers_what_came_before(tmp_path: Path, converted: int | None) -> None:
    ticks = [entry("recv", 5 + i, data=ticker(i * 7919)) for i in range(20_000)]
    content = zstandard.compress(capture([*ENTRIES, *ticks], converted_from=converted))
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(content[: len(content) * 2 // 3])
    count = 0
    with pytest.raises(TruncatedError, match="breaks off"):
        for chunk in read(path, chunk=100):
            count += len(chunk)
    assert count > 100


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (capture(exchange="NASDAQ"), "no parser"),
        (capture(format=1), "format 1"),
        (b'{"t":"recv"}\n', "no header"),
        (b"hello\n", "no header"),
        (b"\n", "no header"),
    ],
)
def test_what_is_no_capture_is_a_one_line_error(tmp_path: Path, content: bytes, text: str) -> None:
    with pytest.raises(FormatError, match=text) as raised:
        read(write(tmp_path / "a", content, compress=False), format="capture")
    assert "\n" not in str(raised.value)


def test_an_empty_capture_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="empty"):
        read(write(tmp_path / "a", b"", compress=False))


def test_stated_checksums_point_at_their_events_whatever_the_chunks(data: Callable[[str], Path]) -> None:
    path = data("crypto/OKX.jsonl.zst")

    def stated(chunk: int, symbols: list[str] | None = None) -> list[tuple[int, int, int]]:
        reader, out = read(path, chunk=chunk, symbols=symbols), []
        for events in reader:
            for at, number, checksum in reader.expected:
                assert -1 <= at < len(events)
                out.append((int(events["sequence"][at]) if at >= 0 else -1, number, checksum))
        return out

    whole = stated(1_000_000)
    assert len(whole) == 290
    assert all(sequence >= 0 for sequence, *_ in whole)
    assert stated(1_000) == whole
    wanted = {number: item.symbol for number, item in read_instruments(path).items()}
    only = stated(1_000_000, ["BTC-USDT"])
    assert only == [item for item in whole if wanted[item[1]] == "BTC-USDT"]


def read_instruments(path: Path) -> dict[int, Any]:
    reader = read(path)
    for _ in reader:
        pass
    return reader.instruments


@pytest.mark.parametrize("venue", venue_names())
def test_recorded_captures_have_no_unknown_and_no_malformed_message(venue: str, data: Callable[[str], Path]) -> None:
    reader = read(data(f"crypto/{venue}.jsonl.zst"))
    last = 0
    count = 0
    for chunk in reader:
        count += len(chunk)
        assert int(chunk["ts_recv"][0]) >= last
        assert np.all(np.diff(chunk["ts_recv"]) >= 0)
        last = int(chunk["ts_recv"][-1])
    assert count > 5_000
    assert set(reader.report.counts) <= {"out_of_range"}
    assert "unhandled" not in reader.report.notes["messages"]


@pytest.mark.parametrize(("venue", "books"), [("BINANCE", 4), ("BINANCE_FUTURES", 4)])
def test_recorded_binance_books_are_never_crossed_nor_stale(venue: str, books: int, data: Callable[[str], Path]) -> None:
    reader = read(data(f"crypto/{venue}.jsonl.zst"))
    sides: dict[tuple[int, int], dict[int, int]] = {}
    groups = 0
    for chunk in reader:
        depth = chunk[(chunk["flags"] & Flag.MBP != 0) | (chunk["action"] == ord("R"))]
        for event in depth:
            number = int(event["instrument_id"])
            if event["action"] == ord("R"):
                sides[number, ord("B")], sides[number, ord("A")] = {}, {}
                continue
            levels = sides[number, int(event["side"])]
            levels.pop(int(event["price"]), None)
            if event["size"]:
                levels[int(event["price"])] = int(event["size"])
            if event["flags"] & Flag.LAST:
                groups += 1
                assert max(sides[number, ord("B")]) < min(sides[number, ord("A")])
    assert len(sides) == 2 * books
    assert groups > 150
    assert not any(reader.parser.stale(number) for number in reader.instruments)
