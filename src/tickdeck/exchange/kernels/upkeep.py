"""Upkeep that the Python face calls between commands: larger hash tables, and the hash of the whole state."""

import numpy as np

from tickdeck.book.kernels.index import put_slot
from tickdeck.book.kernels.ladder import next_level
from tickdeck.book.kernels.layout import SLOT, unpack
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import kernel
from tickdeck.exchange.kernels.clients import Table, enter_client, find_group, find_word, hash_key
from tickdeck.exchange.kernels.codes import U0, U1
from tickdeck.exchange.kernels.layout import LISTS, SEEN, TRAILING, unpack_exchange
from tickdeck.exchange.kernels.phases import drop_dead_expiries

MIX = np.uint64(0x9E3779B97F4A7C15)
HALF = np.uint64(32)


@kernel(entry=True)
def rehash_clients(at, address, length):
    """Enter the orders of a smaller table into the present one."""
    x = unpack_exchange(np.uint64(at))
    old = array_at(np.uint64(address), np.uint64(length), SLOT)
    for i in range(length):
        if old[i].order != np.uint32(0):
            enter_client(x, np.uint64(old[i].order))


@kernel(entry=True)
def rehash_groups(at, address, length):
    """Enter the groups of a smaller table into the present one."""
    x = unpack_exchange(np.uint64(at))
    old = array_at(np.uint64(address), np.uint64(length), SLOT)
    table = Table(x.group_table, x.group_slots)
    for i in range(length):
        order = np.uint64(old[i].order)
        if order != U0:
            participant, group = np.uint64(x.extras[order].participant), np.uint64(x.extras[order].group)
            put_slot(table, find_group(x, participant, group), hash_key(table, participant, group), order)


@kernel(entry=True)
def rehash_seen(at, address, length):
    """Enter the words of a smaller table into the present one."""
    x = unpack_exchange(np.uint64(at))
    old = array_at(np.uint64(address), np.uint64(length), SEEN)
    for i in range(length):
        if old[i].used != np.uint32(0):
            place = find_word(x, np.uint64(old[i].participant), np.uint64(old[i].word))
            row = x.seen[place]
            row.used = np.uint32(1)
            row.participant = old[i].participant
            row.word = old[i].word
            row.bits = old[i].bits


@kernel(entry=True)
def purge_expiries(at):
    """Forget expiries of orders that are gone; how many are left."""
    return drop_dead_expiries(np.uint64(at))


@kernel
def mix(total, word):
    """Fold a word into a hash that depends on the order of words."""
    total = (total ^ np.uint64(word)) * MIX
    return total ^ (total >> HALF)


@kernel
def mix_order(x, p, total, order):
    """Fold all that counts of a live order into a hash."""
    o, extra = p.orders[order], x.extras[order]
    for word in (
        np.uint64(o.id),
        np.uint64(np.int64(o.size)),
        np.uint64(extra.client_order_id),
        np.uint64(np.int64(extra.reserve)),
        np.uint64(np.int64(extra.display)),
        np.uint64(np.int64(extra.filled)),
        np.uint64(extra.participant),
        np.uint64(extra.group),
        np.uint64(extra.side),
        np.uint64(extra.place),
        np.uint64(extra.flags),
        np.uint64(extra.order_type),
        np.uint64(extra.time_in_force),
        np.uint64(extra.self_trade),
        np.uint64(np.int64(extra.price)),
        np.uint64(np.int64(extra.trigger)),
        np.uint64(np.int64(extra.offset)),
        np.uint64(np.int64(extra.expire)),
        np.uint64(np.int64(extra.minimum)),
    ):
        total = mix(total, word)
    return total


@kernel(entry=True)
def state_hash(at):
    """64-bit hash of clock, counters, phases, orders in queue order, positions and used ids; independent of memory layout."""
    x = unpack_exchange(np.uint64(at))
    state = x.state[0]
    p = unpack(np.uint64(state.book_at))
    total = mix(np.uint64(np.int64(state.clock)), np.uint64(state.sequence))
    for word in (state.next_order_id, state.participant_count, state.seen_hash, state.skipped_phases, state.entries):
        total = mix(total, np.uint64(word))
    for i in range(U0, np.uint64(state.schedule_count)):
        row = x.schedule[i]
        total = mix(mix(mix(total, np.uint64(np.int64(row.ts))), np.uint64(row.instrument)), np.uint64(row.phase))
    for listing in range(U1, np.uint64(state.listing_count) + U1):
        market = x.listings[listing]
        for value in (
            market.last_price,
            market.reference,
            market.static_base,
            market.low,
            market.high,
            market.resume_at,
            market.volume,
        ):
            total = mix(total, np.uint64(np.int64(value)))
        for count in (market.trade_count, market.order_count, market.cancel_count, market.replace_count):
            total = mix(total, np.uint64(count))
        total = mix(total, np.uint64(market.phase))
        first = np.uint64(market.book) << U1
        for side in range(first, first + np.uint64(6)):
            level = np.uint64(p.sides[side].best_level)
            while level != U0:
                order = np.uint64(p.levels[level].head)
                while order != U0:
                    total = mix_order(x, p, total, order)
                    order = np.uint64(p.orders[order].next)
                level = next_level(p, level)
            total = mix(total, side)
        for number in range(TRAILING + 1):
            order = np.uint64(x.lists[listing * np.uint64(LISTS) + np.uint64(number)].head)
            while order != U0:
                total = mix_order(x, p, total, order)
                order = np.uint64(x.extras[order].list_next)
            total = mix(total, np.uint64(number))
        for participant in range(U1, np.uint64(state.participant_count) + U1):
            total = mix(total, np.uint64(np.int64(x.positions[participant * np.uint64(state.listing_capacity) + listing])))
    return total
