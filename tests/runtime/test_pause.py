"""The pause is a file: written, read after a restart, lifted; what cannot be read is a pause."""

from pathlib import Path

import pytest

from polybot.runtime.base.paths import Paths
from polybot.runtime.safety import pause


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "state")
    made.state.mkdir(mode=0o700)
    return made


def test_a_pause_is_there_for_whoever_looks_until_it_is_lifted(paths: Paths) -> None:
    assert pause.look(paths) == ""
    pause.write(paths, "paused by user: lunch")
    assert pause.look(paths) == "paused by user: lunch"
    assert paths.pause.stat().st_mode & 0o777 == 0o600
    pause.write(paths, "")
    assert pause.look(paths) == "" and not paths.pause.exists()
    pause.write(paths, "")  # lifting what does not stand is no mistake


@pytest.mark.parametrize("text", ["", "{", "[]", '{"reason": "x"}', '{"why": ""}'])
def test_a_file_that_cannot_be_read_pauses(paths: Paths, text: str) -> None:
    paths.pause.write_text(text)
    assert pause.look(paths)
