"""The displayed book of an exchange."""

from __future__ import annotations

from typing import NoReturn

from tickdeck.book import OrderBook
from tickdeck.core import UsageError


class DisplayedBook(OrderBook):
    """The displayed orders of an instrument; only the exchange changes them."""

    __slots__ = ()

    def _do(self, *_: object, **__: object) -> NoReturn:
        raise UsageError("the exchange owns this book; submit orders to the exchange instead")
