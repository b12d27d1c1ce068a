"""The price ladder: pages of 64 ticks under a radix tree (see ``layout``). All keys: higher is better."""

import numpy as np

from tickdeck.book.kernels.layout import BIAS, unpack
from tickdeck.core.intrinsics import count_leading_zeros
from tickdeck.core.kernel import kernel

U0 = np.uint64(0)
U1 = np.uint64(1)
U6 = np.uint64(6)
U12 = np.uint64(12)
U63 = np.uint64(63)
NONE = np.uint32(0)
BIAS_I = np.int64(BIAS)


@kernel
def highest(bits):
    """Index of the highest set bit."""
    return U63 - count_leading_zeros(bits)


@kernel
def key_of(side, tick):
    """Key of a tick on a side (even bid, odd ask): the ask's tick is negated without a branch, for sides alternate at random."""
    mask = -np.int64(side & U1)
    return np.uint64(BIAS_I + ((tick ^ mask) - mask))


@kernel
def tick_of_key(side, key):
    """The inverse of ``key_of``."""
    mask = -np.int64(side & U1)
    return ((np.int64(key) - BIAS_I) ^ mask) - mask


@kernel
def key_of_level(p, level):
    """Key of a level."""
    return (np.uint64(p.pages[level >> U6].key) << U6) | (level & U63)


@kernel
def take_node(p, parent, digit):
    """A free node, hung under `parent` (0: as a root)."""
    header = p.header[0]
    node = np.uint64(header.node_free)
    if node != U0:
        header.node_free = p.nodes[node].parent
    else:
        node = np.uint64(header.node_top)
        header.node_top = np.uint32(node + U1)
    header.node_room -= U1
    p.nodes[node].bits = U0
    p.nodes[node].parent = np.uint32(parent)
    p.nodes[node].digit = np.uint32(digit)
    if parent != U0:
        p.children[(parent << U6) | digit] = np.uint32(node)
        p.nodes[parent].bits |= U1 << digit
    return node


@kernel
def free_node(p, node):
    """Give a node without children back."""
    header = p.header[0]
    p.nodes[node].parent = header.node_free
    header.node_free = np.uint32(node)
    header.node_room += U1


@kernel(rare=True)
def make_page(at, side, page_key):
    """The page of `page_key`, made together with its path."""
    p = unpack(at)
    header = p.header[0]
    s = p.sides[side]
    root = np.uint64(s.root)
    if root == U0:
        root = take_node(p, U0, U0)
        s.height = np.uint32(1)
        s.prefix = page_key >> U6
    while page_key >> (U6 * np.uint64(s.height)) != np.uint64(s.prefix):
        digit = np.uint64(s.prefix) & U63
        above = take_node(p, U0, U0)
        p.children[(above << U6) | digit] = np.uint32(root)
        p.nodes[above].bits = U1 << digit
        p.nodes[root].parent = np.uint32(above)
        p.nodes[root].digit = np.uint32(digit)
        root = above
        s.height = np.uint32(np.uint64(s.height) + U1)
        s.prefix = np.uint64(s.prefix) >> U6
    s.root = np.uint32(root)
    node = root
    depth = np.uint64(s.height)
    while depth > U1:
        depth -= U1
        digit = (page_key >> (U6 * depth)) & U63
        child = np.uint64(p.children[(node << U6) | digit])
        if child == U0:
            child = take_node(p, node, digit)
        node = child
    digit = page_key & U63
    page = np.uint64(header.page_free)
    if page != U0:
        header.page_free = p.pages[page].parent
    else:
        page = np.uint64(header.page_top)
        header.page_top = np.uint32(page + U1)
    header.page_room -= U1
    header.changed = U1
    p.pages[page].bits = U0
    p.pages[page].key = page_key
    p.pages[page].parent = np.uint32(node)
    p.pages[page].side = np.uint32(side)
    p.children[(node << U6) | digit] = np.uint32(page)
    p.nodes[node].bits |= U1 << digit
    return page


