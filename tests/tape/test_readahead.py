"""Reading ahead: order, lifetimes, failures, and a thread that ends."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest

from tickdeck.tape.readahead import BUFFERS, ReadAhead

MARGIN = 64


class Counted(io.RawIOBase):
    """Delivers 1, 2, 3, ... as bytes modulo 251 in short reads; fails at `end` where told to."""

    def __init__(self, end: int, failure: BaseException | None = None) -> None:
        self.at = 0
        self.end = end
        self.failure = failure

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)
        count = min(len(view), 1_000, self.end - self.at)
        if not count and self.failure:
            raise self.failure
        view[:count] = (np.arange(self.at, self.at + count) % 251).astype(np.uint8).data
        self.at += count
        return count


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tickdeck-readahead"]


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("end", [0, 1, 4_096, 4_097, 100_000])
def test_blocks_hold_the_stream_in_order(threaded: bool, end: int) -> None:
    ahead = ReadAhead(Counted(end), 4_096, MARGIN, threaded=threaded)
    parts = []
    for block in ahead:
        assert len(block.data) == MARGIN + 4_096
        parts.append(block.data[MARGIN : block.end].copy())
    ahead.close()
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(end) % 251)
    assert block.final and not threads()


def test_a_block_is_not_overwritten_before_the_next_but_one_is_asked_for() -> None:
    ahead = ReadAhead(Counted(4_096 * 50), 4_096, MARGIN)
    before = None
    for number, block in enumerate(ahead):
        time.sleep(0.001)
        for held, index in ((before, number - 1), (block, number)):
            if held is not None and held.end > MARGIN:
                np.testing.assert_array_equal(held.data[MARGIN : held.end], np.arange(index * 4_096, (index + 1) * 4_096) % 251)
        before = block
    ahead.close()


def test_a_few_buffers_serve_any_length() -> None:
    ahead = ReadAhead(Counted(4_096 * 50), 4_096, MARGIN)
    assert len({id(block.data) for block in ahead}) <= BUFFERS
    ahead.close()


@pytest.mark.parametrize("threaded", [True, False])
def test_a_failure_comes_with_the_bytes_before_it(threaded: bool) -> None:
    ahead = ReadAhead(Counted(5_000, OSError("gone")), 4_096, MARGIN, threaded=threaded)
    first, second = list(ahead)
    assert first.failure is None and not first.final
    assert isinstance(second.failure, OSError) and second.final and second.end == MARGIN + 904
    ahead.close()


def test_closing_in_the_middle_ends_the_thread() -> None:
    ahead = ReadAhead(Counted(10**9), 4_096, MARGIN)
    for _ in ahead:
        break
    assert threads()
    ahead.close()
    assert not threads()


def test_closing_before_the_first_block_is_no_error() -> None:
    ahead = ReadAhead(Counted(10), 4_096, MARGIN)
    ahead.close()
    ahead.close()
