"""Asking for memory before the commands that need it: of a few commands ahead first the slot, then the order, then its level.

With a thousand live orders everything lies in the second-level cache, with more of them beyond it; a load that nobody asked for is
where an engine waits.
"""

import numpy as np

from tickdeck.book.kernels.index import hash_of, home_slot
from tickdeck.core.intrinsics import prefetch
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.clients import Table, hash_key

SLOT_AHEAD, ORDER_AHEAD, LEVEL_AHEAD = np.uint64(6), np.uint64(4), np.uint64(2)
IDS_AHEAD = np.uint64(4)


@kernel
def client_home(x, c):
    """Where the search for a command's client order id begins."""
    table = Table(x.client_table, x.client_slots)
    return home_slot(table, hash_key(table, np.uint64(c.participant_id), np.uint64(c.client_order_id)))


@kernel
def fetch_ahead(x, p, commands, i, total):
    """Ask for what the commands after the `i`-th will touch."""
    if i + SLOT_AHEAD < total:
        prefetch(x.client_slots, client_home(x, commands[i + SLOT_AHEAD]))
        order = np.uint64(x.client_slots[client_home(x, commands[i + ORDER_AHEAD])].order)
        prefetch(x.extras, order)
        prefetch(p.orders, order)
        o = p.orders[np.uint64(x.client_slots[client_home(x, commands[i + LEVEL_AHEAD])].order)]
        prefetch(p.levels, np.uint64(o.level))
        prefetch(p.slots, home_slot(p, hash_of(p, np.uint64(o.id), np.uint64(o.book))))


@kernel
def fetch_next_id(p, order_id, book):
    """Ask for the slot of an order that is still to come, named by the order of now."""
    prefetch(p.slots, home_slot(p, hash_of(p, order_id + IDS_AHEAD, book)))
