"""Layouts: size, offsets and padding of every declared record."""

from __future__ import annotations

import numpy as np
import pytest

from tickdeck import core
from tickdeck.core import BBO, DBN_MBO, EVENT, LEVEL, ORDER, UNDEF_TIMESTAMP, as_events

OFFSETS = {
    "ts_event": 0,
    "ts_recv": 8,
    "order_id": 16,
    "price": 24,
    "size": 32,
    "sequence": 40,
    "instrument_id": 48,
    "ts_in_delta": 52,
    "publisher_id": 56,
    "action": 58,
    "side": 59,
    "flags": 60,
    "channel_id": 61,
    "rtype": 62,
    "reserved": 63,
}
SIZES = {
    "EVENT": 64,
    "DBN_MBO": 56,
    "BBO": 32,
    "LEVEL": 24,
    "ORDER": 32,
    "EXECUTION": 88,
    "COMMAND": 104,
    "AUCTION": 56,
    "STATUS": 40,
    "CANDLE": 64,
    "FUNDING": 48,
    "BALANCE": 40,
}


def test_event_fields_stand_where_the_layout_says() -> None:
    assert {name: EVENT.fields[name][1] for name in EVENT.names or ()} == OFFSETS  # type: ignore[index]


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_record_has_its_size_and_no_hidden_padding(name: str, size: int) -> None:
    dtype = getattr(core, name)
    assert dtype.itemsize == size
    assert sum(dtype[field].itemsize for field in dtype.names) == size


def test_dbn_record_is_databentos(tmp_path: object) -> None:
    dbn = pytest.importorskip("databento_dbn")
    assert DBN_MBO.itemsize == dbn.MBOMsg.size_hint if hasattr(dbn.MBOMsg, "size_hint") else DBN_MBO.itemsize == 56
    assert [DBN_MBO.fields[name][1] for name in ("order_id", "price", "size", "flags", "ts_recv", "sequence")] == [  # type: ignore[index]
        16,
        24,
        32,
        36,
        40,
        52,
    ]


def test_dbn_records_become_events_field_by_field() -> None:
    raw = np.zeros(2, DBN_MBO)
    for i, name in enumerate(DBN_MBO.names or ()):
        raw[name][0] = i + 1
    raw["price"][1] = -5
    raw["ts_recv"][1] = np.uint64(UNDEF_TIMESTAMP)
    events = as_events(raw)
    for name in DBN_MBO.names or ():
        if name != "length":
            assert events[name][0] == raw[name][0], name
    assert events["price"][1] == -5
    assert events["ts_recv"][1] == 0


def test_events_are_returned_as_they_are_and_other_arrays_refused() -> None:
    events = np.zeros(1, EVENT)
    assert as_events(events) is events
    with pytest.raises(TypeError, match="EVENT or DBN_MBO"):
        as_events(np.zeros(1))


def test_kernels_and_records_agree_on_names() -> None:
    assert set(DBN_MBO.names or ()) - {"length"} <= set(EVENT.names or ())
    assert (BBO.names, LEVEL.names, ORDER.names) == (
        ("bid_price", "ask_price", "bid_size", "ask_size"),
        ("price", "size", "count", "reserved"),
        ("order_id", "price", "size", "side", "reserved"),
    )
