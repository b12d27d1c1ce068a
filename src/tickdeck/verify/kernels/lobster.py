"""LOBSTER messages into a real book that is cut to the window of its orderbook file, compared with that file row by row.

After each message every side is cut to N levels, for what leaves the window goes on without messages. Where a message empties a
level of a full side, the level that enters the window from below is known only to the row: it is added as one order under an id of
its own, and cancels or executions of unknown ids at its price are taken off that order.

``rows`` holds four integers for each level: ask price, ask size, bid price, bid size. ``levels_at`` is the address of room for
2 x (N + 1) ``LEVEL`` records (bids, then asks), ``order_at`` that of one ``ORDER``. ``state`` keeps everything between calls: counters
and places, at the indices below; those with two sides have the bid's first.
"""

import numpy as np

from tickdeck.book.kernels.layout import GOING
from tickdeck.book.kernels.queries import depth, lookup, queue_at
from tickdeck.book.kernels.replay import single
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel
from tickdeck.core.records import LEVEL, ORDER, UNDEF_PRICE

EVENT = 0  # the next event of the chunk
ROW = 1  # the next row of the chunk
STOP = 2
REASON = 3  # what stopped the book
PRICE = 4  # and at which price
PART = 5  # IDLE, IN_MESSAGE, COMPARING
MESSAGE = 6  # number of the last message whose row was reached
SHOW = 7  # wrong rows that are still to be shown
WHY = 8  # what was wrong with the row before ROW
FAULT = 9  # OVERFILLED or UNKNOWN, if the message contradicts the book
UNKNOWN_ORDERS = 10  # messages about orders that neither message nor row gave
STARTED = 11
EXACT = 12  # rows equal at all levels without help
SUPPLIED = 13  # rows equal at all levels but those that they supplied
WRONG = 14
LEVELS = 15  # levels compared
EQUAL_LEVELS = 16
SUPPLIED_LEVELS = 17
START_LEVELS = 18  # levels that the first row gave
UNCHECKED = 19  # supplied levels that left the window with the next message
TICK = 20  # greatest common divisor of the orders' prices
SUPPLY_TICK = 21  # and of the supplied prices
STEPS = 22  # how often that became finer
FULL = 23  # two sides: the window was full after the last row
WORST = 25  # two sides: deepest price after the last row
FRESH = 27  # two sides: price that the last row supplied
HELP = 29  # two sides: price that this row supplied
HELD = 31  # two sides: levels before comparing
STATE = 33

IDLE, IN_MESSAGE, COMPARING = 0, 1, 2
NEED_EVENTS, NEED_ROWS, MEND, SHOWN = 0, 1, 2, 3
DIFFERENT, OVERFILLED, UNKNOWN, NO_MESSAGE = 0, 1, 2, 3

STEP_LIMIT = 64

ADD, CANCEL = np.uint8(ord("A")), np.uint8(ord("C"))
BID, ASK = np.uint8(ord("B")), np.uint8(ord("A"))
LAST = np.uint8(128)
U1 = np.uint64(1)
SUPPLIED_ID = np.uint64(1 << 63)
ROW_SHIFT = 12
NONE = np.int64(UNDEF_PRICE)
LEVEL_BYTES = LEVEL.itemsize
SIDES = (np.int64(ord("B")), np.int64(ord("A")))


@kernel
def column(code, level):
    """Column of a level's price in a row: asks stand before bids."""
    return 4 * level + 2 * (1 - code)


@kernel
def divisor(a, b):
    """Greatest common divisor."""
    while b != 0:
        a, b = b, a % b
    return a


@kernel
def supplied_id(message, level, code):
    """Id of the order that stands for a level from the row of `message`."""
    return SUPPLIED_ID | (np.uint64(message) << np.uint64(ROW_SHIFT)) | np.uint64(2 * level + code)


@kernel
def act(at, book, action, code, order_id, price, size, state):
    """One add or cancel; False: the book must be mended first."""
    reason = single(at, book, np.int64(action), SIDES[code], np.int64(LAST), order_id, price, size)
    if reason == GOING:
        return True
    state[STOP] = MEND
    state[REASON] = reason
    state[PRICE] = price
    return False


