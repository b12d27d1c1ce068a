"""The id index: open addressing from (id, book) to an order, linear probing, deletion by backward shift.

A slot is 8 bytes: the upper 32 bits of the hash as a tag, and the order, 0 where the slot is empty (so id 0 is an id like any other).
The tag holds the home slot of tables up to 2^32 slots, so closing a gap touches nothing but slots; what the tag cannot tell apart the
order record does, whose cache line the caller wants next anyway. Half the size of slots with the id in them: 0.75 to 0.85 of the
native ladder's rate on a flow of 5,000 orders.
"""

import numpy as np

from tickdeck.core.kernel import kernel

U0 = np.uint64(0)
U1 = np.uint64(1)
U32 = np.uint64(32)
BOOK_SALT = np.uint64(0xD6E8FEB86659FD93)


@kernel
def hash_of(p, order_id, book):
    """Multiplicative hash of id and book; its highest bits are the home slot."""
    return hash_salted(p, order_id, book * BOOK_SALT)


@kernel
def hash_salted(p, order_id, salt):
    """``hash_of`` where the book's part is at hand."""
    return (order_id ^ salt) * np.uint64(p.header[0].index_multiplier)


@kernel
def home_slot(p, hashed):
    """First slot to look in."""
    return hashed >> np.uint64(p.header[0].index_shift)


@kernel
def find_slot(p, order_id, book, hashed):
    """The slot of the order, or the empty slot where it would go."""
    mask = np.uint64(p.header[0].index_mask)
    slot = home_slot(p, hashed)
    tag = np.uint32(hashed >> U32)
    while True:
        s = p.slots[slot]
        order = np.uint64(s.order)
        if order == U0:
            return slot
        if s.tag == tag:
            o = p.orders[order]
            if ((np.uint64(o.id) ^ order_id) | (np.uint64(o.book) ^ book)) == U0:
                return slot
        slot = (slot + U1) & mask


@kernel
def probe_length(p, slot, hashed):
    """Slots between an order's home and its place."""
    return (slot - home_slot(p, hashed)) & np.uint64(p.header[0].index_mask)


@kernel
def put_slot(p, slot, hashed, order):
    """Fill an empty slot."""
    s = p.slots[slot]
    s.tag = np.uint32(hashed >> U32)
    s.order = np.uint32(order)


@kernel
def erase_slot(p, slot):
    """Empty a slot and close the gap."""
    header = p.header[0]
    mask = np.uint64(header.index_mask)
    shift = np.uint64(header.index_shift) - U32
    hole = slot
    slot = (slot + U1) & mask
    while True:
        s = p.slots[slot]
        if s.order == np.uint32(0):
            break
        home = np.uint64(s.tag) >> shift
        if ((slot - home) & mask) >= ((slot - hole) & mask):
            h = p.slots[hole]
            h.tag = s.tag
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
