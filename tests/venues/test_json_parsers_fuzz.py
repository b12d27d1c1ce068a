"""Damaged frames never raise, never hang, and are counted once each; every event stays within its record."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickdeck.core import EVENT
from tickdeck.soak.json_frames import SEEDS, altered
from tickdeck.soak.mutation import damaged
from tickdeck.venues.json_parser import JsonParser
from tickdeck.venues.parser import Frame
from tickdeck.venues.registry import venue_parser


@pytest.mark.parametrize("venue", SEEDS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_damaged_frames_never_raise_and_are_counted(venue: str, seed: int) -> None:
    rng = random.Random(seed)
    parser = venue_parser(venue)
    assert isinstance(parser, JsonParser)
    for count in range(1, 31):
        message, url = rng.choice(SEEDS[venue])
        if rng.random() < 0.6:
            message = altered(message, rng)
        payload = msgspec.json.encode(message)
        if rng.random() < 0.15:
            payload = damaged(payload, rng)
        events = parser.parse(Frame(payload, 1_700_000_000_000_000_000, http=url.startswith("https"), url=url))
        assert events.dtype == EVENT
        assert sum(parser.report.messages.values()) == count
        assert (events["size"] >= 0).all()
        assert set(events["instrument_id"].tolist()) <= parser.instruments.keys()
        assert all(-1 <= index < len(events) for index, _, _ in parser.expected)
        if len(events):
            assert events["flags"][-1] & 128


@pytest.mark.parametrize("venue", SEEDS)
def test_every_seed_is_understood_undamaged(venue: str) -> None:
    parser = venue_parser(venue)
    for message, url in SEEDS[venue]:
        payload = msgspec.json.encode(message)
        parser.parse(Frame(payload, 1_700_000_000_000_000_000, http=url.startswith("https"), url=url))
    assert not {"malformed", "unhandled"} & parser.report.anomalies.keys(), parser.report.examples


@pytest.mark.parametrize("venue", SEEDS)
@pytest.mark.parametrize(
    "payload", [b"", b"[" * 100_000, b"\xff\xfe", b"1" * 5_000, b"null", b'"text"', b"{}", b"[]", b'{"a":1e999999}']
)
def test_what_is_no_message_is_counted(venue: str, payload: bytes) -> None:
    parser = venue_parser(venue)
    for http in (False, True):
        assert parser.parse(Frame(payload, 0, http=http)).size == 0
    assert sum(parser.report.messages[kind] for kind in ("malformed", "unhandled", "error")) == 2
