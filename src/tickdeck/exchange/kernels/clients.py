"""Finding orders by what their participant calls them, and remembering every client order id ever used.

The two hash tables are laid out like the books' id index, whose functions fill and empty them; what a slot stands for is
compared in the order's record.
"""

from collections import namedtuple

import numpy as np

from tickdeck.book.kernels.index import BOOK_SALT, U0, U1, U32, erase_slot, home_slot, put_slot
from tickdeck.core.kernel import kernel

Table = namedtuple("Table", "header slots")
U6, U63 = np.uint64(6), np.uint64(63)
MIX = np.uint64(0x9E3779B97F4A7C15)


@kernel
def hash_key(table, participant, number):
    """Hash of a client order id or group number of a participant."""
    return (number ^ (participant * BOOK_SALT)) * np.uint64(table.header[0].index_multiplier)


@kernel
def find_client(x, participant, client_order_id):
    """Slot of a live order, or the empty slot where it would go."""
    table = Table(x.client_table, x.client_slots)
    hashed = hash_key(table, participant, client_order_id)
    mask = np.uint64(table.header[0].index_mask)
    slot = home_slot(table, hashed)
    tag = np.uint32(hashed >> U32)
    while True:
        s = x.client_slots[slot]
        order = np.uint64(s.order)
        if order == U0:
            return slot
        if s.tag == tag:
            extra = x.extras[order]
            if ((np.uint64(extra.client_order_id) ^ client_order_id) | (np.uint64(extra.participant) ^ participant)) == U0:
                return slot
        slot = (slot + U1) & mask


@kernel
def enter_client(x, order):
    """Make a live order known by its client order id."""
    extra = x.extras[order]
    participant, client_order_id = np.uint64(extra.participant), np.uint64(extra.client_order_id)
    table = Table(x.client_table, x.client_slots)
    put_slot(table, find_client(x, participant, client_order_id), hash_key(table, participant, client_order_id), order)


@kernel
def leave_client(x, order):
    """Forget a live order's client order id, if it was known."""
    extra = x.extras[order]
    slot = find_client(x, np.uint64(extra.participant), np.uint64(extra.client_order_id))
    if x.client_slots[slot].order != np.uint32(0):
        erase_slot(Table(x.client_table, x.client_slots), slot)


@kernel
def find_group(x, participant, group):
    """Slot of a group, or the empty slot where it would go."""
    table = Table(x.group_table, x.group_slots)
    hashed = hash_key(table, participant, group)
    mask = np.uint64(table.header[0].index_mask)
    slot = home_slot(table, hashed)
    while True:
        order = np.uint64(x.group_slots[slot].order)
        if order == U0:
            return slot
        extra = x.extras[order]
        if np.uint64(extra.group) == group and np.uint64(extra.participant) == participant:
            return slot
        slot = (slot + U1) & mask


@kernel
def find_word(x, participant, word):
    """Place of 64 client order ids of a participant among those seen, or the empty one where they would go."""
    mask = np.uint64(x.state[0].seen_mask)
    place = (((word * MIX) ^ (participant * BOOK_SALT)) * MIX) >> U32 & mask
    while True:
        s = x.seen[place]
        if s.used == np.uint32(0):
            return place
        if np.uint64(s.word) == word and np.uint64(s.participant) == participant:
            return place
        place = (place + U1) & mask


@kernel
def was_seen(x, participant, client_order_id):
    """Whether the participant has used the id before."""
    bits = np.uint64(x.seen[find_word(x, participant, client_order_id >> U6)].bits)
    return (bits >> (client_order_id & U63)) & U1 != U0


@kernel
def remember_at(x, place, participant, client_order_id):
    """Note an id as used, at the place that ``find_word`` gave for it."""
    state = x.state[0]
    s = x.seen[place]
    if s.used == np.uint32(0):
        s.used = np.uint32(1)
        s.word = client_order_id >> U6
        s.participant = np.uint32(participant)
        state.seen_count += U1
    s.bits = np.uint64(s.bits) | (U1 << (client_order_id & U63))
    # A sum does not depend on order, so it needs no walk over the table.
    mixed = (client_order_id ^ (participant * BOOK_SALT)) * MIX
    state.seen_hash = np.uint64(state.seen_hash) + (mixed ^ (mixed >> U32)) * MIX
