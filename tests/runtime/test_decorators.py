"""register_strategy and register_indicator: a class names itself once, in a plug-in file as in a notebook."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from polybot.core.strategies import indicator_registry
from polybot.core.strategies import registry as strategy_registry
from polybot.runtime.config import plugin_paths, plugins
from polybot.strategy import StrategyError, indicator, register_indicator, register_strategy

ROOT = Path(__file__).resolve().parents[2]
STRATEGY = """
from polybot.strategy import register_strategy
@register_strategy
class Mine:
    name = "mine"
    description = "up, always"
    timeframe = ""
    default_params = {}
    param_grid = {}
    def evaluate(self, candles):
        return [1] * len(candles)
"""
INDICATOR = """
from polybot.strategy import register_indicator
@register_indicator
class Spread:
    name = "spread"
    description = "high - low"
    default_params = {}
    def warm_up(self): return 1
    def compute(self, candles): return candles.high - candles.low
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(strategy_registry, "_added", {})
    monkeypatch.setattr(indicator_registry, "_added", {})
    found = plugin_paths.folder()
    found.mkdir(parents=True)
    return found


def theirs() -> dict[str, str]:
    """The names that are not ours → where they come from."""
    known = strategy_registry.known() | indicator_registry.known()
    return {name: source for name, source in known.items() if source != "built in"}


# --- in a file


@pytest.mark.parametrize("text", [STRATEGY + INDICATOR, STRATEGY + "\nSTRATEGY = Mine()\n" + INDICATOR])
def test_in_a_dropped_in_file_a_decorated_class_is_named_once_and_does_not_refuse_itself(
    folder: Path, text: str
) -> None:
    (folder / "a.py").write_text(text)
    for _ in range(3):
        assert plugins.load() == []
        assert theirs() == {"mine": str(folder / "a.py"), "spread": str(folder / "a.py")}


def test_the_object_that_a_file_makes_itself_is_the_one_that_trades(folder: Path) -> None:
    (folder / "a.py").write_text(STRATEGY + "\nSTRATEGY = Mine()\nSTRATEGY.tuned = 5\n")
    assert plugins.load() == []
    assert vars(strategy_registry.by_name("mine")) == {"tuned": 5}


@pytest.mark.parametrize("path", ["a.py", "./a.py", "../here/a.py"])
def test_by_its_path_it_trades_under_the_name_after_the_colon_alone_and_its_indicator_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "a.py").write_text(STRATEGY + INDICATOR)
    for _ in range(2):
        assert plugins.load([f"{path}:Mine"]) == []
        assert set(theirs()) == {"Mine", "spread"}
    assert indicator("spread").warm_up() == 1


def test_an_installed_package_may_decorate_what_it_offers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "decorated-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: decorated\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[polybot.strategies]\nmine = decorated_theirs:Mine\n")
    (tmp_path / "decorated_theirs.py").write_text(STRATEGY)
    monkeypatch.syspath_prepend(tmp_path)
    assert plugins.load() == []
    assert plugins.load() == []
    assert theirs() == {"mine": "package decorated"}


def test_the_second_of_a_name_is_still_refused_in_the_decorators_own_words(folder: Path) -> None:
    (folder / "a.py").write_text(STRATEGY)
    (folder / "b.py").write_text(STRATEGY)
    assert plugins.load() == [f'{folder}/b.py: the name "mine" is taken by {folder}/a.py']
    (folder / "b.py").write_text(STRATEGY.replace('"mine"', '"rsi_ema"'))
    assert plugins.load() == [f'{folder}/b.py: the name "rsi_ema" is taken by polybot itself']


def test_two_decorated_classes_of_one_name_in_a_file_are_refused(folder: Path) -> None:
    (folder / "a.py").write_text(STRATEGY + STRATEGY.replace("Mine", "Again"))
    assert plugins.load() == [f'{folder}/a.py: the name "mine" is there twice: of `Mine` and of `Again`']
    assert theirs() == {}, "importing the file failed: nothing of it is left"


def test_of_a_file_that_fails_further_down_nothing_is_left(folder: Path) -> None:
    (folder / "a.py").write_text(STRATEGY + INDICATOR + "1 / 0\n")
    (problem,) = plugins.load()
    assert problem == f"{folder}/a.py: importing it failed: ZeroDivisionError: division by zero"
    assert theirs() == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STRATEGY.replace('    timeframe = ""\n', ""), "a strategy needs `timeframe`, and this one has none"),
        (INDICATOR.replace("(self, candles)", "(self)"), "Spread must have `compute(self, candles)`"),
        (STRATEGY + "    def __init__(self, needed): pass\n", "Mine() failed: TypeError"),
    ],
)
def test_a_decorated_class_that_cannot_be_one_is_told_once_with_its_file(folder: Path, text: str, said: str) -> None:
    (folder / "a.py").write_text(text)
    (problem,) = plugins.load()
    assert problem.startswith(f"{folder}/a.py: {said}")
    assert problem.count("a.py") == 1 and "importing it failed" not in problem


# --- in a notebook


def cell(text: str) -> None:
    """As a notebook runs it: in a module without a file."""
    exec(compile(text, "<cell>", "exec"), {"__name__": "notebook"})


def test_a_notebooks_class_is_named_with_module_and_class_and_a_cell_may_run_again() -> None:
    for _ in range(2):
        cell(STRATEGY)
        cell(INDICATOR)
        assert theirs() == {"mine": "notebook.Mine", "spread": "notebook.Spread"}
    assert strategy_registry.by_name("mine").description == "up, always"


def test_a_notebooks_class_that_cannot_be_one_is_told_by_its_name() -> None:
    with pytest.raises(StrategyError, match=r"^notebook\.Mine: a strategy needs `description`"):
        cell(STRATEGY.replace("description", "describes"))
    with pytest.raises(StrategyError, match=r'^notebook\.Spread: the name "rsi" is taken by polybot itself'):
        cell(INDICATOR.replace('"spread"', '"rsi"'))
    assert theirs() == {}


def test_on_the_interpreters_own_main_module_it_works_too() -> None:
    code = STRATEGY + "\nfrom polybot.core.strategies.registry import known\nprint(known()['mine'])\n"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("__main__.Mine\n", "")


def test_the_decorators_give_the_class_back() -> None:
    class Mine:
        name, description, timeframe = "mine", "up, always", "1m"
        default_params: dict[str, float] = {}  # noqa: RUF012
        param_grid: dict[str, list[float]] = {}  # noqa: RUF012

        def evaluate(self, candles: object) -> list[int]:
            return []

    class Spread:
        name, description = "spread", "high - low"
        default_params: dict[str, float] = {}  # noqa: RUF012

        def warm_up(self) -> int:
            return 1

        def compute(self, candles: object) -> list[float]:
            return []

    assert register_strategy(Mine) is Mine and register_indicator(Spread) is Spread
    assert theirs() == {"mine": __file__, "spread": __file__}
