"""Binance's WebSocket frames as fields: depth diffs, bookTickers, trades and aggregate trades.

One pass over a frame's bytes, at any order of its keys. A frame is taken only if every key is known, every value has its type,
no key is missing or twice, there is no white space and the whole text is used up. Any other frame is handed over (code OTHER).
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.venues.kernels.json_scan import (
    FULL,
    OK,
    is_at,
    matches,
    scan_levels,
    scan_quoted_decimal,
    scan_text,
    scan_unsigned,
)

SCAN = np.dtype(
    [
        ("seen", "<i8"),  # which keys, as a mask of the bits below
        ("event", "<i8"),  # what "e" says
        ("kind", "<i8"),
        ("event_time", "<i8"),  # ms
        ("transaction_time", "<i8"),  # ms
        ("first_id", "<i8"),
        ("final_id", "<i8"),
        ("previous_id", "<i8"),
        ("trade_id", "<i8"),
        ("price", "<i8"),  # 1e-9
        ("size", "<i8"),  # 1e-8
        ("bid_price", "<i8"),
        ("bid_size", "<i8"),
        ("ask_price", "<i8"),
        ("ask_size", "<i8"),
        ("buyer_is_maker", "<i8"),
        ("symbol_at", "<i8"),
        ("symbol_end", "<i8"),
        ("bids_end", "<i8"),  # row of `out` after the last bid
        ("asks_end", "<i8"),
    ]
)

OTHER = -1
"""Not a frame for this kernel; nothing was changed."""
NO_ROOM = -2
"""`out` has no room for the frame's events; nothing was changed."""
DEPTH = 1
TRADE = 2
AGGREGATE_TRADE = 3
BOOK_TICKER = 4

MS = 1_000_000
LATEST_MS = (2**63 - 1) // MS

_BYTES = {name: np.frombuffer(name.encode(), np.uint8).copy() for name in ("depthUpdate", "trade", "aggTrade", "bookTicker")}
_DEPTH_UPDATE = _BYTES["depthUpdate"]
_TRADE = _BYTES["trade"]
_AGGREGATE_TRADE = _BYTES["aggTrade"]
_BOOK_TICKER = _BYTES["bookTicker"]
_STREAM = np.frombuffer(b'{"stream":', np.uint8).copy()
_DATA = np.frombuffer(b',"data":', np.uint8).copy()
_DEPTH_STREAM = np.frombuffer(b"@depth", np.uint8).copy()
_TRUE = np.frombuffer(b"true", np.uint8).copy()
_FALSE = np.frombuffer(b"false", np.uint8).copy()

_KEY_E, _KEY_TIME, _KEY_TRANSACTION, _KEY_SYMBOL = ord("e"), ord("E"), ord("T"), ord("s")
_KEY_FIRST, _KEY_FINAL, _KEY_PREVIOUS = ord("U"), ord("u"), 256
_KEY_BID, _KEY_BID_SIZE, _KEY_ASK, _KEY_ASK_SIZE = ord("b"), ord("B"), ord("a"), ord("A")
_KEY_TRADE, _KEY_PRICE, _KEY_SIZE = ord("t"), ord("p"), ord("q")
_KEY_FROM, _KEY_TO, _KEY_MAKER, _KEY_BEST, _KEY_TYPE = ord("f"), ord("l"), ord("m"), ord("M"), ord("X")

_HAS_E, HAS_TIME, _HAS_TRANSACTION, _HAS_SYMBOL = 1, 2, 4, 8
_HAS_FIRST, _HAS_FINAL, _HAS_PREVIOUS, _HAS_BIDS = 16, 32, 64, 128
_HAS_ASKS, _HAS_BID_PRICE, _HAS_BID_SIZE, _HAS_ASK_PRICE = 256, 512, 1024, 2048
_HAS_ASK_SIZE, _HAS_TRADE, _HAS_PRICE, _HAS_SIZE = 4096, 8192, 16384, 32768
_HAS_FROM, _HAS_TO, _HAS_MAKER, _HAS_BEST = 1 << 16, 1 << 17, 1 << 18, 1 << 19
_HAS_TYPE, _HAS_A_ID, _HAS_B_ID = 1 << 20, 1 << 21, 1 << 22

