"""Listings as JSON can hold them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tickdeck.core import FormatError, Instrument, Phase
from tickdeck.exchange.listing import PRICE_TIME, PRO_RATA, SIZE_TIME, Discipline, Listing, PriceTime, ProRata, SizeTime

_MILLIONTHS_A_PERCENT = 10_000


def listing_fields(listing: Listing) -> dict[str, Any]:
    """A listing as a JSON object."""
    return {
        "instrument": listing.instrument.to_dict(),
        "discipline": [listing.discipline.code, *listing.discipline.parameters],
        "static_band": listing.static_band,
        "dynamic_band": listing.dynamic_band,
        "volatility_pause": listing.volatility_pause,
        "phase": int(listing.phase),
        "maximum_size": listing.maximum_size,
    }


def listing_from_fields(fields: dict[str, Any]) -> Listing:
    """The inverse of :func:`listing_fields`.

    Raises
    ------
    FormatError
        A discipline that this version does not have.
    """
    return Listing(
        Instrument.from_dict(fields["instrument"]),
        _discipline(*fields["discipline"]),
        static_band=_percent(fields["static_band"]),
        dynamic_band=_percent(fields["dynamic_band"]),
        volatility_pause=fields["volatility_pause"],
        phase=Phase(fields["phase"]),
        maximum_size=fields["maximum_size"],
    )


def _percent(millionths: int) -> Decimal | None:
    return Decimal(millionths) / _MILLIONTHS_A_PERCENT if millionths else None


def _discipline(code: int, first: int, second: int) -> Discipline:
    made: dict[int, Discipline] = {PRICE_TIME: PriceTime(), SIZE_TIME: SizeTime(), PRO_RATA: ProRata(first, second)}
    if code not in made:
        raise FormatError(f"the journal names a queue discipline {code} that this version does not have; update tickdeck")
    return made[code]
