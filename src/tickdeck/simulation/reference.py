"""What recorded markets show, to set beside a simulated one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tickdeck.simulation.facts import Facts


@dataclass(frozen=True)
class Figure:
    """One figure of :func:`tickdeck.stylised_facts`."""

    label: str
    es: float
    """The E-mini S&P 500 future ESH4, CME, 2023-12-25 23:00 to 24:00 UTC: the hour after a holiday's reopening, a spread of one tick
    (Databento MBO)."""
    amzn: float
    """Amazon, NASDAQ, 2012-06-21, the whole day, a spread of many ticks (LOBSTER sample, best prices of its orderbook file; the
    message file shows the five best levels, so orders that leave these are not seen to end)."""
    low: float
    high: float
    """What is usual lies between these."""
    source: str
    """Where the figure and its range are discussed."""

    def is_unusual(self, value: float) -> bool:
        """Whether `value` lies outside the usual range; what could not be measured does not."""
        return not math.isnan(value) and not self.low <= value <= self.high


_CONT = "Cont 2001"

FIGURES = {
    "spread_mean": Figure("mean spread, ticks", 1.06, 12.8, 1, 15, "time-weighted"),
    "spread_one_tick": Figure("share of time at 1 tick", 0.939, 0.00235, 0, 1, ""),
    "spread_two_ticks": Figure("share of time at 1 or 2 ticks", 1.0, 0.00605, 0, 1, ""),
    "spread_p99": Figure("99% of time at or below, ticks", 2, 35, 1, 40, ""),
    "best_size_trades": Figure("size at the best price / mean trade", 9.68, 1.8, 1, 40, "time-weighted"),
    "best_size_cv": Figure("variation of that size (std / mean)", 0.855, 2.95, 0.5, 3.5, "Bouchaud, Mézard, Potters 2002"),
    "depth_behind": Figure("mean size of levels 2 to 5 / best", 1.588, 0.694, 0.5, 5, "Bouchaud, Mézard, Potters 2002"),
    "volatility": Figure("std of 10 s returns, ticks", 0.96, 6.58, 0.2, 15, ""),
    "kurtosis_1s": Figure("excess kurtosis of 1 s returns", 27.1, 35.6, 5, 200, f"{_CONT}: heavy tails"),
    "kurtosis_10s": Figure("excess kurtosis of 10 s returns", 24.5, 5.95, 2, 60, f"{_CONT}: heavy tails"),
    "kurtosis_60s": Figure("excess kurtosis of 60 s returns", 20.4, 3.40, 0.5, 40, f"{_CONT}: aggregational Gaussianity"),
    "tail_index": Figure("tail index of 1 s returns (Hill)", 6.09, 2.86, 2, 6.5, f"Hill 1975; {_CONT}"),
    "acf_1": Figure("autocorrelation of 10 s returns, lag 1", 0.0179, 0.06, -0.2, 0.15, f"{_CONT}: none beyond minutes"),
    "acf_2_to_20": Figure("  mean of lags 2 to 20", 0.0342, -0.00804, -0.03, 0.04, f"{_CONT}: none beyond minutes"),
    "abs_acf_1": Figure("autocorrelation of absolute returns, lag 1", 0.217, 0.158, 0.1, 0.6, f"{_CONT}: volatility clusters"),
    "abs_acf_2_to_10": Figure("  mean of lags 2 to 10", 0.139, 0.0901, 0.05, 0.5, f"{_CONT}: slow decay"),
    "abs_acf_11_to_60": Figure("  mean of lags 11 to 60", 0.0361, 0.0487, 0.02, 0.4, f"{_CONT}: slow decay"),
    "sign_acf_1": Figure("autocorrelation of trade signs, lag 1", 0.396, 0.607, 0.15, 0.9, "Lillo, Farmer 2004"),
    "sign_acf_10": Figure("  lag 10", 0.0743, 0.0969, 0.04, 0.5, "Lillo, Farmer 2004: long memory"),
    "sign_acf_100": Figure("  lag 100", -0.0209, 0.0301, -0.03, 0.2, "Lillo, Farmer 2004: long memory"),
    "fano_1s": Figure("Fano factor of messages in 1 s", 58.3, 25.2, 3, 300, "Fano 1947; 1 for a Poisson process"),
    "fano_10s": Figure("  in 10 s", 166, 50.6, 6, 1_000, ""),
    "fano_60s": Figure("  in 60 s", 452, 95.9, 10, 3_000, ""),
    "messages_per_trade": Figure("adds, modifies, cancels per trade", 17.2, 17.7, 5, 60, "order-to-trade ratio"),
    "cancelled": Figure("orders that end by a cancel", 0.932, 0.911, 0.75, 0.995, "Hasbrouck, Saar 2009"),
    "lifetime_median": Figure("lifetime of orders: median, s", 3.99, 0.748, 0.05, 60, "Hasbrouck, Saar 2009"),
    "lifetime_p90": Figure("  90% below, s", 158, 11.9, 1, 2_000, ""),
    "lifetime_under_100ms": Figure("  share under 100 ms", 0.199, 0.315, 0.02, 0.6, "Hasbrouck, Saar 2009: fleeting orders"),
}
"""Name -> label, recorded figures, usual range.

The recorded figures were computed once by :func:`tickdeck.stylised_facts`; a test recomputes them where the recordings are. The usual
ranges contain both recorded markets and what the sources report. Sources: R. Cont, Quantitative Finance 1 (2001) 223; J.-P.
Bouchaud, M. Mézard, M. Potters, Quantitative Finance 2 (2002) 251; F. Lillo, J. D. Farmer, Studies in Nonlinear Dynamics & Econometrics
8 (2004); J. Hasbrouck, G. Saar, Journal of Financial Markets 12 (2009) 143; B. M. Hill, Annals of Statistics 3 (1975) 1163; U. Fano,
Physical Review 72 (1947) 26.
"""


def table(facts: Facts) -> str:
    """The figures beside the recorded ones, as text; what is not usual is marked."""
    head = f"{facts.symbol}: {facts.events:,} events of {(facts.end - facts.start) / 1e9 / 60:.0f} minutes of trading"
    rows = [f"{'':46}{'here':>10}{'ESH4':>10}{'AMZN':>10}   usual"]
    for name, figure in FIGURES.items():
        value = facts.figures[name]
        usual = f"{_number(figure.low)} to {_number(figure.high)}"
        mark = "   <- unusual" if figure.is_unusual(value) else ""
        rows.append(
            f"{figure.label:46}{_number(value):>10}{_number(figure.es):>10}{_number(figure.amzn):>10}   {usual:14}{mark}".rstrip()
        )
    return "\n".join([head, *rows])


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
