"""A docstring is a sentence that a stranger understands; a rule's number comes after the sentence, never instead of it.

1. Whatever is public in messages/, polybot/ and actors/ has a docstring; so has every file with anything in it.
2. A docstring has at least LEAST words and does not begin with a rule's number, on private things as well.
3. A file of ours that is named in a docstring or a comment (`trading_state.py`, `core/sizing/stake.py`) is there: beside the
   one that names it, or under one of the folders of ROOMS.
4. A method needs none where its name has one meaning in the whole house, told once (`handle`, `evaluate`, `key`): by a
   Protocol, or by one of the base classes in TOLD_BY.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAST = 4
TOLD_BY = ("Event",)  # base classes, beside all Protocols, that tell what a method of this name is
ROOMS = ("", "polybot", "polybot/core")
NOT_OURS = {"path.py"}  # how a user's own strategy is named: path.py:Name
_RULE = re.compile(r"Rules? \d")
_FILE = re.compile(r"(?<![\w/.-])(?:[a-z_0-9]+/)*[a-z_0-9]+\.py\b")

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def told_once(trees: list[ast.Module]) -> set[str]:
    """Names of the methods that a Protocol, or a class of TOLD_BY, has a docstring for."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    tellers = [c for c in classes if c.name in TOLD_BY or any("Protocol" in ast.unparse(base) for base in c.bases)]
    methods = [node for c in tellers for node in c.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {method.name for method in methods if ast.get_docstring(method)}


def named(node: Documented, name: str = "", is_private: bool = False) -> Iterator[tuple[str, bool, Documented]]:
    """(dotted name, whether it is private, the node itself) of a file's things; what stands inside functions is their own."""
    yield name or "the file", is_private, node
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                dotted = f"{name}.{child.name}" if name else child.name
                yield from named(child, dotted, is_private or child.name.startswith("_"))


def wrongs(sources: dict[str, str]) -> list[str]:
    """What is wrong with the docstrings of these files, path → text."""
    trees = {path: ast.parse(text) for path, text in sources.items()}
    once = told_once(list(trees.values()))
    found = []
    for path, tree in trees.items():
        for name, is_private, node in named(tree):
            said = ast.get_docstring(node)
            is_method = "." in name
            if said is None:
                if node.body and not (is_private or (is_method and name.rpartition(".")[2] in once)):
                    found.append(f"{path}: {name} has no docstring")
            elif len(said.split()) < LEAST:
                found.append(f'{path}: {name}: "{said}" is no sentence')
            elif _RULE.match(said):
                found.append(f'{path}: {name}: "{said[:40]}": the sentence comes first, then the number')
    return found


def prose(text: str) -> Iterator[str]:
    """The docstrings, other texts and comments of a file."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield token.string


def lost_files(sources: dict[str, str], exists: Callable[[Path], bool]) -> list[str]:
    """Files that are named in these files and are nowhere, as path: name."""
    found = []
    for path, text in sources.items():
        for name in (name for said in prose(text) for name in _FILE.findall(said) if name not in NOT_OURS):
            beside = Path(path).parent / name
            if not any(exists(place) for place in (beside, *(Path(room) / name for room in ROOMS))):
                found.append(f"{path}: {name}")
    return found


def sources_of_ours() -> dict[str, str]:
    files = [path for folder in ("messages", "polybot", "actors") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 300
    return {str(path.relative_to(ROOT)): path.read_text() for path in files}


def test_every_docstring_of_ours_is_a_sentence() -> None:
    assert wrongs(sources_of_ours()) == []


def test_every_file_that_is_named_is_there() -> None:
    assert lost_files(sources_of_ours(), lambda path: (ROOT / path).is_file()) == []


def test_a_file_that_is_gone_is_found() -> None:
    here = {"polybot/core/risk/core.py", "polybot/core/risk/view.py", "polybot/runtime/base/clock.py"}
    text = '"""See view.py, runtime/base/clock.py, core/risk/core.py; path.py:Name is a user\'s."""\nx = 1  # as in state.py\n'
    assert lost_files({"polybot/core/risk/table.py": text}, lambda path: str(path) in here) == [
        "polybot/core/risk/table.py: state.py"
    ]


def test_what_is_wrong_is_found() -> None:
    good = '"""The head of a file."""\n'
    bad = {
        "short.py": 'def f():\n    """As JSON."""\n',
        "number.py": 'class _A:\n    def f(self):\n        """Rule 3: of this no more."""\n',
        "none.py": "class A:\n    x = 1\n",
        "method.py": 'class A:\n    """A thing that does things."""\n\n    def f(self):\n        return 1\n',
        "rules.py": 'def f():\n    """Rules 2 and 4, in this order."""\n',
    }
    assert [len(wrongs({path: good + text})) for path, text in bad.items()] == [1] * len(bad)
    assert wrongs({"head.py": "x = 1\n"}) == ["head.py: the file has no docstring"]


def test_private_things_and_what_is_told_once_may_go_without() -> None:
    told = '''"""The head of a file."""

class P(Protocol):
    """What every such thing can do."""

    def f(self):
        """Does what such a thing does."""


class A:
    """One that can do it."""

    def f(self):
        return 1


def _g():
    return 2
'''
    assert wrongs({"a.py": told, "empty.py": ""}) == []
    untold = told.replace('        """Does what such a thing does."""', "        ...")
    assert wrongs({"a.py": untold}) == ["a.py: P.f has no docstring", "a.py: A.f has no docstring"]
