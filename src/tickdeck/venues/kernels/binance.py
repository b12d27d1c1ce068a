"""Binance's frames as events: depth diffs of books that are in step, bookTickers, trades and aggregate trades.

Handed over (code OTHER), with nothing changed: frames that :mod:`~tickdeck.venues.kernels.binance_scan` does not take, those of
unknown symbols, amounts that are not exact in the instrument's units, and diffs whose book is not in step.

`books` is an open-addressed table of power-of-two length, keyed by the symbol's first 16 bytes (longer symbols are never in it).
`out` receives the events from row `count` on; rows beyond the new count are scratch.
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.venues.kernels.binance_scan import (
    AGGREGATE_TRADE,
    BOOK_TICKER,
    DEPTH,
    HAS_TIME,
    MS,
    NO_ROOM,
    OTHER,
    scan_frame,
)
from tickdeck.venues.kernels.json_scan import OK, is_at, scan_unsigned

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

DONE = 0
"""The whole block was used up."""

LONGEST_SYMBOL = 16

_A, _B, _C, _T = np.int64(ord("A")), np.int64(ord("B")), np.int64(ord("C")), np.int64(ord("T"))
_LAST, _TOB, _MBP, _AGGREGATED = np.int64(128), np.int64(64), np.int64(16), np.int64(2)
_MBO = 0xA0
_DELAY_LIMIT = 2**31
_UNDEF_PRICE = 2**63 - 1
_START = np.int64(0)
_SPACE, _NEWLINE, _RETURN = np.uint8(ord(" ")), np.uint8(ord("\n")), np.uint8(ord("\r"))


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
    if scan.seen & HAS_TIME == 0 or scan.event_time == 0 or ts_recv == 0:
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
