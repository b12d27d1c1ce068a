"""The pre-trade gate: every order is checked against its limits before it goes anywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from tickdeck.core import UNDEF_PRICE, Clock, Instrument, Reason, UnknownInstrumentError, UsageError, fixed, wall_clock
from tickdeck.core.decimals import Amount
from tickdeck.risk.account import Account
from tickdeck.risk.decision import Change, RiskDecision, RiskState
from tickdeck.risk.kernels import entries, layout
from tickdeck.risk.ledger import SIDES, FeeTable, Ledger, SideLike, price_units
from tickdeck.risk.limit_rows import SpanTable, account_rows, order_rows
from tickdeck.risk.limits import Limits
from tickdeck.risk.money import Currencies
from tickdeck.risk.schedule import day_starts

log = logging.getLogger("tickdeck.risk")
_FIXED = ("currency", "time_zone", "day_start", "week_start")
"""Settings that are the gate's for life."""
_MOST, _LEAST = 2**63 - 1, -(2**63) + 1


_PASSED = RiskDecision(Reason.NONE, 0, 0)
_REASONS = {int(reason): reason for reason in Reason}


class RiskGate:
    """Checks orders against limits, and keeps the accounts that the limits are about.

    The owner of the gate checks each order, tells it what became of those that it sent (:meth:`opened`, :meth:`replaced`,
    :meth:`reduced`, :meth:`closed`, :meth:`filled`) and at which prices the market trades (:meth:`mark`). Kernels do all that
    through :attr:`handle`.

    Parameters
    ----------
    limits : Limits
    instruments : iterable of Instrument
    accounts : iterable of str
        Numbered 1, 2, ... like the instruments.
    fees : Fees or mapping of symbol to Fees, optional
    rates : mapping of currency to amount, optional
        Price of each other currency in that of the limits.
    decimals : mapping of currency to int, optional
        Decimals of the smallest coin where they are not the usual.
    remembered_orders : int
        Orders that the duplicate window can look back on.
    on_cancel_all : callable, optional
        Called with the name of an account, or None for all, when :meth:`kill` is to cancel open orders.
    clock : Clock
        Time of orders and changes that come without one.

    Raises
    ------
    UsageError
        Limits for an instrument that there is not, or a currency without a rate.

    Examples
    --------
    >>> gate = RiskGate(Limits(max_order_size=100), [Instrument("ACME", tick_size="0.01")], ["alice"])
    >>> gate.check("alice", "ACME", "buy", 100, "10.00", ts=1).passed
    True
    >>> gate.check("alice", "ACME", "buy", 101, "10.00", ts=1)
    RiskDecision(reason=<Reason.MAX_ORDER_SIZE: 100>, limit=100, value=101)
    """

    __slots__ = (
        "_accounts",
        "_check",
        "_clock",
        "_found",
        "_keys",
        "_ledger",
        "_limits",
        "_numbers",
        "_on_cancel_all",
        "_spans",
        "changes",
        "handle",
    )

    def __init__(
        self,
        limits: Limits,
        instruments: Iterable[Instrument],
        accounts: Iterable[str] = (),
        *,
        fees: FeeTable = None,
        rates: Mapping[str, Amount] | None = None,
        decimals: Mapping[str, int] | None = None,
        remembered_orders: int = 16_384,
        on_cancel_all: Callable[[str | None], object] | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        self._ledger = Ledger(instruments, accounts, Currencies(limits.currency, decimals, rates), fees, remembered_orders)
        self._accounts, self._numbers = self._ledger.account_index, self._ledger.instrument_index
        memory = self._ledger.memory
        self.handle = memory.handle
        """Address that kernels take."""
        # Limit and value of a refusal as plain integers, without a record in between.
        self._found = memory.control.view("i8").data
        self._keys: dict[tuple[str | int, str | int, SideLike], int] = {}
        self._check = entries.call_check_plain
        self._on_cancel_all = on_cancel_all
        self._clock = clock
        self._spans = SpanTable()
        self.changes: list[Change] = []
        """Everything that was changed at run time, oldest first."""
        days, weeks = day_starts(limits.time_zone, limits.day_start, limits.week_start)
        memory.put("days", days)
        memory.put("weeks", weeks)
        self._limits = limits
        self._put(limits)

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self._limits

    @property
    def accounts(self) -> tuple[str, ...]:
        """Names, in the order of their numbers."""
        return tuple(self._ledger.accounts)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Instruments, in the order of their numbers."""
        return tuple(self._ledger.instruments)

    def _put(self, limits: Limits) -> None:
        ledger, memory = self._ledger, self._ledger.memory
        for where, _ in limits.tables():
            parts = where.split(".")
            if "instruments" in parts and (symbol := ".".join(parts[parts.index("instruments") + 1 : -1])) not in self._numbers:
                raise UnknownInstrumentError(f"`{where.rstrip('.')}`: the gate has no instrument {symbol!r}")
        for name in limits.accounts:
            if name not in self._accounts:
                log.warning("limits name the account %r, which the gate does not have yet", name)
        places = ledger.currencies.money_decimals(limits.currency)
        self._spans.add(limits.calendars)
        memory.put("spans", self._spans.rows())
        stride = int(memory.header[0]["stride"])
        shape = len(memory.arrays["instruments"]), stride
        orders = order_rows(limits, ledger.accounts, ledger.instruments, shape, places, self._spans)
        memory.put_limits(orders, account_rows(limits, ledger.accounts, stride, places))
        self._limits = limits

    def add_account(self, name: str) -> Account:
        """A new account, with the next number."""
        self._ledger.add_account(name)
        self._put(self._limits)
        return self.account(name)

    def add_instrument(self, instrument: Instrument) -> None:
        """A new instrument, with the next number."""
        self._ledger.add_instrument(instrument)
        self._put(self._limits)

    def account(self, account: str | int) -> Account:
        """An account's positions and money."""
        return Account.of_ledger(self._ledger, self._ledger.account(account))

    # Orders

    def check(
        self,
        account: str | int,
        instrument: str | int,
        side: SideLike,
        size: Amount,
        price: Amount | None = None,
        *,
        worst_price: int | None = None,
        reference: int | None = None,
        ts: int | None = None,
        reduce_only: bool = False,
        replaces: int = 0,
    ) -> RiskDecision:
        """Whether an order may go on; nothing is changed by asking.

        Parameters
        ----------
        account, instrument : str or int
            Name or number.
        side : Side or str
        size : int, str or Decimal
            An int counts units of the instrument, text and Decimals are amounts; of a replace the new open size.
        price : int, str or Decimal, optional
            An int counts units of 1e-9; None: an order without a limit.
        worst_price : int, optional
            Of an order without a limit: the worst price it could take, in units of 1e-9; None where the book cannot fill it.
        reference : int, optional
            Reference of the collar; None: the price last given to :meth:`mark`.
        ts : int, optional
            ns since the epoch; None: the gate's clock.
        reduce_only : bool
            Whoever executes it makes sure that it only reduces a position.
        replaces : int
            Open size of the order that this one replaces; 0: a new order.
        """
        key = self._keys.get((account, instrument, side)) or self._key(account, instrument, side)
        if type(size) is not int:
            number = key >> 8 & 0xFFFFFFFF
            size = fixed(size, self._ledger.instruments[number - 1].size_decimals, "size") if number else 1
        elif not _LEAST <= size <= _MOST:
            return RiskDecision(Reason.MAX_ORDER_SIZE if size > 0 else Reason.BAD_SIZE, layout.SIZE_CEILING, size)
        if price is None:
            price = UNDEF_PRICE
        else:
            if type(price) is not int:
                price = fixed(price, 9, "price")
            if not _LEAST <= price < _MOST:
                return RiskDecision(Reason.BAD_PRICE, _MOST, price)
        if ts is None:
            ts = self._clock()
        if worst_price is None and reference is None and replaces == 0 and not reduce_only:
            reason = self._check(self.handle, key, price, size, ts)
        else:
            reason = entries.call_check(
                self.handle,
                key >> 40,
                key >> 8 & 0xFFFFFFFF,
                key & 0xFF,
                price,
                size,
                UNDEF_PRICE if worst_price is None else worst_price,
                UNDEF_PRICE if reference is None else reference,
                ts,
                layout.REDUCE_ONLY if reduce_only else 0,
                replaces,
            )
        if reason == 0:
            return _PASSED
        found = self._found
        return RiskDecision(_REASONS[reason], found[0], found[1])

    def _key(self, account: str | int, instrument: str | int, side: SideLike) -> int:
        """Account, instrument and side in one word, as the plain check takes it; 0 in place of what there is not."""
        who, number, code = self._accounts.get(account, 0), self._numbers.get(instrument, 0), SIDES.get(side, 0)
        key = who << 40 | number << 8 | code
        if who and number and code:
            self._keys[account, instrument, side] = key
        return key

    def _order(self, account: str | int, instrument: str | int, side: SideLike, size: Amount) -> tuple[int, int, int, int]:
        number = self._ledger.instrument(instrument)
        code, units = SIDES.get(side, 0), self._ledger.size(number, size)
        if not code:
            raise UsageError(f"side must be td.Side.BID or td.Side.ASK (or 'bid', 'ask', 'buy', 'sell'), not {side!r}")
        if not 0 <= units <= layout.SIZE_CEILING:
            raise UsageError(f"an order of {units} units is not possible")
        return self._ledger.account(account), number, code, units

    def opened(
        self,
        account: str | int,
        instrument: str | int,
        side: SideLike,
        size: Amount,
        price: Amount | None = None,
        *,
        ts: int | None = None,
    ) -> None:
        """An order was accepted: its size is open, and it counts for rate and duplicates."""
        who, number, code, units = self._order(account, instrument, side, size)
        at = UNDEF_PRICE if price is None else price_units(price)
        entries.call_open(self.handle, who, number, code, at, units, self._now(ts))

    def replaced(
        self, account: str | int, instrument: str | int, side: SideLike, old_size: int, size: Amount, *, ts: int | None = None
    ) -> None:
        """An order's open size was changed by a replace."""
        who, number, code, units = self._order(account, instrument, side, size)
        entries.call_replaced(self.handle, who, number, code, old_size, units, self._now(ts))

    def reduced(self, account: str | int, instrument: str | int, side: SideLike, size: Amount) -> None:
        """An order lost `size` without a fill and stays open."""
        entries.call_reduced(self.handle, *self._order(account, instrument, side, size))

    def closed(self, account: str | int, instrument: str | int, side: SideLike, size: Amount) -> None:
        """An order is over with `size` still open."""
        entries.call_closed(self.handle, *self._order(account, instrument, side, size))

    def filled(
        self,
        account: str | int,
        instrument: str | int,
        side: SideLike,
        size: Amount,
        price: Amount,
        *,
        leaves: int = -1,
        aggressor: bool = True,
        fee: Amount | None = None,
        ts: int | None = None,
    ) -> None:
        """A fill.

        Parameters
        ----------
        account, instrument, side, size, price
            As in :meth:`check`.
        leaves : int
            Open size of the order afterwards, 0 closes it; -1: an order that was never :meth:`opened`.
        aggressor : bool
            It took liquidity.
        fee : str, Decimal or int, optional
            Amount in the instrument's currency; None: by the gate's fees.
        ts : int, optional
            ns since the epoch; None: the gate's clock.
        """
        self._ledger.fill(self._ledger.account(account), instrument, side, size, price, self._now(ts), leaves, aggressor, fee)

    def _now(self, ts: int | None) -> int:
        return self._clock() if ts is None else ts

    def mark(self, instrument: str | int, price: Amount) -> None:
        """The market's price: reference of the collar, and value of all positions in the instrument."""
        self._ledger.mark(instrument, price)

    def advance(self, ts: int) -> None:
        """Time passes: days and weeks begin."""
        entries.call_time(self.handle, ts)

    def set_rate(self, currency: str, rate: Amount) -> None:
        """What one unit of a currency is worth in that of the limits."""
        self._ledger.set_rate(currency, rate)

    # Whoever watches over it

    def _note(self, who: str, what: str, old: object, new: object) -> Change:
        change = Change(self._clock(), who, what, old, new)
        self.changes.append(change)
        log.warning("%s", change)
        return change

    def update(self, limits: Limits, *, who: str) -> list[Change]:
        """Put other limits in force, all at once or, with an error, none of them; what changed.

        Raises
        ------
        UsageError
            Other base currency, time zone or beginning of the day; an unknown instrument.
        """
        for name in _FIXED:
            if getattr(limits, name) != getattr(self._limits, name):
                raise UsageError(f"`{name}` cannot change while the gate runs; make a new gate")
        self._ledger.tell("update", limits=limits.to_dict(), who=who)
        old, new = self._limits.values(), limits.values()
        self._put(limits)
        return [
            self._note(who, key, old.get(key), new.get(key))
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)
        ]

    def _record(self, account: str | int | None) -> tuple[Any, str]:
        if account is None:
            return self._ledger.memory.header[0], ""
        number = self._ledger.account(account)
        return self._ledger.memory.arrays["accounts"][number], f"{self._ledger.accounts[number - 1]}."

    def kill(self, account: str | int | None = None, *, who: str, cancel_all: bool = False) -> None:
        """Refuse every order and replace, of one account or of all; cancels go through.

        Parameters
        ----------
        account : str or int, optional
            None: all.
        who : str
            For the log.
        cancel_all : bool
            Also have the owner of the gate cancel what is open.
        """
        if cancel_all and self._on_cancel_all is None:
            raise UsageError("this gate was given no on_cancel_all, so it cannot have orders cancelled")
        record, where = self._record(account)
        self._ledger.tell("kill", account=account, who=who)
        self._note(who, f"{where}kill", bool(record["killed"]), True)
        record["killed"] = 1
        if cancel_all and self._on_cancel_all is not None:
            self._on_cancel_all(where.rstrip(".") or None)

    def resume(self, account: str | int | None = None, *, who: str) -> None:
        """Undo :meth:`kill` and go back to ACTIVE."""
        record, where = self._record(account)
        self._ledger.tell("resume", account=account, who=who)
        self._note(who, f"{where}kill", bool(record["killed"]), False)
        record["killed"] = 0
        if record["state"] != RiskState.ACTIVE:
            self.set_state(RiskState.ACTIVE, account, who=who)

    def killed(self, account: str | int | None = None) -> bool:
        """Whether the kill switch of an account, or of all, is on."""
        return bool(self._record(account)[0]["killed"])

    @property
    def state(self) -> RiskState:
        """What everybody may do."""
        return RiskState(int(self._ledger.memory.header[0]["state"]))

    def state_of(self, account: str | int) -> RiskState:
        """What an account may do: its own state or everybody's, whichever is stricter."""
        return RiskState(max(self.state, int(self._record(account)[0]["state"])))

    def set_state(self, state: RiskState, account: str | int | None = None, *, who: str) -> None:
        """Set the state of an account, or everybody's."""
        record, where = self._record(account)
        self._ledger.tell("set_state", state=int(RiskState(state)), account=account, who=who)
        self._note(who, f"{where}state", RiskState(int(record["state"])).name, RiskState(state).name)
        record["state"] = int(state)

    def reset_losses(self, account: str | int, *, who: str) -> None:
        """Let an account start anew: losses of the day, of the week, from the best and in a row count from here."""
        record, where = self._record(account)
        self._ledger.tell("reset_losses", account=account, who=who)
        pnl = self._ledger.wide(record, "pnl")
        self._note(who, f"{where}losses", int(record["peak_pnl"]) - pnl, 0)
        for name in ("day_pnl", "week_pnl", "peak_pnl"):
            record[name] = pnl
        record["losses"] = record["breaker_until"] = 0

    def on_change(self, tell: Callable[[str, dict[str, Any]], object] | None) -> None:
        """Have ``tell(method, arguments)`` called before a change at run time takes effect, a deposit included; what it raises stops the
        change. The arguments are such as JSON can hold; :meth:`repeat` makes the change again."""
        self._ledger.on_change = tell

    def repeat(self, method: str, arguments: Mapping[str, Any]) -> None:
        """Make a change again that :meth:`on_change` was told of.

        Raises
        ------
        UsageError
            It was refused the first time too, or there is no such change.
        """
        given = dict(arguments)
        if method == "update":
            given["limits"] = Limits.from_dict(given["limits"])
        elif method == "set_state":
            given["state"] = RiskState(given["state"])
        elif method == "deposit":
            self._ledger.deposit(**given)
            return
        elif method not in ("kill", "resume", "reset_losses", "set_rate"):
            raise UsageError(f"a risk gate has no change {method!r}")
        getattr(self, method)(**given)

    # State

    def make_room(self) -> None:
        """Double the pool of FIFO lots if it is half full; for an owner whose kernels book the fills, between its calls."""
        self._ledger.memory.grow_lots()

    def state_hash(self) -> int:
        """64-bit hash of everything but the limits; a refused order leaves it as it is."""
        return int(entries.call_state_hash(self.handle))

    def dump(self) -> dict[str, NDArray[Any]]:
        """The state as arrays."""
        return self._ledger.memory.dump()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over a state from :meth:`dump` of a gate with the same accounts and instruments."""
        self._ledger.memory.restore(arrays)

    def __repr__(self) -> str:
        return (
            f"RiskGate({len(self._ledger.accounts)} accounts, {len(self._ledger.instruments)} instruments, {self.state.name}"
            + (", killed)" if self.killed() else ")")
        )
