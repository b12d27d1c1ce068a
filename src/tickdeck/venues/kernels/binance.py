"""Binance's WebSocket frames as events: depth diffs of books that are in step, bookTickers, trades and aggregate trades.

One pass over a frame's bytes, at any order of its keys. A frame is taken only if every key is known, every value has its type,
no key is missing or twice, there is no white space and the whole text is used up. Any other frame, and a diff whose book is not
in step, is handed over (code OTHER) with nothing changed.

`books` is an open-addressed table of power-of-two length, keyed by the symbol's first 16 bytes (longer symbols are never in it).
`out` receives the events from row `count` on; rows beyond the new count are scratch.
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

BOOK = np.dtype(
    [
        ("low", "<u8"),  # bytes 0 to 7 of the symbol, little-endian
        ("high", "<u8"),  # bytes 8 to 15
        ("last", "<i8"),  # final update id of the last diff in the book
        ("size_unit", "<i8"),  # units of 1e-8 in one unit of the instrument's size
        ("instrument_id", "<u4"),
        ("used", "u1"),
        ("in_step", "u1"),  # the snapshot is joined and no diff was missed
    ],
    align=True,
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
DONE = 0
"""The whole block was used up."""

DEPTH = 1
TRADE = 2
AGGREGATE_TRADE = 3
BOOK_TICKER = 4

LONGEST_SYMBOL = 16
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

_HAS_E, _HAS_TIME, _HAS_TRANSACTION, _HAS_SYMBOL = 1, 2, 4, 8
_HAS_FIRST, _HAS_FINAL, _HAS_PREVIOUS, _HAS_BIDS = 16, 32, 64, 128
_HAS_ASKS, _HAS_BID_PRICE, _HAS_BID_SIZE, _HAS_ASK_PRICE = 256, 512, 1024, 2048
_HAS_ASK_SIZE, _HAS_TRADE, _HAS_PRICE, _HAS_SIZE = 4096, 8192, 16384, 32768
_HAS_FROM, _HAS_TO, _HAS_MAKER, _HAS_BEST = 1 << 16, 1 << 17, 1 << 18, 1 << 19
_HAS_TYPE, _HAS_A_ID, _HAS_B_ID = 1 << 20, 1 << 21, 1 << 22

_SPOT_DEPTH = _HAS_E | _HAS_TIME | _HAS_SYMBOL | _HAS_FIRST | _HAS_FINAL | _HAS_BIDS | _HAS_ASKS
_FUTURES_DEPTH = _SPOT_DEPTH | _HAS_TRANSACTION | _HAS_PREVIOUS
_SPOT_TICKER = _HAS_FINAL | _HAS_SYMBOL | _HAS_BID_PRICE | _HAS_BID_SIZE | _HAS_ASK_PRICE | _HAS_ASK_SIZE
_FUTURES_TICKER = _SPOT_TICKER | _HAS_E | _HAS_TIME | _HAS_TRANSACTION
_COMMON_TRADE = _HAS_E | _HAS_TIME | _HAS_TRANSACTION | _HAS_SYMBOL | _HAS_PRICE | _HAS_SIZE | _HAS_MAKER
_SPOT_TRADE = _COMMON_TRADE | _HAS_TRADE | _HAS_BEST
_SPOT_TRADE_ORDERS = _SPOT_TRADE | _HAS_A_ID | _HAS_B_ID
_FUTURES_TRADE = _COMMON_TRADE | _HAS_TRADE | _HAS_TYPE
_FUTURES_AGGREGATE = _COMMON_TRADE | _HAS_A_ID | _HAS_FROM | _HAS_TO
_SPOT_AGGREGATE = _FUTURES_AGGREGATE | _HAS_BEST

# Typed constants: a plain integer would make Numba compile a copy of each callee for each value.
_QUOTE, _COLON, _COMMA = np.uint8(ord('"')), np.uint8(ord(":")), np.uint8(ord(","))
_BRACE, _END_BRACE, _BRACKET = np.uint8(ord("{")), np.uint8(ord("}")), np.uint8(ord("["))
_SPACE, _NEWLINE, _RETURN = np.uint8(ord(" ")), np.uint8(ord("\n")), np.uint8(ord("\r"))
_ZERO, _NINE = np.uint8(ord("0")), np.uint8(ord("9"))
_START = np.int64(0)
_PRICE_DECIMALS, _SIZE_DECIMALS = np.int64(9), np.int64(8)

_A, _B, _C, _T = np.int64(ord("A")), np.int64(ord("B")), np.int64(ord("C")), np.int64(ord("T"))
_LAST, _TOB, _MBP, _AGGREGATED = np.int64(128), np.int64(64), np.int64(16), np.int64(2)
_MBO = 0xA0
_DELAY_LIMIT = 2**31
_UNDEF_PRICE = 2**63 - 1


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
            return _HAS_TIME, at
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


@kernel
def symbol_words(data, first, last):
    """The symbol's bytes as two little-endian words."""
    low = np.uint64(0)
    high = np.uint64(0)
    for i in range(last - first):
        byte = np.uint64(data[first + i]) << np.uint64(8 * (i & 7))
        if i < 8:
            low |= byte
        else:
            high |= byte
    return low, high


