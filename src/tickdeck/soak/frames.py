"""Frames of venues, altered and damaged: parsed or counted, never raised over; and Binance the same both ways."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from tickdeck.core import EVENT, Instrument
from tickdeck.soak.campaign import FindingError
from tickdeck.soak.json_frames import SEEDS, altered
from tickdeck.soak.mutation import damaged, damaged_text
from tickdeck.soak.samples import samples
from tickdeck.venues.binance import BinanceFuturesParser, BinanceParser
from tickdeck.venues.parser import Frame
from tickdeck.venues.registry import venue_parser

_RECEIVED = 1_700_000_000_000_000_000


class VenueCampaign:
    """A short session with one of the JSON venues."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder

    def try_one(self, rng: random.Random) -> None:
        """Up to 30 frames, some altered, some damaged."""
        venue = rng.choice(sorted(SEEDS))
        parser = venue_parser(venue)
        sent = []
        for count in range(1, rng.randrange(2, 32)):
            message, url = rng.choice(SEEDS[venue])
            if rng.random() < 0.6:
                message = altered(message, rng)
            payload = msgspec.json.encode(message)
            if rng.random() < 0.15:
                payload = damaged(payload, rng)
            sent.append(payload)
            (self._folder / f"{venue}.frames").write_bytes(b"\n".join(sent))
            events = parser.parse(Frame(payload, _RECEIVED, http=url.startswith("https"), url=url))
            if events.dtype != EVENT:
                raise FindingError(f"dtype {events.dtype}")
            if sum(parser.report.messages.values()) != count:
                raise FindingError(f"{count} frames are counted as {dict(parser.report.messages)}")
            if (events["size"] < 0).any() or not set(events["instrument_id"].tolist()) <= parser.instruments.keys():
                raise FindingError("an event has a negative size or an unknown instrument")
            if len(events) and not events["flags"][-1] & 128:
                raise FindingError("the last event of a frame does not end a group")


class BinanceCampaign:
    """Frames of Binance through the compiled and through the tolerant parser."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder
        self._frames: dict[bool, list[bytes]] = {False: [], True: []}
        for name, content in samples("lines"):
            frames = [line.partition(b" ")[2] for line in content.splitlines()]
            self._frames["usdm" in name] += frames

    def try_one(self, rng: random.Random) -> None:
        """A few frames after a snapshot, most of them damaged."""
        futures = rng.random() < 0.5
        frames = self._frames[futures]
        known = (Instrument("BTCUSDT", size_decimals=rng.choice((8, 8, 3, 0, 12)), tick_size="0.1"),)
        kind = BinanceFuturesParser if futures else BinanceParser
        one, other = kind(known), kind(known)
        first = rng.randrange(len(frames))
        chosen = frames[first : first + 4] if rng.random() < 0.5 else [rng.choice(frames) for _ in range(6)]
        sent = []
        for payload in chosen:
            frame = Frame(damaged_text(payload, rng) if rng.random() < 0.7 else payload, rng.choice((_RECEIVED, 0, 1)))
            sent.append(frame.payload)
            (self._folder / "binance.frames").write_bytes(b"\n".join(sent))
            events, expected = one.parse(frame), other.parse_tolerant(frame)
            same = (
                events.tobytes() == expected.tobytes()
                and (one.report.messages, one.report.anomalies) == (other.report.messages, other.report.anomalies)
                and one.instruments == other.instruments
                and [one.stale(number) for number in one.instruments] == [other.stale(number) for number in other.instruments]
            )
            if not same:
                raise FindingError(f"compiled gives {len(events)} events, tolerant {len(expected)}, or their reports differ")
