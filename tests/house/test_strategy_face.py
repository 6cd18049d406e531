"""polybot.strategy is enough: the guide, the examples and every strategy of the house can do with nothing deeper."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from polybot import strategy
from polybot.core.strategies import BUILT_IN, builtin
from polybot.core.strategies import registry as strategy_registry
from polybot.core.strategies.decision import split
from polybot.runtime.base.paths import ROOT
from polybot.runtime.config import plugins
from polybot.strategy import Candles

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
GUIDE = ROOT / "docs" / "writing-a-strategy.md"
BUILTINS = sorted(Path(builtin.__file__).parent.glob("*.py"))
SHARED = "polybot.core.strategies.builtin._series"  # a file beside them, written with the same means


def blocks() -> list[str]:
    """The guide's Python."""
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def imports(text: str) -> Iterator[tuple[str, str]]:
    """(module, name) of everything imported; of a module as a whole the name is ""."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or ".", alias.name) for alias in node.names)


# --- what is shown to strangers


@pytest.mark.parametrize("text", [*(path.read_text() for path in EXAMPLES), *blocks()])
def test_examples_and_guide_import_the_face_and_numpy_only(text: str) -> None:
    assert {module for module, _ in imports(text)} <= {"polybot.strategy", "numpy"}


def test_the_guide_names_no_path_deeper_in() -> None:
    assert "polybot.core" not in GUIDE.read_text() and "polybot/core" not in GUIDE.read_text()


def test_the_guides_code_is_the_examples_and_fits_on_a_screen() -> None:
    (code,) = blocks()
    assert code == (ROOT / "examples" / "three_in_a_row.py").read_text()
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_the_guide_and_the_folder_name_the_same_examples() -> None:
    assert set(re.findall(r"^\| `(\w+\.py)`", GUIDE.read_text(), re.M)) == {path.name for path in EXAMPLES}
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_what_it_bets_on_and_how_it_is_run(path: Path) -> None:
    tree = ast.parse(path.read_text())
    said = ast.get_docstring(tree) or ""
    assert said.startswith("Bets ")
    (name,) = re.findall(rf"bin/polybot run --strategy examples/{path.name}:(\w+)", said)
    assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


# --- what it is made of


def test_it_brings_no_shell_no_socket_and_no_operating_system() -> None:
    code = "import sys, polybot.strategy; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    rooms = ("polybot.runtime", "polybot.adapters", "polybot.venue", "polybot.sim", "polybot.cli", "actors", "zmq")
    assert [name for name in loaded if any(name == room or name.startswith(f"{room}.") for room in rooms)] == []
    assert {module for module, _ in imports(Path(strategy.__file__).read_text())} & {"os", "sys", "pathlib"} == set()


def test_what_it_imports_it_offers() -> None:
    imported = {alias for _, alias in imports(Path(strategy.__file__).read_text())}
    renamed = {"by_name", "register"}
    assert imported - renamed <= set(strategy.__all__)
    assert all(hasattr(strategy, name) for name in strategy.__all__)


# --- what the house's own strategies need


@pytest.mark.parametrize("path", BUILTINS, ids=lambda path: path.stem)
def test_every_name_that_a_strategy_of_ours_imports_is_there(path: Path) -> None:
    missing = [
        f"{module}.{name}"
        for module, name in imports(path.read_text())
        if module.split(".")[0] in ("polybot", "messages")
        and module != SHARED
        and getattr(strategy, name, None) is not getattr(importlib.import_module(module), name)
    ]
    assert missing == []


def on_the_face(path: Path) -> str:
    """A strategy of ours as a stranger would write it: every import from polybot.strategy, what two share written out."""
    text = path.read_text()
    if SHARED in text:
        shared = (path.parent / "_series.py").read_text()
        text = shared + re.sub(rf"from {re.escape(SHARED)} import .*\n", "", text)
    text = re.sub(r"from (?:polybot\.core|messages)[\w.]* import", "from polybot.strategy import", text)
    assert not [module for module, _ in imports(text) if module.startswith(("polybot.core", "messages"))]
    return text


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_strategy_of_ours_could_be_somebody_elses(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(strategy_registry, "_added", {})
    (tmp_path / "theirs.py").write_text(on_the_face(Path(builtin.__file__).with_name(f"{name}.py")))
    assert plugins.load([f"{tmp_path}/theirs.py:STRATEGY"]) == []
    theirs, ours = strategy_registry.by_name("STRATEGY"), strategy_registry.by_name(name)
    assert type(theirs).__module__ != type(ours).__module__
    if hasattr(ours, "evaluate"):
        luck = np.random.default_rng(11)
        close = 64_000 + np.cumsum(luck.normal(0, 20, 150))
        times = 300.0 * np.arange(150, dtype=np.float64)
        candles = Candles(times, close - 5, close + 9, close - 9, close, close * 0, close * np.nan)
        said, wanted = (split(one.evaluate(candles, **ours.default_params), len(candles))[0] for one in (theirs, ours))
        assert np.array_equal(said, wanted)
