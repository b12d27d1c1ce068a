"""Recorded feeds: every checksum of Kraken's and OKX's books holds, and every message of five venues is understood.

Checksums are compared for the parser's own book, for one rebuilt from its events alone, and (OKX) for the venue's printed text.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
import pytest
import zstandard

from tickdeck.core import LEVEL, Records
from tickdeck.venues.kraken import KrakenParser
from tickdeck.venues.okx import OkxParser
from tickdeck.venues.parser import Frame, VenueParser
from tickdeck.venues.registry import venue_parser

Data = Callable[[str], Path]

KRAKEN, OKX = "crypto/KRAKEN.jsonl.zst", "crypto/OKX.jsonl.zst"
PARSERS: dict[str, type[VenueParser]] = {KRAKEN: KrakenParser, OKX: OkxParser}
CHECKSUMS = {KRAKEN: 4_269, OKX: 290}


def frames(path: Path) -> Iterator[Frame]:
    addresses: dict[str, str] = {}
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        for line in io.TextIOWrapper(stream, "utf-8"):
            record = msgspec.json.decode(line)
            if record["t"] in ("recv", "http"):
                payload, http = record["data"].encode(), record["t"] == "http"
                address = record.get("url") or addresses[record["conn"]]
                yield Frame(payload, int(record["ts"] * 1e9), http, address, record["conn"])
            elif record["t"] == "connect":
                addresses[record["conn"]] = record["addr"]


def books_of(frame: Frame) -> bool:
    return b'"book-1000"' in frame.payload or b'"channel":"books"' in frame.payload


def replay(books: dict[int, tuple[dict[int, int], dict[int, int]]], events: Records) -> None:
    """Apply events to plain dicts of price to size."""
    for event in events:
        bids, asks = books.setdefault(int(event["instrument_id"]), ({}, {}))
        side = bids if event["side"] == ord("B") else asks
        if event["action"] == ord("R"):
            bids.clear()
            asks.clear()
        elif event["action"] == ord("C") and event["flags"] & 16:
            side.pop(int(event["price"]), None)
        elif event["action"] == ord("A") and event["flags"] & 16:
            side[int(event["price"])] = int(event["size"])


def depth(side: dict[int, int], bid: bool, count: int) -> Records:
    return np.array([(price, side[price], 0, 0) for price in sorted(side, reverse=bid)[:count]], LEVEL)


def wrong(parser: VenueParser, recorded: Iterator[Frame] | list[Frame]) -> tuple[int, int]:
    """Checksums compared and those that differ, on books rebuilt from the events alone."""
    books: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
    compared = differ = 0
    for frame in recorded:
        events = parser.parse(frame)
        done = 0
        for index, number, stated in parser.expected:
            replay(books, events[done : index + 1])
            done = index + 1
            bids, asks = books[number]
            compared += 1
            differ += parser.checksum(depth(bids, True, 25), depth(asks, False, 25), number) != stated
        replay(books, events[done:])
    return compared, differ


@pytest.mark.parametrize("name", CHECKSUMS)
def test_every_checksum_holds(data: Data, name: str) -> None:
    parser = PARSERS[name]()
    assert wrong(parser, frames(data(name))) == (CHECKSUMS[name], 0)
    assert (parser.report.checksums, parser.report.checksums_wrong) == (CHECKSUMS[name], 0)
    assert not {"malformed", "unhandled", "inexact", "checksum_mismatch", "sequence_gap"} & parser.report.anomalies.keys()
    assert not any(parser.stale(number) for number in parser.instruments)


@pytest.mark.parametrize("name", CHECKSUMS)
def test_dropping_one_update_is_noticed(data: Data, name: str) -> None:
    recorded = list(frames(data(name)))
    updates = [i for i, frame in enumerate(recorded) if books_of(frame)]
    candidates = (i for i in updates[len(updates) // 2 :] if near_the_top(name, recorded, i))
    dropped = next(i for i in candidates if not repaired_by_the_next(recorded, i))
    parser = PARSERS[name]()
    compared, differ = wrong(parser, recorded[:dropped] + recorded[dropped + 1 :])
    assert compared == CHECKSUMS[name] - 1
    assert differ > 0
    assert parser.report.checksums_wrong == differ
    assert any(parser.stale(number) for number in parser.instruments)


@pytest.mark.parametrize("name", CHECKSUMS)
def test_altering_one_size_is_noticed(data: Data, name: str) -> None:
    recorded = list(frames(data(name)))
    updates = [i for i, frame in enumerate(recorded) if books_of(frame)]
    altered = next(i for i in updates[len(updates) // 2 :] if near_the_top(name, recorded, i))
    frame = recorded[altered]
    message = msgspec.json.decode(frame.payload)
    level = first_level(message)
    level[1] = str(Decimal(level[1]) + 1)
    recorded[altered] = Frame(msgspec.json.encode(message), frame.ts_recv, frame.http, frame.url, frame.connection)
    parser = PARSERS[name]()
    compared, differ = wrong(parser, recorded)
    assert compared == CHECKSUMS[name]
    assert differ > 0
    assert parser.report.checksums_wrong == differ
    assert parser.report.anomalies["checksum_mismatch"] == differ


def near_the_top(name: str, recorded: list[Frame], index: int) -> bool:
    """Whether an update's first level alone decides the checksum stated with it."""
    message = msgspec.json.decode(recorded[index].payload)
    try:
        level = first_level(message)
    except (KeyError, StopIteration, TypeError):
        return False
    if Decimal(level[1]) == 0:
        return False
    parser = PARSERS[name]()
    for frame in recorded[:index]:
        if frame.http or books_of(frame):
            parser.parse(frame)
    before = parser.report.checksums_wrong
    level[1] = str(Decimal(level[1]) + 1)
    parser.parse(Frame(msgspec.json.encode(message), 0))
    return parser.report.checksums_wrong > before


