"""Kernels and the instructions they use are the same compiled and as plain Python.

The same file runs once in each mode: the last test starts the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import namedtuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.core.intrinsics import (
    address_of,
    array_at,
    count_leading_zeros,
    count_trailing_zeros,
    load_word,
    population_count,
    prefetch,
    views,
)
from tickdeck.core.kernel import INTERPRETED, kernel

WORDS = st.integers(0, 2**64 - 1)
ROW = np.dtype([("size", "<i8"), ("count", "<u4"), ("side", "u1")], align=True)
PACKED = np.dtype([("side", "u1"), ("size", "<i8"), ("count", "<u4")])
Pools = namedtuple("Pools", "at rows numbers")
unpack = views(Pools, (ROW, np.dtype("<i8")))
quick = settings(max_examples=60, deadline=None, derandomize=True)


@kernel(entry=True)
def counts(word, ones):
    x = np.uint64(word)
    return count_leading_zeros(x), count_trailing_zeros(x), population_count(np.uint64(ones))


@kernel(entry=True)
def word_at(array, index):
    return load_word(array, index)


@kernel
def doubled(rows, i):
    rows[i].size = rows[i].size + rows[i].size
    return rows[i].size


@kernel(rare=True)
def total(at):
    p = unpack(at)
    found = np.int64(0)
    for i in range(len(p.rows)):
        prefetch(p.rows, np.uint64(i))
        found += p.rows[i].size * np.int64(p.rows[i].count)
    return found


@kernel(entry=True)
def work(at, factor):
    p = unpack(np.uint64(at))
    for i in range(len(p.rows)):
        doubled(p.rows, i)
    p.numbers[0] = np.int64(total(p.at)) * np.int64(factor)
    return p.numbers[0]


@kernel(entry=True)
def packed_size(address, length):
    rows = array_at(np.uint64(address), np.uint64(length), PACKED)
    found = np.int64(0)
    for i in range(len(rows)):
        found += rows[i].size
        rows[i].size = np.int64(i)
    return found


@kernel(entry=True)
def field_of(rows, i):
    rows[i].count = np.uint32(7)
    return rows[i].size


@kernel(entry=True)
def mixed(word, amount):
    return (np.uint64(word) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(60), np.float64(amount) * np.inf


@quick
@given(WORDS.filter(bool), WORDS)
def test_bit_counts(word: int, ones: int) -> None:
    text = f"{word:064b}"
    leading, trailing, population = counts(np.uint64(word), np.uint64(ones))
    assert (leading, trailing) == (len(text) - len(text.lstrip("0")), len(text) - len(text.rstrip("0")))
    assert population == ones.bit_count()


@quick
@given(st.binary(min_size=8, max_size=40), st.integers(0, 32))
def test_a_word_is_read_from_any_byte(data: bytes, index: int) -> None:
    index = min(index, len(data) - 8)
    assert word_at(np.frombuffer(data, np.uint8), index) == int.from_bytes(data[index : index + 8], "little")


def test_a_handle_leads_to_the_arrays() -> None:
    rows = np.zeros(5, ROW)
    rows["size"], rows["count"] = np.arange(5), 3
    numbers = np.zeros(2, np.int64)
    handle = np.array([address_of(rows), len(rows), address_of(numbers), len(numbers)], np.uint64)
    assert work(address_of(handle), 10) == 2 * 10 * 3 * 10
    assert numbers.tolist() == [600, 0]
    assert rows["size"].tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("shift", range(8))
def test_packed_records_are_read_and_written_at_any_address(shift: int) -> None:
    memory = np.zeros(8 + 3 * PACKED.itemsize, np.uint8)
    rows = memory[shift : shift + 3 * PACKED.itemsize].view(PACKED)
    rows["size"] = [5, -7, 2**40]
    assert packed_size(address_of(rows), 3) == 2**40 - 2
    assert rows["size"].tolist() == [0, 1, 2]
    assert packed_size(0, 0) == 0


def test_fields_named_like_attributes_of_arrays_are_fields() -> None:
    rows = np.zeros(2, ROW)
    rows["size"] = 11
    assert field_of(rows, 1) == 11
    assert rows["count"].tolist() == [0, 7]


@pytest.mark.filterwarnings("error")
@quick
@given(WORDS)
def test_unsigned_words_wrap_silently(word: int) -> None:
    top, product = mixed(np.uint64(word), 0)
    assert top == (word * 0x9E3779B97F4A7C15 % 2**64) >> 60
    assert np.isnan(product)


def test_an_entry_keeps_its_name_and_text() -> None:
    def documented(x):
        """What it does."""
        return x

    made = kernel(documented, entry=True)
    assert (made.__name__, made.__doc__) == ("documented", "What it does.")


def test_all_of_this_holds_in_the_other_mode() -> None:
    if os.environ.get("TICKDECK_OTHER_MODE"):
        assert (os.environ["NUMBA_DISABLE_JIT"] == "1") == INTERPRETED
        return
    environment = {**os.environ, "TICKDECK_OTHER_MODE": "1", "NUMBA_DISABLE_JIT": "0" if INTERPRETED else "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout[-3000:]


OUT_OF_BOUNDS = """
import numba
import numpy as np
from tickdeck.core.intrinsics import address_of, array_at
from tickdeck.core.kernel import kernel
@kernel
def read(at, i):
    return array_at(np.uint64(at), np.uint64(3), np.int64)[i]
import numba
entry = numba.njit(_nrt=False)(lambda at, i: read(at, i))
numbers = np.arange(8)
try:
    entry(address_of(numbers), 5)
    print("not seen")
except IndexError:
    print("seen")
"""


@pytest.mark.parametrize(("mode", "expected"), [("1", "seen"), ("0", "not seen")])
def test_bounds_checks_reach_views_of_raw_memory(mode: str, expected: str) -> None:
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": mode, "NUMBA_DISABLE_JIT": "0"}
    done = subprocess.run([sys.executable, "-c", OUT_OF_BOUNDS], env=environment, capture_output=True, text=True, timeout=200)
    assert done.stdout.strip() == expected, done.stderr


def test_a_part_of_other_kernels_cannot_be_called_from_python() -> None:
    @kernel
    def part(x: int) -> int:
        return x + 1

    @numba.njit
    def whole(x: int) -> int:
        return part(x)

    assert whole(1) == 2
    for _ in range(2):
        if INTERPRETED:
            assert part(1) == 2
        else:
            with pytest.raises(TypeError, match="part is a part of other kernels"):
                part(1)
