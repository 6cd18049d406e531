"""What every verb shares: exit codes, flags that become knobs, sentences on stderr."""

import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from polybot.settings import Settings

FAILED, DEGRADED, NOT_RUNNING, HALTED = 1, 3, 4, 5


def leave(code: int, sentence: str = "") -> NoReturn:
    """Say why on stderr and end with the code."""
    if sentence:
        sys.stderr.write(f"{sentence}\n")
    sys.exit(code)


def use_preset(name: str | None) -> None:
    """Use a preset for this command and every program that it starts."""
    if name is not None:
        os.environ["POLYBOT_PRESET"] = name


def settings_or_leave(flags: dict[str, str] | None = None) -> "Settings":
    """The knobs; 78 with a sentence when they are wrong."""
    from polybot.runtime.config import config  # who only reads what was recorded needs no knob

    try:
        return config.load(flags).settings
    except config.ConfigError as exc:
        leave(78, str(exc))


def flags_of(**given: object) -> dict[str, str]:
    """The options that were given, as knobs: table__key=value."""
    return {name.replace("__", ".", 1): _text(value) for name, value in given.items() if value not in (None, [], ())}


def _text(value: object) -> str:
    return ",".join(str(v) for v in value) if isinstance(value, list | tuple) else str(value)


def say_json(facts: dict[str, Any]) -> None:
    """Write one object on stdout as JSON, with its version `v`."""
    sys.stdout.write(json.dumps({"v": 1, **facts}) + "\n")
