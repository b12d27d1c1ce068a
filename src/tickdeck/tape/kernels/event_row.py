"""Compiled: the event that a row's cells make.

The cells of a row stand in ``starts`` and ``stops`` by the field's index in ``event_schema.FIELDS``; a field without a column
is empty. ``config``, ``state`` and ``slots``: see ``event_layout.py``.
"""

import numpy as np

from tickdeck.core.kernel import kernel
from tickdeck.tape.event_layout import (
    C_DEFAULT_TYPE,
    C_EXTRA,
    C_PRICE_DIGITS,
    C_PRICE_FACTOR,
    C_TIME_DIGITS,
    F_ACTION,
    F_CHANNEL,
    F_DECIMALS,
    F_DELTA,
    F_FLAGS,
    F_INSTRUMENT,
    F_ORDER_ID,
    F_PRICE,
    F_PUBLISHER,
    F_QTY,
    F_RECEIVED,
    F_RTYPE,
    F_SEQUENCE,
    F_SIDE,
    F_SNAPSHOT,
    F_SYMBOL,
    F_TIME,
    F_TRADE_ID,
    F_TYPE,
    S_DECIMALS,
    S_DROPPED,
    S_HASHED,
    S_IDENTITY,
    S_LINE,
    S_SLOT,
    S_SYMBOL,
    U_FREE,
)
from tickdeck.tape.event_schema import (
    IS_CANCEL,
    IS_STATUS,
    IS_TOP,
    IS_TRADE,
    NEEDS_ID,
    NEEDS_PRICE,
    NEEDS_QTY,
    NEEDS_SIDE,
    SIDES,
    TRUTHS,
    TYPE_INDEX,
    TYPE_OF_ACTION,
    TYPES,
    word_table,
)
from tickdeck.tape.kernels.event_cells import (
    FNV_PRIME,
    FNV_START,
    MOST,
    U0,
    U1,
    identifier,
    integer,
    look_up,
    number,
    scaled,
    text_word,
    time,
    unsigned,
    word,
)

UNDEF = np.int64(2**63 - 1)
TYPE_KEYS, TYPE_VALUES = word_table(TYPE_INDEX)
TRUTH_KEYS, TRUTH_VALUES = word_table(TRUTHS)
SIDE_KEYS, SIDE_VALUES = word_table({word: int(side) for word, side in SIDES.items()})
TYPE_ACTIONS = np.array([item.action for item in TYPES], np.uint8)
TYPE_FLAGS = np.array([int(item.flags) for item in TYPES], np.uint8)
TYPE_RULES = np.array([item.rules for item in TYPES], np.int64)
TYPE_RTYPES = np.array([item.rtype for item in TYPES], np.uint8)
ACTION_TYPES = np.array([TYPE_OF_ACTION.get(code, -1) for code in range(256)], np.int64)
CANCEL, MODIFY = np.uint8(67), np.uint8(77)
NO_SIDE = np.uint8(78)
SNAPSHOT = np.uint8(32)


@kernel
def same_key(blob, slot, buffer, starts, stops):
    """Whether the row's instrument is that of `slot`."""
    symbol, identity, decimals = (
        stops[F_SYMBOL] - starts[F_SYMBOL],
        stops[F_INSTRUMENT] - starts[F_INSTRUMENT],
        stops[F_DECIMALS] - starts[F_DECIMALS],
    )
    if slot.symbol != symbol or slot.id != identity or slot.decimals != decimals:
        return False
    at = slot.begin
    for index in range(symbol):
        if blob[at + index] != buffer[starts[F_SYMBOL] + index]:
            return False
    at += symbol
    for index in range(identity):
        if blob[at + index] != buffer[starts[F_INSTRUMENT] + index]:
            return False
    at += identity
    for index in range(decimals):
        if blob[at + index] != buffer[starts[F_DECIMALS] + index]:
            return False
    return True


@kernel(rare=True)
def key_hash(buffer, starts, stops):
    """Hash of the row's instrument, each part ended by a zero byte; `event_text.InstrumentTable` makes the same."""
    value = FNV_START
    for field in (F_SYMBOL, F_INSTRUMENT, F_DECIMALS):
        for at in range(starts[field], stops[field]):
            value = (value ^ np.uint64(buffer[at])) * FNV_PRIME
        value = value * FNV_PRIME
    return value


