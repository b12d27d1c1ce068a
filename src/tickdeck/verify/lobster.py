"""A book rebuilt from LOBSTER messages against the orderbook file.

A file of N levels holds only the messages that touch those levels: orders that leave the window vanish without a message, and levels
that enter it from below appear in the book rows alone. So the book is cut to N levels a side after each message, and where a
message empties a level of a full side, the deepest level is taken from the row. Such rows are counted as `supplied`, never as exact;
anything else that differs is wrong. The first row gives the window that the book starts from.

What the files cannot tell: a supplied level that leaves the window again with the very next message is confirmed by nothing. Those
are counted too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tickdeck.book import OrderBook
from tickdeck.core import LEVEL, ORDER, UNDEF_PRICE, Flag, Records, UsageError, price_text
from tickdeck.tape import Reader
from tickdeck.tape.lobster_truth import LobsterTruth
from tickdeck.verify.result import Comparison, Mismatch, Window, counted, levels_of, percent

_MARKET_COLUMNS = 4


class LobsterCheck:
    """Feeds messages into a book and compares it with the rows of an orderbook file.

    Parameters
    ----------
    truth : LobsterTruth
    source : str
        Name of the message file, for the result.
    symbol : str
    show : int
        Wrong rows to keep in full.
    """

    def __init__(self, truth: LobsterTruth, source: str, symbol: str = "", show: int = 1) -> None:
        from tickdeck.verify.kernels import lobster as kernels

        self._k = kernels
        self._symbol = symbol
        self._book = OrderBook(symbol or "LOBSTER")
        self._depth = truth.levels
        self._chunks: Iterator[Records] = iter(truth)
        self._rows: NDArray[np.int64] = np.zeros((0, _MARKET_COLUMNS * truth.levels), np.int64)
        self._rows_ended = False
        self._first_row = 1
        self._levels = np.zeros(2 * (truth.levels + 1), LEVEL)
        self._order = np.zeros(1, ORDER)
        self._steps = np.zeros((kernels.STEP_LIMIT, 2), np.int64)
        self._state = np.zeros(kernels.STATE, np.int64)
        self._state[kernels.SHOW] = show
        self._state[kernels.FRESH : kernels.HELP + 2] = UNDEF_PRICE
        self._time = 0
        self._surplus = 0
        unit = f"rows of {counted(truth.levels, 'level')} a side"
        self._result = Comparison("LOBSTER orderbook file", source, truth.path, unit)

    def add(self, events: Records) -> None:
        """Take the next messages: ``EVENT`` records of one instrument whose sequence is the number of their row.

        Raises
        ------
        UsageError
            They are of several instruments.
        """
        k, state = self._k, self._state
        numbers = np.unique(events["instrument_id"])
        if len(numbers) > 1:
            raise UsageError(
                f"{self._result.source}: holds {len(numbers)} instruments, an orderbook file is of one; name a --symbol"
            )
        events = np.ascontiguousarray(events)
        state[k.EVENT] = 0
        while True:
            k.compare_rows(
                *self._book.handle,
                events,
                self._rows,
                self._depth,
                self._levels.ctypes.data,
                self._order.ctypes.data,
                state,
                self._steps,
            )
            if state[k.STOP] == k.MEND:
                self._book.mend(int(state[k.REASON]), int(state[k.PRICE]))
            elif state[k.STOP] == k.SHOWN:
                self._show(events)
            elif state[k.STOP] == k.NEED_EVENTS:
                break
            elif not self._next_rows():
                self._add_surplus(events[int(state[k.EVENT]) :])
                break
        if len(events):
            self._time = int(events["ts_event"][-1])

    def _next_rows(self) -> bool:
        chunk = None if self._rows_ended else next(self._chunks, None)
        if chunk is None:
            self._rows_ended = True
            return False
        self._first_row += len(self._rows)
        self._rows = chunk.view(np.int64).reshape(len(chunk), -1)
        self._state[self._k.ROW] = 0
        return True

    def _row(self, index: int) -> Window:
        row = self._rows[index].reshape(-1, _MARKET_COLUMNS)
        return Window(levels_of(row[:, 2], row[:, 3]), levels_of(row[:, 0], row[:, 1]))

    def _show(self, events: Records) -> None:
        """Keep the row before the next one, which is wrong, in full."""
        k, state = self._k, self._state
        index = int(state[k.ROW]) - 1
        place, expected = f"row {self._first_row + index:,}", self._row(index)
        if state[k.WHY] == k.NO_MESSAGE:
            self._keep(place, "its message could not be read", expected=expected)
            return
        got = Window(*self._book.depth(self._depth))
        got.bids["count"] = got.asks["count"] = 0
        event = events[max(int(state[k.EVENT]) - 1, 0)]
        if state[k.WHY] == k.OVERFILLED:
            reason = "the message takes more off its order than the book has left of it"
        elif state[k.WHY] == k.UNKNOWN:
            reason = f"the message is about order {int(event['order_id'])}, which the book does not have"
        else:
            reason = "the book differs" + self._origin(expected, got)
        self._keep(place, reason, int(event["ts_event"]), expected, got)

    def _origin(self, expected: Window, got: Window) -> str:
        """Which row gave a level that the book has and this row does not."""
        for side, wanted, held in (("bid", expected.bids, got.bids), ("ask", expected.asks, got.asks)):
            for level in held[~np.isin(held, wanted)]:
                first = int(self._book.orders_at(side, int(level["price"]))[0]["order_id"])
                if first >= int(self._k.SUPPLIED_ID):
                    row = max((first - int(self._k.SUPPLIED_ID)) >> self._k.ROW_SHIFT, 1)
                    return f"; its {side} at {price_text(int(level['price']))} was supplied by row {row:,}"
        return ""

    def _keep(self, place: str, reason: str, time: int = 0, expected: Window | None = None, got: Window | None = None) -> None:
        self._result.mismatches.append(Mismatch(place, reason, time, self._symbol, expected, got))

    def _add_surplus(self, events: Records) -> None:
        """Count messages for which the truth has no rows."""
        ends = events["flags"] & np.uint8(Flag.LAST) != 0
        if not self._surplus and len(events) and self._state[self._k.SHOW] > 0:
            self._state[self._k.SHOW] -= 1
            first = events[0]
            text = f"the truth ended at row {self._end():,}, the messages go on"
            self._keep(f"message {int(first['sequence']):,}", text, int(first["ts_event"]))
        self._surplus += int(ends.sum())

    def _end(self) -> int:
        """Number of the last row that was read."""
        return self._first_row + len(self._rows) - 1

    def result(self) -> Comparison:
        """What was found; the messages are over."""
        k, state, result = self._k, self._state, self._result
        missing = self._count_rows_left()
        self._check_tick()
        supplied, start = int(state[k.SUPPLIED]), int(state[k.START_LEVELS])
        unconfirmed = int(state[k.UNCHECKED]) + int(np.count_nonzero(state[k.FRESH : k.FRESH + 2] != UNDEF_PRICE))
        result.compared = int(state[k.MESSAGE]) + missing + self._surplus
        result.exact = int(state[k.EXACT])
        result.wrong = int(state[k.WRONG]) + missing + self._surplus
        result.facts = {
            "supplied": supplied,
            "supplied_levels": int(state[k.SUPPLIED_LEVELS]),
            "supplied_levels_unconfirmed": unconfirmed,
            "start_levels": start,
            "levels_compared": int(state[k.LEVELS]),
            "levels_exact": int(state[k.EQUAL_LEVELS]),
            "unknown_orders": int(state[k.UNKNOWN_ORDERS]),
        }
        if state[k.STARTED]:
            levels, equal = int(state[k.LEVELS]), int(state[k.EQUAL_LEVELS])
            result.apart = [
                (
                    "supplied",
                    f"{counted(supplied, 'row')}, not counted as exact: one level entered the window from below, which only the",
                ),
                ("", f"truth knows; all others are equal; {unconfirmed:,} of those levels left before a row could confirm them"),
                ("start", f"1 row, not counted as exact: the first, from whose {counted(start, 'level')} the book starts"),
                ("levels", f"{equal:,} of {levels:,} that the messages tell are equal ({percent(equal, levels)})"),
            ]
        return result

    def _count_rows_left(self) -> int:
        """Rows without messages."""
        left = len(self._rows) - int(self._state[self._k.ROW])
        number = self._first_row + int(self._state[self._k.ROW])
        while not left and self._next_rows():
            left = len(self._rows)
        if left and self._state[self._k.SHOW] > 0:
            self._state[self._k.SHOW] -= 1
            expected = self._row(len(self._rows) - left)
            self._keep(f"row {number:,}", "the messages ended before this row", self._time, expected)
        while self._next_rows():
            left += len(self._rows)
        return left

    def _check_tick(self) -> None:
        """A supplied price that lies between the ticks of all orders is wrong."""
        k, state = self._k, self._state
        tick = int(state[k.TICK])
        for row, price in self._steps[: state[k.STEPS]].tolist():
            if tick and price % tick:
                state[k.WRONG] += 1
                state[k.SUPPLIED] -= 1
                if state[k.SHOW] > 0:
                    state[k.SHOW] -= 1
                    reason = f"it supplies a level at {price_text(price)}, between the ticks of {price_text(tick)} of all orders"
                    self._keep(f"row {row:,}", reason)
                return


def check_lobster(chunks: Iterable[Records], reader: Reader, truth: LobsterTruth, show: int = 1) -> Comparison:
    """Compare a book rebuilt from messages with an orderbook file.

    Parameters
    ----------
    chunks : iterable of arrays of EVENT
        From `reader`: of one instrument, each event's sequence the number of its message.
    reader : Reader
    truth : LobsterTruth
    show : int
        Wrong rows to keep in full.
    """
    symbols = [item.symbol for item in reader.instruments.values()]
    check = LobsterCheck(truth, reader.path, symbols[0] if symbols else "", show)
    for chunk in chunks:
        check.add(chunk)
    return check.result()
