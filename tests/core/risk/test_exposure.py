"""What is out there already, and what is in flight."""

import dataclasses

import msgspec
import pytest

from messages import (
    Accepted,
    Positions,
    Refused,
    Seen,
    Snapshot,
    Word,
)
from messages.inner import NoReply, SnapshotAgain, Tick
from polybot.core.risk import exposure, losses, price_rules
from polybot.core.risk.view import Rule
from polybot.settings import Risk, Settings
from tests.build import T0, an_account, positions, slug_of
from tests.core.risk.conftest import Kit

NS = 10**9


def test_an_opposite_position_or_order_is_refused_whichever_strategy_holds_it(kit: Kit) -> None:
    for strategy in ("coin", "other"):
        held = positions(positions=(kit.a_position(outcome="DOWN", strategy=strategy),))
        assert kit.code_with(10.0, held) == "OPPOSITE"
    order = kit.an_order(kit.an_intent(strategy="other", outcome="DOWN"), final=True)
    assert kit.code_with(10.0, positions(orders=(order,))) == "OPPOSITE"


def test_an_unknown_order_blocks_its_own_market_and_a_foreign_one_all(kit: Kit) -> None:
    assert kit.code_with(10.0, an_account(blocked_slugs=(slug_of(T0),))) == "UNKNOWN_ORDER"
    assert kit.code_with(10.0, an_account(blocked_slugs=(slug_of(T0 - 300),))) == ""
    assert kit.code_with(10.0, positions(foreign=("0xbad",))) == "UNKNOWN_ORDER"


# --- in flight


@pytest.mark.parametrize("answer", ["accepted", "seen", "silence"])
def test_an_order_stays_in_flight_until_a_snapshot_asked_after_the_answer(kit: Kit, answer: str) -> None:
    bench = kit.Bench().ready()
    assert bench.judge().approved
    words: dict[str, Word] = {
        "accepted": Accepted(id=kit.an_intent().id, order_id="0x1"),
        "seen": Seen(id=kit.an_intent().id, order_id="0x1", reason_code="", reason="", conflict=False),
        "silence": NoReply(id=kit.an_intent().id, to="executor", request="ApprovedOrder"),
    }
    bench.hear(11.0, words[answer])
    assert kit.second_window(bench) == "ENTRY_OPEN", "answered, but no snapshot yet"
    bench.snapshot(311.0)
    bench.ready(610.0, T0 + 600)
    assert bench.judge(kit.an_intent(start_s=T0 + 600), 610.0).approved


