"""What the participants' settings become in the kernels' records, and the day's times."""

from __future__ import annotations

import numpy as np
import pytest

from tickdeck.core import Phase, UsageError, to_ns
from tickdeck.simulation import Background, HawkesFlow, MarketMaker, Network, network, participants
from tickdeck.simulation.kernels import layout
from tickdeck.simulation.participants import names
from tickdeck.simulation.session import session
from tickdeck.simulation.tables import activity_curve, offset_quantiles
from tickdeck.simulation.world import World, day_periods, usual_orders


def test_the_day_has_its_phases_in_order_without_gaps() -> None:
    day = session("2024-07-01", 6.5, auctions=True)
    assert (day.pre_open, day.open) == (to_ns("2024-07-01T13:15:00Z"), to_ns("2024-07-01T13:30:00Z"))
    assert (day.pre_close, day.close) == (to_ns("2024-07-01T20:00:00Z"), to_ns("2024-07-01T20:05:00Z"))
    periods = day_periods(day)
    np.testing.assert_array_equal(periods["start"][1:], periods["end"][:-1])
    np.testing.assert_array_equal(periods["activity"][1:], periods["activity_end"][:-1])
    assert periods["phase"][0] == Phase.PRE_OPEN and periods["phase"][-1] == Phase.PRE_CLOSE
    assert set(periods["phase"][1:-1].tolist()) == {int(Phase.CONTINUOUS)}
    plain = day_periods(session("2024-07-01", 1.0, auctions=False))
    assert set(plain["phase"].tolist()) == {int(Phase.CONTINUOUS)} and plain["activity_end"][-1] == pytest.approx(1.0)


def test_the_session_is_busier_at_its_ends() -> None:
    share = activity_curve()
    assert share.sum() == pytest.approx(1.0)
    assert share[0] == pytest.approx(share[-1]) and share[0] > 2 * share[len(share) // 2]


def test_offsets_fall_off_as_a_shifted_power_law() -> None:
    counts = np.bincount(offset_quantiles(), minlength=401)
    expected = (np.arange(401) + 3.0) ** -1.6
    np.testing.assert_allclose(counts, expected / expected.sum() * counts.sum(), atol=1.0)


def test_self_excitation_adds_up_to_the_wanted_rate() -> None:
    people = [Background(activity=0.5), HawkesFlow(activity=0.5, branching=0.8)]
    day = session("2024-07-01", 1.0, auctions=False)
    world = World(people, [1, 2], np.array([1e6]), np.array([1_000]), 10_000_000, 400, day, 1_000_000, 1)
    flow = world.arrays["agents"][1]
    memory = world.arrays["memory"].reshape(2, layout.EXCITATIONS)[1]
    children = (memory[layout.JUMPS : layout.DECAYS] * memory[layout.DECAYS : layout.ACROSS]).sum()
    assert children == pytest.approx(0.8)
    assert flow["rate"] / (1 - children) == pytest.approx(0.5e6)


def test_live_orders_are_shared_between_those_who_fill_the_book() -> None:
    assert usual_orders([Background(), Background(), HawkesFlow(), MarketMaker()], 800) == [300, 300, 200, MarketMaker.slots]
    assert usual_orders([Background()], 800) == [800]


def test_participants_are_numbered_by_kind() -> None:
    assert names(participants("quiet", "maker=2")) == ["background-1", "maker-1", "maker-2", "reversion-1"]


def test_networks_are_named_and_changed_setting_by_setting() -> None:
    assert network("latency=5,jitter=1,reorder=0.1") == Network(5.0, 1.0, loss=1e-5, reorder=0.1)
    assert network("colocated").row()[:4] == (20_000.0, 5_000.0, 20_000.0, 5_000.0)
    assert Network(latency=1.0, jitter=0.0, feed=2.0, feed_jitter=3.0).row()[:4] == (1_000.0, 0.0, 2_000.0, 3_000.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Network(latency=-1.0),
        lambda: Network(loss=1.0),
        lambda: Network(latency=1e9),
        lambda: HawkesFlow(branching=1.0),
        lambda: MarketMaker(levels=0),
        lambda: Background(activity=0.0),
        lambda: Background(size=0),
        lambda: participants(counts="background=0"),
    ],
)
def test_impossible_settings_are_refused(make: object) -> None:
    with pytest.raises(UsageError) as caught:
        make()  # type: ignore[operator]
    assert "\n" not in str(caught.value)
