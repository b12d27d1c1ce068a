"""The native reference: compiled, and equal to an independent book in plain Python on every input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tickdeck.bench import inputs, native
from tickdeck.bench.case import NotAvailableError
from tickdeck.bench.inputs import Tape
from tickdeck.bench.kernels import fold_bbo
from tickdeck.bench.native import NativeLadder
from tickdeck.bench.peers import SortedBook
from tickdeck.core import BBO, EVENT

try:
    native.build("ladder.cpp")
    REASON = ""
except NotAvailableError as error:
    REASON = str(error)

needs_compiler = pytest.mark.skipif(bool(REASON), reason=REASON)


def oracle_checksum(tape: Tape) -> int:
    """The fold over best bid and ask after every event, from plain-Python books."""
    books: dict[int, SortedBook] = {}
    out = np.zeros(len(tape.events), BBO)
    columns = ("instrument_id", "action", "side", "order_id", "price", "size")
    for i, row in enumerate(zip(*(tape.events[name].tolist() for name in columns))):
        book = books.setdefault(row[0], SortedBook())
        book.apply(row[1], int(row[2] == ord("A")), *row[3:])
        out[i] = book.best()
    return int(fold_bbo(out, np.uint64(0)))


def random_events(seed: int, count: int = 20_000) -> Tape:
    """Adds, cancels, modifies and clears over few ids, so that duplicates and unknown ones are common."""
    random = np.random.default_rng(seed)
    events = np.zeros(count, EVENT)
    events["action"] = random.choice(np.frombuffer(b"AAAACCMMRTFN", np.uint8), count)
    events["side"] = random.choice(np.frombuffer(b"AB", np.uint8), count)
    events["action"][(events["action"] == ord("R")) & (random.random(count) < 0.97)] = ord("A")
    events["order_id"] = random.integers(0, 300, count)
    events["price"] = random.integers(-40, 40, count) * inputs.CENT
    events["size"] = random.integers(1, 9, count)
    events["size"][(events["action"] == ord("M")) & (random.random(count) < 0.1)] = 0
    events["instrument_id"] = random.integers(1, 4, count)
    return Tape(events, inputs.CENT, 3)


@needs_compiler
@pytest.mark.parametrize(
    "make",
    [
        lambda: random_events(1),
        lambda: random_events(2),
        lambda: inputs.flow(30_000, orders_a_book=300),
        lambda: inputs.flow(30_000, orders_a_book=300, mid=0.0),
        lambda: inputs.market(20_000, books=50, orders_a_book=40),
        lambda: inputs.one_level(5_000, live=2_000),
        lambda: inputs.many_levels(5_000, live=2_000),
        lambda: inputs.shared_ids(20_000),
    ],
)
def test_native_best_prices_equal_plain_python_after_every_event(make: Callable[[], Tape]) -> None:
    tape = make()
    with NativeLadder(tape.events, tape.tick_size) as ladder:
        assert ladder.checksum() == oracle_checksum(tape)


@needs_compiler
@pytest.mark.parametrize("prefetch", [1, 4, 16])
def test_prefetching_changes_no_count(prefetch: int) -> None:
    tape = random_events(3)
    with NativeLadder(tape.events, tape.tick_size) as ladder:
        ladder.reset()
        ladder.replay()
        plain = ladder.counts()
        ladder.reset()
        ladder.replay(prefetch)
        assert ladder.counts() == plain
        assert plain["unknown_cancel"] > 0
        assert plain["duplicate_add"] > 0


@needs_compiler
def test_the_recorded_day_has_no_unknown_ids(data: Callable[[str], Path]) -> None:
    data(inputs.ESH4)
    tape = inputs.esh4(2)
    with NativeLadder(tape.events, tape.tick_size) as ladder:
        ladder.reset()
        ladder.replay()
        counts = ladder.counts()
    assert counts["unknown_cancel"] == counts["unknown_modify"] == counts["off_tick"] == counts["duplicate_add"] == 0
    assert counts["live_orders"] > 10_000


@needs_compiler
def test_a_price_range_too_wide_for_a_dense_ladder_is_said() -> None:
    tape = inputs.stub_quotes(100)
    with pytest.raises(NotAvailableError, match="price range is too wide"):
        NativeLadder(tape.events, tape.tick_size)


def test_a_missing_compiler_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    native.compiler.cache_clear()
    try:
        with pytest.raises(NotAvailableError, match=r"no C\+\+ compiler found; install g\+\+"):
            native.compiler()
    finally:
        native.compiler.cache_clear()


@needs_compiler
def test_source_that_does_not_compile_is_not_available(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.cpp"
    broken.write_text("int main( {")
    monkeypatch.setattr(native, "source", lambda name: broken)
    monkeypatch.setenv("TICKDECK_CACHE_DIR", str(tmp_path))
    with pytest.raises(NotAvailableError, match=r"could not compile broken\.cpp: .*error"):
        native.build("broken.cpp")
    assert not list((tmp_path / "native").glob("*.so"))
