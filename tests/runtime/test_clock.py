"""World time: shared, held at its horizon, never backwards."""

import subprocess
import sys
import time
from pathlib import Path

from polybot.runtime.base.clock import WallClock, WorldClock
from tests.waiting import wait_for

ORIGIN = 1_795_132_740_000_000_000
S = 1_000_000_000


def a_clock(state: Path, session: str = "s1", speed: float = 60.0) -> WorldClock:
    return WorldClock.open(state, session, ORIGIN, speed)


def test_time_stands_still_until_the_world_is_ready(tmp_path: Path) -> None:
    clock = a_clock(tmp_path)
    assert clock.now_ns() == ORIGIN
    time.sleep(0.01)
    assert clock.now_ns() == ORIGIN


def test_time_runs_to_the_horizon_and_no_further(tmp_path: Path) -> None:
    clock = a_clock(tmp_path, speed=1000.0)
    clock.set_horizon(ORIGIN + 5 * S)
    wait_for(lambda: clock.now_ns() == ORIGIN + 5 * S, "the clock to reach its horizon")
    time.sleep(0.01)
    assert clock.now_ns() == ORIGIN + 5 * S
    clock.set_horizon(ORIGIN + 6 * S)
    assert clock.now_ns() < ORIGIN + 6 * S, "time goes on from where it stood; it does not catch up"


def test_two_processes_read_the_same_time(tmp_path: Path) -> None:
    clock = a_clock(tmp_path, speed=10.0)
    clock.set_horizon(ORIGIN + 100 * S)
    before = clock.now_ns()
    code = (
        "import sys; from pathlib import Path; from polybot.runtime.base.clock import WorldClock;"
        f"print(WorldClock.open(Path(sys.argv[1]), 's1', {ORIGIN}, 10.0).now_ns())"
    )
    other = int(subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True).stdout)
    assert before <= other <= clock.now_ns()


def test_after_everyone_left_time_goes_on_at_the_old_horizon(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from polybot.runtime.base.clock import WorldClock;"
        f"c=WorldClock.open(Path(sys.argv[1]), 's1', {ORIGIN}, 10.0); c.set_horizon({ORIGIN + 7 * S})"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert a_clock(tmp_path).now_ns() == ORIGIN + 7 * S


def test_a_new_session_begins_at_its_own_origin(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from polybot.runtime.base.clock import WorldClock;"
        f"c=WorldClock.open(Path(sys.argv[1]), 's1', {ORIGIN}, 10.0); c.set_horizon({ORIGIN + 7 * S})"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert a_clock(tmp_path, session="s2").now_ns() == ORIGIN


def test_a_jump_moves_time_forward_and_never_back(tmp_path: Path) -> None:
    clock = a_clock(tmp_path)
    clock.jump(ORIGIN + 3 * S)
    assert clock.now_ns() == ORIGIN + 3 * S
    clock.jump(ORIGIN + 1 * S)
    assert clock.now_ns() == ORIGIN + 3 * S


def test_waiting_is_short_while_the_world_is_held_and_exact_while_it_runs(tmp_path: Path) -> None:
    clock = a_clock(tmp_path, speed=1.0)
    assert 0 < clock.wait_s(ORIGIN + 100 * S) <= 0.01
    clock.set_horizon(ORIGIN + 10 * S)
    assert 4.0 < clock.wait_s(ORIGIN + 5 * S) <= 5.0
    assert clock.wait_s(ORIGIN) == 0.0


def test_the_wall_clock_knows_how_far_it_was_set_and_by_the_machines_time_how_far_it_went_by_itself() -> None:
    wall, machine = [ORIGIN], [7 * S]
    clock = WallClock(lambda: wall[0], lambda: machine[0])
    assert (clock.now_ns(), clock.was_set_ns()) == (ORIGIN, 0)
    wall[0], machine[0] = ORIGIN + 100 * S, 107 * S
    assert clock.was_set_ns() == 0, "time went by"
    assert clock.wait_s(ORIGIN + 103 * S) == 3.0
    for step_s in (1, -1, 300, -300, 86_400, -86_400):
        wall[0] = ORIGIN + (100 + step_s) * S
        assert clock.was_set_ns() == step_s * S
        assert clock.wait_s(ORIGIN + 103 * S) == max(0.0, 3.0 - step_s)


def test_nobody_sets_the_worlds_clock(tmp_path: Path) -> None:
    clock = a_clock(tmp_path, speed=1000.0)
    clock.set_horizon(ORIGIN + 60 * S)
    clock.jump(ORIGIN + 30 * S)
    assert clock.was_set_ns() == 0
