"""Which truth belongs to which source, and how the two are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tickdeck.core import Records, TickdeckError, UsageError
from tickdeck.tape import Format, Reader, ReadOptions, Source, detect, get_format
from tickdeck.tape.chain import read_chain
from tickdeck.tape.lobster_names import parse_name
from tickdeck.tape.lobster_truth import LobsterTruth, open_truth
from tickdeck.verify.result import Comparison

if TYPE_CHECKING:
    from tickdeck.book import Market
    from tickdeck.verify.matching import MatchingCheck

Work = Callable[[Iterable[Records]], list[Comparison]]
_DATABENTO = ("dbn", "databento-csv")


@dataclass(slots=True)
class Run:
    """One source, to be compared with its truth.

    Parameters
    ----------
    reader : Reader
        Of the source.
    source : str
        Its name, or names.
    work : callable
        ``work(chunks)`` takes the reader's chunks and gives the comparisons; none where there was nothing to compare.
    market : Market, optional
        The rebuilt books, where they are in one market.
    notes : list of str
        What makes the source doubtful as a whole; grows while working.
    """

    reader: Reader
    source: str
    work: Work
    market: Market | None = None
    notes: list[str] = field(default_factory=list)


def plan(
    sources: Sequence[str],
    against: str | None = None,
    *,
    options: ReadOptions | None = None,
    format: str | None = None,
    show: int = 1,
) -> list[Run]:
    """How to compare the books rebuilt from `sources` with the truth.

    Parameters
    ----------
    sources : sequence of str
        Files of one recording in the order of time; LOBSTER message files stand each for itself. A folder stands for the message
        file in it.
    against : str, optional
        The truth: a LOBSTER orderbook file, Databento MBP-10 or MBP-1, or a recording with Binance bookTicker lines. None: it is
        looked for beside the source (LOBSTER) or in it (tickers, checksums).
    options : ReadOptions, optional
        For reading the sources.
    format : str, optional
        Format of the sources.
    show : int
        Mismatches of each comparison to keep in full.

    Raises
    ------
    UsageError
        A file that cannot be read, or source and truth that do not belong together.
    TickdeckError
        There is nothing to compare: no truth was named and none is there.
    """
    chosen = options or ReadOptions()
    opened, formats = _open_all(sources, format)
    if all(item.name == "lobster" for item in formats):
        if against is not None and len(opened) > 1:
            raise UsageError(f"--against {against}: is the truth of one message file; verify the files one by one")
        return [
            _lobster_run(item.open(source, chosen), _orderbook(source, against), show) for source, item in zip(opened, formats)
        ]
    truth = None if against is None else _truth(against)
    if isinstance(truth, LobsterTruth) and len(opened) > 1:
        raise UsageError(f"--against {against}: is the truth of one message file; verify the files one by one")
    reader = read_chain(opened, chosen, format=format)
    name = _joined(opened)
    if isinstance(truth, LobsterTruth):
        return [_lobster_run(reader, truth, show)]
    if truth is not None and truth.format in _DATABENTO:
        return [_mbp_run(reader, name, truth, show)]
    return [_feed_run(reader, name, truth, show)]


def plan_matching(
    sources: Sequence[str], *, options: ReadOptions | None = None, format: str | None = None, show: int = 1
) -> list[tuple[Reader, MatchingCheck]]:
    """Which recordings of orders are fed to the matching engine.

    Parameters
    ----------
    sources, options, format, show
        As in :func:`plan`; `show` counts groups of fills.

    Returns
    -------
    list of (Reader, MatchingCheck)
        Each check takes the chunks of its reader.

    Raises
    ------
    UsageError
        A file that cannot be read, or that holds no orders.
    """
    from tickdeck.verify.matching import MatchingCheck

    chosen = options or ReadOptions()
    opened, formats = _open_all(sources, format)
    if all(item.name == "lobster" for item in formats):
        readers = [item.open(source, chosen) for source, item in zip(opened, formats)]
        names = [parse_name(reader.source.path) for reader in readers]
        return [(reader, MatchingCheck(reader.path, show, name.levels if name else 0)) for reader, name in zip(readers, names)]
    reader = read_chain(opened, chosen, format=format)
    _require_orders(reader)
    return [(reader, MatchingCheck(_joined(opened), show))]


def _open_all(sources: Sequence[str], format: str | None) -> tuple[list[Source], list[Format]]:
    if not sources:
        raise UsageError("no file to verify; name at least one")
    opened = [Source(_message_file(path)) for path in sources]
    return opened, [get_format(format) if format else detect(source) for source in opened]


def _joined(sources: Sequence[Source]) -> str:
    return ", ".join(source.path for source in sources)


def _require_orders(reader: Reader) -> None:
    if reader.format in _DATABENTO and reader.schema != "mbo":
        raise UsageError(f"{reader.path}: holds {reader.schema} records; books are rebuilt from mbo records")


def _message_file(path: str) -> str:
    """`path`, or the one LOBSTER message file of a folder."""
    if not Path(path).is_dir():
        return path
    names = [file for file in sorted(Path(path).iterdir()) if (name := parse_name(file.name)) and name.kind == "message"]
    if len(names) != 1:
        raise UsageError(f"{path}: is a folder with {len(names)} LOBSTER message files; name one file")
    return str(names[0])


def _orderbook(source: Source, against: str | None) -> LobsterTruth:
    try:
        return open_truth(source.path, _orderbook_file(against) if against is not None else None)
    except UsageError as error:
        if against is not None:
            raise
        raise TickdeckError(f"nothing to compare: {error} with --against") from None


def _orderbook_file(path: str) -> str:
    """`path`, or the one LOBSTER orderbook file of a folder."""
    if not Path(path).is_dir():
        return path
    names = [file for file in sorted(Path(path).iterdir()) if (name := parse_name(file.name)) and name.kind == "orderbook"]
    if len(names) != 1:
        raise UsageError(f"{path}: is a folder with {len(names)} LOBSTER orderbook files; name one file")
    return str(names[0])


def _truth(path: str) -> LobsterTruth | Reader:
    """An orderbook file, or a reader of what else can be a truth."""
    path = _orderbook_file(path)
    source = Source(path)
    names = [parse_name(name) for name in source.members or (source.path,)]
    if any(name is not None and name.kind == "orderbook" for name in names):
        return open_truth(path, path)
    found = detect(source)
    return found.open(source, ReadOptions())


def _lobster_run(reader: Reader, truth: LobsterTruth, show: int) -> Run:
    from tickdeck.verify.lobster import check_lobster

    def work(chunks: Iterable[Records]) -> list[Comparison]:
        return [check_lobster(chunks, reader, truth, show)]

    return Run(reader, reader.path, work)


def _mbp_run(reader: Reader, name: str, truth: Reader, show: int) -> Run:
    from tickdeck.verify.mbp import MbpCheck

    _require_orders(reader)
    check = MbpCheck(truth, name, show)

    def work(chunks: Iterable[Records]) -> list[Comparison]:
        with truth:
            for chunk in chunks:
                check.add(chunk, reader.instruments)
            return [check.result()]

    return Run(reader, name, work)


def _feed_run(reader: Reader, name: str, truth: Reader | None, show: int) -> Run:
    from tickdeck.verify.feed import FeedCheck

    check = FeedCheck(reader, name, truth, show)
    return Run(reader, name, check.run, check.market, check.notes)
