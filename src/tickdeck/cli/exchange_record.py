"""What a run of an exchange leaves: published events, commands and executions, kept, written and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tickdeck.core import COMMAND, EVENT, EXECUTION, Action, ExecutionKind, Instrument, Reason, Records
from tickdeck.tape import writer_for
from tickdeck.tape.executions import check_name, write_executions
from tickdeck.tape.order_writer import write_commands

if TYPE_CHECKING:
    from tickdeck.exchange import Exchange
    from tickdeck.tape import Writer


class Record:
    """Takes what each call of the exchange published; files appear under their names when the run is over.

    Parameters
    ----------
    exchange : Exchange
    output : str, optional
        File of the published events.
    executions : str, optional
        File of the executions.
    keep_all : bool
        Keep everything in memory, so that it can be saved at any time.
    fills : int
        How many of the first fills to keep.

    Attributes
    ----------
    counts : Counter of int
        Executions by ``ExecutionKind``.
    rejected, ended : Counter of int
        Rejections, and cancellations and expiries, by ``Reason``.
    trades : int
        Published trades.
    """

    def __init__(
        self,
        exchange: Exchange,
        output: str | None = None,
        executions: str | None = None,
        *,
        keep_all: bool = False,
        fills: int = 0,
    ) -> None:
        self._exchange = exchange
        self._executions_path = executions
        if executions:
            check_name(executions)
        self._keep_all = keep_all
        self._events: list[Records] = []
        self._commands: list[Records] = []
        self._executions: list[Records] = []
        self._fills: list[Records] = []
        self._fills_wanted = fills
        self.counts: Counter[int] = Counter()
        self.rejected: Counter[int] = Counter()
        self.ended: Counter[int] = Counter()
        self.commands = self.events = self.trades = 0
        self._writer: Writer | None = None
        if output:
            self._writer = writer_for(output, exchange.instruments)
        # The exchange keeps executions from the first look on.
        exchange.take_executions()

    def begin(self, events: Records) -> None:
        """Take events that stand for the books at the start of the run."""
        if self._writer:
            self._writer.write(events)
        if self._keep_all:
            self._events.append(events)

    def add(self, commands: Records, events: Records, executions: Records) -> None:
        """Take what some commands caused."""
        self.commands += len(commands)
        self.events += len(events)
        self.trades += int(np.count_nonzero(events["action"] == Action.TRADE))
        _count(self.counts, executions["kind"])
        _count(self.rejected, executions["reason"][executions["kind"] == ExecutionKind.REJECTED])
        over = (executions["kind"] == ExecutionKind.CANCELLED) | (executions["kind"] == ExecutionKind.EXPIRED)
        _count(self.ended, executions["reason"][over])
        if self._fills_wanted > 0:
            fills = executions[executions["kind"] == ExecutionKind.FILLED][: self._fills_wanted].copy()
            self._fills_wanted -= len(fills)
            self._fills.append(fills)
        if self._writer and len(events):
            self._writer.write(events)
        if self._keep_all:
            self._events.append(events.copy())
            self._commands.append(commands.copy())
        if self._keep_all or self._executions_path:
            self._executions.append(executions.copy())

    @property
    def fills(self) -> Records:
        """The first fills."""
        return _joined(self._fills, EXECUTION)

    def save(self, path: str, what: str) -> int:
        """Write what was kept so far; how many records."""
        instruments, names = instruments_of(self._exchange), names_of(self._exchange)
        if what == "orders":
            return write_commands(path, _joined(self._commands, COMMAND), instruments, names)
        if what == "executions":
            return write_executions(path, _joined(self._executions, EXECUTION), instruments, names)
        from tickdeck.tape import write

        return write(path, _joined(self._events, EVENT), self._exchange.instruments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._writer:
            self._writer.__exit__(kind, error, trace)
        if kind is None and self._executions_path:
            self.save(self._executions_path, "executions")

    def summary(self) -> dict[str, Any]:
        """Counts by name."""
        return {
            "commands": self.commands,
            "accepted": self.counts[ExecutionKind.ACCEPTED],
            "rejected": self.counts[ExecutionKind.REJECTED],
            "rejected_by_reason": reasons(self.rejected),
            "fills": self.counts[ExecutionKind.FILLED],
            "trades": self.trades,
            "replaced": self.counts[ExecutionKind.REPLACED],
            "cancelled": self.counts[ExecutionKind.CANCELLED],
            "expired": self.counts[ExecutionKind.EXPIRED],
            "triggered": self.counts[ExecutionKind.TRIGGERED],
            "ended_by_reason": reasons(self.ended),
            "events": self.events,
        }


def instruments_of(exchange: Exchange) -> list[Instrument]:
    """The instruments of an exchange with the ids that its events name."""
    return [item.with_ids(number, item.publisher_id) for number, item in exchange.instruments.items()]


def names_of(exchange: Exchange) -> dict[int, str]:
    """Its participants' names by id."""
    return {each.id: each.name for each in exchange.participants}


def reasons(counts: Counter[int]) -> dict[str, int]:
    """Counts by the name of the reason, most first."""
    names = {int(reason): reason.name for reason in Reason}
    return {names.get(code, str(code)): count for code, count in counts.most_common()}


def _count(counter: Counter[int], codes: Records) -> None:
    for code, count in zip(*np.unique(codes, return_counts=True)):
        counter[int(code)] += int(count)


def _joined(parts: Iterable[Records], dtype: np.dtype[np.void]) -> Records:
    return np.concatenate([np.zeros(0, dtype), *parts])
