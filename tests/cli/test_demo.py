"""The demo and the plain-Python book that checks it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tickdeck.book import OrderBook
from tickdeck.cli import run
from tickdeck.cli.demo import _verify
from tickdeck.cli.plain_book import PlainBook
from tickdeck.core import EVENT, Records
from tickdeck.simulation import order_flow


def events(*rows: tuple[str, int, str, int, int]) -> Records:
    out = np.zeros(len(rows), EVENT)
    for i, (action, order_id, side, price, size) in enumerate(rows):
        out[i]["action"], out[i]["side"] = ord(action), ord(side)
        out[i]["order_id"], out[i]["price"], out[i]["size"] = order_id, price, size
    return out


def test_the_plain_book_keeps_price_time_order() -> None:
    book = PlainBook()
    book.apply(
        events(("A", 1, "B", 10, 5), ("A", 2, "B", 10, 6), ("A", 3, "B", 11, 7), ("A", 4, "A", 12, 8), ("T", 0, "B", 12, 1))
    )
    assert book.queues("B") == [(11, [(3, 7)]), (10, [(1, 5), (2, 6)])]
    book.apply(events(("M", 1, "B", 10, 4)))
    assert book.queues("B")[1] == (10, [(1, 4), (2, 6)])
    book.apply(events(("M", 1, "B", 10, 9), ("C", 2, "B", 10, 2)))
    assert book.queues("B")[1] == (10, [(2, 4), (1, 9)])
    book.apply(events(("M", 3, "B", 10, 7), ("C", 2, "B", 10, 4)))
    assert book.queues("B") == [(10, [(1, 9), (3, 7)])]
    book.apply(events(("R", 0, "N", 0, 0)))
    assert book.queues("B") == [] and book.queues("A") == [] and book.home == {}


def test_the_demo_writes_replays_checks_and_pictures_a_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "-o", str(tmp_path / "demo"), "--events", "20000"]) == 0
    page = capsys.readouterr().out
    assert all(
        words in page for words in ("participants on the exchange", "kurtosis", "M events/s", "queue by queue", "at the close")
    )
    assert (tmp_path / "demo" / "session.npy").stat().st_size > 18_000 * 64
    assert (tmp_path / "demo" / "book.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("change", ["size", "missing", "queue"])
def test_the_demo_notices_a_wrong_book(change: str, capsys: pytest.CaptureFixture[str]) -> None:
    market = order_flow(events=5_000, seed=1, live_orders=200)
    recorded = np.concatenate(list(market))
    book = OrderBook(market.instruments[1])
    book.apply(recorded)
    assert _verify(book, recorded)
    order = book.orders_at("B", int(book.best_bid.price))[0]  # type: ignore[union-attr]
    number, size = int(order["order_id"]), int(order["size"])
    if change == "size":
        extra = events(("M", number, "B", int(order["price"]), size + 1))
    elif change == "missing":
        extra = events(("C", number, "B", int(order["price"]), size))
    else:
        deep = next(level for level in book.levels("B") if level["count"] > 1)
        first = book.orders_at("B", int(deep["price"]))[0]
        key, price, held = int(first["order_id"]), int(deep["price"]), int(first["size"])
        extra = events(("C", key, "B", price, held), ("A", key, "B", price, held))
    extra["instrument_id"], extra["publisher_id"], extra["flags"] = 1, recorded["publisher_id"][0], 128
    book.apply(extra)
    assert not _verify(book, recorded)
    assert "WRONG" in capsys.readouterr().out


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo").touch()
    assert run(["demo", "-o", str(tmp_path / "demo"), "--events", "20000"]) == 2
    assert "is a file" in capsys.readouterr().err
