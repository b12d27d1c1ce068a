"""What the benchmarks replay: a recorded day repeated, simulated markets and inputs made to hurt."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.bench.case import NotAvailableError
from tickdeck.bench.kernels import START_NS, order_flow
from tickdeck.core import DBN_MBO, EVENT, UNDEF_PRICE, Action, Flag, RType, Side
from tickdeck.core.records import Records

ESH4 = "databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst"
ESH4_TICK = 250_000_000
CENT = 10_000_000

BOOK = np.dtype([("mid", "<f8"), ("start", "<i8"), ("instrument_id", "<u4"), ("live", "<u4")])
RESTING = np.dtype([("id", "<u8"), ("tick", "<i8"), ("size", "<i8"), ("side", "u1"), ("reserved", "u1", (7,))])


@dataclass(frozen=True)
class Tape:
    """Events in memory and what must be known to replay them."""

    events: Records
    """EVENT or DBN_MBO."""
    tick_size: int
    """Units of 1e-9, the same for all instruments."""
    instruments: int = 1


def recorded(name: str) -> Path:
    """Path of a recorded file below ``TICKDECK_DATA``.

    Raises
    ------
    NotAvailableError
        It is not there.
    """
    root = Path(os.environ.get("TICKDECK_DATA") or Path(__file__).resolve().parents[3].parent / "shared" / "data")
    path = root / name
    if not path.exists():
        raise NotAvailableError(f"recorded data {name} is not in {root}; set TICKDECK_DATA")
    return path


def esh4_day() -> Records:
    """The recorded day of CME ESH4: (68792,) array of DBN_MBO."""
    import zstandard

    raw = zstandard.ZstdDecompressor().stream_reader(recorded(ESH4).read_bytes()).read()
    metadata = 8 + int.from_bytes(raw[4:8], "little")
    return np.frombuffer(raw, DBN_MBO, offset=metadata)


def esh4(repeats: int, dtype: np.dtype[np.void] = EVENT) -> Tape:
    """The recorded day `repeats` times: each repetition starts with R and has order ids and times of its own.

    Parameters
    ----------
    repeats : int
    dtype : EVENT or DBN_MBO
    """
    day = esh4_day()
    block = np.zeros(len(day) + 1, dtype)
    for name in set(dtype.names or ()) & set(DBN_MBO.names or ()):
        block[name][1:] = day[name]
        block[name][0] = day[name][0]
    clear = block[:1]
    clear["action"], clear["side"], clear["flags"] = Action.CLEAR, Side.NONE, Flag.SNAPSHOT
    clear["order_id"], clear["price"], clear["size"] = 0, UNDEF_PRICE, 0
    return Tape(_repeated(block, repeats), ESH4_TICK)


def _repeated(block: Records, repeats: int) -> Records:
    ids = block["order_id"][block["order_id"] > 0]
    id_span = int(ids.max() - ids.min()) + 1
    time_span = int(block["ts_recv"].max() - block["ts_recv"].min()) + 1
    events = np.tile(block, repeats)
    rows = events.reshape(repeats, len(block))
    repetition = np.arange(repeats)[:, None]
    rows["order_id"] += np.where(rows["order_id"] > 0, (repetition * id_span).astype(np.uint64), np.uint64(0))
    for name in ("ts_event", "ts_recv"):
        rows[name] += (repetition * time_span).astype(rows[name].dtype)
    return events


def flow(
    count: int,
    *,
    books: int = 1,
    orders_a_book: int = 5_000,
    fewest: int | None = None,
    tick_size: int = CENT,
    mid: float = 10_000.0,
    last_mid: float | None = None,
    recycle: bool = False,
    seed: int = 1,
) -> Tape:
    """A simulated order flow.

    Parameters
    ----------
    count : int
        Events.
    books : int
        Instruments, ids from 1; each event picks one with equal chance.
    orders_a_book : int
        Live orders that each book tends to.
    fewest : int, optional
        Below this number of live orders a book only adds; a fifth of `orders_a_book` by default.
    tick_size : int
        Units of 1e-9.
    mid, last_mid : float
        Price in ticks at the start and, if it is to drift, at the end.
    recycle : bool
        New orders take the ids of cancelled ones, from 0 on, in every book.
    seed : int
    """
    events = np.zeros(count, EVENT)
    room = orders_a_book * 2 + 1024
    rows = np.zeros(books, BOOK)
    rows["mid"], rows["start"], rows["instrument_id"] = mid, np.arange(books) * room, np.arange(1, books + 1)
    resting = np.zeros(books * room, RESTING)
    if recycle:
        resting["id"] = np.arange(len(resting)) % room
    growth = 1.0 if last_mid is None else (last_mid / mid) ** (books / count)
    least = orders_a_book // 5 if fewest is None else fewest
    state = np.array([seed, 1_000_000], np.uint64)
    order_flow(events, rows, resting, state, tick_size, growth, START_NS, float(orders_a_book), least, recycle)
    return Tape(events, tick_size, books)


def market(count: int, books: int = 1_000, orders_a_book: int = 1_000) -> Tape:
    """Books filled to `orders_a_book` live orders each, then `count` events in all of them."""
    return flow(count + books * orders_a_book, books=books, orders_a_book=orders_a_book, fewest=orders_a_book * 19 // 20)


def _events(action: Any, side: Any, order_id: Any, price: Any, size: Any) -> Records:
    """EVENT records of instrument 1 from columns."""
    events = np.zeros(len(order_id), EVENT)
    events["ts_event"] = events["ts_recv"] = int(START_NS) + np.arange(len(events)) * 1_000
    events["sequence"] = np.arange(len(events))
    events["instrument_id"], events["publisher_id"] = 1, 60_002
    events["rtype"], events["flags"] = RType.MBO, Flag.LAST
    events["action"], events["side"], events["order_id"], events["price"], events["size"] = action, side, order_id, price, size
    return events


def stub_quotes(count: int) -> Tape:
    """Stub quotes at 0.0001 and 199,999.99; between them one bid and one ask come and go, so the best price crosses the range."""
    tick = 100_000
    cycles = count // 4
    cycle = np.repeat(np.arange(cycles), 4)
    place = np.tile(np.arange(4), cycles)
    head = _events(Action.ADD, [Side.BID, Side.ASK], [1, 2], [tick, 199_999_990_000_000], 1)
    price = 100_000_000_000 + (cycle * 7919 % 10_000) * tick + np.where(place % 2 == 0, 0, tick)
    body = _events(
        np.where(place < 2, int(Action.ADD), int(Action.CANCEL)),
        np.where(place % 2 == 0, int(Side.BID), int(Side.ASK)),
        10 + 2 * cycle + place % 2,
        price,
        100,
    )
    return Tape(np.concatenate([head, body]), tick)


def one_level(count: int, live: int = 1_000_000) -> Tape:
    """`live` orders at one price; then `count` events that cancel anywhere in the queue and add at its tail."""
    return _churn(count, live, np.zeros(live, np.int64))


def many_levels(count: int, live: int = 1_000_000) -> Tape:
    """`live` bids at as many prices in random order; then `count` events that empty a level and fill it again."""
    return _churn(count, live, np.random.default_rng(3).permutation(live))


def _churn(count: int, live: int, tick: NDArray[np.int64]) -> Tape:
    """`live` bids at 1.00 + `tick`; then random ones are cancelled and added again, under new ids at the same price."""
    rounds = count // 2
    victim = np.random.default_rng(5).integers(0, live, rounds)
    order = np.argsort(victim, kind="stable")
    fresh = live + 1 + np.arange(rounds)
    held = np.empty(rounds, np.int64)
    ids = fresh[order]
    first = np.r_[True, victim[order][1:] != victim[order][:-1]]
    held[order] = np.where(first, victim[order] + 1, np.r_[0, ids[:-1]])
    seat = np.repeat(victim, 2)
    build = _events(Action.ADD, Side.BID, 1 + np.arange(live), 100 * CENT + tick * CENT, 1)
    body = _events(
        np.tile([int(Action.CANCEL), int(Action.ADD)], rounds),
        Side.BID,
        np.stack([held, fresh], axis=1).reshape(-1),
        100 * CENT + tick[seat] * CENT,
        1,
    )
    return Tape(np.concatenate([build, body]), CENT)


def colliding_ids(count: int, live: int = 4_096, multiplier: int = 0x9E3779B97F4A7C15, salt: int = 0) -> Tape:
    """A flow whose ids all have the same home slot under a multiplicative hash by `multiplier` of ``id ^ salt``."""
    tape = flow(count, orders_a_book=live)
    ids = tape.events["order_id"]
    _, rank = np.unique(ids, return_inverse=True)
    inverse = np.uint64(pow(multiplier, -1, 2**64))
    with np.errstate(over="ignore"):
        ids[:] = (rank.astype(np.uint64) * inverse) ^ np.uint64(salt)
    return tape


def shared_ids(count: int) -> Tape:
    """Two books whose orders have the same ids: the same flow in both, event by event."""
    one = flow(count // 2).events
    events = np.repeat(one, 2)
    events["instrument_id"][1::2] = 2
    return Tape(events, CENT, 2)


PATHOLOGICAL: dict[str, Callable[[int], Tape]] = {
    "stub-quotes": stub_quotes,
    "negative-prices": partial(flow, mid=0.0),
    "drifting-prices": partial(flow, mid=1e3, last_mid=1e10, tick_size=1_000),
    "one-level": one_level,
    "many-levels": many_levels,
    "colliding-ids": colliding_ids,
    "id-zero": partial(flow, recycle=True),
    "shared-ids": shared_ids,
    "many-books": partial(market, books=8_000, orders_a_book=200),
}
"""Name -> maker of a :class:`Tape` of about the given number of events."""
