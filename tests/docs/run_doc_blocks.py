"""Runs blocks of Python one after another, each in a namespace and a folder of its own; a process of its own for the tests.

Standard input: JSON, a list of [name, line, code]. Standard output: JSON, name -> "" or what went wrong. A block that starts with
``>>>`` is a doctest. Modules named as arguments have their doctests run too, under their names.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import json
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def make_files(folder: Path) -> None:
    """The files that the examples of the docs read."""
    import tickdeck as td

    session = td.simulate(events=20_000, seed=3, date="2023-12-25")
    instruments = {1: td.Instrument("ESH4", tick_size="0.01", venue="GLBX.MDP3", instrument_id=1, publisher_id=1)}
    events = np.concatenate(list(session))
    events["publisher_id"] = 1
    td.write(folder / "day.mbo.dbn.zst", events, instruments)
    td.write(folder / "day.parquet", events, instruments)
    td.write(folder / "day.npy", events, instruments)
    other = td.simulate(events=20_000, seed=4, date="2023-12-26")
    td.write(folder / "next.parquet", other)
    (folder / "quotes.csv").write_text(
        "time,kind,px,quantity,buy_sell\n"
        "1703545200000,quote,42000.5,1.25,buy\n"
        "1703545200000,quote,42001,0.5,sell\n"
        "1703545200250,trade,42001,0.1,buy\n"
        "1703545200250,quote,42001,0.4,sell\n"
    )


def run(name: str, line: int, code: str) -> str:
    """What went wrong in one block."""
    space: dict[str, object] = {"__name__": "__main__"}
    try:
        if code.lstrip().startswith(">>>"):
            return doctests(doctest.DocTestParser().get_doctest(code, space, name, name, line - 1))
        exec(compile("\n" * (line - 1) + code, name, "exec"), space)
    except BaseException:
        return traceback.format_exc(limit=-3)
    return ""


def doctests(*tests: doctest.DocTest) -> str:
    """The report of the failures."""
    out = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    for test in tests:
        runner.run(test, out=out.write)
    return out.getvalue()


def main() -> None:
    """Run what is asked for."""
    jobs = json.load(sys.stdin)
    results = {}
    with tempfile.TemporaryDirectory() as temporary, contextlib.redirect_stdout(sys.stderr):
        files = Path(temporary) / "files"
        files.mkdir()
        make_files(files)
        for number, (name, line, code) in enumerate(jobs):
            folder = Path(temporary) / str(number)
            shutil.copytree(files, folder)
            os.chdir(folder)
            results[f"{name}:{line}"] = run(name, line, code)
        os.chdir(files)
        for module in sys.argv[1:]:
            tests = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module), module)
            results[module] = doctests(*(test for test in tests if test.examples))
        os.chdir("/")
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