@kernel
def apply(at, book, e, order_at, state):
    """An add or a cancel of an event into the book; False: the book must be mended first."""
    price = np.int64(e.price)
    size = np.int64(e.size)
    code = np.int64(e.side == ASK)
    if state[TICK] == 0 or price % state[TICK] != 0:
        state[TICK] = divisor(price, state[TICK])
    if e.action == ADD:
        return act(at, book, ADD, code, np.uint64(e.order_id), price, size, state)
    order = array_at(np.uint64(order_at), U1, ORDER)
    order_id = np.uint64(e.order_id)
    ahead, _ = lookup(at, book, order_id, order_at)
    if ahead < 0:
        found = queue_at(at, 2 * book + code, price, order_at, np.int64(1))
        if found < 1 or np.uint64(order[0].order_id) < SUPPLIED_ID:
            state[UNKNOWN_ORDERS] += 1
            state[FAULT] = UNKNOWN
            return True
        order_id = np.uint64(order[0].order_id)
    if size > np.int64(order[0].size):
        state[FAULT] = OVERFILLED
    return act(at, book, CANCEL, code, order_id, price, size, state)


@kernel
def remove_level(at, book, code, price, order_at, state):
    """Take all orders of a level out of the book; False: it must be mended first."""
    order = array_at(np.uint64(order_at), U1, ORDER)
    while queue_at(at, 2 * book + code, price, order_at, np.int64(1)) > 0:
        if not act(at, book, CANCEL, code, np.uint64(order[0].order_id), price, np.int64(order[0].size), state):
            return False
    return True


@kernel
def start(at, book, events, rows, depth_of_row, order_at, state):
    """Fill the book with the first row as it was before the first message; False: the book must be mended first."""
    action = np.uint8(0)
    side = price = size = np.int64(0)
    for i in range(state[EVENT], len(events)):
        e = events[i]
        if e.action == ADD or e.action == CANCEL:
            action, side, price, size = e.action, np.int64(e.side == ASK), np.int64(e.price), np.int64(e.size)
        if e.flags & LAST != 0:
            break
    row = rows[state[ROW]]
    for code in range(2):
        met = False
        for level in range(depth_of_row + 1):
            if level < depth_of_row:
                at_price = row[column(code, level)]
                held = row[column(code, level) + 1]
            elif action == CANCEL and code == side and not met:
                at_price, held = price, np.int64(0)
            else:
                continue
            if action != 0 and code == side and at_price == price:
                met = True
                held += -size if action == ADD else size
            if held <= 0 or queue_at(at, 2 * book + code, at_price, order_at, np.int64(0)) > 0:
                continue
            if not act(at, book, ADD, code, supplied_id(0, level, code), at_price, held, state):
                return False
            state[START_LEVELS] += 1
    state[STARTED] = 1
    return True


@kernel
def note_supply(state, price, steps):
    """Keep the tick of supplied prices, and which row and price made it finer: few do."""
    tick = divisor(price, state[SUPPLY_TICK])
    if tick != state[SUPPLY_TICK] and state[STEPS] < STEP_LIMIT:
        steps[state[STEPS], 0] = state[MESSAGE]
        steps[state[STEPS], 1] = price
        state[STEPS] += 1
    state[SUPPLY_TICK] = tick


@kernel
def settle_side(at, book, code, row, depth_of_row, levels_at, order_at, state, steps):
    """Cut a side to the window and take the level that entered it from the row; False: the book must be mended first."""
    address = levels_at + code * (depth_of_row + 1) * LEVEL_BYTES
    levels = array_at(np.uint64(address), np.uint64(depth_of_row + 1), LEVEL)
    held = depth(at, 2 * book + code, address, depth_of_row + 1)
    while held > depth_of_row:
        price = np.int64(levels[depth_of_row].price)
        if not remove_level(at, book, code, price, order_at, state):
            return False
        if price == state[FRESH + code]:
            state[UNCHECKED] += 1
        held = depth(at, 2 * book + code, address, depth_of_row + 1)
    if held == depth_of_row - 1 and state[FULL + code] != 0:
        price = row[column(code, depth_of_row - 1)]
        size = row[column(code, depth_of_row - 1) + 1]
        worst = state[WORST + code]
        if size > 0 and (price < worst if code == 0 else price > worst):
            if not act(at, book, ADD, code, supplied_id(state[MESSAGE], held, code), price, size, state):
                return False
            state[HELP + code] = price
            state[SUPPLIED_LEVELS] += 1
            note_supply(state, price, steps)
            held = depth(at, 2 * book + code, address, depth_of_row + 1)
    state[HELD + code] = held
    return True


