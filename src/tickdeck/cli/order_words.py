"""The words of a line of an exchange session, taken one by one; what is wrong says what was understood and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from tickdeck.cli.order_requests import When
from tickdeck.core import UsageError, to_ns
from tickdeck.tape.event_schema import NUMBER, RowError
from tickdeck.tape.order_schema import normal, word_code


class LineError(UsageError):
    """A line that is no request."""


USAGE = {
    "buy": "buy SIZE [SYMBOL] @ PRICE|market|stop ...|trail ...|peg ... [options] (help buy)",
    "sell": "sell SIZE [SYMBOL] @ PRICE|market|stop ...|trail ...|peg ... [options] (help sell)",
    "replace": "replace ORDER [@ PRICE] [x SIZE] [stop TRIGGER]",
    "cancel": "cancel ORDER | cancel all [buy|sell] [SYMBOL]",
    "as": "as PARTICIPANT",
    "use": "use SYMBOL",
    "book": "book [LEVELS] [SYMBOL]",
    "orders": "orders [SYMBOL]",
    "trades": "trades [COUNT] [SYMBOL]",
    "stats": "stats [SYMBOL]",
    "phase": "phase closed|pre-open|continuous|halt|volatility|pre-close [SYMBOL]",
    "reference": "reference PRICE [SYMBOL]",
    "time": "time +5s | time 2024-03-05T09:30:00Z",
    "save": "save FILE | save orders FILE | save executions FILE",
    "help": "help [COMMAND]",
    "quit": "quit",
}
"""Command -> how it is written."""

PRICES = {
    "@ PRICE": "limit order",
    "market": "at any price; what finds no counterpart is cancelled",
    "stop TRIGGER": "a market order once the market trades there or beyond",
    "stop TRIGGER @ PRICE": "a limit order then",
    "trail DISTANCE": "a stop that follows the best trade price at that distance",
    "peg bid|ask|mid [+OFFSET] [@ CAP]": "hidden; follows the best bid, best ask or the middle",
}
"""How an order's price is said -> what it means."""

OPTIONS = {
    "ioc": "trade at once, cancel the rest",
    "fok": "all at once or nothing",
    "gtc": "until cancelled (the default)",
    "day": "until the instrument closes",
    "until TIME": "until then; TIME as in the command time",
    "at-open": "the opening auction only",
    "at-close": "the closing auction only",
    "post-only": "rejected if it would trade on entry",
    "reduce-only": "only brings the position towards zero",
    "hidden": "not displayed",
    "display SIZE": "an iceberg: show only that much",
    "min SIZE": "trade at least that much at once, or nothing",
    "group N": "one cancels the others of the group",
    "stp MODE": "self-trade prevention: none, cancel-newest, cancel-oldest, cancel-both, decrement",
    "id N": "client order id; the next free one by default",
}
"""Option of an order -> what it does."""

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
_DURATION = re.compile(r"\+?(\d{1,12})(?:\.(\d{1,9}))?(ns|us|ms|s|min|m|h|d)")
_TOKEN = re.compile(r"@|[^\s@]+")
_LATEST = 2**63 - 1


def suggested(word: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" where `word` is close to one of `known`."""
    close = difflib.get_close_matches(word[:40], list(known), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else ""


class Words:
    """The words of a line after its command, taken one by one."""

    def __init__(self, verb: str, rest: str = "") -> None:
        self.verb = verb
        self.rest = rest
        self._words: list[str] = _TOKEN.findall(rest)
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._words)

    def peek(self) -> str:
        """The next word; "" at the end."""
        return self._words[self._at] if self else ""

    def has(self, count: int) -> bool:
        """Whether at least `count` words are left."""
        return self._at + count <= len(self._words)

    def take(self, what: str) -> str:
        """The next word, which is to be `what`."""
        if not self:
            raise self.error(f"{what} is missing")
        self._at += 1
        return self._words[self._at - 1]

    def accept(self, *words: str) -> bool:
        """Take the next word if it is one of `words`."""
        found = self.peek().lower() in words
        self._at += found
        return found

    def error(self, what: str, back: int = 0) -> LineError:
        """`what` is wrong after what was understood; `back` of the words taken were not."""
        understood = " ".join([self.verb, *self._words[: max(0, self._at - back)]])
        shown = understood if len(understood) <= 60 else f"{understood[:57]}..."
        return LineError(f"{what}; understood: {shown}; write {USAGE[self.verb]}")

    def number(self, what: str) -> str:
        """A decimal number, as text."""
        word = self.take(what)
        if not NUMBER.fullmatch(word) or len(word) > 40:
            raise self.error(f"{what} {word[:40]!r} is not a number", 1)
        return word

    def whole(self, what: str, most: int = 2**64 - 1) -> int:
        """A whole number."""
        word = self.take(what).removeprefix("#")
        if not (word.isascii() and word.isdigit()) or len(word) > 20 or int(word) > most:
            raise self.error(f"{what} {word[:40]!r} is not a whole number up to {most}", 1)
        return int(word)

    def word(self, what: str, words: Mapping[str, int]) -> int:
        """One of `words`."""
        text = self.take(what)
        try:
            return word_code(text, words, what)
        except RowError as error:
            raise self.error(f"{error}{suggested(normal(text), words)}", 1) from None

    def symbol(self) -> str | None:
        """A symbol, if there is one more word."""
        return self.take("a symbol") if self else None

    def when(self) -> When:
        """A time."""
        text = self.take("a time")
        found = _DURATION.fullmatch(text.lower())
        if found:
            whole, part, unit = found[1], found[2] or "", found[3]
            ns = int(whole + part) * _UNITS[unit]
            if ns % 10 ** len(part) or ns // 10 ** len(part) > _LATEST:
                raise self.error(f"the time {text[:40]!r} is no whole number of ns in 64 bits", 1)
            return When(ns // 10 ** len(part), True)
        try:
            ns = to_ns(text)
        except (UsageError, OverflowError):
            ns = _LATEST + 1
        if not 0 <= ns <= _LATEST:
            raise self.error(f"{text[:40]!r} is no time; write +5s, +100ms, 2024-03-05T09:30:00Z or ns since the epoch", 1)
        return When(ns)

    def end(self) -> None:
        """Nothing more may follow."""
        if self:
            raise self.error(f"{self.peek()[:40]!r} is too much")
