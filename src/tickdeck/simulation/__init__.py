"""Simulated markets: seeded order flow."""

from tickdeck.simulation.flow import MarketSimulation, simulate

__all__ = ["MarketSimulation", "simulate"]
