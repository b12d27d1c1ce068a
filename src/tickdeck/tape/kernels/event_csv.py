"""Compiled loop over the bytes of event CSV.

The buffer holds whole lines and perhaps the start of one. ``columns`` gives for each of the file's columns the index of its
field; those of others point behind the last field. A row that is not plain stops the loop with its bytes marked, so that Python
decides about it and resumes: rows are met in the order of the file whichever parser takes them.
"""

import numpy as np

from tickdeck.core.intrinsics import count_trailing_zeros, load_word
from tickdeck.core.kernel import kernel
from tickdeck.tape.event_layout import (
    C_DELIMITER,
    C_FINAL,
    DATA,
    F_QTY,
    F_TIME,
    FULL,
    KEY,
    ODD,
    S_ESCAPED,
    S_FILLED,
    S_LINE,
    S_LINES,
    S_POSITION,
    S_QTY_DECIMALS,
    S_SKIPPED,
    S_STOP,
    S_SURVEY,
    S_TIME_START,
    S_TIME_STOP,
    U_ODD,
    U_SKIP,
)
from tickdeck.tape.kernels.event_cells import (
    HIGHS,
    LOWS,
    ONES,
    POINT,
    U0,
    U1,
    U3,
    number,
)
from tickdeck.tape.kernels.event_row import (
    find_slot,
    make_event,
)

QUOTE, NEWLINE, RETURN, HASH = 34, 10, 13, 35
LONGEST_QUOTED_ROW = 65_536
NOT_PLAIN = -1
NEWLINES = np.uint64(0x0A0A0A0A0A0A0A0A)


@kernel
def split_plain(buffer, start, end, delimiter, columns, starts, stops):
    """:func:`split_row` of a row without quotes, eight bytes at a time; NOT_PLAIN: it has some, or the data end near it."""
    delimiters = np.uint64(delimiter) * ONES
    count = len(columns)
    column = 0
    begin = start
    at = start
    while at + 8 <= end:
        text = load_word(buffer, at)
        first, second = text ^ delimiters, text ^ NEWLINES
        # Zero bytes, exactly: the shorter test also marks a byte of 1 behind a zero, such as the "-" in ",-5".
        marks = ~(((first & LOWS) + LOWS | first) & ((second & LOWS) + LOWS | second)) & HIGHS
        while marks != U0:
            stop = at + np.int64(count_trailing_zeros(marks) >> U3)
            if column >= count or buffer[begin] == QUOTE:
                return np.int64(NOT_PLAIN)
            starts[columns[column]] = begin
            if buffer[stop] == NEWLINE:
                stops[columns[column]] = stop - 1 if stop > begin and buffer[stop - 1] == RETURN else stop
                return stop + 1 if column + 1 == count else np.int64(NOT_PLAIN)
            stops[columns[column]] = stop
            column += 1
            begin = stop + 1
            marks = marks & (marks - U1)
        at += 8
    return np.int64(NOT_PLAIN)


@kernel
def split_row(buffer, start, end, delimiter, columns, starts, stops, state):
    """Cells of the row at `start` -> the next row's start; NOT_PLAIN: a wrong number of cells, or no end in sight.

    Sets ``state[S_ESCAPED]`` where a cell holds doubled quotes, which only Python undoes.
    ``buffer[end - 1]`` is a newline, so an unquoted cell needs no other guard.
    """
    state[S_LINES] = 1
    state[S_ESCAPED] = 0
    following = split_plain(buffer, start, end, delimiter, columns, starts, stops)
    return following if following > 0 else split_quoted(buffer, start, end, delimiter, columns, starts, stops, state)


@kernel(rare=True)
def split_quoted(buffer, start, end, delimiter, columns, starts, stops, state):
    """:func:`split_row` byte by byte, for rows with quotes."""
    limit = min(end - 1, start + LONGEST_QUOTED_ROW)
    at = start
    column = 0
    lines = 1
    count = len(columns)
    while True:
        if buffer[at] == QUOTE:
            begin = at + 1
            at = begin
            while at < limit and (buffer[at] != QUOTE or buffer[at + 1] == QUOTE):
                if buffer[at] == QUOTE:
                    state[S_ESCAPED] = 1
                    at += 1
                elif buffer[at] == NEWLINE:
                    lines += 1
                at += 1
            if at >= limit:
                return np.int64(NOT_PLAIN)
            stop = at
            at += 1
            if buffer[at] == RETURN and buffer[at + 1] == NEWLINE:
                at += 1
            byte = buffer[at]
            if byte != NEWLINE and byte != delimiter:
                return np.int64(NOT_PLAIN)
        else:
            begin = at
            byte = buffer[at]
            while byte != delimiter and byte != NEWLINE:
                at += 1
                byte = buffer[at]
            stop = at - 1 if byte == NEWLINE and at > begin and buffer[at - 1] == RETURN else at
        if column >= count:
            return np.int64(NOT_PLAIN)
        starts[columns[column]] = begin
        stops[columns[column]] = stop
        column += 1
        at += 1
        if byte == NEWLINE:
            if column != count:
                return np.int64(NOT_PLAIN)
            state[S_LINES] = lines
            return at


