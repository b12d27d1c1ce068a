"""The instruments of a file of rows, by what its rows say of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Instrument
from tickdeck.tape import event_layout as k
from tickdeck.tape.event_schema import PUBLISHER, SHOWN, RowError, bounded
from tickdeck.tape.reader import ReadOptions

_MASK = 2**64 - 1


def hash64(data: bytes, value: int = k.FNV_START) -> int:
    """64-bit FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv): a stable number for an id that is none."""
    for byte in data:
        value = (value ^ byte) * k.FNV_PRIME & _MASK
    return value


class InstrumentTable:
    """The instruments of a file by what its rows say of them, for Python and, as arrays, for kernels.

    Parameters
    ----------
    options : ReadOptions
    default : str
        Symbol of rows without one.
    instruments : dict of int to Instrument
        Filled as symbols appear.
    """

    def __init__(self, options: ReadOptions, default: str, instruments: dict[int, Instrument]) -> None:
        self._options = options
        only = options.instruments[0] if len(options.instruments) == 1 else None
        self._default = only.symbol if only else default
        self._instruments = instruments
        self._ids: dict[str, int] = {}
        self._reserved = {item.instrument_id for item in options.instruments if item.instrument_id is not None}
        self._known: dict[tuple[str, str, str], tuple[int, int, int, int] | RowError] = {}
        self.inferred_decimals = 0
        self.publisher_id = PUBLISHER
        self.venue = ""
        self.slots: NDArray[np.void] = np.zeros(64, k.SLOT)
        self.blob: NDArray[np.uint8] = np.zeros(4096, np.uint8)
        self._blob_end = 0

    def find(self, symbol: str, number: str, decimals: str) -> tuple[int, int, int, int]:
        """Instrument id, publisher id, size decimals and use (``U_KEEP`` or ``U_SKIP``) of a row's instrument.

        Raises
        ------
        RowError
            The row's instrument makes no sense.
        """
        key = (symbol, number, decimals)
        found = self._known.get(key)
        if found is None:
            try:
                found = self._register(*key)
            except RowError as error:
                found = error
            self._known[key] = found
        if isinstance(found, RowError):
            raise found
        return found

    def _register(self, symbol: str, number: str, decimals: str) -> tuple[int, int, int, int]:
        if not (symbol.isprintable() and max(symbol, default="") < "\udc00"):
            raise RowError(f"symbol {symbol[:SHOWN]!r} is not printable text")
        given = bounded(number, "instrument_id", 0, 2**32 - 1) if number else None
        name = symbol or (str(given) if given is not None else self._default)
        declared = self._options.instrument(name)
        if self._options.symbols is not None and name not in self._options.symbols:
            return 0, 0, 0, k.U_SKIP
        if declared is not None and declared.instrument_id is not None:
            given = declared.instrument_id
        if given is None:
            given = self._ids.get(name) or self._next_id()
        places = bounded(decimals, "size_decimals", 0, 18) if decimals else self.inferred_decimals
        if declared is not None:
            places = declared.size_decimals
        before = self._instruments.get(given)
        if before is not None and (before.symbol, before.size_decimals) != (name, places):
            raise RowError(
                f"instrument_id {given} is {before.symbol} with {before.size_decimals} size decimals, "
                f"not {name} with {places}; declare the instruments"
            )
        self._ids.setdefault(name, given)
        made = declared.with_ids(given, declared.publisher_id) if declared else None
        self._instruments[given] = made or Instrument(name, size_decimals=places, venue=self.venue, instrument_id=given)
        publisher = declared.publisher_id if declared and declared.publisher_id is not None else self.publisher_id
        return given, publisher, places, k.U_KEEP

    def _next_id(self) -> int:
        taken = self._reserved | set(self._instruments)
        return next(number for number in range(len(self._instruments) + 1, 2**32) if number not in taken)

    def add_key(self, symbol: bytes, number: bytes, decimals: bytes) -> None:
        """Make a row's instrument, as it stands in the file, known to kernels."""
        try:
            instrument_id, publisher_id, places, use = self.find(
                *(part.decode(errors="surrogateescape").strip(" \t") for part in (symbol, number, decimals))
            )
        except RowError:
            instrument_id, publisher_id, places, use = 0, 0, 0, k.U_ODD
        value = k.FNV_START
        for part in (symbol, number, decimals):
            value = hash64(part, value) * k.FNV_PRIME & _MASK
        text = symbol + number + decimals
        while self._blob_end + len(text) > len(self.blob):
            self.blob = np.concatenate([self.blob, np.zeros_like(self.blob)])
        self.blob[self._blob_end : self._blob_end + len(text)] = np.frombuffer(text, np.uint8)
        if 2 * np.count_nonzero(self.slots["use"]) >= len(self.slots):
            self._grow()
        entry = np.zeros((), k.SLOT)
        entry[()] = (
            *(value, self._blob_end, len(symbol), len(number), len(decimals)),
            *(instrument_id, publisher_id, places, use),
        )
        self._put(self.slots, entry[()])
        self._blob_end += len(text)

    def _grow(self) -> None:
        larger = np.zeros(2 * len(self.slots), k.SLOT)
        for entry in self.slots[self.slots["use"] != k.U_FREE]:
            self._put(larger, entry)
        self.slots = larger

    @staticmethod
    def _put(slots: NDArray[np.void], entry: Any) -> None:
        slot = int(entry["hash"]) & (len(slots) - 1)
        while slots[slot]["use"] != k.U_FREE:
            slot = (slot + 1) % len(slots)
        slots[slot] = entry
