"""A damaged zip is one error of ours, wherever the damage is: what fuzzing found."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from tickdeck.core import FormatError, TruncatedError
from tickdeck.tape import Source

ROWS = b"type,timestamp,price,qty,side,trade_id\n" + b"trade,1700000000000000000,10.5,1,buy,1\n" * 200


def zipped(method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a.csv", ROWS)
    return bytearray(out.getvalue())


def directory(content: bytearray) -> int:
    """Where the entry of the member in the directory begins."""
    return content.index(b"PK\x01\x02")


def test_an_undamaged_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped())
    assert Source(tmp_path / "a.zip").open().read() == ROWS


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (42, struct.pack("<I", 5), "damaged .Bad magic number for file header"),
        (10, struct.pack("<H", 77), "cannot be unpacked"),
        (8, struct.pack("<H", 1), "cannot be unpacked .*encrypted"),
        (42, struct.pack("<I", 2**31), "the zip"),
    ],
)
def test_damage_of_the_directory_is_one_line(at: int, value: bytes, words: str, tmp_path: Path) -> None:
    content = zipped()
    place = directory(content) + at
    content[place : place + len(value)] = value
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(FormatError, match=words) as caught:
        Source(tmp_path / "a.zip")
    assert "\n" not in str(caught.value) and "a.zip" in str(caught.value)


def test_an_offset_before_the_start_is_one_line(tmp_path: Path) -> None:
    content = zipped()
    end = content.index(b"PK\x05\x06")
    # A directory said to lie later than it does moves every member before the start of the file.
    content[end + 16 : end + 20] = struct.pack("<I", directory(content) + 500)
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.zip"):
        Source(tmp_path / "a.zip")


def test_damaged_bzip2_inside_is_one_line(tmp_path: Path) -> None:
    content = zipped(zipfile.ZIP_BZIP2)
    content[40:60] = bytes(20)
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.zip"):
        Source(tmp_path / "a.zip").open().read()


def test_no_directory_is_a_torn_file(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped()[:200])
    with pytest.raises(TruncatedError, match="no directory at its end"):
        Source(tmp_path / "a.zip")


def test_a_member_without_a_name_is_no_file(tmp_path: Path) -> None:
    content = zipped()
    place = directory(content)
    # The five letters of the name become a comment.
    content[place + 28 : place + 34] = struct.pack("<HHH", 0, 0, 5)
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(FormatError, match="the zip holds no files"):
        Source(tmp_path / "a.zip")
