"""Imports point down the floors only; the core cannot reach a clock, the world or luck; the judge shares no arithmetic."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from polybot.runtime.base.paths import ROOT

TOP = {"messages", "polybot.settings", "polybot.topology"}  # beside the floors, and read by all of them

# room → the rooms it may import, itself included: imports point down the floors only
MAY = {
    "messages": {"messages"},
    "polybot.settings": {"messages"},
    "polybot.topology": {"messages", "polybot.settings"},
    "polybot.core": TOP | {"polybot.core"},
    "polybot.sim": TOP | {"polybot.core", "polybot.sim"},
    "polybot.runtime": TOP | {"polybot.core", "polybot.sim", "polybot.runtime", "polybot.strategy"},
    "polybot.adapters": TOP | {"polybot.core", "polybot.adapters"},
    "polybot.venue": TOP | {"polybot.core", "polybot.sim", "polybot.runtime", "polybot.adapters", "polybot.venue"},
    "polybot.backtest": TOP
    | {"polybot.core", "polybot.sim", "polybot.runtime", "polybot.adapters", "polybot.backtest"},
    "polybot.cli": {"messages", "polybot"},
    "polybot.strategy": {"messages", "polybot.core"},
    "actors": {"messages", "polybot", "actors"},
}
PURE = ("polybot.settings", "polybot.topology", "polybot.core", "polybot.sim", "polybot.strategy")
NOT_IN_CORE = {
    *("time", "datetime", "random", "uuid", "os", "socket", "threading", "logging"),
    *("requests", "websocket", "zmq", "sqlite3", "subprocess", "asyncio", "urllib", "http", "secrets", "pathlib"),
}
# What the local venue judges: it must reckon all of this anew, or one wrong fee would pass twice.
JUDGED = (
    "polybot.core.allocator",
    "polybot.core.executor",
    "polybot.core.risk",
    "polybot.core.sizing",
    "polybot.core.strategies.fair_price",
)
NOT_FOR_STAND_INS = (*JUDGED, "polybot.core.market_feed", "polybot.core.price_feed", "polybot.core.recorder")


def files(part: str) -> Iterator[Path]:
    """Of a package or of a single module."""
    found = ROOT / part.replace(".", "/")
    yield from sorted(found.rglob("*.py")) if found.is_dir() else [found.with_suffix(".py")]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(dotted name of each module or member imported, whether at the top of the file)."""
    tree = ast.parse(path.read_text())
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from ((f"{node.module}.{alias.name}", id(node) in top) for alias in node.names)


def is_within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


@pytest.mark.parametrize("part", MAY)
def test_imports_point_down_the_floors_only(part: str) -> None:
    ours = ("messages", "polybot", "actors", "tests", "bench")
    # the top package itself holds only __version__
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(part)
        for name, _ in imports(path)
        if any(is_within(name, own) for own in ours)
        and name not in ("polybot.__version__", "polybot")
        and not any(is_within(name, allowed) or _names_package(name, allowed) for allowed in MAY[part])
    ]
    assert wrong == []


