"""The arrays of a simulated market and the handle through which kernels see them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Phase
from tickdeck.core.intrinsics import address_of
from tickdeck.simulation.kernels import layout
from tickdeck.simulation.participants import Background, HawkesFlow, Participant
from tickdeck.simulation.session import Session
from tickdeck.simulation.tables import INTRADAY_BINS, activity_curve, offset_quantiles, size_quantiles

PAST = 512
"""Best prices that are kept for delayed eyes, a power of two."""
REPORTS = 512
"""Executions on their way to an agent, a power of two."""
SEED_NOISE = 6
"""Ticks by which opening orders miss the reference where an auction sorts them out."""
PRE_OPEN_ACTIVITY, PRE_CLOSE_ACTIVITY = 0.02, 0.02
"""Activity of the auctions' collecting phases, as a share of the session's."""


def day_periods(session: Session) -> NDArray[np.void]:
    """The parts of the day in the kernels' record: collecting orders, the session in its curve, collecting again."""
    rows: list[tuple[int, int, float, float, int]] = []

    def add(start: int, end: int, activity: float, phase: Phase) -> None:
        if end > start:
            done = rows[-1][3] if rows else 0.0
            rows.append((start, end, done, done + activity, int(phase)))

    add(session.pre_open, session.open, PRE_OPEN_ACTIVITY, Phase.PRE_OPEN)
    edges = np.linspace(0, session.pre_close - session.open, INTRADAY_BINS + 1).astype(np.int64) + session.open
    for (start, end), share in zip(itertools.pairwise(edges.tolist()), activity_curve().tolist()):
        add(start, end, share, Phase.CONTINUOUS)
    add(session.pre_close, session.close, PRE_CLOSE_ACTIVITY, Phase.PRE_CLOSE)
    return np.array(rows, layout.PERIOD)


