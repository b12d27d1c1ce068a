"""Columns of text as columns of integers, in bulk; what is not plain is looked at in Python, once for each different text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import TickdeckError, to_ns
from tickdeck.core.decimals import fixed
from tickdeck.tape.event_instruments import hash64
from tickdeck.tape.event_schema import NUMBER, SHOWN, RowError, time_digits
from tickdeck.tape.order_schema import word_code

if TYPE_CHECKING:
    import polars as pl

PLACES = 18
"""Most decimals of an amount, as of a size."""
LATEST = 2**63 - 2
"""The largest amount or time; the next is UNDEF_PRICE."""

_PLAIN = rf"^([+-]?)([0-9]{{0,19}})(?:\.([0-9]{{0,{PLACES}}}))?$"
_POWERS = 10 ** np.arange(PLACES + 1, dtype=np.int64)
_ID = re.compile(r"0|[1-9]\d*", re.ASCII)
_COMMON_ISO = r"^(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$"
_ISO = "%Y-%m-%dT%H:%M:%S%.fZ"


@dataclass(slots=True)
class Decimals:
    """Decimal texts taken apart: (-1)^negative x (whole + fraction x 10^-18).

    Parameters
    ----------
    whole, fraction : ndarray of int64
    negative : ndarray of bool
    places : ndarray of int64
        Decimals as written.
    given : ndarray of bool
        False where the cell was empty.
    """

    whole: NDArray[np.int64]
    fraction: NDArray[np.int64]
    negative: NDArray[np.bool_]
    places: NDArray[np.int64]
    given: NDArray[np.bool_]

    @classmethod
    def joined(cls, parts: list[Decimals]) -> Decimals:
        """Several columns, one after another."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))

    def at(self, rows: NDArray[np.int64]) -> Decimals:
        """Those of some rows."""
        return Decimals(*(getattr(self, name)[rows] for name in self.__slots__))

    def text(self, row: int) -> str:
        """One amount as it was written, but for signs and zeros that say nothing."""
        fraction = f"{self.fraction[row]:0{PLACES}d}"[: self.places[row]]
        return f"{'-' if self.negative[row] else ''}{self.whole[row]}{'.' if fraction else ''}{fraction}"

    def units(self, decimals: NDArray[np.int64], what: str, bad: dict[int, str]) -> NDArray[np.int64]:
        """The amounts as integers of 10^-`decimals`, 0 where there is none; rows where that is not exact go to `bad`."""
        power, rest = _POWERS[decimals], _POWERS[PLACES - decimals]
        fraction = self.fraction // rest
        fits = (self.fraction == fraction * rest) & (self.whole <= (LATEST - fraction) // power)
        for row in np.flatnonzero(~fits).tolist():
            try:
                fixed(self.text(row), int(decimals[row]), what)
            except TickdeckError as error:
                bad.setdefault(row, str(error))
        units = np.where(fits, self.whole, 0) * power + fraction
        return np.where(self.negative, -units, units)


@dataclass(slots=True)
class Cells:
    """The columns of some rows.

    Parameters
    ----------
    columns : dict of str to Series
        Stripped text, "" for no value; columns that a file lacks are not there.
    rows : ndarray of int64
        Row number of each in the file.
    bad : dict of int to str
        Index in `rows` -> what is wrong with that row; the first fault counts.
    """

    columns: dict[str, pl.Series]
    rows: NDArray[np.int64]
    bad: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def _mapped(self, name: str, convert: Callable[[str], int], default: int) -> NDArray[np.int64]:
        """A column by a function of the text that is called once for each different one."""
        if name not in self.columns:
            return np.full(len(self), default, np.int64)
        column = self.columns[name]
        known, codes = _factorized(column)
        values = np.full(len(known), default, np.int64)
        for at, text in enumerate(known):
            try:
                values[at] = convert(text) if text else default
            except TickdeckError as error:
                self._blame({at: str(error)}, codes)
        return values[codes]

    def codes(self, name: str, words: Mapping[str, int], default: int) -> NDArray[np.int64]:
        """A column of words."""
        return self._mapped(name, lambda text: word_code(text, words, name), default)

    def flags(self, convert: Callable[[str], int]) -> NDArray[np.int64]:
        """The column `flags`."""
        return self._mapped("flags", convert, 0)

    def names(self, name: str) -> tuple[list[str], NDArray[np.int64]]:
        """The different texts of a column, in order of appearance, and each row's place among them."""
        if name not in self.columns:
            return [""], np.zeros(len(self), np.int64)
        return _factorized(self.columns[name])

    def whole(self, name: str, most: int) -> NDArray[np.int64]:
        """A column of whole numbers from 0 to `most`; 0 where there is none."""
        parts = self.decimals(name)
        fits = (parts.fraction == 0) & ~parts.negative & (parts.whole <= most)
        for row in np.flatnonzero(~fits).tolist():
            self.bad.setdefault(row, f"{name} {parts.text(row)} is not a whole number from 0 to {most}")
        return np.where(fits, parts.whole, 0)

    def ids(self, name: str) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """A column of ids: numbers, and hashes of what is none; and where there are any."""
        if name not in self.columns:
            return np.zeros(len(self), np.uint64), np.zeros(len(self), np.bool_)
        import polars as pl

        column = self.columns[name]
        plain = column.str.contains(r"^(0|[1-9][0-9]{0,17})$")
        numbers = column.cast(pl.UInt64, strict=False).fill_null(0).to_numpy().copy()
        given = (column != "").to_numpy()
        for row in np.flatnonzero(~plain.to_numpy() & given).tolist():
            text = column[row]
            is_number = _ID.fullmatch(text) and len(text) <= 20 and int(text) < 2**64
            numbers[row] = int(text) if is_number else hash64(text.encode())
        return numbers, given

    def decimals(self, name: str) -> Decimals:
        """A column of decimal numbers."""
        if name not in self.columns:
            nothing = np.zeros(len(self), np.int64)
            return Decimals(nothing, nothing, nothing > 0, nothing, nothing > 0)
        import polars as pl

        # Prices and sizes repeat; times do not.
        known, codes = _factorized(self.columns[name])
        column = pl.Series(known, dtype=pl.String)
        faults: dict[int, str] = {}
        out = _taken_apart(column, name, faults)
        self._blame(faults, codes)
        return out.at(codes)

    def _blame(self, faults: dict[int, str], codes: NDArray[np.int64]) -> None:
        """What is wrong with a text is wrong with every row that has it."""
        for at, text in faults.items():
            for row in np.flatnonzero(codes == at).tolist():
                self.bad.setdefault(row, text)

    def times(self, name: str, digits: int | None) -> tuple[NDArray[np.int64], NDArray[np.bool_], int | None]:
        """A column of times as ns, where there are any, and the unit: ``digits`` decimals turn a plain number into ns.

        The unit is told from the first number (see ``event_schema.time_digits``) where it is not known yet.
        """
        if name not in self.columns:
            return np.zeros(len(self), np.int64), np.zeros(len(self), np.bool_), digits
        import polars as pl

        column = self.columns[name]
        given = (column != "").to_numpy()
        values = np.zeros(len(self), np.int64)
        numeric = column.str.contains(r"^[+-]?[0-9.]+$").to_numpy()
        faults: dict[int, str] = {}
        if numeric.any():
            places = np.flatnonzero(numeric)
            if digits is None:
                digits = max(time_digits(column[int(places[0])]), 0)
            texts = column.filter(numeric)
            plain = texts.cast(pl.Int64, strict=False)
            if digits == 0 and plain.null_count() == 0 and int(plain.max()) <= LATEST:  # type: ignore[arg-type]
                values[numeric] = plain.to_numpy()
            else:
                found: dict[int, str] = {}
                parts = _taken_apart(texts, name, found)
                values[numeric] = parts.units(np.full(len(places), digits, np.int64), name, found)
                faults = {int(places[at]): text for at, text in found.items()}
        common = given & column.str.contains(_COMMON_ISO).to_numpy()
        moments = column.filter(common).str.to_datetime(_ISO, time_unit="ns", strict=False)
        values[common] = moments.cast(pl.Int64).fill_null(0).to_numpy()
        common[np.flatnonzero(common)[moments.is_null().to_numpy()]] = False
        for row in np.flatnonzero(given & ~numeric & ~common).tolist():
            try:
                values[row] = _in_range(to_ns(column[row]), column[row])
            except (TickdeckError, OverflowError) as error:
                faults[row] = f"{name}: {error}"
        for row, text in faults.items():
            self.bad.setdefault(row, text)
        return values, given, digits


def _in_range(ns: int, text: str) -> int:
    if not -LATEST <= ns <= LATEST:
        raise RowError(f"{text[:SHOWN]!r} does not fit in 64 bits of ns")
    return ns


def _taken_apart(column: pl.Series, name: str, faults: dict[int, str]) -> Decimals:
    """Decimal texts; what is none goes to `faults`."""
    import polars as pl

    groups = column.str.extract_groups(_PLAIN).struct
    sign, whole, fraction = (groups.field(key) for key in ("1", "2", "3"))
    fraction = fraction.fill_null("")
    numbers = whole.cast(pl.Int64, strict=False)
    out = Decimals(
        numbers.fill_null(0).to_numpy().copy(),
        fraction.str.pad_end(PLACES, "0").cast(pl.Int64, strict=False).fill_null(0).to_numpy().copy(),
        (sign == "-").fill_null(False).to_numpy().copy(),
        fraction.str.len_bytes().cast(pl.Int64).to_numpy().copy(),
        (column != "").to_numpy(),
    )
    plain = numbers.is_not_null().to_numpy() | ((whole == "").fill_null(False).to_numpy() & (out.places > 0))
    for at in np.flatnonzero(~plain & out.given).tolist():
        _take_odd(out, at, column[at], name, faults)
    return out


def _take_odd(out: Decimals, at: int, text: str, name: str, faults: dict[int, str]) -> None:
    """A number with an exponent or many digits; or none."""
    if not NUMBER.fullmatch(text):
        faults[at] = f"{name} {text[:SHOWN]!r} is not a number"
        return
    value = Decimal(text)
    shown = text if len(text) <= SHOWN else f"{text[:40]}... ({len(text)} characters)"
    # The exponent first: what is out of range is not worth spelling out.
    if value and value.adjusted() >= PLACES:
        faults[at] = f"{name} {shown} does not fit in 63 bits"
        return
    _, digits, exponent = value.as_tuple()
    figures = "".join(map(str, digits)).rstrip("0")
    if value and int(exponent) + len(digits) - len(figures) < -PLACES:
        faults[at] = f"{name} {shown} has more than {PLACES} decimals"
        return
    whole, _, fraction = f"{abs(value):f}".partition(".") if value else ("0", "", "")
    fraction = fraction.rstrip("0")
    out.whole[at], out.fraction[at] = int(whole), int(fraction.ljust(PLACES, "0"))
    out.negative[at], out.places[at] = value < 0, len(fraction)


def _factorized(column: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """The different texts in order of appearance, and each row's place among them."""
    import polars as pl

    known = column.unique(maintain_order=True)
    places = pl.Series(np.arange(len(known)), dtype=pl.Int64)
    codes = column.replace_strict(known, places, return_dtype=pl.Int64) if len(known) else pl.Series([], dtype=pl.Int64)
    return known.to_list(), codes.to_numpy()
