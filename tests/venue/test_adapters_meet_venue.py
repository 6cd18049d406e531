"""The bot's adapters and the local venue, over real sockets: neither shares code with the other but hashing."""

from collections.abc import Iterator
from typing import Any

import pytest

from messages import Book, MarketListed, MarketResolved, OrderType, TradePrint
from messages.inner import (
    CancelOrders,
    FetchMarket,
    ForLeaving,
    ForProbe,
    MarketFetched,
    PostOrder,
    ReadBalance,
    ReadMarket,
    ReadOpenOrders,
    ReadOrder,
    ReadTrades,
    SourceState,
    UserFact,
)
from polybot.adapters.net.reads import Known
from polybot.adapters.polymarket.channels import MarketChannelSource, UserChannelSource
from polybot.adapters.polymarket.clob import Clob
from polybot.adapters.polymarket.clob_public import ClobPublic
from polybot.adapters.polymarket.effects import AccountEffects, MarketEffects
from polybot.adapters.polymarket.gamma import Gamma
from tests.build import a_post
from tests.inbox import ListInbox
from tests.venue.conftest import Bench
from tests.waiting import wait_for

START_S = 1_795_132_800
SLUG = f"btc-updown-5m-{START_S}"
CID = "0x" + "74" * 32
SECOND = 1_000_000_000


@pytest.fixture
def inbox() -> ListInbox:
    return ListInbox()


