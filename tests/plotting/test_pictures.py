"""Pictures are written whole or not at all, need nothing else, and show what they should."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tickdeck.core import EVENT, LEVEL, Flag, Instrument, Records, UsageError
from tickdeck.plotting import DepthSnapshot, depth_chart, heatmap
from tickdeck.plotting.depth import _curve, _outline
from tickdeck.plotting.heatmap import _colour_range, _colour_ticks, _time_text
from tickdeck.simulation import order_flow


@pytest.fixture(scope="module")
def events() -> Records:
    return np.concatenate(list(order_flow(events=2_000, seed=3, live_orders=100)))


def shown_colours(path: Path) -> set[tuple[int, int, int]]:
    """The colours of a PNG."""
    from matplotlib.image import imread

    pixels = (imread(path)[..., :3] * 255).round().astype(int).reshape(-1, 3)
    return set(map(tuple, np.unique(pixels, axis=0).tolist()))


@pytest.mark.parametrize("draw", [heatmap, depth_chart])
def test_a_png_is_a_png_and_html_needs_nothing_else(draw: object, events: Records, tmp_path: Path) -> None:
    draw(events, tmp_path / "a.png")  # type: ignore[operator]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    draw(events, tmp_path / "a.html")  # type: ignore[operator]
    page = (tmp_path / "a.html").read_text()
    assert "2024-03-05" in page and "Plotly.newPlot" in page
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.png"]


def test_a_heat_map_shows_sizes_best_prices_and_trades(events: Records, tmp_path: Path) -> None:
    heatmap(events, tmp_path / "a.png")
    colours = shown_colours(tmp_path / "a.png")
    assert (0x1A, 0x7F, 0x37) in colours and (0xCF, 0x22, 0x2E) in colours
    blues = [colour for colour in colours if colour[2] > colour[1] > colour[0]]
    assert len(blues) > 30


@pytest.mark.parametrize("name", ["a.gif", "a", "missing/a.png"])
@pytest.mark.parametrize("draw", [heatmap, depth_chart])
def test_what_cannot_be_written_is_refused(name: str, draw: object, events: Records, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        draw(events, tmp_path / name)  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_drawing_leaves_nothing(events: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    def fail(self: Figure, path: Path, **settings: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="No space"):
        heatmap(events, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def odd(kind: str) -> Records:
    out = np.zeros(40, EVENT)
    out["ts_recv"] = 10**18 + np.arange(40) * 10**9
    out["order_id"], out["size"], out["flags"] = np.arange(40), 3, Flag.LAST
    out["price"] = (100 + np.arange(40) % 7) * 10**7
    out["action"], out["side"] = ord("A"), ord("B")
    match kind:
        case "nothing":
            out["action"] = ord("N")
        case "trades":
            out["action"] = ord("T")
            out["side"] = ord("N")
        case "one event":
            return out[:1]
        case "no times":
            out["ts_recv"] = 0
        case "crossed":
            out["side"][20:] = ord("A")
        case "negative":
            out["price"] *= -1
    return out


@pytest.mark.parametrize("kind", ["nothing", "trades", "one event", "no times", "crossed", "negative", "one side"])
@pytest.mark.parametrize("suffix", ["png", "html"])
def test_odd_books_are_pictured_too(kind: str, suffix: str, tmp_path: Path) -> None:
    heatmap(odd(kind), tmp_path / f"a.{suffix}")
    depth_chart(odd(kind), tmp_path / f"b.{suffix}")
    if kind == "nothing" and suffix == "html":
        assert "nothing rests in this book" in (tmp_path / "a.html").read_text()


def levels(*rows: tuple[int, int]) -> Records:
    return np.array([(price * 10**9, size, 1, 0) for price, size in rows], LEVEL)


def test_the_depth_curve_is_cumulative_and_leaves_stub_quotes_out() -> None:
    acme = Instrument("ACME", size_decimals=1)
    bids = levels((100, 10), (99, 20), (98, 5), (97, 5), (1, 1))
    prices, sizes = _curve(bids, None, acme)
    assert prices.tolist() == [100, 99, 98, 97] and sizes.tolist() == [1, 3, 3.5, 4]
    assert _curve(bids, 5, acme)[0].tolist() == [100, 99, 98, 97, 1]
    corners = _outline(_curve(bids, 2, acme))
    assert [part.tolist() for part in corners] == [[100, 100, 99, 99], [0, 1, 1, 3]]
    assert [part.tolist() for part in _outline(_curve(levels(), None, acme))] == [[], []]


def test_a_snapshot_of_a_book_is_drawn_as_it_is(tmp_path: Path) -> None:
    found = DepthSnapshot(Instrument("ACME"), "EVENTS", 10**18, levels((100, 1)), levels())
    assert depth_chart(found, tmp_path / "a.html") is found
    assert "best bid 100, best ask none" in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize(("low", "high"), [(1.0, 2.0), (3.0, 500.0), (0.0004, 9.0), (1.0, 10.0**7), (40.0, 40.0)])
def test_the_colour_bar_has_a_few_round_sizes(low: float, high: float) -> None:
    span = _colour_range(np.array([low, high]))
    assert 0 < span[0] < span[1]
    assert 1 <= len(_colour_ticks(*span)) <= 14


def test_times_are_written_as_finely_as_the_span_needs() -> None:
    noon = (1_709_640_000 + 0.25) / 86_400
    spans = (5, 100, 5_000, 10**6)
    assert [_time_text(span * 10**9)(noon, 0) for span in spans] == ["12:00:00.250", "12:00:00", "12:00", "03-05 12:00"]
