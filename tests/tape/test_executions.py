"""Executions as a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tickdeck.core import EXECUTION, UNDEF_PRICE, ExecutionFlag, ExecutionKind, Instrument, Reason, Records, Side, UsageError
from tickdeck.tape.executions import execution_frame, write_executions

TWO = [Instrument("BTC", "0.5", 8, instrument_id=1), Instrument("ACME", "0.01", instrument_id=2)]


def rows() -> Records:
    out = np.zeros(4, EXECUTION)
    out["ts_event"] = 1_709_631_000_123_456_789
    out["kind"] = ExecutionKind.ACCEPTED, ExecutionKind.FILLED, ExecutionKind.FILLED, ExecutionKind.REJECTED
    out["flags"] = 0, ExecutionFlag.AGGRESSOR, ExecutionFlag.AUCTION, 0
    out["reason"] = 0, 0, 0, Reason.MAX_ORDER_SIZE
    out["instrument_id"] = 1, 1, 2, 7
    out["participant_id"] = 1, 2, 1, 3
    out["price"] = UNDEF_PRICE, 62_000_500_000_000, -10_000_000, 0
    out["size"] = 150_000_000, 1, 30, 0
    out["side"] = Side.BID, Side.ASK, Side.NONE, Side.BID
    out["order_id"] = 2**64 - 1, 4, 5, 0
    out["limit_value"][3], out["value"][3] = 10, 11
    return out


def test_columns_are_words_and_exact_decimals() -> None:
    frame = execution_frame(rows(), TWO, {1: "alice", 2: "17"})
    assert frame["ts"][0] == "2024-03-05T09:30:00.123456789Z"
    assert frame["kind"].to_list() == ["accepted", "filled", "filled", "rejected"]
    assert frame["liquidity"].to_list() == [None, "taker", "auction", None]
    assert frame["instrument"].to_list() == ["BTC", "BTC", "ACME", "7"]
    assert frame["participant"].to_list() == ["alice", "2", "alice", "3"]
    assert frame["price"].to_list() == [None, "62000.5", "-0.01", "0"]
    assert frame["size"].to_list() == ["1.5", "0.00000001", "30", "0"]
    assert frame["side"].to_list() == ["buy", "sell", None, "buy"]
    assert frame["reason"].to_list() == [None, None, None, "MAX_ORDER_SIZE"]
    assert frame["order_id"].to_list() == [2**64 - 1, 4, 5, None]
    assert (frame["limit"][3], frame["value"][3], frame["limit"][0]) == (10, 11, None)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_every_format_holds_the_same_rows(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"e{suffix}"
    assert write_executions(path, rows(), TWO) == 4
    readers = {
        ".csv": lambda: pl.read_csv(path, infer_schema=False),
        ".jsonl": lambda: pl.read_ndjson(path),
        ".parquet": lambda: pl.read_parquet(path),
    }
    found, wanted = readers[suffix](), execution_frame(rows(), TWO)
    assert found.columns == wanted.columns
    assert found.cast(pl.String).rows() == wanted.cast(pl.String).rows()


def test_no_executions_are_a_file_without_rows(tmp_path: Path) -> None:
    assert write_executions(tmp_path / "e.csv", rows()[:0]) == 0
    assert (tmp_path / "e.csv").read_text().startswith("ts,kind,participant")


def test_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.parquet"):
        write_executions(tmp_path / "e.xls", rows())
    assert not list(tmp_path.iterdir())
