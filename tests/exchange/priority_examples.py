"""Worked examples of priority and self-trade prevention; the answers were worked out by hand."""

from __future__ import annotations

from order_scripts import Example

from tickdeck.soak.oracle_orders import PRO_RATA, SIZE_TIME

PRIORITY = [
    Example(
        "a limit order trades at resting prices, best first, and rests with what is left",
        """
        a sell 5 102
        = A1 A5@102
        ! accepted 1 5
        a sell 3 101
        b buy 10 102
        = T B3@101, F2 A3@101, C2 A3@101 | T B5@102, F1 A5@102, C1 A5@102 | A3 B2@102
        ! accepted 3 10; filled 2 3@101 left 0; took 3 3@101 left 7; filled 1 5@102 left 0; took 3 5@102 left 2
        """,
    ),
    Example(
        "at one price the order that came first trades first",
        """
        a sell 5 101
        b sell 5 101
        c buy 7 101
        = T B5@101, F1 A5@101, C1 A5@101 | T B2@101, F2 A2@101, C2 A2@101
        """,
    ),
    Example(
        "displayed orders of a price trade before hidden ones, hidden ones in order of entry and as T alone",
        """
        a sell 5 101 hidden
        =
        a sell 4 101 hidden
        b sell 5 101
        c buy 11 101
        = T B5@101, F3 A5@101, C3 A5@101 | T B5@101 | T B1@101
        ! accepted 4 11; filled 3 5@101 left 0; took 4 5@101 left 6; filled 1 5@101 left 0; took 4 5@101 left 1;
        ! filled 2 1@101 left 3; took 4 1@101 left 0
        """,
    ),
    Example(
        "a hidden order at a better price trades before a displayed one",
        """
        a sell 5 101
        b sell 5 100 hidden
        c buy 6 101
        = T B5@100 | T B1@101, F1 A1@101, C1 A1@101
        """,
    ),
    Example(
        "a size decrease keeps the place, an increase and a change of price lose it",
        """
        a sell 5 101
        b sell 5 101
        a replace 1 size=4
        = M1 A4@101
        ! replaced 1 4
        b replace 2 size=6
        = M2 A6@101
        c buy 1 101
        = T B1@101, F1 A1@101, C1 A1@101
        a replace 1 price=102
        = M1 A3@102
        a replace 1 price=101
        = M1 A3@101
        c buy 1 101
        = T B1@101, F2 A1@101, C2 A1@101
        """,
    ),
    Example(
        "a replace that would trade is a cancel, the trades, and an add of what is left",
        """
        a sell 5 101
        b buy 7 100
        b replace 2 price=101
        = C2 B7@100 | T B5@101, F1 A5@101, C1 A5@101 | A2 B2@101
        ! replaced 2 7; filled 1 5@101 left 0; took 2 5@101 left 2
        """,
    ),
    Example(
        "pro-rata: the top order's part, shares rounded down, the rest in order of entry",
        """
        a sell 10 101
        a sell 30 101
        b sell 60 101
        c buy 21 101
        = T B9@101, F1 A9@101, C1 A9@101 | T B4@101, F2 A4@101, C2 A4@101 | T B8@101, F3 A8@101, C3 A8@101
        """,
        {"discipline": PRO_RATA, "top": 40, "minimum": 1},
    ),
    Example(
        "pro-rata: shares below the minimum are not given",
        """
        a sell 10 101
        a sell 10 101
        b sell 80 101
        c buy 10 101
        = T B2@101, F1 A2@101, C1 A2@101 | T B8@101, F3 A8@101, C3 A8@101
        """,
        {"discipline": PRO_RATA, "top": 0, "minimum": 2},
    ),
    Example(
        "pro-rata: an incoming order that covers a price trades in order of entry",
        """
        a sell 3 101
        b sell 9 101
        c buy 12 101
        = T B3@101, F1 A3@101, C1 A3@101 | T B9@101, F2 A9@101, C2 A9@101
        """,
        {"discipline": PRO_RATA},
    ),
    Example(
        "pro-rata: shares are whole lots",
        """
        a sell 50 101
        b sell 50 101
        c buy 30 101
        = T B20@101, F1 A20@101, C1 A20@101 | T B10@101, F2 A10@101, C2 A10@101
        """,
        {"discipline": PRO_RATA, "top": 0, "lot": 10},
    ),
    Example(
        "size-time: the largest first, equal sizes in order of entry",
        """
        a sell 3 101
        a sell 8 101
        b sell 8 101
        c buy 17 101
        = T B8@101, F2 A8@101, C2 A8@101 | T B8@101, F3 A8@101, C3 A8@101 | T B1@101, F1 A1@101, C1 A1@101
        """,
        {"discipline": SIZE_TIME},
    ),
]

SELF_TRADE = [
    Example(
        "self-trade prevention off lets the orders trade",
        """
        a sell 5 101
        a buy 5 101 none
        = T B5@101, F1 A5@101, C1 A5@101
        """,
    ),
    Example(
        "cancel-newest cancels what is left of the incoming order",
        """
        b sell 1 101
        a sell 5 101
        b sell 3 101
        a buy 9 101 cancel-newest
        = T B1@101, F1 A1@101, C1 A1@101
        ! accepted 4 9; filled 1 1@101 left 0; took 4 1@101 left 8; cancelled 4 8 SELF_TRADE
        """,
    ),
    Example(
        "cancel-oldest cancels the resting order and goes on",
        """
        a sell 9 101 show=5
        b sell 3 101
        a buy 4 101 cancel-oldest
        = C1 A5@101 | T B3@101, F2 A3@101, C2 A3@101 | A3 B1@101
        ! accepted 3 4; cancelled 1 9 SELF_TRADE; filled 2 3@101 left 0; took 3 3@101 left 1
        """,
    ),
    Example(
        "cancel-both cancels both",
        """
        a sell 5 101
        b sell 3 101
        a buy 9 101 cancel-both
        = C1 A5@101
        ! accepted 3 9; cancelled 1 5 SELF_TRADE; cancelled 3 9 SELF_TRADE
        """,
    ),
    Example(
        "decrement takes the smaller size off both without a trade",
        """
        a sell 5 101
        b sell 3 101
        a buy 7 101 decrement
        = C1 A5@101 | T B2@101, F2 A2@101, C2 A2@101
        ! accepted 3 7; cancelled 1 5 SELF_TRADE; replaced 3 2 SELF_TRADE; filled 2 2@101 left 1; took 3 2@101 left 0
        a sell 5 102
        a buy 2 102 decrement
        """,
    ),
    Example(
        "decrement takes an iceberg's displayed part and lets the next part in",
        """
        a sell 5 101 show=2
        a buy 3 101 decrement
        = C1 A2@101 | A1 A2@101 | C1 A1@101
        ! accepted 2 3; replaced 1 3 SELF_TRADE; replaced 2 1 SELF_TRADE; replaced 1 2 SELF_TRADE; cancelled 2 1 SELF_TRADE
        """,
    ),
    Example(
        "in other disciplines own orders are dealt with before any trade at the price",
        """
        b sell 9 101
        a sell 5 101
        a buy 4 101 cancel-oldest
        = C2 A5@101 | T B4@101, F1 A4@101, C1 A4@101
        """,
        {"discipline": SIZE_TIME},
    ),
]
