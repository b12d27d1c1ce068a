"""Damaged files: every decoder reads what it can, or refuses in one line; and what it reads no book chokes on."""

from __future__ import annotations

import gzip
import io
import lzma
import random
import zipfile
from pathlib import Path

import zstandard

from tickdeck.book import Market
from tickdeck.core import DBN_MBO, EVENT, TickdeckError
from tickdeck.soak.campaign import FindingError
from tickdeck.soak.mutation import damaged_file, damaged_text
from tickdeck.soak.samples import samples
from tickdeck.tape import format_names, read

_TEXT = frozenset({"databento-csv", "lobster", "capture", "lines", "tardis", "csv", "jsonl"})
_MOST_EVENTS = 50
"""Events that a byte of a file, unpacked, can stand for at most."""


def read_damaged(path: Path, rng: random.Random, format: str | None, size: int) -> None:
    """Read a file in one of the ways that there are.

    Raises
    ------
    FindingError
        An answer that no input may get.
    """
    chunk = rng.choice((1, 7, 1_000, 65_536))
    total = 0
    try:
        options = {"chunk": chunk, "strict": rng.random() < 0.3, "native": rng.random() < 0.5}
        reader = read(path, format=format, date=rng.choice((None, "2024-03-05")), **options)
        with reader:
            market = Market(reader.instruments.values())
            for events in reader:
                total += len(events)
                if events.dtype not in (EVENT, DBN_MBO):
                    raise FindingError(f"a chunk has dtype {events.dtype}")
                if not len(events):
                    raise FindingError("a chunk is empty")
                if total > _MOST_EVENTS * size + 10_000:
                    raise FindingError(f"{size:,} bytes gave over {total:,} events")
                _apply(market, events)
    except TickdeckError as error:
        if "\n" in str(error) or not str(error).strip():
            raise FindingError(f"the error is not one line: {error!r}") from error


def _apply(market: Market, events: object) -> None:
    try:
        market.apply(events)  # type: ignore[arg-type]
    except TickdeckError as error:
        raise FindingError(f"the book refused what was read: {error}") from error


class DecoderCampaign:
    """Damaged files of one format.

    Parameters
    ----------
    folder : Path
    argument : str
        The format.
    """

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder
        self._format = argument
        self._samples = samples(argument)

    def try_one(self, rng: random.Random) -> None:
        """One damaged file."""
        name, content = rng.choice(self._samples)
        is_text = self._format in _TEXT
        damaged = (damaged_text if is_text and rng.random() < 0.7 else damaged_file)(content, rng)
        path = self._folder / name
        clear(self._folder)
        path.write_bytes(damaged)
        read_damaged(path, rng, self._format if rng.random() < 0.9 else None, len(damaged))


class DetectionCampaign:
    """Damaged files of any format, none of them named, under names that may mislead."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder
        self._samples = [sample for name in format_names() for sample in samples(name)]

    def try_one(self, rng: random.Random) -> None:
        """One damaged file under some file's name."""
        (name, _), (_, content) = rng.choice(self._samples), rng.choice(self._samples)
        damaged = damaged_file(content, rng)
        clear(self._folder)
        path = self._folder / name
        path.write_bytes(damaged)
        read_damaged(path, rng, None, len(damaged))


class CompressedCampaign:
    """Damaged compressed files."""

    def __init__(self, folder: Path, argument: str) -> None:
        self._folder = folder
        self._samples = [sample for name in ("dbn", "csv", "lines") for sample in samples(name)]

    def try_one(self, rng: random.Random) -> None:
        """One damaged compressed file."""
        name, content = rng.choice(self._samples)
        if rng.random() < 0.3:
            content = content[: rng.randrange(len(content) + 1)]
        kind = rng.choice(("gz", "zst", "xz", "zip", "frames"))
        packed = _packed(content, name, kind, rng)
        damaged = damaged_file(packed, rng) if rng.random() < 0.9 else packed
        clear(self._folder)
        path = self._folder / f"{name}.{'zst' if kind == 'frames' else kind}"
        path.write_bytes(damaged)
        # A damaged stream may unpack to something longer, by a factor that the compression allows.
        read_damaged(path, rng, None, 1_100 * len(damaged))


def _packed(content: bytes, name: str, kind: str, rng: random.Random) -> bytes:
    match kind:
        case "gz":
            return gzip.compress(content, mtime=0)
        case "xz":
            return lzma.compress(content)
        case "zip":
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(name, content)
            return out.getvalue()
        case "frames":
            cut = rng.randrange(len(content) + 1)
            return zstandard.compress(content[:cut]) + zstandard.compress(content[cut:])
        case _:
            return zstandard.ZstdCompressor(write_checksum=rng.random() < 0.5).compress(content)


def clear(folder: Path) -> None:
    """Remove the files of the input before."""
    for path in folder.iterdir():
        path.unlink()
