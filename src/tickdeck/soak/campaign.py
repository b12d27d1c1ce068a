"""What a campaign is, and the table of all of them."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from typing import Protocol


class FindingError(Exception):
    """A campaign's claim that does not hold for an input."""


class Campaign(Protocol):
    """Random inputs of one kind.

    `folder` is the campaign's own; what stands in it when an input fails is kept.
    """

    def __init__(self, folder: Path, argument: str) -> None: ...

    def try_one(self, rng: random.Random) -> None:
        """Make one input, leave it in the folder, and try it; any exception is a failure."""


_DECODERS = (
    "dbn", "databento-csv", "lobster", "itch", "pcap", "capture", "lines", "parquet", "arrow", "npy", "tardis", "hftbacktest",
    "csv", "jsonl",
)  # fmt: skip
_FILES = "tickdeck.soak.decoders"
CAMPAIGNS: dict[str, tuple[str, str, str]] = {
    **{name: (f"{_FILES}:DecoderCampaign", name, f"damaged {name} files are read or refused in one line") for name in _DECODERS},
    "compressed": (f"{_FILES}:CompressedCampaign", "", "damaged gzip, zstd, xz and zip are read or refused in one line"),
    "detection": (f"{_FILES}:DetectionCampaign", "", "damaged files of unknown format are read or refused in one line"),
    "venues": ("tickdeck.soak.frames:VenueCampaign", "", "altered frames of each JSON venue are parsed or counted"),
    "binance": ("tickdeck.soak.frames:BinanceCampaign", "", "compiled and tolerant parsing of Binance cannot be told apart"),
    "round-trip": ("tickdeck.soak.round_trip:RoundTripCampaign", "", "what a format takes it gives back, bit for bit"),
    "book": ("tickdeck.soak.books:BookCampaign", "", "books equal plain-Python ones after every event, however they are fed"),
    "matching": (
        "tickdeck.soak.matching:MatchingCampaign",
        "",
        "the exchange does what a plain-Python one does, command by command",
    ),
    "convert": ("tickdeck.soak.conversion:ConversionCampaign", "", "a killed convert leaves nothing or the whole file"),
    "journal": (
        "tickdeck.soak.journal:JournalCampaign",
        "",
        "a killed, full, torn or damaged journal gives its beginning or an error",
    ),
    "recovery": (
        "tickdeck.soak.recovery:RecoveryCampaign",
        "",
        "an exchange that was killed, met a full disk or a damaged file is as if it had stopped earlier, or an error",
    ),
}
"""Name -> where it is, its argument, what it claims."""


def make(name: str, folder: Path) -> Campaign:
    """The campaign called `name`, or that of another module as ``module:Class``, at work in `folder`."""
    place, argument = CAMPAIGNS[name][:2] if name in CAMPAIGNS else (name, "")
    module, kind = place.split(":")
    made: Campaign = getattr(importlib.import_module(module), kind)(folder, argument)
    return made


def generator(name: str, seed: int, number: int) -> random.Random:
    """The source of all chance in one input."""
    return random.Random(f"{name} {seed} {number}")
