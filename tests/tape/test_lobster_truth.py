"""LOBSTER orderbook files as truth."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tickdeck.core import UNDEF_PRICE, FormatError, UsageError
from tickdeck.tape.lobster_truth import LobsterTruth, open_truth
from tickdeck.tape.source import Source

Data = Callable[[str], Path]
MESSAGES = "AMZN_2012-06-21_34200000_57600000_message_2.csv"
BOOK = "AMZN_2012-06-21_34200000_57600000_orderbook_2.csv"
ROWS = b"2239500,100,2231800,50,9999999999,0,2230700,200\n2239500,100,-9999999999,0,9999999999,0,-9999999999,0\n"


def both(folder: Path, book: bytes = ROWS) -> Path:
    (folder / MESSAGES).write_bytes(b"34200,1,5,10,1000000,1\n")
    (folder / BOOK).write_bytes(book)
    return folder / MESSAGES


def test_rows_have_prices_in_units_and_empty_levels_undefined(tmp_path: Path) -> None:
    truth = open_truth(both(tmp_path))
    (rows,) = list(truth)
    assert truth.levels == 2
    assert rows.shape == (2, 2)
    assert rows["ask_price"].tolist() == [[223_950_000_000, UNDEF_PRICE]] * 2
    assert rows["bid_price"].tolist() == [[223_180_000_000, 223_070_000_000], [UNDEF_PRICE, UNDEF_PRICE]]
    assert rows["ask_size"].tolist() == [[100, 0], [100, 0]]
    assert rows["bid_size"].tolist() == [[50, 200], [0, 0]]


@pytest.mark.parametrize(
    ("name", "levels", "count"),
    [
        ("lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip", 5, 155_935),
        ("lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip", 1, 118_497),
        ("lobster/AAPL_10_first_999/AAPL_2012-06-21_34200000_57600000_message_10.csv", 10, 999),
    ],
)
def test_recorded_books_equal_numpys_reading(data: Data, name: str, levels: int, count: int) -> None:
    truth = open_truth(data(name))
    rows = np.concatenate(list(truth))
    with truth.source.open() as stream:
        plain = np.array([line.split(b",") for line in stream.read().split()], dtype=np.int64)
    assert truth.levels == levels
    assert rows.shape == (count, levels)
    for column, field in enumerate(("ask_price", "ask_size", "bid_price", "bid_size")):
        values = plain[:, column::4]
        if field.endswith("price"):
            values = np.where(np.abs(values) == 9_999_999_999, UNDEF_PRICE, values * 100_000)
        assert np.array_equal(rows[field], values)


def test_chunks_join_to_the_same_rows_and_can_be_read_again(tmp_path: Path) -> None:
    truth = LobsterTruth(Source(both(tmp_path).with_name(BOOK)), rows=1)
    assert [len(rows) for rows in truth] == [1, 1]
    assert np.array_equal(np.concatenate(list(truth)), np.concatenate(list(open_truth(tmp_path / BOOK))))


def test_the_partner_is_found_in_a_zip_beside_it_and_by_name(tmp_path: Path) -> None:
    path = both(tmp_path)
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("days/" + MESSAGES, b"34200,1,5,10,1000000,1\n")
        out.writestr("days/" + BOOK, ROWS)
        out.writestr("days/" + BOOK.replace("06-21", "06-22"), ROWS)
    assert open_truth(f"{archive}/days/{MESSAGES}").path.endswith(f"a.zip/days/{BOOK}")
    assert open_truth(path, archive).path.endswith(f"a.zip/days/{BOOK}")
    assert open_truth(path, f"{archive}/days/{BOOK}").levels == 2
    with pytest.raises(UsageError, match="2 orderbook files"):
        open_truth(archive)
    (tmp_path / BOOK).rename(tmp_path / "book.csv")
    with pytest.raises(UsageError, match="name the orderbook file"):
        open_truth(path)
    assert open_truth(path, tmp_path / "book.csv").levels == 2


def test_a_compressed_partner_is_found(tmp_path: Path) -> None:
    import gzip

    path = both(tmp_path)
    (tmp_path / (BOOK + ".gz")).write_bytes(gzip.compress(ROWS))
    (tmp_path / BOOK).unlink()
    assert len(next(iter(open_truth(path)))) == 2


@pytest.mark.parametrize(
    ("rows", "pattern"),
    [
        (b"1,2,3\n", "columns"),
        (b"2239500,100,2231800,50\n", "name says 2 levels"),
        (ROWS + b"1,2,3,4\n", "row 3"),
        (ROWS + b"a,2,3,4,5,6,7,8\n", "row 3"),
        (ROWS + b"1,2,3,4,5,6,7,8,9\n", "row 3"),
        (ROWS + b"1,-2,3,4,5,6,7,8\n", "row 3"),
    ],
)
def test_a_damaged_truth_is_an_error_that_names_the_row(tmp_path: Path, rows: bytes, pattern: str) -> None:
    with pytest.raises(FormatError, match=pattern):
        list(open_truth(both(tmp_path, rows)))
