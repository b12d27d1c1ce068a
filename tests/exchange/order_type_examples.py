"""Worked examples of order types; the answers were worked out by hand."""

from __future__ import annotations

from order_scripts import Example

TYPES = [
    Example(
        "what a market order finds no counterpart for is cancelled",
        """
        a sell 5 101
        b buy 8 -
        = T B5@101, F1 A5@101, C1 A5@101
        ! accepted 2 8; filled 1 5@101 left 0; took 2 5@101 left 3; cancelled 2 3 NO_LIQUIDITY
        b buy 8 - ioc
        =
        ! accepted 3 8; cancelled 3 8 NO_LIQUIDITY
        """,
    ),
    Example(
        "an iceberg's next part enters at the end of the queue",
        """
        a sell 9 101 show=4
        = A1 A4@101
        ! accepted 1 9
        b sell 2 101
        c buy 7 101
        = T B4@101, F1 A4@101, C1 A4@101 | A1 A4@101 | T B2@101, F2 A2@101, C2 A2@101 | T B1@101, F1 A1@101, C1 A1@101
        c buy 4 101
        = T B3@101, F1 A3@101, C1 A3@101 | A1 A1@101 | T B1@101, F1 A1@101, C1 A1@101
        """,
    ),
    Example(
        "on entry all of an iceberg may trade",
        """
        a sell 8 101
        b buy 10 101 show=2
        = T B8@101, F1 A8@101, C1 A8@101 | A2 B2@101
        """,
    ),
    Example(
        "a size decrease takes from an iceberg's reserve first",
        """
        a sell 9 101 show=4
        b sell 1 101
        a replace 1 size=5
        = M1 A4@101
        a replace 1 size=3
        = M1 A3@101
        c buy 3 101
        = T B3@101, F1 A3@101, C1 A3@101
        """,
    ),
    Example(
        "an iceberg that grows behind a full displayed part is taken out and enters anew",
        """
        a sell 9 101 show=4
        b sell 1 101
        a replace 1 size=12
        = C1 A4@101 | A1 A4@101
        ! replaced 1 12
        c buy 1 101
        = T B1@101, F2 A1@101, C2 A1@101
        """,
    ),
    Example(
        "an iceberg that grows behind a part-filled display shows a full part at the end of the queue",
        """
        a sell 9 101 show=4
        b sell 1 101
        c buy 3 101
        a replace 1 size=7
        = M1 A4@101
        c buy 1 101
        = T B1@101, F2 A1@101, C2 A1@101
        """,
    ),
    Example(
        "a buy stop triggers at its trigger price or above and acts as a market order",
        """
        a sell 1 101
        a sell 5 102
        b buy 3 - stop=101
        =
        ! accepted 3 3
        c buy 1 101
        = T B1@101, F1 A1@101, C1 A1@101 | T B3@102, F2 A3@102, C2 A3@102
        ! accepted 4 1; filled 1 1@101 left 0; took 4 1@101 left 0; triggered 3 3; filled 2 3@102 left 2; took 3 3@102 left 0
        """,
    ),
    Example(
        "a stop whose trigger is met already triggers on entry",
        """
        a buy 1 100
        b sell 1 100
        b sell 2 - stop=100
        =
        ! accepted 3 2; triggered 3 2; cancelled 3 2 NO_LIQUIDITY
        """,
    ),
    Example(
        "a stop-limit rests at its price when it has triggered",
        """
        a buy 1 100
        b sell 2 101 stop=100
        c sell 1 100
        = T A1@100, F1 B1@100, C1 B1@100 | A2 A2@101
        """,
    ),
    Example(
        "stops trigger buys first, lowest trigger first, then sells from the highest; at one trigger in order of entry",
        """
        a sell 2 - stop=99
        a sell 3 - stop=100
        a buy 4 - stop=100
        a buy 5 - stop=98
        a buy 6 - stop=98
        b buy 1 100
        c sell 1 100
        ! accepted 7 1; filled 6 1@100 left 0; took 7 1@100 left 0; triggered 4 5; cancelled 4 5 NO_LIQUIDITY;
        ! triggered 5 6; cancelled 5 6 NO_LIQUIDITY; triggered 3 4; cancelled 3 4 NO_LIQUIDITY; triggered 2 3;
        ! cancelled 2 3 NO_LIQUIDITY
        """,
    ),
    Example(
        "a replaced trigger price enters anew",
        """
        a buy 2 - stop=100
        a buy 3 - stop=100
        a replace 1 stop=99
        a replace 1 stop=100
        =
        ! replaced 1 2
        b buy 1 100
        c sell 1 100
        ! accepted 4 1; filled 3 1@100 left 0; took 4 1@100 left 0; triggered 2 3; cancelled 2 3 NO_LIQUIDITY;
        ! triggered 1 2; cancelled 1 2 NO_LIQUIDITY
        """,
    ),
    Example(
        "stops look at the last price when the incoming order is done",
        """
        a sell 1 99
        a sell 1 101
        b sell 2 - stop=99
        c buy 2 101
        = T B1@99, F1 A1@99, C1 A1@99 | T B1@101, F2 A1@101, C2 A1@101
        """,
    ),
    Example(
        "a trailing stop follows the best price since its acceptance",
        """
        a buy 1 100
        b sell 1 100
        b sell 2 - trail=2
        a buy 1 103
        b sell 1 103
        a buy 1 102
        b sell 1 102
        a buy 1 101
        b sell 1 101
        ! accepted 9 1; filled 8 1@101 left 0; took 9 1@101 left 0; triggered 3 2; cancelled 3 2 NO_LIQUIDITY
        """,
    ),
    Example(
        "without a last price a trailing stop waits for the first",
        """
        b buy 2 - trail=1
        a buy 1 100
        b sell 1 100
        ! accepted 3 1; filled 2 1@100 left 0; took 3 1@100 left 0
        a buy 1 101
        b sell 1 101
        ! accepted 5 1; filled 4 1@101 left 0; took 5 1@101 left 0; triggered 1 2; cancelled 1 2 NO_LIQUIDITY
        """,
    ),
    Example(
        "a peg follows its reference as far as its price allows, and is hidden",
        """
        a buy 5 100
        b buy 3 101 peg=bid offset=1
        =
        ! accepted 2 3
        c sell 1 101
        = T A1@101
        a replace 1 price=102
        = M1 B5@102
        c sell 8 101
        = T A5@102, F1 B5@102, C1 B5@102 | T A2@101 | A4 A1@101
        """,
    ),
    Example(
        "a middle is rounded down for buyers and up for sellers",
        """
        a buy 5 100
        a sell 5 103
        b buy 1 - peg=mid
        b sell 1 - peg=mid
        c sell 1 101
        = T A1@101
        c buy 1 102
        = T B1@102
        """,
    ),
    Example(
        "a peg without a reference is suspended and returns with it",
        """
        b buy 1 - peg=bid
        c sell 1 -
        ! accepted 2 1; cancelled 2 1 NO_LIQUIDITY
        a buy 5 100
        c sell 6 100
        = T A5@100, F3 B5@100, C3 B5@100 | T A1@100
        """,
    ),
    Example(
        "a peg that moves trades as an incoming order if it can",
        """
        a buy 5 100
        a sell 2 102 hidden
        b buy 3 - peg=bid offset=1
        a replace 1 price=101
        = M1 B5@101 | T B2@102
        ! replaced 1 5; filled 2 2@102 left 0; took 3 2@102 left 1
        """,
    ),
    Example(
        "pegs are priced in order of acceptance, and one whose price changes goes to the end of the queue there",
        """
        a buy 5 100
        b buy 1 101 hidden
        b buy 2 - peg=bid
        b buy 3 101 peg=bid offset=5
        a replace 1 price=101
        c sell 10 101
        = T A5@101, F1 B5@101, C1 B5@101 | T A1@101 | T A3@101 | T A1@101
        """,
    ),
    Example(
        "a post-only order that would trade is rejected, also against hidden orders",
        """
        a sell 1 101 hidden
        b buy 1 101 post
        =
        ! rejected WOULD_TRADE
        b buy 1 100 post
        = A2 B1@100
        b replace 3 price=101
        ! rejected WOULD_TRADE
        """,
    ),
    Example(
        "a reduce-only order is rejected without an opposite position and cut to it",
        """
        a buy 5 100 reduce
        ! rejected NOT_REDUCING
        a buy 3 100
        b sell 3 100
        a sell 5 101 reduce
        = A3 A3@101
        ! accepted 3 3
        b sell 1 105 reduce
        ! rejected NOT_REDUCING
        """,
    ),
    Example(
        "a resting reduce-only order trades no more than what is left of the position",
        """
        a buy 5 100
        b sell 5 100
        a sell 5 101 reduce
        a sell 3 - ioc
        b buy 3 100
        a sell 3 100
        c buy 5 101
        = T B2@101, F3 A2@101, C3 A2@101 | C3 A3@101 | A7 B3@101
        ! accepted 7 5; filled 3 2@101 left 3; took 7 2@101 left 3; cancelled 3 3 REDUCE_ONLY
        """,
    ),
    Example(
        "a resting reduce-only order without a position is cancelled when its turn comes",
        """
        a buy 2 100
        b sell 2 100
        a sell 2 102 reduce
        b buy 2 101
        a sell 2 101
        b sell 1 102
        c buy 1 102
        = C3 A2@102 | T B1@102, F6 A1@102, C6 A1@102
        ! accepted 7 1; cancelled 3 2 REDUCE_ONLY; filled 6 1@102 left 0; took 7 1@102 left 0
        """,
    ),
    Example(
        "the first fill of a group cancels the others, a cancel leaves them",
        """
        a buy 2 99 group=1
        a buy 2 98 group=1
        a buy 2 97 group=1
        a buy 2 96 group=2
        b buy 2 95 group=1
        a cancel 2
        = C2 B2@98
        ! cancelled 2 2 BY_PARTICIPANT
        c sell 1 99
        = T A1@99, F1 B1@99, C1 B1@99 | C3 B2@97
        ! accepted 6 1; filled 1 1@99 left 1; took 6 1@99 left 0; cancelled 3 2 ONE_CANCELS_OTHER
        """,
    ),
    Example(
        "the trigger of a stop cancels the others of its group",
        """
        a sell 2 105 group=1
        a sell 2 - stop=100 group=1
        b buy 1 100
        c sell 1 100
        = T A1@100, F3 B1@100, C3 B1@100 | C1 A2@105
        ! accepted 4 1; filled 3 1@100 left 0; took 4 1@100 left 0; triggered 2 2; cancelled 1 2 ONE_CANCELS_OTHER;
        ! cancelled 2 2 NO_LIQUIDITY
        """,
    ),
]
