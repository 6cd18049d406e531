"""What a loop does beside its core: it looks at the halt file and tells what changed, and beats, quickly at first."""

from pathlib import Path

from messages.inner import HaltSeen
from polybot.runtime.base.clock import mono_s
from polybot.runtime.base.paths import Paths
from polybot.runtime.loop.halt_watch import HALT_LOOK_S, HaltWatch
from polybot.runtime.loop.heartbeat import FIRST_BEATS_S, HEARTBEAT_S, Heart
from polybot.runtime.loop.latency import Gauge
from polybot.runtime.safety import halt


def test_of_the_halt_file_only_what_changed_is_told(tmp_path: Path) -> None:
    paths = Paths.of(tmp_path / "state")
    halt.prepare(paths)
    watch = HaltWatch(paths)
    assert (watch.look(), watch.seen) == (None, "")
    standing = halt.write(paths, by="risk", reason_code="DRAWDOWN", reason="too much")
    assert watch.look() == HaltSeen(halt_id=standing.id, by="risk", reason_code="DRAWDOWN", reason="too much")
    assert (watch.look(), watch.seen) == (None, standing.id)
    halt.lift(paths, standing.id, override=True, reason="looked into")
    assert watch.look() == HaltSeen(halt_id="", by="", reason_code="", reason="")
    assert watch.look() is None


def test_the_halt_file_is_looked_at_ten_times_a_second(tmp_path: Path) -> None:
    paths = Paths.of(tmp_path / "state")
    halt.prepare(paths)
    watch = HaltWatch(paths)
    assert watch.look_if_due(100.0) is None and watch.next_s == 100.0 + HALT_LOOK_S
    halt.write(paths, by="user", reason_code="KILL_SWITCH", reason="")
    assert watch.look_if_due(100.0 + HALT_LOOK_S - 0.001) is None, "not yet"
    assert watch.look_if_due(100.0 + HALT_LOOK_S) is not None


def test_the_first_beats_come_quickly_and_none_twice() -> None:
    heart, began_s = Heart("risk", 3), mono_s()
    assert heart.is_due(began_s) and not heart.is_due(began_s)
    assert began_s < heart.next_s <= began_s + HEARTBEAT_S / 10
    later_s = began_s + FIRST_BEATS_S + 1.0
    assert heart.is_due(later_s) and heart.next_s == later_s + HEARTBEAT_S


def test_a_beat_tells_the_longest_lag_since_the_last_one() -> None:
    heart = Heart("risk", 3)
    heart.lagged(5.0)
    heart.lagged(2.0)
    facts = {"handled": 7, "gaps": 1, "dropped": 2, "decisions": Gauge(), "api": Gauge(), "endpoints": ()}
    beat = heart.beat(mono_s(), **facts)  # type: ignore[arg-type]
    assert (beat.actor, beat.boot, beat.handled, beat.inbox_lag_ms, beat.gaps, beat.dropped) == (
        "risk",
        3,
        7,
        5.0,
        1,
        2,
    )
    assert (beat.decision_p50_ms, beat.api_p95_ms) == (-1.0, -1.0), "none yet"
    assert heart.beat(mono_s(), **facts).inbox_lag_ms == 0.0  # type: ignore[arg-type]
