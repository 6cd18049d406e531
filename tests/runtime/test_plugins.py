"""Other people's strategies: each way in, and each way to be broken, is one sentence that names the file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from polybot.core.strategies import indicator_registry
from polybot.core.strategies import registry as strategy_registry
from polybot.core.strategies.protocol import StrategyError
from polybot.runtime.config import plugin_paths, plugins
from polybot.strategy import indicator

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
class Contrary:
    name = "contrary_{n}"
    description = "down, always"
    timeframe = ""
    default_params = {{}}
    param_grid = {{}}
    def evaluate(self, candles):
        return [-1] * len(candles)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(strategy_registry, "_added", {})
    monkeypatch.setattr(indicator_registry, "_added", {})
    found = plugin_paths.folder()
    found.mkdir(parents=True)
    return found


def test_a_file_dropped_into_the_folder_is_found_by_its_name(folder: Path) -> None:
    (folder / "mine.py").write_text(GOOD.format(n=1))
    assert plugins.load() == []
    assert strategy_registry.by_name("contrary_1").description == "down, always"
    assert strategy_registry.known()["contrary_1"] == str(folder / "mine.py")


def test_a_path_with_a_name_trades_under_that_name(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(GOOD.format(n=2))
    assert plugins.load([f"{tmp_path / 'other.py'}:Contrary"]) == []
    assert strategy_registry.by_name("Contrary").name == "contrary_2"


def test_an_indicator_is_found_too(folder: Path) -> None:
    (folder / "spread.py").write_text(
        "class Spread:\n    name = 'spread'\n    description = 'high - low'\n    default_params = {}\n"
        "    def warm_up(self): return 1\n    def compute(self, candles): return candles.high - candles.low\n"
    )
    assert plugins.load() == []
    assert indicator("spread").warm_up() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_of_that_name\n", "importing it failed: ModuleNotFoundError"),
        ("def broken(:\n", "importing it failed: SyntaxError"),
        ("x = 1\n", "no strategy and no indicator in it"),
        (GOOD.format(n=3).replace('timeframe = ""', 'timeframe = "2h"'), 'timeframe "2h" is none of "30s", "1m", "5m"'),
        (GOOD.format(n=4).replace("    description", "    describes"), "needs `description`, and this one has none"),
        (
            GOOD.format(n=5).replace("default_params = {}", "default_params = 5"),
            "`default_params` = 5 is of the wrong kind",
        ),
        (GOOD.format(n=6) + "    def __init__(self, needed): pass\n", "Contrary() failed: TypeError"),
        (GOOD.format(n=7).replace("contrary_7", "rsi_ema"), 'the name "rsi_ema" is taken by polybot itself'),
        ("import sys\nsys.exit(3)\n", "importing it failed: SystemExit: 3"),
        (GOOD.format(n=6) + "    def __init__(self): raise SystemExit(4)\n", "Contrary() failed: SystemExit: 4"),
        (
            GOOD.format(n=6).replace('name = "contrary_6"', "name = property(lambda self: 1 / 0)"),
            "looking at `Contrary` failed: ZeroDivisionError",
        ),
        (GOOD.format(n=8).replace("contrary_8", "my rule"), 'the name "my rule" must be letters, digits and _ only'),
        ("from polybot.strategy import must\nmust(False, 'not on a Sunday')\n", "a_broken.py: not on a Sunday"),
        (
            "from polybot.strategy import indicator\nmine = indicator('rsj')\n",
            'a_broken.py: unknown indicator "rsj": did you mean "rsi"?',
        ),
        (
            "from polybot.strategy import must\n"
            + GOOD.format(n=8)
            + "    def __init__(self): must(False, 'not on a Sunday')\n",
            "a_broken.py: not on a Sunday",
        ),
    ],
)
def test_a_broken_one_is_a_sentence_with_its_file_and_stops_nobody_else(folder: Path, text: str, said: str) -> None:
    (folder / "a_broken.py").write_text(text)
    (folder / "good.py").write_text(GOOD.format(n=9))
    (problem,) = plugins.load()
    assert str(folder / "a_broken.py") in problem and said in problem
    assert "StrategyError" not in problem, "its sentence is enough"
    assert strategy_registry.by_name("contrary_9")


def test_the_second_of_a_name_is_refused_and_the_first_is_named(folder: Path) -> None:
    (folder / "a.py").write_text(GOOD.format(n=1))
    (folder / "b.py").write_text(GOOD.format(n=1))
    (problem,) = plugins.load()
    assert problem == f'{folder / "b.py"}: the name "contrary_1" is taken by {folder / "a.py"}'


INDICATOR = """
class {title}:
    name = "spread"
    description = "high - low"
    default_params = {{}}
    def warm_up(self): return 1
    def compute(self, candles): return candles.high - candles.low
"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (GOOD.format(n=1) + "\n\nclass Again(Contrary):\n    pass\n", "contrary_1"),
        (INDICATOR.format(title="Contrary") + INDICATOR.format(title="Again"), "spread"),
    ],
)
def test_one_name_twice_in_a_file_is_refused_and_the_first_stands(folder: Path, text: str, name: str) -> None:
    (folder / "a.py").write_text(text)
    said = f'{folder / "a.py"}: the name "{name}" is there twice: of `Contrary` and of `Again`'
    assert plugins.load() == [said]
    registry = strategy_registry if name != "spread" else indicator_registry
    assert type(registry.by_name(name)).__name__ == "Contrary"
    assert plugins.load() == [said]  # who comes again from the same place is no second