_SPOT_DEPTH = _HAS_E | HAS_TIME | _HAS_SYMBOL | _HAS_FIRST | _HAS_FINAL | _HAS_BIDS | _HAS_ASKS
_FUTURES_DEPTH = _SPOT_DEPTH | _HAS_TRANSACTION | _HAS_PREVIOUS
_SPOT_TICKER = _HAS_FINAL | _HAS_SYMBOL | _HAS_BID_PRICE | _HAS_BID_SIZE | _HAS_ASK_PRICE | _HAS_ASK_SIZE
_FUTURES_TICKER = _SPOT_TICKER | _HAS_E | HAS_TIME | _HAS_TRANSACTION
_COMMON_TRADE = _HAS_E | HAS_TIME | _HAS_TRANSACTION | _HAS_SYMBOL | _HAS_PRICE | _HAS_SIZE | _HAS_MAKER
_SPOT_TRADE = _COMMON_TRADE | _HAS_TRADE | _HAS_BEST
_SPOT_TRADE_ORDERS = _SPOT_TRADE | _HAS_A_ID | _HAS_B_ID
_FUTURES_TRADE = _COMMON_TRADE | _HAS_TRADE | _HAS_TYPE
_FUTURES_AGGREGATE = _COMMON_TRADE | _HAS_A_ID | _HAS_FROM | _HAS_TO
_SPOT_AGGREGATE = _FUTURES_AGGREGATE | _HAS_BEST

# Typed constants: a plain integer would make Numba compile a copy of each callee for each value.
_QUOTE, _COLON, _COMMA = np.uint8(ord('"')), np.uint8(ord(":")), np.uint8(ord(","))
_BRACE, _END_BRACE, _BRACKET = np.uint8(ord("{")), np.uint8(ord("}")), np.uint8(ord("["))
_ZERO, _NINE = np.uint8(ord("0")), np.uint8(ord("9"))
_PRICE_DECIMALS, _SIZE_DECIMALS = np.int64(9), np.int64(8)


@kernel
def _scan_number(data, at, end, key, scan):
    """An integer value: bit of its key (0: not expected here), next position."""
    value, at, code = scan_unsigned(data, at, end)
    if code != OK:
        return 0, at
    if key == _KEY_TIME or key == _KEY_TRANSACTION:
        if value > LATEST_MS:
            return 0, at
        if key == _KEY_TIME:
            scan.event_time = value
            return HAS_TIME, at
        scan.transaction_time = value
        return _HAS_TRANSACTION, at
    if key == _KEY_FIRST:
        scan.first_id = value
        return _HAS_FIRST, at
    if key == _KEY_FINAL:
        scan.final_id = value
        return _HAS_FINAL, at
    if key == _KEY_PREVIOUS:
        scan.previous_id = value
        return _HAS_PREVIOUS, at
    if key == _KEY_TRADE:
        scan.trade_id = value
        return _HAS_TRADE, at
    if key == _KEY_ASK:
        scan.first_id = value
        return _HAS_A_ID, at
    if key == _KEY_BID:
        return _HAS_B_ID, at
    if key == _KEY_FROM:
        return _HAS_FROM, at
    if key == _KEY_TO:
        return _HAS_TO, at
    return 0, at


@kernel
def _scan_event(data, first, last, scan):
    """The name of the event; bit of "e", or 0."""
    if matches(data, first, last, _DEPTH_UPDATE) and last - first == len(_DEPTH_UPDATE):
        scan.event = DEPTH
    elif matches(data, first, last, _BOOK_TICKER) and last - first == len(_BOOK_TICKER):
        scan.event = BOOK_TICKER
    elif matches(data, first, last, _TRADE) and last - first == len(_TRADE):
        scan.event = TRADE
    elif matches(data, first, last, _AGGREGATE_TRADE) and last - first == len(_AGGREGATE_TRADE):
        scan.event = AGGREGATE_TRADE
    else:
        return 0
    return _HAS_E


@kernel
def _scan_quoted(data, at, end, key, scan):
    """A string value: bit of its key (0: not expected here), next position."""
    if key == _KEY_E or key == _KEY_SYMBOL or key == _KEY_TYPE:
        first, at, code = scan_text(data, at, end)
        if code != OK:
            return 0, at
        if key == _KEY_E:
            return _scan_event(data, first, at - 1, scan), at
        if key == _KEY_SYMBOL:
            scan.symbol_at = first
            scan.symbol_end = at - 1
            return _HAS_SYMBOL, at
        return _HAS_TYPE, at
    is_price = key == _KEY_BID or key == _KEY_ASK or key == _KEY_PRICE
    value, at, code = scan_quoted_decimal(data, at, end, _PRICE_DECIMALS if is_price else _SIZE_DECIMALS)
    if code != OK or (value < 0 and not is_price):
        return 0, at
    if key == _KEY_BID:
        scan.bid_price = value
        return _HAS_BID_PRICE, at
    if key == _KEY_BID_SIZE:
        scan.bid_size = value
        return _HAS_BID_SIZE, at
    if key == _KEY_ASK:
        scan.ask_price = value
        return _HAS_ASK_PRICE, at
    if key == _KEY_ASK_SIZE:
        scan.ask_size = value
        return _HAS_ASK_SIZE, at
    if key == _KEY_PRICE:
        scan.price = value
        return _HAS_PRICE, at
    if key == _KEY_SIZE:
        scan.size = value
        return _HAS_SIZE, at
    return 0, at


