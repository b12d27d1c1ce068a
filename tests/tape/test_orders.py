"""Order files: what their rows say, what is wrong with them, and that what is written is read again."""

from __future__ import annotations

import gzip
import io
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.core import (
    COMMAND,
    KEEP,
    UNDEF_PRICE,
    CommandKind,
    FormatError,
    Instrument,
    LossError,
    OrderFlag,
    OrderType,
    Phase,
    Records,
    SelfTrade,
    Side,
    TimeInForce,
    UsageError,
)
from tickdeck.tape.order_schema import ALIASES, COLUMNS
from tickdeck.tape.order_writer import write_commands
from tickdeck.tape.orders import OrderFile, read_orders

ACME = Instrument("ACME", "0.01", instrument_id=1)


def read_text(tmp_path: Path, text: str, name: str = "orders.csv", **options: Any) -> OrderFile:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read_orders(path, **options)


def faults(orders: OrderFile) -> list[tuple[int, str]]:
    return [(row, text) for kind, row, text in orders.report.examples if kind == "bad_row"]


FULL = """\
ts,command,participant,client_order_id,instrument,side,type,price,size,tif,trigger,offset,display,minimum,expire,group,stp,flags,phase
1700000000000000001,new,alice,7,ACME,buy,limit,10.01,500,gtd,,,50,,1700000000000000009,3,cancel_oldest,post-only|hidden,
1700000000000000002,new,bob,1,ACME,S,Stop-Limit,9.85,100,DAY,9.90,,,,,,,,
1700000000000000003,new,bob,2,ACME,ask,trailing stop,,100,,,0.05,,,,,none,reduce_only,
1700000000000000004,new,bob,3,ACME,B,MARKET,,10,fok,,,,10,,,,,
1700000000000000005,replace,alice,7,ACME,,,10.02,,,,,,,,,,,
1700000000000000006,cancel,alice,7,,,,,,,,,,,,,,,
1700000000000000007,cancel-all,bob,,,sell,,,,,,,,,,,,,
1700000000000000008,phase,,,ACME,,,,,,,,,,,,,,pre_close
1700000000000000009,clock,,,,,,,,,,,,,,,,,
1700000000000000010,reference,,,ACME,,,10.00,,,,,,,,,,,
"""


def test_every_column_arrives_in_its_field(tmp_path: Path) -> None:
    orders = read_text(tmp_path, FULL)
    found = orders.commands
    assert not orders.report.counts and orders.rows.tolist() == list(range(2, 12))
    assert bytes(found["kind"]).decode() == "NNNNRCXPKB"
    assert found["ts"].tolist() == [1_700_000_000_000_000_000 + at for at in range(1, 11)]
    assert orders.participants == {"alice": 1, "bob": 2}
    assert found["participant_id"].tolist() == [1, 2, 2, 2, 1, 1, 2, 1, 1, 1]
    assert found["instrument_id"].tolist() == [1, 1, 1, 1, 1, 0, 0, 1, 0, 1]
    first = found[0]
    assert (first["side"], first["order_type"], first["price"], first["size"]) == (Side.BID, OrderType.LIMIT, 10_010_000_000, 500)
    assert (first["time_in_force"], first["expire_ts"]) == (TimeInForce.GTD, 1_700_000_000_000_000_009)
    assert (first["display_size"], first["group"], first["client_order_id"]) == (50, 3, 7)
    assert first["self_trade"] == SelfTrade.CANCEL_OLDEST and first["flags"] == OrderFlag.POST_ONLY | OrderFlag.HIDDEN
    assert found["order_type"][:4].tolist() == [OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.MARKET]
    assert found["time_in_force"][:4].tolist() == [TimeInForce.GTD, TimeInForce.DAY, TimeInForce.GTC, TimeInForce.FOK]
    assert found["trigger_price"][:3].tolist() == [UNDEF_PRICE, 9_900_000_000, UNDEF_PRICE]
    assert found["price"][:5].tolist() == [10_010_000_000, 9_850_000_000, UNDEF_PRICE, UNDEF_PRICE, 10_020_000_000]
    assert found["offset"][2] == 50_000_000 and found["minimum_size"][3] == 10
    assert found["size"][4] == KEEP and found["side"][6] == Side.ASK and found["phase"][7] == Phase.PRE_CLOSE