@kernel(rare=True)
def mark_odd(buffer, start, end, delimiter, final, state):
    """Find where the row at `start` ends under the rules of quoting -> False: not in the buffer.

    A quote that does not close within 64 KiB is taken for a stray one: the row then ends with its line.
    """
    quoted = False
    fresh = True
    closed = np.int64(-1)
    lines = 1
    first_line = np.int64(0)
    at = start
    while at < end:
        byte = buffer[at]
        if quoted:
            if byte == QUOTE:
                quoted = False
                closed = at
        elif byte == QUOTE and (fresh or closed == at - 1):
            quoted = True
        fresh = not quoted and byte == delimiter
        at += 1
        if byte == NEWLINE:
            if first_line == 0:
                first_line = at
            if not quoted:
                state[S_STOP] = at
                state[S_LINES] = lines
                return True
            lines += 1
        if first_line != 0 and at - start > LONGEST_QUOTED_ROW:
            break
    if not final and at - start <= LONGEST_QUOTED_ROW:
        return False
    state[S_STOP] = first_line
    state[S_LINES] = 1
    return True


@kernel
def whole_lines(buffer, end):
    """Where the last complete line ends."""
    while end > 0 and buffer[end - 1] != NEWLINE:
        end -= 1
    return end


@kernel
def skip_line(buffer, at):
    """End of the line at `at` if it is blank or a comment, else `at`."""
    if buffer[at] == NEWLINE:
        return at + 1
    if buffer[at] == RETURN and buffer[at + 1] == NEWLINE:
        return at + 2
    if buffer[at] == HASH:
        while buffer[at] != NEWLINE:
            at += 1
        return at + 1
    return at


@kernel(entry=True)
def read_rows(buffer, end, columns, config, slots, blob, starts, stops, state, events):
    """Rows into `events` from ``state[S_POSITION]`` on -> why it stopped: DATA, FULL, ODD or KEY."""
    delimiter = np.uint8(config[C_DELIMITER])
    end = whole_lines(buffer, end)
    at = state[S_POSITION]
    while at < end:
        following = skip_line(buffer, at)
        if following != at:
            at = following
            state[S_POSITION] = at
            state[S_LINE] += 1
            continue
        if state[S_FILLED] >= len(events):
            return FULL
        following = split_row(buffer, at, end, delimiter, columns, starts, stops, state)
        if following < 0:
            return ODD if mark_odd(buffer, at, end, delimiter, config[C_FINAL] != 0, state) else DATA
        state[S_STOP] = following
        if state[S_ESCAPED] != 0:
            return ODD
        slot = find_slot(slots, blob, buffer, starts, stops, state)
        if slot < 0:
            return KEY
        if slots[slot].use == U_SKIP:
            state[S_SKIPPED] += 1
        else:
            if slots[slot].use == U_ODD:
                return ODD
            if not make_event(buffer, starts, stops, config, slots, slot, state, events[state[S_FILLED]]):
                return ODD
            state[S_FILLED] += 1
        at = following
        state[S_POSITION] = at
        state[S_LINE] += state[S_LINES]
    return DATA


@kernel(entry=True)
def survey_rows(buffer, end, columns, config, starts, stops, state):
    """Look at the rows of the first block: the most decimals of a quantity, and a time that is not 0. Nothing is consumed.

    Returns DATA at the end, ODD at a row that is not plain, which lies from ``state[S_SURVEY]`` to ``state[S_STOP]``.
    """
    delimiter = np.uint8(config[C_DELIMITER])
    end = whole_lines(buffer, end)
    at = state[S_SURVEY]
    while at < end:
        following = skip_line(buffer, at)
        if following == at:
            following = split_row(buffer, at, end, delimiter, columns, starts, stops, state)
            if following < 0:
                state[S_SURVEY] = at
                return ODD if mark_odd(buffer, at, end, delimiter, config[C_FINAL] != 0, state) else DATA
            survey(buffer, starts, stops, state)
        at = following
    return DATA


@kernel
def survey(buffer, starts, stops, state):
    """Take note of one row's quantity and time."""
    decimals = number(buffer, starts[F_QTY], stops[F_QTY])[0]
    state[S_QTY_DECIMALS] = max(state[S_QTY_DECIMALS], decimals)
    if state[S_TIME_STOP] == 0:
        for at in range(starts[F_TIME], stops[F_TIME]):
            if buffer[at] != POINT and buffer[at] != 48 and buffer[at] != 45:
                state[S_TIME_START] = starts[F_TIME]
                state[S_TIME_STOP] = stops[F_TIME]
                return
