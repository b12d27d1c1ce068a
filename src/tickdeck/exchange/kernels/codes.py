"""Codes of orders, phases and reasons as kernels compare them."""

import numpy as np

from tickdeck.core.enums import TradingStatus
from tickdeck.core.orders import ExecutionFlag, OrderFlag, OrderType, Phase, Reason, SelfTrade, TimeInForce
from tickdeck.core.records import UNDEF_PRICE

U0, U1, U2 = np.uint64(0), np.uint64(1), np.uint64(2)
BUY, SELL = np.uint8(0), np.uint8(1)
UNDEF = np.int64(UNDEF_PRICE)
HIGHEST, LOWEST = np.int64(2**63 - 1), np.int64(-(2**63))

CLOSED, PRE_OPEN, CONTINUOUS = np.uint8(Phase.CLOSED), np.uint8(Phase.PRE_OPEN), np.uint8(Phase.CONTINUOUS)
HALT, VOLATILITY, PRE_CLOSE = np.uint8(Phase.HALT), np.uint8(Phase.VOLATILITY), np.uint8(Phase.PRE_CLOSE)

LIMIT, MARKET, STOP = np.uint8(OrderType.LIMIT), np.uint8(OrderType.MARKET), np.uint8(OrderType.STOP)
STOP_LIMIT, TRAILING_STOP = np.uint8(OrderType.STOP_LIMIT), np.uint8(OrderType.TRAILING_STOP)
PEG_BID, PEG_ASK, PEG_MID = np.uint8(OrderType.PEG_BID), np.uint8(OrderType.PEG_ASK), np.uint8(OrderType.PEG_MID)

GTC, DAY, IOC = np.uint8(TimeInForce.GTC), np.uint8(TimeInForce.DAY), np.uint8(TimeInForce.IOC)
FOK, GTD = np.uint8(TimeInForce.FOK), np.uint8(TimeInForce.GTD)
AT_OPEN, AT_CLOSE = np.uint8(TimeInForce.AT_OPEN), np.uint8(TimeInForce.AT_CLOSE)

POST_ONLY, REDUCE_ONLY = np.uint8(OrderFlag.POST_ONLY), np.uint8(OrderFlag.REDUCE_ONLY)
UNSEEN, BY_ORDER_ID = np.uint8(OrderFlag.HIDDEN), np.uint8(OrderFlag.BY_ORDER_ID)
ANY_FLAGS = np.uint8(15)

TRADES = np.uint8(SelfTrade.NONE)
CANCEL_NEWEST, CANCEL_OLDEST = np.uint8(SelfTrade.CANCEL_NEWEST), np.uint8(SelfTrade.CANCEL_OLDEST)
CANCEL_BOTH, DECREMENT = np.uint8(SelfTrade.CANCEL_BOTH), np.uint8(SelfTrade.DECREMENT)

AGGRESSOR, PASSIVE = np.uint8(ExecutionFlag.AGGRESSOR), np.uint8(0)
IN_AUCTION = np.uint8(ExecutionFlag.AUCTION)

STATUS_OF = (
    0,
    int(TradingStatus.CLOSE),
    int(TradingStatus.PRE_OPEN),
    int(TradingStatus.TRADING),
    int(TradingStatus.HALT),
    int(TradingStatus.PAUSE),
    int(TradingStatus.PRE_CLOSE),
)
"""Published status by phase."""
CROSS = np.uint64(TradingStatus.CROSS)

FINE = np.uint64(Reason.NONE)
UNKNOWN_INSTRUMENT = np.uint64(Reason.UNKNOWN_INSTRUMENT)
UNKNOWN_PARTICIPANT = np.uint64(Reason.UNKNOWN_PARTICIPANT)
UNKNOWN_ORDER = np.uint64(Reason.UNKNOWN_ORDER)
DUPLICATE_CLIENT_ORDER_ID = np.uint64(Reason.DUPLICATE_CLIENT_ORDER_ID)
BAD_SIDE = np.uint64(Reason.BAD_SIDE)
BAD_SIZE = np.uint64(Reason.BAD_SIZE)
SIZE_ABOVE_MAXIMUM = np.uint64(Reason.SIZE_ABOVE_MAXIMUM)
OFF_TICK = np.uint64(Reason.OFF_TICK)
BAD_PRICE = np.uint64(Reason.BAD_PRICE)
BAD_ORDER_TYPE = np.uint64(Reason.BAD_ORDER_TYPE)
BAD_TIME_IN_FORCE = np.uint64(Reason.BAD_TIME_IN_FORCE)
BAD_COMBINATION = np.uint64(Reason.BAD_COMBINATION)
BAD_TRIGGER_PRICE = np.uint64(Reason.BAD_TRIGGER_PRICE)
BAD_OFFSET = np.uint64(Reason.BAD_OFFSET)
BAD_DISPLAY_SIZE = np.uint64(Reason.BAD_DISPLAY_SIZE)
BAD_MINIMUM_SIZE = np.uint64(Reason.BAD_MINIMUM_SIZE)
ALREADY_EXPIRED = np.uint64(Reason.ALREADY_EXPIRED)
CLOCK_BACKWARDS = np.uint64(Reason.CLOCK_BACKWARDS)
WRONG_PHASE = np.uint64(Reason.WRONG_PHASE)
WOULD_TRADE = np.uint64(Reason.WOULD_TRADE)
NOT_REDUCING = np.uint64(Reason.NOT_REDUCING)
ORDER_DONE = np.uint64(Reason.ORDER_DONE)
UNKNOWN_COMMAND = np.uint64(Reason.UNKNOWN_COMMAND)
BAD_PHASE = np.uint64(Reason.BAD_PHASE)
BY_PARTICIPANT = np.uint64(Reason.BY_PARTICIPANT)
ALL_CANCELLED = np.uint64(Reason.CANCEL_ALL)
IMMEDIATE_REMAINDER = np.uint64(Reason.IMMEDIATE_REMAINDER)
KILLED = np.uint64(Reason.FILL_OR_KILL)
BELOW_MINIMUM = np.uint64(Reason.MINIMUM_SIZE)
NO_LIQUIDITY = np.uint64(Reason.NO_LIQUIDITY)
SELF_TRADE = np.uint64(Reason.SELF_TRADE)
OTHER_GOES = np.uint64(Reason.ONE_CANCELS_OTHER)
NOTHING_TO_REDUCE = np.uint64(Reason.REDUCE_ONLY)
OUTSIDE_BAND = np.uint64(Reason.PRICE_BAND)
AUCTION_REMAINDER = np.uint64(Reason.AUCTION_REMAINDER)
END_OF_DAY = np.uint64(Reason.END_OF_DAY)
DATE_REACHED = np.uint64(Reason.GOOD_TILL_DATE)
AT_OPEN_REMAINDER = np.uint64(Reason.AT_OPEN_REMAINDER)
AT_CLOSE_REMAINDER = np.uint64(Reason.AT_CLOSE_REMAINDER)
