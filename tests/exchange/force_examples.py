"""Worked examples of times in force; the answers were worked out by hand."""

from __future__ import annotations

from order_scripts import Example

FORCES = [
    Example(
        "what an IOC order cannot trade at once is cancelled",
        """
        a sell 5 101
        b buy 8 101 ioc
        = T B5@101, F1 A5@101, C1 A5@101
        ! accepted 2 8; filled 1 5@101 left 0; took 2 5@101 left 3; cancelled 2 3 IMMEDIATE_REMAINDER
        """,
    ),
    Example(
        "a FOK order counts reserves and hidden orders within its limit",
        """
        a sell 4 101 show=1
        a sell 2 101 hidden
        a sell 9 102
        b buy 7 101 fok
        =
        ! accepted 4 7; cancelled 4 7 FILL_OR_KILL
        b buy 6 101 fok
        = T B1@101, F1 A1@101, C1 A1@101 | A1 A1@101 | T B1@101, F1 A1@101, C1 A1@101 | A1 A1@101 |
        = T B1@101, F1 A1@101, C1 A1@101 | A1 A1@101 | T B1@101, F1 A1@101, C1 A1@101 | T B2@101
        """,
    ),
    Example(
        "a minimum size that cannot trade at once cancels the order untouched, otherwise the rest goes on",
        """
        a sell 5 101
        b buy 8 101 min=6
        =
        ! accepted 2 8; cancelled 2 8 MINIMUM_SIZE
        b buy 8 101 min=5
        = T B5@101, F1 A5@101, C1 A5@101 | A3 B3@101
        """,
    ),
    Example(
        "own orders do not count for FOK unless self-trade prevention is off",
        """
        b sell 2 101
        a sell 5 101
        b buy 7 101 fok cancel-oldest
        ! accepted 3 7; cancelled 3 7 FILL_OR_KILL
        b buy 5 101 fok cancel-newest
        ! accepted 4 5; cancelled 4 5 FILL_OR_KILL
        b buy 5 101 fok cancel-oldest
        = C1 A2@101 | T B5@101, F2 A5@101, C2 A5@101
        """,
    ),
    Example(
        "with cancel-newest a reserve that comes in behind an own order does not count for FOK",
        """
        a sell 6 101 show=2
        b sell 1 101
        b buy 3 101 fok cancel-newest
        ! accepted 3 3; cancelled 3 3 FILL_OR_KILL
        b buy 2 101 fok cancel-newest
        = T B2@101, F1 A2@101, C1 A2@101 | A1 A2@101
        """,
    ),
    Example(
        "reduce-only orders and orders of a group never count for FOK",
        """
        a buy 2 99
        b sell 2 99
        a sell 2 101 reduce
        c sell 2 101 group=1
        b buy 1 101 fok
        ! accepted 5 1; cancelled 5 1 FILL_OR_KILL
        """,
    ),
    Example(
        "GTD orders expire at their time, at one time by order id, before the command is looked at",
        """
        a sell 5 102 gtd=10
        a sell 5 101 gtd=10
        @10 b buy 5 102
        = C1 A5@102 | C2 A5@101 | A3 B5@102
        ! expired 1 5 GOOD_TILL_DATE; expired 2 5 GOOD_TILL_DATE; accepted 3 5
        a sell 5 105 gtd=10
        ! rejected ALREADY_EXPIRED
        """,
    ),
    Example(
        "DAY orders expire when the instrument closes, before the status",
        """
        a sell 5 102
        a sell 5 101 day
        a sell 5 - stop=90 day
        phase closed
        = C2 A5@101 | N CLOSE
        ! expired 2 5 END_OF_DAY; expired 3 5 END_OF_DAY
        """,
    ),
]
