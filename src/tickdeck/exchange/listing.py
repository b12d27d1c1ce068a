"""What the exchange must know of an instrument to trade it."""

from __future__ import annotations

from dataclasses import dataclass

from tickdeck.core import Instrument, Phase, UsageError, fixed
from tickdeck.core.decimals import Amount
from tickdeck.exchange.disciplines import Discipline, PriceTime

_MOST = 2**48
_SECOND = 1_000_000_000


def _millionths(percent: Amount | None, what: str) -> int:
    if percent is None:
        return 0
    units = fixed(str(percent), 4, what)
    if not 0 < units < 1_000_000:
        raise UsageError(f"{what} must lie between 0 and 100 percent, not {percent}")
    return units


def _nanoseconds(duration: str | int | float) -> int:
    if isinstance(duration, str):
        for suffix, scale in (
            ("ms", 10**6),
            ("us", 10**3),
            ("ns", 1),
            ("min", 60 * _SECOND),
            ("h", 3600 * _SECOND),
            ("s", _SECOND),
        ):
            if duration.endswith(suffix):
                return fixed(duration[: -len(suffix)].strip(), 9, "duration") * scale // _SECOND
        raise UsageError(f"a duration needs a unit (ns, us, ms, s, min, h): {duration!r}")
    if duration < 0:
        raise UsageError(f"a duration must not be negative: {duration}")
    return int(duration)


@dataclass(frozen=True, slots=True, init=False)
class Listing:
    """An instrument as an exchange trades it.

    Parameters
    ----------
    instrument : Instrument
        With a tick size.
    discipline : PriceTime, ProRata, SizeTime or OwnRule
        Queue discipline.
    static_band, dynamic_band : str, Decimal or int, optional
        Percent around the reference price, and around the last trade price, outside which a trade interrupts the market.
    volatility_pause : str or int
        How long an interruption lasts: ``"120s"``, or ns; 0: until a command ends it.
    phase : Phase
        Phase to begin with.
    maximum_size : int
        Largest size of an order, units of 10^-size_decimals.

    Examples
    --------
    >>> import tickdeck as td
    >>> td.Listing(td.Instrument("ACME", tick_size="0.01"), static_band="5").static_band
    50000
    """

    instrument: Instrument
    discipline: Discipline
    static_band: int
    """Millionths; 0: none."""
    dynamic_band: int
    """Millionths; 0: none."""
    volatility_pause: int
    """ns; 0: until a command."""
    phase: Phase
    maximum_size: int

    def __init__(
        self,
        instrument: Instrument,
        discipline: Discipline | None = None,
        *,
        static_band: Amount | None = None,
        dynamic_band: Amount | None = None,
        volatility_pause: str | int = 120 * _SECOND,
        phase: Phase = Phase.CONTINUOUS,
        maximum_size: int = 10**12,
    ) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        if instrument.tick_size is None:
            raise UsageError(
                f"{instrument.symbol}: an exchange needs the tick size: Instrument({instrument.symbol!r}, tick_size=...)"
            )
        if instrument.instrument_id == 0:
            raise UsageError(f"{instrument.symbol}: instrument_id 0 means all instruments; choose another")
        if not 0 < maximum_size <= _MOST:
            raise UsageError(f"{instrument.symbol}: maximum_size must lie between 1 and 2^48, not {maximum_size}")
        chosen = PriceTime() if discipline is None else discipline
        if not isinstance(chosen, Discipline):
            raise UsageError(
                f"{instrument.symbol}: discipline must be PriceTime(), ProRata(...), SizeTime() or OwnRule(...), not {discipline!r}"
            )
        put("instrument", instrument)
        put("discipline", chosen)
        put("static_band", _millionths(static_band, "static_band"))
        put("dynamic_band", _millionths(dynamic_band, "dynamic_band"))
        put("volatility_pause", _nanoseconds(volatility_pause))
        put("phase", Phase(phase))
        put("maximum_size", maximum_size)
