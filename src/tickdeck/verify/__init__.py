"""Rebuilt books against the truth: orderbook files, vendors' depth rows, tickers and checksums."""

from tickdeck.verify.plan import Run, plan
from tickdeck.verify.result import Comparison, Mismatch, Window

__all__ = ["Comparison", "Mismatch", "Run", "Window", "plan"]
