"""ITCH 5.0 messages as bytes and what they mean in plain Python, written from the specification, not from the package."""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any

UNDEF = 2**63 - 1


def head(kind: str, locate: int, ns: int) -> bytes:
    return kind.encode() + struct.pack(">HH", locate, 0) + ns.to_bytes(6, "big")


def stock(symbol: str) -> bytes:
    return symbol.ljust(8).encode()


def directory(locate: int, ns: int, symbol: str) -> bytes:
    return head("R", locate, ns) + stock(symbol) + b"QN" + struct.pack(">I", 100) + b"NCZ PN 1N" + struct.pack(">I", 0) + b"N"


def add(locate: int, ns: int, ref: int, side: str, shares: int, symbol: str, price: int, mpid: str = "") -> bytes:
    kind = "F" if mpid else "A"
    body = struct.pack(">QcI8sI", ref, side.encode(), shares, stock(symbol), price)
    return head(kind, locate, ns) + body + (mpid.ljust(4).encode() if mpid else b"")


def execute(locate: int, ns: int, ref: int, shares: int, match: int = 1) -> bytes:
    return head("E", locate, ns) + struct.pack(">QIQ", ref, shares, match)


def execute_at(locate: int, ns: int, ref: int, shares: int, price: int, printable: str = "Y", match: int = 1) -> bytes:
    return head("C", locate, ns) + struct.pack(">QIQcI", ref, shares, match, printable.encode(), price)


def cancel(locate: int, ns: int, ref: int, shares: int) -> bytes:
    return head("X", locate, ns) + struct.pack(">QI", ref, shares)


def delete(locate: int, ns: int, ref: int) -> bytes:
    return head("D", locate, ns) + struct.pack(">Q", ref)


def replace(locate: int, ns: int, ref: int, new: int, shares: int, price: int) -> bytes:
    return head("U", locate, ns) + struct.pack(">QQII", ref, new, shares, price)


def trade(locate: int, ns: int, side: str, shares: int, symbol: str, price: int, match: int = 1) -> bytes:
    return head("P", locate, ns) + struct.pack(">QcI8sIQ", 0, side.encode(), shares, stock(symbol), price, match)


def cross(locate: int, ns: int, shares: int, symbol: str, price: int, kind: str = "O", match: int = 1) -> bytes:
    return head("Q", locate, ns) + struct.pack(">Q8sIQc", shares, stock(symbol), price, match, kind.encode())


def broken(locate: int, ns: int, match: int) -> bytes:
    return head("B", locate, ns) + struct.pack(">Q", match)


def trading_action(locate: int, ns: int, symbol: str, state: str) -> bytes:
    return head("H", locate, ns) + stock(symbol) + state.encode() + b"    " + b" "


def system(ns: int, code: str) -> bytes:
    return head("S", 0, ns) + code.encode()


def framed(messages: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(message)) + message for message in messages)


class Plain:
    """Events of messages by the documented rules, one message at a time, orders in a dict."""

    def __init__(self, midnight: int = 0, publisher: int = 2, trade_sides: bool = True) -> None:
        self.midnight = midnight
        self.publisher = publisher
        self.trade_sides = trade_sides
        self.orders: dict[int, list[Any]] = {}
        self.counts: Counter[str] = Counter()

    def events(self, message: bytes, sequence: int, ts_recv: int = 0) -> list[tuple[Any, ...]]:
        kind = chr(message[0])
        locate = int.from_bytes(message[1:3], "big")
        ns = int.from_bytes(message[5:11], "big")
        body = message[11:]

        def event(action: str, side: str, order: int, price: int, size: int, flags: int, where: int = locate) -> tuple[Any, ...]:
            units = price * 100_000 if price != UNDEF else UNDEF
            return (self.midnight + ns, ts_recv, order, units, size, sequence, where, self.publisher, action, side, flags)

        if kind in "AF":
            ref, side, shares, _, price = struct.unpack(">QcI8sI", body[:25])
            if ref in self.orders:
                self.counts["duplicate_order"] += 1
            self.orders[ref] = [shares, price, locate, "B" if side == b"B" else "A"]
            return [event("A", "B" if side == b"B" else "A", ref, price, shares, 128)]
        if kind in "ECXDU":
            ref = int.from_bytes(body[:8], "big")
            if ref not in self.orders:
                self.counts[f"unknown_order_{kind}"] += 1
                return []
            left, price, _, own = self.orders[ref]
            if kind == "U":
                _, new, shares, new_price = struct.unpack(">QQII", body)
                del self.orders[ref]
                if new in self.orders:
                    self.counts["duplicate_order"] += 1
                self.orders[new] = [shares, new_price, locate, own]
                return [event("C", own, ref, price, left, 0), event("A", own, new, new_price, shares, 128)]
            size = left if kind == "D" else int.from_bytes(body[8:12], "big")
            if size > left:
                self.counts["overfilled"] += 1
            if size >= left:
                del self.orders[ref]
            else:
                self.orders[ref][0] = left - size
            mark = 2 if kind == "C" and body[20:21] == b"N" else 0
            gone = event("C", own, ref, price, size, 128 | mark)
            if kind in "XD":
                return [gone]
            paid = int.from_bytes(body[21:25], "big") if kind == "C" else price
            other = "A" if own == "B" else "B"
            return [event("T", other, 0, paid, size, mark), event("F", own, ref, paid, size, mark), gone]
        if kind == "P":
            _, side, shares, _, price, _ = struct.unpack(">QcI8sIQ", body)
            aggressor = ("A" if side == b"B" else "B") if self.trade_sides else "N"
            return [event("T", aggressor, 0, price, shares, 128)]
        if kind == "Q":
            shares, _, price, _, _ = struct.unpack(">Q8sIQc", body)
            return [event("T", "N", 0, price, shares, 128)] if shares else []
        if kind == "H":
            return [event("N", "N", {"T": 7, "H": 8, "P": 9, "Q": 3}[chr(body[8])], UNDEF, 0, 128)]
        if kind == "h":
            return [event("N", "N", {"T": 7, "H": 8}[chr(body[9])], UNDEF, 0, 128)]
        if kind == "J":
            return [event("N", "N", 6, int.from_bytes(body[8:12], "big"), 0, 128)]
        if kind == "Y":
            return [event("N", "N", 14, UNDEF, int(chr(body[8])), 128)]
        if kind == "W":
            return [event("N", "N", 8, UNDEF, int(chr(body[0])), 128)]
        if kind == "S":
            return [event("N", "N", {"O": 0, "S": 1, "Q": 7, "M": 13, "E": 12, "C": 15}[chr(body[0])], UNDEF, 0, 128)]
        if kind == "B":
            self.counts["broken_trade"] += 1
        return []


def seen(events: Any) -> list[tuple[Any, ...]]:
    """Events as the tuples of :class:`Plain`."""
    names = ("ts_event", "ts_recv", "order_id", "price", "size", "sequence", "instrument_id", "publisher_id")
    return [(*(int(e[name]) for name in names), chr(e["action"]), chr(e["side"]), int(e["flags"])) for e in events]