@kernel
def find_page(p, side, page_key):
    """The page of `page_key`, 0 if there is none."""
    s = p.sides[side]
    node = np.uint64(s.root)
    depth = np.uint64(s.height)
    if node == U0 or page_key >> (U6 * depth) != np.uint64(s.prefix):
        return U0
    while depth > U1 and node != U0:
        depth -= U1
        node = np.uint64(p.children[(node << U6) | ((page_key >> (U6 * depth)) & U63)])
    if node == U0:
        return U0
    return np.uint64(p.children[(node << U6) | (page_key & U63)])


@kernel
def level_for(p, side, key):
    """The level of `key`, its page made if needed. Most are in the best level's page, and most ladders have one node: no walk."""
    s = p.sides[side]
    if (key ^ np.uint64(s.best_key)) <= U63:
        return (np.uint64(s.best_level) & ~U63) | (key & U63)
    if s.height == np.uint32(1) and key >> U12 == np.uint64(s.prefix):
        page = np.uint64(p.children[(np.uint64(s.root) << U6) | ((key >> U6) & U63)])
    else:
        page = find_page(p, side, key >> U6)
    if page == U0:
        page = make_page(p.at, side, key >> U6)
    return (page << U6) | (key & U63)


@kernel
def occupy(p, side, level, key):
    """Mark an empty level as taken; it may become the best."""
    p.pages[level >> U6].bits |= U1 << (level & U63)
    p.levels[level].side = np.uint32(side)
    s = p.sides[side]
    s.level_count += np.uint32(1)
    if key > np.uint64(s.best_key):
        p.header[0].changed = U1
        s.best_key = key
        s.best_level = np.uint32(level)


@kernel(rare=True)
def next_page(at, page):
    """The page with the next lower key, 0 at the end."""
    p = unpack(at)
    digit = np.uint64(p.pages[page].key) & U63
    node = np.uint64(p.pages[page].parent)
    depth = U1
    while True:
        below = np.uint64(p.nodes[node].bits) & ((U1 << digit) - U1)
        if below != U0:
            break
        digit = np.uint64(p.nodes[node].digit)
        node = np.uint64(p.nodes[node].parent)
        depth += U1
        if node == U0:
            return U0
    child = np.uint64(p.children[(node << U6) | highest(below)])
    while depth > U1:
        depth -= U1
        child = np.uint64(p.children[(child << U6) | highest(np.uint64(p.nodes[child].bits))])
    return child


@kernel
def next_level(p, level):
    """The next worse occupied level, 0 at the end."""
    page = level >> U6
    below = np.uint64(p.pages[page].bits) & ((U1 << (level & U63)) - U1)
    if below == U0:
        page = next_page(p.at, page)
        if page == U0:
            return U0
        below = np.uint64(p.pages[page].bits)
    return (page << U6) | highest(below)


@kernel(rare=True)
def drop_page(at, side, page):
    """Free an empty page, the nodes that it leaves empty, and root nodes with a single child."""
    p = unpack(at)
    header = p.header[0]
    s = p.sides[side]
    node = np.uint64(p.pages[page].parent)
    digit = np.uint64(p.pages[page].key) & U63
    p.pages[page].parent = header.page_free
    header.page_free = np.uint32(page)
    header.page_room += U1
    while True:
        p.children[(node << U6) | digit] = NONE
        p.nodes[node].bits &= ~(U1 << digit)
        if np.uint64(p.nodes[node].bits) != U0:
            break
        digit = np.uint64(p.nodes[node].digit)
        above = np.uint64(p.nodes[node].parent)
        free_node(p, node)
        node = above
        if node == U0:
            s.root = NONE
            s.height = NONE
            return
    root = np.uint64(s.root)
    while np.uint64(s.height) > U1:
        bits = np.uint64(p.nodes[root].bits)
        if bits & (bits - U1) != U0:
            break
        digit = highest(bits)
        child = np.uint64(p.children[(root << U6) | digit])
        p.children[(root << U6) | digit] = NONE
        free_node(p, root)
        p.nodes[child].parent = NONE
        root = child
        s.height = np.uint32(np.uint64(s.height) - U1)
        s.prefix = (np.uint64(s.prefix) << U6) | digit
    s.root = np.uint32(root)