def test_a_snapshot_asked_before_the_answer_settles_nothing(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.judge()
    bench.hear(10.1, Accepted(id=kit.an_intent().id, order_id="0x1"))
    asked = bench.all(Snapshot)[-1]
    late = kit.an_intent(start_s=T0 + 300)
    bench.core._in_flight.add(late, (T0 + 10) * NS)  # handed on while the question was under way
    bench.hear(10.2, Accepted(id=late.id, order_id="0x2"))
    assert bench.all(Snapshot)[-1] is asked, "one question at a time"
    bench.snapshot(10.3)
    assert list(bench.core._in_flight.intents) == [late]
    bench.snapshot(10.4)
    assert list(bench.core._in_flight.intents) == []


def test_a_clear_refusal_frees_at_once(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.judge()
    bench.hear(10.1, Refused(id=kit.an_intent().id, reason_code="TOO_LATE", reason=""))
    assert kit.second_window(bench) == ""


def test_silence_to_a_snapshot_keeps_everything_reserved(kit: Kit) -> None:
    bench = kit.Bench().ready()
    bench.judge()
    bench.hear(11.0, NoReply(id=kit.an_intent().id, to="executor", request="ApprovedOrder"))
    bench.hear(12.0, NoReply(id=bench.all(Snapshot)[-1].id, to="executor", request="Snapshot"))
    assert kit.second_window(bench) == "ENTRY_OPEN"
    bench.hear(311.0, Tick(timer=SnapshotAgain(), mono_s=300.0))
    bench.snapshot(311.1)
    assert list(bench.core._in_flight.intents) == []


# --- how much more there may be


def wide(daily_loss_usd: float = 1000.0, max_market_usd: float = 1000.0, max_exposure_usd: float = 1000.0) -> Settings:
    """Limits that hold nothing back, but for these."""
    return Settings(
        risk=Risk(
            max_drawdown_pct=100.0,
            daily_loss_usd=daily_loss_usd,
            max_market_usd=max_market_usd,
            max_exposure_usd=max_exposure_usd,
        )
    )


def in_the_market(kit: Kit, where: str, cost_e6: int, start_s: int = T0) -> Positions:
    """Something of another strategy worth cost_e6: held, or an order that has found its end in the books but not its fills."""
    if where == "held":
        return positions(positions=(kit.a_position(start_s, strategy="other", cost_e6=cost_e6),))
    order = kit.an_order(kit.an_intent(start_s=start_s, strategy="other"), reserved_e6=cost_e6, final=True)
    return positions(orders=(order,))


@pytest.mark.parametrize("where", ["held", "ordered"])
@pytest.mark.parametrize(("cost", "code"), [(14_650_000, ""), (14_650_001, "MAX_MARKET")])
def test_a_market_holds_no_more_than_its_limit_over_all_strategies(kit: Kit, where: str, cost: int, code: str) -> None:
    knobs = wide(max_market_usd=20.0)
    assert kit.code_with(10.0, in_the_market(kit, where, cost), knobs=knobs) == code
    assert kit.code_with(10.0, in_the_market(kit, where, cost, T0 - 300), knobs=knobs) == "", "another market"


@pytest.mark.parametrize("where", ["held", "ordered"])
@pytest.mark.parametrize(("cost", "code"), [(14_650_000, ""), (14_650_001, "MAX_EXPOSURE")])
def test_all_markets_hold_no_more_than_their_limit(kit: Kit, where: str, cost: int, code: str) -> None:
    assert kit.code_with(10.0, in_the_market(kit, where, cost, T0 - 300), knobs=wide(max_exposure_usd=20.0)) == code


def test_the_limits_of_exposure_name_value_and_bound(kit: Kit) -> None:
    for knob, what in (("max_market_usd", slug_of(T0)), ("max_exposure_usd", "all markets")):
        bench = kit.Bench(wide(**{knob: 20.0})).ready()
        bench.hear(10.0, in_the_market(kit, "held", 14_650_001))
        text = f"{what} would hold 20.000001 USD at worst, 5.35 of it by this order, above {knob} = 20.00"
        assert bench.judge().reason == text


@pytest.mark.parametrize(("cost", "code"), [(6_650_000, ""), (6_650_001, "MAX_EXPOSURE")])
def test_a_strategys_own_exposure_is_held_against_its_own_alone(kit: Kit, cost: int, code: str) -> None:
    knobs = msgspec.structs.replace(wide(), strategy={"coin": {"max_exposure_usd": 12.0}})
    mine = positions(positions=(kit.a_position(T0 - 300, cost_e6=cost),))
    assert kit.code_with(10.0, mine, knobs=knobs) == code
    assert kit.code_with(10.0, in_the_market(kit, "held", cost), knobs=knobs) == ""


@pytest.mark.parametrize(("markets", "code"), [(3, ""), (4, "MAX_POSITIONS")])
def test_markets_at_once(kit: Kit, markets: int, code: str) -> None:
    """Held ones and ordered ones; a claim, and a second stake in the same market, are none more."""
    held = [kit.a_position(T0 - 300 * (n + 1), strategy="other") for n in range(markets)]
    claim = kit.a_position(T0 - 3000, state="claim")
    same = kit.a_position(T0, strategy="other")
    bench = kit.Bench(wide()).ready()
    bench.hear(10.0, positions(positions=(*held, claim, same)))
    verdict = bench.judge()
    assert verdict.reason_code == code
    if code:
        assert verdict.reason == "this would be market 5 held or ordered in at once, max_positions = 4"


def test_what_is_in_flight_counts_at_once_and_in_full_in_every_limit(kit: Kit) -> None:
    """The other order's worst case leaves exactly room for this one; with a millionth more it does not."""
    bench = kit.Bench().ready()
    view = bench.core._view((T0 + 10) * NS)
    limits: tuple[tuple[Rule, dict[str, float]], ...] = (
        (losses.daily_loss, {"daily_loss_usd": 20.0}),
        (exposure.max_market, {"max_market_usd": 20.0}),
        (exposure.max_exposure, {"max_exposure_usd": 20.0}),
        (price_rules.funds, {}),
    )
    bench.hear(10.0, an_account(free_e6=20_000_000))
    for rule, knobs in limits:
        for worst, refused in ((14_650_000, False), (14_650_001, True)):
            flying = msgspec.structs.replace(kit.an_intent(strategy="other"), worst_e6=worst)
            view = dataclasses.replace(
                bench.core._view((T0 + 10) * NS),
                settings=wide(**knobs),
                in_flight=(flying,),
                in_flight_ns={flying.id: (T0 + 10) * NS},
            )
            assert (rule(kit.an_intent(), view) is not None) is refused, rule.__name__


def test_windows_of_a_strategy_do_not_overlap(kit: Kit) -> None:
    """One it holds that ends later than this one begins; a bet on a window to come is placed while this one runs."""
    for start_s, strategy, code in ((T0 + 300, "coin", "OVERLAP"), (T0 - 300, "coin", ""), (T0 + 300, "other", "")):
        held = positions(positions=(kit.a_position(start_s, strategy=strategy),))
        assert kit.code_with(10.0, held) == code
    running = positions(positions=(kit.a_position(T0 - 300),))
    assert kit.early_code(-30.0, kit.a_resting(), running) == ""


@pytest.mark.parametrize(("cost", "code"), [(44_650_000, ""), (44_650_001, "SHARE")])
@pytest.mark.parametrize("where", ["held", "ordered"])
def test_a_strategy_keeps_within_its_share_of_everything(kit: Kit, where: str, cost: int, code: str) -> None:
    """100 USD, free or out; this order may cost 5.35, and half of all is coin's."""
    knobs = msgspec.structs.replace(wide(), strategy={"coin": {"share": 0.5}, "other": {"share": 0.5}})
    if where == "held":
        account = an_account(free_e6=100_000_000 - cost)
        heard = positions(positions=(kit.a_position(T0 - 300, cost_e6=cost),))
    else:
        account = an_account(free_e6=100_000_000 - cost, reserved_e6=cost)
        order = kit.an_order(kit.an_intent(start_s=T0 - 300), reserved_e6=cost, final=True)
        heard = positions(orders=(order,))
    assert kit.code_with(10.0, account, heard, knobs=knobs) == code
    assert kit.code_with(10.0, account, heard, knobs=wide()) == "", "without a share all is its own"
    other = kit.an_intent(strategy="other")
    assert kit.code_with(10.0, account, heard, intent=other, knobs=knobs) == "", "its own half is untouched"
    if code:
        bench = kit.Bench(knobs).grown().ready()
        bench.hear(10.0, account, heard)
        assert bench.judge().reason == (
            f"worst case 5.35 USD exceeds 5.349999 USD: strategy.coin.share = 0.5 of all is 50, {cost / 1e6} of it is out"
        )