EVENTS = (
    GOOD.format(n=6)
    .replace('timeframe = ""', "from_s, until_s = 1, 2")
    .replace("def evaluate(self, candles):", "def on_event(self, message, view):")
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD.format(n=6).replace("(self, candles)", "(self)"),
            "Contrary must have `evaluate(self, candles)`, and has `evaluate()`: too many positional arguments",
        ),
        (
            GOOD.format(n=6).replace("default_params = {}", "default_params = {'run': 3}"),
            "Contrary must have `evaluate(self, candles, run)`, and has `evaluate(candles)`: "
            "got an unexpected keyword argument 'run'",
        ),
        (
            GOOD.format(n=6).replace("(self, candles)", "(self, candles, run)"),
            "Contrary must have `evaluate(self, candles)`, and has `evaluate(candles, run)`: "
            "missing a required argument: 'run'",
        ),
        (GOOD.format(n=6) + "    def explain(self): pass\n", "Contrary must have `explain(self, candles)`"),
        (GOOD.format(n=6) + "    def check(self, params): pass\n", "must have `check(self, params, has_volumes)`"),
        (GOOD.format(n=6) + "    warm_up = 'long'\n", "`warm_up` = 'long' must be a whole number"),
        (EVENTS, "Contrary must have `on_event(self, message, view, now_ns)`, and has `on_event(message, view)`"),
        (INDICATOR.format(title="Spread").replace("(self, candles)", "(self)"), "must have `compute(self, candles)`"),
        (INDICATOR.format(title="Spread").replace("warm_up(self)", "warm_up(self, n)"), "must have `warm_up(self)`"),
    ],
)
def test_a_wrong_signature_is_one_sentence_with_file_class_and_what_is_expected(
    folder: Path, text: str, said: str
) -> None:
    (folder / "a.py").write_text(text)
    (problem,) = plugins.load()
    assert problem.startswith(f"{folder / 'a.py'}: ") and said in problem


def test_a_check_that_fails_is_a_refusal(folder: Path) -> None:
    (folder / "a.py").write_text(GOOD.format(n=6) + "    def check(self, params, has_volumes): return 1 / 0\n")
    assert plugins.load() == []
    with pytest.raises(StrategyError, match=r"Contrary\.check failed: ZeroDivisionError"):
        strategy_registry.params_of(strategy_registry.by_name("contrary_6"), {})


def test_a_class_and_the_object_made_of_it_are_one(folder: Path) -> None:
    (folder / "a.py").write_text(GOOD.format(n=1) + "\nSTRATEGY = Contrary()\nSTRATEGY.tuned = 5\nSAME = STRATEGY\n")
    assert plugins.load() == []
    assert vars(strategy_registry.by_name("contrary_1")) == {"tuned": 5}


def test_a_dataclass_with_postponed_annotations_is_loaded_and_two_files_may_share_a_stem(
    folder: Path, tmp_path: Path
) -> None:
    head = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass"
    (folder / "mine.py").write_text(head + GOOD.format(n=1) + "    run: int = 3\n")
    (tmp_path / "mine.py").write_text(head + GOOD.format(n=2) + "    run: int = 4\n")
    assert plugins.load([f"{tmp_path / 'mine.py'}:Contrary"]) == []
    for name, run in (("contrary_1", 3), ("Contrary", 4)):
        strategy = strategy_registry.by_name(name)
        assert vars(strategy)["run"] == run and sys.modules[type(strategy).__module__].Contrary is type(strategy)


def test_a_relative_path_is_told_as_an_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    (tmp_path / "sub" / "mine.py").write_text(GOOD.format(n=1))
    assert plugins.load(["./mine.py:Contrary", "mine.py:Contrari"]) == [
        f"{tmp_path}/sub/mine.py: there is no `Contrari` in it"
    ]
    assert strategy_registry.known()["Contrary"] == f"{tmp_path}/sub/mine.py"


def test_a_missing_file_and_a_missing_name_are_told(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(GOOD.format(n=2))
    problems = plugins.load([f"{tmp_path}/nowhere.py:A", f"{tmp_path / 'other.py'}:Contrari"])
    assert problems == [
        f"{tmp_path}/nowhere.py: no such file",
        f"{tmp_path / 'other.py'}: there is no `Contrari` in it",
    ]


def test_an_installed_package_offers_its_own_by_an_entry_point(tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "theirs-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[polybot.strategies]\ncontrary = theirs:Contrary\nlost = theirs:Lost\n")
    (site / "theirs.py").write_text(GOOD.format(n=7))
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "XDG_CONFIG_HOME": str(tmp_path), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "polybot.cli", "strategies"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert re.search(r"contrary_7 +candles +package theirs", done.stdout), done.stdout + done.stderr
    assert "refused: package theirs: importing theirs:Lost failed: AttributeError" in done.stderr
    assert done.returncode == 1
