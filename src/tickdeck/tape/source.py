"""Bytes at rest: a path, a zip member or standard input as one decompressed stream.

gzip, zstd (several frames too), xz and zip are recognised by their magic bytes, not by the name. A stream that breaks off in a
compressed frame raises :class:`TruncatedError` when its end is reached; what came before it was delivered.
"""

from __future__ import annotations

import errno
import gzip
import io
import lzma
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from tickdeck.core import FormatError, TickdeckError, TruncatedError, UsageError
from tickdeck.tape.zstd import ZstdFrames

HEAD_BYTES = 65_536
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
_SUFFIXES = (".gz", ".zst", ".zstd", ".xz", ".zip")


def compression_of(head: bytes) -> str | None:
    """Name of the compression that `head` starts, or None."""
    if head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F:
        return "zstd"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


class _Checked(io.RawIOBase):
    """A decompressing stream whose failures name the file and say what to do."""

    def __init__(self, stream: BinaryIO, path: str, raw: BinaryIO) -> None:
        self._stream = stream
        self._raw = raw
        # One step at a time: a longer read that fails at its end would lose what came before.
        self._step = getattr(stream, "readinto1", None) or stream.readinto  # type: ignore[attr-defined]
        self._path = path
        self._offset = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        try:
            count: int = self._step(view)
        except (
            EOFError,
            zlib.error,
            lzma.LZMAError,
            zstandard.ZstdError,
            zipfile.BadZipFile,
            OSError,
        ) as error:
            # That of a decompressor (gzip's BadGzipFile, bz2) has no number, that of the system has one.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            if isinstance(error, EOFError) or "end-of-stream" in str(error) or "ended before" in str(error):
                raise TruncatedError(
                    "the compressed file breaks off here; fetch it again", path=self._path, offset=self._offset
                ) from None
            raise FormatError(
                f"the compressed data is damaged ({error}); fetch it again", path=self._path, offset=self._offset
            ) from None
        self._offset += count
        return count

    @property
    def consumed(self) -> int:
        """Bytes read from the disk so far, for progress."""
        try:
            return self._raw.tell()
        except (OSError, ValueError):
            return self._offset

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
            self._raw.close()
        super().close()


