"""The engine's machine code never counts references: compiled code names what it calls, and the cache keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import tickdeck as td
from tickdeck.core.kernel import INTERPRETED, cache_folder
from tickdeck.exchange.kernels import engine, upkeep

pytestmark = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
COUNTING = b"NRT_"


def cached(module: Any, name: str) -> bytes:
    """Machine code of an entry as the cache holds it."""
    files = list(Path(cache_folder(module.__file__)).rglob(f"*.{name}-*.nbc"))
    assert files, f"{name} is not in the cache"
    return b"".join(file.read_bytes() for file in files)


def test_the_engine_does_not_count_references() -> None:
    exchange = td.Exchange([td.Instrument("ACME", tick_size="0.01")])
    exchange.submit(exchange.participant("alice"), "ACME", "buy", 1, "10.00")
    assert exchange.state_hash()
    for module, name in ((engine, "run"), (upkeep, "state_hash")):
        code = cached(module, name)
        assert len(code) > 10_000
        assert COUNTING not in code


def test_counting_is_seen_where_it_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "counting.py"
    source.write_text(
        "import numba\n"
        "@numba.njit\ndef first(values, i):\n    return values[i:]\n"
        "@numba.njit(cache=True)\ndef counts(values, n):\n"
        "    kept = values\n    for i in range(n):\n        kept = first(kept, i)\n    return kept\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    import counting  # type: ignore[import-not-found]

    counting.counts(np.zeros(3), 2)
    assert COUNTING in b"".join(file.read_bytes() for file in tmp_path.rglob("*.counts-*.nbc"))
