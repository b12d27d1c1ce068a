"""The suites of cases, by name."""

from __future__ import annotations

import importlib

from tickdeck.bench.case import Case, Settings
from tickdeck.core import UsageError

SUITES = {
    "book": "order books: replay, many books, inputs made to hurt, single updates",
    "peers": "the same order events through other libraries' books",
    "tape": "files: compressed events to a final book, CSV to events",
    "exchange": "the exchange: calls from Python, batches, latency under load, memory, its journal and its recovery",
    "risk": "the risk gate: checks from Python and in a kernel",
    "start": "cold and warm start of the command and of the kernels",
}
"""Name -> what it measures; ``cases(settings)`` of ``tickdeck.bench.suites.<name>``, or of its modules, makes the cases."""
MODULES = {"exchange": ("exchange_calls", "exchange_flows", "exchange_memory", "exchange_latency", "exchange_journal")}
"""Suites that consist of other modules than the one of their name."""


def suite_cases(names: list[str], settings: Settings) -> list[Case]:
    """The cases of the named suites, all suites if none is named.

    Raises
    ------
    UsageError
        A suite that does not exist.
    """
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        raise UsageError(f"no suite {unknown[0]}; there are {', '.join(SUITES)}")
    cases: list[Case] = []
    for name in names or SUITES:
        for module in MODULES.get(name, (name,)):
            cases += importlib.import_module(f"tickdeck.bench.suites.{module}").cases(settings)
    return cases
