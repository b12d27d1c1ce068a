"""The long forms of the tests: campaigns that try random inputs by the minute or the hour.

A campaign's input number `n` under seed `s` is always the same, so a failure is repeated by naming both.
"""

from tickdeck.soak.campaign import CAMPAIGNS, Campaign, FindingError
from tickdeck.soak.runner import Failure, Outcome, run_campaign

__all__ = ["CAMPAIGNS", "Campaign", "Failure", "FindingError", "Outcome", "run_campaign"]
