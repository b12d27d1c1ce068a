"""`tickdeck doctor`: what of this machine hurts low latency."""

from __future__ import annotations

from tickdeck.cli.common import JsonFlag, print_json


def command(json: JsonFlag = False) -> None:
    """Check CPU, governor, clock, huge pages, memory, swap, file limits, the compile cache and the versions of the dependencies.

    Each finding that costs latency comes with what to do about it.
    """
    from dataclasses import asdict

    from tickdeck.cli.machine import examine

    checks = examine()
    if json:
        print_json([asdict(check) for check in checks])
        return
    from rich.console import Console
    from rich.text import Text

    styles = {"ok": "green", "bad": "bold red", "note": "yellow"}
    console = Console(highlight=False, soft_wrap=True)
    for check in checks:
        console.print(Text.assemble((f"{check.state:<5}", styles[check.state]), f"{check.name:<15}", check.value))
        if check.advice:
            console.print(f"{'':<20}-> {check.advice}", markup=False)
    bad = sum(check.state == "bad" for check in checks)
    print(f"{bad} to mend" if bad else "nothing to mend")
