"""Files that appear under their names only when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tickdeck.core.errors import UsageError


@contextmanager
def atomic_output(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path` that becomes `path` on success and vanishes on any failure, Ctrl-C included.

    Raises
    ------
    UsageError
        The folder does not exist or cannot be written.
    """
    target = Path(path)
    check_writable(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial{target.suffix}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Refuse, before any work, an output that cannot be written.

    Raises
    ------
    UsageError
        The folder does not exist, or folder or file cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{path}: is a folder; name a file")
    if not target.parent.is_dir():
        raise UsageError(f"{path}: the folder {target.parent} does not exist; make it first")
    if not os.access(target.parent, os.W_OK) or (target.exists() and not os.access(target, os.W_OK)):
        raise UsageError(f"{path}: cannot be written; check the permissions")
