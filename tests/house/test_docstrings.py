"""A docstring is a sentence that a stranger understands; a rule's number comes after the sentence, never instead of it.

1. Whatever is public in messages/, polybot/ and actors/ has a docstring; so has every file with anything in it.
2. A docstring has at least LEAST words and does not begin with a rule's number, on private things as well.
3. A method needs none where its name has one meaning in the whole house, told once (`handle`, `evaluate`, `key`): by a
   Protocol, or by one of the base classes in TOLD_BY.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAST = 4
TOLD_BY = ("Event",)  # base classes, beside all Protocols, that tell what a method of this name is
_RULE = re.compile(r"Rules? \d")

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


def test_every_docstring_of_ours_is_a_sentence() -> None:
    files = [path for folder in ("messages", "polybot", "actors") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 300
    assert wrongs({str(path.relative_to(ROOT)): path.read_text() for path in files}) == []


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
