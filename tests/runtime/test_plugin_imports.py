"""A plug-in that looks inside polybot for what is not there is told, in one sentence, what to import instead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from polybot import strategy
from polybot.core.strategies import indicator_registry
from polybot.core.strategies import registry as strategy_registry
from polybot.runtime.config import plugins

ROOT = Path(__file__).resolve().parents[2]
RESTER = ROOT / "tests" / "fixtures" / "first_build" / "rester.py"
ALL = f"it has {', '.join(strategy.__all__[:-1])} and {strategy.__all__[-1]}"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(strategy_registry, "_added", {})
    monkeypatch.setattr(indicator_registry, "_added", {})


def told(tmp_path: Path, text: str) -> str:
    """What is said of a plug-in with this text, without its path in front."""
    file = tmp_path / "mine.py"
    file.write_text(text)
    (problem,) = plugins.load([f"{file}:Mine"])
    assert problem.startswith(f"{file}: ") and "\n" not in problem
    return problem.removeprefix(f"{file}: ")


# what a plug-in of the first build imported → what its writer is told
OLD = {
    "from polybot.core.strategies import candles_of": (
        "polybot.core.strategies has no candles_of: import candles_of from polybot.strategy"
    ),
    "from polybot.core.strategies import candles_of, Decision, Bet": (
        "polybot.core.strategies has no candles_of, Decision and Bet: "
        "import candles_of, Decision and Bet from polybot.strategy"
    ),
    "from polybot.core.strategies import EventView as View, must": (
        "polybot.core.strategies has no EventView and must: import EventView and must from polybot.strategy"
    ),
    "from polybot.core.deciding import ByExplaining": (
        "polybot.core.deciding is gone: import ByExplaining from polybot.strategy"
    ),
    "from polybot.core.deciding import Decision": (
        "polybot.core.deciding is gone: import Decision from polybot.strategy"
    ),
    "from polybot.core.columns import Candles": "polybot.core.columns is gone: import Candles from polybot.strategy",
    "from polybot.core.indicators import rsi, ema": (
        "polybot.core.indicators is gone: import rsi and ema from polybot.strategy"
    ),
    "from polybot.core.indicator_registry import by_name, Indicator": (
        "polybot.core.indicator_registry is gone: import indicator (once by_name) and Indicator from polybot.strategy"
    ),
    "from polybot.core.indicator_registry import add": (
        "polybot.core.indicator_registry is gone: import register_indicator (once add) from polybot.strategy"
    ),
    "from polybot.core.strategy_registry import add": (
        "polybot.core.strategy_registry is gone: import register_strategy (once add) from polybot.strategy"
    ),
    "from polybot.core.windows import WINDOW_S, slug_of": (
        "polybot.core.windows is gone: import WINDOW_S and slug_of from polybot.strategy"
    ),
    "from polybot.core.market_view import MarketView": (
        "polybot.core.market_view is gone: import MarketView from polybot.strategy"
    ),
    "from polybot.core.fair import up_probability": (
        "polybot.core.fair is gone: import up_probability from polybot.strategy"
    ),
    "from polybot.core.quotes import ask_e6": "polybot.core.quotes is gone: import ask_e6 from polybot.strategy",
}


@pytest.mark.parametrize("text", OLD)
def test_an_old_path_is_answered_with_the_new_one(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, f"{text}\n") == OLD[text]


@pytest.mark.parametrize("text", OLD)
def test_what_is_told_can_be_imported(text: str) -> None:
    said = OLD[text].partition("import ")[2].removesuffix(" from polybot.strategy")
    names = [name.partition(" (")[0] for name in said.replace(" and ", ", ").split(", ")]
    assert set(names) <= set(strategy.__all__)
    exec(f"from polybot.strategy import {', '.join(names)}")


def test_the_plug_in_of_the_first_build_is_told(tmp_path: Path) -> None:
    assert plugins.load([f"{RESTER}:Rester"]) == [
        f"{RESTER}: polybot.core.strategies has no Bet and Decision: import Bet and Decision from polybot.strategy"
    ]
    mended = RESTER.read_text().replace("polybot.core.strategies", "polybot.strategy")
    (tmp_path / "rester.py").write_text(mended)
    assert plugins.load([f"{tmp_path}/rester.py:Rester"]) == []


@pytest.mark.parametrize("words", [("run", "--windows", "1"), ("strategies",)])
def test_the_command_line_says_it_before_anything_starts(tmp_path: Path, words: tuple[str, ...]) -> None:
    """`run` of the path as config.toml has it, relative; `strategies` of the file in the plug-in folder."""
    folder = tmp_path / "polybot" / "plugins"
    folder.mkdir(parents=True)
    (folder / "rester.py").write_bytes(RESTER.read_bytes())
    (tmp_path / "config.toml").write_text(f'[bot]\nstrategies = ["{RESTER.relative_to(ROOT)}:Rester"]\n')
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(tmp_path)}
    env |= {"POLYBOT_CONFIG": str(tmp_path / "config.toml"), "POLYBOT_STATE": str(tmp_path / "state")}
    command = [sys.executable, "-m", "polybot.cli", *words]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    file = RESTER if words[0] == "run" else folder / "rester.py"
    assert f"{file}: polybot.core.strategies has no Bet and Decision: import Bet and Decision from" in done.stderr
    assert "polybot.strategy" in done.stderr and done.returncode == (78 if words[0] == "run" else 1)


# --- however it is imported


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import polybot.core.deciding\n", "polybot.core.deciding is gone: import from polybot.strategy"),
        ("from polybot.core.deciding import *\n", "polybot.core.deciding is gone: import from polybot.strategy"),
        (
            "import importlib\nimportlib.import_module('polybot.core.deciding')\n",
            "polybot.core.deciding is gone: import from polybot.strategy",
        ),
        (
            "import polybot.core.indicators as ta\nx = ta.rsi\n",
            "polybot.core.indicators is gone: import rsi from polybot.strategy",
        ),
        (
            "import polybot.core.indicators\nx = polybot.core.indicators.rsi\n",
            "polybot.core.indicators is gone: import rsi from polybot.strategy",
        ),
        (
            "from polybot.core import indicators as ta\nx = ta.ema, ta.rsi, ta.ema\n",
            "polybot.core.indicators is gone: import ema and rsi from polybot.strategy",
        ),
        (
            "from polybot.core.columns import Candles\nx = Candles.upto\n",
            "polybot.core.columns is gone: import Candles from polybot.strategy",
        ),
        (
            "from polybot.core import strategies as s\nx = s.Decision\n",
            "polybot.core.strategies has no Decision: import Decision from polybot.strategy",
        ),
        (
            "import polybot.core.strategies\nx = polybot.core.strategies.Decision\n",
            "polybot.core.strategies has no Decision: import Decision from polybot.strategy",
        ),
    ],
)
def test_whichever_way_it_is_imported(tmp_path: Path, text: str, said: str) -> None:
    assert told(tmp_path, text) == said


def test_all_the_old_paths_of_a_file_are_told_at_once_and_the_right_ones_are_not(tmp_path: Path) -> None:
    text = (
        "import numpy as np\nfrom messages import Book\nfrom polybot.strategy import Bet\n"
        "from polybot.core.columns import candles_of\nfrom polybot.core.deciding import Decision\n"
    )
    assert told(tmp_path, text) == (
        "polybot.core.columns is gone: import candles_of from polybot.strategy; "
        "polybot.core.deciding is gone: import Decision from polybot.strategy"
    )


# --- what there is not


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "from polybot.core.windows import Window, observe\n",
            "polybot.core.windows is gone: import Window from polybot.strategy; "
            f"polybot.strategy has no observe: {ALL}",
        ),
        (
            "from polybot.core.strategies.rsi_ema import RsiEma\n",
            f"polybot.core.strategies.rsi_ema is gone; polybot.strategy has no RsiEma: {ALL}",
        ),
        ("from polybot.strategy import Decisions\n", "polybot.strategy has no Decisions: did you mean Decision?"),
        ("from polybot.strategy import Gamble\n", f"polybot.strategy has no Gamble: {ALL}"),
        ("import polybot.strategy as s\nx = s.Gamble\n", f"polybot.strategy has no Gamble: {ALL}"),
        (
            "from messages import Gamble, Outcome\n",
            f"messages has no Gamble; polybot.strategy has no Gamble: {ALL}",
        ),
    ],
)
def test_a_name_that_strategies_have_not_is_answered_with_those_they_have(tmp_path: Path, text: str, said: str) -> None:
    assert told(tmp_path, text) == said


# --- other people's files, and other errors


def test_a_file_that_the_plug_in_imports_is_named_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "of_mine.py").write_text("from polybot.core.deciding import Decision\n")
    said = told(tmp_path, "import of_mine\n")
    assert said == f"{tmp_path}/of_mine.py: polybot.core.deciding is gone: import Decision from polybot.strategy"


def test_a_package_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "older-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: older\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[polybot.strategies]\nmine = older_theirs:Mine\n")
    (tmp_path / "older_theirs.py").write_text("from polybot.core.deciding import Decision\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert plugins.load() == [
        f"package older: {tmp_path}/older_theirs.py: "
        "polybot.core.deciding is gone: import Decision from polybot.strategy"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_of_that_name\n", "importing it failed: ModuleNotFoundError: No module named"),
        ("from numpy import nothing_of_that_name\n", "importing it failed: ImportError: cannot import name"),
        ("import numpy\nnumpy.nothing\n", "importing it failed: AttributeError"),
        ("raise ImportError('polybot.core')\n", "importing it failed: ImportError: polybot.core"),
    ],
)
def test_an_import_of_somebody_elses_is_told_as_it_is(tmp_path: Path, text: str, said: str) -> None:
    assert told(tmp_path, text).startswith(said)


def test_a_defect_of_ours_is_not_laid_at_the_plug_ins_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "polybot.strategy")  # it is imported anew, and fails
    monkeypatch.delattr(strategy_registry, "register")
    said = told(tmp_path, "from polybot.strategy import Decision\n")
    assert said.startswith("importing it failed: ImportError: cannot import name 'register'")
