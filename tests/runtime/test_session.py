"""session.json: written once by its keepers, read by them whole and by cores as a plan; what is no session is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from polybot.core.market.windows import SessionPlan, session_from
from polybot.runtime.base.paths import Paths
from polybot.runtime.config.config import ConfigError
from polybot.runtime.supervision import session
from polybot.runtime.supervision.session import Session

FACTS: dict[str, Any] = {
    "id": "demo-1",
    "profile": "demo",
    "strategies": ["coin", "rsi_ema"],
    "first_window_s": 1_795_132_800,
    "windows": 3,
    "seed": 7,
    "tape": "",
    "speed": 60.0,
    "started_ns": 5,
    "ended": False,
    "scenario": "flat",
    "stand_in": "",
}


def a_folder(tmp_path: Path, **changed: Any) -> Paths:
    facts = {name: value for name, value in (FACTS | changed).items() if value is not None}
    (tmp_path / "session.json").write_text(json.dumps(facts))
    return Paths(tmp_path)


def test_it_is_read_whole_by_its_keepers_and_as_a_plan_by_cores(tmp_path: Path) -> None:
    paths = a_folder(tmp_path)
    found = session.read(paths)
    assert found == Session(**{**FACTS, "strategies": ("coin", "rsi_ema")})
    plan = session_from(paths.session.read_text())
    assert type(plan) is SessionPlan
    assert {name: getattr(found, name) for name in plan.__struct_fields__} == {
        name: getattr(plan, name) for name in plan.__struct_fields__
    }


def test_the_end_is_noted_and_nothing_else_changes(tmp_path: Path) -> None:
    paths = a_folder(tmp_path)
    found = session.read(paths)
    assert found is not None
    session.end(paths, found)
    assert json.loads(paths.session.read_text()) == FACTS | {"ended": True}


def test_no_file_is_no_session(tmp_path: Path) -> None:
    assert session.read(Paths(tmp_path)) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"windows": None}, "it has no windows"),
        ({"started_ns": None}, "it has no started_ns"),
        ({"moon": "full"}, "moon"),
        ({"windows": "three"}, "windows"),
    ],
)
def test_what_is_no_session_of_ours_is_refused(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        session.read(a_folder(tmp_path, **changed))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null"])
def test_what_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "session.json").write_text(text)
    with pytest.raises(ConfigError, match="not readable as a session"):
        session.read(Paths(tmp_path))
