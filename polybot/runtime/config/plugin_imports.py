"""What to tell the writer of a plug-in that looked inside polybot for what is not there: the import to write instead.

`polybot.strategy` is all that is promised to people who write strategies; what lies deeper moves without notice.
"""

import ast
import difflib
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, TracebackType

from polybot import strategy

FACE = strategy.__name__
OURS = ("polybot", "messages", "actors")
HOME = Path(strategy.__file__).parent
LIKE = 0.8  # how much a name must resemble the wanted one to be meant, 0 … 1

# Where it stood → what polybot.strategy calls it, for what has another name there.
RENAMED = {
    "polybot.core.indicator_registry.add": "register_indicator",
    "polybot.core.indicator_registry.by_name": "indicator",
    "polybot.core.strategy_registry.add": "register_strategy",
}


def what_to_import(exc: BaseException, source: str) -> str:
    """A sentence on each import of the file that raised which finds nothing in polybot; "" where exc is of another kind.

    source   the plug-in's path; where a file that it imports itself is at fault, that one is named first
    """
    missing = _missing_of_ours(exc)
    file = _raised_in(exc.__traceback__)
    if not missing or file is None or (file.is_relative_to(HOME) and str(file) != source):
        return ""
    lost = list(_lost(file))
    if not lost:  # imported by a function call, which the text does not show
        return "" if _is_there(missing) else _sentence([(missing, [])])
    return _sentence(lost) if str(file) == source else f"{file}: {_sentence(lost)}"


def _missing_of_ours(exc: BaseException) -> str:
    """The module of ours that was not found, or in which something was not found; else ""."""
    name = ""
    if isinstance(exc, ImportError):
        name = exc.name or ""
    elif isinstance(exc, AttributeError) and isinstance(exc.obj, ModuleType):
        name = exc.obj.__name__
    return name if name.split(".")[0] in OURS else ""


def _raised_in(at: TracebackType | None) -> Path | None:
    """The innermost file that is not the import system itself."""
    found = None
    while at is not None:
        name = at.tb_frame.f_code.co_filename
        found = found if name.startswith("<") else Path(name)
        at = at.tb_next
    return found


# --- what the file imports of ours


def _lost(file: Path) -> Iterator[tuple[str, list[str]]]:
    """(module, names not found) of each import of ours in the file that does not find what it names."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for module, names in _imports(tree):
        lost = [name for name in names if not _is_there(module, name)]
        if lost or not _is_there(module):
            yield module, lost


def _imports(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """(module of ours, the names wanted of it), in the file's order. Of a module imported whole: the attributes asked of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in OURS:
                    yield alias.name, _attributes(tree, alias.asname or alias.name)
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] in OURS:
            yield from _imports_from(tree, node.module or "", node.names)


def _imports_from(tree: ast.Module, module: str, aliases: list[ast.alias]) -> Iterator[tuple[str, list[str]]]:
    """`from polybot.core import indicators` names a module, if attributes are asked of it: then those are wanted."""
    names = []
    for alias in aliases:
        whole, asked = f"{module}.{alias.name}", _attributes(tree, alias.asname or alias.name)
        if asked and alias.name.islower() and (_is_there(whole) or not _is_there(module, alias.name)):
            yield whole, asked
        elif alias.name != "*":
            names.append(alias.name)
    if names or aliases[0].name == "*":
        yield module, names


def _attributes(tree: ast.Module, of: str) -> list[str]:
    found = (n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == of)
    return list(dict.fromkeys(found))


def _is_there(module: str, name: str = "") -> bool:
    """The module, or the name in it, which may be a module of its own."""
    try:
        found = importlib.import_module(module)
        return not name or hasattr(found, name) or bool(importlib.import_module(f"{module}.{name}"))
    except ImportError:
        return False


# --- what is said of it


def _sentence(lost: list[tuple[str, list[str]]]) -> str:
    """A clause an import; what polybot.strategy has not either is told once, at the end, with what it has."""
    clauses = [_clause(module, names) for module, names in lost if module != FACE]
    called = [(name, RENAMED.get(f"{module}.{name}", name)) for module, names in lost for name in names]
    nowhere = list(dict.fromkeys(name for name, now in called if now not in strategy.__all__))
    if nowhere:
        clauses.append(f"{FACE} has no {_listed(nowhere)}: {_hint(nowhere)}")
    return "; ".join(dict.fromkeys(clauses))


def _clause(module: str, names: list[str]) -> str:
    """What is not there, and what to import instead as far as there is something."""
    what = f"{module} has no {_listed(names)}" if _is_there(module) else f"{module} is gone"
    if not names:
        return f"{what}: import from {FACE}"
    called = [(name, RENAMED.get(f"{module}.{name}", name)) for name in names]
    here = [now if now == name else f"{now} (once {name})" for name, now in called if now in strategy.__all__]
    return f"{what}: import {_listed(here)} from {FACE}" if here else what


def _hint(nowhere: list[str]) -> str:
    """The names that were probably meant, where each resembles one; else all there are."""
    near = [name for one in nowhere for name in difflib.get_close_matches(one, strategy.__all__, 1, LIKE)]
    if len(near) == len(nowhere):
        return f"did you mean {_listed(near)}?"
    return f"it has {_listed(strategy.__all__)}"


def _listed(names: list[str]) -> str:
    return " and ".join([part for part in (", ".join(names[:-1]), *names[-1:]) if part])