def test_little_is_needed_and_the_rest_has_defaults(tmp_path: Path) -> None:
    orders = read_text(tmp_path, "side,size,price\nbuy,100,10.01\nsell,50,10.05\n", name="acme.csv")
    found = orders.commands
    assert found["kind"].tolist() == [CommandKind.NEW] * 2 and found["order_type"].tolist() == [OrderType.LIMIT] * 2
    assert found["time_in_force"].tolist() == [TimeInForce.GTC] * 2 and found["ts"].tolist() == [0, 0]
    assert found["client_order_id"].tolist() == [1, 2] and found["participant_id"].tolist() == [1, 1]
    assert [item.symbol for item in orders.instruments] == ["ACME"] == orders.inferred
    assert orders.participants == {"1": 1}


def test_an_order_without_price_and_type_is_never_a_market_order(tmp_path: Path) -> None:
    orders = read_text(
        tmp_path, "side,size,price,trigger,expire\nbuy,1,,,\nbuy,1,,9,\nbuy,1,9,9,\nbuy,1,9,,1700000000000000000\n"
    )
    types = [OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.LIMIT]
    assert orders.commands["order_type"].tolist() == types and orders.commands["price"][0] == UNDEF_PRICE
    assert orders.commands["time_in_force"].tolist() == [TimeInForce.GTC] * 3 + [TimeInForce.GTD]


def test_an_empty_time_is_the_one_before(tmp_path: Path) -> None:
    text = "ts,side,size,price\n,buy,1,1\n1700000000,buy,1,1\n,buy,1,1\n1700000001.5,buy,1,1\n2024-03-05T09:30:00.123456789Z,buy,1,1\n"
    times = read_text(tmp_path, text, start=5).commands["ts"].tolist()
    assert times == [5, 1_700_000_000 * 10**9, 1_700_000_000 * 10**9, 1_700_000_001_500_000_000, 1_709_631_000_123_456_789]


def test_missing_client_order_ids_are_the_next_free_of_their_participant(tmp_path: Path) -> None:
    rows = ["a,", "b,", "a,10", "a,", "b,3", "a,5", "a,", "b,", "a,18446744073709551615", "a,", "c,x-17", "c,"]
    orders = read_text(tmp_path, "participant,client_order_id\n" + "\n".join(rows) + "\n")
    ids = orders.commands["client_order_id"].tolist()
    assert ids[:10] == [1, 1, 10, 11, 3, 5, 12, 4, 2**64 - 1, 13]
    assert ids[10] >= 2**62 and ids[11] == 1


def test_ids_that_were_used_before_are_not_given_again(tmp_path: Path) -> None:
    rows = "participant,client_order_id\na,\nb,\na,7\na,\n"
    orders = read_text(tmp_path, rows, participants={"a": 3}, next_ids={3: 5})
    assert orders.commands["client_order_id"].tolist() == [5, 1, 7, 8]


def test_plain_numbers_are_ids_and_names_have_the_lowest_free_one(tmp_path: Path) -> None:
    orders = read_text(tmp_path, "participant,symbol,size,price\nzoe,XYZ,1,1\n1,2,1,1\n0,1,1,1\n4294967295,XYZ,1,1\n")
    assert orders.participants == {"zoe": 2, "1": 1, "0": 3, "4294967295": 2**32 - 1}
    assert {item.symbol: item.instrument_id for item in orders.instruments} == {"1": 1, "2": 2, "XYZ": 3}


def test_known_names_keep_their_ids(tmp_path: Path) -> None:
    known = [Instrument("ZZZ", "0.5"), Instrument("ACME", "0.01", 2, instrument_id=9)]
    text = "participant,symbol,size,price\nzoe,ACME,1.5,1\nbob,ZZZ,1,1\n"
    orders = read_text(tmp_path, text, instruments=known, participants={"bob": 4, "ann": 1})
    assert orders.participants == {"zoe": 2, "bob": 4} and not orders.inferred
    assert [(item.symbol, item.instrument_id) for item in orders.instruments] == [("ZZZ", 1), ("ACME", 9)]
    assert orders.commands["size"].tolist() == [150, 1]


