"""Pre-trade limits and the account: one compiled gate for exchange, backtest and live."""

from tickdeck.risk.account import Account, Difference, Position
from tickdeck.risk.decision import Change, RiskDecision, RiskState
from tickdeck.risk.gate import RiskGate
from tickdeck.risk.limits import AccountLimits, InstrumentLimits, Limits
from tickdeck.risk.money import Fees
from tickdeck.risk.schedule import Calendar

__all__ = [
    "Account",
    "AccountLimits",
    "Calendar",
    "Change",
    "Difference",
    "Fees",
    "InstrumentLimits",
    "Limits",
    "Position",
    "RiskDecision",
    "RiskGate",
    "RiskState",
]
