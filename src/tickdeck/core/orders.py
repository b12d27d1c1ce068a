"""Codes of orders: what a participant may ask for, and what it hears back."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class CommandKind(IntEnum):
    """What a ``COMMAND`` asks for, as an ASCII code."""

    NEW = ord("N")
    CANCEL = ord("C")
    REPLACE = ord("R")
    CANCEL_ALL = ord("X")
    """All orders of the participant; of one instrument and of one side where these are named."""
    PHASE = ord("P")
    """Change the phase of an instrument (0: of all)."""
    CLOCK = ord("K")
    """Time passes: expiries and the schedule take effect."""
    REFERENCE = ord("B")
    """Set an instrument's reference price."""


class OrderType(IntEnum):
    """How an order's price is found."""

    LIMIT = 1
    MARKET = 2
    STOP = 3
    """Becomes a market order when the market trades at its trigger price or beyond."""
    STOP_LIMIT = 4
    """Becomes a limit order then."""
    TRAILING_STOP = 5
    """A stop whose trigger follows the best trade price since its acceptance at a distance (``offset``)."""
    PEG_BID = 6
    """Hidden; its price follows the best displayed bid plus ``offset``, as far as ``price`` allows."""
    PEG_ASK = 7
    PEG_MID = 8
    """Follows the middle between best bid and ask, rounded away from the other side to the tick."""


class TimeInForce(IntEnum):
    """How long an order may rest."""

    GTC = 1
    DAY = 2
    """Until the instrument closes."""
    IOC = 3
    """What does not trade at once is cancelled."""
    FOK = 4
    """All of it at once, or nothing."""
    GTD = 5
    """Until ``expire_ts``."""
    AT_OPEN = 6
    """The opening auction only."""
    AT_CLOSE = 7
    """The closing auction only."""


class OrderFlag(IntFlag):
    """Conditions of an order, in ``COMMAND.flags``."""

    POST_ONLY = 1
    """Rejected if it would trade on entry."""
    REDUCE_ONLY = 2
    """May only bring the participant's position towards zero."""
    HIDDEN = 4
    """Not displayed; at the same price it trades after displayed orders."""
    BY_ORDER_ID = 8
    """A cancel or replace names the order by ``order_id`` rather than by ``client_order_id``."""


class SelfTrade(IntEnum):
    """What happens when an order meets one of the same participant; the incoming order's mode counts."""

    NONE = 0
    """They trade."""
    CANCEL_NEWEST = 1
    """The incoming order is cancelled."""
    CANCEL_OLDEST = 2
    """The resting order is cancelled."""
    CANCEL_BOTH = 3
    DECREMENT = 4
    """Both lose the smaller size; no trade."""


class Phase(IntEnum):
    """State of an instrument's market."""

    CLOSED = 1
    PRE_OPEN = 2
    """Orders collect for the opening auction, which takes place on the change to CONTINUOUS."""
    CONTINUOUS = 3
    HALT = 4
    """Cancels only."""
    VOLATILITY = 5
    """Interrupted because a trade would have left the price band: orders collect for the auction that ends it."""
    PRE_CLOSE = 6
    """Orders collect for the closing auction, which takes place on the change to CLOSED."""


class ExecutionKind(IntEnum):
    """What happened to an order, as an ASCII code, in ``EXECUTION.kind``."""

    ACCEPTED = ord("A")
    REJECTED = ord("J")
    """An order, cancel or replace was refused; the order it names, if there is one, is as before."""
    FILLED = ord("F")
    """Partly or wholly: ``remaining`` tells."""
    CANCELLED = ord("C")
    REPLACED = ord("U")
    """Price or size changed, by its owner or by self-trade prevention."""
    EXPIRED = ord("X")
    TRIGGERED = ord("T")
    """A stop became a market or limit order."""


class ExecutionFlag(IntFlag):
    """Bits of ``EXECUTION.flags``."""

    AGGRESSOR = 1
    """The fill took liquidity."""
    AUCTION = 2
    """The fill happened in an auction."""


class Reason(IntEnum):
    """Why an order was rejected (1 to 39; by the risk gate from 100), cancelled (40 to 59) or expired (60 to 69)."""

    NONE = 0
    UNKNOWN_INSTRUMENT = 1
    UNKNOWN_PARTICIPANT = 2
    UNKNOWN_ORDER = 3
    DUPLICATE_CLIENT_ORDER_ID = 4
    BAD_SIDE = 5
    BAD_SIZE = 6
    """Zero, negative, or no multiple of the lot."""
    SIZE_ABOVE_MAXIMUM = 7
    OFF_TICK = 8
    BAD_PRICE = 9
    """Missing where one is needed, given where none is allowed, or beyond the range of prices."""
    BAD_ORDER_TYPE = 10
    BAD_TIME_IN_FORCE = 11
    BAD_COMBINATION = 12
    """Conditions that exclude each other."""
    BAD_TRIGGER_PRICE = 13
    BAD_OFFSET = 14
    BAD_DISPLAY_SIZE = 15
    """No multiple of the lot, above the size, or below a thousandth of it."""
    BAD_MINIMUM_SIZE = 16
    ALREADY_EXPIRED = 17
    CLOCK_BACKWARDS = 18
    WRONG_PHASE = 19
    WOULD_TRADE = 20
    """A post-only order that would trade on entry."""
    NOT_REDUCING = 21
    """A reduce-only order that would open or grow a position."""
    ORDER_DONE = 22
    """The order was filled, cancelled or expired before."""
    UNKNOWN_COMMAND = 23
    BAD_PHASE = 24
    """No such phase, or it cannot follow the present one."""

    BY_PARTICIPANT = 40
    CANCEL_ALL = 41
    IMMEDIATE_REMAINDER = 42
    """What an IOC order could not trade at once."""
    FILL_OR_KILL = 43
    MINIMUM_SIZE = 44
    """Less than the minimum quantity could trade at once."""
    NO_LIQUIDITY = 45
    """What a market order found no counterpart for."""
    SELF_TRADE = 46
    ONE_CANCELS_OTHER = 47
    REDUCE_ONLY = 48
    """Nothing was left to reduce."""
    PRICE_BAND = 49
    """The rest of an immediate order whose trade would have left the price band."""
    AUCTION_REMAINDER = 50
    """A market order that the auction did not fill."""

    END_OF_DAY = 60
    GOOD_TILL_DATE = 61
    AT_OPEN_REMAINDER = 62
    AT_CLOSE_REMAINDER = 63

    MAX_ORDER_SIZE = 100
    MAX_NOTIONAL = 101
    PRICE_COLLAR = 102
    MAX_POSITION = 103
    MAX_OPEN_ORDERS = 104
    RATE_PER_SECOND = 105
    RATE_PER_DAY = 106
    DUPLICATE_ORDER = 107
    RESTRICTED_INSTRUMENT = 108
    OUTSIDE_HOURS = 109
    BLACKOUT = 110
    TRADE_LOSS = 111
    DAILY_LOSS = 112
    WEEKLY_LOSS = 113
    DRAWDOWN = 114
    CONSECUTIVE_LOSSES = 115
    EXPOSURE = 116
    CONCENTRATION = 117
    LEVERAGE = 118
    KILL_SWITCH = 119
    REDUCING = 120
    """The account may only reduce its positions."""
    HALTED = 121
    NO_REFERENCE_PRICE = 122
    """A limit needs a price to value the order, and there is none."""


KEEP = 2**63 - 1
"""In a REPLACE: price, trigger price or size stays as it is."""
