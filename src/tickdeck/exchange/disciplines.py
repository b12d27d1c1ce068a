"""Queue disciplines: who trades first among the displayed orders of a price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from tickdeck.core import UsageError
from tickdeck.core.calls import entry_address
from tickdeck.core.intrinsics import array_at
from tickdeck.core.kernel import INTERPRETED
from tickdeck.exchange.kernels.layout import OWN_RULE, PRICE_TIME, PRO_RATA, SIZE_TIME

Rule = Callable[[Any, Any, int, int], None]


@runtime_checkable
class Discipline(Protocol):
    """Who trades first among the displayed orders of a price."""

    @property
    def code(self) -> int:
        """Number of the rule in ``exchange.kernels.disciplines``."""

    @property
    def parameters(self) -> tuple[int, int]:
        """Two integers that the rule takes."""

    def address(self) -> int:
        """Where the compiled rule is, of a rule that the engine does not have; otherwise 0."""


@dataclass(frozen=True, slots=True)
class PriceTime:
    """In order of entry (FIFO)."""

    @property
    def code(self) -> int:
        """Number of the rule."""
        return PRICE_TIME

    @property
    def parameters(self) -> tuple[int, int]:
        """None."""
        return 0, 0

    def address(self) -> int:
        """0: the engine has the rule."""
        return 0


@dataclass(frozen=True, slots=True)
class ProRata:
    """In proportion to size, after a share for the first in line.

    Parameters
    ----------
    top : int
        Percent of an incoming order that the first in line gets at the most.
    minimum : int
        Smallest share, units of 10^-size_decimals; a smaller one is nothing.
    """

    top: int = 0
    minimum: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.top <= 100:
            raise UsageError(f"ProRata: top must be between 0 and 100 percent, not {self.top}")
        if self.minimum < 0:
            raise UsageError(f"ProRata: minimum must not be negative: {self.minimum}")

    @property
    def code(self) -> int:
        """Number of the rule."""
        return PRO_RATA

    @property
    def parameters(self) -> tuple[int, int]:
        """Percent of the first in line, smallest share."""
        return self.top, self.minimum

    def address(self) -> int:
        """0: the engine has the rule."""
        return 0


@dataclass(frozen=True, slots=True)
class SizeTime:
    """The largest displayed size first, at equal sizes in order of entry."""

    @property
    def code(self) -> int:
        """Number of the rule."""
        return SIZE_TIME

    @property
    def parameters(self) -> tuple[int, int]:
        """None."""
        return 0, 0

    def address(self) -> int:
        """0: the engine has the rule."""
        return 0


def _compiled(rule: Rule) -> Any:
    """`rule` as the engine calls it: by the addresses of its arrays."""
    view: Any = array_at
    if INTERPRETED:

        def interpreted(sizes: int, shares: int, count: int, incoming: int, lot: int) -> Any:
            rule(view(sizes, count, np.int64), view(shares, count, np.int64), incoming, lot)
            return np.uint64(0)

        return interpreted
    import numba

    shared = numba.njit(nogil=True)(rule)

    @numba.njit(nogil=True)
    def call(sizes, shares, count, incoming, lot):  # type: ignore[no-untyped-def]
        length = np.uint64(count)
        shared(view(np.uint64(sizes), length, np.int64), view(np.uint64(shares), length, np.int64), incoming, lot)
        return np.uint64(0)

    return call


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A discipline of the user's own.

    Parameters
    ----------
    rule : callable
        ``rule(sizes, shares, incoming, lot)``, compiled by Numba: `sizes` are the displayed sizes of the orders of a price in order of
        entry, (n,) int64; it writes what each gets of the `incoming` size into `shares`, (n,) int64, zeros at first. The engine rounds
        shares down to whole lots, gives nobody more than its size or more than there is, and hands out what is left in order of entry.

    Examples
    --------
    >>> def last_in_first_out(sizes, shares, incoming, lot):
    ...     for i in range(len(sizes) - 1, -1, -1):
    ...         shares[i] = min(sizes[i], incoming)
    ...         incoming -= shares[i]
    >>> OwnRule(last_in_first_out).code
    3
    """

    rule: Rule

    @property
    def code(self) -> int:
        """Number of the rule."""
        return OWN_RULE

    @property
    def parameters(self) -> tuple[int, int]:
        """None."""
        return 0, 0

    def address(self) -> int:
        """Where the compiled rule is.

        Raises
        ------
        UsageError
            Numba cannot compile it.
        """
        try:
            return entry_address(_compiled(self.rule), 0, 0, 0, 0, 0)
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise UsageError(f"OwnRule: {getattr(self.rule, '__name__', 'the rule')} cannot be compiled: {reason}") from error
