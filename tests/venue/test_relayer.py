"""The bot's relayer adapter and the venue's relayer, over real sockets: each kind of wallet is paid once, when it is mined."""

from typing import Any

import pytest

from messages.inner import PollRedeem, SubmitRedeem
from polybot.adapters.polymarket.calldata import ROUTER, redeem_call
from polybot.adapters.polymarket.chain import MISSING, ChainRedeemer
from polybot.adapters.polymarket.relayer import Relayer, RelayerKey
from polybot.adapters.polymarket.signing import Credentials
from polybot.sim.venue import NewOrder
from polybot.sim.venue.switches import Switches
from polybot.venue.faults.script import read_fault
from tests.venue.conftest import Bench, Opener

CID = "0x" + "74" * 32
SLUG = "btc-updown-5m-1795132800"
FUNDER = "0x" + "22" * 20
SHARES_E6 = 10_000_000
KEY = RelayerKey("k", "0x" + "33" * 20)


@pytest.fixture
def bench(opener: Opener) -> Any:
    made = opener.open(switches=Switches(payout_by_redeem=True))
    made.quote()
    return made


def a_relayer(bench: Bench, kind: int, key: RelayerKey | None = KEY) -> Relayer:
    wallet = bench.client.wallet
    funder = FUNDER if kind else wallet.address
    now_s = lambda: bench.clock.ns // 10**9  # noqa: E731
    return Relayer(bench.urls["relayer"], wallet, kind, funder, now_s, 5.0, key, "put a key there")


def won(bench: Bench, owner: str) -> str:
    """UP bought, settled and resolved; the winning token."""

    def buy() -> None:
        bench.house.engine.grant(owner.lower(), 100_000_000, bench.clock.ns)
        order = NewOrder("o1", owner.lower(), bench.listing.up_token, "BUY", 5_200_000, SHARES_E6, "GTC")
        bench.house.engine.submit(order, bench.clock.ns)
        bench.house.engine.release("o1", bench.clock.ns)

    bench.do(buy)
    bench.pass_time(20)
    bench.resolve("UP")
    return bench.listing.up_token


def a_wish(token: str, attempt: int = 1, condition_id: str = CID) -> SubmitRedeem:
    shares = {token: SHARES_E6}
    return SubmitRedeem(slug=SLUG, condition_id=condition_id, neg_risk=False, attempt=attempt, shares=shares)


def cash(bench: Bench, owner: str) -> int:
    return int(bench.do(lambda: bench.house.engine.account_balance(owner.lower())))


@pytest.mark.parametrize("kind", [0, 1, 2, 3], ids=["own", "proxy", "safe", "deposit_wallet"])
def test_each_kind_of_wallet_is_paid_when_it_is_mined(bench: Bench, kind: int) -> None:
    relayer = a_relayer(bench, kind)
    token = won(bench, relayer.funder)
    before = cash(bench, relayer.funder)
    sent = relayer.submit(a_wish(token))
    assert sent.state == "sent", sent.why
    poll = PollRedeem(slug=SLUG, attempt=1, tx_id=sent.tx_id)
    assert relayer.poll(poll).state == "sent"
    assert cash(bench, relayer.funder) == before, "not before it is mined"
    bench.pass_time(2.5)
    assert relayer.poll(poll).state == "mined"
    assert cash(bench, relayer.funder) == before + SHARES_E6
    bench.pass_time(3)
    assert relayer.poll(poll).state == "confirmed"
    assert relayer.submit(a_wish(token, 2)).state == "sent"
    bench.pass_time(6)
    assert cash(bench, relayer.funder) == before + SHARES_E6, "a second one finds nothing"


def test_before_the_final_word_the_transaction_fails_and_says_why(bench: Bench) -> None:
    relayer = a_relayer(bench, 0)
    sent = relayer.submit(a_wish(bench.listing.up_token))
    bench.pass_time(3)
    told = relayer.poll(PollRedeem(slug=SLUG, attempt=1, tx_id=sent.tx_id))
    assert (told.state, told.why) == ("failed", "result for condition not received yet")


def test_what_the_relayer_does_not_know_is_unknown(bench: Bench) -> None:
    assert a_relayer(bench, 0).poll(PollRedeem(slug=SLUG, attempt=1, tx_id="gone")).state == "unknown"


def test_only_the_owner_of_a_wallet_sends_its_own_transaction(bench: Bench) -> None:
    relayer = a_relayer(bench, 0)
    relayer.wallet.address = FUNDER
    told = relayer.submit(a_wish(bench.listing.up_token))
    assert (told.state, told.why) == ("failed", "HTTP 400: invalid signature")


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_without_a_key_nothing_is_asked_and_the_mend_is_named(bench: Bench, kind: int) -> None:
    told = a_relayer(bench, kind, None).submit(a_wish("123"))
    assert (told.state, told.why) == ("failed", "put a key there")


def test_nobody_there_is_a_clear_no_for_a_submission_and_silence_for_a_poll(bench: Bench, opener: Opener) -> None:
    relayer = a_relayer(bench, 0)
    opener.close()
    assert relayer.submit(a_wish("123")).state == "failed"
    assert relayer.poll(PollRedeem(slug=SLUG, attempt=1, tx_id="t")).state == "silent"


def test_a_lost_answer_is_unknown(bench: Bench) -> None:
    relayer = a_relayer(bench, 0)
    token = won(bench, relayer.funder)
    lost = read_fault({"kind": "lost_answer", "service": "relayer", "path": "/submit", "times": 1})
    bench.do(lambda: bench.faults.arm(lost))
    assert relayer.submit(a_wish(token)).state == "unknown"


def test_a_condition_that_is_none_is_not_sent(bench: Bench) -> None:
    told = a_relayer(bench, 0).submit(a_wish("123" * 25, condition_id="0x12"))
    assert told.state == "failed"
    assert "is not 32 bytes" in told.why


def test_a_protocol_v2_position_is_redeemed_by_amount() -> None:
    token = (1 << 248) + (7 << 128) + 1
    call = redeem_call(a_wish(str(token)))
    assert call.to == ROUTER
    assert call.data[4:] == token.to_bytes(32, "big")[:31] + bytes(32) + b"\1" + SHARES_E6.to_bytes(32, "big")


def test_without_the_official_client_the_sentence_says_what_to_install() -> None:
    chain = ChainRedeemer("0x" + "11" * 32, FUNDER, Credentials("k", "c2Vj", "p"))
    told = chain.submit(a_wish("123" * 25))
    assert (told.state, told.why) == ("failed", MISSING)
    assert "bin/polybot set-up --live" in MISSING
