"""The language of an exchange session."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickdeck.cli.order_requests import (
    NO_FLAGS,
    Cancel,
    CancelAll,
    Help,
    Order,
    Pass,
    Quit,
    Replace,
    Request,
    Save,
    SetPhase,
    SetReference,
    Show,
    SwitchTo,
    Use,
    When,
)
from tickdeck.cli.order_text import is_request_word, parse_line
from tickdeck.cli.order_words import USAGE, LineError
from tickdeck.core import OrderFlag, OrderType, Phase, SelfTrade, Side, TimeInForce

BUY, SELL = Side.BID, Side.ASK


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("buy 100 @ 10.01 ioc", Order(BUY, "100", price="10.01", time_in_force=TimeInForce.IOC)),
        ("BUY 100@10.01 IOC", Order(BUY, "100", price="10.01", time_in_force=TimeInForce.IOC)),
        ("sell 50 @ 10.05 post-only", Order(SELL, "50", price="10.05", flags=OrderFlag.POST_ONLY)),
        ("s 50 at 10.05 post only", Order(SELL, "50", price="10.05", flags=OrderFlag.POST_ONLY)),
        ("buy 10 market", Order(BUY, "10", OrderType.MARKET)),
        ("buy 10 ACME MARKET", Order(BUY, "10", OrderType.MARKET, instrument="ACME")),
        ("buy 10 IOC market", Order(BUY, "10", OrderType.MARKET, time_in_force=TimeInForce.IOC)),
        ("buy 10 acme @ 5", Order(BUY, "10", price="5", instrument="acme")),
        ("buy 10 @ 5 on acme", Order(BUY, "10", price="5", instrument="acme")),
        ("sell 100 stop 9.90", Order(SELL, "100", OrderType.STOP, trigger="9.90")),
        ("sell 100 stop 9.90 @ 9.85", Order(SELL, "100", OrderType.STOP_LIMIT, trigger="9.90", price="9.85")),
        ("sell 100 stop 9.90 limit 9.85", Order(SELL, "100", OrderType.STOP_LIMIT, trigger="9.90", price="9.85")),
        ("sell 100 trail 0.05", Order(SELL, "100", OrderType.TRAILING_STOP, offset="0.05")),
        ("buy 500 @ 10 display 50", Order(BUY, "500", price="10", display="50")),
        ("buy 10 peg mid", Order(BUY, "10", OrderType.PEG_MID)),
        ("buy 10 peg bid -0.02 @ 10", Order(BUY, "10", OrderType.PEG_BID, offset="-0.02", price="10")),
        ("buy 10 @ 5 at open", Order(BUY, "10", price="5", time_in_force=TimeInForce.AT_OPEN)),
        ("buy 10 market at-close", Order(BUY, "10", OrderType.MARKET, time_in_force=TimeInForce.AT_CLOSE)),
        ("buy 1 @ 1 until +5m", Order(BUY, "1", price="1", time_in_force=TimeInForce.GTD, expire=When(300 * 10**9, True))),
        ("buy 1 @ 1 gtd 1709631000000000000", Order(BUY, "1", price="1", time_in_force=TimeInForce.GTD, expire=When(1709631000 * 10**9))),
        (
            "buy 9 @ 1 min 3 group 7 stp cancel_oldest hidden reduce-only id 44",
            Order(
                BUY, "9", price="1", minimum="3", group=7, self_trade=SelfTrade.CANCEL_OLDEST, client_order_id=44,
                flags=OrderFlag.HIDDEN | OrderFlag.REDUCE_ONLY,
            ),
        ),
        ("replace 3 @ 10.02 x 50", Replace(3, "10.02", "50")),
        ("replace #3 stop 9", Replace(3, trigger="9")),
        ("cancel 3", Cancel(3)),
        ("cancel all", CancelAll()),
        ("cancel all sell ACME", CancelAll(SELL, "ACME")),
        ("as bob the builder", SwitchTo("bob the builder")),
        ("use ACME", Use("ACME")),
        ("book", Show("book")),
        ("trades 5 ACME", Show("trades", 5, "ACME")),
        ("orders", Show("orders")),
        ("stats", Show("stats")),
        ("phase halt", SetPhase(Phase.HALT)),
        ("phase Pre_Open ACME", SetPhase(Phase.PRE_OPEN, "ACME")),
        ("reference 10.00", SetReference("10.00")),
        ("time +5s", Pass(When(5 * 10**9, True))),
        ("time 1.5ms", Pass(When(1_500_000, True))),
        ("time 2024-03-05T09:30:00Z", Pass(When(1_709_631_000 * 10**9))),
        ("save events.parquet", Save("events.parquet")),
        ("save orders my file.csv", Save("my file.csv", "orders")),
        ("help b", Help("buy")),
        ("help", Help()),
        ("exit", Quit()),
    ],
)  # fmt: skip
def test_a_line_is_the_request_that_it_says(line: str, request_: Request) -> None:
    assert parse_line(line) == request_
    assert parse_line(f"  {line}\t\n") == request_
    assert is_request_word(line.split()[0])


@pytest.mark.parametrize("line", ["", "   ", "# buy 1 @ 2", "\n"])
def test_blank_lines_and_remarks_ask_for_nothing(line: str) -> None:
    assert parse_line(line) is None


@pytest.mark.parametrize(
    ("line", "wrong", "understood"),
    [
        ("buy", "the size is missing", "buy"),
        ("buy ten @ 5", "the size 'ten' is not a number", "buy"),
        ("buy 100", "it has no price", "buy 100"),
        ("buy 100 @", "the price is missing", "buy 100 @"),
        ("buy 100 @ 10,5", "the price '10,5' is not a number", "buy 100 @"),
        ("buy 100 10.01", "'10.01' is no option; put @ before a price", "buy 100"),
        ("buy 100 makret", "did you mean market?", "buy 100"),
        ("buy 100 @ 10 iocc", "did you mean ioc?", "buy 100 @ 10"),
        ("buy 100 @ 10 ioc day", "the time in force is there twice", "buy 100 @ 10 ioc"),
        ("buy 100 @ 10 @ 11", "the price is there twice", "buy 100 @ 10"),
        ("buy 100 market @ 10", "a market order takes no price", "buy 100 market @ 10"),
        ("buy 100 market stop 9", "'stop' does not go with", "buy 100 market"),
        ("buy 1 peg middle", "nothing to peg to", "buy 1 peg"),
        ("buy 1 @ 1 id -4", "the client order id '-4' is not a whole number", "buy 1 @ 1 id"),
        ("buy 1 @ 1 group 4294967296", "is not a whole number up to 4294967295", "buy 1 @ 1 group"),
        ("cancel", "the order, or all, is missing", "cancel"),
        ("cancel 3 4", "'4' is too much", "cancel 3"),
        ("replace 3", "nothing is to change", "replace 3"),
        ("replace 3 x 5 x 6", "the size is there twice", "replace 3 x 5"),
        ("phase haltt", "did you mean halt?", "phase"),
        ("time yesterday", "'yesterday' is no time", "time"),
        ("time +0.1ns", "no whole number of ns", "time"),
        ("time +999999999999d", "no whole number of ns in 64 bits", "time"),
        ("as", "the participant's name is missing", "as"),
        ("save", "the file's name is missing", "save"),
        ("help nonsense", "'nonsense' is no command", "help"),
        ("book now then", "'then' is too much", "book now"),
    ],
)
def test_a_wrong_line_says_what_was_understood_and_what_would_be_right(line: str, wrong: str, understood: str) -> None:
    with pytest.raises(LineError) as caught:
        parse_line(line)
    text = str(caught.value)
    assert wrong in text and f"understood: {understood}; write {USAGE[line.split()[0]]}" in text and "\n" not in text


@pytest.mark.parametrize(
    ("line", "hint"),
    [("byu 1 @ 2", "did you mean buy?"), ("buy100@5", "put a blank between buy and the size"), ("xyzzy", "help lists them")],
)
def test_an_unknown_command_is_one_line_with_a_hint(line: str, hint: str) -> None:
    with pytest.raises(LineError, match="is no command") as caught:
        parse_line(line)
    assert hint in str(caught.value)


@pytest.mark.parametrize("command", list(USAGE))
def test_every_command_has_a_parser(command: str) -> None:
    try:
        assert parse_line(command) is not None
    except LineError as error:
        assert "missing" in str(error)


# Round trips: a line made of an order is that order again

NUMBERS = st.decimals(0, 10**9, places=4).map(str)
WHENS = st.one_of(
    st.builds(When, st.integers(0, 10**11), st.just(True)), st.builds(When, st.integers(10**9, 2**63 - 1), st.just(False))
)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    kind = draw(st.sampled_from(OrderType))
    is_peg = kind in (OrderType.PEG_ASK, OrderType.PEG_BID, OrderType.PEG_MID)
    priced = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) or (is_peg and draw(st.booleans()))
    tif = draw(st.sampled_from(TimeInForce))
    return Order(
        side=draw(st.sampled_from([BUY, SELL])),
        size=draw(NUMBERS),
        order_type=kind,
        price=draw(NUMBERS) if priced else None,
        instrument=draw(st.sampled_from([None, "ACME", "BTC-USD", "ES.H4"])),
        trigger=draw(NUMBERS) if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None,
        offset=draw(NUMBERS) if kind == OrderType.TRAILING_STOP or (is_peg and draw(st.booleans())) else None,
        time_in_force=tif,
        expire=draw(WHENS) if tif == TimeInForce.GTD else None,
        display=draw(st.none() | NUMBERS),
        minimum=draw(st.none() | NUMBERS),
        group=draw(st.integers(0, 2**32 - 1)),
        self_trade=draw(st.none() | st.sampled_from(SelfTrade)),
        flags=draw(st.sampled_from([NO_FLAGS, *OrderFlag])) & OrderFlag(7),
        client_order_id=draw(st.none() | st.integers(0, 2**64 - 1)),
    )


PARTS = {
    OrderType.MARKET: "market", OrderType.STOP: "stop {0.trigger}", OrderType.STOP_LIMIT: "stop {0.trigger}",
    OrderType.TRAILING_STOP: "trail {0.offset}", OrderType.PEG_BID: "peg bid", OrderType.PEG_ASK: "peg ask", OrderType.PEG_MID: "peg mid",
}  # fmt: skip


def line_of(order: Order, separator: str) -> str:
    """The order in words; independent of the parser's tables."""
    parts = ["buy" if order.side == BUY else "sell", order.size]
    parts += [order.instrument] if order.instrument else []
    options = [PARTS.get(order.order_type, "").format(order)]
    if order.order_type >= OrderType.PEG_BID and order.offset is not None:
        options[0] += f" +{order.offset}"
    options += [f"@ {order.price}"] if order.price is not None else []
    when = "" if order.expire is None else f"+{order.expire.ns}ns" if order.expire.is_relative else str(order.expire.ns)
    options.append(f"until {when}" if when else order.time_in_force.name.lower().replace("_", "-"))
    options += [f"display {order.display}"] if order.display is not None else []
    options += [f"min {order.minimum}"] if order.minimum is not None else []
    options += [f"group {order.group}"]
    options += [f"stp {order.self_trade.name}"] if order.self_trade is not None else []
    options += [flag.name.lower().replace("_", "-") for flag in OrderFlag if flag & order.flags]
    options += [f"id {order.client_order_id}"] if order.client_order_id is not None else []
    return " ".join(parts + [text for text in options if text]).replace(" ", separator)


@settings(max_examples=300, deadline=None)
@given(orders(), st.sampled_from([" ", "  ", "\t "]))
def test_an_order_in_words_is_that_order(order: Order, separator: str) -> None:
    found = parse_line(line_of(order, separator))
    assert isinstance(found, Order)
    # The sign of a peg's offset is part of its text.
    offset = None if found.offset is None else found.offset.removeprefix("+")
    assert replace(found, offset=offset) == order


WORDS = st.sampled_from(
    [
        *USAGE,
        "@",
        "10",
        "-1",
        "ACME",
        "ioc",
        "stop",
        "peg",
        "mid",
        "all",
        "x",
        "until",
        "+5s",
        "display",
        "\ud800"[:0],
        "#3",
        "stp",
        "é",
        "١",
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=10).map(" ".join)))
def test_any_line_is_a_request_or_one_line_of_error(line: str) -> None:
    try:
        parse_line(line)
    except LineError as error:
        assert len(str(error)) < 400 and "\n" not in str(error)
