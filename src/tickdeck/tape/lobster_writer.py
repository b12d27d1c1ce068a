"""Events to a LOBSTER message file: what :mod:`tickdeck.tape.lobster` reads, byte for byte.

The symbol and the day stand in a LOBSTER file's name only, so the name must say them. What has no place in a message row (receive
times, publisher, sequence numbers other than row numbers, modifies, book levels, prices finer than 0.0001) is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.core import Action, Flag, Instrument, Records, Side, TradingStatus, UsageError, empty_events
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.tape.lobster_names import new_york_midnight_ns, parse_name
from tickdeck.tape.reader import Writer

if TYPE_CHECKING:
    import polars as pl

_UNIT = 100_000
_DAY_NS = 172_800 * 1_000_000_000
_LAST, _PARTIAL = int(Flag.LAST), int(Flag.PUBLISHER_SPECIFIC)
_HALTS = {TradingStatus.HALT: -1, TradingStatus.QUOTING: 0, TradingStatus.TRADING: 1}


class LobsterWriter(Writer):
    """Writes ``SYMBOL_2012-06-21_34200000_57600000_message_5.csv``.

    Parameters
    ----------
    path, instruments
        As for every writer.
    lossy : bool
        Drop what a row cannot hold beside the order itself: publisher, sequence, receive time, channel, the grouping of a
        replace; hidden executions of unknown side become buys.

    Raises
    ------
    UsageError
        The name does not say symbol and day.
    LossError
        From :meth:`write`: an event that no message row can hold.
    """

    format = "lobster"

    def __init__(self, path: str | Path, instruments: Mapping[int, Instrument], *, lossy: bool = False) -> None:
        super().__init__(path, instruments)
        name = parse_name(str(path))
        if name is None or name.kind != "message" or not name.date:
            raise UsageError(
                f"{path}: the name of a LOBSTER file says symbol, day, hours (ms) and levels; "
                "write to one like AMZN_2012-06-21_34200000_57600000_message_5.csv"
            )
        self._symbol = name.symbol
        self._midnight = new_york_midnight_ns(name.date)
        self._lossy = lossy
        self._pending = empty_events()
        self._row = 1
        self._convention: dict[str, Any] = {}
        self._instrument_id: int | None = None
        self._live: dict[int, int] = {}
        self._file = self.partial.open("wb")

    def write(self, events: Records) -> None:
        waiting = np.concatenate([self._pending, events])
        ends = np.flatnonzero(waiting["flags"] & _LAST)
        cut = int(ends[-1]) + 1 if len(ends) else 0
        self._pending = waiting[cut:]
        self._write(waiting[:cut])

    def finish(self) -> None:
        self._write(self._pending)
        if self._row > 1 and not self._convention.get("final_newline", True):
            self._file.seek(-1, 2)
            self._file.truncate()
        self._file.close()

    def abort(self) -> None:
        self._file.close()
        super().abort()

    def _write(self, events: Records) -> None:
        if not len(events):
            return
        self._check_instrument(events)
        groups = self._groups(events)
        first = events[groups >= 0]
        kinds = groups[groups >= 0]
        if not self._lossy:
            self._check_metadata(events, first)
        if not (events["publisher_id"] == PUBLISHERS["LOBSTER"]).all():
            self._tell_cancels(first, kinds, events[np.flatnonzero(groups >= 0) + np.where(kinds == 4, 1, 0)]["order_id"])
        self._table(events, groups, first, kinds).write_csv(self._file, include_header=False, quote_style="never")
        self._row += len(first)

    def _check_instrument(self, events: Records) -> None:
        ids = np.unique(events["instrument_id"])
        number = int(ids[0])
        if len(ids) > 1 or self._instrument_id not in (None, number):
            raise self.refuse("several instruments")
        if self._instrument_id is not None:
            return
        self._instrument_id = number
        instrument = self.instruments.get(number)
        if instrument is None:
            return
        self._convention = instrument.extra.get("lobster", {})
        if instrument.size_decimals:
            raise self.refuse(f"sizes of {instrument.size_decimals} decimals")
        if instrument.symbol.upper() != self._symbol and not self._lossy:
            raise self.refuse(f"{instrument.symbol} under a name that says {self._symbol}")

    def _groups(self, events: Records) -> NDArray[np.int8]:
        """Message type at the first event of each message, -1 at the events that continue one."""
        action, side, flags = events["action"], events["side"], events["flags"]
        count = len(events)
        starts = np.flatnonzero(action[: max(count - 2, 0)] == Action.TRADE)
        starts = starts[(action[starts + 1] == Action.FILL) & (action[starts + 2] == Action.CANCEL)]
        whole = np.ones(len(starts), bool)
        for later in (1, 2):
            for name in ("ts_event", "sequence", "price", "size"):
                whole &= events[name][starts] == events[name][starts + later]
        whole &= events["order_id"][starts + 1] == events["order_id"][starts + 2]
        whole &= (side[starts + 1] == side[starts + 2]) & (side[starts] != side[starts + 1]) & (side[starts] != Side.NONE)
        whole &= events["order_id"][starts] == 0
        starts = starts[whole]
        marked = (flags & _PARTIAL) != 0
        out = np.zeros(count, np.int8)
        out[action == Action.ADD] = 1
        out[action == Action.CANCEL] = np.where(marked[action == Action.CANCEL], 2, 3)
        out[action == Action.TRADE] = np.where(marked[action == Action.TRADE], 6, 5)
        out[action == Action.NONE] = 7
        out[starts] = 4
        out[starts + 1] = -1
        out[starts + 2] = -1
        lost = np.flatnonzero(out == 0)
        if len(lost):
            raise self.refuse(self._describe(events[lost[0]]))
        if not self._lossy:
            lasts = np.where(out == 4, 0, _LAST)
            lasts[starts + 1] = 0
            wrong = np.flatnonzero((flags & ~np.uint8(_PARTIAL)) != lasts)
            if len(wrong):
                raise self.refuse(f"flags {int(flags[wrong[0]])} of {self._describe(events[wrong[0]])}")
        return out

    def _check_metadata(self, events: Records, first: Records) -> None:
        for name, what in (("ts_recv", "receive times"), ("ts_in_delta", "send times"), ("channel_id", "channels")):
            if events[name].any():
                raise self.refuse(what)
        if (events["publisher_id"] != PUBLISHERS["LOBSTER"]).any():
            raise self.refuse("a publisher (all rows are LOBSTER's)")
        wrong = np.flatnonzero(first["sequence"] != np.arange(self._row, self._row + len(first), dtype=np.uint64))
        if len(wrong):
            raise self.refuse(
                f"sequence {int(first['sequence'][wrong[0]])} at row {self._row + int(wrong[0])} (the row number is the sequence)"
            )

    def _tell_cancels(self, first: Records, kinds: NDArray[np.int8], order_ids: NDArray[np.uint64]) -> None:
        """Set type 2 or 3 by what is left of each order; a loop, because each row depends on the rows before."""
        for i, (kind, order, size) in enumerate(zip(kinds.tolist(), order_ids.tolist(), first["size"].tolist())):
            if kind == 1:
                self._live[order] = size
            elif kind in (2, 3, 4):
                left = self._live.get(order)
                if left is None:
                    raise self.refuse(f"a cancel or fill of order {order}, which was never added: whether all of it is unknown")
                if left > size:
                    self._live[order] = left - size
                else:
                    del self._live[order]
                if kind != 4:
                    kinds[i] = 2 if left > size else 3

    def _table(self, events: Records, groups: NDArray[np.int8], first: Records, kinds: NDArray[np.int8]) -> pl.DataFrame:
        import polars as pl

        halts = kinds == 7
        resting = events[np.flatnonzero(groups >= 0) + np.where(kinds == 4, 1, 0)]
        order_ids = np.where(halts, 0, resting["order_id"].astype(np.int64))
        if (order_ids < 0).any() and not ((kinds == 6) | (order_ids >= 0)).all():
            raise self.refuse(f"order id {int(resting['order_id'][order_ids < 0][0])} (ids end at 2^63 - 1)")
        traded = (kinds == 5) | (kinds == 6)
        side = first["side"]
        buys = np.where(kinds == 4, resting["side"] == Side.BID, np.where(traded, side == Side.ASK, side == Side.BID))
        sideless = (side == Side.NONE) & ~halts & (kinds != 6)
        if self._lossy:
            buys |= sideless & (kinds == 5)
            sideless &= kinds != 5
        if sideless.any():
            raise self.refuse(self._describe(first[sideless][0]))
        return pl.DataFrame(
            {
                "time": self._times(first),
                "type": kinds,
                "id": order_ids,
                "size": first["size"],
                "price": self._prices(first, halts),
                "direction": np.where(buys & ~halts, 1, -1),
            }
        )

    def _prices(self, first: Records, halts: NDArray[np.bool_]) -> NDArray[np.int64]:
        prices = first["price"]
        fine = ~halts & (prices % _UNIT != 0)
        if fine.any():
            raise self.refuse(f"a price finer than 0.0001 in {self._describe(first[fine][0])}")
        out: NDArray[np.int64] = prices // _UNIT
        for i in np.flatnonzero(halts):
            status = int(first["order_id"][i])
            if status not in _HALTS or first["size"][i]:
                raise self.refuse(f"trading status {status}")
            out[i] = _HALTS[TradingStatus(status)]
        return out

    def _times(self, first: Records) -> pl.Series:
        """Seconds after midnight as text, in the convention of the file that the events came from."""
        import polars as pl

        ns = first["ts_event"] - self._midnight
        if len(ns) and (ns.min() < 0 or ns.max() >= _DAY_NS):
            raise self.refuse("events of another day than its name says")
        fraction = pl.col("fraction").cast(pl.String).str.zfill(9)
        decimals = self._convention.get("time_decimals")
        if decimals is None or (ns % 10 ** max(9 - decimals, 0)).any():
            fraction = fraction.str.strip_chars_end("0")
        else:
            fraction = fraction.str.slice(0, decimals).str.pad_end(decimals, "0")
        table = pl.DataFrame({"seconds": ns // 1_000_000_000, "fraction": ns % 1_000_000_000, "row": first["sequence"]})
        text = pl.concat_str([pl.col("seconds").cast(pl.String), pl.lit("."), fraction]).str.strip_chars_end(".")
        kept = {int(row): time for row, time in self._convention.get("time_texts", {}).items()}
        if kept:
            known = pl.DataFrame({"row": list(kept), "kept": list(kept.values())}, schema={"row": pl.UInt64, "kept": pl.String})
            table = table.join(known, on="row", how="left", maintain_order="left")
            text = pl.coalesce(pl.col("kept"), text)
        return table.select(text.alias("time")).to_series()

    def _describe(self, event: np.void) -> str:
        return f"a lone {chr(int(event['action']))} of order {int(event['order_id'])} (sequence {int(event['sequence'])})"