@pytest.fixture
def clob(bench: Bench) -> Clob:
    made = Clob(bench.urls["clob"], bench.client.wallet, lambda: bench.clock.ns // SECOND)
    login = made.login()
    assert isinstance(login, Known)
    bench.client.credentials = login.value
    return made


@pytest.fixture
def account(clob: Clob, bench: Bench) -> AccountEffects:
    return AccountEffects(clob, Gamma(bench.urls["gamma"]))


@pytest.fixture
def markets(bench: Bench) -> MarketEffects:
    return MarketEffects(Gamma(bench.urls["gamma"]), ClobPublic(bench.urls["clob"]), bench.clock.now_ns)


@pytest.fixture
def books(bench: Bench, inbox: ListInbox) -> Iterator[MarketChannelSource]:
    source = MarketChannelSource(bench.urls["ws_market"], inbox, bench.clock.now_ns)
    source.start()
    yield source
    source.stop()


@pytest.fixture
def user(bench: Bench, clob: Clob, inbox: ListInbox) -> Iterator[UserChannelSource]:
    assert clob.credentials is not None
    address = bench.client.wallet.address
    source = UserChannelSource(bench.urls["ws_user"], clob.credentials, address, inbox, bench.clock.now_ns)
    source.start()
    wait_for(lambda: inbox.of(UserFact), "the channel to open")
    yield source
    source.stop()


def signed_post(
    bench: Bench,
    maker_e6: int = 5_000_000,
    taker_e6: int = 9_090_900,
    order_type: OrderType = "FAK",
    post_only: bool = False,
) -> PostOrder:
    order_id, body = bench.client.signed(
        maker_e6=maker_e6, taker_e6=taker_e6, order_type=order_type, post_only=post_only
    )
    return a_post(order_id=order_id, body=body)


def test_the_venues_market_is_listed_with_its_rule_and_its_label(markets: MarketEffects) -> None:
    listed, fetched = markets.fetch(FetchMarket(slug=SLUG))
    assert isinstance(listed, MarketListed)
    assert (listed.condition_id, listed.start_s, listed.rule, listed.synthetic_books) == (CID, START_S, "twap60", True)
    assert listed.fee is not None
    assert (listed.fee.rate_e6, listed.tick_e6, listed.min_size_e6, listed.taker_delay) == (
        70_000,
        10_000,
        5_000_000,
        True,
    )
    assert isinstance(fetched, MarketFetched)
    assert fetched.known


def test_books_trades_and_the_resolution_are_heard(
    bench: Bench, clob: Clob, books: MarketChannelSource, markets: MarketEffects, inbox: ListInbox
) -> None:
    listed = next(w for w in markets.fetch(FetchMarket(slug=SLUG)) if isinstance(w, MarketListed))
    books.subscribe((listed,))
    first = wait_for(lambda: inbox.of(Book), "a book")[0]
    assert (first.up_bids[0][0], first.up_asks[0][0], first.down_asks[0][0]) == (500_000, 520_000, 500_000)
    bench.quote(530_000, 550_000)
    wait_for(lambda: inbox.of(Book)[-1].up_asks[0][0] == 550_000, "the new book")
    assert clob.post_order(signed_post(bench)).outcome == "accepted"
    assert wait_for(lambda: inbox.of(TradePrint), "the trade")[0].price_e6 == 550_000
    bench.pass_time(330)
    bench.resolve("UP")
    assert wait_for(lambda: inbox.of(MarketResolved), "the resolution")[0].winner == "UP"
    wait_for(lambda: any("all subscribed assets resolved" in s.why for s in inbox.of(SourceState)), "the end")
    resolved = next(w for w in markets.fetch(FetchMarket(slug=SLUG)) if isinstance(w, MarketResolved))
    assert (resolved.winner, resolved.source) == ("UP", "gamma")
    assert not [s for s in inbox.of(SourceState) if s.state == "bad"]


def test_a_taker_order_is_followed_from_post_to_confirmation(
    bench: Bench, clob: Clob, account: AccountEffects, user: UserChannelSource, inbox: ListInbox
) -> None:
    before = account.read_balance(ReadBalance(purpose=ForProbe(), token_id=""))
    assert before.known
    assert before.allowance_e6 >= before.balance_e6
    post = signed_post(bench)
    result = clob.post_order(post)
    assert (result.outcome, result.status, result.making_e6) == ("accepted", "matched", 4_727_268)
    assert clob.post_order(post).code == "DUPLICATED"
    trade = wait_for(lambda: [f for f in inbox.of(UserFact) if f.kind == "trade"], "a trade")[0].trades[0]
    assert (trade.order_id, trade.is_taker, trade.status) == (post.order_id, True, "MATCHED")
    read = account.read_order(ReadOrder(purpose=ForProbe(), order_id=post.order_id, condition_id=CID))
    assert (read.known, read.order is not None and read.order.state) == (True, "MATCHED")
    assert sum(t.size_e6 for t in read.trades) == result.taking_e6
    bench.pass_time(60)
    trades = account.read_trades(ReadTrades(purpose=ForProbe(), after_s=START_S))
    assert (trades.known, {t.status for t in trades.trades}) == (True, {"CONFIRMED"})
    after = account.read_balance(ReadBalance(purpose=ForProbe(), token_id=""))
    assert after.balance_e6 < before.balance_e6 - result.making_e6, "the fee is on top"
    assert not [f for f in inbox.of(UserFact) if f.kind == "bad"]


def test_a_resting_order_is_seen_and_cancelled(
    bench: Bench, clob: Clob, account: AccountEffects, user: UserChannelSource, inbox: ListInbox
) -> None:
    post = signed_post(bench, maker_e6=4_000_000, taker_e6=10_000_000, order_type="GTC", post_only=True)
    assert clob.post_order(post).status == "live"
    shown = account.read_open_orders(ReadOpenOrders(purpose=ForProbe()))
    assert [(o.order_id, o.state, o.original_e6) for o in shown.orders] == [(post.order_id, "LIVE", 10_000_000)]
    result = account.cancel(CancelOrders(purpose=ForLeaving(), order_ids=(post.order_id, "0x" + "0" * 64)))
    assert (result.known, result.canceled, list(result.not_canceled)) == (True, (post.order_id,), ["0x" + "0" * 64])
    assert account.read_open_orders(ReadOpenOrders(purpose=ForProbe())).orders == ()
    assert account.cancel(CancelOrders(purpose=ForLeaving(), order_ids=())).known
    wait_for(lambda: any(f.order and f.order.state == "CANCELED" for f in inbox.of(UserFact)), "the cancellation")


def test_an_order_the_venue_never_saw_is_clearly_absent(bench: Bench, account: AccountEffects) -> None:
    read = account.read_order(ReadOrder(purpose=ForProbe(), order_id="0x" + "0" * 64, condition_id=CID))
    assert (read.known, read.order, read.trades) == (True, None, ())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"maker_e6": 500_000, "taker_e6": 900_000}, "MIN_SIZE"),
        ({"maker_e6": 900_000_000_000, "taker_e6": 1_600_000_000_000}, "INSUFFICIENT"),
        ({"maker_e6": 5_000_000, "taker_e6": 12_500_000}, "FAK_NO_MATCH"),
        ({"maker_e6": 1_000_000, "taker_e6": 2_500_000, "order_type": "GTC"}, "MIN_SIZE"),
    ],
)
def test_refusals_have_their_codes(bench: Bench, clob: Clob, change: dict[str, Any], code: str) -> None:
    result = clob.post_order(signed_post(bench, **change))
    assert (result.outcome, result.code) == ("refused", code), result.text


def test_an_open_market_is_known_to_be_open_and_then_who_won(bench: Bench, account: AccountEffects) -> None:
    wish = ReadMarket(purpose=ForProbe(), slug=SLUG, condition_id=CID)
    read = account.read_market(wish)
    assert (read.known, read.closed, read.winner) == (True, False, "")
    bench.resolve("DOWN")
    read = account.read_market(wish)
    assert (read.known, read.closed, read.winner) == (True, True, "DOWN"), read.why