def shown_floors() -> dict[str, set[str]]:
    """Room → the rooms it may import beside itself, as the table of docs/architecture.md has it."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page[page.index("## 2. ") : page.index("## 3. ")]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {room.strip().strip("`"): set(re.findall(r"`([\w.]+)`", may)) for room, _, may in rows}


def test_the_page_shows_the_floors_as_they_are() -> None:
    assert shown_floors() == {room: allowed - {room} for room, allowed in MAY.items()}


def _names_package(name: str, allowed: str) -> bool:
    """`from polybot import core` is dotted as polybot.core already; nothing shorter may pass."""
    return name == allowed


@pytest.mark.parametrize("part", PURE)
def test_what_thinks_reaches_no_clock_no_world_and_no_luck(part: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(part)
        for name, _ in imports(path)
        if name.split(".")[0] in NOT_IN_CORE
    ]
    assert wrong == []


@pytest.mark.parametrize("part", PURE)
def test_what_thinks_never_iterates_a_set(part: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{iterated.lineno}"
        for path in files(part)
        for node in ast.walk(ast.parse(path.read_text()))
        for iterated in _iterated(node)
        if _is_set(iterated)
    ]
    assert wrong == []


def _iterated(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.For(iter=iterated) | ast.comprehension(iter=iterated):
            return [iterated]
        case ast.Call(func=ast.Name(id="list" | "tuple" | "enumerate" | "iter" | "next" | "zip" | "map"), args=args):
            return list(args)
        case ast.Starred(value=value):
            return [value]
    return []


def _is_set(node: ast.expr) -> bool:
    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.BinOp(left=left, right=right, op=ast.BitOr() | ast.BitAnd() | ast.Sub()):
            return _is_set(left) or _is_set(right)
    return False


def test_only_the_bus_knows_zeromq() -> None:
    knows = [
        str(path.relative_to(ROOT))
        for part in ("messages", "polybot", "actors")
        for path in files(part)
        if any(is_within(name, "zmq") for name, _ in imports(path))
    ]
    assert knows == ["polybot/runtime/loop/bus.py"]


def test_numbers_are_imported_only_where_they_are_used() -> None:
    everywhere = [f for f in files("polybot") if any(is_within(n, "talib") and top for n, top in imports(f))]
    assert all("indicators" in f.name or "series" in f.name for f in everywhere), everywhere


@pytest.mark.parametrize(
    ("part", "forbidden"), [("polybot.venue", JUDGED), ("polybot.sim", NOT_FOR_STAND_INS)], ids=["venue", "sim"]
)
def test_the_judge_shares_no_fee_amount_or_books_code_with_the_bot(part: str, forbidden: tuple[str, ...]) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(part)
        for name, _ in imports(path)
        if any(is_within(name, judged) for judged in forbidden)
    ]
    assert wrong == []


@pytest.mark.parametrize("judged", NOT_FOR_STAND_INS)
def test_what_is_judged_is_there_and_is_used(judged: str) -> None:
    """A package that was moved or renamed would switch the guard above off without a word."""
    users = [
        path
        for part in ("polybot", "actors")
        for path in files(part)
        if any(is_within(name, judged) for name, _ in imports(path))
    ]
    assert users, f"nobody imports {judged}: is that still its name?"


def test_actors_and_stand_ins_do_not_know_each_other() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (*files("polybot.core"), *files("polybot.adapters"))
        for name, _ in imports(path)
        if is_within(name, "polybot.sim")
    ]
    assert wrong == []


# --- folders


def folders() -> dict[str, dict[str, str]]:
    """Folder → folders it imports from → one import that does. A package and its own `__init__` are one folder."""
    graph: dict[str, dict[str, str]] = {}
    for path in files("polybot"):
        own = path.parent.relative_to(ROOT).as_posix()
        for name, _ in imports(path):
            home = _folder_of(name)
            if home is not None and home != own:
                graph.setdefault(own, {}).setdefault(home, f"{path.relative_to(ROOT)} imports {name}")
    return graph


def _folder_of(name: str) -> str | None:
    """Where the module of this dotted name, or of the member's module, stands."""
    parts = name.split(".")
    if parts[0] != "polybot":
        return None
    for end in range(len(parts), 0, -1):
        found = ROOT.joinpath(*parts[:end])
        if found.with_suffix(".py").is_file():
            return found.parent.relative_to(ROOT).as_posix()
        if (found / "__init__.py").is_file():
            return found.relative_to(ROOT).as_posix()
    return None


def a_cycle(graph: dict[str, dict[str, str]]) -> list[str]:
    """The imports of one cycle among folders; empty where there is none. The doors that import everything do not count."""
    done: dict[str, None] = {}

    def walk(folder: str, way: tuple[str, ...]) -> list[str]:
        if folder in way:
            ring = (*way[way.index(folder) :], folder)
            return [graph[a][b] for a, b in pairwise(ring)]
        if folder in done:
            return []
        for other in graph.get(folder, {}):
            if found := walk(other, (*way, folder)):
                return found
        done[folder] = None
        return []

    return next((found for folder in graph if (found := walk(folder, ()))), [])


def test_the_folders_import_each_other_in_one_direction_only() -> None:
    assert a_cycle({k: v for k, v in folders().items() if k != "polybot"}) == []


def test_the_test_of_folders_can_fail() -> None:
    assert a_cycle({"a": {"b": "a imports b"}, "b": {"c": "b imports c"}, "c": {"b": "c imports b"}}) == [
        "b imports c",
        "c imports b",
    ]


def test_messages_need_msgspec_and_the_standard_library_only() -> None:
    import sys

    wrong = [
        f"{path.name} imports {name}"
        for path in files("messages")
        for name, _ in imports(path)
        if name.split(".")[0] not in sys.stdlib_module_names | {"msgspec", "messages"}
    ]
    assert wrong == []


def test_there_is_no_package_under_tests() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == [], "it would shadow messages"


def test_the_test_of_sets_can_fail() -> None:
    tree = ast.parse("for x in {1, 2}: pass\ny = list(set(z))\nw = [v for v in set(z) | q]")
    assert sum(_is_set(i) for node in ast.walk(tree) for i in _iterated(node)) == 3
