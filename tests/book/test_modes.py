"""Books are the same compiled, with bounds checks, and as plain Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
COMPILED = {"NUMBA_DISABLE_JIT": "0", "NUMBA_BOUNDSCHECK": "0"}


def run(*command: str, **environment: str) -> str:
    """Run Python in another mode; what it printed."""
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **COMPILED, **environment},
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def run_properties(examples: int, **environment: str) -> None:
    report = run(
        *("-m", "pytest", "-p", "no:cacheprovider", "--hypothesis-seed=0", str(HERE / "test_property.py")),
        TICKDECK_EXAMPLES=str(examples),
        **environment,
    )
    assert "[100%]" in report


def test_books_hold_their_properties_as_plain_python() -> None:
    run_properties(10, NUMBA_DISABLE_JIT="1")


def test_books_hold_their_properties_with_bounds_checks() -> None:
    run_properties(40, NUMBA_BOUNDSCHECK="1")


def test_every_array_of_the_memory_is_the_same_compiled_and_as_plain_python(tmp_path: Path) -> None:
    run(str(HERE / "state_arrays.py"), str(tmp_path / "compiled.npz"))
    run(str(HERE / "state_arrays.py"), str(tmp_path / "python.npz"), NUMBA_DISABLE_JIT="1")
    compiled, python = np.load(tmp_path / "compiled.npz"), np.load(tmp_path / "python.npz")
    assert not compiled["interpreted"]
    assert python["interpreted"]
    assert compiled["header"]["live"] > 500
    assert len(compiled["checksums"]) == 3
    names = set(compiled.files) - {"interpreted"}
    assert {"header", "books", "sides", "nodes", "children", "pages", "levels", "orders", "slots", "stats"} < names
    assert set(python.files) - {"interpreted"} == names
    for name in names:
        assert compiled[name].dtype == python[name].dtype
        assert compiled[name].tobytes() == python[name].tobytes(), f"{name} differs"