@kernel
def find_slot(slots, blob, buffer, starts, stops, state):
    """Slot of the row's instrument; -1: a new one. Sets ``state[S_SLOT]``.

    Rows mostly name the instrument of the row before. That is told from words of up to eight bytes kept in `state`; comparing the
    texts byte by byte took 39 ns of a row's 93.
    """
    symbol, symbol_short = text_word(buffer, starts[F_SYMBOL], stops[F_SYMBOL])
    identity, identity_short = text_word(buffer, starts[F_INSTRUMENT], stops[F_INSTRUMENT])
    decimals, decimals_short = text_word(buffer, starts[F_DECIMALS], stops[F_DECIMALS])
    if symbol_short and identity_short and decimals_short:
        if (
            state[S_SLOT] >= 0
            and np.uint64(state[S_SYMBOL]) == symbol
            and np.uint64(state[S_IDENTITY]) == identity
            and np.uint64(state[S_DECIMALS]) == decimals
        ):
            return state[S_SLOT]
        slot = search_slot(slots, blob, buffer, starts, stops)
        state[S_SYMBOL] = np.int64(symbol)
        state[S_IDENTITY] = np.int64(identity)
        state[S_DECIMALS] = np.int64(decimals)
        state[S_SLOT] = slot
        return slot
    state[S_SLOT] = -1
    return search_slot(slots, blob, buffer, starts, stops)


@kernel(rare=True)
def search_slot(slots, blob, buffer, starts, stops):
    """Slot of the row's instrument in the table; -1: not there."""
    value = key_hash(buffer, starts, stops)
    mask = len(slots) - 1
    slot = np.int64(value & np.uint64(mask))
    while slots[slot].use != U_FREE:
        if slots[slot].hash == value and same_key(blob, slots[slot], buffer, starts, stops):
            return slot
        slot = (slot + 1) & mask
    return np.int64(-1)


@kernel
def type_of(buffer, starts, stops, config):
    """Index in TYPES of the row; -1: not plain."""
    if stops[F_TYPE] > starts[F_TYPE]:
        return look_up(TYPE_KEYS, TYPE_VALUES, word(buffer, starts[F_TYPE], stops[F_TYPE]))
    if config[C_DEFAULT_TYPE] >= 0:
        return config[C_DEFAULT_TYPE]
    if stops[F_ACTION] - starts[F_ACTION] == 1:
        return ACTION_TYPES[buffer[starts[F_ACTION]]]
    return np.int64(-1)


@kernel
def small_fields(buffer, starts, stops, config, event):
    """Fields that stand in the row as the record has them; False: one is not plain."""
    ok = True
    if stops[F_FLAGS] > starts[F_FLAGS]:
        plain, value = integer(buffer, starts[F_FLAGS], stops[F_FLAGS], 0, 255)
        event.flags = np.uint8(value & 255)
        ok = ok and plain
    if stops[F_PUBLISHER] > starts[F_PUBLISHER]:
        plain, value = integer(buffer, starts[F_PUBLISHER], stops[F_PUBLISHER], 0, 65_535)
        event.publisher_id = np.uint16(value & 65_535)
        ok = ok and plain
    if stops[F_CHANNEL] > starts[F_CHANNEL]:
        plain, value = integer(buffer, starts[F_CHANNEL], stops[F_CHANNEL], 0, 255)
        event.channel_id = np.uint8(value & 255)
        ok = ok and plain
    if stops[F_DELTA] > starts[F_DELTA]:
        plain, value = integer(buffer, starts[F_DELTA], stops[F_DELTA], -(2**31), 2**31 - 1)
        event.ts_in_delta = np.int32(value if plain else 0)
        ok = ok and plain
    if stops[F_RTYPE] > starts[F_RTYPE]:
        plain, value = integer(buffer, starts[F_RTYPE], stops[F_RTYPE], 0, 255)
        event.rtype = np.uint8(value & 255)
        ok = ok and plain
    if stops[F_ACTION] > starts[F_ACTION]:
        letter = buffer[starts[F_ACTION]]
        event.action = letter
        ok = ok and stops[F_ACTION] - starts[F_ACTION] == 1 and ACTION_TYPES[letter] >= 0
    if stops[F_SEQUENCE] > starts[F_SEQUENCE]:
        plain, sequence = unsigned(buffer, starts[F_SEQUENCE], stops[F_SEQUENCE])
        event.sequence = sequence
        ok = ok and plain
    if stops[F_SNAPSHOT] > starts[F_SNAPSHOT]:
        truth = look_up(TRUTH_KEYS, TRUTH_VALUES, word(buffer, starts[F_SNAPSHOT], stops[F_SNAPSHOT]))
        if truth == 1:
            event.flags = np.uint8(event.flags | SNAPSHOT)
        ok = ok and truth >= 0
    if stops[F_RECEIVED] > starts[F_RECEIVED]:
        plain, ts_recv = time(buffer, starts[F_RECEIVED], stops[F_RECEIVED], config[C_TIME_DIGITS])
        event.ts_recv = ts_recv
        ok = ok and plain
    return ok