@kernel
def find_slot(books, low, high):
    """Row of the symbol, or the free row where it belongs."""
    mask = np.uint64(len(books) - 1)
    slot = (low ^ (high * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xD6E8FEB86659FD93)
    slot = (slot >> np.uint64(32)) & mask
    while books[slot].used != 0 and (books[slot].low != low or books[slot].high != high):
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel(entry=True)
def slot_of(books, symbol):
    """Row of a symbol (uint8 array, at most 16 bytes), or the free row where it belongs."""
    low, high = symbol_words(symbol, _START, len(symbol))
    return find_slot(books, low, high)


@kernel
def _delay(scan, ts_recv):
    """ns from the venue's sending time to the receipt; 0 where unknown or beyond 32 bits."""
    if scan.seen & _HAS_TIME == 0 or scan.event_time == 0 or ts_recv == 0:
        return np.int64(0)
    delay = ts_recv - scan.event_time * MS
    return delay if delay > -_DELAY_LIMIT and delay < _DELAY_LIMIT else np.int64(0)


@kernel
def _put(row, ts_event, ts_recv, delay, sequence, instrument_id, publisher_id, action, side, flags):
    row.ts_event = ts_event
    row.ts_recv = ts_recv
    row.order_id = np.uint64(0)
    row.sequence = np.uint64(sequence)
    row.instrument_id = instrument_id
    row.ts_in_delta = delay
    row.publisher_id = publisher_id
    row.action = action
    row.side = side
    row.flags = flags
    row.channel_id = 0
    row.rtype = _MBO
    row.reserved = 0


@kernel
def _emit_depth(scan, book, ts_recv, out, count, futures, publisher_id):
    """Complete the levels of a diff that continues its book: new count, code."""
    previous = scan.previous_id if futures else scan.first_id - 1
    if book.in_step == 0 or previous != book.last or scan.final_id < scan.first_id or scan.final_id < book.last:
        return count, OTHER
    rows = scan.asks_end
    unit = book.size_unit
    for i in range(count, rows):
        size = out[i].size
        if size < 0 or (unit != 1 and size % unit != 0):
            return count, OTHER
    ts_event = (scan.transaction_time if futures else scan.event_time) * MS
    delay = _delay(scan, ts_recv)
    for i in range(count, rows):
        if unit != 1:
            out[i].size //= unit
        action = _C if out[i].size == 0 else _A
        side = _B if i < scan.bids_end else _A
        _put(out[i], ts_event, ts_recv, delay, scan.final_id, book.instrument_id, publisher_id, action, side, _MBP)
    if rows > count:
        out[rows - 1].flags = _MBP | _LAST
    book.last = scan.final_id
    return rows, OK


@kernel
def _emit_ticker(scan, book, ts_recv, out, count, futures, publisher_id):
    """Best bid and ask: new count, code."""
    unit = book.size_unit
    if unit != 1 and (scan.bid_size % unit != 0 or scan.ask_size % unit != 0):
        return count, OTHER
    if count + 2 > len(out):
        return count, NO_ROOM
    ts_event = scan.transaction_time * MS if futures else ts_recv
    delay = _delay(scan, ts_recv)
    bid, ask = out[count], out[count + 1]
    _put(bid, ts_event, ts_recv, delay, scan.final_id, book.instrument_id, publisher_id, _A, _B, _TOB)
    _put(ask, ts_event, ts_recv, delay, scan.final_id, book.instrument_id, publisher_id, _A, _A, _TOB | _LAST)
    bid.size = scan.bid_size // unit
    ask.size = scan.ask_size // unit
    bid.price = scan.bid_price if scan.bid_size > 0 else _UNDEF_PRICE
    ask.price = scan.ask_price if scan.ask_size > 0 else _UNDEF_PRICE
    return count + 2, OK


@kernel
def _emit_trade(scan, book, ts_recv, out, count, publisher_id):
    """One trade: new count, code."""
    unit = book.size_unit
    if scan.size == 0 or (unit != 1 and scan.size % unit != 0):
        return count, OTHER
    if count + 1 > len(out):
        return count, NO_ROOM
    aggregated = scan.kind == AGGREGATE_TRADE
    _put(
        out[count],
        scan.transaction_time * MS,
        ts_recv,
        _delay(scan, ts_recv),
        scan.first_id if aggregated else scan.trade_id,
        book.instrument_id,
        publisher_id,
        _T,
        _A if scan.buyer_is_maker else _B,
        _LAST | _AGGREGATED if aggregated else _LAST,
    )
    out[count].price = scan.price
    out[count].size = scan.size // unit
    return count + 1, OK


@kernel(entry=True)
def emit(data, scans, books, ts_recv, out, count, futures, publisher_id):
    """The scanned frame as events: new count, code. An entry for the reason that :func:`scan_frame` is one."""
    scan = scans[0]
    length = scan.symbol_end - scan.symbol_at
    if length < 1 or length > LONGEST_SYMBOL:
        return count, OTHER
    low, high = symbol_words(data, scan.symbol_at, scan.symbol_end)
    slot = find_slot(books, low, high)
    book = books[slot]
    if book.used == 0:
        return count, OTHER
    if scan.kind == DEPTH:
        return _emit_depth(scan, book, ts_recv, out, count, futures, publisher_id)
    if scan.kind == BOOK_TICKER:
        return _emit_ticker(scan, book, ts_recv, out, count, futures, publisher_id + 1)
    return _emit_trade(scan, book, ts_recv, out, count, publisher_id)


@kernel(entry=True)
def parse_frame(data, end, ts_recv, books, scan, out, count, futures, publisher_id):
    """Events of the frame ``data[:end]`` in ``out[count:]``: new count, OTHER or NO_ROOM. Its kind stands in ``scan[0].kind``."""
    at, code = scan_frame(data, _START, end, out, count, scan, futures)
    if code != OK:
        return code
    if at != end:
        return OTHER
    count, code = emit(data, scan, books, ts_recv, out, count, futures, publisher_id)
    return count if code == OK else code


@kernel(entry=True)
def parse_lines(data, at, end, books, scan, out, count, kinds, futures, publisher_id):
    """Events of lines ``ts_recv frame`` in ``out[count:]``: position of the first line that was not used up, new count, code.

    Stops at the first line that is not for this kernel (OTHER; an incomplete last line is one) or does not fit (NO_ROOM).
    ``kinds[kind]`` counts the frames of each kind.
    """
    while at < end:
        ts_recv, place, code = scan_unsigned(data, at, end)
        if code != OK or not is_at(data, place, end, _SPACE):
            return at, count, OTHER
        place, code = scan_frame(data, place + 1, end, out, count, scan, futures)
        if code != OK:
            return at, count, code
        if is_at(data, place, end, _RETURN):
            place += 1
        if not is_at(data, place, end, _NEWLINE):
            return at, count, OTHER
        count, code = emit(data, scan, books, ts_recv, out, count, futures, publisher_id)
        if code != OK:
            return at, count, code
        kinds[scan[0].kind] += 1
        at = place + 1
    return at, count, DONE
