"""The instruments of simulated markets."""

from __future__ import annotations

from tickdeck.core import Instrument, price_text
from tickdeck.core.publishers import PUBLISHERS


def simulated_instruments(count: int, tick_size: int) -> dict[int, Instrument]:
    """The instruments of a simulated market by id; `tick_size` in units of 1e-9."""
    return {
        number: Instrument(
            f"SIM{number:04d}",
            tick_size=price_text(tick_size),
            venue="SIMULATION",
            instrument_id=number,
            publisher_id=PUBLISHERS["SIMULATION"],
        )
        for number in range(1, count + 1)
    }
