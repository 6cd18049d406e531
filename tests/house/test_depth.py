"""What is known is known in one place: one performer, one table; no core on disk, and nobody's fields set from outside."""

import ast
from collections.abc import Iterator

import pytest

import messages
from messages import inner
from polybot.runtime.base.paths import ROOT
from polybot.topology import BY_NAME, Actor

SHIPPED = ("messages", "polybot", "actors")
# A loop carries words of any trade: of the language it knows the grammar, and the words that are its own.
OF_THE_LOOP = {"messages.base", "messages.codec", "messages.control", "messages.envelope", "messages.inner.loop"}
LITERALS = (ast.Tuple, ast.List, ast.Set)


def trees(*parts: str) -> Iterator[tuple[str, ast.Module]]:
    """(path, syntax tree) of each file of these packages."""
    for part in parts:
        for path in sorted((ROOT / part).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def test_only_the_performer_lets_a_core_handle_a_word() -> None:
    callers = {
        path
        for path, tree in trees("actors", "polybot/adapters", "polybot/backtest", "polybot/cli", "polybot/runtime")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "handle"
    }
    assert callers == {"polybot/runtime/loop/performer.py"}


def test_the_loop_knows_no_word_of_the_trade() -> None:
    wrong = [
        f"{path} knows {alias.name}"
        for path, tree in trees("polybot/runtime/loop")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("messages", "messages.inner")
        for alias in node.names
        if _home(node.module, alias.name) not in OF_THE_LOOP
    ]
    assert wrong == []


def _home(module: str, name: str) -> str:
    found = getattr(messages if module == "messages" else inner, name)
    return found.__module__ if isinstance(found, type) else "messages.codec"


@pytest.mark.parametrize("module", ["pickle", "cPickle", "dill", "shelve", "marshal"])
def test_nothing_is_pickled(module: str) -> None:
    """Private classes on disk would bind every later build, and loading them runs whatever the file says."""
    wrong = [
        path
        for path, tree in trees(*SHIPPED, "bench", "tests")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(alias.name == module for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == module)
    ]
    assert wrong == []


def test_nobody_sets_the_fields_of_a_collaborator() -> None:
    """`self._switch.leaving = True`: the one whose field it is has a verb for it."""
    wrong = [f"{path}:{line} sets {text}" for path, tree in trees("polybot/core") for line, text in poked(tree)]
    assert wrong == []


def poked(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Assignments to a field, or to an item of a field, of something that is itself a field of self."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in (part for t in targets for part in (t.elts if isinstance(t, LITERALS) else [t])):
            base = target
            while isinstance(base, ast.Subscript):
                base = base.value
            if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Attribute) and _is_self(base.value.value):
                yield target.lineno, ast.unparse(target)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def test_the_test_of_fields_can_fail() -> None:
    tree = ast.parse("self.a.b = 1\nself.a.b[0] += 1\nself.c, self.d.e = 1, 2\nself.f = 3\nself.g[0] = 4\nh.i = 5")
    assert [text for _, text in poked(tree)] == ["self.a.b", "self.a.b[0]", "self.d.e"]


def test_no_list_of_actors_is_typed_anew() -> None:
    """Who does what is a column of the table, and every list of them is made from it."""
    wrong = [
        f"{path}:{node.lineno} {ast.unparse(node)}"
        for path, tree in trees("polybot", "actors")
        if path != "polybot/topology.py"
        for node in ast.walk(tree)
        if isinstance(node, LITERALS) and _names_actors(node)
    ]
    assert wrong == []


def _names_actors(node: ast.Tuple | ast.List | ast.Set) -> bool:
    names = [part.value for part in node.elts if isinstance(part, ast.Constant)]
    return len(names) > 1 and len(names) == len(node.elts) and all(name in BY_NAME for name in names)


def test_the_test_of_lists_can_fail() -> None:
    lists = [
        n for n in ast.walk(ast.parse('("risk", "executor"), ["venue"], ("venue", "sntp")')) if isinstance(n, LITERALS)
    ]
    assert [ast.unparse(n) for n in lists if _names_actors(n)] == ["('risk', 'executor')"]


@pytest.mark.parametrize("actor", [a for a in BY_NAME.values() if a.has_core], ids=lambda a: a.name)
def test_what_an_actor_thinks_stands_in_a_folder_of_its_name(actor: Actor) -> None:
    assert (ROOT / "polybot" / "core" / actor.name).is_dir()
    assert (ROOT / "actors" / f"{actor.name}.py").is_file()