def test_the_tick_is_the_largest_that_all_prices_are_multiples_of(tmp_path: Path) -> None:
    text = "symbol,size,price,trigger,command\nES,1,4780.25,,\nES,1,4780.50,4781.75,\n"
    text += "BTC,0.125,62000,,\nBTC,1,62010,,\nES,,0.1,,reference\n"
    orders = read_text(tmp_path, text)
    assert {item.symbol: (item.tick_size, item.size_decimals) for item in orders.instruments} == {
        "ES": (250_000_000, 0),
        "BTC": (1_000_000_000, 3),
    }
    assert orders.commands["size"].tolist()[2:4] == [125, 1000]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("buy,1,10.0x,,", "price '10.0x' is not a number"),
        ("buy,1,nan,,", "price 'nan' is not a number"),
        ("buy,1,99999999999,,", "does not fit in 63 bits"),
        ("buy,1,1e400,,", "price 1e400 does not fit in 63 bits"),
        ("buy,1,1.0000000001,,", "more than 9 decimals"),
        ("buy,99999999999999999999,1,,", "size 99999999999999999999 does not fit in 63 bits"),
        ("buy,ten,1,,", "size 'ten' is not a number"),
        ("byu,1,1,,", "side 'byu' is none of buy, sell"),
        ("buy,1,1,limt,", "type 'limt' is none of limit, market, stop"),
        ("buy,1,1,,soon", "ts: 'soon' is not a time"),
        ("buy,1,1,,99999999999999999999", "does not fit"),
        ("buy,1,1,", "4 cells, but the header has 5"),
        ("buy,1,1,,,,", "7 cells, but the header has 5"),
        ('"buy,1,1,,', "a quote never closes"),
        ("b\udcffy,1,1,,", "is no text in UTF-8"),
    ],
)
def test_a_bad_row_is_counted_with_its_line_and_the_others_are_read(row: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    content = f"# orders\nside,size,price,type,ts\nbuy,1,1,,5\n\n{row}\nsell,2,3,,6\n"
    path.write_bytes(content.encode(errors="surrogateescape"))
    orders = read_orders(path)
    assert orders.rows.tolist() == [3, 6] and orders.commands["size"].tolist() == [1, 2]
    ((at, said),) = faults(orders)
    assert at == 5 and text in said
    with pytest.raises(FormatError, match=r"o\.csv, row 5: ") as caught:
        read_orders(path, strict=True)
    assert text in str(caught.value) and "\n" not in str(caught.value)


def test_a_size_finer_than_the_declared_decimals_is_a_bad_row(tmp_path: Path) -> None:
    orders = read_text(tmp_path, "side,size,price\nbuy,1,1\nbuy,1.5,1\n", instruments=[ACME])
    assert faults(orders) == [(3, "size '1.5' has more than 0 decimals")] and len(orders) == 1


def test_a_row_without_an_instrument_among_several_is_bad(tmp_path: Path) -> None:
    orders = read_text(tmp_path, "symbol,size,price,command,id\nA,1,1,,\nB,1,1,,\n,1,1,,\n,,,cancel,1\n")
    assert faults(orders) == [(4, "the row names no instrument, and there are several")]
    assert orders.rows.tolist() == [2, 3, 5]


def test_unknown_columns_are_passed_over_and_named(tmp_path: Path) -> None:
    orders = read_text(tmp_path, "side;qty;px;note;Stop_Price\nbuy;1;2;hello;\n")
    assert orders.report.notes == {"ignored_columns": ["note"]} and orders.commands["price"].tolist() == [2_000_000_000]
    jsonl = read_text(tmp_path, '{"side":"buy","qty":1,"px":2,"note":"hello"}\n', name="o.jsonl")
    assert jsonl.report.notes == {"ignored_columns": ["note"]} and jsonl.commands["size"].tolist() == [1]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "empty"),
        (b"side,size,price\n", "holds no rows"),
        (b"a,b,c\n1,2,3\n", "is no order file"),
        (b"buy 1 @ 2\n", "is no order file"),
        (b"1,2,3\n", "is no order file"),
        (b"side,size\0,price\n", "is no text"),
        (bytes(range(256)) * 4, "is no text"),
        ("side,size,price\nbuy,1,1\n".encode("utf-16"), "UTF-16"),
        (b"size,qty,price\n1,1,1\n", "both mean size"),
    ],
)
def test_what_is_no_order_file_is_one_line_error(content: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=text) as caught:
        read_orders(path)
    assert "o.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_and_a_missing_file_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        read_orders(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_orders(tmp_path / "none.csv")


