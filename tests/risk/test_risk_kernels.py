"""The kernels of the gate: the same compiled and as plain Python, and without reference counts."""

from __future__ import annotations

import inspect
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core.caching import NullCache
from numba.core.registry import CPUDispatcher

import tickdeck as td
from tickdeck.core.kernel import INTERPRETED, kernel_sources
from tickdeck.risk import Fees, Limits, RiskGate
from tickdeck.risk.kernels import entries

COUNTING = re.compile(r"NRT_(incref|decref|Allocate|MemInfo\w*)")
OPTIONS = {"_nrt": False, "nogil": True}
ENTRIES = [
    value
    for value in vars(entries).values()
    if isinstance(value, CPUDispatcher) and value.__module__ == entries.__name__ and not isinstance(value._cache, NullCache)
]


def trail(seed: int) -> list[list[int]]:
    """Decisions and state hashes of a gate that meets everything: fills, marks, inverse contracts, hours, days."""
    rng = random.Random(seed)
    limits = {
        "max_order_size": 50, "max_notional": 9_000, "price_collar_percent": 9, "max_position": 120, "orders_per_second": 4,
        "orders_per_day": 30, "duplicate_window": "2s", "max_daily_loss": 900, "max_drawdown": 950, "max_consecutive_losses": 3,
        "cool_down": "1s", "max_gross_exposure": 20_000, "max_net_exposure": 18_000, "max_concentration_percent": 90,
        "concentration_from": 9_000, "max_leverage": "1.5", "calendar": "c",
        "calendars": {"c": {"hours": ["08:00-20:00"], "blackout_hours": ["12:00-12:10"], "first_day": "2026-11-01"}},
    }  # fmt: skip
    listed = [
        td.Instrument("A", tick_size="0.01", size_decimals=1),
        td.Instrument("B", tick_size="0.01", currency="EUR", multiplier="2.5"),
        td.Instrument("C", tick_size="0.5", currency="BTC", inverse=True, multiplier=10),
    ]
    of = RiskGate(
        Limits.from_dict(limits), listed, ["alice", "bob"], rates={"EUR": "1.0845", "BTC": 90},
        fees=Fees(maker="-0.0001", taker="0.00035", taker_per_unit="0.015"), remembered_orders=16,
    )  # fmt: skip
    for name in ("alice", "bob"):
        of.account(name).deposit(20_000)
    ts = td.to_ns("2026-11-18T11:00:00Z")
    out = []
    for _ in range(90):
        ts += rng.choice((0, 10**7, 10**9, 600 * 10**9, 3600 * 10**9))
        who, what = rng.choice(("alice", "bob")), rng.choice("ABC")
        side, size, price = rng.choice(("buy", "sell")), rng.choice((1, 3, 20, 55)), str(rng.randint(88, 112))
        kind = rng.choice(("order", "order", "fill", "known", "mark", "closed"))
        if kind == "order":
            decision = of.check(
                who, what, side, size, price if rng.random() < 0.8 else None, ts=ts, replaces=rng.choice((0, 0, 5))
            )
            out.append([int(decision.reason), decision.limit, decision.value])
            if decision.passed:
                of.opened(who, what, side, size, price, ts=ts)
        elif kind == "mark":
            of.mark(what, price)
        elif kind == "closed":
            of.closed(who, what, side, size)
        else:
            leaves = rng.choice((0, 5)) if kind == "known" else -1
            of.filled(who, what, side, size, price, leaves=leaves, aggressor=rng.random() < 0.5, ts=ts)
        out.append([of.state_hash()])
    return out


def test_compiled_and_interpreted_runs_agree_at_every_step() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0" if INTERPRETED else "1", "PYTHONPATH": str(Path(__file__).parent)}
    code = "import json, test_risk_kernels as t; print(json.dumps([t.trail(seed) for seed in range(4)]))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    ours = [trail(seed) for seed in range(4)]
    assert json.loads(done.stdout) == ours
    assert len({decision[0] for run in ours for decision in run if len(decision) == 3}) > 6


@pytest.mark.skipif(INTERPRETED, reason="looks at compiled code")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.py_func.__name__)
def test_risk_kernel_does_not_count_references(entry: Any) -> None:
    assert entry.targetoptions | OPTIONS == entry.targetoptions
    fresh = numba.njit(**OPTIONS)(entry.py_func)
    fresh.compile((numba.int64,) * len(inspect.signature(entry.py_func).parameters))
    (code,) = fresh.inspect_llvm().values()
    assert len(code) > 500 and not COUNTING.findall(code)


def test_every_risk_entry_is_looked_at() -> None:
    assert INTERPRETED or len(ENTRIES) == sum(name.startswith("call_") for name in vars(entries))


def test_an_edit_to_any_risk_kernel_compiles_the_entries_anew() -> None:
    kernels = Path(entries.__file__).parent
    assert {path for path in kernels.glob("*.py") if path.name != "__init__.py"} <= set(kernel_sources(entries.__file__))