class Source:
    """One input: where it is, how it begins, and its decompressed bytes.

    Parameters
    ----------
    path : str or Path
        A file, ``-`` for standard input, or ``archive.zip/member``.

    Attributes
    ----------
    path : str
        As given.
    name : str
        File name without the compression's suffix, in lower case.
    compression : str or None
    stored : bytes
        First bytes as they lie on disk (at most 64), still compressed.
    members : tuple of str
        Names inside a zip; () otherwise.
    head : bytes
        First decompressed bytes (at most 65,536); for a zip of several members those of the first.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._stdin: BinaryIO | None = None
        self._member: str | None = None
        if self.path == "-":
            self._stdin = cast(BinaryIO, io.BufferedReader(sys.stdin.buffer, HEAD_BYTES))
            raw = self._stdin.peek(HEAD_BYTES)  # type: ignore[attr-defined]
            self.name = ""
        else:
            file = Path(self.path)
            if not file.exists() and ".zip/" in self.path:
                archive, self._member = self.path.split(".zip/", 1)
                file = Path(archive + ".zip")
            if file.is_dir():
                raise UsageError(f"{self.path}: is a folder; name a file, or a catalog with td.Catalog")
            self._file = file
            try:
                with file.open("rb") as stream:
                    raw = stream.read(64)
            except OSError as error:
                raise UsageError(f"{self.path}: cannot be read ({error.strerror})") from None
            name = file.name.lower()
            for suffix in _SUFFIXES:
                name = name.removesuffix(suffix)
            self.name = Path(self._member).name.lower() if self._member else name
        if not raw:
            raise FormatError("the file is empty; there is nothing to read", path=self.path)
        self.stored = raw[:64]
        self.compression = compression_of(raw)
        self.members: tuple[str, ...] = ()
        if self.compression == "zip" and self._stdin is None:
            with self._archive() as archive_file:
                names = (info.filename for info in archive_file.infolist())
                self.members = tuple(name for name in names if name and not name.endswith("/"))
            if not self.members:
                raise FormatError("the zip holds no files", path=self.path)
            if self._member and self._member not in self.members:
                raise UsageError(f"{self.path}: the zip has no member {self._member!r}; it has {', '.join(self.members)}")
        self.head = self._read_head()

    def __repr__(self) -> str:
        return f"Source({self.path!r}, compression={self.compression!r})"

    def member(self, name: str) -> Source:
        """One member of a zip as a source of its own."""
        return Source(f"{self._file}/{name}")

    def _read_head(self) -> bytes:
        if self._stdin is not None:
            peeked: bytes = self._stdin.peek(HEAD_BYTES)[:HEAD_BYTES]  # type: ignore[attr-defined]
            if self.compression is None:
                return peeked
            if self.compression == "zip":
                raise UsageError("a zip cannot be read from standard input; unpack it first")
            return self._partial(io.BytesIO(peeked))
        with self._raw() as raw:
            return self._partial(raw)

    def _partial(self, raw: BinaryIO) -> bytes:
        stream = _Checked(self._decompress(raw), self.path, raw)
        parts = bytearray()
        buffer = bytearray(HEAD_BYTES)
        try:
            while len(parts) < HEAD_BYTES and (count := stream.readinto(buffer)):
                parts += buffer[:count]
        except TruncatedError:
            if not parts:
                raise
        return bytes(parts[:HEAD_BYTES])

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        """The zip; whatever is wrong with it is an error of ours."""
        try:
            with zipfile.ZipFile(self._file) as archive_file:
                yield archive_file
        except zipfile.BadZipFile as error:
            if "not a zip file" in str(error):
                raise TruncatedError("the zip has no directory at its end; fetch it again", path=self.path) from None
            raise FormatError(f"the zip is damaged ({error}); fetch it again", path=self.path) from None
        # Encrypted members, other methods of compression, offsets (a seek to below 0) and names that cannot be.
        except (NotImplementedError, RuntimeError, ValueError, EOFError, struct.error, OSError) as error:
            if isinstance(error, TickdeckError) or (isinstance(error, OSError) and error.errno != errno.EINVAL):
                raise
            raise FormatError(f"the zip cannot be unpacked ({error}); unpack it and read what is in it", path=self.path) from None

    def _raw(self) -> BinaryIO:
        if self._stdin is not None:
            return self._stdin
        if self.compression == "zip":
            with self._archive() as archive_file:
                return cast(BinaryIO, archive_file.open(self._member or self.members[0]))
        return self._file.open("rb")

    def _decompress(self, raw: BinaryIO) -> BinaryIO:
        match self.compression:
            case "gzip":
                return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
            case "zstd":
                return cast(BinaryIO, ZstdFrames(raw))
            case "xz":
                return cast(BinaryIO, lzma.LZMAFile(raw))
            case _:
                return raw

    def open(self) -> BinaryIO:
        """The decompressed bytes from the start (standard input: once), buffered."""
        return cast(BinaryIO, io.BufferedReader(self.open_unbuffered(), 1 << 18))

    def open_unbuffered(self) -> _Checked:
        """The decompressed bytes from the start (standard input: once), for readers that bring their own buffers."""
        raw = self._raw()
        return _Checked(self._decompress(raw), self.path, raw)

    @contextmanager
    def lines(self) -> Iterator[Iterator[bytes]]:
        """The lines, without their ends; one that never ends (over 64 MiB) is refused."""
        with self.open() as stream:

            def walk() -> Iterator[bytes]:
                limit = 1 << 26
                row = 0
                while line := stream.readline(limit):
                    row += 1
                    if len(line) == limit:
                        raise FormatError("a line over 64 MiB; this is not a text format", path=self.path, row=row)
                    yield line.rstrip(b"\r\n")

            yield walk()

    @property
    def size(self) -> int | None:
        """Bytes on disk, for progress; None for standard input."""
        return None if self._stdin is not None else self._file.stat().st_size
