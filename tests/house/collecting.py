"""What pytest itself finds under some paths, as JSON: for tests that hold other tests to a list.

Run as a program, so that collecting disturbs no test that is running: `python tests/house/collecting.py PATH…` prints, for
each test, its id without parameters, whether it can run at all, and the switches it promises to play (`plays`, see
tests/venue/conftest.py). A name that stands in a comment, or a function that pytest does not run, is not among them.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Found:
    """One test function: where it stands ("core/test_book.py::test_x"), and the switches its cases promise to play."""

    test: str
    plays: tuple[str, ...]


class _Collector:
    def __init__(self) -> None:
        self.found: dict[str, dict[str, None]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            if item.get_closest_marker("skip") is None:
                name = item.nodeid.partition("[")[0].removeprefix("tests/")
                plays = {str(mark.args[0]): None for mark in item.iter_markers("plays")}
                self.found.setdefault(name, {}).update(plays)


def collected(*paths: str) -> tuple[Found, ...]:
    """The tests that pytest would run under these paths, named from tests/ on; tests marked `skip` are none."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [sys.executable, __file__, *paths], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    rows = json.loads(done.stdout.splitlines()[-1])
    return tuple(Found(test, tuple(plays)) for test, plays in rows.items())


def main() -> int:
    collector = _Collector()
    paths = [f"tests/{path}" for path in sys.argv[1:]]
    code = pytest.main(["--collect-only", "-qq", "--rootdir", str(ROOT), *paths], plugins=[collector])
    sys.stdout.write("\n" + json.dumps({name: list(plays) for name, plays in collector.found.items()}) + "\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
