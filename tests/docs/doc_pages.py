"""The text of README and docs: its code blocks, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "RESULTS.md", *sorted((ROOT / "docs").rglob("*.md")))

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run\b[^>]*-->\s*\Z")
_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)[^)]*\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)")
_INLINE_CODE = re.compile(r"`[^`\n]*`")


@dataclass(frozen=True)
class Block:
    """One fenced block of code."""

    page: str
    line: int
    """Of its first line of code."""
    language: str
    code: str
    run: bool
    """No ``<!-- not run: why -->`` stands before it."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(language: str) -> list[Block]:
    """All blocks of one language."""
    return [block for page in PAGES if page.exists() for block in _blocks(page) if block.language == language]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in _FENCE.finditer(text):
        indent = len(found["indent"])
        code = "".join(line[indent:] if line.strip() else "\n" for line in found["code"].splitlines(keepends=True))
        words = found["info"].split()
        run = _NOT_RUN.search(text[: found.start()]) is None
        line = text.count("\n", 0, found.start("code")) + 1
        yield Block(str(page.relative_to(ROOT)), line, words[0] if words else "", code, run)


def links(page: Path) -> list[str]:
    """Targets of the links and images of a page, code left out."""
    text = _INLINE_CODE.sub("``", _FENCE.sub("", page.read_text()))
    return [found["target"] or found["image"] for found in _LINK.finditer(text)]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page may name, as GitHub and mkdocs make it."""
    out: set[str] = set()
    for line in _FENCE.sub("", page.read_text()).splitlines():
        if heading := re.match(r"#{1,6} +(.+?)(?: +\{#(?P<id>[\w-]+)\})? *$", line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "")
            out.add(heading["id"] or re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-"))
    return out


def command_lines(code: str) -> list[str]:
    """The command lines of a shell block, one a line, continued ones joined."""
    joined = re.sub(r"\\\n\s*", " ", code)
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
