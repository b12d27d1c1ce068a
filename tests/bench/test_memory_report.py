"""What --memory and --profile find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tickdeck.bench.case import Case, Contender, Sample
from tickdeck.bench.memory import DAYS, measure
from tickdeck.bench.profile import TOOLS, flame_graph, function_at, sample


def case(prepare: Callable[[object], Iterator[Callable[[], Sample]]]) -> Case:
    return Case("suite.case", "", lambda: None, [Contender("tickdeck", "ours", prepare)])


def test_a_leak_shows_as_growth_with_its_place() -> None:
    def prepare(_: object) -> Iterator[Callable[[], Sample]]:
        kept: list[bytearray] = []

        def leak() -> Sample:
            kept.append(bytearray(b"x") * 4_000_000)
            return Sample(1, 1.0)

        yield leak

    report = measure(case(prepare))
    assert len(report.resident) == DAYS
    assert 3.5e6 < report.growth < 5e6
    assert report.hot_bytes >= 4_000_000
    assert "test_memory_report.py" in report.sites[0].place


def test_a_pass_that_frees_what_it_takes_does_not_grow() -> None:
    def prepare(_: object) -> Iterator[Callable[[], Sample]]:
        yield lambda: Sample(len(bytearray(b"x") * 4_000_000), 1.0)

    assert abs(measure(case(prepare)).growth) < 0.5e6


def test_a_line_is_known_by_the_innermost_function_around_it() -> None:
    path = Path(__file__)
    number = next(i for i, line in enumerate(path.read_text().splitlines(), 1) if "kept.append" in line)
    assert function_at(str(path), number) == "test_memory_report.leak"


def test_a_flame_graph_counts_callees_within_their_callers() -> None:
    stacks = Counter({("replay", "act", "cancel"): 3, ("replay", "act"): 1, ("outside kernels", "libc"): 2})
    trace = flame_graph(stacks, "book.esh4").data[0]
    sizes = dict(zip(trace["ids"], trace["values"]))
    assert sizes["book.esh4"] == 6
    assert sizes["replay"] == sizes["replay/act"] == 4
    assert sizes["replay/act/cancel"] == 3


@pytest.mark.slow
def test_the_profile_sees_functions_inlined_into_a_kernel() -> None:
    import shutil

    for tool in TOOLS:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    stacks = sample("book.flow", quick=True)
    frames = {frame for stack in stacks for frame in stack}
    assert {"replay.replay", "ladder.append", "index.find_slot"} <= frames
    inside = sum(count for stack, count in stacks.items() if stack[0] != "outside kernels")
    assert inside > 0.8 * sum(stacks.values())
