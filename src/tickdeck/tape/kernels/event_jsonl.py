"""Compiled loop over the bytes of JSON lines of the event schema.

A plain line is one flat object of ASCII without escapes: ``{"key": value, ...}`` whose values are strings, numbers or null. Any
other line stops the loop with its bytes marked, so that Python decides about it and resumes.
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.tape.event_layout import (
    DATA,
    FULL,
    KEY,
    ODD,
    S_FILLED,
    S_LINE,
    S_LINES,
    S_POSITION,
    S_SKIPPED,
    S_STOP,
    S_SURVEY,
    U_ODD,
    U_SKIP,
)
from tickdeck.tape.event_schema import FIELDS
from tickdeck.tape.kernels.event_cells import POINT
from tickdeck.tape.kernels.event_csv import NEWLINE, QUOTE, RETURN, survey, whole_lines
from tickdeck.tape.kernels.event_row import find_slot, make_event

NOT_PLAIN = np.int64(-1)
SPACE, TAB, COLON, COMMA, OPEN, CLOSE, MINUS, PLUS = 32, 9, 58, 44, 123, 125, 45, 43
LETTER_E, LETTER_L, LETTER_N, LETTER_U, BACKSLASH = 101, 108, 110, 117, 92
FIELD_COUNT = len(FIELDS)


@kernel
def past_space(buffer, at):
    """The next byte that is no space, tab or return."""
    while buffer[at] == SPACE or buffer[at] == TAB or buffer[at] == RETURN:
        at += 1
    return at


@kernel
def past_string(buffer, at):
    """The quote that closes the string opened before `at`; NOT_PLAIN: an escape, a control character or other than ASCII."""
    while buffer[at] != QUOTE:
        if buffer[at] < SPACE or buffer[at] >= 127 or buffer[at] == BACKSLASH:
            return NOT_PLAIN
        at += 1
    return at


@kernel
def past_digits(buffer, at):
    """The next byte that is no digit."""
    while 48 <= buffer[at] <= 57:
        at += 1
    return at


@kernel
def past_number(buffer, at):
    """The end of the JSON number at `at`; NOT_PLAIN: there is none."""
    if buffer[at] == MINUS:
        at += 1
    stop = past_digits(buffer, at)
    if stop == at or (buffer[at] == 48 and stop > at + 1):
        return NOT_PLAIN
    if buffer[stop] == POINT:
        at = stop + 1
        stop = past_digits(buffer, at)
        if stop == at:
            return NOT_PLAIN
    if buffer[stop] | 32 == LETTER_E:
        at = stop + 1
        if buffer[at] == PLUS or buffer[at] == MINUS:
            at += 1
        stop = past_digits(buffer, at)
        if stop == at:
            return NOT_PLAIN
    return stop


@kernel
def field_of(buffer, start, stop, names, bounds):
    """Index of the field of that name, FIELD_COUNT for others."""
    count = stop - start
    for field in range(len(bounds) - 1):
        begin = bounds[field]
        if count > 0 and bounds[field + 1] - begin == count and names[begin] == buffer[start]:
            same = True
            for index in range(1, count):
                if names[begin + index] != buffer[start + index]:
                    same = False
                    break
            if same:
                return np.int64(field)
    return np.int64(FIELD_COUNT)


@kernel
def split_object(buffer, at, names, bounds, starts, stops):
    """Cells of the object at `at` -> the next line's start, or NOT_PLAIN.

    The line ends with a newline, which no plain thing passes: that is the only guard.
    """
    for field in range(FIELD_COUNT):
        starts[field] = 0
        stops[field] = 0
    at = past_space(buffer, at)
    if buffer[at] != OPEN:
        return NOT_PLAIN
    at = past_space(buffer, at + 1)
    more = buffer[at] != CLOSE
    while more:
        if buffer[at] != QUOTE:
            return NOT_PLAIN
        stop = past_string(buffer, at + 1)
        if stop < 0:
            return NOT_PLAIN
        field = field_of(buffer, at + 1, stop, names, bounds)
        at = past_space(buffer, stop + 1)
        if buffer[at] != COLON:
            return NOT_PLAIN
        at = past_space(buffer, at + 1)
        start = at
        if buffer[at] == QUOTE:
            start = at + 1
            stop = past_string(buffer, start)
            at = stop + 1
        elif buffer[at] == LETTER_N:
            if buffer[at + 1] != LETTER_U or buffer[at + 2] != LETTER_L or buffer[at + 3] != LETTER_L:
                return NOT_PLAIN
            stop = at
            at += 4
        else:
            stop = past_number(buffer, at)
            at = stop
        if stop < 0:
            return NOT_PLAIN
        starts[field] = start
        stops[field] = stop
        at = past_space(buffer, at)
        more = buffer[at] == COMMA
        if more:
            at = past_space(buffer, at + 1)
        elif buffer[at] != CLOSE:
            return NOT_PLAIN
    at = past_space(buffer, at + 1)
    return at + 1 if buffer[at] == NEWLINE else NOT_PLAIN


@kernel
def line_end(buffer, at):
    """The start of the next line."""
    while buffer[at] != NEWLINE:
        at += 1
    return at + 1


@kernel(entry=True)
def read_lines(buffer, end, names, bounds, config, slots, blob, starts, stops, state, events):
    """Lines into `events` from ``state[S_POSITION]`` on -> why it stopped: DATA, FULL, ODD or KEY.

    ``names``: the keys of the fields one after another, ``bounds``: where each begins and ends.
    """
    end = whole_lines(buffer, end)
    at = state[S_POSITION]
    state[S_LINES] = 1
    while at < end:
        blank = past_space(buffer, at)
        if buffer[blank] == NEWLINE:
            at = blank + 1
            state[S_POSITION] = at
            state[S_LINE] += 1
            continue
        if state[S_FILLED] >= len(events):
            return FULL
        following = split_object(buffer, at, names, bounds, starts, stops)
        if following < 0:
            state[S_STOP] = line_end(buffer, at)
            return ODD
        state[S_STOP] = following
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
        state[S_LINE] += 1
    return DATA


@kernel(entry=True)
def survey_lines(buffer, end, names, bounds, starts, stops, state):
    """Look at the lines of the first block: the most decimals of a quantity, and a time that is not 0. Nothing is consumed.

    Returns DATA at the end, ODD at a line that is not plain, which lies from ``state[S_SURVEY]`` to ``state[S_STOP]``.
    """
    end = whole_lines(buffer, end)
    at = state[S_SURVEY]
    while at < end:
        following = split_object(buffer, at, names, bounds, starts, stops)
        if following < 0:
            state[S_SURVEY] = at
            state[S_STOP] = line_end(buffer, at)
            return ODD
        survey(buffer, starts, stops, state)
        at = following
    return DATA
