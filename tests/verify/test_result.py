"""How a comparison is told."""

from __future__ import annotations

import numpy as np
import pytest

from tickdeck.core import LEVEL, UNDEF_PRICE
from tickdeck.verify.result import Comparison, Mismatch, Window, levels_of, percent


def levels(*rows: tuple[int, int, int]) -> np.ndarray:
    return np.array([(price * 10**9, size, count, 0) for price, size, count in rows], LEVEL)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(5, 5, "100.00%"), (99_999, 100_000, "99.99%"), (1, 3, "33.33%"), (0, 7, "0.00%"), (0, 0, "none")],
)
def test_only_all_of_it_is_a_hundred_percent(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text


def test_a_mismatch_shows_both_books_with_the_asks_on_top() -> None:
    expected = Window(levels((9, 100, 2), (8, 5, 1)), levels((10, 1, 1), (11, 20, 3)))
    got = Window(levels((9, 100, 2)), levels((10, 2, 1), (11, 20, 3)))
    mismatch = Mismatch("row 3", "the book differs", 1_000_000_000, "ABC", expected, got, size_decimals=1, counts=True)
    assert mismatch.lines() == [
        "ABC, row 3 at 1970-01-01T00:00:01.000000000Z: the book differs",
        "              expected            got",
        "  ask 2     2 @ 11 (3)     2 @ 11 (3)",
        "  ask 1   0.1 @ 10 (1)   0.2 @ 10 (1)   <- differs",
        "  bid 1     10 @ 9 (2)     10 @ 9 (2)",
        "  bid 2    0.5 @ 8 (1)              -   <- differs",
    ]
    assert mismatch.to_dict()["got"] == {
        "bids": [{"price": "9", "size": "10", "count": 2}],
        "asks": [{"price": "10", "size": "0.2", "count": 1}, {"price": "11", "size": "2", "count": 3}],
    }


def test_empty_levels_are_left_out() -> None:
    assert levels_of([5, UNDEF_PRICE, 4], [1, 0, 0]).tolist() == [(5, 1, 0, 0)]


def test_a_comparison_holds_only_if_something_was_compared() -> None:
    assert not Comparison("truth", "a", "b", "rows").holds
    assert Comparison("truth", "a", "b", "rows", compared=1, exact=1).holds
    assert not Comparison("truth", "a", "b", "rows", compared=2, exact=1, wrong=1).holds
