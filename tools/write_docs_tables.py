"""Writes the tables of commands and options in README and docs from the commands themselves.

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``: ``commands``, or the name of a command for its options.
Run it after a change of the command line; a test compares.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
TABLE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table_of_commands() -> str:
    """Every command with its line of help."""
    from tickdeck.cli import COMMANDS

    rows = [f"| `tickdeck {name}` | {text} |" for name, text in COMMANDS.items()]
    return "\n".join(["| command | what it does |", "| --- | --- |", *rows]) + "\n"


def table_of_options(name: str) -> str:
    """Arguments and options of a command."""
    from tickdeck.cli import load

    rows = [_row(parameter) for parameter in load(name).params if getattr(parameter, "help", None)]
    return "\n".join(["| argument or option | | default |", "| --- | --- | --- |", *rows]) + "\n"


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        shown = parameter.metavar or parameter.name.upper()
        spelled = f"`{shown}`"
    else:
        spelled = ", ".join(f"`{flag}`" for flag in sorted(parameter.opts, key=len))
    text = parameter.help.replace("|", "\\|").rstrip(".")
    plain = parameter.default not in (None, False, ()) and not parameter.required and not callable(parameter.default)
    default = f"`{parameter.default}`" if plain else "required" if parameter.required else ""
    return f"| {spelled} | {text} | {default} |"


def written(text: str) -> str:
    """`text` of a page with its tables as they should be."""

    def replaced(found: re.Match[str]) -> str:
        name = found["name"]
        return found[1] + (table_of_commands() if name == "commands" else table_of_options(name)) + found[3]

    return TABLE.sub(replaced, text)


def stale_pages() -> list[Path]:
    """Pages whose tables are not as they should be."""
    return [page for page in PAGES if page.read_text() != written(page.read_text())]


if __name__ == "__main__":
    for page in stale_pages():
        page.write_text(written(page.read_text()))
        print(f"wrote {page.relative_to(ROOT)}")
