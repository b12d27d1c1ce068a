"""Rows of cells as ``COMMAND`` records; what needs all rows (names, next free ids, decimals of sizes) is done at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import (
    COMMAND,
    KEEP,
    UNDEF_PRICE,
    CommandKind,
    Instrument,
    OrderFlag,
    OrderType,
    Records,
    Side,
    TimeInForce,
    UsageError,
    price_text,
)
from tickdeck.tape.order_cells import Cells, Decimals
from tickdeck.tape.order_schema import (
    COMMANDS,
    ORDER_SIDES,
    ORDER_TYPES,
    PHASES,
    SELF_TRADES,
    TIMES_IN_FORCE,
    flag_bits,
)

_SIZES = ("size", "display", "minimum")
_LATEST_ID = 2**62
_ID = re.compile(r"[1-9][0-9]{0,9}")
_WANTS_INSTRUMENT = (CommandKind.NEW, CommandKind.REPLACE, CommandKind.REFERENCE)


@dataclass(slots=True)
class _Part:
    """The rows of one block, as far as they can be made without the others."""

    commands: Records
    rows: NDArray[np.int64]
    sizes: tuple[Decimals, ...]
    has_id: NDArray[np.bool_]
    participants: NDArray[np.int64]
    instruments: NDArray[np.int64]


class Names:
    """Numbers for names: one from 1 to 2^32 - 1 is itself, any other name has the lowest free number, in order of appearance.

    Parameters
    ----------
    known : mapping of str to int
    """

    def __init__(self, known: Mapping[str, int]) -> None:
        self._known = dict(known)
        self.seen: list[str] = []
        """Different names, in order of appearance."""
        self._places: dict[str, int] = {}

    def places(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Where each of `texts` stands in `seen`."""
        for text in texts:
            if text not in self._places:
                self._places[text] = len(self.seen)
                self.seen.append(text)
        return np.array([self._places[text] for text in texts], np.int64)

    def numbers(self, default: int) -> dict[str, int]:
        """Name -> number for all that were seen; the empty name has the number `default`."""
        found = {name: self._known[name] for name in self.seen if name in self._known}
        for name in self.seen:
            if name not in found and _ID.fullmatch(name) and int(name) < 2**32:
                found[name] = int(name)
        taken = {*found.values(), *self._known.values()}
        free = (number for number in range(1, 2**32) if number not in taken)
        for name in self.seen:
            if name not in found:
                found[name] = next(free) if name else default
        return found


