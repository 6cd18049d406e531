"""Imports point down the floors only; the core cannot reach a clock, the world or luck; the judge shares no arithmetic."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from polybot.runtime.paths import ROOT

# part → the parts it may import, itself included
MAY = {
    "messages": {"messages"},
    "polybot.core": {"messages", "polybot.core"},
    "polybot.runtime": {"messages", "polybot.core", "polybot.runtime"},
    "polybot.adapters": {"messages", "polybot.core", "polybot.adapters"},
    "polybot.venue": {"messages", "polybot.core", "polybot.runtime", "polybot.adapters", "polybot.venue"},
    "polybot.backtest": {"messages", "polybot.core", "polybot.runtime", "polybot.adapters", "polybot.backtest"},
    "polybot.cli": {"messages", "polybot"},
    "actors": {"messages", "polybot", "actors"},
}
NOT_IN_CORE = {
    *("time", "datetime", "random", "uuid", "os", "socket", "threading", "logging"),
    *("requests", "websocket", "zmq", "sqlite3", "subprocess", "asyncio", "urllib", "http", "secrets", "pathlib"),
}
JUDGED = ("amount", "fee", "ledger", "sizing", "order", "risk", "executor", "purse", "account", "settle")


def files(part: str) -> Iterator[Path]:
    yield from sorted((ROOT / part.replace(".", "/")).rglob("*.py"))


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


def _names_package(name: str, allowed: str) -> bool:
    """`from polybot import core` is dotted as polybot.core already; nothing shorter may pass."""
    return name == allowed


def test_the_core_reaches_no_clock_no_world_and_no_luck() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files("polybot.core")
        for name, _ in imports(path)
        if name.split(".")[0] in NOT_IN_CORE
    ]
    assert wrong == []


def test_the_core_never_iterates_a_set() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files("polybot.core")
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
    assert knows == ["polybot/runtime/bus.py"]


def test_numbers_are_imported_only_where_they_are_used() -> None:
    everywhere = [f for f in files("polybot") if any(is_within(n, "talib") and top for n, top in imports(f))]
    assert all("indicators" in f.name or "series" in f.name for f in everywhere), everywhere


@pytest.mark.parametrize("judge", ["polybot.venue", "polybot.core.exchange", "polybot.core.world"])
def test_the_judge_shares_no_fee_amount_or_ledger_code_with_the_bot(judge: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(judge)
        for name, _ in imports(path)
        if is_within(name, "polybot.core")
        and not is_within(name, "polybot.core.exchange")
        and not is_within(name, "polybot.core.world")
        and any(word in name.split(".")[2] for word in JUDGED)
    ]
    assert wrong == []


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
