"""The harness: who runs when, what is judged, what counts as success."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from tickdeck.bench.case import Bound, Case, Contender, NotAvailableError, Sample, Settings
from tickdeck.bench.harness import amount, bound_text, duration, run_case
from tickdeck.bench.latency import Histogram
from tickdeck.bench.result import CaseResult


def steady(seconds: float, checksum: int | None = None, log: list[str] | None = None, name: str = "") -> Callable:
    """A contender's preparation whose passes always take `seconds`."""

    def prepare(_: object) -> Iterator[Callable[[], Sample]]:
        def run() -> Sample:
            if log is not None:
                log.append(name)
            return Sample(100, seconds, checksum=checksum)

        yield run
        if log is not None:
            log.append(f"{name} closed")

    return prepare


def missing(_: object) -> Iterator[Callable[[], Sample]]:
    raise NotAvailableError("no compiler found; install g++")
    yield


def case(*contenders: Contender, **options: object) -> Case:
    return Case("suite.case", "some work", lambda: None, list(contenders), **options)  # type: ignore[arg-type]


def run(given: Case, repeats: int = 5) -> CaseResult:
    return run_case(given, Settings(repeats=repeats))


def test_contenders_take_turns_and_alternate_who_is_first() -> None:
    log: list[str] = []
    run(
        case(Contender("a", "ours", steady(1.0, log=log, name="a")), Contender("b", "native", steady(1.0, log=log, name="b"))),
        repeats=3,
    )
    assert log[:2] == ["a", "b"]
    assert log[2:8] == ["a", "b", "b", "a", "a", "b"]
    assert set(log[8:]) == {"a closed", "b closed"}


def test_ratio_is_our_rate_over_theirs() -> None:
    result = run(case(Contender("a", "ours", steady(2.0)), Contender("b", "native", steady(1.0))))
    assert [(ratio.of, ratio.median, ratio.low, ratio.high) for ratio in result.ratios] == [("b", 0.5, 0.5, 0.5)]
    assert result.ours.rate == 50.0
    assert result.ours.spread == 0.0


@pytest.mark.parametrize(
    ("bound", "met"),
    [
        (Bound("ratio", 0.5, "b"), True),
        (Bound("ratio", 0.51, "b"), False),
        (Bound("rate", 50.0), True),
        (Bound("rate", 51.0), False),
        (Bound("seconds", 2.0), True),
        (Bound("seconds", 1.9), False),
    ],
)
def test_a_missed_must_fails_and_a_missed_aim_does_not(bound: Bound, met: bool) -> None:
    contenders = (Contender("a", "ours", steady(2.0)), Contender("b", "native", steady(1.0)))
    must, aim = run(case(*contenders, must=(bound,))), run(case(*contenders, aim=(bound,)))
    assert [verdict.met for verdict in must.verdicts + aim.verdicts] == [met, met]
    assert must.failed is not met
    assert not aim.failed


def test_a_must_against_a_reference_that_is_not_there_is_no_success() -> None:
    result = run(case(Contender("a", "ours", steady(1.0)), Contender("b", "native", missing), must=(Bound("ratio", 0.8, "b"),)))
    assert result.measured[1].missing == "no compiler found; install g++"
    assert not result.verdicts[0].checked
    assert result.failed


def test_a_rate_can_be_judged_without_the_reference() -> None:
    assert not run(
        case(Contender("a", "ours", steady(1.0)), Contender("b", "native", missing), must=(Bound("rate", 99.0),))
    ).failed


def test_different_checksums_fail_and_equal_ones_do_not() -> None:
    ours = Contender("a", "ours", steady(1.0, 7))
    assert run(case(ours, Contender("b", "native", steady(1.0, 8)))).differing == ["b"]
    assert run(case(ours, Contender("b", "native", steady(1.0, 8)))).failed
    assert not run(case(ours, Contender("b", "native", steady(1.0, 7)))).failed
    assert not run(case(ours, Contender("b", "native", steady(1.0, 8), comparable=False))).failed


def test_a_missing_input_is_said_for_every_contender() -> None:
    def make() -> object:
        raise NotAvailableError("recorded data is not there")

    result = run_case(
        Case("s.c", "", make, [Contender("a", "ours", steady(1.0))], must=(Bound("rate", 1.0),)), Settings(repeats=1)
    )
    assert result.ours.missing == "recorded data is not there"
    assert result.failed


def test_a_pass_that_lost_its_core_counts_with_its_processor_time() -> None:
    def prepare(_: object) -> Iterator[Callable[[], Sample]]:
        yield lambda: Sample(100, 2.0, processor=1.0)

    result = run(case(Contender("a", "ours", prepare)), repeats=3)
    assert result.ours.seconds == [1.0, 1.0, 1.0]
    assert result.ours.disturbed == 3


def test_latencies_of_all_passes_are_judged_together() -> None:
    import numpy as np

    def prepare(_: object) -> Iterator[Callable[[], Sample]]:
        values = iter([1, 1, 1_000])

        def pass_() -> Sample:
            histogram = Histogram()
            histogram.add(np.full(100, next(values)))
            return Sample(100, 1.0, latencies=histogram)

        yield pass_

    result = run(case(Contender("a", "ours", prepare), must=(Bound("p50", 10),), aim=(Bound("p99", 10),)), repeats=2)
    assert [verdict.met for verdict in result.verdicts] == [True, False]


def test_the_garbage_collector_is_off_while_passes_are_timed() -> None:
    seen: list[bool] = []

    def prepare(_: object) -> Iterator[Callable[[], Sample]]:
        def pass_() -> Sample:
            seen.append(gc.isenabled())
            return Sample(1, 1.0)

        yield pass_

    run(case(Contender("a", "ours", prepare)), repeats=2)
    assert seen == [True, False, False]
    assert gc.isenabled()


def test_peak_memory_of_the_first_pass_is_reported() -> None:
    def prepare(_: object) -> Iterator[Callable[[], Sample]]:
        yield lambda: Sample(len(bytearray(b"x") * 50_000_000), 1.0)

    peak = run(case(Contender("a", "ours", prepare)), repeats=1).ours.peak_bytes
    assert peak == 0 or 45e6 < peak < 90e6


def test_figures_are_printed_in_three_digits() -> None:
    assert [amount(value) for value in (84_312_000, 5_000, 12.5)] == ["84.3 M", "5 k", "12.5"]
    assert [duration(value) for value in (999, 1_250, 40_000_000, 2e9)] == ["999 ns", "1.25 us", "40 ms", "2 s"]
    assert bound_text(Bound("p99", 5_000), "updates") == "p99 <= 5 us"
    assert bound_text(Bound("rate", 18e6), "events") == ">= 18 M events/s"
