"""What Python and the compiled loops over rows of text share: the tables, the settings and the state, by index.

`SLOT` is an entry of the open-addressing table of instruments. Its key is the text of the row's symbol, instrument id and size
decimals, which stand one after another in a blob from ``begin``.
"""

from __future__ import annotations

import numpy as np

from tickdeck.tape.event_schema import FIELDS

FNV_START = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3
"""Of the 64-bit FNV-1a hash (http://www.isthe.com/chongo/tech/comp/fnv)."""

SLOT = np.dtype(
    [
        ("hash", "<u8"),
        ("begin", "<i8"),  # of the key in the blob
        ("symbol", "<i8"),  # bytes of the symbol
        ("id", "<i8"),  # bytes of the instrument id
        ("decimals", "<i8"),  # bytes of the size decimals
        ("instrument_id", "<u4"),
        ("publisher_id", "<u2"),
        ("size_decimals", "u1"),
        ("use", "u1"),  # the U_ codes
    ],
    align=True,
)
U_FREE, U_KEEP, U_SKIP, U_ODD = 0, 1, 2, 3

C_DELIMITER = 0
C_FINAL = 1  # nothing follows the buffer
C_TIME_DIGITS = 2  # decimals of the time unit in ns; -1: ISO 8601
C_PRICE_FACTOR = 3  # prices are multiplied by this ...
C_PRICE_DIGITS = 4  # ... and divided by 10 to this
C_DEFAULT_TYPE = 5  # type of rows without one; -1: none
C_EXTRA = 6  # columns beyond the common ones are there
C_COUNT = 7

S_POSITION = 0  # first byte not consumed
S_LINE = 1  # its line number
S_FILLED = 2  # events written
S_STOP = 3  # bytes of the odd row end here
S_LINES = 4  # lines of the odd row
S_SLOT = 5  # slot of the row before, -1: none
S_HASHED = 6  # ids that were hashed
S_DROPPED = 7  # second ids that the record has no place for
S_QTY_DECIMALS = 8  # most decimals of a quantity (survey)
S_TIME_START = 9  # a time that is not 0 (survey)
S_TIME_STOP = 10
S_SKIPPED = 11  # rows of symbols that were not asked for
S_ESCAPED = 12  # a cell of the row holds doubled quotes
S_SURVEY = 13  # where the survey stands
S_SYMBOL = 14  # the three texts of that slot's key as words
S_IDENTITY = 15
S_DECIMALS = 16
S_COUNT = 17

DATA, FULL, ODD, KEY = 0, 1, 2, 3  # why a kernel stopped: no complete row left, output full, row not plain, new instrument

(
    F_TYPE,
    F_TIME,
    F_PRICE,
    F_QTY,
    F_SIDE,
    F_TRADE_ID,
    F_ORDER_ID,
    F_SYMBOL,
    F_SEQUENCE,
    F_FLAGS,
    F_RECEIVED,
    F_INSTRUMENT,
    F_DECIMALS,
    F_PUBLISHER,
    F_CHANNEL,
    F_DELTA,
    F_RTYPE,
    F_ACTION,
    F_SNAPSHOT,
) = range(len(FIELDS))

W_ISO = 0  # times are ISO 8601 text, else ns
W_OMIT = 1  # cells without a value are left out with their head
W_ROOM = 2  # most bytes of one row
W_COUNT = 3

WROTE, BAD_ACTION, BAD_SIDE, BAD_RESERVED, BAD_AMOUNT, NO_ROOM = 0, 1, 2, 3, 4, 5  # why the writing kernel stopped
