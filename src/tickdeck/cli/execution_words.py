"""Executions in words, for people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tickdeck.core import UNDEF_PRICE, ExecutionKind, Instrument, OrderType, Reason, Side, decimal_text, price_text

SIDES = {int(Side.BID): "buy", int(Side.ASK): "sell"}

REASONS: Mapping[Reason, str] = {
    Reason.NONE: "no reason given",
    Reason.UNKNOWN_INSTRUMENT: "there is no such instrument",
    Reason.UNKNOWN_PARTICIPANT: "there is no such participant",
    Reason.UNKNOWN_ORDER: "the participant has no such order",
    Reason.DUPLICATE_CLIENT_ORDER_ID: "the participant used this client order id before",
    Reason.BAD_SIDE: "the side is neither buy nor sell",
    Reason.BAD_SIZE: "the size is not above zero, or no multiple of the lot",
    Reason.SIZE_ABOVE_MAXIMUM: "the size is above the instrument's maximum",
    Reason.OFF_TICK: "the price is no multiple of the tick",
    Reason.BAD_PRICE: "the price is missing, not allowed for this order type, or out of range",
    Reason.BAD_ORDER_TYPE: "there is no such order type",
    Reason.BAD_TIME_IN_FORCE: "there is no such time in force",
    Reason.BAD_COMBINATION: "these conditions exclude each other",
    Reason.BAD_TRIGGER_PRICE: "the trigger price is missing, not allowed for this order type, or off the tick",
    Reason.BAD_OFFSET: "the offset is missing, not allowed for this order type, or off the tick",
    Reason.BAD_DISPLAY_SIZE: "the display size lies between a thousandth of the size and the size",
    Reason.BAD_MINIMUM_SIZE: "the minimum size lies between one lot and the size",
    Reason.ALREADY_EXPIRED: "the time of expiry is not in the future",
    Reason.CLOCK_BACKWARDS: "the time is before that of the last command",
    Reason.WRONG_PHASE: "the phase of the market does not allow it",
    Reason.WOULD_TRADE: "a post-only order would trade at once",
    Reason.NOT_REDUCING: "a reduce-only order needs an opposite position",
    Reason.ORDER_DONE: "the order was filled, cancelled or expired before",
    Reason.UNKNOWN_COMMAND: "there is no such command",
    Reason.BAD_PHASE: "the phase cannot follow the present one",
    Reason.BY_PARTICIPANT: "by its owner",
    Reason.CANCEL_ALL: "with all orders of its owner",
    Reason.IMMEDIATE_REMAINDER: "the rest of an IOC order",
    Reason.FILL_OR_KILL: "not all of it could trade at once",
    Reason.MINIMUM_SIZE: "less than the minimum size could trade at once",
    Reason.NO_LIQUIDITY: "a market order found no more to trade with",
    Reason.SELF_TRADE: "it met an order of the same participant",
    Reason.ONE_CANCELS_OTHER: "another order of its group traded or triggered",
    Reason.REDUCE_ONLY: "no position was left to reduce",
    Reason.PRICE_BAND: "the trade would have left the price band",
    Reason.AUCTION_REMAINDER: "the auction did not fill it",
    Reason.END_OF_DAY: "the instrument closed",
    Reason.GOOD_TILL_DATE: "its time is over",
    Reason.AT_OPEN_REMAINDER: "the opening auction is over",
    Reason.AT_CLOSE_REMAINDER: "the closing auction is over",
    Reason.MAX_ORDER_SIZE: "the size is above the limit",
    Reason.MAX_NOTIONAL: "the value is above the limit",
    Reason.PRICE_COLLAR: "the price is too far from the reference price",
    Reason.MAX_POSITION: "the position would pass the limit",
    Reason.MAX_OPEN_ORDERS: "too many open orders",
    Reason.RATE_PER_SECOND: "too many orders in a second",
    Reason.RATE_PER_DAY: "too many orders in a day",
    Reason.DUPLICATE_ORDER: "the same order came a moment ago",
    Reason.RESTRICTED_INSTRUMENT: "the instrument is restricted",
    Reason.OUTSIDE_HOURS: "outside the trading hours",
    Reason.BLACKOUT: "during a blackout",
    Reason.TRADE_LOSS: "the loss of one trade passed the limit",
    Reason.DAILY_LOSS: "the day's loss passed the limit",
    Reason.WEEKLY_LOSS: "the week's loss passed the limit",
    Reason.DRAWDOWN: "the drawdown passed the limit",
    Reason.CONSECUTIVE_LOSSES: "too many losses in a row",
    Reason.EXPOSURE: "the exposure would pass the limit",
    Reason.CONCENTRATION: "the concentration would pass the limit",
    Reason.LEVERAGE: "the leverage would pass the limit",
    Reason.KILL_SWITCH: "the kill switch is on",
    Reason.REDUCING: "the account may only reduce its positions",
    Reason.HALTED: "the account is halted",
    Reason.NO_REFERENCE_PRICE: "a limit needs a price to value the order, and there is none",
}
"""What a reason means, as half a sentence."""

_TYPES = {
    OrderType.MARKET: "at market",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop-limit",
    OrderType.TRAILING_STOP: "trailing stop",
    OrderType.PEG_BID: "pegged to the bid",
    OrderType.PEG_ASK: "pegged to the ask",
    OrderType.PEG_MID: "pegged to the middle",
}


def reason_text(code: int) -> str:
    """A reason with its name."""
    if code not in Reason._value2member_map_:
        return f"reason {code}"
    reason = Reason(code)
    return f"{reason.name}: {REASONS[reason]}"


def size_text(units: int, instrument: Instrument | None) -> str:
    """A size as a decimal."""
    decimals = instrument.size_decimals if instrument else 0
    return f"{units:,}" if not decimals else decimal_text(units, decimals)


def order_text(side: int, size: int, price: int, order_type: int, instrument: Instrument | None) -> str:
    """An order in a few words."""
    kind = _TYPES.get(OrderType(order_type)) if order_type in OrderType._value2member_map_ else None
    words = [SIDES.get(side, "?"), size_text(size, instrument), instrument.symbol if instrument else ""]
    words += [kind] if kind else []
    words += [f"@ {price_text(price)}"] if price != UNDEF_PRICE and order_type != OrderType.MARKET else []
    return " ".join(word for word in words if word)


def execution_text(row: np.void, instrument: Instrument | None, owner: str = "", order_type: int = OrderType.LIMIT) -> str:
    """One execution as a line.

    Parameters
    ----------
    row : record of EXECUTION
    instrument : Instrument or None
    owner : str
        Named beside the order; "" for none.
    order_type : int
        Of the order, where it is known.
    """
    size, price = size_text(int(row["size"]), instrument), int(row["price"])
    left = int(row["remaining"])
    rest = f"{size_text(left, instrument)} left" if left else "done"
    order = f"order {int(row['order_id'])}" + (f" of {owner}" if owner else "")
    reason = int(row["reason"])
    match int(row["kind"]):
        case ExecutionKind.ACCEPTED:
            return f"{order} accepted: {order_text(int(row['side']), int(row['size']), price, order_type, instrument)}"
        case ExecutionKind.REJECTED:
            limit = (
                f" (limit {int(row['limit_value']):,}, value {int(row['value']):,})" if row["limit_value"] or row["value"] else ""
            )
            return f"rejected, {reason_text(reason)}{limit}"
        case ExecutionKind.FILLED:
            return f"{order} filled: {size} @ {price_text(price)}, {rest}"
        case ExecutionKind.CANCELLED:
            return f"{order} cancelled, {reason_text(reason)}"
        case ExecutionKind.REPLACED:
            new = f"{size_text(left, instrument)}" + (f" @ {price_text(price)}" if price != UNDEF_PRICE else "")
            return f"{order} is now {new}" + (f", {reason_text(reason)}" if reason else "")
        case ExecutionKind.EXPIRED:
            return f"{order} expired, {reason_text(reason)}"
        case ExecutionKind.TRIGGERED:
            return f"{order} triggered"
    return f"{order}: kind {int(row['kind'])}"
