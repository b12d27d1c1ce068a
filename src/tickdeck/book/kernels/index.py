"""The id index: open addressing from (id, book) to an order, linear probing, deletion by backward shift.

A slot whose order is 0 is empty, so id 0 is an id like any other.
"""

import numpy as np

from tickdeck.core.kernel import kernel

U0 = np.uint64(0)
U1 = np.uint64(1)
BOOK_SALT = np.uint64(0xD6E8FEB86659FD93)


@kernel
def home_slot(p, order_id, book):
    """First slot to look in: multiplicative hash of id and book."""
    header = p.header[0]
    return ((order_id ^ (book * BOOK_SALT)) * np.uint64(header.index_multiplier)) >> np.uint64(header.index_shift)


@kernel
def find_slot(p, order_id, book, home):
    """The slot of the order, or the empty slot where it would go."""
    mask = np.uint64(p.header[0].index_mask)
    slot = home
    while True:
        s = p.slots[slot]
        if ((np.uint64(s.id) ^ order_id) | (np.uint64(s.book) ^ book)) == U0 or s.order == np.uint32(0):
            return slot
        slot = (slot + U1) & mask


@kernel
def erase_slot(p, slot):
    """Empty a slot and close the gap."""
    mask = np.uint64(p.header[0].index_mask)
    hole = slot
    slot = (slot + U1) & mask
    while True:
        s = p.slots[slot]
        if s.order == np.uint32(0):
            break
        home = home_slot(p, np.uint64(s.id), np.uint64(s.book))
        if ((slot - home) & mask) >= ((slot - hole) & mask):
            h = p.slots[hole]
            h.id = s.id
            h.book = s.book
            h.order = s.order
            hole = slot
        slot = (slot + U1) & mask
    p.slots[hole].order = np.uint32(0)


@kernel
def find_book(p, key):
    """Slot of a (publisher, instrument) in the key table, or the empty one where it would go."""
    mask = np.uint64(p.header[0].key_mask)
    slot = ((key * BOOK_SALT) >> np.uint64(32)) & mask
    while p.keys[slot].used != np.uint32(0) and np.uint64(p.keys[slot].key) != key:
        slot = (slot + U1) & mask
    return slot
