"""Listings and risk settings as JSON can hold them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tickdeck.core import FormatError, Instrument, Phase, UsageError, price_text
from tickdeck.exchange.disciplines import Discipline, PriceTime, ProRata, SizeTime
from tickdeck.exchange.kernels.layout import OWN_RULE, PRICE_TIME, PRO_RATA, SIZE_TIME
from tickdeck.exchange.listing import Listing

if TYPE_CHECKING:
    from tickdeck.risk import RiskGate
    from tickdeck.risk.money import Fees

_MILLIONTHS_A_PERCENT = 10_000


def listing_fields(listing: Listing) -> dict[str, Any]:
    """A listing as a JSON object.

    Raises
    ------
    UsageError
        Its discipline is the user's own, which no journal can hold.
    """
    if listing.discipline.code == OWN_RULE:
        raise UsageError(
            f"{listing.instrument.symbol}: an exchange with a discipline of your own (OwnRule) cannot have a journal"
        )
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


def risk_fields(gate: RiskGate) -> dict[str, Any]:
    """What a risk gate is made of, as a JSON object: limits, fees and rates as they are now."""
    fees = gate._ledger.fees
    return {
        "limits": gate.limits.to_dict(),
        "fees": {symbol: _fee_fields(item) for symbol, item in fees.items()} if isinstance(fees, Mapping) else _fee_fields(fees),
        "rates": {currency: price_text(rate) for currency, rate in gate._ledger.currencies.rates.items()},
    }


def risk_options(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of ``Exchange`` for what :func:`risk_fields` returned."""
    from tickdeck.risk import Limits

    fees = fields["fees"]
    return {
        "risk": Limits.from_dict(fields["limits"]),
        "fees": {symbol: _fees(item) for symbol, item in fees.items()} if isinstance(fees, Mapping) else _fees(fees),
        "rates": fields["rates"],
    }


def _fee_fields(fees: Fees | None) -> list[str] | None:
    if fees is None:
        return None
    return [price_text(units) for units in (fees.maker, fees.taker, fees.maker_per_unit, fees.taker_per_unit)]


def _fees(fields: list[str] | None) -> Fees | None:
    from tickdeck.risk.money import Fees

    if fields is None:
        return None
    maker, taker, maker_per_unit, taker_per_unit = fields
    return Fees(maker, taker, maker_per_unit=maker_per_unit, taker_per_unit=taker_per_unit)


def _percent(millionths: int) -> Decimal | None:
    return Decimal(millionths) / _MILLIONTHS_A_PERCENT if millionths else None


def _discipline(code: int, first: int, second: int) -> Discipline:
    made: dict[int, Discipline] = {PRICE_TIME: PriceTime(), SIZE_TIME: SizeTime(), PRO_RATA: ProRata(first, second)}
    if code not in made:
        raise FormatError(f"the journal names a queue discipline {code} that this version does not have; update tickdeck")
    return made[code]