class World:
    """Everything the loop reads and writes, for one run.

    Parameters
    ----------
    participants : sequence of Participant
    ids : (participants,) array
        Their ids at the exchange.
    decisions : (instruments,) array
        How many decisions each instrument sees in a day.
    references : (instruments,) array
        Starting prices in ticks.
    tick_size : int
        Units of 1e-9.
    live_orders : int
        Usual number an instrument.
    session : Session
    events : int
        Wanted in the day.
    seed : int
    """

    def __init__(
        self,
        participants: Sequence[Participant],
        ids: Sequence[int],
        decisions: NDArray[np.float64],
        references: NDArray[np.int64],
        tick_size: int,
        live_orders: int,
        session: Session,
        events: int,
        seed: int,
    ) -> None:
        instruments, count = len(decisions), len(decisions) * len(participants)
        slots = _slots(participants, live_orders)
        per_market = int(slots.sum())
        flights = 2 * count + min(instruments * per_market, 1 << 16) + 64
        sizes = {
            "world": 1,
            "periods": 0,
            "agents": count,
            "markets": instruments,
            "past": instruments * PAST,
            "own": instruments * per_market,
            "live": instruments * per_market,
            "reports": count * REPORTS,
            "memory": count * layout.EXCITATIONS,
            "networks": len(participants),
            "flights": flights,
            "agenda": 2 * count + instruments + flights + instruments * per_market + 64,
            "distances": 0,
            "sizes": 0,
        }
        self.arrays: dict[str, NDArray[Any]] = {
            name: np.zeros(sizes[name], np.dtype(dtype))
            for name, dtype in zip(layout.World._fields[1:], cast(tuple[np.dtype[Any], ...], layout.WORLD_DTYPES))
        }
        self.arrays |= {"periods": day_periods(session), "distances": offset_quantiles(), "sizes": size_quantiles()}
        self.arrays["live"][:] = np.arange(instruments * per_market)
        self.arrays["networks"][:] = [item.network.row() for item in participants]
        seeds = np.random.SeedSequence(seed % 2**64).generate_state(1 + count + instruments, np.uint64)
        mixed = seeds.astype(np.uint64)
        opening = opening_orders(participants, live_orders)
        self._fill_agents(participants, ids, decisions, slots, live_orders, mixed[1 : 1 + count])
        self._fill_markets(len(participants), references, decisions, tick_size, opening, mixed[1 + count :])
        self._words = np.zeros(2 * len(self.arrays), np.uint64)
        for i, array in enumerate(self.arrays.values()):
            self._words[2 * i], self._words[2 * i + 1] = address_of(array), len(array)
        self.handle = address_of(self._words)
        world = self.header
        world["random"] = mixed[0]
        world["pace"], world["wanted"] = 1.0, events
        world["open"], world["close"] = session.open, session.close
        collecting = session.open - session.pre_open
        world["now"] = session.start
        world["seed_step"] = collecting / opening if collecting else 1_000.0
        world["seed_noise"] = SEED_NOISE if collecting else 0
        world["pending"] = world["base"] = -1
        world["past_size"], world["reports_size"] = PAST, REPORTS
        free = self.arrays["flights"]["client_order_id"]
        free[:] = np.arange(1, flights + 1, dtype=np.uint64)
        free[-1] = 2**64 - 1
        world["flights_at"] = address_of(self.arrays["flights"])

    @property
    def header(self) -> np.void:
        """The one record of clock and counters."""
        record: np.void = self.arrays["world"][0]
        return record

    def _fill_agents(
        self,
        participants: Sequence[Participant],
        ids: Sequence[int],
        decisions: NDArray[np.float64],
        slots: NDArray[np.int64],
        live_orders: int,
        seeds: NDArray[np.uint64],
    ) -> None:
        """Agents stand instrument by instrument, in each in the order of the participants."""
        instruments, many = len(decisions), len(participants)
        agents = self.arrays["agents"].reshape(instruments, many)
        memory = self.arrays["memory"].reshape(instruments, many, layout.EXCITATIONS)
        total = sum(item.activity for item in participants)
        usual = usual_orders(participants, live_orders)
        agents["random"] = seeds.reshape(agents.shape)
        agents["market"] = np.arange(instruments)[:, None]
        agents["first"] = np.arange(instruments)[:, None] * slots.sum() + np.cumsum(slots) - slots
        for k, item in enumerate(participants):
            mine = agents[:, k]
            mine["participant"], mine["network"], mine["capacity"] = ids[k], k, slots[k]
            mine["wanted"] = usual[k]
            mine["rate"] = decisions * (item.activity / total)
            item.fill(mine, memory[:, k])

    def _fill_markets(
        self,
        many: int,
        references: NDArray[np.int64],
        decisions: NDArray[np.float64],
        tick_size: int,
        opening: int,
        seeds: NDArray[np.uint64],
    ) -> None:
        markets = self.arrays["markets"]
        markets["random"] = seeds
        markets["instrument_id"] = np.arange(1, len(markets) + 1)
        markets["agents"] = many
        markets["first_agent"] = np.arange(len(markets)) * many
        markets["tick_size"] = tick_size
        markets["reference"] = references
        markets["value"] = references
        markets["seeds"] = opening
        # Trades move prices; so that the market can follow its value whatever the number of its decisions, the value moves with their root.
        markets["volatility"] = VALUE_MOVE * np.sqrt(decisions)
        markets["calm_span"], markets["calm_size"] = 0.03, 0.8
        markets["jump_rate"], markets["jump_size"] = 60.0, 0.08 * markets["volatility"]


VALUE_MOVE = 0.042
"""Ticks by which the fundamental value moves a decision."""


def usual_orders(participants: Sequence[Participant], live_orders: int) -> list[int]:
    """Usual live orders of each in an instrument: a self-exciting flow keeps a quarter of all, the background the rest."""
    excited = sum(isinstance(item, HawkesFlow) for item in participants)
    plain = sum(isinstance(item, Background) for item in participants)
    theirs = live_orders // 4 if excited else 0
    share = {HawkesFlow: theirs // max(excited, 1), Background: (live_orders - theirs) // plain}
    return [max(share.get(type(item), item.slots), 1) for item in participants]


def opening_orders(participants: Sequence[Participant], live_orders: int) -> int:
    """Orders of an instrument's opening book: those of the first background participant."""
    usual = zip(participants, usual_orders(participants, live_orders))
    return next(count for item, count in usual if isinstance(item, Background))


def _slots(participants: Sequence[Participant], live_orders: int) -> NDArray[np.int64]:
    """Room for live orders of each in an instrument."""
    usual = usual_orders(participants, live_orders)
    fills = [isinstance(item, (Background, HawkesFlow)) for item in participants]
    return np.array([2 * count + 64 if filler else count for count, filler in zip(usual, fills)], np.int64)