def test_marks_line_ends_quotes_and_compression_do_not_matter(tmp_path: Path) -> None:
    text = '\ufeffside,size,price,participant\r\nbuy,1,"2.5","a, ""b"""\r\nsell,3,4,c\r\nsell,5,6,d'
    plain = read_text(tmp_path, text)
    assert plain.participants == {'a, "b"': 1, "c": 2, "d": 3} and plain.commands["size"].tolist() == [1, 3, 5]
    packed = tmp_path / "o.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    np.testing.assert_array_equal(read_orders(packed).commands, plain.commands)


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"side,size,price\nbuy,1,2\n")))
    assert read_orders("-").commands["size"].tolist() == [1]


def test_rows_are_numbered_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tickdeck.tape.orders._BLOCK_BYTES", 40)
    rows = [f"buy,{at},10.0{at % 10}" for at in range(1, 200)]
    rows[123] = "buy,x,10"
    orders = read_text(tmp_path, "side,size,price\n" + "\n".join(rows))
    assert faults(orders) == [(125, "size 'x' is not a number")]
    assert orders.commands["size"].tolist() == [at for at in range(1, 200) if at != 124]
    assert orders.commands["client_order_id"].tolist() == list(range(1, 199))


def test_json_numbers_are_taken_as_they_stand(tmp_path: Path) -> None:
    text = '{"side":"buy","size":1.50,"price":0.123456789,"id":18446744073709551615}\n\n'
    text += '{"side":"sell","size":"2","price":null,"type":"market"}\n'
    orders = read_text(tmp_path, text, name="o.jsonl")
    assert orders.commands["price"].tolist() == [123_456_789, UNDEF_PRICE] and orders.commands["size"].tolist() == [150, 200]
    assert orders.commands["client_order_id"][0] == 2**64 - 1 and orders.rows.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"side":"buy","size":1', "no JSON object"),
        ("[1,2]", "no JSON object"),
        ('{"side":{"a":1}}', "side is"),
        ('{"side":"buy","price":true}', "price is true"),
        ('{"side":"buy","price":"1.x"}', "price '1.x' is not a number"),
    ],
)
def test_a_bad_line_of_json_is_counted_with_its_number(line: str, text: str, tmp_path: Path) -> None:
    orders = read_text(
        tmp_path, f'{{"side":"buy","size":1,"price":1}}\n{line}\n{{"side":"sell","size":1,"price":1}}\n', "o.jsonl"
    )
    ((at, said),) = faults(orders)
    assert at == 2 and text in said and orders.rows.tolist() == [1, 3]


# Writing

PRICES = st.one_of(
    st.just(UNDEF_PRICE), st.integers(-(2**63) + 2, 2**63 - 2), st.integers(1, 10**6).map(lambda ticks: ticks * 10**7)
)
SIZES = st.one_of(st.integers(-(2**63) + 2, 2**63 - 2), st.integers(0, 1000))
TIMES = st.integers(10**17, 2**62)


@st.composite
def commands(draw: st.DrawFn) -> Records:
    out = np.zeros(draw(st.integers(1, 12)), COMMAND)
    for row in out:
        kind = draw(st.sampled_from(CommandKind))
        is_new = kind == CommandKind.NEW
        row["kind"] = kind
        row["ts"] = draw(TIMES)
        row["side"] = draw(st.sampled_from(Side))
        row["price"], row["trigger_price"] = draw(PRICES), draw(PRICES)
        row["offset"] = draw(st.integers(-(10**12), 10**12))
        row["size"] = draw(st.one_of(SIZES, st.just(KEEP)) if kind == CommandKind.REPLACE else SIZES)
        row["display_size"], row["minimum_size"] = draw(SIZES), draw(SIZES)
        row["expire_ts"] = draw(st.one_of(st.just(0), TIMES))
        row["instrument_id"] = draw(st.sampled_from([3, 8]))
        row["participant_id"] = draw(st.sampled_from([1, 2, 2**32 - 1]))
        row["group"] = draw(st.integers(0, 2**32 - 1))
        row["order_type"] = draw(st.sampled_from(OrderType)) if is_new else 0
        row["time_in_force"] = draw(st.sampled_from(TimeInForce)) if is_new else 0
        row["self_trade"], row["phase"] = draw(st.sampled_from(SelfTrade)), draw(st.sampled_from([0, *Phase]))
        row["flags"] = draw(st.integers(0, 7))
        if not is_new and draw(st.booleans()):
            row["flags"] |= OrderFlag.BY_ORDER_ID
            row["order_id"] = draw(st.integers(0, 2**64 - 1))
        else:
            row["client_order_id"] = draw(st.integers(0, 2**64 - 1))
    return out


