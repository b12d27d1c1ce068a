"""Single key presses from the terminal, without waiting for them."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def pressed_keys() -> Iterator[Callable[[], str]]:
    """A function that returns what was typed since the last call; "" always where standard input is no terminal."""
    if not (sys.stdin is not None and sys.stdin.isatty()):
        yield lambda: ""
        return
    # Not there on every platform.
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def read() -> str:
        if select.select([terminal], [], [], 0)[0]:
            return os.read(terminal, 64).decode("utf-8", "ignore")
        return ""

    try:
        tty.setcbreak(terminal)
        yield read
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
