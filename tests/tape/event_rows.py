"""Cells, instruments and events from which the tests of text formats draw."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

import tickdeck as td
from tickdeck.core import EVENT, UNDEF_PRICE, empty_events

T0 = 1_703_545_200_000_000_000

CELLS = {
    "type": ["trade", "order", "cancel", "modify", "quote", "status", "bbo", "Fill", "clear", "", "x"],
    "timestamp": [str(T0), str(T0 + 1), "2023-12-25T23:00:00Z", "1e18", "", "0"],
    "price": ["100.25", "-3", "", "1e2", "99.123456789", "9.1234567891", " 5", "5.", "abc", "12345678901234567890"],
    "qty": ["1", "0", "", "2.5", "0.00000001", "-1", "1e3", "0.000000001"],
    "side": ["B", "A", "buy", "SELL", "1", "-1", "", "N", "up", " b"],
    "trade_id": ["", "5", "uuid-1", "007", "18446744073709551616"],
    "order_id": ["1", "22", "", "0", "a-b-c", "HALT", "x y", "18446744073709551615"],
    "symbol": ["X", "Y", "a,b", 'q"q', "", " X", "two\nlines", "é"],
    "sequence": ["1", "", "18446744073709551615", "-1", "x"],
    "flags": ["128", "0", "", "256", "x", "1."],
    "ts_recv": ["", "0", str(T0 + 7), "x"],
    "instrument_id": ["", "7", "4294967296", "07"],
    "size_decimals": ["", "0", "3", "19"],
    "publisher_id": ["", "5", "65536", "-1"],
    "channel_id": ["", "3", "300"],
    "ts_in_delta": ["", "-2147483648", "2147483648", "5"],
    "rtype": ["", "160", "999"],
    "action": ["", "A", "T", "M", "Z", "AA"],
    "is_snapshot": ["", "true", "False", "1", "yes"],
}

AMOUNT = st.integers(-(2**63 - 2), 2**63 - 2)


@st.composite
def event_arrays(draw: st.DrawFn) -> np.ndarray:
    small = draw(st.booleans())
    size = draw(st.integers(1, 20))
    events = empty_events(size)
    whole = {"action": b"ACMRTFN", "side": b"BAN"}
    for name in EVENT.names or ():
        kind = EVENT[name]
        if name == "reserved":
            continue
        for index in range(size):
            if name in whole:
                value = draw(st.sampled_from(list(whole[name])))
            elif name in ("price", "size", "ts_event", "ts_recv"):
                value = draw(st.integers(-1000, 10**9) if small else AMOUNT)
                value = draw(st.sampled_from([value, UNDEF_PRICE])) if name == "price" else value
            elif name == "instrument_id":
                value = draw(st.sampled_from([1, 2, 9, 2**32 - 1]))
            else:
                info = np.iinfo(kind)
                value = draw(st.integers(int(info.min), int(info.max)))
            events[index][name] = value
    return events


KNOWN = {
    1: td.Instrument("PLAIN"),
    2: td.Instrument('od,d "one"', size_decimals=18),
    9: td.Instrument("BTC/USD", size_decimals=5),
}
