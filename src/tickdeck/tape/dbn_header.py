"""The start of a DBN file: magic, version, metadata, and the instruments that these and definition records name."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import databento_dbn

from tickdeck.core import UNDEF_PRICE, FormatError, Instrument, Records, TruncatedError
from tickdeck.core.instrument import replace_fields
from tickdeck.tape.dbn_records import VERSIONS

MAGIC = b"DBN"
_FIXED_BYTES = 100
_LARGEST = 1 << 28
"""Most bytes of metadata: a million symbols need less."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """What the metadata says.

    Parameters
    ----------
    version : int
        0 for a fragment, which has none.
    dataset : str
    schema : str or None
        None: several, as in a live stream.
    ts_out : bool
    symbols : dict of int to str
        By instrument id.
    notes : dict
        For the reader's report.
    size : int
        Bytes before the first record.
    """

    version: int = 0
    dataset: str = ""
    schema: str | None = None
    ts_out: bool = False
    symbols: dict[int, str] | None = None
    notes: dict[str, Any] | None = None
    size: int = 0


def _read(stream: io.RawIOBase, size: int, path: str, offset: int) -> bytes:
    """Exactly `size` bytes, in pieces: a damaged length allocates no more than the file holds."""
    parts = bytearray()
    while len(parts) < size:
        piece = bytearray(min(_PIECE, size - len(parts)))
        count = stream.readinto(piece)
        if not count:
            raise TruncatedError(
                f"the metadata breaks off after {len(parts):,} of {size:,} bytes; fetch the file again",
                path=path,
                offset=offset + len(parts),
            )
        parts += piece[:count]
    return bytes(parts)


def read_header(stream: io.RawIOBase, path: str) -> Header:
    """Read magic, version and metadata; the stream then stands at the first record.

    Raises
    ------
    TruncatedError
        The file ends in the metadata.
    FormatError
        Not DBN, a version that is not known, or damaged metadata.
    """
    start = _read(stream, 8, path, 0)
    if start[:3] != MAGIC:
        raise FormatError("this is no DBN file; name another format with --format", path=path)
    version = start[3]
    if version not in VERSIONS:
        raise FormatError(
            f"DBN version {version} is not known (known: {', '.join(map(str, VERSIONS))}); convert the file with a newer tool",
            path=path,
        )
    size = int.from_bytes(start[4:], "little")
    if not _FIXED_BYTES <= size <= _LARGEST:
        raise FormatError(f"metadata of {size:,} bytes cannot be; the file is damaged", path=path, offset=4)
    raw = start + _read(stream, size, path, 8)
    try:
        metadata = databento_dbn.Metadata.decode(raw)
        mappings = metadata.mappings
        schema, dataset = metadata.schema, metadata.dataset
        notes = {"version": version, "dataset": dataset, "start": metadata.start, "end": metadata.end}
    except (databento_dbn.DBNError, ValueError, OverflowError) as error:
        raise FormatError(f"the metadata is damaged ({error})", path=path, offset=8) from None
    return Header(
        version=version,
        dataset=dataset,
        schema=None if schema is None else str(schema),
        ts_out=bool(metadata.ts_out),
        symbols=_symbols(mappings),
        notes=notes,
        size=len(raw),
    )


def _symbols(mappings: dict[str, Iterable[dict[str, Any]]]) -> dict[int, str]:
    """Instrument id -> symbol, whichever of the two the request named."""
    found: dict[int, str] = {}
    for name, intervals in mappings.items():
        for interval in intervals:
            given = interval["symbol"]
            number, symbol = (given, name) if given.isascii() and given.isdigit() else (name, given)
            if number.isascii() and number.isdigit() and int(number) < 2**32 and symbol:
                found.setdefault(int(number), symbol)
    return found


def _text(value: bytes) -> str:
    return value.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def mapped_symbols(records: Records) -> dict[int, str]:
    """Instrument id -> symbol of symbol mapping records."""
    found = {}
    for record in records:
        symbol = _text(bytes(record["stype_out_symbol"]))
        if not symbol or symbol.isdigit():
            symbol = _text(bytes(record["stype_in_symbol"]))
        if symbol:
            found[int(record["instrument_id"])] = symbol
    return found


def _defined(value: int) -> int | None:
    return value if 0 < value < UNDEF_PRICE else None


def defined_instruments(records: Records, dataset: str) -> dict[int, Instrument]:
    """Instruments of definition records, by id; a later definition of an id replaces the earlier one.

    The tick is ``min_price_increment``, the multiplier ``unit_of_measure_qty`` (both in units of 1e-9).
    """
    found: dict[int, Instrument] = {}
    for record in records:
        symbol = _text(bytes(record["raw_symbol"]))
        if not symbol:
            continue
        number = int(record["instrument_id"])
        extra = {name: _text(bytes(record[name])) for name in ("asset", "group", "security_type", "cfi") if record[name]}
        if 0 < int(record["expiration"]) < 2**63:
            extra["expiration_ns"] = str(int(record["expiration"]))
        named = Instrument(
            symbol,
            venue=_text(bytes(record["exchange"])) or dataset,
            currency=_text(bytes(record["currency"])) or "USD",
            instrument_id=number,
            publisher_id=int(record["publisher_id"]),
            extra=extra,
        )
        found[number] = replace_fields(
            named,
            tick_size=_defined(int(record["min_price_increment"])),
            multiplier=_defined(int(record["unit_of_measure_qty"])) or named.multiplier,
        )
    return found
