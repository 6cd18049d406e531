"""Do the tests notice? Each small wrong of defects.toml is put into a copy of the tree, and the tests it names must all fail.

Run by `bin/polybot test --defects [WORD…]` (WORD: only those whose name holds it). The checkout is never touched. Before
anything is broken the named tests must all pass in the copy, else their failing would prove nothing.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_suffix(".toml")
LIMIT_S = 10  # of processor time: what a defect's tests may take, whoever else is at work on this machine
PATIENCE_S = 120.0  # of the clock: a defect may also make a test hang
WORKERS = min(4, os.cpu_count() or 1)
say = partial(print, flush=True)
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "state", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache", "bench"
)
FAILED = re.compile(r"^(?:FAILED|ERROR) tests/(\S+?::\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Defect:
    """One patch. failure: number of the field failure that it lets in; 0 = none of those."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    failure: int = 0

    def misfit(self, root: Path) -> str:
        """Why it cannot be put into this tree; "" = it can."""
        count = (root / self.file).read_text().count(self.old) if (root / self.file).exists() else -1
        if count == 1:
            return ""
        return f"{self.file} is gone" if count < 0 else f"its old text stands in {self.file} {count} times, not once"


def table() -> list[Defect]:
    """All of them."""
    rows = tomllib.loads(TABLE.read_text())["defect"]
    return [Defect(**(row | {"tests": tuple(row["tests"])})) for row in rows]


@dataclass(frozen=True)
class Copy:
    """A copy of the tree to break things in."""

    root: Path

    def pytest(self, tests: tuple[str, ...], patience_s: float, limit_s: int = 0) -> tuple[set[str], str]:
        """(tests that failed, all of what pytest said). limit_s: of processor time, 0 = none."""
        command = [sys.executable, "-m", "pytest", "-rfE", "--tb=no", "-p", "no:cacheprovider", "--timeout=60"]
        env = os.environ | {"PYTHONPATH": str(self.root)}
        try:
            done = subprocess.run(
                [*command, *(f"tests/{test}" for test in tests)],
                cwd=self.root, env=env, capture_output=True, text=True, timeout=patience_s, preexec_fn=lambda: _bound(limit_s),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return set(), f"took longer than {patience_s:g} s"
        if done.returncode == -signal.SIGXCPU:
            return set(), f"took more than {limit_s} s of processor time"
        return set(FAILED.findall(done.stdout)), done.stdout + done.stderr

    def check(self) -> None:
        """It must be this copy's code that its tests import."""
        told = subprocess.run(
            [sys.executable, "-c", "import polybot; print(polybot.__file__)"],
            cwd=self.root, env=os.environ | {"PYTHONPATH": str(self.root)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert told.stdout.startswith(str(self.root)), f"the copy's tests would import {told.stdout}"

    def try_out(self, defect: Defect) -> tuple[str, float]:
        """("" = every named test failed, or what went wrong; how many seconds it took)."""
        wrong = defect.misfit(self.root)
        if wrong:
            return wrong, 0.0
        path, started = self.root / defect.file, time.monotonic()
        good = path.read_text()
        self._write(path, good.replace(defect.old, defect.new))
        try:
            failed, said = self.pytest(defect.tests, PATIENCE_S, LIMIT_S)
        finally:
            self._write(path, good)
        survivors = [test for test in defect.tests if test not in failed]
        took_s = time.monotonic() - started
        if not survivors:
            return "", took_s
        last = said.strip().splitlines()[-1] if said.strip() else "pytest said nothing"
        return f"not noticed by {', '.join(survivors)} ({last})", took_s

    @staticmethod
    def _write(path: Path, text: str) -> None:
        """Compiled files are told apart by second and size only: two patches within a second may look alike."""
        path.write_text(text)
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()


def _bound(limit_s: int) -> None:
    if limit_s:
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))


def main(words: list[str]) -> int:
    """Try all, print a line each; the exit code."""
    chosen = [d for d in table() if all(word in d.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="polybot-defects-") as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for n in range(WORKERS):
            copy = Copy(Path(shutil.copytree(ROOT, Path(folder) / str(n), ignore=LEFT_OUT)))
            copy.check()
            copies.put(copy)
        clean = copies.get()
        failed, said = clean.pytest(tuple(dict.fromkeys(t for d in chosen for t in d.tests)), 600.0)
        copies.put(clean)
        if failed or " passed" not in said:
            say(f"the tests do not even pass without a defect:\n{said[-2000:]}")
            return 1

        def one(defect: Defect) -> bool:
            copy = copies.get()
            wrong, took_s = copy.try_out(defect)
            copies.put(copy)
            number = f"{defect.failure:2}" if defect.failure else "  "
            say(f"{'caught  ' if not wrong else 'SURVIVED'} {took_s:4.1f} s  {number}  {defect.name}")
            if wrong:
                say(f"         {wrong}")
            return not wrong

        with ThreadPoolExecutor(WORKERS) as pool:
            caught = list(pool.map(one, chosen))
    say(f"{sum(caught)} of {len(caught)} defects are caught by the tests that should")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
