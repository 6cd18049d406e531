"""Where other people's strategies may come from. Looks, and imports nothing of theirs: every program may ask."""

import os
from pathlib import Path

GROUPS = ("polybot.strategies", "polybot.indicators")


def file_of(spec: str) -> tuple[Path | None, str]:
    """(path.py, Name) of `path.py:Name`, the path made absolute; (None, name) of a name without a path."""
    path, colon, name = spec.rpartition(":")
    return (Path(path).expanduser().absolute() if colon else None), name


def folder() -> Path:
    """The folder whose *.py files are looked at as strategies; it may not exist."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home).absolute() / "polybot" / "plugins"


def may_exist() -> bool:
    """Could a name that is not ours belong to a plug-in?"""
    if any(folder().glob("*.py")):
        return True
    import importlib.metadata  # 20 ms, and only for a name that is not ours

    return any(importlib.metadata.entry_points(group=group) for group in GROUPS)
