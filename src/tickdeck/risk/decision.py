"""What a gate answers, the states it can be in, and what is noted of changes to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from tickdeck.core import Reason, ns_text
from tickdeck.risk.kernels import layout


class RiskState(IntEnum):
    """What an account, or everybody, may do."""

    ACTIVE = layout.ACTIVE
    REDUCING = layout.REDUCING
    """Only orders that bring a position towards zero."""
    HALTED = layout.HALTED
    """No orders."""


class RiskDecision(NamedTuple):
    """Outcome of a check."""

    reason: Reason
    """NONE: the order may go on."""
    limit: int
    """The limit that it would exceed; the unit is that of the check."""
    value: int
    """What it would come to."""

    @property
    def passed(self) -> bool:
        """The order may go on."""
        return self.reason == Reason.NONE


@dataclass(frozen=True, slots=True)
class Change:
    """Something that somebody changed about a gate."""

    ts: int
    """ns since the epoch, by the gate's clock."""
    who: str
    what: str
    """Key of the limit, ``state`` or ``kill``, with the account where it is one's own."""
    old: object
    new: object

    def __str__(self) -> str:
        return f"{ns_text(self.ts)} {self.who}: {self.what} {self.old} -> {self.new}"
