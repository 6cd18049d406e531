"""PolyBolt's prints pass through the executor, and nothing of money hangs on them."""

from messages import FeedStatus, OracleRelayed
from messages.inner import Reconnect, SayLevels, Tick
from messages.units import NS
from polybot.core.executor.core import ExecutorCore
from tests.build import T0, a_print, a_source_state, a_start


def a_core() -> ExecutorCore:
    core = ExecutorCore()
    list(core.handle(a_start(actor="executor", session="{}"), T0 * NS))
    return core


def a_relay(second: int = T0) -> OracleRelayed:
    price = a_print(observed_ns=second * NS, received_ns=(second + 2) * NS, source="polybolt")
    return OracleRelayed(prints=(price,))


def test_a_print_goes_out_as_it_came_and_the_feed_is_up() -> None:
    core = a_core()
    list(core.handle(a_source_state(source="polybolt"), T0 * NS))
    said = list(core.handle(a_relay(), (T0 + 2) * NS))
    assert said[0] == a_relay()
    assert [(w.feed, w.state) for w in said if isinstance(w, FeedStatus)] == [("polybolt", "up")]


def test_a_silent_stall_is_answered_by_a_reconnect() -> None:
    core = a_core()
    list(core.handle(a_source_state(source="polybolt"), T0 * NS))
    list(core.handle(a_relay(), (T0 + 2) * NS))
    said = [w for k in range(1, 14) for w in core.handle(Tick(timer=SayLevels(), mono_s=float(k)), (T0 + 2 + k) * NS)]
    assert [w.source for w in said if isinstance(w, Reconnect)] == ["polybolt"]
    assert [w.state for w in said if isinstance(w, FeedStatus)][-1] == "stale"


def test_where_there_is_no_such_source_nothing_is_said_of_it() -> None:
    said = list(a_core().handle(Tick(timer=SayLevels(), mono_s=1.0), (T0 + 1) * NS))
    assert not [w for w in said if isinstance(w, FeedStatus)]
