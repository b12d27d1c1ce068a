"""Compiled kernels never count references: passing arrays between functions would cost a factor of five."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.caching import NullCache
from numba.core.registry import CPUDispatcher

from tickdeck.book.kernels import queries, replay

OPTIONS = {"_nrt": False, "nogil": True}
COUNTING = re.compile(r"NRT_(incref|decref|Allocate|MemInfo\w*)")
ENTRIES = [
    value
    for module in (replay, queries)
    for value in vars(module).values()
    if isinstance(value, CPUDispatcher) and value.__module__ == module.__name__ and not isinstance(value._cache, NullCache)
]
"""What Python calls: everything else is compiled as a part of these."""


def code_of(function: Any, signature: tuple[Any, ...], **options: Any) -> str:
    """Optimised IR and assembly of a function, compiled anew: code from the cache shows no assembly."""
    fresh = numba.njit(**options)(function)
    fresh.compile(signature)
    (ir,) = fresh.inspect_llvm().values()
    (assembly,) = fresh.inspect_asm().values()
    return str(ir) + str(assembly)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.py_func.__name__)
def test_kernel_does_not_count_references(entry: Any) -> None:
    assert entry.targetoptions | OPTIONS == entry.targetoptions
    words = len(inspect.signature(entry.py_func).parameters)
    code = code_of(entry.py_func, (numba.int64,) * words, **OPTIONS)
    assert len(code) > 1000
    assert not COUNTING.findall(code)


def test_both_loops_the_single_event_and_every_query_are_looked_at() -> None:
    names = {entry.py_func.__name__ for entry in ENTRIES}
    assert names >= {"replay_events", "replay_dbn", "single", "best", "depth", "queue_at", "lookup", "checksum", "lift", "lower"}


def test_counting_is_seen_where_it_happens() -> None:
    @numba.njit
    def first(values: Any, i: int) -> Any:
        return values[i:]

    def counts(values: Any, n: int) -> Any:
        kept = values
        for i in range(n):
            kept = first(kept, i)
        return kept

    signature = (numba.typeof(np.zeros(1)), numba.int64)
    assert COUNTING.findall(code_of(counts, signature))
