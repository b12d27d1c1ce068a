"""``tickdeck bench``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tickdeck.core.errors import UsageError


def command(
    suites: Annotated[
        list[str] | None, typer.Argument(help="Suites to run (book, peers, tape, exchange, start); all by default.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Timed passes of every contender.", min=1)] = 7,
    quick: Annotated[bool, typer.Option("--quick", help="Small inputs: a check in seconds, not a measurement.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only cases of this name (esh4, 'book.*'); may be repeated.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the cases and what they measure.")] = False,
    json: Annotated[Path | None, typer.Option("--json", help="Write the result as JSON to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a report with plots to this file.")] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", help="Compare with this earlier --json file; a regression above 10% fails.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option("--history", help="Add the run to this JSON-lines file and show the trend in the report.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="Instead of measuring: a flame graph (HTML) of our side of the cases.")
    ] = None,
    memory: Annotated[
        Path | None, typer.Option("--memory", help="Instead of measuring: a memory report (HTML) of our side of the cases.")
    ] = None,
) -> int:
    """Measure speed against native references and peers in the same run.

    Exit code 1 when a "must" is missed or could not be checked, when checksums differ, or when --compare finds a regression of
    more than 10% or nothing to compare.
    """
    from rich.console import Console

    from tickdeck.bench import compare as comparing
    from tickdeck.bench import history as past
    from tickdeck.bench.case import Settings
    from tickdeck.bench.run import run_cases, select
    from tickdeck.bench.table import print_comparison, print_run, wide_console
    from tickdeck.cli.common import check_writable

    for output in (json, html, history, profile, memory):
        if output is not None:
            check_writable(output)
    if profile is not None and memory is not None:
        raise UsageError("--profile and --memory run apart: each disturbs the other")
    console = wide_console()
    errors = Console(stderr=True)
    old = comparing.read_run(compare) if compare else None
    settings = Settings(repeats=repeats, quick=quick)
    cases = select(suites or [], only or [], settings)
    if listing:
        for case in cases:
            console.print(f"{case.name}: {case.work}", highlight=False, markup=False, soft_wrap=True)
        return 0
    if profile is not None:
        from tickdeck.bench.profile import profile_cases

        return profile_cases(cases, profile, console, quick)
    if memory is not None:
        from tickdeck.bench.memory import memory_cases

        return memory_cases(cases, memory, console)
    with errors.status("") as status:
        status.update(f"{cases[0].name} ...")
        left = iter([case.name for case in cases[1:]])
        run = run_cases(cases, settings, " ".join(["tickdeck", *sys.argv[1:]]), lambda _: status.update(f"{next(left, '')} ..."))
    print_run(run, console)
    failed = run.failed
    if json is not None:
        comparing.write_run(run, json)
    if history is not None:
        past.append(run, history)
    if html is not None:
        from tickdeck.bench.report import write_html

        write_html(run, html, past.read(history) if history else None)
    if old is not None:
        comparison = comparing.compare(run, old)
        print_comparison(comparison, console)
        failed = failed or comparison.failed
    return 1 if failed else 0
