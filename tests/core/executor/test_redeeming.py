"""Winners are redeemed: journalled before they are sent, counted when the wallet rises, gone on with after any death."""

import pytest

from messages import Redeem, Redemptions
from messages.inner import ForRedemption, Persist, PollRedeem, ReadBalance, SubmitRedeem
from polybot.core.executor.books.entries import RedeemBegun, from_bytes
from tests.core.executor.conftest import House, Kit

WON_E6 = 9_615_300  # shares of the kit's intent, which pay one each


def a_won_window(
    kit: Kit, *fates: str, run_s: float = 3.0, delivers_on_crash: bool = True, crash_at: int | None = None
) -> House:
    """UP was bought and won; the venue pays only who redeems."""
    house = kit.ready(delivers_on_crash=delivers_on_crash, crash_at=crash_at)
    house.venue.pays_by_redeem, house.venue.redeem_fates = True, list(fates)
    house.ask(kit.approved(kit.intent()))
    house.run_to(326)
    house.venue.resolve(kit.SLUG, "UP")
    house.hear(kit.resolved("UP"))
    house.run(run_s)
    return house


def states(house: House) -> list[str]:
    """What was said of the redemption, each once."""
    said = [r.state for p in house.all(type(house.positions)) for r in p.redemptions]
    return [s for i, s in enumerate(said) if i == 0 or said[i - 1] != s]


def is_paid(kit: Kit, house: House) -> bool:
    kit.check(house)
    return bool(house.books.redeems[kit.SLUG].state == "paid" and house.books.pending == {})


def test_a_winner_is_redeemed_and_counted_once(kit: Kit) -> None:
    house = a_won_window(kit)
    assert is_paid(kit, house)
    assert states(house) == ["due", "sending", "sent", "mined"], "the wallet rose before the word was confirmed"
    assert len(house.venue.submits) == 1
    assert house.venue.submits[0].shares == {kit.UP: WON_E6}
    assert sum(house.books.paid.values()) == WON_E6
    assert house.account.wallet_e6 - kit.WALLET_E6 == house.account.realised_e6
    assert house.positions.redemptions == ()


def test_the_attempt_is_on_disk_before_it_goes_out(kit: Kit) -> None:
    house = a_won_window(kit)
    kinds = [
        "begun" if isinstance(w, Persist) and isinstance(from_bytes(w.record).entry, RedeemBegun) else type(w).__name__
        for w in house.said
    ]
    assert kinds.index("begun") < kinds.index("SubmitRedeem")


def test_a_loser_is_not_redeemed(kit: Kit) -> None:
    house = kit.ready()
    house.venue.pays_by_redeem = True
    house.ask(kit.approved(kit.intent()))
    house.run_to(326)
    house.venue.resolve(kit.SLUG, "DOWN")
    house.hear(kit.resolved("DOWN"))
    house.run(5)
    assert house.venue.submits == []


def test_a_venue_that_pays_by_itself_is_not_asked(kit: Kit) -> None:
    house = kit.ready()
    house.ask(kit.approved(kit.intent()))
    house.run_to(326)
    house.venue.resolve(kit.SLUG, "UP")
    house.hear(kit.resolved("UP"))
    house.run(5)
    kit.check(house)
    assert house.venue.submits == []
    assert house.books.pending == {}


@pytest.mark.parametrize("fate", ["refuse", "fail"])
def test_a_clear_no_is_shown_and_tried_again_with_back_off(kit: Kit, fate: str) -> None:
    house = a_won_window(kit, fate, fate, run_s=0.9)
    shown = house.positions.redemptions[0]
    assert (shown.state, shown.attempts) == ("failed", 1)
    assert shown.why == ("HTTP 400: wallet busy" if fate == "refuse" else "execution reverted")
    house.run(1.0)
    assert len(house.venue.submits) == 2
    house.run(0.8)
    assert len(house.venue.submits) == 2, "the second wait is longer"
    house.run(5)
    assert is_paid(kit, house)
    assert len(house.venue.submits) == 3


@pytest.mark.parametrize(("fate", "submits"), [("lost", 1), ("unheard", 2)])
def test_no_answer_is_unknown_and_the_shares_are_looked_at_before_another_attempt(
    kit: Kit, fate: str, submits: int
) -> None:
    house = a_won_window(kit, fate, run_s=10)
    looks = [w for w in house.all(ReadBalance) if w.purpose == ForRedemption(slug=kit.SLUG)]
    assert looks == [ReadBalance(purpose=ForRedemption(slug=kit.SLUG), token_id=kit.UP, refresh=True)]
    assert len(house.venue.submits) == submits
    assert "unknown" in states(house)
    assert is_paid(kit, house)
    assert house.halt is None


def test_a_transaction_the_relayer_has_forgotten_is_unknown(kit: Kit) -> None:
    house = a_won_window(kit, run_s=0)
    house.venue.transactions.clear()
    house.run(10)
    assert len(house.venue.submits) == 2
    assert is_paid(kit, house)


def test_a_relayer_that_never_comes_to_an_end_is_not_waited_for_for_ever(kit: Kit) -> None:
    house = a_won_window(kit, run_s=0)
    house.venue.transactions["tx1"] = ["sent"]
    house.run(320)
    assert len(house.venue.submits) == 2
    assert is_paid(kit, house)


def test_polls_without_an_answer_are_repeated_and_written_nowhere(kit: Kit) -> None:
    house = a_won_window(kit, run_s=0)
    house.venue.knows = False
    written = len(house.records)
    house.run(6)
    assert len(house.all(PollRedeem)) > 4
    assert len(house.records) == written
    house.venue.knows = True
    house.run(5)
    assert is_paid(kit, house)
    assert len(house.venue.submits) == 1