def repaired_by_the_next(recorded: list[Frame], index: int) -> bool:
    """Whether the same book's next message sets the same price again, so that a lost one leaves no trace."""
    message = msgspec.json.decode(recorded[index].payload)
    price = first_level(message)[0].encode()
    book = (message[-1] if isinstance(message, list) else message["arg"]["instId"]).encode()
    following = next(frame for frame in recorded[index + 1 :] if books_of(frame) and book in frame.payload)
    return price in following.payload


def first_level(message: Any) -> list[str]:
    if isinstance(message, list):
        part = next(part for part in message[1:-2] if set(part) & {"a", "b"})
        return (part.get("a") or part["b"])[0]
    book = message["data"][0]
    return (book["asks"] or book["bids"])[0]


def test_the_parsers_books_are_the_text_that_the_venue_printed(data: Data) -> None:
    """The oracle's own checksums, from printed text, hold too: the recordings are what the README says."""
    compared = 0
    books: dict[str, dict[str, dict[Decimal, tuple[str, str]]]] = {}
    for frame in frames(data(OKX)):
        if not books_of(frame) or b'"action"' not in frame.payload:
            continue
        message = msgspec.json.decode(frame.payload)
        book = books.setdefault(message["arg"]["instId"], {"bids": {}, "asks": {}})
        for item in message["data"]:
            for side, levels in book.items():
                for price, size, *_ in item[side]:
                    levels.pop(Decimal(price), None)
                    if size != "0":
                        levels[Decimal(price)] = (price, size)
            bids = [":".join(book["bids"][price]) for price in sorted(book["bids"], reverse=True)[:25]]
            asks = [":".join(book["asks"][price]) for price in sorted(book["asks"])[:25]]
            text = ":".join(level for pair in zip_longest(bids, asks) for level in pair if level)
            assert np.array([crc32(text.encode())], np.uint32).view(np.int32)[0] == item["checksum"]
            compared += 1
    assert compared == CHECKSUMS[OKX]


KINDS = {
    "BYBIT": {"depth": 2142, "snapshot": 6, "ticker": 839, "trade": 120, "candle": 96, "subscription": 24, "instruments": 2},
    "COINBASE": {"depth": 773, "snapshot": 2, "ticker": 160, "trade": 59, "candle": 6, "heartbeat": 25},
    "KRAKEN": {"depth": 4269, "snapshot": 10, "ticker": 18, "trade": 8, "heartbeat": 92, "subscription": 30, "status": 3},
    "OKX": {"depth": 287, "snapshot": 3, "ticker": 28, "trade": 74, "subscription": 18, "instruments": 25},
    "BITSTAMP": {"depth": 615, "depth_before_snapshot": 102, "snapshot": 10, "trade": 10, "subscription": 20},
}
REST = {"COINBASE": {"instruments": 1, "subscription": 5}, "KRAKEN": {"instruments": 1}, "BITSTAMP": {"instruments": 1}}


@pytest.mark.parametrize("venue", KINDS)
def test_every_message_is_understood_and_no_book_is_ever_crossed(data: Data, venue: str) -> None:
    parser = venue_parser(venue)
    books: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
    for frame in frames(data(f"crypto/{venue}.jsonl.zst")):
        events = parser.parse(frame)
        if len(events):
            assert events["flags"][-1] & 128
        replay(books, events)
        for number in set(events["instrument_id"][events["flags"] & 16 != 0].tolist()):
            bids, asks = books[number]
            assert max(bids) < min(asks)
    assert parser.report.messages == KINDS[venue] | REST.get(venue, {})
    assert not parser.report.anomalies.keys() - {"out_of_range"}
    assert all(item.tick_size for item in parser.instruments.values())