@kernel
def vacate(p, side, level):
    """Mark a level as empty; find the new best if it was the best."""
    page = level >> U6
    s = p.sides[side]
    s.level_count -= np.uint32(1)
    bits = np.uint64(p.pages[page].bits) & ~(U1 << (level & U63))
    p.pages[page].bits = bits
    if level == np.uint64(s.best_level):
        p.header[0].changed = U1
        if bits != U0:
            best = (page << U6) | highest(bits)
            s.best_level = np.uint32(best)
            s.best_key = (np.uint64(s.best_key) & ~U63) | (best & U63)
        else:
            page_below = next_page(p.at, page)
            if page_below != U0:
                best = (page_below << U6) | highest(np.uint64(p.pages[page_below].bits))
                s.best_level = np.uint32(best)
                s.best_key = key_of_level(p, best)
            else:
                s.best_level = NONE
                s.best_key = U0
    if bits == U0:
        drop_page(p.at, side, page)


@kernel
def append(p, side, key, order, size):
    """Put an order at the tail of its level.

    Order 0 stands for "none": it takes the writes to a neighbour that is not there, which saves branches that nobody can predict.
    """
    level = level_for(p, side, key)
    row = p.levels[level]
    last = np.uint64(row.tail)
    if last == U0:
        occupy(p, side, level, key)
        row.head = np.uint32(order)
    p.orders[last].next = np.uint32(order)
    row.tail = np.uint32(order)
    row.size += size
    row.count = np.uint32(np.uint64(row.count) + U1)
    o = p.orders[order]
    o.size = size
    o.level = np.uint32(level)
    o.prev = np.uint32(last)
    o.next = NONE


@kernel
def detach(p, order):
    """Take an order out of its level; its record stays. Branchless like ``append``."""
    o = p.orders[order]
    level = np.uint64(o.level)
    row = p.levels[level]
    before = np.uint64(o.prev)
    after = np.uint64(o.next)
    p.orders[before].next = np.uint32(after)
    p.orders[after].prev = np.uint32(before)
    row.head ^= np.uint32(order ^ after) & -np.uint32(before == U0)
    row.tail ^= np.uint32(order ^ before) & -np.uint32(after == U0)
    row.size -= np.int64(o.size)
    count = np.uint64(row.count) - U1
    row.count = np.uint32(count)
    if count == U0:
        vacate(p, np.uint64(row.side), level)


@kernel
def to_tail(p, order):
    """Move an order behind all others of its level."""
    o = p.orders[order]
    after = np.uint64(o.next)
    if after == U0:
        return
    row = p.levels[np.uint64(o.level)]
    before = np.uint64(o.prev)
    if before != U0:
        p.orders[before].next = np.uint32(after)
    else:
        row.head = np.uint32(after)
    p.orders[after].prev = np.uint32(before)
    last = np.uint64(row.tail)
    p.orders[last].next = np.uint32(order)
    o.prev = np.uint32(last)
    o.next = NONE
    row.tail = np.uint32(order)


@kernel(rare=True)
def set_level(at, side, key, size, count):
    """Set a whole level (L2); size 0 removes it."""
    p = unpack(at)
    if size <= 0:
        page = find_page(p, side, key >> U6)
        if page == U0 or (np.uint64(p.pages[page].bits) >> (key & U63)) & U1 == U0:
            return
        level = (page << U6) | (key & U63)
        p.levels[level].size = 0
        p.levels[level].count = NONE
        vacate(p, side, level)
        return
    level = level_for(p, side, key)
    if (np.uint64(p.pages[level >> U6].bits) >> (level & U63)) & U1 == U0:
        occupy(p, side, level, key)
    p.levels[level].size = size
    p.levels[level].count = np.uint32(count)
    p.levels[level].head = NONE
    p.levels[level].tail = NONE
