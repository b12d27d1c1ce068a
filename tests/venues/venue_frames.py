"""Frames and books for the tests of venues' parsers."""

from __future__ import annotations

from typing import Any

import msgspec

from tickdeck.core import Flag, Records
from tickdeck.venues.parser import Frame, VenueParser

RECEIVED = 1_700_000_000_000_000_000


def ws(message: Any, url: str = "", connection: str = "") -> Frame:
    """A WebSocket frame; text and bytes stand as they are."""
    payload = message if isinstance(message, bytes) else message.encode() if isinstance(message, str) else None
    return Frame(msgspec.json.encode(message) if payload is None else payload, RECEIVED, url=url, connection=connection)


def http(message: Any, url: str = "") -> Frame:
    """A REST response."""
    payload = message.encode() if isinstance(message, str) else msgspec.json.encode(message)
    return Frame(payload, RECEIVED, http=True, url=url)


def brief(events: Records) -> list[tuple[str, str, int, int, int]]:
    """(action, side, price, size, flags) of each event."""
    return [(chr(e["action"]), chr(e["side"]), int(e["price"]), int(e["size"]), int(e["flags"])) for e in events]


class PlainBook:
    """Levels and orders of one book, kept by the plainest means from its events."""

    def __init__(self) -> None:
        self.levels: dict[str, dict[int, int]] = {"B": {}, "A": {}}
        self.orders: dict[int, tuple[str, int, int]] = {}

    def apply(self, events: Records) -> None:
        for e in events:
            action, side, price, size = chr(e["action"]), chr(e["side"]), int(e["price"]), int(e["size"])
            number, levels = int(e["order_id"]), bool(e["flags"] & Flag.MBP)
            if action == "R":
                self.__init__()  # type: ignore[misc]
            elif levels and action in "AC":
                self.levels[side].pop(price, None)
                if size:
                    assert action == "A"
                    self.levels[side][price] = size
            elif action == "A":
                assert number not in self.orders
                self.orders[number] = (side, price, size)
            elif action == "M":
                self.orders[number] = (side, price, size)
            elif action == "C":
                _, at, left = self.orders.pop(number)
                assert size <= left and price == at
                if size < left:
                    self.orders[number] = (side, at, left - size)


def unsound(parser: VenueParser) -> dict[str, int]:
    """Anomalies that no sound recording has."""
    return {kind: parser.report.anomalies[kind] for kind in ("malformed", "unhandled") if parser.report.anomalies[kind]}
