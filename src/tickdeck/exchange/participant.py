"""One who trades on an exchange."""

from __future__ import annotations

from tickdeck.core import Records, SelfTrade
from tickdeck.exchange.feeds import Feed


class Participant:
    """Made by ``Exchange.participant``.

    Attributes
    ----------
    id : int
        1, 2, ... in order of admission.
    name : str
    self_trade : SelfTrade
        Prevention mode of its orders that name none.
    """

    __slots__ = ("_feed", "id", "name", "next_client_order_id", "self_trade")

    def __init__(self, number: int, name: str, self_trade: SelfTrade, feed: Feed) -> None:
        self.id = number
        self.name = name
        self.self_trade = self_trade
        self.next_client_order_id = 1
        self._feed = feed

    def take(self) -> Records:
        """What happened to its orders since the last call, as ``EXECUTION`` records.

        Raises
        ------
        LossError
            Nobody looked for so long that records were dropped.
        """
        return self._feed.take()

    def __repr__(self) -> str:
        return f"<Participant {self.id} {self.name}>"
