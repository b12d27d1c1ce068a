"""zstd streams: all frames, exact ends, nothing held back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickdeck.core import FormatError, TruncatedError
from tickdeck.tape import Source
from tickdeck.tape.zstd import FrameWalk, ZstdFrames

CONTENT = np.random.default_rng(3).integers(0, 4, 300_000, dtype=np.uint8).tobytes()


def frame(data: bytes, **options: bool) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)


def streamed(data: bytes, checksum: bool) -> bytes:
    """A frame that does not state its size, of many blocks."""
    compressor = zstandard.ZstdCompressor(write_checksum=checksum).compressobj()
    parts = []
    for start in range(0, len(data), 40_000):
        parts.append(compressor.compress(data[start : start + 40_000]))
        parts.append(compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
    return b"".join(parts) + compressor.flush()


def skippable(size: int) -> bytes:
    return b"\x53\x2a\x4d\x18" + size.to_bytes(4, "little") + bytes(size)


FILES = [
    frame(b""),
    frame(CONTENT),
    frame(CONTENT[:1_000], write_checksum=True, write_content_size=False),
    frame(bytes(500_000)),
    streamed(CONTENT, True),
    streamed(CONTENT, False),
    skippable(0) + frame(CONTENT[:10]) + skippable(70_000) + frame(CONTENT[10:2_000]) + skippable(3),
]


def read_all(stream: ZstdFrames, size: int) -> bytes:
    parts = []
    buffer = bytearray(size)
    while count := stream.readinto(buffer):
        parts.append(bytes(buffer[:count]))
    return b"".join(parts)


def decompressed(raw: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw), read_across_frames=True).read()


@pytest.mark.parametrize("index", range(len(FILES)))
@pytest.mark.parametrize("size", [7, 4_096, 1 << 20])
def test_every_frame_is_delivered(index: int, size: int) -> None:
    raw = FILES[index]
    expected = decompressed(raw)
    if size == 7 and len(expected) > 20_000:
        size = 997
    assert read_all(ZstdFrames(io.BytesIO(raw)), size) == expected


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.integers(1, 50_000), min_size=1, max_size=30), index=st.integers(0, len(FILES) - 1))
def test_the_walk_finds_the_ends_of_frames_whatever_the_pieces(pieces: list[int], index: int) -> None:
    raw = FILES[index] + frame(b"x")
    walk = FrameWalk()
    at = 0
    for piece in pieces:
        walk.feed(raw[at : at + piece])
        at += piece
    walk.feed(raw[at:])
    assert walk.between
    walk.feed(raw[:5])
    assert not walk.between


@pytest.mark.parametrize("index", range(1, len(FILES)))
def test_a_file_cut_anywhere_in_a_frame_says_so_after_what_it_holds(index: int) -> None:
    raw = FILES[index]
    expected = decompressed(raw)
    for cut in [*range(5, min(len(raw), 60)), *range(60, len(raw), 997), len(raw) - 1]:
        stream = ZstdFrames(io.BytesIO(raw[:cut]))
        found = b""
        buffer = bytearray(5_000)
        walk = FrameWalk()
        walk.feed(raw[:cut])
        try:
            while count := stream.readinto(buffer):
                found += buffer[:count]
            assert walk.between and index == 6
        except EOFError:
            assert not walk.between
        assert expected.startswith(found)


def test_what_stands_before_a_cut_between_two_blocks_is_all_delivered() -> None:
    compressor = zstandard.ZstdCompressor().compressobj()
    raw = compressor.compress(CONTENT[:90_000]) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    for size in (8, 1_000, 1 << 20):
        stream = ZstdFrames(io.BytesIO(raw))
        found = bytearray()
        buffer = bytearray(size)
        with pytest.raises(EOFError):
            while count := stream.readinto(buffer):
                found += buffer[:count]
        assert bytes(found) == CONTENT[:90_000]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=5))
def test_damage_is_one_line_error(tmp_path: Path, changes: list[tuple[float, int]]) -> None:
    raw = bytearray(FILES[4])
    for place, value in changes:
        raw[int(place * len(raw))] = value
    path = tmp_path / "a.zst"
    path.write_bytes(bytes(raw))
    try:
        with Source(path).open_unbuffered() as stream:
            while stream.readinto(bytearray(10_000)):
                pass
    except (FormatError, TruncatedError) as error:
        assert "\n" not in str(error)