@kernel
def price_and_size(buffer, starts, stops, config, rules, size_decimals, event):
    """Price and size of the row; False: not plain, or missing where the type needs them."""
    explicit = stops[F_ACTION] > starts[F_ACTION]
    event.price = UNDEF
    event.size = 0
    if stops[F_PRICE] > starts[F_PRICE]:
        decimals, negative, mantissa = number(buffer, starts[F_PRICE], stops[F_PRICE])
        factor = np.uint64(config[C_PRICE_FACTOR])
        if decimals < 0 or (factor != U1 and mantissa > MOST // factor):
            return False
        exact, price = scaled(decimals + config[C_PRICE_DIGITS], negative, mantissa * factor, 9)
        if not exact:
            return False
        event.price = price
    elif rules & NEEDS_PRICE and not explicit:
        return False
    if stops[F_QTY] > starts[F_QTY]:
        decimals, negative, mantissa = number(buffer, starts[F_QTY], stops[F_QTY])
        if decimals < 0:
            return False
        exact, size = scaled(decimals, negative, mantissa, size_decimals)
        if not exact:
            return False
        event.size = size
    elif rules & NEEDS_QTY and not explicit:
        return False
    elif rules & IS_CANCEL and not explicit:
        event.action = MODIFY
    if rules & IS_TOP and not explicit:
        if event.price == UNDEF and event.size != 0:
            return False
        if event.size == 0:
            event.price = UNDEF
    return True


@kernel
def row_id(buffer, starts, stops, rules, explicit, state, event):
    """Id of the row; False: not plain, or missing where the type needs it."""
    first, second = (F_TRADE_ID, F_ORDER_ID) if rules & IS_TRADE else (F_ORDER_ID, F_TRADE_ID)
    chosen = first if stops[first] > starts[first] else second
    event.order_id = U0
    if stops[chosen] <= starts[chosen]:
        return explicit or rules & NEEDS_ID == 0
    plain, hashed, value = identifier(buffer, starts[chosen], stops[chosen])
    if not plain or (hashed and rules & IS_STATUS):
        return False
    event.order_id = value
    if hashed:
        state[S_HASHED] += 1
    if chosen == first and stops[second] > starts[second]:
        state[S_DROPPED] += 1
    return True


@kernel
def make_event(buffer, starts, stops, config, slots, slot, state, event):
    """Fill `event` from a row's cells; False: the row is not plain and `event` is spoilt."""
    kind = type_of(buffer, starts, stops, config)
    if kind < 0:
        return False
    rules = TYPE_RULES[kind]
    explicit = stops[F_ACTION] > starts[F_ACTION]
    event.action = TYPE_ACTIONS[kind]
    event.flags = TYPE_FLAGS[kind]
    event.rtype = TYPE_RTYPES[kind]
    event.channel_id = 0
    event.ts_in_delta = 0
    event.reserved = 0
    event.sequence = np.uint64(state[S_LINE])
    event.instrument_id = slots[slot].instrument_id
    event.publisher_id = slots[slot].publisher_id + (1 if rules & IS_TOP else 0)
    plain, ts_event = time(buffer, starts[F_TIME], stops[F_TIME], config[C_TIME_DIGITS])
    if not plain:
        return False
    event.ts_event = ts_event
    side = NO_SIDE
    if stops[F_SIDE] > starts[F_SIDE]:
        found = look_up(SIDE_KEYS, SIDE_VALUES, word(buffer, starts[F_SIDE], stops[F_SIDE]))
        if found < 0:
            return False
        side = np.uint8(found)
    if side == NO_SIDE and rules & NEEDS_SIDE and not explicit:
        return False
    event.side = side
    event.ts_recv = 0
    if config[C_EXTRA] != 0 and not small_fields(buffer, starts, stops, config, event):
        return False
    if not price_and_size(buffer, starts, stops, config, rules, np.int64(slots[slot].size_decimals), event):
        return False
    return row_id(buffer, starts, stops, rules, explicit, state, event)
