"""The doctor's findings, on machines made of files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tickdeck.cli import machine, run
from tickdeck.cli.machine import Check, examine

GOOD = {
    "proc/cpuinfo": "model name\t: Fast CPU\nflags\t\t: fpu sse\n",
    "proc/loadavg": "0.01 0.02 0.03 1/100 1",
    "proc/meminfo": "MemTotal: 33554432 kB\nMemAvailable: 20000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    "proc/sys/vm/swappiness": "60",
    "proc/sys/kernel/perf_event_paranoid": "1",
    "sys/devices/system/cpu/isolated": "2-3",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    "sys/kernel/mm/transparent_hugepage/defrag": "always defer defer+madvise [madvise] never",
    "dev/shm/.keep": "",
}


def findings(root: Path, changes: dict[str, str | None]) -> dict[str, Check]:
    for name, text in {**GOOD, **changes}.items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    return {check.name: check for check in examine(root)}


def test_a_well_set_machine_has_nothing_to_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "SLOW_CLOCK_NS", 1e6)
    found = findings(tmp_path, {})
    for name in ("cpu", "isolated", "governor", "load", "clock", "huge pages", "memory", "swap"):
        assert found[name].state == "ok" and found[name].advice == "", found[name]
    assert "virtual" not in found and "defrag" not in found and "profiling" not in found


@pytest.mark.parametrize(
    ("name", "state", "changes", "advice"),
    [
        ("virtual", "note", {"proc/cpuinfo": "model name : X\nflags : fpu hypervisor\n"}, "host"),
        ("isolated", "note", {"sys/devices/system/cpu/isolated": ""}, "isolcpus"),
        ("governor", "bad", {"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave"}, "cpupower"),
        ("governor", "note", {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": None}, "host"),
        ("load", "bad", {"proc/loadavg": "999.0 1 1 1/1 1"}, "others"),
        ("clock", "bad", {"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet"}, "clocksource=tsc"),
        ("huge pages", "bad", {"sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]"}, "echo madvise"),
        ("defrag", "bad", {"sys/kernel/mm/transparent_hugepage/defrag": "[always] defer never"}, "defer+madvise"),
        ("memory", "bad", {"proc/meminfo": "MemTotal: 4000000 kB\nMemAvailable: 1000 kB\n"}, "free"),
        ("swap", "bad", {"proc/meminfo": "MemTotal: 1 kB\nSwapTotal: 1000 kB\nSwapFree: 1000 kB\n"}, "swappiness"),
        ("profiling", "note", {"proc/sys/kernel/perf_event_paranoid": "3"}, "perf_event_paranoid=1"),
    ],
)
def test_each_bad_setting_comes_with_what_to_do(
    name: str, state: str, changes: dict[str, str | None], advice: str, tmp_path: Path
) -> None:
    found = findings(tmp_path, changes)[name]
    assert found.state == state and advice in found.advice


def test_a_machine_that_shows_nothing_is_no_error(tmp_path: Path) -> None:
    assert {check.name for check in examine(tmp_path)} >= {"cpu", "clock", "numpy", "python"}


def test_json_lists_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    checks = msgspec.json.decode(capsys.readouterr().out, type=list[dict[str, str]])
    assert {"name", "state", "value", "advice"} == set(checks[0])
    assert all(check["advice"] for check in checks if check["state"] == "bad")
    assert "numba" in {check["name"] for check in checks}


def test_a_disabled_compiler_and_a_low_limit_are_found() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = f"ulimit -S -n 100; exec {sys.executable} -m tickdeck doctor"
    result = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=True)
    assert "NUMBA_DISABLE_JIT is set" in result.stdout and "ulimit -n 65536" in result.stdout
    assert "to mend" in result.stdout.splitlines()[-1]


def test_a_cache_folder_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {**os.environ, "TICKDECK_CACHE_DIR": str(tmp_path / "file" / "below")}
    result = subprocess.run(
        [sys.executable, "-m", "tickdeck", "doctor"], env=environment, capture_output=True, text=True, check=True
    )
    assert "set TICKDECK_CACHE_DIR" in result.stdout
