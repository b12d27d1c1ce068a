"""Rebuilt books and the matching engine against the truth: orderbook files, vendors' depth rows, tickers, checksums, fills."""

from tickdeck.verify.plan import Run, plan, plan_matching
from tickdeck.verify.result import Comparison, Mismatch, Window

__all__ = ["Comparison", "Mismatch", "Run", "Window", "plan", "plan_matching"]