class RowMaker:
    """Turns blocks of cells into ``COMMAND`` records.

    Parameters
    ----------
    instruments : sequence of Instrument
        Declared ones; those without an id have the ids 1, 2, ... in this order.
    participants : mapping of str to int
        Known names.
    default_symbol : str
        Of rows without one where none is declared.
    start : int
        Time of rows before the first one with a time, ns.
    next_ids : mapping of int to int
        Next free client order id by participant id; 1 where it has none.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        participants: Mapping[str, int],
        default_symbol: str,
        start: int,
        next_ids: Mapping[int, int],
    ) -> None:
        self.declared = numbered(instruments)
        self._default_symbol = self.declared[0].symbol if self.declared else default_symbol
        self._symbols = Names({item.symbol: item.instrument_id or 0 for item in self.declared})
        self._participants = Names(participants)
        self._last_time = start
        self._next_ids = next_ids
        self._digits: int | None = None
        self._parts: list[_Part] = []

    def add(self, cells: Cells) -> None:
        """Take the rows of a block; those that are bad stay out."""
        commands = np.zeros(len(cells), COMMAND)
        kind = cells.codes("command", COMMANDS, CommandKind.NEW)
        times, timed, self._digits = cells.times("ts", self._digits)
        expire, expires, self._digits = cells.times("expire", self._digits)
        nine = np.full(len(cells), 9, np.int64)
        given = {}
        for name, target in (("price", "price"), ("trigger", "trigger_price"), ("offset", "offset")):
            parts = cells.decimals(name)
            units = parts.units(nine, name, cells.bad)
            given[name] = parts.given
            commands[target] = units if name == "offset" else np.where(parts.given, units, UNDEF_PRICE)
        sizes = tuple(cells.decimals(name) for name in _SIZES)
        ids, has_id = cells.ids("client_order_id")
        order_ids, has_order_id = cells.ids("order_id")
        names, codes = cells.names("participant")
        participants = self._participants.places(names)[codes]
        names, codes = cells.names("instrument")
        instruments = self._symbols.places(names)[codes]
        commands["kind"] = kind
        commands["side"] = cells.codes("side", ORDER_SIDES, Side.NONE)
        commands["client_order_id"] = ids
        commands["order_id"] = order_ids
        commands["expire_ts"] = expire
        commands["group"] = cells.whole("group", 2**32 - 1)
        commands["self_trade"] = cells.codes("stp", SELF_TRADES, 0)
        by_order_id = has_order_id & ~has_id & (kind != CommandKind.NEW)
        commands["flags"] = cells.flags(flag_bits) | np.where(by_order_id, OrderFlag.BY_ORDER_ID, 0)
        commands["phase"] = cells.codes("phase", PHASES, 0)
        is_new = kind == CommandKind.NEW
        types = cells.codes("type", ORDER_TYPES, 0)
        stop = np.where(given["price"], OrderType.STOP_LIMIT, OrderType.STOP)
        types = np.where(types == 0, np.where(given["trigger"], stop, OrderType.LIMIT), types)
        commands["order_type"] = np.where(is_new, types, 0)
        tif = cells.codes("tif", TIMES_IN_FORCE, 0)
        tif = np.where(tif == 0, np.where(expires, TimeInForce.GTD, TimeInForce.GTC), tif)
        commands["time_in_force"] = np.where(is_new, tif, 0)
        commands["ts"] = self._filled(times, timed)
        good = np.ones(len(cells), np.bool_)
        good[list(cells.bad)] = False
        part = _Part(commands, cells.rows, sizes, has_id, participants, instruments)
        self._parts.append(_selected(part, good))

    def _filled(self, times: NDArray[np.int64], timed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Times, those that are not given as the one before."""
        latest = np.maximum.accumulate(np.where(timed, np.arange(len(times)), -1))
        filled = np.where(latest < 0, self._last_time, times[latest])
        if len(filled):
            self._last_time = int(filled[-1])
        return filled

    def finish(self) -> tuple[Records, NDArray[np.int64], list[Instrument], dict[str, int], dict[int, str]]:
        """The commands, their rows, the instruments, the participants, and what is wrong with which row (not command)."""
        part = _joined(self._parts)
        numbers = self._symbols.numbers(0)
        part.commands["instrument_id"] = _looked_up(self._symbols, numbers)[part.instruments]
        participants = self._participants.numbers(1)
        part.commands["participant_id"] = _looked_up(self._participants, participants)[part.participants]
        bad: dict[int, str] = {}
        instruments = self._instruments(part, numbers, bad)
        _set_sizes(part, instruments, bad)
        good = np.ones(len(part.commands), np.bool_)
        good[list(bad)] = False
        faults = {int(part.rows[at]): text for at, text in bad.items()}
        part = _selected(part, good)
        _give_ids(part.commands, part.has_id, self._next_ids)
        used = set(part.commands["participant_id"].tolist())
        named = {name: number for name, number in participants.items() if name and number in used}
        named |= {"1": 1} if 1 in used and 1 not in named.values() else {}
        return part.commands, part.rows, instruments, named, faults

    def _instruments(self, part: _Part, numbers: dict[str, int], bad: dict[int, str]) -> list[Instrument]:
        """The instruments, declared and found; rows that name none get the only one."""
        commands = part.commands
        used = {self._symbols.seen[place] for place in np.unique(part.instruments).tolist()}
        named = {name: number for name, number in numbers.items() if name and name in used}
        found = {item.instrument_id or 0: item for item in self.declared}
        wanting = (commands["instrument_id"] == 0) & np.isin(commands["kind"], _WANTS_INSTRUMENT)
        if len(found.keys() | named.values()) > 1:
            for at in np.flatnonzero(wanting).tolist():
                bad[at] = "the row names no instrument, and there are several"
        elif wanting.any():
            only = next(iter(found.keys() | named.values()), 1)
            named = named or ({} if found else {self._default_symbol: only})
            commands["instrument_id"][wanting] = only
        for name, number in named.items():
            if number not in found:
                mine = np.flatnonzero(commands["instrument_id"] == number)
                places = [int(sizes.places[mine].max(initial=0)) for sizes in part.sizes]
                found[number] = Instrument(name, inferred_tick(commands[mine]), max(places), instrument_id=number)
        return [found[number] for number in sorted(found)]


