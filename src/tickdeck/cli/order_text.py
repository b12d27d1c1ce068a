"""The language of an exchange session: one line, one request, such as ``buy 100 @ 10.01 ioc``. A parser without side effects."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tickdeck.cli.order_requests import (
    Cancel,
    CancelAll,
    Help,
    Order,
    Pass,
    Quit,
    Replace,
    Request,
    Save,
    SetPhase,
    SetReference,
    Show,
    SwitchTo,
    Use,
)
from tickdeck.cli.order_words import USAGE, LineError, Words, suggested
from tickdeck.core import OrderFlag, OrderType, Phase, SelfTrade, Side, TimeInForce
from tickdeck.tape.event_schema import NUMBER
from tickdeck.tape.order_schema import FLAGS, PHASES, SELF_TRADES, TIMES_IN_FORCE, normal

_ALIASES = {
    "b": "buy", "s": "sell", "bid": "buy", "ask": "sell", "amend": "replace", "modify": "replace", "r": "replace", "c": "cancel",
    "ladder": "book", "statistics": "stats", "fills": "trades", "ref": "reference", "clock": "time", "?": "help", "h": "help",
    "exit": "quit", "q": "quit", "bye": "quit",
}  # fmt: skip
_SYMBOL = re.compile(r"[A-Za-z][\w./:-]*")
_FIRST_HALVES = ("at", "post", "reduce", "peg", "stop")
"""Words that may be the first half of an option."""
_PEGS = {"bid": OrderType.PEG_BID, "ask": OrderType.PEG_ASK, "mid": OrderType.PEG_MID}


def parse_line(line: str) -> Request | None:
    """What a line asks for; None for a blank line or one that begins with ``#``.

    Raises
    ------
    LineError
        The line is no request.

    Examples
    --------
    >>> parse_line("cancel 3")
    Cancel(order_id=3)
    """
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    verb, *rest = text.split(None, 1)
    name = _verb(verb)
    if name is None:
        glued = re.fullmatch(r"(buy|sell|b|s)(\d.*)", text, re.IGNORECASE)
        hint = f"; put a blank between {glued[1]} and the size" if glued else suggested(verb.lower(), USAGE)
        raise LineError(f"{verb[:40]!r} is no command{hint}; help lists them")
    return _PARSERS[name](Words(name, *rest))


def _verb(word: str) -> str | None:
    low = word.lower()
    return low if low in USAGE else _ALIASES.get(low)


def is_request_word(word: str) -> bool:
    """Whether a line that begins with `word` may be a request."""
    return _verb(word) is not None


def _order(words: Words) -> Order:
    parser = _OrderParser(words)
    while words:
        parser.take_option()
    return parser.order()


class _OrderParser:
    """Collects what follows ``buy`` or ``sell``."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._found: dict[str, Any] = {"size": words.number("the size")}
        self._type: OrderType | None = None
        word = words.peek()
        is_option = normal(word) in {*_OPTIONS, *_FIRST_HALVES, *TIMES_IN_FORCE, *FLAGS}
        # In lower case a word that nothing follows is rather a mistyped option.
        if not is_option and _SYMBOL.fullmatch(word) and (word[0].isupper() or words.has(2)):
            self._found["instrument"] = words.take("a symbol")

    def _put(self, name: str, value: object, what: str, back: int) -> None:
        if name in self._found:
            raise self._words.error(f"{what} is there twice", back)
        self._found[name] = value

    def _set_type(self, order_type: OrderType, word: str, back: int) -> None:
        if self._type is not None:
            raise self._words.error(f"{word!r} does not go with what stands before it", back)
        self._type = order_type

    def take_option(self) -> None:
        """One option with its values."""
        words = self._words
        word = words.take("an option")
        name = normal(word)
        if name in _FIRST_HALVES and words.peek().lower() in ("open", "close", "only", "limit"):
            name = f"{name}-{words.take('a word').lower()}"
        if name in TIMES_IN_FORCE and name != "gtd":
            self._put("time_in_force", TIMES_IN_FORCE[name], "the time in force", 1)
        elif name in FLAGS or f"{name}-only" in FLAGS:
            flag = FLAGS.get(name) or FLAGS[f"{name}-only"]
            self._found["flags"] = self._found.get("flags", OrderFlag(0)) | flag
        elif name in _OPTIONS:
            _OPTIONS[name](self, name)
        else:
            hint = "; put @ before a price" if NUMBER.fullmatch(word) else suggested(name, [*_OPTIONS, *TIMES_IN_FORCE, *FLAGS])
            raise words.error(f"{word[:40]!r} is no option{hint}", 1)

    def _price(self, name: str) -> None:
        self._put("price", self._words.number("the price"), "the price", 2)

    def _market(self, name: str) -> None:
        self._set_type(OrderType.MARKET, name, 1)

    def _stop(self, name: str) -> None:
        self._set_type(OrderType.STOP, name, 1)
        self._put("trigger", self._words.number("the trigger price"), "the trigger price", 2)

    def _trail(self, name: str) -> None:
        self._set_type(OrderType.TRAILING_STOP, name, 1)
        self._put("offset", self._words.number("the distance"), "the distance", 2)

    def _peg(self, name: str) -> None:
        words = self._words
        what = name.removeprefix("peg-") if name != "peg" else words.take("bid, ask or mid").lower()
        if what not in _PEGS:
            raise words.error(f"{what[:40]!r} is nothing to peg to; it is one of bid, ask, mid", 1)
        self._set_type(_PEGS[what], name, 1)
        if words.peek()[:1] in ("+", "-"):
            self._put("offset", words.number("the offset"), "the offset", 1)

    def _until(self, name: str) -> None:
        self._put("time_in_force", TimeInForce.GTD, "the time in force", 1)
        self._found["expire"] = self._words.when()

    def _amount(self, name: str) -> None:
        field, what = _AMOUNTS[name]
        self._put(field, self._words.number(what), what, 2)

    def _group(self, name: str) -> None:
        self._put("group", self._words.whole("the group", 2**32 - 1), "the group", 2)

    def _id(self, name: str) -> None:
        self._put("client_order_id", self._words.whole("the client order id"), "the client order id", 2)

    def _self_trade(self, name: str) -> None:
        self._put("self_trade", SelfTrade(self._words.word("the mode", SELF_TRADES)), "self-trade prevention", 2)

    def _symbol(self, name: str) -> None:
        self._put("instrument", self._words.take("a symbol"), "the symbol", 2)

    def order(self) -> Order:
        """The order, if it is one."""
        words, found, kind = self._words, self._found, self._type
        has_price = "price" in found
        if kind is None and not has_price:
            raise words.error("it has no price: @ PRICE, market, stop, trail or peg is missing")
        if kind in (OrderType.MARKET, OrderType.TRAILING_STOP) and has_price:
            raise words.error(f"a {kind.name.lower().replace('_', ' ')} order takes no price")
        if kind == OrderType.STOP and has_price:
            kind = OrderType.STOP_LIMIT
        return Order(Side.BID if words.verb == "buy" else Side.ASK, order_type=kind or OrderType.LIMIT, **found)


