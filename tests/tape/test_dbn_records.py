"""The declared layouts against those of Databento's own package."""

from __future__ import annotations

import re

import databento_dbn as dbn
import numpy as np
import pytest

from tickdeck.core import DBN_MBO
from tickdeck.tape import dbn_records as layouts

PAIRS = [
    (DBN_MBO, dbn.MBOMsg),
    (layouts.TRADES, dbn.TradeMsg),
    (layouts.MBP_1, dbn.MBP1Msg),
    (layouts.MBP_10, dbn.MBP10Msg),
    (layouts.BBO_SAMPLE, dbn.BBOMsg),
    (layouts.CMBP_1, dbn.CMBP1Msg),
    (layouts.CBBO_SAMPLE, dbn.CBBOMsg),
    (layouts.OHLCV, dbn.OHLCVMsg),
    (layouts.STATUS_CHANGE, dbn.StatusMsg),
    (layouts.IMBALANCE, dbn.ImbalanceMsg),
    (layouts.STATISTICS, dbn.StatMsg),
    (layouts.STATISTICS_V1, dbn.StatMsgV1),
    (layouts.DEFINITION, dbn.InstrumentDefMsg),
    (layouts.DEFINITION_V2, dbn.InstrumentDefMsgV2),
    (layouts.DEFINITION_V1, dbn.InstrumentDefMsgV1),
    (layouts.SYMBOL_MAPPING, dbn.SymbolMappingMsg),
    (layouts.SYMBOL_MAPPING_V1, dbn.SymbolMappingMsgV1),
]


def flat_fields(layout: np.dtype) -> dict[str, tuple[int, int]]:
    """Field -> (offset, bytes), levels under the names that Databento gives them."""
    found = {}
    for name, entry in layout.fields.items():
        if name == "levels":
            level, (count,) = entry[0].subdtype
            for index in range(count):
                for inner, (kind, offset, *_) in level.fields.items():
                    found[f"{inner}_{index:02d}"] = (entry[1] + index * level.itemsize + offset, kind.itemsize)
        else:
            found[name] = (entry[1], entry[0].itemsize)
    return {name: place for name, place in found.items() if not name.startswith("reserved")}


@pytest.mark.parametrize(("layout", "message"), PAIRS, ids=lambda item: getattr(item, "__name__", ""))
def test_layout_has_every_field_where_databento_puts_it(layout: np.dtype, message: type) -> None:
    theirs = np.dtype(message._dtypes)
    expected = {
        name: (entry[1], entry[0].itemsize) for name, entry in theirs.fields.items() if not re.match(r"_reserved|_dummy", name)
    }
    assert flat_fields(layout) == expected
    assert layout.itemsize == theirs.itemsize == message.size_hint


def test_every_schema_of_databento_has_a_layout() -> None:
    for schema in dbn.Schema.variants():
        rtype = dbn.RType.from_schema(schema)
        number = 0x01 if str(schema) == "tbbo" else int(rtype.value)
        assert layouts.SCHEMAS[str(schema)] == number
        assert number in layouts.LAYOUTS


def test_layouts_of_one_type_differ_in_size_so_that_the_size_tells_the_version() -> None:
    for candidates in layouts.LAYOUTS.values():
        sizes = [item.itemsize for item in candidates]
        assert len({*sizes, *(size + layouts.TS_OUT_BYTES for size in sizes)}) == 2 * len(sizes)
