"""Venue names and their parsers."""

from __future__ import annotations

import pytest

from tickdeck.core import Instrument, UsageError
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.venues.registry import venue_names, venue_parser


@pytest.mark.parametrize("name", venue_names())
def test_every_venue_has_a_parser_of_its_name_and_publishers(name: str) -> None:
    declared = (Instrument("X", size_decimals=2),)
    parser = venue_parser(name.lower(), declared)
    assert parser.venue == name
    assert parser.declared == {"X": declared[0]}
    assert PUBLISHERS[f"{name}.TOP"] == PUBLISHERS[name] + 1


def test_an_unknown_venue_is_a_usage_error_that_lists_the_known() -> None:
    with pytest.raises(UsageError, match="BINANCE_FUTURES"):
        venue_parser("NASDAQ")
