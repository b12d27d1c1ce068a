"""Worked examples of phases, auctions and price bands; the answers were worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from order_scripts import Example

from tickdeck.core.orders import Phase
from tickdeck.soak.oracle_orders import SIZE_TIME

COLLECTING: dict[str, Any] = {"phase": Phase.PRE_OPEN}
PHASES = [
    Example(
        "orders collect in PRE_OPEN, may cross, and trade in the auction at one price",
        """
        a buy 5 102
        = A1 B5@102
        b sell 3 100
        = A2 A3@100
        c sell 4 101
        reference 101
        phase continuous
        = N CROSS | T N3@101, F1 B3@101, C1 B3@102, F2 A3@101, C2 A3@100 |
        = T N2@101, F1 B2@101, C1 B2@102, F3 A2@101, C3 A2@101 | N TRADING
        ! crossed 1 3@101 left 2; crossed 2 3@101 left 0; crossed 1 2@101 left 0; crossed 3 2@101 left 2
        """,
        COLLECTING,
    ),
    Example(
        "market orders wait unseen and come first in the auction; what is left of them is cancelled",
        """
        a buy 5 -
        =
        ! accepted 1 5
        b buy 5 101
        c sell 3 101
        phase continuous
        = N CROSS | T N3@101, F3 A3@101, C3 A3@101 | N TRADING
        ! crossed 1 3@101 left 2; crossed 3 3@101 left 0; cancelled 1 2 AUCTION_REMAINDER
        """,
        COLLECTING,
    ),
    Example(
        "of prices with the same size the smallest imbalance wins",
        """
        a buy 5 103
        a buy 2 101
        b sell 5 100
        reference 100
        phase continuous
        = N CROSS | T N5@102, F1 B5@102, C1 B5@103, F3 A5@102, C3 A5@100 | N TRADING
        """,
        COLLECTING,
    ),
    Example(
        "of prices with the same size and imbalance the closest to the reference wins",
        """
        a buy 5 110
        b sell 5 100
        reference 103.4
        phase continuous
        = N CROSS | T N5@103, F1 B5@103, C1 B5@110, F2 A5@103, C2 A5@100 | N TRADING
        """,
        COLLECTING,
    ),
    Example(
        "of two prices equally close to the reference the higher wins",
        """
        a buy 5 110
        b sell 5 100
        reference 103.5
        phase continuous
        = N CROSS | T N5@104, F1 B5@104, C1 B5@110, F2 A5@104, C2 A5@100 | N TRADING
        """,
        COLLECTING,
    ),
    Example(
        "without a reference the highest of equal prices wins",
        """
        a buy 5 110
        b sell 5 100
        phase continuous
        = N CROSS | T N5@110, F1 B5@110, C1 B5@110, F2 A5@110, C2 A5@100 | N TRADING
        """,
        COLLECTING,
    ),
    Example(
        "market orders alone trade at the reference price rounded down to the tick",
        """
        a buy 5 -
        b sell 4 -
        reference 103.7
        phase continuous
        = N CROSS | T N4@103 | N TRADING
        ! crossed 1 4@103 left 1; crossed 2 4@103 left 0; cancelled 1 1 AUCTION_REMAINDER
        """,
        COLLECTING,
    ),
    Example(
        "market orders alone without a reference do not trade",
        """
        a buy 5 -
        b sell 4 -
        phase continuous
        = N TRADING
        ! cancelled 1 5 AUCTION_REMAINDER; cancelled 2 4 AUCTION_REMAINDER
        """,
        COLLECTING,
    ),
    Example(
        "in an auction displayed orders come before hidden ones, whatever the discipline in order of entry",
        """
        a buy 2 100 hidden
        a buy 2 100
        a buy 9 100
        b sell 5 100
        phase continuous
        = N CROSS | T N2@100, F2 B2@100, C2 B2@100, F4 A2@100, C4 A2@100 |
        = T N3@100, F3 B3@100, C3 B3@100, F4 A3@100, C4 A3@100 | N TRADING
        """,
        {"phase": Phase.PRE_OPEN, "discipline": SIZE_TIME},
    ),
    Example(
        "an iceberg's reserve counts in the auction and enters the end of its queue",
        """
        a buy 6 100 show=2
        b buy 2 100
        c sell 5 100
        phase continuous
        = N CROSS | T N2@100, F1 B2@100, C1 B2@100, F3 A2@100, C3 A2@100 | A1 B2@100 |
        = T N2@100, F2 B2@100, C2 B2@100, F3 A2@100, C3 A2@100 | T N1@100, F1 B1@100, C1 B1@100, F3 A1@100, C3 A1@100 |
        = N TRADING
        """,
        COLLECTING,
    ),
    Example(
        "what is left of AT_OPEN orders expires after the auction, by order id among the cancellations",
        """
        a buy 5 100 at-open
        a buy 5 -
        c sell 6 100
        phase continuous
        = N CROSS | T N5@100, F3 A5@100, C3 A5@100 | T N1@100, F1 B1@100, C1 B1@100, F3 A1@100, C3 A1@100 | C1 B4@100 |
        = N TRADING
        ! crossed 2 5@100 left 0; crossed 3 5@100 left 1; crossed 1 1@100 left 4; crossed 3 1@100 left 0;
        ! expired 1 4 AT_OPEN_REMAINDER
        a buy 5 100 at-open
        ! rejected WRONG_PHASE
        """,
        COLLECTING,
    ),
    Example(
        "AT_CLOSE orders wait until PRE_CLOSE, enter by id, and expire after the closing auction",
        """
        a sell 5 101 at-close
        =
        ! accepted 1 5
        b buy 5 101
        = A2 B5@101
        a sell 3 - at-close
        phase pre_close
        = N PRE_CLOSE | A1 A5@101
        phase closed
        = N CROSS | T N3@101, F2 B3@101, C2 B3@101 | T N2@101, F2 B2@101, C2 B2@101, F1 A2@101, C1 A2@101 | C1 A3@101 | N CLOSE
        ! crossed 2 3@101 left 2; crossed 3 3@101 left 0; crossed 2 2@101 left 0; crossed 1 2@101 left 3;
        ! expired 1 3 AT_CLOSE_REMAINDER
        """,
    ),
    Example(
        "a collecting phase that ends in HALT has no auction; CONTINUOUS after it has",
        """
        a buy 5 102
        b sell 3 100
        phase halt
        = N HALT
        c buy 1 100
        ! rejected WRONG_PHASE
        a cancel 1
        = C1 B5@102
        phase continuous
        = N TRADING
        """,
        COLLECTING,
    ),
    Example(
        "a crossed book of a HALT is uncrossed when CONTINUOUS follows",
        """
        a buy 5 102
        b sell 3 102
        phase halt
        phase continuous
        = N CROSS | T N3@102, F1 B3@102, C1 B3@102, F2 A3@102, C2 A3@102 | N TRADING
        """,
        COLLECTING,
    ),
    Example(
        "a phase that cannot follow is refused",
        """
        phase pre_open
        =
        ! rejected BAD_PHASE
        phase continuous
        ! rejected BAD_PHASE
        phase volatility
        = N PAUSE
        """,
    ),
    Example(
        "stops wait outside continuous trading and trigger as soon as it returns, pegs after them",
        """
        a buy 5 100
        b buy 2 - peg=bid
        b buy 1 - stop=101
        phase volatility
        a buy 1 101
        c sell 1 101
        c sell 3 103
        phase continuous
        = N CROSS | T N1@101, F4 B1@101, C4 B1@101, F5 A1@101, C5 A1@101 | N TRADING | T B1@103, F6 A1@103, C6 A1@103
        c sell 7 100
        = T A5@100, F1 B5@100, C1 B5@100 | T A2@100
        """,
        {"volatility_pause": 0},
    ),
    Example(
        "IOC, FOK and minimum size are refused while orders collect",
        """
        a buy 5 100 ioc
        ! rejected WRONG_PHASE
        a buy 5 100 fok
        ! rejected WRONG_PHASE
        a buy 5 100 min=1
        ! rejected WRONG_PHASE
        a buy 5 100 post
        = A1 B5@100
        """,
        COLLECTING,
    ),
    Example(
        "a trade outside the static band interrupts trading; a limit order that may rest does, and the pause ends in an auction",
        """
        reference 100
        a sell 1 105
        a sell 2 106
        @5 b buy 5 107
        = T B1@105, F1 A1@105, C1 A1@105 | N PAUSE | A3 B4@107
        @104 c buy 1 90
        = A4 B1@90
        @106 clock
        = N CROSS | T N2@106, F3 B2@106, C3 B2@107, F2 A2@106, C2 A2@106 | N TRADING
        """,
        {"static_band": Fraction(5), "volatility_pause": 100},
    ),
    Example(
        "what is left of an immediate or market order that would leave the band is cancelled",
        """
        reference 100
        a sell 1 106
        b buy 5 - ioc
        = N PAUSE
        ! accepted 2 5; cancelled 2 5 PRICE_BAND
        """,
        {"static_band": Fraction(5), "volatility_pause": 0},
    ),
    Example(
        "the dynamic band is that of the last price before the order came in",
        """
        a buy 1 100
        b sell 1 100
        a sell 1 102
        a sell 1 103
        b buy 2 103
        = T B1@102, F3 A1@102, C3 A1@102 | N PAUSE | A5 B1@103
        """,
        {"dynamic_band": Fraction(2)},
    ),
    Example(
        "a FOK order counts only sizes within the band and does not interrupt",
        """
        reference 100
        a sell 1 105
        a sell 9 106
        b buy 2 110 fok
        =
        ! accepted 3 2; cancelled 3 2 FILL_OR_KILL
        """,
        {"static_band": Fraction(5)},
    ),
    Example(
        "an auction that cancels what it counted is repeated at a new price",
        """
        a buy 5 101 group=1
        a buy 5 101 group=1
        b buy 3 99
        c sell 8 98
        phase continuous
        = N CROSS | T N5@101, F1 B5@101, C1 B5@101, F4 A5@101, C4 A5@98 | C2 B5@101 |
        = T N3@99, F3 B3@99, C3 B3@99, F4 A3@99, C4 A3@98 | N TRADING
        """,
        COLLECTING,
    ),
]
