"""What a symbol is: its tick, its decimals, its ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tickdeck.core.decimals import Amount, fixed, price, price_text
from tickdeck.core.errors import UsageError


@dataclass(frozen=True, slots=True, init=False)
class Instrument:
    """A tradable instrument.

    Parameters
    ----------
    symbol : str
    tick_size : str, Decimal or int, optional
        Smallest price step as a decimal amount. Without it the tick is inferred from the prices of the book.
    size_decimals : int
        Sizes are integers in units of 10^-size_decimals (0 for shares and contracts, 8 for many crypto venues).
    venue : str
    multiplier : str, Decimal or int
        Value of one unit of size at a price of one, in `currency`.
    currency : str
    instrument_id, publisher_id : int, optional
        Ids in the event stream. None: any.
    price_decimals : int, optional
        Decimals with which the venue prints prices (needed by checksums); not the tick.
    lot_size : str, Decimal or int, optional
        Smallest step of size.
    inverse : bool
        Worth size x multiplier / price in `currency` (a contract on coins whose size counts dollars), not size x multiplier x price.

    Examples
    --------
    >>> Instrument("ESH4", tick_size="0.25").tick_size
    250000000
    """

    symbol: str
    tick_size: int | None
    """In units of 1e-9; None: inferred."""
    size_decimals: int
    venue: str
    multiplier: int
    """In units of 1e-9."""
    currency: str
    instrument_id: int | None
    publisher_id: int | None
    price_decimals: int | None
    lot_size: int
    """In units of 10^-size_decimals."""
    inverse: bool
    extra: dict[str, Any] = field(hash=False, compare=False)
    """What a format said beside these; kept for lossless conversion."""

    def __init__(
        self,
        symbol: str,
        tick_size: Amount | None = None,
        size_decimals: int = 0,
        *,
        venue: str = "",
        multiplier: Amount = 1,
        currency: str = "USD",
        instrument_id: int | None = None,
        publisher_id: int | None = None,
        price_decimals: int | None = None,
        lot_size: Amount | None = None,
        inverse: bool = False,
        extra: dict[str, Any] | None = None,
    ) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        if not symbol:
            raise UsageError("an instrument needs a symbol")
        if not 0 <= size_decimals <= 18:
            raise UsageError(f"{symbol}: size_decimals must be between 0 and 18, not {size_decimals}")
        for name, value, bits in (("instrument_id", instrument_id, 32), ("publisher_id", publisher_id, 16)):
            if value is not None and not 0 <= value < 2**bits:
                raise UsageError(f"{symbol}: {name} must fit in {bits} bits, not {value}")
        tick = None if tick_size is None else fixed(tick_size, 9, "tick_size")
        if tick is not None and tick <= 0:
            raise UsageError(f"{symbol}: tick_size must be above 0, not {tick_size}")
        lot = 1 if lot_size is None else fixed(lot_size, size_decimals, "lot_size")
        if lot <= 0:
            raise UsageError(f"{symbol}: lot_size must be above 0, not {lot_size}")
        put("symbol", symbol)
        put("tick_size", tick)
        put("size_decimals", size_decimals)
        put("venue", venue)
        put("multiplier", fixed(multiplier, 9, "multiplier"))
        put("currency", currency)
        put("instrument_id", instrument_id)
        put("publisher_id", publisher_id)
        put("price_decimals", price_decimals)
        put("lot_size", lot)
        put("inverse", inverse)
        put("extra", extra or {})

    def price(self, amount: Amount) -> int:
        """`amount` in units of 1e-9."""
        return price(amount)

    def size(self, amount: Amount) -> int:
        """`amount` in units of 10^-size_decimals."""
        return fixed(amount, self.size_decimals, "size")

    def with_ids(self, instrument_id: int | None, publisher_id: int | None = None) -> Instrument:
        """The same instrument under other ids."""
        return replace_fields(self, instrument_id=instrument_id, publisher_id=publisher_id)

    def to_dict(self) -> dict[str, Any]:
        """Plain values: amounts as decimal strings; what :meth:`from_dict` takes."""
        out: dict[str, Any] = {"symbol": self.symbol, "size_decimals": self.size_decimals}
        if self.tick_size is not None:
            out["tick_size"] = price_text(self.tick_size)
        if self.multiplier != 10**9:
            out["multiplier"] = price_text(self.multiplier)
        if self.lot_size != 1:
            out["lot_units"] = self.lot_size
        if self.inverse:
            out["inverse"] = True
        for name in ("venue", "currency", "instrument_id", "publisher_id", "price_decimals"):
            value = getattr(self, name)
            if value is not None and (value or name != "venue"):
                out[name] = value
        if self.extra:
            out["extra"] = self.extra
        return out

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Instrument:
        """The inverse of :meth:`to_dict`."""
        values = dict(values)
        lot_units = values.pop("lot_units", None)
        made = cls(**values)
        return made if lot_units is None else replace_fields(made, lot_size=lot_units)


def replace_fields(instrument: Instrument, **fields: Any) -> Instrument:
    """A copy of `instrument` with stored (already fixed-point) `fields` replaced."""
    clone = object.__new__(Instrument)
    for name in Instrument.__slots__:
        object.__setattr__(clone, name, fields.get(name, getattr(instrument, name)))
    return clone
