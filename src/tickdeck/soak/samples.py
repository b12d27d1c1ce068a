"""Small undamaged files of every format: what decoders are fuzzed from.

Formats that Tickdeck writes are written; the others' samples are made here from their specifications. Recorded files are added
where ``TICKDECK_DATA`` names the folder that holds them.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from tickdeck.core import TickdeckError
from tickdeck.simulation import order_flow
from tickdeck.soak.json_frames import SEEDS
from tickdeck.tape import Source, write

Sample = tuple[str, bytes]
"""File name and content."""

_MOST_BYTES = 40_000
_WRITTEN = {
    "dbn": ("a.dbn",),
    "lobster": ("A_2024-03-05_34200000_57600000_message_5.csv",),
    "parquet": ("a.parquet",),
    "arrow": ("a.arrow", "a.arrows"),
    "npy": ("a.npy",),
    "csv": ("a.csv",),
    "jsonl": ("a.jsonl",),
}
_RECORDED = {
    "dbn": ("databento/fixtures/*",),
    "databento-csv": ("databento/*.csv",),
    "lobster": ("lobster/AAPL_10_first_999/*message*",),
    "itch": ("itch/*.itch",),
    "pcap": ("itch/packets/*.pcap",),
    "capture": ("crypto/*.jsonl.zst",),
    "lines": ("crypto/*.gz",),
}
_LINES = (
    '{"lastUpdateId":9,"bids":[["100.40","1.25"]],"asks":[["100.60","3.00"]]}',
    ('{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1721347022504,"s":"BTCUSDT","U":9,"u":10,'
    '"b":[["100.50","1.25000000"],["100.40","0.000"]],"a":[["100.70","2"]]}}'),
    '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1721347022604,"s":"BTCUSDT","U":11,"u":11,"b":[],"a":[]}}',
    '{"stream":"btcusdt@bookTicker","data":{"u":12,"s":"BTCUSDT","b":"100.5","B":"1.00","a":"100.6","A":"0"}}',
    ('{"stream":"btcusdt@trade","data":{"e":"trade","E":1721347022504,"s":"BTCUSDT","t":7,"p":"100.50","q":"0.125",'
    '"T":1721347022500,"m":true,"M":true}}'),
    '{"e":"aggTrade","E":1721347022504,"a":8,"s":"BTCUSDT","p":"10.50","q":"3","f":1,"l":2,"T":1721347022500,"m":false,"M":true}',
)  # fmt: skip
_FUTURES_LINES = (
    '{"lastUpdateId":10,"E":1721347022400,"T":1721347022399,"bids":[["100.40","1.25"]],"asks":[["100.60","3.00"]]}',
    ('{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1721347022504,"T":1721347022500,"s":"BTCUSDT","U":9,"u":11,'
    '"pu":8,"b":[["100.50","1.25"]],"a":[]}}'),
    ('{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":12,"s":"BTCUSDT","b":"100.5","B":"1.00","a":"100.6","A":"0",'
    '"T":1721347022500,"E":1721347022504}}'),
    ('{"stream":"btcusdt@trade","data":{"e":"trade","E":1721347022504,"T":1721347022500,"s":"BTCUSDT","t":7,"p":"10.50",'
    '"q":"0.125","X":"MARKET","m":true}}'),
)  # fmt: skip
_DATABENTO_CSV = (
    "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id,flags,ts_in_delta,sequence,symbol\n"
    + "2025-07-17T08:05:03.360842448Z,2025-07-17T08:05:03.360677248Z,160,2,1108,A,B,5.510000000,100,0,817593,130,165200,851012,ARL\n"
    * 6
)
_TARDIS = (
    (
        "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
        "deribit,BTC-PERPETUAL,1585699200000900,1585699200001000,true,ask,6423.5,7100\n"
        "deribit,BTC-PERPETUAL,1585699200000900,1585699200001000,true,bid,6423,50.5\n"
        "deribit,BTC-PERPETUAL,1585699200001100,1585699200001200,false,bid,6423,0\n"
    ),
    (
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
        "deribit,BTC-PERPETUAL,1585699200000900,1585699200001000,7,sell,6423.5,7100\n"
        "deribit,BTC-PERPETUAL,1585699200001100,1585699200001200,,buy,6423,0.25\n"
    ),
)


def samples(format: str) -> list[Sample]:
    """Files of a format.

    Raises
    ------
    KeyError
        No such format.
    """
    found = [(name, _written(name, format)) for name in _WRITTEN.get(format, ())]
    if format in _MADE:
        found += _MADE[format]()
    folder = os.environ.get("TICKDECK_DATA")
    for pattern in _RECORDED.get(format, ()) if folder else ():
        for path in sorted(Path(folder or "").glob(pattern)):
            found += _head_of(path, format)
    return found


def _written(name: str, format: str) -> bytes:
    """A simulated minute as Tickdeck writes it."""
    import tempfile

    market = order_flow(events=150, seed=1, instruments=1, live_orders=40)
    events = np.concatenate(list(islice(market, 4)))
    if format == "lobster":
        # LOBSTER has no clear and no modify, and no sequence but the row.
        events = events[np.isin(events["action"], np.frombuffer(b"AC", np.uint8))]
        events["sequence"] = np.arange(1, len(events) + 1)
    with tempfile.TemporaryDirectory() as folder:
        try:
            write(Path(folder) / name, events, market.instruments)
        except TickdeckError:
            if format != "lobster":
                raise
            return b"34200.1,1,1,10,1000000,1\n34200.2,1,2,10,1020000,-1\n34200.3,4,1,5,1000000,1\n34201,3,2,10,1020000,-1\n"
        return (Path(folder) / name).read_bytes()


def _head_of(path: Path, format: str) -> list[Sample]:
    """The beginning of a recorded file, unpacked; its whole lines where it is text."""
    try:
        source = Source(path)
    except TickdeckError:
        return []
    head = source.head[:_MOST_BYTES]
    if format in ("databento-csv", "lobster", "capture", "lines"):
        head = head[: head.rfind(b"\n") + 1]
    name = path.name
    for suffix in (".zst", ".gz"):
        name = name.removesuffix(suffix)
    return [(name, head)] if head else []


def _itch_messages() -> list[bytes]:
    def message(kind: str, body: bytes) -> bytes:
        return kind.encode() + struct.pack(">HH", 1, 0) + (34_200 * 10**9).to_bytes(6, "big") + body

    symbol = b"ABC     "
    return [
        message("S", b"O"),
        message("R", symbol + b"QN" + struct.pack(">I", 100) + b"NCZ PN 1N" + struct.pack(">I", 0) + b"N"),
        message("A", struct.pack(">QcI8sI", 5, b"B", 100, symbol, 1_000_000)),
        message("F", struct.pack(">QcI8sI", 6, b"S", 100, symbol, 1_010_000) + b"ABCD"),
        message("E", struct.pack(">QIQ", 5, 40, 1)),
        message("C", struct.pack(">QIQcI", 6, 10, 2, b"Y", 1_000_500)),
        message("X", struct.pack(">QI", 5, 10)),
        message("U", struct.pack(">QQII", 6, 7, 50, 1_020_000)),
        message("P", struct.pack(">QcI8sIQ", 0, b"B", 10, symbol, 1_000_000, 3)),
        message("Q", struct.pack(">Q8sIQc", 10, symbol, 1_000_000, 4, b"O")),
        message("H", symbol + b"T     "),
        message("D", struct.pack(">Q", 7)),
    ]


def _framed(messages: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(message)) + message for message in messages)


def _itch() -> list[Sample]:
    return [("12302019.itch", _framed(_itch_messages() * 3))]


def _pcap() -> list[Sample]:
    messages = _itch_messages()
    payload = b"000010059B" + struct.pack(">QH", 1, len(messages)) + _framed(messages)
    udp = struct.pack(">HHHH", 26_477, 26_477, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0x4000, 21, 17, 0, bytes(4), bytes(4)) + udp
    packet = bytes(12) + b"\x08\x00" + ip
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)
    record = struct.pack("<IIII", 1_577_716_200, 5, len(packet), len(packet)) + packet
    return [("12302019.pcap", head + record * 3)]


def _captures() -> list[Sample]:
    found = []
    for venue, frames in SEEDS.items():
        lines = [{"t": "header", "format": 2, "exchange": venue, "recorded": 1_700_000_000}]
        for number, (message, url) in enumerate(frames):
            kind = "http" if url.startswith("https") else "recv"
            data = msgspec.json.encode(message).decode()
            lines.append({"t": kind, "ts": 1_700_000_000.5 + number, "conn": "a", "url": url, "data": data})
        found.append((f"{venue}.jsonl", b"\n".join(map(msgspec.json.encode, lines)) + b"\n"))
    return found


def _line_files() -> list[Sample]:
    return [
        (name, "".join(f"{1_721_347_021_000_000_000 + i} {line}\n" for i, line in enumerate(lines * 2)).encode())
        for name, lines in (("spot_btcusdt", _LINES), ("usdm_btcusdt", _FUTURES_LINES))
    ]


def _hftbacktest() -> list[Sample]:
    from tickdeck.tape.hftbacktest import BUY, EXCHANGE, HFT_EVENT, LOCAL, SELL

    both, start = EXCHANGE | LOCAL, 1_703_545_200_000_000_000
    rows = [
        (kind | both, start + at, start + at + 100, price, 3.0, 7 + at % 2, 0, 0.0)
        for at, (kind, price) in enumerate(
            [(1 | BUY, 100.5), (1 | SELL, 100.75), (2 | SELL, 100.5), (4 | BUY, 99.5), (10 | BUY, 100.25), (11 | BUY, 100.25)]
        )
    ]
    out = io.BytesIO()
    np.savez_compressed(out, data=np.array(rows, HFT_EVENT))
    return [("btcusdt_20240808.npz", out.getvalue())]


_MADE: dict[str, Callable[[], list[Sample]]] = {
    "databento-csv": lambda: [("a.csv", _DATABENTO_CSV.encode())],
    "itch": _itch,
    "pcap": _pcap,
    "capture": _captures,
    "lines": _line_files,
    "tardis": lambda: [(f"{number}.csv", text.encode()) for number, text in enumerate(_TARDIS)],
    "hftbacktest": _hftbacktest,
}
