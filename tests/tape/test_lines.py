"""Recorded WebSocket lines of Binance."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tickdeck.core import Flag, FormatError, Instrument, TruncatedError, UsageError
from tickdeck.tape import read
from tickdeck.tape.lines import venue_of

START = 1_721_347_020_000_000_000
SNAPSHOT = b'{"lastUpdateId":10,"bids":[["100.5","1.5"],["100.4","2"]],"asks":[["100.6","1"]]}'


def depth(update: int, symbol: str = "BTCUSDT", levels: int = 1) -> bytes:
    pairs = [[f"{100 + i}.5", "0.25"] for i in range(levels)]
    data = {"e": "depthUpdate", "E": 1_721_347_022_504, "s": symbol, "U": update, "u": update, "b": pairs, "a": []}
    return msgspec.json.encode({"stream": f"{symbol.lower()}@depth@100ms", "data": data})


def ticker(update: int, symbol: str = "BTCUSDT") -> bytes:
    return msgspec.json.encode({"u": update, "s": symbol, "b": "100.5", "B": "1", "a": "100.6", "A": "2"})


def trade(number: int) -> bytes:
    data = {"e": "trade", "E": 5, "s": "BTCUSDT", "t": number, "p": "100.5", "q": "1", "T": 4, "m": True, "M": True}
    return msgspec.json.encode(data)


MESSAGES = [depth(11), SNAPSHOT, depth(12, levels=3), ticker(12), trade(1), depth(13), ticker(13)]


def text(messages: list[bytes] | None = None, end: bytes = b"\n") -> bytes:
    messages = MESSAGES if messages is None else messages
    return end.join(b"%d %s" % (START + row, message) for row, message in enumerate(messages)) + end


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_lines_become_events_in_order(tmp_path: Path) -> None:
    reader = read(write(tmp_path / "btc.txt", text()))
    events = np.concatenate(list(reader))
    assert (reader.format, reader.schema) == ("lines", "BINANCE")
    assert "".join(map(chr, events["action"])) == "RAAAAAAAAATAAA"
    assert events["sequence"].tolist() == [10, 10, 10, 10, 11, 12, 12, 12, 12, 12, 1, 13, 13, 13]
    assert np.all(np.diff(events["ts_recv"]) >= 0)
    assert events["ts_recv"][-1] == START + 6
    assert {number: item.symbol for number, item in reader.instruments.items()} == {1: "BTCUSDT"}
    assert reader.report.notes == {
        "venue": "BINANCE",
        "rows": 7,
        "messages": {"depth": 3, "snapshot": 1, "ticker": 2, "trade": 1},
    }
    assert not reader.report.counts


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 1_000])
def test_any_chunk_size_gives_the_same_events(tmp_path: Path, chunk: int) -> None:
    path = write(tmp_path / "lines", text())
    whole = np.concatenate(list(read(path)))
    chunks = list(read(path, chunk=chunk))
    assert max(map(len, chunks)) <= chunk
    assert np.concatenate(chunks).tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda content: gzip.compress(content),
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content.replace(b"\n", b"\n\n"),
        lambda content: content.rstrip(b"\n"),
        lambda content: content.replace(b":", b": "),
    ],
    ids=["gzip", "crlf", "blank lines", "no last newline", "spaces"],
)
def test_how_lines_are_written_makes_no_difference(tmp_path: Path, change: object) -> None:
    expected = np.concatenate(list(read(write(tmp_path / "plain", text()))))
    reader = read(write(tmp_path / "other", change(text())))  # type: ignore[operator]
    assert np.concatenate(list(reader)).tobytes() == expected.tobytes()
    assert not reader.report.counts


def test_lines_beyond_a_block_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "lines", text(MESSAGES + [depth(14 + i, levels=40) for i in range(60)]))
    whole = np.concatenate(list(read(path)))
    monkeypatch.setattr("tickdeck.tape.lines._BLOCK_BYTES", 4_096)
    assert np.concatenate(list(read(path))).tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    "line",
    [
        b"12 34",
        b"1721347020000000000",
        b"1721347020000000000 ",
        b"99999999999999999999 {}",
        b"-5 {}",
        b"1721347020000000000 {",
        b'1721347020000000000 {"e":"depthUpdate"}',
        b'{"u":1}',
        b"\xff\xfe\x00",
    ],
)
def test_a_bad_line_is_counted_with_its_row_or_stops_a_strict_reader(tmp_path: Path, line: bytes) -> None:
    lines = text().split(b"\n")
    path = write(tmp_path / "lines", b"\n".join([*lines[:3], line, *lines[3:]]))
    reader = read(path)
    assert len(np.concatenate(list(reader))) == 14
    assert reader.report.counts == {"bad_row": 1}
    kind, row, example = reader.report.examples[0]
    assert (kind, row) == ("bad_row", 4)
    assert "\n" not in example
    with pytest.raises(FormatError, match="row 4"):
        list(read(path, strict=True))


def test_a_gap_is_counted_with_its_row(tmp_path: Path) -> None:
    reader = read(write(tmp_path / "lines", text([*MESSAGES, depth(20), depth(21)])))
    events = np.concatenate(list(reader))
    assert reader.report.counts == {"sequence_gap": 1}
    assert reader.report.examples[0][:2] == ("sequence_gap", 8)
    assert events["sequence"][events["flags"] & Flag.MAYBE_BAD_BOOK != 0].tolist() == [20]


def test_only_wanted_symbols_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "lines", text([ticker(1), ticker(2, "ETHUSDT"), ticker(3)]))
    events = np.concatenate(list(read(path, symbols=["ETHUSDT"])))
    assert events["sequence"].tolist() == [2, 2]
    assert list(read(path, symbols=["XRPUSDT"])) == []


def test_declared_instruments_give_ids_and_decimals(tmp_path: Path) -> None:
    declared = Instrument("BTCUSDT", tick_size="0.1", size_decimals=2, instrument_id=9)
    events = np.concatenate(list(read(write(tmp_path / "lines", text()), instruments=[declared])))
    assert set(events["instrument_id"].tolist()) == {9}
    assert events["size"][1] == 150


def test_a_truncated_file_delivers_what_came_before(tmp_path: Path) -> None:
    content = gzip.compress(text([*MESSAGES, *(ticker(100 + i) for i in range(5_000))]))
    reader = read(write(tmp_path / "lines.gz", content[: len(content) * 2 // 3]))
    count = 0
    with pytest.raises(TruncatedError, match="breaks off"):
        for chunk in reader:
            count += len(chunk)
    assert count > 1_000


def test_a_torn_last_line_is_one_bad_row(tmp_path: Path) -> None:
    reader = read(write(tmp_path / "lines", text()[:-20]))
    assert len(np.concatenate(list(reader))) == 12
    assert reader.report.counts == {"bad_row": 1}


def test_diffs_without_a_snapshot_make_a_book_marked_bad(tmp_path: Path) -> None:
    reader = read(write(tmp_path / "lines", text([depth(11), depth(12)])))
    events = np.concatenate(list(reader))
    assert events["sequence"].tolist() == [11, 12]
    assert [int(flags) & Flag.MAYBE_BAD_BOOK for flags in events["flags"]] == [Flag.MAYBE_BAD_BOOK, 0]
    assert reader.report.counts == {"update_before_snapshot": 1}


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), gzip.compress(b"\n\n", mtime=0)])
def test_an_empty_file_is_a_one_line_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FormatError, match="lines"):
        list(read(write(tmp_path / "lines", content), format="lines"))


def test_a_file_without_any_message_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no line is a message"):
        list(read(write(tmp_path / "lines", b"1721347020000000000 [\n1721347020000000001 [\n")))


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read(tmp_path / "nothing.gz", format="lines")


@pytest.mark.parametrize(
    ("lines", "venue"),
    [
        ([b'1 {"lastUpdateId":1,"E":2,"T":3,"bids":[],"asks":[]}'], "BINANCE_FUTURES"),
        (
            [b'1 {"lastUpdateId":1,"bids":[],"asks":[]}', b'2 {"e":"depthUpdate","E":1,"T":1,"s":"X","U":1,"u":1,"pu":0}'],
            "BINANCE_FUTURES",
        ),
        ([b'1 {"e":"bookTicker","u":1}'], "BINANCE_FUTURES"),
        ([b'1 {"stream":"x@bookTicker","data":{"u":1,"s":"X"}}', b'2 {"e":"bookTicker","u":1}'], "BINANCE"),
        ([b'1 {"e":"trade","m":true,"M":true}'], "BINANCE"),
        ([b'1 {"e":"trade","X":"MARKET","m":true}'], "BINANCE_FUTURES"),
        ([b'1 {"e":"depthUpdate","E":1,"s":"X","U":1,"u":1,"b":[],"a":[]}'], "BINANCE"),
        ([b""], "BINANCE"),
    ],
)
def test_spot_and_futures_are_told_from_the_messages(lines: list[bytes], venue: str) -> None:
    assert venue_of(b"\n".join(lines)) == venue