@kernel
def equal_levels(row, code, depth_of_row, levels_at, held):
    """How many levels of a side equal the row's, empty ones included."""
    address = levels_at + code * (depth_of_row + 1) * LEVEL_BYTES
    levels = array_at(np.uint64(address), np.uint64(depth_of_row + 1), LEVEL)
    equal = np.int64(0)
    for level in range(depth_of_row):
        price = row[column(code, level)]
        size = row[column(code, level) + 1]
        if level < held:
            equal += np.int64(price == np.int64(levels[level].price) and size == np.int64(levels[level].size))
        else:
            equal += np.int64(size == 0 and price == NONE)
    return equal


@kernel
def compare(row, depth_of_row, levels_at, state):
    """Compare the settled window with the row, and remember the window for the next one; whether the row is right."""
    helped = np.int64(0)
    equal = np.int64(0)
    for code in range(2):
        held = state[HELD + code]
        equal += equal_levels(row, code, depth_of_row, levels_at, held)
        supplied = state[HELP + code] != NONE
        helped += np.int64(supplied)
        deepest_given = row[column(code, depth_of_row - 1) + 1] > 0
        waits = state[FULL + code] != 0 and held == depth_of_row - 1 and deepest_given
        state[FULL + code] = np.int64(held == depth_of_row or waits)
        if held > 0:
            address = levels_at + code * (depth_of_row + 1) * LEVEL_BYTES
            levels = array_at(np.uint64(address), np.uint64(depth_of_row + 1), LEVEL)
            state[WORST + code] = levels[held - 1].price
        state[FRESH + code] = state[HELP + code]
        state[HELP + code] = NONE
    first = state[MESSAGE] == 1
    right = equal == 2 * depth_of_row and state[FAULT] == 0
    state[WHY] = state[FAULT] if equal == 2 * depth_of_row else DIFFERENT
    state[FAULT] = 0
    own = 2 * depth_of_row - (helped if not first else state[START_LEVELS])
    state[LEVELS] += max(own, 0)
    state[EQUAL_LEVELS] += max(own - (2 * depth_of_row - equal), 0)
    if not right:
        state[WRONG] += 1
    elif helped > 0:
        state[SUPPLIED] += 1
    elif not first:
        state[EXACT] += 1
    return right


@kernel(entry=True)
def compare_rows(at, book, events, rows, depth_of_row, levels_at, order_at, state, steps):
    """Go on through events and rows until one of them ends, the book must be mended or a wrong row is to be shown."""
    state[STOP] = NEED_EVENTS
    while True:
        if state[PART] == COMPARING:
            row = rows[state[ROW]]
            for code in range(2):
                if not settle_side(at, book, code, row, depth_of_row, levels_at, order_at, state, steps):
                    return
            right = compare(row, depth_of_row, levels_at, state)
            state[ROW] += 1
            state[PART] = IDLE
            if not right and state[SHOW] > 0:
                state[SHOW] -= 1
                state[STOP] = SHOWN
                return
        if state[EVENT] >= len(events):
            return
        e = events[state[EVENT]]
        if state[PART] == IDLE:
            if state[ROW] >= len(rows):
                state[STOP] = NEED_ROWS
                return
            if np.int64(e.sequence) > state[MESSAGE] + 1:
                state[MESSAGE] += 1
                state[ROW] += 1
                state[WRONG] += 1
                state[WHY] = NO_MESSAGE
                if state[SHOW] > 0:
                    state[SHOW] -= 1
                    state[STOP] = SHOWN
                    return
                continue
            if state[STARTED] == 0 and not start(at, book, events, rows, depth_of_row, order_at, state):
                return
            state[MESSAGE] += 1
            state[PART] = IN_MESSAGE
        if e.action == ADD or e.action == CANCEL:
            if not apply(at, book, e, order_at, state):
                return
        state[EVENT] += 1
        if e.flags & LAST != 0:
            state[PART] = COMPARING