def test_the_venue_is_made_to_look_at_the_chain_again(kit: Kit) -> None:
    house = a_won_window(kit, run_s=0)
    house.venue.stale_cash_e6 = house.venue.cash_e6
    house.run(3)
    assert states(house)[-1] == "confirmed"
    assert house.venue.refreshed
    assert is_paid(kit, house)


def test_confirmed_and_the_shares_still_there_is_a_failure(kit: Kit) -> None:
    house = a_won_window(kit, run_s=0)
    house.venue.transactions["tx1"] = ["confirmed"]
    house.run(30)
    assert house.positions.redemptions[0].state == "confirmed"
    house.run(60)
    assert "failed" in states(house)
    assert is_paid(kit, house)
    assert len(house.venue.submits) == 2


def test_shares_of_an_unsettled_trade_are_waited_for(kit: Kit) -> None:
    house = kit.ready()
    house.venue.pays_by_redeem = True
    house.ask(kit.approved(kit.intent()))
    house.run(1)
    house.venue.trades[0].confirmed_ns += 400 * kit.S
    house.run_to(326)
    house.venue.resolve(kit.SLUG, "UP")
    house.hear(kit.resolved("UP"))
    house.run(10)
    assert house.venue.submits == []
    assert house.positions.redemptions[0].why == "trade t1 is not settled on chain yet"
    house.run(100)
    assert is_paid(kit, house)


def test_a_split_is_redeemed_for_half(kit: Kit) -> None:
    house = kit.ready()
    house.venue.pays_by_redeem = True
    house.ask(kit.approved(kit.intent()))
    house.run_to(326)
    house.venue.resolve(kit.SLUG, "SPLIT")
    house.hear(kit.resolved("SPLIT"))
    house.run(5)
    assert is_paid(kit, house)
    assert sum(house.books.paid.values()) == WON_E6 // 2


def test_one_at_a_time(kit: Kit) -> None:
    house = kit.ready()
    house.venue.pays_by_redeem = True
    for n in range(3):
        house.run_to(300 * n + 10)
        house.ask(kit.approved(kit.intent(start_s=kit.START_S + 300 * n)))
        house.run(1)
    house.run_to(930)
    for n in range(3):
        house.venue.resolve(f"btc-updown-5m-{kit.START_S + 300 * n}", "UP")
        house.hear(kit.resolved("UP", kit.START_S + 300 * n))
    seen = 0
    for _ in range(100):
        house.run(0.05)
        under_way = [s for s in house.books.redeems.values() if s.state in ("sending", "sent", "mined")]
        seen = max(seen, len(under_way))
    assert seen == 1
    assert [house.books.redeems[s.slug].state for s in house.venue.submits] == ["paid"] * 3
    kit.check(house)


def test_a_halt_does_not_stop_it_and_sigterm_does(kit: Kit) -> None:
    house = kit.ready()
    house.venue.pays_by_redeem = True
    house.ask(kit.approved(kit.intent()))
    house.run_to(300)
    house.hear(kit.halt("h1"))
    house.run_to(326)
    house.venue.resolve(kit.SLUG, "UP")
    house.hear(kit.resolved("UP"))
    house.run(5)
    assert is_paid(kit, house)


@pytest.mark.parametrize("fate", ["take", "refuse", "fail", "lost", "unheard"])
@pytest.mark.parametrize("delivers", [True, False], ids=["what_was_said_was_done", "what_was_said_was_lost"])
def test_killed_at_any_word_of_it(kit: Kit, fate: str, delivers: bool) -> None:
    whole = a_won_window(kit, fate, run_s=60)
    assert is_paid(kit, whole)
    first = next(i for i, w in enumerate(whole.said) if isinstance(w, SubmitRedeem)) - 4
    last = len(whole.said) - next(
        i for i, w in enumerate(reversed(whole.said)) if isinstance(w, PollRedeem | ReadBalance | Persist)
    )
    for n in range(first, min(last, first + 80)):
        house = a_won_window(kit, fate, run_s=0, delivers_on_crash=delivers, crash_at=n)
        house.run(60)
        if not house.is_alive:
            house.now_ns += kit.S // 3
            house.start()
            house.run(90)
        assert is_paid(kit, house), f"killed at word {n}"
        assert house.halt is None
        assert sum(house.books.paid.values()) == WON_E6, "never counted twice"


def test_the_user_asks_what_is_redeemable_and_hastens_it(kit: Kit) -> None:
    house = a_won_window(kit, "refuse", "refuse", "refuse", run_s=4)
    house.hear(Redeem(id="r1"))
    assert [(r.slug, r.state, r.attempts) for r in house.reply("r1", Redemptions).redemptions] == [
        (kit.SLUG, "failed", 3)
    ]
    house.hear(Redeem(id="r2", now=True))
    house.run(2)
    assert len(house.venue.submits) == 4, "not after the five seconds of back-off"
    house.hear(Redeem(id="r3", slugs=(kit.SLUG,)))
    assert [(r.state, r.amount_e6) for r in house.reply("r3", Redemptions).redemptions] == [("paid", WON_E6)]
    assert is_paid(kit, house)


def test_what_was_paid_is_not_redeemed_again_when_the_word_goes_back_and_forth(kit: Kit) -> None:
    """The venue took back its word, and gave it again."""
    house = a_won_window(kit)
    row = house.books.redeems[kit.SLUG]
    assert row.state == "paid"
    house.hear(kit.resolved("DOWN"))
    house.hear(kit.resolved("UP"))
    house.run(3)
    assert len(house.venue.submits) == 1, "it owes nothing: it was paid"