def numbered(instruments: Sequence[Instrument]) -> list[Instrument]:
    """The same instruments with ids: those without one get 1, 2, ... in this order.

    Raises
    ------
    UsageError
        Two with the same id or symbol.
    """
    taken = {item.instrument_id for item in instruments}
    out: list[Instrument] = []
    for item in instruments:
        number = item.instrument_id
        if number is None:
            number = next(each for each in range(1, 2**32) if each not in taken)
            taken.add(number)
        out.append(item.with_ids(number, item.publisher_id))
    for what in ("instrument_id", "symbol"):
        values = [getattr(item, what) for item in out]
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise UsageError(f"two instruments have the {what} {twice}; declare each once")
    return out


def inferred_tick(commands: Records) -> str:
    """The largest tick, at most 1, that all prices of orders are multiples of; 0.01 where there is no price."""
    orders = commands[np.isin(commands["kind"], (CommandKind.NEW, CommandKind.REPLACE))]
    columns = [orders[name] for name in ("price", "trigger_price", "offset")]
    prices = np.concatenate([np.unique(column[(column != UNDEF_PRICE) & (column != 0)]) for column in columns])
    return price_text(int(np.gcd.reduce(prices, initial=10**9))) if len(prices) else "0.01"


def _looked_up(names: Names, numbers: dict[str, int]) -> NDArray[np.uint32]:
    return np.array([numbers[name] for name in names.seen], np.uint32)


def _selected(part: _Part, good: NDArray[np.bool_]) -> _Part:
    if good.all():
        return part
    at = np.flatnonzero(good)
    sizes = tuple(column.at(at) for column in part.sizes)
    return _Part(part.commands[at], part.rows[at], sizes, part.has_id[at], part.participants[at], part.instruments[at])


def _joined(parts: list[_Part]) -> _Part:
    sizes = tuple(Decimals.joined([part.sizes[place] for part in parts]) for place in range(len(_SIZES)))
    commands, rows, has_id, participants, instruments = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("commands", "rows", "has_id", "participants", "instruments")
    )
    return _Part(commands, rows, sizes, has_id, participants, instruments)


def _set_sizes(part: _Part, instruments: Sequence[Instrument], bad: dict[int, str]) -> None:
    """Sizes in units of their instrument; what it has no decimals for goes to `bad`."""
    commands = part.commands
    decimals = np.zeros(len(commands), np.int64)
    for item in instruments:
        decimals[commands["instrument_id"] == item.instrument_id] = item.size_decimals
    empty = np.where(commands["kind"] == CommandKind.REPLACE, KEEP, 0)
    for name, column, target in zip(_SIZES, part.sizes, ("size", "display_size", "minimum_size")):
        units = column.units(decimals, name, bad)
        commands[target] = np.where(column.given, units, empty) if name == "size" else units


def _give_ids(commands: Records, has_id: NDArray[np.bool_], next_ids: Mapping[int, int]) -> None:
    """Give new orders without a client order id the next free one of their participant: one above the highest so far.

    Ids from 2^62 on (hashes, mostly) do not count.
    """
    new = np.flatnonzero(commands["kind"] == CommandKind.NEW)
    if has_id[new].all():
        return
    order = new[np.argsort(commands["participant_id"][new], kind="stable")]
    owners = commands["participant_id"][order]
    ends = np.flatnonzero(np.diff(owners, append=owners[-1:] + 1))
    start = 0
    for end in (ends + 1).tolist():
        mine = order[start:end]
        start = end
        missing = ~has_id[mine]
        given = commands["client_order_id"][mine]
        used = np.where(missing | (given >= _LATEST_ID), 0, given).astype(np.int64)
        count = np.cumsum(missing)
        # An id that is given lifts what follows it; each that is assigned is one more.
        lift = np.maximum.accumulate(np.where(missing | (used == 0), 0, used - count))
        base = next_ids.get(int(commands["participant_id"][mine[0]]), 1) - 1
        commands["client_order_id"][mine[missing]] = (np.maximum(lift, base) + count)[missing].astype(np.uint64)
