"""`tickdeck soak`: the long forms of the tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickdeck.cli.common import JsonFlag, print_json, progress
from tickdeck.core.errors import UsageError

if TYPE_CHECKING:
    from tickdeck.soak import Outcome


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="Campaigns (see --list), or module:Class of your own; by default all."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.0, help="Minutes for each campaign.")] = 1.0,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same inputs; by default a new one.")] = None,
    input: Annotated[int | None, typer.Option("--input", min=0, help="Try only the input of this number.")] = None,
    keep: Annotated[Path, typer.Option(help="Folder for inputs that fail.")] = Path("soak-failures"),
    list_names: Annotated[bool, typer.Option("--list", help="List the campaigns.")] = False,
    json: JsonFlag = False,
) -> int:
    """Try random inputs by the minute: damaged files for every decoder, books against plain Python, killed conversions.

    Each campaign runs in a process of its own, so crashes and hangs are found too. Recorded files named by TICKDECK_DATA are damaged
    as well. Exit code 1 if anything fails; what failed is kept.
    """
    from tickdeck.soak import CAMPAIGNS, run_campaign

    if list_names:
        _list(json)
        return 0
    unknown = [name for name in names or () if name not in CAMPAIGNS and ":" not in name]
    if unknown:
        raise UsageError(f"there is no campaign {unknown[0]}; choose one of {', '.join(CAMPAIGNS)}")
    if input is not None and (seed is None or len(names or ()) != 1):
        raise UsageError("--input repeats one input; name one campaign and the --seed")
    chosen = names or list(CAMPAIGNS)
    seed = _new_seed() if seed is None else seed
    outcomes = []
    for name in chosen:
        with progress(name, minutes * 60) as advance:
            done = 0

            def follow(seconds: float, tried: int, advance: Any = advance) -> None:
                nonlocal done
                advance(tried - done, seconds)
                done = tried

            outcome = run_campaign(name, minutes * 60, seed, only=input, keep=keep, progress=follow)
        outcomes.append(outcome)
        if not json:
            _print(outcome)
    if json:
        print_json([_plain(outcome) for outcome in outcomes])
    return 1 if any(outcome.failures or not outcome.tried for outcome in outcomes) else 0


def _new_seed() -> int:
    import secrets

    return secrets.randbelow(2**31)


def _list(json: bool) -> None:
    from tickdeck.soak import CAMPAIGNS

    claims = {name: claim for name, (_, _, claim) in CAMPAIGNS.items()}
    if json:
        print_json(claims)
        return
    for name, claim in claims.items():
        print(f"{name:<14}{claim}")


def _print(outcome: Outcome) -> None:
    count = len(outcome.failures)
    verdict = "no failure" if not count else f"{count} failure{'s' if count > 1 else ''}"
    print(f"{outcome.name:<14}{outcome.tried:>9,} inputs in {outcome.seconds:5.1f} s, {verdict}, seed {outcome.seed}", flush=True)
    for failure in outcome.failures:
        print(f"  input {failure.input}: {failure.error}")
        print(f"    kept in {failure.kept}; repeat: tickdeck soak {outcome.name} --seed {outcome.seed} --input {failure.input}")


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "campaign": outcome.name,
        "seed": outcome.seed,
        "inputs": outcome.tried,
        "seconds": outcome.seconds,
        "failures": [{"input": failure.input, "error": failure.error, "kept": str(failure.kept)} for failure in outcome.failures],
    }