TWO = [Instrument("AAA", "0.01", 2, instrument_id=3), Instrument("BBB", "0.5", instrument_id=8)]


@settings(max_examples=60, deadline=None)
@given(commands(), st.sampled_from([".csv", ".jsonl"]), st.booleans())
def test_what_is_written_is_read_again_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, wanted: Records, suffix: str, early: bool
) -> None:
    if early:
        wanted["ts"][0] = 1_700_000_000
    path = tmp_path_factory.mktemp("rt") / f"o{suffix}"
    assert write_commands(path, wanted, TWO) == len(wanted)
    orders = read_orders(path, instruments=TWO)
    assert not orders.report.counts
    np.testing.assert_array_equal(orders.commands, wanted)


def test_names_are_written_and_read_again(tmp_path: Path) -> None:
    first = read_text(tmp_path, FULL)
    write_commands(tmp_path / "again.csv", first.commands, first.instruments, {1: "alice", 2: "bob"})
    assert "alice" in (tmp_path / "again.csv").read_text()
    again = read_orders(tmp_path / "again.csv")
    np.testing.assert_array_equal(again.commands, first.commands)
    assert again.participants == first.participants


def test_what_has_no_word_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    wanted = np.zeros(2, COMMAND)
    wanted["kind"] = CommandKind.NEW, 200
    with pytest.raises(LossError, match="kind 200 of command 1"):
        write_commands(tmp_path / "o.csv", wanted)
    with pytest.raises(UsageError, match=r"\.jsonl"):
        write_commands(tmp_path / "o.parquet", wanted)
    assert not list(tmp_path.iterdir())


# Against a slow reader that shares nothing with the fast one

CELLS = st.sampled_from(
    ["", "1", "-2.5", "0.000000001", "1e2", "1e-3", ".5", "7.", "+3", "x", "1,5", "1_0", "9" * 19, "9" * 18, "0x1"]
)


def slow_units(text: str, decimals: int) -> int | None:
    if not text or any(character not in "0123456789.+-eE" for character in text):
        return None
    value = Decimal(text).scaleb(decimals)
    return int(value) if value == value.to_integral_value() and abs(value) < 2**63 - 1 else None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=30))
def test_amounts_are_those_of_decimal(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("slow") / "o.csv"
    path.write_text("side;size;price\n" + "".join(f"buy;{size};{price}\n" for size, price in rows))
    orders = read_orders(path, instruments=[Instrument("A", "0.01", 3)])
    expected = []
    for at, (size, price) in enumerate(rows):
        units, nanos = slow_units(size, 3), slow_units(price, 9)
        if (units is not None or not size) and (nanos is not None or not price):
            expected.append((at + 2, units or 0, UNDEF_PRICE if nanos is None else nanos))
    assert list(zip(orders.rows.tolist(), orders.commands["size"].tolist(), orders.commands["price"].tolist())) == expected


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"side,size,price,ts\n", b'{"side":"buy"}\n', b"command;id;flags;expire\n"])
)
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "o.csv"
    path.write_bytes(head + data)
    try:
        orders = read_orders(path)
    except (FormatError, UsageError) as error:
        assert "\n" not in str(error)
        return
    assert len(orders.rows) == len(orders.commands) and (np.diff(orders.rows) > 0).all()


def test_aliases_lead_to_columns() -> None:
    assert set(ALIASES.values()) <= set(COLUMNS) and not set(ALIASES) & set(COLUMNS)
