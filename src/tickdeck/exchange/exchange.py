"""The exchange: matching on exact books."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickdeck.book import Market, OrderBook
from tickdeck.core import (
    AUCTION,
    COMMAND,
    EVENT,
    EXECUTION,
    KEEP,
    UNDEF_PRICE,
    Instrument,
    OrderFlag,
    OrderType,
    Phase,
    Reason,
    Records,
    SelfTrade,
    Side,
    Time,
    TimeInForce,
    UnknownInstrumentError,
    UsageError,
    fixed,
    to_ns,
)
from tickdeck.core.decimals import Amount
from tickdeck.core.intrinsics import address_of
from tickdeck.core.orders import CommandKind
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.exchange.depth import DepthReader
from tickdeck.exchange.displayed import DisplayedBook
from tickdeck.exchange.feeds import Feed, Log, joined
from tickdeck.exchange.journal import PARTICIPANT, RISK, SNAPSHOT_EVERY, ExchangeJournal
from tickdeck.exchange.kernels import engine, layout, upkeep
from tickdeck.exchange.listing import Listing
from tickdeck.exchange.memory import ExchangeMemory
from tickdeck.exchange.outcome import Depth, Outcome
from tickdeck.exchange.participant import Participant
from tickdeck.exchange.reading import read_indicative, read_statistics, read_trades
from tickdeck.exchange.state import configuration

if TYPE_CHECKING:
    from tickdeck.exchange.recovery import Recovery
    from tickdeck.risk import Limits, RiskGate
    from tickdeck.risk.ledger import FeeTable

SideLike = Side | str | int
_SIDES: dict[Any, int] = {
    name: int(side)
    for side, names in ((Side.BID, ("buy", "bid", "B", "b")), (Side.ASK, ("sell", "ask", "A", "S", "s")))
    for name in (*names, side, int(side))
}
_PACK = struct.Struct("<qQQqqqqqqqIIIBBBBBBB5x").pack_into
_STATE = layout.STATE.fields
assert _STATE is not None
_OUTCOME = struct.Struct("<QqqqqQQ").unpack_from
_OUTCOME_AT = int(_STATE["order_id"][1])
_CLOCK = struct.Struct("<q").unpack_from
_CLOCK_AT, _SEQUENCE_AT = int(_STATE["clock"][1]), int(_STATE["sequence"][1])
_REASONS = tuple(Reason(i) if i in Reason._value2member_map_ else Reason.NONE for i in range(max(Reason) + 1))
_NEW, _CANCEL, _REPLACE = int(CommandKind.NEW), int(CommandKind.CANCEL), int(CommandKind.REPLACE)
_GTC, _LIMIT, _MARKET = int(TimeInForce.GTC), int(OrderType.LIMIT), int(OrderType.MARKET)


class Exchange:
    """An exchange in the process: matching engine, auctions, published events.

    Prices are integers in units of 1e-9, sizes integers in units of 10^-size_decimals; strings and Decimals are amounts. Time comes
    with each command (`ts`: ns, ISO text or datetime; by default the exchange's clock, so that time stands still).

    Parameters
    ----------
    listings : iterable of Listing or Instrument
        What is traded; an Instrument is a Listing with the defaults. Instruments without an id get 1, 2, ... in order.
    publisher_id : int
        Of the published events.
    spreads : int
        Recent spreads to remember for each instrument.
    indicative_interval : int
        ns between indicative prices; 0: at every change.
    orders : int
        Live orders to make room for at first; memory grows by itself.
    unread : int
        Records to keep for a feed that nobody reads.
    risk : Limits, optional
        Every order is checked against them; ``exchange.risk`` is the gate, with an account for each participant.
    fees : Fees or mapping of symbol to Fees, optional
        What the gate's accounts pay for fills.
    rates : mapping of currency to amount, optional
        Price of each other currency in that of the limits.
    journal : str or Path, optional
        Folder of a journal (see the page on it): every command is kept there before it takes effect.
    durable : bool
        Kept means on the disk, not only with the operating system.
    snapshot_every : int
        Commands between snapshots of the state, which shorten recovery; 0: none.

    Raises
    ------
    UsageError
        The journal's folder holds another exchange.
    JournalError
        The journal cannot be written. Also raised by every call that sends a command, which then has had no effect.

    Examples
    --------
    >>> import tickdeck as td
    >>> exchange = td.Exchange([td.Instrument("ACME", tick_size="0.01")])
    >>> alice, bob = exchange.participant("alice"), exchange.participant("bob")
    >>> exchange.submit(alice, "ACME", "sell", 300, "10.01").remaining
    300
    >>> exchange.submit(bob, "ACME", "buy", 100, "10.02").filled
    100
    >>> exchange.book("ACME").best_ask.size
    200
    """

    def __init__(
        self,
        listings: Iterable[Listing | Instrument],
        *,
        publisher_id: int = PUBLISHERS["EXCHANGE"],
        spreads: int = 400,
        indicative_interval: int = 100_000_000,
        orders: int = 1024,
        unread: int = 1 << 20,
        risk: Limits | None = None,
        fees: FeeTable = None,
        rates: Mapping[str, Amount] | None = None,
        journal: str | Path | None = None,
        durable: bool = True,
        snapshot_every: int = SNAPSHOT_EVERY,
    ) -> None:
        if spreads < 1 or indicative_interval < 0 or unread < 1:
            raise UsageError("spreads and unread must be at least 1, indicative_interval must not be negative")
        self._market = Market(orders=orders)
        self._memory = ExchangeMemory(self._market, publisher_id, spreads, indicative_interval)
        self._listings: list[Listing] = []
        self._ids: list[int] = []
        self._numbers: dict[Any, int] = {}
        self._books: list[OrderBook] = []
        self._participants: list[Participant] = []
        self._names: dict[str, Participant] = {}
        self._command = np.zeros(1, COMMAND)
        self._command_address = address_of(self._command)
        self._buffer = memoryview(self._command.view(np.uint8).data)
        self._handle = self._memory.handle
        self._depths = DepthReader()
        self._state_bytes = memoryview(self._memory.state.view(np.uint8).data)
        self._event_log = Log(EVENT, self._hand_over, unread)
        self._execution_log = Log(EXECUTION, self._hand_over, unread)
        self._auction_log = Log(AUCTION, self._hand_over, unread)
        self._all_executions: Feed | None = None
        self._listening = False
        self._journal: ExchangeJournal | None = None
        self._options = {
            "publisher_id": publisher_id,
            "spreads": spreads,
            "indicative_interval": indicative_interval,
            "orders": orders,
            "unread": unread,
        }
        for item in listings:
            self._list(item if isinstance(item, Listing) else Listing(item))
        if not self._listings:
            raise UsageError("an exchange needs at least one instrument")
        self._gate: RiskGate | None = None
        if risk is not None:
            self._gate = self._make_gate(risk, fees, rates)
        if journal is not None:
            self._keep_in(ExchangeJournal(journal, configuration(self), durable=durable, snapshot_every=snapshot_every))

    def _list(self, listing: Listing) -> None:
        symbol = listing.instrument.symbol
        wanted = listing.instrument.instrument_id
        number = wanted
        if number is None:
            number = next(i for i in range(1, len(self._ids) + 2) if i not in self._ids)
        if number in self._ids or symbol in self._numbers:
            raise UsageError(f"{symbol}: listed twice, or its instrument id {number} is")
        place = self._memory.add_listing(listing, number)
        self._listings.append(listing)
        self._ids.append(number)
        self._numbers[symbol] = place
        book = int(self._memory.arrays["listings"][place]["book"])
        self._books.append(DisplayedBook._within(self._market, listing.instrument, book))

    def _make_gate(self, limits: Limits, fees: FeeTable, rates: Mapping[str, Amount] | None) -> RiskGate:
        from tickdeck.risk import RiskGate

        instruments = [listing.instrument for listing in self._listings]
        gate = RiskGate(limits, instruments, fees=fees, rates=rates, on_cancel_all=self._cancel_for, clock=lambda: self.clock)
        self._memory.bind_gate(gate.handle)
        return gate

    def _cancel_for(self, name: str | None) -> None:
        """The kill switch cancels the orders of one participant, or of all."""
        for participant in self._participants if name is None else [self._names[name]]:
            self.cancel_all(participant)

    @property
    def risk(self) -> RiskGate | None:
        """The gate that checks every order; None without limits."""
        return self._gate

    # Participants

    def participant(self, name: str, *, self_trade: SelfTrade = SelfTrade.NONE) -> Participant:
        """The participant of that name, admitted if it is new.

        Parameters
        ----------
        name : str
        self_trade : SelfTrade
            Prevention mode of its orders that name none.
        """
        known = self._names.get(name)
        if known is not None:
            return known
        if not name:
            raise UsageError("a participant needs a name")
        if self._journal is not None:
            self._journal.note(PARTICIPANT, {"name": name, "self_trade": int(self_trade)})
        return self._admit(self._memory.add_participant(), name, SelfTrade(self_trade))

    def _admit(self, number: int, name: str, self_trade: SelfTrade) -> Participant:
        if self._gate is not None:
            self._gate.add_account(name)
        made = Participant(number, name, self_trade, self._execution_log.feed(number))
        self._listening = True
        self._participants.append(made)
        self._names[name] = made
        return made

    @property
    def participants(self) -> tuple[Participant, ...]:
        """All of them, in order of admission."""
        return tuple(self._participants)

    def _participant(self, who: Participant | str | int) -> Participant:
        if isinstance(who, Participant):
            return who
        if isinstance(who, str):
            if who in self._names:
                return self._names[who]
        elif 1 <= who <= len(self._participants):
            return self._participants[who - 1]
        raise UsageError(f"no participant {who!r}; exchange.participant(name) admits one")

    # Commands

    def submit(
        self,
        participant: Participant | str | int,
        instrument: str | Instrument | int,
        side: SideLike,
        size: Amount,
        price: Amount | None = None,
        *,
        ts: Time | None = None,
        client_order_id: int | None = None,
        order_type: int | None = None,
        time_in_force: int = _GTC,
        trigger_price: Amount | None = None,
        offset: Amount = 0,
        display_size: Amount = 0,
        minimum_size: Amount = 0,
        expire: Time | None = None,
        group: int = 0,
        self_trade: int | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        hidden: bool = False,
    ) -> Outcome:
        """Submit an order.

        Parameters
        ----------
        participant : Participant, str or int
        instrument : str, Instrument or int
            Symbol, instrument or instrument id.
        side : Side or str
            ``"buy"`` or ``"sell"``.
        size, price : int, str or Decimal
            Without a price: a market order, unless `order_type` says otherwise.
        ts : Time, optional
            Arrival at the exchange.
        client_order_id : int, optional
            By default the next that the participant has not used.
        order_type : OrderType, optional
        time_in_force : TimeInForce
        trigger_price, offset, display_size, minimum_size, expire, group, self_trade, post_only, reduce_only, hidden
            See the page on matching.

        Returns
        -------
        Outcome
            Also of a rejection: ``outcome.reason`` says why.

        Raises
        ------
        UsageError
            The call makes no sense as such (a name that is unknown here, an amount that has too many decimals).
        """
        who = participant if isinstance(participant, Participant) else self._participant(participant)
        number = self._number(instrument)
        if client_order_id is None:
            client_order_id = who.next_client_order_id
        if type(size) is not int:
            size = self._size(size, number)
        units = UNDEF_PRICE if price is None else price if type(price) is int else _price(price)
        flags = post_only | reduce_only << 1 | hidden << 2
        try:
            _PACK(
                self._buffer,
                0,
                _CLOCK(self._state_bytes, _CLOCK_AT)[0] if ts is None else ts if type(ts) is int else to_ns(ts),
                client_order_id,
                0,
                units,
                size,
                UNDEF_PRICE if trigger_price is None else _price(trigger_price),
                offset if type(offset) is int else _price(offset),
                display_size if type(display_size) is int else self._size(display_size, number),
                minimum_size if type(minimum_size) is int else self._size(minimum_size, number),
                0 if expire is None else to_ns(expire),
                number,
                who.id,
                group,
                _NEW,
                _SIDES.get(side, 0),
                order_type if order_type is not None else _MARKET if price is None else _LIMIT,
                time_in_force,
                who.self_trade if self_trade is None else self_trade,
                flags,
                0,
            )
        except struct.error as error:
            raise _misfit(error) from None
        outcome = self._one()
        if outcome.order_id and client_order_id >= who.next_client_order_id:
            who.next_client_order_id = client_order_id + 1
        return outcome

    def cancel(
        self,
        participant: Participant | str | int,
        client_order_id: int = 0,
        *,
        order_id: int | None = None,
        ts: Time | None = None,
    ) -> Outcome:
        """Cancel an order by its client order id, or by the exchange's `order_id`."""
        who = participant if isinstance(participant, Participant) else self._participant(participant)
        try:
            _PACK(
                self._buffer,
                0,
                _CLOCK(self._state_bytes, _CLOCK_AT)[0] if ts is None else ts if type(ts) is int else to_ns(ts),
                client_order_id,
                order_id or 0,
                UNDEF_PRICE,
                0,
                UNDEF_PRICE,
                0,
                0,
                0,
                0,
                0,
                who.id,
                0,
                _CANCEL,
                0,
                0,
                0,
                0,
                0 if order_id is None else int(OrderFlag.BY_ORDER_ID),
                0,
            )
        except struct.error as error:
            raise _misfit(error) from None
        return self._one()

    def replace(
        self,
        participant: Participant | str | int,
        client_order_id: int = 0,
        *,
        price: Amount | None = None,
        size: Amount | None = None,
        trigger_price: Amount | None = None,
        order_id: int | None = None,
        ts: Time | None = None,
    ) -> Outcome:
        """Change price, open size or trigger price of an order; what is not given stays.

        Sizes that are strings or Decimals must be whole numbers unless the exchange has one instrument only.
        """
        who = participant if isinstance(participant, Participant) else self._participant(participant)
        try:
            _PACK(
                self._buffer,
                0,
                _CLOCK(self._state_bytes, _CLOCK_AT)[0] if ts is None else ts if type(ts) is int else to_ns(ts),
                client_order_id,
                order_id or 0,
                UNDEF_PRICE if price is None else price if type(price) is int else _price(price),
                KEEP if size is None else size if type(size) is int else self._size(size, self._ids[0]),
                UNDEF_PRICE if trigger_price is None else _price(trigger_price),
                0,
                0,
                0,
                0,
                0,
                who.id,
                0,
                _REPLACE,
                0,
                0,
                0,
                0,
                0 if order_id is None else int(OrderFlag.BY_ORDER_ID),
                0,
            )
        except struct.error as error:
            raise _misfit(error) from None
        return self._one()

    def cancel_all(
        self,
        participant: Participant | str | int,
        *,
        instrument: str | Instrument | int | None = None,
        side: SideLike | None = None,
        ts: Time | None = None,
    ) -> int:
        """Cancel all orders of a participant, of one instrument and one side where they are named; how many there were."""
        code = 0 if side is None else _SIDES.get(side, 255)
        self._plain(CommandKind.CANCEL_ALL, ts, instrument=instrument, participant=self._participant(participant).id, side=code)
        return int(self._memory.state[0]["affected"])

    def set_phase(self, phase: Phase, instrument: str | Instrument | int | None = None, *, ts: Time | None = None) -> Outcome:
        """Change the phase of an instrument, of all by default."""
        return self._plain(CommandKind.PHASE, ts, instrument=instrument, phase=int(phase))

    def schedule(
        self, changes: Iterable[tuple[Time, Phase]], instrument: str | Instrument | int | None = None, *, ts: Time | None = None
    ) -> None:
        """Add phase changes to come, of an instrument or of all; one that cannot follow the phase it meets is skipped and counted.

        Raises
        ------
        UsageError
            A time has passed already.
        """
        for when, phase in changes:
            due = to_ns(when)
            now = self.clock if ts is None else to_ns(ts)
            if due <= now:
                raise UsageError(f"the change to {Phase(phase).name} was due at {due}, the exchange's clock is at {now}")
            self._plain(CommandKind.PHASE, ts, instrument=instrument, phase=int(phase), expire=due)

    def set_reference(self, instrument: str | Instrument | int, price: Amount, *, ts: Time | None = None) -> Outcome:
        """Set the reference price of auctions and static bands."""
        return self._plain(CommandKind.REFERENCE, ts, instrument=instrument, price=_price(price))

    def advance(self, ts: Time) -> Outcome:
        """Let time pass: scheduled changes, ends of interruptions and expiries that are due happen."""
        return self._plain(CommandKind.CLOCK, ts)

    def _plain(
        self,
        kind: CommandKind,
        ts: Time | None,
        *,
        instrument: str | Instrument | int | None = None,
        participant: int = 0,
        side: int = 0,
        phase: int = 0,
        price: int = UNDEF_PRICE,
        expire: int = 0,
    ) -> Outcome:
        number = 0 if instrument is None else self._number(instrument)
        now = self.clock if ts is None else to_ns(ts)
        try:
            _PACK(
                self._buffer,
                0,
                now,
                0,
                0,
                price,
                0,
                UNDEF_PRICE,
                0,
                0,
                0,
                expire,
                number,
                participant,
                0,
                kind,
                side,
                0,
                0,
                0,
                0,
                phase,
            )
        except struct.error as error:
            raise _misfit(error) from None
        return self._one()

    def _one(self) -> Outcome:
        """Run the command that has been packed."""
        if self._journal is not None or self._gate is not None:
            self._run(self._command, self._command_address)
        elif not engine.run(self._handle, self._command_address, 1, 0, not self._listening):
            self._carry_out(self._command, self._command_address)
        order_id, filled, remaining, limit, value, reason, _ = _OUTCOME(self._state_bytes, _OUTCOME_AT)
        return tuple.__new__(Outcome, (order_id, filled, remaining, _REASONS[reason], limit, value))

    def submit_batch(self, commands: NDArray[Any]) -> Records:
        """Run commands in order, as if each had been submitted alone.

        Parameters
        ----------
        commands : (n,) array of COMMAND

        Returns
        -------
        (m,) array of EVENT
            What was published.
        """
        if getattr(commands, "dtype", None) != COMMAND or commands.ndim != 1:
            raise UsageError(
                f"submit_batch takes a one-dimensional array of COMMAND records, not {getattr(commands, 'dtype', type(commands))}"
            )
        commands = np.ascontiguousarray(commands)
        self._hand_over()
        published: list[Records] = []
        if len(commands):
            self._run(commands, address_of(commands), published)
            self._hand_over(published)
            self._note_client_order_ids(commands)
        return published[0] if len(published) == 1 else joined(published, EVENT)

    def _note_client_order_ids(self, commands: Records) -> None:
        """The next free client order id of each participant lies behind those of a batch."""
        new = np.flatnonzero(commands["kind"] == _NEW)
        numbers, makers = commands["client_order_id"][new], commands["participant_id"][new]
        known = makers <= len(self._participants)
        highest = np.zeros(len(self._participants) + 1, np.uint64)
        np.maximum.at(highest, makers[known], numbers[known])
        for participant, used in zip(self._participants, highest[1:].tolist()):
            participant.next_client_order_id = max(participant.next_client_order_id, used + 1)

    def _run(self, commands: Records, address: int, published: list[Records] | None = None) -> None:
        """Keep commands in the journal, where there is one, and carry them out."""
        journal = self._journal
        if journal is None:
            self._carry_out(commands, address, published)
            return
        journal.commands(commands)
        try:
            self._carry_out(commands, address, published)
        except BaseException:
            journal.close("the exchange was interrupted while it carried out commands that are in the journal; recover it")
            raise
        journal.after(self)

    def _carry_out(self, commands: Records, address: int, published: list[Records] | None = None) -> None:
        """Run commands; what they publish waits in the outputs where somebody listens."""
        handle, total = self._memory.handle, len(commands)
        if self._gate is not None:
            self._gate.make_room()
        done = int(engine.run(handle, address, total, 0, not self._listening and published is None))
        while done < total:
            self._hand_over(published)
            self.make_room()
            done = int(engine.run(handle, address, total, done, True))

    def _hand_over(self, published: list[Records] | None = None) -> None:
        """Take what the kernels have published since the last time."""
        state = self._memory.state[0]
        if state["event_count"]:
            events = self._memory.published("events")
            if self._event_log.feeds:
                events = self._event_log.put(events)
            elif published is not None:
                events = self._event_log.copied(events)
            if published is not None:
                published.append(events)
            state["event_count"] = 0
        if state["execution_count"]:
            if self._execution_log.feeds:
                self._execution_log.put(self._memory.published("executions"))
            state["execution_count"] = 0
        if state["auction_count"]:
            if self._auction_log.feeds:
                self._auction_log.put(self._memory.published("auctions"))
            state["auction_count"] = 0

    def make_room(self) -> None:
        """For owners of a compiled loop around ``kernels.engine.run_commands`` that has found no room."""
        self._hand_over()
        self._memory.make_room()
        if self._gate is not None:
            self._gate.make_room()

    @property
    def handle(self) -> int:
        """For kernels: address of the exchange's handle, valid for its life.

        Raises
        ------
        UsageError
            The exchange has a journal, which a kernel would go past.
        """
        if self._journal is not None:
            raise UsageError(
                "an exchange with a journal runs commands by its own calls only; make one without for a compiled loop"
            )
        return self._memory.handle

    # Journal

    @staticmethod
    def recover(
        folder: str | Path, *, resume: bool = True, durable: bool = True, snapshot_every: int = SNAPSHOT_EVERY
    ) -> tuple[Exchange, Recovery]:
        """The exchange that a journal describes: its last good snapshot and the commands since.

        Parameters
        ----------
        folder : str or Path
        resume : bool
            The exchange goes on with the journal; otherwise it has none, and the folder is only read.
        durable, snapshot_every
            As in the constructor.

        Returns
        -------
        (Exchange, Recovery)
            The second tells how it went, and what was dropped because it had never been acknowledged.

        Raises
        ------
        FormatError
            The journal is damaged before its end, or is none of an exchange.
        JournalError
            Another process writes it.
        """
        from tickdeck.exchange.recovery import recover

        return recover(folder, resume=resume, durable=durable, snapshot_every=snapshot_every)

    def _keep_in(self, journal: ExchangeJournal) -> None:
        """From now on keep what changes the exchange in a journal."""
        self._journal = journal
        if self._gate is not None:
            self._gate.on_change(lambda change, arguments: journal.note(RISK, {"change": change, "arguments": arguments}))

    @property
    def journal(self) -> ExchangeJournal | None:
        """The journal, with `snapshot()` and, after a full disk, `reopen()`."""
        return self._journal

    def close(self) -> None:
        """End the journal where there is one; the exchange takes no commands after that."""
        if self._journal is not None:
            self._journal.close()

    # What is published

    def feed(self) -> Feed:
        """The events that are published from now on; ``feed.take()`` returns them as ``EVENT`` records."""
        self._listening = True
        return self._event_log.feed()

    def auctions(self) -> Feed:
        """The indicative prices that are published from now on, as ``AUCTION`` records."""
        self._listening = True
        return self._auction_log.feed()

    def take_executions(self) -> Records:
        """What happened to the orders of all participants since the last call, as ``EXECUTION`` records; nothing before the first."""
        if self._all_executions is None:
            self._listening = True
            self._all_executions = self._execution_log.feed()
        return self._all_executions.take()

    # Reading

    def _place(self, instrument: str | Instrument | int) -> int:
        if isinstance(instrument, Instrument):
            instrument = instrument.symbol
        if isinstance(instrument, str):
            place = self._numbers.get(instrument)
            if place is not None:
                return place
        elif instrument in self._ids:
            return self._ids.index(instrument) + 1
        known = ", ".join(item.instrument.symbol for item in self._listings[:8])
        raise UnknownInstrumentError(f"no instrument {instrument!r} is listed; the exchange has {known}")

    def _number(self, instrument: str | Instrument | int) -> int:
        """Instrument id; of an integer itself, known or not: the exchange rejects what it does not know."""
        if type(instrument) is str:
            place = self._numbers.get(instrument)
            if place is not None:
                return self._ids[place - 1]
        elif type(instrument) is int:
            return instrument
        return self._ids[self._place(instrument) - 1]

    def _size(self, size: Amount, number: int) -> int:
        decimals = self._listings[self._ids.index(number)].instrument.size_decimals if number in self._ids else 0
        return int(size) if isinstance(size, (int, np.integer)) else fixed(size, decimals, "size")

    @property
    def listings(self) -> tuple[Listing, ...]:
        """What is traded."""
        return tuple(self._listings)

    @property
    def instruments(self) -> dict[int, Instrument]:
        """Instruments by the id that events name."""
        return {number: listing.instrument for number, listing in zip(self._ids, self._listings)}

    @property
    def clock(self) -> int:
        """ns since the epoch: time of the last accepted command, or of what has happened since."""
        return int(_CLOCK(self._state_bytes, _CLOCK_AT)[0])

    def book(self, instrument: str | Instrument | int) -> OrderBook:
        """The displayed orders of an instrument, to be read."""
        return self._books[self._place(instrument) - 1]

    def orders(
        self, participant: Participant | str | int | None = None, instrument: str | Instrument | int | None = None
    ) -> Records:
        """All live orders, also hidden ones, stops and pegs, in order of id; of a participant or an instrument where one is named."""
        from tickdeck.exchange.live_orders import live_orders

        who = None if participant is None else self._participant(participant).id
        return live_orders(self, who, None if instrument is None else self._number(instrument))

    def phase(self, instrument: str | Instrument | int) -> Phase:
        """The phase an instrument is in."""
        return Phase(int(self._memory.arrays["listings"][self._place(instrument)]["phase"]))

    def snapshot(self, instrument: str | Instrument | int, n: int = 10) -> Depth:
        """The best `n` displayed levels of both sides."""
        book = self._books[self._place(instrument) - 1]
        bids, asks = self._depths.read(book, n)
        return Depth(bids, asks, _CLOCK(self._state_bytes, _CLOCK_AT)[0], _CLOCK(self._state_bytes, _SEQUENCE_AT)[0])

    def statistics(self, instrument: str | Instrument | int) -> Any:
        """What has happened in an instrument so far, as ``Statistics``."""
        place = self._place(instrument)
        return read_statistics(self._memory, self._books[place - 1], place)

    def indicative(self, instrument: str | Instrument | int) -> Any:
        """What an auction would do now, as ``Indicative``."""
        return read_indicative(self._memory, self._place(instrument))

    def trades(self, instrument: str | Instrument | int, n: int | None = None) -> Records:
        """The most recent trades of an instrument, oldest first: ``ts, price, size, sequence, instrument_id, side`` (of the incoming
        order, ASCII; N in an auction). The exchange remembers the last 16,384 of all instruments."""
        return read_trades(self._memory, self._ids[self._place(instrument) - 1], n)

    def position(self, participant: Participant | str | int, instrument: str | Instrument | int) -> int:
        """Net size that a participant has bought (positive) or sold."""
        state = self._memory.state[0]
        place = self._participant(participant).id * int(state["listing_capacity"]) + self._place(instrument)
        return int(self._memory.arrays["positions"][place])

    def state_hash(self) -> int:
        """64-bit hash of everything that decides what the exchange will do: equal for equal histories."""
        own = int(upkeep.state_hash(self._memory.handle)) & (2**64 - 1)
        return own if self._gate is None else own ^ self._gate.state_hash()

    @property
    def skipped_phases(self) -> int:
        """Scheduled phase changes that could not follow the phase they met."""
        return int(self._memory.state[0]["skipped_phases"])

    @property
    def nbytes(self) -> int:
        """Bytes reserved; the system backs only what was touched."""
        return self._memory.nbytes

    def __repr__(self) -> str:
        symbols: Sequence[str] = [item.instrument.symbol for item in self._listings]
        shown = ", ".join(symbols[:4]) + (", ..." if len(symbols) > 4 else "")
        return f"<Exchange of {shown}: {self._market.order_count:,} live orders, {len(self._participants)} participants>"


def _price(price: Amount) -> int:
    return int(price) if isinstance(price, (int, np.integer)) else fixed(price, 9, "price")


def _misfit(error: struct.error) -> UsageError:
    return UsageError(f"an amount, id or code of the command does not fit in its field: {error}")
