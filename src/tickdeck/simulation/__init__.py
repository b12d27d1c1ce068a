"""Simulated markets: participants on an exchange, seeded order flow, and what makes a market believable in numbers."""

from tickdeck.simulation.facts import Facts, stylised_facts
from tickdeck.simulation.flow import OrderFlow, order_flow
from tickdeck.simulation.market import MarketSimulation, simulate
from tickdeck.simulation.network import NETWORKS, Network, network
from tickdeck.simulation.participants import (
    KINDS,
    MIXES,
    Background,
    HawkesFlow,
    Informed,
    MarketMaker,
    MeanReversion,
    Momentum,
    Participant,
    participants,
)

__all__ = [
    "KINDS",
    "MIXES",
    "NETWORKS",
    "Background",
    "Facts",
    "HawkesFlow",
    "Informed",
    "MarketMaker",
    "MarketSimulation",
    "MeanReversion",
    "Momentum",
    "Network",
    "OrderFlow",
    "Participant",
    "network",
    "order_flow",
    "participants",
    "simulate",
    "stylised_facts",
]
