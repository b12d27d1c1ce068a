"""The recorded figures that simulated markets are set beside are those of the recordings."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tickdeck.core import BBO
from tickdeck.simulation import Facts, stylised_facts
from tickdeck.simulation.reference import FIGURES
from tickdeck.tape import read
from tickdeck.tape.lobster_truth import open_truth

Data = Callable[[str], Path]


def check(facts: Facts, column: str, *, but: frozenset[str] = frozenset()) -> None:
    for name, figure in FIGURES.items():
        value = facts.figures[name]
        if name not in but:
            assert value == pytest.approx(getattr(figure, column), rel=0.006, abs=1e-5), name


def test_figures_of_the_future(data: Data) -> None:
    with read(data("databento/esh4-glbx-mdp3-20231225.mbo.dbn.zst")) as reader:
        check(stylised_facts(reader), "es")


def test_figures_of_the_stock_with_the_best_prices_of_its_orderbook_file(data: Data) -> None:
    path = data("lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip")
    with read(path) as reader:
        events = np.concatenate(list(reader))
        instrument = next(iter(reader.instruments.values()))
    rows = np.concatenate(list(open_truth(path)))
    best = np.zeros(len(events), BBO)
    for name in BBO.names or ():
        best[name] = rows[events["sequence"].astype(np.int64) - 1, 0][name]
    facts = stylised_facts(events, instrument, bbo=best)
    assert math.isnan(facts.figures["depth_behind"])
    check(facts, "amzn", but=frozenset({"depth_behind"}))
    levels = (rows["bid_size"] + rows["ask_size"]).mean(axis=0)
    assert levels[1:5].mean() / levels[0] == pytest.approx(FIGURES["depth_behind"].amzn, rel=0.006)
