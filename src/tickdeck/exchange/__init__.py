"""The matching engine: order types, queue disciplines, auctions and phases on exact books."""

from tickdeck.exchange.disciplines import Discipline, OwnRule, PriceTime, ProRata, SizeTime
from tickdeck.exchange.exchange import Exchange
from tickdeck.exchange.feeds import Feed
from tickdeck.exchange.listing import Listing
from tickdeck.exchange.outcome import Depth, Indicative, Outcome, Statistics
from tickdeck.exchange.participant import Participant

__all__ = [
    "Depth",
    "Discipline",
    "Exchange",
    "Feed",
    "Indicative",
    "Listing",
    "Outcome",
    "OwnRule",
    "Participant",
    "PriceTime",
    "ProRata",
    "SizeTime",
    "Statistics",
]
