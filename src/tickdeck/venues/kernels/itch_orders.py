"""The live orders of an ITCH feed by reference number.

Open addressing over ``ITCH_ORDER`` slots, a power of two of them: multiplicative hash, linear probing, backward-shift deletion.
Side 0 marks an empty slot (reference 0 is legal). The decoder keeps it at most 60% full; ``shift`` is 64 - log2 of its size.
"""

import numpy as np

from tickdeck.core.kernel import kernel

ITCH_ORDER = np.dtype(
    [
        ("order_id", "<u8"),
        ("shares", "<u4"),
        ("price", "<u4"),  # in 1e-4
        ("locate", "<u2"),
        ("side", "u1"),  # ASCII B or A; 0: the slot is empty
        ("reserved", "u1"),
    ],
    align=True,
)

NIL = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


@kernel
def home(order_id, shift):
    """Slot at which the search for an order starts."""
    return (order_id * np.uint64(_GOLDEN)) >> shift


@kernel
def find(orders, order_id, shift):
    """Slot of an order, or NIL."""
    mask = np.uint64(len(orders) - 1)
    slot = home(order_id, shift)
    while orders[slot].side != 0:
        if orders[slot].order_id == order_id:
            return slot
        slot = (slot + np.uint64(1)) & mask
    return np.uint64(NIL)


@kernel
def insert(orders, order_id, shift, shares, price, locate, side):
    """Store an order; 1 if it is new, 0 if it replaced one of the same id. There must be an empty slot."""
    mask = np.uint64(len(orders) - 1)
    slot = home(order_id, shift)
    new = 1
    while orders[slot].side != 0:
        if orders[slot].order_id == order_id:
            new = 0
            break
        slot = (slot + np.uint64(1)) & mask
    orders[slot].order_id = order_id
    orders[slot].shares = np.uint32(shares)
    orders[slot].price = np.uint32(price)
    orders[slot].locate = np.uint16(locate)
    orders[slot].side = np.uint8(side)
    return new


@kernel
def remove(orders, slot, shift):
    """Empty a slot and shift back what had been pushed past it."""
    mask = np.uint64(len(orders) - 1)
    hole = slot
    probe = (slot + np.uint64(1)) & mask
    while orders[probe].side != 0:
        wish = home(orders[probe].order_id, shift)
        if ((probe - wish) & mask) >= ((probe - hole) & mask):
            orders[hole].order_id = orders[probe].order_id
            orders[hole].shares = orders[probe].shares
            orders[hole].price = orders[probe].price
            orders[hole].locate = orders[probe].locate
            orders[hole].side = orders[probe].side
            hole = probe
        probe = (probe + np.uint64(1)) & mask
    orders[hole].side = np.uint8(0)


@kernel(entry=True)
def rehash(old, new, shift):
    """Move every order to a larger, empty table; `shift` is that table's."""
    for slot in range(len(old)):
        if old[slot].side != 0:
            order = old[slot]
            insert(new, order.order_id, shift, order.shares, order.price, order.locate, order.side)
