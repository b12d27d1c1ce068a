"""ITCH 5.0 messages to events, without I/O.

=================  =====================================================================================================
message            events
=================  =====================================================================================================
A, F               A (the attribution of F is not kept)
E, C               T, F at the execution price, C at the resting price; a non-printable C carries PUBLISHER_SPECIFIC
X, D               C with the cancelled, the remaining size
U                  C with all that remained, then A under the new reference number
P                  T alone; side N from 2014-07-14 on, when NASDAQ stopped saying which side was hidden
Q                  T alone, side N; none when no shares crossed
H, h               N: TRADING, HALT, PAUSE or QUOTING
J, Y, W            N: NEW_PRICE_INDICATION at the reference price; SSR_CHANGE; HALT of the whole market (instrument 0);
                   size is the action or level of Y and W
S                  N on instrument 0: NONE (start of messages), PRE_OPEN, TRADING, POST_CLOSE, CLOSE, NOT_AVAILABLE_FOR_TRADING
R                  no event: an instrument (id: its locate code)
B                  no event: counted as broken_trade
V, K, L, I, N, O   no event: counted by type
=================  =====================================================================================================

E, C, X, D and U name an order by number only. Those of an unknown order (a capture that starts late, a lost packet) have no
price or side: they make no event and are counted as ``unknown_order`` and by type. After a sequence gap the next event of every
book carries MAYBE_BAD_BOOK. Match numbers are not kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import EVENT, Instrument, Records, UsageError
from tickdeck.core.instrument import replace_fields
from tickdeck.venues.itch import LENGTHS, decode_message
from tickdeck.venues.kernels.itch import (
    COUNTERS,
    LOCATE,
    MESSAGE,
    STOP_DONE,
    STOP_FACE,
    STOP_FULL,
    STOP_GROW,
    STOP_LOCATE,
    UNWANTED,
    WANTED,
    decode,
)
from tickdeck.venues.kernels.itch_orders import ITCH_ORDER, rehash
from tickdeck.venues.parser import VenueReport

_FIRST_ORDERS_LOG2 = 14
_EXAMPLES = 20
_MEANINGLESS_SIDES_FROM_NS = 1_405_310_400_000_000_000  # 2014-07-14 UTC
_VENUES = {2: "XNAS", 3: "XBOS", 4: "XPSX"}
_STOCK_OFFSET = {"A": 24, "F": 24, "P": 24, "Q": 19}


class ItchDecoder:
    """Keeps the live orders and the stock directory while it turns messages into events.

    Parameters
    ----------
    midnight_ns : int
        New York midnight of the day, in ns since the epoch, UTC.
    publisher_id : int
        2 NASDAQ, 3 BX, 4 PSX.
    instruments : sequence of Instrument
        What is known about the symbols; their ids win over the locate codes.
    symbols : collection of str, optional
        Only these.
    chunk : int
        Most events in a chunk.

    Attributes
    ----------
    instruments : dict of int to Instrument
        By instrument id; grows as the directory or the orders name stocks.
    report : VenueReport
        ``messages`` by type; ``anomalies``: unknown_order (and by type, unknown_order_E ...), overfilled, duplicate_order,
        length_mismatch, unknown_message, time_backwards, bad_field, broken_trade.
    """

    def __init__(
        self,
        midnight_ns: int = 0,
        publisher_id: int = 2,
        *,
        instruments: Sequence[Instrument] = (),
        symbols: Collection[str] | None = None,
        chunk: int = 65_536,
    ) -> None:
        self.midnight_ns = midnight_ns
        self.publisher_id = publisher_id
        self.instruments: dict[int, Instrument] = {}
        self._declared = {item.symbol: item for item in instruments}
        self._symbols = None if symbols is None else frozenset(symbols)
        self._orders = np.zeros(1 << _FIRST_ORDERS_LOG2, ITCH_ORDER)
        self._locates = np.zeros(1 << 16, LOCATE)
        self._locates[0] = (0, 0, WANTED, 0)
        self._messages = np.zeros(256, np.int64)
        self._counters = np.zeros(len(COUNTERS), np.int64)
        self._state = np.zeros(8, np.int64)
        self._out: Records = np.empty(max(chunk, 3), EVENT)
        self._broken: list[str] = []
        self._broken_trades = 0

    @property
    def live_orders(self) -> int:
        """Orders in the table."""
        return int(self._state[0])

    @property
    def messages_seen(self) -> int:
        """Messages of known type and length, whether they made events or not."""
        return int(self._messages.sum())

    @property
    def report(self) -> VenueReport:
        """What has been met so far."""
        messages = Counter({chr(code): int(self._messages[code]) for code in np.flatnonzero(self._messages)})
        anomalies = Counter({name: int(count) for name, count in zip(COUNTERS, self._counters) if count})
        unknown = sum(count for name, count in anomalies.items() if name.startswith("unknown_order"))
        if unknown:
            anomalies["unknown_order"] = unknown
        if self._broken_trades:
            anomalies["broken_trade"] = self._broken_trades
        return VenueReport(messages=messages, anomalies=anomalies, examples=list(self._broken))

    def decode(self, data: NDArray[np.uint8], index: Records, count: int) -> Iterator[Records]:
        """Decode ``index[:count]`` (dtype ``MESSAGE``), whose offsets point into `data`; yields every chunk that fills up.

        Call :meth:`flush` for the events that wait for their chunk to fill.
        """
        state = self._state
        state[3] = 0
        stop = -1
        while stop != STOP_DONE:
            decode(
                data,
                index,
                count,
                LENGTHS,
                self.midnight_ns,
                self.publisher_id,
                int(self.midnight_ns < _MEANINGLESS_SIDES_FROM_NS),
                self._orders,
                _shift(self._orders),
                self._locates,
                self._messages,
                self._counters,
                self._out,
                state,
            )
            stop = int(state[5])
            if stop == STOP_FULL:
                yield self.flush()
            elif stop == STOP_GROW:
                self._grow()
            elif stop == STOP_LOCATE:
                self._see(_message_at(data, index[int(state[3])]))
            elif stop == STOP_FACE:
                self._take(_message_at(data, index[int(state[3]) - 1]))

    def flush(self) -> Records:
        """The events decoded since the last chunk; may be empty."""
        filled = int(self._state[4])
        self._state[4] = 0
        ready = self._out[:filled]
        self._out = np.empty(len(self._out), EVENT)
        return ready

    def _grow(self) -> None:
        larger = np.zeros(2 * len(self._orders), ITCH_ORDER)
        rehash(self._orders, larger, _shift(larger))
        self._orders = larger

    def _see(self, message: bytes) -> None:
        """A stock that the directory has not named: what the message says is its symbol."""
        start = _STOCK_OFFSET.get(chr(message[0]), 11)
        locate = int.from_bytes(message[1:3], "big")
        self._name(locate, message[start : start + 8].decode("latin-1").rstrip(" "), {})

    def _take(self, message: bytes) -> None:
        values = decode_message(message)
        if values["type"] == "B":
            self._broken_trades += 1
            if len(self._broken) < _EXAMPLES:
                self._broken.append(f"trade {values['match_number']} was broken")
            return
        extra = {name: value for name, value in values.items() if name not in _NOT_KEPT}
        self._name(values["stock_locate"], values["stock"], {"itch": extra})

    def _name(self, locate: int, symbol: str, extra: dict[str, Any]) -> None:
        symbol = symbol or f"#{locate}"
        if self._symbols is not None and symbol not in self._symbols:
            self._locates[locate]["known"] = UNWANTED
            return
        venue = _VENUES.get(self.publisher_id, "")
        known = self._declared.get(symbol) or Instrument(symbol, venue=venue)
        number = locate if known.instrument_id is None else known.instrument_id
        taken = self.instruments.get(number)
        if taken is not None and taken.symbol != symbol and known.instrument_id is not None:
            raise UsageError(f"{symbol}: its instrument id {number} is that of {taken.symbol} in this feed; declare another")
        self._locates[locate]["known"] = WANTED
        self._locates[locate]["instrument_id"] = number
        self.instruments[number] = replace_fields(
            known, instrument_id=number, publisher_id=self.publisher_id, extra={**known.extra, **extra}
        )


_NOT_KEPT = ("type", "stock_locate", "tracking_number", "timestamp", "stock")


def _shift(orders: Records) -> np.uint64:
    return np.uint64(64 - (len(orders).bit_length() - 1))


def _message_at(data: NDArray[np.uint8], place: np.void) -> bytes:
    start = int(place["offset"])
    return bytes(data[start : start + int(place["length"])])


def message_index(capacity: int = 65_536) -> Records:
    """An empty index for the framing kernels; a MoldUDP64 packet never holds more than 65,536 messages."""
    return np.zeros(capacity, MESSAGE)
