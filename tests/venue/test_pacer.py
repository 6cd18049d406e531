"""The world waits: at named instants, for those concerned, with a cap; and never runs ahead of the venue."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from messages import (
    Account,
    Allocation,
    Heartbeat,
    OrderUpdate,
    Prediction,
    RiskVerdict,
    Settlement,
    WindowObserved,
)
from polybot.venue.pacing.bus_observer import SPEAKERS, BusObserver
from polybot.venue.pacing.pacer import CAPS_S, LOOKAHEAD_S, Pacer, write_waits

SLUG = "btc-updown-5m-1795132800"
NS = 1_000_000_000


@dataclass
class Machine:
    """Both clocks by hand: world time runs with machine time up to the horizon."""

    speed: float = 60.0
    mono: float = 0.0
    world_ns: int = 0
    horizon_ns: int = 0

    def now_ns(self) -> int:
        return self.world_ns

    def set_horizon(self, horizon_ns: int) -> None:
        self.horizon_ns = max(horizon_ns, self.world_ns)

    def jump(self, to_ns: int) -> None:
        self.world_ns = max(self.world_ns, to_ns)

    def pass_s(self, seconds: float) -> None:
        self.mono += seconds
        self.world_ns = min(self.world_ns + int(seconds * self.speed * NS), self.horizon_ns)


def a_pacer(speed: float = 60.0) -> tuple[Pacer, Machine]:
    machine = Machine(speed)
    return Pacer(machine, lambda: machine.mono), machine


def turns(pacer: Pacer, machine: Machine, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    for _ in range(round(seconds / 0.004)):
        pacer.advance()
        if until():
            return
        machine.pass_s(0.004)


def test_the_world_never_passes_a_hold_before_its_answer() -> None:
    pacer, machine = a_pacer()
    answers: list[bool] = []
    pacer.hold(10 * NS, "decision", lambda: bool(answers))
    turns(pacer, machine, 1.0)
    assert machine.world_ns == 10 * NS
    answers.append(True)
    turns(pacer, machine, 0.1)
    assert machine.world_ns > 10 * NS
    assert (pacer.waits["decision"].count, pacer.waits["decision"].timeouts) == (1, 0)


def test_a_hold_is_given_up_after_its_cap_and_counted() -> None:
    pacer, machine = a_pacer()
    pacer.hold(NS, "settlement_print", lambda: False)
    turns(pacer, machine, 3.0, until=lambda: machine.world_ns > NS)
    waited = pacer.waits["settlement_print"]
    assert waited.timeouts == 1
    assert CAPS_S["settlement_print"] * 1000 <= waited.max_ms < CAPS_S["settlement_print"] * 1000 + 10


def test_prepare_is_called_once_on_arrival_at_that_very_instant() -> None:
    pacer, machine = a_pacer()
    at: list[int] = []
    pacer.hold(5 * NS, "books", lambda: len(at) > 0 and machine.mono > 0.5, lambda: at.append(machine.world_ns))
    turns(pacer, machine, 0.3)
    assert at == [5 * NS]


def test_holds_come_in_the_order_of_world_time() -> None:
    pacer, machine = a_pacer()
    seen: list[str] = []
    for at_s, kind in ((30, "decision"), (10, "books"), (20, "resolution")):
        pacer.hold(at_s * NS, kind, lambda: True, partial(seen.append, kind))
    turns(pacer, machine, 1.0)
    assert seen == ["books", "resolution", "decision"]


def test_a_silent_venue_stops_the_world_within_the_lookahead() -> None:
    pacer, machine = a_pacer(speed=300.0)
    pacer.advance()
    machine.pass_s(60.0)
    assert machine.world_ns == int(LOOKAHEAD_S * 300 * NS)


def test_at_speed_one_nothing_is_held() -> None:
    pacer, machine = a_pacer(speed=1.0)
    pacer.hold(NS, "decision", lambda: False)
    turns(pacer, machine, 2.0)
    assert machine.world_ns > NS
    assert pacer.waits == {}


def test_behind_is_what_is_lost_beside_the_holds() -> None:
    pacer, machine = a_pacer()
    pacer.hold(30 * NS, "decision", lambda: machine.mono >= 1.0)
    turns(pacer, machine, 2.0)
    assert pacer.behind_s() < 0.01
    machine.mono += 0.5  # the venue was away: the world stood, and nobody chose that
    assert 0.49 < pacer.behind_s() < 0.51


def test_counts_go_on_after_a_restart_of_the_same_session_only(tmp_path: Path) -> None:
    pacer, _ = a_pacer()
    pacer.count("order", 0.25)
    file = tmp_path / "waits.json"
    write_waits(file, {"session": "a", "waits": pacer.report(), "behind_s": 1.5})
    again, _ = a_pacer()
    assert again.restore(file, "a") == 1.5
    assert again.report() == pacer.report()
    other, _ = a_pacer()
    assert other.restore(file, "b") == 0.0
    assert other.report() == {}


# --- what counts as an answer


def an(kind: type, **change: Any) -> Any:
    """A word whose required fields that do not matter here are empty."""
    import typing

    import msgspec

    empty = {int: 0, str: "", float: 0.0, bool: False}
    facts: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if not field.required:
            continue
        options = typing.get_args(field.type)
        plain = next((empty[o] for o in (field.type, *options) if o in empty), None)
        facts[field.name] = options[0] if plain is None and options and isinstance(options[0], str) else plain
        if typing.get_origin(field.type) in (tuple, dict):
            facts[field.name] = typing.get_origin(field.type)()
    return kind(**(facts | change))


def decided(heard: BusObserver) -> bool:
    return heard.has_decided(SLUG, ("a",))


def test_a_refusal_is_a_decision_and_a_trade_is_one_when_its_order_is_answered() -> None:
    heard = BusObserver()
    assert not decided(heard)
    heard.hear(an(Prediction, strategy="a", slug=SLUG, reason_code="NO_STRIKE"))
    assert decided(heard)
    heard.hear(an(Prediction, strategy="a", slug=SLUG))
    assert not decided(heard)
    heard.hear(an(Allocation, strategy="a", slug=SLUG, intent_id="i"))
    assert not decided(heard)
    heard.hear(an(RiskVerdict, intent_id="i", slug=SLUG, approved=True))
    assert not decided(heard)
    heard.hear(an(OrderUpdate, intent_id="i", slug=SLUG, state="JOURNALLED"))
    assert not decided(heard)
    heard.hear(an(OrderUpdate, intent_id="i", slug=SLUG, state="MATCHED", filled_e6=1))
    assert decided(heard)


def test_every_strategy_of_the_session_has_to_speak() -> None:
    heard = BusObserver()
    heard.hear(an(Prediction, strategy="a", slug=SLUG, reason_code="X"))
    assert not heard.has_decided(SLUG, ("a", "b"))


def test_a_refused_intent_or_allocation_is_an_answer() -> None:
    heard = BusObserver()
    heard.hear(an(Prediction, strategy="a", slug=SLUG))
    heard.hear(an(Allocation, strategy="a", slug=SLUG, intent_id="", reason_code="FUNDS"))
    assert decided(heard)
    heard.hear(an(Allocation, strategy="a", slug=SLUG, intent_id="i"))
    heard.hear(an(RiskVerdict, intent_id="i", slug=SLUG, approved=False, reason_code="RANGE"))
    assert decided(heard)


def test_a_window_is_closed_when_observed_and_folded_in() -> None:
    heard = BusObserver()
    heard.hear(an(WindowObserved, slug=SLUG, outcome="UP", ended=True))
    assert not heard.has_closed(SLUG, 300)
    heard.hear(an(Account, last_window_s=299))
    assert not heard.has_closed(SLUG, 300)
    heard.hear(an(Account, last_window_s=300))
    assert heard.has_closed(SLUG, 300)


def test_only_a_final_settlement_ends_a_position() -> None:
    heard = BusObserver()
    assert not heard.holds_position(SLUG)
    heard.hear(an(OrderUpdate, intent_id="i", strategy="a", slug=SLUG, filled_e6=5))
    assert heard.holds_position(SLUG)
    heard.hear(an(Settlement, strategy="a", slug=SLUG, provisional=True))
    assert not heard.has_settled(SLUG)
    heard.hear(an(Settlement, strategy="a", slug=SLUG, provisional=False))
    assert heard.has_settled(SLUG)


def test_the_house_is_up_when_every_heart_beats_and_the_account_is_ready() -> None:
    heard = BusObserver()
    for actor in SPEAKERS:
        assert not heard.is_up()
        heard.hear(an(Heartbeat, actor=actor, boot=1))
    assert not heard.is_up()
    heard.hear(an(Account, ready=True))
    assert heard.is_up()