_AMOUNTS = {
    "display": ("display", "the display size"),
    "iceberg": ("display", "the display size"),
    "min": ("minimum", "the minimum size"),
    "minimum": ("minimum", "the minimum size"),
    "offset": ("offset", "the offset"),
}
_OPTIONS: dict[str, Callable[[_OrderParser, str], None]] = {
    **dict.fromkeys(("@", "at", "limit"), _OrderParser._price),
    **dict.fromkeys(("market", "mkt"), _OrderParser._market),
    "stop": _OrderParser._stop,
    **dict.fromkeys(("trail", "trailing", "trailing-stop"), _OrderParser._trail),
    **dict.fromkeys(("peg", "peg-bid", "peg-ask", "peg-mid"), _OrderParser._peg),
    **dict.fromkeys(("until", "gtd"), _OrderParser._until),
    **dict.fromkeys(_AMOUNTS, _OrderParser._amount),
    **dict.fromkeys(("group", "oco"), _OrderParser._group),
    "id": _OrderParser._id,
    **dict.fromkeys(("stp", "self-trade"), _OrderParser._self_trade),
    **dict.fromkeys(("on", "in", "of"), _OrderParser._symbol),
}
"""Option of an order -> what takes its values."""


def _replace(words: Words) -> Replace:
    order_id = words.whole("the order")
    found: dict[str, str] = {}
    while words:
        if words.accept("@", "at", "price"):
            name, what = "price", "the price"
        elif words.accept("x", "size"):
            name, what = "size", "the size"
        elif words.accept("stop", "trigger"):
            name, what = "trigger", "the trigger price"
        else:
            raise words.error(f"{words.peek()[:40]!r} is none of @, x, stop")
        if name in found:
            raise words.error(f"{what} is there twice", 1)
        found[name] = words.number(what)
    if not found:
        raise words.error("nothing is to change: @ PRICE, x SIZE or stop TRIGGER is missing")
    return Replace(order_id, **found)


def _cancel(words: Words) -> Cancel | CancelAll:
    if not words.accept("all"):
        request: Cancel | CancelAll = Cancel(words.whole("the order, or all,"))
    else:
        side = (
            Side.BID if words.accept("buy", "buys", "bids") else Side.ASK if words.accept("sell", "sells", "asks") else Side.NONE
        )
        request = CancelAll(side, words.symbol())
    words.end()
    return request


def _phase(words: Words) -> SetPhase:
    request = SetPhase(Phase(words.word("the phase", PHASES)), words.symbol())
    words.end()
    return request


def _reference(words: Words) -> SetReference:
    request = SetReference(words.number("the price"), words.symbol())
    words.end()
    return request


def _time(words: Words) -> Pass:
    request = Pass(words.when())
    words.end()
    return request


def _as(words: Words) -> SwitchTo:
    if not words.rest or len(words.rest) > 60 or not words.rest.isprintable():
        raise words.error("the participant's name is missing" if not words.rest else "a name has up to 60 printable characters")
    return SwitchTo(words.rest)


def _use(words: Words) -> Use:
    request = Use(words.take("the symbol"))
    words.end()
    return request


def _show(words: Words) -> Show:
    count = words.whole("the number", 1_000_000) if words.peek().isdigit() else None
    request = Show(words.verb, count, words.symbol())
    words.end()
    return request


def _save(words: Words) -> Save:
    first, _, rest = words.rest.partition(" ")
    what = first.lower() if first.lower() in ("events", "orders", "executions") and rest.strip() else ""
    path = rest.strip() if what else words.rest
    if not path or not path.isprintable():
        raise words.error("the file's name is missing")
    return Save(path, what or "events")


def _help(words: Words) -> Help:
    topic = words.take("a command") if words else ""
    words.end()
    if topic and _verb(topic) is None:
        raise words.error(f"{topic[:40]!r} is no command", 1)
    return Help(_verb(topic) or "")


def _quit(words: Words) -> Quit:
    words.end()
    return Quit()


_PARSERS: dict[str, Callable[[Words], Request]] = {
    **dict.fromkeys(("buy", "sell"), _order),
    "replace": _replace,
    "cancel": _cancel,
    "as": _as,
    "use": _use,
    **dict.fromkeys(("book", "orders", "trades", "stats"), _show),
    "phase": _phase,
    "reference": _reference,
    "time": _time,
    "save": _save,
    "help": _help,
    "quit": _quit,
}
