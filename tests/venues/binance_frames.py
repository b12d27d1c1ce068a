"""Binance frames for tests, in the shapes that the venue sends."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from tickdeck.venues.parser import Frame

RECV = 1_721_347_021_000_000_000
Pairs = list[tuple[str, str]]


def wrapped(stream: str, message: dict[str, Any]) -> bytes:
    """A message of a combined stream."""
    return msgspec.json.encode({"stream": stream, "data": message})


def diff(
    first: int,
    final: int,
    bids: Pairs = (),
    asks: Pairs = (),
    *,
    previous: int | None = None,
    symbol: str = "BTCUSDT",
    ms: int = 1_721_347_022_504,
) -> bytes:
    """A depthUpdate; of futures if it has `previous`."""
    message: dict[str, Any] = {"e": "depthUpdate", "E": ms}
    if previous is not None:
        message["T"] = ms - 4
    message |= {"s": symbol, "U": first, "u": final}
    if previous is not None:
        message["pu"] = previous
    message |= {"b": [list(pair) for pair in bids], "a": [list(pair) for pair in asks]}
    return wrapped(f"{symbol.lower()}@depth@100ms", message)


def snapshot(last: int, bids: Pairs = (), asks: Pairs = ()) -> bytes:
    """A REST depth snapshot."""
    return msgspec.json.encode(
        {"lastUpdateId": last, "bids": [list(pair) for pair in bids], "asks": [list(pair) for pair in asks]}
    )


def depth_url(symbol: str = "BTCUSDT", futures: bool = False) -> str:
    """The address of a depth snapshot."""
    place = "fapi.binance.com/fapi/v1" if futures else "api.binance.com/api/v3"
    return f"https://{place}/depth?symbol={symbol}&limit=1000"


def ws(payload: bytes, recv: int = RECV) -> Frame:
    """A WebSocket frame."""
    return Frame(payload, recv)


def rest(payload: bytes, url: str = "", recv: int = RECV) -> Frame:
    """A REST response."""
    return Frame(payload, recv, http=True, url=url)


def frames_of_lines(path: Path) -> list[Frame]:
    """Frames of recorded lines."""
    out = []
    for line in gzip.decompress(path.read_bytes()).splitlines():
        stamp, _, payload = line.partition(b" ")
        out.append(Frame(payload, int(stamp)))
    return out


def frames_of_capture(path: Path) -> list[Frame]:
    """Frames of a capture in the order of the file, by the plainest means."""
    out = []
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        for line in io.BufferedReader(stream):
            entry = msgspec.json.decode(line)
            if entry["t"] in ("recv", "http"):
                payload = entry["data"].encode()
                out.append(Frame(payload, int(entry["ts"] * 1e9), entry["t"] == "http", entry.get("url", "")))
    return out
