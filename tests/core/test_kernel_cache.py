"""Compiled code follows its sources, and importing Tickdeck stays cheap."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import tickdeck
from tickdeck.core.intrinsics import address_of
from tickdeck.core.kernel import kernel_sources

PACKAGE = Path(tickdeck.__file__).parent


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_edit_to_any_kernel_source_names_another_cache_folder(tmp_path: Path) -> None:
    copy = tmp_path / "tickdeck"
    for folder in ("core", "book"):
        shutil.copytree(PACKAGE / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "__init__.py").write_text("")
    environment = {"PYTHONPATH": str(tmp_path), "TICKDECK_CACHE_DIR": str(tmp_path / "cache"), "NUMBA_DISABLE_JIT": "0"}
    code = (
        "import tickdeck.book.kernels.replay as room; from tickdeck.core import kernel; print(kernel.cache_folder(room.__file__))"
    )
    before = run(code, **environment)
    assert run(code, **environment) == before
    source = copy / "book" / "kernels" / "ladder.py"
    source.write_text(source.read_text() + "\n# changed\n")
    assert run(code, **environment) != before


def test_an_edit_elsewhere_leaves_the_cache_folder(tmp_path: Path) -> None:
    sources = {path.relative_to(PACKAGE).as_posix() for path in kernel_sources(PACKAGE / "book" / "kernels" / "replay.py")}
    assert {"book/kernels/replay.py", "book/kernels/ladder.py", "core/intrinsics.py", "core/records.py"} <= sources
    assert not any(name.startswith(("exchange/", "risk/", "simulation/", "cli/")) for name in sources)


def test_modules_imported_by_name_count_as_sources(tmp_path: Path) -> None:
    source = tmp_path / "loop.py"
    source.write_text("from tickdeck.book.kernels import (\n    fetch,\n    queries,\n)\nimport tickdeck.book.pools\n")
    names = {path.name for path in kernel_sources(source)}
    assert {"fetch.py", "queries.py", "ladder.py", "pools.py"} <= names


def test_importing_tickdeck_imports_nothing_heavy() -> None:
    heavy = "('numpy', 'numba', 'polars', 'pyarrow', 'matplotlib', 'plotly', 'pandas')"
    assert run(f"import sys, tickdeck; print([name for name in {heavy} if name in sys.modules])") == "[]"


def test_help_imports_nothing_heavy() -> None:
    heavy = "('numpy', 'numba', 'polars', 'pyarrow')"
    code = (
        "import sys, contextlib, io\n"
        "from tickdeck.cli import main\n"
        "sys.argv = ['tickdeck', '--help']\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n    main()\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert run(code) == "[]"


def test_address_is_that_of_the_first_byte() -> None:
    array = np.zeros(100, "u1")
    read_only = array[3:]
    read_only.flags.writeable = False
    assert address_of(array) == array.ctypes.data
    assert address_of(read_only) == array.ctypes.data + 3
    assert address_of(array.view("V4")) == array.ctypes.data


FOLDER = "from tickdeck.core import intrinsics, kernel; print(kernel.cache_folder(intrinsics.__file__))"


def test_only_the_last_few_cache_folders_are_kept(tmp_path: Path) -> None:
    for age in range(10):
        old = tmp_path / "kernels" / f"core-intrinsics-old{age:013}"
        old.mkdir(parents=True)
        os.utime(old, (10**9 - age, 10**9 - age))
    folder = Path(run(FOLDER, TICKDECK_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0"))
    left = sorted(path.name for path in (tmp_path / "kernels").iterdir())
    assert left == sorted([folder.name, *(f"core-intrinsics-old{age:013}" for age in range(3))])


def test_without_a_usable_cache_folder_a_temporary_one_is_used(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    folder = run(FOLDER, TICKDECK_CACHE_DIR=str(blocked), TMPDIR=str(temporary), NUMBA_DISABLE_JIT="0")
    assert Path(folder).is_relative_to(temporary)
    assert Path(folder).is_dir()


def test_plain_python_needs_no_cache_folder(tmp_path: Path) -> None:
    code = "from tickdeck.core import intrinsics, kernel; print(kernel.CACHE_FOLDER)"
    assert run(code, TICKDECK_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="1") == "None"
    assert not list(tmp_path.iterdir())
