"""Other people's strategies and indicators: found, imported, checked, and named. A broken one is a sentence, never a stop.

Three ways in, in this order; whoever comes second with a name is refused:
  path.py:Name                          in `bot.strategies` or `--strategy`: trades as Name
  ~/.config/polybot/plugins/*.py        every object or class in the file that has the shape of one; a class of
                                        which the file makes objects itself is only their maker
  entry points                          groups `polybot.strategies` and `polybot.indicators` of installed packages

Importing runs their code: it is done by `signal`, `replay` and the command line, and never where the key lives. A decorator
of `polybot.strategy` names its class while that happens; the ways above then take over what it named.
"""

import hashlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from polybot.core.strategies import indicator_registry
from polybot.core.strategies import registry as strategy_registry
from polybot.core.strategies.protocol import StrategyError
from polybot.core.strategies.registry import made, refusal
from polybot.runtime.config.plugin_imports import what_to_import
from polybot.runtime.config.plugin_paths import GROUPS, file_of, folder


def load(specs: Iterable[str] = ()) -> list[str]:
    """Import and name all there is; one sentence for each that could not be, with the file."""
    problems: list[str] = []
    for adding in (*_of_specs(specs), *_of_folder(), *_of_packages()):
        try:
            adding()
        except StrategyError as exc:
            problems.append(str(exc))
    return problems


# --- the three ways


def _of_specs(specs: Iterable[str]) -> Iterator[Any]:
    for spec in specs:
        path, name = file_of(spec)
        if path is not None:
            yield lambda path=path, name=name: _add_named(path, name)


def _of_folder() -> Iterator[Any]:
    for path in sorted(folder().glob("*.py")):
        if not path.name.startswith("_"):
            yield lambda path=path: _add_all(path)


def _of_packages() -> Iterator[Any]:
    for group in GROUPS:
        for entry in importlib.metadata.entry_points(group=group):
            yield lambda entry=entry: _add_entry(entry)


def _add_named(path: Path, name: str) -> None:
    module = _module(path)
    if not hasattr(module, name):
        raise StrategyError(f"{path}: there is no `{name}` in it")
    _add(_made(getattr(module, name), str(path)), str(path), name, name)


def _add_all(path: Path) -> None:
    """Every shape in the file; one that is refused does not stop those after it, but is told."""
    module = _module(path)
    found = {name: value for name, value in vars(module).items() if not name.startswith("_") and _is_own(value, module)}
    if not found:
        raise StrategyError(f"{path}: no strategy and no indicator in it: it needs `evaluate`, `on_event` or `compute`")
    refused: list[str] = []
    for name, value in _distinct(found).items():
        try:
            _add(_made(value, str(path)), str(path), name)
        except StrategyError as exc:
            refused.append(str(exc))
    if refused:
        raise StrategyError("; ".join(refused))


def _distinct(found: dict[str, Any]) -> dict[str, Any]:
    """Without second names of one thing, and without the makers of others."""
    makers = {id(type(value)) for value in found.values()}
    once = {id(value): (name, value) for name, value in reversed(found.items()) if id(value) not in makers}
    return dict(reversed(once.values()))


def _add_entry(entry: importlib.metadata.EntryPoint) -> None:
    source = f"package {entry.dist.name if entry.dist else entry.module}"
    try:
        value = entry.load()
    except (Exception, SystemExit) as exc:
        raise _not_imported(source, entry.value, exc) from exc
    _add(_made(value, source), source, entry.attr)


# --- their code


def _module(path: Path) -> ModuleType:
    if not path.is_file():
        raise StrategyError(f"{path}: no such file")
    which = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]  # two files may share a stem
    spec = importlib.util.spec_from_file_location(f"polybot_plugin_{path.stem}_{which}", path)
    if spec is None or spec.loader is None:
        raise StrategyError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as `import` does: dataclasses and annotations look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as exc:
        sys.modules.pop(spec.name, None)
        strategy_registry.withdraw_all(spec.name)
        raise _not_imported(str(path), "it", exc) from exc
    return module


def _not_imported(source: str, what: str, exc: BaseException) -> StrategyError:
    """The sentence on an import that raised. Where it looked for something inside polybot, what to import instead."""
    advice = what_to_import(exc, source)
    return StrategyError(f"{source}: {advice}") if advice else refusal(source, f"importing {what}", exc)


def _is_own(value: Any, module: ModuleType) -> bool:
    """Defined in this file, and with the shape of something of ours."""
    kind = value if isinstance(value, type) else type(value)
    shaped = any(callable(getattr(value, method, None)) for method in ("evaluate", "on_event", "compute"))
    return shaped and kind.__module__ == module.__name__


def _made(value: Any, source: str) -> Any:
    """A class is made into an object; anything else is one already."""
    return made(value, source) if isinstance(value, type) else value


def _add(value: Any, source: str, part: str, name: str = "") -> None:
    """part is what it is called where it comes from; name, where one is given, overrules its own."""
    try:
        if hasattr(value, "compute") and not name:
            indicator_registry.add(value, source, part)
        else:
            strategy_registry.add(value, source, name, part)
    except (Exception, SystemExit) as exc:
        raise refusal(source, f"looking at `{part}`", exc) from exc