@kernel
def _scan_object(data, at, end, out, count, scan):
    """A message ``{...}``, ``at`` on its brace: position after it, code; its fields go to `scan`, its levels to `out`."""
    if not is_at(data, at, end, _BRACE):
        return at, OTHER
    at += 1
    seen = 0
    rows = count
    while True:
        if at + 4 >= end or data[at] != _QUOTE:
            return at, OTHER
        key = np.int64(data[at + 1])
        if data[at + 2] == _QUOTE:
            at += 3
        elif key == ord("p") and data[at + 2] == ord("u") and data[at + 3] == _QUOTE:
            key = np.int64(_KEY_PREVIOUS)
            at += 4
        else:
            return at, OTHER
        if data[at] != _COLON or at + 1 >= end:
            return at, OTHER
        at += 1
        byte = data[at]
        bit = 0
        if byte == _QUOTE:
            bit, at = _scan_quoted(data, at, end, key, scan)
        elif byte == _BRACKET:
            # Bids come first: rows of `out` are in the order of the frame.
            is_bids = key == _KEY_BID and seen & (_HAS_BIDS | _HAS_ASKS) == 0
            if not is_bids and (key != _KEY_ASK or seen & (_HAS_BIDS | _HAS_ASKS) != _HAS_BIDS):
                return at, OTHER
            bit = _HAS_BIDS if is_bids else _HAS_ASKS
            rows, at, code = scan_levels(data, at, end, _PRICE_DECIMALS, _SIZE_DECIMALS, out, rows)
            if is_bids:
                scan.bids_end = rows
            scan.asks_end = rows
            if code != OK:
                return at, NO_ROOM if code == FULL else OTHER
        elif byte >= _ZERO and byte <= _NINE:
            bit, at = _scan_number(data, at, end, key, scan)
        elif key == _KEY_MAKER or key == _KEY_BEST:
            bit = _HAS_MAKER if key == _KEY_MAKER else _HAS_BEST
            if matches(data, at, end, _TRUE):
                at += 4
            elif matches(data, at, end, _FALSE):
                at += 5
            else:
                return at, OTHER
            if key == _KEY_MAKER:
                scan.buyer_is_maker = byte == ord("t")
        if bit == 0 or seen & bit != 0:
            return at, OTHER
        seen |= bit
        if is_at(data, at, end, _COMMA):
            at += 1
        elif is_at(data, at, end, _END_BRACE):
            scan.seen = seen
            return at + 1, OK
        else:
            return at, OTHER


@kernel
def _is_partial_depth(data, at, end):
    """Whether a stream's name is that of a partial book (``@depth5`` to ``@depth20``), whose frames are no diffs."""
    while at < end:
        if matches(data, at, end, _DEPTH_STREAM):
            at += len(_DEPTH_STREAM)
            return at < end and data[at] >= _ZERO and data[at] <= _NINE
        at += 1
    return False


@kernel(entry=True)
def scan_frame(data, at, end, out, count, scans, futures):
    """A frame, with or without the wrapping of combined streams: position after it, code; its fields go to ``scans[0]``.

    An entry of its own, so that it is compiled once for both callers.
    """
    scan = scans[0]
    wrapped = matches(data, at, end, _STREAM)
    if wrapped:
        first, at, code = scan_text(data, at + len(_STREAM), end)
        if code != OK or _is_partial_depth(data, first, at - 1) or not matches(data, at, end, _DATA):
            return at, OTHER
        at += len(_DATA)
    at, code = _scan_object(data, at, end, out, count, scan)
    if code != OK:
        return at, code
    if wrapped:
        if not is_at(data, at, end, _END_BRACE):
            return at, OTHER
        at += 1
    seen = scan.seen
    event = scan.event if seen & _HAS_E else BOOK_TICKER
    known = False
    if event == DEPTH:
        known = seen == (_FUTURES_DEPTH if futures else _SPOT_DEPTH)
    elif event == BOOK_TICKER:
        known = seen == (_FUTURES_TICKER if futures else _SPOT_TICKER)
    elif event == TRADE:
        known = seen == _FUTURES_TRADE if futures else (seen == _SPOT_TRADE or seen == _SPOT_TRADE_ORDERS)
    elif event == AGGREGATE_TRADE:
        known = seen == (_FUTURES_AGGREGATE if futures else _SPOT_AGGREGATE)
    scan.kind = event
    return at, OK if known else OTHER
