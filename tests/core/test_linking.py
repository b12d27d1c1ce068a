"""Kernels below an entry are linked once, whoever calls them."""

from __future__ import annotations

from typing import Any

import numba
import pytest

from tickdeck.core.kernel import INTERPRETED, kernel
from tickdeck.core.linking import EntryCompiler, EntryLibrary, InnerLibrary

pytestmark = pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")


@kernel
def one_more(value: int) -> int:
    return value + 1


@kernel(rare=True)
def two_more(value: int) -> int:
    return one_more(one_more(value))


@kernel(rare=True)
def four_more(value: int) -> int:
    return two_more(two_more(value))


def library_of(function: Any) -> Any:
    return next(iter(function.overloads.values())).library


def test_entry_holds_all_that_it_calls_and_inner_kernels_have_no_machine_code() -> None:
    @numba.njit(pipeline_class=EntryCompiler)
    def seven_more(value):  # type: ignore[no-untyped-def]
        return one_more(two_more(four_more(value)))

    assert seven_more(10) == 17
    assert isinstance(library_of(seven_more), EntryLibrary)
    assert seven_more.inspect_asm()
    assert isinstance(library_of(four_more), InnerLibrary)
    assert library_of(four_more).get_pointer_to_function("four_more") == 0


def test_ordinary_compiled_function_may_call_kernels() -> None:
    @numba.njit
    def ordinary(value):  # type: ignore[no-untyped-def]
        return four_more(value) + two_more(value)

    assert ordinary(1) == 8
    assert not isinstance(library_of(ordinary), EntryLibrary)


def test_two_entries_share_a_kernel() -> None:
    entries = [
        numba.njit(pipeline_class=EntryCompiler)(function) for function in (lambda x: four_more(x), lambda x: four_more(x) - x)
    ]
    assert [entry(5) for entry in entries] == [9, 4]
