"""What README and docs say is true: their code runs, their commands exist, their links lead somewhere, their tables are complete."""

from __future__ import annotations

import importlib.util
import json
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import doc_pages
import pytest
from doc_pages import PAGES, ROOT, Block, blocks

import tickdeck
from tickdeck.book.kernels.layout import STATS
from tickdeck.cli import COMMANDS, load
from tickdeck.core import EVENT, Action, Flag, Reason
from tickdeck.core.publishers import PUBLISHERS
from tickdeck.risk import AccountLimits
from tickdeck.tape import format_names, get_format
from tickdeck.tape.event_schema import FIELDS, TYPES
from tickdeck.tape.reader import ReadOptions
from tickdeck.venues.registry import venue_names

ROOMS = ("core", "book", "tape", "venues", "risk", "exchange", "simulation", "bench", "cli")
SHELL = [(block, line) for block in blocks("sh") for line in doc_pages.command_lines(block.code)]
SECONDS = 300


def _modules() -> list[str]:
    """The modules of the rooms that are there, kernels left out."""
    found = []
    for room in ROOMS:
        package = importlib.import_module(f"tickdeck.{room}")
        names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
        found += [package.__name__, *(name for name in names if "kernels" not in name.split("."))]
    return [name for name in found if ">>> " in Path(importlib.util.find_spec(name).origin).read_text()]  # type: ignore[union-attr,arg-type]


PYTHON = [block for block in blocks("python") if block.run]
MODULES = _modules()


@pytest.fixture(scope="session")
def results() -> dict[str, str]:
    """What went wrong in each block and module, all run by one process."""
    jobs = [[block.page, block.line, block.code] for block in PYTHON]
    command = [sys.executable, str(Path(__file__).with_name("run_doc_blocks.py")), *MODULES]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_block_runs(block: Block, results: dict[str, str]) -> None:
    assert results[str(block)] == ""


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples_hold(module: str, results: dict[str, str]) -> None:
    assert results[module] == ""


def test_a_wrong_block_is_noticed() -> None:
    jobs = [["bad", 1, "1 / 0\n"], ["page", 7, ">>> 1 + 1\n3\n"], ["good", 1, ">>> 1 + 1\n2\n"]]
    command = [sys.executable, str(Path(__file__).with_name("run_doc_blocks.py"))]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True, timeout=SECONDS, check=True)
    found = json.loads(done.stdout)
    assert "ZeroDivisionError" in found["bad:1"] and "Expected" in found["page:7"] and found["good:1"] == ""


def test_every_page_says_why_a_block_is_not_run() -> None:
    for page in PAGES:
        for remark in re.findall(r"<!-- not run\b([^>]*)-->", page.read_text()):
            assert len(remark.strip(" :")) > 10, f"{page}: say why a block is not run"


# Commands


def _parts(line: str) -> list[list[str]]:
    """The commands of a line: those of a pipe or a sequence apart, redirections and comments left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    words = iter(lexer)
    for word in words:
        if set(word) <= set("|&;"):
            parts.append([])
        elif set(word) <= set("<>"):
            next(words)
        else:
            parts[-1].append(word)
    return parts


@pytest.mark.parametrize(("block", "line"), SHELL, ids=[f"{block}-{line[:60]}" for block, line in SHELL])
def test_command_line_parses(block: Block, line: str) -> None:
    for words in _parts(line):
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words.pop(0)
        if words[:1] == ["tickdeck"] and words[1:2] and words[1] not in ("--help", "--version"):
            assert words[1] in COMMANDS, f"{block}: no command {words[1]}"
            if words[2:] != ["--help"]:
                load(words[1]).make_context(words[1], words[2:])
        elif words[:1] == ["make"]:
            for target in (word for word in words[1:] if "=" not in word):
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"{block}: no target {target}"


def test_a_wrong_flag_is_noticed() -> None:
    with pytest.raises(Exception, match="no-such-flag"):
        load("info").make_context("info", ["file.npy", "--no-such-flag"])


def test_options_tables_are_up_to_date() -> None:
    import runpy

    stale = runpy.run_path(str(ROOT / "tools" / "write_docs_tables.py"))["stale_pages"]()
    assert not stale, f"run: python tools/write_docs_tables.py ({', '.join(map(str, stale))})"


# Links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in doc_pages.links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page}: {target} is not there"
        if anchor and found.suffix == ".md":
            assert anchor in doc_pages.anchors(found), f"{page}: {found.name} has no heading #{anchor}"


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in navigation, f"{page.name} is not in mkdocs.yml"


# Tables

TABLES = {
    "docs/concepts/books.md": STATS,
    "docs/concepts/events.md": (
        *(name for name in EVENT.names or () if name != "reserved"),
        *(flag.name for flag in Flag),
        *(action.name for action in Action),
        *PUBLISHERS,
    ),
    "docs/concepts/formats.md": (*format_names(), *FIELDS, *(kind.name for kind in TYPES), *ReadOptions.__dataclass_fields__),
    "docs/concepts/venues.md": venue_names(),
    "docs/concepts/risk.md": (
        *(reason.name for reason in Reason if reason >= Reason.MAX_ORDER_SIZE),
        *(name for name in AccountLimits.__struct_fields__ if name != "instruments"),
    ),
    "docs/api/index.md": tickdeck.__all__,
}


@pytest.mark.parametrize("page", TABLES)
def test_page_names_all_that_there_is(page: str) -> None:
    text = (ROOT / page).read_text()
    missing = [name for name in TABLES[page] if f"`{name}`" not in text and f"`td.{name}`" not in text]
    assert not missing, f"{page} does not name {', '.join(map(str, missing))}"


@pytest.mark.parametrize("page", ["README.md", "docs/concepts/formats.md"])
def test_table_of_formats_says_which_are_written(page: str) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|.*?\| (read(?:, write)?) \|", (ROOT / page).read_text(), re.MULTILINE)
    expected = [(name, "read, write" if get_format(name).create else "read") for name in format_names()]
    assert sorted(rows) == sorted(expected)


# Examples

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_runs_without_data_of_its_own(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip(), "an example shows something"
    assert not list(tmp_path.iterdir()), "an example leaves nothing behind"


def test_examples_are_listed() -> None:
    text = (ROOT / "examples" / "README.md").read_text()
    assert EXAMPLES and all(f"({path.name})" in text for path in EXAMPLES)


if importlib.util.find_spec("mkdocs"):

    def test_site_builds_without_a_warning(tmp_path: Path) -> None:
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        page = (tmp_path / "site" / "index.html").read_text()
        assert not re.search(r'(?:src|href)="https?://[^"]*\.(?:js|css|woff2?)', page), "the site loads nothing from elsewhere"
