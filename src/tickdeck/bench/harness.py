"""Runs cases: warm-up, interleaved passes, ratios with confidence intervals, verdicts."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tickdeck.bench.case import Bound, Case, Contender, NotAvailableError, Sample, Settings
from tickdeck.bench.latency import Histogram
from tickdeck.bench.result import CaseResult, Measured, Ratio, Verdict
from tickdeck.bench.statistics import median_interval, spread

OWN_CORE = 0.97
"""A pass in which the thread had less than this share of the wall time was preempted."""

Pass = Callable[[], Sample]


@contextmanager
def pinned(wanted: bool = True) -> Iterator[None]:
    """Keep this process on its last allowed core, where the system can."""
    if not wanted or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def no_collection() -> Iterator[None]:
    """Python's garbage collector is off."""
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def prepared(contender: Contender, given: Any) -> Iterator[Pass]:
    """A contender between its preparation and its cleaning up."""
    made = iter(contender.prepare(given))
    try:
        yield next(made)
    finally:
        next(made, None)


def peak_growth(work: Callable[[], object]) -> int:
    """Bytes by which the resident memory of the process peaked above its start while `work` ran; 0 where unknown."""
    reset = Path("/proc/self/clear_refs")
    try:
        reset.write_text("5")
    except OSError:
        work()
        return 0
    before = _status_kb("VmRSS")
    work()
    return max(_status_kb("VmHWM") - before, 0) * 1024


def resident_bytes() -> int:
    """Resident memory of this process."""
    return _status_kb("VmRSS") * 1024


def _status_kb(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


class Entry:
    """A contender while its case runs."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.run: Pass | None = None
        self.samples: list[Sample] = []
        self.disturbed = 0
        self.record = Measured(contender.name, contender.role, contender.work)

    def start(self, stack: ExitStack, given: Any) -> None:
        """Prepare and warm up: the first pass compiles, gives the checksum and the peak memory."""
        first: list[Sample] = []

        def warm() -> None:
            self.run = stack.enter_context(prepared(self.contender, given))
            first.append(self.run())

        try:
            self.record.peak_bytes = peak_growth(warm)
        except NotAvailableError as reason:
            self.record.missing = str(reason)
            self.run = None
            return
        if first[0].checksum is not None:
            self.record.checksum = f"{first[0].checksum:016x}"
        if first[0].bytes is not None:
            self.record.peak_bytes = first[0].bytes

    def measure(self) -> None:
        """One timed pass; one that lost its core counts with the processor time that it had."""
        assert self.run is not None
        sample = self.run()
        if sample.processor is not None and sample.processor < OWN_CORE * sample.seconds:
            self.disturbed += 1
            sample = replace(sample, seconds=sample.processor)
        self.samples.append(sample)

    def finish(self) -> Measured:
        """The figures."""
        record = self.record
        if not self.samples:
            return record
        record.units = self.samples[0].units
        record.seconds = [sample.seconds for sample in self.samples]
        rates = self.rates()
        record.rate, record.worst, record.spread = float(np.median(rates)), min(rates), spread(rates)
        record.disturbed = self.disturbed
        record.latencies_ns = _percentiles([sample.latencies for sample in self.samples])
        record.service_ns = _percentiles([sample.service for sample in self.samples])
        for name in self.samples[0].details:
            record.details[name] = float(np.median([sample.details[name] for sample in self.samples]))
        return record

    def rates(self) -> list[float]:
        """Units a second of each pass."""
        return [sample.units / sample.seconds if sample.seconds else 0.0 for sample in self.samples]


def _percentiles(histograms: list[Histogram | None]) -> dict[str, int]:
    total = Histogram()
    for histogram in histograms:
        if histogram is not None:
            total.counts += histogram.counts
            total.highest = max(total.highest, histogram.highest)
    return total.percentiles() if len(total) else {}


def run_case(case: Case, settings: Settings) -> CaseResult:
    """Measure a case: every contender in turn, as often as the settings say, first and last place alternating."""
    entries = [Entry(contender) for contender in case.contenders]
    with pinned(case.pinned), ExitStack() as stack:
        try:
            given = case.make_input()
        except NotAvailableError as reason:
            for entry in entries:
                entry.record.missing = str(reason)
        else:
            for entry in entries:
                entry.start(stack, given)
        running = [entry for entry in entries if entry.run is not None]
        with no_collection():
            for repeat in range(case.passes or settings.repeats):
                for entry in running if repeat % 2 == 0 else reversed(running):
                    entry.measure()
    result = CaseResult(case.name, case.work, case.unit, [entry.finish() for entry in entries])
    ours = entries[0]
    for entry in entries[1:]:
        if not entry.samples or not ours.samples:
            continue
        pairs = [mine / other for mine, other in zip(ours.rates(), entry.rates()) if other]
        result.ratios.append(Ratio(entry.contender.name, *median_interval(pairs), pairs=pairs))
        checksums = ours.record.checksum, entry.record.checksum
        if entry.contender.comparable and all(checksums) and checksums[0] != checksums[1]:
            result.differing.append(entry.contender.name)
    for level, bounds in (("must", case.must), ("aim", case.aim)):
        result.verdicts += [judge(bound, level, result) for bound in bounds]
    return result


def judge(bound: Bound, level: str, result: CaseResult) -> Verdict:
    """Whether `result` keeps `bound`."""
    value: float | None = None
    if bound.metric == "ratio":
        value = next((ratio.median for ratio in result.ratios if ratio.of == bound.of), None)
    elif result.ours.seconds:
        ours = result.ours
        figures: dict[str, float] = {
            "rate": ours.rate,
            "seconds": float(np.median(ours.seconds)),
            "bytes": ours.peak_bytes,
            **ours.latencies_ns,
        }
        value = figures.get(bound.metric)
    text = bound_text(bound, result.unit)
    if value is None:
        return Verdict(level, text, False, checked=False)
    return Verdict(level, text, value >= bound.value if bound.at_least else value <= bound.value)


def bound_text(bound: Bound, unit: str) -> str:
    """A bound in words."""
    if bound.metric == "ratio":
        return f">= {bound.value:g}x {bound.of}"
    if bound.metric == "rate":
        return f">= {amount(bound.value)} {unit}/s"
    if bound.metric == "seconds":
        return f"<= {bound.value:g} s"
    if bound.metric == "bytes":
        return f"<= {bound.value / 1e6:g} MB"
    return f"{bound.metric} <= {duration(bound.value)}"


def amount(value: float) -> str:
    """A count in three figures: 84.3 M."""
    for limit, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"


def duration(ns: float) -> str:
    """Nanoseconds in three figures: 1.25 us."""
    for limit, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if ns >= limit:
            return f"{ns / limit:.3g} {unit}"
    return f"{ns:.0f} ns"
