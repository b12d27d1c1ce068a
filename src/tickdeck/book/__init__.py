"""Exact order books: one instrument (`OrderBook`) or a whole market (`Market`) over one order pool."""

from tickdeck.book.market import Market
from tickdeck.book.order_book import Best, OrderBook, QueuePosition
from tickdeck.book.snapshot import BookSnapshot

__all__ = ["Best", "BookSnapshot", "Market", "OrderBook", "QueuePosition"]
