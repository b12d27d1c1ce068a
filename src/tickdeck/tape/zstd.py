"""All frames of a zstd file as one stream that fills the caller's buffer, and knows whether the last frame was complete.

The decompressor does not tell a file that ends with a frame from one that breaks off in it. So the compressed bytes are followed
on their way in: a frame is a header, blocks of stated length and an optional checksum (RFC 8878, section 3.1).
"""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import BinaryIO

import zstandard

_SKIPPABLE = 0x184D2A50
_RLE = 1
_READ_BYTES = 131_072


class FrameWalk:
    """Follows frame borders through compressed bytes that arrive in pieces."""

    __slots__ = ("_got", "_steps", "_want", "after_block", "between")

    def __init__(self) -> None:
        self.between = True
        """Every byte so far belongs to a complete frame."""
        self.after_block = False
        """The last byte so far ends a block or a header, and something of the frame is to come."""
        self._got = bytearray()
        self._steps = self._walk()
        self._want = next(self._steps)

    def _walk(self) -> Generator[int, bytes, None]:
        """Yields how many bytes it wants to see (positive) or pass over (negative)."""
        while True:
            self.between = True
            magic = int.from_bytes((yield 4), "little")
            if magic & 0xFFFFFFF0 == _SKIPPABLE:
                yield -int.from_bytes((yield 4), "little")
                continue
            descriptor = (yield 1)[0]
            single_segment = descriptor >> 5 & 1
            window = 1 - single_segment
            yield -(window + (0, 1, 2, 4)[descriptor & 3] + (single_segment, 2, 4, 8)[descriptor >> 6])
            last = 0
            while not last:
                self.after_block = True
                block = int.from_bytes((yield 3), "little")
                last = block & 1
                yield -1 if block >> 1 & 3 == _RLE else -(block >> 3)
            if descriptor & 4:
                self.after_block = True
                yield -4

    def feed(self, data: bytes) -> None:
        """Follow the next piece."""
        at, end = 0, len(data)
        while at < end:
            self.between = self.after_block = False
            if self._want > 0:
                taken = data[at : at + self._want - len(self._got)]
                self._got += taken
                at += len(taken)
                if len(self._got) < self._want:
                    return
                sent, self._got = bytes(self._got), bytearray()
            else:
                step = min(-self._want, end - at)
                at += step
                self._want += step
                if self._want:
                    return
                sent = b""
            self._want = self._steps.send(sent)
            while self._want == 0:
                self._want = self._steps.send(b"")


class _Followed:
    """The compressed stream, followed by a walk as the decompressor reads it."""

    __slots__ = ("_ended", "_stream", "walk")

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ended = False
        self.walk = FrameWalk()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        if data:
            self.walk.feed(data)
            return data
        if self._ended or not self.walk.after_block:
            return b""
        # The decompressor gives up what it holds back at the end of a file that breaks off between two blocks, unless one more
        # byte comes; a single byte is not enough to be taken for the next part.
        self._ended = True
        return b"\0"


class ZstdFrames(io.RawIOBase):
    """The decompressed bytes of all frames one after another.

    Raises
    ------
    EOFError
        At the end of a file whose last frame is not complete; what came before was delivered.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._input = _Followed(stream)
        self._reader = zstandard.ZstdDecompressor(max_window_size=2**31).stream_reader(
            self._input,  # type: ignore[arg-type]
            read_size=_READ_BYTES,
            read_across_frames=True,
        )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        count: int = self._reader.readinto(buffer)
        if not count and len(memoryview(buffer)) and not self._input.walk.between:  # type: ignore[arg-type]
            raise EOFError("the zstd frame does not end")
        return count

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
