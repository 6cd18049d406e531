"""The watchdog's own crash loop, counted by its starts."""

import json
import os
from pathlib import Path

import pytest

from polybot.core.watchdog.core import MINUTE_S, MOST_EXITS
from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import halt
from polybot.runtime.supervision import own_starts


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "state")
    halt.prepare(paths)
    paths.run.mkdir(exist_ok=True)
    return paths


def noted(paths: Paths, *, parent: int, ago_s: float) -> None:
    """Its starts, all but the newest, so long ago."""
    note = json.loads((paths.run / "watchdog.starts").read_text())
    starts = [at_s - ago_s for at_s in note["starts"]]
    (paths.run / "watchdog.starts").write_text(json.dumps({"parent": parent, "starts": starts}))


def test_five_ends_are_suffered_and_the_sixth_halts(paths: Paths) -> None:
    for _ in range(MOST_EXITS + 1):
        own_starts.note(paths)
    assert halt.look(paths) is None
    own_starts.note(paths)
    standing = halt.look(paths)
    assert standing is not None
    assert (standing.by, standing.reason_code) == ("watchdog", "CRASH_LOOP")
    assert standing.reason == "watchdog ended 6 times within 60 s, more than 5"


@pytest.mark.parametrize(("parent", "ago_s"), [(os.getppid(), MINUTE_S), (os.getppid() + 1, 0.0)])
def test_old_starts_and_those_under_another_supervisord_do_not_count(paths: Paths, parent: int, ago_s: float) -> None:
    for _ in range(MOST_EXITS + 1):
        own_starts.note(paths)
    noted(paths, parent=parent, ago_s=ago_s)
    assert own_starts.note(paths) == 1
    assert halt.look(paths) is None


def test_what_is_noted_has_a_bound_and_may_be_unreadable(paths: Paths) -> None:
    (paths.run / "watchdog.starts").write_text("{")
    assert own_starts.note(paths) == 1
    assert max(own_starts.note(paths) for _ in range(50)) == MOST_EXITS + 2
